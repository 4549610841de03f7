/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum, for lwIP: RFC 1071. The sum is the same in either order of bytes, so words are added as they lie
 * in memory, of 64 bits, with the carry of each to the next.
 */
#include <banos/string.h>
#include "checksum.h"

#define BLOCK 64u

static uint64_t sum_block(const uint8_t *at, uint64_t sum)
{
	__asm__("addq 0(%[at]), %[sum]\n\t"
		"adcq 8(%[at]), %[sum]\n\t"
		"adcq 16(%[at]), %[sum]\n\t"
		"adcq 24(%[at]), %[sum]\n\t"
		"adcq 32(%[at]), %[sum]\n\t"
		"adcq 40(%[at]), %[sum]\n\t"
		"adcq 48(%[at]), %[sum]\n\t"
		"adcq 56(%[at]), %[sum]\n\t"
		"adcq $0, %[sum]"
		: [sum] "+r"(sum)
		: [at] "r"(at), "m"(*(const uint8_t(*)[BLOCK])at)
		: "cc");
	return sum;
}

static uint64_t sum_word(uint64_t word, uint64_t sum)
{
	sum += word;
	return sum + (sum < word);
}

uint16_t inet_checksum_add(const void *bytes, int length)
{
	const uint8_t *at = bytes;
	uint64_t sum = 0, word;
	uint32_t left = length < 0 ? 0 : (uint32_t)length;

	for (; left >= BLOCK; left -= BLOCK, at += BLOCK)
		sum = sum_block(at, sum);
	for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
		__builtin_memcpy(&word, at, sizeof(word));
		sum = sum_word(word, sum);
	}
	word = 0;
	memcpy(&word, at, left);
	sum = sum_word(word, sum);
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	return (uint16_t)sum;
}
