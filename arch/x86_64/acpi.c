/* SPDX-License-Identifier: MIT */
/*
 * Finding the ACPI tables of this machine.
 *
 * The root pointer is passed by the boot loader (multiboot 2 contains a copy, and
 * under UEFI it is the only source). Otherwise it is searched where a BIOS stores it:
 * the first KiB of the extended data area, then 0xe0000 to 0xfffff. Tables mostly
 * lie in memory that the allocator doesn't manage; they are mapped while they
 * are read. ACPI Specification 6.4, 5.2.5.1.
 */
#include <asm/io.h>
#include <kernel/acpi.h>
#include <kernel/boot.h>
#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/printk.h>

CMDLINE_OPTION(opt_noacpi, "noacpi");

#define EBDA_SEGMENT 0x40e /* a word of the BIOS data area */

struct acpi_info acpi_info;

static bool is_ram(phys_t addr, size_t len)
{
	for (phys_t place = addr & PAGE_MASK; place < addr + len; place += PAGE_SIZE)
		if (!page_is_ram(place))
			return false;
	return true;
}

/* Any physical memory: where RAM is mapped already, there; else for a while. */
static const void *acpi_map(struct acpi_reader *reader, phys_t addr, size_t len)
{
	if (addr + len < addr || (addr + len) >> 52)
		return NULL;
	if (is_ram(addr, len))
		return phys_to_virt(addr);
	return krange_map_phys(addr, len, KCACHE_WB);
}

static void acpi_unmap(struct acpi_reader *reader, const void *table, size_t len)
{
	if ((u64)table < PHYSMAP_BASE || !is_ram((u64)table - PHYSMAP_BASE, len))
		krange_unmap_phys((void *)table);
}

static void acpi_warn(struct acpi_reader *reader, const char *signature, phys_t addr,
		      const char *why)
{
	pr_warn("acpi: table %s at %lx %s: ignored\n", signature, addr, why);
}

static struct acpi_reader reader = { acpi_map, acpi_unmap, acpi_warn };

/* A root pointer in [addr, addr + len): read all tables from it. */
static bool try_area(phys_t addr, size_t len)
{
	const u8 *area = acpi_map(&reader, addr, len);
	bool found = false;
	s64 pos;

	if (!area)
		return false;
	pos = acpi_rsdp_search(area, len);
	if (pos >= 0)
		found = !acpi_parse(&reader, area + pos, len - pos, &acpi_info);
	acpi_unmap(&reader, area, len);
	return found;
}

static bool try_ebda(void)
{
	const u16 *segment = acpi_map(&reader, EBDA_SEGMENT, 2);
	phys_t ebda = 0;

	if (segment) {
		ebda = (phys_t)*segment << 4;
		acpi_unmap(&reader, segment, 2);
	}
	return ebda >= 0x400 && ebda < 0xa0000 && try_area(ebda, 1024);
}

static bool acpi_find_root(void)
{
	if (boot_info.rsdp_copy_len)
		return !acpi_parse(&reader, boot_info.rsdp_copy, boot_info.rsdp_copy_len,
				   &acpi_info);
	if (boot_info.rsdp)
		return try_area(boot_info.rsdp, 36);
	/* most BIOSes put it into the upper half */
	return try_area(0xf0000, 0x10000) || try_ebda() || try_area(0xe0000, 0x10000);
}

void acpi_init(void)
{
	const struct acpi_info *info = &acpi_info;

	if (option_is_set(&opt_noacpi) || !acpi_find_root()) {
		(void)acpi_parse(&reader, NULL, 0, &acpi_info); /* a machine without */
		pr_info("acpi: no ACPI tables\n");
		return;
	}
	pr_info("acpi: %u processor%s, %u I/O APIC%s%s%s%s\n",
		info->nr_cpus + info->nr_cpus_left_out,
		info->nr_cpus + info->nr_cpus_left_out == 1 ? "" : "s", info->nr_ioapics,
		info->nr_ioapics == 1 ? "" : "s", info->has_hpet ? ", HPET" : "",
		info->pm_timer.addr ? ", PM timer" : "", info->has_s5 ? ", S5" : "");
}

/* ---- what the kernel drives itself ---- */

#define LAPIC_USUAL 0xfee00000u

static bool overlaps_page(u64 address, u64 length, phys_t page)
{
	return address < page + PAGE_SIZE && page < address + length;
}

bool arch_drives_mmio(u64 address, u64 length)
{
	phys_t lapic = acpi_info.lapic_addr;

	if (overlaps_page(address, length, lapic ? lapic : LAPIC_USUAL))
		return true;
	for (u32 i = 0; i < acpi_info.nr_ioapics; i++)
		if (overlaps_page(address, length, acpi_info.ioapics[i].addr))
			return true;
	return acpi_info.has_hpet && overlaps_page(address, length, acpi_info.hpet.addr);
}
