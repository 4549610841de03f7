// SPDX-License-Identifier: MIT
/*
 * The folders of devices in /sys, which lspci reads: /sys/bus/BUS/devices/NAME has the
 * files modalias and uevent, and one for each attribute that the bus driver named.
 *
 * The files point to the device; bus_sysfs_remove() waits for their readers before the
 * device is freed.
 */
#include <kernel/bus.h>
#include <kernel/fs/sysfs.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>

/* A file of /sys; the value of an attribute points into the device's text. */
struct node {
	struct list link;
	struct proc_entry *entry;
	struct bus_device *device;
	const char *value;
	u32 len;
};

static int node_show_value(struct seq_file *seq, void *arg)
{
	const struct node *node = arg;

	seq_write(seq, node->value, node->len);
	seq_putc(seq, '\n');
	return 0;
}

static int node_show_uevent(struct seq_file *seq, void *arg)
{
	struct bus_device *device = ((struct node *)arg)->device;
	char driver[64];

	if (bus_device_driver(device, driver, sizeof(driver)))
		seq_printf(seq, "DRIVER=%s\n", driver);
	if (device->properties)
		seq_puts(seq, device->properties);
	seq_printf(seq, "MODALIAS=%s\n", device->alias);
	return 0;
}

static void bus_sysfs_add_file(struct bus_device *device, const char *name, size_t name_len,
			       int (*show)(struct seq_file *m, void *arg), const char *value,
			       size_t len)
{
	struct node *node = kzalloc(sizeof(*node));
	char path[160];

	if (!node)
		return;
	node->device = device;
	node->value = value;
	node->len = len;
	snprintf(path, sizeof(path), "bus/%s/devices/%s/%.*s", device->bus->name, device->name,
		 (int)name_len, name);
	node->entry = sysfs_create(path, 0444, show, NULL, node);
	if (node->entry)
		list_add_tail(&node->link, &device->nodes);
	else
		kfree(node);
}

/* A line "name=value" becomes a file; a name that would lead out of the folder is ignored. */
static void bus_sysfs_add_attribute(struct bus_device *device, const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);

	if (!equals || equals == line || equals - line > 40 || line[0] == '.' ||
	    memchr(line, '/', equals - line))
		return;
	bus_sysfs_add_file(device, line, equals - line, node_show_value, equals + 1,
			   line + len - equals - 1);
}

static size_t bus_sysfs_line_length(const char *line)
{
	const char *end = strchr(line, '\n');

	if (end)
		return (size_t)(end - line);
	return strlen(line);
}

void bus_sysfs_add(struct bus_device *device)
{
	bus_sysfs_add_file(device, "modalias", 8, node_show_value, device->alias,
			   strlen(device->alias));
	bus_sysfs_add_file(device, "uevent", 6, node_show_uevent, NULL, 0);
	for (const char *line = device->attributes; line && *line;) {
		size_t len = bus_sysfs_line_length(line);

		bus_sysfs_add_attribute(device, line, len);
		line += len;
		if (*line)
			line++;
	}
}

void bus_sysfs_remove(struct bus_device *device)
{
	while (!list_empty(&device->nodes)) {
		struct node *node = list_first(&device->nodes, struct node, link);

		list_del(&node->link);
		sysfs_remove(node->entry);
		kfree(node);
	}
}
