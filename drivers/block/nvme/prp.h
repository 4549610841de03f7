/* SPDX-License-Identifier: MIT */
/**
 * @file prp.h  Where the data of a command are: physical region pages, NVM Express 1.4, 4.3. Pure.
 *
 * A command names two pages; where there are more, the second one is a list of all but the first. There are
 * controllers (QEMU's) that accept 0 for a page that is needed, and write to physical
 * address 0: what is not needed must be 0, and what is needed must be there.
 */
#ifndef NVME_PRP_H
#define NVME_PRP_H

#include <stdint.h>

/** The pages of a buffer, and the list that can name them. */
struct prp_buffer {
	const uint64_t *pages; /* their addresses, each a multiple of the page's size */
	uint32_t pages_count;
	uint32_t page_shift;
	uint64_t *list; /* page_size / 8 entries */
	uint64_t list_address;
};

/**
 * @brief Name the first @p bytes bytes of a buffer.
 * @param prp  written: for the command; the list is written, too, where there are more than two pages
 * @return 0, -1: no bytes, or more than the buffer or the list has room for
 */
int prp_build(const struct prp_buffer *buffer, uint64_t bytes, uint64_t prp[2]);

#endif
