// SPDX-License-Identifier: MIT
/*
 * /sys/module: one folder for each name of an installed driver, as kmod's and
 * others' tools read it: initstate, refcnt, coresize, version, sections, and
 * holders with a link for each driver that uses it. Of several drivers of one
 * name the newest is meant, as by Linux's calls. Linux, Documentation/ABI/
 * testing/sysfs-module.
 *
 * Few look there, so installing a driver does nothing for it. A folder is made
 * when somebody looks something up in /sys/module, or lists it, and the list of
 * drivers has changed since; links when somebody looks into holders. What has
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
		const struct driver *d = list_entry(at, struct driver, link);

		if (!d->builtin && !strcmp(d->name, name))
			return d;
	}
	return NULL;
}

static int show(struct seq_file *m, const struct sys_module *s,
		void (*print)(struct seq_file *m, const struct driver *d))
{
	const struct driver *d;

	mutex_lock(&drivers_lock);
	d = newest_locked(s->name);
	if (d)
		print(m, d);
	mutex_unlock(&drivers_lock);
	if (d)
		return 0;
	return -ENODEV;
}

static void print_state(struct seq_file *m, const struct driver *d)
{
	static const char *const names[] = {
		[BANOS_DRIVER_LOADING] = "coming",
		[BANOS_DRIVER_LIVE] = "live",
		[BANOS_DRIVER_GOING] = "going",
	};

	seq_printf(m, "%s\n", names[d->state]);
}

static void print_refs(struct seq_file *m, const struct driver *d)
{
	seq_printf(m, "%u\n", driver_pin_count(d));
}

static void print_size(struct seq_file *m, const struct driver *d)
{
	seq_printf(m, "%lu\n", driver_memory(d));
}

static void print_version(struct seq_file *m, const struct driver *d)
{
	seq_printf(m, "%s\n", d->version);
}

/* Linux's word for modules that are not its own, unsigned and so on; there is no such thing here. */
static void print_nothing(struct seq_file *m, const struct driver *d)
{
	seq_puts(m, "\n");
}

static void print_part(struct seq_file *m, const struct driver *d, enum load_part part)
{
	seq_printf(m, "0x%016lx\n", (u64)d->image.mem + d->image.part_offset[part]);
}

static void print_text(struct seq_file *m, const struct driver *d)
{
	print_part(m, d, PART_TEXT);
}
static void print_rodata(struct seq_file *m, const struct driver *d)
{
	print_part(m, d, PART_RODATA);
}
static void print_data(struct seq_file *m, const struct driver *d)
{
	print_part(m, d, PART_DATA);
}

#define SHOW(what)                                            \
	static int show_##what(struct seq_file *m, void *arg) \
	{                                                     \
		return show(m, arg, print_##what);            \
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

static struct sys_holder *holder_find(const struct sys_module *s, const char *name)
{
	struct sys_holder *h;

	list_for_each(h, &s->holders, link)
		if (!strcmp(h->name, name))
			return h;
	return NULL;
}

/* The next name of a listed driver that uses one called so and has no link. @return false: none */
static bool next_holder(const struct sys_module *s, char *name)
{
	struct driver *d;
	bool found = false;

	mutex_lock(&drivers_lock);
	list_for_each(d, &drivers, link) {
		struct driver_use *u;

		if (d->builtin || strcmp(d->name, s->name))
			continue;
		list_for_each(u, &d->users, by_exporter)
			if (!found && !list_empty(&u->user->link) && !u->user->builtin &&
			    !holder_find(s, u->user->name)) {
				strscpy(name, u->user->name, BANOS_NAME_SIZE);
				found = true;
			}
	}
	mutex_unlock(&drivers_lock);
	return found;
}

static bool holder_create(struct sys_module *s, const char *name)
{
	struct sys_holder *h = kzalloc(sizeof(*h));
	char path[2 * BANOS_NAME_SIZE + 32], target[BANOS_NAME_SIZE + 8];

	if (!h)
		return false;
	strscpy(h->name, name, sizeof(h->name));
	snprintf(path, sizeof(path), "module/%s/holders/%s", s->name, name);
	snprintf(target, sizeof(target), "../../%s", name);
	h->entry = sysfs_symlink(path, target);
	if (!h->entry) {
		kfree(h);
		return false;
	}
	list_add_tail(&h->link, &s->holders);
	return true;
}

static void refresh_holders(void *arg)
{
	struct sys_module *s = arg;
	char name[BANOS_NAME_SIZE];

	mutex_lock(&sys_lock);
	while (!s->gone && next_holder(s, name) && holder_create(s, name))
		;
	mutex_unlock(&sys_lock);
}

/* ---- folders ---- */

static struct sys_module *module_find(const char *name)
{
	struct sys_module *s;

	list_for_each(s, &sys_modules, link)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

/* What is not in the tree any more for others to find: links first, each folder after what is in it. */
static void module_destroy(struct sys_module *s)
{
	struct sys_holder *h, *next;

	list_for_each_safe(h, next, &s->holders, link) {
		sysfs_remove(h->entry);
		kfree(h);
	}
	while (s->nentries)
		sysfs_remove(s->entries[--s->nentries]);
	kfree(s);
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
	struct sys_module *s = kzalloc(sizeof(*s));
	char path[BANOS_NAME_SIZE + 32];
	bool complete;

	_Static_assert(ARRAY_SIZE(files) + 1 <= ENTRIES_MAX, "room for all");
	if (!s)
		return false;
	list_init(&s->holders);
	strscpy(s->name, name, sizeof(s->name));
	snprintf(path, sizeof(path), "module/%s/holders", name);
	s->entries[0] = sysfs_mkdir_refreshed(path, refresh_holders, s);
	complete = s->entries[0];
	s->nentries = complete;
	for (u32 i = 0; i < ARRAY_SIZE(files) && complete; i++) {
		snprintf(path, sizeof(path), "module/%s/%s", name, files[i].path);
		s->entries[s->nentries] = sysfs_create(path, files[i].mode, files[i].show, NULL, s);
		complete = s->entries[s->nentries];
		s->nentries += complete;
	}
	if (!s->nentries) {
		kfree(s);
		return false;
	}
	/* Even if it is not whole: who looked has a lock that removing wants. It goes with its driver. */
	list_add_tail(&s->link, &sys_modules);
	return complete;
}

/* The next name that has no folder. @return false: none, and which state of the list that is true of */
static bool next_module(char *name, u64 *generation)
{
	bool found = false;
	struct driver *d;

	mutex_lock(&drivers_lock);
	list_for_each(d, &drivers, link) {
		if (d->builtin || d->in_sys)
			continue;
		if (module_find(d->name)) {
			d->in_sys = true;
			continue;
		}
		strscpy(name, d->name, BANOS_NAME_SIZE);
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
	struct driver *d;

	assert_held(&drivers_lock);
	list_for_each(d, &drivers, link) {
		struct driver_use *u;

		if (strcmp(d->name, user))
			continue;
		list_for_each(u, &d->uses, by_user)
			if (!strcmp(u->exporter->name, exporter))
				return true;
	}
	return false;
}

/* With both locks held. */
static void take_out_locked(const char *name, struct list *folders, struct list *links)
{
	struct sys_module *s = module_find(name);

	assert_held(&drivers_lock);
	assert_held(&sys_lock);
	if (s && !newest_locked(name)) {
		s->gone = true;
		list_del(&s->link);
		list_add_tail(&s->link, folders);
	}
	list_for_each(s, &sys_modules, link) {
		struct sys_holder *h = list_empty(&s->holders) ? NULL : holder_find(s, name);

		if (h && !uses_locked(name, s->name)) {
			list_del(&h->link);
			list_add_tail(&h->link, links);
		}
	}
}

void sys_module_changed(const char *name)
{
	DEFINE_LIST(folders);
	DEFINE_LIST(links);
	struct sys_module *s, *next;
	struct sys_holder *h, *next_link;

	/* The list was changed before, under drivers_lock: whoever looks from now on sees that. */
	if (!__atomic_load_n(&ever_looked, __ATOMIC_SEQ_CST))
		return;
	mutex_lock(&sys_lock);
	mutex_lock(&drivers_lock);
	take_out_locked(name, &folders, &links);
	mutex_unlock(&drivers_lock);
	mutex_unlock(&sys_lock);
	list_for_each_safe(h, next_link, &links, link) {
		sysfs_remove(h->entry);
		kfree(h);
	}
	list_for_each_safe(s, next, &folders, link)
		module_destroy(s);
}

void sys_modules_init(void)
{
	if (!sysfs_mkdir_refreshed("module", refresh_modules, NULL))
		boot_stop("not enough memory for /sys/module");
}
