// SPDX-License-Identifier: MIT
/*
 * System V shared memory: segments, and where they are attached.
 *
 * A segment's pages are a struct vm_shared, made as they are touched. Each shmat() maps a file of its own
 * (so that what was attached twice side by side stays two mappings); all files of a segment share one
 * nameless inode, that of segment->file. The number of attached regions follows fork(), exec and
 * exit through the regions' open() and close().
 *
 * A segment has one reference of the table and one of each file. It leaves the table
 * by IPC_RMID once it is attached nowhere, and at once in the end of its creator or of its
 * last user if shm_rmid_forced is set.
 *
 * Limits: as Linux's (shmmax, shmall, shmmni), which by default limit little. So pages that exist
 * are at most half of the memory, in all segments together, as in a tmpfs; beyond that is SIGBUS.
 * There is no swap: SHM_LOCK only says so. There are no huge pages.
 * Linux 6.1, ipc/shm.c, for the order of errors.
 */
#include "internal.h"
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/ipc.h>
#include <kernel/process.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/mman.h>

#define SHM_MIN	      1u
#define SHM_DEFAULT   (~0ull - (1ull << 24))
#define SHM_MNI	      4096u
#define SHM_READ_ALL  0444u
#define SHM_WRITE_ALL 0222u
#define SHM_EXEC_ALL  0111u

struct shm_segment {
	struct ipc_object object; /* first: ipc_free_later() */
	u64 size;		  /* bytes; never changes */
	struct vm_shared *memory;
	struct file *file;	/* of which the attached files are copies */
	struct thread *creator; /* NULL: it has ended */
	u64 nr_attached;
	pid_t created_by, last_by;
	s64 attach_time, detach_time, change_time;
};

static void shm_free(struct ipc_object *object);

u64 shm_max = SHM_DEFAULT, shm_all = SHM_DEFAULT;
u32 shm_mni = SHM_MNI;
int shm_rmid_forced;
struct ipc_ids shm_ids = IPC_IDS_INIT(&shm_mni, shm_free);
static struct atomic64 shm_reserved; /* pages of all segments, whether they exist or not */
static struct vm_shared_budget shm_budget;
static const struct file_ops shm_template_fops, shm_file_fops;

static struct shm_segment *shm_of(struct ipc_object *object)
{
	return container_of(object, struct shm_segment, object);
}

static u64 shm_pages(u64 size)
{
	return PAGE_ALIGN(size) >> PAGE_SHIFT;
}

static pid_t current_pid(void)
{
	return current->proc ? current->proc->pid : 0;
}

/* ---- life ---- */

/* It has left the table, and is attached nowhere. */
static void shm_free(struct ipc_object *object)
{
	struct shm_segment *segment = shm_of(object);

	atomic_sub(&shm_reserved, (s64)shm_pages(segment->size));
	if (segment->file)
		file_put(segment->file);
	if (segment->memory)
		vm_shared_put(segment->memory);
	ipc_free_later(object);
}

static bool shm_is_abandoned(const struct shm_segment *segment)
{
	return !segment->nr_attached &&
	       (READ_ONCE(shm_rmid_forced) || segment->object.mode & SHM_DEST);
}

/* @return 0; -ENOSPC: with these pages there were more than shmall */
static int shm_reserve(u64 npages)
{
	u64 total = (u64)atomic_add_return(&shm_reserved, (s64)npages);

	if (npages <= READ_ONCE(shm_all) && total <= READ_ONCE(shm_all))
		return 0;
	atomic_sub(&shm_reserved, (s64)npages);
	return -ENOSPC;
}

static int shm_check_size(const struct ipc_request *request)
{
	struct mem_info mem;

	if (request->size < SHM_MIN || request->size > READ_ONCE(shm_max))
		return -EINVAL;
	if (PAGE_ALIGN(request->size) < request->size)
		return -ENOSPC;
	if (request->size > INT64_MAX || request->flags & SHM_HUGETLB)
		return -EINVAL;
	mem_info_get(&mem);
	if (!(request->flags & SHM_NORESERVE) && shm_pages(request->size) > mem.total)
		return -ENOMEM;
	return 0;
}

static struct ipc_object *shm_create(const struct ipc_request *request)
{
	struct shm_segment *segment;
	int err = shm_check_size(request);

	if (!err)
		err = shm_reserve(shm_pages(request->size));
	if (err)
		return ERR_PTR(err);
	segment = kzalloc(sizeof(*segment));
	if (!segment) {
		atomic_sub(&shm_reserved, (s64)shm_pages(request->size));
		return ERR_PTR(-ENOMEM);
	}
	ipc_object_init(&segment->object, request);
	segment->size = request->size;
	segment->created_by = current_pid();
	segment->creator = current;
	segment->change_time = ipc_now();
	segment->memory = vm_shared_create(shm_pages(request->size), &shm_budget);
	if (!segment->memory)
		err = -ENOMEM;
	segment->file = file_create_anon("SYSV", &shm_template_fops, NULL, O_RDWR);
	if (IS_ERR(segment->file)) {
		err = (int)PTR_ERR(segment->file);
		segment->file = NULL;
	}
	if (err) {
		ipc_put(&segment->object);
		return ERR_PTR(err);
	}
	current->made_segments = true;
	return &segment->object;
}

static int shm_check_request(const struct ipc_object *object, const struct ipc_request *request)
{
	if (container_of(object, struct shm_segment, object)->size < request->size)
		return -EINVAL;
	return 0;
}

SYSCALL3(shmget, key, size, flags)
{
	const struct ipc_request request = {
		.ids = &shm_ids,
		.key = (s32)key,
		.flags = (u32)flags,
		.size = size,
		.create = shm_create,
		.check = shm_check_request,
	};

	return ipc_get(&request);
}

/* The creator ends (NULL: shm_rmid_forced was set): remove what is attached nowhere. */
static void shm_forget_creator(const struct thread *creator)
{
	struct ipc_object *object;
	bool removed;

	for (u32 index = 0; (object = ipc_next(&shm_ids, &index)); index++) {
		struct shm_segment *segment = shm_of(object);

		removed = false;
		if (READ_ONCE(segment->creator) == creator) {
			spin_lock_both(object);
			segment->creator = NULL;
			if (READ_ONCE(shm_rmid_forced) && shm_is_abandoned(segment))
				removed = ipc_remove_locked(object);
			spin_unlock_both(object);
		}
		if (removed)
			ipc_put(object);
		ipc_put(object);
	}
}

void shm_thread_exit(const struct thread *t)
{
	shm_forget_creator(t);
}

void shm_remove_orphans(void)
{
	shm_forget_creator(NULL);
}

/* ---- regions ---- */

static struct shm_segment *shm_of_region(const struct vm_region *region)
{
	return region->file->private;
}

static int shm_fault(struct vm_region *region, u64 pgoff, struct page **out)
{
	return vm_shared_page(shm_of_region(region)->memory, pgoff, out);
}

static int shm_fault_around(struct vm_region *region, u64 first, u32 npages, struct page **pages)
{
	return (int)vm_shared_pages_near(shm_of_region(region)->memory, first, npages, pages);
}

static void shm_region_open(struct vm_region *region)
{
	struct shm_segment *segment = shm_of_region(region);

	spin_lock(&segment->object.lock);
	segment->nr_attached++;
	segment->attach_time = ipc_now();
	segment->last_by = current_pid();
	spin_unlock(&segment->object.lock);
}

static void shm_detach(struct shm_segment *segment)
{
	bool removed = false;

	spin_lock_both(&segment->object);
	segment->nr_attached--;
	if (shm_is_abandoned(segment))
		removed = ipc_remove_locked(&segment->object);
	spin_unlock_both(&segment->object);
	if (removed)
		ipc_put(&segment->object);
}

static void shm_region_close(struct vm_region *region)
{
	struct shm_segment *segment = shm_of_region(region);

	spin_lock(&segment->object.lock);
	segment->detach_time = ipc_now();
	segment->last_by = current_pid();
	spin_unlock(&segment->object.lock);
	shm_detach(segment);
}

static const char *shm_region_name(const struct vm_region *region, char *buf)
{
	snprintf(buf, VM_NAME_MAX, "/SYSV%08x (deleted)", (u32)shm_of_region(region)->object.key);
	return buf;
}

static const struct vm_region_ops shm_region_ops = {
	.fault = shm_fault,
	.fault_around = shm_fault_around,
	.open = shm_region_open,
	.close = shm_region_close,
	.name_of = shm_region_name,
	.page_cache = true,
};

static int shm_mmap(struct file *f, struct vm_region *region)
{
	region->ops = &shm_region_ops;
	shm_region_open(region);
	return 0;
}

static void shm_release(struct file *f)
{
	struct shm_segment *segment = f->private;

	ipc_put(&segment->object);
}

static const struct file_ops shm_template_fops, shm_file_fops = {
	.mmap = shm_mmap,
	.release = shm_release,
};

/* ---- shmat(), shmdt() ---- */

struct attach_request {
	u64 addr;
	u32 flags, prot, mode;
	bool read_only;
};

static int attach_check_address(struct attach_request *request)
{
	if (!request->addr)
		return request->flags & SHM_REMAP ? -EINVAL : 0;
	if (!(request->addr & ~PAGE_MASK))
		return 0;
	if (!(request->flags & SHM_RND))
		return -EINVAL;
	request->addr &= PAGE_MASK;
	if (!request->addr && request->flags & SHM_REMAP)
		return -EINVAL;
	return 0;
}

static int attach_parse(struct attach_request *request, u64 addr, u32 flags)
{
	int err;

	request->addr = addr;
	request->flags = flags;
	err = attach_check_address(request);
	if (err)
		return err;
	request->read_only = flags & SHM_RDONLY;
	request->prot = PROT_READ;
	request->mode = SHM_READ_ALL;
	if (!request->read_only) {
		request->prot |= PROT_WRITE;
		request->mode |= SHM_WRITE_ALL;
	}
	if (flags & SHM_EXEC) {
		request->prot |= PROT_EXEC;
		request->mode |= SHM_EXEC_ALL;
	}
	return 0;
}

/* @given: the caller chose the address. */
static s64 attach_map(struct shm_segment *segment, const struct attach_request *request, bool given)
{
	u32 map_flags = MAP_SHARED;
	struct file *f;
	s64 result;

	if (given && !(request->flags & SHM_REMAP)) {
		if (request->addr + segment->size < request->addr)
			return -EINVAL;
		map_flags |= MAP_FIXED_NOREPLACE;
	} else if (given) {
		map_flags |= MAP_FIXED;
	}
	f = file_create_anon_pair(segment->file, &shm_file_fops, segment,
				  request->read_only ? O_RDONLY : O_RDWR);
	if (IS_ERR(f))
		return PTR_ERR(f);
	atomic_inc(&segment->object.refs);
	f->inode->ino = (u32)segment->object.id;
	result = vm_map(current->space, request->addr, segment->size, request->prot, map_flags, f,
			0);
	file_put(f);
	if (result == -EEXIST)
		return -EINVAL;
	return result;
}

static s64 shm_attach(s32 id, struct attach_request *request, bool given)
{
	struct ipc_object *object = ipc_find(&shm_ids, id);
	struct shm_segment *segment;
	s64 result;

	if (IS_ERR(object))
		return PTR_ERR(object);
	segment = shm_of(object);
	result = ipc_permission(object, request->mode);
	if (!result)
		result = ipc_lock(object);
	if (!result) {
		/* While it is being mapped, the segment counts as attached, so that it stays. */
		segment->nr_attached++;
		ipc_unlock(object);
		result = attach_map(segment, request, given);
		shm_detach(segment);
	}
	ipc_put(object);
	return result;
}

SYSCALL3(shmat, id, addr, flags)
{
	struct attach_request request;
	int err = -EINVAL;

	if ((s32)id >= 0)
		err = attach_parse(&request, addr, (u32)flags);
	return err ?: shm_attach((s32)id, &request, addr != 0);
}

static u64 shm_attached_size(const struct file *f)
{
	const struct shm_segment *segment = f->private;

	return PAGE_ALIGN(segment->size);
}

SYSCALL1(shmdt, addr)
{
	if (addr & ~PAGE_MASK)
		return -EINVAL;
	return vm_unmap_attached(current->space, addr, &shm_region_ops, shm_attached_size);
}

/* ---- shmctl() ---- */

static s64 shm_limits(uaddr_t to)
{
	struct user_shminfo info = {
		.shmmax = READ_ONCE(shm_max),
		.shmmin = SHM_MIN,
		.shmmni = READ_ONCE(shm_mni),
		.shmseg = READ_ONCE(shm_mni),
		.shmall = READ_ONCE(shm_all),
	};

	if (copy_to_user(to, &info, sizeof(info)))
		return -EFAULT;
	return ipc_highest(&shm_ids);
}

static s64 shm_usage(uaddr_t to)
{
	struct user_shm_info info = {
		.used_ids = (s32)READ_ONCE(shm_ids.in_use),
		.shm_tot = (u64)atomic_read(&shm_reserved),
		.shm_rss = (u64)atomic_read(&shm_budget.used),
	};

	if (copy_to_user(to, &info, sizeof(info)))
		return -EFAULT;
	return ipc_highest(&shm_ids);
}

static void shm_fill(const struct shm_segment *segment, struct user_shmid_ds *out)
{
	ipc_fill_perm(&segment->object, &out->perm);
	out->segsz = segment->size;
	out->atime = segment->attach_time;
	out->dtime = segment->detach_time;
	out->ctime = segment->change_time;
	out->cpid = segment->created_by;
	out->lpid = segment->last_by;
	out->nattch = segment->nr_attached;
}

static s64 shm_stat(s32 id, u32 command, uaddr_t to)
{
	struct user_shmid_ds out = { .segsz = 0 };
	struct ipc_object *object;
	s64 result = 0;

	if (command == IPC_STAT)
		object = ipc_find(&shm_ids, id);
	else
		object = ipc_find_index(&shm_ids, id);
	if (IS_ERR(object))
		return PTR_ERR(object);
	if (command != SHM_STAT_ANY)
		result = ipc_permission(object, SHM_READ_ALL);
	if (!result)
		result = ipc_lock(object);
	if (!result) {
		shm_fill(shm_of(object), &out);
		if (command != IPC_STAT)
			result = object->id;
		ipc_unlock(object);
	}
	ipc_put(object);
	if (result >= 0 && copy_to_user(to, &out, sizeof(out)))
		return -EFAULT;
	return result;
}

static s64 shm_set(s32 id, uaddr_t from)
{
	struct user_shmid_ds in;
	struct ipc_object *object;
	int err;

	if (copy_from_user(&in, from, sizeof(in)))
		return -EFAULT;
	object = ipc_find_owned(&shm_ids, id);
	if (IS_ERR(object))
		return PTR_ERR(object);
	err = ipc_lock(object);
	if (!err) {
		err = ipc_set_owner(object, &in.perm);
		if (!err)
			shm_of(object)->change_time = ipc_now();
		ipc_unlock(object);
	}
	ipc_put(object);
	return err;
}

static s64 shm_remove(s32 id)
{
	struct ipc_object *object = ipc_find_owned(&shm_ids, id);
	bool removed = false;
	s64 result = 0;

	if (IS_ERR(object))
		return PTR_ERR(object);
	spin_lock_both(object);
	if (object->removed) {
		result = -EIDRM;
	} else if (shm_of(object)->nr_attached) {
		object->mode |= SHM_DEST;
		ipc_forget_key_locked(object); /* the id stays valid */
	} else {
		removed = ipc_remove_locked(object);
	}
	spin_unlock_both(object);
	if (removed)
		ipc_put(object);
	ipc_put(object);
	return result;
}

/* Locking: object->lock. */
static int shm_may_lock(const struct ipc_object *object, bool lock)
{
	u64 limit = current_limit(RLIMIT_MEMLOCK);
	uid_t euid = current_cred()->euid;

	if (current_capable(CAP_IPC_LOCK))
		return 0;
	if (euid != object->uid && euid != object->cuid)
		return -EPERM;
	if (lock && !limit)
		return -EPERM;
	if (lock && !(object->mode & SHM_LOCKED) &&
	    container_of(object, struct shm_segment, object)->size > limit)
		return -ENOMEM;
	return 0;
}

static s64 shm_pages_lock(s32 id, bool lock)
{
	struct ipc_object *object = ipc_find(&shm_ids, id);
	int err;

	if (IS_ERR(object))
		return PTR_ERR(object);
	err = ipc_lock(object);
	if (!err) {
		err = shm_may_lock(object, lock);
		if (!err && lock)
			object->mode |= SHM_LOCKED;
		else if (!err)
			object->mode &= ~SHM_LOCKED;
		ipc_unlock(object);
	}
	ipc_put(object);
	return err;
}

SYSCALL3(shmctl, id, command, buf)
{
	if ((s32)id < 0 || (s32)command < 0)
		return -EINVAL;
	switch ((u32)command) {
	case IPC_INFO: return shm_limits(uaddr(buf));
	case SHM_INFO: return shm_usage(uaddr(buf));
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY: return shm_stat((s32)id, (u32)command, uaddr(buf));
	case IPC_SET: return shm_set((s32)id, uaddr(buf));
	case IPC_RMID: return shm_remove((s32)id);
	case SHM_LOCK:
	case SHM_UNLOCK: return shm_pages_lock((s32)id, (u32)command == SHM_LOCK);
	default: return -EINVAL;
	}
}

/* ---- /proc ---- */

void shm_show(struct seq_file *seq, struct ipc_object *object)
{
	const struct shm_segment *segment = shm_of(object);
	struct user_shmid_ds ds = { .segsz = 0 };
	u64 present = vm_shared_present(segment->memory) << PAGE_SHIFT;

	shm_fill(segment, &ds);
	seq_printf(
		seq,
		"%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10ld %10ld %10ld %21lu %21lu\n",
		object->key, object->id, object->mode, ds.segsz, ds.cpid, ds.lpid, ds.nattch,
		object->uid, object->gid, object->cuid, object->cgid, ds.atime, ds.dtime, ds.ctime,
		present, 0ul);
}

void shm_init(void)
{
	struct mem_info mem;

	mem_info_get(&mem);
	shm_budget.max_pages = (s32)MIN(mem.total / 2, (u64)INT32_MAX);
}
