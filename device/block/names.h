/* SPDX-License-Identifier: MIT */
/** @file names.h  Names of disks and the device numbers that belong to them. Pure. */
#pragma once
#include <kernel/types.h>

/**
 * @brief A name from a pattern: its '*' becomes the @p index th letters (a, ... z, aa, ...), its '#' the number.
 * @return false: it does not fit, or the pattern has neither and @p index is not 0
 */
bool disk_name_make(char *name, u32 size, const char *pattern, u32 index);
/** @brief Where its '*' or '#' is; else its length. */
size_t disk_pattern_place(const char *pattern);
/** @brief "vda1", "nvme0n1p1". @return false: it does not fit */
bool disk_name_partition(char *name, u32 size, const char *whole, u32 number);

/** Numbers of disks whose names begin with a certain word, as Linux has them. */
struct disk_numbers {
	u32 major, minors; /* of a disk and its partitions together */
	u32 index;
};
/** @return false: the name has no fixed numbers */
bool disk_name_numbers(const char *name, struct disk_numbers *numbers);
