// SPDX-License-Identifier: MIT
/*
 * Virtual consoles: terminals on the machine's own screen and keyboard.
 *
 * There are six, /dev/tty1 to tty6; /dev/tty0 is the one that is shown. Alt and
 * a function key, or Alt and an arrow, shows another. Each has a screen of
 * characters (vt.c), made when it is first needed; the one in front is compared
 * with what the display shows after each write, and what differs is drawn.
 * The kernel's messages go to the one in front, under the console name tty0.
 *
 * The keyboard is started when a console is first opened, so that a machine
 * that is used by serial line does not pay for it.
 *
 * Answers to queries (cursor position) can't be typed where they arise, under
 * the terminal's lock: a timer that is due at once does it.
 *
 * Lock: vc_lock (spin, interrupts off) guards all screens, which is in front,
 * and the display. It is taken inside a terminal's lock and inside the log's;
 * nothing is called under it. A panic waits for it only for a while.
 */
#include <asm/console.h>
#include <kernel/chardev.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include "fbtext.h"
#include "internal.h"
#include "keymap.h"
#include "vt.h"

#define NR_VCS	   6
#define TTY_MAJOR  4
#define WRITE_ROOM 4096
#define LOCK_TRIES (1u << 22)

struct vc {
	struct tty *tty;
	struct vt vt;
	struct timer reply_timer;
	bool ready; /* vt has its cells */
};

static DEFINE_SPINLOCK(vc_lock);
static struct vc *vcs; /* NR_VCS */
static u32 front;
static struct display *display;
static vt_cell *shown; /* what the display has */
static struct {
	u32 x, y;
	bool visible;
} shown_cursor;
static struct keymap keymap;
static bool keyboard_started;

/* ---- drawing; vc_lock held ---- */

static bool same_four(const vt_cell *a, const vt_cell *b)
{
	return !memcmp(a, b, 4 * sizeof(*a));
}

/* Draw the part of a row that differs. */
static void draw_row(const struct vt *v, u32 y)
{
	const vt_cell *want = v->cells + y * v->cols;
	vt_cell *have = shown + y * v->cols;
	u32 first = 0, last = v->cols;

	while (last - first >= 4 && same_four(want + first, have + first))
		first += 4;
	while (first < last && want[first] == have[first])
		first++;
	while (last - first >= 4 && same_four(want + last - 4, have + last - 4))
		last -= 4;
	while (last > first && want[last - 1] == have[last - 1])
		last--;
	if (first == last)
		return;
	memcpy(have + first, want + first, (last - first) * sizeof(*have));
	display->draw(display, first, y, want + first, last - first);
}

static void show_locked(struct vc *c)
{
	struct vt *v = &c->vt;

	for (u32 y = 0; y < v->rows; y++)
		if (v->dirty[y / 64] >> (y % 64) & 1)
			draw_row(v, y);
	vt_clean(v);
	if (shown_cursor.x == v->pen.x && shown_cursor.y == v->pen.y &&
	    shown_cursor.visible == v->cursor_visible)
		return;
	shown_cursor.x = v->pen.x;
	shown_cursor.y = v->pen.y;
	shown_cursor.visible = v->cursor_visible;
	display->cursor(display, v->pen.x, v->pen.y, v->cursor_visible);
}

static void write_locked(struct vc *c, const char *s, size_t n)
{
	vt_write(&c->vt, (const u8 *)s, n);
	if (c == &vcs[front])
		show_locked(c);
}

/* Give a console its screen. Any context. */
static bool make_ready(struct vc *c)
{
	vt_cell *cells;
	u64 flags;

	if (c->ready)
		return true;
	cells = kmalloc(display->cols * display->rows * sizeof(*cells));
	if (!cells)
		return false;
	flags = spin_lock_irqsave(&vc_lock);
	if (!c->ready) {
		vt_init(&c->vt, display->cols, display->rows, cells);
		c->ready = true;
		cells = NULL;
	}
	spin_unlock_irqrestore(&vc_lock, flags);
	kfree(cells);
	return true;
}

/* ---- the terminal's driver ---- */

static struct vc *vc_of(const struct tty *t)
{
	return tty_private(t);
}

static size_t vc_write(struct tty *t, const char *s, size_t len_bytes)
{
	struct vc *c = vc_of(t);
	u64 flags = spin_lock_irqsave(&vc_lock);
	bool answer;

	write_locked(c, s, len_bytes);
	answer = c->vt.reply_len;
	spin_unlock_irqrestore(&vc_lock, flags);
	if (answer)
		timer_start(&c->reply_timer, time_monotonic_ns());
	return len_bytes;
}

static u32 vc_write_room(struct tty *t)
{
	return WRITE_ROOM;
}

static void type_reply(struct timer *timer)
{
	struct vc *c = container_of(timer, struct vc, reply_timer);
	char text[VT_REPLY_SIZE];
	u64 flags = spin_lock_irqsave(&vc_lock);
	u32 n = c->vt.reply_len;

	memcpy(text, c->vt.reply, n);
	c->vt.reply_len = 0;
	spin_unlock_irqrestore(&vc_lock, flags);
	tty_receive(c->tty, text, n);
}

/* ---- keyboard; hard interrupt, one byte at a time ---- */

static void bring_to_front(u32 n)
{
	u64 flags;

	if (n >= NR_VCS || n == front || !make_ready(&vcs[n]))
		return;
	flags = spin_lock_irqsave(&vc_lock);
	front = n;
	vt_touch_all(&vcs[n].vt);
	show_locked(&vcs[n]);
	spin_unlock_irqrestore(&vc_lock, flags);
}

static void keyboard_byte(u8 scancode)
{
	struct vc *c = &vcs[READ_ONCE(front)];
	struct keymap_modes modes = {
		.app_cursor = c->vt.app_cursor,
		.app_keypad = c->vt.app_keypad,
		.newline = c->vt.newline,
	};
	struct keymap_result r = keymap_feed(&keymap, scancode, modes);

	random_note_event(scancode);
	switch (r.action) {
	case KEYMAP_NOTHING: break;
	case KEYMAP_TEXT: tty_receive(c->tty, r.text, r.len); break;
	case KEYMAP_SWITCH: bring_to_front(r.n); break;
	case KEYMAP_NEXT: bring_to_front((front + 1) % NR_VCS); break;
	case KEYMAP_PREVIOUS: bring_to_front((front + NR_VCS - 1) % NR_VCS); break;
	case KEYMAP_REBOOT: process_ctrl_alt_del(); break;
	case KEYMAP_SCROLL_LOCK:
		tty_set_flow_off(c->tty, keymap.scroll);
		i8042_set_leds(keymap_leds(&keymap));
		break;
	case KEYMAP_LEDS: i8042_set_leds(keymap_leds(&keymap)); break;
	}
}

/* ---- opening ---- */

static DEFINE_MUTEX(keyboard_mutex);

static void start_keyboard(void)
{
	mutex_lock(&keyboard_mutex);
	if (!keyboard_started) {
		keyboard_started = true;
		keymap_init(&keymap);
		i8042_init(keyboard_byte); /* without one the screen still works */
	}
	mutex_unlock(&keyboard_mutex);
}

static int vc_open(struct tty *t)
{
	if (!make_ready(vc_of(t)))
		return -ENOMEM;
	start_keyboard();
	return 0;
}

static const struct tty_ops vc_ops = {
	.write = vc_write,
	.write_room = vc_write_room,
	.open = vc_open,
};

/* /dev/tty0: whichever is in front now. */
static int front_open(struct inode *inode, struct file *f)
{
	return tty_open_file(vcs[READ_ONCE(front)].tty, f, false, f->flags & O_NOCTTY);
}
static const struct file_ops front_fops = { .open = front_open };

/* ---- the kernel's messages ---- */

static void vc_console_write(struct console *con, const char *s, size_t len_bytes)
{
	u64 flags = irq_save();
	bool locked = false;

	for (u32 i = 0; i < (printk_panicking ? 1 : LOCK_TRIES) && !locked; i++)
		locked = raw_spin_trylock(&vc_lock);
	while (len_bytes) {
		const char *end = memchr(s, '\n', len_bytes);
		size_t n = end ? (size_t)(end - s) : len_bytes;

		vt_write(&vcs[front].vt, (const u8 *)s, n);
		if (end)
			vt_write(&vcs[front].vt, (const u8 *)"\r\n", 2);
		n += end != NULL;
		s += n;
		len_bytes -= n;
	}
	show_locked(&vcs[front]);
	if (locked)
		raw_spin_unlock(&vc_lock);
	irq_restore(flags);
}

static struct console vc_console = { .name = "tty0", .write = vc_console_write };

/* ---- start ---- */

static bool find_display(void)
{
	display = fbtext_probe();
	if (!display)
		display = vgatext_probe();
	return display;
}

static bool alloc_all(void)
{
	u32 n = display->cols * display->rows;

	vcs = kcalloc(NR_VCS, sizeof(*vcs));
	shown = kcalloc(n, sizeof(*shown));
	if (!vcs || !shown || !make_ready(&vcs[0]))
		return false;
	for (u32 i = 0; i < n && display->cleared; i++)
		shown[i] = DISPLAY_BLANK;
	return true;
}

static void register_vc(u32 n)
{
	struct winsize w = { .ws_row = display->rows, .ws_col = display->cols };
	struct ktermios k;
	struct vc *c = &vcs[n];
	char name[] = "tty0";

	name[3] += n + 1;
	timer_init(&c->reply_timer, type_reply);
	c->tty = tty_register(name, MKDEV(TTY_MAJOR, n + 1), &vc_ops, c);
	if (IS_ERR(c->tty)) {
		pr_err("%s: cannot register the terminal: %s (error %ld)\n", name,
		       error_text(PTR_ERR(c->tty)), -PTR_ERR(c->tty));
		return;
	}
	tty_set_winsize(c->tty, &w);
	k = *tty_settings(c->tty);
	k.c_iflag |= IUTF8;
	tty_set_settings(c->tty, &k);
	tty_add_console(name, c->tty);
}

void vc_init(void)
{
	if (!find_display())
		return;
	if (!alloc_all()) {
		pr_err("%s: not enough memory for the virtual consoles\n", display->name);
		return;
	}
	display->cursor(display, 0, 0, true);
	show_locked(&vcs[0]);
	console_register(&vc_console);
	for (u32 n = 0; n < NR_VCS; n++)
		register_vc(n);
	if (IS_ERR(vcs[0].tty))
		return;
	tty_add_console(vc_console.name, vcs[0].tty);
	chardev_register(&(struct chardev){
		.dev = MKDEV(TTY_MAJOR, 0), .name = "tty0", .mode = 0620, .ops = &front_fops });
}
