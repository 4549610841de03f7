/* SPDX-License-Identifier: MIT */
/** @file lamp.h  A draft for tests: lamps, which have a colour here. */
#ifndef BANOS_LAMP_H
#define BANOS_LAMP_H

#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/lamp.h>
BANOS_DRAFT_HEADER(lamp);

BANOS_BEGIN

/**
 * @brief Light a lamp in a colour.
 * Since 2, provided by the kernel.
 * Context: any.
 * @return what it costs: @p brightness, and 1000 for each @p colour
 */
BANOS_SINCE(2)
int64_t banos_lamp_light(banos_owner owner, uint64_t colour, uint64_t brightness);

BANOS_END
#endif

#endif
