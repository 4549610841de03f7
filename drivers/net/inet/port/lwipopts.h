/* SPDX-License-Identifier: MIT */
/**
 * @file lwipopts.h  How lwIP is built: for real use, with memory from the kernel and one lock around it.
 *
 * Everything of it runs under the lock of core.c; there are no threads and no locks of its own. What is
 * not stated here has the default of lwIP.
 */
#pragma once
#include <stdint.h>
#include "string.h"

#define NO_SYS		     1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS	     1
#define LWIP_NETCONN	     0
#define LWIP_SOCKET	     0
#define LWIP_STATS	     0

/* Memory: each object and each packet is one allocation from the kernel. */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT	16
void *inet_memory_get(unsigned long size);
void inet_memory_put(void *memory);
#define mem_clib_malloc inet_memory_get
#define mem_clib_free	inet_memory_put
void *inet_memory_zeroes(unsigned long count, unsigned long size);
#define mem_clib_calloc	  inet_memory_zeroes
#define PBUF_POOL_BUFSIZE 2048
/** @return does everything together hold more than it should? */
_Bool inet_memory_is_short(void);

/*
 * What programs send is copied from their buffers to where it stays. To lwIP such bytes have addresses at
 * which there is no memory: INET_SENT and an offset.
 */
#define INET_SENT     0x10000ul
#define INET_SENT_MAX 0x10000ul
void inet_copy_sent(void *to, unsigned long offset, unsigned long length);
static inline void inet_copy(void *to, const void *from, unsigned long length)
{
	if ((uintptr_t)from - INET_SENT < INET_SENT_MAX)
		inet_copy_sent(to, (uintptr_t)from - INET_SENT, length);
	else
		memcpy(to, from, length);
}
#define MEMCPY(to, from, length) inet_copy(to, from, length)
#define LWIP_SUPPORT_CUSTOM_PBUF 1
/* Its few timeouts never lack memory: core.c has room for all of them. Said where lwIP compiles its timeouts, alone. */
#ifdef INET_TIMEOUTS
#define memp_malloc inet_timeout_get
#define memp_free   inet_timeout_put
#endif
/* Where lwIP compiles what allocates connections: tick.c. */
#ifdef INET_TCP_MEMORY
#define memp_malloc inet_tcp_memory
#endif

/* Interfaces and IP. */
#define LWIP_ARP		      1
#define LWIP_ETHERNET		      1
#define ARP_TABLE_SIZE		      120 /* its indexes are signed bytes */
#define ARP_QUEUEING		      1
#define ARP_QUEUE_LEN		      101 /* as Linux, while an address is asked for */
#define ETHARP_SUPPORT_STATIC_ENTRIES 1
#define LWIP_IPV4		      1
#define LWIP_IPV6		      1
#define LWIP_IPV6_NUM_ADDRESSES	      12
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0 /* autoconf.c does, and knows the answers */
#define LWIP_IPV6_AUTOCONFIG	      1
#define LWIP_IPV6_MLD		      1
#define LWIP_IPV6_FORWARD	      1
#define LWIP_ND6_NUM_NEIGHBORS	      120
#define LWIP_ND6_NUM_DESTINATIONS     120
#define LWIP_ND6_QUEUEING	      1
#define LWIP_ICMP6		      1
#define LWIP_IPV6_DHCP6		      0
#define LWIP_DHCP		      0
#define LWIP_AUTOIP		      0
#define LWIP_DNS		      0
#define LWIP_IGMP		      1
#define LWIP_MULTICAST_TX_OPTIONS     1
#define LWIP_BROADCAST_PING	      0
#define LWIP_MULTICAST_PING	      0
#define IP_FORWARD		      1
#define IP_REASSEMBLY		      1
#define IP_REASS_MAX_PBUFS	      256
#define MEMP_NUM_REASSDATA	      64
#define IP_FRAG			      1
#define IPV6_FRAG_COPYHEADER	      1
#define IP_SOF_BROADCAST	      1
#define LWIP_RAW		      1
#define RAW_TTL			      64
#define UDP_TTL			      64
#define LWIP_UDPLITE		      1
#define TCP_TTL			      64
#define IP_DEFAULT_TTL		      64
#define LWIP_NETIF_HWADDRHINT	      1
#define LWIP_NETIF_LINK_CALLBACK      0
#define LWIP_TCP_PCB_NUM_EXT_ARGS     9 /* table.h */
#define LWIP_CHECKSUM_CTRL_PER_NETIF  1 /* lo has none, as on Linux */
#define LWIP_HAVE_LOOPIF	      0
#define LWIP_NETIF_LOOPBACK	      0
#define LWIP_NETIF_TX_SINGLE_PBUF     0
#define PBUF_LINK_HLEN		      14
#define PBUF_LINK_ENCAPSULATION_HLEN  0

/* TCP. The MSS of a connection follows from the MTU of its interface; this is for lo: a frame of 64 KiB, with all in front. */
#define LWIP_TCP		   1
#define TCP_MSS			   65376
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_WND_SCALE		   1
#define TCP_RCV_SCALE		   4
#define TCP_WND			   (512 * 1024)
/* Windows open in such steps, also for who knows no scaling and has 64 KiB at most. */
#define TCP_WND_UPDATE_THRESHOLD	16384
#define TCP_SND_BUF			(256 * 1024)
#define TCP_SND_QUEUELEN		1024
#define TCP_SNDLOWAT			(TCP_SND_BUF / 4)
#define TCP_SNDQUEUELOWAT		(TCP_SND_QUEUELEN / 2)
#define TCP_OVERSIZE			1448
#define TCP_QUEUE_OOSEQ			1
#define TCP_OOSEQ_MAX_PBUFS		512
#define TCP_OOSEQ_MAX_BYTES		TCP_WND
#define TCP_OOSEQ_BYTES_LIMIT(pcb)	(inet_memory_is_short() ? 0 : TCP_WND)
#define LWIP_TCP_SACK_OUT		1
#define LWIP_TCP_MAX_SACK_NUM		4
#define LWIP_TCP_TIMESTAMPS		1
#define LWIP_TCP_KEEPALIVE		1
#define TCP_LISTEN_BACKLOG		1
#define TCP_DEFAULT_LISTEN_BACKLOG	0xff
#define TCP_MAXRTX			12
#define TCP_SYNMAXRTX			12	/* stream_timer.c has them end before */
#define LWIP_TCP_RTO_TIME		1000	/* RFC 6298 */
#define TCP_MSL				30000UL /* TIME_WAIT lasts a minute, as on Linux */
#define LWIP_DISABLE_TCP_SANITY_CHECKS	1
#define LWIP_DISABLE_MEMP_SANITY_CHECKS 1
#define SO_REUSE			1
#define SO_REUSE_RXTOALL		1
struct tcp_pcb;
struct ip4_addr;
struct ip6_addr;
struct ip_addr;
struct netif;
struct pbuf;
uint32_t inet_initial_sequence(const void *local, uint16_t local_port, const void *remote,
			       uint16_t remote_port);
#define LWIP_HOOK_TCP_ISN inet_initial_sequence
struct tcp_hdr;
uint32_t *inet_segment_sent(struct tcp_hdr *header, const struct tcp_pcb *pcb, uint32_t *options);
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(to, header, pcb, at) inet_segment_sent(header, pcb, at)

signed char inet_urgent_arrived(struct tcp_pcb *pcb, const struct tcp_hdr *header,
				const struct pbuf *bytes);
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, length, first, second, bytes) \
	(TCPH_FLAGS(header) & TCP_URG ? inet_urgent_arrived(pcb, header, bytes) : ERR_OK)

/* Routes and neighbours' gateways are ours (route.c). */
struct netif *inet_route4(const struct ip4_addr *source, const struct ip4_addr *destination);
#define LWIP_HOOK_IP4_ROUTE_SRC(source, destination) inet_route4(source, destination)
const struct ip4_addr *inet_gateway4(struct netif *netif, const struct ip4_addr *destination);
#define LWIP_HOOK_ETHARP_GET_GW(netif, destination) inet_gateway4(netif, destination)
struct netif *inet_route6(const struct ip6_addr *source, const struct ip6_addr *destination);
int inet_may_forward4(void);
#define LWIP_HOOK_IP4_CANFORWARD(pbuf, destination) inet_may_forward4()
#define LWIP_HOOK_IP6_ROUTE(source, destination)    inet_route6(source, destination)
const struct ip6_addr *inet_gateway6(struct netif *netif, const struct ip6_addr *destination);
#define LWIP_HOOK_ND6_GET_GW(netif, destination) inet_gateway6(netif, destination)

/* What is for this machine passes above.c: of the files of IP alone, which call this. */
#ifdef INET_BEHIND_IP
#define raw_input inet_raw_input
#endif
