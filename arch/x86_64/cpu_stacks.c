/* SPDX-License-Identifier: MIT */
/*
 * The stacks of each processor, and the structure of each but the first.
 *
 * Stacks are ranges of kernel addresses with a guard page below, so this needs memory;
 * cpu.c does what must work before there is any.
 */
#include <asm/cpu.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/thread.h>
#include "cpu_tables.h"

static int stacks_alloc(struct cpu *cpu)
{
	struct cpu_tables *tables = cpu->arch;
	u8 *irq = krange_alloc_stack(IRQ_STACK_SIZE / PAGE_SIZE);

	if (!irq)
		return -1;
	cpu->irq_stack_top = (u64)irq + IRQ_STACK_SIZE;
	for (u32 i = 0; i < IST_STACKS; i++) {
		u8 *s = krange_alloc_stack(IST_PAGES);

		if (!s)
			return -1;
		tables->ist_stacks[i] = s;
		tables->tss.ist[i] = (u64)s + IST_PAGES * PAGE_SIZE;
	}
	cpu_set_wall_stack(cpu);
	return 0;
}

u32 cpu_stacks(const struct cpu *cpu, struct cpu_stack *out, u32 max)
{
	const struct cpu_tables *tables = cpu->arch;
	u32 count = 0;

	if (count < max)
		out[count++] =
			(struct cpu_stack){ cpu->irq_stack_top - IRQ_STACK_SIZE, IRQ_STACK_SIZE };
	for (u32 i = 0; i < ARRAY_SIZE(tables->ist_stacks) && count < max; i++)
		out[count++] =
			(struct cpu_stack){ (u64)tables->ist_stacks[i], IST_PAGES * PAGE_SIZE };
	if (count < max)
		out[count++] = (struct cpu_stack){ cpu->idle->kstack_top - KERNEL_STACK_SIZE,
						   KERNEL_STACK_SIZE };
	return count;
}

int cpu_init_boot_stacks(void)
{
	return stacks_alloc(&boot_cpu);
}

/* Behind a wall they have pages of their own: drivers' tables have them. */
static struct cpu_tables *cpu_tables_alloc(void)
{
	if (IS_ENABLED(CONFIG_GATE_WALL))
		return krange_alloc(KRANGE_GENERAL, 1, KPROT_RW);
	return kzalloc(sizeof(struct cpu_tables));
}

static void cpu_destroy(struct cpu *cpu)
{
	struct cpu_tables *tables = cpu->arch;

	if (cpu->irq_stack_top)
		krange_free((void *)(cpu->irq_stack_top - IRQ_STACK_SIZE));
	for (u32 i = 0; i < ARRAY_SIZE(tables->ist_stacks); i++)
		krange_free(tables->ist_stacks[i]);
	kvfree(tables);
	kfree(cpu);
}

struct cpu *cpu_create(u32 id, u32 apic_id)
{
	struct cpu *cpu = kzalloc(sizeof(*cpu));
	struct cpu_tables *tables = cpu_tables_alloc();

	if (!cpu || !tables) {
		kfree(cpu);
		kvfree(tables);
		return NULL;
	}
	cpu->arch = tables;
	cpu->self = cpu;
	cpu->id = id;
	cpu->hw_id = apic_id;
	cpu_tables_fill(tables);
	if (stacks_alloc(cpu)) {
		cpu_destroy(cpu);
		return NULL;
	}
	return cpu;
}
