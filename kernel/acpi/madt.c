/* SPDX-License-Identifier: MIT */
/*
 * The Multiple APIC Description Table: processors, I/O APICs, and how ISA
 * lines reach them. A list of entries of (type, length); unknown types are
 * stepped over, an entry shorter than its type needs is ignored, one of length
 * below 2 or beyond the table ends the list.
 *
 * A processor may be listed twice (as local APIC and as local x2APIC): the
 * first counts. ACPI Specification 6.4, 5.2.12.
 */
#include "internal.h"

enum {
	MADT_LAPIC,
	MADT_IOAPIC,
	MADT_OVERRIDE,
	MADT_LAPIC_NMI = 4,
	MADT_LAPIC_ADDR,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI
};
#define CPU_ENABLED 1u

static void madt_add_cpu(struct acpi_info *info, u32 hw_id, u32 uid, u32 flags)
{
	if (!(flags & CPU_ENABLED))
		return;
	for (u32 i = 0; i < info->nr_cpus; i++)
		if (info->cpus[i].hw_id == hw_id)
			return;
	if (info->nr_cpus == ACPI_MAX_CPUS) {
		info->nr_cpus_left_out++;
		return;
	}
	info->cpus[info->nr_cpus].hw_id = hw_id;
	info->cpus[info->nr_cpus++].uid = uid;
}

static void madt_add_ioapic(struct acpi_info *info, u8 id, u32 addr, u32 gsi_base)
{
	if (info->nr_ioapics == ACPI_MAX_IOAPICS || !addr)
		return;
	for (u32 i = 0; i < info->nr_ioapics; i++)
		if (info->ioapics[i].addr == addr || info->ioapics[i].gsi_base == gsi_base)
			return;
	info->ioapics[info->nr_ioapics].addr = addr;
	info->ioapics[info->nr_ioapics].gsi_base = gsi_base;
	info->ioapics[info->nr_ioapics++].id = id;
}

static void madt_add_override(struct acpi_info *info, u8 bus, u8 line, u32 gsi, u16 flags)
{
	if (bus != 0 || line >= ACPI_ISA_LINES || info->isa[line].overridden)
		return;
	info->isa[line].gsi = gsi;
	info->isa[line].flags = flags;
	info->isa[line].overridden = true;
}

static void madt_add_nmi(struct acpi_info *info, u8 lint, u16 flags)
{
	if (lint > 1 || info->nmi_lint != 0xff)
		return;
	info->nmi_lint = lint;
	info->nmi_flags = flags;
}

/* One entry; @p length counts its bytes. */
static void madt_entry(struct acpi_info *info, const u8 *entry_bytes, u32 length)
{
	switch (entry_bytes[0]) {
	case MADT_LAPIC:
		if (length >= 8 && entry_bytes[3] != 0xff)
			madt_add_cpu(info, entry_bytes[3], entry_bytes[2],
				     acpi_u32(entry_bytes, length, 4));
		break;
	case MADT_IOAPIC:
		if (length >= 12)
			madt_add_ioapic(info, entry_bytes[2], acpi_u32(entry_bytes, length, 4),
					acpi_u32(entry_bytes, length, 8));
		break;
	case MADT_OVERRIDE:
		if (length >= 10)
			madt_add_override(info, entry_bytes[2], entry_bytes[3],
					  acpi_u32(entry_bytes, length, 4),
					  acpi_u16(entry_bytes, length, 8));
		break;
	case MADT_LAPIC_NMI:
		if (length >= 6)
			madt_add_nmi(info, entry_bytes[5], acpi_u16(entry_bytes, length, 3));
		break;
	case MADT_LAPIC_ADDR:
		if (length >= 12 && acpi_u64(entry_bytes, length, 4))
			info->lapic_addr = acpi_u64(entry_bytes, length, 4);
		break;
	case MADT_X2APIC:
		if (length >= 16 && acpi_u32(entry_bytes, length, 4) != ~0u)
			madt_add_cpu(info, acpi_u32(entry_bytes, length, 4),
				     acpi_u32(entry_bytes, length, 12),
				     acpi_u32(entry_bytes, length, 8));
		break;
	case MADT_X2APIC_NMI:
		if (length >= 12)
			madt_add_nmi(info, entry_bytes[8], acpi_u16(entry_bytes, length, 2));
		break;
	}
}

void acpi_parse_madt(const u8 *table, size_t len, struct acpi_info *info)
{
	if (len < 44)
		return;
	info->has_madt = true;
	if (acpi_u32(table, len, 36))
		info->lapic_addr = acpi_u32(table, len, 36);
	info->has_8259 = acpi_u32(table, len, 40) & 1;
	for (size_t offset = 44; len - offset >= 2;) {
		u32 length = table[offset + 1];

		if (length < 2 || length > len - offset)
			break;
		madt_entry(info, table + offset, length);
		offset += length;
	}
}
