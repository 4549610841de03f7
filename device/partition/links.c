// SPDX-License-Identifier: MIT
/*
 * /dev/disk/by-...: symbolic links that name disks by what they are.
 *
 *	by-id/virtio-SERIAL		by-partuuid/UUID
 *	by-id/nvme-MODEL_SERIAL-part1	by-partlabel/NAME
 *	by-uuid/UUID			by-label/LABEL
 *	by-path/pci-0000:00:1f.2-ata-1.0-part1
 *
 * The kernel makes them, as it makes the nodes, and with the same names as udev: letters, digits,
 * #+-.:=@_ and what is not ASCII stay; a blank of an identity becomes _, other bytes become \x2f and so on.
 * Two disks may have the same name: the first one has it, and the second one when the first is gone.
 */
#include <kernel/fs/devfs.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "internal.h"

#define LINK_TEXT_MAX 280 /* a folder, and the longest name */
#define NAME_PART_MAX 255 /* the longest text that names a disk: a label */

struct disk_link {
	struct list of_disk; /* disk_record.links */
	struct list link;    /* all_links */
	bool placed;	     /* it is in /dev */
	char target[DISK_NAME_SIZE + sizeof("../../")];
	char name[]; /* below /dev */
};

static DEFINE_LIST(all_links);

static bool link_keeps_character(u8 character)
{
	return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
	       (character >= '0' && character <= '9') || character >= 0x80 ||
	       (character && strchr("#+-.:=@_", character));
}

/* @return behind what was written: fits if a text of @size bytes has NAME_PART_MAX at most */
static size_t link_put_text(char *to, size_t used, const char *text, bool is_identity)
{
	size_t length = strnlen(text, NAME_PART_MAX);

	while (is_identity && length && text[length - 1] == ' ')
		length--;
	for (size_t i = 0; i < length && used < LINK_TEXT_MAX - sizeof("\\x00"); i++) {
		if (link_keeps_character(text[i]))
			to[used++] = text[i];
		else if (is_identity)
			to[used++] = '_';
		else
			used += scnprintf(to + used, LINK_TEXT_MAX - used, "\\x%02x", (u8)text[i]);
	}
	to[used] = 0;
	return used;
}

static void link_place(struct disk_link *link)
{
	if (!link->placed)
		link->placed = !devfs_add_link(link->name, link->target);
}

static void disk_link_add(struct list *links, struct disk *disk, const char *name)
{
	size_t size = strlen(name) + 1;
	struct disk_link *link = kzalloc(sizeof(*link) + size);

	if (!link)
		return;
	memcpy(link->name, name, size);
	snprintf(link->target, sizeof(link->target), "../../%s", disk_name(disk));
	list_add_tail(&link->of_disk, links);
	list_add_tail(&link->link, &all_links);
	link_place(link);
}

/* @text may be empty: then there is none. */
static void disk_link_add_text(struct list *links, struct disk *disk, const char *folder,
			       const char *text)
{
	char name[LINK_TEXT_MAX];

	if (!text[0] || !strcmp(text, ".") || !strcmp(text, ".."))
		return;
	link_put_text(name, scnprintf(name, sizeof(name), "disk/%s/", folder), text, false);
	disk_link_add(links, disk, name);
}

/* What udev puts in front of the identity, by the kind of disk. */
static const char *disk_id_prefix(const struct disk *disk)
{
	static const char *const prefixes[][2] = {
		{ "vd", "virtio-" }, { "nvme", "nvme-" }, { "sd", "ata-" }, { "sr", "ata-" }
	};

	if (strstr(disk_path(disk), "-scsi-"))
		return "scsi-0";
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(disk_name(disk), prefixes[i][0], strlen(prefixes[i][0])))
			return prefixes[i][1];
	return "disk-";
}

static void disk_link_add_id(struct list *links, struct disk *disk)
{
	const char *model = disk_model(disk), *serial = disk_serial(disk);
	u32 number = disk_partition_number(disk);
	char name[LINK_TEXT_MAX];
	size_t used = scnprintf(name, sizeof(name), "disk/by-id/%s", disk_id_prefix(disk));

	if (!serial[0])
		return;
	if (model[0]) {
		used = link_put_text(name, used, model, true);
		used = link_put_text(name, used, "_", true);
	}
	used = link_put_text(name, used, serial, true);
	if (number)
		scnprintf(name + used, sizeof(name) - used, "-part%u", number);
	disk_link_add(links, disk, name);
}

static void disk_link_add_path(struct list *links, struct disk *disk, const char *before,
			       const char *path, size_t length)
{
	u32 number = disk_partition_number(disk);
	char name[LINK_TEXT_MAX];
	size_t used;

	used = scnprintf(name, sizeof(name), "disk/by-path/%s", before);
	memcpy(name + used, path, length);
	used += length;
	name[used] = 0;
	if (number)
		scnprintf(name + used, sizeof(name) - used, "-part%u", number);
	disk_link_add(links, disk, name);
}

/* With the second names that udev keeps for old configurations: "virtio-pci-...", and "...-ata-1". */
static void disk_links_add_path(struct list *links, struct disk *disk)
{
	const char *path = disk_path(disk), *ata = strstr(path, "-ata-"), *dot = NULL;

	if (!path[0])
		return;
	disk_link_add_path(links, disk, "", path, strlen(path));
	if (ata)
		dot = strchr(ata, '.');
	if (dot)
		disk_link_add_path(links, disk, "", path, dot - path);
	if (!strncmp(disk_name(disk), "vd", 2))
		disk_link_add_path(links, disk, "virtio-", path, strlen(path));
}

void disk_links_add(struct list *links, struct disk *disk)
{
	const struct partition_about *about = disk_partition_about(disk);

	disk_link_add_id(links, disk);
	disk_links_add_path(links, disk);
	if (!about)
		return;
	disk_link_add_text(links, disk, "by-partuuid", about->uuid);
	disk_link_add_text(links, disk, "by-partlabel", about->name);
}

void disk_content_links_add(struct list *links, struct disk *disk,
			    const struct disk_content *content)
{
	disk_link_add_text(links, disk, "by-uuid", content->uuid);
	disk_link_add_text(links, disk, "by-label", content->label);
}

void disk_links_remove(struct list *links)
{
	struct disk_link *link;

	if (list_empty(links))
		return;
	while (!list_empty(links)) {
		link = list_first(links, struct disk_link, of_disk);
		list_del(&link->of_disk);
		list_del(&link->link);
		if (link->placed)
			devfs_remove(link->name);
		kfree(link);
	}
	list_for_each(link, &all_links, link)
		link_place(link);
}
