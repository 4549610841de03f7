/* SPDX-License-Identifier: MIT */
/**
 * @file callbacks.h  What callbacks1.c exports, for callbacks2.c: as the header of a driver with clients.
 */
#ifndef CONFORMANCE_CALLBACKS_H
#define CONFORMANCE_CALLBACKS_H

#include <banos/callback.h>
#include <banos/export.h>

#define CONFORMANCE_CALLBACKS1_SUBSCRIBE_AS "hc(qq)"
#define CONFORMANCE_CALLBACKS1_FIRE_AS	    "qq"

BANOS_BEGIN

/** @p callback will be called by conformance_callbacks1_fire(); the exporter watches @p client. @return 0, or an error */
int64_t conformance_callbacks1_subscribe(banos_owner client, banos_callback callback);
/** @return what the callback that subscribed last returned */
int64_t conformance_callbacks1_fire(uint64_t first, uint64_t second);

BANOS_END

#endif
