// SPDX-License-Identifier: MIT
/*
 * /sys/class/net/NAME, as ip, udhcpc's scripts and mdev read it.
 *
 * The files point to the device; net_sysfs_remove() waits for their readers.
 */
#include "internal.h"
#include <kernel/fs/sysfs.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/net.h>

#define PATH_MAX 128

enum attribute_text {
	TEXT_ADDRESS,
	TEXT_BROADCAST,
	TEXT_STATE,
	TEXT_DUPLEX,
	TEXT_UEVENT,
	TEXT_FLAGS
};
enum attribute_number {
	NUMBER_MTU,
	NUMBER_INDEX,
	NUMBER_TYPE,
	NUMBER_CARRIER,
	NUMBER_SPEED,
	NUMBER_QUEUE,
	NUMBER_ADDRESS_BYTES,
	NUMBER_RX_BYTES,
	NUMBER_RX_PACKETS,
	NUMBER_RX_ERRORS,
	NUMBER_RX_DROPPED,
	NUMBER_TX_BYTES,
	NUMBER_TX_PACKETS,
	NUMBER_TX_ERRORS,
	NUMBER_TX_DROPPED,
};

static const struct net_attribute {
	const char *name;
	u8 text;   /* enum attribute_text, or: */
	u8 number; /* enum attribute_number */
	bool is_number;
} attributes[] = {
	{ "address", .text = TEXT_ADDRESS },
	{ "broadcast", .text = TEXT_BROADCAST },
	{ "operstate", .text = TEXT_STATE },
	{ "duplex", .text = TEXT_DUPLEX },
	{ "uevent", .text = TEXT_UEVENT },
	{ "flags", .text = TEXT_FLAGS },
	{ "mtu", .number = NUMBER_MTU, .is_number = true },
	{ "ifindex", .number = NUMBER_INDEX, .is_number = true },
	{ "iflink", .number = NUMBER_INDEX, .is_number = true },
	{ "type", .number = NUMBER_TYPE, .is_number = true },
	{ "carrier", .number = NUMBER_CARRIER, .is_number = true },
	{ "speed", .number = NUMBER_SPEED, .is_number = true },
	{ "tx_queue_len", .number = NUMBER_QUEUE, .is_number = true },
	{ "addr_len", .number = NUMBER_ADDRESS_BYTES, .is_number = true },
	{ "statistics/rx_bytes", .number = NUMBER_RX_BYTES, .is_number = true },
	{ "statistics/rx_packets", .number = NUMBER_RX_PACKETS, .is_number = true },
	{ "statistics/rx_errors", .number = NUMBER_RX_ERRORS, .is_number = true },
	{ "statistics/rx_dropped", .number = NUMBER_RX_DROPPED, .is_number = true },
	{ "statistics/tx_bytes", .number = NUMBER_TX_BYTES, .is_number = true },
	{ "statistics/tx_packets", .number = NUMBER_TX_PACKETS, .is_number = true },
	{ "statistics/tx_errors", .number = NUMBER_TX_ERRORS, .is_number = true },
	{ "statistics/tx_dropped", .number = NUMBER_TX_DROPPED, .is_number = true },
};

struct net_file {
	const struct net_device *device;
	const struct net_attribute *attribute;
	struct proc_entry *entry;
};

/* Of one interface. */
struct net_files {
	struct net_file files[ARRAY_SIZE(attributes)];
	struct proc_entry *device;
	struct proc_entry *queues[2 * NET_QUEUES_MAX]; /* folders; NULL: no such queue */
};

static u64 attribute_count(const struct net_device *device, u32 number)
{
	struct net_counts rx, tx;

	net_device_sum(device, &rx, &tx);
	switch (number) {
	case NUMBER_RX_BYTES: return rx.bytes;
	case NUMBER_RX_PACKETS: return rx.packets;
	case NUMBER_RX_ERRORS: return rx.errors;
	case NUMBER_RX_DROPPED: return rx.dropped;
	case NUMBER_TX_BYTES: return tx.bytes;
	case NUMBER_TX_PACKETS: return tx.packets;
	case NUMBER_TX_ERRORS: return tx.errors;
	}
	return tx.dropped;
}

static u64 attribute_number(const struct net_device *device, u32 number)
{
	switch (number) {
	case NUMBER_MTU: return device->mtu;
	case NUMBER_INDEX: return device->index;
	case NUMBER_TYPE: return device->type;
	case NUMBER_CARRIER: return device->carrier;
	case NUMBER_SPEED: return device->speed_mbit;
	case NUMBER_QUEUE: return device->tx_queue_length;
	case NUMBER_ADDRESS_BYTES: return BANOS_NET_ADDRESS;
	}
	return attribute_count(device, number);
}

/* RFC 2863, as Linux words it. */
static const char *state_word(const struct net_device *device)
{
	if (device->flags & IFF_LOOPBACK)
		return "unknown";
	if (net_device_flags(device) & IFF_RUNNING)
		return "up";
	return "down";
}

static void attribute_text(struct seq_file *seq, const struct net_device *device, u32 text)
{
	static const u8 all[BANOS_NET_ADDRESS] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const u8 *bytes = device->address;

	switch (text) {
	case TEXT_STATE: seq_printf(seq, "%s\n", state_word(device)); return;
	case TEXT_DUPLEX: seq_puts(seq, device->full_duplex ? "full\n" : "unknown\n"); return;
	case TEXT_FLAGS: seq_printf(seq, "0x%x\n", device->flags & 0xffff); return;
	case TEXT_UEVENT:
		seq_printf(seq, "INTERFACE=%s\nIFINDEX=%u\n", device->name, device->index);
		return;
	case TEXT_BROADCAST:
		if (!(device->flags & IFF_LOOPBACK))
			bytes = all;
		break;
	}
	seq_printf(seq, "%02x:%02x:%02x:%02x:%02x:%02x\n", bytes[0], bytes[1], bytes[2], bytes[3],
		   bytes[4], bytes[5]);
}

static int net_file_show(struct seq_file *seq, void *arg)
{
	const struct net_file *file = arg;

	if (file->attribute->is_number)
		seq_printf(seq, "%lu\n", attribute_number(file->device, file->attribute->number));
	else
		attribute_text(seq, file->device, file->attribute->text);
	return 0;
}

/* Folders alone: programs count them. */
static void queues_add(struct net_device *device, struct net_files *files)
{
	char path[PATH_MAX];

	for (u32 i = 0; i < device->nrx; i++) {
		snprintf(path, sizeof(path), "class/net/%s/queues/rx-%u", device->name, i);
		files->queues[i] = sysfs_mkdir(path);
	}
	for (u32 i = 0; i < device->ntx; i++) {
		snprintf(path, sizeof(path), "class/net/%s/queues/tx-%u", device->name, i);
		files->queues[NET_QUEUES_MAX + i] = sysfs_mkdir(path);
	}
}

void net_sysfs_add(struct net_device *device)
{
	struct net_files *files = kzalloc(sizeof(*files));
	char path[PATH_MAX], target[PATH_MAX];

	if (!files)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(attributes); i++) {
		struct net_file *file = &files->files[i];

		file->device = device;
		file->attribute = &attributes[i];
		snprintf(path, sizeof(path), "class/net/%s/%s", device->name, attributes[i].name);
		file->entry = sysfs_create(path, 0444, net_file_show, NULL, file);
	}
	if (device->bus_path[0]) {
		snprintf(path, sizeof(path), "class/net/%s/device", device->name);
		snprintf(target, sizeof(target), "../../../%s", device->bus_path);
		files->device = sysfs_symlink(path, target);
	}
	queues_add(device, files);
	device->files = files;
	net_ipv6_conf_add(device);
}

void net_sysfs_remove(struct net_device *device)
{
	struct net_files *files = device->files;

	if (!files)
		return;
	device->files = NULL;
	net_ipv6_conf_remove(device);
	sysfs_remove(files->device);
	for (u32 i = 0; i < ARRAY_SIZE(files->queues); i++)
		sysfs_remove(files->queues[i]);
	for (u32 i = 0; i < ARRAY_SIZE(attributes); i++)
		sysfs_remove(files->files[i].entry);
	kfree(files);
}
