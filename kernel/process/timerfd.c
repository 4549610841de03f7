// SPDX-License-Identifier: MIT
/*
 * timerfd_create() and its family: expiries of a timer, as a file.
 *
 * A timer that has expired does not run: the periods since then are counted when somebody
 * reads the file or asks for the time that is left, and only then is it started again. So a
 * short period costs no more than one interrupt for each read.
 *
 * Times are on the timer's own clock, since the real-time clock may jump while a timer waits: a relative
 * time on it runs on the monotonic clock, an absolute one is converted to a deadline again whenever the
 * clock is set. Files on that clock are in a list for it. Who asked to be told (TFD_TIMER_CANCEL_ON_SET)
 * is told once, by ECANCELED.
 *
 * Locks: list_lock (a mutex) guards the list of files on the real-time clock; timerfd->lock (spin, interrupts
 * off: the timer takes it), inside, guards the rest. Linux timerfd_create(2).
 */
#include "internal.h"
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/poll.h>
#include <kernel/seq_file.h>
#include <kernel/syscalls.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/timerfd.h>

struct timerfd {
	struct list link; /* in wall_timers, if its clock is the real-time clock */
	spinlock_t lock;
	int clock;
	u32 settime_flags;
	bool is_wall;	    /* expires is on the real-time clock, not on the monotonic one */
	bool armed;	    /* the timer runs */
	bool expired;	    /* and has not been started again since */
	bool tells_changes; /* TFD_TIMER_CANCEL_ON_SET */
	bool clock_changed; /* and that was not reported yet */
	u64 offset_ns;	    /* of the real-time clock when that was last reported */
	u64 expires, interval;
	u64 ticks;
	struct timer timer;
	struct wait_queue wait;
};

static struct list wall_timers = LIST_INIT(wall_timers);
static DEFINE_MUTEX(list_lock);

static bool is_wall_clock(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM;
}

static bool is_alarm_clock(int clock)
{
	return clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

/* ---- under the lock ---- */

static u64 timerfd_now(const struct timerfd *timerfd)
{
	if (timerfd->is_wall)
		return time_realtime_ns();
	return time_monotonic_ns();
}

static void timerfd_run(struct timerfd *timerfd)
{
	int clock = CLOCK_MONOTONIC;

	assert_held(&timerfd->lock);
	if (timerfd->is_wall)
		clock = CLOCK_REALTIME;
	timerfd->armed = true;
	timer_start(&timerfd->timer, clock_to_monotonic(clock, timerfd->expires));
}

static void timerfd_fires(struct timer *base)
{
	struct timerfd *timerfd = container_of(base, struct timerfd, timer);
	u64 flags = spin_lock_irqsave(&timerfd->lock);

	/* It may have been stopped, or set anew, while this function was about to begin. */
	if (timerfd->armed && timerfd_now(timerfd) >= timerfd->expires) {
		timerfd->armed = false;
		timerfd->expired = true;
		timerfd->ticks++;
		wake_up_poll(&timerfd->wait, POLLIN);
	} else if (timerfd->armed) {
		timerfd_run(timerfd);
	}
	spin_unlock_irqrestore(&timerfd->lock, flags);
}

/* Count the periods since the expiry, and start a periodic timer again. */
static void timerfd_catch_up(struct timerfd *timerfd)
{
	u64 now, periods;

	assert_held(&timerfd->lock);
	if (!timerfd->expired || !timerfd->interval)
		return;
	timerfd->expired = false;
	now = timerfd_now(timerfd);
	if (now >= timerfd->expires) {
		periods = (now - timerfd->expires) / timerfd->interval;
		timerfd->ticks += periods;
		timerfd->expires =
			ns_add(timerfd->expires + periods * timerfd->interval, timerfd->interval);
	}
	timerfd_run(timerfd);
}

static u64 timerfd_left(struct timerfd *timerfd)
{
	return ns_until(timerfd->expires, timerfd_now(timerfd));
}

/* Was the clock set, of which the program asked to be told? It is told once. */
static bool timerfd_take_change(struct timerfd *timerfd)
{
	assert_held(&timerfd->lock);
	if (!timerfd->tells_changes || !timerfd->clock_changed)
		return false;
	timerfd->clock_changed = false;
	timerfd->offset_ns = time_realtime_offset_ns();
	return true;
}

/* ---- the clock is set ---- */

static void timerfd_clock_was_set(struct timerfd *timerfd)
{
	u64 flags = spin_lock_irqsave(&timerfd->lock);

	if (timerfd->armed && timerfd->is_wall) {
		timer_cancel(&timerfd->timer);
		timerfd_run(timerfd);
	}
	if (timerfd->tells_changes && !timerfd->clock_changed &&
	    timerfd->offset_ns != time_realtime_offset_ns()) {
		timerfd->clock_changed = true;
		timerfd->ticks++;
		wake_up_poll(&timerfd->wait, POLLIN);
	}
	spin_unlock_irqrestore(&timerfd->lock, flags);
}

void timerfds_clock_set(void)
{
	struct timerfd *timerfd;

	mutex_lock(&list_lock);
	list_for_each(timerfd, &wall_timers, link)
		timerfd_clock_was_set(timerfd);
	mutex_unlock(&list_lock);
}

/* ---- as a file ---- */

static s64 timerfd_take(struct timerfd *timerfd, u64 *ticks)
{
	u64 flags = spin_lock_irqsave(&timerfd->lock);
	s64 err = 0;

	*ticks = 0;
	if (timerfd_take_change(timerfd)) {
		timerfd->ticks = 0;
		timerfd->expired = false;
		err = -ECANCELED;
	} else if (timerfd->ticks) {
		timerfd_catch_up(timerfd);
		*ticks = timerfd->ticks;
		timerfd->expired = false;
		timerfd->ticks = 0;
	}
	spin_unlock_irqrestore(&timerfd->lock, flags);
	return err;
}

static s64 timerfd_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct timerfd *timerfd = f->private;
	u64 ticks;
	s64 err;

	if (uio->count < sizeof(ticks))
		return -EINVAL;
	for (;;) {
		err = timerfd_take(timerfd, &ticks);
		if (err)
			return err;
		if (ticks)
			break;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&timerfd->wait, READ_ONCE(timerfd->ticks));
		if (err)
			return err;
	}
	if (uio_copy_out(uio, &ticks, sizeof(ticks)) != sizeof(ticks))
		return -EFAULT;
	return (s64)sizeof(ticks);
}

static u32 timerfd_poll(struct file *f, struct poll_table *table)
{
	struct timerfd *timerfd = f->private;

	poll_wait(table, &timerfd->wait);
	if (READ_ONCE(timerfd->ticks))
		return POLLIN;
	return 0;
}

static s64 timerfd_set_ticks(struct timerfd *timerfd, uaddr_t user)
{
	u64 ticks, flags;
	s64 err = 0;

	if (get_user_u64(&ticks, user))
		return -EFAULT;
	if (!ticks)
		return -EINVAL;
	flags = spin_lock_irqsave(&timerfd->lock);
	if (timerfd_take_change(timerfd)) {
		err = -ECANCELED;
	} else {
		timerfd->ticks = ticks;
		wake_up_poll(&timerfd->wait, POLLIN);
	}
	spin_unlock_irqrestore(&timerfd->lock, flags);
	return err;
}

static s64 timerfd_ioctl(struct file *f, u32 command, u64 arg)
{
	if (command == TFD_IOC_SET_TICKS)
		return timerfd_set_ticks(f->private, uaddr(arg));
	return -ENOTTY;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *timerfd = f->private;

	if (is_wall_clock(timerfd->clock)) {
		mutex_lock(&list_lock);
		list_del(&timerfd->link);
		mutex_unlock(&list_lock);
	}
	timer_retire_sync(&timerfd->timer);
	kfree(timerfd);
}

static void timerfd_show_fdinfo(struct file *f, struct seq_file *seq)
{
	struct timerfd *timerfd = f->private;
	struct timespec left, interval;
	u64 flags, ticks;

	flags = spin_lock_irqsave(&timerfd->lock);
	left = timespec_from_ns(timerfd_left(timerfd));
	interval = timespec_from_ns(timerfd->interval);
	ticks = timerfd->ticks;
	spin_unlock_irqrestore(&timerfd->lock, flags);
	seq_printf(seq, "clockid: %d\nticks: %llu\nsettime flags: 0%o\n", timerfd->clock,
		   (unsigned long long)ticks, timerfd->settime_flags);
	seq_printf(seq, "it_value: (%lld, %lld)\nit_interval: (%lld, %lld)\n",
		   (long long)left.tv_sec, (long long)left.tv_nsec, (long long)interval.tv_sec,
		   (long long)interval.tv_nsec);
}

static const struct file_ops timerfd_fops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.ioctl = timerfd_ioctl,
	.release = timerfd_release,
	.show_fdinfo = timerfd_show_fdinfo,
};

/* ---- system calls ---- */

static int timerfd_check_clock(int clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME: return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (!current_capable(CAP_WAKE_ALARM))
			return -EPERM;
		return 0;
	}
	return -EINVAL;
}

static struct timerfd *timerfd_create(int clock)
{
	struct timerfd *timerfd = kzalloc(sizeof(*timerfd));

	if (!timerfd)
		return NULL;
	spin_init(&timerfd->lock);
	timerfd->clock = clock;
	timerfd->offset_ns = time_realtime_offset_ns();
	timer_init(&timerfd->timer, timerfd_fires);
	wait_queue_init(&timerfd->wait);
	return timerfd;
}

SYSCALL2(timerfd_create, clock_arg, flags)
{
	int clock = (int)clock_arg, fd, err;
	struct timerfd *timerfd;
	struct file *f;

	if ((u32)flags & ~(u32)(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	err = timerfd_check_clock(clock);
	if (err)
		return err;
	timerfd = timerfd_create(clock);
	if (!timerfd)
		return -ENOMEM;
	f = file_create_anon("anon_inode:[timerfd]", &timerfd_fops, timerfd,
			     O_RDWR | ((u32)flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		kfree(timerfd);
		return PTR_ERR(f);
	}
	if (is_wall_clock(clock)) {
		mutex_lock(&list_lock);
		list_add_tail(&timerfd->link, &wall_timers);
		mutex_unlock(&list_lock);
	}
	fd = fd_install(f, 0, (u32)flags & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

/* A file of timerfd_create(). @return .file NULL: *err tells why */
static struct fd_ref timerfd_get(u32 fd, int *err)
{
	struct fd_ref ref = fd_get(fd);

	*err = -EBADF;
	if (ref.file && ref.file->ops != &timerfd_fops) {
		fd_put(ref);
		ref.file = NULL;
		*err = -EINVAL;
	}
	return ref;
}

/* Locking: timerfd->lock. @return 0; -ECANCELED: it is set, and the clock was set before */
static int timerfd_set_locked(struct timerfd *timerfd, u32 flags, u64 value, u64 interval)
{
	bool absolute = flags & TFD_TIMER_ABSTIME;

	assert_held(&timerfd->lock);
	timerfd->tells_changes = is_wall_clock(timerfd->clock) && absolute &&
				 flags & TFD_TIMER_CANCEL_ON_SET;
	timer_cancel(&timerfd->timer);
	timerfd->armed = timerfd->expired = false;
	timerfd->ticks = 0;
	timerfd->expires = value;
	timerfd->interval = interval;
	timerfd->is_wall = timerfd->clock == CLOCK_REALTIME_ALARM ||
			   (timerfd->clock == CLOCK_REALTIME && absolute);
	if (value) {
		if (!absolute)
			timerfd->expires = ns_add(timerfd_now(timerfd), value);
		timerfd_run(timerfd);
		if (timerfd_take_change(timerfd))
			return -ECANCELED;
	}
	timerfd->settime_flags = flags;
	return 0;
}

static int timerfd_setting_to_user(u64 user, u64 left, u64 interval)
{
	struct user_itimerspec setting = { timespec_from_ns(interval), timespec_from_ns(left) };

	return copy_to_user(uaddr(user), &setting, sizeof(setting));
}

SYSCALL4(timerfd_settime, fd, set_flags, user_new, user_old)
{
	u64 value, interval, old_left, old_interval, flags;
	struct user_itimerspec setting;
	struct timerfd *timerfd;
	struct fd_ref ref;
	int err;

	if (copy_from_user(&setting, uaddr(user_new), sizeof(setting)))
		return -EFAULT;
	if ((u32)set_flags & ~(u32)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) ||
	    timespec_to_ns(&setting.value, &value) || timespec_to_ns(&setting.interval, &interval))
		return -EINVAL;
	ref = timerfd_get((u32)fd, &err);
	if (!ref.file)
		return err;
	timerfd = ref.file->private;
	if (is_alarm_clock(timerfd->clock) && !current_capable(CAP_WAKE_ALARM)) {
		fd_put(ref);
		return -EPERM;
	}
	flags = spin_lock_irqsave(&timerfd->lock);
	timerfd_catch_up(timerfd);
	old_left = timerfd_left(timerfd);
	old_interval = timerfd->interval;
	err = timerfd_set_locked(timerfd, (u32)set_flags, value, interval);
	spin_unlock_irqrestore(&timerfd->lock, flags);
	fd_put(ref);
	/* As on Linux the old setting is not told where the call fails, though the new one is in force. */
	if (err || !user_old)
		return err;
	return timerfd_setting_to_user(user_old, old_left, old_interval);
}

SYSCALL2(timerfd_gettime, fd, user)
{
	struct timerfd *timerfd;
	u64 left, interval, flags;
	struct fd_ref ref;
	int err;

	ref = timerfd_get((u32)fd, &err);
	if (!ref.file)
		return err;
	timerfd = ref.file->private;
	flags = spin_lock_irqsave(&timerfd->lock);
	timerfd_catch_up(timerfd);
	left = timerfd_left(timerfd);
	interval = timerfd->interval;
	spin_unlock_irqrestore(&timerfd->lock, flags);
	fd_put(ref);
	return timerfd_setting_to_user(user, left, interval);
}
