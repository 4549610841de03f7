/* SPDX-License-Identifier: MIT */
/**
 * @file handle.h  Handles: 64-bit numbers for objects, never used twice, good for one kind.
 *
 * Any context. What a handle leads to is valid within rcu_read_lock(), if its memory is freed
 * after a grace period. The table of handles grows by memory and does not shrink.
 */
#pragma once
#include <kernel/types.h>

/** Bytes that the table needs for one. */
#define HANDLE_BYTES 16u

/** @brief Create a handle. @param kind  what handle_find() must ask for @return 0: no memory */
u64 __must_check handle_create(void *object, u32 kind);
/** @brief Void a handle; 0 is none. */
void handle_destroy(u64 handle);
/** @brief It leads nowhere for the time being (NULL), or leads there again; 0 is none. */
void handle_point(u64 handle, void *object);
/** @brief The object; NULL: not a handle of this kind, or it leads nowhere. */
void *handle_find(u64 handle, u32 kind);
/** @brief Handles in use. */
u32 handles_in_use(void);
