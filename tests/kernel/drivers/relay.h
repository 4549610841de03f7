/* SPDX-License-Identifier: MIT */
/* The functions of the driver relay, which is replaced under its clients. */
#include <banos/callback.h>
#include <banos/export.h>

BANOS_BEGIN

/* Its parameter generation. Context: any. */
int64_t relay_generation(void);
/* The same after @ns, whatever comes. Context: thread. */
int64_t relay_wait(uint64_t ns);
/* Call @callback with its generation. Context: thread. Returns what that returned. */
int64_t relay_call(banos_callback callback);
/* Call @callback in exit(), with its generation. @client is watched. Context: thread. Returns 0, -ENOSPC. */
int64_t relay_keep(banos_owner client, banos_callback callback);
/* Never returns: it faults. Context: thread. */
int64_t relay_crash(void);

BANOS_END

BANOS_IMPORT_AS(relay_generation, "");
BANOS_IMPORT_AS(relay_wait, "q");
BANOS_IMPORT_AS(relay_call, "c(q)");
BANOS_IMPORT_AS(relay_keep, "hc(q)");
BANOS_IMPORT_AS(relay_crash, "");
