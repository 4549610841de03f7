// SPDX-License-Identifier: MIT
/*
 * What a thread does that found no page for a program: it frees cached pages and names, waits for those that are being
 * written, and has a process killed in the end.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/file_cache.h>
#include <kernel/time.h>
#include "vm_internal.h"

#define OOM_WAIT_MS  10
#define OOM_ATTEMPTS 300u
#define OOM_ATTEMPTS_ALONE \
	30u /* no process can be killed: only memory that is being freed already can help */
#define OOM_ATTEMPTS_CACHE 100u /* while cached pages can be freed, or are being written */
#define OOM_RECLAIM_PAGES  64u
#define OOM_ATTEMPTS_FREE \
	8u /* memory is available again, or still: no process needs to be killed */

int vm_out_of_memory(u32 attempt)
{
	if (fatal_signal_pending())
		return -EINTR;
	if (attempt >= OOM_ATTEMPTS)
		return -ENOMEM;
	if (attempt < OOM_ATTEMPTS_FREE && !page_user_exhausted())
		return 0;
	if (IS_ENABLED(CONFIG_BLOCK) && attempt < OOM_ATTEMPTS_CACHE &&
	    (file_cache_reclaim(OOM_RECLAIM_PAGES) || file_cache_reclaim_wait()))
		return 0;
	if (attempt <= OOM_ATTEMPTS_FREE && dentry_cache_drop()) {
		sleep_ms(OOM_WAIT_MS); /* freed after a grace period */
		return 0;
	}
	if (!oom_kill(true) && attempt >= OOM_ATTEMPTS_ALONE)
		return -ENOMEM;
	if (fatal_signal_pending())
		return -EINTR;
	/* The victim needs time to end; its memory is freed then. */
	sleep_ms(OOM_WAIT_MS);
	return 0;
}
