/* SPDX-License-Identifier: MIT */
/** @file driven.h  File systems that are drivers (fs/driver/), for what registers them: <banos/filesystem.h>. */
#pragma once
#include <kernel/atomic.h>
#include <kernel/driver_api.h>
#include <kernel/fs/super_block.h>
#include <kernel/owner.h>

/** A registered type; counted. */
struct driven_type {
	struct fs_type fs_type;
	struct atomic refs;
	struct owner *root; /* of the driver */
	/** Keep the driver, and stop keeping it: what is mounted does. */
	bool (*pin)(struct owner *root);
	void (*unpin)(struct owner *root);
	void *context;
	u32 flags;  /* BANOS_FILESYSTEM_NODEV */
	bool gone;  /* under driven_lock: nothing is mounted by it any more */
	u32 mounts; /* under driven_lock */
	struct banos_filesystem_ops ops;
	char name[32];
};

/** @brief Make a type from what a driver registers; not known to mount() yet. @return NULL: no memory */
struct driven_type *driven_type_create(struct owner *root,
				       const struct banos_filesystem_config *config,
				       const struct banos_filesystem_ops *ops);
/** @brief Make its name known; it is mounted once pin() succeeds. Sleeps. @return 0, -EEXIST, -ENOMEM */
int __must_check driven_type_enter(struct driven_type *type);
#ifdef CONFIG_FILESYSTEM_DRIVERS
/** @brief pin() succeeds: what has lost its driver of this name goes on with this one. Sleeps. */
void driven_type_adopt(struct driven_type *type);
/**
 * @brief Nothing is mounted by it any more.
 * @param take_away  what is mounted is written, as far as the driver still answers, and then has no driver
 * @return 0; -EBUSY: it is mounted, or a call of a method does not end until @p deadline_ns
 */
int __must_check driven_type_withdraw(struct driven_type *type, bool take_away, u64 deadline_ns);
void driven_type_put(struct driven_type *type);
#else /* none was created */
static inline void driven_type_adopt(struct driven_type *type)
{
}
static inline int __must_check driven_type_withdraw(struct driven_type *type, bool take_away,
						    u64 deadline_ns)
{
	return 0;
}
static inline void driven_type_put(struct driven_type *type)
{
}
#endif

/** A mounted file system as its driver names it. */
struct driven_super;
struct driven_mount {
	struct owned owned;
	struct driven_super *super; /* NULL: it was unmounted */
};
extern const struct owned_class driven_mount_class;
/** @brief The driver says that the file system is damaged. Thread context. */
void driven_damaged(struct driven_super *super, const char *text);

/* ---- the store, for banos/api/store.c ---- */

struct driven_call;
/** A driver uses the store of a mount. */
struct driven_use {
	struct driven_super *super;
	struct driven_call *call; /* the method that runs; NULL: another thread of the driver */
	bool change;		  /* ... which is a change */
};
/** @return false: it was unmounted. Else pair with driven_use_end(). */
bool driven_use_begin(struct driven_mount *mount, struct driven_use *use);
void driven_use_end(struct driven_use *use);
/** @brief Is that a part of the store? */
bool driven_use_covers(const struct driven_use *use, u64 offset, u64 length);
int __must_check driven_store_read(struct driven_use *use, u64 offset, void *to, u64 length);
/** @param from  NULL: zeroes */
int __must_check driven_store_write(struct driven_use *use, u64 offset, const void *from,
				    u64 length);
void driven_store_forget(struct driven_use *use, u64 offset, u64 length);
void driven_store_prefetch(struct driven_use *use, u64 offset, u64 length);
int __must_check driven_store_after(struct driven_use *use, u64 later, u64 earlier, u64 length);
int __must_check driven_store_borrow(struct driven_use *use, u64 offset, const void **memory);
int __must_check driven_store_return(struct driven_use *use, const void *memory);
s64 driven_store_epoch(const struct driven_use *use, bool committed);
