// SPDX-License-Identifier: MIT
/*
 * Virtual consoles: terminals on the machine's own screen and keyboard.
 *
 * There are six, /dev/tty1 to tty6; /dev/tty0 is the one in front, which the display
 * shows. Alt and a function key, or Alt and an arrow, select another. Each has a screen
 * of characters (vt.c), allocated at its first use. After each write the screen in front
 * is compared with the display's content, and the cells that differ are drawn.
 * The kernel's messages are written to the console in front, under the name tty0.
 *
 * The keyboard is started when a console is first opened, so that a machine
 * that is used by serial line does not spend time on it.
 *
 * Replies to queries (cursor position) cannot be typed under the terminal's lock,
 * where they arise: a timer that expires at once types them.
 *
 * Lock: vc_lock (spin, interrupts off) guards all screens, the number of the one in
 * front, and the display. It is taken inside a terminal's lock and inside the log's;
 * no other lock is taken under it. A panic waits for it only a limited time.
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

static DEFINE_SPINLOCK(vc_lock); /* vt and ready of each console, and all below to shown_cursor */
static struct vc *vcs;		 /* NR_VCS */
static u32 front;
static struct display *display;
static vt_cell *shown; /* what the display has */
static struct {
	u32 column, row;
	bool visible;
} shown_cursor;
static struct keymap keymap;
static bool keyboard_started;

/* ---- drawing ---- */

static bool cells_same_four(const vt_cell *cells, const vt_cell *others)
{
	return !memcmp(cells, others, 4 * sizeof(*cells));
}

/* Draw the part of a row that differs from the display. vc_lock is held, or a panic broke it. */
static void vc_draw_row(const struct vt *vt, u32 row)
{
	const vt_cell *want = vt->cells + row * vt->cols;
	vt_cell *have = shown + row * vt->cols;
	u32 first = 0, last = vt->cols;

	while (last - first >= 4 && cells_same_four(want + first, have + first))
		first += 4;
	while (first < last && want[first] == have[first])
		first++;
	while (last - first >= 4 && cells_same_four(want + last - 4, have + last - 4))
		last -= 4;
	while (last > first && want[last - 1] == have[last - 1])
		last--;
	if (first == last)
		return;
	memcpy(have + first, want + first, (last - first) * sizeof(*have));
	display->draw(display, first, row, want + first, last - first);
}

/* Draw the changed rows and the cursor. vc_lock is held, but not at the start and in a panic. */
static void vc_show(struct vc *vc)
{
	struct vt *vt = &vc->vt;

	for (u32 row = 0; row < vt->rows; row++)
		if (vt->dirty[row / 64] >> (row % 64) & 1)
			vc_draw_row(vt, row);
	vt_clean(vt);
	if (shown_cursor.column == vt->pen.column && shown_cursor.row == vt->pen.row &&
	    shown_cursor.visible == vt->cursor_visible)
		return;
	shown_cursor.column = vt->pen.column;
	shown_cursor.row = vt->pen.row;
	shown_cursor.visible = vt->cursor_visible;
	display->cursor(display, vt->pen.column, vt->pen.row, vt->cursor_visible);
}

static void vc_write_locked(struct vc *vc, const char *bytes, size_t length)
{
	assert_held(&vc_lock);
	vt_write(&vc->vt, (const u8 *)bytes, length);
	if (vc == &vcs[front])
		vc_show(vc);
}

/* Set the screen of a console. Any context. */
static bool vc_make_ready(struct vc *vc)
{
	vt_cell *cells;
	u64 flags;

	if (vc->ready)
		return true;
	cells = kmalloc(display->cols * display->rows * sizeof(*cells));
	if (!cells)
		return false;
	flags = spin_lock_irqsave(&vc_lock);
	if (!vc->ready) {
		vt_init(&vc->vt, display->cols, display->rows, cells);
		vc->ready = true;
		cells = NULL;
	}
	spin_unlock_irqrestore(&vc_lock, flags);
	kfree(cells);
	return true;
}

/* ---- the terminal's driver ---- */

static struct vc *vc_of(const struct tty *tty)
{
	return tty_private(tty);
}

static size_t vc_write(struct tty *tty, const char *bytes, size_t len_bytes)
{
	struct vc *vc = vc_of(tty);
	u64 flags = spin_lock_irqsave(&vc_lock);
	bool answer;

	vc_write_locked(vc, bytes, len_bytes);
	answer = vc->vt.reply_len;
	spin_unlock_irqrestore(&vc_lock, flags);
	if (answer)
		timer_start(&vc->reply_timer, time_monotonic_ns());
	return len_bytes;
}

static u32 vc_write_room(struct tty *tty)
{
	return WRITE_ROOM;
}

static void vc_type_reply(struct timer *timer)
{
	struct vc *vc = container_of(timer, struct vc, reply_timer);
	char text[VT_REPLY_SIZE];
	u64 flags = spin_lock_irqsave(&vc_lock);
	u32 length = vc->vt.reply_len;

	memcpy(text, vc->vt.reply, length);
	vc->vt.reply_len = 0;
	spin_unlock_irqrestore(&vc_lock, flags);
	tty_receive(vc->tty, text, length);
}

/* ---- keyboard; hard interrupt, one byte at a time ---- */

static void vc_bring_to_front(u32 number)
{
	u64 flags;

	if (number >= NR_VCS || number == front || !vc_make_ready(&vcs[number]))
		return;
	flags = spin_lock_irqsave(&vc_lock);
	front = number;
	vt_touch_all(&vcs[number].vt);
	vc_show(&vcs[number]);
	spin_unlock_irqrestore(&vc_lock, flags);
}

static void keyboard_byte(u8 scancode)
{
	struct vc *vc = &vcs[READ_ONCE(front)];
	struct keymap_modes modes = {
		.app_cursor = vc->vt.app_cursor,
		.app_keypad = vc->vt.app_keypad,
		.newline = vc->vt.newline,
	};
	struct keymap_result result = keymap_feed(&keymap, scancode, modes);

	random_note_event(scancode);
	switch (result.action) {
	case KEYMAP_NOTHING: break;
	case KEYMAP_TEXT: tty_receive(vc->tty, result.text, result.len); break;
	case KEYMAP_SWITCH: vc_bring_to_front(result.number); break;
	case KEYMAP_NEXT: vc_bring_to_front((front + 1) % NR_VCS); break;
	case KEYMAP_PREVIOUS: vc_bring_to_front((front + NR_VCS - 1) % NR_VCS); break;
	case KEYMAP_REBOOT: process_ctrl_alt_del(); break;
	case KEYMAP_SCROLL_LOCK:
		tty_set_flow_off(vc->tty, keymap.scroll);
		i8042_set_leds(keymap_leds(&keymap));
		break;
	case KEYMAP_LEDS: i8042_set_leds(keymap_leds(&keymap)); break;
	}
}

/* ---- opening ---- */

static DEFINE_MUTEX(keyboard_mutex); /* keyboard_started */

static void keyboard_start(void)
{
	mutex_lock(&keyboard_mutex);
	if (!keyboard_started) {
		keyboard_started = true;
		keymap_init(&keymap);
		i8042_init(keyboard_byte); /* without a keyboard the screen still works */
	}
	mutex_unlock(&keyboard_mutex);
}

static int vc_open(struct tty *tty)
{
	if (!vc_make_ready(vc_of(tty)))
		return -ENOMEM;
	keyboard_start();
	return 0;
}

static const struct tty_ops vc_ops = {
	.write = vc_write,
	.write_room = vc_write_room,
	.open = vc_open,
};

/* /dev/tty0: the console that is in front at the open. */
static int front_open(struct inode *inode, struct file *f)
{
	return tty_open_file(vcs[READ_ONCE(front)].tty, f, false, f->flags & O_NOCTTY);
}
static const struct file_ops front_fops = { .open = front_open };

/* ---- the kernel's messages ---- */

static void vc_console_write(struct console *con, const char *text, size_t len_bytes)
{
	u64 flags = irq_save();
	u32 tries = LOCK_TRIES;
	bool locked = false;

	if (printk_panicking)
		tries = 1;
	for (u32 i = 0; i < tries && !locked; i++)
		locked = raw_spin_trylock(&vc_lock);
	while (len_bytes) {
		const char *end = memchr(text, '\n', len_bytes);
		size_t length = end ? (size_t)(end - text) : len_bytes;

		vt_write(&vcs[front].vt, (const u8 *)text, length);
		if (end)
			vt_write(&vcs[front].vt, (const u8 *)"\r\n", 2);
		length += end != NULL;
		text += length;
		len_bytes -= length;
	}
	vc_show(&vcs[front]);
	if (locked)
		raw_spin_unlock(&vc_lock);
	irq_restore(flags);
}

static struct console vc_console = { .name = "tty0", .write = vc_console_write };

/* ---- start ---- */

static bool vc_find_display(void)
{
	display = fbtext_probe();
	if (!display)
		display = vgatext_probe();
	return display;
}

static bool vc_alloc_all(void)
{
	u32 count = display->cols * display->rows;

	vcs = kcalloc(NR_VCS, sizeof(*vcs));
	shown = kcalloc(count, sizeof(*shown));
	if (!vcs || !shown || !vc_make_ready(&vcs[0]))
		return false;
	for (u32 i = 0; i < count && display->cleared; i++)
		shown[i] = DISPLAY_BLANK;
	return true;
}

static void vc_register(u32 number)
{
	struct winsize winsize = { .ws_row = display->rows, .ws_col = display->cols };
	struct ktermios settings;
	struct vc *vc = &vcs[number];
	char name[] = "tty0";

	name[3] += number + 1;
	timer_init(&vc->reply_timer, vc_type_reply);
	vc->tty = tty_register(name, MKDEV(TTY_MAJOR, number + 1), &vc_ops, vc);
	if (IS_ERR(vc->tty)) {
		pr_err("%s: cannot register the terminal: %s (error %ld)\n", name,
		       error_text(PTR_ERR(vc->tty)), -PTR_ERR(vc->tty));
		return;
	}
	tty_set_winsize(vc->tty, &winsize);
	settings = *tty_settings(vc->tty);
	settings.c_iflag |= IUTF8;
	tty_set_settings(vc->tty, &settings);
	tty_add_console(name, vc->tty);
}

void vc_init(void)
{
	if (!vc_find_display())
		return;
	if (!vc_alloc_all()) {
		pr_err("%s: not enough memory for the virtual consoles\n", display->name);
		return;
	}
	display->cursor(display, 0, 0, true);
	vc_show(&vcs[0]);
	console_register(&vc_console);
	for (u32 number = 0; number < NR_VCS; number++)
		vc_register(number);
	if (IS_ERR(vcs[0].tty))
		return;
	tty_add_console(vc_console.name, vcs[0].tty);
	chardev_register_own(&(struct chardev){
		.dev = MKDEV(TTY_MAJOR, 0), .name = "tty0", .mode = 0620, .ops = &front_fops });
}
