/* SPDX-License-Identifier: MIT */
/* What the driver pulse exports. */
#include <banos/callback.h>
#include <banos/export.h>

BANOS_BEGIN

/*
 * Have @callback called every tenth of a second, with a number that rises, until it is closed
 * or @client is removed. Context: thread. Returns 0; -EBUSY: it has a client; -ENOMEM.
 */
int64_t pulse_listen(banos_owner client, banos_callback callback);

BANOS_END

BANOS_IMPORT_AS(pulse_listen, "hc(q)");
