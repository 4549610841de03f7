// SPDX-License-Identifier: MIT
/*
  * Interval timers, alarm(), and timers and limits on CPU time.
 *
 * ITIMER_REAL is a timer of the process. It starts its next period when its signal has
 * been delivered; an ignored signal is sent at most once a tick, and missed periods
 * are skipped.
 *
 * CPU time has no interrupt of its own. It cannot pass faster than real time on each
 * thread, so a timer checks the CPU clocks after "remaining / threads" at the earliest,
 * and again until the deadline has passed. A process that sleeps costs a check from time
 * to time, at most one a millisecond, and fewer if many threads and timers make a check
 * long. One check serves ITIMER_VIRTUAL, ITIMER_PROF, RLIMIT_CPU, RLIMIT_RTTIME and POSIX
 * timers on CPU clocks. Limits apply to children, too, which get a timer at their creation.
 *
 * Everything is under sig_lock; timer functions run in interrupts and take it.
 */
#include "internal.h"
#include <kernel/syscalls.h>
#include <uapi/sched.h>

#define LOOK_MIN_NS	  NSEC_PER_MSEC
#define LOOK_SHARE	  16		       /* checks take at most this part of the time */
#define LOOK_PAUSE_MAX_NS (20 * NSEC_PER_MSEC) /* if the host made a check long */
#define IGNORED_MIN_NS	  (4 * NSEC_PER_MSEC)
#define RT_LOOK_NS	  (10 * NSEC_PER_MSEC) /* for real-time threads, which may sleep in between */
#define NEVER		  (~0ull)

/* ---- ITIMER_REAL ---- */

/* Start it for the first end of a period after @after. */
static void itimer_real_start(struct process *p, u64 after)
{
	u64 next = p->real_timer.deadline_ns;

	if (next <= after)
		next = ns_add(next + (after - next) / p->real_interval_ns * p->real_interval_ns,
			      p->real_interval_ns);
	timer_start(&p->real_timer, next);
}

void itimer_real_fires(struct timer *timer)
{
	struct process *p = container_of(timer, struct process, real_timer);
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	signal_send_locked(p, NULL, SIGALRM, SI_KERNEL_INFO);
	if (p->real_interval_ns && !p->exiting) {
		p->real_waits = sig_in(p->shared.set, SIGALRM);
		if (!p->real_waits)
			itimer_real_start(p, time_monotonic_ns() + IGNORED_MIN_NS);
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

void itimer_real_continue(struct process *p)
{
	assert_held(&p->sig_lock);
	if (!p->real_waits)
		return;
	p->real_waits = false;
	if (p->real_interval_ns && !p->exiting)
		itimer_real_start(p, time_monotonic_ns());
}

/* ---- CPU clocks ---- */

/* Under sig_lock. */
static void process_cpu_times(struct process *p, u64 *user, u64 *total)
{
	struct thread *t;

	assert_held(&p->sig_lock);
	*user = p->user_ns;
	*total = p->exec_ns;
	list_for_each(t, &p->threads, proc_link) {
		*user += t->user_ns;
		*total += thread_cpu_ns(t);
	}
}

/* @return ns of CPU time until it is due */
static u64 cpu_alarm_check(struct process *p, struct cpu_alarm *alarm, u64 now, int sig)
{
	assert_held(&p->sig_lock);
	if (!alarm->expires)
		return NEVER;
	if (now >= alarm->expires) {
		signal_send_locked(p, NULL, sig, SI_KERNEL_INFO);
		if (!alarm->interval) {
			alarm->expires = 0;
			return NEVER;
		}
		alarm->expires += ((now - alarm->expires) / alarm->interval + 1) * alarm->interval;
	}
	return alarm->expires - now;
}

/* RLIMIT_CPU, in seconds, as CPU time. */
static u64 cpu_limit_ns(u64 seconds)
{
	if (seconds > NEVER / 2 / NSEC_PER_SEC)
		return NEVER / 2;
	return seconds * NSEC_PER_SEC;
}

static u64 cpu_limit_check(struct process *p, struct process_timers *pts, u64 now)
{
	const struct rlimit64 *limit = &p->limits[RLIMIT_CPU];
	u64 soft, hard;

	assert_held(&p->sig_lock);
	if (limit->rlim_cur == RLIM_INFINITY)
		return NEVER;
	soft = cpu_limit_ns(limit->rlim_cur);
	hard = cpu_limit_ns(limit->rlim_max);
	if (now >= hard) {
		signal_send_locked(p, NULL, SIGKILL, SI_KERNEL_INFO);
		return NEVER;
	}
	pts->next_xcpu_ns = MAX(pts->next_xcpu_ns, soft);
	if (now >= pts->next_xcpu_ns) {
		signal_send_locked(p, NULL, SIGXCPU, SI_KERNEL_INFO);
		pts->next_xcpu_ns = now + NSEC_PER_SEC;
	}
	return MIN(pts->next_xcpu_ns, hard) - now;
}

/* CPU time of a real-time thread since it last slept, as of the last check. */
static u64 rttime_since_sleep(struct thread *t)
{
	struct task_signals *signals = t->sig;
	u64 now = thread_cpu_ns(t);

	if (signals->rt_nvcsw != t->nvcsw + 1) {
		signals->rt_nvcsw = t->nvcsw + 1;
		signals->rt_base_ns = now;
	}
	return now - signals->rt_base_ns;
}

/* RLIMIT_RTTIME. Each SIGXCPU raises the soft limit by a second, as in Linux. */
static u64 rttime_check(struct process *p)
{
	struct rlimit64 *limit = &p->limits[RLIMIT_RTTIME];
	u64 left = NEVER, ran = 0;
	struct thread *t;

	assert_held(&p->sig_lock);
	if (limit->rlim_cur == RLIM_INFINITY)
		return NEVER;
	list_for_each(t, &p->threads, proc_link)
		if (t->policy == SCHED_FIFO || t->policy == SCHED_RR) {
			ran = MAX(ran, rttime_since_sleep(t));
			left = RT_LOOK_NS;
		}
	if (left == NEVER)
		return NEVER;
	if (ran / NSEC_PER_USEC >= limit->rlim_max) {
		signal_send_locked(p, NULL, SIGKILL, SI_KERNEL_INFO);
		return NEVER;
	}
	if (ran / NSEC_PER_USEC >= limit->rlim_cur) {
		signal_send_locked(p, NULL, SIGXCPU, SI_KERNEL_INFO);
		limit->rlim_cur += NSEC_PER_SEC / NSEC_PER_USEC;
	}
	return left;
}

void cpu_timers_check(struct process *p)
{
	struct process_timers *pts = p->timers;
	u64 user, total, left, began = time_monotonic_ns(), now, pause;

	assert_held(&p->sig_lock);
	if (p->exiting || !p->nr_threads || !pts)
		return;
	process_cpu_times(p, &user, &total);
	left = cpu_alarm_check(p, &pts->virt, user, SIGVTALRM);
	left = MIN(left, cpu_alarm_check(p, &pts->prof, total, SIGPROF));
	left = MIN(left, cpu_limit_check(p, pts, total));
	left = MIN(left, rttime_check(p));
	left = MIN(left, posix_cpu_timers_check(pts, total));
	if (left == NEVER)
		return;
	now = time_monotonic_ns();
	pause = MIN((now - began) * LOOK_SHARE, LOOK_PAUSE_MAX_NS);
	timer_start(&pts->check, now + MAX(MAX(left / p->nr_threads, LOOK_MIN_NS), pause));
}

void cpu_timers_look(struct process *p, u64 left)
{
	struct timer *check = &p->timers->check;
	u64 expires;

	assert_held(&p->sig_lock);
	if (p->exiting || !p->nr_threads)
		return;
	expires = time_monotonic_ns() + MAX(left / p->nr_threads, LOOK_MIN_NS);
	if (!check->base || check->deadline_ns > expires)
		timer_start(check, expires);
}

static void cpu_timers_timeout(struct timer *timer)
{
	struct process *p = container_of(timer, struct process_timers, check)->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	cpu_timers_check(p);
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

static struct process_timers *process_timers_create(struct process *p)
{
	struct process_timers *pts = kzalloc(sizeof(*pts));

	if (!pts)
		return NULL;
	pts->proc = p;
	list_init(&pts->posix);
	timer_init(&pts->check, cpu_timers_timeout);
	return pts;
}

/* Create the timers of a process, unless it ends. @return false: no memory */
static bool process_timers_make(struct process *p)
{
	struct process_timers *fresh;
	u64 flags;

	if (READ_ONCE(p->timers))
		return true;
	fresh = process_timers_create(p);
	if (!fresh)
		return false;
	flags = spin_lock_irqsave(&p->sig_lock);
	if (!p->timers && p->nr_threads) {
		p->timers = fresh;
		fresh = NULL;
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	kfree(fresh);
	return true;
}

struct process_timers *process_timers_get(void)
{
	if (!process_timers_make(current->proc))
		return NULL;
	return current->proc->timers;
}

static bool process_has_cpu_limit(const struct process *p)
{
	return p->limits[RLIMIT_CPU].rlim_cur != RLIM_INFINITY ||
	       p->limits[RLIMIT_RTTIME].rlim_cur != RLIM_INFINITY;
}

int process_timers_inherit(struct process *p)
{
	if (likely(!process_has_cpu_limit(p)))
		return 0;
	p->timers = process_timers_create(p);
	if (!p->timers)
		return -ENOMEM;
	return 0;
}

void cpu_limit_check_again(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	if (p->timers) {
		p->timers->next_xcpu_ns = 0;
		cpu_timers_check(p);
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

int cpu_limit_changed(struct process *p)
{
	if (!process_has_cpu_limit(p))
		return 0;
	if (!process_timers_make(p))
		return -ENOMEM;
	cpu_limit_check_again(p);
	return 0;
}

/* ---- the calls ---- */

static int itimer_from_user(struct cpu_alarm *out, u64 user)
{
	struct user_itimerval setting;
	const struct timeval *times[2] = { &setting.value, &setting.interval };
	u64 ns[2];

	if (copy_from_user(&setting, uaddr(user), sizeof(setting)))
		return -EFAULT;
	for (u32 i = 0; i < 2; i++) {
		struct timespec timespec = { times[i]->tv_sec, times[i]->tv_usec * 1000 };

		if (times[i]->tv_usec < 0 || times[i]->tv_usec >= 1000000 ||
		    timespec_to_ns(&timespec, &ns[i]))
			return -EINVAL;
	}
	*out = (struct cpu_alarm){ ns[0], ns[1] };
	return 0;
}

static int itimer_to_user(u64 user, u64 left, u64 interval)
{
	struct user_itimerval setting = { timeval_from_ns(interval), timeval_from_ns(left) };

	return copy_to_user(uaddr(user), &setting, sizeof(setting));
}

/* The time left of a timer that is set. It is not zero for one that is due but has not fired: zero means off. */
static u64 itimer_left(u64 expires, u64 now)
{
	if (expires <= now)
		return NSEC_PER_USEC;
	return expires - now;
}

/* Under sig_lock. */
static u64 itimer_real_left(struct process *p)
{
	u64 now = time_monotonic_ns();

	assert_held(&p->sig_lock);
	if (!p->real_timer.base)
		return 0;
	return itimer_left(p->real_timer.deadline_ns, now);
}

static void itimer_real_swap(struct process *p, const struct cpu_alarm *new, struct cpu_alarm *old)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	*old = (struct cpu_alarm){ itimer_real_left(p), p->real_interval_ns };
	if (new) {
		timer_cancel(&p->real_timer);
		p->real_waits = false;
		p->real_interval_ns = new->interval;
		if (new->expires)
			timer_start(&p->real_timer, ns_add(time_monotonic_ns(), new->expires));
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

static int itimer_cpu_swap(struct process *p, bool is_virtual, const struct cpu_alarm *new,
			   struct cpu_alarm *old)
{
	struct process_timers *pts = p->timers;
	u64 flags, user, total, now;
	struct cpu_alarm *alarm;

	*old = (struct cpu_alarm){ 0 };
	if (new) {
		pts = process_timers_get();
		if (!pts)
			return -ENOMEM;
	}
	if (!pts)
		return 0;
	flags = spin_lock_irqsave(&p->sig_lock);
	process_cpu_times(p, &user, &total);
	now = total;
	alarm = &pts->prof;
	if (is_virtual) {
		now = user;
		alarm = &pts->virt;
	}
	old->interval = alarm->interval;
	if (alarm->expires)
		old->expires = itimer_left(alarm->expires, now);
	if (new) {
		*alarm = *new;
		if (alarm->expires)
			alarm->expires = ns_add(now, alarm->expires);
		cpu_timers_check(p);
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return 0;
}

static int itimer_swap(int which, const struct cpu_alarm *new, struct cpu_alarm *old)
{
	struct process *p = current->proc;

	switch (which) {
	case ITIMER_REAL: itimer_real_swap(p, new, old); return 0;
	case ITIMER_VIRTUAL:
	case ITIMER_PROF: return itimer_cpu_swap(p, which == ITIMER_VIRTUAL, new, old);
	}
	return -EINVAL;
}

SYSCALL2(getitimer, which, user)
{
	struct cpu_alarm old;
	int err = itimer_swap((int)which, NULL, &old);

	if (err)
		return err;
	return itimer_to_user(user, old.expires, old.interval);
}

SYSCALL3(setitimer, which, user_new, user_old)
{
	struct cpu_alarm new = { 0 }, old;
	int err = 0;

	if (user_new) /* NULL: off, as on Linux */
		err = itimer_from_user(&new, user_new);
	if (!err)
		err = itimer_swap((int)which, &new, &old);
	if (!err && user_old)
		err = itimer_to_user(user_old, old.expires, old.interval);
	return err;
}

SYSCALL1(alarm, seconds)
{
	struct cpu_alarm new = { (u32)seconds * NSEC_PER_SEC, 0 }, old;

	itimer_real_swap(current->proc, &new, &old);
	/* Rounded up: 0 would mean that none was set. */
	if (old.expires && old.expires < NSEC_PER_SEC)
		return 1;
	return (s64)((old.expires + NSEC_PER_SEC / 2) / NSEC_PER_SEC);
}

/* Called by the last thread, after the POSIX timers are deleted: no timer may fire for a freed process. */
void itimers_exit(struct process *p)
{
	struct process_timers *pts;
	u64 flags;

	if (p->real_timer.base || p->real_interval_ns) {
		p->real_interval_ns = 0;
		timer_cancel_sync(&p->real_timer);
	}
	/* A thread that sets the clock or a limit reads ->timers under the lock; none creates them any more. */
	flags = spin_lock_irqsave(&p->sig_lock);
	pts = p->timers;
	p->timers = NULL;
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (pts) {
		timer_cancel_sync(&pts->check);
		kfree(pts);
	}
}
