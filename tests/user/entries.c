/* SPDX-License-Identifier: MIT */
/*
 * The ways into the kernel and back, with whatever a program can put into the
 * processor's registers: each ends in Linux's signal, or does what it does there.
 * What a Linux with 32-bit programs does otherwise is left out under one.
 */
#include "check.h"
#include <cpuid.h>
#include <sched.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>

#define LOW_AT	  ((uint8_t *)0x10000) /* what code of any mode can reach */
#define LOW_SIZE  0x2000
#define CS_USER	  0x33
#define SS_USER	  0x2b
#define FLAG_TF	  0x100ul
#define FLAG_DF	  0x400ul
#define FLAG_IOPL 0x3000ul
#define FLAG_NT	  0x4000ul
#define FLAG_VM	  0x20000ul
#define FLAG_AC	  0x40000ul
#define FLAG_VIF  0x180000ul
#define TRAP_GP	  13
#define TRAP_PF	  14
#define NOWHERE	  0x8000000000000000ul /* not canonical */

/* What the last signal told. */
static volatile struct {
	int sig, code, trap;
	uint64_t address, rip, error, rax;
} got;
static sigjmp_buf back;
static uint8_t signal_stack[65536];

static void clear_flags(void)
{
	__asm__ volatile("pushq $0x202; popfq" : : : "memory", "cc");
}

static void handler(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	clear_flags();
	got.sig = sig;
	got.code = info->si_code;
	got.address = (uint64_t)info->si_addr;
	got.trap = (int)uc->uc_mcontext.gregs[REG_TRAPNO];
	got.error = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
	got.rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	got.rax = (uint64_t)uc->uc_mcontext.gregs[REG_RAX];
	siglongjmp(back, 1);
}

static void catch_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	for (volatile size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		CHECK_EQ(sigaction(signals[i], &action, NULL), 0);
}

/* @return the signal in which @what ends, 0: it returned */
#define CATCH(what)                        \
	({                                 \
		got.sig = 0;               \
		if (!sigsetjmp(back, 1)) { \
			what;              \
		}                          \
		clear_flags();             \
		got.sig;                   \
	})
#define CATCH_ASM(text) \
	CATCH(__asm__ volatile(text : : "a"(0x1234567), "c"(0), "d"(0) : "memory", "cc"))

static int has_smap(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx >> 20 & 1);
}

static void check_fault(int sig, int code, int trap, const char *what)
{
	if (got.sig == sig && got.code == code && got.trap == trap)
		return;
	printf("# %s: signal %d, code %d, trap %d; wanted %d, %d, %d\n", what, got.sig, got.code,
	       got.trap, sig, code, trap);
	CHECK(0);
}
#define CHECK_GP(text)                                          \
	do {                                                    \
		CATCH_ASM(text);                                \
		check_fault(SIGSEGV, SI_KERNEL, TRAP_GP, text); \
	} while (0)

/* Refused as what it is; or because QEMU (before 9.1) takes the stack of a far return for the kernel's. */
static int is_refused(int sig)
{
	return sig == SIGSEGV && (got.trap == TRAP_GP || (got.trap == TRAP_PF && has_smap()));
}

static int is_with_32_bit_programs(void)
{
	return !access("/proc/sys/abi/vsyscall32", F_OK);
}

static uint8_t *map_low(void)
{
	uint8_t *bytes = mmap(LOW_AT, LOW_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	CHECK(bytes == LOW_AT);
	return bytes;
}

static void call_low(void)
{
	__asm__ volatile("call *%0" : : "r"(LOW_AT), "a"(20) : "memory", "cc", "rbx", "rcx", "rdx");
}

/* ---- each kind of exception ---- */

TEST(exceptions_become_the_signals_of_linux)
{
	catch_signals();
	CATCH_ASM("ud2");
	check_fault(SIGILL, ILL_ILLOPN, 6, "ud2");
	CHECK_EQ(got.address, got.rip);
	CATCH_ASM(".byte 0xce"); /* INTO: no instruction here */
	check_fault(SIGILL, ILL_ILLOPN, 6, "into");
	CATCH_ASM("int3");
	check_fault(SIGTRAP, SI_KERNEL, 3, "int3");
	if (CATCH_ASM(".byte 0xf1") != SIGILL) { /* QEMU before 8 has no INT1 */
		check_fault(SIGTRAP, TRAP_BRKPT, 1, "int1");
		CHECK_EQ(got.address, got.rip);
	}
	CATCH_ASM("xorl %%ecx, %%ecx; divl %%ecx");
	check_fault(SIGFPE, FPE_INTDIV, 0, "div");
	CHECK_EQ(got.address, got.rip);
	CATCH_ASM("pushq $0x33b; fldcw (%%rsp); fld1; fldz; fdivrp; fwait; popq %%rax");
	check_fault(SIGFPE, FPE_FLTDIV, 16, "fdiv");
	CATCH_ASM("fninit; pushq $0x33e; fldcw (%%rsp); fldz; fldz; fdivrp; fwait; popq %%rax");
	check_fault(SIGFPE, FPE_FLTINV, 16, "0/0");
}

TEST(privileged_instructions_are_protection_faults)
{
	catch_signals();
	CHECK_GP("hlt");
	CHECK_GP("cli");
	CHECK_GP("sti");
	CHECK_GP("inb %%dx, %%al");
	CHECK_GP("outb %%al, $0x80");
	CHECK_GP("clts");
	CHECK_GP("invd");
	CHECK_GP("wbinvd");
	CHECK_GP("invlpg (%%rsp)");
	CHECK_GP("swapgs");
	CHECK_GP("sysretq");
	CHECK_GP("sysretl");
	CHECK_GP("rdmsr");
	CHECK_GP("wrmsr");
	CHECK_GP("movq %%cr0, %%rax");
	CHECK_GP("movq %%rax, %%cr3");
	CHECK_GP("movq %%cr4, %%rax");
	CHECK_GP("movq %%rax, %%cr8");
	CHECK_GP("movq %%dr0, %%rax");
	CHECK_GP("movq %%rax, %%dr7");
	CHECK_GP("lgdt (%%rsp)");
	CHECK_GP("lidt (%%rsp)");
	CHECK_GP("lldt %%cx");
	CHECK_GP("ltr %%cx");
	CHECK_GP("lmsw %%cx");
}

/* Of the interrupt vectors a program has 3 and 4. */
TEST(software_interrupts_are_protection_faults)
{
	uint8_t *bytes = map_low();

	catch_signals();
	for (volatile int n = 0; n < 256; n++) {
		if (n == 3 || (n == 0x80 && is_with_32_bit_programs()))
			continue;
		memcpy(bytes, (uint8_t[]){ 0xcd, (uint8_t)n, 0xc3 }, 3);
		CATCH(call_low());
		if (n == 4) {
			check_fault(SIGSEGV, SI_KERNEL, 4, "int $4");
			continue;
		}
		check_fault(SIGSEGV, SI_KERNEL, TRAP_GP, "int $n");
		CHECK_EQ(got.error & 7,
			 2); /* of the interrupt table; QEMU's number is not always right */
		CHECK_EQ(got.rip, (uint64_t)bytes);
	}
}

/* ---- selectors ---- */

static volatile struct __attribute__((packed)) {
	uint64_t offset;
	uint16_t selector;
} far_pointer;

static void far_return(uint64_t code)
{
	__asm__ volatile("leaq 1f(%%rip), %%rax; pushq %0; pushq %%rax; lretq; 1:"
			 :
			 : "r"(code)
			 : "rax", "memory");
}

static void far_call(uint64_t code)
{
	far_pointer.offset = (uint64_t)LOW_AT;
	far_pointer.selector = (uint16_t)code;
	__asm__ volatile("rex.W lcall *%0" : : "m"(far_pointer) : "memory");
}

static void far_jump(uint64_t code)
{
	far_pointer.offset = (uint64_t)LOW_AT;
	far_pointer.selector = (uint16_t)code;
	__asm__ volatile("rex.W ljmp *%0" : : "m"(far_pointer) : "memory");
}

static void interrupt_return(uint64_t code, uint64_t stack, uint64_t flags)
{
	__asm__ volatile(
		"movq %%rsp, %%rcx; pushq %1; pushq %%rcx; pushfq; orq %2, (%%rsp); pushq %0; "
		"leaq 1f(%%rip), %%rax; pushq %%rax; pushq %2; popfq; iretq; 1:"
		:
		: "r"(code), "r"(stack), "r"(flags)
		: "rax", "rcx", "memory", "cc");
}

static int is_linux_32_bit_code(uint64_t code)
{
	return (code & ~3ul) == 0x20 && is_with_32_bit_programs();
}

/* Code of user mode is in one segment; everything else, empty or the kernel's, faults. */
static void check_code_selectors(void)
{
	map_low();
	LOW_AT[0] = 0xf4; /* HLT, in any mode */
	for (volatile uint64_t code = 0; code < 0x80; code++) {
		if ((code & ~3ul) == (CS_USER & ~3ul) || is_linux_32_bit_code(code))
			continue;
		CHECK(is_refused(CATCH(far_return(code))));
		CHECK(is_refused(CATCH(interrupt_return(code, SS_USER, 0x202))));
		CHECK(is_refused(CATCH(far_call(code))));
		CHECK(is_refused(CATCH(far_jump(code))));
	}
	if (!has_smap()) {
		CHECK_EQ(CATCH(far_return(CS_USER)), 0);
		CHECK_EQ(CATCH(interrupt_return(CS_USER, SS_USER, 0x202)), 0);
	}
	CHECK_EQ(CATCH(interrupt_return(CS_USER, SS_USER, 0x202 | FLAG_NT)), SIGSEGV);
	CHECK_EQ(CATCH(interrupt_return(CS_USER, CS_USER, 0x202)), SIGSEGV);
	CHECK_EQ(CATCH(interrupt_return(CS_USER, 3, 0x202)), SIGSEGV);
}

TEST(no_other_code_segment_can_be_entered)
{
	catch_signals();
	check_code_selectors();
}

static void load_data(uint64_t selector)
{
	__asm__ volatile("movl %k0, %%ds; movl %k0, %%es" : : "r"(selector));
}
static void load_gs(uint64_t selector)
{
	__asm__ volatile("movl %k0, %%gs" : : "r"(selector));
}
static void load_ss(uint64_t selector)
{
	__asm__ volatile("movl %k0, %%ss; movl %1, %%ss" : : "r"(selector), "r"(SS_USER));
}

/*
 * There is no local table: after a reset a processor takes the first 64 KiB of address space,
 * where a program may have memory, for one.
 */
static void check_local_table(void)
{
	uint64_t *table = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (table != MAP_FAILED) /* else no one's memory is there; the faults differ all the same */
		for (int i = 0; i < 8192; i++)
			table[i] = 0x00cff3000000ffff; /* data of user mode */
	for (volatile uint64_t selector = 4; selector < 0x100; selector += 8) {
		CHECK(CATCH(load_data(selector | 3)) == SIGSEGV && got.trap == TRAP_GP);
		CHECK_EQ(got.error, selector);
		CHECK(CATCH(load_gs(selector | 3)) == SIGSEGV && got.trap == TRAP_GP);
		CHECK(CATCH(load_ss(selector | 3)) == SIGSEGV && got.trap == TRAP_GP);
		CHECK(is_refused(CATCH(far_return(selector | 3))));
	}
}

TEST(there_is_no_local_descriptor_table)
{
	catch_signals();
	check_local_table();
}

/* What the kernel's own segments need of privilege a program doesn't have. */
TEST(data_selectors_are_user_modes_or_fault)
{
	catch_signals();
	for (volatile uint64_t selector = 4; selector < 0x80; selector++) {
		int sig;

		if (selector & 4)
			continue;
		sig = CATCH(load_data(selector));
		CHECK(!sig || (sig == SIGSEGV && got.trap == TRAP_GP) || sig == SIGBUS);
		CHECK(selector >= 0x18 || sig == SIGSEGV);
		sig = CATCH(load_gs(selector));
		CHECK(!sig || (sig == SIGSEGV && got.trap == TRAP_GP) || sig == SIGBUS);
		load_gs(0);
	}
	CHECK_EQ(CATCH(load_data(SS_USER)), 0);
	CHECK_EQ(CATCH(load_ss(SS_USER)), 0);
	load_data(0);
}

/* ---- system calls by other ways ---- */

static void enter_compat(void)
{
	__asm__ volatile("movq %%rsp, %%rbx; movl $0x11800, %%esp; pushq %0; pushq %1; lretq"
			 :
			 : "r"(0x23ul), "r"(LOW_AT)
			 : "memory", "rbx");
}

static void check_other_calls(void)
{
	static const uint8_t calls[][2] = { { 0x0f, 0x05 }, { 0x0f, 0x34 }, { 0xcd, 0x80 } };
	int sig;

	if (is_with_32_bit_programs())
		return;
	for (volatile size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		map_low();
		memcpy(LOW_AT, calls[i], 2);
		LOW_AT[2] = 0xf4;
		CHECK_EQ(CATCH(enter_compat()), SIGSEGV);
		if (!i)
			continue;
		LOW_AT[2] = 0xc3;
		sig = CATCH(call_low()); /* AMD's have no SYSENTER here */
		CHECK(sig == SIGSEGV || (i == 1 && sig == SIGILL));
	}
}

TEST(other_ways_to_call_the_kernel_are_refused)
{
	catch_signals();
	check_other_calls();
}

TEST(every_processor_is_set_up_alike)
{
	cpu_set_t set;
	int count = (int)sysconf(_SC_NPROCESSORS_ONLN);

	catch_signals();
	for (int cpu = 0; cpu < count; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
		check_local_table();
		check_other_calls();
		check_code_selectors();
	}
}

/* ---- flags ---- */

/* getpid() with @flags set. @return those of them that are still set behind it */
static uint64_t call_with_flags(uint64_t flags, long *result)
{
	uint64_t after, r11;

	__asm__ volatile(
		"pushfq; orq %3, (%%rsp); popfq; syscall; pushfq; popq %1; pushq $0x202; popfq"
		: "=a"(*result), "=&r"(after), "=&r"(r11)
		: "r"(flags), "0"((long)SYS_getpid)
		: "rcx", "r11", "memory", "cc");
	return after & flags;
}

TEST(flags_at_a_system_call_do_no_harm_and_stay)
{
	static const uint64_t flags[] = { FLAG_DF, FLAG_NT, FLAG_AC, FLAG_DF | FLAG_NT | FLAG_AC,
					  0x8d5 };
	long result;

	for (volatile size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		CHECK_EQ(call_with_flags(flags[i], &result), flags[i]);
		CHECK_EQ(result, getpid());
	}
}

/* The kernel copies upwards, whatever a program had; and is interrupted with these flags. */
TEST(flags_at_a_fault_or_an_interrupt_do_no_harm)
{
	static const uint64_t flags[] = { FLAG_DF, FLAG_NT, FLAG_AC };
	uint8_t *bytes;
	long end;

	for (volatile size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		bytes = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
		CHECK(bytes != MAP_FAILED);
		__asm__ volatile(
			"pushfq; orq %1, (%%rsp); popfq; movb $1, (%0); movb $1, 40960(%0); pushq $0x202; popfq"
			:
			: "r"(bytes), "r"(flags[i])
			: "memory", "cc");
		CHECK(bytes[0] == 1 && bytes[40960] == 1 && !bytes[1]);
		munmap(bytes, 1 << 16);
		for (end = now_ms() + 12; now_ms() < end;)
			__asm__ volatile(
				"pushfq; orq %0, (%%rsp); popfq; movl $20000, %%eax; 1: decl %%eax; jnz 1b; "
				"pushq $0x202; popfq"
				:
				: "r"(flags[i])
				: "rax", "memory", "cc");
	}
}

static volatile int steps, step_wrong;

static void step_handler(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	steps++;
	step_wrong |= info->si_code != TRAP_TRACE || uc->uc_mcontext.gregs[REG_TRAPNO] != 1 ||
		      (uint64_t)info->si_addr != (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
}

TEST(single_steps_go_over_system_calls)
{
	struct sigaction action = { .sa_sigaction = step_handler, .sa_flags = SA_SIGINFO };
	long pid = SYS_getpid;

	CHECK_EQ(sigaction(SIGTRAP, &action, NULL), 0);
	__asm__ volatile("pushq $0x302; popfq; nop; nop; syscall; nop; nop; pushq $0x202; popfq"
			 : "+a"(pid)
			 :
			 : "rcx", "r11", "memory", "cc");
	CHECK_EQ(pid, getpid());
	CHECK(steps >= 6 && steps <= 8 && !step_wrong);
}

/* ---- back from a signal, with what a handler wrote ---- */

static uint64_t new_cs, new_ss, new_rip, new_rsp, new_flags;
static int keep_stack_words;

static void rewrite(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *registers = uc->uc_mcontext.gregs;
	uint16_t selectors[4];

	memcpy(selectors, &registers[REG_CSGSFS], sizeof(selectors));
	if (new_cs)
		selectors[0] = (uint16_t)new_cs;
	if (new_ss)
		selectors[3] = (uint16_t)new_ss;
	memcpy(&registers[REG_CSGSFS], selectors, sizeof(selectors));
	if (!keep_stack_words)
		uc->uc_flags &= ~4ul; /* UC_STRICT_RESTORE_SS */
	if (new_rip)
		registers[REG_RIP] = (greg_t)new_rip;
	if (new_rsp)
		registers[REG_RSP] = (greg_t)new_rsp;
	registers[REG_EFL] |= (greg_t)new_flags;
	registers[REG_RAX] = 0x5566778811223344;
}

static int come_back(uint64_t code, uint64_t stack, uint64_t rip, uint64_t rsp, uint64_t flags)
{
	new_cs = code;
	new_ss = stack;
	new_rip = rip;
	new_rsp = rsp;
	new_flags = flags;
	return CATCH(raise(SIGUSR1));
}

static void rewrite_signals(void)
{
	struct sigaction action = { .sa_sigaction = rewrite, .sa_flags = SA_SIGINFO };

	catch_signals();
	keep_stack_words = 1;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
}

TEST(a_handler_cannot_return_to_another_segment)
{
	static const uint16_t wrong[] = { 3,	7,    8,    0xb,  0xf,	  0x10,	 0x13,
					  0x1b, 0x23, 0x43, 0x4b, 0xfff7, 0xffff };

	rewrite_signals();
	for (volatile size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CHECK_EQ(come_back(0, wrong[i], 0, 0, 0), SIGSEGV);
		check_fault(SIGSEGV, SI_KERNEL, TRAP_GP, "ss");
		CHECK_EQ(got.rax, 0x5566778811223344); /* its own registers, none of the kernel's */
		if (is_linux_32_bit_code(wrong[i]))
			continue;
		CHECK_EQ(come_back(wrong[i], 0, (uint64_t)handler, 0, 0), SIGSEGV);
		check_fault(SIGSEGV, SI_KERNEL, TRAP_GP, "cs");
		CHECK_EQ(got.rax, 0x5566778811223344);
		CHECK_EQ(got.rip, (uint64_t)handler);
		CHECK_EQ(got.error, wrong[i] & 0xfffc);
	}
	CHECK_EQ(come_back(CS_USER, SS_USER, 0, 0, 0), 0);
	CHECK_EQ(come_back(CS_USER - 3, SS_USER - 3, 0, 0, 0),
		 0);	      /* the privilege is not a frame's to choose */
	keep_stack_words = 0; /* an old program's frame, in which SS means nothing */
	CHECK_EQ(come_back(0, 0xffff, 0, 0, 0), 0);
}

TEST(a_handler_cannot_return_to_nowhere)
{
	static const uint64_t nowhere[] = { NOWHERE,
					    0x800000000000,
					    0x7ffffffff000,
					    0xffff7fffffffffff,
					    0xffffffff80100000,
					    0xffff800000000000,
					    ~0ul };

	rewrite_signals();
	for (volatile size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		CHECK_EQ(come_back(0, 0, nowhere[i], 0, 0), SIGSEGV);
		come_back(0, 0, 0, nowhere[i], 0);
		CHECK(got.sig == SIGSEGV || got.sig == SIGBUS);
	}
}

TEST(a_handler_cannot_raise_privilege_by_flags)
{
	rewrite_signals();
	CHECK_EQ(come_back(0, 0, 0, 0, FLAG_IOPL | FLAG_NT | FLAG_VM | FLAG_VIF), 0);
	CHECK_GP("cli");
	CHECK_GP("outb %%al, $0x80");
}

/* The instruction behind a system call is always one of user mode's. */
TEST(the_last_page_cannot_be_mapped)
{
	CHECK(mmap((void *)0x7ffffffff000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		   -1, 0) == MAP_FAILED);
}

int main(int argc, char **argv)
{
	if (argc > 1 &&
	    !strcmp(argv[1], "int80")) /* ends here, of SIGSEGV, where the kernel says why */
		__asm__ volatile("int $0x80" : : "a"(20) : "memory");
	RUN(exceptions_become_the_signals_of_linux);
	RUN(privileged_instructions_are_protection_faults);
	RUN(software_interrupts_are_protection_faults);
	RUN(no_other_code_segment_can_be_entered);
	RUN(there_is_no_local_descriptor_table);
	RUN(data_selectors_are_user_modes_or_fault);
	RUN(other_ways_to_call_the_kernel_are_refused);
	RUN(every_processor_is_set_up_alike);
	RUN(flags_at_a_system_call_do_no_harm_and_stay);
	RUN(flags_at_a_fault_or_an_interrupt_do_no_harm);
	RUN(single_steps_go_over_system_calls);
	RUN(a_handler_cannot_return_to_another_segment);
	RUN(a_handler_cannot_return_to_nowhere);
	RUN(a_handler_cannot_raise_privilege_by_flags);
	RUN(the_last_page_cannot_be_mapped);
	return check_done();
}
