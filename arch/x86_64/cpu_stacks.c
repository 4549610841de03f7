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

static int stacks_alloc(struct cpu *c)
{
	struct cpu_tables *t = c->arch;
	u8 *irq = krange_alloc_stack(IRQ_STACK_SIZE / PAGE_SIZE);

	if (!irq)
		return -1;
	c->irq_stack_top = (u64)irq + IRQ_STACK_SIZE;
	for (u32 i = 0; i < 4; i++) {
		u8 *s = krange_alloc_stack(IST_PAGES);

		if (!s)
			return -1;
		t->ist_stacks[i] = s;
		t->tss.ist[i] = (u64)s + IST_PAGES * PAGE_SIZE;
	}
	return 0;
}

u32 cpu_stacks(const struct cpu *c, struct cpu_stack *out, u32 max)
{
	const struct cpu_tables *t = c->arch;
	u32 n = 0;

	if (n < max)
		out[n++] = (struct cpu_stack){ c->irq_stack_top - IRQ_STACK_SIZE, IRQ_STACK_SIZE };
	for (u32 i = 0; i < ARRAY_SIZE(t->ist_stacks) && n < max; i++)
		out[n++] = (struct cpu_stack){ (u64)t->ist_stacks[i], IST_PAGES * PAGE_SIZE };
	if (n < max)
		out[n++] = (struct cpu_stack){ c->idle->kstack_top - KERNEL_STACK_SIZE,
					       KERNEL_STACK_SIZE };
	return n;
}

int cpu_init_boot_stacks(void)
{
	return stacks_alloc(&boot_cpu);
}

static void cpu_destroy(struct cpu *c)
{
	struct cpu_tables *t = c->arch;

	if (c->irq_stack_top)
		krange_free((void *)(c->irq_stack_top - IRQ_STACK_SIZE));
	for (u32 i = 0; i < ARRAY_SIZE(t->ist_stacks); i++)
		krange_free(t->ist_stacks[i]);
	kfree(t);
	kfree(c);
}

struct cpu *cpu_create(u32 id, u32 apic_id)
{
	struct cpu *c = kzalloc(sizeof(*c));
	struct cpu_tables *t = kzalloc(sizeof(*t));

	if (!c || !t) {
		kfree(c);
		kfree(t);
		return NULL;
	}
	c->arch = t;
	c->self = c;
	c->id = id;
	c->hw_id = apic_id;
	cpu_tables_fill(t);
	if (stacks_alloc(c)) {
		cpu_destroy(c);
		return NULL;
	}
	return c;
}
