/* SPDX-License-Identifier: MIT */
/*
 * How time daemons steer the clock: what adjtimex() sets, and what it makes of each second.
 *
 * A second is longer or shorter by the frequency (ADJ_FREQUENCY, ADJ_TICK), by a part of the offset that is left
 * (ADJ_OFFSET with STA_PLL: 1/2^(2 + constant) of it), and by at most 500 us of what adjtime(3) left
 * (ADJ_OFFSET_SINGLESHOT). Each offset also corrects the frequency, by a second-order loop, and by a
 * frequency-locked one where the last offset is long ago or STA_FLL is set. Numbers and limits are Linux's. Leap
 * seconds are not inserted, and there is no pulse per second: their status bits are kept and do nothing.
 *
 * Source: D. L. Mills, RFC 5905, A.5.6; "A Kernel Model for Precision Timekeeping" (RFC 1589).
 */
#include <kernel/err.h>
#include <kernel/ntp.h>
#include <kernel/time_units.h>

#define PLL_SHIFT      2 /* of the loop's gain for offsets */
#define PLL_FREQ_SHIFT 2 /* the same, again for the frequency */
#define FLL_SHIFT      2
#define FLL_AFTER_S    256 /* STA_FLL holds from then on */
#define FLL_ALWAYS_S   2048
#define CONSTANT_MAX   10
#define OFFSET_MAX_NS  500000000ll
#define FREQ_MAX       (500000ll << NTP_SHIFT)	    /* 500 ppm */
#define FREQ_UNIT      (1000ll << (NTP_SHIFT - 16)) /* of struct timex: 2^-16 ppm */
#define ERROR_MAX_US   16000000
#define ERROR_RATE_US  500 /* a second */
#define ADJUST_MAX_US  500
#define TICK_US	       10000
#define TICK_MIN_US    9000
#define TICK_MAX_US    11000
#define TICKS	       100 /* a second */
#define TAI_MAX	       100000

static s64 clamp_to(s64 value, s64 least, s64 most)
{
	return MAX(least, MIN(value, most));
}

/* Rounded towards 0, as no shift of a negative number is. */
static s64 shift_down(s64 value, u32 shift)
{
	if (value < 0)
		return -(-value >> shift);
	return value >> shift;
}

int ntp_check(const struct user_timex *timex)
{
	s64 unit_most = (s64)NSEC_PER_SEC / 1000;

	if (timex->modes & ADJ_ADJTIME) {
		if (!(timex->modes & ADJ_OFFSET_SINGLESHOT))
			return -EINVAL;
	} else if (timex->modes & ADJ_TICK &&
		   (timex->tick < TICK_MIN_US || timex->tick > TICK_MAX_US)) {
		return -EINVAL;
	}
	if (timex->modes & ADJ_NANO)
		unit_most = NSEC_PER_SEC;
	if (timex->modes & ADJ_SETOFFSET &&
	    (timex->time.tv_usec < 0 || timex->time.tv_usec >= unit_most))
		return -EINVAL;
	if (timex->modes & ADJ_FREQUENCY &&
	    (timex->freq > INT64_MAX / FREQ_UNIT || timex->freq < INT64_MIN / FREQ_UNIT))
		return -EINVAL;
	return 0;
}

void ntp_clear(struct ntp *ntp)
{
	ntp->adjust_us = 0;
	ntp->offset = 0;
	ntp->status |= STA_UNSYNC;
	ntp->max_error = ntp->estimate = ERROR_MAX_US;
}

static void ntp_set_status(struct ntp *ntp, s32 status, u64 now_s)
{
	if (ntp->status & STA_PLL && !(status & STA_PLL))
		ntp->status = STA_UNSYNC;
	if (!(ntp->status & STA_PLL) && status & STA_PLL)
		ntp->reference_s = now_s;
	ntp->status = (ntp->status & STA_RONLY) | (status & ~STA_RONLY);
}

static void ntp_set_constant(struct ntp *ntp, s64 constant)
{
	constant = clamp_to(constant, -CONSTANT_MAX, CONSTANT_MAX);
	if (!(ntp->status & STA_NANO))
		constant += 4;
	ntp->constant = clamp_to(constant, 0, CONSTANT_MAX);
}

/* What @offset_ns, found @seconds after the last one, says about the frequency: ns a second << NTP_SHIFT. */
static s64 ntp_freq_of_offset(struct ntp *ntp, s64 offset_ns, s64 seconds)
{
	u32 half_shift = PLL_SHIFT + PLL_FREQ_SHIFT + (u32)ntp->constant;
	s64 limited = MIN(seconds, 1ll << (PLL_SHIFT + 1 + ntp->constant)), change;

	change = offset_ns * limited * (1ll << (NTP_SHIFT - 2 * half_shift));
	if (seconds >= FLL_AFTER_S && (ntp->status & STA_FLL || seconds > FLL_ALWAYS_S)) {
		ntp->status |= STA_MODE;
		change += offset_ns * (1ll << (NTP_SHIFT - FLL_SHIFT)) / seconds;
	} else {
		ntp->status &= ~STA_MODE;
	}
	return change;
}

static void ntp_set_offset(struct ntp *ntp, s64 offset, u64 now_s)
{
	s64 seconds = now_s - ntp->reference_s;

	if (!(ntp->status & STA_PLL))
		return;
	if (!(ntp->status & STA_NANO))
		offset = clamp_to(offset, -OFFSET_MAX_NS, OFFSET_MAX_NS) * 1000;
	offset = clamp_to(offset, -OFFSET_MAX_NS, OFFSET_MAX_NS);
	if (ntp->status & STA_FREQHOLD || seconds < 0)
		seconds = 0;
	ntp->reference_s = now_s;
	ntp->freq =
		clamp_to(ntp->freq + ntp_freq_of_offset(ntp, offset, seconds), -FREQ_MAX, FREQ_MAX);
	ntp->offset = offset * (1ll << NTP_SHIFT);
}

static void ntp_set(struct ntp *ntp, const struct user_timex *timex, u64 now_s)
{
	if (timex->modes & ADJ_STATUS)
		ntp_set_status(ntp, timex->status, now_s);
	if (timex->modes & ADJ_NANO)
		ntp->status |= STA_NANO;
	if (timex->modes & ADJ_MICRO)
		ntp->status &= ~STA_NANO;
	if (timex->modes & ADJ_FREQUENCY)
		ntp->freq = clamp_to(timex->freq * FREQ_UNIT, -FREQ_MAX, FREQ_MAX);
	if (timex->modes & ADJ_MAXERROR)
		ntp->max_error = clamp_to(timex->maxerror, 0, ERROR_MAX_US);
	if (timex->modes & ADJ_ESTERROR)
		ntp->estimate = clamp_to(timex->esterror, 0, ERROR_MAX_US);
	if (timex->modes & ADJ_TIMECONST)
		ntp_set_constant(ntp, timex->constant);
	if (timex->modes & ADJ_TAI && timex->constant >= 0 && timex->constant <= TAI_MAX)
		ntp->tai = (s32)timex->constant;
	if (timex->modes & ADJ_OFFSET)
		ntp_set_offset(ntp, timex->offset, now_s);
	if (timex->modes & ADJ_TICK)
		ntp->tick = timex->tick;
}

int ntp_adjust(struct ntp *ntp, struct user_timex *timex, u64 now_s)
{
	s64 left;

	if (timex->modes & ADJ_ADJTIME) {
		left = ntp->adjust_us;
		if (!(timex->modes & ADJ_OFFSET_READONLY))
			ntp->adjust_us = timex->offset;
	} else {
		ntp_set(ntp, timex, now_s);
		left = shift_down(ntp->offset, NTP_SHIFT);
		if (!(ntp->status & STA_NANO))
			left /= 1000;
	}
	*timex = (struct user_timex){
		.modes = timex->modes,
		.offset = left,
		.freq = ntp->freq / FREQ_UNIT,
		.maxerror = ntp->max_error,
		.esterror = ntp->estimate,
		.status = ntp->status,
		.constant = ntp->constant,
		.precision = 1,
		.tolerance = FREQ_MAX / FREQ_UNIT,
		.tick = ntp->tick,
		.tai = ntp->tai,
	};
	if (ntp->status & (STA_UNSYNC | STA_CLOCKERR))
		return TIME_ERROR;
	return TIME_OK;
}

s64 ntp_rate(const struct ntp *ntp)
{
	return ntp->freq + (ntp->tick - TICK_US) * TICKS * (1000ll << NTP_SHIFT);
}

s64 ntp_second(struct ntp *ntp)
{
	s64 part = shift_down(ntp->offset, PLL_SHIFT + (u32)ntp->constant);
	s64 adjust_us = clamp_to(ntp->adjust_us, -ADJUST_MAX_US, ADJUST_MAX_US);

	ntp->max_error += ERROR_RATE_US;
	if (ntp->max_error > ERROR_MAX_US) {
		ntp->max_error = ERROR_MAX_US;
		ntp->status |= STA_UNSYNC;
	}
	ntp->offset -= part;
	ntp->adjust_us -= adjust_us;
	return part + adjust_us * (1000ll << NTP_SHIFT);
}
