// SPDX-License-Identifier: MIT
/*
  * Signals: actions (struct sighand), queues of pending signals, and sending.
 *
 * A signal is sent to a thread or to a process. It is added to the pending
 * set there, with a queue entry for its sender and reason; a standard
 * signal that is pending already is not queued twice, a real-time one is. One
 * thread that does not block the signal gets WORK_SIGNAL and is woken. If the signal
 * will certainly end the process, its end starts at once: every thread gets
 * WORK_EXIT, which also ends killable sleeps.
 *
 * sig_lock of the process guards its pending sets, its threads' pending sets
 * and masks, the list of its threads, and stops. The table of actions belongs
 * to the process too, unless CLONE_SIGHAND made several processes share it: then
 * sighand.lock, taken inside sig_lock, guards it.
 *
 * Only the thread itself clears WORK_SIGNAL (signal_recalc()). So a system
 * call that saw signal_pending() passes through signal_deliver() on
 * its way to user mode, which replaces -ERESTARTSYS and similar results.
 *
 * Queue entries count against RLIMIT_SIGPENDING of the target's user. At the
 * limit a standard signal is delivered without its details, and a
 * real-time one is refused (EAGAIN), as on Linux.
 *
 * signal_deliver.c dequeues signals and acts on them.
 */
#include "ptrace.h"
#include <kernel/panic.h>
#include <uapi/wait.h>

static struct kmem_cache *sighand_cache;
static struct kmem_cache *entry_cache;

void signal_init(void)
{
	sighand_cache = kmem_cache_create("sighand", sizeof(struct sighand), 64);
	entry_cache = kmem_cache_create("signal", sizeof(struct signal_entry), 8);
	if (!sighand_cache || !entry_cache)
		boot_stop("not enough memory for signals");
}

/* ---- actions ---- */

struct sighand *sighand_create(void)
{
	struct sighand *sighand = kmem_cache_alloc(sighand_cache);

	if (!sighand)
		return NULL;
	/* action[] is read only where valid has a bit */
	atomic_set(&sighand->refs, 1);
	spin_init(&sighand->lock);
	sighand->valid = sighand->caught = sighand->ignored = 0;
	return sighand;
}

struct sighand *sighand_copy(struct sighand *old)
{
	struct sighand *sighand = sighand_create();
	u64 left;

	if (!sighand)
		return NULL;
	sighand->valid = old->valid;
	sighand->caught = old->caught;
	sighand->ignored = old->ignored;
	for (left = sighand->valid; left; left &= left - 1) {
		u32 i = sighand_slot(__builtin_ctzll(left) + 1);

		sighand->action[i] = old->action[i];
	}
	return sighand;
}

void sighand_put(struct sighand *sighand)
{
	if (atomic_dec_and_test(&sighand->refs))
		kmem_cache_free(sighand_cache, sighand);
}

struct user_sigaction sighand_get_action(struct process *p, int sig)
{
	struct user_sigaction act = { SIG_DFL, 0, 0, 0 };
	struct sighand *sighand = p->sighand;
	bool locked = sighand_lock(sighand);

	assert_held(&p->sig_lock);
	if (sig_in(sighand->valid, sig))
		act = sighand->action[sighand_slot(sig)];
	sighand_unlock(sighand, locked);
	return act;
}

void sighand_exec_reset(struct process *p)
{
	struct sighand *sighand = p->sighand;
	u64 left;

	sighand->valid = sighand->ignored;
	sighand->caught = 0;
	for (left = sighand->valid; left; left &= left - 1) {
		u32 i = sighand_slot(__builtin_ctzll(left) + 1);

		sighand->action[i] = (struct user_sigaction){ .handler = SIG_IGN };
	}
}

/* ---- queues ---- */

void signal_queue_init(struct signal_queue *queue)
{
	queue->set = 0;
	list_init(&queue->entries);
	list_init(&queue->first.link);
	queue->first.embedded = true;
	queue->first.account = NULL;
	queue->first.timer = NULL;
}

/* It has been removed from its queue. */
static void signal_entry_free(struct signal_entry *entry)
{
	if (entry->timer)
		posix_timer_flushed(entry->timer);
	if (entry->embedded)
		return;
	atomic_dec(&entry->account->nr_signals);
	account_put(entry->account);
	kmem_cache_free(entry_cache, entry);
}

void signal_queue_flush(struct signal_queue *queue, u64 set)
{
	struct signal_entry *entry, *tmp;

	if (!(queue->set & set))
		return;
	queue->set &= ~set;
	list_for_each_safe(entry, tmp, &queue->entries, link)
		if (sig_in(set, entry->info.signo)) {
			list_del(&entry->link);
			signal_entry_free(entry);
		}
}

/* Discard signals in every queue of the process. */
static void signal_flush_everywhere(struct process *p, u64 set)
{
	struct thread *t;

	assert_held(&p->sig_lock);
	signal_queue_flush(&p->shared, set);
	list_for_each(t, &p->threads, proc_link)
		signal_queue_flush(&t->sig->pending, set);
}

static void signal_info_fill(struct siginfo_k *out, int sig, const struct siginfo_k *info)
{
	if (info && info != SI_KERNEL_INFO) {
		*out = *info;
		out->signo = sig;
		return;
	}
	*out = (struct siginfo_k){ .signo = sig, .code = SI_KERNEL };
	if (!info) {
		out->code = SI_USER;
		if (current->proc) {
			out->pid = current->proc->pid;
			out->uid = current_cred()->uid;
		}
	}
}

static int signal_info_code(const struct siginfo_k *info)
{
	if (!info)
		return SI_USER;
	if (info == SI_KERNEL_INFO)
		return SI_KERNEL;
	return info->code;
}

/*
 * Allocate an entry, if the limit allows it. Standard signals of the kernel and of
 * kill() may exceed the limit, which is meant against floods of real-time signals.
 */
static struct signal_entry *signal_entry_create(struct process *p, struct thread *t, int sig,
						int code)
{
	struct user_account *account;
	struct signal_entry *entry;
	struct cred *cred;
	s32 nr_signals;

	rcu_read_lock();
	cred = rcu_dereference(t->cred);
	account = cred ? cred->account : &root_account;
	account_get(account);
	rcu_read_unlock();
	nr_signals = atomic_add_return(&account->nr_signals, 1);
	entry = NULL;
	if ((sig < SIGRTMIN && code >= 0) ||
	    (u64)nr_signals <= p->limits[RLIMIT_SIGPENDING].rlim_cur)
		entry = kmem_cache_alloc(entry_cache);
	if (!entry) {
		atomic_dec(&account->nr_signals);
		account_put(account);
		return NULL;
	}
	entry->account = account;
	entry->timer = NULL;
	entry->embedded = false;
	return entry;
}

/* Add the signal to the set, and its details to the queue. */
static int signal_enqueue(struct process *p, struct thread *t, int sig,
			  const struct siginfo_k *info)
{
	struct signal_queue *queue = signal_queue_of(p, t);
	struct signal_entry *entry = NULL;
	int code = signal_info_code(info);

	assert_held(&p->sig_lock);
	if (sig < SIGRTMIN && sig_in(queue->set, sig))
		return 0;
	if (sig < SIGRTMIN)
		entry = &queue->first;
	if (!entry || unlikely(!list_empty(&entry->link)))
		entry = signal_entry_create(
			p, t ? t : list_first(&p->threads, struct thread, proc_link), sig, code);
	if (likely(entry != NULL)) {
		signal_info_fill(&entry->info, sig, info);
		list_add_tail(&entry->link, &queue->entries);
	} else if (sig >= SIGRTMIN && code != SI_USER && code != SI_KERNEL) {
		return -EAGAIN;
	}
	queue->set |= sigbit(sig);
	return 0;
}

/* ---- choosing a thread ---- */

static void thread_wake_for_signal(struct thread *t, u32 work, u32 states)
{
	thread_set_work(t, work);
	thread_wake_state(t, states);
}

static bool thread_wants_signal(struct thread *t, int sig)
{
	struct task_signals *signals = t->sig;

	if (signals->exiting || sig_in(signals->blocked & ~signals->wanted, sig))
		return false;
	if (sig == SIGKILL)
		return true;
	return t == current || !(READ_ONCE(t->work) & WORK_SIGNAL);
}

static struct thread *signal_choose_thread(struct process *p, struct thread *only, int sig)
{
	struct thread *t;

	assert_held(&p->sig_lock);
	if (only && !thread_wants_signal(only, sig))
		return NULL;
	if (only)
		return only;
	list_for_each(t, &p->threads, proc_link)
		if (thread_wants_signal(t, sig))
			return t;
	return NULL;
}

/* Will the signal end the process when it is delivered? */
static bool signal_is_fatal(struct process *p, struct thread *t, int sig)
{
	if (p->unkillable || !sighand_is_default(p->sighand, sig))
		return false;
	if (sig == SIGKILL)
		return true;
	return sig_default_action(sig) == SIG_DEFAULT_TERMINATE && !sig_in(t->sig->wanted, sig) &&
	       !t->sig->tracee;
}

void signal_group_exit_locked(struct process *p, int status)
{
	struct thread *t;

	assert_held(&p->sig_lock);
	if (p->exiting)
		return;
	p->exiting = true;
	p->exit_status = status;
	p->stop_signal = 0;
	list_for_each(t, &p->threads, proc_link)
		thread_wake_for_signal(t, WORK_EXIT,
				       1u << THREAD_INTERRUPTIBLE | 1u << THREAD_KILLABLE |
					       1u << THREAD_STOPPED | 1u << THREAD_TRACED);
}

static void signal_wake_a_thread(struct process *p, struct thread *only, int sig)
{
	struct thread *t;

	assert_held(&p->sig_lock);
	if (p != current->proc || p->nr_threads > 1) /* else the one mask is this thread's own */
		smp_mb(); /* the pending set before the masks: signal_set_mask() */
	t = signal_choose_thread(p, only, sig);
	if (!t)
		return;
	if (signal_is_fatal(p, t, sig)) {
		signal_group_exit_locked(p, WAIT_STATUS_SIGNALED(sig));
		return;
	}
	if (t == current && t->state == THREAD_RUNNABLE)
		__atomic_or_fetch(&t->work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
	else
		thread_wake_for_signal(t, WORK_SIGNAL, 1u << THREAD_INTERRUPTIBLE);
}

/* ---- sending ---- */

static bool signal_is_ignored(struct process *p, struct thread *t, int sig)
{
	struct sighand *sighand = p->sighand;
	bool is_default = sighand_is_default(sighand, sig);

	assert_held(&p->sig_lock);
	/* The action of a blocked signal may change before it is unblocked. */
	if (sig_in(t->sig->blocked | t->sig->wanted, sig))
		return false;
	if (unlikely(t->sig->tracee != NULL) && sig != SIGKILL) /* which sees all */
		return false;
	if (is_default && p->unkillable)
		return true;
	if (is_default)
		return sig_default_action(sig) == SIG_DEFAULT_IGNORE;
	return sig_in(sighand->ignored, sig);
}

/* Continue after a stop. The first thread that runs again notifies the parent. */
static void process_continue_locked(struct process *p)
{
	struct thread *t;

	assert_held(&p->sig_lock);
	signal_flush_everywhere(p, SIGSET_STOP);
	p->stop_taken = false;
	if (!p->stop_signal)
		return;
	p->cld_signal = p->stop_signal;
	if (p->state == PROC_STOPPED)
		p->cld_notify = CLD_CONTINUED;
	else
		p->cld_notify = CLD_STOPPED;
	if (p->state == PROC_STOPPED) {
		p->state = PROC_LIVE;
		p->stop_status = 0;
		p->continued = true;
	}
	p->stop_signal = 0;
	list_for_each(t, &p->threads, proc_link) {
		t->sig->stop_owed = false;
		thread_wake_for_signal(t, WORK_SIGNAL, 1u << THREAD_STOPPED);
		ptrace_continued_locked(t);
	}
}

int signal_send_locked(struct process *p, struct thread *t, int sig, const struct siginfo_k *info)
{
	struct thread *main = t;
	int err;

	assert_held(&p->sig_lock);
	/* Sending to a process or thread that ends succeeds and has no effect. */
	if (p->exiting || list_empty(&p->threads) || (t && t->sig->exiting))
		return 0;
	if (!main)
		main = list_first(&p->threads, struct thread, proc_link);
	if (sig == SIGCONT)
		process_continue_locked(p);
	else if (sig_in(SIGSET_STOP, sig))
		signal_flush_everywhere(p, sigbit(SIGCONT));
	if (signal_is_ignored(p, main, sig))
		return 0;
	err = signal_enqueue(p, t, sig, info);
	if (err)
		return err;
	signal_wake_a_thread(p, t, sig);
	signal_watch_wake(p);
	return 0;
}

enum signal_timer_result signal_send_timer(struct process *p, struct thread *t,
					   struct signal_entry *entry)
{
	struct signal_queue *queue = signal_queue_of(p, t);
	int sig = entry->info.signo;

	assert_held(&p->sig_lock);
	if (!list_empty(&entry->link))
		return SIGNAL_TIMER_PENDING;
	if (list_empty(&p->threads) || p->exiting || (t && t->sig->exiting) ||
	    signal_is_ignored(p, t ? t : list_first(&p->threads, struct thread, proc_link), sig))
		return SIGNAL_TIMER_IGNORED;
	list_add_tail(&entry->link, &queue->entries);
	queue->set |= sigbit(sig);
	signal_wake_a_thread(p, t, sig);
	signal_watch_wake(p);
	return SIGNAL_TIMER_QUEUED;
}

int signal_send_process(struct process *p, int sig, const struct siginfo_k *info)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	int err = signal_send_locked(p, NULL, sig, info);

	spin_unlock_irqrestore(&p->sig_lock, flags);
	return err;
}

int signal_send_thread(struct thread *t, int sig, const struct siginfo_k *info)
{
	struct process *p = t->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	int err = signal_send_locked(p, t, sig, info);

	spin_unlock_irqrestore(&p->sig_lock, flags);
	return err;
}

int signal_send_pgrp_locked(struct pid *pgrp, int sig, const struct siginfo_k *info)
{
	struct process *p;

	assert_held(&process_lock);
	if (!pgrp || list_empty(&pgrp->members))
		return -ESRCH;
	list_for_each(p, &pgrp->members, pgrp_link)
		signal_send_process(p, sig, info);
	return 0;
}

int signal_send_pgrp(pid_t pgrp, int sig, const struct siginfo_k *info)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	int err = signal_send_pgrp_locked(pid_lookup(pgrp), sig, info);

	spin_unlock_irqrestore(&process_lock, flags);
	return err;
}

/*
 * A fault cannot be deferred: if its signal is blocked or ignored, it gets the
 * default action. The details are stored in the thread itself, so no allocation
 * can fail.
 */
void signal_force_fault(int sig, int code, u64 addr)
{
	struct process *p = current->proc;
	struct task_signals *signals = current->sig;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct sighand *sighand = p->sighand;
	bool locked = sighand_lock(sighand);

	if (sig_in(signals->blocked | sighand->ignored, sig)) {
		sighand_set_default(sighand, sig);
		signals->blocked &= ~sigbit(sig);
	}
	if (sighand_is_default(sighand, sig))
		p->unkillable = false;
	sighand_unlock(sighand, locked);
	signal_queue_flush(&signals->pending, sigbit(sig));
	signals->fault = (struct siginfo_k){ .signo = sig, .code = code, .addr = addr };
	signals->fault_valid = true;
	signals->pending.set |= sigbit(sig);
	thread_set_work(current, WORK_SIGNAL);
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

/* ---- dequeuing ---- */

/* The first entry of @sig. @more  out: another one is queued behind it */
static struct signal_entry *signal_queue_find(struct signal_queue *queue, int sig, bool *more)
{
	struct signal_entry *entry, *first = NULL;

	*more = false;
	list_for_each(entry, &queue->entries, link) {
		if (entry->info.signo != sig)
			continue;
		if (first) {
			*more = true;
			break;
		}
		first = entry;
	}
	return first;
}

static int signal_dequeue_from(struct process *p, struct signal_queue *queue, u64 set,
			       struct siginfo_k *info)
{
	int sig = sig_first(queue->set & set);
	struct signal_entry *entry;
	bool more;

	assert_held(&p->sig_lock);
	if (!sig)
		return 0;
	entry = &queue->first;
	more = false;
	/* The usual case: one signal, in the queue's own entry. */
	if (entry->info.signo != sig || queue->entries.next != &entry->link ||
	    queue->entries.prev != &entry->link)
		entry = signal_queue_find(queue, sig, &more);
	if (!more)
		queue->set &= ~sigbit(sig);
	if (unlikely(sig == SIGALRM))
		itimer_real_continue(p);
	if (!entry) {
		*info = (struct siginfo_k){ .signo = sig, .code = SI_USER };
		return sig;
	}
	list_del(&entry->link);
	*info = entry->info;
	if (entry->timer)
		posix_timer_dequeued(p, entry->timer, info);
	else if (!entry->embedded)
		signal_entry_free(entry);
	return sig;
}

int signal_dequeue(struct process *p, struct task_signals *signals, u64 set, struct siginfo_k *info)
{
	int sig;

	assert_held(&p->sig_lock);
	if (unlikely(signals->fault_valid) &&
	    sig_in(set & signals->pending.set, signals->fault.signo)) {
		*info = signals->fault;
		signals->fault_valid = false;
		signals->pending.set &= ~sigbit(info->signo);
		return info->signo;
	}
	sig = 0;
	if (signals->pending.set & set)
		sig = signal_dequeue_from(p, &signals->pending, set, info);
	if (!sig)
		sig = signal_dequeue_from(p, &p->shared, set, info);
	return sig;
}

/* ---- the current thread ---- */

void signal_recalc(void)
{
	struct process *p = current->proc;
	struct task_signals *signals = current->sig;

	assert_held(&current->proc->sig_lock);
	if (((signals->pending.set | p->shared.set) & ~signals->blocked) ||
	    (p->stop_signal && !signals->stop_passed) || p->cld_notify ||
	    ptrace_is_interrupted(signals))
		thread_set_work(current, WORK_SIGNAL);
	else if (READ_ONCE(current->work) & WORK_SIGNAL)
		thread_clear_work(current, WORK_SIGNAL);
}

/* Wake other threads for signals of the process that this thread can take no longer. */
static void signal_retarget(struct process *p, struct thread *leaving, u64 set)
{
	struct thread *t;
	u64 left;

	assert_held(&p->sig_lock);
	for (left = p->shared.set & set; left; left &= left - 1) {
		int sig = __builtin_ctzll(left) + 1;

		list_for_each(t, &p->threads, proc_link) {
			if (t == leaving || t->sig->exiting || sig_in(t->sig->blocked, sig))
				continue;
			thread_wake_for_signal(t, WORK_SIGNAL, 1u << THREAD_INTERRUPTIBLE);
			break;
		}
	}
}

/*
 * Takes the lock only if a signal is pending: the mask is written before the
 * pending sets are read, and a sender writes those before it reads masks
 * (signal_wake_a_thread()), so one of the two sees the other.
 */
void signal_set_mask(u64 mask)
{
	struct process *p = current->proc;
	struct task_signals *signals = current->sig;
	u64 newly, flags;

	newly = mask & ~__atomic_exchange_n(&signals->blocked, mask, __ATOMIC_SEQ_CST);
	if (likely(!(READ_ONCE(signals->pending.set) | READ_ONCE(p->shared.set)) &&
		   !(READ_ONCE(current->work) & WORK_SIGNAL)))
		return;
	flags = spin_lock_irqsave(&p->sig_lock);
	if (unlikely(p->shared.set & newly) && p->nr_threads > 1)
		signal_retarget(p, current, newly);
	signal_recalc();
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

bool user_thread_lives(void)
{
	return current->proc && !current->sig->exiting;
}

bool signal_thread_leaves(struct process *p, struct thread *t)
{
	struct task_signals *signals = t->sig;

	signals->exiting = true;
	signal_queue_flush(&signals->pending, ~0ull);
	if (p->shared.set && !p->exiting)
		signal_retarget(p, t, ~signals->blocked);
	if (signals->stop_owed) {
		signals->stop_owed = false;
		return p->stop_signal && --p->stop_left == 0;
	}
	return false;
}

bool signal_is_ignored_or_blocked(int sig)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	bool result = sig_in(current->sig->blocked | p->sighand->ignored, sig);

	spin_unlock_irqrestore(&p->sig_lock, flags);
	return result;
}

void process_signal_sets(struct process *p, struct thread *t, struct signal_sets *out)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	*out = (struct signal_sets){
		.shared_pending = p->shared.set,
		.queued = (u32)atomic_read(&root_account.nr_signals),
	};
	if (t && t->sig) {
		out->pending = t->sig->pending.set;
		out->blocked = t->sig->blocked;
	}
	if (p->sighand) {
		out->ignored = p->sighand->ignored;
		out->caught = p->sighand->caught;
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}
