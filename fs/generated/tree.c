// SPDX-License-Identifier: MIT
/*
 * Trees of generated files.
 *
 * /proc (but for the processes) and /sys are the same thing: folders, files
 * whose text a function makes, links. Entries are made and removed by path from
 * anywhere in the kernel, before a file system shows them or after. A tree is
 * shown by one super block, however often it is mounted.
 *
 * Entries are counted: the tree holds one reference until gen_remove(), and each
 * inode holds one. The owner of an entry may be a driver that is removed, so
 * show() and write() run only between entry_enter() and entry_leave(), and
 * gen_remove() returns when no thread is between those and none can be again.
 *
 * Dentries of entries are cached like those of a disk, so that mount points work.
 * Names that do not exist are not cached, because they may be created later.
 * gen_remove() removes the dentry from the cache.
 *
 * A directory has its entries in two trees: by name for look-ups, by cookie for
 * readdir, which continues at a position.
 *
 * Locks: the directory's inode->lock, then tree->lock (rwsem). Names are handed
 * to readdir's user under tree->lock, held for reading: a page fault there
 * takes locks of the address space, inside of which no tree is ever changed.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/dir_context.h>
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

/* With the slack that path walks want behind the text of a link. */
static char *dup_target(const char *target)
{
	size_t length = strlen(target) + 1;
	char *text = kzalloc(length + NAME_SLACK);

	if (text)
		memcpy(text, target, length);
	return text;
}

static struct proc_entry *entry_alloc(struct gen_tree *tree, const char *name, u32 len,
				      const struct gen_spec *spec)
{
	struct proc_entry *entry = kzalloc(sizeof(*entry) + len + 1 + NAME_SLACK);

	if (!entry)
		return NULL;
	if (spec->target) {
		entry->target = dup_target(spec->target);
		if (!entry->target) {
			kfree(entry);
			return NULL;
		}
	}
	entry->tree = tree;
	atomic_set(&entry->refs, 1);
	entry->spec = *spec;
	entry->spec.target = NULL;
	memcpy(entry->name, name, len);
	entry->name_len = len;
	return entry;
}

static void entry_free(struct rcu_head *head)
{
	struct proc_entry *entry = container_of(head, struct proc_entry, rcu);

	kfree(entry->target);
	kfree(entry);
}

/* Freed by RCU: walks and stat() look at inodes, and so at entries, without a reference. */
static void entry_put(struct proc_entry *entry)
{
	if (atomic_dec_and_test(&entry->refs))
		call_rcu(&entry->rcu, entry_free);
}

static bool entry_enter(struct proc_entry *entry)
{
	s32 users = atomic_read(&entry->users);

	while (users >= 0)
		if (__atomic_compare_exchange_n(&entry->users.v, &users, users + 1, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return true;
	return false;
}

static void entry_leave(struct proc_entry *entry)
{
	if (atomic_sub_return(&entry->users, 1) == GONE)
		wake_up_all(&left);
}

/* Let no further thread enter, and wait until none is inside. */
static void entry_drain(struct proc_entry *entry)
{
	atomic_add(&entry->users, GONE);
	wait_event(&left, atomic_read(&entry->users) == GONE);
}

static int compare_names(const char *name, u32 a_len, const struct proc_entry *entry)
{
	int order = memcmp(name, entry->name, MIN(a_len, (u32)entry->name_len));

	if (order)
		return order;
	return (int)a_len - (int)entry->name_len;
}

/* Under tree->lock. @link gets where it is, or belongs; may be NULL. */
static struct proc_entry *find_child(struct proc_entry *dir, const char *name, u32 len,
				     struct rb_node **parent, struct rb_node ***link)
{
	struct rb_node **slot = &dir->names.node, *above = NULL;

	assert_held(&dir->tree->lock);
	while (*slot) {
		struct proc_entry *entry = rb_entry(*slot, struct proc_entry, node);
		int order = compare_names(name, len, entry);

		if (!order)
			return entry;
		above = *slot;
		if (order < 0)
			slot = &(*slot)->left;
		else
			slot = &(*slot)->right;
	}
	if (link) {
		*parent = above;
		*link = slot;
	}
	return NULL;
}

/* Cookies rise: the new one is the last. Under tree->lock for writing. */
static void append_place(struct proc_entry *dir, struct proc_entry *entry)
{
	struct rb_node *last = rb_last(&dir->places);
	struct rb_node **link = &dir->places.node;

	if (last)
		link = &last->right;
	rb_insert(&dir->places, &entry->place, last, link);
}

/* The first child from position @pos on, or NULL. Under tree->lock. */
static struct proc_entry *find_place(const struct proc_entry *dir, u64 pos)
{
	struct rb_node *node = dir->places.node;
	struct proc_entry *found = NULL;

	assert_held(&dir->tree->lock);
	while (node) {
		struct proc_entry *entry = rb_entry(node, struct proc_entry, place);

		if (entry->cookie < pos) {
			node = node->right;
		} else {
			found = entry;
			node = node->left;
		}
	}
	return found;
}

static struct proc_entry *next_place(const struct proc_entry *entry)
{
	struct rb_node *node = rb_next(&entry->place);

	if (!node)
		return NULL;
	return rb_entry(node, struct proc_entry, place);
}

/*
 * The child of that name: the one there is, which @found tells, or a new one.
 * Under tree->lock for writing. NULL: no memory
 */
static struct proc_entry *find_or_add_child(struct proc_entry *dir, const char *name, u32 len,
					    const struct gen_spec *spec, bool *found)
{
	struct gen_tree *tree = dir->tree;
	struct rb_node *parent, **link;
	struct proc_entry *entry = find_child(dir, name, len, &parent, &link);

	assert_held_write(&dir->tree->lock);
	*found = entry;
	if (entry)
		return entry;
	entry = entry_alloc(tree, name, len, spec);
	if (!entry)
		return NULL;
	entry->parent = dir;
	entry->cookie = tree->next_cookie++;
	rb_insert(&dir->names, &entry->node, parent, link);
	append_place(dir, entry);
	dir->nr_folders += S_ISDIR(spec->mode);
	return entry;
}

/* Under tree->lock for writing. The tree's reference is the caller's now. */
static void unlink_child(struct proc_entry *entry)
{
	assert_held_write(&entry->tree->lock);
	rb_erase(&entry->parent->names, &entry->node);
	rb_erase(&entry->parent->places, &entry->place);
	entry->parent->nr_folders -= S_ISDIR(entry->spec.mode);
	entry->parent = NULL;
}

int gen_tree_init(struct gen_tree *tree, mode_t folder_mode, u64 file_size, int gone_error)
{
	const struct gen_spec root = { .mode = S_IFDIR | 0555 };

	rwsem_init(&tree->lock);
	mutex_init(&tree->sb_lock);
	tree->next_cookie = COOKIE_FIRST;
	tree->folder_mode = folder_mode;
	tree->file_size = file_size;
	tree->gone_error = gone_error;
	tree->root = entry_alloc(tree, "", 0, &root);
	if (!tree->root)
		return -ENOMEM;
	return 0;
}

/* ---- making and removing by path ---- */

/* Undo what make_folders() made for nothing: folders that are removed with their last entry. */
static void remove_empty_folders(struct proc_entry *dir, struct list *removed)
{
	while (dir->implicit && rb_empty(&dir->names) && dir->parent) {
		struct proc_entry *above = dir->parent;

		unlink_child(dir);
		list_add_tail(&dir->link, removed);
		dir = above;
	}
}

/* The folder of @path's last component, which *@last gets; missing ones are made. */
static struct proc_entry *make_folders(struct gen_tree *tree, const char *path, const char **last)
{
	const struct gen_spec folder = { .mode = S_IFDIR | tree->folder_mode };
	struct proc_entry *dir = tree->root;
	const char *slash;
	u32 depth = 1;

	for (; (slash = strchr(path, '/')); path = slash + 1) {
		size_t len = slash - path;
		struct proc_entry *entry;
		bool found;

		if (!len || len > NAME_MAX || ++depth > DEPTH_MAX)
			break;
		entry = find_or_add_child(dir, path, len, &folder, &found);
		if (!entry)
			break;
		entry->implicit |= !found;
		if (!S_ISDIR(entry->spec.mode))
			break;
		dir = entry;
	}
	if (slash)
		*last = NULL;
	else
		*last = path;
	return dir;
}

static void put_all(struct list *removed)
{
	struct proc_entry *entry, *next;

	list_for_each_safe(entry, next, removed, link) {
		list_del(&entry->link);
		entry_put(entry);
	}
}

struct proc_entry *gen_create(struct gen_tree *tree, const char *path, const struct gen_spec *spec)
{
	struct proc_entry *dir, *entry = NULL;
	DEFINE_LIST(removed);
	const char *name;

	down_write(&tree->lock);
	dir = make_folders(tree, path, &name);
	if (name && name[0] && strlen(name) <= NAME_MAX) {
		bool found;

		entry = find_or_add_child(dir, name, strlen(name), spec, &found);
		if (found && entry->implicit && S_ISDIR(spec->mode))
			entry->implicit = false;
		else if (found)
			entry = NULL;
	}
	if (!entry)
		remove_empty_folders(dir, &removed);
	up_write(&tree->lock);
	put_all(&removed);
	return entry;
}

/*
 * What was removed, with the folders above it: entries[0] first. All counted.
 * The first nr_removed are no longer in the tree.
 */
struct removal {
	struct proc_entry *entries[DEPTH_MAX];
	u32 count, nr_removed;
};

static void note_ancestors(struct removal *removal, struct proc_entry *entry)
{
	removal->count = 0;
	removal->nr_removed = 0;
	for (; entry->parent; entry = entry->parent) {
		atomic_inc(&entry->refs);
		removal->entries[removal->count++] = entry;
	}
}

static struct dentry *gen_find_cached(struct dentry *dir, const struct proc_entry *entry)
{
	struct dentry *d;

	mutex_lock(&dir->inode->lock);
	d = dentry_find(dir, name_key(entry->name, entry->name_len), entry->name);
	mutex_unlock(&dir->inode->lock);
	return d;
}

static void entry_uncache(struct dentry *d)
{
	struct inode *dir = d->parent->inode;

	mutex_lock(&dir->lock);
	if (!(READ_ONCE(d->flags) & DENTRY_UNHASHED))
		dentry_unhash(d);
	mutex_unlock(&dir->lock);
}

/* Take the dentries of what was removed out of the cache. */
static void forget_dentries(struct super_block *sb, const struct removal *removal)
{
	struct dentry *found[DEPTH_MAX + 1] = { NULL };

	found[removal->count] = sb->root;
	dentry_get(sb->root);
	for (u32 i = removal->count; i && found[i]; i--)
		found[i - 1] = gen_find_cached(found[i], removal->entries[i - 1]);
	for (u32 i = 0; i < removal->nr_removed; i++)
		if (found[i])
			entry_uncache(found[i]);
	for (u32 i = 0; i <= removal->count; i++)
		dentry_put(found[i]);
}

void gen_remove(struct proc_entry *entry)
{
	struct gen_tree *tree = entry->tree;
	struct super_block *sb;
	struct proc_entry *dir;
	DEFINE_LIST(removed);
	struct removal removal;

	down_write(&tree->lock);
	note_ancestors(&removal, entry);
	if (rb_empty(&entry->names)) {
		dir = entry->parent;
		unlink_child(entry);
		list_add_tail(&entry->link, &removed);
		remove_empty_folders(dir, &removed);
		while (removal.nr_removed < removal.count &&
		       !removal.entries[removal.nr_removed]->parent)
			removal.nr_removed++;
	} else {
		entry->implicit = true;
	}
	up_write(&tree->lock);

	sb = smp_load_acquire(&tree->sb);
	if (sb)
		forget_dentries(sb, &removal);
	if (removal.nr_removed)
		entry_drain(entry);
	put_all(&removed);
	for (u32 i = 0; i < removal.count; i++)
		entry_put(removal.entries[i]);
}

/* ---- inodes ---- */

static struct inode *entry_inode(struct super_block *sb, struct proc_entry *entry)
{
	const struct gen_spec *spec = &entry->spec;
	struct inode *inode = inode_alloc(sb);

	if (!inode)
		return NULL;
	if (entry->target) {
		inode->link = entry->target;
		inode->size = strlen(entry->target);
	}
	atomic_inc(&entry->refs);
	inode->private = entry;
	if (entry->parent)
		inode->ino = INO_BASE + entry->cookie;
	else
		inode->ino = INO_ROOT;
	inode->mode = spec->mode;
	inode->uid = entry->uid;
	inode->gid = entry->gid;
	inode->nlink = 1;
	if (S_ISDIR(spec->mode)) {
		inode->nlink = 2;
		inode->ops = &gen_dir_ops;
		inode->fops = &gen_dir_fops;
	} else if (S_ISLNK(spec->mode)) {
		inode->ops = &gen_link_ops;
	} else {
		inode->ops = &gen_file_ops;
		if (spec->fops)
			inode->fops = spec->fops;
		else
			inode->fops = &gen_file_fops;
		inode->size = entry->tree->file_size;
	}
	return inode;
}

bool gen_evict(struct inode *inode)
{
	if (!inode->private) /* its making failed half-way */
		return true;
	/* The root may have methods of another. */
	if (inode->ops != &gen_dir_ops && inode->ops != &gen_link_ops &&
	    inode->ops != &gen_file_ops && inode->ino != INO_ROOT)
		return false;
	entry_put(inode->private);
	return true;
}

static void folder_refresh(struct proc_entry *dir)
{
	if (!dir->spec.refresh || !entry_enter(dir))
		return;
	dir->spec.refresh(dir->spec.arg);
	entry_leave(dir);
}

int gen_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_entry *parent = dir->private, *entry;
	struct gen_tree *tree = parent->tree;
	struct inode *inode = NULL;

	folder_refresh(parent);
	down_read(&tree->lock);
	entry = find_child(parent, d->name, dentry_name_len(d), NULL, NULL);
	if (entry)
		inode = entry_inode(dir->sb, entry);
	up_read(&tree->lock);
	if (!entry)
		d->flags |= DENTRY_NOCACHE;
	else if (!inode)
		return -ENOMEM;
	else
		dentry_set_inode(d, inode);
	return 0;
}

/* Changes stay as long as the entry. */
int gen_setattr(struct inode *inode, const struct iattr *attr)
{
	struct proc_entry *entry = inode->private;
	int err = setattr_copy(inode, attr);

	if (err)
		return err;
	down_write(&entry->tree->lock);
	entry->spec.mode = inode->mode;
	entry->uid = inode->uid;
	entry->gid = inode->gid;
	up_write(&entry->tree->lock);
	return 0;
}

void gen_getattr(struct inode *inode, struct kstat *stat)
{
	if (S_ISDIR(stat->mode))
		stat->nlink = READ_ONCE(((struct proc_entry *)inode->private)->nr_folders) + 2;
}

static const char *gen_readlink(struct inode *inode, char *buf)
{
	return ((struct proc_entry *)inode->private)->spec.readlink(buf);
}

static const struct inode_ops gen_dir_ops = {
	.lookup = gen_lookup,
	.setattr = gen_setattr,
	.getattr = gen_getattr,
};
static const struct inode_ops gen_file_ops = { .setattr = gen_setattr };
static const struct inode_ops gen_link_ops = {
	.readlink = gen_readlink,
	.readlink_short = gen_readlink,
	.setattr = gen_setattr,
};

/* ---- open files ---- */

int gen_readdir(struct file *f, struct dir_context *context)
{
	struct proc_entry *dir = f->inode->private, *entry;
	struct inode *above = f->path.dentry->parent->inode;

	if (context->pos == 0 && !dir_fill(context, 0, ".", 1, f->inode->ino, DT_DIR))
		return 0;
	if (context->pos == 1 && !dir_fill(context, 1, "..", 2, above->ino, DT_DIR))
		return 0;
	folder_refresh(dir);
	down_read(&dir->tree->lock);
	for (entry = find_place(dir, context->pos); entry; entry = next_place(entry))
		if (!dir_fill(context, entry->cookie, entry->name, entry->name_len,
			      INO_BASE + entry->cookie, mode_to_dtype(entry->spec.mode)))
			break;
	up_read(&dir->tree->lock);
	return !entry;
}

static int gen_dir_readdir(struct file *f, struct dir_context *context)
{
	gen_readdir(f, context);
	return 0;
}

static const struct file_ops gen_dir_fops = { .readdir = gen_dir_readdir };

static int gen_generate(struct seq_file *seq, struct file *f)
{
	struct proc_entry *entry = f->inode->private;
	int err;

	if (!entry_enter(entry))
		return entry->tree->gone_error;
	err = entry->spec.show(seq, entry->spec.arg);
	entry_leave(entry);
	return err;
}

static int gen_open(struct inode *inode, struct file *f)
{
	struct proc_entry *entry = inode->private;
	int err;

	if (((f->mode & FMODE_READ) && !entry->spec.show) ||
	    ((f->mode & FMODE_WRITE) && !entry->spec.write))
		return -EACCES;
	err = seq_open(f, gen_generate);
	if (!err && entry->spec.changes)
		seq_poll_start(f, entry->spec.changes);
	return err;
}

/* As Linux: poll() on such a file waits for changes only. */
static u32 gen_poll(struct file *f, struct poll_table *table)
{
	struct proc_entry *entry = f->inode->private;

	if (entry->spec.changes && seq_poll_changed(f, entry->spec.changes, table))
		return POLLIN | POLLRDNORM | POLLERR | POLLPRI;
	return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
}

static s64 gen_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct proc_entry *entry = f->inode->private;
	char *text;
	s64 length = seq_copy_written(uio, &text);
	int err;

	if (length < 0)
		return length;
	err = entry->tree->gone_error;
	if (entry_enter(entry)) {
		err = entry->spec.write(text, length, entry->spec.arg);
		entry_leave(entry);
	}
	kfree(text);
	if (err)
		return err;
	*pos += length;
	return length;
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

static struct super_block *make_super(struct gen_tree *tree, struct fs_type *type,
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
	root = entry_inode(sb, tree->root);
	if (!root)
		goto err_put_super;
	if (root_ops)
		root->ops = root_ops;
	if (root_fops)
		root->fops = root_fops;
	if (super_set_root(sb, root))
		goto err_put_super;
	return sb;
err_put_super:
	super_put(sb);
	return NULL;
}

int gen_remount(struct super_block *sb, u32 flags, const char *options)
{
	if (options && *options)
		return -EINVAL;
	return 0;
}

int gen_mount(struct gen_tree *tree, struct fs_type *type, const struct super_ops *ops, u64 magic,
	      const struct inode_ops *root_ops, const struct file_ops *root_fops,
	      struct super_block **out)
{
	int err = 0;

	mutex_lock(&tree->sb_lock);
	if (!tree->sb) { /* that reference is kept: removals look for dentries */
		struct super_block *sb = make_super(tree, type, ops, magic, root_ops, root_fops);

		if (sb)
			smp_store_release(&tree->sb, sb);
		else
			err = -ENOMEM;
	}
	if (!err) {
		super_get(tree->sb);
		*out = tree->sb;
	}
	mutex_unlock(&tree->sb_lock);
	return err;
}
