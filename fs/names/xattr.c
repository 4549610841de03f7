// SPDX-License-Identifier: MIT
/*
 * Extended attributes: no file system here keeps any. The calls answer as Linux
 * does for such a file: paths, names and descriptors are checked, lists are
 * empty, attributes of the kernel's own kinds are absent, and nothing can be set.
 */
#include <kernel/cred.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>

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

static s64 get_one(const struct path *path, u64 name)
{
	struct xattr_name copy;
	int err = read_name(&copy, name);

	if (err)
		return err;
	if (has_prefix(&copy, "security.") || has_prefix(&copy, "trusted."))
		return -ENODATA;
	return -EOPNOTSUPP;
}

/* Setting and removing. */
static s64 change_one(const struct path *path, u64 name, bool remove)
{
	struct xattr_name copy;
	int err = read_name(&copy, name);

	if (!err && mount_is_readonly(path->mnt))
		err = -EROFS;
	if (err)
		return err;
	if (has_prefix(&copy, "trusted.") && !current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (remove && (has_prefix(&copy, "security.") || has_prefix(&copy, "trusted.")))
		return -ENODATA;
	return -EOPNOTSUPP;
}

static s64 check_set(u64 size, u64 flags)
{
	if (flags & ~(u64)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	return 0;
}

enum what { GET, SET, REMOVE, LIST };

static s64 xattr_answer(const struct path *path, enum what what, u64 name)
{
	switch (what) {
	case GET: return get_one(path, name);
	case LIST: return 0;
	default: return change_one(path, name, what == REMOVE);
	}
}

static s64 by_path(u64 path, u32 lookup, enum what what, u64 name)
{
	struct path target;
	s64 ret = user_path(AT_FDCWD, path, lookup, &target);

	if (ret)
		return ret;
	ret = xattr_answer(&target, what, name);
	path_put(&target);
	return ret;
}

static s64 by_fd(u32 fd, enum what what, u64 name)
{
	struct fd_ref ref = fd_get(fd);
	s64 ret;

	if (!ref.file)
		return -EBADF;
	ret = xattr_answer(&ref.file->path, what, name);
	fd_put(ref);
	return ret;
}

SYSCALL4(getxattr, path, name, value, size)
{
	return by_path(path, LOOKUP_FOLLOW, GET, name);
}
SYSCALL4(lgetxattr, path, name, value, size)
{
	return by_path(path, 0, GET, name);
}
SYSCALL4(fgetxattr, fd, name, value, size)
{
	return by_fd((u32)fd, GET, name);
}
SYSCALL3(listxattr, path, list, size)
{
	return by_path(path, LOOKUP_FOLLOW, LIST, 0);
}
SYSCALL3(llistxattr, path, list, size)
{
	return by_path(path, 0, LIST, 0);
}
SYSCALL3(flistxattr, fd, list, size)
{
	return by_fd((u32)fd, LIST, 0);
}
SYSCALL2(removexattr, path, name)
{
	return by_path(path, LOOKUP_FOLLOW, REMOVE, name);
}
SYSCALL2(lremovexattr, path, name)
{
	return by_path(path, 0, REMOVE, name);
}
SYSCALL2(fremovexattr, fd, name)
{
	return by_fd((u32)fd, REMOVE, name);
}

SYSCALL5(setxattr, path, name, value, size, flags)
{
	s64 err = check_set(size, (u32)flags);

	if (err)
		return err;
	return by_path(path, LOOKUP_FOLLOW, SET, name);
}

SYSCALL5(lsetxattr, path, name, value, size, flags)
{
	s64 err = check_set(size, (u32)flags);

	if (err)
		return err;
	return by_path(path, 0, SET, name);
}

SYSCALL5(fsetxattr, fd, name, value, size, flags)
{
	s64 err = check_set(size, (u32)flags);

	if (err)
		return err;
	return by_fd((u32)fd, SET, name);
}
