/* SPDX-License-Identifier: MIT */
/**
 * @file pgtable.h  x86_64 page-table entries, and flushing of what CPUs cache of them.
 * Intel SDM vol. 3, 4.5 (4-level paging).
 */
#pragma once
#include <asm/control.h>
#include <kernel/cpu.h>
#include <kernel/page.h>

typedef u64 pte_t;
#define PTE_P	0x001ull
#define PTE_W	0x002ull
#define PTE_U	0x004ull
#define PTE_PWT 0x008ull
#define PTE_PCD 0x010ull
#define PTE_A	0x020ull
#define PTE_D	0x040ull
#define PTE_PS	0x080ull /* 2 MiB / 1 GiB entry */
#define PTE_PAT 0x080ull /* in a 4 KiB entry */
#define PTE_G	0x100ull
/* Software bits. */
#define PTE_SOFT_ANON	0x200ull /* of a user's page: a private one, counted */
#define PTE_SOFT_SHARED 0x200ull /* of a table: several spaces have it */
#define PTE_SOFT_DRIVER 0x200ull /* of a kernel page: a driver may read and write it */
#define PTE_SOFT_PFN	0x400ull /* of a user's page: not counted (device or kernel page) */
#define PTE_SOFT_LENT	0x400ull /* of a table: some entries are lent or borrowed */
#define PTE_SOFT_NONE	0x800ull /* of a user's page: mapped without any right */
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull
#define PTE_WRITE	(PTE_W | PTE_D)
#define PTE_CACHE	(PTE_PWT | PTE_PCD | PTE_PAT)
#define PTRS_PER_TABLE	512u
#define PT_LEVELS	4u
#define PT_USER_ENTRIES 256u	     /* of the top table that belong to user space */
#define PT_USER_END	(1ull << 47) /* end of what these cover */
extern u64 pte_nx_mask; /* PTE_NX, or 0 on a CPU without NX: and it into what is written */
extern u64 pte_global_mask;
extern u64 pte_combining_bits; /* write-combining; of a processor that cannot do that: uncached */

/** Index of @p va in the table of @p level (1: 4 KiB entries .. 4: top). */
static inline u32 pt_index(u64 va, u32 level)
{
	return (va >> (12 + 9 * (level - 1))) & 511;
}
static inline pte_t *pte_table(pte_t entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

/** Bytes that one entry of a table of @p level covers, and the bits of an address within them. */
static inline u64 pt_span(u32 level)
{
	return PAGE_SIZE << (9 * (level - 1));
}
static inline u32 pt_shift(u32 level)
{
	return PAGE_SHIFT + 9 * (level - 1);
}
/** The bits of an entry that points to a table of user space. */
static inline u64 pte_table_bits(void)
{
	return PTE_P | PTE_W | PTE_U | PTE_A;
}

/** Of an entry that points to a lowest table: several spaces have it (mm/vm_leaf.c), so none writes to its pages. */
static inline bool pte_table_shared(pte_t pte)
{
	return pte & PTE_SOFT_SHARED;
}
static inline pte_t pte_make_table_shared(pte_t pte)
{
	return (pte & ~PTE_W) | PTE_SOFT_SHARED;
}
static inline pte_t pte_make_table_own(pte_t pte)
{
	return (pte & ~PTE_SOFT_SHARED) | PTE_W;
}
/** The same: entries of it are lent to, or borrowed from, another space's table (mm/vm_loan.c). */
static inline bool pte_table_lent(pte_t pte)
{
	return pte & PTE_SOFT_LENT;
}
static inline pte_t pte_make_table_lent(pte_t pte)
{
	return pte | PTE_SOFT_LENT;
}
static inline pte_t pte_make_table_unlent(pte_t pte)
{
	return pte & ~PTE_SOFT_LENT;
}
/** Neither of the two: the space that has the link may change all entries of the table. */
static inline bool pte_table_plain(pte_t pte)
{
	return !(pte & (PTE_SOFT_SHARED | PTE_SOFT_LENT));
}

/*
 * What mm/ asks of an entry of the lowest level, and makes of it. The accessed and
 * dirty bits are always set with the present and the write bit: the processor never
 * writes an entry.
 */
static inline bool pte_present(pte_t pte)
{
	return pte & PTE_P;
}
static inline bool pte_writable(pte_t pte)
{
	return pte & PTE_W;
}
/** A present entry that allows reading, or with @p write writing. */
static inline bool pte_allows(pte_t pte, bool write)
{
	if (write)
		return (pte & (PTE_P | PTE_W)) == (PTE_P | PTE_W);
	return pte & PTE_P;
}
/** A private page of user space, counted. */
static inline bool pte_anon(pte_t pte)
{
	return pte & PTE_SOFT_ANON;
}
/** A page of user space that is not counted: the zero page, device memory, the vDSO. */
static inline bool pte_uncounted(pte_t pte)
{
	return pte & PTE_SOFT_PFN;
}
/** A counted page of a file: neither of the two. */
static inline bool pte_of_file(pte_t pte)
{
	return !(pte & (PTE_SOFT_ANON | PTE_SOFT_PFN));
}
/** A kernel page that a driver may read and write. */
static inline bool pte_of_driver(pte_t pte)
{
	return pte & PTE_SOFT_DRIVER;
}
static inline phys_t pte_phys(pte_t pte)
{
	return pte & PTE_ADDR;
}
/** phys_to_page() in two steps less: a struct page is 32 bytes. */
static inline struct page *pte_page(pte_t pte)
{
	return (struct page *)(PAGEMAP_BASE + (pte_phys(pte) >> (PAGE_SHIFT - 5)));
}
static inline pte_t page_pte(const struct page *page, u64 bits)
{
	return page_to_phys(page) | bits;
}
static inline pte_t pte_make_writable(pte_t pte)
{
	return pte | PTE_WRITE;
}
static inline pte_t pte_make_readonly(pte_t pte)
{
	return pte & ~PTE_WRITE;
}
static inline pte_t pte_make_anon(pte_t pte)
{
	return pte | PTE_SOFT_ANON;
}
static inline pte_t pte_make_uncounted(pte_t pte)
{
	return pte | PTE_SOFT_PFN;
}
static inline pte_t pte_make_of_driver(pte_t pte)
{
	return pte | PTE_SOFT_DRIVER;
}
/** The same page, of the same kind, with the rights of @p bits. */
static inline pte_t pte_with_rights(pte_t pte, u64 bits)
{
	return (pte & (PTE_ADDR | PTE_SOFT_ANON | PTE_SOFT_PFN | PTE_CACHE)) | bits;
}
/** Must processors forget @p old when it becomes @p new? */
static inline bool pte_loses_rights(pte_t old, pte_t new)
{
	return pte_present(old) && ((old & ~new &(PTE_P | PTE_W)) || (new & ~old &PTE_NX));
}
/** Stands for an entry that is being replaced: not present, with address 0, which is never mapped. */
static inline pte_t pte_busy(void)
{
	return PTE_SOFT_NONE | PTE_SOFT_PFN;
}
/** The bits of a user's page that may be read, and with these rights more. */
static inline u64 pte_user_bits(bool write, bool exec)
{
	u64 bits = PTE_P | PTE_U | PTE_A;

	if (write)
		bits |= PTE_WRITE;
	if (!exec)
		bits |= pte_nx_mask;
	return bits;
}
/** The bits of a user's page that may not be touched. */
static inline u64 pte_no_access_bits(void)
{
	return PTE_SOFT_NONE;
}
/** The bits of a kernel page that may be read, and with these rights more. */
static inline u64 pte_kernel_bits(bool write, bool exec)
{
	u64 bits = PTE_P | PTE_A | PTE_D | pte_global_mask;

	if (write)
		bits |= PTE_W;
	if (!exec)
		bits |= pte_nx_mask;
	return bits;
}
/** What a page that is never cached has besides. */
static inline u64 pte_uncached_bits(void)
{
	return PTE_PCD | PTE_PWT;
}
static inline bool pte_is_uncached(pte_t pte)
{
	return (pte & PTE_CACHE) == pte_uncached_bits();
}

/** A user space as the machine sees it; struct vm_space starts with one. */
struct pt_space {
	phys_t root; /* top page table; each fault reads it */
	/* where it is loaded; kept by the scheduler. With what each flush writes it has a line of its own. */
	struct cpumask cpus __aligned(64);
#ifdef CONFIG_X86_PCID
	struct pcid_space pcid;
#endif
};
struct vm_space;
static inline struct pt_space *space_tables(const struct vm_space *space)
{
	return (struct pt_space *)space;
}
/**
 * @brief A new space, loaded nowhere, with a top-level table: zeroed user half, the kernel's
 * entries in the upper half. Thread context. @return 0, -ENOMEM
 */
int __must_check pt_space_init(struct pt_space *space);
void pt_user_free_root(phys_t root);

/* To be called where pcid_enabled is true. */
#ifdef CONFIG_X86_PCID
static inline struct pcid_space *pt_pcid(struct pt_space *tables)
{
	return &tables->pcid;
}
static inline struct pcid_cpu *cpu_pcid(struct cpu *c)
{
	return &c->machine.pcid;
}
#else
static inline struct pcid_space *pt_pcid(struct pt_space *space)
{
	return NULL;
}
static inline struct pcid_cpu *cpu_pcid(struct cpu *cpu)
{
	return NULL;
}
#endif
/** What CR3 has to be, to load @p space on this CPU, which is in s->cpus already. Interrupts off. */
static inline u64 space_cr3(struct cpu *cpu, const struct vm_space *space)
{
	struct pt_space *tables = space_tables(space);

	if (pcid_enabled)
		return pcid_switch(cpu_pcid(cpu), pt_pcid(tables), tables->root);
	return tables->root;
}

/* Flushing. A user range: on every CPU in space->cpus, returns when done there. */
void tlb_flush_user_page(struct vm_space *space, u64 va);
/**
 * @brief The same for a space that only the calling thread uses: no CPU starts to use it
 * meanwhile, so it takes no barrier. @p va page aligned.
 */
void tlb_flush_own_page(struct vm_space *space, u64 va);
void tlb_flush_user_range(struct vm_space *space, u64 start, u64 end);
void tlb_flush_user_all(struct vm_space *space);
void tlb_flush_kernel_range(u64 start, u64 end);
/**
 * @brief The space has no users any more: CPUs that still have its tables loaded, under
 * a kernel thread, take the kernel's. Thread context, interrupts on.
 */
void tlb_forget_space(struct vm_space *space);
static inline void tlb_flush_local_page(u64 va)
{
	invlpg(va);
}
