/* SPDX-License-Identifier: MIT */
/*
 * A file system on a disk, "juggler": two files, "left" and "right", whose pages get room one by one. Each change takes a
 * while, and counts as an overlap if another one of the same file runs; the root has 2 links, and one for each overlap.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/filesystem.h>
#include <banos/string.h>
#include <banos/time.h>

#define ROOT	    1u
#define FILES	    2u
#define PAGES	    256u
#define UNIT	    4096u
#define RECORD	    64u /* longer than need be */
#define CHANGE_NS   1000000u
#define MODE_FILE   0100644u
#define MODE_FOLDER 0040755u

static const char *const names[FILES] = { "left", "right" };

static struct juggled {
	uint32_t node;	/* that the name leads to */
	uint32_t under; /* changes, of the node 2 + index */
	uint8_t has_room[PAGES];
} juggled[FILES];
static uint32_t overlaps;

static void change_begin(uint64_t node)
{
	if (node > ROOT && node <= ROOT + FILES &&
	    __atomic_fetch_add(&juggled[node - 2].under, 1, __ATOMIC_SEQ_CST))
		__atomic_fetch_add(&overlaps, 1, __ATOMIC_SEQ_CST);
}

static void change_end(uint64_t node)
{
	if (node > ROOT && node <= ROOT + FILES)
		__atomic_fetch_sub(&juggled[node - 2].under, 1, __ATOMIC_SEQ_CST);
}

static void take_a_while(void)
{
	banos_sleep_until(banos_time_ns() + CHANGE_NS, BANOS_UNINTERRUPTIBLE);
}

static int64_t juggler_getattr(void *fs, uint64_t node, struct banos_attr *attr)
{
	(void)fs;
	if (!node || node > ROOT + FILES)
		return -ESTALE;
	attr->node = node;
	if (node == ROOT) {
		attr->mode = MODE_FOLDER;
		attr->nlink = 2 + overlaps;
		return 0;
	}
	attr->mode = MODE_FILE;
	attr->nlink = 1;
	attr->bytes = PAGES * UNIT;
	return 0;
}

static int64_t juggler_setattr(void *fs, uint64_t node, uint32_t which,
			       const struct banos_attr *attr)
{
	(void)fs;
	(void)which;
	(void)attr;
	change_begin(node);
	take_a_while();
	change_end(node);
	return 0;
}

static int64_t juggler_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
			      struct banos_attr *attr)
{
	(void)dir;
	for (uint32_t i = 0; i < FILES; i++)
		if (length == strlen(names[i]) && !memcmp(name, names[i], length))
			return juggler_getattr(fs, juggled[i].node, attr);
	return -ENOENT;
}

static int64_t juggler_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to,
			       uint32_t length)
{
	uint32_t used = 0;

	(void)fs;
	(void)dir;
	for (uint64_t i = cookie; i < FILES && length - used >= RECORD; i++) {
		struct banos_directory_entry *entry = (void *)(to + used);

		entry->node = juggled[i].node;
		entry->cookie = i + 1;
		entry->record_bytes = RECORD;
		entry->type = 8;
		entry->name_bytes = (uint8_t)strlen(names[i]);
		memcpy(entry->name, names[i], entry->name_bytes);
		used += RECORD;
	}
	return used;
}

static int64_t juggler_rename(void *fs, const struct banos_rename *what)
{
	uint32_t node = juggled[0].node;

	(void)fs;
	if (what->flags != BANOS_RENAME_EXCHANGE)
		return -EINVAL;
	change_begin(what->node);
	change_begin(what->new_node);
	take_a_while();
	juggled[0].node = juggled[1].node;
	juggled[1].node = node;
	change_end(what->node);
	change_end(what->new_node);
	return 0;
}

static int64_t juggler_map(void *fs, uint64_t node, uint64_t offset, uint64_t length,
			   uint32_t flags, struct banos_extent *extent)
{
	uint64_t page = offset / UNIT;
	uint8_t *has_room;

	(void)fs;
	(void)length;
	if (page >= PAGES || node <= ROOT || node > ROOT + FILES)
		return -EFBIG;
	has_room = &juggled[node - 2].has_room[page];
	extent->offset = page * UNIT;
	extent->length = UNIT;
	extent->kind = *has_room ? BANOS_EXTENT_RUN : BANOS_EXTENT_HOLE;
	extent->store = ((node - 2) * PAGES + page) * UNIT;
	if (*has_room || !(flags & BANOS_MAP_ALLOCATE))
		return 0;
	change_begin(node);
	take_a_while();
	*has_room = 1;
	change_end(node);
	extent->kind = BANOS_EXTENT_RUN;
	extent->flags = BANOS_EXTENT_NEW;
	return 0;
}

static int64_t juggler_mount(void *context, banos_mount mount,
			     const struct banos_mount_config *config, struct banos_mount_info *info,
			     void **fs)
{
	(void)context;
	(void)mount;
	(void)fs;
	if (config->bytes < FILES * PAGES * UNIT)
		return -EINVAL;
	info->root = ROOT;
	info->bytes_max = PAGES * UNIT;
	for (uint32_t i = 0; i < FILES; i++)
		juggled[i].node = ROOT + 1 + i;
	return 0;
}

static const struct banos_filesystem_ops ops = {
	.size = sizeof(ops),
	.mount = juggler_mount,
	.lookup = juggler_lookup,
	.getattr = juggler_getattr,
	.setattr = juggler_setattr,
	.readdir = juggler_readdir,
	.rename = juggler_rename,
	.map = juggler_map,
};

static int64_t init(banos_owner self)
{
	static const struct banos_filesystem_config config = {
		.size = sizeof(config),
		.ops = &ops,
		.name = "juggler",
	};

	return banos_filesystem_register(self, &config, NULL);
}

BANOS_DRIVER(juggler, "1.0", "MIT", "A file system that watches what changes at the same time",
	     init, NULL);
