/* SPDX-License-Identifier: MIT */
/*
 * The firmware's memory map made usable.
 *
 * Firmware may list ranges unsorted, overlapping or wrapping around. The result
 * holds only pages that every entry covering them calls RAM: RAM entries are
 * added, then all others are cut out of them.
 */
#include <kernel/memmap.h>

u32 memmap_add(struct mem_range *list, u32 nr, u32 max, struct mem_range r)
{
	u32 i = 0, j;

	while (i < nr && list[i].end < r.start)
		i++;
	for (j = i; j < nr && list[j].start <= r.end; j++) { /* touches: merge */
		r.start = MIN(r.start, list[j].start);
		r.end = MAX(r.end, list[j].end);
	}
	if (i == j) {
		if (nr == max && i == max)
			return nr;
		if (nr == max)
			nr--; /* drop the highest */
		for (u32 k = nr; k > i; k--)
			list[k] = list[k - 1];
		list[i] = r;
		return nr + 1;
	}
	list[i] = r;
	for (u32 k = j; k < nr; k++)
		list[i + 1 + k - j] = list[k];
	return nr - (j - i - 1);
}

u32 memmap_remove(struct mem_range *list, u32 nr, u32 max, phys_t start, phys_t end)
{
	for (u32 i = 0; i < nr;) {
		struct mem_range *r = &list[i];

		if (end <= r->start || start >= r->end) {
			i++;
		} else if (start <= r->start && end >= r->end) {
			for (u32 k = i; k + 1 < nr; k++)
				list[k] = list[k + 1];
			nr--;
		} else if (start <= r->start) {
			r->start = end;
			i++;
		} else if (end >= r->end) {
			r->end = start;
			i++;
		} else { /* a hole in the middle */
			struct mem_range upper = { end, r->end, r->type };

			r->end = start;
			if (nr < max) {
				for (u32 k = nr; k > i + 1; k--)
					list[k] = list[k - 1];
				list[i + 1] = upper;
				nr++;
			}
			i += 2;
		}
	}
	return nr;
}

u32 memmap_ram(const struct mem_range *in, u32 nr, struct mem_range *out, u32 max)
{
	u32 n = 0, kept = 0;

	for (u32 i = 0; i < nr; i++) {
		struct mem_range r = in[i];

		r.start = (r.start + PAGE_SIZE - 1) & PAGE_MASK;
		r.end &= PAGE_MASK;
		if (in[i].type == MEM_RAM && in[i].start < in[i].end && r.start < r.end)
			n = memmap_add(out, n, max, r);
	}
	for (u32 i = 0; i < nr; i++) {
		phys_t end = in[i].end;

		if (in[i].type == MEM_RAM || in[i].start >= in[i].end)
			continue;
		end = end > ~(u64)PAGE_SIZE ? end & PAGE_MASK : PAGE_ALIGN(end);
		n = memmap_remove(out, n, max, in[i].start & PAGE_MASK, end);
	}
	for (u32 i = 0; i < n; i++)
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
