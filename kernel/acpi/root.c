/* SPDX-License-Identifier: MIT */
/*
 * The way from the root pointer to the tables.
 *
 * RSDP -> XSDT (or RSDT) -> tables, each with a length and a checksum. Any of
 * them may lie about where or how long it is: addresses are only ever handed to
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
static u8 sum_bytes(const u8 *p, size_t len)
{
	const u64 even = 0x00ff00ff00ff00ff;
	u64 total = 0;

	while (len >= 8) {
		size_t words = MIN(len / 8, (size_t)128);
		u64 lanes = 0;

		len -= words * 8;
		for (; words; words--, p += 8) {
			u64 v;

			__builtin_memcpy(&v, p, 8);
			lanes += (v & even) + (v >> 8 & even);
		}
		total += (lanes & 0xffff) + (lanes >> 16 & 0xffff) + (lanes >> 32 & 0xffff) +
			 (lanes >> 48);
	}
	while (len--)
		total += *p++;
	return total;
}

static bool signature_is(const u8 *t, const char *s)
{
	return !memcmp(t, s, 4);
}

/* @return length of a valid RSDP at @p p, 0: it is none */
static u32 rsdp_valid(const u8 *p, size_t len)
{
	if (len < RSDP_V1_LEN || memcmp(p, "RSD PTR ", 8) || sum_bytes(p, RSDP_V1_LEN))
		return 0;
	if (p[15] < 2 || len < RSDP_V2_LEN)
		return RSDP_V1_LEN;
	u32 n = acpi_u32(p, len, 20);

	/* A broken second half still leaves the RSDT of the first. */
	if (n < RSDP_V2_LEN || n > len || sum_bytes(p, n))
		return RSDP_V1_LEN;
	return RSDP_V2_LEN;
}

s64 acpi_rsdp_search(const u8 *area, size_t len)
{
	for (size_t at = 0; at + RSDP_V1_LEN <= len; at += 16)
		if (area[at] == 'R' && rsdp_valid(area + at, len - at))
			return at;
	return -ENOENT;
}

static void complain(struct acpi_reader *r, struct acpi_info *info, const u8 *sig, phys_t addr,
		     const char *why)
{
	char name[5] = "?";

	info->tables_bad++;
	for (u32 i = 0; sig && i < 4; i++) {
		if (sig[i] >= ' ' && sig[i] < 127)
			name[i] = sig[i];
		else
			name[i] = '?';
	}
	if (r->complain && info->tables_bad <= COMPLAINTS_MAX)
		r->complain(r, name, addr, why);
}

/*
 * Map a whole table and check it.
 * @param want  signatures that are wanted, four characters each, run together
 * @return NULL: not wanted or not usable
 */
static const u8 *table_open(struct acpi_reader *r, struct acpi_info *info, phys_t addr,
			    const char *want, size_t *len)
{
	u8 head[ACPI_HEADER_LEN];
	const u8 *t = addr ? r->map(r, addr, sizeof(head)) : NULL;

	if (!t) {
		complain(r, info, NULL, addr, "lies outside physical memory");
		return NULL;
	}
	memcpy(head, t, sizeof(head));
	r->unmap(r, t, sizeof(head));
	for (; *want && !signature_is(head, want); want += 4)
		;
	if (!*want)
		return NULL;
	*len = acpi_u32(head, sizeof(head), 4);
	if (*len < sizeof(head) || *len > TABLE_MAX) {
		complain(r, info, head, addr, "has an invalid length");
		return NULL;
	}
	if (*len > TOTAL_MAX - info->bytes_read) {
		complain(r, info, head, addr, "exceeds the size limit for all tables together");
		return NULL;
	}
	t = r->map(r, addr, *len);
	if (!t) {
		complain(r, info, head, addr, "extends beyond physical memory");
		return NULL;
	}
	info->bytes_read += *len;
	/* The bytes may have changed since (device memory): what was checked must be what is used. */
	if (acpi_u32(t, *len, 4) != *len || sum_bytes(t, *len)) {
		complain(r, info, head, addr, "has a wrong checksum");
		r->unmap(r, t, *len);
		return NULL;
	}
	info->tables_used++;
	return t;
}

/* What one pass over the root table looks for. */
struct scan {
	struct acpi_reader *r;
	struct acpi_info *info;
	bool has_mcfg;
	phys_t dsdt;
};

static void use_table(struct scan *s, const u8 *t, size_t len)
{
	struct acpi_info *info = s->info;

	if (signature_is(t, "APIC") && !info->has_madt) {
		acpi_parse_madt(t, len, info);
	} else if (signature_is(t, "FACP") && !info->has_fadt) {
		acpi_parse_fadt(t, len, info);
		s->dsdt = acpi_u64(t, len, 140);
		if (!s->dsdt)
			s->dsdt = acpi_u32(t, len, 40);
	} else if (signature_is(t, "HPET") && !info->has_hpet) {
		acpi_parse_hpet(t, len, info);
	} else if (signature_is(t, "MCFG") && !s->has_mcfg) {
		s->has_mcfg = true;
		acpi_parse_mcfg(t, len, info);
	} else if (signature_is(t, "DSDT") || signature_is(t, "SSDT")) {
		acpi_find_s5(t + ACPI_HEADER_LEN, len - ACPI_HEADER_LEN, info);
	}
}

static void visit(struct scan *s, phys_t addr, const char *want)
{
	size_t len;
	const u8 *t = table_open(s->r, s->info, addr, want, &len);

	if (t) {
		use_table(s, t, len);
		s->r->unmap(s->r, t, len);
	}
}

/* @param width  bytes of an entry: 4 in the RSDT, 8 in the XSDT */
static bool walk_root(struct scan *s, phys_t addr, u32 width)
{
	size_t len;
	const u8 *root = NULL;
	u32 n;

	if (addr)
		root = table_open(s->r, s->info, addr, width == 8 ? "XSDT" : "RSDT", &len);
	if (!root)
		return false;
	n = MIN((u32)((len - ACPI_HEADER_LEN) / width), ENTRIES_MAX);
	for (u32 pass = 0; pass < 2; pass++) {
		for (u32 i = 0; i < n; i++) {
			size_t at = ACPI_HEADER_LEN + (size_t)i * width;
			phys_t entry = width == 8 ? acpi_u64(root, len, at)
						  : acpi_u32(root, len, at);

			visit(s, entry, pass ? "SSDT" : "APICFACPHPETMCFG");
			if (pass && s->info->has_s5)
				break;
		}
		if (!pass && s->dsdt)
			visit(s, s->dsdt, "DSDT");
		if (s->info->has_s5) /* only then do secondary tables matter */
			break;
	}
	s->r->unmap(s->r, root, len);
	return true;
}

/* What holds where no table says otherwise. */
static void defaults(struct acpi_info *info)
{
	*info = (struct acpi_info){
		.lapic_addr = 0xfee00000, .has_8259 = true, .nmi_lint = 0xff, .sci = 9
	};
	for (u32 i = 0; i < ACPI_ISA_LINES; i++)
		info->isa[i].gsi = i;
}

int acpi_parse(struct acpi_reader *r, const void *rsdp, size_t len, struct acpi_info *info)
{
	struct scan s = { .r = r, .info = info };
	const u8 *p = rsdp;
	u32 valid;

	defaults(info);
	if (p)
		valid = rsdp_valid(p, len);
	else
		valid = 0;
	if (!valid)
		return -ENOENT;
	info->revision = p[15];
	info->present = (valid == RSDP_V2_LEN && walk_root(&s, acpi_u64(p, len, 24), 8)) ||
			walk_root(&s, acpi_u32(p, len, 16), 4);
	if (info->present)
		return 0;
	return -ENOENT;
}
