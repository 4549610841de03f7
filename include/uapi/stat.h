/* SPDX-License-Identifier: MIT */
/** @file stat.h  What a file is: Linux's numbers and layouts for x86_64. */
#pragma once
#include <kernel/types.h>

#define S_IFMT	    0170000
#define S_IFSOCK    0140000
#define S_IFLNK	    0120000
#define S_IFREG	    0100000
#define S_IFBLK	    0060000
#define S_IFDIR	    0040000
#define S_IFCHR	    0020000
#define S_IFIFO	    0010000
#define S_ISUID	    0004000
#define S_ISGID	    0002000
#define S_ISVTX	    0001000
#define S_IRWXU	    0000700
#define S_IRUSR	    0000400
#define S_IWUSR	    0000200
#define S_IXUSR	    0000100
#define S_IRWXG	    0000070
#define S_IRGRP	    0000040
#define S_IWGRP	    0000020
#define S_IXGRP	    0000010
#define S_IRWXO	    0000007
#define S_IROTH	    0000004
#define S_IWOTH	    0000002
#define S_IXOTH	    0000001
#define S_IALLUGO   0007777
#define S_IXUGO	    0000111
#define S_ISLNK(m)  (((m)&S_IFMT) == S_IFLNK)
#define S_ISREG(m)  (((m)&S_IFMT) == S_IFREG)
#define S_ISDIR(m)  (((m)&S_IFMT) == S_IFDIR)
#define S_ISCHR(m)  (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m)  (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m)&S_IFMT) == S_IFSOCK)

/** struct stat, 144 bytes. */
struct user_stat {
	u64 st_dev, st_ino, st_nlink;
	u32 st_mode, st_uid, st_gid, pad0;
	u64 st_rdev;
	s64 st_size, st_blksize, st_blocks;
	u64 atime_sec, atime_nsec, mtime_sec, mtime_nsec, ctime_sec, ctime_nsec;
	s64 unused[3];
};
_Static_assert(sizeof(struct user_stat) == 144, "struct stat has 144 bytes");

#define STATX_TYPE	      0x0001
#define STATX_MODE	      0x0002
#define STATX_NLINK	      0x0004
#define STATX_UID	      0x0008
#define STATX_GID	      0x0010
#define STATX_ATIME	      0x0020
#define STATX_MTIME	      0x0040
#define STATX_CTIME	      0x0080
#define STATX_INO	      0x0100
#define STATX_SIZE	      0x0200
#define STATX_BLOCKS	      0x0400
#define STATX_BASIC_STATS     0x07ff
#define STATX_BTIME	      0x0800
#define STATX_MNT_ID	      0x1000
#define STATX__RESERVED	      0x80000000u
#define STATX_ATTR_MOUNT_ROOT 0x2000
struct user_statx_time {
	s64 sec;
	u32 nsec;
	s32 pad;
};
/** struct statx, 256 bytes. */
struct user_statx {
	u32 mask, blksize;
	u64 attributes;
	u32 nlink, uid, gid;
	u16 mode, pad0;
	u64 ino, size, blocks, attributes_mask;
	struct user_statx_time atime, btime, ctime, mtime;
	u32 rdev_major, rdev_minor, dev_major, dev_minor;
	u64 mnt_id;
	u32 dio_mem_align, dio_offset_align;
	u64 spare[12];
};
_Static_assert(sizeof(struct user_statx) == 256, "struct statx has 256 bytes");
