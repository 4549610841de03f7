/* SPDX-License-Identifier: MIT */
/*
 * Hardware interrupts: from a vector to its handlers.
 *
 * A line is a GSI or a message that a driver uses; it has a vector and a list
 * of handlers. vector_lines[] and the handler lists are read by the interrupt
 * without a lock, as RCU data: a removal waits until every CPU has passed
 * through the scheduler, which it can't do inside a handler.
 *
 * All devices interrupt the boot CPU. A level-triggered line that no handler
 * accepts would interrupt for ever; it is masked after UNHANDLED_MAX times.
 *
 * irq_mutex (sleeps) guards requests and removals, and vectors; mask_lock (spin,
 * any context) the lines that are masked until a handler's thread has served its device.
 * The counters are each CPU's own.
 */
#include <asm/irq.h>
#include <asm/nmi.h>
#include <kernel/acpi.h>
#include <kernel/cpu.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/irq.h>
#include <kernel/irq_chip.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/time.h>
#include <kernel/upcalls.h>

#define IRQ_VECTORS   (VECTORS - VECTOR_IRQ_FIRST)
#define UNHANDLED_MAX 50000 /* in a row, before a line is masked */

struct irq_action {
	struct irq_action *next;
	irq_handler fn;
	void *arg;
	const char *name;
};

struct irq_line {
	u32 irq; /* GSI, or IRQ_MSI_FIRST + vector */
	u32 isa; /* ISA line of the request; -1: none */
	u8 vector;
	bool message, level, shared, given_up;
	u32 unhandled;
	u32 masked;	/* handlers that have not finished; under mask_lock, as the next two */
	u32 unanswered; /* times in a row that none of them accepted it */
	bool answered;
	struct irq_action *actions;
};

struct irq_counts {
	u32 by_vector[IRQ_VECTORS];
};

static DEFINE_MUTEX(irq_mutex);
static const struct irq_chip *chip;
static struct irq_line *vector_lines[IRQ_VECTORS];
static struct vector_map vectors;
static struct irq_counts boot_counts;
static struct irq_line *current_line; /* whose handlers run */
static DEFINE_SPINLOCK(mask_lock);
static u32 nr_stray;

/* ---- delivery of interrupts ---- */

static __cold void line_give_up(struct irq_line *line)
{
	line->given_up = true;
	chip->mask(line->irq);
	pr_err("irq %u: no handler accepted %u interrupts in a row (%s%s): masked\n", line->irq,
	       UNHANDLED_MAX, line->actions ? line->actions->name : "no handler",
	       line->shared ? ", ..." : "");
}

static void line_interrupt(struct irq_line *line)
{
	bool handled = false;

	if (chip->begin && !line->message && !chip->begin(line->irq))
		return;
	current_line = line;
	for (struct irq_action *action = rcu_dereference(line->actions); action;
	     action = rcu_dereference(action->next))
		handled |= action->fn(action->arg);
	if (likely(handled))
		line->unhandled = 0;
	else if (++line->unhandled == UNHANDLED_MAX && line->level && !line->given_up)
		line_give_up(line);
	if (line->message)
		irq_end();
	else
		chip->end(line->irq);
}

/* An edge that arrives while its input is masked may be lost, and no other would follow: not masked. */
struct irq_line *irq_mask_current(void)
{
	struct irq_line *line = current_line;
	u64 flags;

	if (line->message || (!line->level && !chip->fixed_vectors))
		return NULL;
	flags = spin_lock_irqsave(&mask_lock);
	if (!line->masked++)
		chip->mask(line->irq);
	spin_unlock_irqrestore(&mask_lock, flags);
	return line;
}

void irq_unmask(struct irq_line *line, bool handled)
{
	u64 flags = spin_lock_irqsave(&mask_lock);
	bool gave_up = false;

	line->answered |= handled;
	if (!--line->masked) {
		if (line->answered)
			line->unanswered = 0;
		else
			line->unanswered++;
		line->answered = false;
		if (line->unanswered == UNHANDLED_MAX)
			gave_up = line->given_up = true;
		if (!line->given_up)
			chip->unmask(line->irq);
	}
	spin_unlock_irqrestore(&mask_lock, flags);
	if (gave_up)
		pr_err("irq %u: no driver accepted %u interrupts in a row: masked\n", line->irq,
		       UNHANDLED_MAX);
}

void upcall_interrupt(u32 vector, struct pt_regs *regs)
{
	struct irq_counts *counts = this_cpu()->slot[CPU_SLOT_IRQ];
	struct irq_line *line;

	counts->by_vector[vector - VECTOR_IRQ_FIRST]++;
	if (likely(irq_is_timer(vector))) {
		irq_end();
		timer_interrupt();
		return;
	}
	line = rcu_dereference(vector_lines[vector - VECTOR_IRQ_FIRST]);
	if (likely(line))
		line_interrupt(line);
	else if (!arch_irq_system(vector) && !nr_stray++)
		pr_warn("irq: stray interrupt: no device uses vector %x\n", vector);
	if (unlikely(READ_ONCE(nmi_unreported)))
		nmi_report();
}

/* ---- requests ---- */

/* irq_mutex held. */
static struct irq_line *line_find(u32 irq)
{
	assert_held(&irq_mutex);
	for (u32 i = 0; i < IRQ_VECTORS; i++)
		if (vector_lines[i] && vector_lines[i]->irq == irq)
			return vector_lines[i];
	return NULL;
}

/* A line of its own for @p irq (0: a message), with a vector, not connected yet. irq_mutex held. */
static struct irq_line *line_create(u32 irq, bool message)
{
	struct irq_line *line = kzalloc(sizeof(*line));
	int vector;

	assert_held(&irq_mutex);
	if (!line)
		return ERR_PTR(-ENOMEM);
	if (!message && chip->fixed_vectors)
		vector = chip->fixed_vectors + irq;
	else
		vector = vector_alloc(&vectors, 1);
	if (vector < 0) {
		kfree(line);
		return ERR_PTR(vector);
	}
	line->vector = vector;
	line->message = message;
	if (message)
		line->irq = IRQ_MSI_FIRST + vector;
	else
		line->irq = irq;
	line->isa = ~0u;
	return line;
}

/* Undoes line_create(); the hardware doesn't use the line any more. */
static void line_destroy(struct irq_line *line)
{
	if (line->message || !chip->fixed_vectors)
		vector_free(&vectors, line->vector, 1);
	kfree(line);
}

static struct irq_action *action_create(irq_handler handler, void *arg, const char *name)
{
	struct irq_action *action = kzalloc(sizeof(*action));

	if (action) {
		action->fn = handler;
		action->arg = arg;
		action->name = name;
	}
	return action;
}

static void action_append(struct irq_line *line, struct irq_action *action)
{
	struct irq_action **end = &line->actions;

	while (*end)
		end = &(*end)->next;
	rcu_assign_pointer(*end, action);
}

struct trigger {
	bool level, low;
};

/* irq_mutex held; owns @p action when it succeeds. */
static int line_connect(u32 gsi, u32 isa, struct trigger how, struct irq_action *action, u32 flags)
{
	struct irq_line *line = line_find(gsi);

	assert_held(&irq_mutex);
	if (line) {
		if (!line->shared || !(flags & IRQ_SHARED) || line->level != how.level)
			return -EBUSY;
		action_append(line, action);
		return 0;
	}
	line = line_create(gsi, false);
	if (IS_ERR(line))
		return PTR_ERR(line);
	line->isa = isa;
	line->level = how.level;
	line->shared = flags & IRQ_SHARED;
	line->actions = action;
	chip->route(gsi, line->vector, cpus[0]->hw_id, how.level, how.low);
	rcu_assign_pointer(vector_lines[line->vector - VECTOR_IRQ_FIRST], line);
	chip->unmask(gsi);
	return 0;
}

static int irq_request(u32 gsi, u32 isa, struct trigger how, irq_handler handler, void *arg,
		       const char *name, u32 flags)
{
	struct irq_action *action;
	int err;

	if (!chip->has(gsi))
		return -EINVAL;
	action = action_create(handler, arg, name);
	if (!action)
		return -ENOMEM;
	mutex_lock(&irq_mutex);
	err = line_connect(gsi, isa, how, action, flags);
	mutex_unlock(&irq_mutex);
	if (err)
		kfree(action);
	return err;
}

/* The input that serves an ISA line; @p flags, of the override, become 0 where there is none. */
static u32 isa_input(u32 line, u16 *flags)
{
	u32 gsi;

	*flags = 0;
	if (chip->fixed_vectors)
		return line;
	gsi = acpi_info.isa[line].gsi;
	*flags = acpi_info.isa[line].flags;
	if (chip->has(gsi))
		return gsi;
	/* Firmware that errs is more likely than a machine without the input. */
	pr_warn("irq: ACPI maps ISA line %u to interrupt input %u, which does not exist: using input %u\n",
		line, gsi, line);
	return line;
}

/* Flags of an override: 0 leaves it to the bus, and ISA's lines are edge-triggered, active high. */
static struct trigger isa_trigger(u16 flags)
{
	return (struct trigger){ .level = (flags & ACPI_INTI_TRIGGER) == ACPI_INTI_LEVEL,
				 .low = (flags & ACPI_INTI_POLARITY) == ACPI_INTI_LOW };
}

static struct trigger input_trigger(u32 gsi)
{
	for (u32 i = 0; gsi < ACPI_ISA_LINES && i < ACPI_ISA_LINES; i++)
		if (acpi_info.isa[i].gsi == gsi)
			return isa_trigger(acpi_info.isa[i].flags);
	return (struct trigger){ .level = true, .low = true };
}

int irq_request_input(u32 number, bool isa, struct irq_trigger how, irq_handler handler, void *arg,
		      const char *name, u32 flags)
{
	struct trigger trigger;
	u32 gsi = number;
	u16 override;

	if (isa && number >= ACPI_ISA_LINES)
		return -EINVAL;
	if (isa) {
		gsi = isa_input(number, &override);
		trigger = isa_trigger(override);
	} else {
		trigger = input_trigger(number);
	}
	if (how.trigger != IRQ_TRIGGER_TABLES)
		trigger.level = how.trigger == IRQ_TRIGGER_LEVEL;
	if (how.polarity != IRQ_POLARITY_TABLES)
		trigger.low = how.polarity == IRQ_POLARITY_LOW;
	return irq_request(gsi, isa ? number : ~0u, trigger, handler, arg, name, flags);
}

int irq_request_isa(u32 line, irq_handler handler, void *arg, const char *name, u32 flags)
{
	return irq_request_input(line, true, (struct irq_trigger){ 0 }, handler, arg, name, flags);
}

int irq_request_msi(irq_handler handler, void *arg, const char *name, u64 *address, u32 *data)
{
	struct irq_action *action;
	struct irq_line *line;
	u32 irq;

	if (!arch_irq_message(cpus[0]->hw_id, 0, address, data))
		return -ENODEV;
	action = action_create(handler, arg, name);
	if (!action)
		return -ENOMEM;
	mutex_lock(&irq_mutex);
	line = line_create(0, true);
	if (IS_ERR(line)) {
		mutex_unlock(&irq_mutex);
		kfree(action);
		return PTR_ERR(line);
	}
	line->actions = action;
	irq = line->irq;
	arch_irq_message(cpus[0]->hw_id, line->vector, address, data);
	rcu_assign_pointer(vector_lines[line->vector - VECTOR_IRQ_FIRST], line);
	mutex_unlock(&irq_mutex);
	return irq;
}

/* The pointer to the action of @p arg on a line that answers to @p irq; irq_mutex held. */
static struct irq_action **action_find(u32 irq, void *arg, struct irq_line **line)
{
	assert_held(&irq_mutex);
	for (u32 i = 0; i < IRQ_VECTORS; i++) {
		struct irq_line *isa_line = vector_lines[i];

		if (!isa_line || (isa_line->irq != irq && isa_line->isa != irq))
			continue;
		for (struct irq_action **place = &isa_line->actions; *place;
		     place = &(*place)->next)
			if ((*place)->arg == arg) {
				*line = isa_line;
				return place;
			}
	}
	return NULL;
}

void irq_free(u32 irq, void *arg)
{
	struct irq_line *line = NULL;
	struct irq_action **place, *action;
	bool last;

	mutex_lock(&irq_mutex);
	place = action_find(irq, arg, &line);
	if (WARN_ON(!place)) {
		mutex_unlock(&irq_mutex);
		return;
	}
	action = *place;
	last = line->actions == action && !action->next;
	if (last) {
		if (!line->message)
			chip->mask(line->irq);
		rcu_assign_pointer(vector_lines[line->vector - VECTOR_IRQ_FIRST], NULL);
	}
	rcu_assign_pointer(*place, action->next);
	synchronize_rcu();
	kfree(action);
	if (last)
		line_destroy(line);
	mutex_unlock(&irq_mutex);
}

/* ---- start, and /proc/interrupts ---- */

void irq_init(void)
{
	this_cpu()->slot[CPU_SLOT_IRQ] = &boot_counts;
	vector_map_init(&vectors, VECTOR_DEVICE_FIRST, VECTOR_DEVICE_LAST);
	chip = arch_irq_init();
	nmi_init();
}

bool irq_cpu_create(struct cpu *cpu)
{
	cpu->slot[CPU_SLOT_IRQ] = kzalloc(sizeof(struct irq_counts));
	return cpu->slot[CPU_SLOT_IRQ] != NULL;
}

static u32 irq_count_of(u32 cpu, u32 vector)
{
	const struct irq_counts *counts;

	if (!cpus[cpu])
		return 0;
	counts = cpus[cpu]->slot[CPU_SLOT_IRQ];
	if (!counts)
		return 0;
	return counts->by_vector[vector - VECTOR_IRQ_FIRST];
}

static void irq_show_counts(struct seq_file *seq, u32 vector)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->online)
			seq_printf(seq, " %10u", irq_count_of(i, vector));
}

static void irq_show_line(struct seq_file *seq, const struct irq_line *line)
{
	seq_printf(seq, "%4u:", line->irq);
	irq_show_counts(seq, line->vector);
	seq_printf(seq, "  %8s %4u-%-8s", line->message ? "PCI-MSI" : chip->name, line->irq,
		   line->level ? "fasteoi" : "edge");
	for (const struct irq_action *action = line->actions; action; action = action->next)
		seq_printf(seq, "%s%s", action == line->actions ? " " : ", ", action->name);
	seq_putc(seq, '\n');
}

void irq_show(struct seq_file *seq)
{
	seq_puts(seq, "     ");
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->online)
			seq_printf(seq, "      CPU%-2u", i);
	seq_putc(seq, '\n');
	mutex_lock(&irq_mutex);
	for (u32 i = 0; i < IRQ_VECTORS; i++)
		if (vector_lines[i])
			irq_show_line(seq, vector_lines[i]);
	mutex_unlock(&irq_mutex);
	for (u32 i = 0; i < IRQ_SOURCES; i++) {
		seq_printf(seq, "%4s:", arch_irq_sources[i].id);
		irq_show_counts(seq, arch_irq_sources[i].vector);
		seq_printf(seq, "  %s\n", arch_irq_sources[i].text);
	}
	seq_printf(seq, " ERR: %10u\n MIS: %10u\n", irq_errors, nr_stray);
}
