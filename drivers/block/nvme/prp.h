/* SPDX-License-Identifier: MIT */
/**
 * @file prp.h  Where the data of a command are: NVM Express 1.4, 4.3 (physical region pages), 4.4 (lists of segments). Pure.
 *
 * By pages a command names two of them; where there are more, the second one is a list of all but the first. All but the
 * first begin at the start of a page, and all but the last end at the end of one. There are
 * controllers (QEMU's) that accept 0 for a page that is needed, and write to physical
 * address 0: what is not needed must be 0, and what is needed must be there.
 *
 * By segments a command names one piece of any place and length, or a list of such pieces.
 */
#ifndef NVME_PRP_H
#define NVME_PRP_H

#include <stdint.h>

/** A piece of the data, as the controller addresses it. */
struct data_piece {
	uint64_t address;
	uint64_t length;
};

/** Memory for a list that a command names; it lies in one page. */
struct data_list {
	uint64_t *memory;
	uint64_t address;
	uint32_t bytes;
};

/**
 * @brief Name the data by pages.
 * @param data  written: for the command; the list is written, too, where there are more than two pages
 * @return 0; -1: no bytes, pieces that do not begin or end where pages do, or the list has no room
 */
int prp_build(const struct data_piece *pieces, uint32_t count, uint32_t page_shift,
	      const struct data_list *list, uint64_t data[2]);

/**
 * @brief Name the data by segments.
 * @param data  written: for the command; the list is written, too, where there are two pieces or more
 * @return 0; -1: no bytes, a piece of more than 4 GiB, or the list has no room
 */
int sgl_build(const struct data_piece *pieces, uint32_t count, const struct data_list *list,
	      uint64_t data[2]);

#endif
