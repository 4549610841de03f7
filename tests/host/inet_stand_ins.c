/* SPDX-License-Identifier: MIT */
/*
 * What the kernel and the rest of inet have for its table of connections and for lwIP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <malloc.h>
#include "../../drivers/net/inet/inet.h"
#include "../../drivers/net/inet/table.h"
#include "inet_stand_ins.h"
#include <lwip/sys.h>

banos_owner inet_owner;
uint32_t now_ms, short_of_memory, starved;

void *banos_alloc(banos_owner owner, uint64_t bytes, uint64_t flags)
{
	return malloc(bytes);
}
int64_t banos_free(banos_owner owner, void *memory)
{
	free(memory);
	return 0;
}
int64_t banos_random(void *memory, uint64_t bytes)
{
	memset(memory, 0x5c, bytes);
	return 0;
}
void *inet_memory_get(unsigned long size)
{
	if (starved && size >= sizeof(struct tcp_pcb))
		return NULL;
	return malloc(size);
}
void *inet_memory_zeroes(unsigned long count, unsigned long size)
{
	return calloc(count, size);
}
void inet_memory_put(void *memory)
{
	if (malloc_usable_size(memory) >= sizeof(struct tcp_pcb))
		starved = false;
	free(memory);
}
_Bool inet_memory_is_short(void)
{
	return short_of_memory;
}
void inet_copy_sent(void *to, unsigned long offset, unsigned long length)
{
	fail();
}
void inet_complain(const char *what)
{
	fail_msg("lwIP: %s", what);
}
uint32_t inet_random(void)
{
	return (uint32_t)rand();
}
u32_t sys_now(void)
{
	return now_ms;
}
/* No listener is full here. */
bool cookie_input(struct pbuf *pbuf, struct netif *netif)
{
	return false;
}

uint32_t inet_initial_sequence(const void *local, uint16_t local_port, const void *remote,
			       uint16_t remote_port)
{
	return now_ms * 1000 + (uint32_t)rand() % 1000;
}
struct netif *inet_route4(const struct ip4_addr *source, const struct ip4_addr *destination)
{
	return netif_default;
}
struct netif *inet_route6(const struct ip6_addr *source, const struct ip6_addr *destination)
{
	return netif_default;
}
const struct ip4_addr *inet_gateway4(struct netif *netif, const struct ip4_addr *destination)
{
	return destination;
}
const struct ip6_addr *inet_gateway6(struct netif *netif, const struct ip6_addr *destination)
{
	return NULL;
}
int inet_may_forward4(void)
{
	return 0;
}
uint32_t *inet_segment_sent(struct tcp_hdr *header, const struct tcp_pcb *pcb, uint32_t *options)
{
	return options;
}
bool stream_timer_is_needed(const struct tcp_pcb *pcb)
{
	return false;
}

const struct socket_kind stream_kind;
uint16_t port_guess(void)
{
	return PORT_FIRST;
}
signed char inet_urgent_arrived(struct tcp_pcb *pcb, const struct tcp_hdr *header,
				const struct pbuf *bytes)
{
	return 0;
}
