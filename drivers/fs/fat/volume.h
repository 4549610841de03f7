/* SPDX-License-Identifier: MIT */
/**
 * @file volume.h  A mounted FAT, and what the parts of the driver offer each other.
 *
 * One lock, volume->lock, is held by every method: FAT has one table, and nearly each change is one of that.
 *
 * **Nodes.** FAT has no numbers for files. A node's number is the place of its short entry when the kernel first asked for it, and a check
 * sum over its time of creation. A file that is renamed keeps its number while the kernel uses it: that is why there is a
 * struct fat_node for each node in use, which forget() ends. Another instance of the driver finds nodes by
 * their numbers' places; what was renamed meanwhile it answers with ESTALE, never with another file, and the kernel looks for it by its
 * name (BANOS_MOUNT_FORGETS).
 *
 * **After a crash.** There is no journal, and many never run fsck.fat. What the kernel promises (data is on the disk before
 * the commit's metadata) is used like this:
 *
 * - A new chain of clusters is on the disk before what points to it, where that closes no circle.
 * - Clusters are freed in the table when the entry that led to them has been removed on the disk: in the same commit,
 *   if an order can be stated, else in the next one (struct fat_pending); they are used again when that is on the disk (struct fat_held).
 * - A folder's new cluster is on the disk, empty, before what points to it.
 * - A long name's parts are on the disk before the short entry.
 * - rename(): the new entry before the old one is removed. If it replaces, the entry of that name is overwritten, a single sector.
 */
#pragma once
#include <banos/filesystem.h>
#include <banos/lock.h>
#include "layout.h"
#include "name.h"
#include "options.h"

#define FAT_ROOT_NODE	 1u
#define FAT_FILE_MAX	 0xffffffffull
#define FAT_FOLDER_MAX	 (65536u * FAT_ENTRY_BYTES)
#define FAT_BUCKETS	 512u
#define FAT_HELD_BUCKETS 64u
#define FAT_HELD_BITS	 4096u
#define FAT_RUNS	 4u

/** Clusters of a file that lie one behind the other. */
struct fat_run {
	uint32_t index, cluster, count; /* index: of the first in the file; count 0: not used */
};

struct fat_node {
	struct fat_node *by_number, *by_place; /* next in the bucket */
	uint64_t number;
	uint64_t
		place; /* of the short entry on the store; 0: the root, or it has no entry any more */
	uint8_t raw[FAT_ENTRY_BYTES];
	uint32_t first; /* cluster; 0: none */
	bool is_folder, is_removed;
	bool is_long;		 /* has clusters behind its size, for a write that did not happen */
	bool is_forgotten;	 /* by the kernel: it is kept to be cut */
	bool is_cut;		 /* or released, by the change that runs, which may be taken back */
	uint32_t cut_first;	 /* with that: its first cluster before */
	uint64_t removed_at;	 /* place of the entry that was removed */
	uint64_t grown;		 /* commit in which it was given clusters last */
	uint64_t hook;		 /* in that commit: what points to these, on the store */
	uint32_t tail, clusters; /* its last cluster and how many it has; clusters 0: not known */
	uint32_t next_run;
	struct fat_run runs[FAT_RUNS];
	struct fat_index *index; /* of a folder's names; NULL: none */
};

/** A chain that nothing leads to any more, to be freed. */
struct fat_pending {
	struct fat_pending *next;
	uint32_t first, clusters;
	uint64_t epoch, place; /* commit of, and where was, the entry that led to it */
	bool in_change; /* the change that runs frees it, all of it: is_freed; before that it had: */
	bool is_freed;
	uint32_t change_first, change_clusters;
};

/**
 * What the driver knows when a change begins. The kernel takes back what a change without memory has written, so
 * that is what it has to know again.
 */
struct fat_change {
	struct fat_volume *volume;
	struct fat_node *node;	     /* the file that it is about; NULL: none */
	struct fat_pending *pending; /* those that it adds are in front */
	uint32_t free, info_free, first;
	bool is_long;
	uint8_t raw[FAT_ENTRY_BYTES];
};

/** Clusters that were freed by a commit which is not on the disk yet. */
struct fat_held {
	struct fat_held *next;
	uint32_t chunk;
	uint64_t epoch; /* the last one */
	uint8_t bits[FAT_HELD_BITS / 8];
};

struct fat_volume {
	banos_mount mount;
	struct banos_mutex lock;
	struct fat_layout layout;
	struct fat_options options;
	bool read_only;
	bool was_dirty;	      /* when it was mounted: it stays so */
	uint32_t free, next;  /* free clusters, or FAT_UNKNOWN; where to search */
	bool is_counted;      /* they were: FSInfo is not believed */
	uint32_t info_free;   /* as the disk has it */
	uint64_t blocked;     /* nothing is allocated until this commit is on the disk */
	uint32_t digits;      /* of the last short name that was made with some */
	int64_t made_ns;      /* time of the last creation, which is another one each time */
	uint64_t table_at;    /* piece of the table in memory; UINT64_MAX: none */
	uint32_t table_bytes; /* its length */
	uint32_t dirty_from, dirty_to; /* bytes of it that are to be written */
	uint8_t *table;
	struct fat_pending *pending;
	struct fat_held *held[FAT_HELD_BUCKETS];
	struct fat_node *by_number[FAT_BUCKETS], *by_place[FAT_BUCKETS];
	struct fat_node root;
	struct fat_index *indexes; /* the one that was used last first */
	uint32_t index_words;	   /* of 8 bytes that they have */
	struct names_work *work;   /* of the method that runs */
};

extern banos_owner fat_owner;

/** Report damage. @return -EIO */
int64_t fat_damaged(struct fat_volume *volume, const char *text);

/* ---- table.c ---- */

int64_t fat_table_get(struct fat_volume *volume, uint32_t cluster, uint32_t *value);
/** Set an entry; fat_table_write() has to follow. */
int64_t fat_table_set(struct fat_volume *volume, uint32_t cluster, uint32_t value);
/** Write what was set. */
int64_t fat_table_write(struct fat_volume *volume);
/** What is in memory of it, and was set, does not count: it is read again. */
void fat_table_forget(struct fat_volume *volume);
/** Where on the store an entry begins. */
uint64_t fat_table_place(const struct fat_volume *volume, uint32_t cluster);
/** Clusters that are free, by counting. */
int64_t fat_table_count(struct fat_volume *volume, uint32_t *free);

/* ---- alloc.c ---- */

/**
 * @brief Find free clusters that lie one behind the other; nothing is changed yet.
 * @param goal  the cluster that would be best; 0: any
 * @param not   one that is not free though it seems so; 0: none
 * @return how many, at most @p want; -ENOSPC; -EAGAIN: there will be some after a commit
 */
int64_t fat_find_free(struct fat_volume *volume, uint32_t goal, uint32_t want, uint32_t not,
		      uint32_t *first);
/** Make a chain of them. @p end of it */
int64_t fat_take(struct fat_volume *volume, uint32_t first, uint32_t count);
/**
 * Chains that nothing leads to are freed in the table, as far as that can be on the disk by now; fat_pending_settle() has to follow.
 * @param all  the rest is, too
 */
int64_t fat_free_pending(struct fat_volume *volume, bool all);
/** The change that freed some has ended. @param undone  by being taken back */
void fat_pending_settle(struct fat_volume *volume, bool undone);
/** How many clusters wait for that. */
uint32_t fat_pending_clusters(const struct fat_volume *volume);
void fat_held_drop(struct fat_volume *volume, bool all);

/* ---- chain.c ---- */

/**
 * @brief Where cluster @p index of a file is, and those behind it.
 * @return 0; -ENODATA: it has not so many, and run->index is how many, run->cluster its last one or 0; -EIO
 */
int64_t fat_chain_find(struct fat_volume *volume, struct fat_node *node, uint32_t index,
		       struct fat_run *run);
/** Append up to @p want clusters. @return 0, -ENOSPC, -EAGAIN, -EIO */
int64_t fat_chain_grow(struct fat_volume *volume, struct fat_node *node, uint32_t want);
/** Take clusters that were found, and append them. @p end: what fat_chain_find() said of the chain's end */
int64_t fat_chain_attach(struct fat_volume *volume, struct fat_node *node,
			 const struct fat_run *end, uint32_t first, uint32_t count);
/** Cut behind @p keep clusters; the entry is not written. @p pending: takes what is cut, or is freed */
int64_t fat_chain_cut(struct fat_volume *volume, struct fat_node *node, uint32_t keep,
		      struct fat_pending *pending);

/** Where clusters of nodes in use are does not count: the table is read again. */
void fat_chain_forget_all(struct fat_volume *volume);

/* ---- node.c ---- */

void fat_node_root(struct fat_volume *volume);
/** One that is in use. @return NULL: it is not */
struct fat_node *fat_node_known(struct fat_volume *volume, uint64_t number);
/** @return 0; -ESTALE; -EIO; -ENOMEM */
int64_t fat_node_get(struct fat_volume *volume, uint64_t number, struct fat_node **node);
int64_t fat_folder_get(struct fat_volume *volume, uint64_t number, struct fat_node **node);
/** The node of the short entry at a place. */
int64_t fat_node_at(struct fat_volume *volume, uint64_t place, const uint8_t *raw,
		    struct fat_node **node);
/** Its number, without a struct fat_node. */
uint64_t fat_node_number(struct fat_volume *volume, uint64_t place, const uint8_t *raw);
void fat_node_move(struct fat_volume *volume, struct fat_node *node, uint64_t place);
void fat_node_drop(struct fat_volume *volume, struct fat_node *node);
void fat_node_drop_all(struct fat_volume *volume);
/** Write its entry. */
int64_t fat_node_write(struct fat_volume *volume, struct fat_node *node);
void fat_node_set_first(struct fat_node *node, uint32_t first);
uint32_t fat_node_size(const struct fat_node *node);
uint32_t fat_clusters_of(const struct fat_volume *volume, uint64_t bytes);
void fat_node_attr(struct fat_volume *volume, struct fat_node *node, struct banos_attr *attr);
/** Its clusters wait to be freed. @return 0; -ENOMEM */
int64_t fat_node_release(struct fat_volume *volume, struct fat_node *node);

/* ---- change.c ---- */

/** @param node  NULL: it is about names, or about several files */
void fat_change_begin(struct fat_volume *volume, struct fat_node *node, struct fat_change *change);
/** @return @p result, -ENOMEM of which says that the change is taken back */
int64_t fat_change_end(struct fat_change *change, int64_t result);

/* ---- file.c ---- */

/** Files that the kernel has forgotten are cut to their size; fat_cut_settle() has to follow. @return 0; -ENOMEM; the last error */
int64_t fat_cut_forgotten(struct fat_volume *volume);
/** Nodes without a name are released; fat_cut_settle() has to follow. @return 0; -ENOMEM */
int64_t fat_release_removed(struct fat_volume *volume);
/** The change that cut, or released, has ended. @param undone  by being taken back */
void fat_cut_settle(struct fat_volume *volume, bool undone);

/* ---- folder.c ---- */

/** A place in a folder, and what was found there. */
struct fat_cursor {
	struct fat_volume *volume;
	struct fat_node *folder;
	uint32_t position; /* behind the entry that was read */
	uint64_t piece_at; /* in the folder: what is in memory */
	uint32_t piece_bytes;
	uint64_t piece_place;
	struct fat_long name;

	/* The entry. */
	uint64_t place;
	uint8_t raw[FAT_ENTRY_BYTES];
	uint32_t start;	      /* position of the first entry of its name */
	uint32_t count;	      /* units of its long name; 0: none, or it is not right */
	uint32_t shown_count; /* of its name as it is shown */
	uint16_t shown[FAT_NAME_UNITS + 1];
	uint8_t piece[FAT_SECTOR_BYTES];
};

/** The entry at the cursor, of any kind. @return 1; 0: the folder has no more room; an error */
int64_t fat_cursor_raw(struct fat_cursor *cursor, uint8_t raw[FAT_ENTRY_BYTES], uint64_t *place);
/** The next name. @return 1; 0: no more; an error */
int64_t fat_cursor_next(struct fat_cursor *cursor);
void fat_cursor_init(struct fat_cursor *cursor, struct fat_volume *volume, struct fat_node *folder);
/** @return 0; -ENOENT; other errors */
int64_t fat_folder_find(struct fat_cursor *cursor, const char *name, uint32_t length);
/** @return 0; -ENOTEMPTY; other errors */
int64_t fat_folder_is_empty(struct fat_cursor *cursor);

/* ---- index.c ---- */

/** The folder's index. @return NULL: there is none, read it. The cursor is at the beginning behind it. */
struct fat_index *fat_index_get(struct fat_cursor *cursor);
uint32_t fat_index_hash(const uint16_t *units, uint32_t count);
/** A place in the folder where a name with this hash may begin. @param at  0, and for fat_index_next() alone */
bool fat_index_next(const struct fat_index *index, uint32_t hash, uint32_t *at, uint32_t *position);
/** Where a name of so many entries finds room. @return false: it reaches behind all that was used */
bool fat_index_room(struct fat_index *index, uint32_t slots, uint32_t *position);
/** A name was written; the cursor is its folder's, and moves. */
void fat_index_added(struct fat_cursor *cursor, uint32_t position, uint32_t slots);
/** The name that the cursor has found is about to be removed. */
void fat_index_removed(const struct fat_cursor *cursor);
void fat_index_drop(struct fat_volume *volume, struct fat_node *folder);
void fat_index_drop_all(struct fat_volume *volume);

/* ---- grow.c: names that are added and removed ---- */

struct fat_addition {
	struct fat_node *folder;
	uint16_t units[FAT_NAME_UNITS];
	uint32_t count;
	struct fat_short name;
	uint32_t slots;		       /* with the short entry */
	uint32_t position;	       /* where */
	struct fat_run end;	       /* of the folder's chain, if it grows */
	uint32_t new_first, new_count; /* clusters that it grows by */
	bool at_end;		       /* no name is behind */
	uint64_t new_end; /* place of the entry behind, if that has to become the end */
	uint64_t places[FAT_SLOTS_MAX + 1];
};
/**
 * @brief Find room for a name; nothing is changed, but orders are stated.
 * @param taken  a cluster that is about to be used for something else; 0: none
 */
int64_t fat_addition_plan(struct fat_cursor *cursor, const char *name, uint32_t length,
			  uint32_t taken, struct fat_addition *addition);
/** Write it: @p raw without its name. @return 0; an error of the store */
int64_t fat_addition_write(struct fat_cursor *cursor, struct fat_addition *addition,
			   uint8_t raw[FAT_ENTRY_BYTES]);
/** State that @p later is to be on the disk after @p earlier. @return 0; -EAGAIN */
int64_t fat_order_after(struct fat_volume *volume, uint64_t later, uint64_t earlier,
			uint64_t length);
/** Remove the name that the cursor has found. */
int64_t fat_name_remove(struct fat_cursor *cursor);

/* ---- names.c ---- */

/** Memory of the methods that change or find names. @return 0, -ENOMEM */
int64_t fat_work_create(struct fat_volume *volume);
/** A cursor of it. */
struct fat_cursor *fat_work_cursor(struct fat_volume *volume, struct fat_node *folder);

/* ---- the methods ---- */

int64_t fat_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
		   struct banos_attr *attr);
int64_t fat_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to, uint32_t length);
int64_t fat_getattr(void *fs, uint64_t number, struct banos_attr *attr);
int64_t fat_setattr(void *fs, uint64_t number, uint32_t which, const struct banos_attr *attr);
int64_t fat_map(void *fs, uint64_t number, uint64_t offset, uint64_t length, uint32_t flags,
		struct banos_extent *extent);
int64_t fat_allocate(void *fs, uint64_t number, uint32_t mode, uint64_t offset, uint64_t length);
int64_t fat_create(void *fs, uint64_t dir, const char *name, uint32_t length,
		   const struct banos_create *what, struct banos_attr *attr);
int64_t fat_unlink(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t number);
int64_t fat_rmdir(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t number);
int64_t fat_rename(void *fs, const struct banos_rename *what);
int64_t fat_forget(void *fs, uint64_t number);
