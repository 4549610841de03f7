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

/* Not zeroed; contiguous where possible, since that needs no page tables. */
static void *buffer_alloc(u64 size)
{
	return kmalloc(size ?: 1) ?: kvzalloc(size);
}

static int image_size_check(u64 size)
{
	return size > LOADER_FILE_MAX ? -EFBIG : 0;
}

static int copy_image(u64 from, u64 size, u8 **out)
{
	int err = image_size_check(size);
	u8 *image;

	if (err)
		return err;
	if (!user_range_ok(uaddr(from), size))
		return -EFAULT;
	image = buffer_alloc(size);
	if (!image)
		return -ENOMEM;
	err = copy_from_user(image, uaddr(from), size);
	if (err)
		kvfree(image);
	else
		*out = image;
	return err;
}

static int read_image(u32 fd, u8 **out, u64 *size)
{
	struct fd_ref r = fd_get(fd);
	u64 pos = 0;
	s64 n;
	int err = 0;

	if (!r.file)
		return -EBADF;
	if (!(r.file->mode & FMODE_READ))
		err = -EBADF;
	else if ((r.file->inode->mode & S_IFMT) != S_IFREG)
		err = -EINVAL;
	*size = r.file->inode->size;
	err = err ?: image_size_check(*size);
	*out = err ? NULL : buffer_alloc(*size);
	if (!err && !*out)
		err = -ENOMEM;
	if (!err) {
		n = file_read_kernel(r.file, *out, *size, &pos);
		err = n < 0 ? n : 0;
		*size = n < 0 ? 0 : n;		/* it may have become shorter */
		if (err)
			kvfree(*out);
	}
	fd_put(r);
	return err;
}

static int copy_params(u64 from, char **out)
{
	*out = NULL;
	if (!from)
		return 0;
	*out = strdup_from_user(uaddr(from), BANOS_PARAMS_MAX);
	if (IS_ERR(*out)) {
		long err = PTR_ERR(*out);

		*out = NULL;
		return err == -ENAMETOOLONG ? -E2BIG : err;
	}
	return 0;
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

/* Takes over @file and @params. */
static s64 install(u8 *file, u64 size, char *params, u32 flags, u64 log, u64 log_size)
{
	struct install_request r = { .file = file, .size = size, .params = params, .flags = flags };
	s64 id = driver_install(&r);

	kvfree(file);
	kfree(params);
	log_reasons(&r.report, log && log_size);
	/* A driver that is installed stays so; its id is worth more than an empty log. */
	if (copy_log(&r.report, log, log_size) && id < 0)
		id = -EFAULT;
	report_destroy(&r.report);
	return id;
}

static s64 sys_banos_install(u64 image, u64 size, u64 params, u64 flags, u64 log, u64 log_size)
{
	char *text;
	u8 *file;
	int err;

	if (!driver_caller_allowed() || driver_installs_locked())
		return -EPERM;
	if (flags & ~(u64)BANOS_INSTALL_DRY_RUN)
		return -EINVAL;
	err = copy_image(image, size, &file);
	if (err)
		return err;
	err = copy_params(params, &text);
	if (err) {
		kvfree(file);
		return err;
	}
	return install(file, size, text, flags, log, log_size);
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
	char *text;
	u8 *file;
	s64 id;
	int err;

	if (!driver_caller_allowed() || driver_installs_locked())
		return -EPERM;
	err = copy_image(image, len, &file);
	if (err)
		return err;
	err = copy_params(params, &text);
	if (err) {
		kvfree(file);
		return err;
	}
	id = install(file, len, text, 0, 0, 0);
	return id < 0 ? id : 0;
}

SYSCALL3(finit_module, fd, params, flags)
{
	char *text;
	u8 *file;
	u64 size;
	s64 id;
	int err;

	if (!driver_caller_allowed() || driver_installs_locked())
		return -EPERM;
	if ((u32)flags & ~INIT_KNOWN_FLAGS)
		return -EINVAL;
	if ((u32)flags & INIT_COMPRESSED)
		return -EOPNOTSUPP;
	err = copy_params(params, &text) ?: read_image((u32)fd, &file, &size);
	if (err) {
		kfree(text);
		return err;
	}
	id = install(file, size, text, 0, 0, 0);
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
