// SPDX-License-Identifier: MIT
/* The loader of drivers: what a good file becomes in memory, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <kernel/err.h>
#include "elf_builder.h"
#include "../../banos/tool/host.h"

#define RX (SHF_ALLOC | SHF_EXECINSTR)
#define RW (SHF_ALLOC | SHF_WRITE)

static const char *const other_exports[] = { "exp_add", NULL };

/* A driver whose .text is 256 bytes and whose .data 128; init is at 128 of .text. */
static struct fixture {
	struct builder b;
	struct host_world world;
	struct loader l;
	int text, data, bss, records;
	int s_text, s_data, s_bss, s_init;
} f;

static int setup(void **state)
{
	struct banos_driver_record d = {
		.size = sizeof(d),
		.kind = BANOS_RECORD_DRIVER,
		.level = 1,
		.name = "unit",
		.version = "1",
	};

	memset(&f, 0, sizeof(f));
	f.world.driver_exports = other_exports;
	b_init(&f.b);
	f.text = b_section(&f.b, ".text", SHT_PROGBITS, RX, 256, 16);
	f.data = b_section(&f.b, ".data", SHT_PROGBITS, RW, 128, 64);
	f.bss = b_section(&f.b, ".bss", SHT_NOBITS, RW, 5000, 32);
	f.records = b_section(&f.b, ".banos-driver", SHT_PROGBITS, RW, sizeof(d), 8);
	memcpy(f.b.sections[f.records].data, &d, sizeof(d));
	f.s_text = b_symbol(&f.b, "", STB_LOCAL, STT_SECTION, f.text, 0);
	f.s_data = b_symbol(&f.b, "object", STB_LOCAL, STT_OBJECT, f.data, 16);
	f.s_bss = b_symbol(&f.b, "zeroes", STB_LOCAL, STT_OBJECT, f.bss, 0);
	f.s_init = b_symbol(&f.b, "init", STB_LOCAL, STT_FUNC, f.text, 128);
	b_rela(&f.b, f.records, offsetof(struct banos_driver_record, init), R_X86_64_64, f.s_init,
	       0);
	return 0;
}

static int teardown(void **state)
{
	if (f.l.env)
		host_loader_free(&f.l);
	free(f.b.file);
	return 0;
}

static int load_with(const char *params)
{
	if (!f.b.file)
		b_build(&f.b);
	host_loader(&f.l, &f.world, 1, f.b.file, f.b.size, params);
	return loader_run(&f.l);
}

static void load(void)
{
	int err = load_with(NULL);

	if (err)
		print_error("%s", f.l.report->text);
	assert_int_equal(err, 0);
}

static u64 addr_of(int section, u64 offset)
{
	return f.l.where[section].addr + offset;
}
static u64 at64(int section, u64 offset)
{
	u64 v;

	memcpy(&v, f.l.where[section].mem + offset, 8);
	return v;
}
static u32 at32(int section, u64 offset)
{
	u32 v;

	memcpy(&v, f.l.where[section].mem + offset, 4);
	return v;
}

/* ---- layout ---- */

static void sections_lie_in_their_parts_aligned_and_apart(void **state)
{
	load();
	assert_int_equal(f.l.where[f.text].part, PART_TEXT);
	assert_int_equal(f.l.where[f.data].part, PART_DATA);
	assert_int_equal(f.l.where[f.bss].part, PART_DATA);
	/* Only relocation writes to it. */
	assert_int_equal(f.l.where[f.records].part, PART_RODATA);
	for (int p = 0; p < PARTS; p++) {
		assert_int_equal(f.l.image.part_offset[p] % PAGE_SIZE, 0);
		if (p)
			assert_true(f.l.image.part_offset[p] >=
				    f.l.image.part_offset[p - 1] + f.l.image.part_size[p - 1]);
	}
	assert_int_equal(addr_of(f.data, 0) % 64, 0);
	assert_int_equal(addr_of(f.bss, 0) % 32, 0);
	assert_true(addr_of(f.bss, 0) >= addr_of(f.data, 128) ||
		    addr_of(f.data, 0) >= addr_of(f.bss, 5000));
	assert_int_equal(f.l.image.npages, 4);
}

static void bytes_are_copied_and_bss_is_zero(void **state)
{
	load();
	assert_int_equal(at64(f.data, 0), 0x1111111111111111);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(f.l.where[f.bss].mem[i], 0);
}

static bool in_some_section(u64 at)
{
	for (u32 i = 1; i < f.l.nsections; i++) {
		const struct load_section *w = &f.l.where[i];

		if (w->mem && f.l.image.mem + at >= w->mem &&
		    f.l.image.mem + at < w->mem + f.l.sections[i].sh_size)
			return true;
	}
	return false;
}

/* The memory came with other bytes in it. */
static void bytes_of_no_section_are_zero(void **state)
{
	u64 n = 0;

	load();
	for (u64 at = 0; at < f.l.image.npages * PAGE_SIZE; at++)
		if (!in_some_section(at)) {
			assert_int_equal(f.l.image.mem[at], 0);
			n++;
		}
	assert_true(n > PAGE_SIZE);
}

/* ---- relocations ---- */

static void s_plus_a(void **state)
{
	b_rela(&f.b, f.data, 0, R_X86_64_64, f.s_data, -3);
	b_rela(&f.b, f.data, 9, R_X86_64_64, f.s_init, 5); /* at any address */
	b_rela(&f.b, f.data, 24, R_X86_64_32S, f.s_bss, 100);
	b_rela(&f.b, f.data, 120, R_X86_64_NONE, f.s_bss, 100);
	load();
	assert_int_equal(at64(f.data, 0), addr_of(f.data, 16) - 3);
	assert_int_equal(at64(f.data, 9), addr_of(f.text, 128) + 5);
	assert_int_equal((u64)(s64)(s32)at32(f.data, 24), addr_of(f.bss, 100));
	/* No byte besides. */
	assert_int_equal(at32(f.data, 28), 0x11111111);
	assert_int_equal(f.l.where[f.data].mem[8], 0x11);
	assert_int_equal(at64(f.data, 120), 0x1111111111111111);
}

static void s_plus_a_minus_p(void **state)
{
	b_rela(&f.b, f.text, 4, R_X86_64_PC32, f.s_data, -4);
	b_rela(&f.b, f.text, 12, R_X86_64_PLT32, f.s_init, -4);
	b_rela(&f.b, f.text, 17, R_X86_64_PC64, f.s_bss, 8);
	b_rela(&f.b, f.text, 252, R_X86_64_PC32, f.s_text, 1); /* the last four bytes */
	load();
	assert_int_equal((s32)at32(f.text, 4), (s64)(addr_of(f.data, 16) - 4 - addr_of(f.text, 4)));
	assert_int_equal((s32)at32(f.text, 12), 128 - 4 - 12);
	assert_int_equal(at64(f.text, 17), addr_of(f.bss, 8) - addr_of(f.text, 17));
	assert_int_equal((s32)at32(f.text, 252), 1 - 252);
}

/* What is stored has to stand for the very number, in the way of its type. */
static int absolute(u32 type, u64 value)
{
	int number = b_symbol(&f.b, "number", STB_LOCAL, STT_NOTYPE, SHN_ABS, value), err;

	b_rela(&f.b, f.data, 0, type, number, 0);
	err = load_with(NULL);
	if (!err)
		assert_int_equal(at32(f.data, 0), (u32)value);
	teardown(NULL);
	setup(NULL);
	return err;
}

static void limits_of_32_bits(void **state)
{
	assert_int_equal(absolute(R_X86_64_32, 0xffffffff), 0);
	assert_int_equal(absolute(R_X86_64_32, 0x100000000), -EOVERFLOW);
	assert_int_equal(absolute(R_X86_64_32, -1ull), -EOVERFLOW);
	assert_int_equal(absolute(R_X86_64_32S, 0x7fffffff), 0);
	assert_int_equal(absolute(R_X86_64_32S, 0x80000000), -EOVERFLOW);
	assert_int_equal(absolute(R_X86_64_32S, -0x80000000ll), 0);
	assert_int_equal(absolute(R_X86_64_32S, -0x80000001ll), -EOVERFLOW);
	assert_int_equal(absolute(R_X86_64_32S, 1ull << 63), -EOVERFLOW);
	assert_int_equal(absolute(R_X86_64_32, 0x7000000000000000), -EOVERFLOW);
}

/* As far as a relative one reaches: the place is 0 of .data. */
static int relative(u64 distance)
{
	int err;

	b_rela(&f.b, f.data, 0, R_X86_64_PC32, f.s_data, distance - 16);
	err = load_with(NULL);
	if (!err)
		assert_int_equal(at32(f.data, 0), (u32)distance);
	teardown(NULL);
	setup(NULL);
	return err;
}

static void limits_of_relative_ones(void **state)
{
	assert_int_equal(relative(0x7fffffff), 0);
	assert_int_equal(relative(0x80000000), -EOVERFLOW);
	assert_int_equal(relative(-0x80000000ll), 0);
	assert_int_equal(relative(-0x80000001ll), -EOVERFLOW);
	assert_int_equal(relative(1ull << 63), -EOVERFLOW);
}

/* ---- the GOT ---- */

static u64 slot_of(u64 place, s64 addend)
{
	return addr_of(f.text, place) + (s32)at32(f.text, place) - addend;
}

static u64 content(u64 addr)
{
	u64 v;

	assert_true(in_part(&f.l, PART_RODATA, addr, 8));
	memcpy(&v, memory_at(&f.l, addr), 8);
	return v;
}

static void one_got_slot_per_symbol_with_any_addend(void **state)
{
	int a = b_symbol(&f.b, "unit_a", STB_GLOBAL, STT_FUNC, f.text, 40);
	int c = b_symbol(&f.b, "banos_api_level", STB_GLOBAL, STT_NOTYPE, SHN_UNDEF, 0);

	b_rela(&f.b, f.text, 0, R_X86_64_GOTPCREL, a, -4);
	b_rela(&f.b, f.text, 8, R_X86_64_REX_GOTPCRELX, a, -5);
	b_rela(&f.b, f.text, 16, R_X86_64_GOTPCRELX, a, 3);
	b_rela(&f.b, f.text, 24, R_X86_64_GOTPCREL, c, -4);
	load();
	assert_int_equal(slot_of(0, -4), slot_of(8, -5));
	assert_int_equal(slot_of(0, -4), slot_of(16, 3));
	assert_int_not_equal(slot_of(0, -4), slot_of(24, -4));
	assert_int_equal(content(slot_of(0, -4)), addr_of(f.text, 40));
	assert_int_equal(content(slot_of(24, -4)), host_api_address("banos_api_level"));
	assert_int_equal(slot_of(0, -4) % 8, 0);
}

static void a_got_slot_of_a_local_symbol(void **state)
{
	b_rela(&f.b, f.text, 0, R_X86_64_GOTPCREL, f.s_data, -4);
	b_rela(&f.b, f.text, 8, R_X86_64_GOTPCREL, f.s_bss, -4);
	load();
	assert_int_equal(content(slot_of(0, -4)), addr_of(f.data, 16));
	assert_int_equal(content(slot_of(8, -4)), addr_of(f.bss, 0));
}

/* ---- imports ---- */

static void an_absent_weak_import_is_0_everywhere_but_for_calls(void **state)
{
	int w = b_symbol(&f.b, "banos_absent", STB_WEAK, STT_NOTYPE, SHN_UNDEF, 0);
	u64 stub, name;

	b_rela(&f.b, f.data, 0, R_X86_64_64, w, 0);
	b_rela(&f.b, f.data, 8, R_X86_64_32, w, 7);
	b_rela(&f.b, f.data, 12, R_X86_64_32S, w, -7);
	b_rela(&f.b, f.data, 16, R_X86_64_PC64, w, 0);
	b_rela(&f.b, f.text, 0, R_X86_64_GOTPCREL, w, -4);
	b_rela(&f.b, f.text, 8, R_X86_64_PC32, w, -4);
	b_rela(&f.b, f.text, 16, R_X86_64_PLT32, w, -4);
	b_rela(&f.b, f.text, 24, R_X86_64_PLT32, w, -4);
	load();
	assert_int_equal(at64(f.data, 0), 0);
	assert_int_equal(at32(f.data, 8), 7);
	assert_int_equal(at32(f.data, 12), -7u);
	assert_int_equal(at64(f.data, 16), -addr_of(f.data, 16));
	assert_int_equal(content(slot_of(0, -4)), 0);
	assert_int_equal((u64)(s32)at32(f.text, 8) + 4 + addr_of(f.text, 8), 0);
	/* A call leads to a stub of its own, which knows its name. */
	stub = slot_of(16, -4);
	assert_int_equal(stub, slot_of(24, -4));
	assert_true(in_part(&f.l, PART_TEXT, stub, LOADER_STUB_SIZE) && !in_code(&f.l, stub));
	assert_memory_equal(memory_at(&f.l, stub), "\xf3\x0f\x1e\xfa\x49\xbb", 6);
	memcpy(&name, memory_at(&f.l, stub) + 6, 8);
	assert_string_equal((const char *)name, "banos_absent");
	assert_int_equal(memory_at(&f.l, stub)[14], 0xe9);
}

static void imports_from_drivers_go_through_slots(void **state)
{
	int e = b_symbol(&f.b, "exp_add", STB_GLOBAL, STT_NOTYPE, SHN_UNDEF, 0);
	u64 stub, slot;
	s32 jump;

	b_rela(&f.b, f.text, 0, R_X86_64_PLT32, e, -4);
	b_rela(&f.b, f.data, 0, R_X86_64_64, e, 0);
	load();
	stub = slot_of(0, -4);
	assert_int_equal(at64(f.data, 0), stub);
	memcpy(&slot, memory_at(&f.l, stub) + 6, 8);
	assert_int_equal(slot, HOST_SLOT);
	memcpy(&jump, memory_at(&f.l, stub) + 15, 4);
	assert_int_equal(stub + 19 + jump, f.l.env->slot_entry);
}

static void a_present_weak_import_is_bound(void **state)
{
	int w = b_symbol(&f.b, "banos_api_level", STB_WEAK, STT_NOTYPE, SHN_UNDEF, 0);

	b_rela(&f.b, f.data, 0, R_X86_64_64, w, 0);
	load();
	assert_int_equal(at64(f.data, 0), host_api_address("banos_api_level"));
}

/* ---- entry points ---- */

static void add_array(const char *name, u32 type, u64 function)
{
	int s = b_section(&f.b, name, type, RW, 8, 8);

	b_rela(&f.b, s, 0, R_X86_64_64, f.s_text, function);
}

static void arrays_run_in_order_of_their_numbers(void **state)
{
	add_array(".init_array", SHT_INIT_ARRAY, 9);
	add_array(".init_array.65535", SHT_INIT_ARRAY, 7);
	add_array(".init_array.10", SHT_INIT_ARRAY, 3);
	add_array(".init_array.2", SHT_INIT_ARRAY, 1);
	add_array(".init_array.00005", SHT_INIT_ARRAY, 2);
	add_array(".fini_array", SHT_FINI_ARRAY, 29);
	add_array(".fini_array.3", SHT_FINI_ARRAY, 21);
	load();
	static const u64 init[] = { 1, 2, 3, 7, 9 };

	assert_int_equal(f.l.image.ninit, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(f.l.image.init_calls[i], addr_of(f.text, init[i]));
	assert_int_equal(f.l.image.nfini, 2);
	assert_int_equal(f.l.image.fini_calls[0], addr_of(f.text, 29));
	assert_int_equal(f.l.image.fini_calls[1], addr_of(f.text, 21));
}

static void init_exit_and_functions_are_found(void **state)
{
	b_rela(&f.b, f.records, offsetof(struct banos_driver_record, exit), R_X86_64_64, f.s_text,
	       255);
	load();
	assert_int_equal(f.l.image.init, addr_of(f.text, 128));
	assert_int_equal(f.l.image.exit, addr_of(f.text, 255));
	assert_int_equal(f.l.image.nfunctions, 1);
	assert_string_equal(f.l.image.names + f.l.image.functions[0].name, "init");
	assert_int_equal(f.l.image.functions[0].offset, 128);
}

/* ---- parameters ---- */

static void add_param(const char *name, u32 type, u32 bytes, s64 min, s64 max, u64 offset)
{
	u64 at = f.b.sections[f.records].h.sh_size;
	struct banos_param_record p = {
		.size = sizeof(p),
		.kind = BANOS_RECORD_PARAM,
		.type = type,
		.bytes = bytes,
		.min = min,
		.max = max,
	};

	strcpy(p.name, name);
	memcpy(f.b.sections[f.records].data + at, &p, sizeof(p));
	f.b.sections[f.records].h.sh_size += sizeof(p);
	b_rela(&f.b, f.records, at + offsetof(struct banos_param_record, variable), R_X86_64_64,
	       f.s_data, (s64)offset - 16);
}

static void parameters_are_written_where_they_belong(void **state)
{
	add_param("small", BANOS_PARAM_I32_TYPE, 4, -10, 10, 0);
	add_param("flag", BANOS_PARAM_BOOL_TYPE, 1, 0, 1, 8);
	add_param("large", BANOS_PARAM_U64_TYPE, 8, 0, -1, 16);
	add_param("text_here", BANOS_PARAM_TEXT_TYPE, 6, 0, 0, 24);
	assert_int_equal(
		load_with("small=-10 flag=on large=0xfedcba9876543210 text-here=\"a b c\""), 0);
	assert_int_equal(at32(f.data, 0), -10u);
	assert_int_equal(f.l.where[f.data].mem[8], 1);
	assert_int_equal(f.l.where[f.data].mem[9], 0x11);
	assert_int_equal(at64(f.data, 16), 0xfedcba9876543210);
	assert_string_equal((char *)f.l.where[f.data].mem + 24, "a b c");
	assert_int_equal(f.l.where[f.data].mem[30], 0x11);
}

static void each_wrong_parameter_is_named(void **state)
{
	add_param("small", BANOS_PARAM_I32_TYPE, 4, -10, 10, 0);
	assert_int_equal(load_with("small=11 other=2 small="), -EINVAL);
	assert_int_equal(f.l.report->count, 3);
	assert_non_null(strstr(f.l.report->text, "from -10 to 10, not \"11\""));
	assert_non_null(strstr(f.l.report->text, "has no parameter other"));
}

/* ---- reasons ---- */

static void the_error_is_the_first_row_of_the_table(void **state)
{
	static const int rows[] = {
		-EPERM,	     -EFAULT, -EFBIG,	  -ENOMEM, -ENOEXEC, -EINVAL,
		-EOPNOTSUPP, -ENOENT, -EOVERFLOW, -EBUSY,  -EIO,
	};

	for (u32 i = 0; i + 1 < ARRAY_SIZE(rows); i++) {
		struct report r;

		assert_true(report_rank(rows[i]) < report_rank(rows[i + 1]));
		report_init(&r, malloc, free);
		report_add(&r, rows[i + 1], "later");
		report_add(&r, rows[i], "first");
		report_add(&r, rows[i + 1], "later again");
		assert_int_equal(r.err, rows[i]);
		assert_int_equal(r.count, 3);
		report_destroy(&r);
	}
}

static void reasons_have_an_end(void **state)
{
	struct report r;
	char text[300];

	report_init(&r, malloc, free);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	strcpy(r.who, "a_driver_with_a_name_of_fifty_five_bytes_which_are_many");
	for (int i = 0; i < 1000; i++)
		report_add(&r, -ENOENT, "%s", text);
	report_close(&r);
	assert_true(r.used < REPORT_SIZE && strlen(r.text) == r.used);
	assert_non_null(strstr(r.text, "more reasons\n"));
	report_destroy(&r);
}

/* Every allocation in turn: no memory, said so, and nothing left (that is up to the sanitizer). */
static void each_allocation_may_fail(void **state)
{
	int w = b_symbol(&f.b, "banos_absent", STB_WEAK, STT_NOTYPE, SHN_UNDEF, 0), n;

	add_array(".init_array", SHT_INIT_ARRAY, 9);
	add_array(".fini_array", SHT_FINI_ARRAY, 9);
	b_rela(&f.b, f.text, 0, R_X86_64_GOTPCREL, f.s_data, -4);
	b_rela(&f.b, f.text, 16, R_X86_64_PLT32, w, -4);
	b_build(&f.b);
	for (n = 1; n < 50; n++) {
		int err;

		f.world.fail_alloc = n;
		err = load_with(NULL);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_null(f.l.image.mem);
		host_loader_free(&f.l);
	}
	assert_in_range(n, 7, 40);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sections_lie_in_their_parts_aligned_and_apart),
		TEST(bytes_are_copied_and_bss_is_zero),
		TEST(bytes_of_no_section_are_zero),
		TEST(s_plus_a),
		TEST(s_plus_a_minus_p),
		TEST(limits_of_32_bits),
		TEST(limits_of_relative_ones),
		TEST(one_got_slot_per_symbol_with_any_addend),
		TEST(a_got_slot_of_a_local_symbol),
		TEST(an_absent_weak_import_is_0_everywhere_but_for_calls),
		TEST(imports_from_drivers_go_through_slots),
		TEST(a_present_weak_import_is_bound),
		TEST(arrays_run_in_order_of_their_numbers),
		TEST(init_exit_and_functions_are_found),
		TEST(parameters_are_written_where_they_belong),
		TEST(each_wrong_parameter_is_named),
		TEST(the_error_is_the_first_row_of_the_table),
		TEST(reasons_have_an_end),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
