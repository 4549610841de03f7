// SPDX-License-Identifier: MIT
/*
 * Page faults.
 *
 * What a fault finds in the entry, and does:
 *	nothing, anonymous region	read: the zero page, read-only; write: a new page
 *	nothing, region of a file	the file's page, with cached ones around it if it is
 *					a read; a write to a private region copies it
 *	present, not writable		private: copy, or just make writable what nobody
 *					shares any more; shared: page_mkwrite(), then writable
 *	present, all right		another thread was faster, or this CPU remembered
 *					fewer rights: drop that and go on
 *
 * The faults of one space's threads run side by side under space->lock for reading
 * (a single thread's in anonymous memory without it: fault_alone());
 * who loses a compare-exchange gives its page back and lets the instruction decide
 * whether there still is something to do. vm_tables.c has the rules for entries.
 *
 * Another page in the place of one that other CPUs may still read through their
 * TLBs: between the old and the new entry stands pte_busy() until they have
 * forgotten, so that no two threads see different pages for one address at a time. A
 * space with one user needs no such care.
 *
 * A truncation takes the page out of the cache first and unmaps it then. A fault maps
 * the page first and looks whether it still is in the cache then. So one of them
 * sees the other.
 */
#include <kernel/fs/dentry.h>
#include "vm_internal.h"

#define OOM_WAIT_MS  10
#define OOM_ATTEMPTS 300u
#define OOM_ATTEMPTS_ALONE \
	30u /* nobody is there to be killed: only what is under way may come back */
#define OOM_ATTEMPTS_FREE 8u /* there is memory again, or still: nobody has to die */

/* ---- entries ---- */

static inline bool exchange(pte_t *pte, pte_t old, pte_t new)
{
	return __atomic_compare_exchange_n(pte, &old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

/* Where nothing or the same page was before: no CPU remembers anything that hurts. */
static inline bool entry_set(struct vm_region *r, pte_t *pte, pte_t old, pte_t new)
{
	if (likely(vm_is_solo(r->space) && !r->pages)) {
		WRITE_ONCE(*pte, new);
		return true;
	}
	return exchange(pte, old, new);
}

/* Put another page in the place of a present one. @return false: the entry has changed */
static bool entry_replace(struct vm_region *r, u64 addr, pte_t *pte, pte_t old, pte_t new)
{
	struct vm_space *s = r->space;

	if (likely(vm_is_solo(s))) {
		if (!entry_set(r, pte, old, new))
			return false;
		tlb_flush_own_page(s, addr);
		return true;
	}
	preempt_disable();
	if (!exchange(pte, old, pte_busy())) {
		preempt_enable();
		return false;
	}
	tlb_flush_user_page(s, addr);
	smp_store_release(pte, new);
	preempt_enable();
	return true;
}

static inline void count_pages(struct vm_space *s, s64 *counter, s64 n)
{
	if (likely(vm_is_solo(s)))
		*counter += n;
	else
		__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* ---- anonymous memory ---- */

static inline int fault_anon(struct vm_region *r, pte_t *pte, bool write)
{
	struct page *p;

	if (unlikely(!write)) {
		entry_set(r, pte, 0, vm_zero_pte | pte_make_readonly(r->pte_bits));
		return 0;
	}
	p = page_alloc(PAGE_USER | PAGE_ZERO);
	if (unlikely(!p))
		return -ENOMEM;
	if (unlikely(!entry_set(r, pte, 0, page_pte(p, pte_make_anon(r->pte_bits))))) {
		page_free(p);
		return 0;
	}
	mem_account(MEM_ANON, 1);
	count_pages(r->space, &r->space->rss_anon, 1);
	return 0;
}

/* ---- copy on write ---- */

/* Count a file's page that @e maps, so that it stays. @return NULL: no longer mapped there */
static struct page *hold_mapped(struct vm_region *r, const pte_t *pte, pte_t e)
{
	struct page *p = NULL;

	vm_file_lock(r);
	if (READ_ONCE(*pte) == e) {
		p = pte_page(e);
		page_get(p);
	}
	vm_file_unlock(r);
	return p;
}

static void note_copied(struct vm_region *r, pte_t old)
{
	struct vm_space *s = r->space;

	if (!pte_anon(old)) {
		count_pages(s, &s->rss_anon, 1);
		if (!pte_uncounted(old))
			count_pages(s, &s->rss_file, -1);
		if (r->ops && !r->has_anon)
			r->has_anon = true;
	}
	mem_account(MEM_ANON, 1);
}

static int fault_copy(struct vm_region *r, u64 addr, pte_t *pte, pte_t e)
{
	bool zero = pte_phys(e) == pte_phys(vm_zero_pte), held;
	struct page *old = pte_page(e), *new;

	if (pte_uncounted(e) && !zero && !page_is_ram(pte_phys(e)))
		return -EIO;
	/*
	 * The source may go while it is copied; then the entry has changed and the
	 * copy is thrown away. Only a file's page might come back in between, if
	 * another thread reads it in again.
	 */
	held = pte_of_file(e) && !vm_is_solo(r->space);
	if (held && !hold_mapped(r, pte, e))
		return 0;
	new = page_alloc(PAGE_USER | (zero ? PAGE_ZERO : 0));
	if (new && !zero)
		copy_page(page_address(new), page_address(old));
	if (likely(new &&entry_replace(r, addr, pte, e,
				       page_pte(new, pte_make_anon(r->pte_bits))))) {
		note_copied(r, e);
		if (pte_anon(e))
			vm_anon_put(old);
		else if (!pte_uncounted(e))
			page_put(old);
	} else if (new) {
		page_free(new);
	}
	if (held)
		page_put(old);
	return new ? 0 : -ENOMEM;
}

/*
 * The entry that maps @p is writable now. Write-back cleans a page first and makes it
 * read-only then: one that is clean here was cleaned before the entry could be seen,
 * and would be written to unnoticed. So its file is told once more; whatever cleans
 * it after that finds the entry. One step, not a loop: nothing here waits for a flag
 * that a file system may set or not.
 */
static inline int tell_if_cleaned(struct vm_region *r, struct page *p)
{
	if (likely(!r->ops->write_back) || (READ_ONCE(p->flags) & PG_DIRTY))
		return 0;
	return r->ops->page_mkwrite(r, p);
}

static inline int mkwrite_error(int err)
{
	return err == -ENOMEM ? err : err < 0 ? -EIO : 0;
}

static int fault_shared_write(struct vm_region *r, u64 addr, pte_t *pte, pte_t e)
{
	struct page *p;
	int err;

	if (!r->ops || !r->ops->page_mkwrite || pte_uncounted(e)) {
		exchange(pte, e, pte_make_writable(e));
		return 0;
	}
	p = hold_mapped(r, pte, e);
	if (!p)
		return 0;
	err = r->ops->page_mkwrite(r, p);
	if (!err && exchange(pte, e, pte_make_writable(e))) {
		err = tell_if_cleaned(r, p);
		if (err && exchange(pte, pte_make_writable(e), e))
			tlb_flush_user_page(r->space, addr);
	}
	page_put(p);
	return mkwrite_error(err);
}

static inline int fault_present(struct vm_region *r, u64 addr, pte_t *pte, pte_t e, bool write)
{
	if (unlikely(!pte_present(e))) {
		cpu_relax(); /* pte_busy() */
		return VM_RETRY;
	}
	if (!write || pte_writable(e)) {
		tlb_flush_local_page(addr);
		return 0;
	}
	if (unlikely(r->flags & VM_SHARED))
		return fault_shared_write(r, addr, pte, e);
	if (pte_anon(e) && atomic_read(&pte_page(e)->refs) == 1) {
		entry_set(r, pte, e, pte_make_writable(e)); /* the others have gone */
		return 0;
	}
	return fault_copy(r, addr, pte, e);
}

/* ---- files ---- */

/* The second half of the agreement with truncations: the entry is set, a locked instruction has passed. */
static inline bool still_there(const struct vm_region *r, const struct page *p)
{
	return !r->ops->page_cache || READ_ONCE(*(void *const *)&p->mapping);
}

/* Map a page where nothing was; takes over the reference. @return was it mapped? */
static bool map_file_page(struct vm_region *r, u64 addr, pte_t *pte, struct page *p, pte_t new)
{
	if (!exchange(pte, 0, new)) {
		if (!pte_uncounted(new))
			page_put(p);
		return false;
	}
	if (likely(still_there(r, p)))
		return true;
	if (exchange(pte, new, 0)) { /* else the truncation has done it */
		tlb_flush_user_page(r->space, addr);
		page_put(p);
		return false;
	}
	return true; /* and counted it as taken away */
}

/* The bits of a file's page; a shared one that wants page_mkwrite() first is not writable. */
static inline u64 file_bits(const struct vm_region *r, bool made_writable)
{
	u64 bits = r->pte_bits;

	if (!(r->flags & VM_SHARED) || (r->ops->page_mkwrite && !made_writable))
		bits = pte_make_readonly(bits);
	return bits;
}

/* Map what the cache has of the 64 KiB around. @return is @addr among it? */
static bool fault_around(struct vm_region *r, u64 addr, pte_t *pte)
{
	const u64 window = VM_FAULT_AROUND * PAGE_SIZE;
	u64 first = MAX(r->start, ALIGN_DOWN(addr, window));
	u64 last = MIN(r->end, ALIGN_DOWN(addr, window) + window);
	u32 n = (last - first) >> PAGE_SHIFT;
	struct page *pages[VM_FAULT_AROUND];
	u64 bits = file_bits(r, false);
	pte_t *entry = pte - ((addr - first) >> PAGE_SHIFT);
	s64 mapped = 0;

	if (!r->ops->fault_around(r, r->pgoff + ((first - r->start) >> PAGE_SHIFT), n, pages))
		return false;
	for (u32 i = 0; i < n; i++, entry++) {
		if (!pages[i])
			continue;
		if (*entry)
			page_put(pages[i]);
		else
			mapped += map_file_page(r, first + i * PAGE_SIZE, entry, pages[i],
						page_pte(pages[i], bits));
	}
	count_pages(r->space, &r->space->rss_file, mapped);
	return READ_ONCE(*pte) != 0;
}

/* First write to a private page that is not mapped yet; takes over the reference on @from. */
static int fault_file_copy(struct vm_region *r, u64 addr, pte_t *pte, struct page *from)
{
	struct page *new = page_alloc(PAGE_USER);
	struct vm_space *s = r->space;
	pte_t e;

	if (!new) {
		if (!(r->flags & VM_PFN))
			page_put(from);
		return -ENOMEM;
	}
	copy_page(page_address(new), page_address(from));
	e = page_pte(new, pte_make_anon(r->pte_bits));
	r->has_anon = true;
	if (!exchange(pte, 0, e)) {
		page_free(new);
	} else {
		mem_account(MEM_ANON, 1);
		count_pages(s, &s->rss_anon, 1);
		if (unlikely(!still_there(r, from)) && exchange(pte, e, 0)) {
			tlb_flush_user_page(s, addr);
			count_pages(s, &s->rss_anon, -1);
			vm_anon_put(new);
		}
	}
	if (!(r->flags & VM_PFN))
		page_put(from);
	return 0;
}

/* First write to a shared page that is not mapped yet; takes over the reference on @p. */
static int fault_file_write(struct vm_region *r, u64 addr, pte_t *pte, struct page *p)
{
	bool mapped, counted = !(r->flags & VM_PFN);
	pte_t e = page_pte(p, file_bits(r, true));
	int err = r->ops->page_mkwrite(r, p);

	if (!counted)
		e = pte_make_uncounted(e);

	if (err) {
		page_put(p);
		return mkwrite_error(err);
	}
	if (r->ops->write_back)
		page_get(p); /* the mapping's own reference may be gone at once */
	mapped = map_file_page(r, addr, pte, p, e);
	if (mapped && counted)
		count_pages(r->space, &r->space->rss_file, 1);
	if (r->ops->write_back) {
		err = mapped ? tell_if_cleaned(r, p) : 0;
		if (err && exchange(pte, e, pte_make_readonly(e)))
			tlb_flush_user_page(r->space, addr);
		page_put(p);
	}
	return mkwrite_error(err);
}

static int fault_file(struct vm_region *r, u64 addr, pte_t *pte, bool write)
{
	struct vm_space *s = r->space;
	struct page *p;
	bool major;
	int err;

	if (!write && r->ops->fault_around && fault_around(r, addr, pte))
		return 0;
	err = r->ops->fault ? r->ops->fault(r, r->pgoff + ((addr - r->start) >> PAGE_SHIFT), &p)
			    : -EIO;
	if (err < 0)
		return err == -ENOMEM ? err : -EIO;
	major = err;
	if (write && !(r->flags & VM_SHARED)) {
		err = fault_file_copy(r, addr, pte, p);
		return err ? err : major;
	}
	if (write && r->ops->page_mkwrite) {
		err = fault_file_write(r, addr, pte, p);
		return err ? err : major;
	}
	if (r->flags & VM_PFN)
		map_file_page(r, addr, pte, p, page_pte(p, pte_make_uncounted(file_bits(r, true))));
	else if (map_file_page(r, addr, pte, p, page_pte(p, file_bits(r, false))))
		count_pages(s, &s->rss_file, 1);
	return major;
}

/* ---- one page ---- */

int vm_fault_region(struct vm_region *r, u64 addr, bool write)
{
	pte_t *pte = vm_pte_alloc(r->space, addr), e;

	if (unlikely(!pte))
		return -ENOMEM;
	e = READ_ONCE(*pte);
	if (e)
		return fault_present(r, addr, pte, e, write);
	if (likely(!r->ops))
		return fault_anon(r, pte, write);
	return fault_file(r, addr, pte, write);
}

/* ---- stacks that grow ---- */

/* No region at @addr: does the one above grow there? @return 0: now there is one; -EFAULT; -EAGAIN */
static int grow_down(struct vm_space *s, u64 addr)
{
	u64 start = addr & PAGE_MASK, npages;
	struct vm_region *r, *prev;
	int err = -EFAULT;

	down_write(&s->lock);
	r = vm_region_find_above(s, addr);
	if (!r)
		goto out;
	if (r->start <= addr) { /* another thread was faster */
		err = 0;
		goto out;
	}
	if (!(r->flags & VM_GROWSDOWN) || start < READ_ONCE(vm_min_addr))
		goto out;
	prev = vm_region_prev(s, r);
	if (prev && (prev->flags & VM_ACCESS) && !(prev->flags & VM_GROWSDOWN) &&
	    start - prev->end < VM_GUARD_GAP)
		goto out;
	npages = (r->start - start) >> PAGE_SHIFT;
	if (r->end - start > vm_limit(RLIMIT_STACK) || !vm_may_expand(s, r->flags, npages) ||
	    vm_may_lock(s, r->flags, npages) || !vm_enough_memory(r->flags, npages))
		goto out;
	vm_set_bounds(r, start, r->end);
	vm_account(s, r->flags, npages);
	err = 0;
out:
	up_write(&s->lock);
	return err;
}

/* ---- the way in ---- */

int vm_out_of_memory(u32 attempt)
{
	if (fatal_signal_pending())
		return -EINTR;
	if (attempt >= OOM_ATTEMPTS)
		return -ENOMEM;
	if (attempt < OOM_ATTEMPTS_FREE && !page_user_exhausted())
		return 0;
	if (attempt <= OOM_ATTEMPTS_FREE && dentry_cache_drop()) {
		sleep_ms(OOM_WAIT_MS); /* freed after a grace period */
		return 0;
	}
	if (!oom_kill(true) && attempt >= OOM_ATTEMPTS_ALONE)
		return -ENOMEM;
	if (fatal_signal_pending())
		return -EINTR;
	/* The victim needs time to end, and what it holds comes free then. */
	sleep_ms(OOM_WAIT_MS);
	return 0;
}

static inline bool allowed(const struct vm_region *r, u32 error_code)
{
	u32 need = VM_ACCESS;

	if (error_code & VM_FAULT_WRITE)
		need = VM_WRITE;
	else if (error_code & VM_FAULT_EXEC)
		need = VM_EXEC;
	return r->flags & need;
}

/*
 * The space has one user, this thread, and the region no file: then nobody else
 * changes either, and the lock is left alone. Who comes in from outside waits for
 * the end of what began before (vm_space_access()); so no sleeping here.
 * @return 0, or the usual way has to be gone
 */
static inline int fault_alone(struct vm_space *s, u64 addr, u32 error_code)
{
	struct vm_region *r;
	int err = VM_RETRY;

	rcu_read_lock();
	if (likely(vm_is_solo(s))) {
		r = vm_region_find(s, addr);
		if (likely(r && !r->ops && allowed(r, error_code)))
			err = vm_fault_region(r, addr & PAGE_MASK, error_code & VM_FAULT_WRITE);
	}
	rcu_read_unlock();
	return err;
}

int vm_fault(struct vm_space *s, u64 addr, u32 error_code, int *si_code)
{
	struct vm_region *r;
	u32 attempt = 0;
	int err;

	if (likely(!fault_alone(s, addr, error_code)))
		return 0;
	for (;;) {
		down_read(&s->lock);
		r = vm_region_find(s, addr);
		if (unlikely(!r)) {
			up_read(&s->lock);
			*si_code = SEGV_MAPERR;
			if (addr >= USER_END || grow_down(s, addr))
				return -EFAULT;
			continue;
		}
		if (unlikely(!allowed(r, error_code))) {
			up_read(&s->lock);
			*si_code = SEGV_ACCERR;
			return -EFAULT;
		}
		err = vm_fault_region(r, addr & PAGE_MASK, error_code & VM_FAULT_WRITE);
		up_read(&s->lock);
		if (likely(err <= 1) && err != -ENOMEM)
			return err;
		if (err == -ENOMEM) {
			err = vm_out_of_memory(attempt++);
			if (err)
				return err;
		}
	}
}

/* ---- many pages, on request ---- */

/* Up to @n pages of one region from @addr on; the lock is held for reading. @return 0 or the first error */
static int populate_region(struct vm_region *r, u64 *addr, u64 end, bool write)
{
	int err = 0;

	assert_held(&r->space->lock);
	for (u32 n = 0; *addr < end && n < 512; n++, *addr += PAGE_SIZE) {
		pte_t *pte = vm_pte(r->space, *addr);

		if (pte && pte_present(*pte) && (!write || pte_writable(*pte)))
			continue;
		do {
			err = vm_fault_region(r, *addr, write);
		} while (err == VM_RETRY);
		if (err < 0)
			return err;
	}
	return 0;
}

int vm_populate(struct vm_space *s, u64 start, u64 end, enum vm_populate how)
{
	struct vm_region *r;
	u32 attempt = 0;
	bool write;
	int err = 0;

	while (!err && start < end) {
		down_read(&s->lock);
		r = vm_region_find_above(s, start);
		if (!r || r->start >= end || (r->start > start && how != VM_POPULATE_MAP)) {
			up_read(&s->lock);
			return how == VM_POPULATE_MAP ? 0 : -ENOMEM;
		}
		start = MAX(start, r->start);
		write = how == VM_POPULATE_WRITE ||
			(how != VM_POPULATE_READ &&
			 (r->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE);
		if (!(r->flags & VM_PFN) && r->flags & (write			  ? VM_WRITE
							: how == VM_POPULATE_READ ? VM_READ
										  : VM_ACCESS))
			err = populate_region(r, &start, MIN(end, r->end), write);
		else if (how == VM_POPULATE_READ || how == VM_POPULATE_WRITE)
			err = -EINVAL;
		else
			start = r->end;
		up_read(&s->lock);
		if (err == -ENOMEM)
			err = vm_out_of_memory(attempt++);
		else if (!err && fatal_signal_pending())
			err = -EINTR;
	}
	return err;
}
