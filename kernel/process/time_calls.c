// SPDX-License-Identifier: MIT
/*
 * Clocks and sleeping.
 *
  * CLOCK_REALTIME and CLOCK_TAI have a distance from the monotonic clock that
 * changes only when the time is set; CLOCK_BOOTTIME is the monotonic clock,
 * since this machine never suspends. A sleep until a point on the wall clock
 * computes its deadline again whenever the clock is set.
 */
#include "internal.h"
#include <kernel/clock.h>
#include <kernel/ntp.h>
#include <kernel/syscalls.h>

#define SECONDS_MAX   ((s64)(INT64_MAX / NSEC_PER_SEC))
#define CPU_SLEEP_MIN NSEC_PER_MSEC

DEFINE_WAIT_QUEUE(clock_set_wait);
u32 clock_set_count;

/* ---- conversion ---- */

int timespec_to_ns(const struct timespec *timespec, u64 *ns)
{
	if (timespec->tv_sec < 0 || timespec->tv_nsec < 0 || (u64)timespec->tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if (timespec->tv_sec >= SECONDS_MAX)
		*ns = INT64_MAX;
	else
		*ns = (u64)timespec->tv_sec * NSEC_PER_SEC + (u64)timespec->tv_nsec;
	return 0;
}

int timespec_from_user(u64 *ns, uaddr_t src)
{
	struct timespec timespec;

	if (copy_from_user(&timespec, src, sizeof(timespec)))
		return -EFAULT;
	return timespec_to_ns(&timespec, ns);
}

int timespec_to_user(uaddr_t dst, u64 ns)
{
	struct timespec timespec = timespec_from_ns(ns);

	return copy_to_user(dst, &timespec, sizeof(timespec));
}

/* ---- clocks ---- */

u64 clock_offset_ns(int clock)
{
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
	    clock == CLOCK_REALTIME_ALARM)
		return time_realtime_offset_ns();
	if (clock == CLOCK_TAI)
		return time_realtime_offset_ns() + time_tai_offset_ns();
	return 0;
}

u64 clock_to_monotonic(int clock, u64 ns)
{
	u64 offset = clock_offset_ns(clock);

	if (ns >= (u64)INT64_MAX)
		return (u64)INT64_MAX;
	return MAX(ns_until(ns, offset), 1ull);
}

/*
 * A clock id below 0 names the CPU clock of a thread or process: the
 * complement of its number, above three bits, of which bit 2 means "thread".
 */
int cpu_clock_read(int clock, u64 *ns)
{
	pid_t id = ~(clock >> 3);
	struct process *p;
	struct thread *t;
	int err = 0;

	if ((clock & 3) == 3) /* the clock of a descriptor: not implemented */
		return -EINVAL;
	if (clock & 4) {
		t = id ? thread_find(id) : current;
		if (!t)
			return -EINVAL;
		if (t->proc != current->proc)
			err = -EINVAL;
		else
			*ns = thread_cpu_ns(t);
		if (id)
			thread_put(t);
		return err;
	}
	p = id ? process_find(id) : current->proc;
	if (!p)
		return -EINVAL;
	*ns = process_cpu_ns(p);
	if (id)
		process_put(p);
	return 0;
}

int clock_read(int clock, u64 *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM: *ns = time_realtime_ns(); return 0;
	case CLOCK_TAI: *ns = time_realtime_ns() + time_tai_offset_ns(); return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM: *ns = time_monotonic_ns(); return 0;
	case CLOCK_PROCESS_CPUTIME_ID: *ns = process_cpu_ns(current->proc); return 0;
	case CLOCK_THREAD_CPUTIME_ID: *ns = thread_cpu_ns(current); return 0;
	}
	if (clock >= 0)
		return -EINVAL;
	return cpu_clock_read(clock, ns);
}

SYSCALL2(clock_gettime, clock, user)
{
	u64 ns;
	int err = clock_read((int)clock, &ns);

	if (err)
		return err;
	return timespec_to_user(uaddr(user), ns);
}

SYSCALL2(clock_getres, clock, user)
{
	u64 ns;
	int err = clock_read((int)clock, &ns);

	if (err || !user)
		return err;
	return timespec_to_user(uaddr(user), time_resolution_ns());
}

static void wall_clock_was_set(void)
{
	WRITE_ONCE(clock_set_count, clock_set_count + 1);
	wake_up_all(&clock_set_wait);
	posix_timers_clock_set();
	timerfds_clock_set();
}

static int set_wall_clock(u64 ns)
{
	int err;

	if (!current_capable(CAP_SYS_TIME))
		return -EPERM;
	err = time_set_realtime_ns(ns);
	if (err)
		return err;
	if (IS_ENABLED(CONFIG_CLOCK_ADJUST))
		clock_adjust_clear();
	wall_clock_was_set();
	return 0;
}

SYSCALL2(clock_settime, clock, user)
{
	u64 ns;
	int err;

	if ((int)clock != CLOCK_REALTIME)
		return -EINVAL;
	err = timespec_from_user(&ns, uaddr(user));
	if (err)
		return err;
	return set_wall_clock(ns);
}

/* The time zone of the last settimeofday(), for programs only. Both halves are read and written as one. */
static union {
	struct user_timezone zone;
	u64 word;
} time_zone;
_Static_assert(sizeof(struct user_timezone) == sizeof(u64), "one store sets it");

SYSCALL2(gettimeofday, user_tv, user_tz)
{
	const u64 zone = READ_ONCE(time_zone.word);
	struct timeval timeval;

	if (user_tv) {
		timeval = timeval_from_ns(time_realtime_ns());
		if (copy_to_user(uaddr(user_tv), &timeval, sizeof(timeval)))
			return -EFAULT;
	}
	if (user_tz && copy_to_user(uaddr(user_tz), &zone, sizeof(zone)))
		return -EFAULT;
	return 0;
}

/* The first zone since the boot, set without a time, means that the hardware clock runs in local time. */
static int set_time_zone(const struct user_timezone *wanted, bool with_time)
{
	static bool was_set;
	const u64 minute_ns = 60 * NSEC_PER_SEC;
	u64 zone;

	memcpy(&zone, wanted, sizeof(zone));
	WRITE_ONCE(time_zone.word, zone);
	if (__atomic_exchange_n(&was_set, true, __ATOMIC_RELAXED) || with_time ||
	    !wanted->minuteswest)
		return 0;
	return set_wall_clock(time_realtime_ns() +
			      (u64)((s64)wanted->minuteswest * (s64)minute_ns));
}

SYSCALL2(settimeofday, user_tv, user_tz)
{
	struct user_timezone zone;
	struct timespec timespec;
	struct timeval timeval;
	int err = 0;
	u64 ns;

	if (user_tv) {
		if (copy_from_user(&timeval, uaddr(user_tv), sizeof(timeval)))
			return -EFAULT;
		if (timeval.tv_usec < 0 || timeval.tv_usec > 1000000)
			return -EINVAL;
		timespec = (struct timespec){ timeval.tv_sec, timeval.tv_usec * 1000 };
		if (timespec_to_ns(&timespec, &ns))
			return -EINVAL;
	}
	if (user_tz) {
		if (copy_from_user(&zone, uaddr(user_tz), sizeof(zone)))
			return -EFAULT;
		if (zone.minuteswest > 15 * 60 || zone.minuteswest < -15 * 60)
			return -EINVAL;
		if (!current_capable(CAP_SYS_TIME))
			return -EPERM;
		err = set_time_zone(&zone, user_tv);
	}
	if (err || !user_tv)
		return err;
	return set_wall_clock(ns);
}

SYSCALL1(time, user)
{
	s64 now = (s64)(time_realtime_ns() / NSEC_PER_SEC);

	if (user && put_user_u64(uaddr(user), (u64)now))
		return -EFAULT;
	return now;
}

/* ADJ_SETOFFSET, of a request that was checked. */
static int timex_set_offset(const struct user_timex *timex)
{
	s64 ns, fraction = timex->time.tv_usec;

	if (!(timex->modes & ADJ_NANO))
		fraction *= 1000;
	if (__builtin_mul_overflow(timex->time.tv_sec, (s64)NSEC_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, fraction, &ns) ||
	    __builtin_add_overflow((s64)time_realtime_ns(), ns, &ns) || ns < 0)
		return -EINVAL;
	return set_wall_clock(ns);
}

static s64 timex_call(struct user_timex *timex)
{
	u32 modes = timex->modes;
	int err, state;
	u64 now;

	if (ntp_changes(timex) && !current_capable(CAP_SYS_TIME))
		return -EPERM;
	err = ntp_check(timex);
	if (!err && modes & ADJ_SETOFFSET)
		err = timex_set_offset(timex);
	if (err)
		return err;
	state = clock_adjust(timex);
	if (modes & ADJ_TAI && !(modes & ADJ_ADJTIME))
		wall_clock_was_set();
	now = time_realtime_ns();
	timex->time = timeval_from_ns(now);
	if (timex->status & STA_NANO)
		timex->time.tv_usec = now % NSEC_PER_SEC;
	return state;
}

static s64 timex_user_call(u64 user, int clock)
{
	struct user_timex timex;
	s64 result;
	u64 now;

	if (!IS_ENABLED(CONFIG_CLOCK_ADJUST))
		return -ENOSYS;
	if (copy_from_user(&timex, uaddr(user), sizeof(timex)))
		return -EFAULT;
	if (clock != CLOCK_REALTIME)
		return clock_read(clock, &now) ?: -EOPNOTSUPP;
	result = timex_call(&timex);
	if (result >= 0 && copy_to_user(uaddr(user), &timex, sizeof(timex)))
		return -EFAULT;
	return result;
}

SYSCALL1(adjtimex, user)
{
	return timex_user_call(user, CLOCK_REALTIME);
}

SYSCALL2(clock_adjtime, clock, user)
{
	return timex_user_call(user, (int)clock);
}

/* ---- sleeping ---- */

/* @return 0; -ERESTARTSYS: a signal arrived */
static int sleep_until_wall_clock(int clock, u64 ns)
{
	int err;

	do {
		u32 seen = READ_ONCE(clock_set_count);
		u64 deadline = clock_to_monotonic(clock, ns);

		err = wait_event_interruptible_until(&clock_set_wait,
						     READ_ONCE(clock_set_count) != seen, deadline);
	} while (!err);
	if (err == -ETIMEDOUT)
		return 0;
	return err;
}

/* Sleep until the process has used so much CPU time. */
static int sleep_until_cpu_time(int clock, u64 ns)
{
	u64 now, left;
	int err;

	for (;;) {
		err = clock_read(clock, &now);
		if (err || now >= ns)
			return err;
		left = MAX((ns - now) / MAX(current->proc->nr_threads, 1u), CPU_SLEEP_MIN);
		err = sleep_until(ns_add(time_monotonic_ns(), left), true);
		if (err)
			return err;
	}
}

static int sleep_on_clock(int clock, u64 ns)
{
	if (clock == CLOCK_PROCESS_CPUTIME_ID || clock < 0)
		return sleep_until_cpu_time(clock, ns);
	if (clock_offset_ns(clock))
		return sleep_until_wall_clock(clock, ns);
	return sleep_until(ns, true);
}

/* A relative sleep, as the point on the monotonic or CPU clock where it ends. */
static s64 sleep_rest(struct restart_block *block)
{
	int clock = (int)block->arg[0], err;
	u64 deadline = block->arg[1], user_left = block->arg[2], now;

	err = sleep_on_clock(clock, deadline);
	if (err != -ERESTARTSYS)
		return err;
	if (user_left && !clock_read(clock, &now)) {
		u64 left = ns_until(deadline, now);

		if (timespec_to_user(uaddr(user_left), left))
			return -EFAULT;
	}
	return -ERESTART_RESTARTBLOCK;
}

static s64 sleep_relative(int clock, u64 ns, u64 user_left)
{
	struct restart_block *block = &current->sig->restart;
	u64 now;
	int err;

	/* A relative time on the wall clock does not depend on the clock being set. */
	if (clock_offset_ns(clock))
		clock = CLOCK_MONOTONIC;
	err = clock_read(clock, &now);
	if (err)
		return err;
	if (!ns)
		return 0;
	*block = (struct restart_block){ sleep_rest,
					 { (u64)(s64)clock, ns_add(now, ns), user_left } };
	return sleep_rest(block);
}

SYSCALL2(nanosleep, user_time, user_left)
{
	u64 ns;
	int err = timespec_from_user(&ns, uaddr(user_time));

	if (err)
		return err;
	return sleep_relative(CLOCK_MONOTONIC, ns, user_left);
}

static int check_sleep_clock(int clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
	case CLOCK_PROCESS_CPUTIME_ID: return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (!current_capable(CAP_WAKE_ALARM))
			return -EPERM;
		return 0;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_REALTIME_COARSE: return -EOPNOTSUPP;
	case CLOCK_THREAD_CPUTIME_ID: return -EINVAL;
	}
	if (clock >= 0)
		return -EINVAL;
	return 0;
}

SYSCALL4(clock_nanosleep, clock_arg, flags, user_time, user_left)
{
	int clock = (int)clock_arg, err;
	u64 ns;

	err = check_sleep_clock(clock);
	if (!err)
		err = timespec_from_user(&ns, uaddr(user_time));
	if (err)
		return err;
	if (!((int)flags & TIMER_ABSTIME))
		return sleep_relative(clock, ns, user_left);
	err = sleep_on_clock(clock, ns);
	if (err == -ERESTARTSYS)
		return -ERESTARTNOHAND;
	return err;
}
