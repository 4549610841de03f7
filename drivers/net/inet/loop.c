/* SPDX-License-Identifier: MIT */
/*
 * Packets of lo that need not leave the driver.
 *
 * Where nobody but this driver would see a frame on lo, which the kernel says (banos_interface_loop()), no frame is made: the packet waits
 * in a row and is received when the lock is about to be left, as lwIP does not let a packet arrive while it sends one. The row is
 * as long as one turn with the lock may make it; what exceeds it goes by the kernel, whose thread has it then. So does all while
 * memory is short: what waits to be read then lies in packets, of which a driver may hold more than of memory of its own.
 *
 * A short packet is copied. Of a long one the headers are, which lwIP changes both as it sends and as it receives, and the bytes behind
 * them are shared with the sender: lwIP does not write to bytes that were sent, and the memory stays until both have given it back.
 */
#include "inet.h"
#include "shape.h"

#define ETHERNET     14u
#define ROW	     64u
#define SHARED_LEAST 1024u /* bytes of a packet that is not copied */
#define IPV4_HEADER  20u
#define IPV6_HEADER  40u
#define UDP_HEADER   8u
#define TYPE_IPV4    0x0800u
#define TYPE_IPV6    0x86ddu

static struct {
	uint32_t interface;
	uint16_t type;
	struct pbuf *pbuf;
} row[ROW];
static uint32_t count; /* those of this turn that were received, too */

/* What lwIP has of a packet that was not copied. */
struct shared {
	struct pbuf_custom custom;
	void *memory; /* of which the bytes are a part */
};

static void shared_free(struct pbuf *pbuf)
{
	struct shared *shared = (struct shared *)pbuf;

	inet_memory_put(shared->memory);
	inet_memory_put(shared);
}

/* @return the protocol above IP, or 0 */
static uint32_t packet_protocol(const struct pbuf *pbuf, uint16_t type)
{
	const uint8_t *bytes = pbuf->payload;

	if (type == TYPE_IPV4 && pbuf->len >= IPV4_HEADER)
		return bytes[9];
	if (type == TYPE_IPV6 && pbuf->len >= IPV6_HEADER)
		return bytes[6];
	return 0;
}

/* Of a packet of good shape, in one piece. @return bytes of its headers; 0: it is a fragment */
static uint32_t packet_header(const uint8_t *bytes, uint16_t type, uint32_t protocol)
{
	uint32_t header = IPV6_HEADER;

	if (type == TYPE_IPV4) {
		if (bytes[6] & 0x3f || bytes[7])
			return 0;
		header = (bytes[0] & 15) * 4u;
	}
	if (protocol == PROTOCOL_UDP)
		return header + UDP_HEADER;
	return header + (bytes[header + 12] >> 4) * 4u;
}

/* May others hold what @pbuf has, beside it? */
static bool memory_is_whole(const struct pbuf *pbuf)
{
	return !pbuf->next && pbuf->type_internal == (uint8_t)PBUF_RAM &&
	       !(pbuf->flags & PBUF_FLAG_IS_CUSTOM);
}

static struct pbuf *packet_share(struct pbuf *pbuf, uint32_t header)
{
	uint16_t left = (uint16_t)(pbuf->len - header);
	struct pbuf *head = pbuf_alloc(PBUF_RAW, (uint16_t)header, PBUF_RAM);
	struct shared *shared = inet_memory_get(sizeof(*shared));

	if (!head || !shared) {
		if (head)
			pbuf_free(head);
		if (shared)
			inet_memory_put(shared);
		return NULL;
	}
	memcpy(head->payload, pbuf->payload, header);
	shared->memory = pbuf;
	shared->custom.custom_free_function = shared_free;
	inet_memory_share(pbuf);
	pbuf_cat(head, pbuf_alloced_custom(PBUF_RAW, left, PBUF_REF, &shared->custom,
					   (uint8_t *)pbuf->payload + header, left));
	return head;
}

static struct pbuf *packet_copy(struct pbuf *pbuf, uint16_t type)
{
	struct pbuf *copy = pbuf_alloc(PBUF_RAW, pbuf->tot_len, PBUF_RAM);

	if (!copy)
		return NULL;
	pbuf_copy_partial(pbuf, copy->payload, pbuf->tot_len, 0);
	if (shape_is_good(type, copy->payload, copy->len))
		return copy;
	pbuf_free(copy);
	return NULL;
}

bool loop_passes(const struct link *link, uint32_t length)
{
	return !count && !link->npending && !forward_is_on() && link_passes(link, length);
}

bool loop_send(struct link *link, struct pbuf *pbuf, uint16_t type)
{
	uint32_t protocol = packet_protocol(pbuf, type), header = 0;
	struct pbuf *arrives;

	if ((protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP) || count == ROW ||
	    link->npending || forward_is_on() || inet_memory_is_short() ||
	    !link_passes(link, pbuf->tot_len + ETHERNET))
		return false;
	if (pbuf->tot_len >= SHARED_LEAST && memory_is_whole(pbuf) &&
	    shape_is_good(type, pbuf->payload, pbuf->len))
		header = packet_header(pbuf->payload, type, protocol);
	if (header)
		arrives = packet_share(pbuf, header);
	else
		arrives = packet_copy(pbuf, type);
	if (!arrives) /* it is lost */
		return true;
	row[count].interface = link->index;
	row[count].type = type;
	row[count++].pbuf = arrives;
	return true;
}

struct pbuf *loop_skip_headers(struct pbuf *pbuf)
{
	struct pbuf *rest = pbuf->next;

	if (pbuf->len || !rest)
		return pbuf;
	pbuf->next = NULL;
	pbuf_free(pbuf);
	return rest;
}

void loop_receive(void)
{
	for (uint32_t i = 0; i < count; i++) { /* some are added meanwhile */
		struct link *link = link_find(row[i].interface);

		if (link && link->flags & BANOS_INTERFACE_UP)
			link_input(link, row[i].type, NULL, row[i].pbuf);
		else
			pbuf_free(row[i].pbuf);
	}
	count = 0;
}
