/* SPDX-License-Identifier: MIT */
/** @file checksum.h  The Internet checksum, for lwIP. Pure. */
#pragma once
#include <stdint.h>

/** @brief The sum of 16-bit words, folded, not inverted; an odd byte is followed by a zero. */
uint16_t inet_checksum_add(const void *bytes, int length);
