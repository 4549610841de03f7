// SPDX-License-Identifier: MIT
/*
 * Frames on their way in.
 *
 * What a driver receives, and what the loopback interface sends, waits in the backlog of the processor on which
 * that happened. A thread of that processor shows it to packet sockets and hands it to protocols, in batches of one
 * protocol. The backlog needs no lock: only its processor uses it, with preemption off. It is bounded: what does not fit
 * is dropped and counted.
 *
 * The threads are made when somebody can receive: with the first protocol or packet socket. What arrives before is dropped.
 *
 * What a call of a socket sends on lo waits in a list of that call instead, and is received by the same thread when the call has
 * returned, as long as the thread of the processor has nothing to do: so a frame costs no switch. Answers
 * that protocols send meanwhile join the list. What exceeds a budget, and what arrives by other ways, is the thread's.
 *
 * Who calls a protocol counts itself before it looks whether that is being removed, so that a removal can wait until
 * nobody is in it.
 */
#include "internal.h"
#include <kernel/cpu.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/packet_hook.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/time.h>

#define BACKLOG_MAX	  4096u /* frames of a processor */
#define BACKLOG_BYTES_MAX (4ull << 20)
#define BUDGET		  64u
#define TYPE_OFFSET	  12u
#define DEFERRED_BATCH	  8u /* packets, on the stack */

static struct backlog {
	struct packet_list frames;
	bool asleep;
	struct thread *thread;
	struct banos_net_packet *batch; /* a page */
} __aligned(64) backlogs[CPU_MAX];

/* ---- into the backlog ---- */

void net_receive(struct packet_list *frames)
{
	struct backlog *backlog;
	bool wake;

	preempt_disable();
	backlog = &backlogs[cpu_id()];
	if (frames->first && READ_ONCE(backlog->thread) && backlog->frames.count < BACKLOG_MAX &&
	    backlog->frames.bytes < BACKLOG_BYTES_MAX) {
		if (backlog->frames.first)
			backlog->frames.last->next = frames->first;
		else
			backlog->frames.first = frames->first;
		backlog->frames.last = frames->last;
		backlog->frames.count += frames->count;
		backlog->frames.bytes += frames->bytes;
		*frames = (struct packet_list){ 0 };
	}
	wake = backlog->asleep && backlog->frames.first;
	if (wake)
		backlog->asleep = false;
	preempt_enable();
	if (wake)
		thread_wake(backlog->thread);
	packets_free(frames);
}

/*
 * May the frames that a call sends on lo wait for its end? None that the thread has put into the backlog of this
 * processor waits there then: those of a thread stay in order while it stays on a processor. Where it moves to another one
 * between two calls, later frames can pass earlier ones, as those of two backlogs can on Linux.
 */
static bool receive_is_deferred(const struct packet_list *deferred,
				const struct packet_list *frames)
{
	bool idle;

	if (deferred->count + frames->count > BUDGET)
		return false;
	preempt_disable();
	idle = backlogs[cpu_id()].asleep;
	preempt_enable();
	return idle;
}

bool net_receive_is_idle(void)
{
	const struct packet_list *deferred = current->net_deferred;
	bool idle;

	if (in_interrupt() || (deferred && deferred->first))
		return false;
	preempt_disable();
	idle = backlogs[cpu_id()].asleep;
	preempt_enable();
	return idle;
}

void net_receive_loopback(struct packet_list *frames)
{
	struct packet_list *deferred = current->net_deferred;
	struct packet *frame;
	bool is_deferred;

	if (!deferred || in_interrupt()) {
		net_receive(frames);
		return;
	}
	is_deferred = receive_is_deferred(deferred, frames);
	while ((frame = packet_list_take(frames)))
		packet_list_add(deferred, frame);
	if (unlikely(!is_deferred)) /* all into one backlog */
		net_receive(deferred);
}

void packet_release_use(struct packet *packet, const struct net_device *counted)
{
	struct net_device *device = packet->device;

	if (IS_ENABLED(CONFIG_NET_HOOKS) && unlikely(packet->use == PACKET_HELD)) {
		net_hook_release(packet);
		return;
	}
	packet->device = NULL;
	if (!device || (device == counted && packet->use == PACKET_SENT))
		return;
	if (packet->use == PACKET_SENT) {
		struct net_tx_queue *queue = &device->tx[packet->queue];

		spin_lock(&queue->lock);
		queue->out -= MIN(1u, queue->out);
		queue->stalled = false;
		spin_unlock(&queue->lock);
		if (READ_ONCE(queue->frames.first))
			net_device_kick(device);
	} else if (packet->use == PACKET_REFILLED) {
		struct net_rx_queue *queue = &device->rx[packet->queue];

		spin_lock(&queue->lock);
		queue->out -= MIN(1u, queue->out);
		queue->full = false;
		spin_unlock(&queue->lock);
	}
	packet->use = PACKET_OWN;
}

static u32 frame_kind(const struct net_device *device, const u8 *bytes)
{
	if (bytes[0] & 1)
		return BANOS_PACKET_BROADCAST;
	if (memcmp(bytes, device->address, BANOS_NET_ADDRESS))
		return BANOS_PACKET_FOREIGN;
	return 0;
}

/* @return false: it is dropped */
static bool receive_check(struct net_device *device, struct packet *frame)
{
	if (frame->length < ETHERNET_BYTES ||
	    (frame->flags & BANOS_PACKET_PARTIAL &&
	     (u32)frame->checksum_start + frame->checksum_offset + 2 > frame->length)) {
		packet_free(frame);
		return false;
	}
	frame->interface = device->index;
	frame->outgoing = false;
	frame->flags &= ~(BANOS_PACKET_FOREIGN | BANOS_PACKET_BROADCAST);
	frame->flags |= frame_kind(device, packet_bytes(frame));
	return true;
}

void net_receive_answer(u32 index, struct packet_list *frames)
{
	struct net_device *device;
	struct packet *frame = packet_list_take(frames);

	rcu_read_lock();
	device = net_device_find(index);
	if (device && receive_check(device, frame))
		packet_list_add(frames, frame);
	else if (!device)
		packet_free(frame);
	rcu_read_unlock();
	net_receive(frames);
}

/* What the parts of one call make. */
struct receiving {
	struct packet_list frames;
	struct packet *frame, *last; /* that has more parts */
	u32 refused, dropped, bytes;
};

static void receive_part(struct net_device *device, struct receiving *all,
			 const struct banos_net_packet *from)
{
	struct packet *packet = packet_claim(from->packet, device->party);
	bool good;

	if (!packet) {
		all->refused++;
		return;
	}
	packet_release_use(packet, NULL);
	good = packet_describe(packet, from);
	if (!good) {
		all->refused++;
		packet_free(packet);
		packet = NULL;
	} else if (all->frame) {
		all->last->more = packet;
		all->last = packet;
	} else {
		all->frame = all->last = packet;
		packet->passed = 0;
	}
	if (from->flags & BANOS_PACKET_MORE && good)
		return;
	if (!all->frame)
		return;
	if (good && receive_check(device, all->frame)) {
		packet_list_add(&all->frames, all->frame);
		all->bytes += packet_frame_length(all->frame);
	} else {
		if (!good)
			packet_free(all->frame);
		all->dropped++;
	}
	all->frame = all->last = NULL;
}

u32 net_device_receive(struct net_device *device, u32 queue_index, const u8 *packets, u32 count,
		       u32 stride)
{
	struct net_rx_queue *queue = &device->rx[queue_index];
	struct receiving all = { 0 };
	bool refill;

	for (u32 i = 0; i < count; i++, packets += stride) {
		struct banos_net_packet packet;

		memcpy(&packet, packets, sizeof(packet));
		receive_part(device, &all, &packet);
	}
	if (all.frame) { /* the rest never came */
		packet_free(all.frame);
		all.dropped++;
	}
	spin_lock(&queue->lock);
	queue->counts.packets += all.frames.count;
	queue->counts.bytes += all.bytes;
	queue->counts.errors += all.dropped;
	refill = device->rx_depth && queue->out <= device->rx_depth - device->rx_depth / 4;
	spin_unlock(&queue->lock);
	if (refill)
		net_device_kick(device);
	if (likely(READ_ONCE(device->started)))
		net_receive(&all.frames);
	else
		packets_free(&all.frames);
	return all.refused;
}

/* ---- empty packets ---- */

static u32 refill_fill(struct net_device *device, u32 queue, u32 count)
{
	u32 filled = 0;

	while (filled < count) {
		struct packet *packet = packet_alloc(device->rx_room, PACKET_HEADROOM);

		if (!packet)
			break;
		packet->device = device;
		packet->queue = queue;
		packet->use = PACKET_REFILLED;
		packet->interface = device->index;
		packet_give(packet, device->party, &device->refill_batch[filled++], device->dma);
	}
	return filled;
}

/* @return how many it took */
static u32 refill_queue(struct net_device *device, u32 index, u32 wanted)
{
	struct net_rx_queue *queue = &device->rx[index];
	banos_packet numbers[NET_BATCH];
	u32 count = refill_fill(device, index, MIN(wanted, NET_BATCH));
	s64 taken;

	for (u32 i = 0; i < count; i++)
		numbers[i] = device->refill_batch[i].packet;
	if (!count)
		return 0;
	spin_lock(&queue->lock);
	queue->out += count;
	spin_unlock(&queue->lock);
	taken = device->methods->refill(device, index, device->refill_batch, count);
	if (taken < 0 || taken > count)
		taken = 0;
	for (u32 i = taken; i < count; i++) {
		struct packet *packet = packet_claim(numbers[i], device->party);

		if (!packet)
			continue;
		packet_release_use(packet, NULL);
		packet_free(packet);
	}
	if (taken < count)
		WRITE_ONCE(queue->full, true);
	return taken;
}

bool net_rx_starves(const struct net_device *device)
{
	for (u32 i = 0; i < device->nrx; i++) {
		const struct net_rx_queue *queue = &device->rx[i];

		if (!READ_ONCE(queue->full) && READ_ONCE(queue->out) < device->rx_depth / 4 * 3)
			return true;
	}
	return false;
}

void net_device_refill(struct net_device *device)
{
	for (u32 i = 0; i < device->nrx && device->rx_depth; i++) {
		struct net_rx_queue *queue = &device->rx[i];

		/* A driver that gives them back at once is offered no more than it can hold. */
		for (u32 left = device->rx_depth, taken; left; left -= taken) {
			u32 out = READ_ONCE(queue->out);

			if (!device->started || READ_ONCE(queue->full) || out >= device->rx_depth)
				break;
			taken = refill_queue(device, i, MIN(left, device->rx_depth - out));
			if (!taken)
				break;
		}
	}
}

/* ---- out of the backlog ---- */

/* Parts in a batch, for one protocol. */
struct delivery {
	struct banos_net_packet *batch;
	u32 room; /* packets */
	struct net_protocol *protocol;
	u32 count;
};

/* Its protocol is being removed: nobody was told of these. */
static __cold void delivery_take_back(const struct delivery *delivery)
{
	for (u32 i = 0; i < delivery->count; i++) {
		struct packet *packet =
			packet_claim(delivery->batch[i].packet, delivery->protocol->party);

		if (packet)
			packet_free(packet);
	}
}

static void delivery_end(struct delivery *delivery)
{
	struct net_protocol *protocol = delivery->protocol;

	if (!protocol)
		return;
	if (unlikely(__atomic_load_n(&protocol->dead, __ATOMIC_SEQ_CST)))
		delivery_take_back(delivery);
	else if (delivery->count)
		protocol->methods->receive(protocol->private, delivery->batch, delivery->count);
	delivery->protocol = NULL;
	delivery->count = 0;
	atomic_dec(&protocol->calls);
}

static struct net_protocol *frame_protocol(const struct packet *frame)
{
	const u8 *type = packet_bytes(frame) + TYPE_OFFSET;

	return net_protocol_find(type[0] << 8 | type[1]);
}

static void delivery_add(struct delivery *delivery, struct packet *frame)
{
	struct net_protocol *protocol;
	u32 parts = 1;

	for (struct packet *part = frame->more; part; part = part->more)
		parts++;
	if (delivery->count + parts > delivery->room)
		delivery_end(delivery);
	rcu_read_lock();
	protocol = frame_protocol(frame);
	if (protocol && !delivery->protocol) {
		delivery->protocol = protocol;
		atomic_inc(&protocol->calls);
	}
	rcu_read_unlock();
	if (!protocol || parts > delivery->room || frame->flags & BANOS_PACKET_FOREIGN) {
		packet_free(frame);
		if (!delivery->count)
			delivery_end(delivery);
		return;
	}
	if (delivery->protocol != protocol) {
		delivery_end(delivery);
		delivery_add(delivery, frame);
		return;
	}
	for (struct packet *more; frame; frame = more) {
		more = frame->more;
		packet_give(frame, protocol->party, &delivery->batch[delivery->count++], false);
	}
}

static struct packet *backlog_take(struct backlog *backlog)
{
	struct packet *frame;

	preempt_disable();
	frame = packet_list_take(&backlog->frames);
	preempt_enable();
	if (frame && likely(!(frame->passed & PACKET_SHOWN)))
		net_taps_incoming(frame);
	return frame;
}

/* The same where there are hooks: all are shown to them first. */
static bool backlog_run_hooked(struct backlog *backlog)
{
	struct packet_list frames = { 0 };
	struct delivery delivery = { .batch = backlog->batch, .room = NET_BATCH };
	struct packet *frame;
	u32 taken = 0;

	for (; taken < BUDGET; taken++) {
		frame = backlog_take(backlog);
		if (!frame)
			break;
		packet_list_add(&frames, frame);
	}
	net_hooks_run(BANOS_HOOK_RECEIVE, 0, &frames);
	while ((frame = packet_list_take(&frames)))
		delivery_add(&delivery, frame);
	delivery_end(&delivery);
	return taken;
}

/* What arrived up to now, BUDGET frames at most. @return false: nothing */
static bool backlog_run(struct backlog *backlog)
{
	struct delivery delivery = { .batch = backlog->batch, .room = NET_BATCH };
	u32 done = 0;

	if (net_hooks_at(BANOS_HOOK_RECEIVE))
		return backlog_run_hooked(backlog);
	for (; done < BUDGET; done++) {
		struct packet *frame = backlog_take(backlog);

		if (!frame)
			break;
		delivery_add(&delivery, frame);
	}
	delivery_end(&delivery);
	return done;
}

/* What waits in @frames now, where there are hooks. @return how many */
static u32 deferred_run_hooked(struct packet_list *frames, struct delivery *delivery)
{
	struct packet_list shown = *frames;
	u32 count = shown.count;
	struct packet *frame;

	*frames = (struct packet_list){ 0 };
	for (frame = shown.first; frame; frame = frame->next)
		if (likely(!(frame->passed & PACKET_SHOWN)))
			net_taps_incoming(frame);
	net_hooks_run(BANOS_HOOK_RECEIVE, 0, &shown);
	while ((frame = packet_list_take(&shown)))
		delivery_add(delivery, frame);
	delivery_end(delivery); /* which may add some */
	return count;
}

static void deferred_run_one(struct packet_list *frames, struct delivery *delivery)
{
	struct packet *frame = packet_list_take(frames);

	if (likely(!(frame->passed & PACKET_SHOWN)))
		net_taps_incoming(frame);
	delivery_add(delivery, frame);
	if (!frames->first)
		delivery_end(delivery); /* which may add some */
}

void net_deferred_run(struct packet_list *frames)
{
	struct banos_net_packet batch[DEFERRED_BATCH];
	struct delivery delivery = { .batch = batch, .room = DEFERRED_BATCH };
	u32 done = 0;

	while (frames->first && done < BUDGET) {
		if (net_hooks_at(BANOS_HOOK_RECEIVE)) {
			delivery_end(&delivery);
			done += deferred_run_hooked(frames, &delivery);
		} else {
			deferred_run_one(frames, &delivery);
			done++;
		}
	}
	delivery_end(&delivery);
	if (frames->first)
		net_receive(frames);
}

static void backlog_main(void *arg)
{
	struct backlog *backlog = arg;

	for (;;) {
		bool sleep;

		while (backlog_run(backlog))
			;
		set_current_state(THREAD_UNINTERRUPTIBLE);
		preempt_disable();
		sleep = !backlog->frames.first;
		backlog->asleep = sleep;
		preempt_enable_no_resched();
		if (sleep)
			schedule();
		set_current_state(THREAD_RUNNABLE);
	}
}

bool net_receive_leaves(const struct net_protocol *protocol, u64 deadline_ns)
{
	while (atomic_read(&protocol->calls)) {
		if (time_monotonic_ns() >= deadline_ns)
			return false;
		sleep_ms(1);
	}
	return true;
}

static int backlog_start(u32 cpu)
{
	struct backlog *backlog = &backlogs[cpu];
	struct cpumask mask = { 0 };
	struct thread *thread;
	char name[16];

	if (backlog->thread || !cpus[cpu] || !cpus[cpu]->online) /* it did not start */
		return 0;
	if (!backlog->batch)
		backlog->batch = kzalloc_driver(PAGE_SIZE);
	if (!backlog->batch)
		return -ENOMEM;
	snprintf(name, sizeof(name), "knet/%u", cpu);
	thread = thread_create(backlog_main, backlog, name);
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	cpumask_set(&mask, cpu);
	if (thread_set_affinity(thread, &mask))
		panic("no thread of the network on CPU %u", cpu);
	smp_store_release(&backlog->thread, thread);
	thread_start(thread);
	return 0;
}

int net_receive_start(void)
{
	static DEFINE_MUTEX(once);
	int err = 0;

	mutex_lock(&once);
	for (u32 cpu = 0; cpu < cpu_count && !err; cpu++)
		err = backlog_start(cpu);
	mutex_unlock(&once);
	return err;
}
