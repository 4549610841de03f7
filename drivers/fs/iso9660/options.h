/* SPDX-License-Identifier: MIT */
/** @file options.h  Options of a mount of ISO 9660. Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct iso_options {
	bool rock, joliet, keep_names;
	bool has_uid, has_gid, has_mode, has_dmode; /* instead of what the disk says */
	uint32_t uid, gid, mode, dmode;
};

/** @brief Read "norock,uid=1000". @return 0, -EINVAL: one is unknown, or its value is wrong */
int64_t iso_options_parse(const char *text, struct iso_options *options);
