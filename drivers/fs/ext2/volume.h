/* SPDX-License-Identifier: MIT */
/**
 * @file volume.h  A mounted ext2, and what the parts of the driver offer each other.
 *
 * Nothing of the disk is kept in memory but the superblock's numbers, and those of some groups, as they are on the store:
 * inodes, bitmaps, folders are read from it at each call, through the kernel's cache, so that a new instance of the driver can go on where another one was.
 * Locks: the kernel lets one changing method at a time work on a node. What methods for different nodes share is
 * the groups: each has one of SHARDS locks, which guards its descriptor and bitmaps, and what
 * is known of them here.
 *
 * **After a crash.** There is no journal. e2fsck has to be able to repair what is on the disk, nothing that was
 * committed may get lost, and no file may show bytes of another. This is what the driver adds to what the kernel promises
 * (data is on the disk before the commit's metadata):
 *
 * - Blocks and inodes that were freed are not used again before that is committed (struct held).
 * - A new block of pointers, of a folder, of attributes is on the disk before what points to it (banos_store_after()).
 * - Folders change one sector at a time: dirent.h.
 * - rename(): the new name before the old one is removed. If it replaces: the new file's inode, if it is
 *   not committed yet, before the name, and that before the old file is freed.
 * - unlink() of one of several names: after a name that the inode got since the last commit. Where those are in several
 *   sectors, or not known any more, it waits for a commit.
 *
 * A name whose inode is not on the disk yet needs no order: e2fsck removes it, as the inode is one that is not used.
 */
#ifndef EXT2_VOLUME_H
#define EXT2_VOLUME_H

#include <stdint.h>
#include <banos/filesystem.h>
#include <banos/lock.h>
#include "dirent.h"
#include "inode.h"
#include "layout.h"

#define SHARDS	       16u
#define HELD_SLOTS     4u
#define GROUP_SLOTS    4u
#define LINK_SLOTS     8u
#define TABLES	       64u
#define ROOMS	       64u
#define STOPS	       16u
#define STARTS	       64u
#define KNOWN_TABLES   8u
#define KNOWN_BLOCKS   4u
#define ORPHAN_RECENT  128u
#define ORPHAN_TRIES   4u
#define ORPHAN_BUCKETS 64u
#define LINK_MAX       32000u
#define SECTOR	       512u

/* What is held back until a commit, by group. */
#define HELD_BLOCKS 0u /* blocks that were freed */
#define HELD_INODES 1u /* inodes that were freed or allocated */
#define HELD_LINKS  2u /* inodes that got a further name */

/** Bits of a group that belong to commits which are not on the disk: that of changes now, and the one before. */
struct held {
	uint32_t group, kind, is_used;
	uint64_t epochs[2]; /* 0: the map is empty */
	uint8_t *maps[2];
};

/** Where an inode got a further name, in a change of commit @epoch. */
struct link {
	uint64_t epoch, offset; /* offset on the store; 0: in several sectors, or not to be told */
	uint32_t inode;
};

/** A group, as its descriptor says. */
struct known_group {
	uint32_t number, is_known;
	struct group about;
};

struct shard {
	struct banos_mutex lock;
	struct known_group groups[GROUP_SLOTS];
	int64_t blocks_free, inodes_free; /* how they changed since sync() */
	uint64_t
		blocked; /* there was no memory for a struct held: nothing is allocated until that commit is on the disk */
	struct held held[HELD_SLOTS];
	struct link links[LINK_SLOTS]; /* by inode */
} __attribute__((aligned(64)));

/** Names of a large folder, in memory: known.c. */
struct known {
	struct banos_mutex lock;     /* of all below */
	uint32_t folder, used, mask; /* folder: 0 is none */
	uint32_t *slots;
} __attribute__((aligned(64)));

/** Inodes that have no name, and are in use: orphan.c. */
struct orphans {
	struct banos_mutex lock; /* of the list */
	uint32_t recent
		[ORPHAN_RECENT]; /* not listed yet; accessed atomically, as the two numbers are */
	uint32_t recent_count, count;
	uint32_t changed; /* the list is not on the store as it is here */
	struct orphan *first, *last;
	uint32_t rest; /* what the store lists behind the last one, not loaded; 0: nothing */
	struct orphan *buckets[ORPHAN_BUCKETS];
};

struct volume {
	banos_mount mount;
	struct layout layout;
	struct dirent_form form;
	uint8_t *blank; /* a block of a folder, unused */
	uint32_t read_only;
	uint32_t is_damaged;
	uint32_t continues;  /* an earlier instance served it: files without a name may be open */
	uint32_t was_valid;  /* STATE_VALID when it was mounted */
	uint32_t rotor;	     /* a group that had space */
	uint32_t generation; /* of inodes to come */
	uint32_t
		distrusted; /* a change was taken back: what is known of groups, and the counts, may be off */
	uint32_t scarce;      /* free blocks are counted at each allocation */
	uint64_t freed_epoch; /* of the last change that freed something */
	uint64_t committed;   /* as it was when that was last asked */
	uint64_t
		committing; /* the last commit that sync() was called for, until it is on the disk; else 0 */
	uint64_t blocks_free, inodes_free; /* at the last sync() */
	uint64_t tables[TABLES]; /* group << 32 | block of its inodes, as they are fixed */
	uint64_t rooms[ROOMS];	 /* where a folder may have space: folder.c */
	uint64_t stops
		[STOPS]; /* folder << 32 | where a listing stopped, and an entry begins: list.c */
	uint64_t
		starts[STARTS]; /* group << 33 | kind << 32 | first bit that may be free: alloc.c */
	struct known known[KNOWN_TABLES];
	struct orphans orphans;
	struct shard shards[SHARDS];
};

/** A node: its inode, as a copy. */
struct node {
	uint32_t number;
	uint64_t offset; /* of the inode on the store */
	uint8_t raw[INODE_RAW];
};

/** Blocks of a file that lie one behind the other, or are missing. */
struct run {
	uint64_t first, count; /* in the file */
	uint64_t block;	       /* 0: a hole */
	uint32_t unwritten;
};

/** A block of the store, to be read. */
struct view {
	const uint8_t *bytes;
	void *copy; /* of one over 4 KiB */
};

extern banos_owner ext2_owner;

/* ---- volume.c ---- */

/** Report damage. @return -EUCLEAN */
int64_t volume_damaged(struct volume *volume, const char *text);
int64_t view_get(struct volume *volume, uint64_t block, struct view *view);
void view_put(struct volume *volume, struct view *view);
/** The end of a method that allocates or frees, by what it is going to return: -ENOMEM takes back what it wrote. @return @p result */
int64_t volume_end(struct volume *volume, int64_t result);
/** Add up the groups. @return 0 or an error */
int64_t volume_count(struct volume *volume, uint64_t *blocks, uint64_t *inodes);
/** What is known of the groups may be wrong. */
void groups_drop(struct volume *volume);
/** @return 0; -EIO; -EUCLEAN: numbers in it are wrong */
int64_t group_read(struct volume *volume, uint32_t number, struct group *group);

/** The same, from memory if possible; the shard's lock is held. @p group: valid until it is given up */
int64_t group_find(struct volume *volume, uint32_t number, struct group **group);

/* ---- node.c ---- */

/** @return 0; -ESTALE: there is no such inode, or it is free; other errors */
int64_t node_get(struct volume *volume, uint64_t number, struct node *node);
/** Place of an inode whose number was checked. */
int64_t node_locate(struct volume *volume, uint32_t number, uint64_t *offset);
int64_t node_write(struct volume *volume, const struct node *node, uint32_t from, uint32_t length);
int64_t node_set_links(struct volume *volume, struct node *node, uint32_t links);
/** Add blocks to what it takes, or remove them. */
void node_count(struct volume *volume, struct node *node, int64_t blocks);
void node_attr(struct volume *volume, const struct node *node, struct banos_attr *attr);
uint32_t node_group(const struct volume *volume, uint32_t number);

/* ---- held.c: the shard's lock is held ---- */

void held_add(struct volume *volume, uint32_t group, uint32_t kind, uint32_t bit, uint32_t count);
/** The last commit that is on the disk. */
uint64_t held_committed(struct volume *volume);
/** What is held of a group: NULL, or the maps. */
struct held *held_find(struct volume *volume, uint32_t group, uint32_t kind);
struct shard *shard_of(struct volume *volume, uint32_t group);
/** A commit has set bits of a group free. */
void starts_drop(struct volume *volume, uint32_t group, uint32_t kind);
/** An inode got a further name, at @p offset (0: not to be told). Takes the lock itself. */
void links_note(struct volume *volume, uint32_t inode, uint64_t offset);
/**
 * @brief What is written at @p later takes a name from an inode that has others: one of these must be on the disk before.
 * @return 0; -EAGAIN: after a commit
 */
int64_t links_order(struct volume *volume, uint32_t inode, uint64_t later);
/** Is the inode one of those, or may it be? Takes the lock itself. */
int held_has(struct volume *volume, uint32_t inode, uint32_t kind);

/* ---- alloc.c ---- */

/**
 * @brief Allocate blocks that lie one behind the other.
 * @param goal   the block that would be best
 * @param want   at most so many, 1 or more
 * @param flags  BANOS_MAP_RESERVED
 * @return how many; -ENOSPC; -EAGAIN: there will be some after a commit
 */
int64_t block_alloc(struct volume *volume, uint64_t goal, uint32_t want, uint32_t flags,
		    uint64_t *first);
/** Free blocks. @param undo  they were allocated by this change, and nothing points to them */
int64_t block_free(struct volume *volume, uint64_t first, uint64_t count, int undo);
int64_t inode_alloc(struct volume *volume, const struct node *parent, int is_folder,
		    uint32_t *number);
int64_t inode_free(struct volume *volume, uint32_t number, int is_folder, int undo);
/** Says the bitmap that it is in use? @return 0; -EUCLEAN: no; other errors */
int64_t inode_is_used(struct volume *volume, uint32_t number);
uint64_t volume_blocks_free(struct volume *volume);
uint64_t volume_inodes_free(struct volume *volume);

/* ---- map.c ---- */

/** Blocks that the largest file can have. */
uint64_t map_blocks_max(const struct layout *layout);
/** Where @p index and up to @p max blocks from there on are. */
int64_t map_find(struct volume *volume, const struct node *node, uint64_t index, uint64_t max,
		 struct run *run);

#define POINTERS_DIRECT 12u
#define LEVELS		3u

/** The pointers that lead to a block of a file. */
struct path {
	uint32_t levels;	    /* of blocks of pointers: 0 to LEVELS */
	uint32_t slots[LEVELS + 1]; /* in the inode, in the blocks of pointers */
};
int path_find(const struct layout *layout, uint64_t index, struct path *path);

/* ---- grow.c: blocks for a hole, in three steps ---- */

#define GROW_METADATA \
	0x80000000u /* the blocks are a folder's: on the disk before what points to them */

struct growth {
	struct path path;
	uint32_t missing; /* so many blocks of pointers are new: the last ones of the path */
	uint64_t parents[LEVELS + 1]; /* parents[i]: that holds slots[i]; [0] is not used */
	uint64_t first;
	uint32_t count; /* data blocks */
	uint32_t flags;
};
int64_t grow_plan(struct volume *volume, struct node *node, uint64_t index, uint32_t want,
		  uint32_t flags, struct growth *growth);
/** Byte offset of the first pointer to the data. */
uint64_t grow_pointer(const struct volume *volume, const struct node *node,
		      const struct growth *growth);
void grow_undo(struct volume *volume, const struct growth *growth);
/** Write pointers, the inode's in @p node->raw and on the store. */
int64_t grow_write(struct volume *volume, struct node *node, const struct growth *growth);

/* ---- truncate.c ---- */

/** Free what lies behind @p keep blocks; the inode's fields are changed in node->raw only. */
int64_t node_truncate(struct volume *volume, struct node *node, uint64_t keep);
/** Free [@p first, @p end) of a file. */
int64_t node_punch(struct volume *volume, struct node *node, uint64_t first, uint64_t end);

/* ---- folder.c ---- */

/** Where a name is. */
struct place {
	uint64_t block;	     /* on the store */
	uint64_t index;	     /* of the block in the folder */
	struct dirent entry; /* its name is not to be used */
};
int64_t folder_find(struct volume *volume, const struct node *folder, const char *name,
		    uint32_t length, struct place *place);
uint64_t folder_blocks(const struct volume *volume, const struct node *folder);
/** Entries of the folder are going to begin elsewhere; nobody lists it. */
void listing_drop(struct volume *volume, uint32_t folder);
/** A block of a folder on the store; @p run remembers what was found last. 0: a hole */
int64_t folder_block(struct volume *volume, const struct node *folder, uint64_t index,
		     struct run *run, uint64_t *block);
/**
 * @brief Its name, which lies at @p name on the store, is going to be removed: on the disk that is behind all that was moved
 * out of it, whose new names its blocks are behind.
 * @return 0: it has no names; -ENOTEMPTY; -EAGAIN
 */
int64_t folder_may_go(struct volume *volume, const struct node *folder, uint64_t name);

/** A name that is to be added. */
struct addition {
	const char *name;
	uint32_t length, inode, type;
	uint64_t later;	  /* what must not be on the disk before the name: a byte offset, or 0 */
	uint64_t at;	  /* written: the sector that alone makes the name; 0: it is not one */
	uint64_t earlier; /* what must be on the disk before the name: a byte offset, or 0 */
};
/** Add a name, or change nothing: the last step of a method that may fail. */
int64_t folder_add(struct volume *volume, struct node *folder, struct addition *addition);
int64_t folder_remove(struct volume *volume, const struct node *folder, const struct place *place);
/** The folder is freed. */
void folder_drop(struct volume *volume, uint32_t folder);
int64_t folder_redirect(struct volume *volume, const struct place *place, uint32_t inode,
			uint32_t type);
uint64_t place_offset(const struct volume *volume, const struct place *place);
/** A type of an inode as folders write it. */
uint32_t folder_type(uint32_t mode);

/* ---- known.c ---- */

/**
 * @brief Where a name of a large folder may be.
 * @param blocks  of the folder, written
 * @return how many: 0 if it does not exist; -1: not known, all blocks have to be searched
 */
int64_t known_find(struct volume *volume, const struct node *folder, const char *name,
		   uint32_t length, uint32_t blocks[KNOWN_BLOCKS]);
/** A name was added to the block. */
void known_add(struct volume *volume, uint32_t folder, const char *name, uint32_t length,
	       uint64_t block);
/** The folder is freed. */
void known_drop(struct volume *volume, uint32_t folder);
/** What is on the store may have been changed by others. */
void known_drop_all(struct volume *volume);
int64_t known_init(struct volume *volume);
void known_free(struct volume *volume);

/* ---- orphan.c ---- */

/** An inode has lost its last name, as the last step of a method, and is not free yet. */
void orphan_add(struct volume *volume, uint32_t inode);
/**
 * @brief What is written at @p name takes its last name from an inode: the superblock, which may list it, is written later.
 * @return 0; -EAGAIN: after a commit; -ENOMEM
 */
int64_t orphan_order(struct volume *volume, uint64_t name);
/** It is free, or has a name again. */
void orphan_drop(struct volume *volume, uint32_t inode);
int orphan_has(struct volume *volume, uint32_t inode);
/** Does sync() have something to write? */
int orphans_are_changed(const struct volume *volume);
/** Write the list; what the superblock names is put into @p super, which the caller writes. */
int64_t orphans_write(struct volume *volume, uint8_t *super);
/** The volume begins to be written: free what is listed. @p in_use: by files that were open before this instance; it stays listed */
int64_t orphans_begin(struct volume *volume, int in_use);
/** What was written of the list may have been taken back: write it anew. */
void orphans_distrust(struct volume *volume);
/** The volume begins to be written again, and another program may have freed some. */
void orphans_check(struct volume *volume);
void orphans_free(struct volume *volume);

/* ---- the methods ---- */

int64_t ext2_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
		    struct banos_attr *attr);
int64_t ext2_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to, uint32_t length);
int64_t ext2_getattr(void *fs, uint64_t number, struct banos_attr *attr);
int64_t ext2_setattr(void *fs, uint64_t number, uint32_t which, const struct banos_attr *attr);
int64_t ext2_readlink(void *fs, uint64_t number, char *to, uint32_t length);
int64_t ext2_map(void *fs, uint64_t number, uint64_t offset, uint64_t length, uint32_t flags,
		 struct banos_extent *extent);
int64_t ext2_allocate(void *fs, uint64_t number, uint32_t mode, uint64_t offset, uint64_t length);
int64_t ext2_create(void *fs, uint64_t dir, const char *name, uint32_t length,
		    const struct banos_create *what, struct banos_attr *attr);
int64_t ext2_link(void *fs, uint64_t number, uint64_t dir, const char *name, uint32_t length,
		  struct banos_attr *attr);
int64_t ext2_unlink(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t number);
int64_t ext2_rmdir(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t number);
int64_t ext2_rename(void *fs, const struct banos_rename *what);
int64_t ext2_forget(void *fs, uint64_t number);
int64_t ext2_getxattr(void *fs, uint64_t number, const char *name, uint8_t *to, uint32_t length);
int64_t ext2_setxattr(void *fs, uint64_t number, const char *name, const void *from,
		      uint32_t length, uint32_t flags);
int64_t ext2_listxattr(void *fs, uint64_t number, char *to, uint32_t length);
int64_t ext2_removexattr(void *fs, uint64_t number, const char *name);
/** Free the block of extended attributes, if it has one. */
int64_t xattr_release(struct volume *volume, struct node *node);

#endif
