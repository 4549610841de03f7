/* SPDX-License-Identifier: MIT */
/** @file plain.h  What drivers/plain.c and plain_devices.c agree on. */
#pragma once

/* Commands for ioctl(). */
#define TELL_FLAGS    1u /* of open() */
#define WITHDRAW      2u /* the device, which is open */
#define LOG_ALL	      3u /* a message at each level */
#define TELL_RELEASES 4u /* how many files were closed */
#define TELL_MAJOR    5u
#define TELL_MINOR    6u
#define SLEEP_ONCE    7u /* the first call sleeps; others return how many there were */
#define MAJOR_CHOSEN  241u
#define MINOR_CHOSEN  5u
#define KNOWN_FLAGS   15u /* BANOS_FILE_... of level 1 */

struct told {
	unsigned long offset, length, flags, writes_at;
};
