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

static uint8_t stage[STAGE_BYTES]; /* under the lock, as what follows */
static struct {
	banos_buffer from;
	uint64_t offset; /* that has been taken */
	uint64_t
		good; /* of the piece that lwIP copies: bytes in front of the first that cannot be read */
} sending;

/* lwIP copies what is to be sent, not always in its order. */
void inet_copy_sent(void *to, unsigned long offset, unsigned long length)
{
	int64_t got = banos_buffer_read_at(sending.from, sending.offset + offset, to, length);
	unsigned long good = 0;

	if (got > 0)
		good = (unsigned long)got;
	if (good == length)
		return;
	memset((uint8_t *)to + good, 0, length - good);
	sending.good = least_of(sending.good, offset + good);
}

/*
 * Take the last @bytes back that were given to lwIP, of which nothing was sent: memory of the program that
 * cannot be read. What lies in front of them is sent, as on Linux.
 */
static void send_take_back(struct tcp_pcb *pcb, uint32_t bytes)
{
	uint32_t end = pcb->snd_lbb - bytes;
	struct tcp_seg **at = &pcb->unsent, *rest;

	pcb->snd_lbb = end;
	pcb->snd_buf += bytes;
	pcb->unsent_oversize = 0; /* what is behind the last byte is not known any more */
	while (*at && TCP_SEQ_LT(lwip_ntohl((*at)->tcphdr->seqno), end)) {
		struct tcp_seg *segment = *at;
		uint32_t kept = end - lwip_ntohl(segment->tcphdr->seqno);

		if (segment->len > kept) {
			pcb->snd_queuelen -= pbuf_clen(segment->p);
			pbuf_realloc(segment->p,
				     (uint16_t)(segment->p->tot_len - (segment->len - kept)));
			pcb->snd_queuelen += pbuf_clen(segment->p);
			segment->len = (uint16_t)kept;
		}
		at = &segment->next;
	}
	rest = *at;
	*at = NULL;
	for (const struct tcp_seg *segment = rest; segment; segment = segment->next)
		pcb->snd_queuelen -= pbuf_clen(segment->p);
	tcp_segs_free(rest);
}

uint32_t segment_bytes(const struct tcp_pcb *pcb)
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

uint64_t send_queued(const struct tcp_pcb *pcb)
{
	return TCP_SND_BUF - pcb->snd_buf;
}

/* Bytes that may be queued at once. A program's SO_SNDBUF was doubled, for what lies beside the bytes. */
static uint64_t send_limit(const struct inet_socket *socket)
{
	if (!socket->set.sndbuf)
		return TCP_SND_BUF;
	return least_of(socket->set.sndbuf / 2, TCP_SND_BUF);
}

/* TCP_NOTSENT_LOWAT: is as much queued as may be that was not sent? */
static bool send_has_enough(const struct inet_socket *socket)
{
	const struct tcp_pcb *pcb = socket->tcp;

	return socket->set.unsent_most && pcb->snd_lbb - pcb->snd_nxt >= socket->set.unsent_most;
}

/* Bytes that may be sent now: lwIP takes a piece as a whole or not at all. */
static uint64_t send_room(const struct inet_socket *socket)
{
	const struct tcp_pcb *pcb = socket->tcp;
	uint64_t queued = tcp_sndqueuelen(pcb), limit = send_limit(socket);

	if (queued + 2 > TCP_SND_QUEUELEN || send_queued(pcb) >= limit || send_has_enough(socket))
		return 0;
	if ((pcb->unsent || pcb->unacked) && inet_memory_is_short())
		return 0;
	return least_of(limit - send_queued(pcb),
			(TCP_SND_QUEUELEN - queued - 1) * segment_bytes(pcb));
}

bool send_is_possible(const struct inet_socket *socket)
{
	uint64_t limit = send_limit(socket);

	return send_queued(socket->tcp) <= limit - limit / 4 &&
	       tcp_sndqueuelen(socket->tcp) <= TCP_SNDQUEUELOWAT && send_room(socket);
}

/* One piece of what is being sent. @return how many bytes lwIP has taken, -EAGAIN, -EFAULT, -ENOBUFS */
static int64_t send_piece(struct inet_socket *socket, uint64_t length, uint8_t flags)
{
	struct tcp_pcb *pcb = socket->tcp;
	uint64_t room = send_room(socket);
	const void *bytes = stage;
	int64_t got;
	err_t err;

	if (!room)
		return -EAGAIN;
	length = least_of(length, least_of(room, SEND_MAX));
	sending.good = length;
	if (length <= STAGE_BYTES) {
		got = banos_buffer_read_at(sending.from, sending.offset, stage, length);
		if (got <= 0)
			return -EFAULT;
		sending.good = length = (uint64_t)got;
	} else {
		bytes = (const void *)INET_SENT;
	}
	err = tcp_write(pcb, bytes, (uint16_t)length, TCP_WRITE_FLAG_COPY | flags);
	if (err == ERR_OK && sending.good == length)
		return (int64_t)length;
	if (err == ERR_OK) {
		send_take_back(pcb, (uint32_t)(length - sending.good));
		return sending.good ? (int64_t)sending.good : -EFAULT;
	}
	if (err == ERR_MEM && (pcb->unsent || pcb->unacked))
		return -EAGAIN;
	return -ENOBUFS;
}

int64_t send_write(struct inet_socket *socket, banos_buffer from, uint64_t length, bool more)
{
	int64_t got;

	sending.from = from;
	sending.offset = 0;
	do {
		uint64_t left = length - sending.offset;
		uint8_t flags = 0;

		if (more || left > SEND_MAX)
			flags = TCP_WRITE_FLAG_MORE;
		got = send_piece(socket, left, flags);
		if (got > 0)
			sending.offset += (uint64_t)got;
	} while (got > 0 && sending.offset < length);
	if (sending.offset)
		return (int64_t)sending.offset;
	return got;
}
