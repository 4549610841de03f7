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

/* Locking: the target's sig_lock. */
static int process_change_limit(struct process *p, u32 which, const struct rlimit64 *new)
{
	struct rlimit64 *wanted = &p->limits[which];

	assert_held(&p->sig_lock);
	if (new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (which == RLIMIT_NOFILE && new->rlim_max > NOFILE_MAX)
		return -EPERM;
	if (new->rlim_max > wanted->rlim_max && !current_capable(CAP_SYS_RESOURCE))
		return -EPERM;
	*wanted = *new;
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
		err = process_change_limit(p, which, new);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (!err && new && (which == RLIMIT_CPU || which == RLIMIT_RTTIME))
		err = cpu_limit_changed(p);
	return err;
}

/* prlimit(2): all ids of the target must be the caller's. */
static int process_may_limit(struct process *p)
{
	const struct cred *caller = current_cred();
	struct cred *cred;
	bool ok;

	if (p == current->proc)
		return 0;
	if (cred_capable(caller, CAP_SYS_RESOURCE))
		return 0;
	rcu_read_lock();
	cred = rcu_dereference(p->leader->cred);
	ok = caller->uid == cred->euid && caller->uid == cred->suid && caller->uid == cred->uid &&
	     caller->gid == cred->egid && caller->gid == cred->sgid && caller->gid == cred->gid;
	rcu_read_unlock();
	if (!ok)
		return -EPERM;
	return 0;
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
	err = -ESRCH;
	if (p->leader)
		err = process_may_limit(p);
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
	struct rlimit64 limit;
	int err = do_prlimit(current->proc, (u32)which, NULL, &limit);

	if (err)
		return err;
	return copy_to_user(uaddr(user), &limit, sizeof(limit));
}

SYSCALL2(setrlimit, which, user)
{
	struct rlimit64 limit;

	if (copy_from_user(&limit, uaddr(user), sizeof(limit)))
		return -EFAULT;
	return do_prlimit(current->proc, (u32)which, &limit, NULL);
}

/* ---- usage ---- */

static void rusage_set_times(struct rusage *usage, u64 user_ns, u64 system_ns)
{
	usage->ru_utime = timeval_from_ns(user_ns);
	usage->ru_stime = timeval_from_ns(system_ns);
}

static void rusage_of_thread(struct rusage *usage, const struct thread *t)
{
	if (t == current)
		sched_charge_current();
	*usage = (struct rusage){ 0 };
	rusage_set_times(usage, t->user_ns, t->system_ns);
	usage->ru_minflt = (s64)t->sig->minflt;
	usage->ru_majflt = (s64)t->sig->majflt;
	usage->ru_nvcsw = (s64)t->nvcsw;
	usage->ru_nivcsw = (s64)t->nivcsw;
}

static void rusage_of_process(struct rusage *usage, struct process *p)
{
	u64 user, system, flags;
	struct thread *t;

	process_times(p, &user, &system);
	*usage = (struct rusage){ 0 };
	rusage_set_times(usage, user, system);
	flags = spin_lock_irqsave(&p->sig_lock);
	usage->ru_minflt = (s64)p->minflt;
	usage->ru_majflt = (s64)p->majflt;
	usage->ru_nvcsw = (s64)p->nvcsw;
	usage->ru_nivcsw = (s64)p->nivcsw;
	list_for_each(t, &p->threads, proc_link) {
		usage->ru_minflt += (s64)t->sig->minflt;
		usage->ru_majflt += (s64)t->sig->majflt;
		usage->ru_nvcsw += (s64)t->nvcsw;
		usage->ru_nivcsw += (s64)t->nivcsw;
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

void process_faults(struct process *p, struct thread *t, u64 *minor, u64 *major)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	if (t) {
		*minor = t->sig->minflt;
		*major = t->sig->majflt;
	} else {
		*minor = p->minflt;
		*major = p->majflt;
		list_for_each(t, &p->threads, proc_link) {
			*minor += t->sig->minflt;
			*major += t->sig->majflt;
		}
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

/* The space records its own peak, the process the peak of its spaces before execve(). */
static u64 process_peak_pages(struct process *p)
{
	struct vm_space *space = process_space_get(p);
	struct vm_usage usage = { 0 };

	if (space) {
		vm_space_usage(space, &usage);
		vm_space_put(space);
	}
	return MAX(usage.peak_rss, p->peak_rss_pages);
}

static void rusage_of_children(struct rusage *usage, const struct process *p)
{
	*usage = (struct rusage){ 0 };
	rusage_set_times(usage, p->child_user_ns, p->child_system_ns);
	usage->ru_minflt = (s64)p->child_minflt;
	usage->ru_majflt = (s64)p->child_majflt;
	usage->ru_nvcsw = (s64)p->child_nvcsw;
	usage->ru_nivcsw = (s64)p->child_nivcsw;
	usage->ru_maxrss = (s64)(p->child_peak_rss_pages * KIB_PER_PAGE);
}

void rusage_of_child(struct process *child, struct rusage *usage)
{
	u64 user, system;

	assert_held(&process_lock);
	rusage_of_process(usage, child);
	process_times(child, &user, &system);
	rusage_set_times(usage, user + child->child_user_ns, system + child->child_system_ns);
	usage->ru_minflt += (s64)child->child_minflt;
	usage->ru_majflt += (s64)child->child_majflt;
	usage->ru_nvcsw += (s64)child->child_nvcsw;
	usage->ru_nivcsw += (s64)child->child_nivcsw;
	usage->ru_maxrss =
		(s64)(MAX(child->peak_rss_pages, child->child_peak_rss_pages) * KIB_PER_PAGE);
}

SYSCALL2(getrusage, who, user)
{
	struct process *p = current->proc;
	struct rusage usage;

	switch ((int)who) {
	case RUSAGE_SELF:
		rusage_of_process(&usage, p);
		usage.ru_maxrss = (s64)(process_peak_pages(p) * KIB_PER_PAGE);
		break;
	case RUSAGE_THREAD:
		rusage_of_thread(&usage, current);
		usage.ru_maxrss = (s64)(process_peak_pages(p) * KIB_PER_PAGE);
		break;
	case RUSAGE_CHILDREN: rusage_of_children(&usage, p); break;
	default: return -EINVAL;
	}
	return copy_to_user(uaddr(user), &usage, sizeof(usage));
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

static int thread_change_nice(struct thread *t, int nice)
{
	const struct cred *caller = current_cred();
	struct cred *cred = thread_cred_get(t);
	bool owner = caller->euid == cred->uid || caller->euid == cred->euid;

	cred_put(cred);
	if (!owner && !cred_capable(caller, CAP_SYS_NICE))
		return -EPERM;
	/* RLIMIT_NICE 1..40 means nice 19..-20. */
	if (nice < t->nice && (u64)(20 - nice) > t->proc->limits[RLIMIT_NICE].rlim_cur &&
	    !cred_capable(caller, CAP_SYS_NICE))
		return -EACCES;
	thread_set_nice(t, nice);
	return 0;
}

static void priority_visit_thread(struct priority_walk *request, struct thread *t)
{
	if (!request->set) { /* the highest priority of all is returned */
		request->result = MAX(request->result, 20 - t->nice);
		return;
	}
	int err = thread_change_nice(t, request->nice);

	if (request->result == -ESRCH || err)
		request->result = err;
}

static bool priority_is_meant(const struct priority_walk *request, struct process *p)
{
	switch (request->which) {
	case PRIO_PGRP: return (u32)p->pgrp == request->who;
	case PRIO_USER: return p->leader && p->leader->cred->uid == request->who;
	}
	return false;
}

static void priority_walk_processes(struct priority_walk *request)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct process *p;
	struct thread *t;

	list_for_each(p, &process_list, all_link) {
		if (!priority_is_meant(request, p))
			continue;
		raw_spin_lock(&p->sig_lock);
		list_for_each(t, &p->threads, proc_link)
			priority_visit_thread(request, t);
		raw_spin_unlock(&p->sig_lock);
	}
	spin_unlock_irqrestore(&process_lock, flags);
}

static int priority_walk_targets(struct priority_walk *request)
{
	struct thread *t;

	request->result = -ESRCH;
	switch (request->which) {
	case PRIO_PROCESS:
		t = request->who ? thread_find((pid_t)request->who) : current;
		if (!t)
			return -ESRCH;
		priority_visit_thread(request, t);
		if (request->who)
			thread_put(t);
		return request->result;
	case PRIO_PGRP:
		if (!request->who)
			request->who = (u32)current->proc->pgrp;
		break;
	case PRIO_USER:
		if (!request->who)
			request->who = current_cred()->uid;
		break;
	default: return -EINVAL;
	}
	priority_walk_processes(request);
	return request->result;
}

SYSCALL2(getpriority, which, who)
{
	struct priority_walk request = { .which = (int)which, .who = (u32)who };

	return priority_walk_targets(&request);
}

SYSCALL3(setpriority, which, who, nice)
{
	struct priority_walk request = {
		.which = (int)which,
		.who = (u32)who,
		.set = true,
		.nice = MAX(-20, MIN(19, (int)nice)),
	};

	return priority_walk_targets(&request);
}
