// SPDX-License-Identifier: MIT
/*
 * A worker: one to four threads that make calls until somebody kills them.
 *
 * Every few hundred calls what calls damaged is made good again (mappings of the arena,
 * handlers, descriptors to play with), so that most calls find something to work on.
 * Who sleeps too long is woken by the supervisor's SIGALRM, or killed.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include "fuzz.h"

#define CALLS_PER_ROUND 400

/* The kernel comes here for a signal; the second argument may be no good. */
void worker_handler(int signal);
void worker_restorer(void);
static void worker_fault(int signal, siginfo_t *info, void *context);

__asm__(".text\n"
	".globl worker_handler\nworker_handler: ret\n"
	".globl worker_restorer\nworker_restorer: movl $15, %eax\n syscall\n");

static void map_fixed(uint64_t address, uint64_t size, int flags)
{
	RAW(SYS_mmap, address, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS | flags, -1,
	    0);
}

static void set_handler(int signal, void *handler, uint64_t flags)
{
	uint64_t action[4] = { (uint64_t)handler, flags | 0x04000000 /* SA_RESTORER */,
			       (uint64_t)worker_restorer, 0 };

	RAW(SYS_rt_sigaction, signal, action, 0, 8);
}

static uint32_t faults_since_round;

/* A fault in the arena that a call has unmapped: map it again and go on; else it is the end. */
static void worker_fault(int signal, siginfo_t *info, void *context)
{
	uint64_t address = (uint64_t)info->si_addr;

	(void)context;
	if (faults_since_round++ < 200 && (signal == SIGSEGV || signal == SIGBUS) &&
	    info->si_code > 0 && address >= ARENA && address < ARENA + ARENA_PAGES * PAGE)
		map_fixed(address & -PAGE, PAGE, MAP_PRIVATE);
	else
		RAW(SYS_exit_group, 9);
}

/* Something of each kind to play with, as the lowest descriptors. */
static void open_descriptors(struct worker *worker)
{
	static const char *const files[] = {
		"a",	     "b",	    "../shared/a", "../shared/b",
		"d/a",	     "d",	    "../shared",   "/proc/self/maps",
		"/dev/zero", "/dev/null",   "/dev/ptmx",   "/proc/mounts",
		"fifo",	     "/dev/urandom"
	};
	int pair[2];

	RAW(SYS_close_range, 3, ~0u, 0);
	RAW(SYS_mkdirat, AT_FDCWD, "d", 0777);
	RAW(SYS_mkdirat, AT_FDCWD, "mnt", 0777);
	RAW(SYS_mknodat, AT_FDCWD, "fifo", 0010600, 0);
	RAW(SYS_symlinkat, "d", AT_FDCWD, "link");
	RAW(SYS_symlinkat, "loop", AT_FDCWD, "loop");
	RAW(SYS_pipe2, pair, O_NONBLOCK * one_in(&worker->random, 2));
	for (uint32_t i = 0; i < 9; i++) {
		const char *name = files[random_below(&worker->random, ARRAY_SIZE(files))];

		if (RAW(SYS_openat, AT_FDCWD, name, O_CREAT | O_RDWR | O_NONBLOCK, 0666) < 0)
			RAW(SYS_openat, AT_FDCWD, name, O_RDONLY | O_NONBLOCK, 0);
	}
	RAW(SYS_epoll_create1, 0);
	RAW(SYS_epoll_create1, 0);
	RAW(SYS_eventfd2, 1, 0);
	RAW(SYS_pipe2, pair, 0);
	RAW(SYS_socketpair, 1, 1 + random_below(&worker->random, 2), 0, pair);
}

static void start_round(struct worker *worker)
{
	uint64_t nothing = 0, no_time[4] = { 0 };

	faults_since_round = 0;
	if (!worker->thread) {
		RAW(SYS_chdir, worker->is_root ? "/tmp/root" : "/tmp/user");
		map_fixed(ARENA, ARENA_PAGES * PAGE, MAP_PRIVATE);
		if (one_in(&worker->random, 4))
			open_descriptors(worker);
	}
	set_handler(SIGSEGV, worker_fault, SA_SIGINFO | SA_NODEFER);
	set_handler(SIGBUS, worker_fault, SA_SIGINFO | SA_NODEFER);
	set_handler(SIGALRM, worker_handler, 0);
	for (int signal = 1; signal <= 64; signal++)
		if (signal != SIGSEGV && signal != SIGBUS && signal != SIGALRM && signal != SIGCHLD)
			set_handler(signal,
				    one_in(&worker->random, 2) ? (void *)worker_handler
							       : (void *)SIG_IGN,
				    0);
	RAW(SYS_rt_sigprocmask, SIG_SETMASK, &nothing, 0, 8);
	for (int timer = 0; timer < 8; timer++)
		RAW(SYS_timer_delete, timer);
	for (int timer = 0; timer < 3; timer++)
		RAW(SYS_setitimer, timer, no_time, 0);
}

int64_t worker_call(struct worker *worker, uint64_t number, const uint64_t args[6])
{
	struct slot *slot = worker->slot;
	struct call_record *record = &slot->recent[slot->next_record++ % RECENT_CALLS];

	record->number = number;
	for (int i = 0; i < 6; i++)
		record->args[i] = args[i];
	record->result = 1;
	record->result = raw_call(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	slot->calls++;
	if (number < ARRAY_SIZE(control->succeeded)) {
		if ((uint64_t)record->result < (uint64_t)-4095)
			control->succeeded[number]++;
		else
			control->failed[number]++;
	}
	return record->result;
}

/* In the debug kernel one of the next call's allocations fails, now and then. */
static void let_allocation_fail(struct worker *worker)
{
	char number = (char)('1' + random_below(&worker->random, 9));
	int64_t fd =
		RAW(SYS_openat, AT_FDCWD, "/proc/thread-self/fail-nth", O_WRONLY | O_CLOEXEC, 0);

	RAW(SYS_write, fd, &number, 1);
	RAW(SYS_close, fd);
}

/* Each call as often as its weight says; made before there are workers. */
static const struct call *lots[4096];
static uint32_t nr_lots;

void worker_prepare(void)
{
	for (uint32_t i = 0; i < nr_calls; i++)
		for (uint32_t round = 0; round < calls[i].weight && nr_lots < ARRAY_SIZE(lots);
		     round++)
			lots[nr_lots++] = &calls[i];
}

void worker_one_call(struct worker *worker)
{
	const struct call *call = lots[random_below(&worker->random, nr_lots)];
	uint64_t args[6] = { 0 };

	for (int i = 0; i < 6; i++)
		args[i] = value_of(worker, call->args[i]);
	if (control->can_fail_allocations && worker->is_root && one_in(&worker->random, 8))
		let_allocation_fail(worker);
	worker_call(worker, call->number, args);
}

static void worker_loop(struct worker *worker) __attribute__((noreturn));
static void worker_loop(struct worker *worker)
{
	for (uint32_t i = 0;; i++) {
		if (i % CALLS_PER_ROUND == 0)
			start_round(worker);
		switch (random_below(&worker->random, 600)) {
		case 0:
		case 1: program_call(worker); break;
		case 2:
		case 3:
		case 4:
		case 5:
		case 6:
		case 7:
		case 8: special_call(worker); break;
		case 9:
		case 10:
		case 11:
		case 12:
		case 13:
		case 14: tree_call(worker); break;
		default: worker_one_call(worker);
		}
	}
}

/* ---- threads: their struct worker lies at the top of their stack ---- */

static void thread_start(struct worker *first, uint32_t thread)
{
	uint64_t stack = STACKS + thread * STACK_SIZE;
	struct worker *worker = (struct worker *)(stack + STACK_SIZE - PAGE);
	int64_t child;

	*worker = *first;
	worker->thread = thread;
	worker->random.state += thread * 0x1234567;
	worker->slot = &control->slots[worker->number][thread];
	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "movq %%rsp, %%rdi\n\t"
			 "andq $-16, %%rsp\n\t"
			 "subq $16, %%rsp\n\t"
			 "call *%[loop]\n"
			 "1:"
			 : "=a"(child)
			 : "a"(SYS_clone),
			   "D"(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			       CLONE_SYSVSEM),
			   "S"(worker), "d"(0), [loop] "r"(worker_loop)
			 : "rcx", "r11", "memory");
	(void)child;
}

void worker_run(uint32_t number, uint64_t seed, bool is_root)
{
	struct worker worker = { .random = { seed },
				 .number = number,
				 .is_root = is_root,
				 .slot = &control->slots[number][0] };

	worker.own_pid = (int)RAW(SYS_getpid);
	map_fixed(STACKS, MAX_THREADS * STACK_SIZE, MAP_PRIVATE);
	start_round(&worker);
	open_descriptors(&worker);
	if (one_in(&worker.random, 2))
		for (uint32_t thread = 1;
		     thread <= 1 + random_below(&worker.random, MAX_THREADS - 1); thread++)
			thread_start(&worker, thread);
	worker_loop(&worker);
}
