/* SPDX-License-Identifier: MIT */
/** @file initramfs.h  Unpacking archives over the root file system (fs/initramfs/unpack.c). All sleep. */
#pragma once
#include <kernel/types.h>

/** Several archives that know each other's hard links. */
struct initramfs;

/**
 * @brief Begin to unpack.
 * @param done  NULL, or called now and then: the bytes before @p upto are not needed any more
 * @return NULL: no memory
 */
struct initramfs *initramfs_begin(void (*done)(const void *upto));
/**
 * @brief Unpack cpio archives (newc), several in a row, each plain or (if configured) gzipped.
 * @param label  prefix of messages: "" or "module 2: "
 * @return 0; -ENOMEM, -ENOSPC; -EINVAL: damaged (a message describes it)
 */
__must_check int initramfs_unpack(struct initramfs *unpack, const char *label, const void *data,
				  size_t size);
/** @brief Set the times of directories, and free @p unpack. */
void initramfs_end(struct initramfs *unpack);
