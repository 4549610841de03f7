// SPDX-License-Identifier: MIT
/*
 * Why a driver is not removed, in words: which driver uses it, which processes have its
 * files open or mapped, which threads are inside it.
 *
 * The processes are looked up only now, one after the other: a file does not know who has
 * it, and may be passed on. So what is said was true at some moment of the search.
 */
#include <kernel/block.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs/block_file.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file_cache.h>
#include <kernel/kconfig.h>
#include <kernel/process.h>
#include <kernel/report.h>
#include <kernel/string.h>
#include <kernel/vm.h>

#define NAMED_MAX 8u /* of each kind; the others are counted */

/* ---- drivers ---- */

/* @return are there any? */
static bool busy_report_importers(struct driver *driver, struct report *report)
{
	struct driver_use *use;
	u32 count = 0;

	mutex_lock(&drivers_lock);
	list_for_each(use, &driver->users, by_exporter)
		if (count++ < NAMED_MAX)
			report_add(report, -EBUSY, "is busy: driver %s depends on it",
				   use->user->name);
	mutex_unlock(&drivers_lock);
	if (count > NAMED_MAX)
		report_add(report, -EBUSY, "is busy: %u further drivers depend on it",
			   count - NAMED_MAX);
	return count;
}

/* ---- processes ---- */

struct busy_process {
	char comm[16];
	char device[DEVICE_FILE_NAME_SIZE];
	u32 open, mapped; /* files of the driver, regions of them */
};

/* A file of a device or disk of the driver. @device: out: its name */
static bool busy_is_file(const struct driver *driver, const struct file *f, char *device)
{
	if (!IS_ENABLED(CONFIG_BLOCK) || f->ops != &block_file_fops)
		return driver_has_file(driver, f, device);
	if (disk_owner(f->cache->disk) != &driver->owner)
		return false;
	strscpy(device, disk_name(f->cache->disk), DEVICE_FILE_NAME_SIZE);
	return true;
}

static void busy_count_files(const struct driver *driver, struct process *p,
			     struct busy_process *found)
{
	struct files *files = process_files_get(p);
	bool cloexec;

	if (!files)
		return;
	for (int fd = files_next_fd(files, 0); fd >= 0; fd = files_next_fd(files, (u32)fd + 1)) {
		struct file *f = files_get_file_flags(files, (u32)fd, &cloexec);

		if (!f)
			continue;
		found->open += busy_is_file(driver, f, found->device);
		file_put(f);
	}
	files_put(files);
}

static void busy_count_mappings(const struct driver *driver, struct process *p,
				struct busy_process *found)
{
	struct vm_space *space = process_space_get(p);
	const struct vm_region *region;

	if (!space)
		return;
	down_read(&space->lock);
	for (region = vm_region_find_above(space, 0); region;
	     region = vm_region_find_above(space, region->end))
		if (region->file)
			found->mapped += busy_is_file(driver, region->file, found->device);
	up_read(&space->lock);
	vm_space_put(space);
}

static void busy_copy_program(struct process *p, struct busy_process *found)
{
	u64 flags = spin_lock_irqsave(&process_lock);

	if (p->leader)
		strscpy(found->comm, p->leader->comm, sizeof(found->comm));
	spin_unlock_irqrestore(&process_lock, flags);
}

/* @return has it any file of the driver? */
static bool busy_look_into(const struct driver *driver, struct process *p,
			   struct busy_process *found)
{
	*found = (struct busy_process){ 0 };
	busy_count_files(driver, p, found);
	busy_count_mappings(driver, p, found);
	busy_copy_program(p, found);
	return found->open || found->mapped;
}

static void busy_report_process(struct report *report, pid_t pid, const struct busy_process *found)
{
	const char *how = "has it open";

	if (!found->open)
		how = "maps it";
	else if (found->mapped)
		how = "has it open and maps it";
	report_add(report, -EBUSY, "is busy: /dev/%s: process %d (%s) %s", found->device, pid,
		   found->comm, how);
}

/* @return are there any? */
static bool busy_report_processes(const struct driver *driver, struct report *report)
{
	struct busy_process found;
	struct process *p;
	u32 count = 0;
	pid_t pid;

	for (pid = 1; (p = process_next(pid)); pid++) {
		pid = p->pid;
		if (busy_look_into(driver, p, &found) && count++ < NAMED_MAX)
			busy_report_process(report, pid, &found);
		process_put(p);
	}
	if (count > NAMED_MAX)
		report_add(report, -EBUSY, "is busy: %u further processes have files of it",
			   count - NAMED_MAX);
	return count;
}

/* ---- mounts ---- */

/* @return are there any? */
static bool busy_report_mounts(const struct driver *driver, struct report *report)
{
	bool any = false;

	for (struct disk *disk = disk_next(NULL); disk; disk = disk_next(disk)) {
		if (disk_owner(disk) != &driver->owner || !disk_is_claimed(disk))
			continue;
		report_add(report, -EBUSY, "is busy: /dev/%s is mounted, or claimed by a program",
			   disk_name(disk));
		any = true;
	}
	return any;
}

void driver_report_users(struct driver *driver, struct report *report)
{
	bool any = busy_report_importers(driver, report);

	any = busy_report_processes(driver, report) || any;
	if (IS_ENABLED(CONFIG_BLOCK))
		any = busy_report_mounts(driver, report) || any;
	if (!any)
		report_add(
			report, -EBUSY,
			"is busy: files of it are open (uses: %u), but in no process: they are being opened or closed, or lie in a socket",
			driver_pin_count(driver));
}

/* ---- threads ---- */

void driver_report_threads(const struct driver *driver, struct report *report)
{
	struct gate_guest guests[NAMED_MAX];
	u32 count = gate_find_inside(&driver->owner, guests, NAMED_MAX);

	for (u32 i = 0; i < MIN(count, NAMED_MAX); i++)
		report_add(report, -EBUSY, "thread %d (%s) is inside a function of it",
			   guests[i].tid, guests[i].comm);
	if (count > NAMED_MAX)
		report_add(report, -EBUSY, "%u further threads are inside functions of it",
			   count - NAMED_MAX);
}
