/* SPDX-License-Identifier: MIT */
/**
 * @file phys_user.h  Who maps which device memory, and how it is cached there.
 *
 * What a processor does where one physical page is mapped with two types of caching is
 * undefined (Intel SDM vol. 3, 12.12.4). So each mapping of device memory, in the
 * kernel or in a program, is entered here first.
 */
#pragma once
#include <kernel/heap.h>
#include <kernel/list.h>

struct phys_user {
	struct list link;
	phys_t start, end; /* of whole pages */
	enum kcache cache;
};

/**
 * @brief Enter a mapping of @p bytes at @p start, rounded to pages. The sum does not wrap. Any context
 * but interrupts.
 * @return 0; -EBUSY: one of the pages is mapped with another type of caching
 */
int __must_check phys_user_add(struct phys_user *user, phys_t start, u64 bytes, enum kcache cache);
/** @brief Would phys_user_add() find a conflict now? For messages. */
bool phys_user_conflicts(phys_t start, u64 bytes, enum kcache cache);
/** @brief It is unmapped, and flushed from all TLBs. */
void phys_user_remove(struct phys_user *user);
