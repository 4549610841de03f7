/* SPDX-License-Identifier: MIT */
/*
 * Vector and floating-point registers are each thread's own, whatever else runs:
 * threads, processes and a fresh program. As on Linux.
 */
#include "check.h"
#include <cpuid.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define REGISTERS 16
#define ROUNDS	  300
#define THREADS	  4

/* In groups of 32 bytes, half of which SSE uses. */
struct registers {
	uint8_t vector[REGISTERS][32];
	double x87;
	uint32_t mxcsr, rounds;
};

#define EACH(op)                                                                                \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) \
		op(14) op(15)
#define LOAD_SSE(n) "movdqu 32*" #n "(%1), %%xmm" #n "\n\t"
#define SAVE_SSE(n) "movdqu %%xmm" #n ", 32*" #n "(%2)\n\t"
#define LOAD_AVX(n) "vmovdqu 32*" #n "(%1), %%ymm" #n "\n\t"
#define SAVE_AVX(n) "vmovdqu %%ymm" #n ", 32*" #n "(%2)\n\t"
/* Between the two nothing but system calls, and time in which a tick may come. */
/* clang-format off */
#define KEEP(load, save) \
	__asm__ volatile("fldl %c4(%1)\n\tldmxcsr %c5(%1)\n\t" EACH(load) \
			 "1:\tmovl %3, %%eax\n\tsyscall\n\tmovl $2000, %%eax\n2:\tdecl %%eax\n\tjnz 2b\n\t" \
			 "decl %0\n\tjnz 1b\n\t" EACH(save) "stmxcsr %c5(%2)\n\tfstpl %c4(%2)" \
			 : "+m"(out->rounds) : "r"(registers), "r"(out), "i"(SYS_sched_yield), \
			   "i"(offsetof(struct registers, x87)), "i"(offsetof(struct registers, mxcsr)) \
			 : "rax", "rcx", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", \
			   "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")
/* clang-format on */

static int has_avx(void)
{
	unsigned int eax, ebx, ecx, edx, low, high;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) || !(ecx & bit_AVX))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (low & 6) == 6;
}

static void fill(struct registers *registers, unsigned int who)
{
	for (size_t i = 0; i < sizeof(registers->vector); i++)
		((uint8_t *)registers->vector)[i] = (uint8_t)(i * 7 + who * 41 + 1);
	registers->x87 = 1.5 + who;
	registers->mxcsr = 0x1f80 | (who & 3) << 13; /* a way of rounding of its own */
}

/* @return do they still hold what was put there? */
static int are_kept(unsigned int who)
{
	static __thread struct registers before, after;
	const struct registers *registers = &before;
	struct registers *out = &after;
	uint32_t plain = 0x1f80;
	int avx = has_avx(), same = 1;

	fill(&before, who);
	out->rounds = ROUNDS;
	if (avx)
		KEEP(LOAD_AVX, SAVE_AVX);
	else
		KEEP(LOAD_SSE, SAVE_SSE);
	__asm__ volatile("ldmxcsr %0" : : "m"(plain));
	for (int i = 0; i < REGISTERS; i++)
		same &= !memcmp(before.vector[i], after.vector[i], avx ? 32 : 16);
	return same && before.x87 == after.x87 && before.mxcsr == (after.mxcsr & ~0x3fu);
}

static void *thread(void *who)
{
	return (void *)(intptr_t)are_kept((unsigned int)(intptr_t)who);
}

static void all_threads(unsigned int first)
{
	pthread_t threads[THREADS];
	void *kept;

	for (intptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, thread, (void *)(i + first)), 0);
	for (int i = 0; i < THREADS; i++) {
		CHECK_EQ(pthread_join(threads[i], &kept), 0);
		CHECK(kept);
	}
}

TEST(registers_are_each_threads_own)
{
	all_threads(0);
}

TEST(registers_are_each_process_own)
{
	int status;

	for (unsigned int i = 0; i < 3; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			all_threads(10 * i);
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
}

/* A child goes on with what its parent had. */
TEST(fork_copies_registers)
{
	uint64_t put = 0x1122334455667788, got;
	int status;
	long pid;

	__asm__ volatile("movq %2, %%xmm9\n\tsyscall\n\tmovq %%xmm9, %1"
			 : "=a"(pid), "=r"(got)
			 : "r"(put), "0"((long)SYS_fork)
			 : "rcx", "r11", "memory", "xmm9");
	CHECK(pid >= 0);
	if (!pid)
		_exit(got != put);
	CHECK(got == put);
	CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* Nothing of another program is left in them. */
static int start_is_clean(void)
{
	uint64_t x[2];
	uint32_t mxcsr;
	uint16_t control;

	__asm__ volatile("movdqu %%xmm13, %0\n\tstmxcsr %1\n\tfnstcw %2"
			 : "=m"(x), "=m"(mxcsr), "=m"(control));
	return !x[0] && !x[1] && mxcsr == 0x1f80 && control == 0x37f;
}

TEST(a_fresh_program_has_clean_registers)
{
	char *const argv[] = { "registers", "fresh", NULL };
	uint32_t odd = 0x7f80;
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid) {
		__asm__ volatile("ldmxcsr %0\n\tpcmpeqd %%xmm13, %%xmm13" : : "m"(odd) : "xmm13");
		execv("/proc/self/exe", argv);
		_exit(9);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "fresh"))
		return !start_is_clean();
	RUN(registers_are_each_threads_own);
	RUN(registers_are_each_process_own);
	RUN(fork_copies_registers);
	RUN(a_fresh_program_has_clean_registers);
	return check_done();
}
