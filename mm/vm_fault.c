// SPDX-License-Identifier: MIT
/*
 * Page faults.
 *
 * What a fault finds in the entry, and does:
 *	nothing, anonymous region	read: the zero page, read-only; write: a new page
 *	nothing, region of a file	the file's page, with cached ones around it if it is
 *					a read; a write to a private region copies it
 *	present, not writable		private: copy, or just make writable what is
 *					no longer shared; shared: page_mkwrite(), then writable
 *	present, all right		another thread was faster, or this CPU remembered
 *					fewer rights: flush that and return
 *
 * The faults of one space's threads run side by side; the thread that loses a
 * compare-exchange frees its page and lets the instruction decide whether it still faults.
 * vm_tables.c has the rules for entries.
 *
 * Faults in anonymous memory take no lock. A single thread has the space to itself
 * (fault_alone()). Those of several threads run beside changes of the space (fault_beside()),
 * and write to no line that they share but the entry's: they find the region and the table as
 * readers under RCU, read region->seq and space->seq, both of which are even unless a writer
 * is changing what the fault relies on, exchange the entry for pte_busy(), and then read the
 * numbers again. A number that has changed: the old entry is put back. Whatever these faults
 * cannot do (no region, a missing table, a file, no right, no memory) is done again under
 * space->lock for reading.
 *
 * To replace a page that other CPUs may still read through their
 * TLBs, the entry holds pte_busy() between the old and the new page, too, until all have
 * flushed it, so that no two threads see different pages for one address at a time. A
 * space with one user needs no such care.
 *
 * A truncation takes the page out of the cache first and unmaps it then. A fault maps
 * the page first and looks whether it still is in the cache then. So one of them
 * sees the other.
 */
#include <kernel/heap.h>
#include <kernel/time.h>
#include "vm_internal.h"

#define LINGER_EACH 8u /* faults */
#define LINGER_US   500u

/* ---- entries ---- */

/* What a fault without the lock relies on. A pointer to one is NULL with the lock, or alone. */
struct fault_view {
	const struct vm_space *space;
	const struct vm_region *region;
	u32 space_seq, region_seq;
};

/* To be asked once the entry is busy: the exchange was a full barrier. */
static inline bool view_holds(const struct fault_view *view)
{
	return READ_ONCE(view->region->seq) == view->region_seq &&
	       READ_ONCE(view->space->seq) == view->space_seq;
}

/* Make the time wide in which a writer may come between what was seen and the claim: tests look for that. */
static inline void linger_in_debug_kernel(void)
{
	static u32 turn;

	if (IS_ENABLED(CONFIG_DEBUG_LOCKS) && cpu_count > 1 && !(++turn % LINGER_EACH))
		delay_us(LINGER_US);
}

void (*vm_fault_hook)(enum vm_fault_step step);

/* Take the entry in hand. Preemption is off. @return false: it has changed, or what was seen no longer holds */
static inline bool entry_claim(const struct fault_view *view, pte_t *pte, pte_t old)
{
	if (view) {
		linger_in_debug_kernel();
		vm_fault_stop(VM_STEP_SEEN);
	}
	if (!vm_entry_exchange(pte, old, pte_busy()))
		return false;
	if (view)
		vm_fault_stop(VM_STEP_CLAIMED);
	if (likely(!view || view_holds(view)))
		return true;
	smp_store_release(pte, old);
	return false;
}

/* The entry was empty or mapped the same page: no CPU has a stale translation. */
static inline bool entry_set(struct vm_region *region, const struct fault_view *view, pte_t *pte,
			     pte_t old, pte_t new)
{
	if (view) {
		if (!entry_claim(view, pte, old))
			return false;
		smp_store_release(pte, new);
		return true;
	}
	if (likely(vm_is_solo(region->space) && !region->pages)) {
		WRITE_ONCE(*pte, new);
		return true;
	}
	return vm_entry_exchange(pte, old, new);
}

/* Put another page in the place of a present one. @return false: the entry has changed */
static bool entry_replace(struct vm_region *region, const struct fault_view *view, u64 addr,
			  pte_t *pte, pte_t old, pte_t new)
{
	struct vm_space *space = region->space;

	if (likely(!view && vm_is_solo(space))) {
		if (!entry_set(region, NULL, pte, old, new))
			return false;
		tlb_flush_own_page(space, addr);
		return true;
	}
	preempt_disable();
	if (!entry_claim(view, pte, old)) {
		preempt_enable();
		return false;
	}
	tlb_flush_user_page(space, addr);
	smp_store_release(pte, new);
	preempt_enable();
	return true;
}

/* ---- anonymous memory ---- */

static inline int fault_anon(struct vm_region *region, const struct fault_view *view, pte_t *pte,
			     bool write)
{
	struct page *page;

	if (unlikely(!write)) {
		entry_set(region, view, pte, 0, vm_zero_pte | pte_make_readonly(region->pte_bits));
		return 0;
	}
	page = page_alloc(PAGE_USER | PAGE_ZERO);
	if (unlikely(!page))
		return -ENOMEM;
	if (unlikely(!entry_set(region, view, pte, 0,
				page_pte(page, pte_make_anon(region->pte_bits))))) {
		page_free(page);
		return 0;
	}
	mem_account(MEM_ANON, 1);
	vm_count(region->space, 1, 0);
	return 0;
}

/* ---- copy on write ---- */

/* Count a file's page that @entry maps, so that it stays. @return NULL: no longer mapped there */
static struct page *page_get_mapped(struct vm_region *region, const pte_t *pte, pte_t entry)
{
	struct page *page = NULL;

	vm_file_lock(region);
	if (READ_ONCE(*pte) == entry) {
		page = pte_page(entry);
		page_get(page);
	}
	vm_file_unlock(region);
	return page;
}

/* Write to a private page that is shared with another process. */
static int fault_copy_anon(struct vm_region *region, const struct fault_view *view, u64 addr,
			   pte_t *pte, pte_t entry)
{
	struct page *old = pte_page(entry), *new = page_alloc(PAGE_USER);

	if (unlikely(!new))
		return -ENOMEM;
	/* It may be unmapped while it is copied: then the entry has changed, and the copy is freed. */
	copy_page(page_address(new), page_address(old));
	if (likely(entry_replace(region, view, addr, pte, entry,
				 page_pte(new, pte_make_anon(region->pte_bits))))) {
		mem_account(MEM_ANON, 1);
		vm_anon_put(old);
	} else {
		page_free(new);
	}
	return 0;
}

/* The zero page or a page of a file, or of device memory, was replaced by a copy. */
static void account_copied(struct vm_region *region, pte_t old)
{
	vm_count(region->space, 1, -!pte_uncounted(old));
	if (region->ops && !region->has_anon)
		region->has_anon = true;
	mem_account(MEM_ANON, 1);
}

/*
 * The first write to a private mapping of device memory, which is read once for it. The device
 * may be gone meanwhile: then the entry has changed.
 */
static int fault_copy_device(struct vm_region *region, u64 addr, pte_t *pte, pte_t entry)
{
	enum kcache cache = pte_is_uncached(entry) ? KCACHE_UC : KCACHE_WC;
	u64 *from = krange_map_phys(pte_phys(entry), PAGE_SIZE, cache), *to;
	struct page *new;

	if (!from)
		return -EIO;
	new = page_alloc(PAGE_USER);
	if (!new) {
		krange_unmap_phys(from);
		return -ENOMEM;
	}
	to = page_address(new);
	for (u32 i = 0; i < PAGE_SIZE / sizeof(*to); i++)
		to[i] = READ_ONCE(from[i]);
	krange_unmap_phys(from);
	if (entry_replace(region, NULL, addr, pte, entry,
			  page_pte(new, pte_make_anon(region->pte_bits))))
		account_copied(region, entry);
	else
		page_free(new);
	return 0;
}

static int fault_copy(struct vm_region *region, const struct fault_view *view, u64 addr, pte_t *pte,
		      pte_t entry)
{
	bool zero = pte_phys(entry) == pte_phys(vm_zero_pte), held;
	struct page *old = pte_page(entry), *new;

	if (pte_uncounted(entry) && !zero && !page_is_ram(pte_phys(entry)))
		return fault_copy_device(region, addr, pte, entry);
	/*
	 * As in fault_copy_anon(). Only a file's page might be mapped again in between, if
	 * another thread reads it in again.
	 */
	held = pte_of_file(entry) && !vm_is_solo(region->space);
	if (held && !page_get_mapped(region, pte, entry))
		return 0;
	new = page_alloc(PAGE_USER | (zero ? PAGE_ZERO : 0));
	if (new && !zero)
		copy_page(page_address(new), page_address(old));
	if (likely(new &&entry_replace(region, view, addr, pte, entry,
				       page_pte(new, pte_make_anon(region->pte_bits))))) {
		account_copied(region, entry);
		if (!pte_uncounted(entry))
			page_put(old);
	} else if (new) {
		page_free(new);
	}
	if (held)
		page_put(old);
	if (new)
		return 0;
	return -ENOMEM;
}

/*
 * The entry that maps @page is writable now. Write-back cleans a page first and makes it
 * read-only then: one that is clean here was cleaned before the entry could be seen,
 * and would be written to unnoticed. So page_mkwrite() is called once more; code that cleans
 * it after that finds the entry. One step, not a loop: nothing here waits for a flag
 * that a file system may set or not.
 */
static inline int mkwrite_if_cleaned(struct vm_region *region, struct page *page)
{
	if (likely(!region->ops->write_back) || (READ_ONCE(page->flags) & PG_DIRTY))
		return 0;
	return region->ops->page_mkwrite(region, page);
}

static inline int mkwrite_error(int err)
{
	if (err >= 0)
		return 0;
	if (err == -ENOMEM)
		return -ENOMEM;
	return -EIO;
}

static int fault_shared_write(struct vm_region *region, u64 addr, pte_t *pte, pte_t entry)
{
	struct page *page;
	int err;

	if (!region->ops || !region->ops->page_mkwrite || pte_uncounted(entry)) {
		vm_entry_exchange(pte, entry, pte_make_writable(entry));
		return 0;
	}
	page = page_get_mapped(region, pte, entry);
	if (!page)
		return 0;
	err = region->ops->page_mkwrite(region, page);
	if (!err && vm_entry_exchange(pte, entry, pte_make_writable(entry))) {
		err = mkwrite_if_cleaned(region, page);
		if (err && vm_entry_exchange(pte, pte_make_writable(entry), entry))
			tlb_flush_user_page(region->space, addr);
	}
	page_put(page);
	return mkwrite_error(err);
}

static inline int fault_present(struct vm_region *region, const struct fault_view *view, u64 addr,
				pte_t *pte, pte_t entry, bool write)
{
	if (unlikely(!pte_present(entry))) {
		cpu_relax(); /* pte_busy() */
		return VM_RETRY;
	}
	if (!write || pte_writable(entry)) {
		tlb_flush_local_page(addr);
		return 0;
	}
	if (unlikely(region->flags & VM_SHARED))
		return fault_shared_write(region, addr, pte, entry);
	if (unlikely(!pte_anon(entry)))
		return fault_copy(region, view, addr, pte, entry);
	if (atomic_read(&pte_page(entry)->refs) != 1)
		return fault_copy_anon(region, view, addr, pte, entry);
	entry_set(region, view, pte, entry, pte_make_writable(entry)); /* it is no longer shared */
	return 0;
}

/* ---- files ---- */

/* The second half of the agreement with truncations: the entry is set, a locked instruction has passed. */
static inline bool page_still_cached(const struct vm_region *region, const struct page *page)
{
	return !region->ops->page_cache || READ_ONCE(*(void *const *)&page->mapping);
}

/* Map a page where nothing was; takes over the reference. @return was it mapped? */
static bool map_file_page(struct vm_region *region, u64 addr, pte_t *pte, struct page *page,
			  pte_t new)
{
	if (!vm_entry_exchange(pte, 0, new)) {
		if (!pte_uncounted(new))
			page_put(page);
		return false;
	}
	if (likely(page_still_cached(region, page)))
		return true;
	if (vm_entry_exchange(pte, new, 0)) { /* else the truncation has done it */
		tlb_flush_user_page(region->space, addr);
		page_put(page);
		return false;
	}
	return true; /* and counted it as taken away */
}

/* The bits of a file's page; a shared one that wants page_mkwrite() first is not writable. */
static inline u64 file_bits(const struct vm_region *region, bool made_writable)
{
	u64 bits = region->pte_bits;

	if (!(region->flags & VM_SHARED) || (region->ops->page_mkwrite && !made_writable))
		bits = pte_make_readonly(bits);
	return bits;
}

/* Map what the cache has of the 64 KiB around. @return is @addr among it? */
static bool fault_around(struct vm_region *region, u64 addr, pte_t *pte)
{
	const u64 window = VM_FAULT_AROUND * PAGE_SIZE;
	u64 first = MAX(region->start, ALIGN_DOWN(addr, window));
	u64 last = MIN(region->end, ALIGN_DOWN(addr, window) + window);
	u32 npages = (last - first) >> PAGE_SHIFT;
	struct page *pages[VM_FAULT_AROUND];
	u64 bits = file_bits(region, false);
	pte_t *entry = pte - ((addr - first) >> PAGE_SHIFT);
	s64 mapped = 0;

	if (!region->ops->fault_around(
		    region, region->pgoff + ((first - region->start) >> PAGE_SHIFT), npages, pages))
		return false;
	for (u32 i = 0; i < npages; i++, entry++) {
		if (!pages[i])
			continue;
		if (*entry)
			page_put(pages[i]);
		else
			mapped += map_file_page(region, first + i * PAGE_SIZE, entry, pages[i],
						page_pte(pages[i], bits));
	}
	vm_count(region->space, 0, mapped);
	return READ_ONCE(*pte) != 0;
}

/* First write to a private page that is not mapped yet; takes over the reference on @from. */
static int fault_file_copy(struct vm_region *region, u64 addr, pte_t *pte, struct page *from)
{
	struct page *new = page_alloc(PAGE_USER);
	struct vm_space *space = region->space;
	pte_t entry;

	if (!new) {
		if (!(region->flags & VM_PFN))
			page_put(from);
		return -ENOMEM;
	}
	copy_page(page_address(new), page_address(from));
	entry = page_pte(new, pte_make_anon(region->pte_bits));
	region->has_anon = true;
	if (!vm_entry_exchange(pte, 0, entry)) {
		page_free(new);
	} else {
		mem_account(MEM_ANON, 1);
		vm_count(space, 1, 0);
		if (unlikely(!page_still_cached(region, from)) &&
		    vm_entry_exchange(pte, entry, 0)) {
			tlb_flush_user_page(space, addr);
			vm_count(space, -1, 0);
			vm_anon_put(new);
		}
	}
	if (!(region->flags & VM_PFN))
		page_put(from);
	return 0;
}

/* First write to a shared page that is not mapped yet; takes over the reference on @page. */
static int fault_file_write(struct vm_region *region, u64 addr, pte_t *pte, struct page *page)
{
	bool mapped, counted = !(region->flags & VM_PFN);
	pte_t entry = page_pte(page, file_bits(region, true));
	int err = region->ops->page_mkwrite(region, page);

	if (!counted)
		entry = pte_make_uncounted(entry);

	if (err) {
		page_put(page);
		return mkwrite_error(err);
	}
	if (region->ops->write_back)
		page_get(page); /* the mapping's own reference may be dropped at once */
	mapped = map_file_page(region, addr, pte, page, entry);
	if (mapped && counted)
		vm_count(region->space, 0, 1);
	if (region->ops->write_back) {
		if (mapped)
			err = mkwrite_if_cleaned(region, page);
		if (err && vm_entry_exchange(pte, entry, pte_make_readonly(entry)))
			tlb_flush_user_page(region->space, addr);
		page_put(page);
	}
	return mkwrite_error(err);
}

/*
 * Map this page and those behind it that one table holds. A write to a private mapping
 * faults once more, and is given a copy.
 */
static int fault_device(struct vm_region *region, u64 addr, pte_t *pte)
{
	u64 bits = pte_make_uncounted(region->pte_bits), npages;
	u64 stop = MIN(region->end, (addr | (LEAF_SIZE - 1)) + 1);
	pte_t entry;
	int err;

	if (!(region->flags & VM_SHARED))
		bits = pte_make_readonly(bits);
	vm_file_lock(region);
	err = region->ops->fault_device(
		region, region->pgoff + ((addr - region->start) >> PAGE_SHIFT), &entry, &npages);
	npages = MIN(npages, (stop - addr) >> PAGE_SHIFT);
	for (u64 i = 0; !err && i < npages; i++)
		(void)vm_entry_exchange(pte + i, 0, (entry + (i << PAGE_SHIFT)) | bits);
	vm_file_unlock(region);
	if (err)
		return -EIO;
	return 0;
}

static int fault_file(struct vm_region *region, u64 addr, pte_t *pte, bool write)
{
	struct page *page;
	bool major;
	int err;

	if (region->ops->fault_device)
		return fault_device(region, addr, pte);
	if (!write && region->ops->fault_around && fault_around(region, addr, pte))
		return 0;
	if (!region->ops->fault)
		return -EIO;
	err = region->ops->fault(region, region->pgoff + ((addr - region->start) >> PAGE_SHIFT),
				 &page);
	if (err < 0) {
		if (err == -ENOMEM)
			return -ENOMEM;
		return -EIO;
	}
	major = err;
	if (write && !(region->flags & VM_SHARED)) {
		err = fault_file_copy(region, addr, pte, page);
		return err ?: major;
	}
	if (write && region->ops->page_mkwrite) {
		err = fault_file_write(region, addr, pte, page);
		return err ?: major;
	}
	if (region->flags & VM_PFN)
		map_file_page(region, addr, pte, page,
			      page_pte(page, pte_make_uncounted(file_bits(region, true))));
	else if (map_file_page(region, addr, pte, page, page_pte(page, file_bits(region, false))))
		vm_count(region->space, 0, 1);
	return major;
}

/* ---- one page ---- */

static inline __attribute__((always_inline)) int
fault_page(struct vm_region *region, const struct fault_view *view, u64 addr, bool write)
{
	pte_t *pte = vm_pte_own(region->space, addr), entry;

	if (unlikely(!pte)) {
		if (view)
			return VM_RETRY;
		pte = vm_pte_alloc(region->space, addr);
		if (!pte)
			return -ENOMEM;
	}
	entry = READ_ONCE(*pte);
	if (entry)
		return fault_present(region, view, addr, pte, entry, write);
	if (likely(!region->ops))
		return fault_anon(region, view, pte, write);
	return fault_file(region, addr, pte, write);
}

int vm_fault_region(struct vm_region *region, u64 addr, bool write)
{
	return fault_page(region, NULL, addr, write);
}

/* ---- stacks that grow ---- */

/* Grow the stack above @addr, where no region is, down to it. @return 0: a region has @addr now; -EFAULT */
static int region_grow_down(struct vm_space *space, u64 addr)
{
	u64 start = addr & PAGE_MASK, npages;
	struct vm_region *region, *prev;
	int err = -EFAULT;

	down_write(&space->lock);
	region = vm_region_find_above(space, addr);
	if (!region)
		goto out_unlock;
	if (region->start <= addr) { /* another thread was faster */
		err = 0;
		goto out_unlock;
	}
	if (!(region->flags & VM_GROWSDOWN) || start < READ_ONCE(vm_min_addr))
		goto out_unlock;
	prev = vm_region_prev(space, region);
	if (prev && (prev->flags & VM_ACCESS) && !(prev->flags & VM_GROWSDOWN) &&
	    start - prev->end < VM_GUARD_GAP)
		goto out_unlock;
	npages = (region->start - start) >> PAGE_SHIFT;
	if (region->end - start > vm_limit(RLIMIT_STACK) ||
	    !vm_may_expand(space, region->flags, npages) ||
	    vm_may_lock(space, region->flags, npages) || !vm_enough_memory(region->flags, npages))
		goto out_unlock;
	vm_set_bounds(region, start, region->end);
	vm_account(space, region->flags, npages);
	err = 0;
out_unlock:
	up_write(&space->lock);
	return err;
}

/* ---- the way in ---- */

static inline bool fault_allowed(const struct vm_region *region, u32 error_code)
{
	u32 need = VM_ACCESS;

	if (error_code & VM_FAULT_WRITE)
		need = VM_WRITE;
	else if (error_code & VM_FAULT_EXEC)
		need = VM_EXEC;
	return region->flags & need;
}

/*
 * The space has one user, this thread, and the region no file: then no other thread
 * changes either, and the lock is not taken. A process that accesses the space from outside waits for
 * the end of what began before (vm_space_access()); so no sleeping here.
 * @return 0, else the fault must be resolved under the lock
 */
static inline int fault_alone(struct vm_space *space, u64 addr, u32 error_code)
{
	struct vm_region *region = vm_region_find(space, addr);

	if (unlikely(!region || region->ops || !fault_allowed(region, error_code)))
		return VM_RETRY;
	return fault_page(region, NULL, addr & PAGE_MASK, error_code & VM_FAULT_WRITE);
}

/*
 * Beside changes of the space. May not sleep: the region and the table stay for as long as this reads
 * them under RCU.
 * @return 0, else the fault must be resolved under the lock
 */
static __noinline int fault_beside(struct vm_space *space, u64 addr, u32 error_code)
{
	struct fault_view view = { .space = space, .space_seq = READ_ONCE(space->seq) };
	struct vm_region *region = vm_region_peek(space, addr);

	assert_rcu_read();
	if (unlikely(!region))
		return VM_RETRY;
	view.region = region;
	view.region_seq = __atomic_load_n(&region->seq, __ATOMIC_ACQUIRE);
	if (unlikely((view.space_seq | view.region_seq) & 1))
		return VM_RETRY;
	if (unlikely(addr < region->start || addr >= region->end || region->ops ||
		     !fault_allowed(region, error_code)))
		return VM_RETRY;
	return fault_page(region, &view, addr & PAGE_MASK, error_code & VM_FAULT_WRITE);
}

/* @return 0, else the fault must be resolved under the lock */
static inline int fault_unlocked(struct vm_space *space, u64 addr, u32 error_code)
{
	int err;

	rcu_read_lock();
	if (likely(vm_is_solo(space)))
		err = fault_alone(space, addr, error_code);
	else
		err = fault_beside(space, addr, error_code);
	rcu_read_unlock();
	return err;
}

int vm_fault(struct vm_space *space, u64 addr, u32 error_code, int *si_code)
{
	struct vm_region *region;
	u32 attempt = 0;
	int err;

	if (likely(!fault_unlocked(space, addr, error_code)))
		return 0;
	for (;;) {
		down_read(&space->lock);
		region = vm_region_find(space, addr);
		if (unlikely(!region)) {
			up_read(&space->lock);
			*si_code = SEGV_MAPERR;
			if (addr >= USER_END || region_grow_down(space, addr))
				return -EFAULT;
			continue;
		}
		if (unlikely(!fault_allowed(region, error_code))) {
			up_read(&space->lock);
			*si_code = SEGV_ACCERR;
			return -EFAULT;
		}
		err = vm_fault_region(region, addr & PAGE_MASK, error_code & VM_FAULT_WRITE);
		up_read(&space->lock);
		if (likely(err <= 1) && err != -ENOMEM)
			return err;
		if (err == -ENOMEM) {
			err = vm_out_of_memory(attempt++);
			if (err)
				return err;
		}
	}
}
