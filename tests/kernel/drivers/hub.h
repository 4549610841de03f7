/* SPDX-License-Identifier: MIT */
/* The functions that the driver hub exports to those that it calls back. */
#include <banos/callback.h>
#include <banos/export.h>

/* From where it calls: bits. */
#define HUB_TIMER  1u
#define HUB_WORK   2u
#define HUB_THREAD 4u
#define HUB_ATOMIC 8u  /* under a spin lock */
#define HUB_ONCE   16u /* before hub_subscribe() returns, the first time */

BANOS_BEGIN

/*
 * @callback is called with a number that rises, from now on. @client is watched. Context: thread.
 * Returns 0; -ENOSPC; the number of a line that does not keep its promise, negative.
 */
int64_t hub_subscribe(banos_owner client, banos_callback callback, uint32_t from);
/* @callback is called no longer, but by a call that runs. Context: thread. Returns 0, -ENOENT. */
int64_t hub_unsubscribe(banos_callback callback);
/* How often it has called so far. Context: any. */
int64_t hub_calls(void);
/* The last callback and the last client, as numbers: for those who may not use them. Context: any. */
int64_t hub_last(uint32_t which);

/* A callback of the hub, which returns one more than its first argument. Context: any. */
int64_t hub_adder(void);
/* The same as a number, which gives no right to it. Context: any. */
int64_t hub_adder_number(void);

BANOS_END

BANOS_IMPORT_AS(hub_subscribe, "hc(q)i");
BANOS_IMPORT_AS(hub_unsubscribe, "c");
BANOS_IMPORT_AS(hub_calls, "");
BANOS_IMPORT_AS(hub_last, "i");
BANOS_IMPORT_AS(hub_adder, ">c");
BANOS_IMPORT_AS(hub_adder_number, "");
