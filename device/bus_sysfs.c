// SPDX-License-Identifier: MIT
/*
 * Devices as /sys shows them: /sys/bus/BUS/devices/NAME with modalias, uevent, and a
 * file for each attribute that the bus gave; what lspci reads.
 *
 * The files point to the device, which keeps them until bus_sysfs_remove() has
 * waited for all readers.
 */
#include <kernel/bus.h>
#include <kernel/fs/sysfs.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>

/* A file: of an attribute, value points into the device's text. */
struct node {
	struct list link;
	struct proc_entry *entry;
	struct bus_device *device;
	const char *value;
	u32 len;
};

static int show_value(struct seq_file *m, void *arg)
{
	const struct node *n = arg;

	seq_write(m, n->value, n->len);
	seq_putc(m, '\n');
	return 0;
}

static int show_uevent(struct seq_file *m, void *arg)
{
	struct bus_device *d = ((struct node *)arg)->device;
	char driver[64];

	if (bus_device_driver(d, driver, sizeof(driver)))
		seq_printf(m, "DRIVER=%s\n", driver);
	seq_puts(m, d->properties ?: "");
	seq_printf(m, "MODALIAS=%s\n", d->alias);
	return 0;
}

static void add_file(struct bus_device *d, const char *name, size_t name_len,
		     int (*show)(struct seq_file *m, void *arg), const char *value, size_t len)
{
	struct node *n = kzalloc(sizeof(*n));
	char path[160];

	if (!n)
		return;
	n->device = d;
	n->value = value;
	n->len = len;
	snprintf(path, sizeof(path), "bus/%s/devices/%s/%.*s", d->bus->name, d->name, (int)name_len,
		 name);
	n->entry = sysfs_create(path, 0444, show, NULL, n);
	if (n->entry)
		list_add_tail(&n->link, &d->nodes);
	else
		kfree(n);
}

/* A line "name=value"; names that would leave the folder are left out. */
static void add_attribute(struct bus_device *d, const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);

	if (!equals || equals == line || equals - line > 40 || line[0] == '.' ||
	    memchr(line, '/', equals - line))
		return;
	add_file(d, line, equals - line, show_value, equals + 1, line + len - equals - 1);
}

void bus_sysfs_add(struct bus_device *d)
{
	add_file(d, "modalias", 8, show_value, d->alias, strlen(d->alias));
	add_file(d, "uevent", 6, show_uevent, NULL, 0);
	for (const char *line = d->attributes; line && *line;) {
		const char *end = strchr(line, '\n');
		size_t len = end ? (size_t)(end - line) : strlen(line);

		add_attribute(d, line, len);
		line += len + (end ? 1 : 0);
	}
}

void bus_sysfs_remove(struct bus_device *d)
{
	while (!list_empty(&d->nodes)) {
		struct node *n = list_first(&d->nodes, struct node, link);

		list_del(&n->link);
		sysfs_remove(n->entry);
		kfree(n);
	}
}
