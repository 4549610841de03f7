/* SPDX-License-Identifier: MIT */
/** @file date.h  Dates as FAT has them: 1980 to 2107, in steps of two seconds, taken as UTC. Pure. */
#pragma once
#include <stdint.h>

#define FAT_SECOND_NS 1000000000ll

/** @brief Nanoseconds since 1970. @param hundredths  0 to 199, added. What is no date is the nearest that could be meant. */
int64_t fat_date_parse(uint32_t date, uint32_t time, uint32_t hundredths);
/** @brief The reverse; what is out of range becomes the first or last date. */
void fat_date_make(int64_t ns, uint32_t *date, uint32_t *time, uint32_t *hundredths);
