/* SPDX-License-Identifier: MIT */
/*
 * Dates, and their format in the CMOS clock.
 *
 * The clock counts in binary or in decimal digits, 24 hours or twice 12, with
 * two digits of a year and, on most machines, a register for the century whose
 * number the FADT contains. Motorola MC146818A data sheet, "Address Map",
 * "Register B".
 */
#include <kernel/err.h>
#include <kernel/rtc.h>

#define HOUR_PM 0x80

/* Quotient rounded down; C rounds towards 0. */
static s64 floor_div(s64 number, s64 divisor)
{
	if (number < 0)
		number -= divisor - 1;
	return number / divisor;
}

/* Years counted from March, so that the leap day is the last: then months have regular lengths. */
s64 days_since_1970(u32 year, u32 month, u32 day)
{
	s64 shifted_year = (s64)year - (month <= 2), era = floor_div(shifted_year, 400);
	u32 of_era = shifted_year - era * 400, from_march = (month + 9) % 12;
	u32 of_year = (153 * from_march + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_leap_year(u32 year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static u32 month_length(u32 year, u32 month)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap_year(year));
}

/* @return the number, or -1 for digits above 9 */
static int register_number(u8 value, bool binary)
{
	if (binary)
		return value;
	if ((value & 15) > 9 || value >> 4 > 9)
		return -1;
	return (value >> 4) * 10 + (value & 15);
}

static int hour_of(const struct rtc_registers *registers, bool binary)
{
	bool is_afternoon = registers->hour & HOUR_PM;
	int hour;

	if (registers->status_b & RTC_24H)
		return register_number(registers->hour, binary);
	hour = register_number(registers->hour & ~HOUR_PM, binary);
	if (hour < 1 || hour > 12)
		return -1;
	return hour % 12 + 12 * is_afternoon;
}

static int year_of(const struct rtc_registers *registers, bool binary)
{
	int year = register_number(registers->year, binary),
	    century = register_number(registers->century, binary);

	if (year < 0 || year > 99)
		return -1;
	if (century >= 19 && century <= 25) /* else the register has another use */
		return century * 100 + year;
	if (year < 70)
		return year + 2000;
	return year + 1900;
}

int rtc_to_seconds(const struct rtc_registers *registers, u64 *seconds)
{
	bool binary = registers->status_b & RTC_BINARY;
	int second = register_number(registers->second, binary),
	    minute = register_number(registers->minute, binary), hour = hour_of(registers, binary);
	int day = register_number(registers->day, binary),
	    month = register_number(registers->month, binary), year = year_of(registers, binary);

	if (second < 0 || second > 59 || minute < 0 || minute > 59 || hour < 0 || hour > 23)
		return -EINVAL;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_length(year, month))
		return -EINVAL;
	*seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	return 0;
}
