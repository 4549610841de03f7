/* SPDX-License-Identifier: MIT */
/** @file memmap.h  The firmware's memory map made usable. Pure (lib/memmap.c). */
#pragma once
#include <kernel/boot.h>

/**
 * Sort, cut overlaps (anything beats RAM, RAM beats nothing), merge neighbours and
 * round RAM inwards to whole pages.
 * @param range   as the firmware reported it: unsorted, overlapping, empty or wrapping entries
 * @param out  space for @p max ranges; only RAM ranges are returned, ascending
 * @return how many; what does not fit is dropped from the end
 */
u32 memmap_ram(const struct mem_range *range, u32 nr, struct mem_range *out, u32 max);
/**
 * Add @p range to @p list (ascending, disjoint), merged with what it touches or overlaps.
 * @return the new count; where the list is full the highest range is dropped
 */
u32 memmap_add(struct mem_range *list, u32 nr, u32 max, struct mem_range range);
/** Cut [start, end) out of @p list (ascending, disjoint). @return the new count; a piece that does not fit is dropped. */
u32 memmap_remove(struct mem_range *list, u32 nr, u32 max, phys_t start, phys_t end);
/** Is the whole of [start, end) inside one range? */
bool memmap_contains(const struct mem_range *list, u32 nr, phys_t start, phys_t end);
