/* SPDX-License-Identifier: MIT */
/** @file ntp.h  How time daemons steer the clock: the model behind adjtimex(). Pure: kernel/time/ntp.c. */
#pragma once
#include <kernel/types.h>
#include <uapi/time.h>

#define NTP_SHIFT 32 /* of what has a fraction: nanoseconds, and nanoseconds a second */

struct ntp {
	s64 offset;		 /* ns << NTP_SHIFT that are left to be slewed by the loop */
	s64 freq;		 /* ns a second << NTP_SHIFT */
	s64 constant;		 /* of the loop: 0 to 10 */
	s64 max_error, estimate; /* us */
	s64 tick;		 /* us of 1/100 s */
	s64 adjust_us;		 /* left of adjtime(3) */
	u64 reference_s;	 /* when the loop was told an offset last */
	s32 status, tai;	 /* STA_..., s */
};
#define NTP_INIT                                                                           \
	{                                                                                  \
		.constant = 2, .max_error = 16000000, .estimate = 16000000, .tick = 10000, \
		.status = STA_UNSYNC                                                       \
	}

/** @brief Is the request one that a clock can follow? Rights are the caller's affair. @return 0, -EINVAL */
int __must_check ntp_check(const struct user_timex *timex);
/** @brief Does it change anything? Then the caller needs the right to. */
static inline bool ntp_changes(const struct user_timex *timex)
{
	if (timex->modes & ADJ_ADJTIME)
		return !(timex->modes & ADJ_OFFSET_READONLY) || timex->modes & ADJ_SETOFFSET;
	return timex->modes;
}
/**
 * @brief Follow a request that was checked, and say the state in @p timex, but for its time. ADJ_SETOFFSET is the caller's affair.
 * @param now_s real time
 * @return TIME_OK or TIME_ERROR
 */
int ntp_adjust(struct ntp *ntp, struct user_timex *timex, u64 now_s);
/** @brief The clock was set: what was left to be slewed is void. */
void ntp_clear(struct ntp *ntp);
/** @brief By how much each second is longer than the counter's: ns << NTP_SHIFT. */
s64 ntp_rate(const struct ntp *ntp);
/** @brief A second begins. @return how much is slewed in it, beside ntp_rate(): ns << NTP_SHIFT */
s64 ntp_second(struct ntp *ntp);
