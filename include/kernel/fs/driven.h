/* SPDX-License-Identifier: MIT */
/** @file driven.h  File systems that are drivers (fs/driver/), for what registers them: <banos/filesystem.h>. */
#pragma once
#include <kernel/atomic.h>
#include <kernel/driver_api.h>
#include <kernel/fs/super_block.h>
#include <kernel/fs/undo.h>
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
	u32 flags;    /* BANOS_FILESYSTEM_NODEV */
	bool adopted; /* pin() succeeds */
	bool gone;    /* under driven_lock: nothing is mounted by it any more */
	u32 mounts;   /* under driven_lock */
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

/* ---- calls of methods, and the store, for banos/api/store.c ---- */

#define DRIVEN_CHANGE \
	1u /* it changes something: not during a commit, and called again after -EAGAIN */
#define DRIVEN_COMMIT  2u /* made by a commit itself, which excludes changes */
#define DRIVEN_INSIDE  4u /* the thread has begun a change */
#define DRIVEN_CLOSED  8u /* mount() and unmount(), while others are kept out */
#define DRIVEN_CHANGES (DRIVEN_CHANGE | DRIVEN_COMMIT | DRIVEN_CLOSED)
#define DRIVEN_WRITES  16u /* it has begun to write */
#define DRIVEN_RUNS    32u /* set in each */

#define DRIVEN_LENT_MAX 8u
#define DRIVEN_HELD_MAX 12u /* one of them is not lent */
#define DRIVEN_RECENT	128u

/** A page of the store that calls use. */
struct driven_hold {
	struct page *page; /* counted */
	u8 *bytes;	   /* of the page */
	u64 index;
	struct store_page *dirty; /* as the store knows it in the present epoch; NULL: not known */
	u32 lent;		  /* pieces */
};

/** Those of a call, and of the next one on that CPU (fs/driver/hold.c). */
struct driven_holds {
	struct driven_hold held[DRIVEN_HELD_MAX];
	u64 epoch; /* of held[].dirty */
	u32 count;
	u32 turn;		  /* what is replaced next */
	u32 lent;		  /* was lent last */
	u8 recent[DRIVEN_RECENT]; /* by driven_recent(): where it may be */
};

/** The call of a method: what the gate hands in; on the stack. Or what a thread of the driver's own does. */
struct driven_call {
	struct driven_super *super;
	u64 handle; /* of the mount, as the driver names it */
	u64 bytes;  /* of the store */
	u32 flags;  /* DRIVEN_... */
	u32 nr_lent;
	struct driven_holds *holds; /* NULL: it has not used the store yet */
	struct undo undo;
};
/* An object of the gate with this bit set, and none below, is a driven_call. */
#define DRIVEN_CALL_TAG	 4u
#define DRIVEN_CALL_BITS 7ull

static inline struct driven_call *driven_call_of(const void *object)
{
	if (((u64)object & DRIVEN_CALL_BITS) == DRIVEN_CALL_TAG)
		return (struct driven_call *)((u64)object - DRIVEN_CALL_TAG);
	return NULL;
}
/** @brief What a driver does outside of a call of that mount. @return false: it was unmounted. Else pair with driven_use_end(). */
bool driven_use_begin(struct driven_mount *mount, struct driven_call *call);
void driven_use_end(struct driven_call *call);
/** @brief Is that a part of the store? */
static inline bool driven_use_covers(const struct driven_call *call, u64 offset, u64 length)
{
	return length <= call->bytes && offset <= call->bytes - length;
}
s64 __must_check driven_store_read(struct driven_call *call, u64 offset, void *to, u64 length);
s64 __must_check driven_store_zero(struct driven_call *call, u64 offset, u64 length);
s64 __must_check driven_store_write(struct driven_call *call, u64 offset, const void *from,
				    u64 length);
/** @param counter  of clear bits, 2 bytes; 0: none */
s64 __must_check driven_store_bits(struct driven_call *call, u64 offset, u32 first, u32 count,
				   bool value, u64 counter);
s64 __must_check driven_store_add(struct driven_call *call, u64 offset, u32 bytes, s32 change);
int __must_check driven_store_forget(struct driven_call *call, u64 offset, u64 length);
void driven_store_prefetch(struct driven_call *call, u64 offset, u64 length);
s64 __must_check driven_store_after(struct driven_call *call, u64 later, u64 earlier, u64 length);
s64 __must_check driven_store_borrow(struct driven_call *call, u64 offset, const void **memory);
s64 __must_check driven_store_return(struct driven_call *call, const void *memory);
s64 driven_store_epoch(const struct driven_call *call, bool committed);
