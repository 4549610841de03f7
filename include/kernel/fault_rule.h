/* SPDX-License-Identifier: MIT */
/** @file fault_rule.h  Rules of the failure injector (fault_injection.h): their meaning and their parser. Pure. */
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
int __must_check fault_rule_parse(const char *text, size_t len, struct fault_rule *out,
				  const char **error);
/**
 * @brief Does the call with this number (from 1, of those that the rule is about) fail? Pure.
 * ->times is the caller's to count.
 */
bool fault_rule_hits(const struct fault_rule *rule, u64 number);
/** @brief "heap" and so on. */
const char *fault_site_name(enum fault_site site);
