// SPDX-License-Identifier: MIT
/*
 * Room on a disk for files in the cache: nobody sees what was in blocks before a file got them. The file system is made up
 * for the test, and so is its disk, which is full of OLD bytes: a unit of allocation is four pages, and lies in the file
 * where it lies on the disk. Whenever a unit has got room another thread reads the file at once.
 */
#include <kernel/block_driver.h>
#include <kernel/err.h>
#include <kernel/fs/cache_settings.h>
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

#define PAGES	     64u
#define UNIT_PAGES   4u
#define UNIT	     (UNIT_PAGES * PAGE_SIZE)
#define SECTOR_SHIFT 9u
#define OLD	     0xee
#define P(n)	     ((u64)(n) << PAGE_SHIFT)
#define HINT	     0x10000000ull
#define WAIT_MS	     30000u

static struct {
	struct block_device *device;
	struct disk *disk;
	u8 *memory;
	struct inode *inode;
	struct file_cache cache;
	u32 room; /* bitmap: units that have it */
	u32 evicted;
	u64 dirty_at_end; /* pages, when the last change ended */
	/* What the reader does when a unit has got room: pages [first, first + count). */
	struct file *reader;
	u32 first, count;
	u32 flags;
	struct atomic wanted, served;
	bool stop;
	u32 read, old; /* pages, and those with an old byte */
	bool hold;     /* the disk takes no write */
	struct atomic held;
} room;

/* ---- the disk ---- */

static void room_transfer(const struct banos_block_request *request)
{
	struct block_request *buffer = block_buffer_get((u64)request->buffer, NULL);
	u8 *at = room.memory + (request->first << SECTOR_SHIFT);

	if (!buffer)
		return;
	if (request->operation == BANOS_BLOCK_READ)
		block_buffer_copy(buffer, BLOCK_COPY_TO, 0, at, request->bytes);
	else
		block_buffer_copy(buffer, BLOCK_COPY_FROM, 0, at, request->bytes);
	block_buffer_put(buffer);
}

static s64 room_submit(struct block_device *device, u32 queue,
		       const struct banos_block_request *requests, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		struct banos_block_completion completion = { requests[i].tag, 0 };

		if (READ_ONCE(room.hold) && requests[i].operation == BANOS_BLOCK_WRITE)
			atomic_inc(&room.held);
		while (READ_ONCE(room.hold) && requests[i].operation == BANOS_BLOCK_WRITE)
			sleep_ms(1);
		room_transfer(&requests[i]);
		block_device_complete(device, queue, (const u8 *)&completion, 1,
				      sizeof(completion));
	}
	return count;
}

static const struct block_methods room_methods = { .submit = room_submit };

static bool room_disk_create(struct ktest_context *test)
{
	struct block_device_config config = {
		.methods = &room_methods,
		.flags = BANOS_BLOCK_NO_DMA,
		.blocks = P(PAGES) >> SECTOR_SHIFT,
		.queues = 1,
		.depth = 8,
		.timeout_ms = WAIT_MS,
		.limits = { .block_bytes = 1u << SECTOR_SHIFT,
			    .block_shift = SECTOR_SHIFT,
			    .physical_bytes = 1u << SECTOR_SHIFT,
			    .segments_max = PAGES,
			    .segment_bytes_max = ~0u,
			    .bytes_max = 65536,
			    .alignment = 1,
			    .address_max = ~0ull },
		.name = "room#",
		.serial = "",
		.model = "",
		.place = "",
	};

	room.memory = kvzalloc(P(PAGES));
	room.device = block_device_create(&config);
	if (!KEXPECT(room.memory) || !KEXPECT(!IS_ERR(room.device)))
		return false;
	memset(room.memory, OLD, P(PAGES));
	if (KEXPECT_EQ(block_device_publish(room.device), 0))
		room.disk = disk_find_name(block_device_name(room.device));
	return KEXPECT(room.disk);
}

/* ---- the file system ---- */

/* The reader reads now, and has done so when this returns. */
static void reader_serve(void)
{
	s32 number = atomic_add_return(&room.wanted, 1);

	for (u32 i = 0; i < WAIT_MS && atomic_read(&room.served) < number; i++)
		sleep_ms(1);
}

static int room_map(struct inode *inode, u64 offset, u64 length, bool allocate,
		    struct cache_extent *extent)
{
	u32 unit = (u32)(offset / UNIT);
	bool has = room.room >> unit & 1;

	*extent = (struct cache_extent){
		.kind = CACHE_RUN, .offset = unit * UNIT, .length = UNIT, .store = unit * UNIT
	};
	if (!has && !allocate)
		extent->kind = CACHE_HOLE;
	if (has || !allocate)
		return 0;
	extent->fresh = true;
	room.room |= 1u << unit;
	if (room.reader)
		reader_serve();
	return 0;
}

static int room_begin(struct inode *inode)
{
	return 0;
}

static void room_end(struct inode *inode)
{
	room.dirty_at_end = room.cache.nr_dirty;
}

static const struct cache_backing room_backing = { .map = room_map,
						   .begin = room_begin,
						   .end = room_end };

static void room_evict(struct inode *inode)
{
	__atomic_store_n(&room.evicted, 1, __ATOMIC_RELEASE);
}

static const struct super_ops room_super_ops = { .evict_inode = room_evict };
static const struct fs_type room_type = { .name = "testroom", .flags = FS_NODEV };
static struct super_block *room_super;

static struct file *room_open(u32 flags)
{
	struct file *f = file_alloc();

	if (!f)
		return NULL;
	f->inode = room.inode;
	f->mode = FMODE_READ | FMODE_WRITE;
	f->flags = flags;
	f->ops = &file_cache_fops;
	(void)file_cache_open(room.inode, f);
	return f;
}

/* ---- the reader ---- */

static bool page_has_old(const u8 *bytes)
{
	for (u32 i = 0; i < PAGE_SIZE; i++)
		if (bytes[i] == OLD)
			return true;
	return false;
}

/* A page into memory of a program, as O_DIRECT needs it. @return bytes, or -errno */
static s64 reader_get(u64 user, u8 *bytes, u64 pos)
{
	struct uio uio = { .base = (u8 *)user, .left = PAGE_SIZE, .count = PAGE_SIZE };
	s64 got = room.reader->ops->read(room.reader, &uio, &pos);

	if (got == (s64)PAGE_SIZE && copy_from_user(bytes, uaddr(user), PAGE_SIZE))
		return -EFAULT;
	return got;
}

static void reader_read(u64 user, u8 *bytes)
{
	for (u32 i = 0; i < room.count; i++) {
		if (reader_get(user, bytes, P(room.first + i)) != (s64)PAGE_SIZE)
			continue;
		room.read++;
		room.old += page_has_old(bytes);
	}
}

static void reader_main(void *unused)
{
	struct vm_space *space = vm_space_create();
	u8 *bytes = kmalloc(PAGE_SIZE);
	s64 user = -ENOMEM;

	if (space && bytes) {
		thread_switch_space(space);
		user = vm_map(space, HINT, PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	}
	while (!READ_ONCE(room.stop)) {
		if (atomic_read(&room.served) == atomic_read(&room.wanted)) {
			sleep_ms(1);
			continue;
		}
		if (user > 0)
			reader_read((u64)user, bytes);
		atomic_inc(&room.served);
	}
	thread_switch_space(NULL);
	if (space)
		vm_space_put(space);
	kfree(bytes);
	atomic_inc(&room.served);
}

/* ---- begin and end ---- */

/* A file of @size bytes, all holes. @param flags  of the reader's file; @return a file for the test; NULL: it has failed */
static struct file *room_create(struct ktest_context *test, u64 size, u32 flags)
{
	memset(&room, 0, sizeof(room));
	if (!room_super)
		room_super = super_alloc(&room_type, &room_super_ops);
	if (!room_disk_create(test) || !KEXPECT(room_super))
		return NULL;
	room.inode = inode_alloc(room_super);
	if (!KEXPECT(room.inode))
		return NULL;
	room.inode->mode = S_IFREG | 0600;
	room.inode->size = size;
	file_cache_init(room.inode, &room.cache, &room_backing, room.disk, 0);
	room.cache.unit = UNIT;
	room.reader = room_open(flags);
	if (!KEXPECT(room.reader) || !KEXPECT_EQ(thread_spawn(reader_main, NULL, "reader"), 0))
		return NULL;
	return room_open(0);
}

static void room_destroy(struct ktest_context *test, struct file *f)
{
	s32 last = atomic_read(&room.served) + 1;

	WRITE_ONCE(room.stop, true);
	for (u32 i = 0; i < WAIT_MS && atomic_read(&room.served) < last; i++)
		sleep_ms(1);
	if (!KEXPECT_EQ(atomic_read(&room.served), last))
		return;
	file_put(f);
	file_put(room.reader);
	room.inode->nlink = 0;
	inode_put(room.inode);
	for (u32 i = 0; i < WAIT_MS && !__atomic_load_n(&room.evicted, __ATOMIC_ACQUIRE); i++)
		sleep_ms(1);
	KEXPECT_EQ(room.evicted, 1);
	KEXPECT_EQ(block_device_stop(room.device, time_monotonic_ns() + 20 * NSEC_PER_SEC, 0), 0);
	block_device_destroy(room.device);
	disk_put(room.disk);
	kvfree(room.memory);
}

/* @return how many bytes of the disk's [from, to) are not @byte */
static u64 disk_differs(u64 from, u64 to, u8 byte)
{
	u64 count = 0;

	for (; from < to; from++)
		count += room.memory[from] != byte;
	return count;
}

static s64 room_put(struct file *f, u64 pos, u64 length, u8 byte)
{
	u8 *bytes = kmalloc(length);
	s64 done = -ENOMEM;

	if (bytes) {
		memset(bytes, byte, length);
		done = file_write_kernel(f, bytes, length, &pos);
	}
	kfree(bytes);
	return done;
}

/* @return how many bytes of [pos, pos + length) are not @byte, or are missing */
static u64 room_differs(struct file *f, u64 pos, u64 length, u8 byte)
{
	u8 *bytes = kzalloc(length);
	u64 count = length;
	s64 got = 0;

	if (bytes)
		got = file_read_kernel(f, bytes, length, &pos);
	for (s64 i = 0; i < got; i++)
		count -= bytes[i] == byte;
	kfree(bytes);
	return count;
}

/* ---- tests ---- */

/* One page in the middle of a hole gets room, and three others with it. */
static void write_one_page(struct ktest_context *test, u32 flags)
{
	struct file *f = room_create(test, P(16), flags);

	if (!f)
		return;
	room.first = 4;
	room.count = 4;
	KEXPECT_EQ(room_put(f, P(5), PAGE_SIZE, 7), (s64)PAGE_SIZE);
	KEXPECT_EQ(room.read, 4);
	KEXPECT_EQ(room.old, 0);
	KEXPECT_EQ(room.dirty_at_end, UNIT_PAGES); /* a commit writes all of them */
	KEXPECT_EQ(f->ops->fsync(f, 0, FILE_SIZE_MAX, false), 0);
	KEXPECT_EQ(disk_differs(P(4), P(5), 0), 0);
	KEXPECT_EQ(disk_differs(P(5), P(6), 7), 0);
	KEXPECT_EQ(disk_differs(P(6), P(8), 0), 0);
	KEXPECT_EQ(disk_differs(0, P(4), OLD), 0);
	KEXPECT_EQ(disk_differs(P(8), P(PAGES), OLD), 0);
	room_destroy(test, f);
}

KTEST(file_room, shows_no_old_bytes_of_a_new_unit)
{
	write_one_page(test, 0);
}

KTEST(file_room, shows_no_old_bytes_past_the_cache)
{
	write_one_page(test, O_DIRECT);
}

KTEST(file_room, shows_no_old_bytes_beside_a_mapping)
{
	struct file *f = room_create(test, P(16), 0);
	struct file *other = file_open(AT_FDCWD, "/", O_TMPFILE | O_RDWR, 0600);
	struct vm_space *space = vm_space_create();
	u8 byte = 9;
	s64 addr;

	if (!KEXPECT(f && space && !IS_ERR(other)))
		return;
	room.first = 8;
	room.count = 4;
	f->path = other->path; /* mmap() asks the mount */
	thread_switch_space(space);
	addr = vm_map(space, HINT, P(16), PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	KEXPECT(addr > 0);
	KEXPECT_EQ(copy_to_user(uaddr((u64)addr + P(10) + 3), &byte, 1), 0);
	KEXPECT_EQ(room.read, 4);
	KEXPECT_EQ(room.old, 0);
	KEXPECT_EQ(room.dirty_at_end, UNIT_PAGES);
	KEXPECT_EQ(vm_sync(space, (u64)addr, P(16), MS_SYNC), 0);
	KEXPECT_EQ(disk_differs(P(8), P(12), 0), 1);
	KEXPECT_EQ(room.memory[P(10) + 3], 9);
	thread_switch_space(NULL);
	vm_space_put(space);
	f->path = (struct path){ NULL, NULL };
	file_put(other);
	room_destroy(test, f);
}

KTEST(file_room, shows_zeroes_before_a_write_behind_the_end)
{
	struct file *f = room_create(test, 100, 0);

	if (!f)
		return;
	KEXPECT_EQ(room_put(f, P(6) + 5, 10, 7), 10); /* of its unit, nothing in front was there */
	while (file_cache_reclaim(64))
		;
	KEXPECT_EQ(room_differs(f, 0, P(6) + 5, 0), 0);
	KEXPECT_EQ(f->ops->fsync(f, 0, FILE_SIZE_MAX, false), 0);
	while (file_cache_reclaim(64))
		;
	KEXPECT_EQ(room_differs(f, 0, P(6) + 5, 0), 0);
	KEXPECT_EQ(room_differs(f, P(6) + 5, 10, 7), 0);
	/* What the unit has behind that is not seen when the file grows. */
	KEXPECT_EQ(room_put(f, P(8) + 1, 1, 8), 1);
	KEXPECT_EQ(room_differs(f, P(6) + 15, P(2) - 14, 0), 0);
	KEXPECT_EQ(f->ops->fsync(f, 0, FILE_SIZE_MAX, false), 0);
	while (file_cache_reclaim(64))
		;
	KEXPECT_EQ(room_differs(f, P(6) + 15, P(2) - 14, 0), 0);
	room_destroy(test, f);
}

/* As truncate() does it. */
static void room_truncate(struct ktest_context *test, u64 size)
{
	struct inode *inode = room.inode;

	mutex_lock(&inode->lock);
	KEXPECT_EQ(file_cache_cut_prepare(inode, size), 0);
	file_cache_cut_begin(inode);
	file_cache_cut(inode, size);
	file_cache_cut_end(inode);
	mutex_unlock(&inode->lock);
}

KTEST(file_room, shows_zeroes_where_it_was_made_longer)
{
	struct file *f = room_create(test, 100, 0);

	if (!f)
		return;
	room.room = 3; /* the first 8 pages have room, also behind the end: of another system's */
	room_truncate(test, P(2) + 10);
	KEXPECT_EQ(room_differs(f, 100, P(2) - 90, 0), 0);
	KEXPECT_EQ(room_differs(f, 0, 100, OLD), 0); /* these are the file's */
	mutex_lock(&room.inode->lock);
	KEXPECT_EQ(file_cache_extend(room.inode, P(5) + 10), 0);
	mutex_unlock(&room.inode->lock);
	KEXPECT_EQ(room_differs(f, 100, P(5) - 90, 0), 0);
	KEXPECT_EQ(f->ops->fsync(f, 0, FILE_SIZE_MAX, false), 0);
	while (file_cache_reclaim(64))
		;
	KEXPECT_EQ(room_differs(f, 100, P(5) - 90, 0), 0);
	room_destroy(test, f);
}

/* ---- one disk beside another ---- */

static u32 beside_written;

static int beside_read(struct inode *inode, u64 first, u32 count, struct page **pages)
{
	for (u32 i = 0; i < count; i++)
		memset(page_address(pages[i]), 0, PAGE_SIZE);
	return 0;
}

static int beside_write(struct inode *inode, u64 first, u32 count, struct page **pages, u64 bytes)
{
	__atomic_fetch_add(&beside_written, count, __ATOMIC_RELEASE);
	return 0;
}

static const struct cache_backing beside_backing = { .read = beside_read, .write = beside_write };

/* Dirty a page of a file that lies elsewhere, and wait until it is written. */
static bool beside_is_written(void)
{
	static struct file_cache cache;
	struct inode *inode = inode_alloc(room_super);
	struct page *page;

	if (!inode)
		return false;
	__atomic_store_n(&beside_written, 0, __ATOMIC_RELEASE);
	inode->mode = S_IFREG | 0600;
	inode->size = PAGE_SIZE;
	file_cache_init(inode, &cache, &beside_backing, NULL, 0);
	page = file_cache_page(inode, 0);
	if (IS_ERR(page))
		return false;
	file_cache_dirty(inode, page, 0);
	page_put(page);
	for (u32 i = 0; i < WAIT_MS && !__atomic_load_n(&beside_written, __ATOMIC_ACQUIRE); i++)
		sleep_ms(1);
	room.evicted = 0;
	inode->nlink = 0;
	inode_put(inode);
	for (u32 i = 0; i < WAIT_MS && !__atomic_load_n(&room.evicted, __ATOMIC_ACQUIRE); i++)
		sleep_ms(1);
	room.evicted = 0;
	return beside_written == 1;
}

KTEST(file_room, writes_back_beside_a_disk_that_hangs)
{
	struct file *f = room_create(test, 0, 0);
	struct cache_settings before = cache_settings;

	if (!f)
		return;
	cache_settings.expire_cs = 0;
	cache_settings.interval_cs = 1;
	room.hold = true;
	KEXPECT_EQ(room_put(f, 0, PAGE_SIZE, 7), (s64)PAGE_SIZE);
	cache_flusher_wake();
	for (u32 i = 0; i < WAIT_MS && !atomic_read(&room.held); i++)
		sleep_ms(1);
	KEXPECT_EQ(atomic_read(&room.held), 1);
	KEXPECT(beside_is_written());
	WRITE_ONCE(room.hold, false);
	KEXPECT_EQ(f->ops->fsync(f, 0, FILE_SIZE_MAX, false), 0);
	KEXPECT_EQ(disk_differs(0, PAGE_SIZE, 7), 0);
	cache_settings = before;
	room_destroy(test, f);
}
