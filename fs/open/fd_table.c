// SPDX-License-Identifier: MIT
/*
 * Descriptor tables: small numbers to open files.
 *
 * A table belongs to one thread or is shared (CLONE_FILES). The owner of an
 * unshared table borrows a file for the length of a call without counting:
 * no other thread can close it. Users of a shared table count it, found under RCU,
 * so files that were ever in one are freed after a grace period (FMODE_RCU).
 *
 * Lock: files->lock (spin) guards changes; a larger table replaces the old one
 * by one store and the old one is freed after a grace period. Others' tables
 * (/proc) are read under the lock.
 */
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <uapi/fcntl.h>
#include "open.h"

#define FD_MAX (1u << 20)

static struct kmem_cache *files_cache;

static bool fd_bit(const u64 *map, u32 bit_nr)
{
	return map[bit_nr / 64] >> (bit_nr % 64) & 1;
}
static void fd_set_bit(u64 *map, u32 bit_nr, bool value)
{
	if (value)
		map[bit_nr / 64] |= 1ull << bit_nr % 64;
	else
		map[bit_nr / 64] &= ~(1ull << bit_nr % 64);
}

/* Both marks of a descriptor that was free. Mostly one is written, since threads may share the line. */
static inline void fd_mark_open(struct fd_table *table, u32 fd, bool cloexec)
{
	u64 bit = 1ull << fd % 64, *word = &table->cloexec[fd / 64];

	table->open[fd / 64] |= bit;
	if (unlikely(!(*word & bit) == cloexec))
		*word ^= bit;
}

static u64 fd_limit(void)
{
	const struct process *p = current_process(); /* none while the first one is made */

	if (p)
		return MIN(p->limits[RLIMIT_NOFILE].rlim_cur, (u64)FD_MAX);
	return FD_INLINE;
}

/* ---- tables ---- */

void files_init(void)
{
	files_cache = kmem_cache_create("files", sizeof(struct files), 64);
	if (!files_cache)
		boot_stop("not enough memory for tables of open files");
}

struct files *files_create(void)
{
	struct files *files = kmem_cache_zalloc(files_cache);

	if (!files)
		return NULL;
	atomic_set(&files->refs, 1);
	files->inline_table.size = FD_INLINE;
	files->inline_table.file = files->inline_file;
	files->inline_table.open = &files->inline_open;
	files->inline_table.cloexec = &files->inline_cloexec;
	files->table = &files->inline_table;
	return files;
}

static void fd_table_free(struct rcu_head *head)
{
	kvfree(container_of(head, struct fd_table, rcu));
}

/* Allocate space for @p size descriptors in one piece. */
static struct fd_table *table_create(u32 size)
{
	struct fd_table *table =
		kvzalloc(sizeof(*table) + size * sizeof(struct file *) + size / 64 * 16);

	if (!table)
		return NULL;
	table->size = size;
	table->file = (struct file **)(table + 1);
	table->open = (u64 *)(table->file + size);
	table->cloexec = table->open + size / 64;
	return table;
}

static void table_copy(struct fd_table *to, const struct fd_table *from, u32 size)
{
	memcpy(to->file, from->file, size * sizeof(from->file[0]));
	memcpy(to->open, from->open, size / 8);
	memcpy(to->cloexec, from->cloexec, size / 8);
}

/* Make space for @p fd; called and returns with the lock held, releases it to allocate. */
static int table_grow(struct files *files, u32 fd)
{
	assert_held(&files->lock);
	while (fd >= files->table->size) {
		u32 size = MIN(ALIGN_UP(MAX(fd + 1, files->table->size * 2), 64u), FD_MAX);
		struct fd_table *new, *old;

		spin_unlock(&files->lock);
		new = table_create(size);
		spin_lock(&files->lock);
		if (!new)
			return -ENOMEM;
		old = files->table;
		if (old->size >= size) {
			kvfree(new);
			continue;
		}
		table_copy(new, old, old->size);
		rcu_assign_pointer(files->table, new);
		if (old != &files->inline_table)
			call_rcu(&old->rcu, fd_table_free);
	}
	return 0;
}

void files_get(struct files *files)
{
	struct fd_table *tab;

	spin_lock(&files->lock);
	tab = files->table;
	/* Of a table that is shared already, all files are marked. */
	for (u32 word = 0; atomic_read(&files->refs) == 1 && word < tab->size / 64; word++)
		for (u64 bits = tab->open[word]; bits; bits &= bits - 1) {
			struct file *f = tab->file[word * 64 + __builtin_ctzll(bits)];

			if (f && !(f->mode & FMODE_RCU)) /* others may use the file, too */
				f->mode |= FMODE_RCU;
		}
	atomic_inc(&files->refs);
	spin_unlock(&files->lock);
}

/* Close a descriptor of @p owner: flush, POSIX locks, the table's reference. Sleeps. */
static s64 file_close(struct file *f, struct files *owner)
{
	s64 err = 0;

	if (f->ops->flush && !(f->mode & FMODE_PATH))
		err = f->ops->flush(f);
	if (unlikely(READ_ONCE(f->inode->locks)))
		locks_close(f, owner);
	file_put(f);
	return err;
}

void files_put(struct files *files)
{
	struct fd_table *tab;

	if (!files || !atomic_dec_and_test(&files->refs))
		return;
	tab = files->table;
	for (u32 word = 0; word < tab->size / 64; word++)
		for (u64 bits = tab->open[word]; bits; bits &= bits - 1) {
			struct file *f = tab->file[word * 64 + __builtin_ctzll(bits)];

			if (f)
				file_close(f, files);
		}
	if (tab != &files->inline_table)
		kvfree(tab);
	kmem_cache_free(files_cache, files);
}

/* Words of the bitmap that hold an open descriptor. */
static u32 words_used(const struct fd_table *table)
{
	u32 words = table->size / 64;

	while (words > 1 && !table->open[words - 1])
		words--;
	return words;
}

struct files *files_copy(struct files *old)
{
	struct files *new = files_create();
	struct fd_table *to, *from;
	u32 words;

	if (!new)
		return NULL;
	spin_lock(&old->lock);
	while ((words = words_used(old->table)) * 64 > new->table->size) {
		spin_unlock(&old->lock);
		if (new->table != &new->inline_table)
			kvfree(new->table);
		to = table_create(words * 64);
		if (to)
			new->table = to;
		else
			new->table = &new->inline_table;
		if (!to) {
			files_put(new);
			return NULL;
		}
		spin_lock(&old->lock);
	}
	from = old->table;
	to = new->table;
	for (u32 word = 0; word < words; word++) {
		to->open[word] = from->open[word];
		to->cloexec[word] = from->cloexec[word];
		for (u64 bits = from->open[word]; bits; bits &= bits - 1) {
			u32 fd = word * 64 + __builtin_ctzll(bits);
			struct file *f = from->file[fd];

			if (!f) { /* reserved by an open() of another thread */
				fd_set_bit(to->open, fd, false);
				continue;
			}
			file_get(f);
			to->file[fd] = f;
		}
	}
	new->first_word = old->first_word;
	spin_unlock(&old->lock);
	return new;
}

int files_unshare(void)
{
	struct files *old = current->files, *new;

	if (atomic_read(&old->refs) == 1)
		return 0;
	new = files_copy(old);
	if (!new)
		return -ENOMEM;
	current->files = new;
	files_put(old);
	return 0;
}

void files_close_on_exec(struct files *files)
{
	struct fd_table *tab = files->table;

	for (u32 word = 0; word < tab->size / 64; word++)
		while (tab->open[word] & tab->cloexec[word])
			fd_close(word * 64 + __builtin_ctzll(tab->open[word] & tab->cloexec[word]));
}

/* ---- numbers to files ---- */

/* A shared table: the file may be closed at any moment, so count it first, then look again. */
static __noinline struct file *get_shared(struct files *files, u32 fd)
{
	struct file *f;

	rcu_read_lock();
	for (;;) {
		struct fd_table *tab = rcu_dereference(files->table);

		if (fd >= tab->size)
			f = NULL;
		else
			f = rcu_dereference(tab->file[fd]);
		if (!f)
			break;
		if (!atomic_inc_not_zero(&f->refs))
			continue;
		if (READ_ONCE(tab->file[fd]) == f)
			break;
		rcu_read_unlock();
		file_put(f); /* replaced in between */
		rcu_read_lock();
	}
	rcu_read_unlock();
	return f;
}

static inline struct fd_ref fd_lookup(u32 fd)
{
	struct files *files = current->files;
	struct fd_table *tab;

	if (unlikely(atomic_read(&files->refs) != 1)) {
		struct file *f = get_shared(files, fd);

		return (struct fd_ref){ f, f != NULL };
	}
	tab = files->table;
	return (struct fd_ref){ likely(fd < tab->size) ? tab->file[fd] : NULL, false };
}

struct fd_ref fd_get_path(u32 fd)
{
	return fd_lookup(fd);
}

static __noinline struct fd_ref fd_refuse(struct fd_ref ref)
{
	fd_put(ref);
	return (struct fd_ref){ NULL, false };
}

struct fd_ref fd_get(u32 fd)
{
	struct fd_ref ref = fd_lookup(fd);

	if (ref.file && unlikely(ref.file->mode & FMODE_PATH))
		return fd_refuse(ref);
	return ref;
}

/* find_free() from @p fd on, where lower ones are not asked for. */
static __noinline int search_free(struct files *files, u32 fd)
{
	u64 limit = fd_limit();

	assert_held(&files->lock);
	for (;;) {
		struct fd_table *tab = files->table;
		int err;

		while (fd < tab->size) {
			u64 free = ~tab->open[fd / 64] >> fd % 64;

			if (free) {
				fd += __builtin_ctzll(free);
				break;
			}
			fd = (fd | 63) + 1;
		}
		if (fd >= limit)
			return -EMFILE;
		if (fd < tab->size)
			return fd;
		err = table_grow(files, fd);
		if (err)
			return err;
	}
}

/* Lowest free number from @p from on, after making space for it. Locked. @return it, -EMFILE, -ENOMEM */
static inline int find_free(struct files *files, u32 from)
{
	const struct fd_table *tab = files->table;
	u32 word = files->first_word;
	u64 free;
	int fd;

	assert_held(&files->lock);
	if (unlikely(from > word * 64))
		return search_free(files, from);
	if (likely(word < tab->size / 64 && (free = ~tab->open[word]) != 0)) {
		fd = word * 64 + __builtin_ctzll(free);
		if (likely((u32)fd < fd_limit()))
			return fd;
	}
	fd = search_free(files, word * 64);
	/* One by one: another thread may have closed some while the table grew. */
	while (fd / 64 > (int)files->first_word && !~files->table->open[files->first_word])
		files->first_word++;
	return fd;
}

int fd_room(void)
{
	struct files *files = current->files;
	int fd;

	spin_lock(&files->lock);
	fd = find_free(files, 0);
	spin_unlock(&files->lock);
	return MIN(fd, 0);
}

int fd_install(struct file *f, u32 from, bool cloexec)
{
	struct files *files = current->files;
	int fd;

	spin_lock(&files->lock);
	fd = find_free(files, from);
	if (fd >= 0) {
		struct fd_table *tab = files->table;

		if (atomic_read(&files->refs) != 1)
			f->mode |= FMODE_RCU;
		fd_mark_open(tab, fd, cloexec);
		smp_store_release(&tab->file[fd], f);
	}
	spin_unlock(&files->lock);
	return fd;
}

/* Take a descriptor out. Locked. */
static struct file *take_out(struct files *files, u32 fd)
{
	struct fd_table *tab = files->table;
	struct file *f = NULL;

	assert_held(&files->lock);
	if (fd < tab->size)
		f = tab->file[fd];
	if (!f)
		return NULL;
	tab->file[fd] = NULL;
	fd_set_bit(tab->open, fd, false);
	if (unlikely(fd / 64 < files->first_word))
		files->first_word = fd / 64;
	return f;
}

int fd_close(u32 fd)
{
	struct files *files = current->files;
	struct file *f;

	spin_lock(&files->lock);
	f = take_out(files, fd);
	spin_unlock(&files->lock);
	if (!f)
		return -EBADF;
	return file_close(f, files);
}

struct file *files_get_file_flags(struct files *files, u32 fd, bool *cloexec)
{
	struct file *f;

	spin_lock(&files->lock);
	if (fd >= files->table->size)
		f = NULL;
	else
		f = files->table->file[fd];
	*cloexec = f && fd_bit(files->table->cloexec, fd);
	if (f)
		file_get(f);
	spin_unlock(&files->lock);
	return f;
}

struct file *files_get_file(struct files *files, u32 fd)
{
	bool cloexec;

	return files_get_file_flags(files, fd, &cloexec);
}

u32 files_size(struct files *files)
{
	u32 size;

	spin_lock(&files->lock);
	size = files->table->size;
	spin_unlock(&files->lock);
	return size;
}

int files_next_fd(struct files *files, u32 from)
{
	int found = -1;

	spin_lock(&files->lock);
	for (u32 fd = from; fd < files->table->size && found < 0; fd++)
		if (files->table->file[fd])
			found = fd;
	spin_unlock(&files->lock);
	return found;
}

/* ---- system calls ---- */

SYSCALL1(close, fd)
{
	return fd_close((u32)fd);
}

SYSCALL1(dup, fd)
{
	struct fd_ref ref = fd_get_path((u32)fd);
	int new;

	if (!ref.file)
		return -EBADF;
	if (!ref.counted)
		file_get(ref.file);
	new = fd_install(ref.file, 0, false);
	if (new < 0)
		file_put(ref.file);
	return new;
}

static s64 do_dup_to(u32 old, u32 new, bool cloexec)
{
	struct files *files = current->files;
	struct file *f, *before;
	struct fd_table *tab;
	int err;

	if (new >= fd_limit())
		return -EBADF;
	f = files_get_file(files, old);
	if (!f)
		return -EBADF;
	spin_lock(&files->lock);
	err = table_grow(files, new);
	tab = files->table;
	if (!err && fd_bit(tab->open, new) && !tab->file[new])
		err = -EBUSY; /* an open() of another thread is about to use it */
	if (err) {
		spin_unlock(&files->lock);
		file_put(f);
		return err;
	}
	before = tab->file[new];
	if (atomic_read(&files->refs) != 1)
		f->mode |= FMODE_RCU;
	fd_set_bit(tab->open, new, true);
	fd_set_bit(tab->cloexec, new, cloexec);
	smp_store_release(&tab->file[new], f);
	spin_unlock(&files->lock);
	if (before)
		file_close(before, files);
	return new;
}

SYSCALL2(dup2, old, new)
{
	if ((u32)old == (u32) new) {
		struct fd_ref ref = fd_get_path((u32)old);

		if (!ref.file)
			return -EBADF;
		fd_put(ref);
		return (u32) new;
	}
	return do_dup_to((u32)old, (u32) new, false);
}

SYSCALL3(dup3, old, new, flags)
{
	if (((u32)flags & ~O_CLOEXEC) || (u32)old == (u32) new)
		return -EINVAL;
	return do_dup_to((u32)old, (u32) new, flags & O_CLOEXEC);
}

#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4

SYSCALL3(close_range, first, last, flags)
{
	u32 from = (u32)first, last_fd = (u32)last;
	int fd, err;

	if (((u32)flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || from > last_fd)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		err = files_unshare();
		if (err)
			return err;
	}
	while ((fd = files_next_fd(current->files, from)) >= 0 && (u32)fd <= last_fd) {
		if (flags & CLOSE_RANGE_CLOEXEC) {
			spin_lock(&current->files->lock);
			fd_set_bit(current->files->table->cloexec, fd, true);
			spin_unlock(&current->files->lock);
		} else {
			fd_close(fd);
		}
		if ((u32)fd == ~0u)
			break;
		from = fd + 1;
	}
	return 0;
}

int fd_get_cloexec(u32 fd)
{
	struct files *files = current->files;
	int cloexec = -EBADF;

	spin_lock(&files->lock);
	if (fd < files->table->size && files->table->file[fd])
		cloexec = fd_bit(files->table->cloexec, fd);
	spin_unlock(&files->lock);
	return cloexec;
}

int fd_set_cloexec(u32 fd, bool cloexec)
{
	struct files *files = current->files;
	int err = -EBADF;

	spin_lock(&files->lock);
	if (fd < files->table->size && files->table->file[fd]) {
		fd_set_bit(files->table->cloexec, fd, cloexec);
		err = 0;
	}
	spin_unlock(&files->lock);
	return err;
}
