// SPDX-License-Identifier: MIT
/*
 * arch/x86_64/pcid.c: no stale translation is ever used, and few are thrown away.
 *
 * The model has processors with a TLB that keeps all it may, and takes one step
 * of one processor at a time, in random order: loading a space, changing and
 * flushing one, handling another's message, using memory. The steps are those of
 * switch_space() in kernel/sched.c and of arch/x86_64/ipi.c (test_tlb.c runs the
 * latter itself); between any two of them, anything else may happen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <asm/control.h>
#include <asm/cpu.h>
#include <asm/pcid.h>

#define CPUS	    4
#define SPACES	    9 /* more than a CPU has slots for */
#define PAGES	    4
#define PCIDS	    (PCID_SLOTS + 1)
#define NONE	    -1
#define KERNEL_ROOT 0x1000

/* ---- the machine ---- */

/* Entries of page tables are numbers that never come again; 0: none. */
static struct space {
	struct pcid_space pcid;
	phys_t root;
	u32 cpus;
	u64 table[PAGES];
	u64 settled[PAGES]; /* older entries may not be used any more */
	u32 busy;	    /* loads and changes under way */
	bool ending;
} spaces[SPACES];
static u64 last_number;

enum what { IDLE, LOAD, CHANGE, FORGET, HANDLE };
struct activity {
	enum what what;
	u32 step;
	int space;
	u64 wrote[PAGES]; /* numbers of the entries that were changed */
	bool some;	  /* a range will do */
	u64 generation, reached, cr3;
	enum pcid_work work;
	int from; /* HANDLE: whose message */
};
static struct sim_cpu {
	struct pcid_cpu pcid;
	int space, before;
	u64 cr3;
	u64 tlb[PCIDS][PAGES];
	struct activity main, handler;
	bool told[CPUS]; /* messages that wait here, by sender */
	u32 unanswered;
} sim[CPUS];
static u32 nr_cpus;
static struct {
	u64 loads, kept, nothing, ranges, alls, uses, hits;
} count;

static u32 below(u32 count)
{
	return (u32)rand() % count;
}
static u32 pcid_of(u64 cr3)
{
	return cr3 & 0xfff;
}

static void hw_load_cr3(struct sim_cpu *cpu, u64 number)
{
	assert_in_range(pcid_of(number), 0, PCID_SLOTS);
	if (!(number & CR3_NO_FLUSH))
		memset(cpu->tlb[pcid_of(number)], 0, sizeof(cpu->tlb[0]));
	cpu->cr3 = number & ~CR3_NO_FLUSH;
}

static int hw_space(const struct sim_cpu *cpu)
{
	u64 root = cpu->cr3 & ~0xfffull;

	for (u32 i = 0; i < SPACES; i++)
		if (spaces[i].root == root)
			return i;
	return NONE;
}

/* The processor looks where it likes, at any time. */
static void hw_fill(struct sim_cpu *cpu, u32 page)
{
	u64 *entry = &cpu->tlb[pcid_of(cpu->cr3)][page];
	int space = hw_space(cpu);

	if (space != NONE && !*entry)
		*entry = spaces[space].table[page];
}

static void hw_flush(struct sim_cpu *cpu, const struct activity *activity)
{
	for (u32 i = 0; i < PAGES; i++)
		if (activity->work == PCID_ALL ||
		    (activity->work == PCID_RANGE && activity->wrote[i]))
			cpu->tlb[pcid_of(cpu->cr3)][i] = 0;
}

/* ---- the kernel's steps ---- */

/* flush_local_space(). @return done? */
static bool step_flush(struct sim_cpu *cpu, struct activity *activity, u32 step)
{
	if (step == 0) {
		if (cpu->space != activity->space)
			return true;
		activity->work = pcid_flush_begin(&cpu->pcid, &spaces[activity->space].pcid,
						  activity->generation,
						  activity->some ? PCID_RANGE : PCID_ALL,
						  &activity->reached);
		count.nothing += activity->work == PCID_NOTHING;
		count.ranges += activity->work == PCID_RANGE;
		count.alls += activity->work == PCID_ALL;
		return false;
	}
	if (step == 1) {
		hw_flush(cpu, activity);
		return false;
	}
	pcid_flush_end(&cpu->pcid, activity->reached);
	return true;
}

static void forget(struct sim_cpu *cpu, int space)
{
	if (cpu->space != space)
		return;
	cpu->space = NONE;
	hw_load_cr3(cpu, KERNEL_ROOT);
}

/* ipi_handle_call(). @return is there something to do? */
static bool step_handler(struct sim_cpu *cpu)
{
	struct activity *activity = &cpu->handler;

	if (activity->what == IDLE) {
		for (u32 i = 0; i < nr_cpus; i++)
			if (cpu->told[i]) {
				*activity = sim[i].main;
				activity->what = HANDLE;
				activity->step = 0;
				activity->from = i;
				cpu->told[i] = false;
				return true;
			}
		return false;
	}
	if (sim[activity->from].main.what == FORGET)
		forget(cpu, activity->space);
	else if (!step_flush(cpu, activity, activity->step++))
		return true;
	sim[activity->from].unanswered--;
	activity->what = IDLE;
	return true;
}

/* switch_space(), interrupts off */
static void step_load(struct sim_cpu *cpu)
{
	struct activity *activity = &cpu->main;
	u32 self = 1u << (cpu - sim);

	switch (activity->step++) {
	case 0:
		spaces[activity->space].cpus |= self;
		cpu->before = cpu->space;
		cpu->space = activity->space;
		break;
	case 1:
		activity->cr3 = pcid_switch(&cpu->pcid, &spaces[activity->space].pcid,
					    spaces[activity->space].root);
		break;
	case 2:
		assert_int_equal(activity->cr3 & ~(0xfffull | CR3_NO_FLUSH),
				 spaces[activity->space].root);
		assert_in_range(pcid_of(activity->cr3), 1, PCID_SLOTS);
		hw_load_cr3(cpu, activity->cr3);
		count.loads++;
		count.kept += activity->cr3 >> 63;
		break;
	default:
		if (cpu->before != NONE)
			spaces[cpu->before].cpus &= ~self;
		activity->what = IDLE;
	}
}

static u64 new_entry(u32 space)
{
	return ++last_number * SPACES + space;
}

/* Made, or made again at the address and with the root of one that has ended. */
static void begin_space(u32 i, u32 cpu)
{
	struct space *space = &spaces[i];

	pcid_space_init(&space->pcid, &sim[cpu].pcid, cpu);
	space->root = (i + 2) * 0x1000;
	space->cpus = 0;
	space->ending = false;
	for (u32 page = 0; page < PAGES; page++)
		space->table[page] = space->settled[page] = new_entry(i);
}

static void finish_change(struct sim_cpu *cpu)
{
	struct activity *activity = &cpu->main;
	struct space *space = &spaces[activity->space];

	space->busy--;
	for (u32 i = 0; i < PAGES; i++)
		space->settled[i] = MAX(space->settled[i], activity->wrote[i]);
	if (activity->what == FORGET)
		begin_space(activity->space, cpu - sim);
	activity->what = IDLE;
}

/* tlb_flush_user_range(), tlb_forget_space(); from step 10 on, tell_others() */
static void step_change(struct sim_cpu *cpu)
{
	struct activity *activity = &cpu->main;
	struct space *space = &spaces[activity->space];
	u32 self = cpu - sim;

	if (activity->what == FORGET && activity->step < 10) {
		forget(cpu, activity->space);
		activity->step = 10;
	} else if (activity->step == 0) {
		activity->generation = pcid_changed(&space->pcid);
		activity->step++;
	} else if (activity->step < 10) {
		if (step_flush(cpu, activity, activity->step - 1))
			activity->step = 10;
		else
			activity->step = activity->step + 1;
	} else if (activity->step == 10) {
		for (u32 i = 0; i < nr_cpus; i++)
			if (i != self && (space->cpus >> i & 1)) {
				cpu->unanswered++;
				sim[i].told[self] = true;
			}
		activity->step++;
	} else if (activity->step > 10 && !cpu->unanswered) {
		finish_change(cpu);
	}
}

/* ---- what happens ---- */

static void begin_something(struct sim_cpu *cpu)
{
	struct activity *activity = &cpu->main;
	struct space *space;

	memset(activity, 0, sizeof(*activity));
	activity->space = below(SPACES);
	if (below(3) == 0 && cpu->space != NONE)
		activity->space = cpu->space;
	space = &spaces[activity->space];
	if (space->ending)
		return;
	if (below(40) == 0 && !space->busy) {
		space->ending = true; /* no thread is left in it */
		activity->what = FORGET;
	} else if (below(2) && activity->space != cpu->space) {
		activity->what = LOAD;
	} else if (below(3) == 0) {
		activity->what = CHANGE;
		activity->some = below(4);
		for (u32 count = 0, page = below(PAGES); count <= below(3);
		     count++, page = (page + 1) % PAGES) {
			activity->wrote[page] = 0;
			if (below(4))
				activity->wrote[page] = new_entry(activity->space);
			space->table[page] = activity->wrote[page];
		}
	}
	space->busy += activity->what != IDLE;
}

/* A program's access. */
static void use(struct sim_cpu *cpu)
{
	u32 page = below(PAGES);
	struct space *space;
	u64 e;

	if (cpu->main.what != IDLE || cpu->handler.what != IDLE || cpu->space == NONE ||
	    spaces[cpu->space].ending)
		return;
	space = &spaces[cpu->space];
	count.hits += cpu->tlb[pcid_of(cpu->cr3)][page] != 0;
	hw_fill(cpu, page);
	e = cpu->tlb[pcid_of(cpu->cr3)][page];
	count.uses++;
	if (!e)
		return;
	if (e % SPACES != (u32)cpu->space)
		fail_msg("processor %u uses another space's entry", (u32)(cpu - sim));
	if (e < space->settled[page])
		fail_msg("processor %u uses an entry after its flush", (u32)(cpu - sim));
}

static void step(struct sim_cpu *cpu)
{
	if (below(4) == 0)
		hw_fill(cpu, below(PAGES));
	if (below(3) == 0) {
		use(cpu);
		return;
	}
	/* an interrupt comes when it likes, unless they are off */
	if (cpu->handler.what != IDLE || (cpu->main.what != LOAD && below(2))) {
		if (step_handler(cpu))
			return;
	}
	if (cpu->main.what == IDLE)
		begin_something(cpu);
	else if (cpu->main.what == LOAD)
		step_load(cpu);
	else
		step_change(cpu);
}

static void begin(u32 seed, u32 n)
{
	srand(seed);
	memset(spaces, 0, sizeof(spaces));
	memset(sim, 0, sizeof(sim));
	memset(&count, 0, sizeof(count));
	nr_cpus = n;
	for (u32 i = 0; i < CPUS; i++) {
		sim[i].space = NONE;
		sim[i].cr3 = KERNEL_ROOT;
	}
	for (u32 i = 0; i < SPACES; i++)
		begin_space(i, below(n));
}

static void no_stale_entry_is_used(void **state)
{
	for (u32 seed = 1; seed <= 24; seed++) {
		begin(seed, 1 + seed % CPUS);
		for (u32 i = 0; i < 150000; i++)
			step(&sim[below(nr_cpus)]);
		/* and it was not by flushing all the time, nor by never doing anything */
		assert_true(count.kept * 8 > count.loads && count.kept < count.loads);
		assert_true(count.hits * 8 > count.uses);
		assert_true(count.ranges && count.alls);
		if (nr_cpus > 2)
			assert_true(count.nothing);
	}
}

/* ---- one processor, step by step ---- */

static u64 load(u32 cpu, u32 space)
{
	return pcid_switch(&sim[cpu].pcid, &spaces[space].pcid, spaces[space].root);
}

static void change(u32 cpu, u32 space, enum pcid_work want, enum pcid_work expected)
{
	u64 reached, generation = pcid_changed(&spaces[space].pcid);

	assert_int_equal(pcid_flush_begin(&sim[cpu].pcid, &spaces[space].pcid, generation, want,
					  &reached),
			 expected);
	pcid_flush_end(&sim[cpu].pcid, reached);
}

static void as_many_as_there_are_slots_are_kept(void **state)
{
	begin(1, 1);
	for (u32 i = 0; i < PCID_SLOTS; i++)
		assert_false(load(0, i) & CR3_NO_FLUSH);
	for (u32 round = 0; round < 3; round++)
		for (u32 i = 0; i < PCID_SLOTS; i++)
			assert_true(load(0, i) & CR3_NO_FLUSH);
	for (u32 i = 0; i < SPACES; i++) {
		u32 other = i < PCID_SLOTS ? PCID_SLOTS + i % (SPACES - PCID_SLOTS)
					   : i - PCID_SLOTS;

		load(0, i);
		load(0, other); /* one too many: takes a slot, but not that of who ran last */
		assert_true(load(0, i) & CR3_NO_FLUSH);
	}
}

static void each_space_has_a_pcid_of_its_own(void **state)
{
	u32 seen = 0;

	begin(1, 1);
	for (u32 i = 0; i < PCID_SLOTS; i++)
		seen |= 1u << pcid_of(load(0, i));
	assert_int_equal(seen, ((1u << PCID_SLOTS) - 1) << 1);
}

static void what_is_flushed_while_loaded_is_not_flushed_again(void **state)
{
	begin(1, 1);
	load(0, 0);
	for (u32 i = 0; i < 10; i++)
		change(0, 0, PCID_RANGE, PCID_RANGE);
	change(0, 0, PCID_ALL, PCID_ALL);
	load(0, 1);
	assert_true(load(0, 0) & CR3_NO_FLUSH);
}

static void what_is_flushed_elsewhere_is_flushed_at_the_next_load(void **state)
{
	u32 pcid;

	begin(1, 2);
	pcid = pcid_of(load(0, 0));
	load(0, 1);
	load(1, 0);
	change(1, 0, PCID_RANGE, PCID_RANGE);
	assert_int_equal(load(0, 0), spaces[0].root | pcid);
	load(0, 1);
	assert_int_equal(load(0, 0), spaces[0].root | pcid | CR3_NO_FLUSH);
}

static void a_missed_flush_makes_the_next_one_complete(void **state)
{
	u64 first, second, third, reached;

	begin(1, 1);
	load(0, 0);
	first = pcid_changed(&spaces[0].pcid);
	second = pcid_changed(&spaces[0].pcid);
	third = pcid_changed(&spaces[0].pcid);
	assert_int_equal(pcid_flush_begin(&sim[0].pcid, &spaces[0].pcid, second, PCID_RANGE,
					  &reached),
			 PCID_ALL);
	pcid_flush_end(&sim[0].pcid, reached);
	assert_int_equal(pcid_flush_begin(&sim[0].pcid, &spaces[0].pcid, first, PCID_RANGE,
					  &reached),
			 PCID_NOTHING);
	pcid_flush_end(&sim[0].pcid, reached);
	assert_int_equal(pcid_flush_begin(&sim[0].pcid, &spaces[0].pcid, third, PCID_ALL, &reached),
			 PCID_NOTHING);
	pcid_flush_end(&sim[0].pcid, reached);
	change(0, 0, PCID_RANGE, PCID_RANGE);
}

static void an_address_used_again_is_another_space(void **state)
{
	begin(1, 1);
	load(0, 0);
	load(0, 1);
	begin_space(0, 0);
	assert_false(load(0, 0) & CR3_NO_FLUSH);
}

static void ids_are_unique_over_processors(void **state)
{
	static const u32 numbers[] = { 0, 1, CPU_MAX - 1 };
	struct pcid_cpu cpu[3] = { 0 };
	u32 count = MIN(CPU_MAX, 3);
	u64 ids[300];

	for (u32 i = 0; i < ARRAY_SIZE(ids); i++) {
		struct pcid_space space;

		pcid_space_init(&space, &cpu[i % count], numbers[i % count]);
		ids[i] = space.id;
		assert_int_not_equal(space.id, 0);
		for (u32 round = 0; round < i; round++)
			assert_true(ids[round] != space.id);
	}
}

/* ---- which processors, and how it is switched on ---- */

static u64 cr4;
static bool gp;
u64 read_cr3(void)
{
	return sim[0].cr3;
}
void write_cr3(u64 number)
{
	sim[0].cr3 = number;
}
u64 read_cr4(void)
{
	return cr4;
}
void invlpg(u64 va)
{
}
void write_cr4(u64 number)
{
	if ((number & ~cr4 & CR4_PCIDE) && pcid_of(sim[0].cr3))
		gp = true;
	cr4 = number;
}

static void it_is_switched_on_with_pcid_0_loaded(void **state)
{
	begin(1, 1);
	gp = false;
	cr4 = 0x6a0;
	pcid_cpu_enable();
	assert_int_equal(cr4, 0x6a0 | CR4_PCIDE);
	assert_false(gp);
}

static void not_every_processor_will_do(void **state)
{
	struct cpu_features features = {
		.pcid = true, .pge = true, .family = 6, .model = 0x55, .vendor = "GenuineIntel"
	};
	static const u32 faulty[] = { 0x97, 0x9a, 0xbe, 0xb7, 0xba, 0xbf };

	assert_true(pcid_usable(&features));
	pcid_choose(&features);
	assert_true(pcid_enabled);
	for (u32 i = 0; i < ARRAY_SIZE(faulty); i++) {
		features.model = faulty[i];
		strcpy(features.vendor, "GenuineIntel");
		assert_false(pcid_usable(&features));
		strcpy(features.vendor, "AuthenticAMD");
		assert_true(pcid_usable(&features));
	}
	features.pge = false;
	assert_false(pcid_usable(&features));
	features.pge = true;
	features.pcid = false;
	assert_false(pcid_usable(&features));
	pcid_choose(&features);
	assert_false(pcid_enabled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_there_are_slots_are_kept),
		cmocka_unit_test(each_space_has_a_pcid_of_its_own),
		cmocka_unit_test(what_is_flushed_while_loaded_is_not_flushed_again),
		cmocka_unit_test(what_is_flushed_elsewhere_is_flushed_at_the_next_load),
		cmocka_unit_test(a_missed_flush_makes_the_next_one_complete),
		cmocka_unit_test(an_address_used_again_is_another_space),
		cmocka_unit_test(ids_are_unique_over_processors),
		cmocka_unit_test(it_is_switched_on_with_pcid_0_loaded),
		cmocka_unit_test(not_every_processor_will_do),
		cmocka_unit_test(no_stale_entry_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
