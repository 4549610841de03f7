// SPDX-License-Identifier: MIT
/*
 * Limits, usage, times, priorities of processes and users.
 */
#include "internal.h"
#include <kernel/page.h>
#include <kernel/syscalls.h>
#include <kernel/vm.h>
#include <uapi/times.h>

#define NOFILE_MAX   1048576u /* sysctl fs.nr_open */
#define KIB_PER_PAGE (PAGE_SIZE / 1024)

/* ---- limits ---- */

/* Under the target's sig_lock. */
static int change_limit(struct process *p, u32 which, const struct rlimit64 *new)
{
	struct rlimit64 *l = &p->limits[which];

	if (new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (which == RLIMIT_NOFILE && new->rlim_max > NOFILE_MAX)
		return -EPERM;
	if (new->rlim_max > l->rlim_max && !current_capable(CAP_SYS_RESOURCE))
		return -EPERM;
	*l = *new;
	return 0;
}

static int do_prlimit(struct process *p, u32 which, const struct rlimit64 *new,
		      struct rlimit64 *old)
{
	u64 flags;
	int err = 0;

	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	flags = spin_lock_irqsave(&p->sig_lock);
	if (old)
		*old = p->limits[which];
	if (new)
		err = change_limit(p, which, new);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (!err && new && (which == RLIMIT_CPU || which == RLIMIT_RTTIME))
		err = cpu_limit_changed(p);
	return err;
}

/* prlimit(2): all of the target's ids must be ours. */
static int may_limit(struct process *p)
{
	const struct cred *me = current_cred();
	struct cred *c;
	bool ok;

	if (p == current->proc)
		return 0;
	if (cred_capable(me, CAP_SYS_RESOURCE))
		return 0;
	rcu_read_lock();
	c = rcu_dereference(p->leader->cred);
	ok = me->uid == c->euid && me->uid == c->suid && me->uid == c->uid && me->gid == c->egid &&
	     me->gid == c->sgid && me->gid == c->gid;
	rcu_read_unlock();
	return ok ? 0 : -EPERM;
}

SYSCALL4(prlimit64, pid, which, user_new, user_old)
{
	struct rlimit64 new, old;
	struct process *p = current->proc;
	u64 flags;
	int err;

	if (user_new && copy_from_user(&new, uaddr(user_new), sizeof(new)))
		return -EFAULT;
	if ((pid_t)pid && (pid_t)pid != p->pid) {
		p = process_find((pid_t)pid);
		if (!p)
			return -ESRCH;
	} else {
		process_get(p);
	}
	flags = spin_lock_irqsave(&process_lock);
	err = p->leader ? may_limit(p) : -ESRCH;
	spin_unlock_irqrestore(&process_lock, flags);
	if (!err)
		err = do_prlimit(p, (u32)which, user_new ? &new : NULL, user_old ? &old : NULL);
	process_put(p);
	if (!err && user_old && copy_to_user(uaddr(user_old), &old, sizeof(old)))
		return -EFAULT;
	return err;
}

SYSCALL2(getrlimit, which, user)
{
	struct rlimit64 l;
	int err = do_prlimit(current->proc, (u32)which, NULL, &l);

	return err ? err : copy_to_user(uaddr(user), &l, sizeof(l));
}

SYSCALL2(setrlimit, which, user)
{
	struct rlimit64 l;

	if (copy_from_user(&l, uaddr(user), sizeof(l)))
		return -EFAULT;
	return do_prlimit(current->proc, (u32)which, &l, NULL);
}

/* ---- usage ---- */

static void set_times(struct rusage *ru, u64 user_ns, u64 system_ns)
{
	ru->ru_utime = timeval_from_ns(user_ns);
	ru->ru_stime = timeval_from_ns(system_ns);
}

static void usage_of_thread(struct rusage *ru, const struct thread *t)
{
	*ru = (struct rusage){ 0 };
	set_times(ru, t->user_ns, t->system_ns);
	ru->ru_minflt = (s64)t->sig->minflt;
	ru->ru_majflt = (s64)t->sig->majflt;
	ru->ru_nvcsw = (s64)t->nvcsw;
	ru->ru_nivcsw = (s64)t->nivcsw;
}

static void usage_of_process(struct rusage *ru, struct process *p)
{
	u64 user, system, flags;
	struct thread *t;

	process_times(p, &user, &system);
	*ru = (struct rusage){ 0 };
	set_times(ru, user, system);
	flags = spin_lock_irqsave(&p->sig_lock);
	ru->ru_minflt = (s64)p->minflt;
	ru->ru_majflt = (s64)p->majflt;
	ru->ru_nvcsw = (s64)p->nvcsw;
	ru->ru_nivcsw = (s64)p->nivcsw;
	list_for_each(t, &p->threads, proc_link) {
		ru->ru_minflt += (s64)t->sig->minflt;
		ru->ru_majflt += (s64)t->sig->majflt;
		ru->ru_nvcsw += (s64)t->nvcsw;
		ru->ru_nivcsw += (s64)t->nivcsw;
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

void process_faults(struct process *p, struct thread *t, u64 *minor, u64 *major)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	*minor = t ? t->sig->minflt : p->minflt;
	*major = t ? t->sig->majflt : p->majflt;
	if (!t)
		list_for_each(t, &p->threads, proc_link) {
			*minor += t->sig->minflt;
			*major += t->sig->majflt;
		}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

/* The live space knows its own peak, the process that of spaces before an exec. */
static u64 peak_pages(struct process *p)
{
	struct vm_space *space = process_space_get(p);
	struct vm_usage usage = { 0 };

	if (space) {
		vm_space_usage(space, &usage);
		vm_space_put(space);
	}
	return MAX(usage.peak_rss, p->peak_rss_pages);
}

static void usage_of_children(struct rusage *ru, const struct process *p)
{
	*ru = (struct rusage){ 0 };
	set_times(ru, p->child_user_ns, p->child_system_ns);
	ru->ru_minflt = (s64)p->child_minflt;
	ru->ru_majflt = (s64)p->child_majflt;
	ru->ru_nvcsw = (s64)p->child_nvcsw;
	ru->ru_nivcsw = (s64)p->child_nivcsw;
	ru->ru_maxrss = (s64)(p->child_peak_rss_pages * KIB_PER_PAGE);
}

/* Under process_lock: a child with all of its own children. */
void rusage_of_child(struct process *child, struct rusage *ru)
{
	u64 user, system;

	usage_of_process(ru, child);
	process_times(child, &user, &system);
	set_times(ru, user + child->child_user_ns, system + child->child_system_ns);
	ru->ru_minflt += (s64)child->child_minflt;
	ru->ru_majflt += (s64)child->child_majflt;
	ru->ru_nvcsw += (s64)child->child_nvcsw;
	ru->ru_nivcsw += (s64)child->child_nivcsw;
	ru->ru_maxrss =
		(s64)(MAX(child->peak_rss_pages, child->child_peak_rss_pages) * KIB_PER_PAGE);
}

SYSCALL2(getrusage, who, user)
{
	struct process *p = current->proc;
	struct rusage ru;

	switch ((int)who) {
	case RUSAGE_SELF:
		usage_of_process(&ru, p);
		ru.ru_maxrss = (s64)(peak_pages(p) * KIB_PER_PAGE);
		break;
	case RUSAGE_THREAD:
		usage_of_thread(&ru, current);
		ru.ru_maxrss = (s64)(peak_pages(p) * KIB_PER_PAGE);
		break;
	case RUSAGE_CHILDREN: usage_of_children(&ru, p); break;
	default: return -EINVAL;
	}
	return copy_to_user(uaddr(user), &ru, sizeof(ru));
}

SYSCALL1(times, user)
{
	const u64 tick = NSEC_PER_SEC / USER_HZ;
	struct process *p = current->proc;
	u64 user_ns, system_ns;
	struct tms tms;

	if (user) {
		process_times(p, &user_ns, &system_ns);
		tms.tms_utime = (s64)(user_ns / tick);
		tms.tms_stime = (s64)(system_ns / tick);
		tms.tms_cutime = (s64)(p->child_user_ns / tick);
		tms.tms_cstime = (s64)(p->child_system_ns / tick);
		if (copy_to_user(uaddr(user), &tms, sizeof(tms)))
			return -EFAULT;
	}
	return (s64)(time_monotonic_ns() / tick);
}

/* ---- nice values ---- */

struct priority_walk {
	int which;
	u32 who;
	bool set;
	int nice;
	int result;
};

static int change_nice(struct thread *t, int nice)
{
	const struct cred *me = current_cred();
	struct cred *c = thread_cred_get(t);
	bool owner = me->euid == c->uid || me->euid == c->euid;

	cred_put(c);
	if (!owner && !cred_capable(me, CAP_SYS_NICE))
		return -EPERM;
	/* RLIMIT_NICE 1..40 stands for nice 19..-20. */
	if (nice < t->nice && (u64)(20 - nice) > t->proc->limits[RLIMIT_NICE].rlim_cur &&
	    !cred_capable(me, CAP_SYS_NICE))
		return -EACCES;
	thread_set_nice(t, nice);
	return 0;
}

static void visit_thread(struct priority_walk *w, struct thread *t)
{
	if (!w->set) { /* the highest priority of all counts */
		w->result = MAX(w->result, 20 - t->nice);
		return;
	}
	int err = change_nice(t, w->nice);

	if (w->result == -ESRCH || err)
		w->result = err;
}

static bool is_meant(const struct priority_walk *w, struct process *p)
{
	switch (w->which) {
	case PRIO_PGRP: return (u32)p->pgrp == w->who;
	case PRIO_USER: return p->leader && p->leader->cred->uid == w->who;
	}
	return false;
}

static void walk_processes(struct priority_walk *w)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct process *p;
	struct thread *t;

	list_for_each(p, &process_list, all_link) {
		if (!is_meant(w, p))
			continue;
		raw_spin_lock(&p->sig_lock);
		list_for_each(t, &p->threads, proc_link)
			visit_thread(w, t);
		raw_spin_unlock(&p->sig_lock);
	}
	spin_unlock_irqrestore(&process_lock, flags);
}

static int walk(struct priority_walk *w)
{
	struct thread *t;

	w->result = -ESRCH;
	switch (w->which) {
	case PRIO_PROCESS:
		t = w->who ? thread_find((pid_t)w->who) : current;
		if (!t)
			return -ESRCH;
		visit_thread(w, t);
		if (w->who)
			thread_put(t);
		return w->result;
	case PRIO_PGRP:
		if (!w->who)
			w->who = (u32)current->proc->pgrp;
		break;
	case PRIO_USER:
		if (!w->who)
			w->who = current_cred()->uid;
		break;
	default: return -EINVAL;
	}
	walk_processes(w);
	return w->result;
}

SYSCALL2(getpriority, which, who)
{
	struct priority_walk w = { .which = (int)which, .who = (u32)who };

	return walk(&w);
}

SYSCALL3(setpriority, which, who, nice)
{
	struct priority_walk w = {
		.which = (int)which,
		.who = (u32)who,
		.set = true,
		.nice = MAX(-20, MIN(19, (int)nice)),
	};

	return walk(&w);
}
