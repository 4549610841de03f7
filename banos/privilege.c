// SPDX-License-Identifier: MIT
/*
 * Who may change or look at the drivers of the system.
 *
 * This is the only place that decides it, for Banos's system calls, for Linux's
 * three calls for modules and for the files below /proc/banos. A caller asks
 * before it reads anything that the program handed over, so that a program
 * without the privilege learns nothing, not even whether a pointer is good.
 */
#include <kernel/cred.h>
#include <kernel/driver.h>
#include <kernel/err.h>

static bool installs_locked; /* until the next boot */

void driver_lock_installs(void)
{
	WRITE_ONCE(installs_locked, true);
}

bool driver_installs_forbidden(void)
{
	return READ_ONCE(installs_locked);
}

int driver_check_privilege(enum driver_request request)
{
	if (!current_is_super() || !current_capable(CAP_SYS_MODULE))
		return -EPERM;
	if (request == DRIVER_REQUEST_INSTALL && driver_installs_forbidden())
		return -EPERM;
	return 0;
}
