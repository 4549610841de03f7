// SPDX-License-Identifier: MIT
/*
 * Status of drivers: /proc/modules in Linux's format, /proc/banos with one
 * file for each driver, and the results of banos_query().
 */
#include <kernel/bus.h>
#include <kernel/cred.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs/proc.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>

/* clang-format off */
static const char *const kind_names[OWNED_KINDS] = {
	[OWNED_CHARDEV] = "character devices", [OWNED_MEMORY] = "allocations", [OWNED_TIMER] = "timers",
	[OWNED_WORK] = "work items", [OWNED_THREAD] = "threads", [OWNED_MUTEX] = "mutexes", [OWNED_WAIT] = "wait objects",
	[OWNED_SYMBOL] = "resolved symbols", [OWNED_FIRMWARE] = "firmware files", [OWNED_BUS] = "buses", [OWNED_DEVICE] = "devices on buses",
	[OWNED_PROBER] = "device probers", [OWNED_MMIO] = "device memory mappings", [OWNED_PORTS] = "port ranges",
	[OWNED_DMA] = "DMA buffers", [OWNED_IRQ] = "interrupts",
	[OWNED_CALLBACK] = "callbacks", [OWNED_WATCH] = "watches of owners", [OWNED_BLOCK] = "disks",
	[OWNED_FILESYSTEM] = "types of file systems", [OWNED_MOUNT] = "mounted file systems",
	[OWNED_DISK_PROBER] = "disk probers",
	[OWNED_FAMILY] = "socket families",
	[OWNED_NET] = "network devices",
	[OWNED_PROTOCOL] = "protocols",
	[OWNED_PACKET_HOOK] = "packet hooks",
	[OWNED_SCHEDULER] = "schedulers",
	[OWNED_IP_PROTOCOL] = "IP protocols",
	[OWNED_PACKETS] = "stores of packets",
	[OWNED_RANDOM_SOURCE] = "random sources",
};
/* clang-format on */

const char *driver_state_name(const struct driver *driver)
{
	static const char *const names[] = { "Loading", "Live", "Unloading" };

	return names[driver->state];
}

u64 driver_memory(const struct driver *driver)
{
	return driver->image.npages * PAGE_SIZE + driver->owner.bytes;
}

void driver_query(struct driver *driver, struct banos_query *out)
{
	*out = (struct banos_query){
		.size = sizeof(*out),
		.state = driver->state,
		.id = driver->id,
		.bytes = driver_memory(driver),
		.users = driver_pin_count(driver),
		.builtin = driver->builtin,
		.level = driver->level,
		.address = driver->builtin ? 0 : driver->owner.code,
	};
	memcpy(out->name, driver->name, sizeof(out->name));
	memcpy(out->version, driver->version, sizeof(out->version));
	gate_count(&driver->owner, &out->calls, &out->running);
}

/* ---- /proc/modules: name size refs users, state address ---- */

static void show_users(struct seq_file *seq, const struct driver *driver, const char *separator)
{
	struct driver_use *use;

	list_for_each(use, &driver->users, by_exporter)
		seq_printf(seq, "%s%s", use->user->name, separator);
}

static int show_modules(struct seq_file *seq, void *arg)
{
	bool addresses = current_is_super();

	mutex_lock(&drivers_lock);
	/* Newest first, as Linux has them. */
	for (struct list *at = drivers.prev; at != &drivers; at = at->prev) {
		struct driver *driver = list_entry(at, struct driver, link);

		if (driver->builtin)
			continue;
		seq_printf(seq, "%s %lu %u ", driver->name, driver_memory(driver),
			   driver_pin_count(driver));
		if (list_empty(&driver->users))
			seq_puts(seq, "-");
		else
			show_users(seq, driver, ",");
		seq_printf(seq, " %s 0x%016lx\n", driver_state_name(driver),
			   addresses ? driver->owner.code : 0);
	}
	mutex_unlock(&drivers_lock);
	return 0;
}

/* ---- /proc/banos ---- */

struct device_list {
	struct seq_file *m;
	const struct owner *root;
};

static bool show_device(const struct bus_device *device, void *arg)
{
	const struct device_list *list = arg;

	if (device->binding && device->binding->owner.root == list->root)
		seq_printf(list->m, "device:\t\t%s %s\n", device->bus->name, device->name);
	return true;
}

static int show_driver(struct seq_file *seq, void *arg)
{
	struct driver *driver = arg;
	u64 calls, running;

	gate_count(&driver->owner, &calls, &running);
	seq_printf(seq, "name:\t\t%s\nversion:\t%s\nlicence:\t%s\ndescription:\t%s\n", driver->name,
		   driver->version, driver->licence, driver->description);
	seq_printf(seq, "built:\t\t%s, for API level %u\n",
		   driver->builtin ? "into the kernel" : "as a file", driver->level);
	seq_printf(seq, "state:\t\t%s\n", driver_state_name(driver));
	if (!driver->builtin)
		seq_printf(seq, "code:\t\t0x%lx\n", driver->owner.code);
	seq_printf(seq, "memory:\t\t%lu bytes of image, %lu allocated\n",
		   driver->image.npages * PAGE_SIZE, driver->owner.bytes);
	seq_printf(seq, "pins:\t\t%u\n", driver_pin_count(driver));
	seq_printf(seq, "calls:\t\t%lu, %lu of them running\n", calls, running);
	for (u32 k = 0; k < OWNED_KINDS; k++)
		if (driver->owner.counts[k])
			seq_printf(seq, "owns:\t\t%u %s\n", driver->owner.counts[k], kind_names[k]);
	bus_devices_each(show_device, &(struct device_list){ seq, &driver->owner });
	mutex_lock(&drivers_lock);
	struct driver_use *use;

	list_for_each(use, &driver->uses, by_user)
		seq_printf(seq, "uses:\t\t%s\n", use->exporter->name);
	list_for_each(use, &driver->users, by_exporter)
		seq_printf(seq, "used by:\t%s\n", use->user->name);
	for (u32 i = 0; i < driver->nexports; i++)
		seq_printf(seq, "exports:\t%s%s\n", driver->exports[i].name,
			   export_shadowed(&driver->exports[i]) ? " (shadowed)" : "");
	mutex_unlock(&drivers_lock);
	return 0;
}

void account_add(struct driver *driver)
{
	char path[32];

	if (driver->proc)
		return;
	/* Without memory for it the driver works all the same. */
	snprintf(path, sizeof(path), "banos/%ld", driver->id);
	driver->proc = proc_create(path, 0400, show_driver, driver);
}

void account_remove(struct driver *driver)
{
	if (driver->proc)
		proc_remove(driver->proc);
	driver->proc = NULL;
}

static int show_lock(struct seq_file *seq, void *arg)
{
	seq_printf(seq, "%d\n", driver_installs_forbidden());
	return 0;
}

/* One way only. */
static int write_lock(char *text, size_t len, void *arg)
{
	u64 locked;
	int err;

	if (len && text[len - 1] == '\n')
		text[len - 1] = 0;
	if (parse_u64(text, 0, &locked) || locked > 1)
		return -EINVAL;
	/* A program that writes 0 asks that installs stay possible. */
	err = driver_check_privilege(locked ? DRIVER_REQUEST_MANAGE : DRIVER_REQUEST_INSTALL);
	if (err)
		return err;
	if (locked)
		driver_lock_installs();
	return 0;
}

static void show_export(const struct export *export, void *arg)
{
	seq_printf(arg, "%s\n", export->name);
}

static int show_exports(struct seq_file *seq, void *arg)
{
	struct driver *driver;

	mutex_lock(&drivers_lock);
	exports_each(show_export, seq);
	list_for_each(driver, &drivers, link)
		for (u32 i = 0; i < driver->nexports; i++)
			seq_printf(seq, "%s\t[%s]%s\n", driver->exports[i].name, driver->name,
				   export_shadowed(&driver->exports[i]) ? " shadowed" : "");
	mutex_unlock(&drivers_lock);
	return 0;
}

void accounts_init(void)
{
	proc_create("modules", 0444, show_modules, NULL);
	proc_create("banos/exports", 0400, show_exports, NULL);
	proc_create_rw("banos/lock", 0600, show_lock, write_lock, NULL);
	sys_modules_init();
}
