// SPDX-License-Identifier: MIT
/* Targets: lib/cmdline.c, arch/x86_64/boot/multiboot.c and lib/memmap.c, kernel/acpi/. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <asm/multiboot.h>
#include <kernel/acpi.h>
#include <kernel/cmdline.h>
#include <kernel/memmap.h>
#include "pure.h"

#define MIB (1ull << 20)

/* ---- the command line ---- */

static void check_word(const char *line, const struct cmdline_word *word)
{
	char *key = exact_copy(word->key, word->key_len + 1), *value = malloc(8);
	int count;

	key[word->key_len] = 0;
	require(cmdline_key_is(word, key) && cmdline_has(line, key), "a word is found by its key");
	count = cmdline_value(line, key, value, 8);
	require(count < 8 && (count < 0 || strlen(value) == (size_t)count), "a value fits");
	require(!word->val || count != -2, "what has a value has one");
	free(value);
	free(key);
}

static void fuzz_cmdline(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1), *longer;
	const char *cursor = line, *last = line;
	struct cmdline_word word;
	size_t len;

	memcpy(line, data, size);
	line[size] = 0;
	len = strlen(line);
	while (cmdline_next(&cursor, &word)) {
		require(cursor > last && cursor <= line + len,
			"each word is behind the one before");
		require(word.key >= last && word.key + word.key_len <= cursor,
			"a key lies in its word");
		require(!word.val || (word.val > word.key && word.val + word.val_len <= cursor),
			"a value lies in its word");
		require(!word.val || word.key_len, "only a key has a value");
		last = cursor;
		if (len < 512)
			check_word(line, &word);
	}
	require(cursor == line + len, "the line is read to its end");
	longer = malloc(len + 4);
	memcpy(longer, line, len + 1);
	require(!cmdline_prepend(longer, len + 4, "abc") && !strcmp(longer, line),
		"no room is noticed");
	require(cmdline_prepend(longer, len + 4, "ab") && !strcmp(longer + 3, line),
		"a prefix changes nothing");
	free(longer);
	free(line);
}

/* ---- multiboot ---- */

#define BASE 0x9000u

static const uint8_t *memory;
static size_t memory_size;
static uint64_t nr_reads;
static jmp_buf stopped;

void phys_read(void *dst, phys_t src, size_t count);
void boot_stop(const char *fmt, ...);
void printk(const char *fmt, ...);

void phys_read(void *dst, phys_t src, size_t count)
{
	nr_reads++;
	for (size_t i = 0; i < count; i++)
		((uint8_t *)dst)[i] = src + i - BASE < memory_size ? memory[src + i - BASE] : 0xff;
}

void boot_stop(const char *fmt, ...)
{
	longjmp(stopped, 1);
}
void printk(const char *fmt, ...)
{
}

static int overlap(phys_t a, phys_t a_end, phys_t b, phys_t b_end)
{
	return a < b_end && b < a_end;
}

static void check_ram(const struct mem_range *ram, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		require(ram[i].start < ram[i].end && !((ram[i].start | ram[i].end) & 4095),
			"RAM is whole pages");
		require(!i || ram[i - 1].end < ram[i].start, "RAM is in order");
		for (uint32_t round = 0; round < boot_info.nr_ranges; round++)
			require(boot_info.map[round].type == MEM_RAM ||
					boot_info.map[round].start >= boot_info.map[round].end ||
					!overlap(ram[i].start, ram[i].end,
						 boot_info.map[round].start,
						 boot_info.map[round].end),
				"what is something else is no RAM");
	}
}

static void check_modules(const struct mem_range *ram, uint32_t count)
{
	for (uint32_t i = 0; i < boot_info.nr_modules; i++) {
		phys_t start = boot_info.modules[i].start, end = boot_info.modules[i].end;

		require(start < end && memmap_contains(ram, count, start & ~4095ull, end),
			"modules lie in RAM");
		require(!overlap(start, end, MIB, 4 * MIB) && start >= 4096,
			"modules are beside the kernel");
		for (uint32_t round = 0; round < i; round++)
			require(!overlap(start, end, boot_info.modules[round].start,
					 boot_info.modules[round].end),
				"modules are beside each other");
	}
}

static void fuzz_multiboot(const uint8_t *data, size_t size)
{
	static const uint32_t magics[] = { 0x2badb002, 0x36d76289, 0x12345678 };
	static struct mem_range ram[BOOT_MAX_RANGES];
	uint32_t count;

	if (!size)
		return;
	memset(&boot_info, 0, sizeof(boot_info));
	memory = exact_copy(data + 1, size - 1);
	memory_size = size - 1;
	nr_reads = 0;
	multiboot_parse(magics[data[0] % 3], BASE);
	require(nr_reads < 3000000, "reading has a bound");
	(void)multiboot_limit(1ull << (data[0] % 64));
	require(boot_info.nr_ranges <= BOOT_MAX_RANGES && boot_info.nr_modules <= BOOT_MAX_MODULES,
		"lists have a bound");
	require(memchr(boot_info.cmdline, 0, sizeof(boot_info.cmdline)) != NULL,
		"the command line has an end");
	require(boot_info.rsdp_copy_len <= sizeof(boot_info.rsdp_copy), "the RSDP fits");
	count = memmap_ram(boot_info.map, boot_info.nr_ranges, ram, BOOT_MAX_RANGES);
	require(count <= BOOT_MAX_RANGES, "RAM has a bound");
	check_ram(ram, count);
	if (!setjmp(stopped)) {
		multiboot_check(MIB, 4 * MIB);
		check_modules(ram, count);
	}
	free((void *)memory);
}

/* ---- ACPI: a memory of tables, checksums put right where asked ---- */

static struct {
	bool seal;
	uint32_t open;
	uint64_t bytes;
} tables;

static void seal(uint8_t *table, size_t len, size_t offset)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += table[i];
	table[offset] -= sum;
}

static const void *map(struct acpi_reader *reader, phys_t addr, size_t len)
{
	uint8_t *table;

	if (addr >= memory_size || len > memory_size - addr)
		return NULL;
	tables.open++;
	tables.bytes += len;
	require(tables.open <= 2, "two tables at a time");
	table = exact_copy(memory + addr, len);
	if (tables.seal && len >= 36)
		seal(table, len, 9);
	return table;
}

static void unmap(struct acpi_reader *reader, const void *memory, size_t len)
{
	tables.open--;
	free((void *)memory);
}

static void complain(struct acpi_reader *reader, const char *signature, phys_t addr,
		     const char *why)
{
	require(strlen(signature) <= 4 && *why, "complaints have words");
}

static void fuzz_acpi(const uint8_t *data, size_t size)
{
	struct acpi_reader reader = { map, unmap, complain };
	struct acpi_info info;
	uint8_t *copy;
	int64_t at;

	if (size < 37)
		return;
	tables.seal = data[0] & 1;
	tables.open = tables.bytes = 0;
	copy = exact_copy(data + 1, size - 1);
	if (tables.seal) {
		seal(copy, 20, 8);
		seal(copy, 36, 32);
	}
	memory = copy;
	memory_size = size - 1;
	at = acpi_rsdp_search(copy, memory_size);
	require(at < (int64_t)memory_size, "a root pointer lies in what was searched");
	if (acpi_parse(&reader, copy + MAX(at, 0l), memory_size - MAX(at, 0l), &info) == 0)
		require(info.present, "what was parsed is present");
	require(!tables.open, "all tables are given back");
	require(tables.bytes < 40 * MIB, "the work has a bound");
	require(info.nr_cpus <= ACPI_MAX_CPUS && info.nr_ioapics <= ACPI_MAX_IOAPICS &&
			info.nr_mcfg <= ACPI_MAX_MCFG,
		"lists have a bound");
	require(info.s5_type_a < 8 && info.s5_type_b < 8 &&
			(info.nmi_lint < 2 || info.nmi_lint == 0xff),
		"fields fit");
	free(copy);
}

const struct fuzz_target boot_targets[] = {
	{ "cmdline", fuzz_cmdline },
	{ "multiboot", fuzz_multiboot },
	{ "acpi", fuzz_acpi },
	{ 0 },
};
