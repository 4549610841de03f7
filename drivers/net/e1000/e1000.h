/* SPDX-License-Identifier: MIT */
/**
 * @file e1000.h  The state of the driver "e1000": Intel's network cards with the chips 82540EM, 82545EM and 82574L.
 *
 * A card has one queue each way here: a ring of descriptors that one thread fills (transmit() and refill() of the class)
 * and another one empties, that of the interrupt. The rings need no lock: each index is written by one of them. Beside a ring stands
 * whose packet is in each descriptor, so that nothing of that is asked of the card: it says that a descriptor is done, and how
 * many bytes it received, and that is checked.
 *
 * Buffers have 2048 bytes as the card is told, of which it writes 1522 at most; with an MTU above 1500 they have 1024, and
 * a frame lies in several.
 *
 * While the interface is down the card interrupts for its link only, and accesses no memory. stop() tells it to end, waits for
 * what is under way, and resets it. QEMU's cards ignore the reset, so everything is written again by start(), and whether
 * the card has ended is read back. Each change of the receive control stops QEMU's e1000 for a second: it is written
 * only if it is another one.
 *
 * By messages (82574) the causes of the queues have vector 0 and clear themselves; the rest has vector 1. By line, or by one
 * message, reading the causes clears them.
 *
 * Segments are cut by the card for IPv4, on 82574 for IPv6, too, with the parameter "segments": QEMU's e1000e makes
 * fragments of them instead, up to version 7.2, so it is off there unless asked for.
 *
 * Sources: registers.h, wire.h.
 */
#ifndef E1000_H
#define E1000_H

#include <banos/bus.h>
#include <banos/dma.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/network.h>
#include <banos/pci.h>
#include <banos/time.h>
#include <banos/work.h>
#include "registers.h"
#include "wire.h"

#define E1000_RX_RING	  256u
#define E1000_TX_RING	  1024u
#define E1000_TX_DEPTH	  256u /* packets; each takes one descriptor or more */
#define E1000_BATCH	  32u
#define E1000_PARTS_MAX	  17u /* buffers of a received frame: what the longest one of a card takes */
#define E1000_SEGMENTS	  32u /* packets of a frame to be sent */
#define E1000_MTU_USUAL	  1500u
#define E1000_MTU_MAX	  9000u
#define E1000_ROOM	  1536u /* of a packet to receive into */
#define E1000_BUFFER	  2048u
#define E1000_BUFFER_LONG 1024u

/** What a card is. */
struct e1000_model {
	const char *name;
	const struct e1000_eeprom_layout *eeprom;
	uint32_t is_82574;
};

/** A buffer that the card has. */
struct e1000_buffer {
	banos_packet packet;
	uint8_t *bytes;
};

struct e1000_receiver {
	struct e1000_descriptor *ring;
	uint64_t address;
	banos_dma dma; /* NULL: none */
	uint32_t head; /* atomic; written by the interrupt's thread */
	uint32_t tail; /* atomic; written by refill() */
	struct e1000_buffer buffers[E1000_RX_RING];
	/* taken, and not handed on yet: frames, and the beginning of one whose end has not arrived */
	uint32_t count, whole; /* elements; those of complete frames */
	uint32_t is_skipping;  /* the rest of a frame that is wrong */
	struct banos_net_packet packets[E1000_BATCH + E1000_PARTS_MAX];
};

/** A descriptor that the card has, or had. */
struct e1000_sending {
	banos_packet packet; /* that ends with it; NULL: none */
	uint32_t last;	     /* at a frame's first: the index of its last */
};

struct e1000_sender {
	struct e1000_descriptor *ring;
	uint64_t address;
	banos_dma dma;		      /* NULL: none */
	uint32_t head;		      /* atomic; written by the interrupt's thread */
	uint32_t tail;		      /* atomic; written by transmit() */
	struct e1000_offload context; /* that the card knows */
	struct e1000_sending sending[E1000_TX_RING];
	struct banos_net_packet sent[E1000_BATCH];
};

struct e1000_card {
	banos_owner device;
	const struct e1000_model *model;
	char *registers;
	banos_mmio mapping;
	banos_work work; /* the link may have changed */
	banos_net net;	 /* atomic; NULL: not registered yet */
	banos_irq irqs[2];
	uint32_t by_vectors; /* else by line or one message, whose causes are read */
	uint32_t is_heard;   /* atomic: an interrupt has arrived */
	uint32_t is_running; /* atomic: the queues are in use */
	uint32_t is_busy;    /* atomic: the interrupt's thread is at them */
	uint32_t is_masked;  /* causes of the queues, as long as there is more to do */
	uint32_t is_warned;  /* about malformed frames */
	uint32_t is_broken;  /* it did not end */
	uint32_t receive_control;
	uint32_t mtu, buffer_bytes;
	uint8_t address[8];
	uint8_t address_first[8];   /* its own */
	struct e1000_filter filter; /* that the card knows */
	struct e1000_receiver *receiver;
	struct e1000_sender *sender;
};

static inline uint32_t card_read(const struct e1000_card *card, uint32_t offset)
{
	return banos_mmio_read32(card->registers + offset);
}
static inline void card_write(const struct e1000_card *card, uint32_t offset, uint32_t value)
{
	banos_mmio_write32(card->registers + offset, value);
}

/* hardware.c */

/** Map the registers, reset the card, find its address. @return 0 or -errno */
int64_t hardware_open(struct e1000_card *card);
/** It accesses no memory and sends no interrupts afterwards. @return 0, -ENODEV: unplugged, -EIO: it does not end */
int64_t hardware_end(const struct e1000_card *card);
/** The same, but it interrupts for its link. */
int64_t hardware_stop(const struct e1000_card *card);
/** Let it use its rings, which are empty. */
void hardware_start(struct e1000_card *card);
void hardware_put_address(const struct e1000_card *card);
/** Receive these groups, and what RECEIVE_ALL and RECEIVE_ALL_GROUPS of @p control say. */
void hardware_put_filter(struct e1000_card *card, uint32_t control,
			 const struct e1000_filter *filter);

/* interrupt.c */

/** @param by_line  even if the card can send messages. @return 0 or -errno */
int64_t interrupts_connect(struct e1000_card *card, uint32_t by_line);
void interrupts_disconnect(struct e1000_card *card);
/** What it interrupts for without its queues, and for them. */
uint32_t interrupts_of_link(const struct e1000_card *card);
uint32_t interrupts_of_queues(const struct e1000_card *card);
/** Route causes to messages. */
void interrupts_route(const struct e1000_card *card);

/* queue.c */

int64_t queues_allocate(struct e1000_card *card);
void queues_free(struct e1000_card *card, uint32_t is_ended);
/** Nothing is with the card. */
void queues_clear(struct e1000_card *card);
/** Look what the card has done. @return is there more? */
uint32_t queues_run(struct e1000_card *card);
/** Methods of the class. */
int64_t e1000_transmit(void *context, uint32_t queue, const struct banos_net_packet *packets,
		       uint32_t count, uint32_t stride);
int64_t e1000_refill(void *context, uint32_t queue, const struct banos_net_packet *packets,
		     uint32_t count, uint32_t stride);

#endif
