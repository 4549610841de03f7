/* SPDX-License-Identifier: MIT */
/** @file dirent.h  Directory entries: Linux's numbers and layouts for x86_64. */
#pragma once
#include <kernel/types.h>

#define DT_UNKNOWN 0
#define DT_FIFO	   1
#define DT_CHR	   2
#define DT_DIR	   4
#define DT_BLK	   6
#define DT_REG	   8
#define DT_LNK	   10
#define DT_SOCK	   12

/** getdents64(): the name follows, NUL-terminated; a record is a multiple of 8 bytes. */
struct user_dirent64 {
	u64 d_ino;
	s64 d_off;
	u16 d_reclen;
	u8 d_type;
	char d_name[];
};
/** getdents(): as above; the last byte of a record is the type. */
struct user_dirent {
	u64 d_ino, d_off;
	u16 d_reclen;
	char d_name[];
};
