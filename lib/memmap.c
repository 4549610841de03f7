/* SPDX-License-Identifier: MIT */
/*
 * The firmware's memory map made usable.
 *
 * Firmware may list ranges unsorted, overlapping or wrapping around. The result
 * holds only pages that every entry covering them calls RAM: RAM entries are
 * added, then all others are cut out of them.
 */
#include <kernel/memmap.h>

u32 memmap_add(struct mem_range *list, u32 nr, u32 max, struct mem_range piece)
{
	u32 i = 0, j;

	while (i < nr && list[i].end < piece.start)
		i++;
	for (j = i; j < nr && list[j].start <= piece.end; j++) { /* touches: merge */
		piece.start = MIN(piece.start, list[j].start);
		piece.end = MAX(piece.end, list[j].end);
	}
	if (i == j) {
		if (nr == max && i == max)
			return nr;
		if (nr == max)
			nr--; /* drop the highest */
		for (u32 at_index = nr; at_index > i; at_index--)
			list[at_index] = list[at_index - 1];
		list[i] = piece;
		return nr + 1;
	}
	list[i] = piece;
	for (u32 at_index = j; at_index < nr; at_index++)
		list[i + 1 + at_index - j] = list[at_index];
	return nr - (j - i - 1);
}

u32 memmap_remove(struct mem_range *list, u32 nr, u32 max, phys_t start, phys_t end)
{
	for (u32 i = 0; i < nr;) {
		struct mem_range *range = &list[i];

		if (end <= range->start || start >= range->end) {
			i++;
		} else if (start <= range->start && end >= range->end) {
			for (u32 index = i; index + 1 < nr; index++)
				list[index] = list[index + 1];
			nr--;
		} else if (start <= range->start) {
			range->start = end;
			i++;
		} else if (end >= range->end) {
			range->end = start;
			i++;
		} else { /* a hole in the middle */
			struct mem_range upper = { end, range->end, range->type };

			range->end = start;
			if (nr < max) {
				for (u32 index = nr; index > i + 1; index--)
					list[index] = list[index - 1];
				list[i + 1] = upper;
				nr++;
			}
			i += 2;
		}
	}
	return nr;
}

u32 memmap_ram(const struct mem_range *range, u32 nr, struct mem_range *out, u32 max)
{
	u32 count = 0, kept = 0;

	for (u32 i = 0; i < nr; i++) {
		struct mem_range usable = range[i];

		usable.start = (usable.start + PAGE_SIZE - 1) & PAGE_MASK;
		usable.end &= PAGE_MASK;
		if (range[i].type == MEM_RAM && range[i].start < range[i].end &&
		    usable.start < usable.end)
			count = memmap_add(out, count, max, usable);
	}
	for (u32 i = 0; i < nr; i++) {
		phys_t end = range[i].end;

		if (range[i].type == MEM_RAM || range[i].start >= range[i].end)
			continue;
		if (end > ~(u64)PAGE_SIZE)
			end = end & PAGE_MASK;
		else
			end = PAGE_ALIGN(end);
		count = memmap_remove(out, count, max, range[i].start & PAGE_MASK, end);
	}
	for (u32 i = 0; i < count; i++)
		if (out[i].start < out[i].end)
			out[kept++] = out[i];
	return kept;
}

bool memmap_contains(const struct mem_range *list, u32 nr, phys_t start, phys_t end)
{
	for (u32 i = 0; i < nr; i++)
		if (start >= list[i].start && end <= list[i].end)
			return start <= end;
	return false;
}
