// SPDX-License-Identifier: MIT
/* kernel/time/calendar.c: the CMOS clock against the C library's calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <kernel/err.h>
#include <kernel/rtc.h>

static u8 bcd(u32 number)
{
	return number / 10 << 4 | number % 10;
}

/* What the clock would show at @p time. */
static struct rtc_registers show(time_t time, u8 mode, bool century)
{
	struct rtc_registers registers = { .status_b = mode };
	struct tm tm;
	u8 pm = 0;

	gmtime_r(&time, &tm);
	u32 hour = tm.tm_hour, year = tm.tm_year + 1900;
	u8 (*w)(u32) = bcd;

	if (!(mode & RTC_24H)) {
		if (hour >= 12)
			pm = 0x80;
		else
			pm = 0;
		if (hour % 12)
			hour = hour % 12;
		else
			hour = 12;
	}
#define W(v) (mode & RTC_BINARY ? (u8)(v) : w(v))
	registers.second = W(tm.tm_sec);
	registers.minute = W(tm.tm_min);
	registers.hour = W(hour) | pm;
	registers.day = W(tm.tm_mday);
	registers.month = W(tm.tm_mon + 1);
	registers.year = W(year % 100);
	if (century)
		registers.century = W(year / 100);
	else
		registers.century = 0;
	return registers;
}

static void all_modes_agree_with_the_c_library(void **state)
{
	(void)state;
	for (u64 time = 0; time < 16725225600ull; time += 86400 * 3 + 12345)
		for (u8 mode = 0; mode < 8; mode += 2) {
			struct rtc_registers registers = show(time, mode, true);
			u64 seconds;

			assert_int_equal(rtc_to_seconds(&registers, &seconds), 0);
			assert_int_equal(seconds, time);
		}
}

static void without_century_the_years_are_1970_to_2069(void **state)
{
	struct rtc_registers registers;
	u64 seconds;

	(void)state;
	for (u64 time = 0; time < 3155760000; time += 86400 * 7 + 1) {
		registers = show(time, RTC_24H, false);
		assert_int_equal(rtc_to_seconds(&registers, &seconds), 0);
		assert_int_equal(seconds, time);
	}
	registers = show(1700000000, RTC_24H, false);
	registers.century = 0x77; /* a register that holds something else */
	assert_int_equal(rtc_to_seconds(&registers, &seconds), 0);
	assert_int_equal(seconds, 1700000000);
}

static void nonsense_is_refused(void **state)
{
	struct rtc_registers good = show(1700000000, RTC_24H, true), registers;
	u64 seconds;

	(void)state;
#define REFUSED(field, value)                                                    \
	do {                                                                     \
		registers = good;                                                \
		registers.field = (value);                                       \
		assert_int_equal(rtc_to_seconds(&registers, &seconds), -EINVAL); \
	} while (0)
	REFUSED(second, 0x60);
	REFUSED(second, 0x0a);
	REFUSED(minute, 0xff);
	REFUSED(hour, 0x24);
	REFUSED(day, 0);
	REFUSED(day, 0x31); /* November */
	REFUSED(month, 0);
	REFUSED(month, 0x13);
	REFUSED(year, 0xa0);
	good = show(951782400, RTC_24H, true); /* 2000-02-29 */
	assert_int_equal(rtc_to_seconds(&good, &seconds), 0);
	REFUSED(year, 1);
	good = show(1700000000, 0, true);
	REFUSED(hour, 0);
	REFUSED(hour, 0x13);
	/* and anything at all does no harm */
	for (u32 i = 0; i < 200000; i++) {
		u32 x = i * 2654435761u;

		memset(&registers, x >> 24, sizeof(registers));
		memcpy(&registers, &x, 4);
		registers.month = x >> 7;
		registers.year = x >> 11;
		registers.status_b = x >> 3;
		if (rtc_to_seconds(&registers, &seconds))
			continue; /* any result will do, but no undefined behaviour */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_modes_agree_with_the_c_library),
		cmocka_unit_test(without_century_the_years_are_1970_to_2069),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
