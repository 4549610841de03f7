// SPDX-License-Identifier: MIT
/*
 * Entries that a fork does not copy before they are needed.
 *
 * A child that executes a program or ends soon uses few of its pages. What lies beside these
 * in the same lowest table was copied and counted for nothing, page by page, and dropped in
 * the same way. So a fork copies no longer runs of anonymous memory: it makes their entries read-only
 * and lets the child's table borrow them from the parent's, in lines of eight entries (a cache
 * line). A line that one side needs, to change it or to read through it, is settled: its entries
 * are copied to the child and their pages counted, as fork() would have done. Lines that neither
 * side has touched when the child ends are forgotten. When the parent ends first, the child
 * is given the entries with the reference that the parent had.
 *
 * A pending line has its entries in the lender's table alone, read-only, with no
 * reference of the borrower's, and is empty in the borrower's table. Both stay so until it is
 * settled. Both links to the two tables are marked: vm_pte_own() finds no entry then, so that whatever
 * would change one takes the slow way, which settles the line first (vm_loan_settle()); writers of
 * the space settle whole tables first (vm_leaf_own()). A side that uses many lines settles more at a time,
 * until its table is unmarked. A truncation knows nothing of this: only lines
 * that lie in anonymous memory as a whole are lent.
 *
 * A table has one role at a time. A borrower settles all before it is forked itself, a lender what
 * its last child still borrows: so there are no chains, and a loan has two sides.
 *
 * Locks: loan_locks, one by the lender's table: the pending lines of both sides, and the end of the
 * loan. Each side finds the other through page->mapping, which becomes NULL under that lock,
 * once for both; so the lock of a table that is not ours is never that of a loan which we
 * are not part of any more. space->share_lock, outside: the mark of a link, the flags of its
 * table. Whole tables that are shared: vm_leaf.c.
 */
#include "vm_internal.h"

#define LOAN_LOCKS 64u
#define ALL_LINES  (~0ull)
/* Fewer are copied at once: a loan costs about as much. */
#define LOAN_MIN_PAGES 16

static struct loan_lock {
	spinlock_t lock;
} __aligned(64) loan_locks[LOAN_LOCKS];

/* Uses of a table that settle a line alone; the next one settles two, and so on to all. */
#define SINGLE_LINES 4u
#define LINES_SHIFT  6u

_Static_assert(PTRS_PER_TABLE / LINE_ENTRIES == 1u << LINES_SHIFT,
	       "page->private: a bit for each line");

void vm_loan_init(void)
{
	for (u32 i = 0; i < LOAN_LOCKS; i++)
		spin_init(&loan_locks[i].lock);
}

/* ---- the two sides ---- */

/* The table of the other side. @return NULL: the loan has ended, and all that it did can be seen */
static inline struct page *loan_partner(struct page *table)
{
	return smp_load_acquire((struct page **)&table->mapping);
}

/* Lock the loan in which @table has a part. @return NULL: it has ended */
static spinlock_t *loan_lock(struct page *table)
{
	struct page *partner = loan_partner(table), *lender = table;
	spinlock_t *lock;

	if (!partner)
		return NULL;
	if (table->flags & PG_BORROWER)
		lender = partner;
	lock = &loan_locks[(u64)(lender - pagemap) % LOAN_LOCKS].lock;
	spin_lock(lock);
	if (loan_partner(table))
		return lock;
	spin_unlock(lock); /* the other side has ended it */
	return NULL;
}

/* With the lock. */
static void loan_end(struct page *table)
{
	struct page *partner = loan_partner(table);

	smp_store_release((struct page **)&partner->mapping, NULL);
	smp_store_release((struct page **)&table->mapping, NULL);
}

/* ---- lines ---- */

static void line_copy(pte_t *to, const pte_t *from)
{
	for (u32 i = 0; i < LINE_ENTRIES; i++) {
		pte_t entry = READ_ONCE(from[i]);

		if (!pte_anon(entry))
			continue;
		page_get(pte_page(entry));
		WRITE_ONCE(to[i], entry);
	}
}

static void line_move(pte_t *to, pte_t *from)
{
	for (u32 i = 0; i < LINE_ENTRIES; i++) {
		if (!pte_anon(from[i]))
			continue;
		WRITE_ONCE(to[i], from[i]);
		from[i] = 0;
	}
}

/* With the lock: settle those of @lines that are pending. */
static void loan_settle_lines(struct page *table, u64 lines)
{
	struct page *lender = table, *borrower = loan_partner(table);

	if (table->flags & PG_BORROWER) {
		lender = borrower;
		borrower = table;
	}
	lines &= borrower->private;
	borrower->private &= ~lines;
	for (; lines; lines &= lines - 1) {
		u32 first = (u32)__builtin_ctzll(lines) * LINE_ENTRIES;

		line_copy((pte_t *)page_address(borrower) + first,
			  (pte_t *)page_address(lender) + first);
	}
	if (!borrower->private)
		loan_end(table);
}

/* With share_lock, or alone: @link is that of a table whose loan has ended. */
static void loan_forget(struct vm_space *space, pte_t *link, struct page *table)
{
	table->flags &= ~(u32)PG_LOAN;
	WRITE_ONCE(*link, pte_make_table_unlent(*link));
	space->nr_common--;
}

/* The lines to settle for a use of that of @addr: after the first few, more each time. */
static u64 loan_lines_around(struct page *table, u64 addr)
{
	u32 line = pt_index(addr, 1) / LINE_ENTRIES, count;

	if (++table->index <= SINGLE_LINES)
		return 1ull << line;
	if (table->index - SINGLE_LINES >= LINES_SHIFT)
		return ALL_LINES;
	count = 1u << (table->index - SINGLE_LINES);
	return ((1ull << count) - 1) << ALIGN_DOWN(line, count);
}

/* The line of @addr, or all. */
static inline void loan_settle(struct vm_space *space, pte_t *link, u64 addr, bool all)
{
	struct page *table;
	spinlock_t *lock;

	spin_lock(&space->share_lock);
	if (pte_table_lent(*link)) {
		table = pte_page(*link);
		lock = loan_lock(table);
		if (lock) {
			loan_settle_lines(table, all ? ALL_LINES : loan_lines_around(table, addr));
			spin_unlock(lock);
		}
		if (!loan_partner(table))
			loan_forget(space, link, table);
	}
	spin_unlock(&space->share_lock);
}

void vm_loan_settle(struct vm_space *space, pte_t *link, u64 addr)
{
	loan_settle(space, link, addr, false);
}

void vm_loan_settle_all(struct vm_space *space, pte_t *link)
{
	loan_settle(space, link, 0, true);
}

/* With the lock: the lender ends, and leaves its pages to the other side. */
static void loan_give(struct page *lender)
{
	struct page *borrower = loan_partner(lender);

	for (u64 lines = borrower->private; lines; lines &= lines - 1) {
		u32 first = (u32)__builtin_ctzll(lines) * LINE_ENTRIES;

		line_move((pte_t *)page_address(borrower) + first,
			  (pte_t *)page_address(lender) + first);
	}
	borrower->private = 0;
}

void vm_loan_leave(struct page *table)
{
	spinlock_t *lock = loan_lock(table);

	if (lock) {
		if (table->flags & PG_LENDER)
			loan_give(table);
		loan_end(table);
		spin_unlock(lock);
	}
	table->flags &= ~(u32)PG_LOAN;
}

/* ---- fork ---- */

static s64 line_count_anon(const pte_t *line)
{
	s64 count = 0;

	for (u32 i = 0; i < LINE_ENTRIES; i++)
		count += pte_anon(line[i]);
	return count;
}

static void line_protect(pte_t *line)
{
	for (u32 i = 0; i < LINE_ENTRIES; i++)
		if (pte_writable(line[i]))
			line[i] = pte_make_readonly(line[i]);
}

/* Make lines read-only. @return those that hold private pages, from bit 0 on */
static u64 lines_protect(pte_t *line, u32 count, s64 *npages, bool *flush)
{
	u64 used = 0;

	for (u32 i = 0; i < count; i++, line += LINE_ENTRIES) {
		pte_t any = line[0] | line[1] | line[2] | line[3] | line[4] | line[5] | line[6] |
			    line[7];
		pte_t all = line[0] & line[1] & line[2] & line[3] & line[4] & line[5] & line[6] &
			    line[7];

		if (!pte_anon(any))
			continue;
		used |= 1ull << i;
		*npages += likely(pte_anon(all)) ? LINE_ENTRIES : line_count_anon(line);
		if (pte_writable(any)) {
			line_protect(line);
			*flush = true;
		}
	}
	return used;
}

static void loan_begin(struct vm_space *space, pte_t *link, u32 role, struct page *partner)
{
	struct page *table = pte_page(*link);

	table->flags |= role;
	table->mapping = partner;
	table->index = 0;
	*link = pte_make_table_lent(*link);
	space->nr_common++;
}

u64 vm_loan_lines(struct vm_fork *fork, u32 first, u32 last)
{
	s64 npages = 0;
	u64 used = lines_protect(fork->src + first, (last - first) / LINE_ENTRIES, &npages,
				 &fork->flush);

	assert_held_write(&fork->from->lock);
	if (npages < LOAN_MIN_PAGES)
		return 0;
	fork->to->rss_anon += npages;
	return used << (first / LINE_ENTRIES);
}

void vm_loan_make(struct vm_fork *fork, u64 lines)
{
	struct page *borrower = virt_to_page(fork->dest);
	u64 addr = fork->number << pt_shift(2);

	if (!fork->lent) {
		borrower->private = 0;
		loan_begin(fork->from, vm_leaf_link(fork->from, addr), PG_LENDER, borrower);
		loan_begin(fork->to, vm_leaf_link(fork->to, addr), PG_BORROWER,
			   virt_to_page(fork->src));
		fork->lent = true;
	}
	borrower->private |= lines;
}
