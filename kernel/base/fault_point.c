/* SPDX-License-Identifier: MIT */
/*
 * Where allocators ask whether they shall fail.
 *
 * The pages' allocator asks before there are threads and locks that sleep, which the failure injector
 * (kernel/fault_injection.c) needs: it registers here.
 */
#include <kernel/fault_injection.h>

bool fault_armed;
static bool (*fault_decide)(enum fault_site site); /* set before fault_armed ever is */

void fault_register(bool (*decide)(enum fault_site site))
{
	fault_decide = decide;
}

bool fault_fires(enum fault_site site)
{
	return fault_decide(site);
}
