// SPDX-License-Identifier: MIT
/*
 * POSIX timers: timer_create and its family.
 *
 * A timer carries the queue entry of its signal with it, so that an expiry can
 * always be told. While the entry is queued the timer does not run; when it is
 * taken out, missed periods are counted as overruns and the timer is started
 * again, so that a short period cannot flood anyone. One whose signal is ignored
 * has nobody to wait for: it runs at most once a tick, as on Linux, and the periods
 * between are counted. A silent one (SIGEV_NONE) does not run at all: what
 * is left of it is computed. Timers on CPU clocks are looked at by itimer.c.
 *
 * Everything is under sig_lock. The timer function takes it, too; one that
 * comes late, after the timer was stopped or set anew, sees that in armed and
 * expires. Memory is freed after timer_cancel_sync().
 *
 * An absolute time on CLOCK_REALTIME is kept as such, and looked at again when
 * the clock is set.
 */
#include "internal.h"
#include <kernel/syscalls.h>

#define IGNORED_MIN_NS (4 * NSEC_PER_MSEC) /* between looks at a timer whose signal is ignored */

struct posix_timer {
	struct list link; /* process_timers.posix */
	struct process *proc;
	int id;
	int clock;		   /* CLOCK_* */
	int notify;		   /* SIGEV_* */
	struct thread *target;	   /* SIGEV_THREAD_ID; counted */
	struct thread *cpu_thread; /* CLOCK_THREAD_CPUTIME_ID: whose; counted */
	struct signal_entry entry;
	struct timer timer;
	bool armed;
	bool requeue; /* periodic, waits for its signal to be taken */
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

static u64 timer_now(struct posix_timer *pt)
{
	struct process *p = pt->proc;
	struct thread *t;
	u64 ns;

	if (pt->clock == CLOCK_THREAD_CPUTIME_ID)
		return thread_cpu_ns(pt->cpu_thread);
	if (pt->clock != CLOCK_PROCESS_CPUTIME_ID)
		return time_monotonic_ns();
	ns = p->exec_ns;
	list_for_each(t, &p->threads, proc_link)
		ns += thread_cpu_ns(t);
	return ns;
}

/* Let it run; a timer on a CPU clock when that is looked at next. */
static void run(struct posix_timer *pt)
{
	pt->armed = true;
	if (!is_cpu_clock(pt->clock) && pt->notify != SIGEV_NONE)
		timer_start(&pt->timer, pt->expires);
}

/* Past the periods that are over. @return how many */
static u64 skip_periods(struct posix_timer *pt, u64 now)
{
	u64 periods;

	if (now < pt->expires)
		return 0;
	periods = (now - pt->expires) / pt->interval;
	pt->expires = ns_add(pt->expires + periods * pt->interval, pt->interval);
	pt->absolute_ns = ns_add(pt->absolute_ns + periods * pt->interval, pt->interval);
	return periods + 1;
}

static void expire(struct posix_timer *pt, u64 now)
{
	enum signal_timer_result result;

	if (!pt->armed || now < pt->expires)
		return;
	pt->armed = false;
	result = signal_send_timer(pt->proc, pt->target, &pt->entry);
	if (result == SIGNAL_TIMER_PENDING)
		pt->overrun++;
	if (!pt->interval)
		return;
	if (result == SIGNAL_TIMER_IGNORED) {
		pt->overrun += skip_periods(
			pt, now + (pt->interval < IGNORED_MIN_NS ? IGNORED_MIN_NS : 0));
		run(pt);
	} else {
		pt->requeue = true;
	}
}

static void fires(struct timer *timer)
{
	struct posix_timer *pt = container_of(timer, struct posix_timer, timer);
	u64 flags = spin_lock_irqsave(&pt->proc->sig_lock);

	expire(pt, timer_now(pt));
	spin_unlock_irqrestore(&pt->proc->sig_lock, flags);
}

u64 posix_cpu_timers_check(struct process_timers *pts, u64 total)
{
	struct posix_timer *pt;
	u64 least = ~0ull, now;

	list_for_each(pt, &pts->posix, link) {
		if (!pt->armed || !is_cpu_clock(pt->clock) || pt->notify == SIGEV_NONE)
			continue;
		/* the process's time is a sum over its threads: made once for all */
		now = pt->clock == CLOCK_PROCESS_CPUTIME_ID ? total : timer_now(pt);
		expire(pt, now);
		if (pt->armed)
			least = MIN(least, pt->expires > now ? pt->expires - now : 0);
	}
	return least;
}

/*
 * Not by looking at all CPU clocks at once: with short periods others would be due again, and who
 * takes their signals out would never see the end of them.
 */
static void run_again(struct posix_timer *pt)
{
	u64 now;

	run(pt);
	if (!is_cpu_clock(pt->clock))
		return;
	now = timer_now(pt);
	cpu_timers_look(pt->proc, pt->expires > now ? pt->expires - now : 0);
}

void posix_timer_dequeued(struct process *p, struct posix_timer *pt, struct siginfo_k *info)
{
	if (pt->requeue) {
		u64 periods = skip_periods(pt, timer_now(pt));

		pt->requeue = false;
		pt->overrun += periods ? periods - 1 : 0;
		run_again(pt);
	}
	pt->overrun_last = MIN(pt->overrun, (u64)INT32_MAX);
	pt->overrun = 0;
	info->status = (int)pt->overrun_last;
}

void posix_timer_flushed(struct posix_timer *pt)
{
	if (!pt->requeue || pt->proc->exiting || (pt->target && pt->target->sig->exiting))
		return;
	pt->requeue = false;
	skip_periods(pt, timer_now(pt));
	run_again(pt);
}

static void stop(struct posix_timer *pt)
{
	pt->armed = false;
	pt->requeue = false;
	timer_cancel(&pt->timer);
}

static struct posix_timer *find(struct process *p, int id)
{
	struct posix_timer *pt;

	if (p->timers)
		list_for_each(pt, &p->timers->posix, link)
			if (pt->id == id)
				return pt;
	return NULL;
}

/* Out of every list; the memory stays. */
static void detach(struct posix_timer *pt)
{
	struct process *p = pt->proc;
	struct signal_queue *queue = pt->target ? &pt->target->sig->pending : &p->shared;
	struct signal_entry *entry;
	int sig = pt->entry.info.signo;

	stop(pt);
	list_del(&pt->link);
	if (list_empty(&pt->entry.link))
		return;
	list_del(&pt->entry.link);
	list_for_each(entry, &queue->entries, link)
		if (entry->info.signo == sig)
			return;
	queue->set &= ~sigbit(sig);
}

static void destroy(struct posix_timer *pt)
{
	struct user_account *account = pt->entry.account;

	timer_cancel_sync(&pt->timer);
	if (pt->target)
		thread_put(pt->target);
	if (pt->cpu_thread)
		thread_put(pt->cpu_thread);
	atomic_dec(&account->nr_signals);
	account_put(account);
	kfree(pt);
}

void posix_timers_delete_all(struct process *p)
{
	struct posix_timer *pt;
	u64 flags;

	if (!p->timers)
		return;
	for (;;) {
		flags = spin_lock_irqsave(&p->sig_lock);
		pt = list_empty(&p->timers->posix)
			     ? NULL
			     : list_first(&p->timers->posix, struct posix_timer, link);
		if (pt)
			detach(pt);
		spin_unlock_irqrestore(&p->sig_lock, flags);
		if (!pt)
			return;
		destroy(pt);
	}
}

/* The wall clock was set: what waits for a time on it waits for another moment now. */
static void clock_was_set(struct process *p)
{
	struct posix_timer *pt;

	if (!p->timers)
		return;
	list_for_each(pt, &p->timers->posix, link) {
		if (!pt->armed || !pt->is_absolute || clock_offset_ns(pt->clock) == 0)
			continue;
		timer_cancel(&pt->timer);
		pt->expires = clock_to_monotonic(pt->clock, pt->absolute_ns);
		run(pt);
	}
}

void posix_timers_clock_set(void)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct process *p;

	list_for_each(p, &process_list, all_link) {
		raw_spin_lock(&p->sig_lock);
		clock_was_set(p);
		raw_spin_unlock(&p->sig_lock);
	}
	spin_unlock_irqrestore(&process_lock, flags);
}

/* ---- making one ---- */

/*
 * C libraries ask for CPU clocks by number of process or thread (time_calls.c),
 * with 0 for the caller. @return CLOCK_* and, for a thread's, the thread counted; or -EINVAL
 */
static int resolve_cpu_clock(int clock, struct thread **thread)
{
	pid_t id = ~(clock >> 3);
	struct thread *t;

	if ((clock & 3) == 3)
		return -EINVAL;
	if (!(clock & 4)) /* of another process: nothing here looks at those */
		return !id || id == current->proc->pid ? CLOCK_PROCESS_CPUTIME_ID : -EINVAL;
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

static int check_clock(int clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI: return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM: return current_capable(CAP_WAKE_ALARM) ? 0 : -EPERM;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE: return -EOPNOTSUPP;
	}
	return -EINVAL;
}

/* @return 0 or -EINVAL; target counted */
static int read_event(const struct user_sigevent *event, struct posix_timer *pt)
{
	pt->notify = event->notify;
	pt->entry.info.value = event->value;
	pt->entry.info.signo = event->signo;
	switch (event->notify) {
	case SIGEV_NONE: return 0;
	case SIGEV_THREAD_ID | SIGEV_SIGNAL:
		pt->target = thread_find(event->tid);
		if (!pt->target || pt->target->proc != current->proc)
			return -EINVAL;
		break;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD: break;
	default: return -EINVAL;
	}
	return sig_valid(event->signo) ? 0 : -EINVAL;
}

/* @cpu_thread  taken over, also on failure */
static struct posix_timer *posix_timer_create(int clock, struct thread *cpu_thread,
					      const struct user_sigevent *event)
{
	struct user_account *account = current_cred()->account;
	struct posix_timer *pt = kzalloc(sizeof(*pt));
	int err;

	if (!pt) {
		if (cpu_thread)
			thread_put(cpu_thread);
		return ERR_PTR(-EAGAIN);
	}
	account_get(account);
	pt->entry.account = account;
	pt->entry.timer = pt;
	pt->entry.embedded = true;
	pt->entry.info.code = SI_TIMER;
	list_init(&pt->entry.link);
	pt->clock = clock;
	pt->proc = current->proc;
	timer_init(&pt->timer, fires);
	pt->cpu_thread = cpu_thread;
	/* Each timer has a queue entry for good: it counts like one. */
	err = (u64)atomic_add_return(&account->nr_signals, 1) > current_limit(RLIMIT_SIGPENDING)
		      ? -EAGAIN
		      : read_event(event, pt);
	if (err) {
		destroy(pt);
		return ERR_PTR(err);
	}
	return pt;
}

/* A number that no timer has; the next 2^31 calls give others. */
static int take_id(struct process_timers *pts)
{
	u64 flags = spin_lock_irqsave(&current->proc->sig_lock);
	int id;

	do {
		id = pts->next_id;
		pts->next_id = (int)(((u32)id + 1) & INT32_MAX);
	} while (find(current->proc, id));
	spin_unlock_irqrestore(&current->proc->sig_lock, flags);
	return id;
}

SYSCALL3(timer_create, clock_arg, user_event, user_id)
{
	struct user_sigevent event = { .signo = SIGALRM, .notify = SIGEV_SIGNAL };
	struct thread *cpu_thread = NULL;
	struct process_timers *pts;
	struct posix_timer *pt;
	int err, id, clock = (int)clock_arg;
	u64 flags;

	if (user_event && copy_from_user(&event, uaddr(user_event), sizeof(event)))
		return -EFAULT;
	pts = process_timers_get();
	if (!pts)
		return -EAGAIN;
	if (clock == CLOCK_THREAD_CPUTIME_ID)
		clock = -2; /* the caller's, by number 0 */
	if (clock < 0)
		clock = resolve_cpu_clock(clock, &cpu_thread);
	err = clock < 0 ? clock : check_clock(clock);
	if (err)
		return err;
	pt = posix_timer_create(clock, cpu_thread, &event);
	if (IS_ERR(pt))
		return PTR_ERR(pt);
	id = take_id(pts);
	pt->id = id;
	pt->entry.info.pid = id;
	if (!user_event)
		pt->entry.info.value = (u64)id;
	/* Before anyone can find it: another thread may delete what it finds. */
	if (put_user_u32(uaddr(user_id), (u32)id)) {
		destroy(pt);
		return -EFAULT;
	}
	flags = spin_lock_irqsave(&current->proc->sig_lock);
	list_add_tail(&pt->link, &pts->posix);
	spin_unlock_irqrestore(&current->proc->sig_lock, flags);
	return 0;
}

SYSCALL1(timer_delete, id)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct posix_timer *pt = find(p, (int)id);

	if (pt)
		detach(pt);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (!pt)
		return -EINVAL;
	destroy(pt);
	return 0;
}

/* ---- using one ---- */

static u64 left_of(struct posix_timer *pt)
{
	u64 now = timer_now(pt);

	if (pt->requeue) /* as if its periods went on */
		return pt->interval - (now - pt->expires) % pt->interval;
	if (!pt->armed)
		return 0;
	if (pt->expires > now)
		return pt->expires - now;
	if (pt->notify != SIGEV_NONE)
		return 1;
	return pt->interval ? pt->interval - (now - pt->expires) % pt->interval : 0;
}

static int setting_to_user(u64 user, u64 left, u64 interval)
{
	struct user_itimerspec setting = { timespec_from_ns(interval), timespec_from_ns(left) };

	return copy_to_user(uaddr(user), &setting, sizeof(setting));
}

static void set_locked(struct posix_timer *pt, u64 value, u64 interval, bool absolute)
{
	stop(pt);
	pt->overrun = pt->overrun_last = 0;
	pt->interval = value ? interval : 0;
	if (!value)
		return;
	pt->is_absolute = absolute;
	pt->absolute_ns = value;
	if (!absolute)
		pt->expires = ns_add(timer_now(pt), value);
	else
		pt->expires = is_cpu_clock(pt->clock) ? value
						      : clock_to_monotonic(pt->clock, value);
	run(pt);
	if (is_cpu_clock(pt->clock))
		cpu_timers_check(pt->proc);
}

SYSCALL4(timer_settime, id, set_flags, user_new, user_old)
{
	struct process *p = current->proc;
	struct user_itimerspec setting;
	u64 value, interval, old_left, old_interval, flags;
	struct posix_timer *pt;

	if (!user_new)
		return -EINVAL;
	if (copy_from_user(&setting, uaddr(user_new), sizeof(setting)))
		return -EFAULT;
	if (timespec_to_ns(&setting.value, &value) || timespec_to_ns(&setting.interval, &interval))
		return -EINVAL;
	flags = spin_lock_irqsave(&p->sig_lock);
	pt = find(p, (int)id);
	if (pt) {
		old_left = left_of(pt);
		old_interval = pt->interval;
		set_locked(pt, value, interval, set_flags & TIMER_ABSTIME);
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (!pt)
		return -EINVAL;
	return user_old ? setting_to_user(user_old, old_left, old_interval) : 0;
}

SYSCALL2(timer_gettime, id, user)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock), left = 0, interval = 0;
	struct posix_timer *pt = find(p, (int)id);

	if (pt) {
		left = left_of(pt);
		interval = pt->interval;
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return pt ? setting_to_user(user, left, interval) : -EINVAL;
}

SYSCALL1(timer_getoverrun, id)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct posix_timer *pt = find(p, (int)id);
	s64 overruns = pt ? (s64)pt->overrun_last : -EINVAL;

	spin_unlock_irqrestore(&p->sig_lock, flags);
	return overruns;
}
