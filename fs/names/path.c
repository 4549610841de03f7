// SPDX-License-Identifier: MIT
/*
 * Paths: references, texts that become paths, and paths that become text.
 */
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>

/* ---- references ---- */

void path_get(const struct path *path)
{
	mount_get(path->mnt);
	dentry_get(path->dentry);
}

void path_put(const struct path *path)
{
	dentry_put(path->dentry);
	if (path->mnt)
		mount_put(path->mnt);
}

bool path_is_nosuid(const struct path *path)
{
	return path->mnt->flags & MNT_NOSUID;
}

/* ---- names from users and from the kernel ---- */

/* A path that is long, near a page's end, empty or wrong. */
static __noinline int path_name_get_slow(struct path_name *name, u64 user, u32 flags)
{
	s64 len = strncpy_from_user(name->buf, uaddr(user), sizeof(name->buf) - NAME_SLACK);

	if (len == -ENAMETOOLONG) {
		name->text = name->alloc = kmalloc(PATH_MAX + NAME_SLACK);
		if (!name->alloc)
			return -ENOMEM;
		len = strncpy_from_user(name->alloc, uaddr(user), PATH_MAX);
	}
	if (len > 0 || (!len && flags & LOOKUP_EMPTY))
		return 0;
	path_name_put(name);
	if (!len)
		return -ENOENT;
	return len;
}

int path_name_get(struct path_name *name, u64 user, u32 flags)
{
	const u64 size = sizeof(name->buf) - NAME_SLACK;
	s64 len = 0;

	name->text = name->buf;
	name->alloc = NULL;
	if (likely(user_string_is_near(uaddr(user), size)))
		len = user_string_copy_raw(name->buf, (const void *)user, size);
	if (likely(len > 0 && len < (s64)size))
		return 0;
	return path_name_get_slow(name, user, flags);
}

int path_name_copy(struct path_name *name, const char *kernel)
{
	size_t len = strlen(kernel);

	name->text = name->buf;
	name->alloc = NULL;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	if (len > sizeof(name->buf) - 2 * NAME_SLACK) {
		name->text = name->alloc = kmalloc(PATH_MAX + NAME_SLACK);
		if (!name->alloc)
			return -ENOMEM;
	}
	name_store(name->text, kernel, len);
	return 0;
}

/* ---- from text to path ---- */

int path_lookup(int dirfd, const char *path, u32 flags, struct path *out)
{
	struct path_name name;
	struct walk walk;
	int err = path_name_copy(&name, path);

	if (err)
		return err;
	if (!*path && !(flags & LOOKUP_EMPTY))
		err = -ENOENT;
	else
		err = walk_path(&walk, dirfd, name.text, flags);
	if (!err) {
		*out = walk.path;
		walk.path = (struct path){ NULL, NULL };
		walk_end(&walk);
	}
	path_name_put(&name);
	return err;
}

int user_path(int dirfd, u64 user, u32 flags, struct path *out)
{
	struct path_name name;
	struct walk walk;
	int err = path_name_get(&name, user, flags);

	if (err)
		return err;
	err = walk_path(&walk, dirfd, name.text, flags);
	if (!err) {
		*out = walk.path;
		walk.path = (struct path){ NULL, NULL };
		walk_end(&walk);
	}
	path_name_put(&name);
	return err;
}

/* ---- from path to text ---- */

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

static char *text_prepend(char *start, const char *buf, const char *text, u32 len)
{
	if (start - buf < len)
		return NULL;
	return memcpy(start - len, text, len);
}

/*
 * Upwards from a path, writing towards the front. Under tree_lock.
 * @param at_root  set to whether the walk ended at root, or else at the top of a
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
