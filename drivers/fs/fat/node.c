// SPDX-License-Identifier: MIT
/* Nodes in use: found by number and by place; their entries. */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/string.h>
#include "bytes.h"
#include "date.h"
#include "volume.h"

#define SALT_BITS    3u
#define STAMP_BITS   20u
#define PLACE_BITS   40u
#define MODE_FILE    0100000u
#define MODE_FOLDER  0040000u
#define RIGHTS_ALL   0777u
#define RIGHTS_WRITE 0222u

/* ---- tables ---- */

static uint32_t number_hash(uint64_t number)
{
	return (uint32_t)(number * 0x9e3779b97f4a7c15ull >> 40) % FAT_BUCKETS;
}

struct fat_node *fat_node_known(struct fat_volume *volume, uint64_t number)
{
	struct fat_node *node = volume->by_number[number_hash(number)];

	while (node && node->number != number)
		node = node->by_number;
	return node;
}

static struct fat_node *fat_place_find(struct fat_volume *volume, uint64_t place)
{
	struct fat_node *node = volume->by_place[number_hash(place)];

	while (node && node->place != place)
		node = node->by_place;
	return node;
}

static void place_enter(struct fat_volume *volume, struct fat_node *node, uint64_t place)
{
	struct fat_node **bucket = &volume->by_place[number_hash(place)];

	node->place = place;
	if (!place)
		return;
	node->by_place = *bucket;
	*bucket = node;
}

static void place_leave(struct fat_volume *volume, struct fat_node *node)
{
	struct fat_node **at = &volume->by_place[number_hash(node->place)];

	if (!node->place)
		return;
	while (*at != node)
		at = &(*at)->by_place;
	*at = node->by_place;
}

void fat_node_move(struct fat_volume *volume, struct fat_node *node, uint64_t place)
{
	place_leave(volume, node);
	place_enter(volume, node, place);
}

void fat_node_drop(struct fat_volume *volume, struct fat_node *node)
{
	struct fat_node **at = &volume->by_number[number_hash(node->number)];

	if (node == &volume->root)
		return;
	fat_index_drop(volume, node);
	place_leave(volume, node);
	while (*at != node)
		at = &(*at)->by_number;
	*at = node->by_number;
	banos_free(fat_owner, node);
}

void fat_node_drop_all(struct fat_volume *volume)
{
	for (uint32_t i = 0; i < FAT_BUCKETS; i++)
		while (volume->by_number[i])
			fat_node_drop(volume, volume->by_number[i]);
}

/* ---- numbers ---- */

/* A check sum over the time when it was made, which never changes. */
static uint64_t raw_stamp(const uint8_t *raw)
{
	uint64_t stamp = fat_get32(raw + FAT_AT_MADE_CS) | (uint64_t)raw[FAT_AT_MADE_DATE + 1]
								   << 32;

	return stamp * 0x9e3779b97f4a7c15ull >> (64 - STAMP_BITS);
}

uint64_t fat_node_number(struct fat_volume *volume, uint64_t place, const uint8_t *raw)
{
	struct fat_node *node = fat_place_find(volume, place);
	uint64_t number = (place / FAT_ENTRY_BYTES << STAMP_BITS | raw_stamp(raw)) << SALT_BITS;

	if (node)
		return node->number;
	/* A file that was there before, and is in use still, may have that number. */
	for (uint32_t i = 0; i < (1u << SALT_BITS) - 1 && fat_node_known(volume, number); i++)
		number++;
	return number;
}

static void node_load(struct fat_volume *volume, struct fat_node *node, const uint8_t *raw)
{
	memcpy(node->raw, raw, FAT_ENTRY_BYTES);
	node->is_folder = !!(raw[FAT_AT_ATTR] & FAT_ATTR_FOLDER);
	node->first = fat_get16(raw + FAT_AT_FIRST);
	if (volume->layout.bits == 32)
		node->first |= fat_get16(raw + FAT_AT_FIRST_HIGH) << 16;
}

static int64_t node_create(struct fat_volume *volume, uint64_t number, uint64_t place,
			   const uint8_t *raw, struct fat_node **to)
{
	struct fat_node *node = banos_alloc(fat_owner, sizeof(*node), 0);
	struct fat_node **bucket = &volume->by_number[number_hash(number)];

	if (!node)
		return -ENOMEM;
	node->number = number;
	node->by_number = *bucket;
	*bucket = node;
	place_enter(volume, node, place);
	node_load(volume, node, raw);
	*to = node;
	return 0;
}

void fat_node_root(struct fat_volume *volume)
{
	volume->root.number = FAT_ROOT_NODE;
	volume->root.is_folder = true;
	volume->root.first = volume->layout.root_cluster;
}

int64_t fat_node_at(struct fat_volume *volume, uint64_t place, const uint8_t *raw,
		    struct fat_node **node)
{
	uint64_t number = fat_node_number(volume, place, raw);

	*node = fat_node_known(volume, number);
	if (*node && (*node)->place == place) {
		(*node)->is_forgotten = false;
		return 0;
	}
	if (*node)
		return -ENOMEM; /* all numbers of the place are in use */
	return node_create(volume, number, place, raw, node);
}

static bool place_is_possible(const struct fat_layout *layout, uint64_t place)
{
	if (layout->root_bytes && place >= layout->root_offset &&
	    place < layout->root_offset + layout->root_bytes)
		return true;
	return place >= layout->data_offset && place <= layout->bytes - FAT_ENTRY_BYTES;
}

/* A number that another instance of the driver has given out. */
static int64_t node_find_again(struct fat_volume *volume, uint64_t number, struct fat_node **node)
{
	uint64_t place = (number >> (STAMP_BITS + SALT_BITS)) * FAT_ENTRY_BYTES;
	uint64_t stamp = number >> SALT_BITS & ((1u << STAMP_BITS) - 1);
	uint8_t raw[FAT_ENTRY_BYTES];
	int64_t error;

	if (number >> (PLACE_BITS + STAMP_BITS + SALT_BITS) ||
	    !place_is_possible(&volume->layout, place) || fat_place_find(volume, place))
		return -ESTALE;
	error = banos_store_read(volume->mount, place, raw, sizeof(raw));
	if (error)
		return error;
	if (!raw[0] || raw[0] == FAT_DELETED || raw[0] == '.' ||
	    raw[FAT_AT_ATTR] & FAT_ATTR_LABEL || raw_stamp(raw) != stamp)
		return -ESTALE;
	return node_create(volume, number, place, raw, node);
}

int64_t fat_node_get(struct fat_volume *volume, uint64_t number, struct fat_node **node)
{
	*node = &volume->root;
	if (number == FAT_ROOT_NODE)
		return 0;
	*node = fat_node_known(volume, number);
	if (*node)
		return 0;
	return node_find_again(volume, number, node);
}

int64_t fat_folder_get(struct fat_volume *volume, uint64_t number, struct fat_node **node)
{
	int64_t error = fat_node_get(volume, number, node);

	if (!error && !(*node)->is_folder)
		error = -ENOTDIR;
	if (!error && (*node)->is_removed)
		error = -ENOENT;
	return error;
}

/* ---- entries ---- */

int64_t fat_node_write(struct fat_volume *volume, struct fat_node *node)
{
	if (!node->place)
		return 0;
	return banos_store_write(volume->mount, node->place, node->raw, FAT_ENTRY_BYTES);
}

void fat_node_set_first(struct fat_node *node, uint32_t first)
{
	node->first = first;
	fat_put16(node->raw + FAT_AT_FIRST, first);
	fat_put16(node->raw + FAT_AT_FIRST_HIGH, first >> 16);
}

uint32_t fat_node_size(const struct fat_node *node)
{
	return fat_get32(node->raw + FAT_AT_SIZE);
}

uint32_t fat_clusters_of(const struct fat_volume *volume, uint64_t bytes)
{
	return (uint32_t)((bytes + volume->layout.cluster_bytes - 1) >>
			  volume->layout.cluster_shift);
}

/* All that its chain has. */
static uint64_t folder_bytes(struct fat_volume *volume, struct fat_node *node)
{
	struct fat_run end;

	if (node == &volume->root && volume->layout.bits != 32)
		return volume->layout.root_bytes;
	if (fat_chain_find(volume, node, UINT32_MAX - 1, &end) != -ENODATA)
		return 0;
	return (uint64_t)end.index << volume->layout.cluster_shift;
}

void fat_node_attr(struct fat_volume *volume, struct fat_node *node, struct banos_attr *attr)
{
	const struct fat_options *options = &volume->options;
	const uint8_t *raw = node->raw;

	attr->node = node->number;
	attr->uid = options->uid;
	attr->gid = options->gid;
	attr->nlink = !node->is_removed;
	if (node->is_folder) {
		attr->mode = MODE_FOLDER | (RIGHTS_ALL & ~options->dmask);
		attr->bytes = folder_bytes(volume, node);
	} else {
		attr->mode = MODE_FILE | (RIGHTS_ALL & ~options->fmask);
		attr->bytes = fat_node_size(node);
		if (raw[FAT_AT_ATTR] & FAT_ATTR_READ_ONLY)
			attr->mode &= ~RIGHTS_WRITE;
	}
	attr->blocks = node->clusters;
	if (!node->clusters) /* not counted: as many as its size takes */
		attr->blocks = fat_clusters_of(volume, attr->bytes);
	attr->blocks *= volume->layout.cluster_bytes / 512;
	if (node == &volume->root)
		return;
	attr->mtime_ns =
		fat_date_parse(fat_get16(raw + FAT_AT_DATE), fat_get16(raw + FAT_AT_TIME), 0);
	attr->ctime_ns = attr->mtime_ns;
	attr->atime_ns = fat_date_parse(fat_get16(raw + FAT_AT_READ_DATE), 0, 0);
	if (fat_get16(raw + FAT_AT_MADE_DATE))
		attr->btime_ns = fat_date_parse(fat_get16(raw + FAT_AT_MADE_DATE),
						fat_get16(raw + FAT_AT_MADE_TIME),
						raw[FAT_AT_MADE_CS]);
}

int64_t fat_node_release(struct fat_volume *volume, struct fat_node *node)
{
	struct fat_pending *pending;

	if (!node->first)
		return 0;
	pending = banos_alloc(fat_owner, sizeof(*pending), 0);
	if (!pending)
		return -ENOMEM;
	*pending = (struct fat_pending){
		.next = volume->pending,
		.first = node->first,
		.clusters = node->is_folder ? 1 : fat_clusters_of(volume, fat_node_size(node)),
		.epoch = (uint64_t)banos_store_epoch(volume->mount),
		.place = node->removed_at,
	};
	volume->pending = pending;
	return 0;
}
