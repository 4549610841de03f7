// SPDX-License-Identifier: MIT
/*
 * Terminals, with a driver that only records: what it is given to show lies in
 * a buffer, and the test types. And the registry of devices, and random numbers.
 */
#include <asm/io.h>
#include <kernel/bitmap.h>
#include <kernel/chardev.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/tty.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>

#define TEST_DEV    MKDEV(240, 7)
#define SCREEN_SIZE 8192

static struct screen {
	char text[SCREEN_SIZE];
	u32 used, room; /* room: how much the driver takes in all */
	u32 unthrottled, opened, closed;
} screen;

static size_t screen_write(struct tty *t, const char *s, size_t n)
{
	n = MIN(n, (size_t)(screen.room - screen.used));
	memcpy(screen.text + screen.used, s, n);
	screen.used += n;
	return n;
}
static u32 screen_write_room(struct tty *t)
{
	return screen.room - screen.used;
}
static void screen_unthrottle(struct tty *t)
{
	screen.unthrottled++;
}
static int screen_open(struct tty *t)
{
	screen.opened++;
	return 0;
}
static void screen_close(struct tty *t)
{
	screen.closed++;
}
static const struct tty_ops screen_ops = {
	.write = screen_write,
	.write_room = screen_write_room,
	.unthrottle = screen_unthrottle,
	.open = screen_open,
	.close = screen_close,
};

/* A terminal and one open file of it. */
struct rig {
	struct tty *tty;
	struct inode *inode;
	struct file *file;
	bool ok;
};

static struct file *rig_open(struct rig *r, u32 flags)
{
	struct file *f = kzalloc(sizeof(*f));

	if (!f)
		return NULL;
	f->flags = flags;
	f->mode = FMODE_READ | FMODE_WRITE;
	f->inode = r->inode;
	if (chardev_fops.open(r->inode, f)) {
		kfree(f);
		return NULL;
	}
	return f;
}

static void rig_close(struct file *f)
{
	f->ops->release(f);
	kfree(f);
}

static struct rig rig_up(u32 flags)
{
	struct rig r = { 0 };

	memset(&screen, 0, sizeof(screen));
	screen.room = SCREEN_SIZE;
	r.inode = kzalloc(sizeof(*r.inode));
	r.tty = tty_register(NULL, TEST_DEV, &screen_ops, &screen);
	if (!r.inode || IS_ERR(r.tty))
		return r;
	r.inode->rdev = TEST_DEV;
	r.file = rig_open(&r, flags);
	r.ok = r.file;
	return r;
}

static void rig_down(struct rig *r)
{
	if (r->file)
		rig_close(r->file);
	tty_unregister(r->tty);
	kfree(r->inode);
}

static s64 read_some(struct rig *r, void *buf, u64 n)
{
	struct uio u;

	uio_init_kernel(&u, buf, n);
	return r->file->ops->read(r->file, &u, &r->file->pos);
}

static s64 write_some(struct rig *r, const char *s)
{
	struct uio u;

	uio_init_kernel(&u, (void *)s, strlen(s));
	return r->file->ops->write(r->file, &u, &r->file->pos);
}

static size_t type(struct rig *r, const char *s)
{
	return tty_receive(r->tty, s, strlen(s));
}

static void set_raw(struct rig *r, u8 min, u8 time)
{
	struct ktermios k = *tty_settings(r->tty);

	k.c_lflag &= ~(ICANON | ECHO | ISIG);
	k.c_iflag &= ~(IXON | ICRNL);
	k.c_cc[VMIN] = min;
	k.c_cc[VTIME] = time;
	tty_set_settings(r->tty, &k);
}

KTEST(tty, line_is_edited_echoed_and_read)
{
	struct rig r = rig_up(O_NONBLOCK);
	char buf[32];

	if (KEXPECT(r.ok)) {
		type(&r, "lx\177s\r");
		KEXPECT_EQ(screen.used, 8);
		KEXPECT(!memcmp(screen.text, "lx\b \bs\r\n", 8));
		KEXPECT_EQ(read_some(&r, buf, sizeof(buf)), 3);
		KEXPECT(!memcmp(buf, "ls\n", 3));
		KEXPECT_EQ(read_some(&r, buf, sizeof(buf)), -EAGAIN);
	}
	rig_down(&r);
}

KTEST(tty, output_is_processed)
{
	struct rig r = rig_up(0);

	if (KEXPECT(r.ok)) {
		KEXPECT_EQ(write_some(&r, "a\nb"), 3);
		KEXPECT(!memcmp(screen.text, "a\r\nb", 4));
	}
	rig_down(&r);
}

KTEST(tty, output_waits_for_room_and_for_ctrl_q)
{
	struct rig r = rig_up(O_NONBLOCK);

	if (KEXPECT(r.ok)) {
		screen.room = 10;
		KEXPECT(write_some(&r, "123456789abcdefghij") < 19);
		KEXPECT_EQ(write_some(&r, "x"), -EAGAIN);
		KEXPECT(!(r.file->ops->poll(r.file, NULL) & POLLOUT));
		screen.room = SCREEN_SIZE;
		KEXPECT_EQ(write_some(&r, "x"), 1);
		type(&r, "\023");
		KEXPECT(tty_output_stopped(r.tty));
		KEXPECT_EQ(write_some(&r, "y"), -EAGAIN);
		type(&r, "\021");
		KEXPECT_EQ(write_some(&r, "y"), 1);
	}
	rig_down(&r);
}

KTEST(tty, full_input_is_refused_and_asked_for_again)
{
	struct rig r = rig_up(O_NONBLOCK);
	u32 got = 0, n;
	char *buf = kzalloc(5000);

	if (KEXPECT(r.ok && buf)) {
		set_raw(&r, 1, 0);
		KEXPECT_EQ(tty_receive(r.tty, buf, 5000), 4095);
		KEXPECT_EQ(tty_receive_room(r.tty), 0);
		KEXPECT(r.file->ops->poll(r.file, NULL) & POLLIN);
		while (screen.unthrottled == 0 && got < 4095) {
			n = read_some(&r, buf, 100);
			got += n;
		}
		KEXPECT_EQ(screen.unthrottled, 1);
		KEXPECT(tty_receive_room(r.tty) > 0);
	}
	kfree(buf);
	rig_down(&r);
}

KTEST(tty, min_and_time)
{
	struct rig r = rig_up(0);
	u64 start;
	char buf[8];

	if (KEXPECT(r.ok)) {
		set_raw(&r, 0, 0); /* what is there, at once */
		KEXPECT_EQ(read_some(&r, buf, 8), 0);
		type(&r, "ab");
		KEXPECT_EQ(read_some(&r, buf, 8), 2);
		set_raw(&r, 0, 1); /* or after a tenth of a second */
		start = time_monotonic_ns();
		KEXPECT_EQ(read_some(&r, buf, 8), 0);
		KEXPECT(time_monotonic_ns() - start >= 100 * NSEC_PER_MSEC);
		set_raw(&r, 4, 1); /* four, or a pause of that length */
		type(&r, "abc");
		start = time_monotonic_ns();
		KEXPECT_EQ(read_some(&r, buf, 8), 3);
		KEXPECT(time_monotonic_ns() - start >= 100 * NSEC_PER_MSEC);
		type(&r, "abcde");
		KEXPECT_EQ(read_some(&r, buf, 8), 5);
		set_raw(&r, 2, 0); /* two, however long it takes */
		type(&r, "xyz");
		KEXPECT_EQ(read_some(&r, buf, 2), 2);
		KEXPECT(!(r.file->ops->poll(r.file, NULL) & POLLIN));
	}
	rig_down(&r);
}

static void type_later(void *arg)
{
	sleep_ms(20);
	tty_receive(arg, "late\n", 5);
}

KTEST(tty, reader_sleeps_until_a_line_is_there)
{
	struct rig r = rig_up(0);
	char buf[8];

	if (KEXPECT(r.ok) && KEXPECT_EQ(thread_spawn(type_later, r.tty, "typist"), 0))
		KEXPECT_EQ(read_some(&r, buf, 8), 5);
	rig_down(&r);
}

KTEST(tty, hangup_ends_open_files)
{
	struct rig r = rig_up(0);
	struct file *second;
	char buf[8];

	if (KEXPECT(r.ok)) {
		tty_hangup(r.tty);
		KEXPECT_EQ(read_some(&r, buf, 8), 0);
		KEXPECT_EQ(write_some(&r, "x"), -EIO);
		KEXPECT_EQ(r.file->ops->ioctl(r.file, TIOCOUTQ, 0), -EIO);
		KEXPECT(r.file->ops->poll(r.file, NULL) & POLLHUP);
		second = rig_open(&r, 0); /* a new one lives */
		if (KEXPECT(second)) {
			KEXPECT(!(second->ops->poll(second, NULL) & POLLHUP));
			rig_close(second);
		}
	}
	rig_down(&r);
}

static void hang_up_later(void *arg)
{
	sleep_ms(20);
	tty_hangup(arg);
}

KTEST(tty, hangup_wakes_a_reader)
{
	struct rig r = rig_up(0);
	char buf[8];

	if (KEXPECT(r.ok) && KEXPECT_EQ(thread_spawn(hang_up_later, r.tty, "operator"), 0))
		KEXPECT_EQ(read_some(&r, buf, 8), 0);
	rig_down(&r);
}

KTEST(tty, first_open_and_last_close_reach_the_driver)
{
	struct rig r = rig_up(0);
	struct file *second;

	if (KEXPECT(r.ok)) {
		second = rig_open(&r, 0);
		KEXPECT_EQ(screen.opened, 1);
		rig_close(second);
		KEXPECT_EQ(screen.closed, 0);
		rig_close(r.file);
		r.file = NULL;
		KEXPECT_EQ(screen.closed, 1);
	}
	rig_down(&r);
}

KTEST(tty, driver_goes_away_while_open)
{
	struct rig r = rig_up(0);
	char buf[8];

	if (!KEXPECT(r.ok))
		return;
	tty_unregister(r.tty);
	KEXPECT_EQ(screen.closed, 1);
	KEXPECT_EQ(read_some(&r, buf, 8), 0);
	KEXPECT_EQ(write_some(&r, "x"), -EIO);
	KEXPECT(!rig_open(&r, 0));
	rig_close(r.file);
	kfree(r.inode);
}

KTEST(chardev, numbers_belong_to_one)
{
	struct chardev c = { .dev = TEST_DEV, .ops = &chardev_fops };
	struct inode *i = kzalloc(sizeof(*i));
	struct file *f = kzalloc(sizeof(*f));
	dev_t a, b;

	KEXPECT_EQ(chardev_register(&c), 0);
	KEXPECT_EQ(chardev_register(&c), -EBUSY);
	chardev_unregister(TEST_DEV);
	i->rdev = TEST_DEV;
	KEXPECT_EQ(chardev_fops.open(i, f), -ENXIO);
	a = chardev_alloc_number();
	b = chardev_alloc_number();
	KEXPECT(a && b && a != b);
	chardev_unregister(a);
	KEXPECT_EQ(chardev_alloc_number(), a);
	chardev_unregister(a);
	chardev_unregister(b);
	kfree(i);
	kfree(f);
}

KTEST(random, is_never_the_same_twice)
{
	u64 a[64], b[64];
	u32 ones = 0;

	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	KEXPECT(memcmp(a, b, sizeof(a)));
	for (u32 i = 0; i < 64; i++) {
		b[i] = random_u64();
		ones += bitmap_weight(a + i, 64) + bitmap_weight(b + i, 64);
		for (u32 j = 0; j < i; j++)
			KEXPECT(b[i] != b[j]);
	}
	/* 8192 bits: 4096 ones, and a deviation of ten sigmas is 452. */
	KEXPECT(ones > 4096 - 452 && ones < 4096 + 452);
	random_add_entropy("x", 1);
	KEXPECT(random_u64() != b[63]);
}

KTEST(bench, terminals)
{
	static const char line[] =
		"a line of eighty characters, as programs print them to a terminal all the day\n";
	struct rig r = rig_up(0);
	u64 start, took[3], v;
	char buf[128];

	if (KEXPECT(r.ok)) {
		write_some(&r, line);
		start = rdtsc();
		write_some(&r, line);
		took[0] = rdtsc() - start;
		type(&r, line);
		read_some(&r, buf, sizeof(buf));
		start = rdtsc();
		type(&r, line);
		took[1] = rdtsc() - start;
		start = rdtsc();
		read_some(&r, buf, sizeof(buf));
		took[2] = rdtsc() - start;
		pr_info("# bench tty write, receive, read of 80 bytes: %lu %lu %lu\n", took[0],
			took[1], took[2]);
	}
	rig_down(&r);
	start = rdtsc();
	for (u32 i = 0; i < 64; i++)
		v = random_u64();
	pr_info("# bench random_u64 x64 %lu %s\n", rdtsc() - start, v ? "" : "");
}
