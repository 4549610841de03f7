/* SPDX-License-Identifier: MIT */
/**
 * @file random.h  Random numbers. A draft.
 */
#ifndef BANOS_RANDOM_H
#define BANOS_RANDOM_H

#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/random.h>
BANOS_DRAFT_HEADER(random);

BANOS_BEGIN

/**
 * @brief Get bytes that nobody can guess, from the kernel's generator.
 * Since 2, provided by the kernel.
 * Context: any.
 * @param to      @p length bytes, written
 * @param length  up to 4096
 * @return 0, -EINVAL: an argument is wrong
 */
BANOS_SINCE(2) int64_t banos_random(void *to, uint32_t length);

BANOS_END
#endif

#endif
