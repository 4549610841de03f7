/* SPDX-License-Identifier: MIT */
/** @file lamp.h  A draft for tests: lamps. */
#ifndef BANOS_LAMP_H
#define BANOS_LAMP_H

#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/lamp.h>
BANOS_DRAFT_HEADER(lamp);

BANOS_BEGIN

/**
 * @brief Light a lamp.
 * Since 2, provided by the kernel.
 * Context: any.
 * @return what it costs: @p brightness
 */
BANOS_SINCE(2) int64_t banos_lamp_light(banos_owner owner, uint64_t brightness);

BANOS_END
#endif

#endif
