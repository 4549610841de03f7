// SPDX-License-Identifier: MIT
/*
 * /proc/net/tcp, udp, udplite, raw, their IPv6 siblings, sockstat: the sockets of whoever offers AF_INET and AF_INET6, in the lines of
 * Linux 6.1, which netstat and ss read.
 *
 * Long texts are made in pieces; a piece begins behind the socket that was the last one in the one before. What
 * describe() does not tell (the congestion window, say) is 0 here.
 */
#include <kernel/driver_api.h>
#include <kernel/fs/proc.h>
#include <kernel/panic.h>
#include <kernel/seq_file.h>
#include <kernel/socket.h>
#include <kernel/string.h>
#include "internal.h"

#define FAMILY_IPV4	 2u
#define FAMILY_IPV6	 10u
#define PROTOCOL_TCP	 6u
#define PROTOCOL_UDP	 17u
#define PROTOCOL_UDPLITE 136u
#define TICKS_HZ	 100u
#define NUMBER_BITS	 40 /* of seq->next: the socket's number; above it the row's */
#define TCP_COLUMNS	 149
#define UDP_COLUMNS	 127
#define PORT_AT		 2u

#define TITLES4	     "local_address rem_address   "
#define TITLES6	     "local_address                         remote_address                        "
#define TITLES_STATE "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
#define TITLES_MORE  " ref pointer drops"

struct socket_table {
	const char *path, *titles;
	u8 family, type, protocol; /* protocol 0: any */
	u8 row_width;
	u8 columns; /* of a line; 0: as long as it is */
};

static const struct socket_table tables[] = {
	{ "net/tcp", "  sl  " TITLES4 TITLES_STATE, FAMILY_IPV4, SOCK_STREAM, PROTOCOL_TCP, 4,
	  TCP_COLUMNS },
	{ "net/udp", "   sl  " TITLES4 TITLES_STATE TITLES_MORE, FAMILY_IPV4, SOCK_DGRAM,
	  PROTOCOL_UDP, 5, UDP_COLUMNS },
	{ "net/udplite", "   sl  " TITLES4 TITLES_STATE TITLES_MORE, FAMILY_IPV4, SOCK_DGRAM,
	  PROTOCOL_UDPLITE, 5, UDP_COLUMNS },
	{ "net/raw", "  sl  " TITLES4 TITLES_STATE TITLES_MORE, FAMILY_IPV4, SOCK_RAW, 0, 4, 0 },
	{ "net/tcp6", "  sl  " TITLES6 TITLES_STATE, FAMILY_IPV6, SOCK_STREAM, PROTOCOL_TCP, 4, 0 },
	{ "net/udp6", "  sl  " TITLES6 TITLES_STATE TITLES_MORE, FAMILY_IPV6, SOCK_DGRAM,
	  PROTOCOL_UDP, 5, 0 },
	{ "net/udplite6", "  sl  " TITLES6 TITLES_STATE TITLES_MORE, FAMILY_IPV6, SOCK_DGRAM,
	  PROTOCOL_UDPLITE, 5, 0 },
	{ "net/raw6", "  sl  " TITLES6 TITLES_STATE TITLES_MORE, FAMILY_IPV6, SOCK_RAW, 0, 5, 0 },
};

static u32 name_port(const u8 *name)
{
	return name[PORT_AT] << 8 | name[PORT_AT + 1];
}

/* As Linux lists them: streams that have begun, and datagram sockets that have a port. */
static bool socket_is_listed(const struct socket *socket,
			     const struct banos_socket_description *about)
{
	if (socket->type == SOCK_STREAM)
		return about->state != BANOS_SOCKET_CLOSED;
	return socket->type == SOCK_RAW || name_port(about->local);
}

/* ---- lines ---- */

struct table_walk {
	struct socket_walk walk; /* first */
	struct seq_file *seq;
	const struct socket_table *table;
	u64 row;
};

/* An address as the numbers that it is in memory. */
static void name_put(struct seq_file *seq, const struct socket *socket, const u8 *name)
{
	u32 words[4], first = 0, port = name_port(name);

	if (socket->family == FAMILY_IPV4) {
		memcpy(&words[3], name + 4, sizeof(words[3]));
		first = 3;
	} else {
		memcpy(words, name + 8, sizeof(words));
	}
	for (; first < ARRAY_SIZE(words); first++)
		seq_printf(seq, "%08X", words[first]);
	seq_printf(seq, ":%04X ", port);
}

static void socket_line(const struct table_walk *walk, const struct socket *socket,
			const struct banos_socket_description *about)
{
	struct seq_file *seq = walk->seq;
	size_t from = seq->count;
	u8 local[sizeof(about->local)];
	u32 send_bytes = about->send_bytes;

	if (about->state == BANOS_SOCKET_LISTENING)
		send_bytes = 0; /* the most that may wait is told by sock_diag alone */
	memcpy(local, about->local, sizeof(local));
	if (socket->type == SOCK_RAW)
		local[PORT_AT + 1] = (u8)about->protocol;
	seq_printf(seq, "%*lu: ", walk->table->row_width, walk->row);
	name_put(seq, socket, local);
	name_put(seq, socket, about->peer);
	seq_printf(seq, "%02X %08X:%08X %02X:%08lX %08X %5u %8u %lu", about->state & 0xff,
		   send_bytes, about->receive_bytes, about->timer & 0xff,
		   (u64)about->timer_ms * TICKS_HZ / 1000, about->retransmits, socket->uid,
		   about->probes, socket->inode);
	if (socket->type != SOCK_STREAM)
		seq_puts(seq, " 2 0000000000000000 0");
	else if (about->state == BANOS_SOCKET_TIME_WAIT)
		seq_puts(seq, " 3 0000000000000000");
	else if (about->state == BANOS_SOCKET_BEGINNING)
		seq_puts(seq, " 0 0000000000000000");
	else if (about->state == BANOS_SOCKET_LISTENING)
		seq_puts(seq, " 1 0000000000000000 0 0 0 0 0");
	else
		seq_puts(seq, " 1 0000000000000000 0 0 0 0 -1");
	seq_pad(seq, from, walk->table->columns);
	seq_putc(seq, '\n');
}

static bool socket_show(struct socket_walk *base, const struct socket *socket,
			const struct banos_socket_description *about)
{
	struct table_walk *walk = container_of(base, struct table_walk, walk);
	const struct socket_table *table = walk->table;

	if (seq_enough(walk->seq)) {
		walk->seq->more = true;
		return false;
	}
	if (socket->type != table->type ||
	    (table->protocol && about->protocol != table->protocol) ||
	    !socket_is_listed(socket, about))
		return true;
	socket_line(walk, socket, about);
	walk->row++;
	return true;
}

static int proc_show_sockets(struct seq_file *seq, void *arg)
{
	struct table_walk walk = {
		.walk = { .after = seq->next & ((1ul << NUMBER_BITS) - 1), .show = socket_show },
		.seq = seq,
		.table = arg,
		.row = seq->next >> NUMBER_BITS,
	};

	if (!seq->next) {
		seq_puts(seq, walk.table->titles);
		seq_pad(seq, 0, walk.table->columns);
		seq_putc(seq, '\n');
	}
	socket_family_each(walk.table->family, &walk.walk);
	seq->next = walk.row << NUMBER_BITS | walk.walk.after;
	return 0;
}

/* ---- sums ---- */

struct sum_walk {
	struct socket_walk walk; /* first */
	u32 all, streams, begun, orphans, waiting, datagrams, lite, raw;
	u64 stream_bytes, datagram_bytes;
};

/* Linux counts those that wait to be accepted as streams, not those that have only begun. */
static void connection_sum(struct sum_walk *sum, const struct banos_socket_description *about)
{
	if (about->state == BANOS_SOCKET_TIME_WAIT) {
		sum->waiting++;
	} else if (about->state != BANOS_SOCKET_BEGINNING) {
		sum->streams++;
		sum->begun++;
		sum->orphans += about->state != BANOS_SOCKET_CONNECTED;
	}
}

static bool socket_sum(struct socket_walk *base, const struct socket *socket,
		       const struct banos_socket_description *about)
{
	struct sum_walk *sum = container_of(base, struct sum_walk, walk);

	if (socket_is_connection(socket)) {
		connection_sum(sum, about);
		return true;
	}
	sum->all++;
	if (!about)
		return true;
	if (socket->type == SOCK_STREAM) {
		sum->streams++;
		sum->begun += socket_is_listed(socket, about);
		if (about->state != BANOS_SOCKET_LISTENING)
			sum->stream_bytes += about->send_bytes + (u64)about->receive_bytes;
	} else if (socket->type == SOCK_RAW) {
		sum->raw++;
	} else if (about->protocol == PROTOCOL_UDPLITE) {
		sum->lite += socket_is_listed(socket, about);
	} else if (about->protocol == PROTOCOL_UDP) {
		sum->datagrams += socket_is_listed(socket, about);
		sum->datagram_bytes += about->receive_bytes;
	}
	return true;
}

static void family_sum(u32 family, struct sum_walk *sum)
{
	*sum = (struct sum_walk){ .walk = { .show = socket_sum }, .all = sum->all };
	socket_family_each(family, &sum->walk);
}

static int proc_show_sockstat(struct seq_file *seq, void *arg)
{
	struct sum_walk sum = { 0 }, four = { 0 };

	for (u32 family = 1; family < AF_MAX; family++) {
		family_sum(family, &sum);
		if (family == FAMILY_IPV4)
			four = sum;
	}
	seq_printf(seq, "sockets: used %u\n", sum.all);
	seq_printf(seq, "TCP: inuse %u orphan %u tw %u alloc %u mem %lu\n", four.begun,
		   four.orphans, four.waiting, four.streams, four.stream_bytes >> PAGE_SHIFT);
	seq_printf(seq, "UDP: inuse %u mem %lu\nUDPLITE: inuse %u\n", four.datagrams,
		   four.datagram_bytes >> PAGE_SHIFT, four.lite);
	seq_printf(seq, "RAW: inuse %u\nFRAG: inuse 0 memory 0\n", four.raw);
	return 0;
}

static int proc_show_sockstat6(struct seq_file *seq, void *arg)
{
	struct sum_walk sum = { 0 };

	family_sum(FAMILY_IPV6, &sum);
	seq_printf(seq,
		   "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse %u\nRAW6: inuse %u\n"
		   "FRAG6: inuse 0 memory 0\n",
		   sum.begun, sum.datagrams, sum.lite, sum.raw);
	return 0;
}

void net_socket_proc_init(void)
{
	bool made = proc_create("net/sockstat", 0444, proc_show_sockstat, NULL) &&
		    proc_create("net/sockstat6", 0444, proc_show_sockstat6, NULL);

	for (u32 i = 0; i < ARRAY_SIZE(tables); i++)
		made = made &&
		       proc_create(tables[i].path, 0444, proc_show_sockets, (void *)&tables[i]);
	if (!made)
		panic("no memory for /proc/net");
}
