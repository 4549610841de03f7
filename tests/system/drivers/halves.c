/* SPDX-License-Identifier: MIT */
/*
 * A file system on a disk, "halves", that stores the mode of its root twice, at the bytes 0 and 8192 of the store, and nothing
 * else. A change of it to 0601 faults between the two. Where they are not equal, the root has 99 links.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/filesystem.h>

#define FOLDER 0040000u
#define SECOND 8192u

static volatile int *volatile nowhere = (volatile int *)8;
static banos_mount mounted;

static int64_t halves_getattr(void *fs, uint64_t node, struct banos_attr *attr)
{
	uint32_t first, second;
	int64_t error = banos_store_read(mounted, 0, &first, sizeof(first));

	(void)fs;
	if (!error)
		error = banos_store_read(mounted, SECOND, &second, sizeof(second));
	attr->node = node;
	attr->mode = FOLDER | first;
	attr->nlink = first == second ? 2 : 99;
	return error;
}

static int64_t halves_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
			     struct banos_attr *attr)
{
	(void)fs;
	(void)dir;
	(void)name;
	(void)length;
	(void)attr;
	return -ENOENT;
}

static int64_t halves_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to, uint32_t length)
{
	(void)fs;
	(void)dir;
	(void)cookie;
	(void)to;
	(void)length;
	return 0;
}

static int64_t halves_setattr(void *fs, uint64_t node, uint32_t which,
			      const struct banos_attr *attr)
{
	uint32_t mode = attr->mode & 0777;
	int64_t error;

	(void)fs;
	(void)node;
	if (!(which & BANOS_SET_MODE))
		return 0;
	error = banos_store_write(mounted, 0, &mode, sizeof(mode));
	if (mode == 0601)
		*nowhere = 1;
	if (!error)
		error = banos_store_write(mounted, SECOND, &mode, sizeof(mode));
	return error;
}

static int64_t halves_mount(void *context, banos_mount mount,
			    const struct banos_mount_config *config, struct banos_mount_info *info,
			    void **fs)
{
	(void)context;
	(void)config;
	(void)fs;
	mounted = mount;
	info->root = 1;
	return 0;
}

static const struct banos_filesystem_ops ops = {
	.size = sizeof(ops),
	.mount = halves_mount,
	.lookup = halves_lookup,
	.getattr = halves_getattr,
	.setattr = halves_setattr,
	.readdir = halves_readdir,
};

static int64_t init(banos_owner self)
{
	static const struct banos_filesystem_config config = {
		.size = sizeof(config),
		.ops = &ops,
		.name = "halves",
	};

	return banos_filesystem_register(self, &config, NULL);
}

BANOS_DRIVER(halves, "1.0", "MIT", "A file system that fails half way", init, NULL);
