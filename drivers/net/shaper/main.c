/* SPDX-License-Identifier: MIT */
/*
 * A link that is worse than it is: delay, jitter, loss, duplicates, reordering and rate, of what one interface sends or receives.
 *
 *	insmod shaper.ko interface=eth0 delay_us=20000 jitter_us=5000 loss_ppm=10000 seed=7
 *
 * Frames that are to wait are taken, and stand in a heap by the time at which they go on; a timer lets them. What is held is bounded by
 * number and by memory: what is beyond is dropped, as by a router. Of what is sent a duplicate is sent anew: this hook
 * notes whose number it has and when it is due, and lets it wait as long as what it is a copy of; what is received is not duplicated. Frames of several packets are lost like others, and never wait.
 *
 * One spin lock guards the plan and the heap.
 */
#include "plan.h"
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/packet_hook.h>
#include <banos/random.h>
#include <banos/string.h>
#include <banos/time.h>
#include <banos/timer.h>

static char interface[16] = "lo";
BANOS_PARAM_TEXT(interface, "whose frames these are");
static uint8_t incoming;
BANOS_PARAM_BOOL(incoming, "those that it receives; else those that it sends");
static uint32_t delay_us, jitter_us, loss_ppm, duplicate_ppm, reorder_ppm, rate_kbit;
BANOS_PARAM_U32(delay_us, 0, 10000000, "that each one waits");
BANOS_PARAM_U32(jitter_us, 0, 1000000, "by which that is less or more");
BANOS_PARAM_U32(loss_ppm, 0, 1000000, "of a million that are lost");
BANOS_PARAM_U32(duplicate_ppm, 0, 1000000, "of a million that are sent twice");
BANOS_PARAM_U32(reorder_ppm, 0, 1000000, "of a million that overtake those that wait");
BANOS_PARAM_U32(rate_kbit, 0, 100000000, "kilobits in a second; 0: no limit");
static uint32_t limit = 1000;
BANOS_PARAM_U32(limit, 1, 8192, "frames that wait at a time");
static uint64_t seed;
BANOS_PARAM_U64(seed, 0, UINT64_MAX, "of what is drawn; 0: another one each time");

#define HELD_BYTES  (UINT64_C(48) << 20)
#define BURST_BYTES 65536u
#define BATCH	    16u
#define COPIES_MAX  32u /* on their way to this hook at a time */

struct waiting {
	uint64_t at_ns, number; /* number: of those of the same time the lower one goes first */
	struct banos_net_packet packet;
};

struct copy {
	banos_packet packet;
	uint64_t at_ns;
	bool used;
};

static banos_owner own;
static banos_packet_hook hook;
static banos_protocol learns;
static banos_timer timer;
static struct banos_spinlock lock; /* guards what follows */
static struct plan plan;
static struct waiting *heap; /* limit of them */
static struct copy copies[COPIES_MAX];
static uint32_t nwaiting, interface_index;
static uint64_t last_number, held_bytes, timer_ns;

/* ---- the heap; under the lock ---- */

static bool goes_before(const struct waiting *one, const struct waiting *other)
{
	if (one->at_ns != other->at_ns)
		return one->at_ns < other->at_ns;
	return one->number < other->number;
}

static void heap_exchange(uint32_t one, uint32_t other)
{
	struct waiting kept = heap[one];

	heap[one] = heap[other];
	heap[other] = kept;
}

static void heap_add(uint64_t at_ns, const struct banos_net_packet *packet)
{
	uint32_t at = nwaiting++;

	heap[at] = (struct waiting){ at_ns, ++last_number, *packet };
	for (; at && goes_before(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
		heap_exchange(at, (at - 1) / 2);
}

static void heap_take(struct banos_net_packet *packet)
{
	uint32_t at = 0;

	*packet = heap[0].packet;
	heap[0] = heap[--nwaiting];
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < nwaiting && goes_before(&heap[child + 1], &heap[child]))
			child++;
		if (child >= nwaiting || !goes_before(&heap[child], &heap[at]))
			break;
		heap_exchange(at, child);
		at = child;
	}
}

static uint64_t packet_bytes(const struct banos_net_packet *packet)
{
	return (uint64_t)packet->room + packet->headroom;
}

/* ---- time ---- */

static uint32_t due_take(struct banos_net_packet *packets, uint64_t *bytes)
{
	uint64_t now_ns = banos_time_ns();
	uint32_t count = 0;

	banos_spin_lock(&lock);
	while (count < BATCH && nwaiting && heap[0].at_ns <= now_ns) {
		heap_take(&packets[count]);
		*bytes += packet_bytes(&packets[count++]);
	}
	timer_ns = 0;
	if (!count && nwaiting) {
		timer_ns = heap[0].at_ns;
		banos_timer_start(timer, timer_ns);
	}
	banos_spin_unlock(&lock);
	return count;
}

static int64_t shaper_timer(void *context)
{
	struct banos_net_packet packets[BATCH];

	for (;;) {
		uint64_t bytes = 0;
		uint32_t count = due_take(packets, &bytes);

		if (!count)
			return 0;
		(void)banos_packet_hook_continue(hook, packets, count, sizeof(packets[0]));
		banos_spin_lock(&lock);
		held_bytes -= bytes;
		banos_spin_unlock(&lock);
	}
}

/* ---- copies; under the lock ---- */

static struct copy *copy_find(banos_packet packet)
{
	for (uint32_t i = 0; i < COPIES_MAX; i++)
		if (copies[i].used && copies[i].packet == packet)
			return &copies[i];
	return NULL;
}

static struct copy *copy_unused(void)
{
	for (uint32_t i = 0; i < COPIES_MAX; i++)
		if (!copies[i].used)
			return &copies[i];
	return NULL;
}

/* ---- waiting; under the lock ---- */

static bool has_room(const struct banos_net_packet *packet)
{
	return nwaiting < limit && held_bytes + packet_bytes(packet) <= HELD_BYTES;
}

static uint64_t frame_wait(const struct banos_net_packet *packet, uint64_t at_ns)
{
	if (!has_room(packet))
		return BANOS_VERDICT_DROP;
	held_bytes += packet_bytes(packet);
	heap_add(at_ns, packet);
	if (!timer_ns || at_ns < timer_ns) {
		timer_ns = at_ns;
		banos_timer_start(timer, at_ns);
	}
	return BANOS_VERDICT_TOOK;
}

/* ---- frames ---- */

/* @at_ns: out: when it goes on; now or earlier: it does not wait */
static uint64_t frame_plan(const struct banos_net_packet *packet, uint64_t now_ns, uint64_t *at_ns,
			   bool *twice)
{
	bool waits = !(packet->flags & BANOS_PACKET_MORE);
	uint64_t verdict = BANOS_VERDICT_PASS;
	struct copy *copy;

	*twice = false;
	*at_ns = now_ns;
	banos_spin_lock(&lock);
	copy = copy_find(packet->packet);
	if (copy) {
		*at_ns = copy->at_ns;
		copy->used = false;
	} else if (packet->interface == interface_index &&
		   !plan_frame(&plan, now_ns, packet->length, !waits || has_room(packet), at_ns,
			       twice)) {
		verdict = BANOS_VERDICT_DROP;
	}
	if (verdict == BANOS_VERDICT_PASS && *at_ns > now_ns && waits)
		verdict = frame_wait(packet, *at_ns);
	banos_spin_unlock(&lock);
	return verdict;
}

static bool copy_note(banos_packet packet, uint64_t at_ns)
{
	struct copy *copy;

	banos_spin_lock(&lock);
	copy = copy_unused();
	if (copy)
		*copy = (struct copy){ packet, at_ns, true };
	banos_spin_unlock(&lock);
	return copy;
}

/* It may have been lost on its way to this hook. */
static void copy_forget(banos_packet packet)
{
	struct copy *copy;

	banos_spin_lock(&lock);
	copy = copy_find(packet);
	if (copy)
		copy->used = false;
	banos_spin_unlock(&lock);
}

static void frame_send_copy(const struct banos_net_packet *packet, uint64_t at_ns)
{
	struct banos_net_packet copy;

	if (incoming || packet->flags & BANOS_PACKET_MORE ||
	    banos_packet_alloc(own, packet->length, 64, &copy, sizeof(copy)))
		return;
	memcpy(copy.bytes, packet->bytes, packet->length);
	copy.length = packet->length;
	copy.flags = packet->flags;
	copy.checksum_start = packet->checksum_start;
	copy.checksum_offset = packet->checksum_offset;
	copy.segment_bytes = packet->segment_bytes;
	copy.header_bytes = packet->header_bytes;
	copy.hash = packet->hash;
	if (!copy_note(copy.packet, at_ns)) {
		(void)banos_packet_free(&copy, 1, sizeof(copy));
		return;
	}
	(void)banos_interface_transmit(learns, packet->interface, &copy, 1, sizeof(copy));
	copy_forget(copy.packet);
}

static int64_t shaper_packets(void *context, const struct banos_hook_place *place,
			      struct banos_net_packet *packets, uint32_t count, uint32_t stride,
			      uint64_t *verdicts)
{
	uint64_t now_ns = banos_time_ns(), at_ns;
	bool head = true, twice;

	for (uint32_t i = 0; i < count; i++) {
		const struct banos_net_packet *packet =
			(const struct banos_net_packet *)((uint8_t *)packets +
							  (uint64_t)i * stride);

		if (head) {
			verdicts[i] = frame_plan(packet, now_ns, &at_ns, &twice);
			if (twice && verdicts[i] != BANOS_VERDICT_DROP)
				frame_send_copy(packet, at_ns);
		}
		head = !(packet->flags & BANOS_PACKET_MORE);
	}
	return 0;
}

/* ---- life ---- */

static int64_t shaper_receive(void *context, const struct banos_net_packet *packets, uint32_t count,
			      uint32_t stride)
{
	return banos_packet_free(packets, count, stride); /* it has no EtherType */
}

static int64_t shaper_interface(void *context, uint32_t event, const struct banos_interface *about)
{
	bool same = !memcmp(about->name, interface, sizeof(interface));

	banos_spin_lock(&lock);
	if (same && event != BANOS_INTERFACE_REMOVED)
		interface_index = about->index;
	else if (interface_index == about->index)
		interface_index = 0;
	banos_spin_unlock(&lock);
	return 0;
}

static int64_t shaper_register(banos_owner self)
{
	static const struct banos_protocol_ops protocol_ops = { .size = sizeof(protocol_ops),
								.receive = shaper_receive,
								.interface = shaper_interface };
	static const struct banos_protocol_config protocol = { .size = sizeof(protocol),
							       .ops = &protocol_ops };
	static const struct banos_packet_hook_ops ops = { .size = sizeof(ops),
							  .packets = shaper_packets };
	struct banos_packet_hook_config config = { .size = sizeof(config),
						   .points = BANOS_HOOK_TRANSMIT,
						   .order = 100,
						   .held_max = limit + BATCH,
						   .held_bytes = HELD_BYTES,
						   .name = "shaper",
						   .ops = &ops };
	int64_t error = banos_protocol_register(self, &protocol, &learns);

	if (incoming) {
		config.points = BANOS_HOOK_RECEIVE;
		config.order = -100;
	}
	if (!error)
		error = banos_packet_hook_register(self, &config, &hook);
	return error;
}

static int64_t shaper_init(banos_owner self)
{
	int64_t error = banos_spin_init(&lock);

	own = self;
	plan = (struct plan){ .delay_ns = delay_us * UINT64_C(1000),
			      .jitter_ns = jitter_us * UINT64_C(1000),
			      .loss_ppm = loss_ppm,
			      .duplicate_ppm = duplicate_ppm,
			      .reorder_ppm = reorder_ppm,
			      .rate_bytes = rate_kbit * UINT64_C(125),
			      .burst_bytes = BURST_BYTES,
			      .random = seed };
	while (!error && !plan.random)
		error = banos_random(&plan.random, sizeof(plan.random));
	heap = banos_alloc(self, (uint64_t)limit * sizeof(*heap), 0);
	if (!heap)
		return -ENOMEM;
	if (!error)
		error = banos_timer_create(self, shaper_timer, NULL, &timer);
	if (!error)
		error = shaper_register(self);
	return error;
}

/* The hook has gone, and the kernel has freed what it held. */
static int64_t shaper_exit(banos_owner self)
{
	banos_timer_destroy(timer);
	banos_free(self, heap);
	return 0;
}

BANOS_DRIVER(shaper, "1.0", "MIT", "Delays, loses and reorders packets", shaper_init, shaper_exit);
