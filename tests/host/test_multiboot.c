/* SPDX-License-Identifier: MIT */
/*
 * arch/x86_64/boot/multiboot.c: what loaders hand over, good and hostile.
 *
 * Physical memory is one buffer at BASE; bytes beyond it read as 0xff, as on a machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <asm/multiboot.h>
#include <kernel/memmap.h>

#define BASE	 0x9000u
#define MEM_SIZE 0x8000u
#define MB1	 0x2badb002u
#define MB2	 0x36d76289u
#define MIB	 (1ull << 20)

static u8 mem[MEM_SIZE];
static u32 put_at;
static jmp_buf stopped;
static char stop_text[256], warned[256];
static bool entries_everywhere; /* from BASE + 0x1000 on: empty entries of a map, without end */
static u64 nr_reads;

void phys_read(void *dst, phys_t src, size_t count);
void boot_stop(const char *fmt, ...);
void printk(const char *fmt, ...);

void phys_read(void *dst, phys_t src, size_t count)
{
	nr_reads++;
	for (size_t i = 0; i < count; i++) {
		u64 offset = src + i - BASE;

		if (entries_everywhere && offset >= 0x1000)
			((u8 *)dst)[i] = (offset - 0x1000) % 24 ? 0 : 20;
		else
			((u8 *)dst)[i] = offset < MEM_SIZE ? mem[offset] : 0xff;
	}
}

void boot_stop(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(stop_text, sizeof(stop_text), fmt, args);
	va_end(args);
	longjmp(stopped, 1);
}

void printk(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(warned, sizeof(warned), fmt, args);
	va_end(args);
}

static int setup(void **state)
{
	memset(mem, 0, sizeof(mem));
	memset(&boot_info, 0, sizeof(boot_info));
	warned[0] = 0;
	put_at = 0x1000;
	return 0;
}

/* Somewhere in memory. @return its address */
static u32 put(const void *memory, size_t count)
{
	u32 offset = put_at;

	memcpy(mem + offset, memory, count);
	put_at += ALIGN_UP(count, 8u);
	return BASE + offset;
}

static u32 put_text(const char *text)
{
	return put(text, strlen(text) + 1);
}

/* ---- multiboot 1 ---- */

struct mb1 {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	u32 syms[4], mmap_length, mmap_addr, drives[2], config_table, loader_name, apm, vbe[4];
	u64 fb_addr;
	u32 fb_pitch, fb_width, fb_height;
	u8 fb_bpp, fb_type, fb_color[6];
} __packed;
struct mb1_entry {
	u32 size;
	u64 addr, len;
	u32 type;
} __packed;

static void parse1(const struct mb1 *mb1)
{
	memcpy(mem, mb1, sizeof(*mb1));
	multiboot_parse(MB1, BASE);
}

static void a_map_of_multiboot_1_is_taken_over(void **state)
{
	struct mb1_entry map[] = {
		{ 20, 0, 0x9fc00, 1 },
		{ 20, 0xf0000, 0x10000, 2 },
		{ 20, MIB, 31 * MIB, 1 },
		{ 20, 32 * MIB, MIB, 3 },
		{ 20, 0x100000000, 64 * MIB, 1 },
		{ 20, 33 * MIB, MIB, 4 },
		{ 20, 34 * MIB, MIB, 77 },
	};
	struct mb1 i = { .flags = 1 << 6,
			 .mmap_length = sizeof(map),
			 .mmap_addr = put(map, sizeof(map)) };

	parse1(&i);
	assert_int_equal(boot_info.nr_ranges, 7);
	assert_int_equal(boot_info.map[2].start, MIB);
	assert_int_equal(boot_info.map[2].end, 32 * MIB);
	assert_int_equal(boot_info.map[2].type, MEM_RAM);
	assert_int_equal(boot_info.map[3].type, MEM_ACPI_RECLAIM);
	assert_int_equal(boot_info.map[4].start, 0x100000000);
	assert_int_equal(boot_info.map[5].type, MEM_ACPI_NVS);
	assert_int_equal(boot_info.map[6].type, MEM_UNUSABLE);
}

static void larger_entries_are_stepped_over(void **state)
{
	struct {
		struct mb1_entry e;
		u8 more[12];
	} __packed map[2] = {
		{ .e = { 32, MIB, MIB, 1 } },
		{ .e = { 32, 4 * MIB, MIB, 1 } },
	};
	struct mb1 i = { .flags = 1 << 6,
			 .mmap_length = sizeof(map),
			 .mmap_addr = put(map, sizeof(map)) };

	parse1(&i);
	assert_int_equal(boot_info.nr_ranges, 2);
	assert_int_equal(boot_info.map[1].start, 4 * MIB);
}

static void without_a_map_two_sizes_do(void **state)
{
	struct mb1 i = { .flags = 1, .mem_lower = 639, .mem_upper = 31 * 1024 };

	parse1(&i);
	assert_int_equal(boot_info.nr_ranges, 2);
	assert_int_equal(boot_info.map[0].end, 639 * 1024);
	assert_int_equal(boot_info.map[1].end, 32 * MIB);
}

static void broken_maps_of_multiboot_1_end(void **state)
{
	struct mb1_entry map[] = { { 20, MIB, MIB, 1 },
				   { 0, 4 * MIB, MIB, 1 },
				   { 20, 8 * MIB, MIB, 1 } };
	struct mb1_entry wrap[] = { { 20, ~0ull - 5, MIB, 1 }, { 20, MIB, 0, 1 } };
	struct mb1 i = { .flags = 1 << 6, .mmap_length = ~0u, .mmap_addr = put(map, sizeof(map)) };

	parse1(&i); /* an entry of size 0 would be read for ever */
	assert_int_equal(boot_info.nr_ranges, 2);
	boot_info.nr_ranges = 0;
	i.mmap_addr = put(wrap, sizeof(wrap));
	i.mmap_length = sizeof(wrap);
	parse1(&i);
	assert_int_equal(boot_info.nr_ranges, 0);
	i.mmap_addr = 0xfffffff0; /* beyond all memory */
	parse1(&i);
	assert_true(boot_info.nr_ranges <= BOOT_MAX_RANGES);
}

static void what_is_reserved_up_to_the_end_of_the_world_is_kept(void **state)
{
	struct mb1_entry map[] = { { 20, MIB, 63 * MIB, 1 }, { 20, 32 * MIB, ~0ull, 2 } };
	struct mb1 i = { .flags = 1 << 6,
			 .mmap_length = sizeof(map),
			 .mmap_addr = put(map, sizeof(map)) };
	struct mem_range ram[4];

	parse1(&i);
	assert_int_equal(memmap_ram(boot_info.map, boot_info.nr_ranges, ram, 4), 1);
	assert_int_equal(ram[0].end, 32 * MIB);
}

static void the_length_of_a_map_is_not_believed(void **state)
{
	struct mb1 i = { .flags = 1 << 6, .mmap_length = ~0u, .mmap_addr = BASE + 0x1000 };

	entries_everywhere = true;
	nr_reads = 0;
	parse1(&i);
	entries_everywhere = false;
	assert_true(nr_reads < 100000);
}

static void a_map_that_does_not_fit_never_makes_ram_of_anything_else(void **state)
{
	struct mb1_entry map[BOOT_MAX_RANGES + 4];
	struct mem_range ram[BOOT_MAX_RANGES];
	struct mb1 i = { .flags = 1 << 6, .mmap_length = sizeof(map) };
	u32 count;

	for (u32 round = 0; round < BOOT_MAX_RANGES; round++)
		map[round] = (struct mb1_entry){ 20, 4 * round * MIB, 2 * MIB, 1 };
	map[BOOT_MAX_RANGES] =
		(struct mb1_entry){ 20, 4 * MIB, MIB, 2 }; /* all of these lie in RAM */
	map[BOOT_MAX_RANGES + 1] = (struct mb1_entry){ 20, 8 * MIB + 5, 2 * MIB, 2 };
	map[BOOT_MAX_RANGES + 2] = (struct mb1_entry){ 20, 4 * MIB, 4 * MIB, 1 };
	map[BOOT_MAX_RANGES + 3] = (struct mb1_entry){ 20, 16 * MIB, ~0ull, 2 };
	i.mmap_addr = put(map, sizeof(map));
	parse1(&i);
	count = memmap_ram(boot_info.map, boot_info.nr_ranges, ram, BOOT_MAX_RANGES);
	assert_int_equal(count, 3);
	assert_int_equal(ram[0].end, 2 * MIB);
	assert_int_equal(ram[1].start, 5 * MIB);
	assert_int_equal(ram[1].end, 6 * MIB);
	assert_int_equal(ram[2].start, 12 * MIB);
	assert_int_equal(ram[2].end, 14 * MIB);
	if (!setjmp(stopped))
		multiboot_check(MIB, 7 * MIB);
	assert_non_null(strstr(warned, "more than 128 entries"));
}

static void ram_beyond_a_limit_is_forgotten(void **state)
{
	struct mb1_entry map[] = {
		{ 20, MIB, 31 * MIB, 1 },
		{ 20, 1ull << 40, 1ull << 40, 1 },
		{ 20, 1ull << 39, 1ull << 40, 1 },
		{ 20, 1ull << 41, MIB, 2 },
	};
	struct mb1 i = { .flags = 1 << 6,
			 .mmap_length = sizeof(map),
			 .mmap_addr = put(map, sizeof(map)) };
	struct mem_range ram[4];

	parse1(&i);
	assert_int_equal(multiboot_limit(1ull << 40), (1ull << 40) + (1ull << 39));
	assert_int_equal(memmap_ram(boot_info.map, boot_info.nr_ranges, ram, 4), 2);
	assert_int_equal(ram[1].start, 1ull << 39);
	assert_int_equal(ram[1].end, 1ull << 40);
	assert_int_equal(multiboot_limit(1ull << 40), 0);
}

static void modules_beyond_the_room_for_them_are_told(void **state)
{
	u32 mods[BOOT_MAX_MODULES + 1][4];
	struct mb1 i = { .flags = 1 << 3, .mods_count = BOOT_MAX_MODULES + 1 };

	for (u32 round = 0; round <= BOOT_MAX_MODULES; round++)
		memcpy(mods[round], (u32[]){ round * MIB, round * MIB + 1, 0, 0 }, 16);
	i.mods_addr = put(mods, sizeof(mods));
	parse1(&i);
	assert_int_equal(boot_info.nr_modules, BOOT_MAX_MODULES);
	if (!setjmp(stopped))
		multiboot_check(MIB, 7 * MIB);
	assert_non_null(strstr(warned, "more than 16 modules"));
}

static void modules_and_command_line_are_taken_over(void **state)
{
	u32 mods[][4] = { { 2 * MIB, 3 * MIB, put_text("/boot/some/one a=/b"), 0 },
			  { 5 * MIB, 5 * MIB, 0, 0 },
			  { 4 * MIB, 5 * MIB, 0, 0 } };
	struct mb1 i = { .flags = 1 << 2 | 1 << 3 | 1 << 9,
			 .cmdline = put_text("/boot/k.elf a=1 b"),
			 .mods_count = 3,
			 .mods_addr = put(mods, sizeof(mods)),
			 .loader_name = put_text("GRUB 2.06") };

	parse1(&i);
	assert_false(boot_info.is_qemu);
	assert_string_equal(boot_info.cmdline, "/boot/k.elf a=1 b");
	assert_int_equal(boot_info.nr_modules, 2); /* an empty one is none */
	assert_int_equal(boot_info.modules[1].start, 4 * MIB);
	assert_string_equal(boot_info.modules[0].name, "one");
	memset(&boot_info, 0, sizeof(boot_info));
	i.loader_name = put_text("qemu");
	i.mods_count = ~0u;
	parse1(&i);
	assert_string_equal(boot_info.cmdline, "a=1 b"); /* QEMU's file name may hold anything */
	assert_true(boot_info.nr_modules <= BOOT_MAX_MODULES);
}

/* Half a word might say something else, so it ends with a whole one, and somebody hears of it. */
static void a_long_command_line_is_cut(void **state)
{
	char line[4000];
	struct mb1 i = { .flags = 1 << 2 };

	memset(line, 'x', sizeof(line));
	memcpy(line, "a=1 b ", 6);
	line[sizeof(line) - 1] = 0;
	i.cmdline = put_text(line);
	parse1(&i);
	assert_string_equal(boot_info.cmdline, "a=1 b ");
	if (!setjmp(stopped))
		multiboot_check(0, 0);
	assert_non_null(strstr(warned, "command line is longer than 2047 bytes"));

	setup(NULL);
	line[sizeof(boot_info.cmdline) - 1] = 0;
	i.cmdline = put_text(line);
	parse1(&i);
	assert_string_equal(boot_info.cmdline, line);
	if (!setjmp(stopped))
		multiboot_check(0, 0);
	assert_string_equal(warned, "");
}

/* ---- multiboot 2 ---- */

static u32 tags_at;

static void tags_begin(void)
{
	tags_at = 8;
}

static void tag(u32 type, const void *memory, u32 count)
{
	u32 head[2] = { type, 8 + count };

	memcpy(mem + tags_at, head, 8);
	if (count)
		memcpy(mem + tags_at + 8, memory, count);
	tags_at += ALIGN_UP(8 + count, 8u);
}

static void parse2(void)
{
	tag(0, NULL, 0);
	memcpy(mem, &tags_at, 4);
	multiboot_parse(MB2, BASE);
}

struct mb2_map {
	u32 entry_size, version;
	struct {
		u64 addr, len;
		u32 type, zero;
	} e[3];
};

static void tags_of_multiboot_2_are_taken_over(void **state)
{
	struct mb2_map map = {
		24, 0, { { 0, 0x9f000, 1, 0 }, { MIB, 63 * MIB, 1, 0 }, { 0x140000000, MIB, 1, 0 } }
	};
	struct {
		u32 start, end;
		char name[8];
	} module = { 8 * MIB, 9 * MIB, "initrd" };
	char rsdp1[20] = "old", rsdp2[36] = "new";

	tags_begin();
	tag(1, "a=1 b", 6);
	tag(2, "GRUB 2.06", 10);
	tag(3, &module, sizeof(module));
	tag(6, &map, sizeof(map));
	tag(15, rsdp2, sizeof(rsdp2));
	tag(14, rsdp1, sizeof(rsdp1));
	tag(4711, "unknown", 8);
	parse2();
	assert_string_equal(boot_info.protocol, "multiboot 2");
	assert_string_equal(boot_info.cmdline, "a=1 b");
	assert_false(boot_info.is_qemu);
	assert_int_equal(boot_info.nr_modules, 1);
	assert_string_equal(boot_info.modules[0].name, "initrd");
	assert_int_equal(boot_info.nr_ranges, 3);
	assert_int_equal(boot_info.map[2].start, 0x140000000);
	assert_int_equal(boot_info.rsdp_copy_len, 36); /* the newer one wins, whatever the order */
	assert_memory_equal(boot_info.rsdp_copy, rsdp2, 36);
}

/* EFI descriptors are 48 bytes today: what is behind the known fields is skipped. */
struct efi_map {
	u32 desc_size, version;
	struct {
		u32 type, pad;
		u64 phys, virt, pages, attr, more;
	} d[6];
};

static const struct efi_map efi = { 48,
				    1,
				    {
					    { 7, 0, 0, 0, 0x9f, 0xf, 0 },
					    { 4, 0, MIB, 0, 256, 0xf, 0 },
					    { 3, 0, 2 * MIB, 0, 256, 0xf, 0 },
					    { 9, 0, 3 * MIB, 0, 256, 0xf, 0 },
					    { 10, 0, 4 * MIB, 0, 256, 0xf, 0 },
					    { 6, 0, 5 * MIB, 0, 256, 0xf, 0 },
				    } };

static void a_map_of_efi_does_where_there_is_no_other(void **state)
{
	tags_begin();
	tag(17, &efi, sizeof(efi));
	parse2();
	assert_int_equal(boot_info.nr_ranges, 5); /* boot services' code and data are neighbours */
	assert_int_equal(boot_info.map[0].type, MEM_RAM);
	assert_int_equal(boot_info.map[0].end, 0x9f000);
	assert_int_equal(boot_info.map[1].start, MIB);
	assert_int_equal(boot_info.map[1].end, 3 * MIB);
	assert_int_equal(boot_info.map[1].type, MEM_RAM);
	assert_int_equal(boot_info.map[2].type, MEM_ACPI_RECLAIM);
	assert_int_equal(boot_info.map[3].type, MEM_ACPI_NVS);
	assert_int_equal(boot_info.map[4].type, MEM_UNUSABLE);
}

static void the_loaders_map_goes_before_efis(void **state)
{
	struct mb2_map map = {
		24, 0, { { 0, 0x9f000, 1, 0 }, { MIB, 63 * MIB, 1, 0 }, { 0x140000000, MIB, 1, 0 } }
	};

	for (int efi_first = 0; efi_first < 2; efi_first++) {
		setup(NULL);
		tags_begin();
		if (efi_first)
			tag(17, &efi, sizeof(efi));
		tag(6, &map, sizeof(map));
		if (!efi_first)
			tag(17, &efi, sizeof(efi));
		parse2();
		assert_int_equal(boot_info.nr_ranges, 3);
		assert_int_equal(boot_info.map[1].end, 64 * MIB);
	}
}

static void broken_tags_end_the_list(void **state)
{
	static const u32 sizes[] = { 0, 1, 7, 0x7fffffff, 0xffffffff };
	struct efi_map bad = efi;

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		u32 head[2] = { 6, sizes[i] };

		setup(NULL);
		tags_begin();
		memcpy(mem + tags_at, head, 8);
		tags_at += 64;
		parse2();
		assert_int_equal(boot_info.nr_ranges, 0);
	}
	for (u32 size = 0; size < 40; size++) { /* entries too small to hold what they have to */
		setup(NULL);
		tags_begin();
		bad.desc_size = size;
		tag(17, &bad, sizeof(bad));
		parse2();
		assert_int_equal(boot_info.nr_ranges, 0);
	}
}

static void any_bytes_are_survived(void **state)
{
	srand(3);
	for (int round = 0; round < 20000; round++) {
		setup(NULL);
		for (u32 i = 0; i < 600; i++) {
			if (rand() % 3)
				mem[i] = rand() % 32;
			else
				mem[i] = rand();
		}
		if (round & 1) { /* flags that lead somewhere */
			u32 offset = BASE + rand() % 512;

			memcpy(mem + 16, &offset, 4);
			memcpy(mem + 24, &offset, 4);
			memcpy(mem + 48, &offset, 4);
		}
		multiboot_parse(round & 2 ? MB1 : MB2, BASE);
		assert_true(boot_info.nr_ranges <= BOOT_MAX_RANGES);
		assert_true(boot_info.nr_modules <= BOOT_MAX_MODULES);
		assert_true(boot_info.rsdp_copy_len <= sizeof(boot_info.rsdp_copy));
		assert_non_null(memchr(boot_info.cmdline, 0, sizeof(boot_info.cmdline)));
		for (u32 i = 0; i < boot_info.nr_ranges; i++)
			assert_true(boot_info.map[i].start < boot_info.map[i].end);
	}
}

/* ---- what can't start ---- */

static const char *why_not(void)
{
	stop_text[0] = 0;
	if (!setjmp(stopped))
		multiboot_check(MIB, 7 * MIB);
	return stop_text;
}

static void what_cannot_start_is_said(void **state)
{
	multiboot_parse(0x12345678, BASE);
	assert_non_null(strstr(why_not(), "neither multiboot 1 nor multiboot 2"));
	setup(NULL);
	boot_info.protocol = "multiboot 1";
	assert_non_null(strstr(why_not(), "no usable memory"));
	boot_info.map[0] = (struct mem_range){ MIB, 16 * MIB, MEM_RAM };
	boot_info.map[1] = (struct mem_range){ 10 * MIB, 11 * MIB, MEM_UNUSABLE };
	boot_info.nr_ranges = 2;
	assert_string_equal(why_not(), "");
	boot_info.modules[0].start = 8 * MIB;
	boot_info.modules[0].end = 10 * MIB;
	boot_info.nr_modules = 1;
	assert_string_equal(why_not(), "");
	boot_info.modules[0].end = 12 * MIB; /* a hole in its middle */
	assert_non_null(strstr(why_not(), "lies partly outside memory"));
	boot_info.modules[0].start = 15 * MIB; /* beyond the end */
	boot_info.modules[0].end = 17 * MIB;
	assert_non_null(strstr(why_not(), "lies partly outside memory"));
}

/* Their memory is given back after use. */
static void modules_must_not_lie_on_the_kernel_or_each_other(void **state)
{
	boot_info.protocol = "multiboot 1";
	boot_info.map[0] = (struct mem_range){ 0, 16 * MIB, MEM_RAM };
	boot_info.nr_ranges = 1;
	boot_info.modules[0].start = 8 * MIB;
	boot_info.modules[0].end = 9 * MIB;
	boot_info.modules[1].start = 9 * MIB;
	boot_info.modules[1].end = 10 * MIB;
	boot_info.nr_modules = 2;
	assert_string_equal(why_not(), "");
	boot_info.modules[1].start--;
	assert_non_null(
		strstr(why_not(), "module 1 (800000-900000) overlaps module 2 (8fffff-a00000)"));
	boot_info.modules[1].start = 7 * MIB - 1;
	boot_info.modules[1].end = 7 * MIB + 1;
	assert_non_null(
		strstr(why_not(), "module 2 (6fffff-700001) overlaps the kernel (100000-700000)"));
	boot_info.modules[1].start = 0;
	boot_info.modules[1].end = 10;
	assert_non_null(strstr(why_not(), "overlaps the kernel"));
}

#define TEST(f) cmocka_unit_test_setup(f, setup)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_map_of_multiboot_1_is_taken_over),
		TEST(larger_entries_are_stepped_over),
		TEST(without_a_map_two_sizes_do),
		TEST(broken_maps_of_multiboot_1_end),
		TEST(what_is_reserved_up_to_the_end_of_the_world_is_kept),
		TEST(the_length_of_a_map_is_not_believed),
		TEST(a_map_that_does_not_fit_never_makes_ram_of_anything_else),
		TEST(ram_beyond_a_limit_is_forgotten),
		TEST(modules_beyond_the_room_for_them_are_told),
		TEST(modules_and_command_line_are_taken_over),
		TEST(a_long_command_line_is_cut),
		TEST(tags_of_multiboot_2_are_taken_over),
		TEST(a_map_of_efi_does_where_there_is_no_other),
		TEST(the_loaders_map_goes_before_efis),
		TEST(broken_tags_end_the_list),
		TEST(any_bytes_are_survived),
		TEST(what_cannot_start_is_said),
		TEST(modules_must_not_lie_on_the_kernel_or_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
