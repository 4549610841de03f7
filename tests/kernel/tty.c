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

static size_t screen_write(struct tty *tty, const char *text, size_t count)
{
	count = MIN(count, (size_t)(screen.room - screen.used));
	memcpy(screen.text + screen.used, text, count);
	screen.used += count;
	return count;
}
static u32 screen_write_room(struct tty *tty)
{
	return screen.room - screen.used;
}
static void screen_unthrottle(struct tty *tty)
{
	screen.unthrottled++;
}
static int screen_open(struct tty *tty)
{
	screen.opened++;
	return 0;
}
static void screen_close(struct tty *tty)
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

static struct file *rig_open(struct rig *rig, u32 flags)
{
	struct file *f = kzalloc(sizeof(*f));

	if (!f)
		return NULL;
	f->flags = flags;
	f->mode = FMODE_READ | FMODE_WRITE;
	f->inode = rig->inode;
	if (chardev_fops.open(rig->inode, f)) {
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
	struct rig rig = { 0 };

	memset(&screen, 0, sizeof(screen));
	screen.room = SCREEN_SIZE;
	rig.inode = kzalloc(sizeof(*rig.inode));
	rig.tty = tty_register(NULL, TEST_DEV, &screen_ops, &screen);
	if (!rig.inode || IS_ERR(rig.tty))
		return rig;
	rig.inode->rdev = TEST_DEV;
	rig.file = rig_open(&rig, flags);
	rig.ok = rig.file;
	return rig;
}

static void rig_down(struct rig *rig)
{
	if (rig->file)
		rig_close(rig->file);
	tty_unregister(rig->tty);
	kfree(rig->inode);
}

static s64 read_some(struct rig *rig, void *buf, u64 count)
{
	struct uio uio;

	uio_init_kernel(&uio, buf, count);
	return rig->file->ops->read(rig->file, &uio, &rig->file->pos);
}

static s64 write_some(struct rig *rig, const char *text)
{
	struct uio uio;

	uio_init_kernel(&uio, (void *)text, strlen(text));
	return rig->file->ops->write(rig->file, &uio, &rig->file->pos);
}

static size_t type(struct rig *rig, const char *text)
{
	return tty_receive(rig->tty, text, strlen(text));
}

static void set_raw(struct rig *rig, u8 min, u8 time)
{
	struct ktermios ktermios = *tty_settings(rig->tty);

	ktermios.c_lflag &= ~(ICANON | ECHO | ISIG);
	ktermios.c_iflag &= ~(IXON | ICRNL);
	ktermios.c_cc[VMIN] = min;
	ktermios.c_cc[VTIME] = time;
	tty_set_settings(rig->tty, &ktermios);
}

KTEST(tty, line_is_edited_echoed_and_read)
{
	struct rig rig = rig_up(O_NONBLOCK);
	char buf[32];

	if (KEXPECT(rig.ok)) {
		type(&rig, "lx\177s\r");
		KEXPECT_EQ(screen.used, 8);
		KEXPECT(!memcmp(screen.text, "lx\b \bs\r\n", 8));
		KEXPECT_EQ(read_some(&rig, buf, sizeof(buf)), 3);
		KEXPECT(!memcmp(buf, "ls\n", 3));
		KEXPECT_EQ(read_some(&rig, buf, sizeof(buf)), -EAGAIN);
	}
	rig_down(&rig);
}

KTEST(tty, output_is_processed)
{
	struct rig rig = rig_up(0);

	if (KEXPECT(rig.ok)) {
		KEXPECT_EQ(write_some(&rig, "a\nb"), 3);
		KEXPECT(!memcmp(screen.text, "a\r\nb", 4));
	}
	rig_down(&rig);
}

KTEST(tty, output_waits_for_room_and_for_ctrl_q)
{
	struct rig rig = rig_up(O_NONBLOCK);

	if (KEXPECT(rig.ok)) {
		screen.room = 10;
		KEXPECT(write_some(&rig, "123456789abcdefghij") < 19);
		KEXPECT_EQ(write_some(&rig, "x"), -EAGAIN);
		KEXPECT(!(rig.file->ops->poll(rig.file, NULL) & POLLOUT));
		screen.room = SCREEN_SIZE;
		KEXPECT_EQ(write_some(&rig, "x"), 1);
		type(&rig, "\023");
		KEXPECT(tty_output_stopped(rig.tty));
		KEXPECT_EQ(write_some(&rig, "y"), -EAGAIN);
		type(&rig, "\021");
		KEXPECT_EQ(write_some(&rig, "y"), 1);
	}
	rig_down(&rig);
}

KTEST(tty, full_input_is_refused_and_asked_for_again)
{
	struct rig rig = rig_up(O_NONBLOCK);
	u32 got = 0, count;
	char *buf = kzalloc(5000);

	if (KEXPECT(rig.ok && buf)) {
		set_raw(&rig, 1, 0);
		KEXPECT_EQ(tty_receive(rig.tty, buf, 5000), 4095);
		KEXPECT_EQ(tty_receive_room(rig.tty), 0);
		KEXPECT(rig.file->ops->poll(rig.file, NULL) & POLLIN);
		while (screen.unthrottled == 0 && got < 4095) {
			count = read_some(&rig, buf, 100);
			got += count;
		}
		KEXPECT_EQ(screen.unthrottled, 1);
		KEXPECT(tty_receive_room(rig.tty) > 0);
	}
	kfree(buf);
	rig_down(&rig);
}

KTEST(tty, min_and_time)
{
	struct rig rig = rig_up(0);
	u64 start;
	char buf[8];

	if (KEXPECT(rig.ok)) {
		set_raw(&rig, 0, 0); /* what is there, at once */
		KEXPECT_EQ(read_some(&rig, buf, 8), 0);
		type(&rig, "ab");
		KEXPECT_EQ(read_some(&rig, buf, 8), 2);
		set_raw(&rig, 0, 1); /* or after a tenth of a second */
		start = time_monotonic_ns();
		KEXPECT_EQ(read_some(&rig, buf, 8), 0);
		KEXPECT(time_monotonic_ns() - start >= 100 * NSEC_PER_MSEC);
		set_raw(&rig, 4, 1); /* four, or a pause of that length */
		type(&rig, "abc");
		start = time_monotonic_ns();
		KEXPECT_EQ(read_some(&rig, buf, 8), 3);
		KEXPECT(time_monotonic_ns() - start >= 100 * NSEC_PER_MSEC);
		type(&rig, "abcde");
		KEXPECT_EQ(read_some(&rig, buf, 8), 5);
		set_raw(&rig, 2, 0); /* two, however long it takes */
		type(&rig, "xyz");
		KEXPECT_EQ(read_some(&rig, buf, 2), 2);
		KEXPECT(!(rig.file->ops->poll(rig.file, NULL) & POLLIN));
	}
	rig_down(&rig);
}

static void type_later(void *arg)
{
	sleep_ms(20);
	tty_receive(arg, "late\n", 5);
}

KTEST(tty, reader_sleeps_until_a_line_is_there)
{
	struct rig rig = rig_up(0);
	char buf[8];

	if (KEXPECT(rig.ok) && KEXPECT_EQ(thread_spawn(type_later, rig.tty, "typist"), 0))
		KEXPECT_EQ(read_some(&rig, buf, 8), 5);
	rig_down(&rig);
}

KTEST(tty, hangup_ends_open_files)
{
	struct rig rig = rig_up(0);
	struct file *second;
	char buf[8];

	if (KEXPECT(rig.ok)) {
		tty_hangup(rig.tty);
		KEXPECT_EQ(read_some(&rig, buf, 8), 0);
		KEXPECT_EQ(write_some(&rig, "x"), -EIO);
		KEXPECT_EQ(rig.file->ops->ioctl(rig.file, TIOCOUTQ, 0), -EIO);
		KEXPECT(rig.file->ops->poll(rig.file, NULL) & POLLHUP);
		second = rig_open(&rig, 0); /* a new one lives */
		if (KEXPECT(second)) {
			KEXPECT(!(second->ops->poll(second, NULL) & POLLHUP));
			rig_close(second);
		}
	}
	rig_down(&rig);
}

static void hang_up_later(void *arg)
{
	sleep_ms(20);
	tty_hangup(arg);
}

KTEST(tty, hangup_wakes_a_reader)
{
	struct rig rig = rig_up(0);
	char buf[8];

	if (KEXPECT(rig.ok) && KEXPECT_EQ(thread_spawn(hang_up_later, rig.tty, "operator"), 0))
		KEXPECT_EQ(read_some(&rig, buf, 8), 0);
	rig_down(&rig);
}

KTEST(tty, first_open_and_last_close_reach_the_driver)
{
	struct rig rig = rig_up(0);
	struct file *second;

	if (KEXPECT(rig.ok)) {
		second = rig_open(&rig, 0);
		KEXPECT_EQ(screen.opened, 1);
		rig_close(second);
		KEXPECT_EQ(screen.closed, 0);
		rig_close(rig.file);
		rig.file = NULL;
		KEXPECT_EQ(screen.closed, 1);
	}
	rig_down(&rig);
}

KTEST(tty, driver_goes_away_while_open)
{
	struct rig rig = rig_up(0);
	char buf[8];

	if (!KEXPECT(rig.ok))
		return;
	tty_unregister(rig.tty);
	KEXPECT_EQ(screen.closed, 1);
	KEXPECT_EQ(read_some(&rig, buf, 8), 0);
	KEXPECT_EQ(write_some(&rig, "x"), -EIO);
	KEXPECT(!rig_open(&rig, 0));
	rig_close(rig.file);
	kfree(rig.inode);
}

KTEST(chardev, numbers_belong_to_one)
{
	struct chardev c = { .dev = TEST_DEV, .ops = &chardev_fops };
	struct inode *inode = kzalloc(sizeof(*inode));
	struct file *f = kzalloc(sizeof(*f));
	dev_t first, second;

	KEXPECT_EQ(chardev_register(&c), 0);
	KEXPECT_EQ(chardev_register(&c), -EBUSY);
	chardev_unregister(TEST_DEV);
	inode->rdev = TEST_DEV;
	KEXPECT_EQ(chardev_fops.open(inode, f), -ENXIO);
	first = chardev_alloc_number();
	second = chardev_alloc_number();
	KEXPECT(first && second && first != second);
	chardev_unregister(first);
	KEXPECT_EQ(chardev_alloc_number(), first);
	chardev_unregister(first);
	chardev_unregister(second);
	kfree(inode);
	kfree(f);
}

KTEST(random, is_never_the_same_twice)
{
	u64 first[64], second[64];
	u32 ones = 0;

	random_bytes(first, sizeof(first));
	random_bytes(second, sizeof(second));
	KEXPECT(memcmp(first, second, sizeof(first)));
	for (u32 i = 0; i < 64; i++) {
		second[i] = random_u64();
		ones += bitmap_weight(first + i, 64) + bitmap_weight(second + i, 64);
		for (u32 j = 0; j < i; j++)
			KEXPECT(second[i] != second[j]);
	}
	/* 8192 bits: 4096 ones, and a deviation of ten sigmas is 452. */
	KEXPECT(ones > 4096 - 452 && ones < 4096 + 452);
	random_add_entropy("x", 1);
	KEXPECT(random_u64() != second[63]);
}

KTEST(bench, terminals)
{
	static const char line[] =
		"a line of eighty characters, as programs print them to a terminal all the day\n";
	struct rig rig = rig_up(0);
	u64 start, took[3], number;
	char buf[128];

	if (KEXPECT(rig.ok)) {
		write_some(&rig, line);
		start = rdtsc();
		write_some(&rig, line);
		took[0] = rdtsc() - start;
		type(&rig, line);
		read_some(&rig, buf, sizeof(buf));
		start = rdtsc();
		type(&rig, line);
		took[1] = rdtsc() - start;
		start = rdtsc();
		read_some(&rig, buf, sizeof(buf));
		took[2] = rdtsc() - start;
		pr_info("# bench tty write, receive, read of 80 bytes: %lu %lu %lu\n", took[0],
			took[1], took[2]);
	}
	rig_down(&rig);
	start = rdtsc();
	for (u32 i = 0; i < 64; i++)
		number = random_u64();
	pr_info("# bench random_u64 x64 %lu %s\n", rdtsc() - start, number ? "" : "");
}
