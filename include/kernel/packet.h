/* SPDX-License-Identifier: MIT */
/**
 * @file packet.h  Packets: frames, or parts of frames, in memory that drivers and their devices reach.
 *
 * A packet has an entry in a table and a number, index and generation. One party holds it: the kernel, or a
 * driver; generation and party are one word, so that a change of hands is one compare and exchange: of two
 * threads of a driver that hand on the same packet one succeeds, and a number of the past never.
 *
 * Entries with memory of the usual size are kept by processor; nothing else is allocated for a frame.
 */
#pragma once
#include <kernel/driver_api.h>
#include <kernel/list.h>

struct bus_device;
struct net_device;
struct net_hook;
struct owner;

/** Bytes of the usual memory of a packet; of what is larger, whole pages. */
#define PACKET_CELL_BYTES   2048u
#define PACKET_HEADROOM	    128u /* in front of a frame, if not asked otherwise */
#define PACKET_ROOM_MAX	    65600u
#define PACKET_HEADROOM_MAX 256u
#define PACKETS_MAX	    65536u

/** With what a driver has it. */
enum packet_use { PACKET_OWN, PACKET_REFILLED, PACKET_SENT, PACKET_HELD };

/* In packet->passed, besides points of hooks. */
#define PACKET_SHOWN 0x80u /* packet sockets have seen it */

struct packet {
	u64 state;	     /* generation << 32 | party */
	struct packet *next; /* frame in a queue, or free entry */
	struct packet *more; /* the next part of this frame */
	u8 *cell;
	u32 cell_bytes, offset, length; /* the frame's part is at cell + offset */
	u32 flags;			/* BANOS_PACKET_... without _MORE */
	u16 checksum_start, checksum_offset, segment_bytes, header_bytes;
	u32 hash, interface;
	u32 index;
	u16 queue;
	u8 use;	       /* enum packet_use */
	bool outgoing; /* for taps */
	u8 passed;     /* BANOS_HOOK_...: shown to no hook there any more */
	u8 held_at;    /* BANOS_HOOK_..., with HELD */
	u32 out;       /* where FORWARD sends it, with HELD */
	union {
		struct net_device *device; /* that it is out with: REFILLED, SENT; else NULL */
		struct net_hook *hook;	   /* HELD */
	};
};

/** A list of frames, which get no further parts while they are in it. */
struct packet_list {
	struct packet *first, *last;
	u32 count; /* frames */
	u64 bytes; /* of memory */
};

/** @brief Bytes of memory of a frame. */
static inline u64 packet_memory(const struct packet *frame)
{
	u64 bytes = 0;

	for (; frame; frame = frame->more)
		bytes += frame->cell_bytes;
	return bytes;
}

static inline void packet_list_add(struct packet_list *list, struct packet *packet)
{
	packet->next = NULL;
	if (list->first)
		list->last->next = packet;
	else
		list->first = packet;
	list->last = packet;
	list->count++;
	list->bytes += packet_memory(packet);
}

static inline struct packet *packet_list_take(struct packet_list *list)
{
	struct packet *packet = list->first;

	if (!packet)
		return NULL;
	list->first = packet->next;
	list->count--;
	list->bytes -= packet_memory(packet);
	return packet;
}

static inline u8 *packet_bytes(const struct packet *packet)
{
	return packet->cell + packet->offset;
}
static inline u32 packet_room(const struct packet *packet)
{
	return packet->cell_bytes - packet->offset;
}
/** @brief Bytes of the frame. */
static inline u32 packet_frame_length(const struct packet *packet)
{
	u32 length = 0;

	for (; packet; packet = packet->more)
		length += packet->length;
	return length;
}

/** @brief A packet that the kernel holds, of length 0. Any context. @return NULL: no memory, or too many exist */
struct packet *__must_check packet_alloc(u32 room, u32 headroom);
/** @brief Free all parts of a frame that the kernel holds. Any context. */
void packet_free(struct packet *packet);
/** @brief Free a list of frames. */
void packets_free(struct packet_list *list);
/** @brief One packet with the bytes and the head's properties of @p frame, which stays. @return NULL: no memory */
struct packet *__must_check packet_copy(const struct packet *frame, u32 headroom);
/** @brief Copy bytes of a frame. @return how many there were */
u32 packet_read(const struct packet *frame, u32 offset, void *to, u32 length);

/** @brief The party of a driver; @p root NULL: the kernel. */
u32 packet_party(const struct owner *root);
/** @brief Hand one part to a party, and describe it. @p with_address: for a device */
void packet_give(struct packet *packet, u32 party, struct banos_net_packet *out, bool with_address);
/** @brief The same without describing it. */
static inline void packet_hand_over(struct packet *packet, u32 party)
{
	smp_store_release(&packet->state, (packet->state & ~0xffffffffull) | party);
}
/** @brief Describe a part of a frame. */
static inline void packet_show(const struct packet *packet, struct banos_net_packet *out)
{
	*out = (struct banos_net_packet){
		.packet = (banos_packet)((packet->state & ~0xffffffffull) | (packet->index + 1)),
		.bytes = packet_bytes(packet),
		.length = packet->length,
		.room = packet_room(packet),
		.headroom = packet->offset,
		.flags = packet->flags,
		.checksum_start = packet->checksum_start,
		.checksum_offset = packet->checksum_offset,
		.segment_bytes = packet->segment_bytes,
		.header_bytes = packet->header_bytes,
		.hash = packet->hash,
		.interface = packet->interface,
	};
	if (packet->more)
		out->flags |= BANOS_PACKET_MORE;
}
/** @brief Take what a party holds, by number, which is no packet's any more then. @return NULL: it does not hold that */
struct packet *__must_check packet_claim(banos_packet number, u32 party);
/** @brief The kernel takes a packet back that it knows. @return false: the party has handed it on */
bool packet_reclaim(struct packet *packet, u32 party);
/**
 * @brief Take over what a driver says of a packet that was claimed.
 * @return false: the frame does not lie in the packet
 */
bool __must_check packet_describe(struct packet *packet, const struct banos_net_packet *from);
/**
 * @brief Take what a party holds of a device or for a hook (NULL: all that it holds), and free it.
 * @param bus  a device that may still access it: its memory is kept until that has stopped; or NULL
 */
void packets_take_back(u32 party, const void *of, struct bus_device *bus);
