// SPDX-License-Identifier: MIT
/* Dates: date.h. */
#include "date.h"

#define DAY_SECONDS 86400
#define DAYS_1980   3652 /* since 1970 */
/* Of the first day that has no date, 2108-01-01. */
#define SECONDS_MAX ((DAYS_1980 + 128 * 365 + 31) * (int64_t)DAY_SECONDS)

static const uint16_t days_before[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };

/* Leap days of the years from 1980 on, up to, and without, year @year; 2100 has none. */
static uint32_t date_leaps(uint32_t year)
{
	return (year + 3) / 4 - (year > 120);
}

static uint32_t date_is_leap(uint32_t year)
{
	return year % 4 == 0 && year != 120;
}

/* Days before month @month (0 to 11) of a year. */
static uint32_t date_days(uint32_t year, uint32_t month)
{
	return days_before[month] + (month > 1 && date_is_leap(year));
}

int64_t fat_date_parse(uint32_t date, uint32_t time, uint32_t hundredths)
{
	uint32_t year = date >> 9 & 127, month = date >> 5 & 15, day = date & 31;
	int64_t seconds;

	if (!month)
		month = 1;
	if (month > 12)
		month = 12;
	if (!day)
		day = 1;
	if (hundredths > 199)
		hundredths = 0;
	seconds = DAYS_1980 + (int64_t)year * 365 + date_leaps(year) + date_days(year, month - 1) +
		  day - 1;
	seconds = seconds * DAY_SECONDS + (time >> 11 & 31) * 3600 + (time >> 5 & 63) * 60 +
		  (time & 31) * 2;
	return seconds * FAT_SECOND_NS + hundredths * (FAT_SECOND_NS / 100);
}

void fat_date_make(int64_t ns, uint32_t *date, uint32_t *time, uint32_t *hundredths)
{
	int64_t seconds = ns / FAT_SECOND_NS;
	uint32_t days, year, month = 11, rest;

	*hundredths = 0;
	if (seconds < DAYS_1980 * (int64_t)DAY_SECONDS) {
		seconds = DAYS_1980 * (int64_t)DAY_SECONDS;
	} else if (seconds >= SECONDS_MAX) {
		seconds = SECONDS_MAX - 2;
		*hundredths = 199;
	} else {
		*hundredths = (uint32_t)(ns % FAT_SECOND_NS / (FAT_SECOND_NS / 100)) +
			      (uint32_t)(seconds % 2 * 100);
	}
	days = (uint32_t)(seconds / DAY_SECONDS) - DAYS_1980;
	rest = (uint32_t)(seconds % DAY_SECONDS);
	year = days / 365;
	while (year * 365 + date_leaps(year) > days)
		year--;
	days -= year * 365 + date_leaps(year);
	while (date_days(year, month) > days)
		month--;
	*date = year << 9 | (month + 1) << 5 | (days - date_days(year, month) + 1);
	*time = rest / 3600 << 11 | rest / 60 % 60 << 5 | rest % 60 / 2;
}
