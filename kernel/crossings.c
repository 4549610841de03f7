// SPDX-License-Identifier: MIT
/* The table of what pointers of the driver API name; scripts/crossings.py makes it of the headers. */
#include <kernel/crossing.h>
#include <kernel/driver_api.h>
#include <generated/crossings.h>
