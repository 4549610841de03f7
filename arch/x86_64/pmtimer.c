/* SPDX-License-Identifier: MIT */
/*
 * ACPI's power management timer: 3.579545 MHz, 24 or 32 bits, on each PC with
 * ACPI. Slow to read (a port), but its rate is certain.
 * ACPI Specification 6.4, 4.8.2.1, 4.8.3.3.
 */
#include <asm/clocks.h>
#include <asm/io.h>
#include <kernel/acpi.h>

#define PM_TIMER_HZ 3579545u

static u64 pm_timer_read(void)
{
	return inl(acpi_info.pm_timer.addr);
}

static struct clock_source pm_timer = { .name = "acpi_pm",
					.read = pm_timer_read,
					.freq_hz = PM_TIMER_HZ };

const struct clock_source *pm_timer_find(void)
{
	const struct acpi_gas *gas = &acpi_info.pm_timer;
	u64 first;

	if (!gas->addr || gas->space != ACPI_SPACE_IO)
		return NULL;
	if (acpi_info.pm_timer_32bit)
		pm_timer.mask = 0xffffffff;
	else
		pm_timer.mask = 0xffffff;
	first = pm_timer_read();
	for (u32 i = 0; i < 1000; i++)
		if (pm_timer_read() != first)
			return &pm_timer;
	return NULL;
}
