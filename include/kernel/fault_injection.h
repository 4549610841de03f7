/* SPDX-License-Identifier: MIT */
/**
 * @file fault_injection.h  Failures of allocations on order, so that tests walk the error paths.
 *
 * With CONFIG_FAULT_INJECTION each allocator calls fault_inject() first. Rules from the command
 * line (fail=...) or /proc/sys/vm/fail decide, and /proc/PID/fail-nth. Documentation/testing.md.
 */
#pragma once
#include <kernel/fault_rule.h>
#include <kernel/types.h>

#ifdef CONFIG_FAULT_INJECTION
/** Does any rule or order exist? If not, an allocator needs no call. */
extern bool fault_armed;
/** @brief Ask the registered function whether this allocation fails (kernel/base/fault_point.c). Any context. */
bool fault_fires(enum fault_site site);
/** @brief Have @p decide answer from now on. It is called in any context, only while fault_armed. */
void fault_register(bool (*decide)(enum fault_site site));
/** @brief Shall this allocation fail? Any context. */
static inline bool fault_inject(enum fault_site site)
{
	return unlikely(fault_armed) && fault_fires(site);
}
/** @brief Read the command line; rules with from=boot apply from now on. Call before the first allocation. */
void fault_init(void);
/** @brief The first process exists: the other rules apply from now on. */
void fault_start(void);
/**
 * @brief Replace all rules by those in @p text, between blanks; an empty text removes all. Sleeps.
 * @return 0 or -EINVAL (the reason is logged), then nothing has changed
 */
int __must_check fault_set_rules(const char *text);
struct seq_file;
/** @brief The rules, and how often each was asked and hit. */
void fault_show(struct seq_file *seq);
/** @brief Let the @p nth allocation of a thread fail, outside of interrupts; 0: none. */
struct thread;
void fault_set_nth(struct thread *t, u32 nth);
#else
static inline bool fault_inject(enum fault_site site)
{
	return false;
}
static inline void fault_init(void)
{
}
static inline void fault_start(void)
{
}
/* Noted, so that a test sees that it was not reached. */
#define fault_set_nth(thread, nth) ((void)((thread)->fail_nth = (nth)))
#endif
