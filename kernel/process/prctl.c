// SPDX-License-Identifier: MIT
/*
 * prctl, personality: settings of a process or thread.
 *
  * Options for features that do not exist (seccomp, tagged addresses,
 * speculation control, control-flow enforcement) return EINVAL, which
 * programs understand as "not supported by this kernel".
 */
#include "internal.h"
#include <kernel/syscalls.h>
#include <uapi/prctl.h>

#define SLACK_DEFAULT 50000u

static s64 prctl_set_name(u64 user)
{
	char name[sizeof(current->comm)] = { 0 };
	s64 length = strncpy_from_user(name, uaddr(user), sizeof(name) - 1);

	if (length < 0 && length != -ENAMETOOLONG)
		return length;
	name[sizeof(name) - 1] = '\0';
	memcpy(current->comm, name, sizeof(name));
	return 0;
}

static s64 prctl_get_name(u64 user)
{
	return copy_to_user(uaddr(user), current->comm, sizeof(current->comm));
}

static s64 prctl_set_subreaper(struct process *p, u64 value)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct process *descendant;

	p->child_subreaper = value;
	/* Later children inherit the flag; existing descendants get it here. */
	if (value)
		list_for_each(descendant, &process_list, all_link)
			for (struct process *ancestor = descendant->parent; ancestor;
			     ancestor = ancestor->parent)
				if (ancestor == p) {
					descendant->has_subreaper = true;
					break;
				}
	spin_unlock_irqrestore(&process_lock, flags);
	return 0;
}

static s64 prctl_set_no_new_privs(struct process *p, u64 arg2, u64 arg3, u64 arg4, u64 arg5)
{
	if (arg2 != 1 || arg3 || arg4 || arg5)
		return -EINVAL;
	p->no_new_privs = true;
	return 0;
}

SYSCALL5(prctl, op_arg, arg2, arg3, arg4, arg5)
{
	struct process *p = current->proc;
	int option = (int)op_arg;
	s64 result;

	if (capability_prctl(option, arg2, arg3, arg4, arg5, &result))
		return result;
	switch (option) {
	case PR_SET_NAME: return prctl_set_name(arg2);
	case PR_GET_NAME: return prctl_get_name(arg2);
	case PR_SET_PDEATHSIG:
		if (arg2 > NSIG)
			return -EINVAL;
		p->pdeath_signal = (int)arg2;
		return 0;
	case PR_GET_PDEATHSIG: return put_user_u32(uaddr(arg2), (u32)p->pdeath_signal);
	case PR_SET_DUMPABLE:
		if (arg2 > 1)
			return -EINVAL;
		process_set_dumpable(p, arg2);
		return 0;
	case PR_GET_DUMPABLE: return p->dumpable;
	case PR_SET_NO_NEW_PRIVS: return prctl_set_no_new_privs(p, arg2, arg3, arg4, arg5);
	case PR_GET_NO_NEW_PRIVS:
		if (arg2 || arg3 || arg4 || arg5)
			return -EINVAL;
		return p->no_new_privs;
	case PR_SET_CHILD_SUBREAPER: return prctl_set_subreaper(p, arg2);
	case PR_GET_CHILD_SUBREAPER: return put_user_u32(uaddr(arg2), p->child_subreaper);
	case PR_SET_TIMERSLACK:
		p->timer_slack_ns = SLACK_DEFAULT;
		if (arg2 && arg2 < UINT32_MAX)
			p->timer_slack_ns = (u32)arg2;
		return 0;
	case PR_GET_TIMERSLACK: return p->timer_slack_ns;
	case PR_GET_TID_ADDRESS: return put_user_u64(uaddr(arg2), current->clear_child_tid);
	case PR_GET_TIMING: return 0; /* PR_TIMING_STATISTICAL */
	case PR_SET_TIMING:
		if (arg2)
			return -EINVAL;
		return 0;
	case PR_GET_SECCOMP: return 0; /* not confined */
	}
	return -EINVAL;
}

SYSCALL1(personality, value)
{
	u32 old = current->proc->personality;

	if ((u32)value != 0xffffffff)
		current->proc->personality = (u32)value;
	return old;
}
