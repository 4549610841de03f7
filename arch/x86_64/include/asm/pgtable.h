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
#define PTE_P		0x001ull
#define PTE_W		0x002ull
#define PTE_U		0x004ull
#define PTE_PWT		0x008ull
#define PTE_PCD		0x010ull
#define PTE_A		0x020ull
#define PTE_D		0x040ull
#define PTE_PS		0x080ull /* 2 MiB / 1 GiB entry */
#define PTE_PAT		0x080ull /* in a 4 KiB entry */
#define PTE_G		0x100ull
#define PTE_SOFT_COW	0x200ull /* software bits */
#define PTE_SOFT_PFN	0x400ull /* not counted: device or kernel page */
#define PTE_SOFT_DRIVER 0x200ull /* of a kernel page: a driver may read and write it */
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull
#define PTRS_PER_TABLE	512u
extern u64 pte_nx_mask; /* PTE_NX, or 0 on a CPU without NX: and it into what is written */
extern u64 pte_global_mask;

/** Index of @p va in the table of @p level (1: 4 KiB entries .. 4: top). */
static inline u32 pt_index(u64 va, u32 level)
{
	return (va >> (12 + 9 * (level - 1))) & 511;
}
static inline pte_t *pte_table(pte_t e)
{
	return phys_to_virt(e & PTE_ADDR);
}

/** A user space as the machine sees it; struct vm_space begins with one. */
struct pt_space {
	phys_t root;	     /* top page table */
	struct cpumask cpus; /* where it is loaded; kept by the scheduler */
#ifdef CONFIG_X86_PCID
	struct pcid_space pcid;
#endif
};
struct vm_space;
static inline struct pt_space *space_tables(const struct vm_space *s)
{
	return (struct pt_space *)s;
}
/**
 * @brief A new space, loaded nowhere, with a top-level table: zeroed user half, the kernel's
 * entries in the upper half. Thread context. @return 0, -ENOMEM
 */
int __must_check pt_space_init(struct pt_space *t);
void pt_user_free_root(phys_t root);

/* To be called where pcid_enabled is true. */
#ifdef CONFIG_X86_PCID
static inline struct pcid_space *pt_pcid(struct pt_space *t)
{
	return &t->pcid;
}
static inline struct pcid_cpu *cpu_pcid(struct cpu *c)
{
	return &c->pcid;
}
#else
static inline struct pcid_space *pt_pcid(struct pt_space *t)
{
	return NULL;
}
static inline struct pcid_cpu *cpu_pcid(struct cpu *c)
{
	return NULL;
}
#endif
/** What CR3 has to be, to load @p s on this CPU, which is in s->cpus already. Interrupts off. */
static inline u64 space_cr3(struct cpu *c, const struct vm_space *s)
{
	struct pt_space *t = space_tables(s);

	return pcid_enabled ? pcid_switch(cpu_pcid(c), pt_pcid(t), t->root) : t->root;
}

/* Flushing. A user range: on every CPU in space->cpus, returns when done there. */
void tlb_flush_user_page(struct vm_space *s, u64 va);
/**
 * @brief The same for a space that only the calling thread uses: no CPU begins to use it
 * meanwhile, so it takes no barrier. @p va page aligned.
 */
void tlb_flush_own_page(struct vm_space *s, u64 va);
void tlb_flush_user_range(struct vm_space *s, u64 start, u64 end);
void tlb_flush_user_all(struct vm_space *s);
void tlb_flush_kernel_range(u64 start, u64 end);
/**
 * @brief The space has no users any more: CPUs that still have its tables loaded, under
 * a kernel thread, take the kernel's. Thread context, interrupts on.
 */
void tlb_forget_space(struct vm_space *s);
static inline void tlb_flush_local_page(u64 va)
{
	invlpg(va);
}
