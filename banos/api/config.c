// SPDX-License-Identifier: MIT
/*
 * Structs and tables of methods that a driver hands over: found to be its own
 * memory, checked by struct.c, and copied; see caller.h.
 */
#include "caller.h"

#define METHODS_HEAD 8u /* bytes of a table before its methods: size, must */

#ifdef CONFIG_API_FUTURE
int64_t api_future_default(void)
{
	return -EOPNOTSUPP;
}
#endif

/*
 * The field that every struct has in this kernel and lacks at level 1 takes nothing but 0:
 * if the kernel took it from what lies behind a driver's shorter struct, this would show.
 */
static bool future_is_zero(const struct struct_rule *rule, const void *copy)
{
	const u64 *end = (const u64 *)((const u8 *)copy + rule->size_known);

	return !IS_ENABLED(CONFIG_API_FUTURE) || rule->flags & STRUCT_GROWING || !end[-1];
}

int api_struct_read(const char *function, const struct struct_rule *rule, const void *from,
		    void *to)
{
	u32 size = api_struct_size(from);
	char words[STRUCT_WORDS_MAX];
	int err = struct_check(rule, from, size, words);

	if (err)
		return api_mistake(function, err, words);
	struct_copy(rule, to, from, size);
	if (!future_is_zero(rule, to))
		return api_mistake(function, -EINVAL, "a struct's field future is not 0");
	return 0;
}

s64 api_struct_room(const char *function, const struct struct_rule *rule, const void *to)
{
	char words[STRUCT_WORDS_MAX];
	u32 size = 0;
	int err;

	if ((u64)to % STRUCT_ALIGN == 0 && api_may_read(to, sizeof(size)))
		size = READ_ONCE(*(const u32 *)to);
	if (size <= STRUCT_MAX && !api_may_write(to, size))
		size = 0;
	err = struct_check_size(rule, size, words);
	if (err)
		return api_mistake(function, err, words);
	return size;
}

int api_methods_read(const char *function, const struct struct_rule *rule,
		     const struct owner *owner, const void *ops, void *to, const void *defaults)
{
	u32 count = (rule->size_known - METHODS_HEAD) / sizeof(void *);
	const void **methods = (const void **)((u8 *)to + METHODS_HEAD);
	const void *const *default_methods =
		(const void *const *)((const u8 *)defaults + METHODS_HEAD);
	int err = api_struct_read(function, rule, ops, to);

	if (err)
		return err;
	for (u32 i = 0; i < count; i++) {
		if (methods[i] && !owner_has_code(owner, methods[i]))
			return api_mistake(function, -EINVAL,
					   "a method in config->ops is not the driver's function");
		if (!methods[i])
			methods[i] = default_methods[i];
		if (!methods[i])
			return api_mistake(function, -EINVAL,
					   "the mandatory method in config->ops is missing");
	}
	return 0;
}
