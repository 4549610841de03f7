// SPDX-License-Identifier: MIT
/*
 * Extended attributes. Paths, names, rights and descriptors are checked here; files whose
 * file system keeps none answer as on Linux: lists are empty, attributes of the kernel's
 * own kinds are absent, and nothing can be set.
 *
 * Who may: "user." as the mode says, of files and folders only; "trusted." a super user alone, to whom
 * alone it exists; "security." and "system." anybody may read, a super user or the owner may set.
 */
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/notify.h>
#include <kernel/fs/path.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>

#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_CREATE   1
#define XATTR_REPLACE  2

struct xattr_name {
	char text[XATTR_NAME_MAX + 2];
};

static int read_name(struct xattr_name *name, u64 user)
{
	s64 len = strncpy_from_user(name->text, uaddr(user), sizeof(name->text));

	if (len == -ENAMETOOLONG || !len || len > XATTR_NAME_MAX)
		return -ERANGE;
	if (len < 0)
		return len;
	return 0;
}

static bool has_prefix(const struct xattr_name *name, const char *prefix)
{
	return !strncmp(name->text, prefix, strlen(prefix));
}

/* What one call does. */
struct xattr_request {
	enum xattr_what { GET, SET, REMOVE, LIST } what;
	u64 name;
	u64 value; /* user address */
	u64 size;
	u32 flags;
};

static int xattr_may(struct inode *inode, const struct xattr_name *name, bool change)
{
	int mask = MAY_READ, denied = -ENODATA;

	if (change) {
		mask = MAY_WRITE;
		denied = -EPERM;
	}
	if (has_prefix(name, "trusted.") && !current_capable(CAP_SYS_ADMIN))
		return denied;
	if (has_prefix(name, "user.")) {
		if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
			return denied;
		return inode_permission(inode, mask);
	}
	if (change && has_prefix(name, "security.") && !current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (change && !inode_owner_or_capable(inode))
		return -EPERM;
	return 0;
}

/* Of a file system without attributes. */
static s64 xattr_none(const struct xattr_request *request, const struct xattr_name *name)
{
	if (request->what != SET && (has_prefix(name, "security.") || has_prefix(name, "trusted.")))
		return -ENODATA;
	return -EOPNOTSUPP;
}

/* The value, or the list of names if @p name is NULL. */
static s64 xattr_get(struct inode *inode, const struct xattr_request *request,
		     const struct xattr_name *name)
{
	u32 size = MIN(request->size, (u64)XATTR_SIZE_MAX);
	void *buf = NULL;
	s64 got;

	if (size)
		buf = kvzalloc(size);
	if (size && !buf)
		return -ENOMEM;
	if (name)
		got = inode->ops->getxattr(inode, name->text, buf, size);
	else
		got = inode->ops->listxattr(inode, buf, size);
	if (got > 0 && size && copy_to_user(uaddr(request->value), buf, got))
		got = -EFAULT;
	kvfree(buf);
	return got;
}

static s64 xattr_set(struct inode *inode, const struct xattr_request *request,
		     const struct xattr_name *name)
{
	u32 size = request->size;
	void *value = NULL;
	s64 err = 0;

	if (request->what == SET) {
		value = kvzalloc(size + 1);
		if (!value)
			return -ENOMEM;
		err = copy_from_user(value, uaddr(request->value), size);
	}
	if (!err) {
		mutex_lock(&inode->lock);
		err = inode->ops->setxattr(inode, name->text, value, size, request->flags);
		mutex_unlock(&inode->lock);
	}
	kvfree(value);
	return err;
}

static s64 xattr_answer(const struct path *path, const struct xattr_request *request)
{
	struct inode *inode = path->dentry->inode;
	bool change = request->what == SET || request->what == REMOVE;
	struct xattr_name name;
	int err;

	if (request->what == LIST) {
		if (!inode->ops || !inode->ops->listxattr)
			return 0;
		return xattr_get(inode, request, NULL);
	}
	err = read_name(&name, request->name);
	if (!err && change && mount_is_readonly(path->mnt))
		err = -EROFS;
	if (!err)
		err = xattr_may(inode, &name, change);
	if (err)
		return err;
	if (!inode->ops || !inode->ops->getxattr)
		return xattr_none(request, &name);
	if (!change)
		return xattr_get(inode, request, &name);
	err = (int)xattr_set(inode, request, &name);
	if (!err)
		notify_dentry(path->dentry, IN_ATTRIB);
	return err;
}

static s64 check_set(const struct xattr_request *request)
{
	if (request->what != SET)
		return 0;
	if (request->flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (request->size > XATTR_SIZE_MAX)
		return -E2BIG;
	return 0;
}

static s64 by_path(u64 path, u32 lookup, const struct xattr_request *request)
{
	struct path target;
	s64 ret = check_set(request);

	if (!ret)
		ret = user_path(AT_FDCWD, path, lookup, &target);
	if (ret)
		return ret;
	ret = xattr_answer(&target, request);
	path_put(&target);
	return ret;
}

static s64 by_fd(u32 fd, const struct xattr_request *request)
{
	s64 ret = check_set(request);
	struct fd_ref ref;

	if (ret)
		return ret;
	ref = fd_get(fd);
	if (!ref.file)
		return -EBADF;
	ret = xattr_answer(&ref.file->path, request);
	fd_put(ref);
	return ret;
}

#define XATTR_GET    (&(struct xattr_request){ GET, name, value, size, 0 })
#define XATTR_LIST   (&(struct xattr_request){ LIST, 0, list, size, 0 })
#define XATTR_SET    (&(struct xattr_request){ SET, name, value, size, (u32)flags })
#define XATTR_REMOVE (&(struct xattr_request){ REMOVE, name, 0, 0, 0 })

SYSCALL4(getxattr, path, name, value, size)
{
	return by_path(path, LOOKUP_FOLLOW, XATTR_GET);
}
SYSCALL4(lgetxattr, path, name, value, size)
{
	return by_path(path, 0, XATTR_GET);
}
SYSCALL4(fgetxattr, fd, name, value, size)
{
	return by_fd((u32)fd, XATTR_GET);
}
SYSCALL3(listxattr, path, list, size)
{
	return by_path(path, LOOKUP_FOLLOW, XATTR_LIST);
}
SYSCALL3(llistxattr, path, list, size)
{
	return by_path(path, 0, XATTR_LIST);
}
SYSCALL3(flistxattr, fd, list, size)
{
	return by_fd((u32)fd, XATTR_LIST);
}
SYSCALL2(removexattr, path, name)
{
	return by_path(path, LOOKUP_FOLLOW, XATTR_REMOVE);
}
SYSCALL2(lremovexattr, path, name)
{
	return by_path(path, 0, XATTR_REMOVE);
}
SYSCALL2(fremovexattr, fd, name)
{
	return by_fd((u32)fd, XATTR_REMOVE);
}
SYSCALL5(setxattr, path, name, value, size, flags)
{
	return by_path(path, LOOKUP_FOLLOW, XATTR_SET);
}
SYSCALL5(lsetxattr, path, name, value, size, flags)
{
	return by_path(path, 0, XATTR_SET);
}
SYSCALL5(fsetxattr, fd, name, value, size, flags)
{
	return by_fd((u32)fd, XATTR_SET);
}
