/* SPDX-License-Identifier: MIT */
/** @file rtc.h  The registers of the PC's battery-backed clock as a point in time. Pure (kernel/time/calendar.c). */
#pragma once
#include <kernel/types.h>

/** Registers of an MC146818, as read. */
struct rtc_registers {
	u8 second, minute, hour, day, month, year;
	u8 century;  /* 0: there is no such register */
	u8 status_b; /* RTC_* */
};
#define RTC_24H	   0x02
#define RTC_BINARY 0x04

/**
 * @brief Seconds since 1970, UTC.
 * @return 0, or -EINVAL for what is no date (or lies before 1970)
 */
int __must_check rtc_to_seconds(const struct rtc_registers *registers, u64 *seconds);
/** Days since 1970-01-01 of a date of the Gregorian calendar; @p year from 1 on, @p month 1..12, @p day 1..31. */
s64 days_since_1970(u32 year, u32 month, u32 day);
