/* SPDX-License-Identifier: MIT */
/**
 * @file pcid.h  Process-context identifiers: whose translations a processor keeps while others run.
 *
 * The pure part, which knows only the structures below, is arch/x86_64/pcid.c; its
 * callers are space_cr3() in <asm/pgtable.h> and arch/x86_64/ipi.c.
 */
#pragma once
#include <kernel/types.h>

/** So many spaces' translations stay in a CPU's TLB; their PCIDs are 1 up to this. 0 is the kernel's own. */
#define PCID_SLOTS 6
/** In a value for CR3: leave the translations of its PCID alone. */
#define CR3_NO_FLUSH (1ull << 63)

/** Of a space. */
struct pcid_space {
	u64 id;		/* never used again, unlike its address; not 0 */
	u64 generation; /* counts the flushes of it */
};

/** Of a CPU, which alone reads and writes it. */
struct pcid_cpu {
	struct {
		u64 id;		/* whose translations; 0: of no space */
		u64 generation; /* all flushes up to this one have been made here */
	} slot[PCID_SLOTS];
	u32 loaded; /* slot of the space that is loaded */
	u32 next;   /* where the search for a slot for another space starts */
	u64 named;  /* spaces that got their id here */
};

#ifdef CONFIG_X86_PCID
/** Set once, before any space is made: processors have PCIDs, and they are used. */
extern bool pcid_enabled;
#else
#define pcid_enabled false
#endif

struct cpu_features;
/** Pure: can we live with this processor's PCIDs? */
bool pcid_usable(const struct cpu_features *features);
/** Decide. Boot, before CR4 is set. */
void pcid_choose(const struct cpu_features *features);

/** On each CPU, after the rest of CR4 and before a space is loaded. */
void pcid_cpu_enable(void);

/** @brief Pure: a new space. @param c  this CPU's, whose number is @p cpu; preemption off */
void pcid_space_init(struct pcid_space *space, struct pcid_cpu *c, u32 cpu);

/**
 * @brief Pure: load a space on this CPU.
 *
 * Context: interrupts off. A CPU that flushes must see that the space is in use here
 * before the generation is read: a full barrier stands between.
 * @return what to write into CR3
 */
u64 pcid_switch(struct pcid_cpu *cpu, const struct pcid_space *space, phys_t root);

/**
 * @brief Pure: the tables of @p space have changed: CPUs that have it in a slot must flush.
 * A full barrier; read where the space is loaded after it. @return the number of this flush
 */
u64 pcid_changed(struct pcid_space *space);

enum pcid_work { PCID_NOTHING, PCID_RANGE, PCID_ALL };
/**
 * @brief Pure: flush number @p generation of the space that is loaded on this CPU; preemption off.
 * @param want  PCID_RANGE or PCID_ALL, as the flush is @param reached  for pcid_flush_end()
 * @return what has to be flushed of the current PCID between here and pcid_flush_end()
 */
enum pcid_work pcid_flush_begin(const struct pcid_cpu *cpu, const struct pcid_space *space,
				u64 generation, enum pcid_work want, u64 *reached);
void pcid_flush_end(struct pcid_cpu *cpu, u64 reached);
