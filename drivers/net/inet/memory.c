/* SPDX-License-Identifier: MIT */
/*
 * Memory, of lwIP and of our own; under the lock.
 *
 * Pieces come in classes, four to each doubling of the size. Freed ones are kept for the next of their class, up to
 * SPARE_MAX bytes of all classes: the kernel clears each byte that it hands out, and maps larger ones page by page.
 *
 * What is in use is counted, with the packets that wait to be read. Above the limit, or above half of it in pieces alone (the
 * kernel gives a driver no more than the limit), windows shrink, a connection that has sent something waits before it
 * sends more, and what arrives out of order is dropped; above twice of it so is all that arrives for a socket that has
 * something to read.
 */
#include <banos/memory.h>
#include <banos/network.h>
#include "inet.h"

#define CLASSES	  52u
#define SMALLEST  6u /* its logarithm */
#define SPARE_MAX (512u << 10)

/* In front of each piece, so that all of them are given back at the end. */
struct piece {
	struct piece *next, **at;
	uint32_t bytes, class;
	uint64_t shares; /* how often it is given back before it is free */
};
_Static_assert(sizeof(struct piece) == 32, "what lies behind it is aligned to 16");

/* A connection holds one of each, with both its ends two: they stay in classes that waste little, here and in the kernel. */
_Static_assert(sizeof(struct piece) + sizeof(struct tcp_pcb) <= 512, "a class");
_Static_assert(sizeof(struct piece) + sizeof(struct inet_socket) <= 384, "a class");

static struct piece *pieces; /* in use */
static struct piece *spares[CLASSES];
static uint32_t spare_bytes;
static uint64_t used_bytes, limit_bytes;
static uint64_t own_bytes; /* in pieces, of used_bytes */

/* @return the class of pieces that have *@bytes or more, and in *@bytes how many; CLASSES: none has */
static uint32_t piece_class(unsigned long *bytes)
{
	uint32_t log, step;

	if (*bytes <= 1ul << SMALLEST) {
		*bytes = 1ul << SMALLEST;
		return 0;
	}
	log = 63 - (uint32_t)__builtin_clzl(*bytes - 1);
	step = log - 2;
	*bytes = (((*bytes - 1) >> step) + 1) << step;
	return (log - SMALLEST) * 4 + (uint32_t)((*bytes - 1) >> step) - 4 + 1;
}

static void piece_use(struct piece *piece)
{
	used_bytes += piece->bytes;
	own_bytes += piece->bytes;
	piece->next = pieces;
	piece->at = &pieces;
	if (pieces)
		pieces->at = &piece->next;
	pieces = piece;
}

void *inet_memory_get(unsigned long size)
{
	unsigned long bytes;
	struct piece *piece;
	uint32_t class;

	if (__builtin_add_overflow(size, sizeof(*piece), &bytes))
		return NULL;
	class = piece_class(&bytes);
	if (class >= CLASSES)
		return NULL;
	piece = spares[class];
	if (piece) {
		spares[class] = piece->next;
		spare_bytes -= piece->bytes;
	} else {
		piece = banos_alloc(inet_owner, bytes, 0);
		if (!piece)
			return NULL;
		piece->bytes = (uint32_t)bytes;
		piece->class = class;
		piece->shares = 0;
	}
	piece_use(piece);
	return piece + 1;
}

void *inet_memory_zeroes(unsigned long count, unsigned long size)
{
	unsigned long bytes;
	void *memory;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	memory = inet_memory_get(bytes);
	if (memory)
		memset(memory, 0, bytes);
	return memory;
}

void inet_memory_put(void *memory)
{
	struct piece *piece = (struct piece *)memory - 1;

	if (piece->shares) {
		piece->shares--;
		return;
	}
	used_bytes -= piece->bytes;
	own_bytes -= piece->bytes;
	*piece->at = piece->next;
	if (piece->next)
		piece->next->at = piece->at;
	if (spare_bytes + piece->bytes > SPARE_MAX) {
		banos_free(inet_owner, piece);
		return;
	}
	spare_bytes += piece->bytes;
	piece->next = spares[piece->class];
	spares[piece->class] = piece;
}

void inet_memory_share(void *memory)
{
	((struct piece *)memory - 1)->shares++;
}

void memory_charge(int64_t bytes)
{
	used_bytes += (uint64_t)bytes;
}

bool inet_memory_is_short(void)
{
	return used_bytes > limit_bytes || own_bytes > limit_bytes / 2;
}

bool memory_is_out(void)
{
	return used_bytes / 2 > limit_bytes;
}

void memory_init(void)
{
	limit_bytes = banos_net_memory_limit();
}

static void pieces_free(struct piece *piece)
{
	struct piece *next;

	for (; piece; piece = next) {
		next = piece->next;
		banos_free(inet_owner, piece);
	}
}

void memory_exit(void)
{
	pieces_free(pieces);
	for (uint32_t i = 0; i < CLASSES; i++)
		pieces_free(spares[i]);
}
