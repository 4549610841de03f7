/* SPDX-License-Identifier: MIT */
/* What a call from one driver into another costs, and the way back: the driver that is called. */
#include <banos/driver.h>
#include "exporter.h"

int64_t exporter_add(int64_t first, int64_t second)
{
	return first + second;
}
BANOS_EXPORT_AS(exporter_add, "qq");

int64_t exporter_take(banos_owner owner)
{
	return owner == NULL;
}
BANOS_EXPORT_AS(exporter_take, "h");

int64_t exporter_call(banos_callback callback, uint64_t count)
{
	int64_t error = 0;

	while (count-- && !error)
		error = banos_callback_call(callback, 0, 0, 0, 0, 0);
	return error;
}
BANOS_EXPORT_AS(exporter_call, "c()q");

static int64_t exporter_init(banos_owner self)
{
	return 0;
}
BANOS_DRIVER(exporter, "1", "MIT", "Measured", exporter_init, NULL);
