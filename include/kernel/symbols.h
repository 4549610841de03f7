/* SPDX-License-Identifier: MIT */
/** @file symbols.h  Addresses to names, for backtraces: the kernel's own table, and ranges that loaded drivers add. */
#pragma once
#include <kernel/types.h>
#define SYMBOL_NAME_MAX 64
struct symbol_name {
	const char *module;
	char name[SYMBOL_NAME_MAX];
	u64 offset, size;
};
/** Any context; takes no lock. @return false when nothing covers @p addr. */
bool symbol_lookup(u64 addr, struct symbol_name *out);
u64 symbol_address(
	const char *name); /* kernel functions; 0 = none; linear, for tests and debugging */
/** A driver's code range with its own resolver; never sleeps in lookup. */
struct symbol_range {
	u64 start, end;
	const char *name;
	bool (*lookup)(struct symbol_range *r, u64 addr, struct symbol_name *out);
	struct symbol_range *next;
};
void symbol_range_add(struct symbol_range *range);
/** @brief Unlink a range. A reader may still use it until synchronize_rcu() has returned. */
void symbol_range_remove(struct symbol_range *range);
/** Name the drivers that have code here, in one line; nothing where there are none. Any context; takes no lock. */
void symbols_show_drivers(void);
/** Let %pS print names; first thing in the boot. */
void symbols_init(void);
