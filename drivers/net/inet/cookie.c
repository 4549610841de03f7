/* SPDX-License-Identifier: MIT */
/*
 * SYN cookies: D. J. Bernstein (1996), RFC 4987, 3.6.
 *
 * A listener whose backlog is full of connections that have only begun answers a SYN without keeping anything: what it
 * has to know again is in the sequence number of its answer, which the client acknowledges. From the high bits on:
 * 24 bits of a keyed hash of the two ends, the client's sequence number, the time and the MSS; 5 bits of the time, in units of
 * 64 s; 3 bits that name an MSS. When such an acknowledgement arrives the oldest of the connections that have only begun
 * makes room, and lwIP is shown the SYN once more, with the same sequence number, before it. What else a SYN has told
 * is in the low bits of the answer's timestamp, which the client sends back, as Linux has it: 4 bits of the scale of its
 * windows, 15 for none, and one of SACK. Of a client without timestamps it is lost. Acknowledgements are looked at for
 * as long as a cookie may be out. A listener whose programs do not accept gives out none.
 *
 * What lwIP answers to the second SYN the client has seen already, and acknowledges again.
 */
#include <banos/time.h>
#include "inet.h"
#include "table.h"
#include <lwip/inet_chksum.h>
#include <lwip/ip.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>

#define UNIT_NS	    (UINT64_C(64) * 1000000000)
#define UNITS_VALID 2u
#define UNIT_BITS   5u
#define MSS_BITS    3u
#define HASH_MASK   0xffffff00u
#define OWN_WINDOW  0xffffu

/* Options of TCP. */
#define KIND_MSS     2u
#define KIND_SCALE   3u
#define KIND_SACK    4u
#define KIND_TIME    8u
#define MSS_OPTION   0x02040000u /* kind 2, 4 bytes */
#define SCALE_OPTION 0x01030300u /* behind one that fills: kind 3, 3 bytes */
#define SACK_OPTION  0x01010402u /* behind two that fill: kind 4, 2 bytes */
#define TIME_OPTION  0x0101080au /* behind two that fill: kind 8, 10 bytes */
#define TIME_BYTES   10u
#define OPTION_WORDS 6u
#define SCALE_MOST   14u
/* Of our timestamp: what the SYN has told. */
#define STAMP_MASK     0x1fu
#define STAMP_SACK     0x10u
#define STAMP_NO_SCALE 0xfu

static const uint16_t sizes[] = { 216, 536, 1220, 1360, 1440, 1460, 4312, 8960 };
_Static_assert(sizeof(sizes) / sizeof(sizes[0]) == 1u << MSS_BITS, "three bits name one");

static uint64_t last_sent_ns; /* 0: none yet; under the lock, as what follows */
static bool is_forced;	      /* the next sequence number is: */
static uint32_t forced;

bool cookie_sequence(uint32_t *sequence)
{
	*sequence = forced;
	return is_forced;
}

static uint32_t cookie_make(const struct tcp_hdr *header, uint32_t client, uint64_t unit,
			    uint32_t size)
{
	uint32_t low = (uint32_t)(unit % (1u << UNIT_BITS)) << MSS_BITS | size;
	uint32_t hash = sequence_hash(ip_current_dest_addr(), lwip_ntohs(header->dest),
				      ip_current_src_addr(), lwip_ntohs(header->src),
				      (uint64_t)client << 32 | (uint32_t)(unit << MSS_BITS) | size);

	return (hash & HASH_MASK) | low;
}

/* @return false: it is none, or too old */
static bool cookie_check(const struct tcp_hdr *header, uint32_t client, uint32_t cookie)
{
	uint64_t unit = banos_time_ns() / UNIT_NS;
	uint32_t size = cookie % (1u << MSS_BITS);

	for (uint32_t age = 0; age <= UNITS_VALID && age <= unit; age++)
		if (cookie == cookie_make(header, client, unit - age, size))
			return true;
	return false;
}

/* What the options of a segment say. */
struct segment_options {
	uint32_t mss, scale; /* scale: STAMP_NO_SCALE: none */
	bool has_sack, has_time;
	uint32_t time, echo;
};

static uint32_t option_be32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static void option_read(const uint8_t *option, uint32_t length, struct segment_options *options)
{
	if (*option == KIND_MSS && length == 4)
		options->mss = (uint32_t)option[2] << 8 | option[3];
	if (*option == KIND_SCALE && length == 3)
		options->scale = (uint32_t)least_of(option[2], SCALE_MOST);
	if (*option == KIND_SACK)
		options->has_sack = true;
	if (*option != KIND_TIME || length != TIME_BYTES)
		return;
	options->has_time = true;
	options->time = option_be32(option + 2);
	options->echo = option_be32(option + 6);
}

/* Of a segment whose options were checked. */
static struct segment_options options_read(const struct pbuf *pbuf, const struct tcp_hdr *header)
{
	struct segment_options options = { .mss = 536, .scale = STAMP_NO_SCALE };
	const uint8_t *option = (const uint8_t *)(header + 1);
	uint32_t left = TCPH_HDRLEN_BYTES(header);

	left = left > pbuf->len ? 0 : left - TCP_HLEN;
	while (left && *option) {
		uint32_t step = 1;

		if (*option != 1)
			step = left > 1 ? option[1] : 0;
		if (!step || step > left)
			break;
		if (step > 1)
			option_read(option, step, &options);
		option += step;
		left -= step;
	}
	return options;
}

/* The largest of ours that is not above what the SYN says. */
static uint32_t size_find(uint32_t mss)
{
	uint32_t size = 0;

	while (size + 1 < 1u << MSS_BITS && sizes[size + 1] <= mss)
		size++;
	return size;
}

/* The time in milliseconds, as lwIP's, or a little earlier, with what the SYN has told. */
static uint32_t stamp_make(const struct segment_options *syn)
{
	uint32_t now = sys_now(), told = syn->scale | (syn->has_sack ? STAMP_SACK : 0);
	uint32_t stamp = (now & ~STAMP_MASK) | told;

	if (stamp > now)
		stamp -= STAMP_MASK + 1;
	return stamp;
}

/* @return how many words of a header were written */
static uint32_t options_write(const struct segment_options *options, uint32_t *words)
{
	uint32_t count = 0;

	words[count++] = lwip_htonl(MSS_OPTION | options->mss);
	if (!options->has_time)
		return count;
	if (options->has_sack)
		words[count++] = lwip_htonl(SACK_OPTION);
	words[count++] = lwip_htonl(TIME_OPTION);
	words[count++] = lwip_htonl(options->time);
	words[count++] = lwip_htonl(options->echo);
	if (options->scale != STAMP_NO_SCALE)
		words[count++] = lwip_htonl(SCALE_OPTION | options->scale);
	return count;
}

/* A header with options, whose checksum is not filled in; NULL: no memory */
static struct pbuf *segment_make(uint16_t from, uint16_t to, uint32_t sequence, uint32_t answer,
				 uint8_t flags, const struct segment_options *options)
{
	uint32_t words[OPTION_WORDS], bytes = 4 * options_write(options, words);
	struct pbuf *pbuf = pbuf_alloc(PBUF_IP, (uint16_t)(TCP_HLEN + bytes), PBUF_RAM);
	struct tcp_hdr *header;

	if (!pbuf)
		return NULL;
	header = pbuf->payload;
	header->src = from;
	header->dest = to;
	header->seqno = lwip_htonl(sequence);
	header->ackno = lwip_htonl(answer);
	TCPH_HDRLEN_FLAGS_SET(header, (TCP_HLEN + bytes) / 4, flags);
	header->wnd = OWN_WINDOW;
	header->chksum = header->urgp = 0;
	memcpy(header + 1, words, bytes);
	return pbuf;
}

static void cookie_send(const struct pbuf *syn, const struct tcp_hdr *header, struct netif *netif)
{
	const ip_addr_t *own = ip_current_dest_addr(), *client = ip_current_src_addr();
	struct segment_options told = options_read(syn, header), answer = told;
	uint32_t sequence = lwip_ntohl(header->seqno);
	uint64_t now = banos_time_ns();
	uint32_t cookie = cookie_make(header, sequence, now / UNIT_NS, size_find(told.mss));
	struct netif *way = ip_route(own, client);
	struct pbuf *pbuf;

	if (!way)
		return;
	answer.mss = tcp_eff_send_mss(TCP_MSS, own, client);
	answer.time = stamp_make(&told);
	answer.echo = told.time;
	if (told.scale != STAMP_NO_SCALE)
		answer.scale = TCP_RCV_SCALE;
	pbuf = segment_make(header->dest, header->src, cookie, sequence + 1, TCP_SYN | TCP_ACK,
			    &answer);
	if (!pbuf)
		return;
	if (way->chksum_flags & NETIF_CHECKSUM_GEN_TCP)
		((struct tcp_hdr *)pbuf->payload)->chksum =
			ip_chksum_pseudo(pbuf, IP_PROTO_TCP, pbuf->tot_len, own, client);
	if (ip_output_if(pbuf, own, client, TCP_TTL, 0, IP_PROTO_TCP, way) == ERR_OK)
		last_sent_ns = now;
	pbuf_free(pbuf);
}

static struct tcp_pcb_listen *listener_find(const struct tcp_hdr *header)
{
	struct tcp_pcb *pcb = NULL, *any = NULL;

	while ((pcb = table_listener_next(lwip_ntohs(header->dest), pcb))) {
		if (pcb->netif_idx != NETIF_NO_INDEX &&
		    pcb->netif_idx != netif_get_index(ip_current_input_netif()))
			continue;
		if (ip_addr_cmp_zoneless(&pcb->local_ip, ip_current_dest_addr()))
			return (struct tcp_pcb_listen *)pcb;
		if (IP_IS_ANY_TYPE_VAL(pcb->local_ip) ||
		    (IP_IS_V6_VAL(pcb->local_ip) == ip_current_is_v6() &&
		     ip_addr_isany(&pcb->local_ip)))
			any = pcb;
	}
	return (struct tcp_pcb_listen *)any;
}

/* Of those that have only begun the one that has for the longest; NULL: none has. Those are the programs' to accept. */
static struct tcp_pcb *begun_find(const struct tcp_pcb_listen *listener)
{
	struct tcp_pcb *first = table_port_first(listener->local_port);

	for (struct tcp_pcb *pcb = first; pcb; pcb = table_port_next(first, pcb))
		if (pcb->state == SYN_RCVD && pcb->listener == listener)
			return pcb;
	return NULL;
}

static bool segment_is_believed(struct pbuf *pbuf, const struct netif *netif)
{
	return !(netif->chksum_flags & NETIF_CHECKSUM_CHECK_TCP) ||
	       !ip_chksum_pseudo(pbuf, IP_PROTO_TCP, pbuf->tot_len, ip_current_src_addr(),
				 ip_current_dest_addr());
}

/* lwIP sees the SYN once more, as far as it is known. */
static void syn_show(const struct pbuf *answer, const struct tcp_hdr *header, uint32_t client,
		     uint32_t cookie, struct netif *netif)
{
	struct segment_options options = options_read(answer, header);
	uint16_t checks = netif->chksum_flags;
	struct pbuf *pbuf;

	options.mss = sizes[cookie % (1u << MSS_BITS)];
	options.has_sack = options.echo & STAMP_SACK;
	options.scale = options.echo & STAMP_NO_SCALE;
	options.echo = 0;
	pbuf = segment_make(header->src, header->dest, client, 0, TCP_SYN, &options);
	if (!pbuf)
		return;
	((struct tcp_hdr *)pbuf->payload)->wnd = header->wnd;
	netif->chksum_flags &= (uint16_t)~NETIF_CHECKSUM_CHECK_TCP;
	is_forced = true;
	forced = cookie;
	tcp_input(pbuf, netif);
	is_forced = false;
	netif->chksum_flags = checks;
}

static void cookie_accept(struct pbuf *pbuf, const struct tcp_hdr *header, struct netif *netif)
{
	struct tcp_pcb_listen *listener = listener_find(header);
	uint32_t client = lwip_ntohl(header->seqno) - 1, cookie = lwip_ntohl(header->ackno) - 1;
	struct tcp_pcb *begun;

	if (!listener || !cookie_check(header, client, cookie) || !segment_is_believed(pbuf, netif))
		return;
	if (listener->accepts_pending >= listener->backlog) {
		begun = begun_find(listener);
		if (!begun)
			return;
		tcp_abandon(begun, 0);
	}
	syn_show(pbuf, header, client, cookie, netif);
}

/* @return true: it was answered, or there is nothing to be done with it */
static bool syn_is_answered(struct pbuf *pbuf, const struct tcp_hdr *header, struct netif *netif)
{
	const struct tcp_pcb_listen *listener = listener_find(header);

	if (!listener || listener->accepts_pending < listener->backlog)
		return false;
	if (begun_find(listener) && segment_is_believed(pbuf, netif))
		cookie_send(pbuf, header, netif);
	return true;
}

bool cookie_input(struct pbuf *pbuf, struct netif *netif)
{
	const struct tcp_hdr *header = pbuf->payload;
	uint32_t flags = TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);
	bool is_out = last_sent_ns && banos_time_ns() - last_sent_ns < (UNITS_VALID + 1) * UNIT_NS;

	if (is_forced)
		return false;
	if (flags == TCP_SYN)
		return syn_is_answered(pbuf, header, netif);
	if (is_out && (flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK)
		cookie_accept(pbuf, header, netif);
	return false;
}
