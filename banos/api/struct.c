// SPDX-License-Identifier: MIT
/* Structs that begin with their size; see struct_rule.h. */
#include <kernel/err.h>
#include <kernel/string.h>
#include <kernel/struct_rule.h>

static bool struct_tail_is_zero(const u8 *from, u32 known, u32 size)
{
	for (u32 i = known; i < size; i++)
		if (from[i])
			return false;
	return true;
}

int struct_check_size(const struct struct_rule *rule, u64 size, char *words)
{
	if (size < rule->size_least) {
		snprintf(
			words, STRUCT_WORDS_MAX,
			"%s is not the driver's memory, not aligned to %u, or its size is less than %u",
			rule->name, STRUCT_ALIGN, rule->size_least);
		return -EINVAL;
	}
	if (size > STRUCT_MAX) {
		snprintf(words, STRUCT_WORDS_MAX, "%s->size is %lu, more than %u", rule->name,
			 (unsigned long)size, STRUCT_MAX);
		return -E2BIG;
	}
	return 0;
}

int struct_check(const struct struct_rule *rule, const void *from, u32 size, char *words)
{
	int err = struct_check_size(rule, size, words);

	if (err)
		return err;
	if (rule->flags & STRUCT_MUST && ((const u32 *)from)[1] & ~rule->must_known) {
		snprintf(words, STRUCT_WORDS_MAX,
			 "%s->must has a bit that this kernel does not know", rule->name);
		return -EOPNOTSUPP;
	}
	if (!(rule->flags & STRUCT_GROWING) && !struct_tail_is_zero(from, rule->size_known, size)) {
		snprintf(words, STRUCT_WORDS_MAX, "%s has a field that this kernel does not know",
			 rule->name);
		return -E2BIG;
	}
	return 0;
}

void struct_copy(const struct struct_rule *rule, void *to, const void *from, u32 size)
{
	u32 given = MIN(size, rule->size_known);

	memcpy(to, from, given);
	memset((u8 *)to + given, 0, rule->size_known - given);
	*(u32 *)to = rule->size_known;
}

void struct_fill(const struct struct_rule *rule, void *to, u32 size, const void *from)
{
	u32 filled = MIN(size, rule->size_known);

	memcpy(to, from, filled);
	memset((u8 *)to + filled, 0, size - filled);
	*(u32 *)to = filled;
}
