/* SPDX-License-Identifier: MIT */
/** @file ninep_options.h  Options of mount -t 9p. Pure. */
#pragma once
#include <stdint.h>

#define NINEP_MSIZE_LEAST 4096u
#define NINEP_MSIZE_MOST  (65536u + 4096u)
#define NINEP_ANAME_BYTES 128u

struct ninep_options {
	uint32_t msize;
	char aname[NINEP_ANAME_BYTES]; /* what is mounted of what is offered; NUL-terminated */
	char uname[NINEP_ANAME_BYTES];
};

/** @brief Parse the options, with commas between them. @return 0, -EINVAL */
int64_t ninep_options_parse(const char *text, struct ninep_options *options);
