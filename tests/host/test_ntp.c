/* SPDX-License-Identifier: MIT */
/* kernel/time/ntp.c: what requests of adjtimex() make of the next seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <kernel/err.h>
#include <kernel/ntp.h>

static const struct ntp fresh = NTP_INIT;

static int asked(struct ntp *ntp, struct user_timex timex, struct user_timex *answer)
{
	int state;

	assert_int_equal(ntp_check(&timex), 0);
	state = ntp_adjust(ntp, &timex, 1000);
	if (answer)
		*answer = timex;
	return state;
}

static void requests_out_of_range_are_refused(void **state)
{
	static const struct user_timex bad[] = {
		{ .modes = ADJ_TICK, .tick = 8999 },
		{ .modes = ADJ_TICK, .tick = 11001 },
		{ .modes = ADJ_ADJTIME },
		{ .modes = ADJ_SETOFFSET, .time.tv_usec = 1000000 },
		{ .modes = ADJ_SETOFFSET, .time.tv_usec = -1 },
		{ .modes = ADJ_SETOFFSET | ADJ_NANO, .time.tv_usec = 1000000000 },
		{ .modes = ADJ_FREQUENCY, .freq = INT64_MAX },
		{ .modes = ADJ_FREQUENCY, .freq = INT64_MIN },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ntp_check(&bad[i]), -EINVAL);
}

static void the_state_is_linux_at_boot(void **state)
{
	struct ntp ntp = fresh;
	struct user_timex answer;

	assert_int_equal(asked(&ntp, (struct user_timex){ 0 }, &answer), TIME_ERROR);
	assert_int_equal(answer.maxerror, 16000000);
	assert_int_equal(answer.status, STA_UNSYNC);
	assert_int_equal(answer.constant, 2);
	assert_int_equal(answer.tolerance, 32768000);
	assert_int_equal(answer.tick, 10000);
	assert_int_equal(ntp_rate(&ntp), 0);
}

static void frequency_and_tick_make_seconds_longer(void **state)
{
	struct ntp ntp = fresh;
	struct user_timex answer;

	asked(&ntp, (struct user_timex){ .modes = ADJ_FREQUENCY, .freq = 100 << 16 }, &answer);
	assert_int_equal(answer.freq, 100 << 16);
	assert_int_equal(ntp_rate(&ntp), 100000ll << NTP_SHIFT);
	asked(&ntp, (struct user_timex){ .modes = ADJ_FREQUENCY, .freq = -(600 << 16) }, &answer);
	assert_int_equal(answer.freq, -(500 << 16));
	asked(&ntp, (struct user_timex){ .modes = ADJ_FREQUENCY | ADJ_TICK, .tick = 11000 }, NULL);
	assert_int_equal(ntp_rate(&ntp), 100000000ll << NTP_SHIFT);
}

static void adjtime_slews_500_us_a_second(void **state)
{
	struct ntp ntp = fresh;
	struct user_timex answer,
		adjust = { .modes = ADJ_ADJTIME | ADJ_OFFSET_SINGLESHOT, .offset = -1200 };

	asked(&ntp, adjust, &answer);
	assert_int_equal(answer.offset, 0);
	assert_int_equal(ntp_second(&ntp), -500000 * (1ll << NTP_SHIFT));
	adjust.modes |= ADJ_OFFSET_READONLY;
	asked(&ntp, adjust, &answer);
	assert_int_equal(answer.offset, -700);
	ntp_second(&ntp);
	assert_int_equal(ntp_second(&ntp), -200000 * (1ll << NTP_SHIFT));
	assert_int_equal(ntp_second(&ntp), 0);
}

static void an_offset_needs_the_loop_and_goes_to_nothing(void **state)
{
	struct ntp ntp = fresh;
	struct user_timex answer, offset = { .modes = ADJ_OFFSET | ADJ_STATUS | ADJ_TIMECONST,
					     .offset = 100000,
					     .constant = 0 };
	s64 slewed = 0;

	asked(&ntp, offset, &answer);
	assert_int_equal(answer.offset, 0);
	offset.status = STA_PLL;
	assert_int_equal(asked(&ntp, offset, &answer), TIME_OK);
	assert_int_equal(answer.offset, 100000);
	assert_int_equal(answer.constant, 4);
	assert_int_equal(answer.freq, 0); /* the first one says nothing of the rate */
	assert_int_equal(ntp_second(&ntp), (100000000ll << NTP_SHIFT) >> 6);
	for (u32 i = 0; i < 2000; i++)
		slewed += ntp_second(&ntp);
	assert_in_range(slewed >> NTP_SHIFT, 98437498, 98437501);
	asked(&ntp, (struct user_timex){ 0 }, &answer);
	assert_int_equal(answer.offset, 0);
}

static void offsets_that_come_again_change_the_frequency(void **state)
{
	struct ntp ntp = fresh;
	struct user_timex offset = { .modes = ADJ_OFFSET | ADJ_STATUS | ADJ_NANO | ADJ_TIMECONST,
				     .offset = 1000000,
				     .status = STA_PLL,
				     .constant = 6 };

	asked(&ntp, offset, NULL);
	offset.status |= STA_NANO;
	assert_int_equal(ntp_check(&offset), 0);
	ntp_adjust(&ntp, &offset, 1064);
	/* 1 ms * 64 s / 2^(2 * 10) */
	assert_int_equal(ntp.freq, (1000000ll * 64 << NTP_SHIFT) >> 20);
}

static void nonsense_stays_within_bounds(void **state)
{
	static const s64 values[] = {
		INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX
	};
	struct ntp ntp = fresh;
	u64 seed = 5;

	for (u32 i = 0; i < 300000; i++) {
		struct user_timex timex;
		s64 *fields[] = { &timex.offset,   &timex.freq,	    &timex.maxerror,
				  &timex.esterror, &timex.constant, &timex.tick };

		memset(&timex, 0, sizeof(timex));
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		timex.modes = (u32)(seed >> 40) & 0xf1bf;
		timex.status = (s32)(seed >> 32);
		for (u32 k = 0; k < 6; k++)
			*fields[k] = values[(seed >> (8 + 4 * k)) % 7];
		if (seed >> 63)
			timex.tick = 10500;
		if (!ntp_check(&timex))
			ntp_adjust(&ntp, &timex, seed >> 20);
		s64 slewed = (ntp_second(&ntp) + ntp_rate(&ntp)) >> NTP_SHIFT;

		assert_true(slewed < 250000000 && slewed > -250000000);
		assert_true(ntp.max_error >= 0 && ntp.max_error <= 16000000);
		assert_true(ntp.constant >= 0 && ntp.constant <= 10);
	}
}

static void setting_the_clock_ends_what_is_slewed(void **state)
{
	struct ntp ntp = fresh;
	struct user_timex answer;

	asked(&ntp,
	      (struct user_timex){ .modes = ADJ_ADJTIME | ADJ_OFFSET_SINGLESHOT, .offset = 9999 },
	      NULL);
	asked(&ntp,
	      (struct user_timex){ .modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_FREQUENCY,
				   .maxerror = 1,
				   .freq = 7 << 16 },
	      NULL);
	ntp_clear(&ntp);
	assert_int_equal(asked(&ntp, (struct user_timex){ 0 }, &answer), TIME_ERROR);
	assert_int_equal(answer.maxerror, 16000000);
	assert_int_equal(answer.freq, 7 << 16);
	assert_int_equal(ntp_second(&ntp), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_out_of_range_are_refused),
		cmocka_unit_test(the_state_is_linux_at_boot),
		cmocka_unit_test(frequency_and_tick_make_seconds_longer),
		cmocka_unit_test(adjtime_slews_500_us_a_second),
		cmocka_unit_test(an_offset_needs_the_loop_and_goes_to_nothing),
		cmocka_unit_test(offsets_that_come_again_change_the_frequency),
		cmocka_unit_test(nonsense_stays_within_bounds),
		cmocka_unit_test(setting_the_clock_ends_what_is_slewed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
