/* SPDX-License-Identifier: MIT */
/** @file sort.h  Sorting and searching arrays. Pure. */
#pragma once
#include <kernel/types.h>

/**
 * Sort in place by heap sort: no memory, no recursion, never worse than
 * n log n. Elements that compare equal may change places.
 * @param size  of an element in bytes
 * @param cmp   < 0, 0, > 0 as *a is before, equal to, after *b; @p arg is passed on
 */
void sort(void *base, size_t last, size_t size, int (*cmp)(const void *a, const void *b, void *arg),
	  void *arg);
