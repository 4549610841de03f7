/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of device/partition. */
#pragma once
#include <kernel/partition.h>

/* ---- probers (probers.c) ---- */

#define PROBER_NAME_SIZE 32

struct probed_part {
	struct list link; /* disk_probe.parts */
	struct partition_about about;
};

/**
 * @brief Ask the probers of a kind. Sleeps.
 * @param known  PROBER_NAME_SIZE bytes, written: the name of the one that knew it
 * @return is it known? Then what was stated is in @p probe until disk_probe_forget().
 */
bool disk_probe_ask(struct disk_probe *probe, char *known);
void disk_probe_forget(struct disk_probe *probe);

/** @brief A prober has come: let the thread look at the disks of which it may know more (scan.c). Sleeps. */
void disks_probe_again(enum disk_prober_kind kind);

/* ---- names below /dev/disk (links.c); the caller has one lock for all of these ---- */

/** @brief Make the names of a disk. @param links  empty; receives what disk_links_remove() removes */
void disk_links_add(struct list *links, struct disk *disk);
/** @brief Those that the file system on it gives to a disk. */
void disk_content_links_add(struct list *links, struct disk *disk,
			    const struct disk_content *content);
/** @brief Remove them. Where another disk has the same name it gets it. */
void disk_links_remove(struct list *links);
