/* SPDX-License-Identifier: MIT */
/**
 * @file net.h  Virtio's network card: eth0 and so on.
 *
 * Each pair of queues of the class is one of the device: number 2n receives, 2n + 1 sends; behind the last pair
 * follows the one for commands. A packet is one buffer: what Virtio puts before each frame stands in front of
 * it, in its headroom. What is sent comes back by the packet's number as the tag. The tag of what is received into is the place of
 * its frame; in front of that, and of what the device writes, stands the packet's number. So nothing is kept about packets
 * here, and there is no lock: each queue is given buffers by one thread at a time, and they are taken by one.
 *
 * The device works, without buffers, as long as it is bound, so that it tells when its link changes. What ends its use of
 * packets is a reset: stop() does one, and opens it again. A device that has failed does nothing until then.
 *
 * Source: Virtio 1.1, 5.1.
 */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <banos/bus.h>
#include <banos/callback.h>
#include <banos/dma.h>
#include <banos/lock.h>
#include <banos/network.h>
#include <banos/wait.h>
#include <banos/work.h>
#include "net_wire.h"
#include "virtio.h"

#define NET_PAIRS_MAX	 16u
#define NET_BATCH	 32u /* buffers that are given or taken at once */
#define NET_RECEIVED_MAX (NET_BATCH + NET_BUFFERS_MAX)
#define NET_HEADROOM	 32u /* in front of frames: a packet's number, and the header of Virtio */
#define NET_PACKET_AT	 24u /* where that number stands, in front of the frame */

/** A queue that receives. */
struct net_receiver {
	uint32_t is_busy; /* atomic: somebody takes from it */
	/* taken, and not handed on yet: frames, and the beginning of one that lacks buffers */
	uint32_t count, whole; /* elements; those of complete frames */
	uint32_t missing;      /* buffers of the last frame */
	struct banos_net_packet packets[NET_RECEIVED_MAX];
	/* the batch that is being given */
	struct virtio_buffer buffers[NET_BATCH];
	struct virtio_segment segments[NET_BATCH];
};

/** A queue that sends. */
struct net_sender {
	uint32_t is_busy; /* atomic: somebody takes from it */
	struct banos_net_packet sent[NET_BATCH];
	struct virtio_buffer buffers[NET_BATCH];
	struct virtio_segment segments[2 * NET_BATCH];
};

/** A command, and its answer: what the device reads and writes. */
struct net_command {
	uint8_t number[2]; /* class, command */
	uint8_t padding[6];
	uint8_t data[NET_TABLE_BYTES];
	uint8_t answer;
};

struct net_card {
	banos_owner device;
	banos_callback callback;
	banos_work work;   /* the configuration has changed */
	banos_net net;	   /* atomic; NULL: not registered yet */
	uint64_t features; /* accepted */
	uint32_t pairs, header_bytes, is_joined;
	uint32_t receive_depth, send_depth;
	uint32_t mtu, mtu_max;
	uint8_t address[8];
	uint32_t is_address_set; /* by a program: to be set again after a reset */
	uint32_t is_broken;	 /* it could not be opened again, or is being stopped; under lock */
	uint32_t is_warned;	 /* about malformed frames */
	/* commands */
	struct banos_mutex lock;
	struct banos_wait answered;
	banos_dma dma;
	struct net_command *command;
	uint64_t command_address;
	uint32_t command_queue; /* 0: there is none, or it does not answer */
	struct net_receiver *receivers[NET_PAIRS_MAX];
	struct net_sender *senders[NET_PAIRS_MAX];
};

/* Numbers of features: 5.1.3. */
#define NET_F_CHECKSUM	  0
#define NET_F_CHECKED	  1
#define NET_F_MTU	  3
#define NET_F_ADDRESS	  5
#define NET_F_TSO4	  11
#define NET_F_TSO6	  12
#define NET_F_MERGED	  15
#define NET_F_STATUS	  16
#define NET_F_COMMANDS	  17
#define NET_F_FILTER	  18
#define NET_F_ANNOUNCE	  21
#define NET_F_PAIRS	  22
#define NET_F_SET_ADDRESS 23
#define NET_F_ANY_LAYOUT  27
#define NET_F_VERSION_1	  32

static inline int net_has(const struct net_card *card, uint32_t feature)
{
	return card->features >> feature & 1;
}

/* net.c */

/** Begin, or begin again: agree with the device, give it its queues, let it run. @return 0 or -errno */
int64_t net_open(struct net_card *card);

/* net_queue.c */

/** Methods of the class, for queues. */
int64_t net_transmit(void *context, uint32_t queue, const struct banos_net_packet *packets,
		     uint32_t count, uint32_t stride);
int64_t net_refill(void *context, uint32_t queue, const struct banos_net_packet *packets,
		   uint32_t count, uint32_t stride);
/** A queue that receives has returned something. @return 0, VIRTIO_AGAIN */
int64_t net_received(struct net_card *card, uint32_t pair);
/** A queue that sends has. @return 0, VIRTIO_AGAIN */
int64_t net_sent(struct net_card *card, uint32_t pair);
/** The device was reset: nothing is with it, nor on its way from it. */
void net_queues_forget(struct net_card *card);

/* net_command.c: each sleeps until the device has answered; one at a time */

/** The queue for commands has returned something. */
void net_command_answered(struct net_card *card);
/** Have so many pairs of queues used. @return 0; -EIO: the device refuses, or does not answer; -ENODEV */
int64_t net_command_pairs(struct net_card *card, uint32_t pairs);
/** @return 0, -EIO, -ENODEV */
int64_t net_command_address(struct net_card *card, const uint8_t *address);
/** What it wanted to be announced is. @return 0, -EIO, -ENODEV */
int64_t net_command_announced(struct net_card *card);
/** A method of the class. */
int64_t net_set_filter(void *context, uint32_t flags, const struct banos_net_address *addresses,
		       uint32_t count, uint32_t stride);

#endif
