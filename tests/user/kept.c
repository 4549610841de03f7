/* SPDX-License-Identifier: MIT */
/*
 * General registers: a system call changes its result, rcx and r11 and no other, whatever it does;
 * a child has its parent's; a handler's context has them all, and what the handler
 * writes there is what its return loads. As on Linux.
 */
#include "check.h"
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/ucontext.h>

/* In the order of the code below. */
enum { RAX, RBX, RDX, RSI, RDI, RBP, R8, R9, R10, R12, R13, R14, R15, REGISTERS };

/* The same in a context; rax is the result. */
static const int in_context[REGISTERS] = { REG_RAX, REG_RBX, REG_RDX, REG_RSI, REG_RDI,
					   REG_RBP, REG_R8,  REG_R9,  REG_R10, REG_R12,
					   REG_R13, REG_R14, REG_R15 };

struct attempt {
	uint64_t in[REGISTERS], out[REGISTERS];
	uint64_t child[REGISTERS]; /* of a call that returns twice, where it returned 0 */
	uint64_t forks, out_rcx, out_r11;
};

/* clang-format off */
#define EACH_AT(op, to) \
	op("rbx", 8, to) op("rdx", 16, to) op("rsi", 24, to) op("rbp", 40, to) op("r8", 48, to) op("r9", 56, to) \
	op("r10", 64, to) op("r12", 72, to) op("r13", 80, to) op("r14", 88, to) op("r15", 96, to)
#define LOAD(name, at, from) "movq " #at "+" #from "(%rdi), %" name "\n\t"
#define STORE(name, at, to)  "movq %" name ", " #at "+" #to "(%rcx)\n\t"
/*
 * void make_call(struct attempt *): with exactly those registers. The address of the attempt is kept on
 * the stack, which may be another one in a child.
 */
__asm__(".text\n\t.globl make_call, call_return\nmake_call:\n\t"
	"pushq %rbx\n\tpushq %rbp\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\tpushq %rdi\n\t"
	EACH_AT(LOAD, 0)
	"movq (%rdi), %rax\n\tmovq 32(%rdi), %rdi\n\t"
	"syscall\n"
	"call_return:\n\t"
	"pushq %rcx\n\tmovq 8(%rsp), %rcx\n\t"
	"testq %rax, %rax\n\tjnz 1f\n\tcmpq $0, 312(%rcx)\n\tjz 1f\n\t"
	/* the child */
	"movq %rax, 208(%rcx)\n\tmovq %rdi, 208+32(%rcx)\n\t"
	EACH_AT(STORE, 208)
	"movl $60, %eax\n\txorl %edi, %edi\n\tsyscall\n"
	"1:\tmovq %rax, 104(%rcx)\n\tmovq %rdi, 104+32(%rcx)\n\t"
	EACH_AT(STORE, 104)
	"movq %r11, 328(%rcx)\n\tpopq 320(%rcx)\n\tpopq %rdi\n\t"
	"popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n\tret");
_Static_assert(offsetof(struct attempt, out) == 104 && offsetof(struct attempt, child) == 208 &&
	       offsetof(struct attempt, forks) == 312, "the code above");
/* A handler that leaves nothing in any register. */
__asm__(".globl spoil\nspoil:\n\tmovq $-1, %rbx\n\tmovq %rbx, %rbp\n\tmovq %rbx, %r12\n\tmovq %rbx, %r13\n\tmovq %rbx, %r14\n\t"
	"movq %rbx, %r15\n\tmovq %rbx, %rdx\n\tmovq %rbx, %rsi\n\tmovq %rbx, %rdi\n\tmovq %rbx, %r8\n\t"
	"movq %rbx, %r9\n\tmovq %rbx, %r10\n\tmovq %rbx, %r11\n\tmovq %rbx, %rcx\n\tmovq %rbx, %rax\n\tret");
/* clang-format on */
void make_call(struct attempt *attempt);
void spoil(int sig, siginfo_t *info, void *context);
extern const char call_return[];

static struct attempt *attempt;
static uint64_t pattern = 0x5a00000000000000;

/* All registers different from each other and from those of the last attempt. */
static void prepare_call(uint64_t number)
{
	if (!attempt)
		attempt = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			       0);
	CHECK(attempt != MAP_FAILED);
	memset(attempt, 0, sizeof(*attempt));
	pattern += 0x1000;
	for (int i = 0; i < REGISTERS; i++)
		attempt->in[i] = pattern + (uint64_t)i;
	attempt->in[RAX] = number;
}

static void prepare_arguments(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth)
{
	attempt->in[RDI] = first;
	attempt->in[RSI] = second;
	attempt->in[RDX] = third;
	attempt->in[R10] = fourth;
}

static void check_kept(const uint64_t *out)
{
	for (int i = RBX; i < REGISTERS; i++)
		if (out[i] != attempt->in[i]) {
			printf("# call %#lx, register %d: %#lx became %#lx\n", attempt->in[RAX], i,
			       attempt->in[i], out[i]);
			CHECK(0);
		}
}

/* @return the result */
static long run_call(void)
{
	make_call(attempt);
	check_kept(attempt->out);
	return (long)attempt->out[RAX];
}

static long call(uint64_t number, uint64_t first, uint64_t second, uint64_t third)
{
	prepare_call(number);
	prepare_arguments(first, second, third, 0);
	return run_call();
}

TEST(calls_keep_all_but_their_result)
{
	struct timespec moment = { .tv_nsec = 1000000 };
	char byte = 'x';
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(call(SYS_getppid, 1, 2, 3), getppid());
	CHECK_EQ(attempt->out_rcx, (uint64_t)call_return);
	CHECK_EQ(call(SYS_write, (uint64_t)fds[1], (uint64_t)&byte, 1), 1);
	CHECK_EQ(call(SYS_read, (uint64_t)fds[0], (uint64_t)&byte, 1), 1);
	CHECK_EQ(call(SYS_read, (uint64_t)fds[0], 8, 0), 0);
	CHECK_EQ(call(SYS_write, (uint64_t)fds[1], 8, 1), -EFAULT);
	CHECK_EQ(call(SYS_close, 12345, 0, 0), -EBADF);
	CHECK_EQ(call(SYS_nanosleep, (uint64_t)&moment, 0, 0), 0); /* another thread ran */
	CHECK_EQ(call(SYS_open, (uint64_t) "/nowhere/at/all", 0, 0), -ENOENT);
	CHECK_EQ(call(SYS_execve, (uint64_t) "/nowhere/at/all", 0, 0), -ENOENT);
	CHECK_EQ(call(SYS_clone, CLONE_THREAD, 0, 0), -EINVAL);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(call(SYS_sched_yield, 0, 0, 0), 0);
}

TEST(numbers_without_a_call_change_nothing_else)
{
	static const uint64_t numbers[] = { 511,	512,	    0x4200f,	0x42010,
					    0x7fffffff, 0x80000000, 0xfffffffe, 100000 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		prepare_call(numbers[i]);
		CHECK_EQ(run_call(), -ENOSYS);
	}
}

static void check_child(void)
{
	attempt->forks = 1;
	CHECK(run_call() > 0);
	CHECK_EQ(wait_status((pid_t)attempt->out[RAX]), 0);
	CHECK_EQ(attempt->child[RAX], 0);
	check_kept(attempt->child);
}

/* The number is in eax. What the other half has doesn't matter, also where all registers are stored. */
TEST(half_of_the_number_does_not_count)
{
	CHECK_EQ(call(0xabcdef0000000000 | SYS_getppid, 0, 0, 0), getppid());
	prepare_call(0x8000000100000000 | SYS_fork);
	check_child();
}

TEST(children_have_the_registers_of_their_parent)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = { .exit_signal = SIGCHLD };
	uint64_t *stack;

	for (int i = 0; i < 20; i++) {
		prepare_call(SYS_fork);
		check_child();
		prepare_call(SYS_clone);
		prepare_arguments(SIGCHLD, 0, 0, 0);
		attempt->in[R8] = 0;
		check_child();
		prepare_call(SYS_clone3);
		prepare_arguments((uint64_t)&args, sizeof(args), 0, 0);
		check_child();
		/* As vfork(), but on a stack of its own: this one is in use. */
		prepare_call(SYS_clone);
		stack = (uint64_t *)attempt + 65536 / sizeof(uint64_t);
		*--stack = (uint64_t)attempt;
		prepare_arguments(CLONE_VM | CLONE_VFORK | SIGCHLD, (uint64_t)stack, 0, 0);
		check_child();
	}
}

/* ---- signals ---- */

static void handle_signal(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	CHECK_EQ(sigaction(sig, &action, NULL), 0);
}

static void alarm_in_us(long us)
{
	struct itimerval timer = { .it_value = { .tv_usec = us } };

	CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

TEST(a_handler_that_spoils_all_registers_changes_none)
{
	struct timespec time = { .tv_nsec = 20000000 };
	sigset_t none;
	char byte;
	int fds[2];

	handle_signal(SIGUSR1, spoil, 0);
	handle_signal(SIGALRM, spoil, 0);
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(call(SYS_kill, (uint64_t)getpid(), SIGUSR1, 0), 0);
	alarm_in_us(5000);
	CHECK_EQ(call(SYS_read, (uint64_t)fds[0], (uint64_t)&byte, 1), -EINTR);
	alarm_in_us(5000);
	CHECK_EQ(call(SYS_nanosleep, (uint64_t)&time, 0, 0), -EINTR);
	sigemptyset(&none);
	alarm_in_us(5000);
	CHECK_EQ(call(SYS_rt_sigsuspend, (uint64_t)&none, 8, 0), -EINTR);
}

static int pipe_fds[2];

/* The call that it interrupted will not wait a second time. */
static void fill_pipe(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	CHECK_EQ(write(pipe_fds[1], "y", 1), 1);
}

TEST(a_restarted_call_has_its_arguments_again)
{
	char byte = 0;

	CHECK_EQ(pipe(pipe_fds), 0);
	handle_signal(SIGALRM, fill_pipe, SA_RESTART);
	alarm_in_us(5000);
	CHECK_EQ(call(SYS_read, (uint64_t)pipe_fds[0], (uint64_t)&byte, 1), 1);
	CHECK_EQ(byte, 'y');
}

static pid_t stopped_child;

static void resume_child(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	kill(stopped_child, SIGCONT);
}

/* Without a handler: it goes on by itself, some of it by restart_syscall(). */
TEST(a_call_that_a_stop_interrupts_keeps_registers)
{
	struct timespec time = { .tv_nsec = 50000000 };

	for (int i = 0; i < 3; i++) {
		stopped_child = CHILD(({
			int failed = call(SYS_nanosleep, (uint64_t)&time, 0, 0) != 0;
			failed;
		}));
		CHECK(stopped_child > 0);
		pause_ms(10);
		kill(stopped_child, SIGSTOP);
		handle_signal(SIGALRM, resume_child, SA_RESTART);
		alarm_in_us(10000);
		CHECK_EQ(wait_status(stopped_child), 0);
	}
}

static uint64_t seen[REGISTERS], put[REGISTERS], seen_rip;

static void exchange(int sig, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	(void)info;
	seen_rip = (uint64_t)registers[REG_RIP];
	CHECK_EQ(registers[REG_CSGSFS] & 0xffff, 0x33);
	for (int i = 0; i < REGISTERS; i++) {
		seen[i] = (uint64_t)registers[in_context[i]];
		put[i] = 0x7700000000000000 + (uint64_t)i * 0x10101;
		registers[in_context[i]] = (greg_t)put[i];
	}
}

/* The interrupted call is behind: the next instructions store what the handler put there. */
static void check_exchanged(long result)
{
	make_call(attempt);
	CHECK_EQ(seen_rip, (uint64_t)call_return);
	CHECK_EQ(seen[RAX], result);
	check_kept(seen);
	for (int i = 0; i < REGISTERS; i++)
		CHECK_EQ(attempt->out[i], put[i]);
}

TEST(a_handler_sees_and_sets_every_register)
{
	struct timespec time = { .tv_nsec = 20000000 };

	handle_signal(SIGUSR1, exchange, 0);
	handle_signal(SIGALRM, exchange, 0);
	for (int i = 0; i < 100; i++) {
		prepare_call(SYS_kill);
		prepare_arguments((uint64_t)getpid(), SIGUSR1, 0, 0);
		check_exchanged(0);
	}
	prepare_call(SYS_nanosleep);
	prepare_arguments((uint64_t)&time, 0, 0, 0);
	alarm_in_us(5000);
	check_exchanged(-EINTR);
}

static int keep_busy(void)
{
	long end = now_ms() + 400;

	attempt = NULL;
	handle_signal(SIGUSR1, spoil, 0);
	while (now_ms() < end) {
		CHECK_EQ(call(SYS_getppid, 0, 0, 0), getppid());
		CHECK_EQ(call(SYS_sched_yield, 0, 0, 0), 0);
		CHECK_EQ(call(SYS_kill, (uint64_t)getpid(), SIGUSR1, 0), 0);
		prepare_call(SYS_fork);
		check_child();
	}
	return 0;
}

/* Ticks and other threads come between any two instructions of the ways in and out. */
TEST(busy_processes_keep_theirs)
{
	pid_t pids[6];

	for (int i = 0; i < 6; i++) {
		pids[i] = CHILD(keep_busy());
		CHECK(pids[i] > 0);
	}
	for (int i = 0; i < 6; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
}

int main(void)
{
	RUN(calls_keep_all_but_their_result);
	RUN(numbers_without_a_call_change_nothing_else);
	RUN(half_of_the_number_does_not_count);
	RUN(children_have_the_registers_of_their_parent);
	RUN(a_handler_that_spoils_all_registers_changes_none);
	RUN(a_restarted_call_has_its_arguments_again);
	RUN(a_call_that_a_stop_interrupts_keeps_registers);
	RUN(a_handler_sees_and_sets_every_register);
	RUN(busy_processes_keep_theirs);
	return check_done();
}
