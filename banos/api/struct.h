/* SPDX-License-Identifier: MIT */
/**
 * @file struct.h  Structs that begin with their size, as a driver of any level hands them over.
 *
 * Such a struct grows at its end only. A driver that was built for an earlier
 * level hands over a shorter one: the fields that it lacks are zero. A driver
 * built for a later level hands over a longer one: what this kernel does not
 * know of it has to be zero, or is ignored where the header says so. The least
 * size is that of the level which brought the struct, never sizeof of today's.
 *
 * Pure: the caller has found out how many bytes may be read.
 */
#pragma once
#include <kernel/types.h>
#ifdef __BANOS_HOST__
#include <stdio.h>
#endif

/** What this kernel knows of one struct. */
struct struct_rule {
	const char *name; /* of the argument: "config" */
	u32 size_least;	  /* in bytes, at the level that brought it */
	u32 size_known;	  /* in bytes, in this kernel */
	u32 must_known;	  /* with STRUCT_MUST: bits that this kernel knows */
	u32 flags;	  /* STRUCT_... */
};
#define STRUCT_MUST    1u /* its second word is "must": no unknown bit may be set */
#define STRUCT_GROWING 2u /* what is behind size_known is ignored */

#define STRUCT_WORDS_MAX 128 /* bytes of a sentence, with its NUL */

/**
 * @brief Check size, must bits and tail.
 * @param from   the struct
 * @param size   its size as it says itself, all of which may be read; 0: nothing of it may be read
 * @param words  STRUCT_WORDS_MAX bytes, written on failure: a sentence on what is wrong
 * @return 0; -EINVAL: not readable, or too small; -EOPNOTSUPP: an unknown must bit; -E2BIG: a tail that
 *	   is not zero
 */
int __must_check struct_check(const struct struct_rule *rule, const void *from, u32 size,
			      char *words);
/**
 * @brief Copy what this kernel knows of a struct that was checked; what it lacks becomes zero.
 * @param to  size_known bytes; its size is size_known afterwards
 */
void struct_copy(const struct struct_rule *rule, void *to, const void *from, u32 size);
/**
 * @brief The other way: fill a struct that the caller has room for.
 * @param to    @p size bytes, no more than that is written; its size becomes what was filled
 * @param from  size_known bytes
 */
void struct_fill(const struct struct_rule *rule, void *to, u32 size, const void *from);
