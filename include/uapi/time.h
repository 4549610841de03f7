/* SPDX-License-Identifier: MIT */
/** @file time.h  Times as programs see them: Linux's numbers and layouts for x86_64. */
#pragma once
#include <kernel/types.h>

#ifndef __BANOS_HOST__
struct timespec {
	s64 tv_sec, tv_nsec;
};
struct timeval {
	s64 tv_sec, tv_usec;
};
#else
#include <sys/time.h>
#include <time.h>
#endif
struct user_itimerspec {
	struct timespec interval, value;
};
struct user_itimerval {
	struct timeval interval, value;
};
struct user_timezone {
	s32 minuteswest, dsttime;
};

#undef CLOCK_REALTIME
#define CLOCK_REALTIME 0
#undef CLOCK_MONOTONIC
#define CLOCK_MONOTONIC 1
#undef CLOCK_PROCESS_CPUTIME_ID
#define CLOCK_PROCESS_CPUTIME_ID 2
#undef CLOCK_THREAD_CPUTIME_ID
#define CLOCK_THREAD_CPUTIME_ID 3
#undef CLOCK_MONOTONIC_RAW
#define CLOCK_MONOTONIC_RAW 4
#undef CLOCK_REALTIME_COARSE
#define CLOCK_REALTIME_COARSE 5
#undef CLOCK_MONOTONIC_COARSE
#define CLOCK_MONOTONIC_COARSE 6
#undef CLOCK_BOOTTIME
#define CLOCK_BOOTTIME 7
#undef CLOCK_REALTIME_ALARM
#define CLOCK_REALTIME_ALARM 8
#undef CLOCK_BOOTTIME_ALARM
#define CLOCK_BOOTTIME_ALARM 9
#undef CLOCK_TAI
#define CLOCK_TAI 11
#undef TIMER_ABSTIME
#define TIMER_ABSTIME 1

/* setitimer() */
#ifndef __BANOS_HOST__
#define ITIMER_REAL    0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF    2
#endif

/** struct timex of adjtimex(), 208 bytes. */
struct user_timex {
	u32 modes, pad0;
	s64 offset, freq, maxerror, esterror;
	s32 status, pad1;
	s64 constant, precision, tolerance;
	struct timeval time;
	s64 tick, ppsfreq, jitter;
	s32 shift, pad2;
	s64 stabil, jitcnt, calcnt, errcnt, stbcnt;
	s32 tai;
	s32 unused[11];
};
_Static_assert(sizeof(struct user_timex) == 208, "struct timex has 208 bytes");
/* Its modes. */
#ifndef __BANOS_HOST_TIMEX__
#define ADJ_OFFSET	      0x0001
#define ADJ_FREQUENCY	      0x0002
#define ADJ_MAXERROR	      0x0004
#define ADJ_ESTERROR	      0x0008
#define ADJ_STATUS	      0x0010
#define ADJ_TIMECONST	      0x0020
#define ADJ_TAI		      0x0080
#define ADJ_SETOFFSET	      0x0100
#define ADJ_MICRO	      0x1000
#define ADJ_NANO	      0x2000
#define ADJ_TICK	      0x4000
#define ADJ_ADJTIME	      0x8000 /* with ADJ_OFFSET_SINGLESHOT: as adjtime(3) */
#define ADJ_OFFSET_SINGLESHOT 0x0001
#define ADJ_OFFSET_READONLY   0x2000
/* Its status. */
#define STA_PLL	     0x0001
#define STA_FLL	     0x0008
#define STA_FREQHOLD 0x0080
#define STA_CLOCKERR 0x1000
#define STA_NANO     0x2000
#define STA_MODE     0x4000
#define STA_RONLY    0xff00
#endif
#define TIME_OK	   0
#define TIME_ERROR 5
#define STA_UNSYNC 0x40
