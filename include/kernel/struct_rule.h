/* SPDX-License-Identifier: MIT */
/**
 * @file struct_rule.h  Structs that begin with their size, as a driver or a program of any level hands them over.
 *
 * Such a struct grows at its end only. A caller that was built for an earlier
 * level hands over a shorter one: the fields that it lacks are zero. A caller
 * built for a later level hands over a longer one: what this kernel does not
 * know of it has to be zero, or is ignored where the header says so. The least
 * size is that of the level which brought the struct (X_SIZE_1 in its header), never
 * sizeof of today's. CONFIG_API_FUTURE builds a kernel in which each of them has grown.
 *
 * Pure: the caller has found out how many bytes may be read. Implemented in banos/api/struct.c.
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

#define STRUCT_MAX	 4096u /* bytes of a struct (<banos/base.h>) */
#define STRUCT_ALIGN	 4u    /* least alignment: that of its size */
#define STRUCT_WORDS_MAX 128   /* bytes of a sentence, with its NUL */

/**
 * @brief Check a size: that of a struct which is to be filled.
 * @param size   0: the struct is not accessible
 * @param words  STRUCT_WORDS_MAX bytes, written on failure: a sentence on what is wrong
 * @return 0; -EINVAL: not accessible, or too small; -E2BIG: over STRUCT_MAX
 */
int __must_check struct_check_size(const struct struct_rule *rule, u64 size, char *words);
/**
 * @brief Check size, must bits and tail.
 * @param from   the struct; nothing of it is read unless struct_check_size() accepts its size
 * @param size   its size as it says itself
 * @return as struct_check_size(); -EOPNOTSUPP: an unknown must bit; -E2BIG: a tail that is not zero
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
 * @param to    @p size bytes: what this kernel does not know of them becomes zero; its size becomes what
 *		this kernel knows, at most @p size
 * @param from  size_known bytes
 */
void struct_fill(const struct struct_rule *rule, void *to, u32 size, const void *from);
