/* SPDX-License-Identifier: MIT */
/* Where the data of a command are: prp.h. */
#include "prp.h"

#define SGL_ENTRY_WORDS	 2u
#define SGL_LAST_SEGMENT (UINT64_C(0x30) << 56) /* what follows is the only list */

int prp_build(const struct data_piece *pieces, uint32_t count, uint32_t page_shift,
	      const struct data_list *list, uint64_t data[2])
{
	uint64_t page_bytes = UINT64_C(1) << page_shift, entries = 0, room = list->bytes / 8,
		 end = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = pieces[i].address, left = pieces[i].length;

		if (!left || (i && (at | end) & (page_bytes - 1)))
			return -1;
		end = at + left;
		while (left) {
			uint64_t step = page_bytes - (at & (page_bytes - 1));

			if (!entries)
				data[0] = at;
			else if (entries <= room)
				list->memory[entries - 1] = at;
			else
				return -1;
			entries++;
			if (step > left)
				step = left;
			at += step;
			left -= step;
		}
	}
	data[1] = 0;
	if (entries == 2)
		data[1] = list->memory[0];
	else if (entries > 2)
		data[1] = list->address;
	if (entries)
		return 0;
	return -1;
}

int sgl_build(const struct data_piece *pieces, uint32_t count, const struct data_list *list,
	      uint64_t data[2])
{
	if (!count || (uint64_t)count * SGL_ENTRY_WORDS > list->bytes / 8)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (!pieces[i].length || pieces[i].length > UINT32_MAX)
			return -1;
		list->memory[i * SGL_ENTRY_WORDS] = pieces[i].address;
		list->memory[i * SGL_ENTRY_WORDS + 1] = pieces[i].length;
	}
	data[0] = pieces[0].address;
	data[1] = pieces[0].length;
	if (count > 1) {
		data[0] = list->address;
		data[1] = (uint64_t)count * SGL_ENTRY_WORDS * 8 | SGL_LAST_SEGMENT;
	}
	return 0;
}
