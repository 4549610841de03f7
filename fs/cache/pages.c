// SPDX-License-Identifier: MIT
/*
 * Files whose content is pages in memory: reading, writing, mapping, cutting.
 *
 * The pages of a file hang in a tree by index. A missing page is a hole and
 * reads as zeroes without becoming a page; it becomes one when written or
 * mapped. The tree holds one reference on each page, each mapping another.
 *
 * Locks: inode->lock (mutex) serialises writers and changes of size;
 * pages->lock (spin) guards the tree and page->mapping, and makes look-up and
 * reference one step. Faults take only the latter, and look at the size under
 * it, so that nothing is added behind a file's end after it was cut.
 */
#include <kernel/fs/file.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/page_cache.h>
#include <kernel/fs/page_tree.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "limits.h"

#define REMOVE_BATCH 512u /* pages that are taken out under the lock in one pass */

/* ---- nodes of the tree ---- */

static struct kmem_cache *node_cache;

void pagecache_init(void)
{
	node_cache = kmem_cache_create("page_tree", sizeof(struct page_tree_node), 64);
}

struct page_tree_node *page_tree_node_alloc(void)
{
	return kmem_cache_zalloc(node_cache);
}

static void node_free_rcu(struct rcu_head *head)
{
	kmem_cache_free(node_cache, container_of((u64 *)head, struct page_tree_node, rcu[0]));
}

_Static_assert(sizeof(struct rcu_head) == 16, "an RCU head fits into a node");
void page_tree_node_free(struct page_tree_node *node)
{
	call_rcu((struct rcu_head *)node->rcu, node_free_rcu);
}

/* ---- one page ---- */

static int pages_charge(struct inode *inode, s64 npages)
{
	if (inode->sb->ops->charge)
		return inode->sb->ops->charge(inode->sb, npages);
	return 0;
}

/*
 * Put a fresh page, which must be charged, into the tree, unless the file ends before @index and
 * @within_size forbids that. If another page is cached already, it is counted in the same step, so that
 * no second look-up is needed.
 * @return 0; -EEXIST: *@there is the page in its place, counted; -EFBIG; -ENOMEM
 */
static int page_add(struct inode *inode, u64 index, struct page *page, bool within_size,
		    struct page **there)
{
	int err;

	page->mapping = inode;
	page->index = index;
	spin_lock(&inode->pages.lock);
	if (within_size && index >= PAGE_ALIGN(inode->size) >> PAGE_SHIFT)
		err = -EFBIG;
	else
		err = page_tree_insert(&inode->pages.tree, index, page);
	if (!err) {
		page_get(page);
	} else if (err == -EEXIST) {
		*there = page_tree_lookup(&inode->pages.tree, index);
		page_get(*there);
	}
	spin_unlock(&inode->pages.lock);
	if (err) {
		page->mapping = NULL;
		return err;
	}
	__atomic_fetch_add(&inode->blocks, 8, __ATOMIC_RELAXED);
	mem_account(MEM_CACHED, 1);
	return 0;
}

/* A charged page that is in no tree yet. Always inline: else a write or fault of tmpfs pays for what is tried when memory is short. */
static inline __attribute__((always_inline)) struct page *page_new(struct inode *inode, u32 flags,
								   int *err)
{
	struct page *page;

	*err = pages_charge(inode, 1);
	if (*err)
		return NULL;
	page = page_alloc_patiently(flags);
	if (!page) {
		pages_charge(inode, -1);
		*err = -ENOMEM;
	}
	return page;
}

static void page_discard(struct inode *inode, struct page *page)
{
	pages_charge(inode, -1);
	page_put(page);
}

/* The page at @index for a mapping: made if it is a hole inside the file. */
static struct page *page_get_or_make(struct inode *inode, u64 index, int *err)
{
	struct page *page = inode_page_find(inode, index), *there = NULL;

	if (page)
		return page;
	if (index >= PAGE_ALIGN(READ_ONCE(inode->size)) >> PAGE_SHIFT) {
		*err = -EFBIG;
		return NULL;
	}
	page = page_new(inode, PAGE_ZERO, err);
	if (!page)
		return NULL;
	*err = page_add(inode, index, page, true, &there);
	if (!*err)
		return page;
	page_discard(inode, page);
	if (*err == -EEXIST)
		*err = 0;
	return there;
}

/* ---- reading ---- */

s64 pagecache_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct inode *inode = f->inode;
	s64 done = 0;

	while (uio->count) {
		u64 size = READ_ONCE(inode->size), offset = *pos, off = offset & (PAGE_SIZE - 1),
		    length, got;
		struct page *page;

		if (offset >= size)
			break;
		length = MIN(MIN(PAGE_SIZE - off, size - offset), uio->count);
		page = inode_page_find(inode, offset >> PAGE_SHIFT);
		if (page) {
			got = uio_copy_out(uio, (u8 *)page_address(page) + off, length);
			page_put(page);
		} else {
			got = uio_zero(uio, length);
		}
		*pos += got;
		done += got;
		if (got < length) {
			if (!done)
				return -EFAULT;
			break;
		}
	}
	file_accessed(f);
	return done;
}

/* ---- writing: under inode->lock ---- */

/* A page for a hole that is written to: @length bytes from @off on, zeroes around. @return bytes, 0: fault at once, -errno */
static s64 write_hole(struct inode *inode, struct uio *uio, u64 index, u64 off, u64 length)
{
	struct page *page, *there;
	int err = 0;
	u64 got;
	u8 *mem;

	page = page_new(inode, 0, &err);
	if (!page)
		return err;
	mem = page_address(page);
	memset(mem, 0, off);
	got = uio_copy_in(uio, mem + off, length);
	memset(mem + off + got, 0, PAGE_SIZE - off - got);
	if (got)
		err = page_add(inode, index, page, false, &there);
	else
		err = 0;
	if (got && !err) {
		page_put(page);
		return got;
	}
	if (err == -EEXIST) { /* a mapping made the page meanwhile: copy into that one */
		memcpy((u8 *)page_address(there) + off, mem + off, got);
		page_put(there);
		err = 0;
	}
	page_discard(inode, page);
	if (err)
		return err;
	return (s64)got;
}

/* Write into one page. */
static s64 write_page(struct inode *inode, struct uio *uio, u64 offset, bool *is_last)
{
	u64 off = offset & (PAGE_SIZE - 1), length = MIN(PAGE_SIZE - off, uio->count), got;
	struct page *page = inode_page_find(inode, offset >> PAGE_SHIFT);

	if (!page)
		return write_hole(inode, uio, offset >> PAGE_SHIFT, off, length);
	got = uio_copy_in(uio, (u8 *)page_address(page) + off, length);
	page_put(page);
	return got;
}

/* How many of the @count bytes at @pos may be written, or -errno; under inode->lock. */
typedef s64 write_check(struct inode *inode, u64 pos, u64 count);

/* @param check  NULL: all may be */
static inline __attribute__((always_inline)) s64 write_with(struct file *f, struct uio *uio,
							    u64 *pos, write_check *check)
{
	struct inode *inode = f->inode;
	s64 result = 0;

	if (!uio->count)
		return 0;
	mutex_lock(&inode->lock);
	if (f->flags & O_APPEND)
		*pos = inode->size;
	result = file_write_limit(inode, *pos, uio->count);
	if (check && result > 0)
		result = check(inode, *pos, (u64)result);
	if (result > 0) {
		uio->count = result;
		file_drop_privileges(inode);
		result = file_write_pieces(inode, uio, pos, write_page);
	}
	if (result > 0)
		inode_touch(inode, ATTR_MTIME | ATTR_CTIME);
	mutex_unlock(&inode->lock);
	return result;
}

static s64 pagecache_write(struct file *f, struct uio *uio, u64 *pos)
{
	return write_with(f, uio, pos, NULL);
}

__cold s64 pagecache_write_checked(struct file *f, struct uio *uio, u64 *pos, write_check *check)
{
	return write_with(f, uio, pos, check);
}

/* ---- cutting ---- */

/* Take up to REMOVE_BATCH pages of [*index, last] out of the tree, and put them before *list. @return how many */
static u64 remove_some(struct inode *inode, u64 *index, u64 last, struct page **list)
{
	struct page *page;
	u64 count = 0;

	spin_lock(&inode->pages.lock);
	while (count < REMOVE_BATCH && *index <= last &&
	       (page = page_tree_next(&inode->pages.tree, index, last))) {
		page_tree_remove(&inode->pages.tree, *index);
		page->mapping = NULL;
		page->index = (u64)*list; /* the link until it is put */
		*list = page;
		count++;
		(*index)++;
	}
	spin_unlock(&inode->pages.lock);
	return count;
}

/*
 * Take the pages of [first, last] out of the file and of all mappings. @copies_too: private copies, as
 * for a truncation; these may be where the file has no page any more, after a hole was punched.
 */
static void remove_pages(struct inode *inode, u64 first, u64 last, bool copies_too)
{
	struct page *list = NULL, *page;
	u64 index = first, count = 0, some;

	if (inode->pages.tree.count)
		do {
			some = remove_some(inode, &index, last, &list);
			count += some;
		} while (some == REMOVE_BATCH);
	if ((count || copies_too) && !list_empty(&inode->pages.regions))
		vm_unmap_file_range(&inode->pages, first, last, copies_too);
	while ((page = list)) {
		list = (struct page *)page->index;
		page_put(page);
	}
	if (count) {
		__atomic_fetch_sub(&inode->blocks, 8 * count, __ATOMIC_RELAXED);
		mem_account(MEM_CACHED, -(s64)count);
		pages_charge(inode, -(s64)count);
	}
}

void pagecache_truncate(struct inode *inode, u64 size)
{
	u64 off = size & (PAGE_SIZE - 1);

	WRITE_ONCE(inode->size, size);
	remove_pages(inode, PAGE_ALIGN(size) >> PAGE_SHIFT, PAGE_TREE_MAX, true);
	if (off) {
		struct page *page = inode_page_find(inode, size >> PAGE_SHIFT);

		if (page) {
			memset((u8 *)page_address(page) + off, 0, PAGE_SIZE - off);
			page_put(page);
		}
	}
}

/* Zero [off, off + len) within one page, if the page is cached. */
static void zero_part(struct inode *inode, u64 off, u64 len)
{
	struct page *page = NULL;

	if (len)
		page = inode_page_find(inode, off >> PAGE_SHIFT);
	if (!page)
		return;
	memset((u8 *)page_address(page) + (off & (PAGE_SIZE - 1)), 0, len);
	page_put(page);
}

__cold void pagecache_punch(struct inode *inode, u64 off, u64 len)
{
	u64 end = off + len, first = PAGE_ALIGN(off), last = end & PAGE_MASK;

	assert_held(&inode->lock);
	if (first > last) { /* within one page */
		zero_part(inode, off, len);
		return;
	}
	zero_part(inode, off, first - off);
	zero_part(inode, last, end - last);
	if (first < last)
		remove_pages(inode, first >> PAGE_SHIFT, (last >> PAGE_SHIFT) - 1, false);
}

/* Is @page as good as a hole: made by the call that left @mark in it, used by no mapping, and still zero? */
static bool is_unused(const struct page *page, u64 mark)
{
	const u64 *word = page_address(page);

	if (page->private != mark || atomic_read(&page->refs) != 1)
		return false;
	for (u32 i = 0; i < PAGE_SIZE / sizeof(*word); i++)
		if (word[i])
			return false;
	return true;
}

/* An allocation failed half way: free the pages that it made, unless they have been used since. */
static void take_back(struct inode *inode, u64 first, u64 last, u64 mark)
{
	struct page *page;

	for (u64 index = first; index <= last; index++) {
		spin_lock(&inode->pages.lock);
		page = page_tree_next(&inode->pages.tree, &index, last);
		if (page && is_unused(page, mark)) {
			page_tree_remove(&inode->pages.tree, index);
			page->mapping = NULL;
		} else if (page) {
			spin_unlock(&inode->pages.lock);
			continue;
		}
		spin_unlock(&inode->pages.lock);
		if (!page)
			return;
		__atomic_fetch_sub(&inode->blocks, 8, __ATOMIC_RELAXED);
		mem_account(MEM_CACHED, -1);
		page_discard(inode, page);
	}
}

/* A page that is made here gets @p mark. */
static int allocate_page(struct inode *inode, u64 index, u64 mark)
{
	struct page *page = inode_page_find(inode, index), *there;
	int err = 0;

	if (!page) {
		page = page_new(inode, PAGE_ZERO, &err);
		if (!page)
			return err;
		page->private = mark;
		err = page_add(inode, index, page, false, &there);
		if (err) {
			page_discard(inode, page);
			if (err != -EEXIST)
				return err;
			page = there;
		}
	}
	page_put(page);
	return 0;
}

__cold int pagecache_allocate(struct inode *inode, u64 off, u64 len)
{
	const u64 first = off >> PAGE_SHIFT, last = (off + len - 1) >> PAGE_SHIFT;
	const u64 mark = (u64)&first; /* of no other call that runs */
	int err = 0;

	assert_held(&inode->lock);
	for (u64 npages = first; npages <= last; npages++) {
		if (signal_pending())
			err = -EINTR;
		else
			err = allocate_page(inode, npages, mark);
		if (!err)
			continue;
		if (npages > first)
			take_back(inode, first, npages - 1, mark);
		return err;
	}
	return 0;
}

/* ---- mapping ---- */

int pagecache_fault(struct vm_region *region, u64 pgoff, struct page **out)
{
	int err = 0;

	*out = page_get_or_make(region->file->inode, pgoff, &err);
	return err;
}

int pagecache_fault_around(struct vm_region *region, u64 first, u32 count, struct page **pages)
{
	struct inode *inode = region->file->inode;
	u32 found;

	spin_lock(&inode->pages.lock);
	found = page_tree_lookup_range(&inode->pages.tree, first, count, (void **)pages);
	for (u32 i = 0; i < count; i++)
		if (pages[i])
			page_get(pages[i]);
	spin_unlock(&inode->pages.lock);
	return found;
}

int pagecache_mkwrite(struct vm_region *region, struct page *page)
{
	inode_touch(region->file->inode, ATTR_MTIME | ATTR_CTIME);
	return 0;
}

static const struct vm_region_ops pagecache_vm_ops = {
	.fault = pagecache_fault,
	.fault_around = pagecache_fault_around,
	.page_mkwrite = pagecache_mkwrite,
	.page_cache = true,
};

static int pagecache_mmap(struct file *f, struct vm_region *region)
{
	file_accessed(f);
	region->ops = &pagecache_vm_ops;
	return 0;
}

/* ---- positions: holes are known ---- */

__cold s64 pagecache_llseek(struct file *f, s64 off, int whence)
{
	struct inode *inode = f->inode;
	s64 size = READ_ONCE(inode->size), base = 0;
	u64 index;

	switch (whence) {
	case SEEK_SET: break;
	case SEEK_CUR: base = f->pos; break;
	case SEEK_END: base = size; break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (off < 0 || off >= size)
			return -ENXIO;
		index = off >> PAGE_SHIFT;
		spin_lock(&inode->pages.lock);
		if (whence == SEEK_HOLE)
			index = page_tree_next_hole(&inode->pages.tree, index);
		else if (!page_tree_next(&inode->pages.tree, &index, PAGE_TREE_MAX))
			index = PAGE_TREE_MAX;
		spin_unlock(&inode->pages.lock);
		if (index << PAGE_SHIFT >= (u64)size) {
			if (whence == SEEK_HOLE)
				return size;
			return -ENXIO;
		}
		return MAX(off, (s64)(index << PAGE_SHIFT));
	default: return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &off) || off < 0)
		return -EINVAL;
	return off;
}

int pagecache_fsync(struct file *f, u64 first, u64 last, bool data_only)
{
	return 0;
} /* memory is its only storage */

const struct file_ops page_cache_fops = {
	.read = pagecache_read,
	.write = pagecache_write,
	.mmap = pagecache_mmap,
	.llseek = pagecache_llseek,
	.fsync = pagecache_fsync,
};
