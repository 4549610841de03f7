// SPDX-License-Identifier: MIT
/* The loader of drivers: what a good file becomes in memory, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <asm/stub.h>
#include <kernel/err.h>
#include "elf_builder.h"
#include "../../banos/tool/host.h"

#define RX (SHF_ALLOC | SHF_EXECINSTR)
#define RW (SHF_ALLOC | SHF_WRITE)

static const char *const other_exports[] = { "exp_add", NULL };

/* A driver whose .text is 256 bytes and whose .data 128; init is at 128 of .text. */
static struct fixture {
	struct builder builder;
	struct host_world world;
	struct loader l;
	int text, data, bss, records;
	int s_text, s_data, s_bss, s_init;
} fixture;

static int setup(void **state)
{
	struct banos_driver_record d = {
		.size = sizeof(d),
		.kind = BANOS_RECORD_DRIVER,
		.level = 1,
		.name = "unit",
		.version = "1",
	};

	memset(&fixture, 0, sizeof(fixture));
	fixture.world.driver_exports = other_exports;
	b_init(&fixture.builder);
	fixture.text = b_section(&fixture.builder, ".text", SHT_PROGBITS, RX, 256, 16);
	fixture.data = b_section(&fixture.builder, ".data", SHT_PROGBITS, RW, 128, 64);
	fixture.bss = b_section(&fixture.builder, ".bss", SHT_NOBITS, RW, 5000, 32);
	fixture.records =
		b_section(&fixture.builder, ".banos-driver", SHT_PROGBITS, RW, sizeof(d), 8);
	memcpy(fixture.builder.sections[fixture.records].data, &d, sizeof(d));
	fixture.s_text = b_symbol(&fixture.builder, "", STB_LOCAL, STT_SECTION, fixture.text, 0);
	fixture.s_data =
		b_symbol(&fixture.builder, "object", STB_LOCAL, STT_OBJECT, fixture.data, 16);
	fixture.s_bss = b_symbol(&fixture.builder, "zeroes", STB_LOCAL, STT_OBJECT, fixture.bss, 0);
	fixture.s_init = b_symbol(&fixture.builder, "init", STB_LOCAL, STT_FUNC, fixture.text, 128);
	b_rela(&fixture.builder, fixture.records, offsetof(struct banos_driver_record, init),
	       R_X86_64_64, fixture.s_init, 0);
	return 0;
}

static int teardown(void **state)
{
	if (fixture.l.env)
		host_loader_free(&fixture.l);
	free(fixture.builder.file);
	return 0;
}

static int load_with(const char *params)
{
	if (!fixture.builder.file)
		b_build(&fixture.builder);
	host_loader(&fixture.l, &fixture.world, 1, fixture.builder.file, fixture.builder.size,
		    params);
	return loader_run(&fixture.l);
}

static void load(void)
{
	int err = load_with(NULL);

	if (err)
		print_error("%s", fixture.l.report->text);
	assert_int_equal(err, 0);
}

static u64 addr_of(int section, u64 offset)
{
	return fixture.l.where[section].addr + offset;
}
static u64 at64(int section, u64 offset)
{
	u64 value;

	memcpy(&value, fixture.l.where[section].mem + offset, 8);
	return value;
}
static u32 at32(int section, u64 offset)
{
	u32 value;

	memcpy(&value, fixture.l.where[section].mem + offset, 4);
	return value;
}

/* ---- layout ---- */

static void sections_lie_in_their_parts_aligned_and_apart(void **state)
{
	load();
	assert_int_equal(fixture.l.where[fixture.text].part, PART_TEXT);
	assert_int_equal(fixture.l.where[fixture.data].part, PART_DATA);
	assert_int_equal(fixture.l.where[fixture.bss].part, PART_DATA);
	/* Only relocation writes to it. */
	assert_int_equal(fixture.l.where[fixture.records].part, PART_RODATA);
	for (int part = 0; part < PARTS; part++) {
		assert_int_equal(fixture.l.image.part_offset[part] % PAGE_SIZE, 0);
		if (part)
			assert_true(fixture.l.image.part_offset[part] >=
				    fixture.l.image.part_offset[part - 1] +
					    fixture.l.image.part_size[part - 1]);
	}
	assert_int_equal(addr_of(fixture.data, 0) % 64, 0);
	assert_int_equal(addr_of(fixture.bss, 0) % 32, 0);
	assert_true(addr_of(fixture.bss, 0) >= addr_of(fixture.data, 128) ||
		    addr_of(fixture.data, 0) >= addr_of(fixture.bss, 5000));
	assert_int_equal(fixture.l.image.npages, 4);
}

static void bytes_are_copied_and_bss_is_zero(void **state)
{
	load();
	assert_int_equal(at64(fixture.data, 0), 0x1111111111111111);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(fixture.l.where[fixture.bss].mem[i], 0);
}

static bool in_some_section(u64 offset)
{
	for (u32 i = 1; i < fixture.l.nsections; i++) {
		const struct load_section *section = &fixture.l.where[i];

		if (section->mem && fixture.l.image.mem + offset >= section->mem &&
		    fixture.l.image.mem + offset < section->mem + fixture.l.sections[i].sh_size)
			return true;
	}
	return false;
}

/* The memory came with other bytes in it. */
static void bytes_of_no_section_are_zero(void **state)
{
	u64 offset = 0;

	load();
	for (u64 at = 0; at < fixture.l.image.npages * PAGE_SIZE; at++)
		if (!in_some_section(at)) {
			assert_int_equal(fixture.l.image.mem[at], 0);
			offset++;
		}
	assert_true(offset > PAGE_SIZE);
}

/* ---- relocations ---- */

static void s_plus_a(void **state)
{
	b_rela(&fixture.builder, fixture.data, 0, R_X86_64_64, fixture.s_data, -3);
	b_rela(&fixture.builder, fixture.data, 9, R_X86_64_64, fixture.s_init,
	       5); /* at any address */
	b_rela(&fixture.builder, fixture.data, 24, R_X86_64_32S, fixture.s_bss, 100);
	b_rela(&fixture.builder, fixture.data, 120, R_X86_64_NONE, fixture.s_bss, 100);
	load();
	assert_int_equal(at64(fixture.data, 0), addr_of(fixture.data, 16) - 3);
	assert_int_equal(at64(fixture.data, 9), addr_of(fixture.text, 128) + 5);
	assert_int_equal((u64)(s64)(s32)at32(fixture.data, 24), addr_of(fixture.bss, 100));
	/* No byte besides. */
	assert_int_equal(at32(fixture.data, 28), 0x11111111);
	assert_int_equal(fixture.l.where[fixture.data].mem[8], 0x11);
	assert_int_equal(at64(fixture.data, 120), 0x1111111111111111);
}

static void s_plus_a_minus_p(void **state)
{
	b_rela(&fixture.builder, fixture.text, 4, R_X86_64_PC32, fixture.s_data, -4);
	b_rela(&fixture.builder, fixture.text, 12, R_X86_64_PLT32, fixture.s_init, -4);
	b_rela(&fixture.builder, fixture.text, 17, R_X86_64_PC64, fixture.s_bss, 8);
	b_rela(&fixture.builder, fixture.text, 252, R_X86_64_PC32, fixture.s_text,
	       1); /* the last four bytes */
	load();
	assert_int_equal((s32)at32(fixture.text, 4),
			 (s64)(addr_of(fixture.data, 16) - 4 - addr_of(fixture.text, 4)));
	assert_int_equal((s32)at32(fixture.text, 12), 128 - 4 - 12);
	assert_int_equal(at64(fixture.text, 17),
			 addr_of(fixture.bss, 8) - addr_of(fixture.text, 17));
	assert_int_equal((s32)at32(fixture.text, 252), 1 - 252);
}

/* What is stored has to stand for the very number, in the way of its type. */
static int absolute(u32 type, u64 value)
{
	int number = b_symbol(&fixture.builder, "number", STB_LOCAL, STT_NOTYPE, SHN_ABS, value),
	    err;

	b_rela(&fixture.builder, fixture.data, 0, type, number, 0);
	err = load_with(NULL);
	if (!err)
		assert_int_equal(at32(fixture.data, 0), (u32)value);
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

	b_rela(&fixture.builder, fixture.data, 0, R_X86_64_PC32, fixture.s_data, distance - 16);
	err = load_with(NULL);
	if (!err)
		assert_int_equal(at32(fixture.data, 0), (u32)distance);
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
	return addr_of(fixture.text, place) + (s32)at32(fixture.text, place) - addend;
}

static u64 content(u64 addr)
{
	u64 value;

	assert_true(in_part(&fixture.l, PART_RODATA, addr, 8));
	memcpy(&value, memory_at(&fixture.l, addr), 8);
	return value;
}

static void one_got_slot_per_symbol_with_any_addend(void **state)
{
	int a = b_symbol(&fixture.builder, "unit_a", STB_GLOBAL, STT_FUNC, fixture.text, 40);
	int c = b_symbol(&fixture.builder, "banos_api_level", STB_GLOBAL, STT_NOTYPE, SHN_UNDEF, 0);

	b_rela(&fixture.builder, fixture.text, 0, R_X86_64_GOTPCREL, a, -4);
	b_rela(&fixture.builder, fixture.text, 8, R_X86_64_REX_GOTPCRELX, a, -5);
	b_rela(&fixture.builder, fixture.text, 16, R_X86_64_GOTPCRELX, a, 3);
	b_rela(&fixture.builder, fixture.text, 24, R_X86_64_GOTPCREL, c, -4);
	load();
	assert_int_equal(slot_of(0, -4), slot_of(8, -5));
	assert_int_equal(slot_of(0, -4), slot_of(16, 3));
	assert_int_not_equal(slot_of(0, -4), slot_of(24, -4));
	assert_int_equal(content(slot_of(0, -4)), addr_of(fixture.text, 40));
	assert_int_equal(content(slot_of(24, -4)), host_api_address("banos_api_level"));
	assert_int_equal(slot_of(0, -4) % 8, 0);
}

static void a_got_slot_of_a_local_symbol(void **state)
{
	b_rela(&fixture.builder, fixture.text, 0, R_X86_64_GOTPCREL, fixture.s_data, -4);
	b_rela(&fixture.builder, fixture.text, 8, R_X86_64_GOTPCREL, fixture.s_bss, -4);
	load();
	assert_int_equal(content(slot_of(0, -4)), addr_of(fixture.data, 16));
	assert_int_equal(content(slot_of(8, -4)), addr_of(fixture.bss, 0));
}

/* ---- imports ---- */

static void an_absent_weak_import_is_0_everywhere_but_for_calls(void **state)
{
	int symbol = b_symbol(&fixture.builder, "banos_absent", STB_WEAK, STT_NOTYPE, SHN_UNDEF, 0);
	u64 stub, name;

	b_rela(&fixture.builder, fixture.data, 0, R_X86_64_64, symbol, 0);
	b_rela(&fixture.builder, fixture.data, 8, R_X86_64_32, symbol, 7);
	b_rela(&fixture.builder, fixture.data, 12, R_X86_64_32S, symbol, -7);
	b_rela(&fixture.builder, fixture.data, 16, R_X86_64_PC64, symbol, 0);
	b_rela(&fixture.builder, fixture.text, 0, R_X86_64_GOTPCREL, symbol, -4);
	b_rela(&fixture.builder, fixture.text, 8, R_X86_64_PC32, symbol, -4);
	b_rela(&fixture.builder, fixture.text, 16, R_X86_64_PLT32, symbol, -4);
	b_rela(&fixture.builder, fixture.text, 24, R_X86_64_PLT32, symbol, -4);
	load();
	assert_int_equal(at64(fixture.data, 0), 0);
	assert_int_equal(at32(fixture.data, 8), 7);
	assert_int_equal(at32(fixture.data, 12), -7u);
	assert_int_equal(at64(fixture.data, 16), -addr_of(fixture.data, 16));
	assert_int_equal(content(slot_of(0, -4)), 0);
	assert_int_equal((u64)(s32)at32(fixture.text, 8) + 4 + addr_of(fixture.text, 8), 0);
	/* A call leads to a stub of its own, which knows its name. */
	stub = slot_of(16, -4);
	assert_int_equal(stub, slot_of(24, -4));
	assert_true(in_part(&fixture.l, PART_TEXT, stub, STUB_SIZE) && !in_code(&fixture.l, stub));
	assert_memory_equal(memory_at(&fixture.l, stub), "\xf3\x0f\x1e\xfa\x49\xbb", 6);
	memcpy(&name, memory_at(&fixture.l, stub) + 6, 8);
	assert_string_equal((const char *)name, "banos_absent");
	assert_int_equal(memory_at(&fixture.l, stub)[14], 0xe9);
}

static void imports_from_drivers_go_through_slots(void **state)
{
	int symbol = b_symbol(&fixture.builder, "exp_add", STB_GLOBAL, STT_NOTYPE, SHN_UNDEF, 0);
	u64 stub, slot;
	s32 jump;

	b_rela(&fixture.builder, fixture.text, 0, R_X86_64_PLT32, symbol, -4);
	b_rela(&fixture.builder, fixture.data, 0, R_X86_64_64, symbol, 0);
	load();
	stub = slot_of(0, -4);
	assert_int_equal(at64(fixture.data, 0), stub);
	memcpy(&slot, memory_at(&fixture.l, stub) + 6, 8);
	assert_int_equal(slot, HOST_SLOT);
	memcpy(&jump, memory_at(&fixture.l, stub) + 15, 4);
	assert_int_equal(stub + 19 + jump, fixture.l.env->slot_entry);
}

static void a_present_weak_import_is_bound(void **state)
{
	int symbol =
		b_symbol(&fixture.builder, "banos_api_level", STB_WEAK, STT_NOTYPE, SHN_UNDEF, 0);

	b_rela(&fixture.builder, fixture.data, 0, R_X86_64_64, symbol, 0);
	load();
	assert_int_equal(at64(fixture.data, 0), host_api_address("banos_api_level"));
}

/* ---- entry points ---- */

static void add_array(const char *name, u32 type, u64 function)
{
	int section = b_section(&fixture.builder, name, type, RW, 8, 8);

	b_rela(&fixture.builder, section, 0, R_X86_64_64, fixture.s_text, function);
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

	assert_int_equal(fixture.l.image.ninit, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(fixture.l.image.init_calls[i], addr_of(fixture.text, init[i]));
	assert_int_equal(fixture.l.image.nfini, 2);
	assert_int_equal(fixture.l.image.fini_calls[0], addr_of(fixture.text, 29));
	assert_int_equal(fixture.l.image.fini_calls[1], addr_of(fixture.text, 21));
}

static void init_exit_and_functions_are_found(void **state)
{
	b_rela(&fixture.builder, fixture.records, offsetof(struct banos_driver_record, exit),
	       R_X86_64_64, fixture.s_text, 255);
	load();
	assert_int_equal(fixture.l.image.init, addr_of(fixture.text, 128));
	assert_int_equal(fixture.l.image.exit, addr_of(fixture.text, 255));
	assert_int_equal(fixture.l.image.nfunctions, 1);
	assert_string_equal(fixture.l.image.names + fixture.l.image.functions[0].name, "init");
	assert_int_equal(fixture.l.image.functions[0].offset, 128);
}

/* ---- parameters ---- */

static void add_param(const char *name, u32 type, u32 bytes, s64 min, s64 max, u64 offset)
{
	u64 at = fixture.builder.sections[fixture.records].h.sh_size;
	struct banos_param_record param = {
		.size = sizeof(param),
		.kind = BANOS_RECORD_PARAM,
		.type = type,
		.bytes = bytes,
		.min = min,
		.max = max,
	};

	strcpy(param.name, name);
	memcpy(fixture.builder.sections[fixture.records].data + at, &param, sizeof(param));
	fixture.builder.sections[fixture.records].h.sh_size += sizeof(param);
	b_rela(&fixture.builder, fixture.records,
	       at + offsetof(struct banos_param_record, variable), R_X86_64_64, fixture.s_data,
	       (s64)offset - 16);
}

static void parameters_are_written_where_they_belong(void **state)
{
	add_param("small", BANOS_PARAM_I32_TYPE, 4, -10, 10, 0);
	add_param("flag", BANOS_PARAM_BOOL_TYPE, 1, 0, 1, 8);
	add_param("large", BANOS_PARAM_U64_TYPE, 8, 0, -1, 16);
	add_param("text_here", BANOS_PARAM_TEXT_TYPE, 6, 0, 0, 24);
	assert_int_equal(
		load_with("small=-10 flag=on large=0xfedcba9876543210 text-here=\"a b c\""), 0);
	assert_int_equal(at32(fixture.data, 0), -10u);
	assert_int_equal(fixture.l.where[fixture.data].mem[8], 1);
	assert_int_equal(fixture.l.where[fixture.data].mem[9], 0x11);
	assert_int_equal(at64(fixture.data, 16), 0xfedcba9876543210);
	assert_string_equal((char *)fixture.l.where[fixture.data].mem + 24, "a b c");
	assert_int_equal(fixture.l.where[fixture.data].mem[30], 0x11);
}

static void each_wrong_parameter_is_named(void **state)
{
	add_param("small", BANOS_PARAM_I32_TYPE, 4, -10, 10, 0);
	assert_int_equal(load_with("small=11 other=2 small="), -EINVAL);
	assert_int_equal(fixture.l.report->count, 3);
	assert_non_null(strstr(fixture.l.report->text, "from -10 to 10, not \"11\""));
	assert_non_null(strstr(fixture.l.report->text, "has no parameter other"));
}

/* ---- reasons ---- */

static void *report_alloc(void *arg, size_t size)
{
	return malloc(size);
}

static void report_free(void *arg, void *memory)
{
	free(memory);
}

static void the_error_is_the_first_row_of_the_table(void **state)
{
	static const int rows[] = {
		-EPERM,	     -EFAULT, -EFBIG,	  -ENOMEM, -ENOEXEC, -EINVAL,
		-EOPNOTSUPP, -ENOENT, -EOVERFLOW, -EBUSY,  -EIO,
	};

	for (u32 i = 0; i + 1 < ARRAY_SIZE(rows); i++) {
		struct report report;

		assert_true(report_rank(rows[i]) < report_rank(rows[i + 1]));
		report_init(&report, report_alloc, report_free, NULL);
		report_add(&report, rows[i + 1], "later");
		report_add(&report, rows[i], "first");
		report_add(&report, rows[i + 1], "later again");
		assert_int_equal(report.err, rows[i]);
		assert_int_equal(report.count, 3);
		report_destroy(&report);
	}
}

static void reasons_have_an_end(void **state)
{
	struct report report;
	char text[300];

	report_init(&report, report_alloc, report_free, NULL);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	strcpy(report.who, "a_driver_with_a_name_of_fifty_five_bytes_which_are_many");
	for (int i = 0; i < 1000; i++)
		report_add(&report, -ENOENT, "%s", text);
	report_close(&report);
	assert_true(report.used < REPORT_SIZE && strlen(report.text) == report.used);
	assert_non_null(strstr(report.text, "more reasons\n"));
	report_destroy(&report);
}

static void reasons_show_no_control_characters(void **state)
{
	struct report report;

	report_init(&report, report_alloc, report_free, NULL);
	report_add(&report, -ENOENT, "needs %s", "na\x1b[2Jme\r\n\x7f\t");
	assert_string_equal(report.text, "driver file: needs na?[2Jme????\n");
	report_destroy(&report);
}

static bool takes_tree_name(const char *name, uint64_t may)
{
	struct banos_driver_record record = { .features_may = may };

	strscpy(record.name, name, sizeof(record.name));
	return descriptor_takes_tree_name(&record);
}

/* The search needs them sorted; and none is found by its beginning or with more. */
static void names_of_the_tree_are_known(void **state)
{
#define TREE_NAME(name) #name,
	static const char *const names[] = { BANOS_TREE_NAMES_(TREE_NAME) };
#undef TREE_NAME
	char other[BANOS_NAME_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(takes_tree_name(names[i], 0));
		assert_false(takes_tree_name(names[i], BANOS_DRIVER_OF_TREE));
		if (i)
			assert_true(strcmp(names[i - 1], names[i]) < 0);
		snprintf(other, sizeof(other), "%s_", names[i]);
		assert_false(takes_tree_name(other, 0));
		snprintf(other, sizeof(other), "%.*sA", (int)strlen(names[i]) - 1, names[i]);
		assert_false(takes_tree_name(other, 0));
	}
	assert_false(takes_tree_name("A", 0));
	assert_false(takes_tree_name("zz", 0));
}

/* Every allocation in turn: no memory, said so, and nothing left (that is up to the sanitizer). */
static void each_allocation_may_fail(void **state)
{
	int symbol = b_symbol(&fixture.builder, "banos_absent", STB_WEAK, STT_NOTYPE, SHN_UNDEF, 0),
	    n;

	add_array(".init_array", SHT_INIT_ARRAY, 9);
	add_array(".fini_array", SHT_FINI_ARRAY, 9);
	b_rela(&fixture.builder, fixture.text, 0, R_X86_64_GOTPCREL, fixture.s_data, -4);
	b_rela(&fixture.builder, fixture.text, 16, R_X86_64_PLT32, symbol, -4);
	b_build(&fixture.builder);
	for (n = 1; n < 50; n++) {
		int err;

		fixture.world.fail_alloc = n;
		err = load_with(NULL);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_null(fixture.l.image.mem);
		host_loader_free(&fixture.l);
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
		TEST(reasons_show_no_control_characters),
		TEST(names_of_the_tree_are_known),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
