// SPDX-License-Identifier: MIT
/*
 * Banos's system calls, and Linux's three for modules: both lead to the same
 * install and remove.
 *
 * The caller's privilege is checked before anything of the caller's is looked
 * at: whoever is not a super user learns nothing, not even whether a pointer is
 * good. An image is copied once; from then on only the copy is read.
 */
#include <kernel/cred.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/upcalls.h>

#define DELETE_NONBLOCK		O_NONBLOCK
#define INIT_KNOWN_FLAGS	7u		/* IGNORE_MODVERSIONS, IGNORE_VERMAGIC, COMPRESSED_FILE */
#define INIT_COMPRESSED		4u

bool driver_caller_allowed(void)
{
	return current_is_super() && current_capable(CAP_SYS_MODULE);
}

/* ---- getting hold of an image ---- */

/* Where from, where to: what the calls that install differ in. */
struct install_args {
	bool from_fd;
	u32 fd;
	u64 image, size;
	u64 params, flags;
	u64 log, log_size;
};

/* Not zeroed; contiguous where possible, since that needs no page tables. */
static void *buffer_alloc(u64 size)
{
	return kmalloc(size ?: 1) ?: kvzalloc(size);
}

static int alloc_image(struct install_request *rq, u64 size)
{
	if (size > LOADER_FILE_MAX)
		return report_add(&rq->report, -EFBIG, "the file has %lu KiB, more than %lu", size / 1024,
				  LOADER_FILE_MAX / 1024);
	rq->size = size;
	rq->file = buffer_alloc(size);
	if (!rq->file)
		return report_add(&rq->report, -ENOMEM, "no memory for the %lu bytes of its file", size);
	return 0;
}

static int copy_image(struct install_request *rq, u64 from, u64 size)
{
	int err;

	/* Before it is allocated: nobody gets much memory for a bad address. */
	if (size <= LOADER_FILE_MAX && !user_range_ok(uaddr(from), size))
		err = -EFAULT;
	else
		err = alloc_image(rq, size);
	if (!err)
		err = copy_from_user((u8 *)rq->file, uaddr(from), size);
	if (err == -EFAULT)
		report_add(&rq->report, err, "its %lu bytes at address 0x%lx cannot be read", size, from);
	return err;
}

static int read_image(struct install_request *rq, u32 fd)
{
	struct fd_ref r = fd_get(fd);
	u64 pos = 0;
	s64 n = 0;
	int err;

	if (!r.file)
		return report_add(&rq->report, -EBADF, "there is no open file %d", (int)fd);
	if (!(r.file->mode & FMODE_READ))
		err = report_add(&rq->report, -EBADF, "file %d is not open for reading", (int)fd);
	else if ((r.file->inode->mode & S_IFMT) != S_IFREG)
		err = report_add(&rq->report, -EINVAL, "file %d is not an ordinary file", (int)fd);
	else
		err = alloc_image(rq, r.file->inode->size);
	if (!err) {
		n = file_read_kernel(r.file, (u8 *)rq->file, rq->size, &pos);
		if (n < 0)
			err = report_add(&rq->report, n, "its file cannot be read (error %ld)", -n);
		rq->size = n < 0 ? 0 : n;	/* it may have become shorter */
	}
	fd_put(r);
	return err;
}

static int copy_params(struct install_request *rq, u64 from)
{
	char *text;
	long err;

	if (!from)
		return 0;
	text = strdup_from_user(uaddr(from), BANOS_PARAMS_MAX);
	if (!IS_ERR(text)) {
		rq->params = text;
		return 0;
	}
	err = PTR_ERR(text);
	if (err == -ENAMETOOLONG)
		return report_add(&rq->report, -EINVAL, "its parameters have more than %d bytes", BANOS_PARAMS_MAX - 1);
	return report_add(&rq->report, err, "its parameters at address 0x%lx cannot be read (error %ld)", from, -err);
}

static int fetch(struct install_request *rq, const struct install_args *a)
{
	int err = 0;

	if (a->flags & ~(u64)BANOS_INSTALL_DRY_RUN)
		err = report_add(&rq->report, -EINVAL, "flags 0x%lx are unknown", a->flags);
	err = err ?: (a->from_fd ? read_image(rq, a->fd) : copy_image(rq, a->image, a->size));
	return err ?: copy_params(rq, a->params);
}

/* ---- install ---- */

/* Where the caller reads the reasons itself they need not be on the console, too. */
static void log_reasons(const struct report *r, bool quiet)
{
	char *line = r->text, *end;

	for (; line && (end = strchr(line, '\n')); line = end + 1)
		if (quiet)
			printk(KERN_DEBUG "banos: %.*s\n", (int)(end - line), line);
		else
			pr_err("banos: %.*s\n", (int)(end - line), line);
}

/* @return 0 or -EFAULT */
static int copy_log(const struct report *r, u64 to, u64 size)
{
	u64 n = r->text ? MIN((u64)r->used, size - 1) : 0;

	if (!to || !size)
		return 0;
	if (n && copy_to_user(uaddr(to), r->text, n))
		return -EFAULT;
	return copy_to_user(uaddr(to + n), "", 1);
}

static void report_free(void *p) { kfree(p); }

/* The caller may: nothing of the arguments was looked at before that was known. */
static s64 install(const struct install_args *a)
{
	struct install_request rq = { .flags = a->flags };
	s64 id;

	report_init(&rq.report, kmalloc, report_free);
	id = fetch(&rq, a);
	if (!id)
		id = driver_install(&rq);
	else
		report_close(&rq.report);
	kvfree(rq.file);
	kfree(rq.params);
	log_reasons(&rq.report, a->log && a->log_size);
	/* A driver that is installed stays so; its id is worth more than an empty log. */
	if (copy_log(&rq.report, a->log, a->log_size) && id < 0)
		id = -EFAULT;
	report_destroy(&rq.report);
	return id;
}

static s64 sys_banos_install(u64 image, u64 size, u64 params, u64 flags, u64 log, u64 log_size)
{
	if (!driver_caller_allowed() || driver_installs_locked())
		return -EPERM;
	return install(&(struct install_args){
		.image = image, .size = size, .params = params, .flags = flags, .log = log, .log_size = log_size,
	});
}

/* ---- remove ---- */

static s64 sys_banos_remove(u64 id, u64 flags, u64 u2_, u64 u3_, u64 u4_, u64 u5_)
{
	struct driver *d;
	s64 err;

	if (!driver_caller_allowed())
		return -EPERM;
	if (flags & ~(u64)BANOS_REMOVE_WAIT)
		return -EINVAL;
	if ((s64)id < 0)
		return -ENOENT;
	d = driver_find(id);
	if (!d)
		return -ENOENT;
	err = d->id == (s64)id ? driver_remove(d, flags & BANOS_REMOVE_WAIT) : -ENOENT;
	driver_put(d);
	return err;
}

/* ---- query ---- */

static s64 sys_banos_query(u64 id, u64 out, u64 size, u64 u3_, u64 u4_, u64 u5_)
{
	struct banos_query q;
	struct driver *d;

	if (!driver_caller_allowed())
		return -EPERM;
	if (size < BANOS_QUERY_SIZE_1)
		return -EINVAL;
	d = driver_find((s64)id < 0 ? 0 : (s64)id);
	if (!d)
		return -ENOENT;
	driver_query(d, &q);
	driver_put(d);
	if (copy_to_user(uaddr(out), &q, MIN(size, (u64)sizeof(q))))
		return -EFAULT;
	return q.id;
}

static s64 banos_ni(u64 u0_, u64 u1_, u64 u2_, u64 u3_, u64 u4_, u64 u5_)
{
	upcall_unknown_call((u32)current_regs()->orig_rax);
	return -ENOSYS;
}

const syscall_fn syscall_banos_table[SYSCALL_BANOS_COUNT] = {
	[SYS_banos_install - SYSCALL_BANOS_BASE] = sys_banos_install,
	[SYS_banos_remove - SYSCALL_BANOS_BASE] = sys_banos_remove,
	[SYS_banos_query - SYSCALL_BANOS_BASE] = sys_banos_query,
	[3 ... SYSCALL_BANOS_COUNT - 1] = banos_ni,
};
extern const upcall_fn upcall_banos_table[SYSCALL_BANOS_SLOTS] __attribute__((alias("syscall_banos_table")));

/* ---- Linux's calls ---- */

SYSCALL3(init_module, image, len, params)
{
	s64 id;

	if (!driver_caller_allowed() || driver_installs_locked())
		return -EPERM;
	id = install(&(struct install_args){ .image = image, .size = len, .params = params });
	return id < 0 ? id : 0;
}

SYSCALL3(finit_module, fd, params, flags)
{
	s64 id;

	if (!driver_caller_allowed() || driver_installs_locked())
		return -EPERM;
	if ((u32)flags & ~INIT_KNOWN_FLAGS)
		return -EINVAL;
	if ((u32)flags & INIT_COMPRESSED)
		return -EOPNOTSUPP;
	id = install(&(struct install_args){ .from_fd = true, .fd = (u32)fd, .params = params });
	return id < 0 ? id : 0;
}

/* The newest of that name; or one whose removal was begun. Linux says EWOULDBLOCK where somebody uses it. */
SYSCALL2(delete_module, name, flags)
{
	char text[BANOS_NAME_SIZE];
	struct driver *d;
	s64 n, err;

	if (!driver_caller_allowed())
		return -EPERM;
	n = strncpy_from_user(text, uaddr(name), sizeof(text));
	if (n < 0)
		return n == -ENAMETOOLONG ? -ENOENT : n;
	mutex_lock(&drivers_lock);
	d = driver_find_name_locked(text, BANOS_DRIVER_LIVE) ?: driver_find_name_locked(text, BANOS_DRIVER_GOING);
	mutex_unlock(&drivers_lock);
	if (!d)
		return -ENOENT;
	err = driver_remove(d, false);
	driver_put(d);
	return err == -EBUSY ? -EWOULDBLOCK : err;
}
