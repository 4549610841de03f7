/* SPDX-License-Identifier: MIT */
/* Signals: sending, masks, handlers, frames, restarts, stops: as on Linux. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

static volatile sig_atomic_t got, count;
static volatile siginfo_t info;

static void note(int sig)
{
	got = sig;
	count++;
}

static void note_info(int sig, siginfo_t *si, void *context)
{
	info = *si;
	note(sig);
}

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction action = { .sa_handler = fn, .sa_flags = flags };

	CHECK_EQ(sigaction(sig, &action, NULL), 0);
}

static void handle_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO };

	CHECK_EQ(sigaction(sig, &action, NULL), 0);
}

static sigset_t set_of(int first, int second)
{
	sigset_t set;

	sigemptyset(&set);
	if (first)
		sigaddset(&set, first);
	if (second)
		sigaddset(&set, second);
	return set;
}

TEST(a_handler_runs_and_returns)
{
	handle(SIGUSR1, note, 0);
	for (int i = 1; i <= 100; i++) {
		CHECK_EQ(kill(getpid(), SIGUSR1), 0);
		CHECK_EQ(count, i);
	}
	CHECK_EQ(got, SIGUSR1);
}

TEST(numbers_are_checked)
{
	struct sigaction action = { .sa_handler = note };

	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_EQ(kill(getpid(), 0), 0);
	CHECK_ERR(kill(99999, SIGTERM), ESRCH);
	CHECK_ERR(kill(-99999, SIGTERM), ESRCH);
	CHECK_ERR(sigaction(SIGKILL, &action, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &action, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGHUP, NULL, NULL, 4), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGHUP, 8L, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, 7, &action, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, 0, 8L, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_tkill, 0, SIGHUP), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, 99999, getpid(), SIGHUP), ESRCH);
	CHECK_EQ(syscall(SYS_tgkill, getpid(), getpid(), 0), 0);
}

TEST(blocked_signals_wait)
{
	sigset_t set = set_of(SIGUSR1, SIGKILL), old, pending;

	handle(SIGUSR1, note, 0);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(count, 0);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, &old), 0);
	CHECK_EQ(sigismember(&old, SIGUSR1), 1);
	CHECK_EQ(sigismember(&old, SIGKILL), 0);
	CHECK_EQ(count, 1); /* a standard signal is not queued twice */
}

static int order[64], ordered;
static void note_order(int sig, siginfo_t *info, void *context)
{
	order[ordered++] = sig * 1000 + info->si_value.sival_int;
}

TEST(realtime_signals_queue_in_order)
{
	sigset_t set;
	union sigval value;

	sigfillset(&set);
	for (int i = 40; i <= 42; i++) {
		struct sigaction action = { .sa_sigaction = note_order, .sa_flags = SA_SIGINFO };

		sigfillset(&action.sa_mask);
		sigaction(i, &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int count = 0; count < 3; count++)
		for (int i = 42; i >= 40; i--) {
			value.sival_int = count;
			CHECK_EQ(sigqueue(getpid(), i, value), 0);
		}
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	CHECK_EQ(ordered, 9);
	for (int i = 0; i < 9; i++)
		CHECK_EQ(order[i], (40 + i / 3) * 1000 + i % 3);
}

TEST(the_queue_is_limited)
{
	struct rlimit rlimit = { 5, 5 };
	sigset_t set = set_of(SIGRTMIN, SIGUSR1);
	union sigval value = { .sival_int = 0 };
	int count = 0;

	CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &rlimit), 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (count < 100 && sigqueue(getpid(), SIGRTMIN, value) == 0)
		count++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(count <= 5);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0); /* a plain signal gets through */
}

TEST(siginfo_says_who_and_what)
{
	union sigval value = { .sival_ptr = (void *)0x123456789abcul };
	pid_t pid;

	handle_info(SIGUSR1, note_info, 0);
	handle_info(SIGCHLD, note_info, 0);
	kill(getpid(), SIGUSR1);
	CHECK(info.si_signo == SIGUSR1 && info.si_code == SI_USER);
	CHECK(info.si_pid == getpid() && info.si_uid == getuid());
	CHECK_EQ(sigqueue(getpid(), SIGUSR1, value), 0);
	CHECK(info.si_code == SI_QUEUE && info.si_value.sival_ptr == value.sival_ptr);
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
	CHECK(info.si_code == SI_TKILL && info.si_pid == getpid());
	got = 0;
	pid = fork();
	if (!pid)
		_exit(77);
	while (got != SIGCHLD)
		usleep(1000); /* pause() would miss one that came before it */
	CHECK(info.si_code == CLD_EXITED && info.si_pid == pid && info.si_status == 77);
}

static void *bad_address;
static ucontext_t *context;
static void skip_fault(int sig, siginfo_t *si, void *uc)
{
	info = *si;
	context = uc;
	got = sig;
	CHECK(((ucontext_t *)uc)->uc_mcontext.gregs[REG_CR2] == (long)bad_address ||
	      sig != SIGSEGV);
	mmap(bad_address, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	     0);
}

TEST(faults_say_where)
{
	bad_address = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	handle_info(SIGSEGV, skip_fault, 0);
	*(volatile char *)bad_address = 1;
	CHECK(info.si_code == SEGV_ACCERR && info.si_addr == bad_address);
	CHECK_EQ(munmap(bad_address, 8192), 0);
	*(volatile char *)bad_address = 1;
	CHECK(info.si_code == SEGV_MAPERR && info.si_addr == bad_address);
}

static void leave_1(int sig, siginfo_t *info, void *context)
{
	_exit(info->si_code == FPE_INTDIV ? 1 : 2);
}
static void leave_3(int sig, siginfo_t *info, void *context)
{
	_exit(info->si_addr ? 3 : 4);
}
static int status_of(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

TEST(other_exceptions)
{
	pid_t pid;
	volatile int zero = 0;

	pid = fork();
	if (!pid) {
		handle_info(SIGFPE, leave_1, 0);
		_exit(5 / zero);
	}
	CHECK_EQ(status_of(pid), 1 << 8);
	pid = fork();
	if (!pid) {
		handle_info(SIGILL, leave_3, 0);
		__asm__ volatile("ud2");
	}
	CHECK_EQ(status_of(pid), 3 << 8);
	pid = fork();
	if (!pid) {
		handle(SIGTRAP, note, 0);
		__asm__ volatile("int3");
		_exit(got == SIGTRAP ? 6 : 7);
	}
	CHECK_EQ(status_of(pid), 6 << 8);
	pid = fork();
	if (!pid)
		__asm__ volatile("hlt");
	CHECK_EQ(status_of(pid) & 0x7f, SIGSEGV);
	pid = fork();
	if (!pid)
		*(volatile int *)8 = 1;
	CHECK_EQ(status_of(pid) & 0x7f, SIGSEGV);
	pid = fork();
	if (!pid) {
		sigset_t set;

		sigfillset(&set);
		sigprocmask(SIG_BLOCK, &set, NULL); /* a fault cannot wait */
		signal(SIGSEGV, SIG_IGN);
		*(volatile int *)8 = 1;
		_exit(0);
	}
	CHECK_EQ(status_of(pid) & 0x7f, SIGSEGV);
	pid = fork();
	if (!pid) {
		__asm__ volatile("movabsq $0x8000000000000000, %%rax; jmp *%%rax" ::: "rax");
		_exit(0);
	}
	CHECK_EQ(status_of(pid) & 0x7f, SIGSEGV);
}

TEST(default_actions)
{
	static const struct {
		int sig, dies;
	} want[] = {
		{ SIGHUP, 1 },	{ SIGINT, 1 },	{ SIGPIPE, 1 },	  { SIGALRM, 1 },  { SIGUSR2, 1 },
		{ SIGIO, 1 },	{ SIGPWR, 1 },	{ SIGSTKFLT, 1 }, { SIGSYS, 1 },   { 50, 1 },
		{ SIGCHLD, 0 }, { SIGCONT, 0 }, { SIGURG, 0 },	  { SIGWINCH, 0 },
	};

	for (unsigned i = 0; i < sizeof(want) / sizeof(*want); i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			raise(want[i].sig);
			_exit(9);
		}
		status = status_of(pid);
		if (want[i].dies)
			CHECK_EQ(status & 0x7f, want[i].sig);
		else
			CHECK_EQ(status, 9 << 8);
	}
}

static volatile int depth, most;
static void nest(int sig)
{
	depth++;
	if (depth > most)
		most = depth;
	if (depth < 5)
		raise(sig);
	depth--;
}

TEST(masks_while_a_handler_runs)
{
	struct sigaction action = { .sa_handler = nest, .sa_flags = SA_NODEFER };
	sigset_t before, after;

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	CHECK_EQ(most, 5);
	most = depth = 0;
	action.sa_flags = 0;
	sigaction(SIGUSR1, &action, NULL);
	sigprocmask(SIG_BLOCK, NULL, &before);
	alarm(0);
	depth = 4; /* no further raise in the end */
	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &after);
	CHECK(!memcmp(&before, &after, 8));
	CHECK_EQ(most, 5);
}

TEST(one_shot_handlers)
{
	struct sigaction action;
	pid_t pid = fork();

	if (!pid) {
		handle(SIGUSR1, note, SA_RESETHAND);
		raise(SIGUSR1);
		sigaction(SIGUSR1, NULL, &action);
		CHECK(action.sa_handler == SIG_DFL && count == 1);
		raise(SIGUSR1);
		_exit(0);
	}
	CHECK_EQ(status_of(pid) & 0x7f, SIGUSR1);
}

static char *stack_low;
static volatile int on_stack;
static void where_am_i(int sig)
{
	char here;
	stack_t stack;

	on_stack = &here >= stack_low && &here < stack_low + 65536;
	sigaltstack(NULL, &stack);
	CHECK(!on_stack || stack.ss_flags == SS_ONSTACK);
	if (on_stack) {
		stack.ss_flags = 0;
		CHECK_ERR(sigaltstack(&stack, NULL), EPERM);
	}
}

TEST(alternate_stack)
{
	stack_t stack = { .ss_size = 65536 }, old;

	stack_low = stack.ss_sp = malloc(65536);
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	handle(SIGUSR1, where_am_i, SA_ONSTACK);
	handle(SIGUSR2, where_am_i, 0);
	raise(SIGUSR1);
	CHECK_EQ(on_stack, 1);
	raise(SIGUSR2);
	CHECK_EQ(on_stack, 0);
	stack.ss_size = 100;
	CHECK_ERR(sigaltstack(&stack, NULL), ENOMEM);
	stack.ss_size = 65536;
	stack.ss_flags = 77;
	CHECK_ERR(sigaltstack(&stack, NULL), EINVAL);
	stack.ss_flags = SS_DISABLE;
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	raise(SIGUSR1);
	CHECK_EQ(on_stack, 0);
}

static void overflow_handler(int sig)
{
	_exit(42);
}
static int recurse(volatile int n)
{
	volatile char big[4096];

	big[0] = (char)n;
	if (n < 0)
		return 0;
	return recurse(n + 1) + big[0];
}

TEST(stack_overflow_is_caught_on_the_alternate_stack)
{
	pid_t pid = fork();

	if (!pid) {
		stack_t stack = { .ss_size = 65536, .ss_sp = malloc(65536) };

		sigaltstack(&stack, NULL);
		handle(SIGSEGV, overflow_handler, SA_ONSTACK);
		recurse(0);
		_exit(0);
	}
	CHECK_EQ(status_of(pid), 42 << 8);
	pid = fork();
	if (!pid) {
		handle(SIGSEGV, overflow_handler, 0); /* no room for the frame */
		recurse(0);
		_exit(0);
	}
	CHECK_EQ(status_of(pid) & 0x7f, SIGSEGV);
}

/* After delay_ms this process gets sig. */
static pid_t later(int sig, int delay_ms)
{
	pid_t self = getpid(), pid = fork();

	if (!pid) {
		usleep(delay_ms * 1000);
		kill(self, sig);
		_exit(0);
	}
	return pid;
}

TEST(reads_restart_if_asked)
{
	int ends[2];
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	handle(SIGUSR1, note, SA_RESTART);
	pid = fork();
	if (!pid) {
		usleep(20000);
		kill(getppid(), SIGUSR1);
		usleep(20000);
		CHECK_EQ(write(ends[1], "x", 1), 1);
		_exit(0);
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(count, 1);
	waitpid(pid, NULL, 0);
	handle(SIGUSR1, note, 0);
	pid = later(SIGUSR1, 20);
	CHECK_ERR(read(ends[0], &byte, 1), EINTR);
	CHECK_EQ(count, 2);
	waitpid(pid, NULL, 0);
}

TEST(stops_do_not_interrupt_calls)
{
	int ends[2], status;
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		struct timespec time = { 0, 200000000 };

		CHECK_EQ(read(ends[0], &byte, 1), 1);
		CHECK_EQ(nanosleep(&time, NULL), 0);
		_exit(3);
	}
	usleep(10000);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	usleep(10000);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	usleep(10000);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGCONT);
	CHECK_EQ(status_of(pid), 3 << 8);
}

static long ms_since(const struct timespec *timespec)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - timespec->tv_sec) * 1000 + (now.tv_nsec - timespec->tv_nsec) / 1000000;
}

TEST(an_interrupted_sleep_tells_the_rest)
{
	struct timespec time = { 1, 0 }, left, start;
	pid_t pid;

	handle(SIGUSR1, note, 0);
	pid = later(SIGUSR1, 50);
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK_ERR(nanosleep(&time, &left), EINTR);
	CHECK(ms_since(&start) < 900);
	CHECK(left.tv_sec == 0 && left.tv_nsec > 100000000 && left.tv_nsec < 960000000);
	waitpid(pid, NULL, 0);
	handle(SIGUSR1, note, SA_RESTART);
	pid = later(SIGUSR1, 20);
	time = (struct timespec){ 0, 100000000 };
	CHECK_ERR(nanosleep(&time, &left), EINTR); /* never restarted after a handler */
	waitpid(pid, NULL, 0);
	signal(SIGUSR1, SIG_IGN);
	pid = later(SIGUSR1, 20);
	CHECK_EQ(nanosleep(&time, NULL), 0);
	waitpid(pid, NULL, 0);
}

TEST(suspend_swaps_the_mask)
{
	sigset_t set = set_of(SIGUSR1, 0), none = set_of(0, 0), now;

	handle(SIGUSR1, note, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	CHECK_EQ(count, 0);
	CHECK_ERR(sigsuspend(&none), EINTR);
	CHECK_EQ(count, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK_EQ(sigismember(&now, SIGUSR1), 1);
}

TEST(waiting_for_signals)
{
	sigset_t set = set_of(SIGUSR1, SIGRTMIN);
	struct timespec time = { 0, 20000000 }, start, zero = { 0, 0 }, bad = { 0, 2000000000 };
	siginfo_t info;
	union sigval value = { .sival_int = 5 };
	pid_t pid;

	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_ERR(sigtimedwait(&set, &info, &zero), EAGAIN);
	CHECK_ERR(sigtimedwait(&set, &info, &bad), EINVAL);
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK_ERR(sigtimedwait(&set, &info, &time), EAGAIN);
	CHECK(ms_since(&start) >= 20);
	sigqueue(getpid(), SIGRTMIN, value);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
	CHECK(info.si_value.sival_int == 5 && info.si_code == SI_QUEUE);
	pid = later(SIGUSR1, 20);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK_EQ(info.si_pid, pid);
	waitpid(pid, NULL, 0);
	handle(SIGUSR2, note, SA_RESTART);
	pid = later(SIGUSR2, 20);
	CHECK_ERR(syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 8), EINTR);
	waitpid(pid, NULL, 0);
	/* Signals whose default is to be ignored can be waited for, too. */
	set = set_of(SIGCHLD, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (!pid)
		_exit(0);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
	waitpid(pid, NULL, 0);
}

static double fp_in_handler;
static void use_fpu(int sig)
{
	fp_in_handler = 3.5 * sig;
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15;"
			 "fldz; fldz" ::
				 : "xmm0", "xmm7", "xmm15");
	count++;
}

TEST(fpu_state_survives_handlers)
{
	unsigned long long before[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, after[2], d[2];
	double st = 1.25, back;

	handle(SIGUSR1, use_fpu, 0);
	for (int i = 0; i < 50; i++) {
		long result;

		__asm__ volatile("movdqu %3, %%xmm7; movdqu %3, %%xmm15; fldl %4;"
				 "syscall;"
				 "movdqu %%xmm7, %1; movdqu %%xmm15, %2; fstpl %5"
				 : "=a"(result), "=m"(after), "=m"(d)
				 : "m"(before), "m"(st), "m"(back), "a"(SYS_kill), "D"(getpid()),
				   "S"(SIGUSR1)
				 : "rcx", "r11", "memory", "xmm7", "xmm15");
		CHECK(after[0] == before[0] && after[1] == before[1] && d[0] == before[0] &&
		      d[1] == before[1]);
		CHECK(back == 1.25);
	}
	CHECK_EQ(count, 50);
	CHECK(fp_in_handler == 3.5 * SIGUSR1);
}

TEST(registers_survive_handlers)
{
	handle(SIGUSR1, note, 0);
	for (int i = 0; i < 50; i++) {
		unsigned long bad = 0;

		__asm__ volatile(
			"movq $0x11, %%rbx; movq $0x12, %%r12; movq $0x13, %%r13; movq $0x14, %%r14;"
			"movq $0x15, %%r15; movq $0x16, %%rdx; movq $0x18, %%r8; movq $0x19, %%r9; movq $0x1a, %%r10;"
			"syscall;"
			"subq $0x11, %%rbx; subq $0x12, %%r12; subq $0x13, %%r13;"
			"subq $0x14, %%r14; subq $0x15, %%r15;"
			"subq $0x16, %%rdx; subq $0x18, %%r8; subq $0x19, %%r9; subq $0x1a, %%r10;"
			"orq %%rbx, %%rax; orq %%r12, %%rax; orq %%r13, %%rax; orq %%r14, %%rax; orq %%r15, %%rax;"
			"orq %%rdx, %%rax; orq %%r8, %%rax; orq %%r9, %%rax; orq %%r10, %%rax"
			: "=a"(bad)
			: "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1)
			: "rbx", "r12", "r13", "r14", "r15", "rdx", "r8", "r9", "r10", "rcx", "r11",
			  "memory");
		CHECK_EQ(bad, 0);
	}
	CHECK_EQ(count, 50);
}

static volatile int damage;
static void damaging(int sig, siginfo_t *info, void *memory)
{
	ucontext_t *context = memory;
	unsigned char *state = (unsigned char *)context->uc_mcontext.fpregs;

	switch (damage) {
	case 0: context->uc_mcontext.gregs[REG_RIP] = 0x8000000000000000; break;
	case 1: context->uc_mcontext.gregs[REG_RIP] = 0xffffffff80000000; break;
	case 2: /* reserved bits of MXCSR */ *(unsigned *)(state + 24) = 0xffffffff; break;
	case 3: /* XSTATE_BV of features that are not there */ memset(state + 512, 0xff, 8); break;
	case 4: /* XCOMP_BV: compacted */ state[512 + 15] = 0x80; break;
	case 5:
		context->uc_mcontext.fpregs = (void *)((long)context->uc_mcontext.fpregs + 8);
		break;
	case 6: context->uc_mcontext.fpregs = (void *)0xffff800000000000; break;
	case 7: /* harmless: kernel privileges asked for, not given */
		context->uc_mcontext.gregs[REG_EFL] |= 0x3000 | 0x20000;
		break;
	case 8: /* no FPU state: a fresh one */ context->uc_mcontext.fpregs = NULL; break;
	case 9:
		state[512 + 20] = 1; /* reserved part of the header */
		break;
	}
}

TEST(damaged_frames_do_no_harm)
{
	for (damage = 0; damage < 10; damage++) {
		int harmless = damage == 7 || damage == 8, status;
		pid_t pid = fork();
		unsigned long flags;

		if (!pid) {
			handle_info(SIGUSR1, damaging, 0);
			kill(getpid(), SIGUSR1);
			__asm__ volatile("pushfq; popq %0" : "=r"(flags));
			_exit(flags & 0x3000 ? 77 : 0);
		}
		/* Where it may be taken as meant, it may as well be refused. */
		status = status_of(pid);
		if (harmless || status != SIGSEGV)
			CHECK_EQ(status, 0);
		CHECK(damage > 1 || status == SIGSEGV);
	}
	/* The stack pointer leads nowhere. */
	pid_t pid = fork();

	if (!pid) {
		__asm__ volatile("movq $16, %%rsp; movl $15, %%eax; syscall" ::: "memory");
		_exit(0);
	}
	CHECK_EQ(status_of(pid) & 0x7f, SIGSEGV);
}

static volatile int description;
static void changing_fp(int sig, siginfo_t *info, void *memory)
{
	unsigned char *state = (unsigned char *)((ucontext_t *)memory)->uc_mcontext.fpregs;
	unsigned *words = (unsigned *)(state + 464); /* magic number, size of all, features, size */
	unsigned long long seven = 0x7777777777777777;

	__asm__ volatile("pxor %%xmm7, %%xmm7" ::: "xmm7");
	memcpy(state + 160 + 7 * 16, &seven, 8);
	switch (description) {
	case 1: words[0] = 0; break;
	case 2: words[1] -= 4; break;
	case 3: *(unsigned *)(state + words[4]) = 0; break; /* the magic number at the end */
	case 4: words[2] = 3; break;			    /* x87 and SSE alone */
	case 5: words[4] -= 8; break;
	case 6: words[2] = words[3] = ~0u; break; /* more than there is */
	}
	count++;
}

/* A program may change the state, and what says how much of it there is. */
TEST(handlers_change_the_fpu_state)
{
	unsigned long long before = 1, after;

	handle_info(SIGUSR1, changing_fp, 0);
	for (description = 0; description < 7; description++) {
		long result;

		__asm__ volatile("movq %2, %%xmm7; syscall; movq %%xmm7, %1"
				 : "=a"(result), "=m"(after)
				 : "m"(before), "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1)
				 : "rcx", "r11", "memory", "xmm7");
		CHECK_EQ(after, 0x7777777777777777);
		CHECK_EQ(result, 0);
	}
	CHECK_EQ(count, 7);
}

static void end_well(int sig)
{
	_exit(0);
}

/* The frame's lower end on a page that cannot be written, at every depth: SIGSEGV, as if unhandled. */
TEST(frames_that_do_not_fit)
{
	char *pages = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fits = 0, fails = 0;

	CHECK_EQ(mprotect(pages, 8192, PROT_NONE), 0);
	for (int depth = 64; depth < 8192; depth += 8 * (depth < 1600 ? 5 : 160)) {
		stack_t stack = { .ss_sp = pages, .ss_size = 8192 + depth };
		pid_t pid = fork();
		int status;

		if (!pid) {
			sigaltstack(&stack, NULL);
			handle(SIGUSR1, end_well, SA_ONSTACK);
			kill(getpid(), SIGUSR1);
			_exit(1);
		}
		status = status_of(pid);
		CHECK(status == 0 || (status & 0x7f) == SIGSEGV);
		CHECK(status == 0 || !fits); /* once there is room, there is with more */
		fits += status == 0;
		fails += status != 0;
	}
	CHECK(fits && fails);
	munmap(pages, 16384);
}

TEST(ignoring_forgets_what_is_pending)
{
	sigset_t set = set_of(SIGUSR1, SIGCHLD), pending;

	sigprocmask(SIG_BLOCK, &set, NULL);
	handle(SIGUSR1, note, 0);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	sigpending(&pending);
	CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
	handle(SIGUSR1, note, 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(count, 0);
}

TEST(continue_and_stop_cancel_each_other)
{
	sigset_t set, pending;
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		set = set_of(SIGTSTP, SIGCONT);
		sigprocmask(SIG_BLOCK, &set, NULL);
		handle(SIGCONT, note, 0);
		raise(SIGTSTP);
		sigpending(&pending);
		CHECK_EQ(sigismember(&pending, SIGTSTP), 1);
		raise(SIGCONT);
		sigpending(&pending);
		CHECK(!sigismember(&pending, SIGTSTP) && sigismember(&pending, SIGCONT));
		raise(SIGTSTP);
		sigpending(&pending);
		CHECK(sigismember(&pending, SIGTSTP) && !sigismember(&pending, SIGCONT));
		_exit(0);
	}
	CHECK_EQ(status_of(pid), 0);
}

/* ---- threads ---- */

static volatile int ready, thread_got;
static volatile pid_t thread_id;
static void note_thread(int sig)
{
	thread_got = syscall(SYS_gettid);
}

static void *blocked_thread(void *arg)
{
	thread_id = syscall(SYS_gettid);
	ready = 1;
	while (ready == 1)
		usleep(1000);
	return NULL;
}

TEST(a_process_signal_goes_to_a_thread_that_wants_it)
{
	sigset_t set = set_of(SIGUSR1, 0);
	pthread_t thread;

	handle(SIGUSR1, note_thread, 0);
	pthread_create(&thread, NULL, blocked_thread, NULL);
	while (!ready)
		usleep(1000);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	for (int i = 0; i < 1000 && !thread_got; i++)
		usleep(1000);
	CHECK_EQ(thread_got, thread_id);
	thread_got = 0;
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1); /* blocked here: waits here */
	usleep(5000);
	CHECK_EQ(thread_got, 0);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(thread_got, getpid());
	ready = 2;
	pthread_join(thread, NULL);
}

TEST(all_threads_stop_and_continue)
{
	int status;
	pid_t pid;
	volatile int *beat =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	pid = fork();
	if (!pid) {
		pthread_t thread;

		pthread_create(&thread, NULL, blocked_thread, NULL);
		for (;;) {
			++*beat;
			usleep(1000);
		}
	}
	while (*beat < 3)
		usleep(1000);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	int before = *beat;

	usleep(20000);
	CHECK_EQ(*beat, before);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	while (*beat == before)
		usleep(1000);
	kill(pid, SIGTERM);
	CHECK_EQ(status_of(pid) & 0x7f, SIGTERM);
}

TEST(sigchld_tells_stops_unless_told_not_to)
{
	pid_t pid;
	int status;

	handle_info(SIGCHLD, note_info, SA_RESTART);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	usleep(10000); /* the signal may come after the state */
	CHECK(count == 1 && info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	usleep(10000);
	CHECK(count == 2 && info.si_code == CLD_CONTINUED && info.si_status == SIGCONT);
	handle_info(SIGCHLD, note_info, SA_RESTART | SA_NOCLDSTOP);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(count, 2);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(count, 3);
}

TEST(an_orphaned_stopped_group_is_hung_up)
{
	int ends[2];
	char buf[8];
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	child = fork();
	if (!child) {
		pid_t grandchild = fork();
		int status;

		if (!grandchild) {
			setpgid(0, 0);
			signal(SIGHUP, SIG_IGN);
			raise(SIGSTOP);
			CHECK_EQ(write(ends[1], "cont", 4), 4);
			_exit(0);
		}
		setpgid(grandchild, grandchild);
		CHECK_EQ(waitpid(grandchild, &status, WUNTRACED), grandchild);
		_exit(0);
	}
	close(ends[1]);
	CHECK_EQ(status_of(child), 0);
	CHECK_EQ(read(ends[0], buf, 8), 4); /* SIGCONT came without anybody sending it */
}

TEST(storms_do_no_harm)
{
	pid_t kids[4], self = getpid();

	handle(SIGUSR1, note, SA_RESTART);
	handle(SIGRTMIN, note, SA_RESTART);
	for (int i = 0; i < 4; i++) {
		kids[i] = fork();
		if (!kids[i]) {
			for (int n = 0; n < 2000; n++)
				kill(self, n & 1 ? SIGUSR1 : SIGRTMIN);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(status_of(kids[i]), 0);
	CHECK(count > 100);
}

int main(int argc, char **argv)
{
#define R(t)                                          \
	do {                                          \
		if (argc < 2 || !strcmp(argv[1], #t)) \
			RUN(t);                       \
	} while (0)
	R(a_handler_runs_and_returns);
	R(numbers_are_checked);
	R(blocked_signals_wait);
	R(realtime_signals_queue_in_order);
	R(the_queue_is_limited);
	R(siginfo_says_who_and_what);
	R(faults_say_where);
	R(other_exceptions);
	R(default_actions);
	R(masks_while_a_handler_runs);
	R(one_shot_handlers);
	R(alternate_stack);
	R(stack_overflow_is_caught_on_the_alternate_stack);
	R(reads_restart_if_asked);
	R(stops_do_not_interrupt_calls);
	R(an_interrupted_sleep_tells_the_rest);
	R(suspend_swaps_the_mask);
	R(waiting_for_signals);
	R(fpu_state_survives_handlers);
	R(registers_survive_handlers);
	R(damaged_frames_do_no_harm);
	R(handlers_change_the_fpu_state);
	R(frames_that_do_not_fit);
	R(ignoring_forgets_what_is_pending);
	R(continue_and_stop_cancel_each_other);
	R(a_process_signal_goes_to_a_thread_that_wants_it);
	R(all_threads_stop_and_continue);
	R(sigchld_tells_stops_unless_told_not_to);
	R(an_orphaned_stopped_group_is_hung_up);
	R(storms_do_no_harm);
	return check_done();
}
