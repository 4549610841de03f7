/* SPDX-License-Identifier: MIT */
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
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>

#define REMOVE_BATCH 512u /* pages that are taken out under the lock in one go */

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

static void node_free_rcu(struct rcu_head *h)
{
	kmem_cache_free(node_cache, container_of((u64 *)h, struct page_tree_node, rcu[0]));
}

_Static_assert(sizeof(struct rcu_head) == 16, "a node has room for it");
void page_tree_node_free(struct page_tree_node *n)
{
	call_rcu((struct rcu_head *)n->rcu, node_free_rcu);
}

/* ---- one page ---- */

static struct page *page_find(struct inode *i, u64 index)
{
	struct page *p;

	spin_lock(&i->pages.lock);
	p = page_tree_lookup(&i->pages.tree, index);
	if (p)
		page_get(p);
	spin_unlock(&i->pages.lock);
	return p;
}

static int charge(struct inode *i, s64 npages)
{
	return i->sb->ops->charge ? i->sb->ops->charge(i->sb, npages) : 0;
}

/*
 * Put a fresh page, which must be charged, into the tree, unless the file ends before @index and
 * @within_size forbids that. If another page was faster, it is taken in one step with finding out: nobody
 * has to come back and look for it.
 * @return 0; -EEXIST: *@there is the page in its place, counted; -EFBIG; -ENOMEM
 */
static int page_add(struct inode *i, u64 index, struct page *p, bool within_size,
		    struct page **there)
{
	int err;

	p->mapping = i;
	p->index = index;
	spin_lock(&i->pages.lock);
	err = within_size && index >= PAGE_ALIGN(i->size) >> PAGE_SHIFT
		      ? -EFBIG
		      : page_tree_insert(&i->pages.tree, index, p);
	if (!err) {
		page_get(p);
	} else if (err == -EEXIST) {
		*there = page_tree_lookup(&i->pages.tree, index);
		page_get(*there);
	}
	spin_unlock(&i->pages.lock);
	if (err) {
		p->mapping = NULL;
		return err;
	}
	__atomic_fetch_add(&i->blocks, 8, __ATOMIC_RELAXED);
	mem_account(MEM_CACHED, 1);
	return 0;
}

/* A charged page that is in no tree yet. */
static struct page *page_new(struct inode *i, u32 flags, int *err)
{
	struct page *p;

	*err = charge(i, 1);
	if (*err)
		return NULL;
	p = page_alloc(flags | PAGE_USER);
	if (!p) {
		charge(i, -1);
		*err = -ENOMEM;
	}
	return p;
}

static void page_discard(struct inode *i, struct page *p)
{
	charge(i, -1);
	page_put(p);
}

/* The page at @index for a mapping: made if it is a hole inside the file. */
static struct page *page_get_or_make(struct inode *i, u64 index, int *err)
{
	struct page *p = page_find(i, index), *there = NULL;

	if (p)
		return p;
	if (index >= PAGE_ALIGN(READ_ONCE(i->size)) >> PAGE_SHIFT) {
		*err = -EFBIG;
		return NULL;
	}
	p = page_new(i, PAGE_ZERO, err);
	if (!p)
		return NULL;
	*err = page_add(i, index, p, true, &there);
	if (!*err)
		return p;
	page_discard(i, p);
	if (*err == -EEXIST)
		*err = 0;
	return there;
}

/* ---- reading ---- */

static s64 pagecache_read(struct file *f, struct uio *u, u64 *pos)
{
	struct inode *i = f->inode;
	s64 done = 0;

	while (u->count) {
		u64 size = READ_ONCE(i->size), at = *pos, off = at & (PAGE_SIZE - 1), n, got;
		struct page *p;

		if (at >= size)
			break;
		n = MIN(MIN(PAGE_SIZE - off, size - at), u->count);
		p = page_find(i, at >> PAGE_SHIFT);
		if (p) {
			got = uio_copy_out(u, (u8 *)page_address(p) + off, n);
			page_put(p);
		} else {
			got = uio_zero(u, n);
		}
		*pos += got;
		done += got;
		if (got < n) {
			if (!done)
				return -EFAULT;
			break;
		}
	}
	file_accessed(f);
	return done;
}

/* ---- writing: under inode->lock ---- */

/* Before a write: current limits. @return bytes that may be written at @p pos, or -EFBIG (SIGXFSZ was sent) */
static s64 file_write_limit(struct inode *i, u64 pos, u64 count)
{
	u64 limit = current_process() ? current_process()->limits[RLIMIT_FSIZE].rlim_cur : ~0ull;

	if (pos >= limit) {
		signal_send_thread(current, SIGXFSZ, NULL);
		return -EFBIG;
	}
	if (pos >= FILE_SIZE_MAX)
		return -EFBIG;
	return MIN(count, MIN(limit, FILE_SIZE_MAX) - pos);
}

/* A page for a hole that is written to: @n bytes from @off on, zeroes around. @return bytes, 0: fault at once, -errno */
static s64 write_hole(struct inode *i, struct uio *u, u64 index, u64 off, u64 n)
{
	struct page *p, *there;
	int err = 0;
	u64 got;
	u8 *mem;

	p = page_new(i, 0, &err);
	if (!p)
		return err;
	mem = page_address(p);
	memset(mem, 0, off);
	got = uio_copy_in(u, mem + off, n);
	memset(mem + off + got, 0, PAGE_SIZE - off - got);
	err = got ? page_add(i, index, p, false, &there) : 0;
	if (got && !err) {
		page_put(p);
		return got;
	}
	if (err == -EEXIST) { /* a mapping made the page meanwhile: what was fetched goes there */
		memcpy((u8 *)page_address(there) + off, mem + off, got);
		page_put(there);
		err = 0;
	}
	page_discard(i, p);
	return err ? err : (s64)got;
}

/* Write into one page. @return bytes, 0: fault at once, -errno */
static s64 write_page(struct inode *i, struct uio *u, u64 at, u64 n)
{
	u64 off = at & (PAGE_SIZE - 1), got;
	struct page *p = page_find(i, at >> PAGE_SHIFT);

	if (!p)
		return write_hole(i, u, at >> PAGE_SHIFT, off, n);
	got = uio_copy_in(u, (u8 *)page_address(p) + off, n);
	page_put(p);
	return got;
}

static s64 write_pages(struct inode *i, struct uio *u, u64 *pos)
{
	s64 done = 0;

	while (u->count) {
		u64 n = MIN(PAGE_SIZE - (*pos & (PAGE_SIZE - 1)), u->count);
		s64 got = write_page(i, u, *pos, n);

		if (got <= 0)
			return done ? done : got ? got : -EFAULT;
		*pos += got;
		done += got;
		if (*pos > i->size)
			WRITE_ONCE(i->size, *pos);
		if ((u64)got < n)
			break;
	}
	return done;
}

/* A write by others takes set-user-id and set-group-id away. */
static void drop_privileges(struct inode *i)
{
	mode_t drop = i->mode & S_ISUID;

	if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		drop |= S_ISGID;
	if (drop && !current_is_super())
		i->mode &= ~drop;
}

static s64 pagecache_write(struct file *f, struct uio *u, u64 *pos)
{
	struct inode *i = f->inode;
	s64 n = 0;

	if (!u->count)
		return 0;
	mutex_lock(&i->lock);
	if (f->flags & O_APPEND)
		*pos = i->size;
	n = file_write_limit(i, *pos, u->count);
	if (n > 0) {
		u->count = n;
		drop_privileges(i);
		n = write_pages(i, u, pos);
	}
	if (n > 0)
		inode_touch(i, ATTR_MTIME | ATTR_CTIME);
	mutex_unlock(&i->lock);
	return n;
}

/* ---- cutting ---- */

/* Take up to REMOVE_BATCH pages of [*index, last] out of the tree, and put them before *list. @return how many */
static u64 remove_some(struct inode *i, u64 *index, u64 last, struct page **list)
{
	struct page *p;
	u64 n = 0;

	spin_lock(&i->pages.lock);
	while (n < REMOVE_BATCH && *index <= last &&
	       (p = page_tree_next(&i->pages.tree, index, last))) {
		page_tree_remove(&i->pages.tree, *index);
		p->mapping = NULL;
		p->index = (u64)*list; /* the link until it is put */
		*list = p;
		n++;
		(*index)++;
	}
	spin_unlock(&i->pages.lock);
	return n;
}

/*
 * Take the pages of [first, last] out of the file and of all mappings. @copies_too: private copies, as
 * for a truncation; these may be where the file has no page any more, after a hole was punched.
 */
static void remove_pages(struct inode *i, u64 first, u64 last, bool copies_too)
{
	struct page *list = NULL, *p;
	u64 index = first, n = 0, some;

	if (i->pages.tree.count)
		do {
			some = remove_some(i, &index, last, &list);
			n += some;
		} while (some == REMOVE_BATCH);
	if ((n || copies_too) && !list_empty(&i->pages.regions))
		vm_unmap_file_range(&i->pages, first, last, copies_too);
	while ((p = list)) {
		list = (struct page *)p->index;
		page_put(p);
	}
	if (n) {
		__atomic_fetch_sub(&i->blocks, 8 * n, __ATOMIC_RELAXED);
		mem_account(MEM_CACHED, -(s64)n);
		charge(i, -(s64)n);
	}
}

void pagecache_truncate(struct inode *i, u64 size)
{
	u64 off = size & (PAGE_SIZE - 1);

	WRITE_ONCE(i->size, size);
	remove_pages(i, PAGE_ALIGN(size) >> PAGE_SHIFT, PAGE_TREE_MAX, true);
	if (off) {
		struct page *p = page_find(i, size >> PAGE_SHIFT);

		if (p) {
			memset((u8 *)page_address(p) + off, 0, PAGE_SIZE - off);
			page_put(p);
		}
	}
}

/* Zero [off, off + len) within one page, if the page is there. */
static void zero_part(struct inode *i, u64 off, u64 len)
{
	struct page *p = len ? page_find(i, off >> PAGE_SHIFT) : NULL;

	if (!p)
		return;
	memset((u8 *)page_address(p) + (off & (PAGE_SIZE - 1)), 0, len);
	page_put(p);
}

void pagecache_punch(struct inode *i, u64 off, u64 len)
{
	u64 end = off + len, first = PAGE_ALIGN(off), last = end & PAGE_MASK;

	if (first > last) { /* within one page */
		zero_part(i, off, len);
		return;
	}
	zero_part(i, off, first - off);
	zero_part(i, last, end - last);
	if (first < last)
		remove_pages(i, first >> PAGE_SHIFT, (last >> PAGE_SHIFT) - 1, false);
}

/* Is @p as good as a hole: made by the call that left @mark in it, used by no mapping, and still zero? */
static bool is_unused(const struct page *p, u64 mark)
{
	const u64 *w = page_address(p);

	if (p->private != mark || atomic_read(&p->refs) != 1)
		return false;
	for (u32 i = 0; i < PAGE_SIZE / sizeof(*w); i++)
		if (w[i])
			return false;
	return true;
}

/* An allocation failed half way: what it made before goes again, unless it has been used since. */
static void take_back(struct inode *i, u64 first, u64 last, u64 mark)
{
	struct page *p;

	for (u64 index = first; index <= last; index++) {
		spin_lock(&i->pages.lock);
		p = page_tree_next(&i->pages.tree, &index, last);
		if (p && is_unused(p, mark)) {
			page_tree_remove(&i->pages.tree, index);
			p->mapping = NULL;
		} else if (p) {
			spin_unlock(&i->pages.lock);
			continue;
		}
		spin_unlock(&i->pages.lock);
		if (!p)
			return;
		__atomic_fetch_sub(&i->blocks, 8, __ATOMIC_RELAXED);
		mem_account(MEM_CACHED, -1);
		page_discard(i, p);
	}
}

/* @mark goes to the page if it is made here. */
static int allocate_page(struct inode *i, u64 index, u64 mark)
{
	struct page *p = page_find(i, index), *there;
	int err = 0;

	if (!p) {
		p = page_new(i, PAGE_ZERO, &err);
		if (!p)
			return err;
		p->private = mark;
		err = page_add(i, index, p, false, &there);
		if (err) {
			page_discard(i, p);
			if (err != -EEXIST)
				return err;
			p = there;
		}
	}
	page_put(p);
	return 0;
}

int pagecache_allocate(struct inode *i, u64 off, u64 len)
{
	const u64 first = off >> PAGE_SHIFT, last = (off + len - 1) >> PAGE_SHIFT;
	const u64 mark = (u64)&first; /* of no other call that runs */
	int err = 0;

	for (u64 n = first; n <= last; n++) {
		err = signal_pending() ? -EINTR : allocate_page(i, n, mark);
		if (!err)
			continue;
		if (n > first)
			take_back(i, first, n - 1, mark);
		return err;
	}
	return 0;
}

/* ---- mapping ---- */

static int pagecache_fault(struct vm_region *r, u64 pgoff, struct page **out)
{
	int err = 0;

	*out = page_get_or_make(r->file->inode, pgoff, &err);
	return err;
}

static int pagecache_fault_around(struct vm_region *r, u64 first, u32 n, struct page **pages)
{
	struct inode *i = r->file->inode;
	u32 found;

	spin_lock(&i->pages.lock);
	found = page_tree_lookup_range(&i->pages.tree, first, n, (void **)pages);
	for (u32 k = 0; k < n; k++)
		if (pages[k])
			page_get(pages[k]);
	spin_unlock(&i->pages.lock);
	return found;
}

static int pagecache_mkwrite(struct vm_region *r, struct page *p)
{
	inode_touch(r->file->inode, ATTR_MTIME | ATTR_CTIME);
	return 0;
}

static const struct vm_region_ops pagecache_vm_ops = {
	.fault = pagecache_fault,
	.fault_around = pagecache_fault_around,
	.page_mkwrite = pagecache_mkwrite,
	.page_cache = true,
};

static int pagecache_mmap(struct file *f, struct vm_region *r)
{
	file_accessed(f);
	r->ops = &pagecache_vm_ops;
	return 0;
}

/* ---- positions: holes are known ---- */

static s64 pagecache_llseek(struct file *f, s64 off, int whence)
{
	struct inode *i = f->inode;
	s64 size = READ_ONCE(i->size), base = 0;
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
		spin_lock(&i->pages.lock);
		if (whence == SEEK_HOLE)
			index = page_tree_next_hole(&i->pages.tree, index);
		else if (!page_tree_next(&i->pages.tree, &index, PAGE_TREE_MAX))
			index = PAGE_TREE_MAX;
		spin_unlock(&i->pages.lock);
		if (index << PAGE_SHIFT >= (u64)size)
			return whence == SEEK_HOLE ? size : -ENXIO;
		return MAX(off, (s64)(index << PAGE_SHIFT));
	default: return -EINVAL;
	}
	return __builtin_add_overflow(base, off, &off) || off < 0 ? -EINVAL : off;
}

static int pagecache_fsync(struct file *f)
{
	return 0;
} /* memory is where it lives */

const struct file_ops page_cache_fops = {
	.read = pagecache_read,
	.write = pagecache_write,
	.mmap = pagecache_mmap,
	.llseek = pagecache_llseek,
	.fsync = pagecache_fsync,
};
