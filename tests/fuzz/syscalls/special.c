// SPDX-License-Identifier: MIT
/*
 * Calls that change who runs, and calls that no list names.
 *
 * A child makes a few calls and ends. It counts in its parent's slot.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include "fuzz.h"

static void child_run(struct worker *worker, uint32_t nr_calls_of_child) __attribute__((noreturn));
static void child_run(struct worker *worker, uint32_t nr_calls_of_child)
{
	worker->own_pid = (int)RAW(SYS_getpid);
	worker->random.state ^= (uint64_t)worker->own_pid << 32;
	for (uint32_t i = 0; i < nr_calls_of_child; i++)
		worker_one_call(worker);
	for (;;)
		RAW(SYS_exit_group, random_below(&worker->random, 256));
}

static void fork_call(struct worker *worker)
{
	struct worker copy = *worker;

	if (!RAW(SYS_fork))
		child_run(&copy, random_below(&copy.random, 24));
}

static void vfork_call(struct worker *worker)
{
	struct worker copy = *worker;

	/* The child shares this stack, but runs deeper in it. */
	if (!RAW(SYS_vfork))
		child_run(&copy, random_below(&copy.random, 3));
}

/* Flags that need no stack of the child's own. */
static void clone_call(struct worker *worker)
{
	static const uint64_t flags[] = {
		CLONE_FS,	    CLONE_FILES,	  CLONE_PARENT, CLONE_PARENT_SETTID,
		CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID, CLONE_SETTLS, CLONE_SYSVSEM,
		CLONE_NEWNS,	    CLONE_NEWUTS,	  CLONE_IO,	CLONE_PIDFD,
		CLONE_UNTRACED
	};
	uint64_t chosen = one_in(&worker->random, 4) ? random_below(&worker->random, 65) : SIGCHLD;
	struct worker copy = *worker;

	for (uint32_t i = 0; i < 3; i++)
		chosen |= flags[random_below(&worker->random, ARRAY_SIZE(flags))];
	if (!RAW(SYS_clone, chosen, 0, value_of(worker, FUTEX), value_of(worker, FUTEX),
		 value_of(worker, ADDRESS)))
		child_run(&copy, random_below(&copy.random, 12));
}

static void clone3_call(struct worker *worker)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size, cgroup;
	} * args;
	struct worker copy = *worker;

	args = value_scratch(worker, sizeof(*args));
	value_fill(&worker->random, args, sizeof(*args));
	args->flags &= ~(uint64_t)(CLONE_VM | CLONE_THREAD); /* it would need a stack */
	if (!one_in(&worker->random, 4)) {
		args->flags &= CLONE_FS | CLONE_FILES | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID;
		args->exit_signal = SIGCHLD;
		args->stack = args->stack_size = args->set_tid = args->set_tid_size = args->cgroup =
			0;
	}
	if (!RAW(SYS_clone3, args,
		 one_in(&worker->random, 4) ? value_of(worker, LENGTH) : sizeof(*args)))
		child_run(&copy, random_below(&copy.random, 6));
}

static void exec_call(struct worker *worker)
{
	struct worker copy = *worker;
	uint64_t *words;

	if (RAW(SYS_fork))
		return;
	words = value_scratch(&copy, 256);
	for (uint32_t i = 0; i < 16; i++)
		words[i] = value_of(&copy, one_in(&copy.random, 16) ? ADDRESS : PATH);
	words[random_below(&copy.random, 16)] = 0;
	words[16] = 0;
	if (one_in(&copy.random, 2))
		RAW(SYS_execve, value_of(&copy, PATH), words,
		    words + random_below(&copy.random, 16));
	else
		RAW(SYS_execveat, value_of(&copy, FOLDER), value_of(&copy, PATH), words, words,
		    value_of(&copy, AT_BITS));
	child_run(&copy, 2);
}

/* rt_sigreturn with whatever the stack holds; exit of one thread; in a child. */
static void frame_call(struct worker *worker)
{
	struct worker copy = *worker;
	uint64_t *stack;

	if (RAW(SYS_fork))
		return;
	copy.own_pid = (int)RAW(SYS_getpid);
	stack = value_scratch(&copy, 2 * PAGE);
	value_fill(&copy.random, stack, 2 * PAGE);
	if (one_in(&copy.random, 2)) { /* near enough to a frame to be taken for one */
		stack[22] = 0x2b | 0x2bUL << 48;
		stack[23] = 0;
		stack[28] = 0;
	}
	__asm__ volatile("movq %[stack], %%rsp\n\t"
			 "movl $15, %%eax\n\t"
			 "syscall\n\t"
			 "movl $231, %%eax\n\t"
			 "syscall\n\t"
			 "hlt" ::[stack] "r"(stack)
			 : "memory");
	__builtin_unreachable();
}

/*
 * Any number with any arguments: what the table lacks, garbage above 32 bits, Banos's own.
 * Not what would reach the supervisor, which value_of() takes care not to name.
 */
static void unlisted_call(struct worker *worker)
{
	uint64_t number = random_below(&worker->random, 512);
	uint64_t args[6];

	for (int i = 0; i < 6; i++)
		args[i] = value_of(worker, one_in(&worker->random, 2) ? ANY : STRUCT);
	switch (number) {
	case SYS_reboot:
	case SYS_exit:
	case SYS_exit_group:
	case SYS_fork:
	case SYS_vfork:
	case SYS_clone:
	case SYS_clone3:
	case SYS_rt_sigreturn:
	case SYS_setrlimit:
	case SYS_kill:
	case SYS_sched_setscheduler:
	case SYS_sched_setparam:
	case SYS_sched_setattr:
	case SYS_sched_setaffinity:
	case SYS_prlimit64:
	case SYS_setpriority:
	case SYS_pivot_root:
	case SYS_mount:
	case SYS_umount2: return;
	}
	if (one_in(&worker->random, 8))
		number = FIRST_OF_BANOS + random_below(&worker->random, 6);
	else if (one_in(&worker->random, 16))
		number |= 512 | random_next(&worker->random) << 32;
	else if (one_in(&worker->random, 16))
		number = ~0UL << random_below(&worker->random, 64);
	worker_call(worker, number, args);
}

void special_call(struct worker *worker)
{
	switch (random_below(&worker->random, 12)) {
	case 0:
	case 1: fork_call(worker); break;
	case 2: vfork_call(worker); break;
	case 3: clone_call(worker); break;
	case 4: clone3_call(worker); break;
	case 5: exec_call(worker); break;
	case 6: frame_call(worker); break;
	default: unlisted_call(worker); break;
	}
}
