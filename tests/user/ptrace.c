/* SPDX-License-Identifier: MIT */
/* ptrace(): system calls, registers, memory, steps and signals of a traced thread. */
#include "tracing.h"
#include <fcntl.h>
#include <stddef.h>
#include <sys/uio.h>

#define SYSGOOD_STOP (SIGTRAP | 0x80)
#define NT_PRSTATUS  1
#define NT_FPREGSET  2
#define CALL_INFO    0x420e
#define NUMBER(regs) ((long)(regs).orig_rax)

struct call_info {
	uint8_t op, pad[3];
	uint32_t arch;
	uint64_t ip, sp;
	union {
		struct {
			uint64_t nr, args[6];
		} entry;
		struct {
			int64_t value;
			uint8_t is_error;
		} exit;
	};
};

static void set_registers(pid_t pid, struct user_regs_struct *regs)
{
	CHECK_EQ(trace(PTRACE_SETREGS, pid, 0, (uintptr_t)regs), 0);
}

/* ---- system calls ---- */

static void call_once(void)
{
	_exit(syscall(SYS_getpid, 1, 2, 3, 4, 5, 6) == 4711 ? 7 : 8);
}

TEST(system_calls_are_seen_and_changed)
{
	pid_t pid = traced(call_once, PTRACE_O_TRACESYSGOOD);
	struct user_regs_struct regs;
	struct call_info info;

	do {
		stops(go(PTRACE_SYSCALL, pid, 0), SYSGOOD_STOP);
		regs = registers(pid);
	} while (NUMBER(regs) != SYS_getpid);
	CHECK_EQ(regs.rax, -ENOSYS);
	CHECK(regs.rdi == 1 && regs.rsi == 2 && regs.rdx == 3 && regs.r10 == 4 && regs.r8 == 5 &&
	      regs.r9 == 6);
	CHECK_EQ(trace(CALL_INFO, pid, sizeof(info), (uintptr_t)&info), 80);
	CHECK(info.op == 1 && info.entry.nr == SYS_getpid && info.entry.args[5] == 6);
	CHECK(info.ip == regs.rip && info.sp == regs.rsp);
	stops(go(PTRACE_SYSCALL, pid, 0), SYSGOOD_STOP);
	CHECK_EQ(trace(CALL_INFO, pid, sizeof(info), (uintptr_t)&info), 33);
	CHECK(info.op == 2 && info.exit.value == pid && !info.exit.is_error);
	regs = registers(pid);
	CHECK_EQ(regs.rax, pid);
	regs.rax = 4711;
	set_registers(pid, &regs);
	ends(pid, 7);
}

static void call_bad(void)
{
	_exit(syscall(SYS_getppid) == -1 && errno == EBADF ? 7 : 8);
}

TEST(a_call_is_replaced_and_left_out)
{
	pid_t pid = traced(call_bad, PTRACE_O_TRACESYSGOOD);
	struct user_regs_struct regs;

	do {
		stops(go(PTRACE_SYSCALL, pid, 0), SYSGOOD_STOP);
		regs = registers(pid);
	} while (NUMBER(regs) != SYS_getppid);
	regs.orig_rax = SYS_close;
	regs.rdi = (unsigned long)-1;
	set_registers(pid, &regs);
	ends(pid, 7);
	pid = traced(call_bad, PTRACE_O_TRACESYSGOOD);
	do {
		stops(go(PTRACE_SYSCALL, pid, 0), SYSGOOD_STOP);
		regs = registers(pid);
	} while (NUMBER(regs) != SYS_getppid);
	CHECK_EQ(trace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax),
		       (uintptr_t)-1),
		 0);
	CHECK_EQ(trace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax),
		       (uintptr_t)-EBADF),
		 0);
	ends(pid, 7);
}

TEST(emulated_calls_stop_once)
{
	pid_t pid = traced(call_once, PTRACE_O_TRACESYSGOOD);
	struct user_regs_struct regs;

	for (;;) {
		stops(go(PTRACE_SYSEMU, pid, 0), SYSGOOD_STOP);
		regs = registers(pid);
		if (NUMBER(regs) == SYS_exit_group)
			break;
		if (NUMBER(regs) == SYS_getpid) {
			regs.rax = 4711;
			set_registers(pid, &regs);
		}
	}
	CHECK_EQ(regs.rdi, 7);
	CHECK_EQ(trace(PTRACE_KILL, pid, 0, 0), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static void exec_true(void)
{
	char *const arguments[] = { "ptrace", "quiet", NULL };

	execv("/proc/self/exe", arguments);
	_exit(9);
}

TEST(a_new_program_is_told)
{
	pid_t pid = traced(exec_true, PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT);
	unsigned long message = 0;
	int status = go(PTRACE_CONT, pid, 0);

	stops(status, SIGTRAP);
	CHECK_EQ(EVENT(status), PTRACE_EVENT_EXEC);
	CHECK_EQ(trace(PTRACE_GETEVENTMSG, pid, 0, (uintptr_t)&message), 0);
	CHECK_EQ(message, pid);
	status = go(PTRACE_CONT, pid, 0);
	CHECK_EQ(EVENT(status), PTRACE_EVENT_EXIT);
	CHECK_EQ(trace(PTRACE_GETEVENTMSG, pid, 0, (uintptr_t)&message), 0);
	CHECK_EQ(message, 44 << 8);
	ends(pid, 44);
	pid = traced(exec_true, 0);
	status = go(PTRACE_CONT, pid, 0);
	stops(status, SIGTRAP);
	CHECK_EQ(EVENT(status), 0);
	ends(pid, 44);
	/* The call of a program that is followed ends behind its event. */
	pid = traced(exec_true, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC);
	do
		status = go(PTRACE_SYSCALL, pid, 0);
	while (EVENT(status) != PTRACE_EVENT_EXEC);
	stops(go(PTRACE_SYSCALL, pid, 0), SYSGOOD_STOP);
	CHECK(NUMBER(registers(pid)) == SYS_execve && !registers(pid).rax);
	ends(pid, 44);
}

/* ---- memory and steps ---- */

static volatile long secret = 0x1122334455667788;

static void __attribute__((noinline)) look(void)
{
	__asm__ volatile("nop; nop; nop; nop; nop; nop; nop; nop");
	_exit(secret == 42 ? 7 : 8);
}

TEST(memory_is_read_and_written)
{
	pid_t pid = traced(look, 0);
	struct user_regs_struct regs;
	long code;

	errno = 0;
	CHECK_EQ(trace(PTRACE_PEEKDATA, pid, (uintptr_t)&secret, 0), secret);
	CHECK_EQ(trace(PTRACE_POKEDATA, pid, (uintptr_t)&secret, 42), 0);
	CHECK_EQ(secret, 0x1122334455667788);
	code = trace(PTRACE_PEEKTEXT, pid, (uintptr_t)look, 0);
	CHECK_EQ(code, *(long *)look);
	CHECK_EQ(trace(PTRACE_POKETEXT, pid, (uintptr_t)look, (code & ~0xffl) | 0xcc), 0);
	stops(go(PTRACE_CONT, pid, 0), SIGTRAP);
	regs = registers(pid);
	CHECK_EQ(regs.rip, (uintptr_t)look + 1);
	CHECK_EQ(trace(PTRACE_POKETEXT, pid, (uintptr_t)look, (uintptr_t)code), 0);
	regs.rip--;
	set_registers(pid, &regs);
	CHECK_EQ(*(uint8_t *)look, (uint8_t)code);
	CHECK_ERR(trace(PTRACE_PEEKDATA, pid, 8, 0), EIO);
	CHECK_ERR(trace(PTRACE_POKEDATA, pid, 8, 0), EIO);
	ends(pid, 7);
}

TEST(memory_that_stays_readonly_is_not_writable_for_the_program)
{
	pid_t pid = traced(look, 0);
	char name[64];
	uint8_t trap = 0xcc, was;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDWR);
	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, &was, 1, (off_t)(uintptr_t)look), 1);
	CHECK_EQ(pwrite(fd, &trap, 1, (off_t)(uintptr_t)look), 1);
	stops(go(PTRACE_CONT, pid, 0), SIGTRAP);
	CHECK_EQ(pwrite(fd, &was, 1, (off_t)(uintptr_t)look), 1);
	CHECK_EQ(trace(PTRACE_KILL, pid, 0, 0), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static void trap_and_count(void)
{
	__asm__ volatile("int3; nop; nop; movl $39, %%eax; syscall; nop; nop; int3" ::
				 : "rax", "rcx", "r11", "memory");
}

TEST(single_steps)
{
	pid_t pid = traced(trap_and_count, 0);
	struct user_regs_struct regs;
	siginfo_t info;
	uintptr_t from;

	stops(go(PTRACE_CONT, pid, 0), SIGTRAP);
	from = registers(pid).rip;
	for (int i = 1; i <= 2; i++) {
		stops(go(PTRACE_SINGLESTEP, pid, 0), SIGTRAP);
		regs = registers(pid);
		CHECK_EQ(regs.rip, from + (unsigned)i);
		CHECK(!(regs.eflags & 0x100));
		CHECK_EQ(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info), 0);
		CHECK(info.si_signo == SIGTRAP && info.si_code == TRAP_TRACE);
	}
	stops(go(PTRACE_SINGLESTEP, pid, 0), SIGTRAP);
	CHECK_EQ(registers(pid).rip, from + 7);
	stops(go(PTRACE_SINGLESTEP, pid, 0), SIGTRAP); /* over the call */
	regs = registers(pid);
	CHECK_EQ(regs.rip, from + 9);
	CHECK_EQ(regs.rax, pid);
	stops(go(PTRACE_SINGLESTEP, pid, 0), SIGTRAP);
	CHECK_EQ(registers(pid).rip, from + 10);
	stops(go(PTRACE_CONT, pid, 0), SIGTRAP);
	CHECK_EQ(registers(pid).rip, from + 12);
	ends(pid, 0);
}

TEST(register_sets)
{
	pid_t pid = traced(call_once, 0);
	struct user_regs_struct regs, same;
	struct user_fpregs_struct fp, fp2;
	struct iovec part = { &same, sizeof(same) };
	uint8_t state[8192];

	regs = registers(pid);
	CHECK_EQ(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (uintptr_t)&part), 0);
	CHECK_EQ(part.iov_len, sizeof(regs));
	CHECK(!memcmp(&regs, &same, sizeof(regs)));
	CHECK(regs.cs == 0x33 && regs.ss == 0x2b && regs.fs_base);
	CHECK_EQ(trace(PTRACE_GETFPREGS, pid, 0, (uintptr_t)&fp), 0);
	fp.xmm_space[4] = 0x12345678;
	CHECK_EQ(trace(PTRACE_SETFPREGS, pid, 0, (uintptr_t)&fp), 0);
	part = (struct iovec){ &fp2, sizeof(fp2) };
	CHECK_EQ(trace(PTRACE_GETREGSET, pid, NT_FPREGSET, (uintptr_t)&part), 0);
	CHECK_EQ(fp2.xmm_space[4], 0x12345678);
	part = (struct iovec){ state, sizeof(state) };
	if (!trace(PTRACE_GETREGSET, pid, 0x202, (uintptr_t)&part)) {
		CHECK(part.iov_len >= 576);
		CHECK_EQ(trace(PTRACE_SETREGSET, pid, 0x202, (uintptr_t)&part), 0);
		state[520] = 1; /* a header that no processor has made */
		CHECK_ERR(trace(PTRACE_SETREGSET, pid, 0x202, (uintptr_t)&part), EINVAL);
	}
	CHECK_ERR(trace(PTRACE_GETREGSET, pid, 77, (uintptr_t)&part), EINVAL);
	regs.cs = 0x10;
	CHECK_ERR(trace(PTRACE_SETREGS, pid, 0, (uintptr_t)&regs), EIO);
	CHECK_ERR(trace(PTRACE_PEEKUSER, pid, 3, 0), EIO);
	CHECK_ERR(trace(PTRACE_PEEKUSER, pid, sizeof(struct user) + 64, 0), EIO);
	errno = 0;
	CHECK_EQ(trace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rip), 0),
		 registers(pid).rip);
	ends(pid, 8);
}

/* ---- signals ---- */

static volatile int caught;

static void note(int sig)
{
	caught = sig;
}

static void raise_usr1(void)
{
	signal(SIGUSR1, note);
	signal(SIGUSR2, note);
	raise_now(SIGUSR1);
	_exit(caught);
}

TEST(signals_are_shown_and_chosen)
{
	pid_t pid = traced(raise_usr1, 0);
	siginfo_t info;
	int status;

	stops(go(PTRACE_CONT, pid, 0), SIGUSR1);
	CHECK_EQ(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info), 0);
	CHECK(info.si_signo == SIGUSR1 && info.si_code == SI_TKILL && info.si_pid == pid);
	ends(pid, 0);
	pid = traced(raise_usr1, 0);
	stops(go(PTRACE_CONT, pid, 0), SIGUSR1);
	status = go(PTRACE_CONT, pid, SIGUSR2);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == SIGUSR2);
	pid = traced(raise_usr1, 0);
	stops(go(PTRACE_CONT, pid, 0), SIGUSR1);
	status = go(PTRACE_CONT, pid, SIGTERM);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	pid = traced(raise_usr1, 0);
	stops(go(PTRACE_CONT, pid, 0), SIGUSR1);
	CHECK_ERR(trace(PTRACE_CONT, pid, 0, 65), EIO);
	stops(go(PTRACE_SINGLESTEP, pid, SIGUSR1), SIGTRAP); /* at the handler's begin */
	CHECK_EQ(registers(pid).rip, (uintptr_t)note);
	ends(pid, SIGUSR1);
}

static void ignore_and_raise(void)
{
	signal(SIGUSR1, SIG_IGN);
	raise_now(SIGUSR1);
	_exit(3);
}

TEST(ignored_signals_are_shown)
{
	pid_t pid = traced(ignore_and_raise, 0);

	stops(go(PTRACE_CONT, pid, 0), SIGUSR1);
	ends(pid, 3);
}

TEST(masks_are_read_and_set)
{
	pid_t pid = traced(raise_usr1, 0);
	uint64_t mask = 1, set = 1ul << (SIGUSR1 - 1);

	CHECK_EQ(trace(PTRACE_GETSIGMASK, pid, sizeof(mask), (uintptr_t)&mask), 0);
	CHECK_EQ(mask, 0);
	CHECK_ERR(trace(PTRACE_GETSIGMASK, pid, 4, (uintptr_t)&mask), EINVAL);
	CHECK_EQ(trace(PTRACE_SETSIGMASK, pid, sizeof(set), (uintptr_t)&set), 0);
	ends(pid, 0); /* it is blocked */
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "quiet"))
		return 44;
	RUN(system_calls_are_seen_and_changed);
	RUN(a_call_is_replaced_and_left_out);
	RUN(emulated_calls_stop_once);
	RUN(a_new_program_is_told);
	RUN(memory_is_read_and_written);
	RUN(memory_that_stays_readonly_is_not_writable_for_the_program);
	RUN(single_steps);
	RUN(register_sets);
	RUN(signals_are_shown_and_chosen);
	RUN(ignored_signals_are_shown);
	RUN(masks_are_read_and_set);
	return check_done();
}
