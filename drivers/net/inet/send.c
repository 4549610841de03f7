/* SPDX-License-Identifier: MIT */
/*
 * Bytes of programs on their way to lwIP. Few are read first; of many lwIP is given an address without memory, and
 * copies them from the program's buffer to where they stay until they are acknowledged.
 */
#include <banos/buffer.h>
#include "inet.h"
#include <lwip/priv/tcp_priv.h>

#define STAGE_BYTES 2048u
#define SEND_MAX    65535u
#define PAGE_BYTES  4096u

static uint8_t stage[STAGE_BYTES]; /* under the lock, as what follows */
static struct {
	banos_buffer from;
	uint64_t offset; /* that has been taken */
	bool failed;
} sending;

/* lwIP copies what is to be sent. */
void inet_copy_sent(void *to, unsigned long offset, unsigned long length)
{
	int64_t got = banos_buffer_read_at(sending.from, sending.offset + offset, to, length);
	unsigned long good = 0;

	if (got > 0)
		good = (unsigned long)got;
	if (good == length)
		return;
	memset((uint8_t *)to + good, 0, length - good);
	sending.failed = true;
}

static bool sent_is_readable(uint64_t offset)
{
	uint8_t byte;

	return banos_buffer_read_at(sending.from, sending.offset + offset, &byte, 1) == 1;
}

/* @return how many of @length bytes can be read, the first ones; two bytes of a page are both readable or not */
static uint64_t sent_readable(uint64_t length)
{
	uint64_t good = 0, bad;

	if (!sent_is_readable(0))
		return 0;
	if (sent_is_readable(length - 1))
		return length;
	for (bad = PAGE_BYTES; bad < length && sent_is_readable(bad); bad += PAGE_BYTES)
		good = bad;
	if (bad > length - 1)
		bad = length - 1;
	while (bad - good > 1) {
		uint64_t middle = good + (bad - good) / 2;

		if (sent_is_readable(middle))
			good = middle;
		else
			bad = middle;
	}
	return good + 1;
}

/* Bytes of a segment, as tcp_write() decides. */
static uint32_t segment_bytes(const struct tcp_pcb *pcb)
{
	uint32_t half = (uint32_t)(pcb->snd_wnd_max / 2), bytes = pcb->mss, options = 0;

	if (half && half < bytes)
		bytes = half;
	if (pcb->flags & TF_TIMESTAMP)
		options = LWIP_TCP_OPT_LEN_TS;
	if (bytes <= options)
		return 1;
	return bytes - options;
}

/* Bytes that may be sent now: lwIP takes a piece as a whole or not at all. */
static uint64_t send_room(const struct tcp_pcb *pcb)
{
	uint64_t queued = tcp_sndqueuelen(pcb);

	if (queued + 2 > TCP_SND_QUEUELEN)
		return 0;
	if ((pcb->unsent || pcb->unacked) && inet_memory_is_short())
		return 0;
	return least_of(pcb->snd_buf, (TCP_SND_QUEUELEN - queued - 1) * segment_bytes(pcb));
}

bool send_is_possible(const struct tcp_pcb *pcb)
{
	return pcb->snd_buf >= TCP_SNDLOWAT && tcp_sndqueuelen(pcb) <= TCP_SNDQUEUELOWAT &&
	       send_room(pcb);
}

/* One piece of what is being sent. @return how many bytes lwIP has taken, -EAGAIN, -EFAULT, -ENOBUFS */
static int64_t send_piece(struct tcp_pcb *pcb, uint64_t length, uint8_t flags)
{
	uint64_t room = send_room(pcb);
	const void *bytes = stage;
	int64_t got;
	err_t err;

	if (!room)
		return -EAGAIN;
	length = least_of(length, least_of(room, SEND_MAX));
	if (length <= STAGE_BYTES) {
		got = banos_buffer_read_at(sending.from, sending.offset, stage, length);
	} else {
		bytes = (const void *)INET_SENT;
		got = (int64_t)sent_readable(length);
	}
	if (got <= 0)
		return -EFAULT;
	err = tcp_write(pcb, bytes, (uint16_t)got, TCP_WRITE_FLAG_COPY | flags);
	if (err == ERR_OK)
		return got;
	if (err == ERR_MEM && (pcb->unsent || pcb->unacked))
		return -EAGAIN;
	return -ENOBUFS;
}

int64_t send_write(struct tcp_pcb *pcb, banos_buffer from, uint64_t length, bool more, bool *failed)
{
	int64_t got;

	sending.from = from;
	sending.offset = 0;
	sending.failed = false;
	do {
		uint64_t left = length - sending.offset;
		uint8_t flags = 0;

		if (more || left > SEND_MAX)
			flags = TCP_WRITE_FLAG_MORE;
		got = send_piece(pcb, left, flags);
		if (got > 0)
			sending.offset += (uint64_t)got;
	} while (got > 0 && sending.offset < length);
	*failed = sending.failed;
	if (sending.offset)
		return (int64_t)sending.offset;
	return got;
}
