/* SPDX-License-Identifier: MIT */
/**
 * @file fsdrive.h  Drive a driver of a file system on the host, at native speed and under the sanitizers.
 *
 * What a driver of <banos/filesystem.h> sees of the kernel is here a model: the store with its commits
 * (store.c), memory, locks, log and clock (services.c), and above the driver what the kernel
 * does with names, attributes and pages of data (vfs.c). Several drives may be open at once.
 *
 * A test in tests/host/tests.mk:
 *
 *	host-test-y += ext2
 *	ext2-srcs := $(fsdrive-srcs) $(addprefix drivers/fs/ext2/,...)
 *	ext2-cflags := $(fsdrive-cflags)
 *
 * and in it:
 *
 *	struct drive *drive = drive_open("an.img");	a copy in memory; the file is not written
 *	assert_int_equal(drive_mount(drive, "options", 0), 0);
 *	vfs_create(drive, "/a", 0100644);
 *	vfs_write(drive, "/a", 0, "hello", 5);
 *	vfs_sync(drive);
 *	drive_unmount(drive);
 *	drive_save(drive, "after.img");			and fsck it
 *	drive_close(drive);
 *
 * The disk's bytes are drive->disk; what the driver and later reads see is drive->cache. They differ by
 * what no commit has written yet. A commit is what CLASSES.md and <banos/filesystem.h> say: dirty data to the disk, setattr() of
 * what was kept back, sync(), a copy of the dirty sectors, which is then written rank by rank (banos_store_after()), a flush
 * behind each rank. drive_commit_start() and drive_commit_end() are its halves: changes may happen in between.
 *
 * drive_record() turns the recording of writes and flushes on; drive->log is the record. The states in which a
 * crash may leave the disk come from crash_image(): everything up to a place of the log, or everything up to a
 * flush and any choice of the sectors written between it and the next one.
 *
 * What a driver does wrong ends the program, with words: a write outside of a change, locks that are held at the return or
 * taken twice, pieces that are lent and cross 4096 bytes, attributes without a type, extents that do not contain what
 * was asked for, -EAGAIN after the store was changed, memory that is not freed at drive_driver_exit().
 * drive_fail_alloc() and fail_write let memory fail, fail_from and fail_to let reads fail. What a change wrote
 * that returns -ENOMEM is taken back.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <banos/filesystem.h>

#define SECTOR 512u

struct drive_write {
	uint64_t offset, length; /* length 0: a flush */
	uint8_t *bytes;
};

struct drive_log {
	struct drive_write *writes;
	size_t count, room;
};

struct drive_page; /* vfs.c */
struct drive_node;
struct drive_order; /* store.c */

struct drive {
	uint8_t *disk, *cache;
	uint64_t bytes;
	uint32_t block_bytes; /* of the disk; 512 */
	const struct banos_filesystem_ops *ops;
	void *context, *fs;
	struct banos_mount_info info;
	bool mounted, read_only;
	bool dying;   /* it crashes: nothing more is asked */
	bool hostile; /* the image is damaged: what follows from that is no fault of the driver */
	char error[256]; /* of banos_mount_error(); empty: none */

	/* The store. */
	uint8_t *dirty;	      /* a bit for each sector */
	uint32_t *dirty_list; /* numbers of sectors; each once */
	size_t dirty_count, dirty_room;
	uint8_t *copy; /* of a commit that was started: its sectors */
	uint32_t *copy_list;
	uint32_t *copy_ranks;
	size_t copy_count;
	struct drive_order *orders;
	size_t orders_count, orders_room;
	uint64_t epoch, committed;
	bool in_change, committing;
	uint32_t lent;
	uint8_t *
		before; /* what the sectors that this change wrote contained, to compare after -EAGAIN */
	uint32_t *before_list;
	size_t before_count, before_room;
	bool recording;
	struct drive_log log;
	uint64_t fail_from, fail_to; /* reads of it fail */
	uint64_t fail_write;	     /* so many writes from now on, one has no memory; 0: none */
	struct {
		uint64_t reads, borrows, writes, afters, commits, flushes, again;
	} count;

	/* Above the driver. */
	struct drive_node *nodes[1024];
	struct drive_page *pages[4096];
};

/* ---- the disk ---- */

struct drive *drive_open(const char *path);
struct drive *drive_create(const void *bytes, uint64_t length); /* @p bytes NULL: zeroes */
void drive_save(struct drive *drive, const char *path);
void drive_close(struct drive *drive);
void drive_record(struct drive *drive, bool on); /* on: the log begins empty */

/** Stop the program, as a kernel would find fault with the driver. */
_Noreturn void drive_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- mounting, commits ---- */

/** @return 0 or the error. The driver's init() runs at the first one. */
int64_t drive_mount(struct drive *drive, const char *options, uint32_t flags);
int64_t drive_unmount(struct drive *drive);
/** The driver dies and another instance takes the mount over: mount() without unmount(). */
int64_t drive_replace(struct drive *drive, const char *options, uint32_t flags);
/** Forget everything that is not on the disk, as a crash does. The drive is not mounted afterwards. */
void drive_crash(struct drive *drive);
void drive_commit(struct drive *drive);
void drive_commit_start(struct drive *drive);
void drive_commit_end(struct drive *drive);
/** Run the driver's exit(), and see that nothing remains. */
void drive_driver_exit(void);

/* ---- crashes ---- */

#define CRASH_PREFIX UINT64_MAX
/**
 * @brief The disk after a crash.
 * @param start  its bytes when the recording began
 * @param image  written; as long
 * @param place  writes[0..place) of the log have happened, if @p choice is CRASH_PREFIX; else all up to the last
 *		 flush in them have, and of the sectors behind it, up to the next flush, a choice that @p choice seeds
 */
void crash_image(const struct drive_log *log, const uint8_t *start, uint64_t bytes, size_t place,
		 uint64_t choice, uint8_t *image);

/* ---- the kernel's view: paths begin with "/" ---- */

int64_t vfs_stat(struct drive *drive, const char *path, struct banos_attr *attr);
int64_t vfs_create(struct drive *drive, const char *path, uint32_t mode); /* with its type */
int64_t vfs_mknod(struct drive *drive, const char *path, uint32_t mode, uint32_t major,
		  uint32_t minor);
int64_t vfs_mkdir(struct drive *drive, const char *path, uint32_t mode);
int64_t vfs_symlink(struct drive *drive, const char *target, const char *path);
int64_t vfs_readlink(struct drive *drive, const char *path, char *to, uint32_t room);
int64_t vfs_link(struct drive *drive, const char *old, const char *path);
/** A file without a name, in the folder's group, in use as by vfs_open(), and a name for it. */
int64_t vfs_create_nameless(struct drive *drive, const char *path, uint32_t mode);
int64_t vfs_link_node(struct drive *drive, uint64_t node, const char *path);
int64_t vfs_unlink(struct drive *drive, const char *path);
int64_t vfs_rmdir(struct drive *drive, const char *path);
/** @param flags  BANOS_RENAME_EXCHANGE or 0 */
int64_t vfs_rename(struct drive *drive, const char *old, const char *path, uint32_t flags);
/** A use of a node, which keeps it after the last name is removed. @return its number, to be given to vfs_close() */
int64_t vfs_open(struct drive *drive, const char *path);
void vfs_close(struct drive *drive, uint64_t node);
/** @return bytes, or an error (then fewer may have been written) */
int64_t vfs_write(struct drive *drive, const char *path, uint64_t offset, const void *from,
		  uint64_t length);
int64_t vfs_read(struct drive *drive, const char *path, uint64_t offset, void *to, uint64_t length);
int64_t vfs_truncate(struct drive *drive, const char *path, uint64_t bytes);
int64_t vfs_punch(struct drive *drive, const char *path, uint64_t offset, uint64_t length);
/** @param which  BANOS_SET_...; not SIZE */
int64_t vfs_setattr(struct drive *drive, const char *path, uint32_t which,
		    const struct banos_attr *attr);
typedef void (*vfs_entry_fn)(void *context, const char *name, uint64_t node, uint32_t type);
/** @return how many names, or an error */
int64_t vfs_readdir(struct drive *drive, const char *path, vfs_entry_fn entry, void *context);
int64_t vfs_getxattr(struct drive *drive, const char *path, const char *name, void *to,
		     uint32_t length);
int64_t vfs_setxattr(struct drive *drive, const char *path, const char *name, const void *from,
		     uint32_t length, uint32_t flags);
int64_t vfs_listxattr(struct drive *drive, const char *path, char *to, uint32_t length);
int64_t vfs_removexattr(struct drive *drive, const char *path, const char *name);
/** fsync(), fdatasync(), sync(): all are a commit. */
void vfs_sync(struct drive *drive);
/** Forget what is clean: later calls ask the driver again. */
void vfs_drop(struct drive *drive);

/* ---- services ---- */

extern int64_t drive_now_ns;	  /* the clock */
extern bool drive_verbose;	  /* print what the driver logs */
extern char drive_last_line[400]; /* of the log */
/** The allocation after @p count more fails, and all behind it; -1: none. */
void drive_fail_alloc(int64_t count);

/* What the parts of the model use of each other. */
void drive_method_start(struct drive *drive, bool change);
int64_t drive_method_end(struct drive *drive, const char *name, int64_t result);
void drive_disk_write(struct drive *drive, uint64_t offset, const void *bytes, uint64_t length);
void drive_disk_flush(struct drive *drive);
const struct banos_filesystem_config *drive_driver(void);
uint32_t drive_locks_held(void);
void vfs_hand_down(struct drive *drive); /* data and attributes, for a commit */
void vfs_forget_all(struct drive *drive);
