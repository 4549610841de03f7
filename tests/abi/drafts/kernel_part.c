// SPDX-License-Identifier: MIT
/* The kernel's part of two drafts (kernel/Kconfig, API_DRAFT_TEST). */
#include <kernel/driver_api.h>
#include <kernel/driver.h>
#include <kernel/kconfig.h>
#include <banos/horn.h>
#include <banos/lamp.h>

#define COLOUR_COST 1000

#ifdef CONFIG_API_DRAFT_TEST_OTHER
s64 banos_lamp_light(banos_owner owner, u64 colour, u64 brightness)
{
	return colour * COLOUR_COST + brightness;
}
#else
s64 banos_lamp_light(banos_owner owner, u64 brightness)
{
	return brightness;
}
#endif
BANOS_EXPORT(banos_lamp_light);

s64 banos_horn_sound(banos_owner owner, u64 times)
{
	return times + 7;
}
BANOS_EXPORT(banos_horn_sound);
