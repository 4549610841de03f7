// SPDX-License-Identifier: MIT
/*
 * /sys/module: one folder for each name of an installed driver, as kmod's and
 * others' tools read it: initstate, refcnt, coresize, version, sections, and
 * holders with a link for each driver that uses it. Of several drivers of one
 * name the newest is meant, as by Linux's calls. Linux, Documentation/ABI/
 * testing/sysfs-module.
 *
 * Few look there, so installing a driver does nothing for it. A folder is made
 * when a process looks something up in /sys/module, or lists it, and the list of
 * drivers has changed since; links when a process looks into holders. What has
 * been made is removed at once when it is not true any more.
 *
 * Locks: an inode's of /sys, then sys_lock, then drivers_lock. sys_lock guards the
 * list of folders and their holders; entries are removed without it, because that
 * waits for readers and takes inodes' locks.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs/sysfs.h>
#include <kernel/heap.h>
#include <kernel/list.h>
#include <kernel/panic.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>

#define ENTRIES_MAX 10

struct sys_module {
	struct list link; /* sys_modules */
	struct list holders;
	struct proc_entry *entries[ENTRIES_MAX]; /* in the order of their making */
	u32 nentries;
	bool gone; /* out of the list; no links are made any more */
	char name[BANOS_NAME_SIZE];
};

struct sys_holder {
	struct list link; /* sys_module->holders */
	struct proc_entry *entry;
	char name[BANOS_NAME_SIZE];
};

static DEFINE_MUTEX(sys_lock);
static DEFINE_LIST(sys_modules);
static u64 generation_shown = ~0ull;
static bool ever_looked; /* set before drivers_lock is taken for the first look */

/* ---- files ---- */

/* With drivers_lock held; also one that is going. NULL: none */
static const struct driver *newest_locked(const char *name)
{
	assert_held(&drivers_lock);
	for (struct list *at = drivers.prev; at != &drivers; at = at->prev) {
		const struct driver *driver = list_entry(at, struct driver, link);

		if (!driver->builtin && !strcmp(driver->name, name))
			return driver;
	}
	return NULL;
}

static int parameter_show(struct seq_file *seq, const struct sys_module *module,
			  void (*print)(struct seq_file *seq, const struct driver *driver))
{
	const struct driver *driver;

	mutex_lock(&drivers_lock);
	driver = newest_locked(module->name);
	if (driver)
		print(seq, driver);
	mutex_unlock(&drivers_lock);
	if (driver)
		return 0;
	return -ENODEV;
}

static void print_state(struct seq_file *seq, const struct driver *driver)
{
	static const char *const names[] = {
		[BANOS_DRIVER_LOADING] = "coming",
		[BANOS_DRIVER_LIVE] = "live",
		[BANOS_DRIVER_GOING] = "going",
	};

	seq_printf(seq, "%s\n", names[driver->state]);
}

static void print_refs(struct seq_file *seq, const struct driver *driver)
{
	seq_printf(seq, "%u\n", driver_pin_count(driver));
}

static void print_size(struct seq_file *seq, const struct driver *driver)
{
	seq_printf(seq, "%lu\n", driver_memory(driver));
}

static void print_version(struct seq_file *seq, const struct driver *driver)
{
	seq_printf(seq, "%s\n", driver->version);
}

/* Linux's word for modules that are not its own, unsigned and so on; there is no such thing here. */
static void print_nothing(struct seq_file *seq, const struct driver *driver)
{
	seq_puts(seq, "\n");
}

static void print_part(struct seq_file *seq, const struct driver *driver, enum load_part part)
{
	seq_printf(seq, "0x%016lx\n", (u64)driver->image.mem + driver->image.part_offset[part]);
}

static void print_text(struct seq_file *seq, const struct driver *driver)
{
	print_part(seq, driver, PART_TEXT);
}
static void print_rodata(struct seq_file *seq, const struct driver *driver)
{
	print_part(seq, driver, PART_RODATA);
}
static void print_data(struct seq_file *seq, const struct driver *driver)
{
	print_part(seq, driver, PART_DATA);
}

#define SHOW(what)                                            \
	static int show_##what(struct seq_file *m, void *arg) \
	{                                                     \
		return parameter_show(m, arg, print_##what);  \
	}
SHOW(state)
SHOW(refs)
SHOW(size)
SHOW(version)
SHOW(nothing)
SHOW(text)
SHOW(rodata)
SHOW(data)

/* ---- holders ---- */

static struct sys_holder *holder_find(const struct sys_module *module, const char *name)
{
	struct sys_holder *holder;

	list_for_each(holder, &module->holders, link)
		if (!strcmp(holder->name, name))
			return holder;
	return NULL;
}

/* The next name of a listed driver that uses one called so and has no link. @return false: none */
static bool next_holder(const struct sys_module *module, char *name)
{
	struct driver *driver;
	bool found = false;

	mutex_lock(&drivers_lock);
	list_for_each(driver, &drivers, link) {
		struct driver_use *use;

		if (driver->builtin || strcmp(driver->name, module->name))
			continue;
		list_for_each(use, &driver->users, by_exporter)
			if (!found && !list_empty(&use->user->link) && !use->user->builtin &&
			    !holder_find(module, use->user->name)) {
				strscpy(name, use->user->name, BANOS_NAME_SIZE);
				found = true;
			}
	}
	mutex_unlock(&drivers_lock);
	return found;
}

static bool holder_create(struct sys_module *module, const char *name)
{
	struct sys_holder *holder = kzalloc(sizeof(*holder));
	char path[2 * BANOS_NAME_SIZE + 32], target[BANOS_NAME_SIZE + 8];

	if (!holder)
		return false;
	strscpy(holder->name, name, sizeof(holder->name));
	snprintf(path, sizeof(path), "module/%s/holders/%s", module->name, name);
	snprintf(target, sizeof(target), "../../%s", name);
	holder->entry = sysfs_symlink(path, target);
	if (!holder->entry) {
		kfree(holder);
		return false;
	}
	list_add_tail(&holder->link, &module->holders);
	return true;
}

static void refresh_holders(void *arg)
{
	struct sys_module *module = arg;
	char name[BANOS_NAME_SIZE];

	mutex_lock(&sys_lock);
	while (!module->gone && next_holder(module, name) && holder_create(module, name))
		;
	mutex_unlock(&sys_lock);
}

/* ---- folders ---- */

static struct sys_module *module_find(const char *name)
{
	struct sys_module *module;

	list_for_each(module, &sys_modules, link)
		if (!strcmp(module->name, name))
			return module;
	return NULL;
}

/* What is not in the tree any more for others to find: links first, each folder after what is in it. */
static void module_destroy(struct sys_module *module)
{
	struct sys_holder *holder, *next;

	list_for_each_safe(holder, next, &module->holders, link) {
		sysfs_remove(holder->entry);
		kfree(holder);
	}
	while (module->nentries)
		sysfs_remove(module->entries[--module->nentries]);
	kfree(module);
}

static bool module_create(const char *name)
{
	static const struct {
		const char *path;
		mode_t mode;
		int (*show)(struct seq_file *m, void *arg);
	} files[] = {
		{ "initstate", 0444, show_state },	   { "refcnt", 0444, show_refs },
		{ "coresize", 0444, show_size },	   { "version", 0444, show_version },
		{ "taint", 0444, show_nothing },	   { "sections/.text", 0400, show_text },
		{ "sections/.rodata", 0400, show_rodata }, { "sections/.data", 0400, show_data },
	};
	struct sys_module *module = kzalloc(sizeof(*module));
	char path[BANOS_NAME_SIZE + 32];
	bool complete;

	_Static_assert(ARRAY_SIZE(files) + 1 <= ENTRIES_MAX, "room for all");
	if (!module)
		return false;
	list_init(&module->holders);
	strscpy(module->name, name, sizeof(module->name));
	snprintf(path, sizeof(path), "module/%s/holders", name);
	module->entries[0] = sysfs_mkdir_refreshed(path, refresh_holders, module);
	complete = module->entries[0];
	module->nentries = complete;
	for (u32 i = 0; i < ARRAY_SIZE(files) && complete; i++) {
		snprintf(path, sizeof(path), "module/%s/%s", name, files[i].path);
		module->entries[module->nentries] =
			sysfs_create(path, files[i].mode, files[i].show, NULL, module);
		complete = module->entries[module->nentries];
		module->nentries += complete;
	}
	if (!module->nentries) {
		kfree(module);
		return false;
	}
	/* Even if it is not whole: who looked has a lock that removing wants. It goes with its driver. */
	list_add_tail(&module->link, &sys_modules);
	return complete;
}

/* The next name that has no folder. @return false: none, and which state of the list that is true of */
static bool next_module(char *name, u64 *generation)
{
	bool found = false;
	struct driver *driver;

	mutex_lock(&drivers_lock);
	list_for_each(driver, &drivers, link) {
		if (driver->builtin || driver->in_sys)
			continue;
		if (module_find(driver->name)) {
			driver->in_sys = true;
			continue;
		}
		strscpy(name, driver->name, BANOS_NAME_SIZE);
		found = true;
		break;
	}
	*generation = drivers_generation;
	mutex_unlock(&drivers_lock);
	return found;
}

static void refresh_modules(void *arg)
{
	char name[BANOS_NAME_SIZE];
	bool more = false;
	u64 generation;

	mutex_lock(&sys_lock);
	__atomic_store_n(&ever_looked, true, __ATOMIC_SEQ_CST);
	if (generation_shown != READ_ONCE(drivers_generation)) {
		while ((more = next_module(name, &generation)) && module_create(name))
			;
		if (more)
			generation_shown = ~0ull;
		else
			generation_shown = generation;
	}
	mutex_unlock(&sys_lock);
}

/* ---- what is not true any more ---- */

static bool uses_locked(const char *user, const char *exporter)
{
	struct driver *driver;

	assert_held(&drivers_lock);
	list_for_each(driver, &drivers, link) {
		struct driver_use *use;

		if (strcmp(driver->name, user))
			continue;
		list_for_each(use, &driver->uses, by_user)
			if (!strcmp(use->exporter->name, exporter))
				return true;
	}
	return false;
}

/* With both locks held. */
static void take_out_locked(const char *name, struct list *folders, struct list *links)
{
	struct sys_module *module = module_find(name);

	assert_held(&drivers_lock);
	assert_held(&sys_lock);
	if (module && !newest_locked(name)) {
		module->gone = true;
		list_del(&module->link);
		list_add_tail(&module->link, folders);
	}
	list_for_each(module, &sys_modules, link) {
		struct sys_holder *holder =
			list_empty(&module->holders) ? NULL : holder_find(module, name);

		if (holder && !uses_locked(name, module->name)) {
			list_del(&holder->link);
			list_add_tail(&holder->link, links);
		}
	}
}

void sys_module_changed(const char *name)
{
	DEFINE_LIST(folders);
	DEFINE_LIST(links);
	struct sys_module *module, *next;
	struct sys_holder *holder, *next_link;

	/* The list was changed before, under drivers_lock: a process that looks from now on sees that. */
	if (!__atomic_load_n(&ever_looked, __ATOMIC_SEQ_CST))
		return;
	mutex_lock(&sys_lock);
	mutex_lock(&drivers_lock);
	take_out_locked(name, &folders, &links);
	mutex_unlock(&drivers_lock);
	mutex_unlock(&sys_lock);
	list_for_each_safe(holder, next_link, &links, link) {
		sysfs_remove(holder->entry);
		kfree(holder);
	}
	list_for_each_safe(module, next, &folders, link)
		module_destroy(module);
}

void sys_modules_init(void)
{
	if (!sysfs_mkdir_refreshed("module", refresh_modules, NULL))
		boot_stop("not enough memory for /sys/module");
}
