/* SPDX-License-Identifier: MIT */
/* kernel/process/elf_image.c: programs accepted as they are meant, damaged ones refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../kernel/process/elf_image.h"

#define BASE 0x10000ull
#define END  0x7ffffffff000ull

static const struct elf_limits limits = { BASE, END };
static struct {
	Elf64_Ehdr header;
	Elf64_Phdr segments[6];
} program;
static struct elf_image image;

static void make(uint16_t type)
{
	memset(&program, 0, sizeof(program));
	memcpy(program.header.e_ident, ELFMAG "\2\1\1", 7);
	program.header.e_type = type;
	program.header.e_machine = EM_X86_64;
	program.header.e_version = 1;
	program.header.e_phoff = sizeof(program.header);
	program.header.e_ehsize = sizeof(program.header);
	program.header.e_phentsize = sizeof(Elf64_Phdr);
	program.header.e_phnum = 2;
	program.header.e_entry = 0x401000;
	program.segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
					    .p_flags = PF_R | PF_X,
					    .p_offset = 0,
					    .p_vaddr = 0x400000,
					    .p_filesz = 0x1234,
					    .p_memsz = 0x1234,
					    .p_align = 0x1000 };
	program.segments[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
					    .p_flags = PF_R | PF_W,
					    .p_offset = 0x1234,
					    .p_vaddr = 0x402234,
					    .p_filesz = 0x100,
					    .p_memsz = 0x3000,
					    .p_align = 0x1000 };
}

static int check(void)
{
	uint64_t off;
	uint32_t nr;
	int err = elf_header_check(&program, sizeof(program), &off, &nr);

	if (err)
		return err;
	if (off != sizeof(program.header) || nr > 6)
		return -E2BIG;
	return elf_image_check(&program.header, program.segments, nr, &limits, &image);
}

static void accepts_a_plain_program(void **state)
{
	make(ET_EXEC);
	assert_int_equal(check(), 0);
	assert_false(image.is_movable);
	assert_int_equal(image.low, 0x400000);
	assert_int_equal(image.high, 0x406000);
	assert_int_equal(image.brk, 0x405234);
	assert_int_equal(image.phdr_addr, 0x400040);
	assert_int_equal(image.code_start, 0x400000);
	assert_int_equal(image.code_end, 0x401234);
	assert_int_equal(image.data_start, 0x402234);
	assert_int_equal(image.data_end, 0x402334);
	assert_false(image.has_interp);
	assert_false(image.wants_exec_stack);
}

static void splits_a_segment_into_file_and_zeroes(void **state)
{
	struct elf_mapping mapping;

	make(ET_EXEC);
	elf_segment_mapping(&program.segments[1], &mapping);
	assert_int_equal(mapping.start, 0x402000);
	assert_int_equal(mapping.file_len, 0x1000);
	assert_int_equal(mapping.file_offset, 0x1000);
	assert_int_equal(mapping.zero_start, 0x402334);
	assert_int_equal(mapping.zero_len, 0x1000 - 0x334);
	assert_int_equal(mapping.anon_start, 0x403000);
	assert_int_equal(mapping.anon_len, 0x3000);
	assert_int_equal(mapping.prot, 3);
	assert_int_equal(mapping.anon_prot, 3);
	/* Zeroes alone: what the file has in front of them in their page is not theirs to clear. */
	program.segments[1].p_filesz = 0;
	program.segments[1].p_flags = PF_R | PF_X;
	elf_segment_mapping(&program.segments[1], &mapping);
	assert_int_equal(mapping.file_len, 0x1000);
	assert_int_equal(mapping.file_offset, 0x1000);
	assert_int_equal(mapping.zero_len, 0); /* read-only */
	assert_int_equal(mapping.anon_start, 0x403000);
	assert_int_equal(mapping.anon_len, 0x3000);
	assert_int_equal(mapping.prot, 5);
	assert_int_equal(mapping.anon_prot, 7);
	program.segments[1].p_flags = PF_R | PF_W;
	elf_segment_mapping(&program.segments[1], &mapping);
	assert_int_equal(mapping.zero_start, 0x402234);
	assert_int_equal(mapping.zero_len, 0x1000 - 0x234);
	program.segments[1].p_vaddr = 0x402000;
	elf_segment_mapping(&program.segments[1], &mapping);
	assert_int_equal(mapping.file_len, 0);
	assert_int_equal(mapping.zero_len, 0);
	assert_int_equal(mapping.anon_start, 0x402000);
	assert_int_equal(mapping.anon_len, 0x3000);
}

static void places_movable_images_by_their_alignment(void **state)
{
	make(ET_DYN);
	program.segments[0].p_vaddr = 0;
	program.segments[1].p_vaddr = 0x2234;
	program.segments[1].p_align = 0x200000;
	program.header.e_entry = 0x1000;
	assert_int_equal(check(), 0);
	assert_true(image.is_movable);
	assert_int_equal(image.align, 0x200000);
	assert_int_equal(image.low, 0);
	program.segments[1].p_align = 0x3000; /* no power of two: taken for none */
	assert_int_equal(check(), 0);
	assert_int_equal(image.align, 0x1000);
	program.segments[1].p_align = 1ull << 63; /* what to make of that is not decided here */
	assert_int_equal(check(), 0);
	assert_int_equal(image.align, 1ull << 63);
}

static void finds_interpreter_and_stack_rights(void **state)
{
	make(ET_DYN);
	program.header.e_phnum = 4;
	program.segments[2] =
		(Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = 0x300, .p_filesz = 28 };
	program.segments[3] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X };
	assert_int_equal(check(), 0);
	assert_true(image.has_interp);
	assert_int_equal(image.interp_offset, 0x300);
	assert_int_equal(image.interp_size, 28);
	assert_true(image.wants_exec_stack);
	program.segments[3].p_type = PT_INTERP; /* the first one counts */
	assert_int_equal(check(), 0);
	assert_int_equal(image.interp_offset, 0x300);
	assert_false(image.wants_exec_stack);
}

static void refuses_other_files(void **state)
{
#define REFUSED(field, value)                        \
	do {                                         \
		make(ET_EXEC);                       \
		program.header.field = value;        \
		assert_int_equal(check(), -ENOEXEC); \
	} while (0)
	REFUSED(e_ident[0], 'x');
	REFUSED(e_type, ET_REL);
	REFUSED(e_type, ET_CORE);
	REFUSED(e_machine, 3);
	REFUSED(e_phentsize, 55);
	REFUSED(e_phnum, 0);
	REFUSED(e_phnum, 0xffff);
	REFUSED(e_phoff, UINT64_MAX - 8);
	REFUSED(e_phoff, INT64_MAX);
	uint64_t off;
	uint32_t nr;

	make(ET_EXEC);
	assert_int_equal(elf_header_check(&program, 63, &off, &nr), -ENOEXEC);
	assert_int_equal(elf_header_check(&program, 0, &off, &nr), -ENOEXEC);
}

static void takes_odd_files_as_linux_does(void **state)
{
	make(ET_EXEC);
	program.header.e_ident[EI_CLASS] = 77;
	program.header.e_ident[EI_DATA] = 2;
	assert_int_equal(check(), 0);
	program.segments[1].p_memsz = program.segments[1].p_filesz = 0;
	assert_int_equal(check(), 0);
	program.segments[1].p_vaddr = program.segments[0].p_vaddr + 0x1000; /* overlapping */
	program.segments[1].p_offset = 0;
	program.segments[1].p_filesz = program.segments[1].p_memsz = 1;
	assert_int_equal(check(), 0);
	assert_int_equal(image.phdr_addr, 0x400040);
	program.segments[1].p_filesz = program.segments[1].p_memsz = 0x1000;
	assert_int_equal(check(), 0);
	assert_int_equal(image.phdr_addr, 0x401040); /* the last that has them */
	program.segments[0].p_type = program.segments[1].p_type = PT_NOTE;
	assert_int_equal(check(), 0);
	assert_int_equal(image.low, 0);
	assert_int_equal(image.high, 0);
	program.header.e_entry =
		UINT64_MAX; /* an interpreter may have other plans; exec_space.c looks */
	assert_int_equal(check(), 0);
}

static void says_what_a_file_is(void **state)
{
	static const struct {
		const char *words;
		uint8_t class, data;
		uint16_t type, machine;
	} known[] = {
		{ "i386", 1, 1, ET_EXEC, 3 },
		{ "x32", 1, 1, ET_EXEC, 62 },
		{ "64-bit ARM", 2, 1, ET_DYN, 183 },
		{ "SPARC", 1, 2, ET_EXEC, 0x200 },
		{ "another machine", 2, 1, ET_EXEC, 9999 },
		{ "object file", 2, 1, ET_REL, 62 },
		{ "core dump", 2, 1, ET_CORE, 62 },
		{ "unknown type", 2, 1, 0, 62 },
		{ "byte order", 2, 2, ET_EXEC, 62 << 8 },
		{ "program headers", 2, 1, ET_EXEC, 62 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		make(known[i].type);
		program.header.e_ident[EI_CLASS] = known[i].class;
		program.header.e_ident[EI_DATA] = known[i].data;
		program.header.e_machine = known[i].machine;
		assert_non_null(strstr(elf_describe(&program, sizeof(program)), known[i].words));
	}
	for (uint64_t len = 4; len < sizeof(program.header); len++)
		assert_non_null(strstr(elf_describe(&program, len), "cut off"));
	assert_null(elf_describe(&program, 3));
	program.header.e_ident[0] = '#';
	assert_null(elf_describe(&program, sizeof(program)));
}

static void refuses_segments_that_contradict_themselves(void **state)
{
#define BAD(field, value)                           \
	do {                                        \
		make(ET_EXEC);                      \
		program.segments[1].field = value;  \
		assert_int_equal(check(), -EINVAL); \
	} while (0)
	BAD(p_filesz, 0x3001);
	BAD(p_memsz, UINT64_MAX);
	BAD(p_memsz, END);
	BAD(p_vaddr, UINT64_MAX - 0xdcb);
	BAD(p_vaddr, END - 0x1000 + 0x234);
	BAD(p_vaddr, 0x402235);
	BAD(p_vaddr, 0xf234); /* below what may ever be mapped */
	BAD(p_offset, 0xfffffffffffff234ull);
	BAD(p_offset, 0x7ffffffffffff234ull);
}

/* Whatever the bytes, what is accepted has only mappings inside the image, and the image inside user space. */
static void survives_any_bytes(void **state)
{
	uint32_t accepted = 0;

	srand(3);
	for (int i = 0; i < 300000; i++) {
		struct elf_mapping mapping;

		make(rand() % 2 ? ET_EXEC : ET_DYN);
		program.header.e_phnum = 1 + rand() % 6;
		for (int round = rand() % 4; round >= 0; round--) {
			uint8_t *at = (uint8_t *)&program + rand() % sizeof(program);
			static const uint8_t bytes[] = { 0, 1, 2, 3, 0x7f, 0x80, 0xff };

			if (rand() % 2)
				*at = bytes[rand() % sizeof(bytes)];
			else
				*at = rand();
		}
		if (check())
			continue;
		accepted++;
		assert_true(image.low <= image.high && image.high <= END);
		for (uint32_t round = 0; round < image.nr_phdrs; round++) {
			if (program.segments[round].p_type != PT_LOAD)
				continue;
			elf_segment_mapping(&program.segments[round], &mapping);
			assert_true(image.is_movable || mapping.start >= BASE ||
				    !(mapping.file_len + mapping.anon_len));
			assert_true(mapping.start >= image.low &&
				    mapping.start + mapping.file_len <= image.high);
			assert_true(mapping.anon_start >= mapping.start + mapping.file_len ||
				    !mapping.anon_len);
			assert_true(mapping.anon_start + mapping.anon_len <= image.high);
			assert_true(mapping.zero_len < 4096 &&
				    mapping.zero_len <= mapping.file_len);
			assert_true(!(mapping.start & 4095) && !(mapping.file_len & 4095) &&
				    !(mapping.file_offset & 4095));
		}
	}
	assert_true(accepted > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_a_plain_program),
		cmocka_unit_test(splits_a_segment_into_file_and_zeroes),
		cmocka_unit_test(places_movable_images_by_their_alignment),
		cmocka_unit_test(finds_interpreter_and_stack_rights),
		cmocka_unit_test(refuses_other_files),
		cmocka_unit_test(takes_odd_files_as_linux_does),
		cmocka_unit_test(says_what_a_file_is),
		cmocka_unit_test(refuses_segments_that_contradict_themselves),
		cmocka_unit_test(survives_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
