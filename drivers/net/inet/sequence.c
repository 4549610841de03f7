/* SPDX-License-Identifier: MIT */
/*
 * Initial sequence numbers: RFC 6528. A clock of 64 ns, as Linux's, and a keyed hash of the two ends: nobody else can guess
 * them, and a connection between the same ends begins above the last one, which may still be in TIME_WAIT.
 */
#include <banos/random.h>
#include <banos/time.h>
#include "inet.h"

#define CLOCK_SHIFT 6u
#define WORDS	    6u

static uint64_t secret[2];

void sequence_init(void)
{
	banos_random(secret, sizeof(secret));
}

static uint64_t sip_rotated(uint64_t value, uint32_t bits)
{
	return value << bits | value >> (64 - bits);
}

static void sip_rounds(uint64_t state[4], uint32_t count)
{
	while (count--) {
		state[0] += state[1];
		state[2] += state[3];
		state[1] = sip_rotated(state[1], 13) ^ state[0];
		state[3] = sip_rotated(state[3], 16) ^ state[2];
		state[0] = sip_rotated(state[0], 32);
		state[2] += state[1];
		state[0] += state[3];
		state[1] = sip_rotated(state[1], 17) ^ state[2];
		state[3] = sip_rotated(state[3], 21) ^ state[0];
		state[2] = sip_rotated(state[2], 32);
	}
}

/* SipHash-2-4 (Aumasson, Bernstein, 2012) of whole words. */
static uint64_t sip_hash(const uint64_t *words, uint32_t count)
{
	uint64_t state[4] = { secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
			      secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u };

	for (uint32_t i = 0; i <= count; i++) {
		uint64_t word = (uint64_t)count << 59; /* its length in bytes is the last one */

		if (i < count)
			word = words[i];
		state[3] ^= word;
		sip_rounds(state, 2);
		state[0] ^= word;
	}
	state[2] ^= 0xff;
	sip_rounds(state, 4);
	return state[0] ^ state[1] ^ state[2] ^ state[3];
}

static void address_words(const ip_addr_t *address, uint64_t words[2])
{
	if (IP_IS_V6(address))
		memcpy(words, ip_2_ip6(address)->addr, 16);
	else
		memcpy(words, &ip_2_ip4(address)->addr, 4);
}

uint32_t sequence_hash(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
		       uint16_t remote_port, uint64_t extra)
{
	uint64_t words[WORDS] = { 0 };

	address_words(local, words);
	address_words(remote, words + 2);
	words[4] = (uint64_t)local_port << 16 | remote_port;
	words[5] = extra;
	return (uint32_t)sip_hash(words, WORDS);
}

uint32_t inet_initial_sequence(const void *local, uint16_t local_port, const void *remote,
			       uint16_t remote_port)
{
	uint32_t sequence;

	if (cookie_sequence(&sequence))
		return sequence;
	return sequence_hash(local, local_port, remote, remote_port, 0) +
	       (uint32_t)(banos_time_ns() >> CLOCK_SHIFT);
}
