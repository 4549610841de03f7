// SPDX-License-Identifier: MIT
/*
 * Trees of generated files.
 *
 * /proc (but for the processes) and /sys are the same thing: folders, files
 * whose text a function makes, links. Entries are made and removed by path from
 * anywhere in the kernel, before a file system shows them or after. A tree is
 * shown by one super block, however often it is mounted.
 *
 * Entries are counted: the tree holds one reference until gen_remove(), each
 * inode one. The owner of an entry may be code that goes away (a driver), so
 * show() and write() run only between enter() and leave(), and gen_remove()
 * returns when nobody is between those any more and nobody will be.
 *
 * Dentries of entries are cached like those of a disk (so mount points work);
 * names that are not there are not, since they may come. gen_remove() takes
 * the dentry out of the cache.
 *
 * Locks: the directory's inode->lock, then tree->lock (rwsem). Names are handed
 * to readdir's user under tree->lock, held for reading: a page fault there
 * takes locks of the address space, inside of which no tree is ever changed.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/file.h>
#include <kernel/fs/generated.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/name.h>
#include <kernel/fs/path.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/seq_open.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/dirent.h>
#include <uapi/poll.h>
#include <uapi/stat.h>

#define GONE	     (-0x40000000) /* added to proc_entry.users by removal */
#define INO_BASE     0xf0000000ull /* of entries but the root; below 2^32 for old programs */
#define INO_ROOT     1
#define COOKIE_FIRST 2 /* behind "." and ".." */
#define DEPTH_MAX    16

static const struct inode_ops gen_dir_ops, gen_file_ops, gen_link_ops;
static const struct file_ops gen_file_fops, gen_dir_fops;
static DEFINE_WAIT_QUEUE(left);

/* ---- entries ---- */

static struct proc_entry *entry_alloc(struct gen_tree *t, const char *name, u32 len,
				      const struct gen_spec *spec)
{
	struct proc_entry *e = kzalloc(sizeof(*e) + len + 1 + NAME_SLACK);

	if (!e)
		return NULL;
	if (spec->target) {
		e->target = kstrdup(spec->target);
		if (!e->target) {
			kfree(e);
			return NULL;
		}
	}
	list_init(&e->link);
	list_init(&e->children);
	e->tree = t;
	atomic_set(&e->refs, 1);
	e->spec = *spec;
	e->spec.target = NULL;
	memcpy(e->name, name, len);
	e->name_len = len;
	return e;
}

static void entry_free(struct rcu_head *h)
{
	struct proc_entry *e = container_of(h, struct proc_entry, rcu);

	kfree(e->target);
	kfree(e);
}

/* Freed by RCU: stat() looks at inodes, and so at entries, without a reference. */
static void entry_put(struct proc_entry *e)
{
	if (atomic_dec_and_test(&e->refs))
		call_rcu(&e->rcu, entry_free);
}

static bool enter(struct proc_entry *e)
{
	s32 n = atomic_read(&e->users);

	while (n >= 0)
		if (__atomic_compare_exchange_n(&e->users.v, &n, n + 1, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

static void leave(struct proc_entry *e)
{
	if (atomic_sub_return(&e->users, 1) == GONE)
		wake_up_all(&left);
}

/* From now on nobody enters; nobody is inside any more. */
static void drain(struct proc_entry *e)
{
	atomic_add(&e->users, GONE);
	wait_event(&left, atomic_read(&e->users) == GONE);
}

static int compare_names(const char *a, u32 a_len, const struct proc_entry *e)
{
	int d = memcmp(a, e->name, MIN(a_len, (u32)e->name_len));

	return d ? d : (int)a_len - (int)e->name_len;
}

/* Under tree->lock. @link gets where it is, or belongs; may be NULL. */
static struct proc_entry *find_child(struct proc_entry *dir, const char *name, u32 len,
				     struct rb_node **parent, struct rb_node ***link)
{
	struct rb_node **at = &dir->names.node, *above = NULL;

	while (*at) {
		struct proc_entry *e = rb_entry(*at, struct proc_entry, node);
		int d = compare_names(name, len, e);

		if (!d)
			return e;
		above = *at;
		at = d < 0 ? &(*at)->left : &(*at)->right;
	}
	if (link) {
		*parent = above;
		*link = at;
	}
	return NULL;
}

/* Under tree->lock for writing. @return it, or NULL: the name is taken, or no memory */
static struct proc_entry *add_child(struct proc_entry *dir, const char *name, u32 len,
				    const struct gen_spec *spec)
{
	struct gen_tree *t = dir->tree;
	struct rb_node *parent, **link;
	struct proc_entry *e;

	if (find_child(dir, name, len, &parent, &link))
		return NULL;
	e = entry_alloc(t, name, len, spec);
	if (!e)
		return NULL;
	e->parent = dir;
	e->cookie = t->next_cookie++;
	rb_insert(&dir->names, &e->node, parent, link);
	list_add_tail(&e->link, &dir->children);
	dir->nr_folders += S_ISDIR(spec->mode);
	return e;
}

/* Under tree->lock for writing. The tree's reference is the caller's now. */
static void unlink_child(struct proc_entry *e)
{
	rb_erase(&e->parent->names, &e->node);
	list_del(&e->link);
	e->parent->nr_folders -= S_ISDIR(e->spec.mode);
	e->parent = NULL;
}

int gen_tree_init(struct gen_tree *t, mode_t folder_mode, u64 file_size, int gone_error)
{
	const struct gen_spec root = { .mode = S_IFDIR | 0555 };

	rwsem_init(&t->lock);
	mutex_init(&t->sb_lock);
	t->next_cookie = COOKIE_FIRST;
	t->folder_mode = folder_mode;
	t->file_size = file_size;
	t->gone_error = gone_error;
	t->root = entry_alloc(t, "", 0, &root);
	return t->root ? 0 : -ENOMEM;
}

/* ---- making and removing by path ---- */

/* Undo what make_folders() made for nothing: folders that go with their last entry. */
static void remove_empty_folders(struct proc_entry *dir, struct list *removed)
{
	while (dir->implicit && list_empty(&dir->children) && dir->parent) {
		struct proc_entry *above = dir->parent;

		unlink_child(dir);
		list_add_tail(&dir->link, removed);
		dir = above;
	}
}

/* The folder of @path's last component, which *@last gets; missing ones are made. */
static struct proc_entry *make_folders(struct gen_tree *t, const char *path, const char **last)
{
	const struct gen_spec folder = { .mode = S_IFDIR | t->folder_mode };
	struct proc_entry *dir = t->root;
	const char *slash;
	u32 depth = 1;

	for (; (slash = strchr(path, '/')); path = slash + 1) {
		size_t len = slash - path;
		struct proc_entry *e;

		if (!len || len > NAME_MAX || ++depth > DEPTH_MAX)
			break;
		e = find_child(dir, path, len, NULL, NULL);
		if (!e) {
			e = add_child(dir, path, len, &folder);
			if (!e)
				break;
			e->implicit = true;
		}
		if (!S_ISDIR(e->spec.mode))
			break;
		dir = e;
	}
	*last = slash ? NULL : path;
	return dir;
}

static void put_all(struct list *removed)
{
	struct proc_entry *e, *next;

	list_for_each_safe(e, next, removed, link) {
		list_del(&e->link);
		entry_put(e);
	}
}

struct proc_entry *gen_create(struct gen_tree *t, const char *path, const struct gen_spec *spec)
{
	struct proc_entry *dir, *e = NULL;
	DEFINE_LIST(removed);
	const char *name;

	down_write(&t->lock);
	dir = make_folders(t, path, &name);
	if (name && name[0] && strlen(name) <= NAME_MAX) {
		e = find_child(dir, name, strlen(name), NULL, NULL);
		if (!e)
			e = add_child(dir, name, strlen(name), spec);
		else if (e->implicit && S_ISDIR(spec->mode))
			e->implicit = false;
		else
			e = NULL;
	}
	if (!e)
		remove_empty_folders(dir, &removed);
	up_write(&t->lock);
	put_all(&removed);
	return e;
}

/*
 * What was removed, with the folders above it: e[0] first. All counted.
 * The first nr_removed are no longer in the tree.
 */
struct removal {
	struct proc_entry *e[DEPTH_MAX];
	u32 n, nr_removed;
};

static void note_ancestors(struct removal *r, struct proc_entry *e)
{
	r->n = 0;
	r->nr_removed = 0;
	for (; e->parent; e = e->parent) {
		atomic_inc(&e->refs);
		r->e[r->n++] = e;
	}
}

static struct dentry *find_cached(struct dentry *dir, const struct proc_entry *e)
{
	struct dentry *d;

	mutex_lock(&dir->inode->lock);
	d = dentry_find(dir, name_key(e->name, e->name_len), e->name);
	mutex_unlock(&dir->inode->lock);
	return d;
}

static void uncache(struct dentry *d)
{
	struct inode *dir = d->parent->inode;

	mutex_lock(&dir->lock);
	if (!(READ_ONCE(d->flags) & DENTRY_UNHASHED))
		dentry_unhash(d);
	mutex_unlock(&dir->lock);
}

/* Take the dentries of what was removed out of the cache. */
static void forget_dentries(struct super_block *sb, const struct removal *r)
{
	struct dentry *d[DEPTH_MAX + 1] = { NULL };

	d[r->n] = sb->root;
	dentry_get(sb->root);
	for (u32 i = r->n; i && d[i]; i--)
		d[i - 1] = find_cached(d[i], r->e[i - 1]);
	for (u32 i = 0; i < r->nr_removed; i++)
		if (d[i])
			uncache(d[i]);
	for (u32 i = 0; i <= r->n; i++)
		dentry_put(d[i]);
}

void gen_remove(struct proc_entry *e)
{
	struct gen_tree *t = e->tree;
	struct super_block *sb;
	struct proc_entry *dir;
	DEFINE_LIST(removed);
	struct removal r;

	down_write(&t->lock);
	note_ancestors(&r, e);
	if (list_empty(&e->children)) {
		dir = e->parent;
		unlink_child(e);
		list_add_tail(&e->link, &removed);
		remove_empty_folders(dir, &removed);
		while (r.nr_removed < r.n && !r.e[r.nr_removed]->parent)
			r.nr_removed++;
	} else {
		e->implicit = true;
	}
	up_write(&t->lock);

	sb = smp_load_acquire(&t->sb);
	if (sb)
		forget_dentries(sb, &r);
	if (r.nr_removed)
		drain(e);
	put_all(&removed);
	for (u32 i = 0; i < r.n; i++)
		entry_put(r.e[i]);
}

/* ---- inodes ---- */

/* The inode's own, with the slack that path walks want. */
static const char *link_text(const char *target)
{
	size_t n = strlen(target) + 1;
	char *text = kzalloc(n + NAME_SLACK);

	if (text)
		memcpy(text, target, n);
	return text;
}

static struct inode *entry_inode(struct super_block *sb, struct proc_entry *e)
{
	const struct gen_spec *spec = &e->spec;
	struct inode *i = inode_alloc(sb);

	if (!i)
		return NULL;
	if (e->target) {
		i->link = link_text(e->target);
		if (!i->link) {
			inode_put(i);
			return NULL;
		}
		i->size = strlen(e->target);
	}
	atomic_inc(&e->refs);
	i->private = e;
	i->ino = e->parent ? INO_BASE + e->cookie : INO_ROOT;
	i->mode = spec->mode;
	i->uid = e->uid;
	i->gid = e->gid;
	i->nlink = S_ISDIR(spec->mode) ? 2 : 1;
	if (S_ISDIR(spec->mode)) {
		i->ops = &gen_dir_ops;
		i->fops = &gen_dir_fops;
	} else if (S_ISLNK(spec->mode)) {
		i->ops = &gen_link_ops;
	} else {
		i->ops = &gen_file_ops;
		i->fops = spec->fops ? spec->fops : &gen_file_fops;
		i->size = e->tree->file_size;
	}
	return i;
}

bool gen_evict(struct inode *i)
{
	if (!i->private) /* its making failed half-way */
		return true;
	/* The root may have methods of another. */
	if (i->ops != &gen_dir_ops && i->ops != &gen_link_ops && i->ops != &gen_file_ops &&
	    i->ino != INO_ROOT)
		return false;
	entry_put(i->private);
	return true;
}

static void refresh(struct proc_entry *dir)
{
	if (!dir->spec.refresh || !enter(dir))
		return;
	dir->spec.refresh(dir->spec.arg);
	leave(dir);
}

int gen_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_entry *parent = dir->private, *e;
	struct gen_tree *t = parent->tree;
	struct inode *i = NULL;

	refresh(parent);
	down_read(&t->lock);
	e = find_child(parent, d->name, dentry_name_len(d), NULL, NULL);
	if (e)
		i = entry_inode(dir->sb, e);
	up_read(&t->lock);
	if (!e)
		d->flags |= DENTRY_NOCACHE;
	else if (!i)
		return -ENOMEM;
	else
		dentry_set_inode(d, i);
	return 0;
}

/* Changes stay as long as the entry. */
int gen_setattr(struct inode *i, const struct iattr *a)
{
	struct proc_entry *e = i->private;
	int err = setattr_copy(i, a);

	if (err)
		return err;
	down_write(&e->tree->lock);
	e->spec.mode = i->mode;
	e->uid = i->uid;
	e->gid = i->gid;
	up_write(&e->tree->lock);
	return 0;
}

void gen_getattr(struct inode *i, struct kstat *st)
{
	if (S_ISDIR(st->mode))
		st->nlink = READ_ONCE(((struct proc_entry *)i->private)->nr_folders) + 2;
}

static const char *gen_readlink(struct inode *i, char *buf)
{
	struct proc_entry *e = i->private;

	return e->spec.readlink(buf);
}

static const struct inode_ops gen_dir_ops = {
	.lookup = gen_lookup,
	.setattr = gen_setattr,
	.getattr = gen_getattr,
};
static const struct inode_ops gen_file_ops = { .setattr = gen_setattr };
static const struct inode_ops gen_link_ops = { .readlink = gen_readlink, .setattr = gen_setattr };

/* ---- open files ---- */

static bool fill_one(struct dir_context *c, u64 pos, const char *name, u32 len, ino_t ino, u32 type)
{
	c->pos = pos;
	if (!c->fill(c, name, len, ino, type))
		return false;
	c->pos = pos + 1;
	return true;
}

int gen_readdir(struct file *f, struct dir_context *c)
{
	struct proc_entry *dir = f->inode->private, *e;
	struct inode *above = f->path.dentry->parent->inode;
	int all = 0;

	if (c->pos == 0 && !fill_one(c, 0, ".", 1, f->inode->ino, DT_DIR))
		return 0;
	if (c->pos == 1 && !fill_one(c, 1, "..", 2, above->ino, DT_DIR))
		return 0;
	refresh(dir);
	down_read(&dir->tree->lock);
	list_for_each(e, &dir->children, link)
		if (e->cookie >= c->pos &&
		    !fill_one(c, e->cookie, e->name, e->name_len, INO_BASE + e->cookie,
			      mode_to_dtype(e->spec.mode)))
			goto out;
	all = 1;
out:
	up_read(&dir->tree->lock);
	return all;
}

static int gen_dir_readdir(struct file *f, struct dir_context *c)
{
	gen_readdir(f, c);
	return 0;
}

static const struct file_ops gen_dir_fops = { .readdir = gen_dir_readdir };

static int generate(struct seq_file *m, struct file *f)
{
	struct proc_entry *e = f->inode->private;
	int err;

	if (!enter(e))
		return e->tree->gone_error;
	err = e->spec.show(m, e->spec.arg);
	leave(e);
	return err;
}

static int gen_open(struct inode *i, struct file *f)
{
	struct proc_entry *e = i->private;
	int err;

	if (((f->mode & FMODE_READ) && !e->spec.show) ||
	    ((f->mode & FMODE_WRITE) && !e->spec.write))
		return -EACCES;
	err = seq_open(f, generate);
	if (!err && e->spec.changes)
		seq_poll_start(f, e->spec.changes);
	return err;
}

/* As Linux: such a file never lets anybody wait, but for news. */
static u32 gen_poll(struct file *f, struct poll_table *t)
{
	struct proc_entry *e = f->inode->private;

	if (e->spec.changes && seq_poll_changed(f, e->spec.changes, t))
		return POLLIN | POLLRDNORM | POLLERR | POLLPRI;
	return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
}

static s64 gen_write(struct file *f, struct uio *u, u64 *pos)
{
	struct proc_entry *e = f->inode->private;
	char *text;
	s64 n = seq_copy_written(u, &text);
	int err;

	if (n < 0)
		return n;
	err = e->tree->gone_error;
	if (enter(e)) {
		err = e->spec.write(text, n, e->spec.arg);
		leave(e);
	}
	kfree(text);
	if (err)
		return err;
	*pos += n;
	return n;
}

static const struct file_ops gen_file_fops = {
	.open = gen_open,
	.release = seq_release,
	.read = seq_read,
	.write = gen_write,
	.llseek = seq_llseek,
	.poll = gen_poll,
};

/* ---- mounting ---- */

int gen_statfs(struct super_block *sb, struct statfs *out)
{
	return 0;
}

static struct super_block *make_super(struct gen_tree *t, struct fs_type *type,
				      const struct super_ops *ops, u64 magic,
				      const struct inode_ops *root_ops,
				      const struct file_ops *root_fops)
{
	struct super_block *sb = super_alloc(type, ops);
	struct inode *root;

	if (!sb)
		return NULL;
	sb->magic = magic;
	sb->blksize = PAGE_SIZE;
	root = entry_inode(sb, t->root);
	if (!root)
		goto fail;
	if (root_ops)
		root->ops = root_ops;
	if (root_fops)
		root->fops = root_fops;
	if (super_set_root(sb, root))
		goto fail;
	return sb;
fail:
	super_put(sb);
	return NULL;
}

int gen_remount(struct super_block *sb, u32 flags, const char *options)
{
	return options && *options ? -EINVAL : 0;
}

int gen_mount(struct gen_tree *t, struct fs_type *type, const struct super_ops *ops, u64 magic,
	      const struct inode_ops *root_ops, const struct file_ops *root_fops,
	      struct super_block **out)
{
	int err = 0;

	mutex_lock(&t->sb_lock);
	if (!t->sb) { /* that reference is kept: removals look for dentries */
		struct super_block *sb = make_super(t, type, ops, magic, root_ops, root_fops);

		if (sb)
			smp_store_release(&t->sb, sb);
		else
			err = -ENOMEM;
	}
	if (!err) {
		super_get(t->sb);
		*out = t->sb;
	}
	mutex_unlock(&t->sb_lock);
	return err;
}
