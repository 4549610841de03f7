/* SPDX-License-Identifier: MIT */
/* The gate's stacks: what is promised to drivers is there, however deep the caller is. */
#include <asm/io.h>
#include <asm/traps.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>

#define STEP_BYTES 512
#define STEPS	   ((KERNEL_STACK_SIZE - 5120) / (STEP_BYTES + 96)) /* room for an interrupt is left */

static struct driver *driver;

/* All that <banos/driver.h> promises, counted from the return address of the function that has @frame. */
#define PROMISED(frame) ((u8 *)(frame) + 8 - 8192)

static bool pattern_is_there(const volatile u8 *from, const volatile u8 *to)
{
	for (; from < to; from++)
		if (*from != (u8)(u64)from)
			return false;
	return true;
}

static __noinline void pattern_write(volatile u8 *from, volatile u8 *to)
{
	for (; from < to; from++)
		*from = (u8)(u64)from;
}

/* A driver's function that has all its stack in use while it calls the next. */
static s64 uses_stack(u64 nested, s64 (*next)(u64 nested, void *next))
{
	u8 *low = PROMISED(__builtin_frame_address(0)), *here = __builtin_alloca(8);
	u8 *end = here;
	s64 result = 4711;

	/* Below that the kernel has what its own functions need. */
	if ((u64)low < current->gate_limit - GATE_STACK_NEEDED + GATE_STACK_KERNEL)
		return -ENOSPC;
	here = __builtin_alloca(end - low);
	pattern_write(here, end);
	if (here > low)
		return -EDOM;
	if (nested)
		result = gate_call(&driver->owner, NULL, next, nested - 1, (u64)next, 0, 0, 0, 0);
	if (!pattern_is_there(here, end))
		return -EIO;
	return result;
}

/* Call it with @steps times STEP_BYTES less stack. */
static __noinline s64 from_below(u32 steps, const void *method, u64 arg)
{
	volatile u8 waste[STEP_BYTES - 64];
	s64 result;

	waste[0] = steps;
	if (waste[0])
		result = from_below(steps - 1, method, arg);
	else
		result = gate_call(&driver->owner, NULL, method, arg, (u64)method, 0, 0, 0, 0);
	barrier();
	return result;
}

static bool is_back(void)
{
	return !current->gate && !current->gate_stack &&
	       current->gate_limit == (u64)current->stack + GATE_STACK_NEEDED;
}

static bool gate_test_begins(struct ktest_context *test)
{
	driver = driver_create();
	return KEXPECT(driver);
}

static void gate_test_ends(struct ktest_context *test)
{
	u64 calls, running;

	gate_count(&driver->owner, &calls, &running);
	KEXPECT_EQ(running, 0);
	KEXPECT(is_back());
	KEXPECT_EQ(driver_end(driver), 0);
}

KTEST(gate, driver_has_its_stack_however_deep_the_caller_is)
{
	if (!gate_test_begins(test))
		return;
	for (u32 steps = 0; steps < STEPS; steps++)
		for (u32 nested = 0; nested < 4; nested++)
			if (!KEXPECT_EQ(from_below(steps, uses_stack, nested), 4711))
				pr_info("# %u steps, %u nested\n", steps, nested);
	gate_test_ends(test);
}

KTEST(gate, memory_that_lacks_does_not_take_the_stack_of_four_nested_calls)
{
	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		KSKIP("CONFIG_FAULT_INJECTION is not set");
	if (!gate_test_begins(test))
		return;
	for (u32 i = 1; i < 6; i++) {
		fault_set_nth(current, i);
		KEXPECT_EQ(from_below(STEPS - 1, uses_stack, 2), 4711);
		fault_set_nth(current, 0);
	}
	gate_test_ends(test);
}

static u32 refusals(u64 from)
{
	static char line[512];
	struct printk_record record;
	u32 count = 0;
	s64 len;

	for (u64 seq = from;
	     (len = printk_read_record(&seq, &record, line, sizeof(line) - 1)) >= 0;) {
		line[MIN(len, (s64)sizeof(line) - 1)] = 0;
		count += strstr(line, "uses_stack") && strstr(line, "EOVERFLOW");
	}
	return count;
}

KTEST(gate, calls_that_are_nested_too_deep_are_refused_in_words)
{
	u64 from = printk_last_seq();

	if (!gate_test_begins(test))
		return;
	KEXPECT_EQ(from_below(0, uses_stack, 100), -EOVERFLOW);
	KEXPECT_EQ(refusals(from), 1);
	KEXPECT_EQ(from_below(0, uses_stack, 3), 4711);
	gate_test_ends(test);
}

static s64 is_abandoned(u64 arg)
{
	u8 *low = __builtin_alloca(4096);

	pattern_write(low, low + 4096);
	gate_abandon(-EXDEV);
}

KTEST(gate, call_on_another_stack_can_be_abandoned)
{
	if (!IS_ENABLED(CONFIG_GATE_ABANDON))
		KSKIP("CONFIG_GATE_ABANDON is not set");
	if (!gate_test_begins(test))
		return;
	for (u32 i = 0; i < 20; i++)
		KEXPECT_EQ(from_below(STEPS - 1, is_abandoned, 0), -EXDEV);
	gate_test_ends(test);
}

static u32 frames_seen;

static s64 looks_back(u64 nested, s64 (*next)(u64 nested, void *next))
{
	struct backtrace backtrace = { .frame = (u64)__builtin_frame_address(0) };

	if (nested)
		return gate_call(&driver->owner, NULL, next, nested - 1, (u64)next, 0, 0, 0, 0);
	for (frames_seen = 0; frames_seen < 200 && arch_backtrace_step(&backtrace);)
		frames_seen++;
	return 0;
}

/* As many frames as when all is on one stack, and those of the changes. */
KTEST(gate, backtrace_leads_through_all_stacks)
{
	u32 shallow;

	if (!gate_test_begins(test))
		return;
	KEXPECT_EQ(from_below(0, looks_back, 0), 0);
	shallow = frames_seen;
	KEXPECT_EQ(from_below(STEPS - 1, looks_back, 0), 0);
	KEXPECT(frames_seen >= shallow + STEPS);
	KEXPECT(frames_seen < 200);
	gate_test_ends(test);
}

static s64 looks_at_its_memory(u64 outer)
{
	u64 own = 0;

	if (gate_stack_end((u64)&own) && gate_stack_end(outer) &&
	    !gate_stack_end((u64)&own - 1024) && !gate_stack_end((u64)current))
		return 4711;
	return 0;
}

KTEST(gate, stacks_that_led_to_a_call_count_as_its_memory)
{
	u64 on_stack = 0;

	if (!gate_test_begins(test))
		return;
	KEXPECT_EQ(from_below(STEPS - 1, looks_at_its_memory, (u64)&on_stack), 4711);
	gate_test_ends(test);
}

static s64 adds_up(u64 a, u64 b)
{
	return a + b;
}

KTEST(gate, costs_little)
{
	struct driver *target = driver_create();
	u64 best = ~0ull, direct = ~0ull, calls, running_now;
	s64 (*volatile call)(u64, u64) = adds_up;

	if (!KEXPECT(target))
		return;
	for (int i = 0; i < 64; i++) {
		u64 start = rdtsc(), took;

		KEXPECT_EQ(gate_call(&target->owner, NULL, adds_up, i, 2, 0, 0, 0, 0), i + 2);
		took = rdtsc() - start;
		best = MIN(best, took);
		start = rdtsc();
		KEXPECT_EQ(call(i, 2), i + 2);
		took = rdtsc() - start;
		direct = MIN(direct, took);
	}
	gate_count(&target->owner, &calls, &running_now);
	KEXPECT_EQ(calls, 64);
	KEXPECT_EQ(running_now, 0);
	pr_info("# bench gate_call %lu, a plain call %lu\n", best, direct);
	KEXPECT_EQ(driver_end(target), 0);
}
