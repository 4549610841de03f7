// SPDX-License-Identifier: MIT
/*
 * Patterns by which a driver states what it serves, and which can match nothing.
 *
 * The kernel does not know how a bus writes its aliases, so it cannot check a pattern when
 * the file is loaded. It looks at the aliases of the devices that the bus has: those with
 * numbers of a fixed width (PCI, USB, virtio) have a shape, with each hexadecimal
 * digit replaced by 0. A pattern whose own shape matches none of them has a small letter in a number, or
 * a digit too few or too many.
 */
#include <kernel/bus.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "bus_internal.h"

/* Aliases with a number as wide as this have a shape. */
#define WIDE_NUMBER "*0000*"

static void alias_shape(char *shape, const char *alias)
{
	strscpy(shape, alias, ALIAS_SIZE);
	for (; *shape; shape++)
		if ((*shape >= '0' && *shape <= '9') || (*shape >= 'A' && *shape <= 'F'))
			*shape = '0';
}

/* What a pattern is compared with. */
struct pattern_search {
	const char *bus;
	char shape[ALIAS_SIZE];
	char example[ALIAS_SIZE]; /* an alias of that bus that has a shape; or empty */
	bool fits;
};

static bool pattern_compare(const struct bus_device *device, void *arg)
{
	struct pattern_search *search = arg;
	char shape[ALIAS_SIZE];

	if (strcmp(device->bus->name, search->bus))
		return true;
	alias_shape(shape, device->alias);
	if (!glob_match(WIDE_NUMBER, shape))
		return true;
	strscpy(search->example, device->alias, sizeof(search->example));
	search->fits = glob_match(search->shape, shape);
	return !search->fits;
}

static void report_misfit(const char *driver, const char *pattern, const char *bus)
{
	struct pattern_search search = { .bus = bus };

	alias_shape(search.shape, pattern);
	bus_devices_each(pattern_compare, &search);
	if (search.example[0] && !search.fits)
		pr_notice(
			"banos: %s: its pattern \"%s\" cannot match any device on the bus %s: an alias there is \"%s\"\n",
			driver, pattern, bus, search.example);
}

/*
 * "block:disk", "filesystem:ext2" and "family:2" are for who reads /dev/hotplug: the driver is wanted where there
 * are disks, or such file systems, or where a program asks for such a socket.
 */
static bool bus_is_told_only(const char *bus)
{
	return !strcmp(bus, "block") || !strcmp(bus, "filesystem") || !strcmp(bus, "family");
}

void bus_report_patterns(const struct owner *root, const struct device_pattern *patterns, u32 count)
{
	char bus[BUS_NAME_SIZE];

	for (u32 i = 0; i < count; i++) {
		const char *alias = patterns[i].alias;
		const char *colon = strchr(alias, ':');

		if (!colon || colon - alias >= (s64)sizeof(bus))
			continue;
		memcpy(bus, alias, colon - alias);
		bus[colon - alias] = 0;
		if (bus_is_told_only(bus))
			continue;
		if (prober_exists(root, bus))
			report_misfit(root->name, alias, bus);
		else
			pr_notice(
				"banos: %s: its pattern \"%s\" has no effect: init() registered no prober for the bus %s\n",
				root->name, alias, bus);
	}
}
