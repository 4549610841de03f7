// SPDX-License-Identifier: MIT
/*
 * kernel/acpi/: the tables of a machine, good and hostile.
 *
 * The physical memory of the tests is one buffer; each mapping is handed out
 * as an exact copy, so that the sanitizer sees the first byte read beyond it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <kernel/acpi.h>
#include <kernel/err.h>

#define MEM_SIZE 0x4000
static u8 mem[MEM_SIZE];
static u32 complaints, mapped, most_mapped;
static u64 bytes_mapped;
/* One large table, where a test sets it up. */
#define LARGE	   0x100000u
#define LARGE_SIZE (8u << 20)
static u8 *large;

static const void *map(struct acpi_reader *reader, phys_t addr, size_t len)
{
	u8 *copy;

	(void)reader;
	bytes_mapped += len;
	if (large && addr == LARGE && len <= LARGE_SIZE) {
		mapped++;
		return large;
	}
	if (addr >= MEM_SIZE || len > MEM_SIZE - addr)
		return NULL;
	copy = malloc(len);
	memcpy(copy, mem + addr, len);
	most_mapped = MAX(most_mapped, ++mapped);
	return copy;
}

static void unmap(struct acpi_reader *reader, const void *memory, size_t len)
{
	(void)reader;
	(void)len;
	mapped--;
	if (memory != large)
		free((void *)memory);
}

static void complain(struct acpi_reader *reader, const char *sig, phys_t addr, const char *why)
{
	(void)reader;
	(void)addr;
	assert_non_null(sig);
	assert_non_null(why);
	complaints++;
}

static struct acpi_reader reader = { map, unmap, complain };

/* ---- building tables ---- */

static void put(u8 *bytes, u64 number, u32 count)
{
	memcpy(bytes, &number, count);
}

static void seal(u8 *table, u32 len, u32 offset)
{
	u8 sum = 0;

	table[offset] = 0;
	for (u32 i = 0; i < len; i++)
		sum += table[i];
	table[offset] = -sum;
}

static u8 *table(u32 offset, const char *sig, u32 len)
{
	u8 *t = mem + offset;

	memset(t, 0, len);
	memcpy(t, sig, 4);
	put(t + 4, len, 4);
	t[8] = 3;
	return t;
}

#define RSDP 0x10
#define ROOT 0x100
#define FADT 0x400
#define MADT 0x600
#define HPET 0x900
#define MCFG 0xa00
#define DSDT 0xb00
#define SSDT 0xc00

static const u8 s5_code[] = { 0x10, 0x05, 'X',	'Y',  'Z',  'W',  0x08, '_',  'S',  '5',
			      '_',  0x12, 0x06, 0x04, 0x0a, 0x05, 0x0a, 0x03, 0x00, 0x00 };

static void build_rsdp(u8 revision, u32 rsdt, u64 xsdt)
{
	u8 *bytes = mem + RSDP;

	memset(bytes, 0, 36);
	memcpy(bytes, "RSD PTR ", 8);
	bytes[15] = revision;
	put(bytes + 16, rsdt, 4);
	seal(bytes, 20, 8);
	put(bytes + 20, 36, 4);
	put(bytes + 24, xsdt, 8);
	seal(bytes, 36, 32);
}

static void build_root(u32 offset, u32 width, const u32 *entries, u32 count)
{
	u8 *t = table(offset, width == 8 ? "XSDT" : "RSDT", 36 + count * width);

	for (u32 i = 0; i < count; i++)
		put(t + 36 + i * width, entries[i], width);
	seal(t, 36 + count * width, 9);
}

static void build_fadt(void)
{
	u8 *t = table(FADT, "FACP", 244);

	put(t + 40, DSDT, 4);
	put(t + 46, 9, 2);
	put(t + 48, 0xb2, 4);
	t[52] = 0xf1;
	put(t + 64, 0x604, 4);
	put(t + 76, 0x608, 4);
	t[108] = 0x32;
	put(t + 109, 2, 2);
	put(t + 112, 1 << 8 | 1 << 10, 4);
	t[116] = 1;
	t[117] = 8;
	put(t + 120, 0xcf9, 8);
	t[128] = 0x0f;
	seal(t, 244, 9);
}

static u32 madt_add(u32 offset, const void *entry, u32 count)
{
	memcpy(mem + MADT + offset, entry, count);
	return offset + count;
}

static void build_madt(void)
{
	static const u8 cpu0[] = { 0, 8, 0, 0, 1, 0, 0, 0 }, cpu1[] = { 0, 8, 1, 2, 1, 0, 0, 0 },
			off[] = { 0, 8, 2, 4, 0, 0, 0, 0 },
			ioapic[] = { 1, 12, 7, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0 },
			timer[] = { 2, 10, 0, 0, 2, 0, 0, 0, 0, 0 },
			sci[] = { 2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0 },
			nmi[] = { 4, 6, 0xff, 0, 0, 1 }, odd[] = { 0x7f, 5, 1, 2, 3 },
			x2[] = { 9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0 },
			again[] = { 9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0 };
	u32 offset = 44;

	table(MADT, "APIC", 256);
	put(mem + MADT + 36, 0xfee00000, 4);
	put(mem + MADT + 40, 1, 4);
	offset = madt_add(offset, cpu0, sizeof(cpu0));
	offset = madt_add(offset, cpu1, sizeof(cpu1));
	offset = madt_add(offset, off, sizeof(off));
	offset = madt_add(offset, odd, sizeof(odd));
	offset = madt_add(offset, ioapic, sizeof(ioapic));
	offset = madt_add(offset, timer, sizeof(timer));
	offset = madt_add(offset, sci, sizeof(sci));
	offset = madt_add(offset, nmi, sizeof(nmi));
	offset = madt_add(offset, x2, sizeof(x2));
	offset = madt_add(offset, again, sizeof(again));
	put(mem + MADT + 4, offset, 4);
	seal(mem + MADT, offset, 9);
}

static void build_rest(void)
{
	u8 *t = table(HPET, "HPET", 56);

	put(t + 44, 0xfed00000, 8);
	seal(t, 56, 9);
	t = table(MCFG, "MCFG", 60);
	put(t + 44, 0xb0000000, 8);
	t[55] = 255;
	seal(t, 60, 9);
	t = table(DSDT, "DSDT", 36 + sizeof(s5_code));
	memcpy(t + 36, s5_code, sizeof(s5_code));
	seal(t, 36 + sizeof(s5_code), 9);
}

static const u32 all[] = { FADT, MADT, HPET, MCFG };

static int build(void **state)
{
	(void)state;
	memset(mem, 0, sizeof(mem));
	complaints = mapped = most_mapped = 0;
	build_rsdp(2, 0, ROOT);
	build_root(ROOT, 8, all, ARRAY_SIZE(all));
	build_fadt();
	build_madt();
	build_rest();
	return 0;
}

static int parse(struct acpi_info *info)
{
	int err = acpi_parse(&reader, mem + RSDP, 36, info);

	assert_int_equal(mapped, 0);
	assert_true(most_mapped <= 2);
	return err;
}

/* ---- good tables ---- */

static void everything_is_found(void **state)
{
	struct acpi_info i;

	(void)state;
	assert_int_equal(parse(&i), 0);
	assert_int_equal(complaints, 0);
	assert_true(i.present && i.has_madt && i.has_fadt && i.has_hpet && i.has_8259);
	assert_int_equal(i.tables_used, 6);
	assert_int_equal(i.lapic_addr, 0xfee00000);
	assert_int_equal(i.nr_cpus, 3);
	assert_int_equal(i.cpus[1].hw_id, 2);
	assert_int_equal(i.cpus[2].hw_id, 0x100);
	assert_int_equal(i.cpus[2].uid, 3);
	assert_int_equal(i.nr_ioapics, 1);
	assert_int_equal(i.ioapics[0].addr, 0xfec00000);
	assert_int_equal(i.ioapics[0].id, 7);
	assert_int_equal(i.isa[0].gsi, 2);
	assert_int_equal(i.isa[1].gsi, 1);
	assert_int_equal(i.isa[9].flags, 0x0d);
	assert_int_equal(i.nmi_lint, 1);
	assert_int_equal(i.pm_timer.addr, 0x608);
	assert_int_equal(i.pm_timer.space, ACPI_SPACE_IO);
	assert_true(i.pm_timer_32bit);
	assert_int_equal(i.pm1a_control.addr, 0x604);
	assert_int_equal(i.pm1b_control.addr, 0);
	assert_true(i.has_reset);
	assert_int_equal(i.reset.addr, 0xcf9);
	assert_int_equal(i.reset_value, 0x0f);
	assert_int_equal(i.smi_command, 0xb2);
	assert_int_equal(i.century, 0x32);
	assert_true(i.has_s5);
	assert_int_equal(i.s5_type_a, 5);
	assert_int_equal(i.s5_type_b, 3);
	assert_int_equal(i.hpet.addr, 0xfed00000);
	assert_int_equal(i.nr_mcfg, 1);
	assert_int_equal(i.mcfg[0].addr, 0xb0000000);
	assert_int_equal(i.mcfg[0].last_bus, 255);
}

static void acpi_1_uses_the_rsdt(void **state)
{
	struct acpi_info i;

	(void)state;
	build_rsdp(0, ROOT, 0);
	build_root(ROOT, 4, all, ARRAY_SIZE(all));
	assert_int_equal(acpi_parse(&reader, mem + RSDP, 20, &i), 0);
	assert_int_equal(i.nr_cpus, 3);
	assert_true(i.has_s5);
}

static void broken_xsdt_falls_back_to_the_rsdt(void **state)
{
	struct acpi_info i;

	(void)state;
	build_rsdp(2, 0x200, ROOT);
	build_root(0x200, 4, all, ARRAY_SIZE(all));
	mem[ROOT + 20]++;
	assert_int_equal(parse(&i), 0);
	assert_int_equal(complaints, 1);
	assert_int_equal(i.nr_cpus, 3);
}

static void rsdp_is_found_on_16_byte_boundaries_only(void **state)
{
	(void)state;
	assert_int_equal(acpi_rsdp_search(mem, MEM_SIZE), RSDP);
	memmove(mem + 0x28, mem + RSDP, 36);
	memset(mem + RSDP, 0, 0x18);
	assert_int_equal(acpi_rsdp_search(mem, MEM_SIZE), -ENOENT);
	memmove(mem + 0x30, mem + 0x28, 36);
	assert_int_equal(acpi_rsdp_search(mem, MEM_SIZE), 0x30);
	/* cut off by the end of the area */
	assert_int_equal(acpi_rsdp_search(mem, 0x30 + 19), -ENOENT);
	assert_int_equal(acpi_rsdp_search(mem, 0), -ENOENT);
}

static void reset_and_pm_blocks_prefer_the_generic_address(void **state)
{
	struct acpi_info i;
	u8 *table = mem + FADT;

	(void)state;
	table[172] = 0;
	table[173] = 16;
	put(table + 176, 0xfed80804, 8);
	table[208] = 3; /* a space that we can't reach */
	put(table + 212, 0x700, 8);
	seal(table, 244, 9);
	assert_int_equal(parse(&i), 0);
	assert_int_equal(i.pm1a_control.space, ACPI_SPACE_MEMORY);
	assert_int_equal(i.pm1a_control.addr, 0xfed80804);
	assert_int_equal(i.pm_timer.addr, 0x608);
}

/* ---- hostile tables ---- */

static void bad_checksums_leave_the_table_out(void **state)
{
	struct acpi_info i;

	(void)state;
	mem[MADT + 50] ^= 1;
	assert_int_equal(parse(&i), 0);
	assert_false(i.has_madt);
	assert_int_equal(i.nr_cpus, 0);
	assert_int_equal(complaints, 1);
	assert_true(i.has_fadt);
	mem[RSDP + 9] ^= 1;
	assert_int_equal(parse(&i), -ENOENT);
	assert_false(i.present);
	assert_int_equal(i.lapic_addr, 0xfee00000);
	assert_int_equal(i.isa[5].gsi, 5);
}

static void lengths_that_lie_are_survived(void **state)
{
	static const u32 lengths[] = { 0,  1,  35,     36,     37,	   43,
				       44, 45, 0x3000, 0x4000, 0x7fffffff, 0xffffffff };
	static const u32 tables[] = { ROOT, FADT, MADT, HPET, MCFG, DSDT };
	struct acpi_info i;

	(void)state;
	for (u32 round = 0; round < ARRAY_SIZE(tables); round++)
		for (u32 count = 0; count < ARRAY_SIZE(lengths); count++) {
			build(NULL);
			put(mem + tables[round] + 4, lengths[count], 4);
			if (lengths[count] >= 36 && lengths[count] <= MEM_SIZE - tables[round])
				seal(mem + tables[round], lengths[count], 9);
			parse(&i);
		}
}

static void madt_entries_that_lie_are_survived(void **state)
{
	struct acpi_info i;
	u32 len = *(u32 *)(mem + MADT + 4);

	(void)state;
	for (u32 offset = 44; offset < len; offset++)
		for (u32 number = 0; number < 256; number++) {
			u8 old = mem[MADT + offset];

			mem[MADT + offset] = number;
			memset(&i, 0, sizeof(i));
			acpi_parse_madt(mem + MADT, len, &i);
			mem[MADT + offset] = old;
		}
	/* cut short at each length */
	for (u32 count = 0; count <= len; count++) {
		u8 *copy = malloc(count ? count : 1);

		memcpy(copy, mem + MADT, count);
		memset(&i, 0, sizeof(i));
		acpi_parse_madt(copy, count, &i);
		acpi_parse_fadt(copy, count, &i);
		acpi_parse_hpet(copy, count, &i);
		acpi_parse_mcfg(copy, count, &i);
		acpi_find_s5(copy, count, &i);
		free(copy);
	}
}

static void too_many_of_a_kind_are_left_out(void **state)
{
	struct acpi_info i;
	u8 *table = malloc(44 + 300 * 16);
	u32 offset = 44;

	(void)state;
	memset(&i, 0, sizeof(i));
	memset(table, 0, 44);
	for (u32 round = 0; round < 100; round++, offset += 16) {
		memset(table + offset, 0, 16);
		table[offset] = 9;
		table[offset + 1] = 16;
		table[offset + 4] = round;
		table[offset + 8] = 1;
	}
	for (u32 round = 0; round < 100; round++, offset += 12) {
		memset(table + offset, 0, 12);
		table[offset] = 1;
		table[offset + 1] = 12;
		table[offset + 7] = round + 1;
		table[offset + 8] = round;
	}
	acpi_parse_madt(table, offset, &i);
	assert_int_equal(i.nr_cpus, ACPI_MAX_CPUS);
	assert_int_equal(i.nr_cpus_left_out, 100 - ACPI_MAX_CPUS);
	assert_int_equal(i.nr_ioapics, ACPI_MAX_IOAPICS);
	memset(table, 0, 44 + 50 * 16);
	for (u32 round = 0; round < 50; round++)
		put(table + 44 + 16 * round, 0x10000000, 8);
	acpi_parse_mcfg(table, 44 + 50 * 16, &i);
	assert_int_equal(i.nr_mcfg, ACPI_MAX_MCFG);
	free(table);
}

static void tables_may_name_each_other_in_circles(void **state)
{
	static const u32 loop[] = {
		ROOT, ROOT, RSDP, 0, 0xffffffff, MEM_SIZE - 4, DSDT, FADT, FADT
	};
	struct acpi_info i;

	(void)state;
	build_root(ROOT, 8, loop, ARRAY_SIZE(loop));
	put(mem + FADT + 40, FADT, 4);
	seal(mem + FADT, 244, 9);
	assert_int_equal(parse(&i), 0);
	assert_true(i.has_fadt);
	assert_false(i.has_s5);
	assert_true(complaints >= 3);
}

/* Each of them is read twice, to add it up and to search it. */
static void one_large_table_named_many_times_has_a_bound(void **state)
{
	u32 entries[90];
	struct acpi_info i;

	(void)state;
	for (u32 round = 0; round < ARRAY_SIZE(entries); round++)
		entries[round] = LARGE;
	build_root(ROOT, 8, entries, ARRAY_SIZE(entries));
	large = calloc(1, LARGE_SIZE);
	bytes_mapped = 0;
	memcpy(large, "SSDT", 4);
	put(large + 4, LARGE_SIZE, 4);
	seal(large, LARGE_SIZE, 9);
	assert_int_equal(parse(&i), 0);
	free(large);
	large = NULL;
	assert_true(bytes_mapped <= 33u << 20);
	assert_true(complaints >= 1 && complaints <= 16);
	assert_true(i.tables_bad > 80);
}

/* ---- \_S5 ---- */

static bool s5(const void *code, u32 len, struct acpi_info *info)
{
	u8 *copy = malloc(len);
	bool found;

	memset(info, 0, sizeof(*info));
	memcpy(copy, code, len);
	found = acpi_find_s5(copy, len, info);
	free(copy);
	return found;
}
#define S5(i, ...)                               \
	({                                       \
		const u8 c_[] = { __VA_ARGS__ }; \
		s5(c_, sizeof(c_), i);           \
	})

static void s5_forms(void **state)
{
	struct acpi_info i;

	(void)state;
	assert_true(S5(&i, 8, '_', 'S', '5', '_', 0x12, 4, 2, 0, 0));
	assert_int_equal(i.s5_type_a, 0);
	assert_true(S5(&i, 8, '\\', '_', 'S', '5', '_', 0x12, 5, 2, 0x0a, 7, 1));
	assert_int_equal(i.s5_type_a, 7);
	assert_int_equal(i.s5_type_b, 1);
	/* two bytes of length, words and double words */
	assert_true(S5(&i, 8, '_', 'S', '5', '_', 0x12, 0x4b, 0, 4, 0x0b, 6, 0, 0x0c, 5, 0, 0, 0));
	assert_int_equal(i.s5_type_a, 6);
	assert_int_equal(i.s5_type_b, 5);
	/* one element */
	assert_true(S5(&i, 8, '_', 'S', '5', '_', 0x12, 4, 1, 0x0a, 5));
	/* the name alone, elsewhere, before the real one */
	assert_true(S5(&i, '_', 'S', '5', '_', 0, 8, '_', 'S', '5', '_', 8, '_', 'S', '5', '_',
		       0x12, 4, 2, 1, 1));
	/* not a package, no elements, not a constant, cut short in any place */
	assert_false(S5(&i, 8, '_', 'S', '5', '_', 0x0a, 5));
	assert_false(S5(&i, 8, '_', 'S', '5', '_', 0x12, 2, 0));
	assert_false(S5(&i, 8, '_', 'S', '5', '_', 0x12, 7, 1, 'A', 'B', 'C', 'D'));
	assert_false(S5(&i, 8, '_', 'S', '5', '_', 0x12, 3, 2, 0x0a, 5, 0));
	assert_false(S5(&i, 8, '_', 'S', '5', '_', 0x12, 0xff, 0xff, 0xff));
	assert_false(S5(&i, 8, '_', 'S', '5', '_', 0x12, 0, 1, 1));
	for (u32 count = 0; count <= sizeof(s5_code); count++)
		assert_int_equal(s5(s5_code, count, &i), count >= 18);
}

/* Random damage, many times: nothing is read beyond what was mapped. */
static void random_damage_is_survived(void **state)
{
	struct acpi_info i;

	(void)state;
	srand(1);
	for (u32 count = 0; count < 30000; count++) {
		build(NULL);
		for (u32 round = rand() % 8 + 1; round; round--)
			mem[rand() % 0xc00] = rand();
		/* let the damage through the checksums */
		seal(mem + RSDP, 20, 8);
		for (u32 round = 0; round < ARRAY_SIZE(all); round++) {
			u32 len = *(u32 *)(mem + all[round] + 4);

			if (len >= 36 && len < MEM_SIZE - all[round])
				seal(mem + all[round], len, 9);
		}
		seal(mem + DSDT, 36 + sizeof(s5_code), 9);
		parse(&i);
		assert_true(i.nr_cpus <= ACPI_MAX_CPUS && i.nr_ioapics <= ACPI_MAX_IOAPICS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everything_is_found, build),
		cmocka_unit_test_setup(acpi_1_uses_the_rsdt, build),
		cmocka_unit_test_setup(broken_xsdt_falls_back_to_the_rsdt, build),
		cmocka_unit_test_setup(rsdp_is_found_on_16_byte_boundaries_only, build),
		cmocka_unit_test_setup(reset_and_pm_blocks_prefer_the_generic_address, build),
		cmocka_unit_test_setup(bad_checksums_leave_the_table_out, build),
		cmocka_unit_test_setup(lengths_that_lie_are_survived, build),
		cmocka_unit_test_setup(madt_entries_that_lie_are_survived, build),
		cmocka_unit_test_setup(too_many_of_a_kind_are_left_out, build),
		cmocka_unit_test_setup(tables_may_name_each_other_in_circles, build),
		cmocka_unit_test_setup(one_large_table_named_many_times_has_a_bound, build),
		cmocka_unit_test_setup(s5_forms, build),
		cmocka_unit_test_setup(random_damage_is_survived, build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
