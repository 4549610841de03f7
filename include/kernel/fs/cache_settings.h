/* SPDX-License-Identifier: MIT */
/** @file cache_settings.h  What /proc/sys/vm sets of write-back (fs/cache/flusher.c). */
#pragma once
#include <kernel/types.h>

/** Read at any time; 0 and more, ratios at most 100. */
struct cache_settings {
	int dirty_ratio, background_ratio; /* percent of the memory that could be dirty */
	int expire_cs;			   /* age at which a dirty page is written; 1/100 s */
	int interval_cs;		   /* how often ages are looked at; 0: never */
};
extern struct cache_settings cache_settings;

/** @brief Settings have changed: the write-back thread looks at once. Any context. */
void cache_flusher_wake(void);
/** @brief /proc/sys/vm/drop_caches: @p what 1 pages, 2 names, 3 both. Sleeps. */
void cache_drop(u32 what);
