/* SPDX-License-Identifier: MIT */
/*
 * Errors that packets of ICMP and ICMPv6 tell of, which carry the beginning of what was sent.
 *
 * A connected datagram socket hears of those that will not pass by themselves, as the error of its next call; one with
 * IP_RECVERR of all, and may read each with MSG_ERRQUEUE (ip(7), struct sock_extended_err). A connection that begins
 * fails by any of them; one that exists does not, for anybody could send such a packet. What is told must match a
 * socket in both addresses and ports.
 */
#include "inet.h"
#include "table.h"

#define HEADER	       8u /* of both protocols */
#define ERRORS_MAX     16u
#define LEVEL_IP       0
#define LEVEL_IPV6     41
#define IP_RECVERR     11
#define IPV6_RECVERR   25
#define ORIGIN_ICMP    2u
#define ORIGIN_ICMP6   3u
#define UNREACHABLE    3u /* types of ICMP */
#define TIME_EXCEEDED  11u
#define PARAMETER      12u
#define TOO_BIG_CODE   4u
#define UNREACHABLE6   1u /* types of ICMPv6 */
#define TOO_BIG6       2u
#define TIME_EXCEEDED6 3u
#define PARAMETER6     4u

struct meaning {
	uint8_t error;
	bool fatal;
};

/* As Linux has it, of the codes of "unreachable". */
static const struct meaning unreachable[] = {
	{ ENETUNREACH, false },	 { EHOSTUNREACH, false }, { ENOPROTOOPT, true },
	{ ECONNREFUSED, true },	 { EMSGSIZE, false },	  { EOPNOTSUPP, false },
	{ ENETUNREACH, true },	 { EHOSTDOWN, true },	  { ENONET, true },
	{ ENETUNREACH, true },	 { EHOSTUNREACH, true },  { ENETUNREACH, false },
	{ EHOSTUNREACH, false }, { EHOSTUNREACH, true },  { EHOSTUNREACH, true },
	{ EHOSTUNREACH, true },
};
static const struct meaning unreachable6[] = {
	{ ENETUNREACH, false }, { EACCES, true }, { EHOSTUNREACH, false }, { EHOSTUNREACH, false },
	{ ECONNREFUSED, true }, { EACCES, true }, { EACCES, true },
};

/* @return false: the message is no error */
static bool error_meaning(const struct flow *message, struct meaning *meaning)
{
	uint8_t type = message->upper[0], code = message->upper[1];
	bool six = IP_IS_V6_VAL(message->from);

	if (!six && type == UNREACHABLE && code < sizeof(unreachable) / sizeof(unreachable[0]))
		*meaning = unreachable[code];
	else if (six && type == UNREACHABLE6 &&
		 code < sizeof(unreachable6) / sizeof(unreachable6[0]))
		*meaning = unreachable6[code];
	else if (six && type == TOO_BIG6)
		*meaning = (struct meaning){ EMSGSIZE, false };
	else if (type == (six ? TIME_EXCEEDED6 : TIME_EXCEEDED))
		*meaning = (struct meaning){ EHOSTUNREACH, false };
	else if (type == (six ? PARAMETER6 : PARAMETER))
		*meaning = (struct meaning){ EPROTO, true };
	else
		return false;
	return true;
}

static uint32_t error_mtu(const struct flow *message)
{
	const uint8_t *bytes = message->upper;

	if (IP_IS_V6_VAL(message->from) && bytes[0] == TOO_BIG6)
		return (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 |
		       (uint32_t)bytes[6] << 8 | bytes[7];
	if (!IP_IS_V6_VAL(message->from) && bytes[0] == UNREACHABLE && bytes[1] == TOO_BIG_CODE)
		return (uint32_t)bytes[6] << 8 | bytes[7];
	return 0;
}

static void error_queue(struct inet_socket *socket, const struct flow *message,
			const struct flow *sent, int error)
{
	struct network_error *entry, **at = &socket->errors;
	uint32_t skip = socket->kind == &udp_kind ? HEADER : 0, length = sent->upper_bytes - skip;

	if (socket->error_count >= ERRORS_MAX)
		return;
	entry = inet_memory_zeroes(1, sizeof(*entry));
	if (!entry)
		return;
	entry->to = sent->to;
	entry->offender = message->from;
	if (socket->kind == &udp_kind)
		entry->port = sent->destination;
	entry->type = message->upper[0];
	entry->code = message->upper[1];
	entry->six = IP_IS_V6_VAL(message->from);
	entry->error = error;
	entry->info = error_mtu(message);
	entry->length = (uint16_t)least_of(length, sizeof(entry->bytes));
	memcpy(entry->bytes, sent->upper + skip, entry->length);
	while (*at)
		at = &(*at)->next;
	*at = entry;
	socket->error_count++;
}

static void error_tell(struct inet_socket *socket, const struct flow *message,
		       const struct flow *sent, struct meaning meaning)
{
	if (socket->set.wants_errors)
		error_queue(socket, message, sent, meaning.error);
	else if (!socket->connected || !meaning.fatal)
		return;
	socket->error = meaning.error;
	socket_wake(socket, BANOS_SOCKET_ERROR | BANOS_SOCKET_IN | BANOS_SOCKET_OUT);
}

/* A socket that is bound to, or connected with, any address has sent to all. */
static bool sent_by(const ip_addr_t *local, const ip_addr_t *remote, const struct flow *sent)
{
	return (ip_addr_isany(local) || ip_addr_cmp_zoneless(local, &sent->from)) &&
	       (ip_addr_isany(remote) || ip_addr_cmp_zoneless(remote, &sent->to));
}

/* How sure it is that a socket has sent it: as on Linux, its peer counts most. 0: it has not */
static uint32_t udp_sender_score(const struct udp_pcb *pcb, const struct flow *sent)
{
	uint32_t score = 1;

	if (!sent_by(&pcb->local_ip, &pcb->remote_ip, sent))
		return 0;
	if (pcb->flags & UDP_FLAGS_CONNECTED) {
		if (pcb->remote_port != sent->destination)
			return 0;
		score += 2;
	}
	if (!ip_addr_isany(&pcb->local_ip))
		score++;
	return score;
}

static void udp_error(const struct flow *message, const struct flow *sent, struct meaning meaning)
{
	struct inet_socket *best = NULL;
	bool lite = sent->protocol == PROTOCOL_UDPLITE;
	uint32_t most = 0;

	for (struct inet_socket *socket = udp_table_first(sent->source, lite); socket;
	     socket = udp_table_next(socket)) {
		uint32_t score = udp_sender_score(socket->udp, sent);

		if (score > most) {
			most = score;
			best = socket;
		}
	}
	if (best)
		error_tell(best, message, sent, meaning);
}

/* All raw sockets of the protocol hear of it; a ping socket of its own requests alone. */
static void raw_error(const struct flow *message, const struct flow *sent, struct meaning meaning)
{
	uint16_t identity = (uint16_t)(sent->upper[4] << 8 | sent->upper[5]);

	for (struct inet_socket *socket = raw_sockets; socket; socket = socket->raw_next) {
		const struct raw_pcb *pcb = socket->raw;

		if (pcb->protocol != sent->protocol ||
		    !sent_by(&pcb->local_ip, &pcb->remote_ip, sent))
			continue;
		if (socket->type == SOCK_RAW || socket->identity == identity)
			error_tell(socket, message, sent, meaning);
	}
}

static void tcp_error(const struct flow *sent, struct meaning meaning)
{
	const struct tcp_pcb *pcb =
		table_find(&sent->from, sent->source, &sent->to, sent->destination, NETIF_NO_INDEX);
	uint32_t sequence;

	memcpy(&sequence, sent->upper + 4, sizeof(sequence));
	sequence = lwip_ntohl(sequence);
	if (pcb && pcb->state == SYN_SENT && pcb->callback_arg && pcb->lastack == sequence)
		stream_refuse(pcb->callback_arg, meaning.error);
}

void error_arrived(const struct netif *netif, const struct flow *message)
{
	struct meaning meaning;
	struct flow sent;

	if (!error_meaning(message, &meaning) || !flow_is_believed(netif, message) ||
	    !flow_read(&sent, message->upper + HEADER, message->upper_bytes - HEADER) ||
	    IP_IS_V6_VAL(sent.from) != IP_IS_V6_VAL(message->from))
		return;
	switch (sent.protocol) {
	case PROTOCOL_TCP: tcp_error(&sent, meaning); break;
	case PROTOCOL_UDPLITE:
	case PROTOCOL_UDP: udp_error(message, &sent, meaning); break;
	default: raw_error(message, &sent, meaning);
	}
}

/* ---- for programs ---- */

static void extended_add(const struct inet_socket *socket, const struct network_error *entry,
			 struct banos_socket_message *message)
{
	struct {
		uint32_t error;
		uint8_t origin, type, code, zero;
		uint32_t info, data;
		uint8_t offender[28];
	} extended = { .error = (uint32_t)entry->error,
		       .origin = entry->six ? ORIGIN_ICMP6 : ORIGIN_ICMP,
		       .type = entry->type,
		       .code = entry->code,
		       .info = entry->info };
	bool six = socket->family == AF_INET6;
	uint32_t length = address_format(socket->family, &entry->offender, 0, extended.offender);

	control_add(message, six ? LEVEL_IPV6 : LEVEL_IP, six ? IPV6_RECVERR : IP_RECVERR,
		    &extended, 16 + length);
}

int64_t error_receive(struct inet_socket *socket, banos_buffer to, uint64_t length,
		      struct banos_socket_message *message)
{
	struct network_error *entry = socket->errors;
	uint64_t part;
	int64_t copied;

	if (!entry)
		return -EAGAIN;
	part = least_of(entry->length, length);
	copied = part ? banos_buffer_write(to, entry->bytes, part) : 0;
	if (copied < 0)
		return copied;
	message->address_length =
		address_format(socket->family, &entry->to, entry->port, message->address);
	message->out_flags |= BANOS_SOCKET_ERRQUEUE;
	if (entry->length > part)
		message->out_flags |= BANOS_SOCKET_TRUNCATED;
	extended_add(socket, entry, message);
	socket->errors = entry->next;
	socket->error_count--;
	socket->error = socket->errors ? socket->errors->error : 0;
	inet_memory_put(entry);
	return copied;
}

void errors_forget(struct inet_socket *socket)
{
	while (socket->errors) {
		struct network_error *first = socket->errors;

		socket->errors = first->next;
		inet_memory_put(first);
	}
}
