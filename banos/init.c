// SPDX-License-Identifier: MIT
/* Start-up: exported names, /proc, the drivers that are linked in. */
#include <kernel/cmdline.h>
#include <kernel/driver.h>
#include <kernel/page_init.h>

void banos_init(void)
{
	if (exports_init())
		boot_stop("not enough memory for the names of the driver API");
	accounts_init();
	drivers_start_builtin();
	if (cmdline_has(cmdline_get(), "banos.lock"))
		driver_lock_installs();
}
