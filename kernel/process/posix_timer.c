// SPDX-License-Identifier: MIT
/*
 * POSIX timers: timer_create and its family.
 *
  * A timer contains the queue entry of its signal, so that an expiry can always
 * be reported. While the entry is queued, the timer does not run; when the signal is
 * delivered, missed periods are counted as overruns and the timer is started
 * again, so that a short period cannot flood a process. A timer whose signal is ignored
 * runs at most once a tick, as on Linux, and the periods between are counted.
 * A timer without a signal (SIGEV_NONE) does not run: its remaining time
 * is computed. Timers on CPU clocks are checked by itimer.c.
 *
 * Everything is under sig_lock. The timer function takes it, too; if it runs
 * after the timer was stopped or set anew, armed and expires show it.
 * Memory is freed after timer_cancel_sync().
 *
 * An absolute time on CLOCK_REALTIME is stored as such, and converted again when
 * the clock is set.
 */
#include "internal.h"
#include <kernel/syscalls.h>

#define IGNORED_MIN_NS (4 * NSEC_PER_MSEC) /* between expiries of a timer whose signal is ignored */

struct posix_timer {
	struct list link; /* process_timers.posix */
	struct process *proc;
	int id;
	int clock;		   /* CLOCK_* */
	int notify;		   /* SIGEV_* */
	struct thread *target;	   /* SIGEV_THREAD_ID; counted */
	struct thread *cpu_thread; /* CLOCK_THREAD_CPUTIME_ID: of which thread; counted */
	struct signal_entry entry;
	struct timer timer;
	bool armed;
	bool requeue; /* periodic, waits until its signal is delivered */
	bool is_absolute;
	u64 absolute_ns; /* on its clock, where is_absolute */
	u64 expires;	 /* monotonic, or CPU time */
	u64 interval;
	u64 overrun, overrun_last;
};

static bool is_cpu_clock(int clock)
{
	return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

/* ---- under sig_lock ---- */

static u64 posix_timer_now(struct posix_timer *timer)
{
	struct process *p = timer->proc;
	struct thread *t;
	u64 ns;

	if (timer->clock == CLOCK_THREAD_CPUTIME_ID)
		return thread_cpu_ns(timer->cpu_thread);
	if (timer->clock != CLOCK_PROCESS_CPUTIME_ID)
		return time_monotonic_ns();
	ns = p->exec_ns;
	list_for_each(t, &p->threads, proc_link)
		ns += thread_cpu_ns(t);
	return ns;
}

/* Start it; a timer on a CPU clock runs when the clock is checked next. */
static void posix_timer_run(struct posix_timer *timer)
{
	assert_held(&timer->proc->sig_lock);
	timer->armed = true;
	if (!is_cpu_clock(timer->clock) && timer->notify != SIGEV_NONE)
		timer_start(&timer->timer, timer->expires);
}

/* Skip the periods that have passed. @return how many */
static u64 posix_timer_skip_periods(struct posix_timer *timer, u64 now)
{
	u64 periods;

	if (now < timer->expires)
		return 0;
	periods = (now - timer->expires) / timer->interval;
	timer->expires = ns_add(timer->expires + periods * timer->interval, timer->interval);
	timer->absolute_ns =
		ns_add(timer->absolute_ns + periods * timer->interval, timer->interval);
	return periods + 1;
}

static void posix_timer_expire(struct posix_timer *timer, u64 now)
{
	enum signal_timer_result result;

	assert_held(&timer->proc->sig_lock);
	if (!timer->armed || now < timer->expires)
		return;
	timer->armed = false;
	result = signal_send_timer(timer->proc, timer->target, &timer->entry);
	if (result == SIGNAL_TIMER_PENDING)
		timer->overrun++;
	if (!timer->interval)
		return;
	if (result == SIGNAL_TIMER_IGNORED) {
		if (timer->interval < IGNORED_MIN_NS)
			now += IGNORED_MIN_NS;
		timer->overrun += posix_timer_skip_periods(timer, now);
		posix_timer_run(timer);
	} else {
		timer->requeue = true;
	}
}

static void posix_timer_fires(struct timer *base)
{
	struct posix_timer *timer = container_of(base, struct posix_timer, timer);
	u64 flags = spin_lock_irqsave(&timer->proc->sig_lock);

	posix_timer_expire(timer, posix_timer_now(timer));
	spin_unlock_irqrestore(&timer->proc->sig_lock, flags);
}

u64 posix_cpu_timers_check(struct process_timers *pts, u64 total)
{
	struct posix_timer *timer;
	u64 least = ~0ull, now;

	assert_held(&pts->proc->sig_lock);
	list_for_each(timer, &pts->posix, link) {
		if (!timer->armed || !is_cpu_clock(timer->clock) || timer->notify == SIGEV_NONE)
			continue;
		/* the time of a process is a sum over its threads: computed once, by the caller */
		now = timer->clock == CLOCK_PROCESS_CPUTIME_ID ? total : posix_timer_now(timer);
		posix_timer_expire(timer, now);
		if (timer->armed)
			least = MIN(least, ns_until(timer->expires, now));
	}
	return least;
}

/*
 * Does not check all CPU clocks: with short periods other timers would be due again, and a thread that
 * takes their signals would never be done.
 */
static void posix_timer_run_again(struct posix_timer *timer)
{
	u64 now;

	posix_timer_run(timer);
	if (!is_cpu_clock(timer->clock))
		return;
	now = posix_timer_now(timer);
	cpu_timers_look(timer->proc, ns_until(timer->expires, now));
}

void posix_timer_dequeued(struct process *p, struct posix_timer *timer, struct siginfo_k *info)
{
	assert_held(&p->sig_lock);
	if (timer->requeue) {
		u64 periods = posix_timer_skip_periods(timer, posix_timer_now(timer));

		timer->requeue = false;
		if (periods)
			timer->overrun += periods - 1;
		posix_timer_run_again(timer);
	}
	timer->overrun_last = MIN(timer->overrun, (u64)INT32_MAX);
	timer->overrun = 0;
	info->status = (int)timer->overrun_last;
}

void posix_timer_flushed(struct posix_timer *timer)
{
	assert_held(&timer->proc->sig_lock);
	if (!timer->requeue || timer->proc->exiting ||
	    (timer->target && timer->target->sig->exiting))
		return;
	timer->requeue = false;
	posix_timer_skip_periods(timer, posix_timer_now(timer));
	posix_timer_run_again(timer);
}

static void posix_timer_stop(struct posix_timer *timer)
{
	assert_held(&timer->proc->sig_lock);
	timer->armed = false;
	timer->requeue = false;
	timer_cancel(&timer->timer);
}

static struct posix_timer *posix_timer_find(struct process *p, int id)
{
	struct posix_timer *timer;

	assert_held(&p->sig_lock);
	if (p->timers)
		list_for_each(timer, &p->timers->posix, link)
			if (timer->id == id)
				return timer;
	return NULL;
}

/* Remove it from all lists; it is not freed. */
static void posix_timer_detach(struct posix_timer *timer)
{
	struct process *p = timer->proc;
	struct signal_queue *queue = signal_queue_of(p, timer->target);
	struct signal_entry *entry;
	int sig = timer->entry.info.signo;

	assert_held(&timer->proc->sig_lock);
	posix_timer_stop(timer);
	list_del(&timer->link);
	if (list_empty(&timer->entry.link))
		return;
	list_del(&timer->entry.link);
	list_for_each(entry, &queue->entries, link)
		if (entry->info.signo == sig)
			return;
	queue->set &= ~sigbit(sig);
}

static void posix_timer_destroy(struct posix_timer *timer)
{
	struct user_account *account = timer->entry.account;

	timer_cancel_sync(&timer->timer);
	if (timer->target)
		thread_put(timer->target);
	if (timer->cpu_thread)
		thread_put(timer->cpu_thread);
	atomic_dec(&account->nr_signals);
	account_put(account);
	kfree(timer);
}

void posix_timers_delete_all(struct process *p)
{
	struct posix_timer *timer;
	u64 flags;

	if (!p->timers)
		return;
	for (;;) {
		flags = spin_lock_irqsave(&p->sig_lock);
		timer = list_empty(&p->timers->posix)
				? NULL
				: list_first(&p->timers->posix, struct posix_timer, link);
		if (timer)
			posix_timer_detach(timer);
		spin_unlock_irqrestore(&p->sig_lock, flags);
		if (!timer)
			return;
		posix_timer_destroy(timer);
	}
}

/* The wall clock was set: convert an absolute time on it to a deadline again. */
static void posix_timer_clock_was_set(struct process *p)
{
	struct posix_timer *timer;

	if (!p->timers)
		return;
	list_for_each(timer, &p->timers->posix, link) {
		if (!timer->armed || !timer->is_absolute || clock_offset_ns(timer->clock) == 0)
			continue;
		timer_cancel(&timer->timer);
		timer->expires = clock_to_monotonic(timer->clock, timer->absolute_ns);
		posix_timer_run(timer);
	}
}

void posix_timers_clock_set(void)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct process *p;

	list_for_each(p, &process_list, all_link) {
		raw_spin_lock(&p->sig_lock);
		posix_timer_clock_was_set(p);
		raw_spin_unlock(&p->sig_lock);
	}
	spin_unlock_irqrestore(&process_lock, flags);
}

/* ---- making one ---- */

/*
 * C libraries name CPU clocks by the number of a process or thread (time_calls.c),
 * 0 for the caller. @return CLOCK_* and, for a thread's, the thread counted; or -EINVAL
 */
static int resolve_cpu_clock(int clock, struct thread **thread)
{
	pid_t id = ~(clock >> 3);
	struct thread *t;

	if ((clock & 3) == 3)
		return -EINVAL;
	if (!(clock & 4)) {
		if (id && id != current->proc->pid)
			return -EINVAL; /* clocks of other processes have no timers here */
		return CLOCK_PROCESS_CPUTIME_ID;
	}
	t = thread_find(id ? id : current->tid);
	if (!t)
		return -EINVAL;
	if (t->proc != current->proc) {
		thread_put(t);
		return -EINVAL;
	}
	*thread = t;
	return CLOCK_THREAD_CPUTIME_ID;
}

static int posix_timer_check_clock(int clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI: return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (!current_capable(CAP_WAKE_ALARM))
			return -EPERM;
		return 0;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE: return -EOPNOTSUPP;
	}
	return -EINVAL;
}

/* @return 0 or -EINVAL; the target is counted */
static int posix_timer_read_event(const struct user_sigevent *event, struct posix_timer *timer)
{
	timer->notify = event->notify;
	timer->entry.info.value = event->value;
	timer->entry.info.signo = event->signo;
	switch (event->notify) {
	case SIGEV_NONE: return 0;
	case SIGEV_THREAD_ID | SIGEV_SIGNAL:
		timer->target = thread_find(event->tid);
		if (!timer->target || timer->target->proc != current->proc)
			return -EINVAL;
		break;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD: break;
	default: return -EINVAL;
	}
	if (!sig_valid(event->signo))
		return -EINVAL;
	return 0;
}

/* @cpu_thread  its reference is taken over, also on failure */
static struct posix_timer *posix_timer_create(int clock, struct thread *cpu_thread,
					      const struct user_sigevent *event)
{
	struct user_account *account = current_cred()->account;
	struct posix_timer *timer = kzalloc(sizeof(*timer));
	int err;

	if (!timer) {
		if (cpu_thread)
			thread_put(cpu_thread);
		return ERR_PTR(-EAGAIN);
	}
	account_get(account);
	timer->entry.account = account;
	timer->entry.timer = timer;
	timer->entry.embedded = true;
	timer->entry.info.code = SI_TIMER;
	list_init(&timer->entry.link);
	timer->clock = clock;
	timer->proc = current->proc;
	timer_init(&timer->timer, posix_timer_fires);
	timer->cpu_thread = cpu_thread;
	/* Each timer contains a queue entry, and is counted as one. */
	err = -EAGAIN;
	if ((u64)atomic_add_return(&account->nr_signals, 1) <= current_limit(RLIMIT_SIGPENDING))
		err = posix_timer_read_event(event, timer);
	if (err) {
		posix_timer_destroy(timer);
		return ERR_PTR(err);
	}
	return timer;
}

/* A number that no timer has, and that the next 2^31 calls do not return again. */
static int posix_timer_take_id(struct process_timers *pts)
{
	u64 flags = spin_lock_irqsave(&current->proc->sig_lock);
	int id;

	do {
		id = pts->next_id;
		pts->next_id = (int)(((u32)id + 1) & INT32_MAX);
	} while (posix_timer_find(current->proc, id));
	spin_unlock_irqrestore(&current->proc->sig_lock, flags);
	return id;
}

SYSCALL3(timer_create, clock_arg, user_event, user_id)
{
	struct user_sigevent event = { .signo = SIGALRM, .notify = SIGEV_SIGNAL };
	struct thread *cpu_thread = NULL;
	struct process_timers *pts;
	struct posix_timer *timer;
	int err, id, clock = (int)clock_arg;
	u64 flags;

	if (user_event && copy_from_user(&event, uaddr(user_event), sizeof(event)))
		return -EFAULT;
	pts = process_timers_get();
	if (!pts)
		return -EAGAIN;
	if (clock == CLOCK_THREAD_CPUTIME_ID)
		clock = -2; /* that of the caller: number 0 */
	if (clock < 0)
		clock = resolve_cpu_clock(clock, &cpu_thread);
	err = clock;
	if (clock >= 0)
		err = posix_timer_check_clock(clock);
	if (err)
		return err;
	timer = posix_timer_create(clock, cpu_thread, &event);
	if (IS_ERR(timer))
		return PTR_ERR(timer);
	id = posix_timer_take_id(pts);
	timer->id = id;
	timer->entry.info.pid = id;
	if (!user_event)
		timer->entry.info.value = (u64)id;
	/* Before other threads can find it: they may delete it. */
	if (put_user_u32(uaddr(user_id), (u32)id)) {
		posix_timer_destroy(timer);
		return -EFAULT;
	}
	flags = spin_lock_irqsave(&current->proc->sig_lock);
	list_add_tail(&timer->link, &pts->posix);
	spin_unlock_irqrestore(&current->proc->sig_lock, flags);
	return 0;
}

SYSCALL1(timer_delete, id)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct posix_timer *timer = posix_timer_find(p, (int)id);

	if (timer)
		posix_timer_detach(timer);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (!timer)
		return -EINVAL;
	posix_timer_destroy(timer);
	return 0;
}

/* ---- using one ---- */

static u64 posix_timer_left(struct posix_timer *timer)
{
	u64 now = posix_timer_now(timer);

	if (timer->requeue) /* as if its periods continued */
		return timer->interval - (now - timer->expires) % timer->interval;
	if (!timer->armed)
		return 0;
	if (timer->expires > now)
		return timer->expires - now;
	if (timer->notify != SIGEV_NONE)
		return 1;
	if (!timer->interval)
		return 0;
	return timer->interval - (now - timer->expires) % timer->interval;
}

static int posix_timer_setting_to_user(u64 user, u64 left, u64 interval)
{
	struct user_itimerspec setting = { timespec_from_ns(interval), timespec_from_ns(left) };

	return copy_to_user(uaddr(user), &setting, sizeof(setting));
}

static void posix_timer_set_locked(struct posix_timer *timer, u64 value, u64 interval,
				   bool absolute)
{
	assert_held(&timer->proc->sig_lock);
	posix_timer_stop(timer);
	timer->overrun = timer->overrun_last = 0;
	timer->interval = 0;
	if (value)
		timer->interval = interval;
	if (!value)
		return;
	timer->is_absolute = absolute;
	timer->absolute_ns = value;
	if (!absolute)
		timer->expires = ns_add(posix_timer_now(timer), value);
	else if (is_cpu_clock(timer->clock))
		timer->expires = value;
	else
		timer->expires = clock_to_monotonic(timer->clock, value);
	posix_timer_run(timer);
	if (is_cpu_clock(timer->clock))
		cpu_timers_check(timer->proc);
}

SYSCALL4(timer_settime, id, set_flags, user_new, user_old)
{
	struct process *p = current->proc;
	struct user_itimerspec setting;
	u64 value, interval, old_left, old_interval, flags;
	struct posix_timer *timer;

	if (!user_new)
		return -EINVAL;
	if (copy_from_user(&setting, uaddr(user_new), sizeof(setting)))
		return -EFAULT;
	if (timespec_to_ns(&setting.value, &value) || timespec_to_ns(&setting.interval, &interval))
		return -EINVAL;
	flags = spin_lock_irqsave(&p->sig_lock);
	timer = posix_timer_find(p, (int)id);
	if (timer) {
		old_left = posix_timer_left(timer);
		old_interval = timer->interval;
		posix_timer_set_locked(timer, value, interval, set_flags & TIMER_ABSTIME);
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (!timer)
		return -EINVAL;
	if (user_old)
		return posix_timer_setting_to_user(user_old, old_left, old_interval);
	return 0;
}

SYSCALL2(timer_gettime, id, user)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock), left = 0, interval = 0;
	struct posix_timer *timer = posix_timer_find(p, (int)id);

	if (timer) {
		left = posix_timer_left(timer);
		interval = timer->interval;
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (!timer)
		return -EINVAL;
	return posix_timer_setting_to_user(user, left, interval);
}

SYSCALL1(timer_getoverrun, id)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct posix_timer *timer = posix_timer_find(p, (int)id);
	s64 overruns = -EINVAL;

	if (timer)
		overruns = (s64)timer->overrun_last;
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return overruns;
}
