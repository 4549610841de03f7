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

struct acpi_gas acpi_gas(const u8 *t, size_t len, size_t at)
{
	u8 space = acpi_u8(t, len, at);
	u64 addr = acpi_u64(t, len, at + 4);

	if (space > ACPI_SPACE_PCI || (space == ACPI_SPACE_IO && addr > 0xffff))
		return (struct acpi_gas){ 0 };
	return (struct acpi_gas){ .addr = addr, .space = space, .bits = acpi_u8(t, len, at + 1) };
}

/* A register block: the Generic Address at @p x if that says something, else the port at @p port. */
static struct acpi_gas block(const u8 *t, size_t len, size_t x, size_t port, u8 bytes)
{
	struct acpi_gas g = acpi_gas(t, len, x);
	u32 p = acpi_u32(t, len, port);

	if (!g.addr && p && p <= 0xffff)
		g = (struct acpi_gas){ .addr = p, .space = ACPI_SPACE_IO, .bits = bytes * 8 };
	return g;
}

void acpi_parse_fadt(const u8 *t, size_t len, struct acpi_info *info)
{
	u32 flags = acpi_u32(t, len, 112);
	u16 arch = acpi_u16(t, len, 109);

	info->has_fadt = true;
	info->sci = acpi_u16(t, len, 46);
	info->smi_command = acpi_u32(t, len, 48);
	if (info->smi_command > 0xffff)
		info->smi_command = 0;
	info->acpi_enable = acpi_u8(t, len, 52);
	info->century = acpi_u8(t, len, 108);
	info->pm1a_control = block(t, len, 172, 64, 2);
	info->pm1b_control = block(t, len, 184, 68, 2);
	info->pm_timer = block(t, len, 208, 76, 4);
	info->pm_timer_32bit = flags & FADT_TMR_VAL_EXT;
	if (flags & FADT_RESET_REG_SUP) {
		info->reset = acpi_gas(t, len, 116);
		info->reset_value = acpi_u8(t, len, 128);
		info->has_reset = info->reset.addr != 0;
	}
	/* ACPI 1.0 had no such flags: then assume that what a PC has is there. */
	if (acpi_u8(t, len, 8) >= 3) {
		info->no_8042 = !(arch & BOOT_ARCH_8042);
		info->no_cmos_rtc = arch & BOOT_ARCH_NO_RTC;
	}
}

void acpi_parse_hpet(const u8 *t, size_t len, struct acpi_info *info)
{
	struct acpi_gas g = acpi_gas(t, len, 40);

	if (len < 52 || g.space != ACPI_SPACE_MEMORY || !g.addr)
		return;
	info->hpet = g;
	info->has_hpet = true;
}

void acpi_parse_mcfg(const u8 *t, size_t len, struct acpi_info *info)
{
	for (size_t at = 44; at < len && len - at >= 16; at += 16) {
		phys_t addr = acpi_u64(t, len, at);
		u8 first = t[at + 10], last = t[at + 11];

		if (info->nr_mcfg == ACPI_MAX_MCFG)
			break;
		if (!addr || addr & 0xfffff || first > last)
			continue;
		info->mcfg[info->nr_mcfg].addr = addr;
		info->mcfg[info->nr_mcfg].segment = acpi_u16(t, len, at + 8);
		info->mcfg[info->nr_mcfg].first_bus = first;
		info->mcfg[info->nr_mcfg++].last_bus = last;
	}
}
