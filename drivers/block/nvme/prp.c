/* SPDX-License-Identifier: MIT */
/* Where the data of a command are: prp.h. */
#include "prp.h"

int prp_build(const struct prp_buffer *buffer, uint64_t bytes, uint64_t prp[2])
{
	uint64_t page_bytes = 1ull << buffer->page_shift, room = page_bytes / sizeof(uint64_t),
		 count = bytes >> buffer->page_shift;

	if (bytes & (page_bytes - 1))
		count++;
	if (!bytes || count > buffer->pages_count || count - 1 > room)
		return -1;
	prp[0] = buffer->pages[0];
	prp[1] = 0;
	if (count == 2)
		prp[1] = buffer->pages[1];
	if (count <= 2)
		return 0;
	for (uint64_t i = 1; i < count; i++)
		buffer->list[i - 1] = buffer->pages[i];
	prp[1] = buffer->list_address;
	return 0;
}
