// SPDX-License-Identifier: MIT
/*
 * Names of local sockets.
 *
 * A name is a file of type socket, or (its first byte is 0) bytes that are in no directory. A bound socket is
 * found in a table by the inode of its file, or by these bytes. The file stays when the socket is closed, and
 * nobody is found by it any more; the bytes are free again then. The name itself lives on in the sockets that
 * were accepted and in messages that were sent, which tell it. unix(7); Linux 6.1.
 *
 * Locks: the bucket's (spin): the list, ->owner. bind_lock (mutex): one bind() at a time, so that a name that is
 * free stays so until it is taken.
 */
#include "names.h"
#include "unix.h"
#include <kernel/fs/dentry.h>
#include <kernel/fs/dirops.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/context.h>
#include <kernel/heap.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>

#define BUCKETS	      256u
#define PATH_OFFSET   offsetof(struct user_sockaddr_un, path)
#define AUTO_DIGITS   5
#define AUTO_NAMES    (1u << 4 * AUTO_DIGITS)
#define SOCKET_RIGHTS 0777

struct bucket {
	spinlock_t lock;
	bool ready;
	struct list names;
};
static struct bucket buckets[BUCKETS];
static DEFINE_MUTEX(bind_lock);

/* ---- the table ---- */

static u64 address_hash(const struct user_sockaddr_un *address, u32 len)
{
	u64 hash = len;

	for (u32 i = 0; i < len - PATH_OFFSET; i++)
		hash = (hash ^ (u8)address->path[i]) * 0x100000001b3ull; /* FNV-1a */
	return hash;
}

/* @inode: of the file; NULL: an abstract name. */
static struct bucket *bucket_lock(const struct inode *inode, const struct user_sockaddr_un *address,
				  u32 len)
{
	u64 hash = (u64)inode;
	struct bucket *bucket;

	if (!inode)
		hash = address_hash(address, len);
	bucket = &buckets[hash * 0x9e3779b97f4a7c15ull >> 56];
	spin_lock(&bucket->lock);
	if (!bucket->ready)
		list_init(&bucket->names);
	bucket->ready = true;
	return bucket;
}

static const struct inode *name_inode(const struct unix_name *name)
{
	if (!name->path.dentry)
		return NULL;
	return name->path.dentry->inode;
}

/* Locked. */
static struct unix_name *names_find(const struct bucket *bucket, const struct inode *inode,
				    const struct user_sockaddr_un *address, u32 len)
{
	struct unix_name *name;

	list_for_each(name, &bucket->names, link) {
		if (name_inode(name) != inode)
			continue;
		if (inode || (name->len == len && !memcmp(&name->address, address, len)))
			return name;
	}
	return NULL;
}

/* @return 0, -EADDRINUSE */
static int name_enter(struct unix_name *name)
{
	const struct inode *inode = name_inode(name);
	struct bucket *bucket = bucket_lock(inode, &name->address, name->len);
	bool taken = names_find(bucket, inode, &name->address, name->len);

	if (!taken)
		list_add(&name->link, &bucket->names);
	spin_unlock(&bucket->lock);
	if (taken)
		return -EADDRINUSE;
	return 0;
}

void unix_name_retire(struct unix_name *name)
{
	struct bucket *bucket = bucket_lock(name_inode(name), &name->address, name->len);

	list_del(&name->link);
	name->owner = NULL;
	spin_unlock(&bucket->lock);
}

void unix_name_put(struct unix_name *name)
{
	if (!name || !atomic_dec_and_test(&name->refs))
		return;
	if (name->path.dentry)
		path_put(&name->path);
	kfree(name);
}

/* ---- bind() ---- */

static int bind_file(struct unix_name *name, const struct user_sockaddr_un *address, u32 len)
{
	int err;

	/* As an absolute or relative path of at most 108 bytes, which needs no end. */
	memcpy(name->address.path, address->path, len - PATH_OFFSET);
	err = fs_make_socket(name->address.path, SOCKET_RIGHTS & ~current_umask(), &name->path);
	if (err == -EEXIST)
		return -EADDRINUSE;
	if (err)
		return err;
	name->len = PATH_OFFSET + strlen(name->address.path) + 1;
	return name_enter(name);
}

static int bind_abstract(struct unix_name *name, const struct user_sockaddr_un *address, u32 len)
{
	memcpy(name->address.path, address->path, len - PATH_OFFSET);
	name->len = len;
	return name_enter(name);
}

/* A 0 and five hexadecimal digits, as on Linux. */
static int bind_any(struct unix_name *name)
{
	u32 first = random_u64() % AUTO_NAMES;

	name->len = PATH_OFFSET + 1 + AUTO_DIGITS;
	for (u32 i = 0; i < AUTO_NAMES; i++) {
		snprintf(name->address.path + 1, AUTO_DIGITS + 1, "%05x", (first + i) % AUTO_NAMES);
		if (!name_enter(name))
			return 0;
	}
	return -ENOSPC;
}

static int bind_locked(struct unix_socket *socket, struct unix_name *name,
		       const struct user_sockaddr_un *address, u32 len)
{
	int err;

	assert_held(&bind_lock);
	if (socket->name) {
		if (len == PATH_OFFSET)
			return 0;
		return -EINVAL;
	}
	if (len == PATH_OFFSET)
		err = bind_any(name);
	else if (address->path[0])
		err = bind_file(name, address, len);
	else
		err = bind_abstract(name, address, len);
	if (!err)
		__atomic_store_n(&socket->name, name, __ATOMIC_RELEASE);
	return err;
}

int unix_name_bind(struct unix_socket *socket, const struct user_sockaddr_un *address, u32 len)
{
	/* One byte more, so that the path has an end. */
	struct unix_name *name = kzalloc(sizeof(*name) + 1);
	int err;

	if (!name)
		return -ENOMEM;
	atomic_set(&name->refs, 1);
	name->owner = socket;
	name->address.family = AF_UNIX;
	mutex_lock(&bind_lock);
	err = bind_locked(socket, name, address, len);
	mutex_unlock(&bind_lock);
	if (err || socket->name != name)
		unix_name_put(name);
	return err;
}

/* ---- finding ---- */

static struct unix_socket *find_owner(const struct inode *inode,
				      const struct user_sockaddr_un *address, u32 len)
{
	struct bucket *bucket = bucket_lock(inode, address, len);
	struct unix_name *name = names_find(bucket, inode, address, len);
	struct unix_socket *owner = ERR_PTR(-ECONNREFUSED);

	if (name && name->owner && atomic_inc_not_zero(&name->owner->refs))
		owner = name->owner;
	spin_unlock(&bucket->lock);
	return owner;
}

struct unix_socket *unix_name_find(const struct user_sockaddr_un *address, u32 len)
{
	char text[sizeof(address->path) + 1];
	struct unix_socket *owner;
	struct path found;
	int err;

	if (len <= PATH_OFFSET || len > sizeof(*address) || address->family != AF_UNIX)
		return ERR_PTR(-EINVAL);
	if (!address->path[0])
		return find_owner(NULL, address, len);
	memcpy(text, address->path, sizeof(address->path));
	text[len - PATH_OFFSET] = 0;
	err = path_lookup(AT_FDCWD, text, LOOKUP_FOLLOW, &found);
	if (err)
		return ERR_PTR(err);
	err = inode_permission(found.dentry->inode, MAY_WRITE);
	if (err)
		owner = ERR_PTR(err);
	else if (!S_ISSOCK(found.dentry->inode->mode))
		owner = ERR_PTR(-ECONNREFUSED);
	else
		owner = find_owner(found.dentry->inode, address, len);
	path_put(&found);
	return owner;
}
