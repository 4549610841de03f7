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
#endif
