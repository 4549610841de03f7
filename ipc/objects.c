// SPDX-License-Identifier: MIT
/*
 * The tables of System V objects: numbers, keys, permissions.
 *
 * An id is a place in the table and, above it, a sequence number, so that the id of an object
 * that was removed is not soon another one's. Places are given out in a circle, which is at
 * least IPC_CYCLE long and grows with the number of objects; the sequence number grows each time
 * the circle begins again. So ids are the same as on Linux for the same calls.
 *
 * The table is of blocks that are allocated when they are needed first and stay. Linux 6.1, ipc/util.c, for the
 * order of errors; svipc(7), for permissions.
 */
#include "internal.h"
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <kernel/time.h>

#define IPC_CYCLE      64u
#define IPC_BYTES_FREE 65536 /* so much is allowed without a look at the memory */
#define IPC_SEQ_MAX    ((u32)INT32_MAX >> IPC_INDEX_BITS)

s64 ipc_now(void)
{
	return (s64)(time_realtime_ns() / NSEC_PER_SEC);
}

/* ---- memory ---- */

static struct atomic64 ipc_bytes;

bool ipc_charge(s64 bytes)
{
	s64 total = atomic_add_return(&ipc_bytes, bytes);
	struct mem_info mem;

	if (bytes <= 0 || total <= IPC_BYTES_FREE)
		return true;
	mem_info_get(&mem);
	if (total <= (s64)(mem.total << PAGE_SHIFT) / 4)
		return true;
	atomic_sub(&ipc_bytes, bytes);
	return false;
}

/* ---- places ---- */

static u32 index_of(s32 id)
{
	return (u32)id % IPC_MAX;
}

/* Under RCU or ids->lock. */
static struct ipc_object *ipc_at(const struct ipc_ids *ids, u32 index)
{
	struct ipc_object **block = rcu_dereference(ids->blocks[index / IPC_BLOCK]);

	if (!block)
		return NULL;
	return rcu_dereference(block[index % IPC_BLOCK]);
}

/* The first free place in [from, end). @return end: there is none */
static u32 ipc_free_place(const struct ipc_ids *ids, u32 from, u32 end)
{
	while (from < end && ipc_at(ids, from))
		from++;
	return from;
}

/* Choose a place, and the sequence number to go with it. @return IPC_MAX: there is none */
static u32 ipc_choose_place(struct ipc_ids *ids, u32 *seq)
{
	u32 end = MIN(MAX(ids->in_use * 3 / 2, IPC_CYCLE), IPC_MAX), index;

	assert_held(&ids->lock);
	if (ids->next_id >= 0) {
		*seq = (u32)ids->next_id >> IPC_INDEX_BITS;
		index = ipc_free_place(ids, index_of(ids->next_id), IPC_MAX);
		ids->next_id = -1;
		return index;
	}
	index = ipc_free_place(ids, ids->next_index, end);
	if (index >= end) {
		index = ipc_free_place(ids, 0, end);
		if (index == end)
			return IPC_MAX;
	}
	ids->next_index = index + 1;
	if ((s32)index <= ids->last_index && ++ids->seq >= IPC_SEQ_MAX)
		ids->seq = 0;
	ids->last_index = (s32)index;
	*seq = ids->seq;
	return index;
}

static int ipc_place(struct ipc_ids *ids, struct ipc_object *object)
{
	struct ipc_object **block;
	u32 index, seq;

	assert_held(&ids->lock);
	if (ids->in_use >= MIN(*ids->limit, IPC_MAX))
		return -ENOSPC;
	index = ipc_choose_place(ids, &seq);
	if (index >= IPC_MAX)
		return -ENOSPC;
	block = ids->blocks[index / IPC_BLOCK];
	if (!block) {
		block = kcalloc(IPC_BLOCK, sizeof(*block));
		if (!block)
			return -ENOMEM;
		rcu_assign_pointer(ids->blocks[index / IPC_BLOCK], block);
	}
	object->seq = seq;
	object->id = (s32)(seq << IPC_INDEX_BITS | index);
	ids->in_use++;
	ids->highest = MAX(ids->highest, (s32)index);
	rcu_assign_pointer(block[index % IPC_BLOCK], object);
	return 0;
}

/* ---- keys ---- */

static struct ipc_object *ipc_find_key(struct ipc_ids *ids, s32 key, struct rb_node **parent,
				       struct rb_node ***link)
{
	*parent = NULL;
	*link = &ids->keys.node;
	while (**link) {
		struct ipc_object *object = rb_entry(**link, struct ipc_object, key_node);

		if (object->key == key)
			return object;
		*parent = **link;
		*link = key < object->key ? &(*parent)->left : &(*parent)->right;
	}
	return NULL;
}

void ipc_forget_key_locked(struct ipc_object *object)
{
	assert_held(&object->ids->lock);
	assert_held(&object->lock);
	if (object->key != IPC_PRIVATE)
		rb_erase(&object->ids->keys, &object->key_node);
	object->key = IPC_PRIVATE;
}

/* ---- life ---- */

void ipc_object_init(struct ipc_object *object, const struct ipc_request *request)
{
	const struct cred *cred = current_cred();

	spin_init(&object->lock);
	atomic_set(&object->refs, 1);
	object->ids = request->ids;
	object->id = -1;
	object->key = request->key;
	object->mode = request->flags & IPC_MODE_MASK;
	object->uid = object->cuid = cred->euid;
	object->gid = object->cgid = cred->egid;
}

void ipc_put(struct ipc_object *object)
{
	if (atomic_dec_and_test(&object->refs))
		object->ids->free(object);
}

static void ipc_free_now(struct rcu_head *head)
{
	kvfree(container_of(head, struct ipc_object, rcu));
}

void ipc_free_later(struct ipc_object *object)
{
	call_rcu(&object->rcu, ipc_free_now);
}

bool ipc_remove_locked(struct ipc_object *object)
{
	struct ipc_ids *ids = object->ids;
	u32 index = index_of(object->id);

	assert_held(&ids->lock);
	assert_held(&object->lock);
	if (object->removed)
		return false;
	ipc_forget_key_locked(object);
	object->removed = true;
	rcu_assign_pointer(ids->blocks[index / IPC_BLOCK][index % IPC_BLOCK], NULL);
	ids->in_use--;
	while (ids->highest >= 0 && !ipc_at(ids, (u32)ids->highest))
		ids->highest--;
	return true;
}

/* ---- looking up ---- */

static struct ipc_object *ipc_find_counted(struct ipc_ids *ids, u32 index)
{
	struct ipc_object *object;

	rcu_read_lock();
	object = ipc_at(ids, index);
	if (object && !atomic_inc_not_zero(&object->refs))
		object = NULL;
	rcu_read_unlock();
	return object;
}

struct ipc_object *ipc_find_index(struct ipc_ids *ids, s32 index)
{
	struct ipc_object *object = ipc_find_counted(ids, index_of(index));

	return object ? object : ERR_PTR(-EINVAL);
}

struct ipc_object *ipc_find(struct ipc_ids *ids, s32 id)
{
	struct ipc_object *object = ipc_find_index(ids, id);

	if (IS_ERR(object) || object->id == id)
		return object;
	ipc_put(object);
	return ERR_PTR(-EINVAL);
}

int ipc_lock(struct ipc_object *object)
{
	spin_lock(&object->lock);
	if (!object->removed)
		return 0;
	spin_unlock(&object->lock);
	return -EIDRM;
}

s32 ipc_highest(struct ipc_ids *ids)
{
	return MAX(READ_ONCE(ids->highest), 0);
}

struct ipc_object *ipc_next(struct ipc_ids *ids, u32 *index)
{
	for (; (s32)*index <= READ_ONCE(ids->highest); ++*index) {
		struct ipc_object *object = ipc_find_counted(ids, *index);

		if (object)
			return object;
	}
	return NULL;
}

/* ---- permissions ---- */

int ipc_permission(const struct ipc_object *object, u32 mode)
{
	u32 wanted = (mode >> 6 | mode >> 3 | mode) & 7, granted = object->mode;
	const struct cred *cred = current_cred();

	if (cred->euid == object->cuid || cred->euid == object->uid)
		granted >>= 6;
	else if (cred_in_group(cred, object->cgid) || cred_in_group(cred, object->gid))
		granted >>= 3;
	if ((wanted & ~granted) && !cred_capable(cred, CAP_IPC_OWNER))
		return -EACCES;
	return 0;
}

struct ipc_object *ipc_find_owned(struct ipc_ids *ids, s32 id)
{
	struct ipc_object *object = ipc_find(ids, id);
	uid_t euid = current_cred()->euid;

	if (IS_ERR(object) || euid == object->cuid || euid == object->uid || current_is_super())
		return object;
	ipc_put(object);
	return ERR_PTR(-EPERM);
}

int ipc_set_owner(struct ipc_object *object, const struct user_ipc_perm *perm)
{
	assert_held(&object->lock);
	if (perm->uid == (uid_t)-1 || perm->gid == (gid_t)-1)
		return -EINVAL;
	object->uid = perm->uid;
	object->gid = perm->gid;
	object->mode = (object->mode & ~IPC_MODE_MASK) | (perm->mode & IPC_MODE_MASK);
	return 0;
}

void ipc_fill_perm(const struct ipc_object *object, struct user_ipc_perm *perm)
{
	perm->key = object->key;
	perm->uid = object->uid;
	perm->gid = object->gid;
	perm->cuid = object->cuid;
	perm->cgid = object->cgid;
	perm->mode = object->mode;
	perm->seq = (u16)object->seq;
}

/* ---- shmget(), semget(), msgget() ---- */

/* An object with that key exists. @return its id or -errno */
static s64 ipc_get_existing(const struct ipc_object *object, const struct ipc_request *request)
{
	int err;

	if ((request->flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	err = request->check(object, request);
	if (!err)
		err = ipc_permission(object, request->flags);
	return err ?: object->id;
}

/* Put @object, which may be NULL to look only, in the table. @return an id; -ENOENT: nothing was found */
static s64 ipc_get_locked(const struct ipc_request *request, struct ipc_object *object)
{
	struct ipc_ids *ids = request->ids;
	struct rb_node *parent = NULL, **link = NULL;
	struct ipc_object *other = NULL;
	int err;

	assert_held(&ids->lock);
	if (request->key != IPC_PRIVATE)
		other = ipc_find_key(ids, request->key, &parent, &link);
	if (other)
		return ipc_get_existing(other, request);
	if (!object)
		return -ENOENT;
	err = ipc_place(ids, object);
	if (err)
		return err;
	if (request->key != IPC_PRIVATE)
		rb_insert(&ids->keys, &object->key_node, parent, link);
	return object->id;
}

s64 ipc_get(const struct ipc_request *request)
{
	struct ipc_ids *ids = request->ids;
	struct ipc_object *object;
	s64 result = -ENOENT;

	if (request->key != IPC_PRIVATE) {
		spin_lock(&ids->lock);
		result = ipc_get_locked(request, NULL);
		spin_unlock(&ids->lock);
	}
	if (result != -ENOENT || (request->key != IPC_PRIVATE && !(request->flags & IPC_CREAT)))
		return result;
	object = request->create(request);
	if (IS_ERR(object))
		return PTR_ERR(object);
	atomic_inc(&object->refs); /* the caller's own: the table's may be dropped at once */
	spin_lock(&ids->lock);
	result = ipc_get_locked(request, object);
	spin_unlock(&ids->lock);
	if (result != object->id)
		ipc_put(object); /* the table did not take its reference */
	ipc_put(object);
	return result;
}
