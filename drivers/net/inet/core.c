/* SPDX-License-Identifier: MIT */
/* The lock, and what lwIP asks of a system: time, random numbers, timers. Memory: memory.c. */
#include <banos/lock.h>
#include <banos/network.h>
#include <banos/print.h>
#include <banos/random.h>
#include <banos/time.h>
#include <banos/timer.h>
#include "inet.h"
#include "table.h"
#include <lwip/init.h>
#include <lwip/memp.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

#define TIMEOUTS 16u /* lwIP has one for each protocol: 8 */

banos_owner inet_owner;
static struct banos_mutex core;
static banos_timer timer;
static uint64_t armed_ns; /* when the timer ends; 0: it does not run */

int atoi(const char *text);
int atoi(const char *text)
{
	return 0; /* of numbers in names of interfaces, which are not looked for by name */
}

int strncmp(const char *one, const char *other, size_t length);
int strncmp(const char *one, const char *other, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (one[i] != other[i] || !one[i])
			return (unsigned char)one[i] - (unsigned char)other[i];
	return 0;
}

void inet_complain(const char *what)
{
	banos_print(inet_owner, "lwIP: %s", what);
}

uint32_t inet_random(void)
{
	static uint32_t numbers[64];
	static uint32_t left;

	if (!left) {
		banos_random(numbers, sizeof(numbers));
		left = 64;
	}
	return numbers[--left];
}

u32_t sys_now(void)
{
	return (u32_t)(banos_time_ns() / BANOS_MS);
}

/*
 * lwIP gives each of its periodic timeouts back before it takes the next one. Without memory just then it would never
 * run again: no retransmission, no ageing of neighbours. So there is room for all of them.
 */
static struct sys_timeo timeouts[TIMEOUTS];
static bool timeout_is_used[TIMEOUTS];

void *inet_timeout_get(memp_t type);
void inet_timeout_put(memp_t type, void *timeout);

void *inet_timeout_get(memp_t type)
{
	for (uint32_t i = 0; i < TIMEOUTS; i++)
		if (!timeout_is_used[i]) {
			timeout_is_used[i] = true;
			return &timeouts[i];
		}
	return NULL;
}

void inet_timeout_put(memp_t type, void *timeout)
{
	timeout_is_used[(struct sys_timeo *)timeout - timeouts] = false;
}

/* ---- the lock and the timer ---- */

void inet_lock(void)
{
	banos_mutex_lock(&core);
}

static void timer_arm(void)
{
	bool is_new = tick_is_new();
	u32_t sleep_ms;
	uint64_t when;

	if (armed_ns && !is_new) /* lwIP's other timers begin when one of them ends */
		return;
	sleep_ms = (u32_t)least_of(sys_timeouts_sleeptime(), tick_sleep_ms());
	if (sleep_ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE)
		return;
	when = banos_time_ns() + (sleep_ms + 1) * BANOS_MS;
	if (armed_ns && armed_ns <= when)
		return;
	armed_ns = when;
	banos_timer_start(timer, when);
}

void core_leave(void)
{
	banos_mutex_unlock(&core);
}

void inet_unlock(void)
{
	loop_receive();
	links_flush();
	timer_arm();
	link_tell_groups();
	core_leave();
}

static int64_t core_timer_ended(void *context)
{
	inet_lock();
	armed_ns = 0;
	sys_check_timeouts();
	tick_run();
	neighbours_report();
	autoconf_poll();
	inet_unlock();
	return 0;
}

int64_t inet_error(err_t err)
{
	static const int16_t numbers[] = {
		0,	ENOMEM,	      ENOBUFS,	  ETIMEDOUT, EHOSTUNREACH, EINPROGRESS,
		EINVAL, EAGAIN,	      EADDRINUSE, EALREADY,  EISCONN,	   ENOTCONN,
		EIO,	ECONNABORTED, ECONNRESET, EPIPE,     EINVAL
	};

	if (err > 0 || -err >= (int)(sizeof(numbers) / sizeof(numbers[0])))
		return -EIO;
	return -numbers[-err];
}

int64_t core_init(banos_owner self)
{
	int64_t err = banos_mutex_init(self, &core);

	inet_owner = self;
	memory_init();
	sequence_init();
	if (!err)
		err = banos_timer_create(self, core_timer_ended, NULL, &timer);
	if (!err)
		err = table_init(banos_net_memory_limit());
	if (err)
		return err;
	inet_lock();
	lwip_init();
	inet_unlock();
	return 0;
}

void core_exit(void)
{
	banos_timer_destroy(timer);
	memory_exit();
	table_exit();
	banos_mutex_destroy(&core);
}
