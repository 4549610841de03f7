/* SPDX-License-Identifier: MIT */
/** @file shape.h  Is a packet of IPv4, ARP or IPv6 well formed, as far as its own lengths say? Pure. */
#ifndef INET_SHAPE_H
#define INET_SHAPE_H
#include <stdbool.h>
#include <stdint.h>

/**
 * @param type    EtherType
 * @param bytes   @p length bytes behind the Ethernet header
 */
bool shape_is_good(uint32_t type, const void *bytes, uint32_t length);

#define SHAPE_HEAD 512u /* bytes of a packet in which all of its headers must lie */

/** What is behind the headers of IP. */
struct shape_upper {
	uint32_t protocol, offset; /* NONE: 59 */
};
/**
 * @brief Check a packet of IPv4 or IPv6 that was put together of fragments, of which each was good.
 * Neighbour discovery is never in fragments (RFC 6980).
 * @param head    its first bytes: SHAPE_HEAD of them, or all
 * @param length  of the packet; what it says itself was made true
 */
bool shape_whole_is_good(const void *head, uint32_t length, struct shape_upper *upper);
/** @brief The same of one that is known to be good: what is behind its headers? @return false: it is not in the head */
bool shape_find_upper(const void *head, uint32_t length, struct shape_upper *upper);
#endif
