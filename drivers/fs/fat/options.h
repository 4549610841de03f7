/* SPDX-License-Identifier: MIT */
/** @file options.h  Options of a mount of FAT, as Linux has them. Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "name.h"

struct fat_options {
	uint32_t uid, gid;
	uint32_t fmask, dmask; /* rights that files and folders do not have */
	bool quiet;	       /* what cannot be stored of owners is ignored */
	struct fat_name_style style;
};

/** @brief Read "uid=1000,umask=077". @return NULL, or the first that is unknown or wrong; it ends at a comma */
const char *fat_options_parse(const char *text, struct fat_options *options);
