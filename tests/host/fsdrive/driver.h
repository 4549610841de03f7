/* SPDX-License-Identifier: MIT */
/** @file driver.h  Included before each source of a driver that is driven on the host: init() and exit() are reported. */
#pragma once
#include <banos/driver.h>

void drive_add_driver(int64_t (*init)(banos_owner self), int64_t (*exit)(banos_owner self));

#undef BANOS_DRIVER
#define BANOS_DRIVER(name, version, licence, description, init, exit)           \
	static void __attribute__((constructor)) drive_constructor_##name(void) \
	{                                                                       \
		drive_add_driver(init, exit);                                   \
	}                                                                       \
	BANOS_ASSERT(sizeof(#name version licence description) > 0, driver_of_drive_##name)
