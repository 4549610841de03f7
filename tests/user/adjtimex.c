/* SPDX-License-Identifier: MIT */
/* adjtimex(): how the clock is steered. */
#include "check.h"
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/timex.h>

#define SECOND_NS 1000000000ll
#define PPM	  65536

static void *volatile unreadable = (void *)16; /* which the compiler does not know */

static long long clock_ns(int clock)
{
	struct timespec time;

	CHECK_EQ(clock_gettime(clock, &time), 0);
	return time.tv_sec * SECOND_NS + time.tv_nsec;
}

/* The counter that nobody steers. */
static uint64_t cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static int ask(struct timex *timex, unsigned modes)
{
	timex->modes = modes;
	return adjtimex(timex);
}

/* Nanoseconds in a million cycles. */
static double pace(void)
{
	uint64_t from = cycles(), to;
	long long begin = clock_ns(CLOCK_MONOTONIC), end;

	do
		end = clock_ns(CLOCK_MONOTONIC);
	while (end - begin < 300000000);
	to = cycles();
	return (double)(end - begin) * 1e6 / (double)(to - from);
}

TEST(state_after_boot)
{
	struct timex timex = { 0 };

	CHECK_EQ(ask(&timex, 0), TIME_ERROR);
	CHECK_EQ(timex.status, STA_UNSYNC);
	CHECK_EQ(timex.maxerror, 16000000);
	CHECK_EQ(timex.tick, 10000);
	CHECK_EQ(timex.tolerance, 32768000);
	CHECK_EQ(timex.freq, 0);
	CHECK(llabs(timex.time.tv_sec - time(NULL)) < 2);
}

TEST(refusals)
{
	struct timex timex = { .tick = 8999 };

	CHECK_ERR(ask(&timex, ADJ_TICK), EINVAL);
	timex.tick = 11001;
	CHECK_ERR(ask(&timex, ADJ_TICK), EINVAL);
	CHECK_ERR(ask(&timex, 0x8000), EINVAL);
	timex.time.tv_usec = 1000000;
	CHECK_ERR(ask(&timex, ADJ_SETOFFSET), EINVAL);
	timex.time.tv_usec = 0;
	timex.time.tv_sec = INT64_MIN;
	CHECK_ERR(ask(&timex, ADJ_SETOFFSET), EINVAL);
	CHECK_ERR(adjtimex((struct timex *)unreadable), EFAULT);
	timex.modes = 0;
	CHECK_ERR(clock_adjtime(CLOCK_MONOTONIC, &timex), EOPNOTSUPP);
	CHECK_ERR(clock_adjtime(100, &timex), EINVAL);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(ask(&timex, ADJ_FREQUENCY), EPERM);
	CHECK_ERR(ask(&timex, ADJ_OFFSET_SINGLESHOT), EPERM);
	CHECK(ask(&timex, 0xa001) >= 0); /* only read */
}

TEST(the_rate_is_tuned_and_nothing_jumps)
{
	struct timex timex = { .tick = 11000, .freq = 500 * PPM };
	double usual = pace(), tuned;
	long long before = clock_ns(CLOCK_MONOTONIC), after;

	CHECK(ask(&timex, ADJ_TICK | ADJ_FREQUENCY) >= 0);
	after = clock_ns(CLOCK_MONOTONIC);
	CHECK(after >= before && after - before < SECOND_NS / 2);
	tuned = pace() / usual;
	if (tuned < 1.0980 || tuned > 1.1030)
		printf("# by %f\n", tuned);
	CHECK(tuned > 1.0900 && tuned < 1.1110);
	timex.tick = 10000;
	timex.freq = 0;
	CHECK(ask(&timex, ADJ_TICK | ADJ_FREQUENCY) >= 0);
	tuned = pace() / usual;
	CHECK(tuned > 0.9900 && tuned < 1.0100);
}

TEST(an_offset_is_added_at_once)
{
	struct timex timex = { .time = { 5, 500000 } };
	long long ahead = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC), off;

	CHECK(ask(&timex, ADJ_SETOFFSET) >= 0);
	off = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC) - ahead - 5500000000ll;
	CHECK(llabs(off) < 50000000);
	timex.time.tv_sec = -6;
	timex.time.tv_usec = 500000000;
	CHECK(ask(&timex, ADJ_SETOFFSET | ADJ_NANO) >= 0);
	CHECK_EQ(timex.status & STA_NANO, STA_NANO); /* it stays */
	off = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC) - ahead;
	CHECK(llabs(off) < 50000000);
	CHECK(ask(&timex, ADJ_MICRO) >= 0);
	CHECK_EQ(timex.status & STA_NANO, 0);
}

TEST(adjtime_takes_two_seconds_for_a_millisecond)
{
	struct timex timex = { .offset = 1000 };

	CHECK(ask(&timex, ADJ_OFFSET_SINGLESHOT) >= 0);
	usleep(2600000);
	CHECK(ask(&timex, 0xa001) >= 0);
	CHECK_EQ(timex.offset, 0);
}

TEST(the_loop_slews_an_offset)
{
	struct timex timex = { .offset = 100000, .status = STA_PLL, .maxerror = 1000 };

	CHECK_EQ(ask(&timex, ADJ_OFFSET | ADJ_STATUS | ADJ_TIMECONST | ADJ_MAXERROR), TIME_OK);
	usleep(2600000);
	CHECK(ask(&timex, 0) >= 0);
	CHECK(timex.offset > 80000 && timex.offset < 98000); /* 1/64 each second */
	timex.status = 0;
	timex.offset = 0;
	timex.freq = 0;
	CHECK(ask(&timex, ADJ_OFFSET) >= 0);
	CHECK(ask(&timex, ADJ_STATUS | ADJ_FREQUENCY) >= 0);
}

TEST(atomic_time_is_ahead)
{
	struct timex timex = { .constant = 37 };
	long long ahead;

	CHECK(ask(&timex, ADJ_TAI) >= 0);
	CHECK_EQ(timex.tai, 37);
	ahead = clock_ns(CLOCK_TAI) - clock_ns(CLOCK_REALTIME);
	CHECK(ahead >= 36900000000ll && ahead < 37100000000ll);
	timex.constant = 0;
	CHECK(ask(&timex, ADJ_TAI) >= 0);
}

static long long latest;
static int is_over, went_back;

/* Whatever another processor has seen is not later than what this one sees now. */
static void *reader(void *arg)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
		long long seen = __atomic_load_n(&latest, __ATOMIC_ACQUIRE), now;
		struct timespec time;

		if (arg)
			syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
		else
			clock_gettime(CLOCK_MONOTONIC, &time);
		now = time.tv_sec * SECOND_NS + time.tv_nsec;
		if (now < seen)
			__atomic_store_n(&went_back, 1, __ATOMIC_RELEASE);
		__atomic_store_n(&latest, now, __ATOMIC_RELEASE);
	}
	return NULL;
}

TEST(no_clock_goes_back_while_it_is_tuned)
{
	struct timex timex = { 0 };
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, reader, (void *)(i & 1)), 0);
	for (int i = 0; i < 3000; i++) {
		timex.tick = 9000 + i * 37 % 2001;
		CHECK(ask(&timex, ADJ_TICK) >= 0);
	}
	timex.tick = 10000;
	CHECK(ask(&timex, ADJ_TICK) >= 0);
	__atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK(!went_back);
}

int main(void)
{
	RUN(state_after_boot);
	RUN(refusals);
	RUN(the_rate_is_tuned_and_nothing_jumps);
	RUN(an_offset_is_added_at_once);
	RUN(adjtime_takes_two_seconds_for_a_millisecond);
	RUN(the_loop_slews_an_offset);
	RUN(atomic_time_is_ahead);
	RUN(no_clock_goes_back_while_it_is_tuned);
	return check_done();
}
