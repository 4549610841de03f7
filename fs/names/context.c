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

static char *prepend(char *at, const char *buf, const char *s, u32 len)
{
	if (at - buf < len)
		return NULL;
	return memcpy(at - len, s, len);
}

/*
 * Upwards from a path, writing towards the front. Under tree_lock.
 * @param at_root  told whether the walk ended at root, or else at the top of a
 *		   mount that is in no tree or above it
 */
static char *text_locked(struct path p, const struct path *root, char *at, const char *buf,
			 bool *at_root)
{
	*at_root = true;
	while (p.dentry != root->dentry || p.mnt != root->mnt) {
		if (p.dentry == p.mnt->root) {
			struct mount *up = p.mnt->parent;

			if (up == p.mnt) {
				*at_root = p.mnt == mount_root;
				break;
			}
			p.dentry = p.mnt->mountpoint;
			p.mnt = up;
			continue;
		}
		at = prepend(at, buf, p.dentry->name, dentry_name_len(p.dentry));
		at = at ? prepend(at, buf, "/", 1) : NULL;
		if (!at)
			return NULL;
		p.dentry = p.dentry->parent;
	}
	return at;
}

static bool is_removed(const struct dentry *d)
{
	return d->flags & DENTRY_UNHASHED && !(d->flags & (DENTRY_NOCACHE | DENTRY_ANON));
}

static char *path_text_below(const struct path *p, const struct path *root, char *buf, size_t size,
			     bool *reached)
{
	char *end = buf + size, *at;

	*reached = true;
	if (p->dentry->flags & DENTRY_ANON && p->dentry->parent == p->dentry &&
	    p->dentry != p->mnt->root) {
		/* "pipe:[7]" */
		char text[64];
		int n = scnprintf(text, sizeof(text), "%s:[%llu]", p->dentry->name,
				  (unsigned long long)p->dentry->inode->ino);
		const char *bare = strncmp(p->dentry->name, "anon_inode:", 11) &&
						   p->dentry->name[0] != '/'
					   ? text
					   : p->dentry->name;

		at = prepend(end, buf, "", 1);
		at = at ? prepend(at, buf, bare, bare == text ? n : strlen(bare)) : NULL;
		return at ? at : ERR_PTR(-ENAMETOOLONG);
	}
	at = prepend(end, buf, "", 1);
	if (at && is_removed(p->dentry))
		at = prepend(at, buf, " (deleted)", 10);
	if (at) {
		char *tail = at;

		spin_lock(&tree_lock);
		at = text_locked(*p, root, at, buf, reached);
		spin_unlock(&tree_lock);
		if (at == tail)
			at = prepend(at, buf, "/", 1);
	}
	return at ? at : ERR_PTR(-ENAMETOOLONG);
}

char *path_text(const struct path *p, char *buf, size_t size)
{
	struct path root;
	bool reached;
	char *at;

	get_root(&root);
	at = path_text_below(p, &root, buf, size, &reached);
	path_put(&root);
	return at;
}

char *path_text_in(const struct path *p, const struct path *root, char *buf, size_t size,
		   bool *reached)
{
	return path_text_below(p, root, buf, size, reached);
}

SYSCALL2(getcwd, buf, size)
{
	static const char outside[] = "(unreachable)";
	char *page = kmalloc(PATH_MAX), *at;
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
		goto out;
	at = path_text_below(&cwd, &root, page, PATH_MAX, &reached);
	ret = IS_ERR(at) ? PTR_ERR(at) : 0;
	if (!ret && !reached && !(at = prepend(at, page, outside, sizeof(outside) - 1)))
		ret = -ENAMETOOLONG;
	if (!ret) {
		ret = page + PATH_MAX - at;
		if (ret > size)
			ret = -ERANGE;
		else if (copy_to_user(uaddr(buf), at, ret))
			ret = -EFAULT;
	}
out:
	path_put(&cwd);
	path_put(&root);
	kfree(page);
	return ret;
}

/* ---- changing ---- */

static s64 enter(struct path *p, struct path *which)
{
	int err = path_permission(p, MAY_EXEC);

	if (!err)
		fs_context_set(current->fs, which, p);
	path_put(p);
	return err;
}

SYSCALL1(chdir, path)
{
	struct path p;
	int err = user_path(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	return err ? err : enter(&p, &current->fs->cwd);
}

SYSCALL1(fchdir, fd)
{
	struct fd_ref r = fd_get_path((u32)fd);
	struct path p;
	s64 ret;

	if (!r.file)
		return -EBADF;
	p = r.file->path;
	path_get(&p);
	if (S_ISDIR(p.dentry->inode->mode)) {
		ret = enter(&p, &current->fs->cwd);
	} else {
		path_put(&p);
		ret = -ENOTDIR;
	}
	fd_put(r);
	return ret;
}

SYSCALL1(chroot, path)
{
	struct path p;
	int err = user_path(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = path_permission(&p, MAY_EXEC);
	if (!err && !current_capable(CAP_SYS_CHROOT))
		err = -EPERM;
	if (!err)
		return enter(&p, &current->fs->root);
	path_put(&p);
	return err;
}

SYSCALL1(umask, mask)
{
	return __atomic_exchange_n(&current->fs->umask, (mode_t)mask & 0777, __ATOMIC_RELAXED);
}
