/* SPDX-License-Identifier: MIT */
/** @file quota.h  A count with a limit that processors change without disturbing each other (fs/tmpfs/quota.c). */
#pragma once
#include <kernel/atomic.h>

struct quota_cell;
struct quota {
	struct atomic64 taken;	  /* used, and spare of some processor */
	struct quota_cell *cells; /* by CPU */
};

/** @return 0, -ENOMEM */
__must_check int quota_init(struct quota *quota);
void quota_destroy(struct quota *quota);
/** @brief Use @p count more. Any context. @param max 0: no limit @return false: that would be more than @p max */
__must_check bool quota_charge(struct quota *quota, s64 count, s64 max);
/** @brief Use @p count less. Any context. */
void quota_uncharge(struct quota *quota, s64 count);
/** @return what is used */
s64 quota_used(const struct quota *quota);
