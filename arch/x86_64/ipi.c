/* SPDX-License-Identifier: MIT */
/*
 * Interrupts between processors, and their purposes: rescheduling, flushing
 * TLBs, stopping.
 *
 * A CPU that flushes translations on others fills in its own request, sets its bit
 * in the list (flush_from) of each target and waits until all have decremented the
 * request's count. A target takes its whole list at once, so requests of many CPUs
 * cost it one interrupt: only the CPU that finds the list empty sends it. A CPU that
 * waits serves its own list, so two that flush cannot block each other, even with
 * interrupts off. A user flush is sent only to CPUs that have the space loaded;
 * translations that others keep, with PCIDs, are flushed when they load it (pcid.c).
 * One that idles, or runs a thread of the kernel's own, has the space of the thread before loaded,
 * which may soon go on there; at the first flush it leaves it instead, so that it is notified once.
 * Preemption is off for the whole request, and no interrupt handler flushes.
 *
 * Intel SDM vol. 3, 4.10.5 (propagation of paging-structure changes).
 */
#include <kernel/types.h>
#include <asm/apic.h>
#include <asm/control.h>
#include <asm/ipi.h>
#include <asm/paging.h>
#include <asm/pgtable.h>
#include <kernel/printk.h>
#include <kernel/thread.h>
#include <kernel/time.h>

#define FLUSH_ALL_PAGES 32 /* more than this: reload instead of one by one */

void ipi_reschedule(struct cpu *cpu)
{
	if (cpu->online)
		apic_send_ipi(cpu->hw_id, VECTOR_RESCHEDULE);
}

bool ipi_stopping;
static struct atomic nr_stopped;

/* Virtual CPUs may not be running at all for a while; one that is dead must not hold the report back. */
#define STOP_WAIT_US 200000

void ipi_stop_others(void)
{
	s32 told = 0;

	WRITE_ONCE(ipi_stopping, true);
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->online && i != cpu_id()) {
			apic_send_nmi(cpus[i]->hw_id);
			told++;
		}
	for (u32 us = 0; us < STOP_WAIT_US && atomic_read(&nr_stopped) < told; us += 10)
		delay_us(10);
}

void ipi_handle_stop(void)
{
	atomic_inc(&nr_stopped);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* Reading, CR3 has no CR3_NO_FLUSH. */
static void flush_local_all(void)
{
	write_cr3(read_cr3());
}

static void flush_local_global(void)
{
	u64 cr4 = read_cr4();

	if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		flush_local_all();
	}
}

static bool is_short(u64 start, u64 end)
{
	return end && end - start <= FLUSH_ALL_PAGES * PAGE_SIZE;
}

static void flush_local_pages(u64 start, u64 end)
{
	for (u64 va = start; va < end; va += PAGE_SIZE)
		tlb_flush_local_page(va);
}

static void flush_local_kernel(u64 start, u64 end)
{
	if (is_short(start, end))
		flush_local_pages(start, end);
	else
		flush_local_global();
}

/* Preemption off. One that isn't loaded has nothing here that is used before the next load. */
static void flush_local_space(const struct vm_space *space, u64 start, u64 end, u64 generation)
{
	struct cpu *cpu = this_cpu();
	enum pcid_work work = PCID_ALL;
	u64 reached;

	if (cpu->space != space)
		return;
	if (is_short(start, end))
		work = PCID_RANGE;
	if (pcid_enabled)
		work = pcid_flush_begin(cpu_pcid(cpu), pt_pcid(space_tables(space)), generation,
					work, &reached);
	if (work == PCID_RANGE)
		flush_local_pages(start, end);
	else if (work == PCID_ALL)
		flush_local_all();
	if (pcid_enabled)
		pcid_flush_end(cpu_pcid(cpu), reached);
}

/* Not notified any more: as switch_space() to none. Preemption off, by a thread that does not use it. */
static void leave_space(struct vm_space *space)
{
	struct cpu *cpu = this_cpu();

	if (cpu->space != space)
		return;
	cpu->space = NULL;
	write_cr3(kernel_root);
	__atomic_and_fetch(&space_tables(space)->cpus.bits[cpu->id / 64], ~(1ull << cpu->id % 64),
			   __ATOMIC_SEQ_CST);
}

static void ipi_answer(struct flush_request *request)
{
	if (request->space && (unlikely(request->forget) || !current->space))
		leave_space(request->space);
	else if (request->space)
		flush_local_space(request->space, request->start, request->end,
				  request->generation);
	else
		flush_local_kernel(request->start, request->end);
	atomic_dec(&request->left); /* its owner may use it again from here on */
}

void ipi_handle_call(void)
{
	struct cpumask *from = &this_cpu()->flush_from;

	for (u32 i = 0; i < ARRAY_SIZE(from->bits); i++) {
		/* The CPU that clears a bit answers: the interrupt may arrive during tell_others(). */
		u64 bits = 0;

		if (READ_ONCE(from->bits[i]))
			bits = __atomic_exchange_n(&from->bits[i], 0, __ATOMIC_SEQ_CST);
		for (; bits; bits &= bits - 1)
			ipi_answer(&cpus[i * 64 + __builtin_ctzll(bits)]->flush);
	}
}

/*
 * A CPU that has not looked for so long is told again, which does no harm. QEMU before 8.2 can lose a
 * write to the APIC's registers while another CPU changes the map of memory (a card is plugged
 * or unplugged). If that was the command for the interrupt, it is sent again. If that was the end of an interrupt,
 * its CPU accepts no other one, but an NMI, whose handler ends it.
 */
#define TELL_AGAIN_ROUNDS (1u << 20)

static void tell_again(const struct cpumask *to, bool by_nmi)
{
	u32 me = cpu_id();

	for (u32 i = 0; i < cpu_count; i++) {
		if (!cpumask_test(to, i) || !cpumask_test(&cpus[i]->flush_from, me))
			continue;
		apic_send_ipi(cpus[i]->hw_id, VECTOR_CALL);
		if (!by_nmi)
			continue;
		__atomic_store_n(&cpus[i]->end_asked, true, __ATOMIC_SEQ_CST);
		apic_send_nmi(cpus[i]->hw_id);
	}
}

bool ipi_handle_end(bool handles_none)
{
	if (!__atomic_exchange_n(&this_cpu()->end_asked, false, __ATOMIC_SEQ_CST))
		return false;
	if (handles_none)
		apic_end_all();
	return true;
}

/* Preemption off. @param space NULL: all CPUs @param forget not flush, but leave the tables of s */
static void tell_others(struct vm_space *space, u64 start, u64 end, u64 generation, bool forget)
{
	struct flush_request *request = &this_cpu()->flush;
	u32 me = cpu_id(), count = 0, rounds = 0;
	struct cpumask to = { 0 };

	if (IS_ENABLED(CONFIG_DEBUG_LOCKS))
		BUG_ON(in_interrupt());
	for (u32 i = 0; i < cpu_count; i++)
		if (i != me && (!space || cpumask_test(&space_tables(space)->cpus, i)) && cpus[i] &&
		    cpus[i]->online) {
			cpumask_set(&to, i);
			count++;
		}
	if (!count)
		return;
	request->start = start;
	request->end = end;
	request->generation = generation;
	request->space = space;
	request->forget = forget;
	atomic_set(&request->left, count);
	for (u32 i = 0; i < cpu_count; i++)
		if (cpumask_test(&to, i) && !__atomic_fetch_or(&cpus[i]->flush_from.bits[me / 64],
							       1ull << me % 64, __ATOMIC_SEQ_CST))
			apic_send_ipi(cpus[i]->hw_id, VECTOR_CALL);
	while (atomic_read(&request->left)) {
		ipi_handle_call();
		cpu_relax();
		if (unlikely(!(++rounds % TELL_AGAIN_ROUNDS)))
			tell_again(&to, rounds > TELL_AGAIN_ROUNDS);
	}
}

/* Table changes before reading s->cpus: pairs with switch_space(). @return number of the flush, with PCIDs */
static u64 tables_changed(struct vm_space *space)
{
	if (pcid_enabled)
		return pcid_changed(pt_pcid(space_tables(space)));
	smp_mb();
	return 0;
}

void tlb_flush_user_range(struct vm_space *space, u64 start, u64 end)
{
	u64 generation;

	preempt_disable();
	generation = tables_changed(space);
	flush_local_space(space, start, end, generation);
	if (cpu_count > 1)
		tell_others(space, start, end, generation, false);
	preempt_enable();
}

void tlb_flush_user_page(struct vm_space *space, u64 va)
{
	tlb_flush_user_range(space, va & PAGE_MASK, (va & PAGE_MASK) + PAGE_SIZE);
}

void tlb_flush_own_page(struct vm_space *space, u64 va)
{
	struct cpumask others = space_tables(space)->cpus;
	u64 generation = 0;

	if (pcid_enabled)
		generation = tables_changed(space);
	preempt_disable();
	if (pcid_enabled)
		flush_local_space(space, va, va + PAGE_SIZE, generation);
	else
		tlb_flush_local_page(va);
	cpumask_clear(&others, cpu_id());
	for (u32 i = 0; i < ARRAY_SIZE(others.bits); i++)
		if (unlikely(others.bits[i])) {
			tell_others(space, va, va + PAGE_SIZE, generation, false);
			break;
		}
	preempt_enable();
}

void tlb_flush_user_all(struct vm_space *space)
{
	tlb_flush_user_range(space, 0, 0);
}

void tlb_forget_space(struct vm_space *space)
{
	preempt_disable();
	smp_mb(); /* pairs with switch_space(): a CPU that can't be seen has left */
	leave_space(space);
	if (cpu_count > 1)
		tell_others(space, 0, 0, 0, true);
	preempt_enable();
}

void tlb_flush_kernel_range(u64 start, u64 end)
{
	preempt_disable();
	flush_local_kernel(start, end);
	if (cpu_count > 1)
		tell_others(NULL, start, end, 0, false);
	preempt_enable();
}
