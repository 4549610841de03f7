/* SPDX-License-Identifier: MIT */
/** @file pagecache.h  For file systems that live in memory (fs/cache/pages.c). Under inode->lock; may sleep. */
#pragma once
#include <kernel/fs.h>
/** Make [off, off+len) read as zeroes, giving back whole pages. Private copies in mappings stay. */
void pagecache_punch(struct inode *i, u64 off, u64 len);
/** Have pages for all of [off, off+len), len > 0. @return 0; -ENOSPC, -ENOMEM, -EINTR: none were made */
int pagecache_allocate(struct inode *i, u64 off, u64 len);
