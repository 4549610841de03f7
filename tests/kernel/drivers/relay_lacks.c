/* SPDX-License-Identifier: MIT */
/* An exporter that cannot replace relay.c: one function is missing, one has another signature. */
#include <banos/driver.h>
#include <banos/export.h>

int64_t relay_generation(void);
int64_t relay_wait(uint32_t milliseconds);
int64_t relay_keep(banos_owner client, uint64_t callback);
int64_t relay_crash(void);

int64_t relay_generation(void)
{
	return 0;
}
BANOS_EXPORT_AS(relay_generation, "");

int64_t relay_wait(uint32_t milliseconds)
{
	return 0;
}
BANOS_EXPORT_AS(relay_wait, "i");

int64_t relay_keep(banos_owner client, uint64_t callback)
{
	return 0;
}
BANOS_EXPORT(relay_keep);

int64_t relay_crash(void)
{
	return 0;
}
BANOS_EXPORT_AS(relay_crash, "");

static int64_t relay_init(banos_owner self)
{
	return 0;
}

BANOS_DRIVER(relay, "0.9", "MIT", "Lacks something", relay_init, NULL);
