// SPDX-License-Identifier: MIT
/*
 * What a process calls "/" and ".", its umask; paths back into text.
 *
 * fs->lock (spin) guards root and cwd; fs->seq is odd while they change, for
 * walks that read them without the lock.
 */
#include <kernel/cred.h>
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>

struct fs_context *fs_context_create(void)
{
	struct fs_context *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	atomic_set(&fs->refs, 1);
	fs->umask = 022;
	spin_lock(&tree_lock);
	fs->root = (struct path){ mount_root, mount_root->root };
	path_get(&fs->root);
	spin_unlock(&tree_lock);
	path_follow_mounts(&fs->root);
	fs->cwd = fs->root;
	path_get(&fs->cwd);
	return fs;
}

struct fs_context *fs_context_copy(struct fs_context *old)
{
	struct fs_context *fs = kmalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	atomic_set(&fs->refs, 1);
	spin_init(&fs->lock);
	fs->seq = 0;
	spin_lock(&old->lock);
	fs->umask = old->umask;
	fs->root = old->root;
	fs->cwd = old->cwd;
	path_get(&fs->root);
	path_get(&fs->cwd);
	spin_unlock(&old->lock);
	return fs;
}

void fs_context_put(struct fs_context *fs)
{
	if (!fs || !atomic_dec_and_test(&fs->refs))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	kfree(fs);
}

void fs_context_set(struct fs_context *fs, struct path *which, const struct path *to)
{
	struct path old;

	path_get(to);
	spin_lock(&fs->lock);
	__atomic_store_n(&fs->seq, fs->seq + 1, __ATOMIC_RELAXED);
	smp_wmb();
	old = *which;
	*which = *to;
	__atomic_store_n(&fs->seq, fs->seq + 1, __ATOMIC_RELEASE);
	spin_unlock(&fs->lock);
	path_put(&old);
}

static void get_root(struct path *root)
{
	struct fs_context *fs = current->fs;

	if (!fs) {
		*root = (struct path){ mount_root, mount_root->root };
		path_get(root);
		return;
	}
	spin_lock(&fs->lock);
	*root = fs->root;
	path_get(root);
	spin_unlock(&fs->lock);
}

/* ---- text ---- */

static char *text_prepend(char *start, const char *buf, const char *text, u32 len)
{
	if (start - buf < len)
		return NULL;
	return memcpy(start - len, text, len);
}

/*
 * Upwards from a path, writing towards the front. Under tree_lock.
 * @param at_root  told whether the walk ended at root, or else at the top of a
 *		   mount that is in no tree or above it
 */
static char *text_locked(struct path path, const struct path *root, char *start, const char *buf,
			 bool *at_root)
{
	assert_held(&tree_lock);
	*at_root = true;
	while (path.dentry != root->dentry || path.mnt != root->mnt) {
		if (path.dentry == path.mnt->root) {
			struct mount *up = path.mnt->parent;

			if (up == path.mnt) {
				*at_root = path.mnt == mount_root;
				break;
			}
			path.dentry = path.mnt->mountpoint;
			path.mnt = up;
			continue;
		}
		start = text_prepend(start, buf, path.dentry->name, dentry_name_len(path.dentry));
		if (start)
			start = text_prepend(start, buf, "/", 1);
		if (!start)
			return NULL;
		path.dentry = path.dentry->parent;
	}
	return start;
}

static bool is_removed(const struct dentry *d)
{
	return d->flags & DENTRY_UNHASHED && !(d->flags & (DENTRY_NOCACHE | DENTRY_ANON));
}

static char *path_text_below(const struct path *path, const struct path *root, char *buf,
			     size_t size, bool *reached)
{
	char *end = buf + size, *start;

	*reached = true;
	if (path->dentry->flags & DENTRY_ANON && path->dentry->parent == path->dentry &&
	    path->dentry != path->mnt->root) {
		/* "pipe:[7]" */
		char text[64];
		int length = scnprintf(text, sizeof(text), "%s:[%llu]", path->dentry->name,
				       (unsigned long long)path->dentry->inode->ino);
		const char *bare = text;

		if (!strncmp(path->dentry->name, "anon_inode:", 11) ||
		    path->dentry->name[0] == '/') {
			bare = path->dentry->name;
			length = strlen(bare);
		}
		start = text_prepend(end, buf, "", 1);
		if (start)
			start = text_prepend(start, buf, bare, length);
		if (!start)
			return ERR_PTR(-ENAMETOOLONG);
		return start;
	}
	start = text_prepend(end, buf, "", 1);
	if (start && is_removed(path->dentry))
		start = text_prepend(start, buf, " (deleted)", 10);
	if (start) {
		char *tail = start;

		spin_lock(&tree_lock);
		start = text_locked(*path, root, start, buf, reached);
		spin_unlock(&tree_lock);
		if (start == tail)
			start = text_prepend(start, buf, "/", 1);
	}
	if (!start)
		return ERR_PTR(-ENAMETOOLONG);
	return start;
}

char *path_text(const struct path *path, char *buf, size_t size)
{
	struct path root;
	bool reached;
	char *start;

	get_root(&root);
	start = path_text_below(path, &root, buf, size, &reached);
	path_put(&root);
	return start;
}

char *path_text_in(const struct path *path, const struct path *root, char *buf, size_t size,
		   bool *reached)
{
	return path_text_below(path, root, buf, size, reached);
}

SYSCALL2(getcwd, buf, size)
{
	static const char outside[] = "(unreachable)";
	char *page = kmalloc(PATH_MAX), *start;
	struct path cwd, root;
	bool reached;
	s64 ret;

	if (!page)
		return -ENOMEM;
	spin_lock(&current->fs->lock);
	cwd = current->fs->cwd;
	root = current->fs->root;
	path_get(&cwd);
	path_get(&root);
	spin_unlock(&current->fs->lock);

	ret = -ENOENT;
	if (is_removed(cwd.dentry))
		goto out_put;
	start = path_text_below(&cwd, &root, page, PATH_MAX, &reached);
	ret = 0;
	if (IS_ERR(start))
		ret = PTR_ERR(start);
	if (!ret && !reached) {
		start = text_prepend(start, page, outside, sizeof(outside) - 1);
		if (!start)
			ret = -ENAMETOOLONG;
	}
	if (!ret) {
		ret = page + PATH_MAX - start;
		if (ret > size)
			ret = -ERANGE;
		else if (copy_to_user(uaddr(buf), start, ret))
			ret = -EFAULT;
	}
out_put:
	path_put(&cwd);
	path_put(&root);
	kfree(page);
	return ret;
}

/* ---- changing ---- */

static s64 context_enter(struct path *path, struct path *which)
{
	int err = path_permission(path, MAY_EXEC);

	if (!err)
		fs_context_set(current->fs, which, path);
	path_put(path);
	return err;
}

SYSCALL1(chdir, path)
{
	struct path target;
	int err = user_path(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &target);

	if (err)
		return err;
	return context_enter(&target, &current->fs->cwd);
}

SYSCALL1(fchdir, fd)
{
	struct fd_ref ref = fd_get_path((u32)fd);
	struct path path;
	s64 ret;

	if (!ref.file)
		return -EBADF;
	path = ref.file->path;
	path_get(&path);
	if (S_ISDIR(path.dentry->inode->mode)) {
		ret = context_enter(&path, &current->fs->cwd);
	} else {
		path_put(&path);
		ret = -ENOTDIR;
	}
	fd_put(ref);
	return ret;
}

SYSCALL1(chroot, path)
{
	struct path target;
	int err = user_path(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &target);

	if (err)
		return err;
	err = path_permission(&target, MAY_EXEC);
	if (!err && !current_capable(CAP_SYS_CHROOT))
		err = -EPERM;
	if (!err)
		return context_enter(&target, &current->fs->root);
	path_put(&target);
	return err;
}

SYSCALL1(umask, mask)
{
	return __atomic_exchange_n(&current->fs->umask, (mode_t)mask & 0777, __ATOMIC_RELAXED);
}
