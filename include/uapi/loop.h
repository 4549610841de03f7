/* SPDX-License-Identifier: MIT */
/** @file loop.h  ioctl() of loop devices and of /dev/loop-control: Linux's numbers. */
#pragma once
#include <kernel/types.h>

#define LOOP_SET_FD	    0x4c00
#define LOOP_CLR_FD	    0x4c01
#define LOOP_SET_STATUS64   0x4c04
#define LOOP_GET_STATUS64   0x4c05
#define LOOP_SET_CAPACITY   0x4c07
#define LOOP_SET_DIRECT_IO  0x4c08
#define LOOP_SET_BLOCK_SIZE 0x4c09
#define LOOP_CONFIGURE	    0x4c0a

#define LOOP_CTL_ADD	  0x4c80
#define LOOP_CTL_GET_FREE 0x4c82

#define LO_FLAGS_READ_ONLY 1u
#define LO_FLAGS_AUTOCLEAR 4u
#define LO_FLAGS_PARTSCAN  8u
#define LO_FLAGS_DIRECT_IO 16u

#define LO_NAME_SIZE 64

struct loop_info64 {
	u64 device, inode, rdevice; /* of the file */
	u64 offset, sizelimit;	    /* bytes; 0: to its end */
	u32 number, encrypt_type, encrypt_key_size, flags;
	u8 file_name[LO_NAME_SIZE], crypt_name[LO_NAME_SIZE], encrypt_key[32];
	u64 init[2];
};

struct loop_config {
	u32 fd, block_size;
	struct loop_info64 info;
	u64 reserved[8];
};
