/* SPDX-License-Identifier: MIT */
/** @file advertisement.h  What a router advertises, and what follows from it: RFC 4861, RFC 4862. Pure. */
#ifndef INET_ADVERTISEMENT_H
#define INET_ADVERTISEMENT_H
#include <stdbool.h>
#include <stdint.h>

#define ADVERTISED_PREFIXES 8u /* of one advertisement; the rest is ignored */
#define FOR_EVER_S	    0xffffffffu

struct advertised_prefix {
	uint8_t address[16]; /* its bits behind @bits are 0 */
	uint32_t bits;
	uint32_t valid_s, preferred_s; /* FOR_EVER_S: for ever; preferred_s is not more */
	bool on_link, autonomous;
};

struct advertisement {
	uint8_t router[16]; /* who sent it */
	uint32_t router_s;  /* how long it is a default router; 0: it is none */
	uint32_t mtu;	    /* 0: not stated */
	uint32_t count;
	struct advertised_prefix prefixes[ADVERTISED_PREFIXES];
};

/** @return does lwIP find a Fragment header in this packet of IPv6, be it the only fragment? */
bool packet_is_fragment(const uint8_t *packet, uint32_t length);
/**
 * @brief Read one.
 * @param header  the 40 bytes of that of IPv6
 * @param message of ICMPv6, at least 4 bytes, whose checksum was right
 * @return false: RFC 4861, 6.1.2 has it discarded
 */
bool advertisement_read(const uint8_t *header, const uint8_t *message, uint32_t length,
			struct advertisement *to);
/**
 * @brief How long an address stays valid (RFC 4862, 5.5.3 e: nobody shortens that to less than two hours).
 * @param left_s      FOR_EVER_S: for ever
 * @param announced_s FOR_EVER_S: for ever
 */
uint32_t advertisement_valid_s(uint32_t left_s, uint32_t announced_s);
/** @brief Modified EUI-64: the last 8 bytes of an address, from 6 of an interface's (RFC 4291, appendix A). */
void interface_identifier(const uint8_t *hardware, uint8_t *to);
#endif
