/* SPDX-License-Identifier: MIT */
/* Instructions known by their bytes: tests/bench/decode.c. What the assembler makes is the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "../bench/decode.h"

#define INSN_MAX 15

/* Instructions that are never executed, and what they should be taken for. */
struct sample {
	const uint8_t *begin, *end;
	const char *text;
	uint64_t kinds;
};
extern const struct sample samples[], samples_end[];

#define CASE_(text, kinds)                                                              \
	".pushsection .text\n1: " text "\n2:\n.popsection\n"                            \
	".pushsection .data.rel.ro.text, \"aw\"\n3: .asciz \"" text "\"\n.popsection\n" \
	".quad 1b, 2b, 3b, " #kinds "\n"
#define CASE(kinds, text) CASE_(text, kinds)

/* The numbers of decode.h, for the assembler. */
#define NONE	0
#define LOCKED	0x01
#define PORT	0x02
#define STRING	0x04
#define CR3	0x18
#define FLUSHES 0x10

/* clang-format off */
__asm__(".pushsection .data.rel.ro, \"aw\"\n.balign 8\n"
	".globl samples, samples_end\nsamples:\n"
	CASE(LOCKED, "lock incl (%rax)")
	CASE(LOCKED, "lock cmpxchg %rdx, (%rdi)")
	CASE(LOCKED, "lock cmpxchg16b (%r9)")
	CASE(LOCKED, "lock xadd %eax, %gs:8(%r12)")
	CASE(LOCKED, "lock btsq $3, 0x12345678(%rip)")
	CASE(LOCKED, "lock orl $0, -4(%rsp)")
	CASE(LOCKED, "lock addw $1, (%eax)")
	CASE(LOCKED, "xchg %rax, (%rdi)")
	CASE(LOCKED, "xchg %r15b, (%r14)")
	CASE(LOCKED, "xchg %ax, 5(%rdi)")
	CASE(LOCKED, "xchg %eax, %gs:(%rdi)")
	CASE(LOCKED, "mfence")
	CASE(NONE, "lfence")
	CASE(NONE, "sfence")
	CASE(NONE, "clflush (%rax)")
	CASE(NONE, "clflushopt (%rax)")
	CASE(NONE, "tpause %eax")
	CASE(NONE, "umonitor %rax")
	CASE(NONE, "umwait %eax")
	CASE(NONE, "xsaveopt (%rax)")
	CASE(NONE, "fxsave (%rax)")
	CASE(NONE, "xchg %rax, %rdi")
	CASE(NONE, "xchg %r8b, %dil")
	CASE(NONE, "xchg %rax, %rcx")
	CASE(NONE, "cmpxchg %rdx, (%rdi)")
	CASE(NONE, "xadd %eax, (%rdi)")
	CASE(NONE, "incl (%rax)")
	CASE(PORT, "in $0x60, %al")
	CASE(PORT, "in $0x60, %eax")
	CASE(PORT, "out %al, $0x80")
	CASE(PORT, "out %ax, $0x80")
	CASE(PORT, "in %dx, %al")
	CASE(PORT, "in %dx, %ax")
	CASE(PORT, "out %al, %dx")
	CASE(PORT, "out %eax, %dx")
	CASE(STRING, "insb")
	CASE(STRING, "rep insw")
	CASE(STRING, "rep insl")
	CASE(STRING, "outsb")
	CASE(STRING, "rep outsw")
	CASE(STRING, "rep outsl")
	CASE(NONE, "rep movsb")
	CASE(NONE, "rep stosq")
	CASE(NONE, "repne scasb")
	CASE(CR3, "mov %rax, %cr3")
	CASE(CR3, "mov %r15, %cr3")
	CASE(FLUSHES, "mov %rax, %cr4")
	CASE(FLUSHES, "mov %r9, %cr4")
	CASE(FLUSHES, "invlpg (%rax)")
	CASE(FLUSHES, "invlpg 0x1000(%r13,%rbx,8)")
	CASE(FLUSHES, "invpcid (%rdi), %rax")
	CASE(FLUSHES, "invpcid 16(%r9), %r11")
	CASE(NONE, "mov %cr3, %rax")
	CASE(NONE, "mov %rax, %cr0")
	CASE(NONE, "mov %rax, %cr8")
	CASE(NONE, "mov %rax, %db3")
	CASE(NONE, "swapgs")
	CASE(NONE, "rdtscp")
	CASE(NONE, "sgdt (%rax)")
	CASE(NONE, "lidt (%rax)")
	CASE(NONE, "lmsw (%rax)")
	CASE(NONE, "xgetbv")
	CASE(NONE, "wrmsr")
	CASE(NONE, "iretq")
	CASE(NONE, "syscall")
	CASE(NONE, "nopl 0x6eba0062(%rax)")
	CASE(NONE, "movbe (%rax), %eax")
	CASE(NONE, "crc32b (%rax), %eax")
	CASE(NONE, "mov $0xe4, %al")
	CASE(NONE, "vmovaps %ymm0, (%rax)")
	CASE(NONE, "vpaddd %ymm8, %ymm1, %ymm2")
	CASE(NONE, "jmp *%rax")
	CASE(NONE, "jmp 1b - 0x14")
	CASE(NONE, "ret")
	"samples_end:\n.popsection\n");
/* clang-format on */

static size_t sample_len(const struct sample *sample)
{
	return sample->end - sample->begin;
}

/* A copy that ends where the instruction does, so that the sanitizer sees a byte too many read. */
static unsigned int kinds_of(const uint8_t *code, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	unsigned int kinds;

	assert_non_null(copy);
	memcpy(copy, code, len);
	kinds = insn_kinds(copy, len);
	free(copy);
	return kinds;
}

static void each_is_what_the_assembler_was_told(void **state)
{
	assert_true(samples_end - samples > 60);
	for (const struct sample *sample = samples; sample < samples_end; sample++) {
		unsigned int kinds = kinds_of(sample->begin, sample_len(sample));

		assert_in_range(sample_len(sample), 1, INSN_MAX);
		if (kinds != sample->kinds)
			fail_msg("%s: 0x%x instead of 0x%x", sample->text, kinds,
				 (unsigned int)sample->kinds);
	}
}

static void prefixes_without_a_meaning_change_nothing(void **state)
{
	static const uint8_t prefixes[] = { 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x67 };

	for (const struct sample *sample = samples; sample < samples_end; sample++)
		for (size_t i = 0; i < sizeof(prefixes); i++) {
			uint8_t code[INSN_MAX + 1] = { prefixes[i] };

			memcpy(code + 1, sample->begin, sample_len(sample));
			assert_int_equal(kinds_of(code, sample_len(sample) + 1), sample->kinds);
		}
}

static void parts_of_instructions_are_read_to_their_end(void **state)
{
	for (const struct sample *sample = samples; sample < samples_end; sample++)
		for (size_t len = 0; len < sample_len(sample); len++)
			kinds_of(sample->begin, len);
}

/* xorshift: any bytes do. */
static void any_bytes_are_read_to_their_end(void **state)
{
	uint64_t random = 88172645463325252ull;

	for (int i = 0; i < 1000000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		kinds_of((const uint8_t *)&random, i % (sizeof(random) + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_what_the_assembler_was_told),
		cmocka_unit_test(prefixes_without_a_meaning_change_nothing),
		cmocka_unit_test(parts_of_instructions_are_read_to_their_end),
		cmocka_unit_test(any_bytes_are_read_to_their_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
