// SPDX-License-Identifier: MIT
/*
 * Banos's system calls, and Linux's three for modules: both lead to the same
 * install and remove.
 *
 * Each call checks the caller's privilege first (privilege.c). An image is copied
 * once; from then on only the copy is read.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/struct_rule.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/upcalls.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>

#define INIT_KNOWN_FLAGS 7u /* IGNORE_MODVERSIONS, IGNORE_VERMAGIC, COMPRESSED_FILE */
#define INIT_COMPRESSED	 4u

/* ---- getting hold of an image ---- */

/* Where from, where to: what the calls that install differ in. */
struct install_args {
	bool from_fd;
	bool is_finit, after_finit; /* Linux's calls; see struct refusal */
	u32 fd;
	u64 image, size;
	u64 params, flags;
	u64 log, log_size;
};

static int alloc_image(struct install_request *request, u64 size)
{
	if (size > LOADER_FILE_MAX)
		return report_add(&request->report, -EFBIG, "the file has %lu KiB, more than %lu",
				  size / 1024, LOADER_FILE_MAX / 1024);
	request->size = size;
	request->file = driver_buffer_alloc(size);
	if (!request->file)
		return report_add(&request->report, -ENOMEM,
				  "no memory for the %lu bytes of its file", size);
	return 0;
}

static int copy_image(struct install_request *request, u64 from, u64 size)
{
	int err;

	/* Before it is allocated: nobody gets much memory for a bad address. */
	if (size <= LOADER_FILE_MAX && !user_range_ok(uaddr(from), size))
		err = -EFAULT;
	else
		err = alloc_image(request, size);
	if (!err)
		err = copy_from_user((u8 *)request->file, uaddr(from), size);
	if (err == -EFAULT)
		report_add(&request->report, err, "its %lu bytes at address 0x%lx cannot be read",
			   size, from);
	return err;
}

static int read_image(struct install_request *request, u32 fd)
{
	struct fd_ref r = fd_get(fd);
	u64 pos = 0;
	s64 n = 0;
	int err;

	if (!r.file)
		return report_add(&request->report, -EBADF, "file descriptor %d is not open",
				  (int)fd);
	if (!(r.file->mode & FMODE_READ))
		err = report_add(&request->report, -EBADF,
				 "file descriptor %d is not open for reading", (int)fd);
	else if ((r.file->inode->mode & S_IFMT) != S_IFREG)
		err = report_add(&request->report, -EINVAL,
				 "file descriptor %d is not a regular file", (int)fd);
	else
		err = alloc_image(request, r.file->inode->size);
	if (!err) {
		n = file_read_kernel(r.file, (u8 *)request->file, request->size, &pos);
		if (n < 0)
			err = report_add(&request->report, n, "its file cannot be read (error %ld)",
					 -n);
		if (n < 0) /* it may have become shorter */
			request->size = 0;
		else
			request->size = n;
	}
	fd_put(r);
	return err;
}

static int copy_params(struct install_request *request, u64 from)
{
	char *text;
	long err;

	if (!from)
		return 0;
	text = strdup_from_user(uaddr(from), BANOS_PARAMS_MAX);
	if (!IS_ERR(text)) {
		request->params = text;
		return 0;
	}
	err = PTR_ERR(text);
	if (err == -ENAMETOOLONG)
		return report_add(&request->report, -EINVAL,
				  "its parameters have more than %d bytes", BANOS_PARAMS_MAX - 1);
	return report_add(&request->report, err,
			  "its parameters at address 0x%lx cannot be read (error %ld)", from, -err);
}

static int request_fetch(struct install_request *request, const struct install_args *args)
{
	int err = 0;

	if (args->flags & ~(u64)BANOS_INSTALL_DRY_RUN)
		err = report_add(&request->report, -EINVAL, "flags 0x%lx are unknown", args->flags);
	if (err)
		return err;
	if (args->from_fd)
		err = read_image(request, args->fd);
	else
		err = copy_image(request, args->image, args->size);
	return err ?: copy_params(request, args->params);
}

/* ---- install ---- */

/* @return 0 or -EFAULT */
static int copy_log(const struct report *report, u64 to, u64 size)
{
	u64 n = report->text ? MIN((u64)report->used, size - 1) : 0;

	if (!to || !size)
		return 0;
	if (n && copy_to_user(uaddr(to), report->text, n))
		return -EFAULT;
	return copy_to_user(uaddr(to + n), "", 1);
}

static int refusal_take(const struct install_request *request);
static void refusal_note(const struct install_request *request, int err);

/* The caller may: nothing of the arguments was looked at before that was known. */
static s64 install_request_run(const struct install_args *args)
{
	bool by_linux = args->is_finit || args->after_finit;
	struct install_request request = { .flags = args->flags, .once = by_linux };
	s64 id;

	driver_report_init(&request.report);
	id = request_fetch(&request, args);
	if (!id && args->after_finit)
		id = refusal_take(&request);
	if (!id)
		id = driver_install(&request);
	if (args->is_finit && request.init_failed)
		refusal_note(&request, id);
	driver_buffer_free((void *)request.file);
	kfree(request.params);
	/* A program that reads the reasons itself does not need them on the console, too. */
	driver_report_log(&request.report, (args->log && args->log_size) || id == -EEXIST);
	/* A driver that is installed stays so; its id is worth more than an empty log. */
	if (copy_log(&request.report, args->log, args->log_size) && id < 0)
		id = -EFAULT;
	report_destroy(&request.report);
	return id;
}

SYSCALL6(banos_install, image, size, params, flags, log, log_size)
{
	int err = driver_check_privilege(DRIVER_REQUEST_INSTALL);

	if (err)
		return err;
	return install_request_run(&(struct install_args){
		.image = image,
		.size = size,
		.params = params,
		.flags = flags,
		.log = log,
		.log_size = log_size,
	});
}

/* ---- remove ---- */

#define REMOVE_FLAGS ((u64)(BANOS_REMOVE_WAIT | BANOS_REMOVE_REVOKE | BANOS_REMOVE_REPLACE))

static s64 remove_by_number(s64 id, u64 flags, struct report *report)
{
	struct driver *driver;
	s64 err;

	if (flags & ~REMOVE_FLAGS || (flags & BANOS_REMOVE_WAIT && flags != BANOS_REMOVE_WAIT))
		return report_add(report, -EINVAL, "flags 0x%lx are unknown, or exclude each other",
				  flags);
	if (id < 0)
		return -ENOENT;
	driver = driver_find(id);
	if (!driver)
		return -ENOENT;
	if (driver->id == id)
		err = driver_remove(driver, (u32)flags, report);
	else
		err = -ENOENT;
	driver_put(driver);
	return err;
}

SYSCALL4(banos_remove, id, flags, log, log_size)
{
	struct report report;
	s64 err = driver_check_privilege(DRIVER_REQUEST_MANAGE);

	if (err)
		return err;
	driver_report_init(&report);
	strscpy(report.who, "banos_remove", sizeof(report.who));
	err = remove_by_number((s64)id, flags, &report);
	driver_report_log(&report, log && log_size);
	/* A driver that is removed stays so, whatever became of the log. */
	if (copy_log(&report, log, log_size) && err)
		err = -EFAULT;
	report_destroy(&report);
	return err;
}

/* ---- query ---- */

static const struct struct_rule query_rule = {
	.name = "out",
	.size_least = BANOS_QUERY_SIZE_1,
	.size_known = sizeof(struct banos_query),
};

SYSCALL3(banos_query, id, out, size)
{
	char words[STRUCT_WORDS_MAX];
	struct banos_query known, answer;
	u64 filled = MIN(size, (u64)sizeof(answer));
	struct driver *driver;
	int err = driver_check_privilege(DRIVER_REQUEST_MANAGE);

	if (!err)
		err = struct_check_size(&query_rule, size, words);
	if (err)
		return err;
	driver = driver_find((s64)id < 0 ? 0 : (s64)id);
	if (!driver)
		return -ENOENT;
	driver_query(driver, &known);
	driver_put(driver);
	struct_fill(&query_rule, &answer, filled, &known);
	if (copy_to_user(uaddr(out), &answer, filled) ||
	    clear_user_partial(uaddr(out + filled), size - filled) != size - filled)
		return -EFAULT;
	return known.id;
}

/* ---- Linux's calls ---- */

/*
 * BusyBox's insmod calls finit_module(), and where that fails, for whatever
 * reason, init_module() with the same bytes. A driver whose init() has just
 * failed would run it again. So init_module() answers as finit_module() did when
 * the same program hands over the same image and parameters within a few
 * seconds, once. Another process, another program in it, another try by
 * finit_module(): each runs init() again.
 */
struct refusal {
	pid_t pid; /* 0: nothing */
	u32 exec_id;
	u64 process_start_ns, until_ns;
	u64 key; /* of image and parameters */
	int err;
};
#define REFUSAL_NS (5 * NSEC_PER_SEC)
static struct refusal refusals[64]; /* more at a time would be as many installs that fail at once */
static u32 refusal_next;
static u64 refusals_until_ns; /* there is none after it: the usual case */
static DEFINE_MUTEX(refusal_lock);

static u64 key_of(const struct install_request *request)
{
	const char *params = request->params ?: "";

	return hash_bytes(params, strlen(params),
			  hash_bytes(request->file, request->size, request->size));
}

static bool refusal_is_mine(const struct refusal *refusal)
{
	const struct process *p = current_process();

	return refusal->pid == p->pid && refusal->process_start_ns == p->start_ns &&
	       refusal->exec_id == p->exec_id;
}

static void refusal_note(const struct install_request *request, int err)
{
	const struct process *p = current_process();
	struct refusal new = {
		.pid = p->pid,
		.exec_id = p->exec_id,
		.process_start_ns = p->start_ns,
		.key = key_of(request),
		.err = err,
		.until_ns = time_monotonic_ns() + REFUSAL_NS,
	};

	mutex_lock(&refusal_lock);
	for (u32 i = 0; i < ARRAY_SIZE(refusals); i++)
		if (refusal_is_mine(&refusals[i]))
			refusals[i].pid = 0;
	refusals[refusal_next++ % ARRAY_SIZE(refusals)] = new;
	WRITE_ONCE(refusals_until_ns, new.until_ns);
	mutex_unlock(&refusal_lock);
}

/* @return what finit_module() answered a moment ago, or 0; it is used up */
static int refusal_take(const struct install_request *request)
{
	int err = 0;

	if (time_monotonic_ns() >= READ_ONCE(refusals_until_ns))
		return 0;
	mutex_lock(&refusal_lock);
	for (u32 i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct refusal *refusal = &refusals[i];

		if (!refusal_is_mine(refusal))
			continue;
		if (time_monotonic_ns() < refusal->until_ns && key_of(request) == refusal->key)
			err = refusal->err;
		refusal->pid = 0;
	}
	mutex_unlock(&refusal_lock);
	return err;
}

SYSCALL3(init_module, image, len, params)
{
	s64 id = driver_check_privilege(DRIVER_REQUEST_INSTALL);

	if (id)
		return id;
	id = install_request_run(&(struct install_args){
		.image = image, .size = len, .params = params, .after_finit = true });
	if (id < 0)
		return id;
	return 0;
}

SYSCALL3(finit_module, fd, params, flags)
{
	s64 id = driver_check_privilege(DRIVER_REQUEST_INSTALL);

	if (id)
		return id;
	if ((u32)flags & ~INIT_KNOWN_FLAGS)
		return -EINVAL;
	if ((u32)flags & INIT_COMPRESSED)
		return -EOPNOTSUPP;
	id = install_request_run(&(struct install_args){
		.from_fd = true, .fd = (u32)fd, .params = params, .is_finit = true });
	if (id < 0)
		return id;
	return 0;
}

static int remove_with_linux_flags(struct driver *driver, u32 flags)
{
	u32 remove_flags = 0;
	struct report report;
	int err;

	if (flags & O_TRUNC)
		remove_flags = BANOS_REMOVE_REVOKE;
	driver_report_init(&report);
	err = driver_remove(driver, remove_flags, &report);
	driver_report_log(&report, false);
	report_destroy(&report);
	return err;
}

/*
 * The newest of that name; or one whose removal was begun. Linux says EWOULDBLOCK
 * where it is in use. Its flags: O_NONBLOCK asks not to wait, which it never does any more;
 * O_TRUNC (rmmod -f) asks for removal at any price, and here means to revoke files.
 */
SYSCALL2(delete_module, name, flags)
{
	char text[BANOS_NAME_SIZE];
	struct driver *driver;
	s64 n, err = driver_check_privilege(DRIVER_REQUEST_MANAGE);

	if (err)
		return err;
	n = strncpy_from_user(text, uaddr(name), sizeof(text));
	if (n < 0) {
		if (n == -ENAMETOOLONG)
			return -ENOENT;
		return n;
	}
	mutex_lock(&drivers_lock);
	driver = driver_find_name_locked(text, BANOS_DRIVER_LIVE)
			 ?: driver_find_name_locked(text, BANOS_DRIVER_GOING);
	mutex_unlock(&drivers_lock);
	if (!driver)
		return -ENOENT;
	err = remove_with_linux_flags(driver, (u32)flags);
	driver_put(driver);
	if (err == -EBUSY)
		return -EWOULDBLOCK;
	return err;
}
