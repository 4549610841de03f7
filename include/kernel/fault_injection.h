/* SPDX-License-Identifier: MIT */
/**
 * @file fault_injection.h  Failures of allocations on order, so that tests walk the error paths.
 *
 * With CONFIG_FAULT_INJECTION each allocator asks fault_inject() first. Who decides: rules from the
 * command line (fail=...) or /proc/sys/vm/fail, and /proc/PID/fail-nth. Documentation/testing.md.
 */
#pragma once
#include <kernel/types.h>

enum fault_site {
	FAULT_PAGE,  /* physical pages for the kernel */
	FAULT_USER,  /* physical pages for user memory and files */
	FAULT_TABLE, /* page tables */
	FAULT_HEAP,  /* kmalloc and object caches */
	FAULT_RANGE, /* ranges of kernel addresses, stacks */
	FAULT_SITES
};

#define FAULT_TEXT_MAX 128
/** A rule, as parsed. */
struct fault_rule {
	char text[FAULT_TEXT_MAX];
	u32 sites; /* bits: 1 << enum fault_site */
	u64 skip, every,
		times; /* let the first pass; then fail each so many; so often at most (0: no limit) */
	u64 prob, seed; /* one of so many fails, by lot (0: every counts) */
	char in[64];	/* only below this function; empty: everywhere */
	char task[16];	/* only for threads of this name; empty: all */
	bool from_boot; /* do not wait for the first process */
	bool log;	/* print each failure, with a backtrace */
};

/**
 * @brief Parse "SITE[+SITE...][,KEY=VALUE...]". Pure (lib/fault_rule.c).
 * @param len    bytes of @p text, which need not end in a NUL
 * @param error  set to words on failure
 * @return 0 or -EINVAL
 */
int fault_rule_parse(const char *text, size_t len, struct fault_rule *out, const char **error);
/**
 * @brief Does the call with this number (from 1, of those that the rule is about) fail? Pure.
 * ->times is the caller's to count.
 */
bool fault_rule_hits(const struct fault_rule *rule, u64 number);
/** @brief "heap" and so on. */
const char *fault_site_name(enum fault_site site);

#ifdef CONFIG_FAULT_INJECTION
extern bool fault_armed;
bool fault_fires(enum fault_site site);
/** @brief Shall this allocation fail? Any context. */
static inline bool fault_inject(enum fault_site site)
{
	return unlikely(fault_armed) && fault_fires(site);
}
/** @brief Read the command line; what says from=boot begins. Before the first allocation. */
void fault_init(void);
/** @brief The first process is there: the other rules begin. */
void fault_start(void);
/**
 * @brief Replace all rules by those in @p text, between blanks; none ends it all. Sleeps.
 * @return 0 or -EINVAL (said in the log), then nothing has changed
 */
int fault_set_rules(const char *text);
struct seq_file;
/** @brief The rules, and how often each was asked and hit. */
void fault_show(struct seq_file *m);
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
