// SPDX-License-Identifier: MIT
/* /proc/net: dev, route, arp, if_inet6, ipv6_route; the lines are those of Linux 6.1, which ifconfig, route and arp read. */
#include "internal.h"
#include <kernel/fs/proc.h>
#include <kernel/panic.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/net.h>

#define FAMILY_IPV4   2u
#define FAMILY_IPV6   10u
#define ROUTE_LINE    128
#define NUD_PERMANENT 0x80u
#define ATF_COMPLETE  2u
#define ATF_PERMANENT 4u

static void dev_line(struct seq_file *seq, const struct net_device *device)
{
	struct net_counts rx, tx;

	net_device_sum(device, &rx, &tx);
	seq_printf(
		seq,
		"%6s: %7lu %7lu %4lu %4lu %4u %5u %10u %9lu %8lu %7lu %4lu %4lu %4u %5u %7u %10u\n",
		device->name, rx.bytes, rx.packets, rx.errors, rx.dropped, 0, 0, 0, rx.groups,
		tx.bytes, tx.packets, tx.errors, tx.dropped, 0, 0, 0, 0);
}

static int proc_show_dev(struct seq_file *seq, void *arg)
{
	const struct net_device *device;

	seq_puts(
		seq,
		"Inter-|   Receive                                                |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n");
	mutex_lock(&net_list_lock);
	list_for_each(device, &net_devices, link)
		if (device->published)
			dev_line(seq, device);
	mutex_unlock(&net_list_lock);
	return 0;
}

static const char *interface_name(u32 index)
{
	const struct net_device *device = net_device_find(index);

	if (device)
		return device->name;
	return "*";
}

/* As a number in memory, which these files print. */
static u32 address_number(const u8 *address)
{
	u32 number;

	memcpy(&number, address, sizeof(number));
	return number;
}

static bool route_line(const struct net_setting *setting, void *arg)
{
	const struct banos_net_setting *route = &setting->about;
	struct seq_file *seq = arg;
	u32 flags = RTF_UP, mask = 0;
	char line[ROUTE_LINE];

	if (route->kind != BANOS_SETTING_ROUTE || route->family != FAMILY_IPV4)
		return true;
	if (route->prefix)
		mask = __builtin_bswap32(~0u << (32 - route->prefix));
	if (address_number(route->other))
		flags |= RTF_GATEWAY;
	if (route->prefix == 32)
		flags |= RTF_HOST;
	if (route->type != BANOS_ROUTE_UNICAST)
		flags |= RTF_REJECT;
	snprintf(line, sizeof(line), "%s\t%08X\t%08X\t%04X\t%d\t%u\t%d\t%08X\t%d\t%u\t%u",
		 interface_name(route->interface), address_number(route->address),
		 address_number(route->other), flags, 0, 0, (int)route->metric, mask,
		 (int)route->mtu, 0, 0);
	seq_printf(seq, "%-127s\n", line);
	return true;
}

static int proc_show_route(struct seq_file *seq, void *arg)
{
	seq_printf(
		seq, "%-127s\n",
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
	mutex_lock(&net_list_lock);
	net_settings_each(route_line, seq);
	mutex_unlock(&net_list_lock);
	return 0;
}

static bool arp_line(const struct net_setting *setting, void *arg)
{
	const struct banos_net_setting *about = &setting->about;
	const u8 *address = about->address, *hardware = about->hardware;
	u32 flags = ATF_COMPLETE;
	char text[16];

	if (about->kind != BANOS_SETTING_NEIGHBOUR || about->family != FAMILY_IPV4)
		return true;
	if (about->type & NUD_PERMANENT)
		flags |= ATF_PERMANENT;
	snprintf(text, sizeof(text), "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
	seq_printf(arg, "%-16s 0x%-10x0x%-10x%02x:%02x:%02x:%02x:%02x:%02x     *        %s\n", text,
		   ARPHRD_ETHER, flags, hardware[0], hardware[1], hardware[2], hardware[3],
		   hardware[4], hardware[5], interface_name(about->interface));
	return true;
}

static int proc_show_arp(struct seq_file *seq, void *arg)
{
	seq_puts(
		seq,
		"IP address       HW type     Flags       HW address            Mask     Device\n");
	mutex_lock(&net_list_lock);
	net_settings_each(arp_line, seq);
	mutex_unlock(&net_list_lock);
	return 0;
}

/* Linux's scopes of IPv6 have other numbers in this file. */
static u32 inet6_scope(u32 scope)
{
	if (scope == 253)
		return 0x20;
	if (scope == 254)
		return 0x10;
	if (scope == 200)
		return 0x40; /* of a site */
	return 0;
}

static bool inet6_line(const struct net_setting *setting, void *arg)
{
	const struct banos_net_setting *about = &setting->about;

	if (about->kind != BANOS_SETTING_ADDRESS || about->family != FAMILY_IPV6)
		return true;
	for (u32 i = 0; i < sizeof(about->address); i++)
		seq_printf(arg, "%02x", about->address[i]);
	seq_printf(arg, " %02x %02x %02x %02x %8s\n", about->interface, about->prefix,
		   inet6_scope(about->scope), about->flags & 0xff,
		   interface_name(about->interface));
	return true;
}

static int proc_show_if_inet6(struct seq_file *seq, void *arg)
{
	mutex_lock(&net_list_lock);
	net_settings_each(inet6_line, seq);
	mutex_unlock(&net_list_lock);
	return 0;
}

static void route6_put(struct seq_file *seq, const u8 *address, u32 prefix)
{
	for (u32 i = 0; i < 16; i++)
		seq_printf(seq, "%02x", address[i]);
	if (prefix <= 128)
		seq_printf(seq, " %02x ", prefix);
}

static bool route6_line(const struct net_setting *setting, void *arg)
{
	static const u8 none[16];
	const struct banos_net_setting *route = &setting->about;
	u32 flags = RTF_UP;

	if (route->kind != BANOS_SETTING_ROUTE || route->family != FAMILY_IPV6)
		return true;
	if (memcmp(route->other, none, sizeof(none)))
		flags |= RTF_GATEWAY;
	if (route->prefix == 128)
		flags |= RTF_HOST;
	if (route->type != BANOS_ROUTE_UNICAST)
		flags |= RTF_REJECT;
	route6_put(arg, route->address, route->prefix);
	route6_put(arg, none, 0);
	route6_put(arg, route->other, ~0u);
	seq_printf(arg, " %08x %08x %08x %08x %8s\n", route->metric, 1, 0, flags,
		   interface_name(route->interface));
	return true;
}

static int proc_show_ipv6_route(struct seq_file *seq, void *arg)
{
	mutex_lock(&net_list_lock);
	net_settings_each(route6_line, seq);
	mutex_unlock(&net_list_lock);
	return 0;
}

void net_proc_init(void)
{
	if (!proc_create("net/dev", 0444, proc_show_dev, NULL) ||
	    !proc_create("net/route", 0444, proc_show_route, NULL) ||
	    !proc_create("net/arp", 0444, proc_show_arp, NULL) ||
	    !proc_create("net/if_inet6", 0444, proc_show_if_inet6, NULL) ||
	    !proc_create("net/ipv6_route", 0444, proc_show_ipv6_route, NULL))
		panic("no memory for /proc/net");
}
