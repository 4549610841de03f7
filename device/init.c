// SPDX-License-Identifier: MIT
/* The kernel's own devices and the device cores, in the order in which they need each other. */
#include <kernel/block.h>
#include <kernel/bus.h>
#include <kernel/kconfig.h>
#include <kernel/device.h>
#include <kernel/partition.h>
#include <kernel/random_source.h>
#include <kernel/tty.h>
#include "internal.h"

void device_init(void)
{
	random_init();
	if (IS_ENABLED(CONFIG_RANDOM_SOURCES))
		random_sources_init();
	kmsg_init();
	tty_init();
	bus_init();
	if (IS_ENABLED(CONFIG_BLOCK))
		block_init();
	partitions_init();
}
