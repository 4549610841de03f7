/* SPDX-License-Identifier: MIT */
/**
 * @file future.h  What the driver API promises nowhere, and a later kernel may do otherwise.
 *
 * The kernel that stands for a later one (CONFIG_API_FUTURE) does all of it, so that the tests
 * show a driver that has come to rely on it. In other kernels this is nothing.
 */
#pragma once
#include <kernel/kconfig.h>
#include <kernel/types.h>

#ifdef CONFIG_API_FUTURE
/** Bits that no driver knows, in flags that it is handed. */
#define FUTURE_FLAGS 0x60000000u
/** Handles differ from those of other kernels in these bits. */
#define FUTURE_HANDLE 0x25a5000000800000ull
/** How far limits are raised. */
#define FUTURE_RAISE 2
/** Every so often a sleep ends though nothing has happened. */
#define FUTURE_WAKE_PERIOD 3u

/** @brief Continue on another processor, if there is one. Thread context, without locks. */
void future_change_cpu(void);
#else
#define FUTURE_FLAGS	   0u
#define FUTURE_HANDLE	   0ull
#define FUTURE_RAISE	   1
#define FUTURE_WAKE_PERIOD 0u

static inline void future_change_cpu(void)
{
}
#endif

/** @brief Is this one of those sleeps? @param count  of sleeps; may be shared, need not be exact */
static inline bool future_wakes(u32 *count)
{
	return FUTURE_WAKE_PERIOD && ++*count % FUTURE_WAKE_PERIOD == 0;
}
