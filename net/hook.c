// SPDX-License-Identifier: MIT
/*
 * Packet hooks: who is shown frames at the five points, and what becomes of these.
 *
 * For each point hooks stand in a list, by order, which is read under RCU. A hook's method may sleep, so the
 * section is left around it: the hook is entered instead, which its counters of this processor say. The
 * next one is the one behind it, or, once the hook was taken out, the first one whose place is behind the hook's. A hook that is being removed is entered by
 * nobody once it is out of the lists and a grace period has passed; its removal waits until as many calls have ended as have begun.
 *
 * The kernel holds frames while a hook looks at them: the hook sees copies of what describes them. A
 * frame changes hands only if the hook takes it. What a hook holds has a field that names it, so it is found when the hook ends.
 *
 * Lock: hooks_lock (mutex) guards all changes of the lists.
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/owner.h>
#include <kernel/panic.h>
#include <kernel/packet_hook.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/fs/proc.h>
#include <kernel/seq_file.h>

#define HOOK_BATCH    16u /* packets of a call: they are described on the stack */
#define TYPE_OFFSET   12u
#define OUTGOING      (BANOS_HOOK_OUTPUT | BANOS_HOOK_TRANSMIT)
#define KERNELS_FLAGS (BANOS_PACKET_FOREIGN | BANOS_PACKET_BROADCAST)
#define TAKE_NS	      (20 * NSEC_PER_MSEC)

u32 net_hook_points;
static struct net_hook *hook_first[NET_HOOK_POINTS];
static DEFINE_LIST(hooks);
static DEFINE_MUTEX(hooks_lock);
static u64 last_serial; /* hooks_lock */

/* ---- the lists ---- */

static u32 point_index(u32 point)
{
	return __builtin_ctz(point);
}

static bool hook_is_behind(const struct net_hook *hook, const struct net_hook *other)
{
	if (hook->order != other->order)
		return hook->order > other->order;
	return hook->serial > other->serial;
}

static struct net_hook_counts *hook_counts(const struct net_hook *hook)
{
	return &hook->counts[cpu_id()];
}

/* Leave @left and enter the one behind @after at the point, the first one if NULL. @return NULL: there is none */
static struct net_hook *hook_enter(u32 point, const struct net_hook *after, struct net_hook *left)
{
	struct net_hook *hook;

	rcu_read_lock();
	if (left && likely(!READ_ONCE(left->dead))) {
		/* In the list, so what is behind it is, too; or it is being taken out, which waits for this section. */
		hook = rcu_dereference(left->next[point_index(point)]);
	} else {
		hook = rcu_dereference(hook_first[point_index(point)]);
		while (hook && after && !hook_is_behind(hook, after))
			hook = rcu_dereference(hook->next[point_index(point)]);
	}
	if (hook)
		hook_counts(hook)->entered++;
	if (left)
		hook_counts(left)->left++;
	rcu_read_unlock();
	return hook;
}

/* Has each call that began ended? One that begins later is not waited for by whom it does not concern. */
static bool hook_is_idle(const struct net_hook *hook)
{
	u64 left = 0, entered = 0;

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		left += __atomic_load_n(&hook->counts[cpu].left, __ATOMIC_SEQ_CST);
	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		entered += __atomic_load_n(&hook->counts[cpu].entered, __ATOMIC_SEQ_CST);
	return left == entered;
}

/* ---- what a hook holds ---- */

void net_hook_release(struct packet *packet)
{
	struct net_hook *hook = packet->hook;

	packet->use = PACKET_OWN;
	packet->hook = NULL;
	__atomic_fetch_sub(&hook->held, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&hook->held_bytes, packet->cell_bytes, __ATOMIC_RELAXED);
	owner_uncharge(hook->root, packet->cell_bytes);
}

static bool hook_charge(struct net_hook *hook, const struct packet *packet)
{
	u64 held = __atomic_add_fetch(&hook->held, 1, __ATOMIC_RELAXED);
	u64 bytes = __atomic_add_fetch(&hook->held_bytes, packet->cell_bytes, __ATOMIC_RELAXED);

	if (held <= hook->held_max && bytes <= hook->held_max_bytes &&
	    !owner_charge(hook->root, packet->cell_bytes))
		return true;
	__atomic_fetch_sub(&hook->held, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&hook->held_bytes, packet->cell_bytes, __ATOMIC_RELAXED);
	return false;
}

/* @return false: it may hold no more, and the frame is freed */
static bool hook_take(struct net_hook *hook, const struct banos_hook_place *place,
		      struct packet *frame)
{
	bool fits = true;
	struct packet *more;

	for (struct packet *part = frame; part && fits; part = part->more) {
		fits = hook_charge(hook, part);
		if (!fits)
			break;
		part->use = PACKET_HELD;
		part->hook = hook;
		part->held_at = place->point;
		part->out = place->out;
	}
	if (!fits) {
		for (struct packet *part = frame; part; part = part->more)
			if (part->use == PACKET_HELD)
				net_hook_release(part);
		packet_free(frame);
		return false;
	}
	for (struct packet *part = frame; part; part = more) {
		more = part->more; /* afterwards it is the hook's */
		packet_hand_over(part, hook->party);
	}
	return true;
}

/* ---- answers ---- */

static void frame_answer(const struct banos_hook_place *place, struct packet *frame)
{
	struct packet_list answer = { 0 };

	frame->passed = NET_HOOK_ALL;
	packet_list_add(&answer, frame);
	if (place->point & OUTGOING)
		net_receive_answer(frame->interface, &answer);
	else
		(void)net_transmit_unhooked(frame->interface, &answer);
}

/* ---- calling one ---- */

/* What a hook is shown. */
struct hook_batch {
	struct banos_net_packet packets[HOOK_BATCH];
	u64 verdicts[HOOK_BATCH];
	struct packet *parts[HOOK_BATCH];
	u32 count;
};

static bool hook_wants(const struct net_hook *hook, u32 point, const struct packet *frame)
{
	const u8 *type = packet_bytes(frame) + TYPE_OFFSET;

	if (unlikely(frame->passed & point || frame->length < ETHERNET_BYTES))
		return false;
	return !hook->ethertype || hook->ethertype == (type[0] << 8 | type[1]);
}

/* Shown are frames from @frame on. @return the first one that is not; NULL: all were */
static struct packet *batch_fill(struct hook_batch *batch, const struct net_hook *hook, u32 point,
				 struct packet *frame)
{
	u32 count = 0;

	for (; frame; frame = frame->next) {
		u32 begin = count;

		if (!hook_wants(hook, point, frame))
			continue;
		for (struct packet *part = frame; part; part = part->more) {
			if (count == HOOK_BATCH) {
				batch->count = begin;
				return frame;
			}
			packet_show(part, &batch->packets[count]);
			batch->verdicts[count] = BANOS_VERDICT_PASS;
			batch->parts[count++] = part;
		}
	}
	batch->count = count;
	return NULL;
}

/* What the hook has made of it. @return false: that is no frame */
static bool part_describe(struct packet *packet, const struct banos_net_packet *from, bool head)
{
	u64 offset = (u64)from->bytes - (u64)packet->cell;

	packet->flags = (from->flags & ~(KERNELS_FLAGS | BANOS_PACKET_MORE)) |
			(packet->flags & KERNELS_FLAGS);
	packet->checksum_start = from->checksum_start;
	packet->checksum_offset = from->checksum_offset;
	packet->segment_bytes = from->segment_bytes;
	packet->header_bytes = from->header_bytes;
	packet->hash = from->hash;
	if (unlikely(offset > packet->cell_bytes || from->length > packet->cell_bytes - offset))
		return false;
	packet->offset = offset;
	packet->length = from->length;
	if (!head)
		return true;
	if (unlikely(packet->flags & BANOS_PACKET_PARTIAL) &&
	    (u32)packet->checksum_start + packet->checksum_offset + 2 > packet->length)
		return false;
	return packet->length >= ETHERNET_BYTES;
}

/* Has the hook left a frame of one packet as it was shown? Then there is nothing to take over and check. */
static inline bool part_is_unchanged(const struct packet *packet,
				     const struct banos_net_packet *from)
{
	return from->bytes == packet_bytes(packet) && from->length == packet->length &&
	       from->flags == packet->flags && from->hash == packet->hash &&
	       *(const u64 *)&from->checksum_start == *(const u64 *)&packet->checksum_start;
}

/* Has it left all of the batch, and passed it? */
static bool batch_is_unchanged(const struct hook_batch *batch)
{
	for (u32 i = 0; i < batch->count; i++) {
		const struct packet *part = batch->parts[i];

		if (batch->verdicts[i] || part->more ||
		    !part_is_unchanged(part, &batch->packets[i]))
			return false;
	}
	return true;
}

/* @return false: one of the frames does not simply go on */
static bool batch_read(struct hook_batch *batch)
{
	const struct packet *next = batch->parts[0];
	u64 others = 0;
	u32 at_head = 0;

	for (u32 i = 0; i < batch->count; i++) {
		struct packet *part = batch->parts[i];
		bool head = part != next || !i;

		if (head)
			at_head = i;
		else
			batch->verdicts[i] = BANOS_VERDICT_PASS;
		next = part->more;
		if (unlikely(!part_describe(part, &batch->packets[i], head)))
			batch->verdicts[at_head] = NET_HOOK_VERDICTS;
		others |= batch->verdicts[at_head];
	}
	return !others;
}

/* The frame behind another one; NULL: the first one. */
static struct packet *frame_behind(const struct packet_list *frames, const struct packet *before)
{
	if (before)
		return before->next;
	return frames->first;
}

/* @return does it stay in the list? */
static bool frame_finish(struct net_hook *hook, const struct banos_hook_place *place,
			 struct packet *frame, u64 verdict, struct net_hook_counts *counts)
{
	switch (verdict) {
	case BANOS_VERDICT_PASS: break;
	case BANOS_VERDICT_TOOK:
		if (!hook_take(hook, place, frame))
			verdict = NET_HOOK_VERDICTS;
		break;
	case BANOS_VERDICT_ANSWERED: frame_answer(place, frame); break;
	default: packet_free(frame);
	}
	if (verdict < NET_HOOK_VERDICTS)
		counts->verdicts[verdict]++;
	else
		counts->refused++;
	return verdict == BANOS_VERDICT_PASS;
}

/*
 * The list without those that do not pass, from behind @before (NULL: from its beginning) to @end.
 * @return the last one that stays, or @before
 */
static __cold struct packet *batch_sort(const struct hook_batch *batch, struct net_hook *hook,
					const struct banos_hook_place *place,
					struct packet_list *frames, struct packet *before,
					const struct packet *end, struct net_hook_counts *counts)
{
	struct packet *frame = frame_behind(frames, before), *next;

	for (u32 i = 0; frame != end; frame = next) {
		u64 bytes = packet_memory(frame);
		bool stays = true;

		next = frame->next;
		if (i < batch->count && batch->parts[i] == frame) {
			u64 verdict = batch->verdicts[i];

			for (const struct packet *part = frame; part; part = part->more)
				i++;
			stays = frame_finish(hook, place, frame, verdict, counts);
		}
		if (stays) {
			before = frame;
			continue;
		}
		if (before)
			before->next = next;
		else
			frames->first = next;
		frames->count--;
		frames->bytes -= bytes;
	}
	if (!end)
		frames->last = before;
	return before;
}

static void hook_count(const struct net_hook *hook, const struct net_hook_counts *more)
{
	struct net_hook_counts *counts;

	preempt_disable();
	counts = hook_counts(hook);
	for (u32 i = 0; i < NET_HOOK_VERDICTS; i++)
		counts->verdicts[i] += more->verdicts[i];
	counts->refused += more->refused;
	preempt_enable();
}

static void hook_count_passed(const struct net_hook *hook, u32 frames)
{
	preempt_disable();
	hook_counts(hook)->verdicts[BANOS_VERDICT_PASS] += frames;
	preempt_enable();
}

static u32 batch_frames(const struct hook_batch *batch)
{
	u32 frames = 0;

	for (u32 i = 0; i < batch->count; i++)
		frames += !batch->parts[i]->more;
	return frames;
}

/* Frames of more parts than a batch has become one packet. */
static __cold void frame_join(struct packet_list *frames, struct packet *before)
{
	struct packet *frame = frame_behind(frames, before), *next = frame->next, *joined;

	joined = packet_copy(frame, PACKET_HEADROOM);
	frames->bytes -= packet_memory(frame);
	if (joined) {
		joined->passed = frame->passed;
		joined->next = next;
		frames->bytes += packet_memory(joined);
	} else {
		joined = next;
		frames->count--;
	}
	packet_free(frame);
	if (before)
		before->next = joined;
	else
		frames->first = joined;
	if (!next)
		frames->last = joined ? joined : before;
}

/* All frames of the list are shown. */
static void hook_call(struct net_hook *hook, const struct banos_hook_place *place,
		      struct packet_list *frames)
{
	struct packet *before = NULL, *at = frames->first, *end;
	struct hook_batch batch;

	while (at) {
		end = batch_fill(&batch, hook, place->point, at);
		if (unlikely(!batch.count)) {
			if (!end)
				break;
			while (at != end) {
				before = at;
				at = at->next;
			}
			frame_join(frames, before);
			at = frame_behind(frames, before);
			continue;
		}
		if (unlikely(hook->packets(hook->private, place, batch.packets, batch.count,
					   batch.verdicts) < 0))
			for (u32 i = 0; i < batch.count; i++)
				batch.verdicts[i] = NET_HOOK_VERDICTS;
		if (likely(batch_is_unchanged(&batch)) || batch_read(&batch)) {
			hook_count_passed(hook, batch_frames(&batch));
			if (end)
				while (at != end) {
					before = at;
					at = at->next;
				}
		} else {
			struct net_hook_counts counts = { 0 };

			before = batch_sort(&batch, hook, place, frames, before, end, &counts);
			hook_count(hook, &counts);
		}
		at = end;
	}
}

/* To the hooks behind @after; NULL: to all. */
static void hooks_run_behind(const struct banos_hook_place *place, const struct net_hook *after,
			     struct packet_list *frames)
{
	struct net_hook *hook = hook_enter(place->point, after, NULL);

	while (hook) {
		if (frames->first)
			hook_call(hook, place, frames);
		hook = hook_enter(place->point, hook, hook);
	}
}

void net_hooks_run(u32 point, u32 out, struct packet_list *frames)
{
	const struct banos_hook_place place = { .size = sizeof(place), .point = point, .out = out };

	hooks_run_behind(&place, NULL, frames);
}

/* ---- frames that were held ---- */

/* A frame that was held, with what the points behind it need. */
static void frame_continue(const struct net_hook *hook, struct packet *frame)
{
	const struct banos_hook_place place = { .size = sizeof(place),
						.point = frame->held_at,
						.out = frame->out };
	u32 interface = frame->interface;
	struct packet_list frames = { 0 };

	packet_list_add(&frames, frame);
	hooks_run_behind(&place, hook, &frames);
	if (!frames.first)
		return;
	frame = frames.first;
	switch (place.point) {
	case BANOS_HOOK_OUTPUT: (void)net_transmit(interface, &frames); break;
	case BANOS_HOOK_TRANSMIT: (void)net_transmit_unhooked(interface, &frames); break;
	default: /* the protocol asks again: it is let through */
		frame->passed |= place.point | BANOS_HOOK_RECEIVE | PACKET_SHOWN;
		net_receive(&frames);
	}
}

/* @return it, charged to nobody; NULL: it is not this hook's */
static struct packet *hook_claim_held(struct net_hook *hook, banos_packet number)
{
	struct packet *packet;

	rcu_read_lock();
	packet = packet_claim(number, hook->party);
	if (packet && (packet->use != PACKET_HELD || packet->hook != hook)) {
		packet_release_use(packet, NULL);
		packet_free(packet);
		packet = NULL;
	} else if (packet) {
		net_hook_release(packet);
	}
	rcu_read_unlock();
	return packet;
}

/* The method that takes it may not have returned yet, on another processor. */
static __cold struct packet *hook_await_held(struct net_hook *hook, banos_packet number)
{
	u64 deadline_ns = time_monotonic_ns() + TAKE_NS;
	struct packet *packet = NULL;

	while (!packet && !hook_is_idle(hook) && time_monotonic_ns() < deadline_ns) {
		sleep_ms(1);
		packet = hook_claim_held(hook, number);
	}
	if (!packet)
		packet = hook_claim_held(hook, number);
	return packet;
}

u32 net_hook_continue(struct net_hook *hook, const u8 *packets, u32 count, u32 stride)
{
	struct packet *frame = NULL, *last = NULL;
	u32 refused = 0;
	bool skips = false; /* the rest of a frame that was refused */

	for (u32 i = 0; i < count; i++, packets += stride) {
		struct banos_net_packet from;
		struct packet *packet;
		bool head = !frame;

		memcpy(&from, packets, sizeof(from));
		packet = hook_claim_held(hook, from.packet);
		if (unlikely(!packet))
			packet = hook_await_held(hook, from.packet);
		if (unlikely(skips || !packet || !part_describe(packet, &from, head))) {
			refused++;
			packet_free(packet);
			packet_free(frame);
			frame = NULL;
			skips = from.flags & BANOS_PACKET_MORE;
			continue;
		}
		if (frame)
			last->more = packet;
		else
			frame = packet;
		last = packet;
		if (from.flags & BANOS_PACKET_MORE)
			continue;
		frame_continue(hook, frame);
		frame = NULL;
	}
	if (frame)
		refused++;
	packet_free(frame);
	return refused;
}

/* ---- life ---- */

static void hook_link(struct net_hook *hook, u32 point)
{
	struct net_hook **at = &hook_first[point];

	assert_held(&hooks_lock);
	while (*at && !hook_is_behind(*at, hook))
		at = &(*at)->next[point];
	hook->next[point] = *at;
	rcu_assign_pointer(*at, hook);
}

static void hook_unlink(struct net_hook *hook, u32 point)
{
	struct net_hook **at = &hook_first[point];

	assert_held(&hooks_lock);
	while (*at != hook)
		at = &(*at)->next[point];
	rcu_assign_pointer(*at, hook->next[point]);
}

static void hook_points_changed(void)
{
	u32 points = 0;

	assert_held(&hooks_lock);
	for (u32 i = 0; i < NET_HOOK_POINTS; i++)
		if (hook_first[i])
			points |= 1u << i;
	WRITE_ONCE(net_hook_points, points);
}

int net_hook_publish(struct net_hook *hook)
{
	int err = -ENODEV;

	mutex_lock(&hooks_lock);
	if (!hook->dead) {
		hook->serial = ++last_serial;
		hook->published = true;
		list_add_tail(&hook->link, &hooks);
		for (u32 i = 0; i < NET_HOOK_POINTS; i++)
			if (hook->points & 1u << i)
				hook_link(hook, i);
		hook_points_changed();
		err = 0;
	}
	mutex_unlock(&hooks_lock);
	return err;
}

int net_hook_stop(struct net_hook *hook, u64 deadline_ns)
{
	mutex_lock(&hooks_lock);
	hook->dead = true;
	if (hook->published) {
		hook->published = false;
		list_del(&hook->link);
		for (u32 i = 0; i < NET_HOOK_POINTS; i++)
			if (hook->points & 1u << i)
				hook_unlink(hook, i);
		hook_points_changed();
	}
	mutex_unlock(&hooks_lock);
	synchronize_rcu();
	while (!hook_is_idle(hook)) {
		if (time_monotonic_ns() >= deadline_ns)
			return -EBUSY;
		sleep_ms(1);
	}
	packets_take_back(hook->party, hook, NULL);
	synchronize_rcu(); /* a packet of it may be being claimed */
	if (hook->held_bytes)
		owner_uncharge(hook->root, hook->held_bytes);
	hook->held_bytes = hook->held = 0;
	return 0;
}

/* ---- /proc/net/packet_hooks ---- */

static void hook_line(struct seq_file *seq, const struct net_hook *hook)
{
	static const char *const points[NET_HOOK_POINTS] = { "receive", "input", "forward",
							     "output", "transmit" };
	struct net_hook_counts sum = { 0 };
	const char *separator = "";

	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		for (u32 i = 0; i < NET_HOOK_VERDICTS; i++)
			sum.verdicts[i] += READ_ONCE(hook->counts[cpu].verdicts[i]);
		sum.refused += READ_ONCE(hook->counts[cpu].refused);
	}
	seq_printf(seq, "%-15s %-11d %10lu %10lu %10lu %10lu %10lu %6lu ", hook->name, hook->order,
		   sum.verdicts[BANOS_VERDICT_PASS], sum.verdicts[BANOS_VERDICT_DROP],
		   sum.verdicts[BANOS_VERDICT_TOOK], sum.verdicts[BANOS_VERDICT_ANSWERED],
		   sum.refused, READ_ONCE(hook->held));
	for (u32 i = 0; i < NET_HOOK_POINTS; i++) {
		if (!(hook->points & 1u << i))
			continue;
		seq_printf(seq, "%s%s", separator, points[i]);
		separator = ",";
	}
	seq_puts(seq, "\n");
}

static int proc_show_hooks(struct seq_file *seq, void *arg)
{
	const struct net_hook *hook;

	seq_puts(
		seq,
		"name            order           passed    dropped       took   answered    refused   held points\n");
	mutex_lock(&hooks_lock);
	list_for_each(hook, &hooks, link)
		hook_line(seq, hook);
	mutex_unlock(&hooks_lock);
	return 0;
}

void net_hooks_init(void)
{
	if (!proc_create("net/packet_hooks", 0444, proc_show_hooks, NULL))
		panic("no memory for /proc/net/packet_hooks");
}
