/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of device/partition. */
#pragma once
#include <kernel/partition.h>

/* ---- names below /dev/disk (links.c); the caller has one lock for all of these ---- */

/** @brief Make the names of a disk. @param links  empty; receives what disk_links_remove() removes */
void disk_links_add(struct list *links, struct disk *disk);
/** @brief Remove them. Where another disk has the same name it gets it. */
void disk_links_remove(struct list *links);
