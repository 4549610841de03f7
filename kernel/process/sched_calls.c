// SPDX-License-Identifier: MIT
/*
 * The system calls about scheduling: policies, priorities, affinity. sched(7).
 */
#include "internal.h"
#include <kernel/syscalls.h>
#include <uapi/sched.h>

#define RT_PRIO_MAX    99
#define RR_INTERVAL_NS (4 * NSEC_PER_MSEC) /* kernel/sched.c: SLICE_NS */

/* @return the thread, counted; the caller for 0; NULL: there is none */
static struct thread *sched_find_target(pid_t tid)
{
	if (!tid) {
		thread_get(current);
		return current;
	}
	return thread_find(tid);
}

static bool sched_caller_owns(struct thread *t)
{
	const struct cred *caller = current_cred();
	struct cred *cred;
	bool ok;

	if (cred_capable(caller, CAP_SYS_NICE))
		return true;
	cred = thread_cred_get(t);
	ok = caller->euid == cred->euid || caller->euid == cred->uid;
	cred_put(cred);
	return ok;
}

SYSCALL0(sched_yield)
{
	sched_yield_current();
	return 0;
}

/* ---- policies ---- */

static bool policy_is_realtime(u32 policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int policy_check(u32 policy, int priority)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		if (priority < 1 || priority > RT_PRIO_MAX)
			return -EINVAL;
		return 0;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
		if (priority)
			return -EINVAL;
		return 0;
	}
	return -EINVAL;
}

static int sched_may_set_policy(struct thread *t, u32 policy, int priority, int nice)
{
	u64 rt_limit = t->proc->limits[RLIMIT_RTPRIO].rlim_cur;
	u64 nice_limit = t->proc->limits[RLIMIT_NICE].rlim_cur;

	if (current_capable(CAP_SYS_NICE))
		return 0;
	if (!sched_caller_owns(t))
		return -EPERM;
	if (policy_is_realtime(policy)) {
		if (policy != t->policy && !rt_limit)
			return -EPERM;
		if (priority > t->rt_priority && (u64)priority > rt_limit)
			return -EPERM;
	} else if (nice < t->nice && (u64)(20 - nice) > nice_limit) {
		return -EPERM;
	}
	if (t->policy == SCHED_IDLE && policy != SCHED_IDLE && (u64)(20 - t->nice) > nice_limit)
		return -EPERM;
	return 0;
}

#define NICE_UNCHANGED 20

/* @policy  below 0: unchanged; @nice  NICE_UNCHANGED, or -20 to 19 */
static s64 thread_change_policy(pid_t tid, int policy, int priority, int nice)
{
	int new_nice = nice, err;
	struct thread *t;

	if (tid < 0)
		return -EINVAL;
	t = sched_find_target(tid);
	if (!t)
		return -ESRCH;
	if (policy < 0)
		policy = t->policy;
	if (nice == NICE_UNCHANGED)
		new_nice = t->nice;
	/* SCHED_RESET_ON_FORK, with which children lose real-time priority, is not implemented. */
	err = -EINVAL;
	if (!(policy & SCHED_RESET_ON_FORK))
		err = policy_check((u32)policy, priority);
	if (!err)
		err = sched_may_set_policy(t, (u32)policy, priority, new_nice);
	if (!err) {
		thread_set_policy(t, (u32)policy, (u32)priority);
		if (nice != NICE_UNCHANGED)
			thread_set_nice(t, nice);
		if (policy_is_realtime((u32)policy))
			err = cpu_limit_changed(t->proc);
	}
	thread_put(t);
	return err;
}

SYSCALL3(sched_setscheduler, tid, policy, user_param)
{
	u32 priority;

	if ((int)policy < 0 || !user_param)
		return -EINVAL;
	if (get_user_u32(&priority, uaddr(user_param)))
		return -EFAULT;
	return thread_change_policy((pid_t)tid, (int)policy, (int)priority, NICE_UNCHANGED);
}

SYSCALL2(sched_setparam, tid, user_param)
{
	u32 priority;

	if (!user_param)
		return -EINVAL;
	if (get_user_u32(&priority, uaddr(user_param)))
		return -EFAULT;
	return thread_change_policy((pid_t)tid, -1, (int)priority, NICE_UNCHANGED);
}

SYSCALL1(sched_getscheduler, tid)
{
	struct thread *t;
	s64 policy;

	if ((pid_t)tid < 0)
		return -EINVAL;
	t = sched_find_target((pid_t)tid);
	if (!t)
		return -ESRCH;
	policy = t->policy;
	thread_put(t);
	return policy;
}

SYSCALL2(sched_getparam, tid, user_param)
{
	struct thread *t;
	u32 priority;

	if ((pid_t)tid < 0 || !user_param)
		return -EINVAL;
	t = sched_find_target((pid_t)tid);
	if (!t)
		return -ESRCH;
	priority = t->rt_priority;
	thread_put(t);
	return put_user_u32(uaddr(user_param), priority);
}

SYSCALL3(sched_setattr, tid, user_attr, flags)
{
	struct sched_attr attr = { 0 };
	u32 size;
	int nice;

	if (!user_attr || (pid_t)tid < 0 || (u32)flags)
		return -EINVAL;
	if (get_user_u32(&size, uaddr(user_attr)))
		return -EFAULT;
	if (!size)
		size = SCHED_ATTR_SIZE_VER0;
	if (size < SCHED_ATTR_SIZE_VER0 || size > sizeof(attr)) {
		if (put_user_u32(uaddr(user_attr), sizeof(attr)))
			return -EFAULT;
		return -E2BIG;
	}
	if (copy_from_user(&attr, uaddr(user_attr), size))
		return -EFAULT;
	if (attr.flags || attr.util_min || attr.util_max)
		return -EINVAL;
	if (policy_is_realtime(attr.policy))
		nice = NICE_UNCHANGED;
	else
		nice = MAX(-20, MIN(19, attr.nice));
	return thread_change_policy((pid_t)tid, (int)attr.policy, (int)attr.priority, nice);
}

SYSCALL4(sched_getattr, tid, user_attr, size_arg, flags)
{
	struct sched_attr attr = { .size = SCHED_ATTR_SIZE_VER0 };
	u32 size = (u32)size_arg;
	struct thread *t;

	if (!user_attr || (pid_t)tid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 ||
	    (u32)flags)
		return -EINVAL;
	t = sched_find_target((pid_t)tid);
	if (!t)
		return -ESRCH;
	attr.policy = t->policy;
	attr.priority = t->rt_priority;
	if (!policy_is_realtime(t->policy))
		attr.nice = t->nice;
	thread_put(t);
	return copy_to_user(uaddr(user_attr), &attr, SCHED_ATTR_SIZE_VER0);
}

SYSCALL1(sched_get_priority_max, policy)
{
	if (policy_is_realtime((u32)policy))
		return RT_PRIO_MAX;
	return policy_check((u32)policy, 0);
}

SYSCALL1(sched_get_priority_min, policy)
{
	if (policy_is_realtime((u32)policy))
		return 1;
	return policy_check((u32)policy, 0);
}

SYSCALL2(sched_rr_get_interval, tid, user)
{
	struct thread *t;
	u32 policy;

	if ((pid_t)tid < 0)
		return -EINVAL;
	t = sched_find_target((pid_t)tid);
	if (!t)
		return -ESRCH;
	policy = t->policy;
	thread_put(t);
	if (policy == SCHED_FIFO)
		return timespec_to_user(uaddr(user), 0);
	return timespec_to_user(uaddr(user), RR_INTERVAL_NS);
}

/* ---- affinity ---- */

SYSCALL3(sched_setaffinity, tid, len_arg, user_mask)
{
	u64 len = MIN((u64)(u32)len_arg, (u64)sizeof(struct cpumask));
	struct cpumask mask = { 0 };
	struct thread *t;
	int err;

	if (copy_from_user(&mask, uaddr(user_mask), len))
		return -EFAULT;
	t = sched_find_target((pid_t)tid);
	if (!t)
		return -ESRCH;
	err = -EPERM;
	if (sched_caller_owns(t))
		err = thread_set_affinity(t, &mask);
	thread_put(t);
	return err;
}

SYSCALL3(sched_getaffinity, tid, len_arg, user_mask)
{
	struct cpumask mask = { 0 };
	u32 len = (u32)len_arg;
	struct thread *t;

	if ((u64)len * 8 < cpu_count || len & 7)
		return -EINVAL;
	t = sched_find_target((pid_t)tid);
	if (!t)
		return -ESRCH;
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->online && cpumask_test(&t->affinity, i))
			cpumask_set(&mask, i);
	thread_put(t);
	len = MIN(len, (u32)sizeof(mask));
	if (copy_to_user(uaddr(user_mask), &mask, len))
		return -EFAULT;
	return len;
}

SYSCALL3(getcpu, user_cpu, user_node, unused)
{
	u32 cpu = cpu_id();

	if (user_cpu && put_user_u32(uaddr(user_cpu), cpu))
		return -EFAULT;
	if (user_node && put_user_u32(uaddr(user_node), 0))
		return -EFAULT;
	return 0;
}
