/* SPDX-License-Identifier: MIT */
/**
 * @file internal.h  What shared memory segments, semaphore sets and message queues have in common.
 *
 * Each of the three kinds has a table of its objects (struct ipc_ids), by number and by key.
 *
 * Locks, outermost first:
 *   ipc_ids.lock     (spin) which objects exist, keys, the counts of the kind;
 *   ipc_object.lock  (spin) everything in one object, and ->removed.
 * A look-up by number takes neither: it finds the object under RCU and counts it. Nobody sleeps, or
 * touches user memory, while holding one of them.
 *
 * An object that is removed leaves the table at once; those who have counted it find ->removed set
 * (EIDRM), and the last of them frees it.
 */
#pragma once
#include <kernel/cred.h>
#include <kernel/err.h>
#include <kernel/lock.h>
#include <kernel/rbtree.h>
#include <uapi/ipc.h>

struct ipc_ids;
struct seq_file;

#define IPC_INDEX_BITS 15 /* of an id; the rest is the sequence number */
#define IPC_MAX	       (1u << IPC_INDEX_BITS)
#define IPC_BLOCK      512u /* entries of the table that are allocated together */
#define IPC_MODE_MASK  0777

struct ipc_object {
	spinlock_t
		lock; /* guards what follows, and what the object's kind adds, unless it says otherwise */
	bool removed;
	u32 mode; /* 0777, and SHM_DEST, SHM_LOCKED */
	uid_t uid, cuid;
	gid_t gid, cgid;
	struct atomic refs;
	s32 id, key; /* written under ipc_ids.lock */
	u32 seq;
	struct ipc_ids *ids;
	struct rb_node key_node; /* in ipc_ids.keys unless key is IPC_PRIVATE */
	struct rcu_head rcu;
};

struct ipc_ids {
	spinlock_t lock;  /* guards all below but what look-ups read */
	const u32 *limit; /* how many objects there may be */
	void (*free)(
		struct ipc_object *
			object); /* the last reference was dropped; any thread context, locks may be held */
	struct rb_root keys;
	struct ipc_object **blocks[IPC_MAX / IPC_BLOCK]; /* never freed; read under RCU */
	u32 in_use, seq, next_index;
	s32 last_index, highest; /* -1: none */
	s32 next_id; /* /proc/sys/kernel/..._next_id: the next object has it if it is free; -1: any */
};
#define IPC_IDS_INIT(limit_, free_)                                                                \
	{                                                                                          \
		.limit = (limit_), .free = (free_), .last_index = -1, .highest = -1, .next_id = -1 \
	}

/** What a ...get() call asks for. */
struct ipc_request {
	struct ipc_ids *ids;
	s32 key;
	u32 flags; /* IPC_CREAT, IPC_EXCL, permissions */
	u64 size;  /* bytes or semaphores */
	/** Create an object that is not in the table, with ipc_object_init(). @return it or ERR_PTR */
	struct ipc_object *(*create)(const struct ipc_request *request);
	/** Does an existing object fit the request? ipc_ids.lock is held. @return 0 or -errno */
	int (*check)(const struct ipc_object *object, const struct ipc_request *request);
};

/** @brief What shmget(), semget() and msgget() share. @return the id or -errno */
s64 ipc_get(const struct ipc_request *request);
/** @brief The owner is the current thread's user; one reference, for the caller. */
void ipc_object_init(struct ipc_object *object, const struct ipc_request *request);
/** @brief Find an object by its id. @return it, counted and not locked; ERR_PTR(-EINVAL) */
struct ipc_object *__must_check ipc_find(struct ipc_ids *ids, s32 id);
/** @brief The same by its place in the table, for the ..._STAT commands; the sequence number is ignored. */
struct ipc_object *__must_check ipc_find_index(struct ipc_ids *ids, s32 index);
void ipc_put(struct ipc_object *object);
/** @brief Free the memory of an object once no look-up can find it; for ipc_ids.free. @p object is the first member. */
void ipc_free_later(struct ipc_object *object);
/** @brief Lock a counted object. @return 0; -EIDRM: it has been removed, and is not locked */
int __must_check ipc_lock(struct ipc_object *object);
static inline void ipc_unlock(struct ipc_object *object)
{
	spin_unlock(&object->lock);
}
/** @brief May the current thread do what @p mode (0400, 0200 and so on, for each class) says? @return 0 or -EACCES */
int __must_check ipc_permission(const struct ipc_object *object, u32 mode);
/** @brief Find an object that the current thread may change or remove. @return as ipc_find(); ERR_PTR(-EPERM) */
struct ipc_object *__must_check ipc_find_owned(struct ipc_ids *ids, s32 id);
/** @brief IPC_SET of what all kinds have. Locking: object->lock. @return 0; -EINVAL: no such user or group */
int __must_check ipc_set_owner(struct ipc_object *object, const struct user_ipc_perm *perm);
void ipc_fill_perm(const struct ipc_object *object, struct user_ipc_perm *perm);
/** @brief Take it out of the table, and drop the table's reference. Locking: both locks; @return false: it was out already */
bool ipc_remove_locked(struct ipc_object *object);
/** @brief No key leads to it from now on. Locking: both locks. */
void ipc_forget_key_locked(struct ipc_object *object);
/** @brief The highest place in use, 0 if there is none. */
s32 ipc_highest(struct ipc_ids *ids);
/** @brief The object at the first place >= *@p index, which moves there; counted. NULL: there is none. */
struct ipc_object *ipc_next(struct ipc_ids *ids, u32 *index);
/**
 * @brief Count kernel memory of semaphores and messages. Any context.
 * @param bytes  negative: it was freed
 * @return false: all of them would have more than a quarter of the memory; nothing is counted
 */
bool ipc_charge(s64 bytes);
/** Seconds since 1970. */
s64 ipc_now(void);
static inline void spin_lock_both(struct ipc_object *object)
{
	spin_lock(&object->ids->lock);
	spin_lock(&object->lock);
}
static inline void spin_unlock_both(struct ipc_object *object)
{
	spin_unlock(&object->lock);
	spin_unlock(&object->ids->lock);
}

/* ---- shared memory ---- */

extern struct ipc_ids shm_ids;
extern u64 shm_max, shm_all; /* bytes of one; pages of all */
extern u32 shm_mni;
extern int shm_rmid_forced;
void shm_remove_orphans(void);
void shm_init(void);
void shm_show(struct seq_file *seq, struct ipc_object *object);

/* ---- semaphores ---- */

extern struct ipc_ids sem_ids;
extern s32 sem_settings[4]; /* /proc/sys/kernel/sem */
void sem_show(struct seq_file *seq, struct ipc_object *object);

/* ---- messages ---- */

extern struct ipc_ids msg_ids;
extern u32 msg_max, msg_mnb, msg_mni; /* bytes of a message, and of a queue; queues */
void msg_show(struct seq_file *seq, struct ipc_object *object);
