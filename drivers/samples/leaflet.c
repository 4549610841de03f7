/* SPDX-License-Identifier: MIT */
/* A file system: two pages of text in memory, read only. "mount -t leaflet none /mnt" shows them. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/filesystem.h>
#include <banos/string.h>

#define ROOT  1u /* node numbers; those of the pages follow */
#define PAGES 2u

static const struct page {
	const char *name, *text;
} pages[PAGES] = { { "read.me", "Fold here.\n" }, { "back", "Printed on recycled bits.\n" } };

static int64_t leaflet_mount(void *context, banos_mount mount,
			     const struct banos_mount_config *config, struct banos_mount_info *info,
			     void **fs)
{
	info->flags = BANOS_MOUNT_READ_ONLY | BANOS_MOUNT_TRANSFERS;
	info->root = ROOT;
	return 0;
}

static int64_t leaflet_getattr(void *fs, uint64_t node, struct banos_attr *attr)
{
	if (node < ROOT || node > ROOT + PAGES)
		return -ESTALE;
	attr->node = node;
	attr->mode = node == ROOT ? 0040555 : 0100444;
	attr->nlink = 1;
	attr->bytes = node == ROOT ? 0 : strlen(pages[node - ROOT - 1].text);
	return 0;
}

static int64_t leaflet_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
			      struct banos_attr *attr)
{
	for (uint32_t i = 0; i < PAGES; i++)
		if (strlen(pages[i].name) == length && !memcmp(pages[i].name, name, length))
			return leaflet_getattr(fs, ROOT + 1 + i, attr);
	return -ENOENT;
}

static int64_t leaflet_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to,
			       uint32_t length)
{
	struct banos_directory_entry *entry = (struct banos_directory_entry *)to;

	if (cookie == PAGES) /* one name a call, the number of which is the cookie */
		return 0;
	entry->name_bytes = (uint8_t)strlen(pages[cookie].name);
	memcpy(to + BANOS_DIRECTORY_NAME, pages[cookie].name, entry->name_bytes);
	entry->record_bytes = (uint16_t)(BANOS_DIRECTORY_NAME + entry->name_bytes + 7) & ~7;
	entry->type = 8;
	entry->cookie = cookie + 1;
	entry->node = ROOT + 1 + cookie;
	return entry->record_bytes;
}

static int64_t leaflet_read(void *fs, uint64_t node, banos_buffer to, uint64_t length,
			    uint64_t offset)
{
	const char *text = pages[node - ROOT - 1].text;

	if (offset >= strlen(text))
		return 0;
	return banos_buffer_write(to, text + offset, strlen(text) - offset);
}

static int64_t leaflet_init(banos_owner self)
{
	static const struct banos_filesystem_ops ops = { .size = sizeof(ops),
							 .mount = leaflet_mount,
							 .lookup = leaflet_lookup,
							 .getattr = leaflet_getattr,
							 .readdir = leaflet_readdir,
							 .read = leaflet_read };
	static const struct banos_filesystem_config config = { .size = sizeof(config),
							       .flags = BANOS_FILESYSTEM_NODEV,
							       .ops = &ops,
							       .name = "leaflet" };

	return banos_filesystem_register(self, &config, NULL);
}

BANOS_DRIVER(leaflet, "1.0", "MIT", "A file system of two pages", leaflet_init, NULL);
