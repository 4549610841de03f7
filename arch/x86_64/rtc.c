/* SPDX-License-Identifier: MIT */
/*
 * The battery-backed clock in the CMOS: read once at boot.
 *
 * The registers change once a second; a flag announces the change 244 microseconds
 * ahead. So they are read twice while the flag is clear, until both readings are
 * equal. Motorola MC146818A data sheet, "Update Cycle".
 */
#include <asm/io.h>
#include <kernel/acpi.h>
#include <kernel/clock.h>
#include <kernel/err.h>
#include <kernel/rtc.h>
#include <kernel/string.h>
#include <kernel/time.h>

#define CMOS_INDEX    0x70
#define CMOS_DATA     0x71
#define RTC_SECOND    0
#define RTC_MINUTE    2
#define RTC_HOUR      4
#define RTC_DAY	      7
#define RTC_MONTH     8
#define RTC_YEAR      9
#define RTC_STATUS_A  10
#define UPDATING      0x80
#define RTC_STATUS_B  11
#define UPDATE_MAX_US 2300 /* an update and its warning take less */
#define TRIES	      5

static u8 cmos_read(u8 index)
{
	outb(CMOS_INDEX, index); /* bit 7 clear: NMIs stay on */
	return inb(CMOS_DATA);
}

static bool rtc_is_updating(void)
{
	return cmos_read(RTC_STATUS_A) & UPDATING;
}

static struct rtc_registers read_registers(void)
{
	u8 century = acpi_info.century;

	return (struct rtc_registers){
		.second = cmos_read(RTC_SECOND),
		.minute = cmos_read(RTC_MINUTE),
		.hour = cmos_read(RTC_HOUR),
		.day = cmos_read(RTC_DAY),
		.month = cmos_read(RTC_MONTH),
		.year = cmos_read(RTC_YEAR),
		.century = century && century < 0x80 ? cmos_read(century) : 0,
		.status_b = cmos_read(RTC_STATUS_B),
	};
}

int arch_rtc_read(u64 *seconds)
{
	if (acpi_info.no_cmos_rtc)
		return -ENODEV;
	for (u32 i = 0; i < TRIES; i++) {
		struct rtc_registers a, b;

		for (u32 us = 0; us < UPDATE_MAX_US && rtc_is_updating(); us += 50)
			delay_us(50);
		a = read_registers();
		b = read_registers();
		if (!rtc_is_updating() && !memcmp(&a, &b, sizeof(a)))
			return rtc_to_seconds(&a, seconds);
	}
	return -EIO;
}
