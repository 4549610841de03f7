/* SPDX-License-Identifier: MIT */
/**
 * @file filesystem_prober.h  What probers of file systems state. A draft.
 *
 * If a prober (<banos/disk.h>) knows the file system on a disk it states type, label and UUID before it returns 1. The
 * kernel makes the names /dev/disk/by-label and by-uuid of them, and says the type in /dev/hotplug
 * ("filesystem:ext2"), so that the driver of the file system is installed: BANOS_SERVES("filesystem:ext2").
 */
#ifndef BANOS_FILESYSTEM_PROBER_H
#define BANOS_FILESYSTEM_PROBER_H

#include <banos/disk.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/filesystem_prober.h>
BANOS_DRAFT_HEADER(filesystem_prober);

/** A file system on a disk. */
struct banos_filesystem_found {
	uint32_t size;
	uint32_t zero; /**< 0 */
	char type
		[32]; /**< as mount -t names it: letters, digits and _ - . ; NUL-terminated, not empty */
	char label[256]; /**< or empty: any bytes, best UTF-8; NUL-terminated */
	char uuid[40]; /**< or empty: as blkid writes it; letters, digits and - ; NUL-terminated */
};
#define BANOS_FILESYSTEM_FOUND_SIZE_2 336u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_filesystem_found, uuid) == BANOS_FILESYSTEM_FOUND_SIZE_2,
	     filesystem_found);
BANOS_ASSERT(offsetof(struct banos_filesystem_found, label) == 40, filesystem_found_label);

BANOS_BEGIN

/**
 * @brief State the file system on the disk that is being probed. The last statement counts.
 * Since 2, provided by the kernel.
 * Context: the method probe() of a prober of file systems that received @p disk.
 * If the method does not return 1, what it stated is forgotten.
 * @param found  read; copied
 * @return 0; -EINVAL: not the disk of this call, the prober is of another kind, or a field is wrong; -E2BIG: an
 *	   unknown field is not 0
 */
BANOS_SINCE(2)
int64_t banos_filesystem_state(banos_disk disk, const struct banos_filesystem_found *found);

BANOS_END
#endif

#endif
