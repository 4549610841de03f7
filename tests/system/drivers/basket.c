/* SPDX-License-Identifier: MIT */
/*
 * A file system in memory, "basket": at most NODES objects, files of at most ROOM bytes. It checks what
 * the kernel promises: one change at a time for a folder, none during sync(); and counts what was asked.
 * Node 2 (the root) and node 3 (the file "kept", with a text) are in each instance. A file named "crash"
 * makes lookup() fault; a folder named "liar" lists a name with a slash.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/filesystem.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>

#define NODES 96u
#define ROOM  8192u
#define KIND  0170000u

struct node {
	struct banos_attr attr;
	uint64_t parent; /* of a name; 0: none */
	char name[56];
	uint32_t changing;
	int used;
	char *data;
};

static banos_owner owner;
static struct banos_mutex lock; /* guards nodes */
static struct node nodes[NODES];
static volatile int *volatile nowhere = (volatile int *)8;
static uint32_t changes, syncs, lookups, broken;

/* A name of its own for each node: hard links are further entries. */
struct entry {
	uint64_t dir, node;
	uint32_t length;
	char name[60];
};
static struct entry entries[NODES];

static struct node *node_of(uint64_t number)
{
	if (number < 2 || number >= NODES || !nodes[number].used)
		return NULL;
	return &nodes[number];
}

static struct entry *find(uint64_t dir, const char *name, uint32_t length)
{
	for (uint32_t i = 0; i < NODES; i++)
		if (entries[i].dir == dir && entries[i].length == length &&
		    !memcmp(entries[i].name, name, length))
			return &entries[i];
	return NULL;
}

static struct entry *enter(uint64_t dir, const char *name, uint32_t length, uint64_t node)
{
	for (uint32_t i = 0; i < NODES; i++)
		if (!entries[i].dir && length < sizeof(entries[i].name)) {
			memcpy(entries[i].name, name, length);
			entries[i].length = length;
			entries[i].node = node;
			entries[i].dir = dir;
			return &entries[i];
		}
	return NULL;
}

static void begin(uint64_t dir)
{
	if (__atomic_fetch_add(&nodes[dir % NODES].changing, 1, __ATOMIC_SEQ_CST))
		broken++;
	__atomic_fetch_add(&changes, 1, __ATOMIC_SEQ_CST);
	banos_mutex_lock(&lock);
}

static int64_t end(uint64_t dir, int64_t result)
{
	banos_mutex_unlock(&lock);
	__atomic_fetch_sub(&changes, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_sub(&nodes[dir % NODES].changing, 1, __ATOMIC_SEQ_CST);
	return result;
}

static struct node *add(uint32_t number, uint32_t mode)
{
	struct node *n = &nodes[number];

	n->attr.size = sizeof(n->attr);
	n->attr.mode = mode;
	n->attr.node = number;
	n->attr.nlink = 1 + ((mode & KIND) == 0040000);
	n->used = 1;
	return n;
}

static int64_t basket_mount(void *context, banos_mount mount,
			    const struct banos_mount_config *config, struct banos_mount_info *info,
			    void **fs)
{
	if (config->options[0] && memcmp(config->options, "weave=fine", 11))
		return -EINVAL;
	info->flags = BANOS_MOUNT_TRANSFERS;
	info->root = 2;
	info->magic = 0x62736b74;
	info->name_max = 59;
	info->bytes_max = ROOM;
	*fs = nodes;
	return 0;
}

static int64_t basket_statfs(void *fs, struct banos_statfs *to)
{
	to->blocks = 100;
	to->free = to->available = 40;
	to->files = NODES;
	return 0;
}

static int64_t basket_sync(void *fs)
{
	if (changes)
		broken++;
	syncs++;
	return 0;
}

static int64_t basket_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
			     struct banos_attr *attr)
{
	struct entry *e;

	__atomic_fetch_add(&lookups, 1, __ATOMIC_RELAXED);
	if (length == 5 && !memcmp(name, "crash", 5))
		*nowhere = 1;
	banos_mutex_lock(&lock);
	e = find(dir, name, length);
	if (e)
		*attr = nodes[e->node].attr;
	banos_mutex_unlock(&lock);
	if (!e)
		return -ENOENT;
	return 0;
}

static int64_t basket_getattr(void *fs, uint64_t node, struct banos_attr *attr)
{
	struct node *n = node_of(node);

	if (!n)
		return -ESTALE;
	*attr = n->attr;
	return 0;
}

static int64_t basket_setattr(void *fs, uint64_t node, uint32_t which,
			      const struct banos_attr *attr)
{
	struct node *n = node_of(node);

	if (!n)
		return -ESTALE;
	if (which & BANOS_SET_MODE)
		n->attr.mode = (n->attr.mode & KIND) | (attr->mode & 07777);
	if (which & BANOS_SET_UID)
		n->attr.uid = attr->uid;
	if (which & BANOS_SET_GID)
		n->attr.gid = attr->gid;
	if (which & BANOS_SET_MTIME)
		n->attr.mtime_ns = attr->mtime_ns;
	if (which & BANOS_SET_SIZE) {
		if (attr->bytes > ROOM)
			return -EFBIG;
		if (n->data && attr->bytes < ROOM)
			memset(n->data + attr->bytes, 0, ROOM - attr->bytes);
		n->attr.bytes = attr->bytes;
	}
	return 0;
}

static int64_t make(uint64_t dir, const char *name, uint32_t length,
		    const struct banos_create *what, struct banos_attr *attr)
{
	uint32_t number = 4;
	struct node *n;

	while (number < NODES && nodes[number].used)
		number++;
	if (number == NODES || !enter(dir, name, length, number))
		return -ENOSPC;
	n = add(number, what->mode);
	n->attr.uid = what->uid;
	n->attr.gid = what->gid;
	n->attr.rdev_major = what->rdev_major;
	n->attr.rdev_minor = what->rdev_minor;
	n->attr.atime_ns = n->attr.mtime_ns = n->attr.ctime_ns = what->time_ns;
	n->attr.generation++;
	n->attr.bytes = 0;
	n->data = NULL;
	if ((what->mode & KIND) != 0040000)
		n->data = banos_alloc(owner, ROOM, 0);
	if ((what->mode & KIND) == 0040000)
		nodes[dir].attr.nlink++;
	if (what->target) {
		while (what->target[n->attr.bytes])
			n->attr.bytes++;
		memcpy(n->data, what->target, n->attr.bytes);
	}
	*attr = n->attr;
	return 0;
}

static int64_t basket_create(void *fs, uint64_t dir, const char *name, uint32_t length,
			     const struct banos_create *what, struct banos_attr *attr)
{
	begin(dir);
	return end(dir, make(dir, name, length, what, attr));
}

static int64_t basket_link(void *fs, uint64_t node, uint64_t dir, const char *name, uint32_t length,
			   struct banos_attr *attr)
{
	int64_t error = -ENOSPC;

	begin(dir);
	if (enter(dir, name, length, node)) {
		nodes[node].attr.nlink++;
		*attr = nodes[node].attr;
		error = 0;
	}
	return end(dir, error);
}

static int64_t basket_unlink(void *fs, uint64_t dir, const char *name, uint32_t length,
			     uint64_t node)
{
	struct entry *e;

	begin(dir);
	e = find(dir, name, length);
	if (!e || e->node != node)
		return end(dir, -ENOENT);
	e->dir = 0;
	nodes[node].attr.nlink--;
	return end(dir, 0);
}

static int is_empty(uint64_t dir)
{
	for (uint32_t i = 0; i < NODES; i++)
		if (entries[i].dir == dir)
			return 0;
	return 1;
}

static int64_t basket_rmdir(void *fs, uint64_t dir, const char *name, uint32_t length,
			    uint64_t node)
{
	begin(dir);
	if (!is_empty(node))
		return end(dir, -ENOTEMPTY);
	find(dir, name, length)->dir = 0;
	nodes[node].attr.nlink = 0;
	nodes[dir].attr.nlink--;
	return end(dir, 0);
}

static uint32_t length_of(const char *name)
{
	uint32_t length = 0;

	while (name[length])
		length++;
	return length;
}

static int64_t basket_rename(void *fs, const struct banos_rename *what)
{
	uint32_t folder = (nodes[what->node].attr.mode & KIND) == 0040000;
	struct entry *old, *new;

	begin(what->old_dir);
	old = find(what->old_dir, what->old_name, length_of(what->old_name));
	new = find(what->new_dir, what->new_name, length_of(what->new_name));
	if (!old || old->node != what->node || !new != !what->new_node)
		broken++;
	if (what->flags & BANOS_RENAME_EXCHANGE) {
		old->node = what->new_node;
		new->node = what->node;
		return end(what->old_dir, 0);
	}
	if (new) {
		if (folder && !is_empty(new->node))
			return end(what->old_dir, -ENOTEMPTY);
		nodes[new->node].attr.nlink -= 1 + folder;
		new->dir = 0;
	}
	old->dir = what->new_dir;
	old->length = length_of(what->new_name);
	memcpy(old->name, what->new_name, old->length);
	nodes[what->old_dir].attr.nlink -= folder;
	nodes[what->new_dir].attr.nlink += folder;
	return end(what->old_dir, 0);
}

static int64_t basket_forget(void *fs, uint64_t node)
{
	struct node *n = node_of(node);

	if (!n || (n->attr.nlink && (n->attr.mode & KIND) != 0040000))
		broken++;
	if (!n)
		return 0;
	banos_free(owner, n->data);
	n->data = NULL;
	n->used = 0;
	return 0;
}

static int64_t basket_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to, uint32_t length)
{
	uint32_t done = 0;

	for (uint64_t i = cookie; i < NODES; i++) {
		struct banos_directory_entry *record = (void *)(to + done);
		uint32_t bytes = (BANOS_DIRECTORY_NAME + entries[i].length + 7) & ~7u;

		if (entries[i].dir != dir)
			continue;
		if (done + bytes > length)
			break;
		record->node = entries[i].node;
		record->cookie = i + 1;
		record->record_bytes = (uint16_t)bytes;
		record->type = (uint8_t)(nodes[entries[i].node].attr.mode >> 12);
		record->name_bytes = (uint8_t)entries[i].length;
		memcpy(record->name, entries[i].name, entries[i].length);
		if (entries[i].length == 4 && !memcmp(entries[i].name, "liar", 4))
			record->name[2] = '/';
		done += bytes;
	}
	return done;
}

static int64_t basket_readlink(void *fs, uint64_t node, char *to, uint32_t length)
{
	struct node *n = node_of(node);

	if (!n || n->attr.bytes >= length)
		return -EIO;
	memcpy(to, n->data, n->attr.bytes);
	return (int64_t)n->attr.bytes;
}

static int64_t basket_read(void *fs, uint64_t node, banos_buffer to, uint64_t length,
			   uint64_t offset)
{
	struct node *n = node_of(node);

	if (!n)
		return -ESTALE;
	if (offset >= n->attr.bytes)
		return 0;
	if (length > n->attr.bytes - offset)
		length = n->attr.bytes - offset;
	return banos_buffer_write(to, n->data + offset, length);
}

static int64_t basket_write(void *fs, uint64_t node, banos_buffer from, uint64_t length,
			    uint64_t offset)
{
	struct node *n = node_of(node);
	int64_t done;

	if (!n || !n->data)
		return -ESTALE;
	if (offset + length > ROOM)
		return -ENOSPC;
	done = banos_buffer_read(from, n->data + offset, length);
	if (done > 0 && offset + (uint64_t)done > n->attr.bytes)
		n->attr.bytes = offset + (uint64_t)done;
	return done;
}

static const struct banos_filesystem_ops ops = {
	.size = sizeof(ops),
	.mount = basket_mount,
	.statfs = basket_statfs,
	.sync = basket_sync,
	.lookup = basket_lookup,
	.getattr = basket_getattr,
	.setattr = basket_setattr,
	.create = basket_create,
	.link = basket_link,
	.unlink = basket_unlink,
	.rmdir = basket_rmdir,
	.rename = basket_rename,
	.forget = basket_forget,
	.readdir = basket_readdir,
	.readlink = basket_readlink,
	.read = basket_read,
	.write = basket_write,
};

static int64_t basket_init(banos_owner self)
{
	static const struct banos_filesystem_config config = {
		.size = sizeof(config),
		.flags = BANOS_FILESYSTEM_NODEV,
		.ops = &ops,
		.name = "basket",
	};
	int64_t error = banos_mutex_init(self, &lock);

	owner = self;
	add(2, 0040755);
	add(3, 0100644)->data = banos_alloc(self, ROOM, 0);
	nodes[3].attr.bytes = 5;
	if (error || !nodes[3].data || !enter(2, "kept", 4, 3))
		return error ? error : -ENOMEM;
	memcpy(nodes[3].data, "bread", 5);
	return banos_filesystem_register(self, &config, NULL);
}

static int64_t basket_exit(banos_owner self)
{
	banos_print(self, "basket: %u broken, %u lookups, %s", broken, lookups,
		    syncs ? "synced" : "not synced");
	for (uint32_t i = 2; i < NODES; i++)
		if (nodes[i].data)
			banos_free(self, nodes[i].data);
	return banos_mutex_destroy(&lock);
}

BANOS_DRIVER(basket, "1.0", "MIT", "A file system in memory, for tests", basket_init, basket_exit);
