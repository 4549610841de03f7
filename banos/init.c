// SPDX-License-Identifier: MIT
/* Start-up: exported names, /proc, the drivers that are linked in. */
#include <kernel/cmdline.h>
#include <kernel/driver.h>
#include <kernel/panic.h>

CMDLINE_OPTION(opt_lock, "banos.lock");

void banos_init(void)
{
	if (exports_init())
		boot_stop("not enough memory for the names of the driver API");
	owner_system_init();
	accounts_init();
	drafts_init();
	driver_locks_init();
	driver_mutexes_init();
	driver_memory_init();
	failures_init();
	abandon_init();
	drivers_start_builtin();
	if (option_is_set(&opt_lock))
		driver_lock_installs();
}
