// SPDX-License-Identifier: MIT
/*
 * Process-context identifiers: which space has which on this CPU, and whether
 * what the TLB keeps under it may still be used. Pure, but for pcid_cpu_enable().
 *
 * Each CPU has a few slots, each with its own PCID, and assigns them to the
 * spaces that ran there last. While a space is loaded the CPU is notified of each
 * change of its tables, as without PCIDs (ipi.c). When it is not loaded there is no
 * notification: instead each flush has a number, the space's generation, and a slot
 * records up to which number it has seen all of them. Loading a space whose slot is
 * behind flushes its PCID; loading one whose slot is not flushes nothing.
 *
 * A CPU that loads the space races with one that changes it:
 *
 *	load				change
 *	space->cpus |= this CPU		write the tables
 *	full barrier			generation++ (a full barrier)
 *	read generation			read space->cpus, notify those
 *
 * One of them sees what the other wrote: then either the loading CPU flushes or it is
 * notified. A message may arrive late, after another space was loaded; it is ignored
 * then, since the slot's number shows that the flush is still to be done.
 *
 * Messages may also overtake each other. A range is enough for the flush that
 * is next in number; where one is missing, all is flushed, up to the number that
 * the space has at that moment. A slot's number is therefore always one that
 * holds, though a message that interrupts a flush may set it back a little.
 *
 * INVPCID is not needed, as no PCID but the loaded one is ever flushed, and
 * without it this runs on processors that have PCIDs alone. Kernel translations
 * are all global and so belong to no PCID: INVLPG flushes them under each, and
 * kernel tables are never freed. A slot's last owner needs no mention when it is
 * destroyed: its id is never used again, and the next owner of the slot flushes it.
 *
 * Intel SDM vol. 3, 4.10.1 (PCIDs), 4.10.4.1 (what invalidates what). The scheme
 * is that of Linux, arch/x86/mm/tlb.c.
 */
#include <asm/control.h>
#include <asm/cpu.h>
#include <asm/pcid.h>
#include <kernel/string.h>

bool pcid_enabled;

/* Where INVLPG leaves global translations behind as soon as PCIDs are on: Alder Lake, Raptor Lake. */
static bool loses_global_flushes(const struct cpu_features *features)
{
	static const u8 models[] = { 0x97, 0x9a, 0xbe, 0xb7, 0xba, 0xbf };

	if (strcmp(features->vendor, "GenuineIntel") || features->family != 6)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(models); i++)
		if (features->model == models[i])
			return true;
	return false;
}

bool pcid_usable(const struct cpu_features *features)
{
	/* without global pages the kernel's would be cached once in each PCID */
	return features->pcid && features->pge && !loses_global_flushes(features);
}

void pcid_choose(const struct cpu_features *features)
{
	pcid_enabled = pcid_usable(features);
}

void pcid_cpu_enable(void)
{
	/* a general protection fault unless in long mode with PCID 0 in CR3; and flush_local_global() needs PGE */
	write_cr4(read_cr4() | CR4_PCIDE);
}

/* Each CPU counts for itself: no line that all write. */
void pcid_space_init(struct pcid_space *space, struct pcid_cpu *c, u32 cpu)
{
	space->id = ++c->named * CPU_MAX + cpu;
	space->generation = 0;
}

u64 pcid_changed(struct pcid_space *space)
{
	return __atomic_add_fetch(&space->generation, 1, __ATOMIC_SEQ_CST);
}

static u64 generation_of(const struct pcid_space *space)
{
	return __atomic_load_n(&space->generation, __ATOMIC_ACQUIRE);
}

static u64 cr3_value(phys_t root, u32 slot)
{
	return root | (slot + 1);
}

u64 pcid_switch(struct pcid_cpu *cpu, const struct pcid_space *space, phys_t root)
{
	u64 generation = generation_of(space);
	u32 i;

	for (i = 0; i < PCID_SLOTS && cpu->slot[i].id != space->id; i++)
		;
	if (i < PCID_SLOTS && cpu->slot[i].generation == generation) {
		cpu->loaded = i;
		return cr3_value(root, i) | CR3_NO_FLUSH;
	}
	if (i == PCID_SLOTS) {
		if (cpu->next == cpu->loaded) /* it may be wanted back at once */
			cpu->next = (cpu->next + 1) % PCID_SLOTS;
		i = cpu->next;
		cpu->next = (i + 1) % PCID_SLOTS;
		cpu->slot[i].id = space->id;
	}
	cpu->slot[i].generation = generation;
	cpu->loaded = i;
	return cr3_value(root, i);
}

enum pcid_work pcid_flush_begin(const struct pcid_cpu *cpu, const struct pcid_space *space,
				u64 generation, enum pcid_work want, u64 *reached)
{
	u64 seen = cpu->slot[cpu->loaded].generation;

	*reached = seen;
	if (seen >= generation) /* done with an earlier flush of everything */
		return PCID_NOTHING;
	*reached = generation;
	if (want == PCID_RANGE && seen + 1 == generation)
		return PCID_RANGE;
	*reached = generation_of(space); /* before the flush, which does for all of these */
	return PCID_ALL;
}

void pcid_flush_end(struct pcid_cpu *cpu, u64 reached)
{
	WRITE_ONCE(cpu->slot[cpu->loaded].generation, reached);
}
