/* SPDX-License-Identifier: MIT */
/** @file fcntl.h  Opening files, and fcntl(): Linux's numbers and layouts for x86_64. */
#pragma once
#include <kernel/types.h>

/* open() */
#define O_RDONLY       00
#define O_WRONLY       01
#define O_RDWR	       02
#define O_ACCMODE      03
#define O_CREAT	       0100
#define O_EXCL	       0200
#define O_NOCTTY       0400
#define O_TRUNC	       01000
#define O_APPEND       02000
#define O_NONBLOCK     04000
#define O_NDELAY       O_NONBLOCK
#define O_DSYNC	       010000
#define O_ASYNC	       020000
#define O_DIRECT       040000
#define O_LARGEFILE    0100000
#define O_DIRECTORY    0200000
#define O_NOFOLLOW     0400000
#define O_NOATIME      01000000
#define O_CLOEXEC      02000000
#define O_SYNC_ONLY    04000000
#define O_SYNC	       (O_SYNC_ONLY | O_DSYNC)
#define O_PATH	       010000000
#define O_TMPFILE_ONLY 020000000
#define O_TMPFILE      (O_TMPFILE_ONLY | O_DIRECTORY)

/* the ...at() calls */
#define AT_FDCWD	    (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_EACCESS	    0x200 /* faccessat2 */
#define AT_REMOVEDIR	    0x200 /* unlinkat */
#define AT_SYMLINK_FOLLOW   0x400
#define AT_NO_AUTOMOUNT	    0x800
#define AT_EMPTY_PATH	    0x1000
#define AT_STATX_SYNC_TYPE  0x6000
#define AT_STATX_FORCE_SYNC 0x2000
#define AT_STATX_DONT_SYNC  0x4000

/* access() */
#define F_OK 0
#define X_OK 1
#define W_OK 2
#define R_OK 4

/* renameat2() */
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE	 2
#define RENAME_WHITEOUT	 4

/* lseek() */
#define SEEK_SET  0
#define SEEK_CUR  1
#define SEEK_END  2
#define SEEK_DATA 3
#define SEEK_HOLE 4

/* fcntl() */
#define F_DUPFD		0
#define F_GETFD		1
#define F_SETFD		2
#define F_GETFL		3
#define F_SETFL		4
#define F_GETLK		5
#define F_SETLK		6
#define F_SETLKW	7
#define F_SETOWN	8
#define F_GETOWN	9
#define F_SETSIG	10
#define F_GETSIG	11
#define F_SETOWN_EX	15
#define F_GETOWN_EX	16
#define F_GETOWNER_UIDS 17
#define F_OFD_GETLK	36
#define F_OFD_SETLK	37
#define F_OFD_SETLKW	38
#define F_SETLEASE	1024
#define F_GETLEASE	1025
#define F_NOTIFY	1026
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ	1031
#define F_GETPIPE_SZ	1032
#define F_ADD_SEALS	1033
#define F_GET_SEALS	1034
#define FD_CLOEXEC	1

#define F_OWNER_TID  0
#define F_OWNER_PID  1
#define F_OWNER_PGRP 2
struct f_owner_ex {
	s32 type;
	s32 pid;
};

#define F_SEAL_SEAL	    0x01
#define F_SEAL_SHRINK	    0x02
#define F_SEAL_GROW	    0x04
#define F_SEAL_WRITE	    0x08
#define F_SEAL_FUTURE_WRITE 0x10

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
struct user_flock {
	s16 l_type, l_whence;
	u32 pad;
	s64 l_start, l_len;
	s32 l_pid;
	u32 pad2;
};
_Static_assert(sizeof(struct user_flock) == 32, "struct flock has 32 bytes");

/* flock() */
#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

/* fallocate() */
#define FALLOC_FL_KEEP_SIZE	 0x01
#define FALLOC_FL_PUNCH_HOLE	 0x02
#define FALLOC_FL_COLLAPSE_RANGE 0x08
#define FALLOC_FL_ZERO_RANGE	 0x10
#define FALLOC_FL_INSERT_RANGE	 0x20
#define FALLOC_FL_UNSHARE_RANGE	 0x40

/* memfd_create() */
#define MFD_CLOEXEC	  0x1
#define MFD_ALLOW_SEALING 0x2
#define MFD_HUGETLB	  0x4
#define MFD_NOEXEC_SEAL	  0x8
#define MFD_EXEC	  0x10

/* close_range() */
#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4

/* splice(), tee() */
#define SPLICE_F_MOVE	  1
#define SPLICE_F_NONBLOCK 2
#define SPLICE_F_MORE	  4
#define SPLICE_F_GIFT	  8

/* posix_fadvise() */
#define POSIX_FADV_NORMAL     0
#define POSIX_FADV_RANDOM     1
#define POSIX_FADV_SEQUENTIAL 2
#define POSIX_FADV_WILLNEED   3
#define POSIX_FADV_DONTNEED   4
#define POSIX_FADV_NOREUSE    5

/* sync_file_range() */
#define SYNC_FILE_RANGE_WAIT_BEFORE 1
#define SYNC_FILE_RANGE_WRITE	    2
#define SYNC_FILE_RANGE_WAIT_AFTER  4

/* ioctl() on any file */
#define FIONBIO	 0x5421
#define FIONCLEX 0x5450
#define FIOCLEX	 0x5451
#define FIOASYNC 0x5452
#define FIOQSIZE 0x5460
#ifndef FIONREAD
#define FIONREAD 0x541b
#endif
#define FIGETBSZ 2
