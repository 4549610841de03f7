// SPDX-License-Identifier: MIT
/*
 * What is told of drivers: /proc/modules as Linux words it, /proc/banos with one
 * file for each driver, and the answers of banos_query().
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
	[OWNED_WORK] = "pieces of work", [OWNED_THREAD] = "threads", [OWNED_MUTEX] = "mutexes", [OWNED_WAIT] = "wait objects",
	[OWNED_SYMBOL] = "looked-up symbols", [OWNED_FIRMWARE] = "firmware files", [OWNED_BUS] = "buses", [OWNED_DEVICE] = "devices on buses",
	[OWNED_PROBER] = "device probers", [OWNED_MMIO] = "device memory mappings", [OWNED_PORTS] = "port ranges",
	[OWNED_DMA] = "DMA buffers", [OWNED_IRQ] = "interrupts",
};
/* clang-format on */

const char *driver_state_name(const struct driver *d)
{
	static const char *const names[] = { "Loading", "Live", "Unloading" };

	return names[d->state];
}

u64 driver_memory(const struct driver *d)
{
	return d->image.npages * PAGE_SIZE + d->owner.bytes;
}

void driver_query(struct driver *d, struct banos_query *out)
{
	*out = (struct banos_query){
		.size = sizeof(*out),
		.state = d->state,
		.id = d->id,
		.bytes = driver_memory(d),
		.users = driver_pin_count(d),
		.builtin = d->builtin,
		.level = d->level,
		.address = d->builtin ? 0 : d->owner.code,
	};
	memcpy(out->name, d->name, sizeof(out->name));
	memcpy(out->version, d->version, sizeof(out->version));
	gate_count(&d->owner, &out->calls, &out->running);
}

/* ---- /proc/modules: name size refs users, state address ---- */

static void show_users(struct seq_file *m, const struct driver *d, const char *separator)
{
	struct driver_use *u;

	list_for_each(u, &d->users, by_exporter)
		seq_printf(m, "%s%s", u->user->name, separator);
}

static int show_modules(struct seq_file *m, void *arg)
{
	bool addresses = current_is_super();

	mutex_lock(&drivers_lock);
	/* Newest first, as Linux has them. */
	for (struct list *at = drivers.prev; at != &drivers; at = at->prev) {
		struct driver *d = list_entry(at, struct driver, link);

		if (d->builtin)
			continue;
		seq_printf(m, "%s %lu %u ", d->name, driver_memory(d), driver_pin_count(d));
		if (list_empty(&d->users))
			seq_puts(m, "-");
		else
			show_users(m, d, ",");
		seq_printf(m, " %s 0x%016lx\n", driver_state_name(d),
			   addresses ? d->owner.code : 0);
	}
	mutex_unlock(&drivers_lock);
	return 0;
}

/* ---- /proc/banos ---- */

struct device_list {
	struct seq_file *m;
	const struct owner *root;
};

static bool show_device(const struct bus_device *d, void *arg)
{
	const struct device_list *l = arg;

	if (d->binding && d->binding->owner.root == l->root)
		seq_printf(l->m, "device:\t\t%s %s\n", d->bus->name, d->name);
	return true;
}

static int show_driver(struct seq_file *m, void *arg)
{
	struct driver *d = arg;
	u64 calls, running;

	gate_count(&d->owner, &calls, &running);
	seq_printf(m, "name:\t\t%s\nversion:\t%s\nlicence:\t%s\ndescription:\t%s\n", d->name,
		   d->version, d->licence, d->description);
	seq_printf(m, "built:\t\t%s, for API level %u\n",
		   d->builtin ? "into the kernel" : "as a file", d->level);
	seq_printf(m, "state:\t\t%s\n", driver_state_name(d));
	if (!d->builtin)
		seq_printf(m, "code:\t\t0x%lx\n", d->owner.code);
	seq_printf(m, "memory:\t\t%lu bytes of image, %lu allocated\n", d->image.npages * PAGE_SIZE,
		   d->owner.bytes);
	seq_printf(m, "pins:\t\t%u\n", driver_pin_count(d));
	seq_printf(m, "calls:\t\t%lu, %lu of them running\n", calls, running);
	for (u32 k = 0; k < OWNED_KINDS; k++)
		if (d->owner.counts[k])
			seq_printf(m, "owns:\t\t%u %s\n", d->owner.counts[k], kind_names[k]);
	bus_devices_each(show_device, &(struct device_list){ m, &d->owner });
	mutex_lock(&drivers_lock);
	struct driver_use *u;

	list_for_each(u, &d->uses, by_user)
		seq_printf(m, "uses:\t\t%s\n", u->exporter->name);
	list_for_each(u, &d->users, by_exporter)
		seq_printf(m, "used by:\t%s\n", u->user->name);
	for (u32 i = 0; i < d->nexports; i++)
		seq_printf(m, "exports:\t%s%s\n", d->exports[i].name,
			   export_shadowed(&d->exports[i]) ? " (shadowed)" : "");
	mutex_unlock(&drivers_lock);
	return 0;
}

void account_add(struct driver *d)
{
	char path[32];

	if (d->proc)
		return;
	/* Without memory for it the driver works all the same. */
	snprintf(path, sizeof(path), "banos/%ld", d->id);
	d->proc = proc_create(path, 0400, show_driver, d);
}

void account_remove(struct driver *d)
{
	if (d->proc)
		proc_remove(d->proc);
	d->proc = NULL;
}

static int show_lock(struct seq_file *m, void *arg)
{
	seq_printf(m, "%d\n", driver_installs_forbidden());
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

static void show_export(const struct export *e, void *arg)
{
	seq_printf(arg, "%s\n", e->name);
}

static int show_exports(struct seq_file *m, void *arg)
{
	struct driver *d;

	mutex_lock(&drivers_lock);
	exports_each(show_export, m);
	list_for_each(d, &drivers, link)
		for (u32 i = 0; i < d->nexports; i++)
			seq_printf(m, "%s\t[%s]%s\n", d->exports[i].name, d->name,
				   export_shadowed(&d->exports[i]) ? " shadowed" : "");
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
