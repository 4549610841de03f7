/* SPDX-License-Identifier: MIT */
/** @file horn.h  A draft for tests that is the same in both kernels. */
#ifndef BANOS_HORN_H
#define BANOS_HORN_H

#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/horn.h>
BANOS_DRAFT_HEADER(horn);

BANOS_BEGIN

/**
 * @brief Sound the horn.
 * Since 2, provided by the kernel.
 * Context: any.
 * @return @p times + 7
 */
BANOS_SINCE(2) int64_t banos_horn_sound(banos_owner owner, uint64_t times);

BANOS_END
#endif

#endif
