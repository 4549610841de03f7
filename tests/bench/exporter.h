/* SPDX-License-Identifier: MIT */
/** @file exporter.h  Functions of the driver exporter that do nothing but be called, and call back. */
#pragma once
#include <banos/callback.h>
#include <banos/export.h>

BANOS_BEGIN
BANOS_WEAK int64_t exporter_add(int64_t first, int64_t second);
BANOS_WEAK int64_t exporter_take(banos_owner owner);
/* Call @callback @count times. */
BANOS_WEAK int64_t exporter_call(banos_callback callback, uint64_t count);
BANOS_END

BANOS_IMPORT_AS(exporter_add, "qq");
BANOS_IMPORT_AS(exporter_take, "h");
BANOS_IMPORT_AS(exporter_call, "c()q");
