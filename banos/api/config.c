// SPDX-License-Identifier: MIT
/*
 * Structs and tables of methods that a driver hands over: found to be its own
 * memory, checked by struct.c, and copied; see caller.h.
 */
#include "caller.h"

int api_struct_read(const char *function, const struct struct_rule *rule, const void *from,
		    void *to)
{
	u32 size = api_struct_size(from);
	char words[STRUCT_WORDS_MAX];
	int err = struct_check(rule, from, size, words);

	if (err)
		return api_mistake(function, err, words);
	struct_copy(rule, to, from, size);
	return 0;
}

s64 api_struct_room(const char *function, const struct struct_rule *rule, const void *to)
{
	char words[STRUCT_WORDS_MAX];
	u32 size = 0;
	int err;

	if ((u64)to % 8 == 0 && api_may_read(to, sizeof(size)))
		size = READ_ONCE(*(const u32 *)to);
	if (size <= STRUCT_MAX && !api_may_write(to, size))
		size = 0;
	err = struct_check_size(rule, size, words);
	if (err)
		return api_mistake(function, err, words);
	return size;
}

int api_methods_read(const char *function, const struct struct_rule *rule,
		     const struct owner *owner, const void *ops, const void **methods,
		     const void *const *defaults)
{
	struct {
		u32 size, must;
		const void *methods[METHODS_MAX];
	} table;
	u32 count = (rule->size_known - offsetof(typeof(table), methods)) / sizeof(*methods);
	int err = api_struct_read(function, rule, ops, &table);

	if (err)
		return err;
	for (u32 i = 0; i < count; i++) {
		const void *method = table.methods[i];

		if (method && !owner_has_code(owner, method))
			return api_mistake(function, -EINVAL,
					   "a method in config->ops is not the driver's function");
		if (!method)
			method = defaults[i];
		if (!method)
			return api_mistake(function, -EINVAL,
					   "the mandatory method in config->ops is missing");
		methods[i] = method;
	}
	return 0;
}
