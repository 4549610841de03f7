/* SPDX-License-Identifier: MIT */
/** @file plain.h  What drivers/plain.c and plain_devices.c agree on. */
#pragma once

#define TELL_FLAGS   1u
#define WITHDRAW     2u
#define LOG_ALL	     3u
#define MAJOR_CHOSEN 241u
#define MINOR_CHOSEN 5u
#define KNOWN_FLAGS  15u /* BANOS_FILE_... of level 1 */

struct told {
	unsigned long offset, length, flags, writes_at;
};
