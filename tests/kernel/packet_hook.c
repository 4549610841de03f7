/* SPDX-License-Identifier: MIT */
/*
 * Packet hooks that lie in each way, that hold frames when they go, and that are removed while their methods run. All frames are on
 * the loopback interface.
 */
#include <kernel/atomic.h>
#include <kernel/err.h>
#include <kernel/ktest.h>
#include <kernel/packet_hook.h>
#include <kernel/thread.h>
#include "cpus.h"
#include "driver_steps.h"
#include "packet_steps.h"

IMAGE(hook_liar);
static const struct image hook_liar = ENTRY(hook_liar);

#define LIES	  14u
#define LIE_NEVER 7u
#define LIE_HOLD  9u
#define LIE_SLEEP 13u
#define FRAMES	  100u
#define FRAME	  100u
#define ETHERTYPE 0x88b6u
#define CYCLES	  10u
#define WAIT_NS	  (20 * NSEC_PER_SEC)

static u32 loopback_index(void)
{
	const struct net_device *device;
	u32 index = 0;

	mutex_lock(&net_lock);
	device = net_device_find_name("lo");
	if (device)
		index = device->index;
	mutex_unlock(&net_lock);
	return index;
}

static void frame_send(u32 index)
{
	struct packet_list frames = { 0 };
	struct packet *frame = packet_alloc(FRAME, PACKET_HEADROOM);
	u8 *bytes;

	if (!frame)
		return;
	bytes = packet_bytes(frame);
	memset(bytes, 0, FRAME);
	bytes[12] = ETHERTYPE >> 8;
	bytes[13] = ETHERTYPE & 0xff;
	frame->length = FRAME;
	packet_list_add(&frames, frame);
	(void)net_transmit(index, &frames);
}

static bool log_reaches(u64 from, const char *what)
{
	u64 end = time_monotonic_ns() + WAIT_NS;

	while (!log_count(from, what)) {
		if (time_monotonic_ns() > end)
			return false;
		sleep_ms(1);
	}
	return true;
}

static void lie_at(struct ktest_context *test, u32 lie, u32 points)
{
	u64 log = printk_last_seq();
	char params[48], seen[48];
	u32 index = loopback_index();
	s64 id;

	snprintf(params, sizeof(params), "lie=%u points=%u", lie, points);
	id = install(&hook_liar, params, 0);
	if (!KEXPECT(id >= 0)) {
		pr_info("# %s\n", reasons);
		return;
	}
	for (u32 i = 0; i < FRAMES; i++)
		frame_send(index);
	snprintf(seen, sizeof(seen), "of lie %u", lie);
	if (!KEXPECT(log_reaches(log, seen)))
		pr_info("# lie %u at %u\n", lie, points);
	KEXPECT_EQ(remove(id), 0);
	KEXPECT_EQ(log_count(log, "lies of a hook were believed"), 0);
	KEXPECT_EQ(READ_ONCE(net_hook_points), 0);
}

KTEST(network, a_hook_that_lies_is_contained)
{
	struct usage before = { 0 };

	packet_table_grow();
	for (u32 round = 0; round < 2; round++) {
		before = settled_usage();
		for (u32 lie = 0; lie < LIES; lie++) {
			lie_at(test, lie, BANOS_HOOK_RECEIVE);
			lie_at(test, lie, BANOS_HOOK_TRANSMIT);
			lie_at(test, lie, BANOS_HOOK_INPUT);
		}
	}
	KEXPECT(back_at(&before));
}

/* ---- removal ---- */

static struct atomic senders_left, senders_end;

static void sender_main(void *arg)
{
	u32 index = loopback_index();

	while (!atomic_read(&senders_end)) {
		for (u32 i = 0; i < 8; i++)
			frame_send(index);
		sleep_ms(1);
	}
	atomic_dec(&senders_left);
}

static void remove_under_traffic(struct ktest_context *test, u32 lie)
{
	char params[48];

	snprintf(params, sizeof(params), "lie=%u points=17 frames=1000000", lie);
	for (u32 cycle = 0; cycle < CYCLES; cycle++) {
		s64 id = install(&hook_liar, params, 0);

		if (!KEXPECT(id >= 0)) {
			pr_info("# %s\n", reasons);
			return;
		}
		sleep_ms(5);
		KEXPECT_EQ(remove(id), 0);
	}
}

static void storm(struct ktest_context *test)
{
	atomic_set(&senders_end, 0);
	for (u32 i = 0; i < 4; i++) {
		atomic_inc(&senders_left);
		if (!KEXPECT_EQ(thread_spawn(sender_main, NULL, "sender"), 0))
			atomic_dec(&senders_left);
	}
	remove_under_traffic(test, LIE_NEVER);
	remove_under_traffic(test, LIE_HOLD);
	remove_under_traffic(test, LIE_SLEEP);
	atomic_set(&senders_end, 1);
	while (atomic_read(&senders_left))
		sleep_ms(1);
}

KTEST(network, a_hook_is_removed_while_it_runs_and_holds)
{
	u64 log = printk_last_seq();
	struct usage before;

	packet_table_grow();
	storm(test);
	before = settled_usage();
	storm(test);
	KEXPECT_EQ(log_count(log, "lies of a hook were believed"), 0);
	KEXPECT(back_at(&before));
}
