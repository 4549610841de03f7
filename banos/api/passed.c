// SPDX-License-Identifier: MIT
/*
 * Pointers that one driver passes to another (<banos/export.h>): what the letters say of
 * them is checked before the call, on each kernel. So the one that is called can rely on it,
 * it is the caller that is named for its mistake, and a call that succeeds here succeeds
 * on a kernel that copies what crosses, too.
 */
#include <kernel/driver_api.h>
#include <kernel/signature.h>
#include <kernel/string.h>
#include "caller.h"
#include "passed.h"

#define WORDS_SIZE 160u
/* No later kernel may raise it: the one that is called relies on it. */
#define PASSED_TEXT_MAX 1024u

struct passed {
	const char *function;
	const struct owner *callee;
	const struct signature *signature;
	const u64 *args;
	u32 number;
};

static s64 passed_mistake(const struct passed *passed, s64 err, const char *what)
{
	char words[WORDS_SIZE];

	snprintf(words, sizeof(words), "argument %u, for %s, %s", passed->number + 1,
		 passed->callee->name, what);
	return api_mistake(passed->function, err, words);
}

static s64 passed_text(const struct passed *passed, const char *text)
{
	if (api_text(text, PASSED_TEXT_MAX) >= 0)
		return 0;
	return passed_mistake(passed, -EINVAL,
			      "is not a text of at most 1024 bytes in the caller's memory");
}

static s64 passed_struct(const struct passed *passed, const void *memory, bool write)
{
	u32 size = api_struct_size(memory);
	u64 checked = size > STRUCT_MAX ? sizeof(size) : size;

	if (size < sizeof(size) || (write && !api_may_write(memory, checked)))
		return passed_mistake(
			passed, -EINVAL,
			"is not a struct in the caller's memory with its size in front, or not aligned to 4");
	if (size > STRUCT_MAX)
		return passed_mistake(passed, -E2BIG, "is a struct whose size is more than 4096");
	return 0;
}

static s64 passed_bytes(const struct passed *passed, const struct signature_arg *arg,
			const void *memory, bool write)
{
	u64 count = 1, bytes;
	char words[WORDS_SIZE];

	if (arg->length_arg)
		count = passed->args[arg->length_arg - 1];
	if (arg->length_arg && passed->signature->args[arg->length_arg - 1].letter == 'i')
		count = (u32)count;
	if (__builtin_mul_overflow(count, (u64)arg->bytes, &bytes) || bytes > BANOS_COPY_MAX)
		return passed_mistake(passed, -E2BIG, "has a length of more than 65536 bytes");
	if (api_span(memory, bytes, write) == bytes)
		return 0;
	snprintf(words, sizeof(words), "is not %lu bytes of the caller's memory%s",
		 (unsigned long)bytes, write ? " that can be written" : "");
	return passed_mistake(passed, -EINVAL, words);
}

static s64 passed_argument(const struct passed *passed)
{
	const struct signature_arg *arg = &passed->signature->args[passed->number];
	const void *memory = (const void *)passed->args[passed->number];

	if (!memory)
		return 0;
	switch (arg->letter) {
	case 't': return passed_text(passed, memory);
	case 's':
	case 'f': return passed_struct(passed, memory, arg->letter == 'f');
	default: return passed_bytes(passed, arg, memory, arg->letter != 'r');
	}
}

s64 check_passed(const char *function, const struct owner *callee,
		 const struct signature *signature, const u64 *args)
{
	struct passed passed = {
		.function = function,
		.callee = callee,
		.signature = signature,
		.args = args,
	};
	s64 err = 0;

	for (u32 left = signature->pointers; left && !err; left &= left - 1) {
		passed.number = (u32)__builtin_ctz(left);
		err = passed_argument(&passed);
	}
	return err;
}
