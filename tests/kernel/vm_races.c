// SPDX-License-Identifier: MIT
/*
 * Faults without the lock beside a change of the space, step by step: vm_fault_hook stops the fault
 * where it has looked at the numbers, or where it has the entry in hand, and another
 * processor unmaps or protects the page then. Either way the fault must not succeed; and a
 * change must wait for an entry that a fault has in hand.
 */
#include <kernel/err.h>
#include <kernel/ktest.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include "../../mm/vm_internal.h"
#include "cpus.h"

#define ANON	     (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW	     (PROT_READ | PROT_WRITE)
#define AT	     0x10000000ull
#define HELD_US	     2000u
#define DEADLINE_NS  (5 * NSEC_PER_SEC)
#define FIRST_VALUE  7
#define SECOND_VALUE 8

enum content { CONTENT_NONE, CONTENT_ZERO_PAGE, CONTENT_SHARED, NR_CONTENTS };

static struct race {
	struct vm_space *space;
	u64 addr;
	enum vm_fault_step step;
	bool unmaps; /* else: takes the right to write */
	const struct vm_region *region;
	u32 seq;	  /* of it, before */
	struct atomic go; /* the fault has come to the step */
	struct atomic done;
	struct atomic stopped; /* the fault was */
	bool overtook;	       /* the change did not wait for the fault */
} race;

static void race_change(void *arg)
{
	u64 end = time_monotonic_ns() + DEADLINE_NS;
	int *err = arg;

	while (!atomic_read(&race.go) && time_monotonic_ns() < end)
		cpu_relax();
	if (race.unmaps)
		*err = vm_unmap(race.space, race.addr, PAGE_SIZE);
	else
		*err = vm_protect(race.space, race.addr, PAGE_SIZE, PROT_READ);
	atomic_set(&race.done, 1);
}

static void race_wait_done(void)
{
	u64 end = time_monotonic_ns() + DEADLINE_NS;

	while (!atomic_read(&race.done) && time_monotonic_ns() < end)
		cpu_relax();
}

/* Until the change has begun, and some more. */
static void race_hold(void)
{
	u64 end = time_monotonic_ns() + DEADLINE_NS;

	while (READ_ONCE(race.region->seq) == race.seq && time_monotonic_ns() < end)
		cpu_relax();
	delay_us(HELD_US);
}

/* In the fault, preemption off. */
static void race_step(enum vm_fault_step step)
{
	if (step != race.step || atomic_read(&race.go))
		return;
	atomic_set(&race.go, 1);
	atomic_set(&race.stopped, 1);
	if (step == VM_STEP_SEEN) {
		race_wait_done();
		return;
	}
	race_hold();
	race.overtook = atomic_read(&race.done);
}

static int poke_byte(u64 addr, u8 byte)
{
	return copy_to_user(uaddr(addr), &byte, 1) ? -1 : 0;
}

/* A page at race.addr. @return another space that has it, too, or NULL */
static struct vm_space *race_prepare(struct ktest_context *test, enum content content)
{
	u8 byte = 0;

	if (content == CONTENT_ZERO_PAGE)
		KEXPECT(!copy_from_user(&byte, uaddr(race.addr), 1));
	if (content != CONTENT_SHARED)
		return NULL;
	KEXPECT_EQ(poke_byte(race.addr, FIRST_VALUE), 0);
	return vm_space_fork(race.space, NULL);
}

static void race_run(struct ktest_context *test, enum content content, u32 cpu)
{
	struct vm_space *other = race_prepare(test, content);
	struct thread *thread;
	int err = -1;
	u8 byte = 0;

	atomic_set(&race.go, 0);
	atomic_set(&race.done, 0);
	atomic_set(&race.stopped, 0);
	race.overtook = false;
	race.region = vm_region_find(race.space, race.addr);
	race.seq = race.region ? race.region->seq : 0;
	thread = start_on_cpu(race_change, &err, "race", cpu);
	if (KEXPECT(thread)) {
		vm_fault_hook = race_step;
		KEXPECT_EQ(poke_byte(race.addr, SECOND_VALUE), -1);
		vm_fault_hook = NULL;
		atomic_set(&race.go, 1);
		race_wait_done();
		thread_put(thread);
	}
	KEXPECT_EQ(err, 0);
	KEXPECT(atomic_read(&race.stopped));
	KEXPECT(!race.overtook);
	KEXPECT_EQ(copy_from_user(&byte, uaddr(race.addr), 1) != 0, race.unmaps);
	KEXPECT_EQ(byte, !race.unmaps && content == CONTENT_SHARED ? FIRST_VALUE : 0);
	if (!race.unmaps)
		KEXPECT_EQ(vm_unmap(race.space, race.addr, PAGE_SIZE), 0);
	KEXPECT_EQ(vm_space_rss(race.space), 1); /* that of the table */
	if (other)
		vm_space_put(other);
}

static s64 map_page(u64 addr, u32 prot)
{
	return vm_map(race.space, addr, PAGE_SIZE, prot, ANON | MAP_FIXED, NULL, 0);
}

/* Each kind of page, each step, each change, in a space that looks shared by threads. */
static void race_all(struct ktest_context *test, u32 cpu)
{
	/* Without a table the fault would take the lock. */
	KEXPECT_EQ(map_page(AT, RW | PROT_EXEC), (s64)AT);
	KEXPECT_EQ(poke_byte(AT, FIRST_VALUE), 0);
	race.addr = AT + PAGE_SIZE;
	for (u32 i = 0; i < NR_CONTENTS * 4; i++) {
		if (!KEXPECT_EQ(map_page(race.addr, RW), (s64)race.addr))
			return;
		race.step = i & 1 ? VM_STEP_CLAIMED : VM_STEP_SEEN;
		race.unmaps = i & 2;
		race_run(test, (enum content)(i / 4), cpu);
	}
}

KTEST(vm, faults_fail_beside_a_change_at_each_step)
{
	struct cpumask here = { 0 }, before = current->affinity;
	u32 cpu = cpu_id(), other = cpu ? 0 : 1;

	if (cpu_count < 2 || !cpus[other] || !cpus[other]->online)
		return;
	race.space = vm_space_create();
	if (!KEXPECT(race.space))
		return;
	cpumask_set(&here, cpu);
	KEXPECT_EQ(thread_set_affinity(current, &here), 0);
	vm_space_get(race.space);
	thread_switch_space(race.space);
	race_all(test, other);
	thread_switch_space(NULL);
	vm_space_put(race.space);
	vm_space_put(race.space);
	KEXPECT_EQ(thread_set_affinity(current, &before), 0);
}
