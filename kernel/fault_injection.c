/* SPDX-License-Identifier: MIT */
/*
 * The failure injector: which allocations fail on order.
 *
 * Rules are set at the boot, or all at once by a super user. Allocations read
 * them as RCU data: a change disarms, waits for who is still reading, and arms
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

static bool called_from(const struct armed_rule *a)
{
	struct backtrace b = { .frame = (u64)__builtin_frame_address(0) };

	for (u32 i = 0; i < DEPTH_MAX && arch_backtrace_step(&b); i++)
		if (b.address > a->low && b.address <= a->high)
			return true;
	return false;
}

static bool is_about(const struct armed_rule *a, enum fault_site site)
{
	const struct fault_rule *r = &a->rule;

	if (!a->active || !(r->sites & 1u << site))
		return false;
	if (r->task[0] && (in_interrupt() || strcmp(current->comm, r->task)))
		return false;
	return !r->in[0] || called_from(a);
}

static bool rule_fires(struct armed_rule *a, enum fault_site site)
{
	u64 number;

	if (!is_about(a, site))
		return false;
	number = __atomic_add_fetch(&a->seen, 1, __ATOMIC_RELAXED);
	if (!fault_rule_hits(&a->rule, number))
		return false;
	if (__atomic_add_fetch(&a->hit, 1, __ATOMIC_RELAXED) > a->rule.times && a->rule.times) {
		__atomic_sub_fetch(&a->hit, 1, __ATOMIC_RELAXED);
		return false;
	}
	if (a->rule.log) {
		pr_info("fault: %s: call %lu fails on purpose, made by %s\n", fault_site_name(site),
			number, current->comm);
		warn_report("injected", a->rule.text, 0);
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

static int rule_prepare(struct armed_rule *a, const char *text, size_t len)
{
	struct symbol_name s;
	const char *error;
	int err = fault_rule_parse(text, len, &a->rule, &error);

	if (!err && a->rule.in[0]) {
		a->low = symbol_address(a->rule.in);
		error = "the kernel has no function of the name after in=";
		if (!a->low || !symbol_lookup(a->low, &s))
			err = -EINVAL;
		else
			a->high = a->low + s.size;
	}
	if (err)
		pr_warn("fault: invalid rule \"%.*s\": %s\n", (int)MIN(len, (size_t)FAULT_TEXT_MAX),
			text, error);
	return err;
}

void fault_init(void)
{
	const char *cursor = NULL;
	struct cmdline_word w;

	fault_register(fault_decide);
	while (option_next(&opt_fail, &cursor, &w)) {
		struct armed_rule *a = &rules[nr_rules];

		if (nr_rules == RULES_MAX) {
			pr_warn("fault: more than %u rules on the command line: the others are ignored\n",
				RULES_MAX);
			break;
		}
		if (rule_prepare(a, w.val, w.val_len)) {
			memset(a, 0, sizeof(*a));
			continue;
		}
		a->active = a->rule.from_boot;
		fault_armed |= a->active;
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

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

int fault_set_rules(const char *text)
{
	struct armed_rule *new = kvzalloc(sizeof(rules));
	u32 n = 0;
	int err = new ? 0 : -ENOMEM;

	while (!err) {
		size_t len = 0;

		while (is_blank(*text))
			text++;
		if (!*text)
			break;
		while (text[len] && !is_blank(text[len]))
			len++;
		err = n < RULES_MAX ? rule_prepare(&new[n], text, len) : -E2BIG;
		if (!err)
			new[n++].active = true;
		text += len;
	}
	if (!err) {
		mutex_lock(&rules_lock);
		WRITE_ONCE(nr_rules, 0);
		synchronize_rcu();
		memcpy(rules, new, sizeof(rules));
		smp_store_release(&nr_rules, n);
		WRITE_ONCE(fault_armed, n || any_thread);
		mutex_unlock(&rules_lock);
	}
	kvfree(new);
	return err;
}

void fault_show(struct seq_file *m)
{
	mutex_lock(&rules_lock);
	for (u32 i = 0; i < nr_rules; i++)
		seq_printf(m, "%s: %lu calls, %lu failed\n", rules[i].rule.text,
			   READ_ONCE(rules[i].seen), READ_ONCE(rules[i].hit));
	mutex_unlock(&rules_lock);
}
