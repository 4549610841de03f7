/* SPDX-License-Identifier: MIT */
/** @file uio.h  Scattered transfers: Linux's numbers and layouts for x86_64. */
#pragma once
#include <kernel/types.h>

struct user_iovec {
	u64 base, len;
};
#define UIO_MAXIOV 1024
#define RWF_HIPRI  0x01
#define RWF_DSYNC  0x02
#define RWF_SYNC   0x04
#define RWF_NOWAIT 0x08
#define RWF_APPEND 0x10
