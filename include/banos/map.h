/* SPDX-License-Identifier: MIT */
/**
 * @file map.h  What a program sees where it maps a device: for the method map().
 *
 * Exactly one of these functions must have succeeded when map() returns 0.
 */
#ifndef BANOS_MAP_H
#define BANOS_MAP_H

#include <banos/user.h>

BANOS_BEGIN

/**
 * @brief The program receives memory of its own that is filled with zeroes, as from /dev/zero.
 * Since 1, provided by the kernel.
 * Context: the method map() that received @p call.
 * @return 0, -EINVAL: @p call is not that of a map() that runs in this thread for this driver, or
 *	   what is mapped was stated before
 */
BANOS_SINCE(1) int64_t banos_map_zero(banos_call call);

BANOS_END

#endif
