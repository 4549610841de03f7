// SPDX-License-Identifier: MIT
/*
 * /proc/sys/net/ipv6/conf: how interfaces are configured for IPv6; protocols are told (struct banos_interface). Linux
 * Documentation/networking/ip-sysctl.rst.
 *
 * "default" is what new interfaces get. Of what is written to "all" disable_ipv6 and forwarding (forward.c) reach every
 * interface, as on Linux; the rest of it has no effect.
 *
 * A file of an interface is removed with net_lock held, and that waits for who writes it. So that one takes no lock: it
 * notes the number, and the device's thread does the rest.
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/fs/proc.h>
#include <kernel/fs/seq_open.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/net.h>

#define PATH_MAX 128

static const struct conf_kind {
	const char *name;
	u8 most, first; /* most: that may be written */
} kinds[NET_IPV6_COUNT] = {
	[NET_IPV6_DISABLE] = { "disable_ipv6", 1, 0 },
	[NET_IPV6_ACCEPT_RA] = { "accept_ra", 2, 1 },
	[NET_IPV6_AUTOCONF] = { "autoconf", 1, 1 },
	[NET_IPV6_FORWARDING] = { "forwarding", 1, 0 },
	[NET_IPV6_GEN_MODE] = { "addr_gen_mode", 1, 0 },
};

struct conf_file {
	u8 *value;
	struct net_device *device; /* NULL: of all or default */
	u8 which;
	struct proc_entry *entry;
};

static u8 values_default[NET_IPV6_COUNT], values_all[NET_IPV6_COUNT];

void net_ipv6_conf_take(struct net_device *device)
{
	memcpy(device->ipv6, values_default, sizeof(device->ipv6));
	device->ipv6_was_off = device->ipv6[NET_IPV6_DISABLE];
}

u32 net_ipv6_flags(const struct net_device *device)
{
	const u8 *values = device->ipv6;
	u32 flags = BANOS_INTERFACE_IPV6_ON;

	if (READ_ONCE(values[NET_IPV6_DISABLE]))
		return 0;
	if (device->flags & IFF_LOOPBACK)
		return flags;
	if (!READ_ONCE(values[NET_IPV6_GEN_MODE]))
		flags |= BANOS_INTERFACE_IPV6_LINK_LOCAL;
	/* A router follows others only if it is told to (2). */
	if (READ_ONCE(values[NET_IPV6_ACCEPT_RA]) > READ_ONCE(values[NET_IPV6_FORWARDING]))
		flags |= BANOS_INTERFACE_IPV6_ROUTERS;
	if (READ_ONCE(values[NET_IPV6_AUTOCONF]))
		flags |= BANOS_INTERFACE_IPV6_AUTOCONF;
	return flags;
}

/* What the device's thread is to tell. */
static void conf_changed(struct net_device *device)
{
	WRITE_ONCE(device->carrier_changed, true);
	net_device_kick(device);
}

void net_ipv6_conf_set_all(enum net_ipv6_conf which, u8 value)
{
	struct net_device *device;

	assert_held(&net_lock);
	values_default[which] = values_all[which] = value;
	list_for_each(device, &net_devices, link) {
		WRITE_ONCE(device->ipv6[which], value);
		conf_changed(device);
	}
}

static int conf_show(struct seq_file *seq, void *arg)
{
	const struct conf_file *file = arg;

	seq_printf(seq, "%u\n", READ_ONCE(*file->value));
	return 0;
}

static int conf_write(char *text, size_t len, void *arg)
{
	const struct conf_file *file = arg;
	s64 value;
	int err = seq_parse_number(text, &value);

	if (err)
		return err;
	if (value < 0 || value > kinds[file->which].most)
		return -EINVAL;
	if (file->value == &values_all[NET_IPV6_DISABLE]) {
		mutex_lock(&net_lock);
		net_ipv6_conf_set_all(NET_IPV6_DISABLE, value);
		mutex_unlock(&net_lock);
		return 0;
	}
	WRITE_ONCE(*file->value, value);
	if (file->device)
		conf_changed(file->device);
	return 0;
}

/* @return NULL: no memory */
static struct conf_file *ipv6_files_add(const char *name, u8 *values, struct net_device *device)
{
	struct conf_file *files = kcalloc(NET_IPV6_COUNT, sizeof(*files));
	char path[PATH_MAX];

	for (u32 i = 0; files && i < NET_IPV6_COUNT; i++) {
		files[i] = (struct conf_file){ .value = &values[i], .device = device, .which = i };
		/* That of all is forward.c's. */
		if (values == values_all && i == NET_IPV6_FORWARDING)
			continue;
		snprintf(path, sizeof(path), "sys/net/ipv6/conf/%s/%s", name, kinds[i].name);
		files[i].entry = proc_create_rw(path, 0644, conf_show, conf_write, &files[i]);
	}
	return files;
}

void net_ipv6_conf_add(struct net_device *device)
{
	device->conf = ipv6_files_add(device->name, device->ipv6, device);
}

void net_ipv6_conf_remove(struct net_device *device)
{
	struct conf_file *files = device->conf;

	device->conf = NULL;
	for (u32 i = 0; files && i < NET_IPV6_COUNT; i++)
		proc_remove(files[i].entry);
	kfree(files);
}

void net_ipv6_conf_init(void)
{
	for (u32 i = 0; i < NET_IPV6_COUNT; i++)
		values_default[i] = values_all[i] = kinds[i].first;
	if (!ipv6_files_add("all", values_all, NULL) ||
	    !ipv6_files_add("default", values_default, NULL))
		panic("no memory for /proc/sys/net/ipv6");
}
