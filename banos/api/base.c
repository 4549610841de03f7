// SPDX-License-Identifier: MIT
/* <banos/base.h>, <banos/string.h>: what there is, and what compilers call. */
#include <kernel/driver.h>
#include <kernel/string.h>

int64_t banos_api_level(void)
{
	return BANOS_LEVEL;
}
BANOS_EXPORT(banos_api_level);

int64_t banos_has_feature(uint32_t feature)
{
	switch (feature) {
	case BANOS_FEATURE_SMP: return CONFIG_NR_CPUS > 1;
	case BANOS_FEATURE_DEBUG: return IS_ENABLED(CONFIG_DEBUG_KERNEL);
	default: return 0;
	}
}
BANOS_EXPORT(banos_has_feature);

BANOS_EXPORT(memcpy);
BANOS_EXPORT(memmove);
BANOS_EXPORT(memset);
BANOS_EXPORT(memcmp);
BANOS_EXPORT(bcmp);
BANOS_EXPORT(strlen);
