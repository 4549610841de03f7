/* SPDX-License-Identifier: MIT */
/*
 * The failure injector: makes selected allocations fail.
 *
 * Rules are set at the boot, or all at once by a super user. Allocations read
 * them as RCU data: a change disarms, waits for readers, and arms
 * again. Counters are atomic. One thread's order (fail-nth) counts its own
 * allocations alone, so a test program can let each one of an operation fail in
 * turn whatever else runs.
 *
 * rules_lock (mutex): changes.
 */
#include <asm/traps.h>
#include <kernel/test_options.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/symbols.h>
#include <kernel/thread.h>

#define RULES_MAX 4
#define DEPTH_MAX 32

struct armed_rule {
	struct fault_rule rule;
	u64 low, high; /* rule.in: the function's code */
	bool active;
	u64 seen, hit; /* atomic */
};

static struct armed_rule rules[RULES_MAX];
static u32 nr_rules;
static bool any_thread; /* some thread had an order of its own once */
static DEFINE_MUTEX(rules_lock);

/* ---- decisions ---- */

static bool rule_called_from(const struct armed_rule *armed)
{
	struct backtrace backtrace = { .frame = (u64)__builtin_frame_address(0) };

	for (u32 i = 0; i < DEPTH_MAX && arch_backtrace_step(&backtrace); i++)
		if (backtrace.address > armed->low && backtrace.address <= armed->high)
			return true;
	return false;
}

static bool rule_is_about(const struct armed_rule *armed, enum fault_site site)
{
	const struct fault_rule *rule = &armed->rule;

	if (!armed->active || !(rule->sites & 1u << site))
		return false;
	if (rule->task[0] && (in_interrupt() || strcmp(current->comm, rule->task)))
		return false;
	return !rule->in[0] || rule_called_from(armed);
}

static bool rule_fires(struct armed_rule *armed, enum fault_site site)
{
	u64 number;

	if (!rule_is_about(armed, site))
		return false;
	number = __atomic_add_fetch(&armed->seen, 1, __ATOMIC_RELAXED);
	if (!fault_rule_hits(&armed->rule, number))
		return false;
	if (__atomic_add_fetch(&armed->hit, 1, __ATOMIC_RELAXED) > armed->rule.times &&
	    armed->rule.times) {
		__atomic_sub_fetch(&armed->hit, 1, __ATOMIC_RELAXED);
		return false;
	}
	if (armed->rule.log) {
		pr_info("fault: %s: call %lu fails on purpose, made by %s\n", fault_site_name(site),
			number, current->comm);
		warn_report("injected", armed->rule.text, 0);
	}
	return true;
}

static bool fault_decide(enum fault_site site)
{
	struct thread *t = current;
	bool fires = false;

	if (unlikely(t->fail_nth) && !in_interrupt() && --t->fail_nth == 0)
		return true;
	preempt_disable(); /* an RCU reader */
	for (u32 i = 0; i < READ_ONCE(nr_rules); i++)
		fires |= rule_fires(&rules[i], site);
	preempt_enable_no_resched();
	return fires;
}

void fault_set_nth(struct thread *t, u32 nth)
{
	WRITE_ONCE(t->fail_nth, nth);
	if (nth) {
		WRITE_ONCE(any_thread, true);
		WRITE_ONCE(fault_armed, true);
	}
}

/* ---- rules ---- */

static int rule_prepare(struct armed_rule *armed, const char *text, size_t len)
{
	struct symbol_name symbol;
	const char *error;
	int err = fault_rule_parse(text, len, &armed->rule, &error);

	if (!err && armed->rule.in[0]) {
		armed->low = symbol_address(armed->rule.in);
		error = "the kernel has no function of the name after in=";
		if (!armed->low || !symbol_lookup(armed->low, &symbol))
			err = -EINVAL;
		else
			armed->high = armed->low + symbol.size;
	}
	if (err)
		pr_warn("fault: invalid rule \"%.*s\": %s\n", (int)MIN(len, (size_t)FAULT_TEXT_MAX),
			text, error);
	return err;
}

void fault_init(void)
{
	const char *cursor = NULL;
	struct cmdline_word word;

	fault_register(fault_decide);
	while (option_next(&opt_fail, &cursor, &word)) {
		struct armed_rule *armed = &rules[nr_rules];

		if (nr_rules == RULES_MAX) {
			pr_warn("fault: more than %u rules on the command line: the others are ignored\n",
				RULES_MAX);
			break;
		}
		if (rule_prepare(armed, word.val, word.val_len)) {
			memset(armed, 0, sizeof(*armed));
			continue;
		}
		armed->active = armed->rule.from_boot;
		fault_armed |= armed->active;
		nr_rules++;
	}
}

void fault_start(void)
{
	for (u32 i = 0; i < nr_rules; i++)
		WRITE_ONCE(rules[i].active, true);
	if (nr_rules)
		WRITE_ONCE(fault_armed, true);
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n';
}

int fault_set_rules(const char *text)
{
	struct armed_rule *new = kvzalloc(sizeof(rules));
	u32 count = 0;
	int err = 0;

	if (!new)
		return -ENOMEM;
	while (!err) {
		size_t len = 0;

		while (is_blank(*text))
			text++;
		if (!*text)
			break;
		while (text[len] && !is_blank(text[len]))
			len++;
		if (count < RULES_MAX)
			err = rule_prepare(&new[count], text, len);
		else
			err = -E2BIG;
		if (!err)
			new[count++].active = true;
		text += len;
	}
	if (!err) {
		mutex_lock(&rules_lock);
		WRITE_ONCE(nr_rules, 0);
		synchronize_rcu();
		memcpy(rules, new, sizeof(rules));
		smp_store_release(&nr_rules, count);
		WRITE_ONCE(fault_armed, count || any_thread);
		mutex_unlock(&rules_lock);
	}
	kvfree(new);
	return err;
}

void fault_show(struct seq_file *seq)
{
	mutex_lock(&rules_lock);
	for (u32 i = 0; i < nr_rules; i++)
		seq_printf(seq, "%s: %lu calls, %lu failed\n", rules[i].rule.text,
			   READ_ONCE(rules[i].seen), READ_ONCE(rules[i].hit));
	mutex_unlock(&rules_lock);
}
