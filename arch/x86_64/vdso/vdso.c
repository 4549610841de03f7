/* SPDX-License-Identifier: MIT */
/*
 * The vDSO: code of the kernel that runs in user mode.
 *
 * A small shared object that each program has mapped, behind the page of clock
 * data. C libraries find it through AT_SYSINFO_EHDR and look up the names below
 * with version LINUX_2.6. It has no data, no relocations and calls no other code, so
 * it only has to be mapped. Where the clocks can't be read here,
 * or for a clock that only the kernel knows, the system call is made.
 */
#include <asm/vdso.h>
#include <generated/syscall-numbers.h>
#include <uapi/time.h>

#define NSEC_PER_SEC 1000000000ul
#define EXPORT	     __attribute__((visibility("default")))

/* Placed by vdso.lds: the page before this object. Only the kernel can write to it. */
extern struct vdso_data vdso_data_page __attribute__((visibility("hidden")));

struct timezone_result {
	s32 minuteswest, dsttime;
};

static inline long vdso_syscall3(long n, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(n), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

/* Clocks that are one of the two, by number. */
#define BIT(n)		(1u << (n))
#define REALTIME_CLOCKS (BIT(CLOCK_REALTIME) | BIT(CLOCK_REALTIME_COARSE))
#define MONOTONIC_CLOCKS                                                                 \
	(BIT(CLOCK_MONOTONIC) | BIT(CLOCK_MONOTONIC_RAW) | BIT(CLOCK_MONOTONIC_COARSE) | \
	 BIT(CLOCK_BOOTTIME))

/* An odd counter: an update is under way, or the clocks can't be read here. The kernel knows. */
static inline bool read_clock(u64 *ns, bool realtime)
{
	do {
		if (likely(vdso_read(&vdso_data_page, ns, realtime)))
			return true;
	} while (!(__atomic_load_n(&vdso_data_page.seq, __ATOMIC_RELAXED) & 1));
	return false;
}

/* ns / NSEC_PER_SEC, of less than 2^63: 2^93 / NSEC_PER_SEC, rounded up, is less than 2^-30 too large, and fits. */
#define SECONDS_SHIFT 93
#define SECONDS_MULT  ((u64)(((unsigned __int128)1 << SECONDS_SHIFT) / NSEC_PER_SEC) + 1)
static inline u64 whole_seconds(u64 ns)
{
	return (unsigned __int128)ns * SECONDS_MULT >> SECONDS_SHIFT;
}

static inline bool clock_is(u32 clock, u32 set)
{
	return clock < 32 && (set >> clock & 1);
}

static inline int store_time(struct timespec *ts, u64 ns)
{
	u64 seconds = whole_seconds(ns);

	ts->tv_sec = seconds;
	ts->tv_nsec = ns - seconds * NSEC_PER_SEC;
	return 0;
}

/* Where the first attempt to read was in vain. */
static __attribute__((noinline)) int tell_time_again(int clock, struct timespec *ts, bool realtime)
{
	u64 ns;

	if (read_clock(&ns, realtime))
		return store_time(ts, ns);
	return vdso_syscall3(__NR_clock_gettime, clock, (long)ts, 0);
}

static inline int tell_time(int clock, struct timespec *ts, bool realtime)
{
	u64 ns;

	if (likely(vdso_read(&vdso_data_page, &ns, realtime)))
		return store_time(ts, ns);
	return tell_time_again(clock, ts, realtime);
}

EXPORT int __vdso_clock_gettime(int clock, struct timespec *timespec);
EXPORT int __vdso_clock_gettime(int clock, struct timespec *ts)
{
	/* The two that programs ask for all the time, before the others. */
	if (clock == CLOCK_MONOTONIC)
		return tell_time(clock, ts, false);
	if (clock == CLOCK_REALTIME || clock_is(clock, REALTIME_CLOCKS))
		return tell_time(clock, ts, true);
	if (clock_is(clock, MONOTONIC_CLOCKS))
		return tell_time(clock, ts, false);
	return vdso_syscall3(__NR_clock_gettime, clock, (long)ts, 0);
}

EXPORT int __vdso_gettimeofday(struct timeval *timeval, struct timezone_result *result);
EXPORT int __vdso_gettimeofday(struct timeval *tv, struct timezone_result *tz)
{
	u64 ns;

	if (!tz && tv && read_clock(&ns, true)) {
		u64 seconds = whole_seconds(ns);

		tv->tv_sec = seconds;
		tv->tv_usec = (ns - seconds * NSEC_PER_SEC) / 1000;
		return 0;
	}
	return vdso_syscall3(__NR_gettimeofday, (long)tv, (long)tz, 0);
}

EXPORT long __vdso_time(long *out);
EXPORT long __vdso_time(long *out)
{
	u64 ns, seconds;

	if (!read_clock(&ns, true))
		return vdso_syscall3(__NR_time, (long)out, 0, 0);
	seconds = whole_seconds(ns);
	if (out)
		*out = seconds;
	return seconds;
}

EXPORT int __vdso_clock_getres(int clock, struct timespec *res);
EXPORT int __vdso_clock_getres(int clock, struct timespec *res)
{
	if (!clock_is(clock, REALTIME_CLOCKS | MONOTONIC_CLOCKS) ||
	    (__atomic_load_n(&vdso_data_page.seq, __ATOMIC_RELAXED) & 1))
		return vdso_syscall3(__NR_clock_getres, clock, (long)res, 0);
	if (res) {
		res->tv_sec = 0;
		res->tv_nsec = 1;
	}
	return 0;
}

EXPORT long __vdso_getcpu(u32 *cpu, u32 *node, void *unused);
EXPORT long __vdso_getcpu(u32 *cpu, u32 *node, void *unused)
{
	u32 id;

	if (!vdso_data_page.cpu_in_tsc_aux)
		return vdso_syscall3(__NR_getcpu, (long)cpu, (long)node, 0);
	__asm__ volatile("rdtscp" : "=c"(id)::"eax", "edx");
	if (cpu)
		*cpu = id;
	if (node)
		*node = 0;
	return 0;
}

#define ALIAS(name)                         \
	extern __typeof(__vdso_##name) name \
		__attribute__((weak, alias("__vdso_" #name), visibility("default")))
ALIAS(clock_gettime);
ALIAS(gettimeofday);
ALIAS(time);
ALIAS(clock_getres);
ALIAS(getcpu);
