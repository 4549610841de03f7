/* SPDX-License-Identifier: MIT */
/*
 * The fixed tables: FADT (power, timer and reset registers), HPET, MCFG.
 *
 * The FADT grew with each version; most registers stand twice, as a port
 * number and, in longer tables, as a Generic Address. The latter counts unless
 * it is zero. ACPI Specification 6.4, 5.2.9; HPET Specification 1.0a, 3.2.4;
 * PCI Firmware Specification 3.2, 4.1.2.
 */
#include "internal.h"

#define FADT_TMR_VAL_EXT   (1u << 8)
#define FADT_RESET_REG_SUP (1u << 10)
#define BOOT_ARCH_8042	   (1u << 1)
#define BOOT_ARCH_NO_RTC   (1u << 5)

struct acpi_gas acpi_gas(const u8 *table, size_t len, size_t offset)
{
	u8 space = acpi_u8(table, len, offset);
	u64 addr = acpi_u64(table, len, offset + 4);

	if (space > ACPI_SPACE_PCI || (space == ACPI_SPACE_IO && addr > 0xffff))
		return (struct acpi_gas){ 0 };
	return (struct acpi_gas){ .addr = addr,
				  .space = space,
				  .bits = acpi_u8(table, len, offset + 1) };
}

/* A register block: the Generic Address at @port extended_offset if that says something, else the port at @port port. */
static struct acpi_gas fadt_block(const u8 *table, size_t len, size_t extended_offset, size_t port,
				  u8 bytes)
{
	struct acpi_gas gas = acpi_gas(table, len, extended_offset);
	u32 io_port = acpi_u32(table, len, port);

	if (!gas.addr && io_port && io_port <= 0xffff)
		gas = (struct acpi_gas){ .addr = io_port,
					 .space = ACPI_SPACE_IO,
					 .bits = bytes * 8 };
	return gas;
}

void acpi_parse_fadt(const u8 *table, size_t len, struct acpi_info *info)
{
	u32 flags = acpi_u32(table, len, 112);
	u16 arch = acpi_u16(table, len, 109);

	info->has_fadt = true;
	info->sci = acpi_u16(table, len, 46);
	info->smi_command = acpi_u32(table, len, 48);
	if (info->smi_command > 0xffff)
		info->smi_command = 0;
	info->acpi_enable = acpi_u8(table, len, 52);
	info->century = acpi_u8(table, len, 108);
	info->pm1a_control = fadt_block(table, len, 172, 64, 2);
	info->pm1b_control = fadt_block(table, len, 184, 68, 2);
	info->pm_timer = fadt_block(table, len, 208, 76, 4);
	info->pm_timer_32bit = flags & FADT_TMR_VAL_EXT;
	if (flags & FADT_RESET_REG_SUP) {
		info->reset = acpi_gas(table, len, 116);
		info->reset_value = acpi_u8(table, len, 128);
		info->has_reset = info->reset.addr != 0;
	}
	/* ACPI 1.0 had no such flags: then assume the devices of a PC. */
	if (acpi_u8(table, len, 8) >= 3) {
		info->no_8042 = !(arch & BOOT_ARCH_8042);
		info->no_cmos_rtc = arch & BOOT_ARCH_NO_RTC;
	}
}

void acpi_parse_hpet(const u8 *table, size_t len, struct acpi_info *info)
{
	struct acpi_gas gas = acpi_gas(table, len, 40);

	if (len < 52 || gas.space != ACPI_SPACE_MEMORY || !gas.addr)
		return;
	info->hpet = gas;
	info->has_hpet = true;
}

void acpi_parse_mcfg(const u8 *table, size_t len, struct acpi_info *info)
{
	for (size_t offset = 44; offset < len && len - offset >= 16; offset += 16) {
		phys_t addr = acpi_u64(table, len, offset);
		u8 first = table[offset + 10], last = table[offset + 11];

		if (info->nr_mcfg == ACPI_MAX_MCFG)
			break;
		if (!addr || addr & 0xfffff || first > last)
			continue;
		info->mcfg[info->nr_mcfg].addr = addr;
		info->mcfg[info->nr_mcfg].segment = acpi_u16(table, len, offset + 8);
		info->mcfg[info->nr_mcfg].first_bus = first;
		info->mcfg[info->nr_mcfg++].last_bus = last;
	}
}
