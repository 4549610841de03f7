/* SPDX-License-Identifier: MIT */
/*
 * Urgent bytes of TCP: MSG_OOB, the mark, SO_OOBINLINE; RFC 9293, 3.8.5, with the pointer behind the byte, as Linux and BSD
 * have it (RFC 6093, 3.1).
 *
 * lwIP knows nothing of them: to it such a byte is one of the stream. What a segment says of one is looked at before lwIP
 * gets it (LWIP_HOOK_TCP_INPACKET_PCB, behind the checksum), and put into what it sends, and sends again, before its checksum
 * (inet_segment_sent()). A connection has one position in each direction: a newer one takes its place.
 */
#include <banos/buffer.h>
#include "inet.h"
#include "table.h"

/* Of pcb->flags, beside lwIP's: something urgent was sent that may not be acknowledged. */
#define TF_URGENT    0x8000u
#define POINTER_MOST 0xffffu /* no segment tells of one that is farther, but those that probe */

/* ---- sending ---- */

void urgent_mark(struct tcp_pcb *pcb)
{
	bool waits = !(pcb->flags & TF_NODELAY);

	tcp_set_flags(pcb, TF_URGENT);
	table_urgent_set(pcb, pcb->snd_lbb);
	/* It does not wait for more of its kind. */
	if (waits)
		tcp_set_flags(pcb, TF_NODELAY);
	tcp_output(pcb);
	if (waits)
		tcp_clear_flags(pcb, TF_NODELAY);
}

static void urgent_stamp(struct tcp_hdr *header, struct tcp_pcb *pcb)
{
	uint32_t sequence = lwip_ntohl(header->seqno), end = table_urgent(pcb), pointer;
	uint8_t flags = TCPH_FLAGS(header) & (uint8_t)~TCP_URG;

	/* Once it was acknowledged it moves along: it never is in front of what is sent again. */
	if (TCP_SEQ_GT(pcb->lastack, end))
		table_urgent_set(pcb, pcb->lastack);
	pointer = end - sequence;
	header->urgp = 0;
	if (TCP_SEQ_GT(end, pcb->lastack) && TCP_SEQ_LT(sequence, end) &&
	    (pointer <= POINTER_MOST || TCP_SEQ_LT(pcb->snd_nxt, sequence + POINTER_MOST))) {
		flags |= TCP_URG;
		header->urgp = lwip_htons((uint16_t)least_of(pointer, POINTER_MOST));
	}
	TCPH_FLAGS_SET(header, flags);
}

void urgent_segment_sent(struct tcp_hdr *header, const struct tcp_pcb *pcb)
{
	if (pcb && pcb->state != LISTEN && (pcb->flags & TF_URGENT))
		urgent_stamp(header, (struct tcp_pcb *)pcb);
}

/* ---- receiving ---- */

static bool segment_fits(const struct tcp_pcb *pcb, const struct tcp_hdr *header, uint32_t bytes)
{
	return (TCPH_FLAGS(header) & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK &&
	       TCP_SEQ_GEQ(header->seqno + bytes, pcb->rcv_nxt) &&
	       TCP_SEQ_LEQ(header->seqno, pcb->rcv_nxt + pcb->rcv_wnd) &&
	       TCP_SEQ_LEQ(header->ackno, pcb->snd_nxt) &&
	       TCP_SEQ_GEQ(header->ackno, pcb->lastack - pcb->snd_wnd_max);
}

/* A segment announces one; header: in the machine's order, but for its pointer. */
static void urgent_announced(struct tcp_pcb *pcb, const struct tcp_hdr *header,
			     const struct pbuf *bytes)
{
	struct inet_socket *socket = pcb->callback_arg;
	uint32_t pointer = lwip_ntohs(header->urgp), at, first = pcb->rcv_nxt;

	if ((pcb->state != ESTABLISHED && pcb->state != FIN_WAIT_1 && pcb->state != FIN_WAIT_2) ||
	    !socket || socket->no_more_in || !segment_fits(pcb, header, bytes->tot_len))
		return;
	at = header->seqno + pointer - !!pointer;
	if (TCP_SEQ_LT(at, pcb->rcv_nxt)) /* it is an old one */
		return;
	if (pcb->refused_data)
		first -= pcb->refused_data->tot_len;
	first -= socket->queued; /* the number of what is read next */
	if (socket->urgent && at - first <= socket->urgent_ahead)
		return;
	socket_wake(socket, BANOS_SOCKET_URGENT);
	/* The last one was reached, and is to be passed by: it is no mark any more. */
	if (socket->urgent && !socket->urgent_ahead && socket->queued &&
	    !socket->set.urgent_inline) {
		stream_consume(socket, 1);
		first++;
	}
	socket->urgent = URGENT_AWAITED;
	socket->urgent_ahead = at - first;
}

err_t inet_urgent_arrived(struct tcp_pcb *pcb, const struct tcp_hdr *header,
			  const struct pbuf *bytes)
{
	urgent_announced(pcb, header, bytes);
	return ERR_OK; /* lwIP goes on with it */
}

void urgent_look(struct inet_socket *socket, const struct pbuf *bytes)
{
	uint32_t offset = socket->urgent_ahead - socket->queued;

	if (socket->urgent != URGENT_AWAITED || socket->urgent_ahead < socket->queued ||
	    offset >= bytes->tot_len)
		return;
	socket->urgent = URGENT_HERE;
	socket->urgent_byte = pbuf_get_at(bytes, (uint16_t)offset);
	socket_wake(socket, BANOS_SOCKET_PRI);
}

void urgent_consumed(struct inet_socket *socket, uint32_t bytes)
{
	if (bytes > socket->urgent_ahead)
		socket->urgent = URGENT_NONE;
	socket->urgent_ahead -= bytes;
}

bool urgent_is_next(const struct inet_socket *socket)
{
	return socket->urgent && !socket->urgent_ahead;
}

uint32_t urgent_to_skip(const struct inet_socket *socket)
{
	return urgent_is_next(socket) && !socket->set.urgent_inline;
}

uint64_t urgent_readable(const struct inet_socket *socket)
{
	if (!socket->urgent || socket->set.urgent_inline || socket->urgent_ahead >= socket->queued)
		return socket->queued;
	return socket->urgent_ahead;
}

int64_t urgent_receive(struct inet_socket *socket, banos_buffer to, uint64_t length,
		       struct banos_socket_message *message)
{
	if (socket->state == STREAM_LISTENING)
		return -ENOTCONN;
	if (socket->set.urgent_inline || !socket->urgent || socket->urgent == URGENT_TAKEN)
		return -EINVAL; /* Linux has it so */
	if (socket->urgent == URGENT_AWAITED &&
	    (socket->no_more_in || socket->state == STREAM_ENDED))
		return 0;
	if (socket->urgent == URGENT_AWAITED)
		return -EAGAIN;
	if (!(message->flags & BANOS_SOCKET_PEEK))
		socket->urgent = URGENT_TAKEN;
	message->out_flags |= BANOS_SOCKET_OOB;
	if (!length) {
		message->out_flags |= BANOS_SOCKET_TRUNCATED;
		return 0;
	}
	if (banos_buffer_write(to, &socket->urgent_byte, 1) != 1)
		return -EFAULT;
	return 1;
}
