/* SPDX-License-Identifier: MIT */
/*
 * Addresses to names.
 *
 * The kernel's table is made after the first link (scripts/gen-ksyms.py):
 * function offsets ascending, and the names. Drivers add ranges with their own
 * look-up. Readers take no lock, so that a panic can read: ranges are linked by
 * one store and freed after a grace period.
 */
#include <kernel/lock.h>
#include <kernel/string.h>
#include <kernel/symbols.h>
#include "internal.h"

extern const u32 ksym_count, ksym_text_offset[], ksym_name_offset[];
extern const char ksym_names[];
extern const u8 _text[], _etext[];

static struct symbol_range *ranges;
static DEFINE_SPINLOCK(ranges_lock);

static bool kernel_lookup(u64 addr, struct symbol_name *out)
{
	u32 off = addr - (u64)_text, lo = 0, hi = ksym_count;

	while (lo < hi) {		/* first entry above */
		u32 mid = (lo + hi) / 2;

		if (ksym_text_offset[mid] <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return false;
	u32 end = lo < ksym_count ? ksym_text_offset[lo] : (u32)(_etext - _text);

	*out = (struct symbol_name){ NULL, ksym_names + ksym_name_offset[lo - 1],
				     off - ksym_text_offset[lo - 1], end - ksym_text_offset[lo - 1] };
	return true;
}

bool symbol_lookup(u64 addr, struct symbol_name *out)
{
	if (addr >= (u64)_text && addr < (u64)_etext)
		return kernel_lookup(addr, out);
	for (struct symbol_range *r = rcu_dereference(ranges); r; r = rcu_dereference(r->next))
		if (addr >= r->start && addr < r->end)
			return r->lookup(r, addr, out);
	return false;
}

u64 symbol_address(const char *name)
{
	for (u32 i = 0; i < ksym_count; i++)
		if (!strcmp(ksym_names + ksym_name_offset[i], name))
			return (u64)_text + ksym_text_offset[i];
	return 0;
}

void symbol_range_add(struct symbol_range *r)
{
	spin_lock(&ranges_lock);
	r->next = ranges;
	rcu_assign_pointer(ranges, r);
	spin_unlock(&ranges_lock);
}

void symbol_range_remove(struct symbol_range *r)
{
	spin_lock(&ranges_lock);
	for (struct symbol_range **p = &ranges; *p; p = &(*p)->next)
		if (*p == r) {
			rcu_assign_pointer(*p, r->next);
			break;
		}
	spin_unlock(&ranges_lock);
	synchronize_rcu();
}

/* %pS of the formatter. */
size_t symbol_format(char *buf, size_t size, u64 addr)
{
	struct symbol_name s;

	if (!symbol_lookup(addr, &s))
		return scnprintf(buf, size, "0x%lx", addr);
	if (s.module)
		return scnprintf(buf, size, "%s+%s+0x%lx", s.module, s.name, s.offset);
	return scnprintf(buf, size, "%s+0x%lx/0x%lx", s.name, s.offset, s.size);
}

void symbols_init(void) { format_symbol_hook = symbol_format; }
