/* SPDX-License-Identifier: MIT */
/** @file internal.h  A loop device, between its disk (disk.c) and its calls (calls.c). */
#pragma once
#include <kernel/block_driver.h>
#include <kernel/err.h>
#include <kernel/fs/file.h>
#include <kernel/fs/loop.h>
#include <kernel/lock.h>
#include <kernel/wait.h>
#include <uapi/loop.h>

#define LOOP_MAX   64u
#define LOOP_DEPTH 32u
#define LOOP_MAJOR 7u

struct loop {
	u32 number;
	struct block_device *device;
	struct disk *disk; /* counted */
	struct file
		*file; /* counted; NULL: free. Set under loops_lock, cleared by the worker alone */
	u64 offset, limit; /* bytes; limit 0: to the end of the file */
	u32 flags;	   /* LO_FLAGS_... */
	bool in_use;	   /* the disk has users; under a lock of the core */
	u8 name[LO_NAME_SIZE];

	spinlock_t queue_lock; /* the requests that wait for the worker */
	u32 first, count;
	struct banos_block_request queue[LOOP_DEPTH];
	struct wait_queue wait; /* the worker's */
	u8 *buffer;		/* the worker's */
};

/** Guards the table of loop devices, and what each is bound to. Outside of the core of disks. */
extern struct mutex loops_lock;

/** @brief The device of a number. @param create  make it if there is none @return NULL: none, or no memory */
struct loop *loop_get_locked(u32 number, bool create);
/** @brief The size that its disk has now: of the file, without offset, limited. Under loops_lock. */
u64 loop_bytes(const struct loop *loop);

void loop_control_init(void);
