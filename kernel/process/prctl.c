// SPDX-License-Identifier: MIT
/*
 * prctl, arch_prctl, personality: settings of a process or thread.
 *
 * Whatever would need something that is not there (seccomp, tagged addresses,
 * speculation control, control-flow enforcement) is EINVAL, which is what
 * programs take for "this kernel does not have it".
 */
#include "internal.h"
#include <asm/cpu.h>
#include <kernel/syscalls.h>
#include <uapi/prctl.h>

#define SLACK_DEFAULT 50000u

static s64 set_name(u64 user)
{
	char name[sizeof(current->comm)] = { 0 };
	s64 n = strncpy_from_user(name, uaddr(user), sizeof(name) - 1);

	if (n < 0 && n != -ENAMETOOLONG)
		return n;
	name[sizeof(name) - 1] = '\0';
	memcpy(current->comm, name, sizeof(name));
	return 0;
}

static s64 get_name(u64 user)
{
	return copy_to_user(uaddr(user), current->comm, sizeof(current->comm));
}

static s64 set_subreaper(struct process *p, u64 on)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct process *q;

	p->child_subreaper = on;
	/* Only a child made from now on inherits the mark; those there already get it here. */
	if (on)
		list_for_each(q, &process_list, all_link)
			for (struct process *a = q->parent; a; a = a->parent)
				if (a == p) {
					q->has_subreaper = true;
					break;
				}
	spin_unlock_irqrestore(&process_lock, flags);
	return 0;
}

static s64 set_no_new_privs(struct process *p, u64 a, u64 b, u64 c, u64 d)
{
	if (a != 1 || b || c || d)
		return -EINVAL;
	p->no_new_privs = true;
	return 0;
}

SYSCALL5(prctl, op_arg, a, b, c, d)
{
	struct process *p = current->proc;
	int op = (int)op_arg;
	s64 result;

	if (capability_prctl(op, a, b, c, d, &result))
		return result;
	switch (op) {
	case PR_SET_NAME: return set_name(a);
	case PR_GET_NAME: return get_name(a);
	case PR_SET_PDEATHSIG:
		if (a > NSIG)
			return -EINVAL;
		p->pdeath_signal = (int)a;
		return 0;
	case PR_GET_PDEATHSIG: return put_user_u32(uaddr(a), (u32)p->pdeath_signal);
	case PR_SET_DUMPABLE:
		if (a > 1)
			return -EINVAL;
		process_set_dumpable(p, a);
		return 0;
	case PR_GET_DUMPABLE: return p->dumpable;
	case PR_SET_NO_NEW_PRIVS: return set_no_new_privs(p, a, b, c, d);
	case PR_GET_NO_NEW_PRIVS: return a || b || c || d ? -EINVAL : p->no_new_privs;
	case PR_SET_CHILD_SUBREAPER: return set_subreaper(p, a);
	case PR_GET_CHILD_SUBREAPER: return put_user_u32(uaddr(a), p->child_subreaper);
	case PR_SET_TIMERSLACK:
		p->timer_slack_ns = a && a < UINT32_MAX ? (u32)a : SLACK_DEFAULT;
		return 0;
	case PR_GET_TIMERSLACK: return p->timer_slack_ns;
	case PR_GET_TID_ADDRESS: return put_user_u64(uaddr(a), current->clear_child_tid);
	case PR_GET_TIMING: return 0; /* PR_TIMING_STATISTICAL */
	case PR_SET_TIMING: return a ? -EINVAL : 0;
	case PR_GET_SECCOMP: return 0; /* not confined */
	}
	return -EINVAL;
}

/* Bases are loaded into the processor at once; the scheduler keeps them from then on. */
static s64 set_base(u64 *which, u64 value)
{
	if (value >= USER_END)
		return -EPERM;
	preempt_disable();
	*which = value;
	cpu_load_user_bases(current->fs_base, current->gs_base);
	preempt_enable();
	return 0;
}

SYSCALL2(arch_prctl, op, arg)
{
	switch ((int)op) {
	case ARCH_SET_FS: return set_base(&current->fs_base, arg);
	case ARCH_SET_GS: return set_base(&current->gs_base, arg);
	case ARCH_GET_FS: return put_user_u64(uaddr(arg), current->fs_base);
	case ARCH_GET_GS: return put_user_u64(uaddr(arg), current->gs_base);
	case ARCH_GET_CPUID: return 1; /* CPUID does not fault */
	case ARCH_SET_CPUID: return -ENODEV;
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
