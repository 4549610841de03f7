// SPDX-License-Identifier: MIT
/*
 * The cache of stored files, above a file system made up for the test, whose store is an array: it counts what is asked of
 * it, fails where it is to, and takes its time.
 */
#include <kernel/err.h>
#include <kernel/fs/file.h>
#include <kernel/fs/file_cache.h>
#include <kernel/heap.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/fcntl.h>
#include <uapi/mman.h>

#define STORE_PAGES 256u
#define P(n)	    ((u64)(n) << PAGE_SHIFT)
#define HINT	    0x10000000ull

/* The store of one file, and what happened to it. */
struct store {
	struct inode *inode;
	struct file_cache cache;
	u8 *bytes;
	u32 reads, pages_read, writes, pages_written, dirtied, evicted;
	int read_error, write_error;
	u32 delay_ms; /* of each */
	u32 *evictions;
};

static struct super_block *store_super;

static int store_read(struct inode *inode, u64 first, u32 count, struct page **pages)
{
	struct store *store = inode->private;

	__atomic_fetch_add(&store->reads, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&store->pages_read, count, __ATOMIC_RELAXED);
	if (store->delay_ms)
		sleep_ms(store->delay_ms);
	if (store->read_error)
		return store->read_error;
	for (u32 i = 0; i < count; i++)
		copy_page(page_address(pages[i]), store->bytes + P(first + i));
	return 0;
}

static int store_write(struct inode *inode, u64 first, u32 count, struct page **pages, u64 bytes)
{
	struct store *store = inode->private;

	__atomic_fetch_add(&store->writes, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&store->pages_written, count, __ATOMIC_RELAXED);
	if (store->delay_ms)
		sleep_ms(store->delay_ms);
	if (store->write_error)
		return store->write_error;
	for (u32 i = 0; bytes; i++) {
		u64 part = MIN(bytes, PAGE_SIZE);

		memcpy(store->bytes + P(first + i), page_address(pages[i]), part);
		bytes -= part;
	}
	return 0;
}

static void store_dirtied(struct inode *inode)
{
	struct store *store = inode->private;

	__atomic_fetch_add(&store->dirtied, 1, __ATOMIC_RELAXED);
}

static const struct cache_backing store_backing = {
	.read = store_read,
	.write = store_write,
	.dirtied = store_dirtied,
};

static void store_evict(struct inode *inode)
{
	struct store *store = inode->private;

	__atomic_fetch_add(&store->evicted, 1, __ATOMIC_RELEASE);
}

static const struct super_ops store_ops = { .evict_inode = store_evict };
static const struct fs_type store_type = { .name = "teststore", .flags = FS_NODEV };

/* A file of @npages, of which page n is full of n + 1. @return it; NULL: the test has failed */
static struct store *store_create(struct ktest_context *test, u32 npages)
{
	struct store *store = kzalloc(sizeof(*store));

	if (!store_super)
		store_super = super_alloc(&store_type, &store_ops);
	if (!KEXPECT(store && store_super))
		return NULL;
	store->bytes = kvzalloc(P(STORE_PAGES));
	store->inode = inode_alloc(store_super);
	if (!KEXPECT(store->bytes && store->inode))
		return NULL;
	for (u32 i = 0; i < npages; i++)
		memset(store->bytes + P(i), (int)i + 1, PAGE_SIZE);
	store->inode->mode = S_IFREG | 0600;
	store->inode->size = P(npages);
	store->inode->private = store;
	file_cache_init(store->inode, &store->cache, &store_backing, NULL, 0);
	return store;
}

/* Forget an inode, which has no other user but write-back, and its store. */
static void store_end(struct ktest_context *test, struct store *store)
{
	store->inode->nlink = 0;
	inode_put(store->inode);
	for (u32 i = 0; i < 1000 && !__atomic_load_n(&store->evicted, __ATOMIC_ACQUIRE); i++)
		sleep_ms(1);
	if (KEXPECT_EQ(store->evicted, 1)) {
		kvfree(store->bytes);
		kfree(store);
	}
}

static struct file *store_open(struct store *store)
{
	struct file *f = NULL;

	if (store)
		f = file_alloc();
	if (!f)
		return NULL;
	f->inode = store->inode;
	f->mode = FMODE_READ | FMODE_WRITE;
	f->ops = &file_cache_fops;
	(void)file_cache_open(store->inode, f);
	return f;
}

static s64 store_put(struct file *f, u64 pos, u64 length, u8 byte)
{
	u8 *buffer = kmalloc(length);
	s64 done = -ENOMEM;

	if (buffer) {
		memset(buffer, byte, length);
		done = file_write_kernel(f, buffer, length, &pos);
	}
	kfree(buffer);
	return done;
}

/* @return the byte that all of [pos, pos + length) have, else -1, or -errno */
static s64 store_get(struct file *f, u64 pos, u64 length)
{
	u8 *buffer = kmalloc(length);
	s64 done = -ENOMEM;

	if (!buffer)
		return done;
	done = file_read_kernel(f, buffer, length, &pos);
	for (s64 i = 0; done > 0 && i < (s64)length; i++)
		if (i >= done || buffer[i] != buffer[0])
			done = -1;
	if (done > 0)
		done = buffer[0];
	kfree(buffer);
	return done;
}

static int store_sync(struct file *f)
{
	return f->ops->fsync(f, 0, FILE_SIZE_MAX, false);
}

KTEST(file_cache, reads_each_page_once_and_ahead)
{
	struct store *store = store_create(test, 128);
	struct file *f = store_open(store);

	if (!KEXPECT(f))
		return;
	for (u32 i = 0; i < 128; i++)
		KEXPECT_EQ(store_get(f, P(i), PAGE_SIZE), (u8)(i + 1));
	KEXPECT_EQ(store->pages_read, 128);
	KEXPECT(store->reads <= 8);
	for (u32 i = 0; i < 128; i += 16)
		KEXPECT_EQ(store_get(f, P(i), 1), (u8)(i + 1));
	KEXPECT_EQ(store->pages_read, 128);
	KEXPECT_EQ(store_get(f, P(128), 1), 0);
	file_put(f);
	store_end(test, store);
}

KTEST(file_cache, reads_single_pages_at_random_places)
{
	struct store *store = store_create(test, 128);
	struct file *f = store_open(store);

	if (!KEXPECT(f))
		return;
	for (u32 i = 1; i < 128; i += 9)
		KEXPECT_EQ(store_get(f, P(i), 100), (u8)(i + 1));
	KEXPECT_EQ(store->pages_read, store->reads);
	file_put(f);
	store_end(test, store);
}

KTEST(file_cache, reads_before_it_writes_a_part_and_only_then)
{
	struct store *store = store_create(test, 8);
	struct file *f = store_open(store);

	if (!KEXPECT(f))
		return;
	KEXPECT_EQ(store_put(f, 0, P(4), 0xaa), P(4));
	KEXPECT_EQ(store->reads, 0);
	KEXPECT_EQ(store_put(f, P(5) + 10, 20, 0xbb), 20);
	KEXPECT_EQ(store->pages_read, 1);
	KEXPECT_EQ(store_put(f, P(8), 100, 0xcc), 100); /* behind the end */
	KEXPECT_EQ(store->pages_read, 1);
	KEXPECT_EQ(store->writes, 0);
	KEXPECT_EQ(store_sync(f), 0);
	KEXPECT_EQ(store->pages_written, 6);
	KEXPECT_EQ(store->bytes[P(4) - 1], 0xaa);
	KEXPECT_EQ(store->bytes[P(4)], 5);
	KEXPECT_EQ(store->bytes[P(5) + 9], 6);
	KEXPECT_EQ(store->bytes[P(5) + 10], 0xbb);
	KEXPECT_EQ(store->bytes[P(5) + 30], 6);
	KEXPECT_EQ(store->bytes[P(8) + 99], 0xcc);
	KEXPECT_EQ(store->bytes[P(8) + 100], 0);
	KEXPECT_EQ(store->inode->size, P(8) + 100);
	KEXPECT_EQ(store_sync(f), 0);
	KEXPECT_EQ(store->pages_written, 6);
	KEXPECT_EQ(store->dirtied, 1);
	file_put(f);
	store_end(test, store);
}

KTEST(file_cache, reports_an_error_of_writing_to_each_file_once)
{
	struct store *store = store_create(test, 8);
	struct file *one = store_open(store);
	struct file *other = store_open(store), *later;

	if (!KEXPECT(one && other))
		return;
	store->write_error = -ENOSPC;
	KEXPECT_EQ(store_put(one, 0, P(2), 1), P(2));
	(void)file_cache_write_back(store->inode, 0, ~0ull, true);
	later = store_open(store); /* nobody was told yet: it is */
	if (!KEXPECT(later))
		return;
	KEXPECT_EQ(store_sync(one), -ENOSPC);
	KEXPECT_EQ(store_sync(one), 0);
	KEXPECT_EQ(store_sync(other), -ENOSPC);
	KEXPECT_EQ(store_sync(later), -ENOSPC);
	file_put(later);
	later = store_open(store);
	KEXPECT_EQ(store_sync(later), 0);
	KEXPECT_EQ(store_put(one, 0, P(1), 1), P(1));
	KEXPECT_EQ(file_cache_write_back(store->inode, 0, ~0ull, true), -ENOSPC);
	KEXPECT_EQ(store_sync(other), -ENOSPC);
	KEXPECT_EQ(store_sync(other), 0);
	store->write_error = 0;
	KEXPECT_EQ(store_put(one, 0, P(2), 7), P(2));
	KEXPECT_EQ(store_sync(one), -ENOSPC);
	KEXPECT_EQ(store_sync(one), 0);
	KEXPECT_EQ(store->bytes[P(1)], 7);
	file_put(one);
	file_put(other);
	file_put(later);
	store_end(test, store);
}

KTEST(file_cache, tries_again_after_an_error_of_reading)
{
	struct store *store = store_create(test, 40);
	struct file *f = store_open(store);

	if (!KEXPECT(f))
		return;
	store->read_error = -EIO;
	KEXPECT_EQ(store_get(f, 0, PAGE_SIZE), -EIO);
	KEXPECT_EQ(store_get(f, P(1), PAGE_SIZE), -EIO); /* was read ahead */
	KEXPECT_EQ(store_put(f, 5, 10, 1), -EIO);
	store->read_error = 0;
	for (u32 i = 0; i < 40; i++)
		KEXPECT_EQ(store_get(f, P(i), PAGE_SIZE), i + 1);
	file_put(f);
	store_end(test, store);
}

KTEST(file_cache, cuts_and_shows_zeroes_where_it_grows_again)
{
	struct store *store = store_create(test, 8);
	struct file *f = store_open(store);
	struct inode *inode;

	if (!KEXPECT(f))
		return;
	inode = store->inode;
	KEXPECT_EQ(store_put(f, P(6), P(2), 0x55), P(2));
	mutex_lock(&inode->lock);
	KEXPECT_EQ(file_cache_cut_prepare(inode, P(3) + 10), 0);
	file_cache_cut_begin(inode);
	file_cache_cut(inode, P(3) + 10);
	file_cache_cut_end(inode);
	mutex_unlock(&inode->lock);
	KEXPECT_EQ(store_get(f, P(3), 10), 4);
	KEXPECT_EQ(store_get(f, P(3) + 10, 1), 0);
	KEXPECT_EQ(store_sync(f), 0);
	KEXPECT_EQ(store->bytes[P(6)], 7); /* was cut before it was written */
	KEXPECT_EQ(store_put(f, P(4) + 5, 1, 9), 1);
	KEXPECT_EQ(store_get(f, P(3) + 10, P(1) - 10), 0);
	KEXPECT_EQ(store_get(f, P(4), 5), 0);
	KEXPECT_EQ(store_sync(f), 0);
	KEXPECT_EQ(store->bytes[P(3) + 10], 0);
	KEXPECT_EQ(store->bytes[P(3) + 9], 4);
	file_put(f);
	store_end(test, store);
}

KTEST(file_cache, punches_holes_and_grows)
{
	struct store *store = store_create(test, 8);
	struct file *f = store_open(store);
	struct inode *inode;

	if (!KEXPECT(f))
		return;
	inode = store->inode;
	mutex_lock(&inode->lock);
	KEXPECT_EQ(file_cache_cut_prepare(inode, P(2) + 100), 0);
	KEXPECT_EQ(file_cache_cut_prepare(inode, P(5) + 50), 0);
	file_cache_cut_begin(inode);
	file_cache_punch(inode, P(2) + 100, P(3) - 50);
	memset(store->bytes + P(3), 0, P(2)); /* the file system's part */
	file_cache_cut_end(inode);
	KEXPECT_EQ(file_cache_extend(inode, P(9) + 1), 0);
	mutex_unlock(&inode->lock);
	KEXPECT_EQ(store_get(f, P(2), 100), 3);
	KEXPECT_EQ(store_get(f, P(2) + 100, P(3) - 50), 0);
	KEXPECT_EQ(store_get(f, P(5) + 50, P(1) - 50), 6);
	KEXPECT_EQ(store_get(f, P(8), P(1) + 1), 0);
	file_put(f);
	store_end(test, store);
}

KTEST(file_cache, keeps_an_inode_until_its_pages_are_written)
{
	struct store *store = store_create(test, 8);
	struct file *f = store_open(store);

	if (!KEXPECT(f))
		return;
	KEXPECT_EQ(store_put(f, 0, P(3), 0x77), P(3));
	file_put(f);
	inode_put(store->inode); /* it has a name, so what was written is not thrown away */
	KEXPECT_EQ(store->evicted, 0);
	KEXPECT_EQ(file_cache_write_back_super(store_super), 0);
	for (u32 i = 0; i < 1000 && !__atomic_load_n(&store->evicted, __ATOMIC_ACQUIRE); i++)
		sleep_ms(1);
	KEXPECT_EQ(store->evicted, 1);
	KEXPECT_EQ(store->bytes[P(2)], 0x77);
	KEXPECT_EQ(store->pages_written, 3);
	kvfree(store->bytes);
	kfree(store);
}

KTEST(file_cache, throws_away_what_has_no_name)
{
	struct store *store = store_create(test, 8);
	struct file *f = store_open(store);

	if (!KEXPECT(f))
		return;
	KEXPECT_EQ(store_put(f, 0, P(3), 0x77), P(3));
	file_put(f);
	store_end(test, store); /* which counts its end */
}

KTEST(file_cache, frees_clean_pages_and_keeps_dirty_ones)
{
	struct store *store = store_create(test, 128);
	struct file *f = store_open(store);
	u32 before;

	if (!KEXPECT(f))
		return;
	for (u32 i = 0; i < 128; i++)
		KEXPECT_EQ(store_get(f, P(i), 1), (u8)(i + 1));
	KEXPECT_EQ(store_put(f, P(7), P(1), 0x99), P(1));
	before = store->pages_read;
	while (file_cache_reclaim(64))
		;
	KEXPECT_EQ(store->inode->pages.tree.count, 1);
	KEXPECT_EQ(store_get(f, P(7), PAGE_SIZE), 0x99);
	KEXPECT_EQ(store->pages_read, before);
	KEXPECT_EQ(store_get(f, P(100), PAGE_SIZE), 101);
	KEXPECT_EQ(store->pages_read, before + 1);
	file_put(f);
	store_end(test, store);
}

/* ---- mappings ---- */

KTEST(file_cache, writes_what_mappings_changed_each_time)
{
	struct store *store = store_create(test, 20);
	struct file *f = store_open(store);
	struct file *other = file_open(AT_FDCWD, "/", O_TMPFILE | O_RDWR, 0600);
	struct vm_space *space = vm_space_create();
	u8 byte;
	s64 addr;

	if (!KEXPECT(f && space && !IS_ERR(other)))
		return;
	f->path = other->path; /* mmap() asks the mount */
	thread_switch_space(space);
	addr = vm_map(space, HINT, P(20), PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	KEXPECT(addr > 0);
	KEXPECT_EQ(copy_from_user(&byte, uaddr((u64)addr + P(17)), 1), 0);
	KEXPECT_EQ(byte, 18);
	for (u32 round = 1; round < 4; round++) {
		byte = (u8)(round * 40);
		KEXPECT_EQ(copy_to_user(uaddr((u64)addr + P(3) + 7), &byte, 1), 0);
		KEXPECT_EQ(vm_sync(space, (u64)addr, P(20), MS_SYNC), 0);
		KEXPECT_EQ(store->bytes[P(3) + 7], byte);
		KEXPECT_EQ(store->bytes[P(3) + 8], 4);
		KEXPECT_EQ(store->pages_written, round);
	}
	/* Mapped pages are freed, too, when there are no others, and come back. */
	while (file_cache_reclaim(64))
		;
	KEXPECT_EQ(store->inode->pages.tree.count, 0);
	KEXPECT_EQ(copy_from_user(&byte, uaddr((u64)addr + P(3) + 7), 1), 0);
	KEXPECT_EQ(byte, 120);
	KEXPECT(copy_from_user(&byte, uaddr((u64)addr + P(20)), 1) == -EFAULT);
	thread_switch_space(NULL);
	vm_space_put(space);
	f->path = (struct path){ NULL, NULL };
	file_put(f);
	file_put(other);
	store_end(test, store);
}

/* ---- many at once ---- */

#define RACERS	    4u
#define RACE_ROUNDS 60u

struct racer {
	struct store *store;
	u32 number;
	u32 failures;
	struct atomic *left;
};

/* Each has pages of its own, RACERS apart, and syncs, reclaims and reads what it wrote. */
static void racer_main(void *arg)
{
	struct racer *racer = arg;
	struct file *f = store_open(racer->store);

	racer->failures += !f;
	for (u32 round = 1; f && round <= RACE_ROUNDS; round++) {
		for (u32 i = racer->number; i < 32; i += RACERS)
			racer->failures += store_put(f, P(i) + round, 2000, (u8)round) != 2000;
		if (round % 4 == racer->number)
			racer->failures += store_sync(f) != 0;
		if (round % 8 == 3)
			file_cache_reclaim(16);
		for (u32 i = racer->number; i < 32; i += RACERS)
			racer->failures += store_get(f, P(i) + round, 2000) != (u8)round;
	}
	if (f)
		racer->failures += store_sync(f) != 0;
	if (f)
		file_put(f);
	atomic_dec(racer->left);
}

KTEST(file_cache, holds_what_four_threads_write_beside_reclaim)
{
	struct store *store = store_create(test, 32);
	struct racer racers[RACERS];
	struct atomic left = ATOMIC_INIT((s32)RACERS);
	u32 bad = 0;

	if (!store)
		return;
	store->delay_ms = 1;
	for (u32 i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){ .store = store, .number = i, .left = &left };
		if (!KEXPECT_EQ(thread_spawn(racer_main, &racers[i], "racer"), 0))
			atomic_dec(&left);
	}
	for (u32 i = 0; i < 30000 && atomic_read(&left); i++)
		sleep_ms(1);
	if (!KEXPECT_EQ(atomic_read(&left), 0))
		return;
	for (u32 i = 0; i < RACERS; i++)
		KEXPECT_EQ(racers[i].failures, 0);
	for (u32 i = 0; i < 32; i++)
		bad += store->bytes[P(i) + RACE_ROUNDS + 1999] != RACE_ROUNDS;
	KEXPECT_EQ(bad, 0);
	KEXPECT_EQ(store->cache.nr_dirty, 0);
	store_end(test, store);
}
