/* SPDX-License-Identifier: MIT */
/** @file mount.h  mount() and umount2(): Linux's numbers. */
#pragma once

#define MS_RDONLY      0x0000001
#define MS_NOSUID      0x0000002
#define MS_NODEV       0x0000004
#define MS_NOEXEC      0x0000008
#define MS_SYNCHRONOUS 0x0000010
#define MS_REMOUNT     0x0000020
#define MS_MANDLOCK    0x0000040
#define MS_DIRSYNC     0x0000080
#define MS_NOSYMFOLLOW 0x0000100
#define MS_NOATIME     0x0000400
#define MS_NODIRATIME  0x0000800
#define MS_BIND	       0x0001000
#define MS_MOVE	       0x0002000
#define MS_REC	       0x0004000
#define MS_SILENT      0x0008000
#define MS_UNBINDABLE  0x0020000
#define MS_PRIVATE     0x0040000
#define MS_SLAVE       0x0080000
#define MS_SHARED      0x0100000
#define MS_RELATIME    0x0200000
#define MS_STRICTATIME 0x1000000
#define MS_LAZYTIME    0x2000000
#define MS_MGC_VAL     0xc0ed0000ul /* old programs put it into the upper half */
#define MS_MGC_MSK     0xffff0000ul

#define MNT_FORCE	1
#define MNT_DETACH	2
#define MNT_EXPIRE	4
#define UMOUNT_NOFOLLOW 8
