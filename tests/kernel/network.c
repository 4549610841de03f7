/* SPDX-License-Identifier: MIT */
/*
 * Network devices and protocols of a driver that lies in each way, and of one that does not and is removed under traffic;
 * frames that are cut and summed in software. What they take they give back.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/ktest.h>
#include <kernel/network.h>
#include <kernel/printk.h>
#include <uapi/net.h>
#include "driver_steps.h"
#include "packet_steps.h"

IMAGE(net_liar);
static const struct image net_liar = ENTRY(net_liar);

#define LIES	  10u
#define LIE_NEVER 8u
#define FRAMES	  100u
#define FRAME	  200u
#define PARTY	  12345u /* no driver's */
#define DEFERRED  3u
#define WAIT_NS	  (20 * NSEC_PER_SEC)
#define CYCLES	  20u

static struct packet *frame_make(u16 ethertype)
{
	struct packet *frame = packet_alloc(FRAME, PACKET_HEADROOM);
	u8 *bytes;

	if (!frame)
		return NULL;
	bytes = packet_bytes(frame);
	memset(bytes, 0, FRAME);
	memset(bytes, 0xff, BANOS_NET_ADDRESS);
	bytes[12] = ethertype >> 8;
	bytes[13] = ethertype;
	frame->length = FRAME;
	return frame;
}

static int frame_send(u32 index, u16 ethertype)
{
	struct packet_list frames = { 0 };
	struct packet *frame = frame_make(ethertype);

	if (!frame)
		return -ENOMEM;
	packet_list_add(&frames, frame);
	return net_transmit(index, &frames);
}

static u32 interface_set_up(const char *name)
{
	struct net_device *device;
	u32 index = 0;

	mutex_lock(&net_lock);
	device = net_device_find_name(name);
	if (device && !net_device_set_up(device, true))
		index = device->index;
	mutex_unlock(&net_lock);
	return index;
}

/* Frames that an interface has received and sent. */
static u64 frames_of(u32 index, bool received)
{
	struct net_counts rx = { 0 }, tx = { 0 };
	struct net_device *device;

	rcu_read_lock();
	device = net_device_find(index);
	if (device)
		net_device_sum(device, &rx, &tx);
	rcu_read_unlock();
	return received ? rx.packets : tx.packets;
}

static bool frames_reach(u32 index, bool received, u64 wanted)
{
	u64 end = time_monotonic_ns() + WAIT_NS;

	while (frames_of(index, received) < wanted) {
		if (time_monotonic_ns() > end)
			return false;
		sleep_ms(1);
	}
	return true;
}

/*
 * As in a call of a socket, at whose end this thread calls the protocol, if that of the processor does nothing.
 * @return the protocol has answered all of them
 */
static bool frame_send_deferred(u32 index, u16 ethertype)
{
	struct packet_list frames, *outer = net_deferred_begin(&frames);
	u64 before = frames_of(index, false);

	for (u32 i = 0; i < DEFERRED; i++)
		(void)frame_send(index, ethertype);
	net_deferred_end(&frames, outer);
	return frames_of(index, false) == before + 2 * DEFERRED;
}

static void lie_once(struct ktest_context *test, u32 lie)
{
	bool arrives = lie != 3 && lie != 4 && lie != LIE_NEVER && lie != 9, answered = false;
	u32 index, loopback = interface_set_up("lo");
	char params[16];
	s64 id;

	snprintf(params, sizeof(params), "lie=%u", lie);
	id = install(&net_liar, params, 0);
	if (!KEXPECT(id >= 0)) {
		pr_info("# %s\n", reasons);
		return;
	}
	index = interface_set_up("liar0");
	for (u32 i = 0; i < FRAMES; i++)
		answered |= frame_send_deferred(loopback, 0x88b5 + i % 2);
	KEXPECT(answered);
	if (KEXPECT(index)) {
		KEXPECT_EQ(frame_send(index, 0x88b5), 0);
		/* Sent, received, answered by the protocol. */
		if (lie == 0)
			KEXPECT(frames_reach(index, true, 2));
		if (arrives)
			KEXPECT(frames_reach(index, true, 1));
		for (u32 i = 0; i < FRAMES; i++)
			(void)frame_send(index, 0x88b5 + i % 2);
		if (lie != LIE_NEVER)
			KEXPECT(frames_reach(index, false, FRAMES / 2));
	}
	KEXPECT_EQ(remove(id), 0);
	KEXPECT_EQ(frame_send(index, 0x88b5), -ENODEV);
}

KTEST(network, a_driver_that_lies_is_contained)
{
	struct usage before = { 0 };

	packet_table_grow();
	for (u32 round = 0; round < 2; round++) {
		before = settled_usage();
		for (u32 lie = 0; lie < LIES; lie++)
			lie_once(test, lie);
	}
	KEXPECT(back_at(&before));
	KEXPECT_EQ(log_count(0, "lies of the network were believed"), 0);
}

KTEST(network, a_number_of_a_packet_is_good_once)
{
	struct packet *packet = packet_alloc(FRAME, PACKET_HEADROOM);
	struct banos_net_packet first, second;

	if (!KEXPECT(packet))
		return;
	packet_give(packet, PARTY, &first, false);
	KEXPECT(packet_claim(first.packet, PARTY) == packet);
	packet_give(packet, PARTY, &second, false); /* as to a protocol of the same driver */
	KEXPECT(!packet_claim(first.packet, PARTY));
	KEXPECT(packet_reclaim(packet, PARTY));
	packet_give(packet, PARTY, &first, false);
	KEXPECT(!packet_claim(second.packet, PARTY));
	packet_free(packet_claim(first.packet, PARTY));
}

KTEST(network, a_driver_is_removed_under_traffic)
{
	for (u32 cycle = 0; cycle < CYCLES; cycle++) {
		s64 id = install(&net_liar, "", 0);
		u32 index;

		if (!KEXPECT(id >= 0))
			return;
		index = interface_set_up("liar0");
		for (u32 i = 0; i < FRAMES; i++)
			(void)frame_send(index, 0x88b5);
		KEXPECT_EQ(remove(id), 0);
	}
}

KTEST(network, an_interface_that_is_down_sends_nothing)
{
	s64 id = install(&net_liar, "", 0);
	struct net_device *device;
	u32 index = 0;

	if (!KEXPECT(id >= 0))
		return;
	mutex_lock(&net_lock);
	device = net_device_find_name("liar0");
	if (KEXPECT(device)) {
		index = device->index;
		KEXPECT_EQ(net_device_set_up(device, true), 0);
		KEXPECT_EQ(net_device_set_mtu(device, 1501), -EINVAL);
		KEXPECT_EQ(net_device_set_mtu(device, 100), 0);
	}
	mutex_unlock(&net_lock);
	KEXPECT_EQ(frame_send(index, 0x88b5), -EMSGSIZE);
	mutex_lock(&net_lock);
	KEXPECT_EQ(net_device_set_up(device, false), 0);
	mutex_unlock(&net_lock);
	KEXPECT_EQ(frame_send(index, 0x88b5), -ENETDOWN);
	KEXPECT_EQ(remove(id), 0);
}

KTEST(network, a_packet_has_one_holder)
{
	struct packet *packet = packet_alloc(100, 64), *other;
	struct banos_net_packet about;
	banos_packet number;

	if (!KEXPECT(packet))
		return;
	KEXPECT(!packet_claim((banos_packet)1, 77));
	packet_give(packet, 77, &about, true);
	number = about.packet;
	KEXPECT_EQ(about.headroom, 64);
	KEXPECT_EQ(about.address, virt_to_phys(about.bytes));
	KEXPECT(!packet_claim(number, 78));
	KEXPECT(packet_claim(number, 77) == packet);
	KEXPECT(!packet_claim(number, 77));
	about.length = about.room + 1;
	KEXPECT(!packet_describe(packet, &about));
	about.length = about.room;
	KEXPECT(packet_describe(packet, &about));
	packet_free(packet);
	other = packet_alloc(100, 64);
	KEXPECT(!packet_claim(number, 77));
	packet_free(other);
	other = packet_alloc(PACKET_ROOM_MAX, PACKET_HEADROOM_MAX);
	if (KEXPECT(other))
		packet_free(other);
}

/* ---- a device whose driver does not start, or did not end ---- */

#define STUBBORN_DEPTH 16u

static struct {
	s64 error; /* that the next start() returns */
	u32 starts, stops, mtus;
} stubborn;

static s64 stubborn_start(struct net_device *device)
{
	stubborn.starts++;
	return stubborn.error;
}

static s64 stubborn_stop(struct net_device *device)
{
	stubborn.stops++;
	return 0;
}

static s64 stubborn_transmit(struct net_device *device, u32 queue,
			     const struct banos_net_packet *packets, u32 count)
{
	return -EIO; /* all are dropped */
}

/* Takes all. */
static s64 stubborn_refill(struct net_device *device, u32 queue,
			   const struct banos_net_packet *packets, u32 count)
{
	return count;
}

static s64 stubborn_set_filter(struct net_device *device, u32 flags,
			       const struct banos_net_address *groups, u32 count)
{
	return 0;
}

static s64 stubborn_set_mtu(struct net_device *device, u32 mtu)
{
	stubborn.mtus++;
	return 0;
}

static struct net_device *stubborn_create(struct ktest_context *test)
{
	static const struct net_methods methods = {
		.start = stubborn_start,
		.stop = stubborn_stop,
		.transmit = stubborn_transmit,
		.refill = stubborn_refill,
		.set_filter = stubborn_set_filter,
		.set_mtu = stubborn_set_mtu,
	};
	static const struct banos_net_config config = {
		.name = "stubborn",
		.flags = BANOS_NET_NO_DMA,
		.tx_queues = 1,
		.rx_queues = 1,
		.rx_depth = STUBBORN_DEPTH,
		.rx_room = PAGE_SIZE, /* no packet has so much from before */
	};
	const struct net_device_config about = { .methods = &methods,
						 .config = &config,
						 .type = ARPHRD_ETHER };
	struct net_device *device = net_device_create(&about);

	memset(&stubborn, 0, sizeof(stubborn));
	if (!KEXPECT(!IS_ERR(device)))
		return NULL;
	if (!KEXPECT(!net_device_publish(device))) {
		net_device_destroy(device);
		return NULL;
	}
	return device;
}

static void stubborn_destroy(struct ktest_context *test, struct net_device *device)
{
	if (KEXPECT_EQ(net_device_stop(device, time_monotonic_ns() + WAIT_NS), 0))
		net_device_destroy(device);
}

KTEST(network, a_device_that_does_not_start_again_is_down)
{
	struct net_device *device = stubborn_create(test);

	if (!device)
		return;
	mutex_lock(&net_lock);
	KEXPECT_EQ(net_device_set_up(device, true), 0);
	stubborn.error = -EIO;
	KEXPECT_EQ(net_device_set_mtu(device, 1000), -EIO);
	KEXPECT_EQ(device->mtu, 1000);
	KEXPECT(!(net_device_flags(device) & IFF_UP));
	KEXPECT_EQ(stubborn.stops, 1);
	KEXPECT_EQ(net_device_set_up(device, true), -EIO);
	stubborn.error = 0;
	KEXPECT_EQ(net_device_set_up(device, true), 0);
	KEXPECT(net_device_flags(device) & IFF_UP);
	KEXPECT_EQ(stubborn.stops, 1);
	KEXPECT_EQ(stubborn.starts, 4);
	mutex_unlock(&net_lock);
	stubborn_destroy(test, device);
	KEXPECT_EQ(stubborn.stops, 2);
}

KTEST(network, a_device_that_did_not_stop_is_stopped_before_it_starts)
{
	struct net_device *device = stubborn_create(test);

	if (!device)
		return;
	mutex_lock(&net_lock);
	KEXPECT_EQ(net_device_set_up(device, true), 0);
	/* As it is when its driver did not end within the ten seconds. */
	WRITE_ONCE(device->flags, device->flags & ~IFF_UP);
	KEXPECT_EQ(net_device_set_mtu(device, 1000), 0);
	KEXPECT_EQ(stubborn.stops, 1);
	KEXPECT_EQ(stubborn.starts, 1);
	KEXPECT_EQ(net_device_set_up(device, true), 0);
	WRITE_ONCE(device->flags, device->flags & ~IFF_UP);
	KEXPECT_EQ(net_device_set_up(device, true), 0);
	KEXPECT_EQ(stubborn.stops, 2);
	KEXPECT_EQ(stubborn.starts, 3);
	mutex_unlock(&net_lock);
	stubborn_destroy(test, device);
	KEXPECT_EQ(stubborn.stops, 3);
}

static bool stubborn_has_enough(const struct net_device *device)
{
	u64 deadline = time_monotonic_ns() + WAIT_NS;

	while (READ_ONCE(device->rx[0].out) < STUBBORN_DEPTH / 4 * 3) {
		if (time_monotonic_ns() > deadline)
			return false;
		sleep_ms(1);
	}
	return true;
}

KTEST(network, a_device_gets_empty_packets_once_there_is_memory)
{
	struct net_device *device = stubborn_create(test);

	if (!device)
		return;
	for (u32 nth = 1; nth <= STUBBORN_DEPTH; nth++) {
		int err;

		mutex_lock(&net_lock);
		KEXPECT_EQ(net_device_set_up(device, false), 0);
		fault_set_nth(current, nth);
		err = net_device_set_up(device, true);
		fault_set_nth(current, 0);
		mutex_unlock(&net_lock);
		if (!err && !KEXPECT(stubborn_has_enough(device)))
			break;
	}
	stubborn_destroy(test, device);
}
