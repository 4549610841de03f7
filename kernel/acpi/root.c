/* SPDX-License-Identifier: MIT */
/*
 * From the root pointer to the tables.
 *
 * RSDP -> XSDT (or RSDT) -> tables, each with a length and a checksum. Their
 * addresses and lengths may be wrong: an address is only passed to
 * the reader's map(), lengths are bounded, a table whose checksum is wrong is
 * left out and reported. Of tables that may exist once, the first counts.
 *
 * ACPI Specification 6.4, 5.2.5 to 5.2.8.
 */
#include <kernel/err.h>
#include <kernel/string.h>
#include "internal.h"

#define TABLE_MAX      (8u << 20)  /* longer ones are not believed */
#define TOTAL_MAX      (32u << 20) /* of all tables: each entry may name the same one */
#define ENTRIES_MAX    512u
#define COMPLAINTS_MAX 16u

#define RSDP_V1_LEN 20u
#define RSDP_V2_LEN 36u

/* Sum of all bytes, eight at a time: lanes of 16 bits, folded before they can overflow. */
static u8 sum_bytes(const u8 *bytes, size_t len)
{
	const u64 even = 0x00ff00ff00ff00ff;
	u64 total = 0;

	while (len >= 8) {
		size_t words = MIN(len / 8, (size_t)128);
		u64 lanes = 0;

		len -= words * 8;
		for (; words; words--, bytes += 8) {
			u64 word;

			__builtin_memcpy(&word, bytes, 8);
			lanes += (word & even) + (word >> 8 & even);
		}
		total += (lanes & 0xffff) + (lanes >> 16 & 0xffff) + (lanes >> 32 & 0xffff) +
			 (lanes >> 48);
	}
	while (len--)
		total += *bytes++;
	return total;
}

static bool signature_is(const u8 *table, const char *signature)
{
	return !memcmp(table, signature, 4);
}

/* @return length of a valid RSDP at @p rsdp, 0: it is none */
static u32 rsdp_valid(const u8 *rsdp, size_t len)
{
	if (len < RSDP_V1_LEN || memcmp(rsdp, "RSD PTR ", 8) || sum_bytes(rsdp, RSDP_V1_LEN))
		return 0;
	if (rsdp[15] < 2 || len < RSDP_V2_LEN)
		return RSDP_V1_LEN;
	u32 length = acpi_u32(rsdp, len, 20);

	/* A broken second half still leaves the RSDT of the first. */
	if (length < RSDP_V2_LEN || length > len || sum_bytes(rsdp, length))
		return RSDP_V1_LEN;
	return RSDP_V2_LEN;
}

s64 acpi_rsdp_search(const u8 *area, size_t len)
{
	for (size_t offset = 0; offset + RSDP_V1_LEN <= len; offset += 16)
		if (area[offset] == 'R' && rsdp_valid(area + offset, len - offset))
			return offset;
	return -ENOENT;
}

static void table_complain(struct acpi_reader *reader, struct acpi_info *info, const u8 *sig,
			   phys_t addr, const char *why)
{
	char name[5] = "?";

	info->tables_bad++;
	for (u32 i = 0; sig && i < 4; i++) {
		if (sig[i] >= ' ' && sig[i] < 127)
			name[i] = sig[i];
		else
			name[i] = '?';
	}
	if (reader->complain && info->tables_bad <= COMPLAINTS_MAX)
		reader->complain(reader, name, addr, why);
}

/*
 * Map a whole table and check it.
 * @param want  signatures that are wanted, four characters each, run together
 * @return NULL: not wanted or not usable
 */
static const u8 *table_open(struct acpi_reader *reader, struct acpi_info *info, phys_t addr,
			    const char *want, size_t *len)
{
	u8 head[ACPI_HEADER_LEN];
	const u8 *table = NULL;

	if (addr)
		table = reader->map(reader, addr, sizeof(head));
	if (!table) {
		table_complain(reader, info, NULL, addr, "lies outside physical memory");
		return NULL;
	}
	memcpy(head, table, sizeof(head));
	reader->unmap(reader, table, sizeof(head));
	for (; *want && !signature_is(head, want); want += 4)
		;
	if (!*want)
		return NULL;
	*len = acpi_u32(head, sizeof(head), 4);
	if (*len < sizeof(head) || *len > TABLE_MAX) {
		table_complain(reader, info, head, addr, "has an invalid length");
		return NULL;
	}
	if (*len > TOTAL_MAX - info->bytes_read) {
		table_complain(reader, info, head, addr,
			       "exceeds the size limit for all tables together");
		return NULL;
	}
	table = reader->map(reader, addr, *len);
	if (!table) {
		table_complain(reader, info, head, addr, "extends beyond physical memory");
		return NULL;
	}
	info->bytes_read += *len;
	/* The bytes may have changed since (device memory): what was checked must be what is used. */
	if (acpi_u32(table, *len, 4) != *len || sum_bytes(table, *len)) {
		table_complain(reader, info, head, addr, "has a wrong checksum");
		reader->unmap(reader, table, *len);
		return NULL;
	}
	info->tables_used++;
	return table;
}

/* What one pass over the root table looks for. */
struct scan {
	struct acpi_reader *reader;
	struct acpi_info *info;
	bool has_mcfg;
	phys_t dsdt;
};

static void table_use(struct scan *scan, const u8 *table, size_t len)
{
	struct acpi_info *info = scan->info;

	if (signature_is(table, "APIC") && !info->has_madt) {
		acpi_parse_madt(table, len, info);
	} else if (signature_is(table, "FACP") && !info->has_fadt) {
		acpi_parse_fadt(table, len, info);
		scan->dsdt = acpi_u64(table, len, 140);
		if (!scan->dsdt)
			scan->dsdt = acpi_u32(table, len, 40);
	} else if (signature_is(table, "HPET") && !info->has_hpet) {
		acpi_parse_hpet(table, len, info);
	} else if (signature_is(table, "MCFG") && !scan->has_mcfg) {
		scan->has_mcfg = true;
		acpi_parse_mcfg(table, len, info);
	} else if (signature_is(table, "DSDT") || signature_is(table, "SSDT")) {
		acpi_find_s5(table + ACPI_HEADER_LEN, len - ACPI_HEADER_LEN, info);
	}
}

static void table_visit(struct scan *scan, phys_t addr, const char *want)
{
	size_t len;
	const u8 *table = table_open(scan->reader, scan->info, addr, want, &len);

	if (table) {
		table_use(scan, table, len);
		scan->reader->unmap(scan->reader, table, len);
	}
}

/* @param width  bytes of an entry: 4 in the RSDT, 8 in the XSDT */
static bool root_walk(struct scan *scan, phys_t addr, u32 width)
{
	size_t len;
	const u8 *root = NULL;
	u32 count;

	if (addr)
		root = table_open(scan->reader, scan->info, addr, width == 8 ? "XSDT" : "RSDT",
				  &len);
	if (!root)
		return false;
	count = MIN((u32)((len - ACPI_HEADER_LEN) / width), ENTRIES_MAX);
	for (u32 pass = 0; pass < 2; pass++) {
		for (u32 i = 0; i < count; i++) {
			size_t offset = ACPI_HEADER_LEN + (size_t)i * width;
			phys_t entry;

			if (width == 8)
				entry = acpi_u64(root, len, offset);
			else
				entry = acpi_u32(root, len, offset);
			table_visit(scan, entry, pass ? "SSDT" : "APICFACPHPETMCFG");
			if (pass && scan->info->has_s5)
				break;
		}
		if (!pass && scan->dsdt)
			table_visit(scan, scan->dsdt, "DSDT");
		if (scan->info->has_s5) /* only then do secondary tables matter */
			break;
	}
	scan->reader->unmap(scan->reader, root, len);
	return true;
}

/* Defaults, for what no table contains. */
static void info_set_defaults(struct acpi_info *info)
{
	*info = (struct acpi_info){
		.lapic_addr = 0xfee00000, .has_8259 = true, .nmi_lint = 0xff, .sci = 9
	};
	for (u32 i = 0; i < ACPI_ISA_LINES; i++)
		info->isa[i].gsi = i;
}

int acpi_parse(struct acpi_reader *reader, const void *rsdp, size_t len, struct acpi_info *info)
{
	struct scan scan = { .reader = reader, .info = info };
	const u8 *header = rsdp;
	u32 valid;

	info_set_defaults(info);
	if (header)
		valid = rsdp_valid(header, len);
	else
		valid = 0;
	if (!valid)
		return -ENOENT;
	info->revision = header[15];
	info->present = (valid == RSDP_V2_LEN && root_walk(&scan, acpi_u64(header, len, 24), 8)) ||
			root_walk(&scan, acpi_u32(header, len, 16), 4);
	if (info->present)
		return 0;
	return -ENOENT;
}
