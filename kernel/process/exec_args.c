// SPDX-License-Identifier: MIT
/*
  * execve(): arguments and environment, copied from the old program to the stack of
 * the new one.
 *
 * All strings are copied once into one block of kernel memory, a page for
 * nearly every program, and from there in one piece into the new space. The
 * block and the vectors together may be as large as Linux allows: a quarter of
 * RLIMIT_STACK, at least 128 KiB, at most 6 MiB; one string 128 KiB.
 */
#include "exec.h"

#define ARGS_MIN   (128u << 10)
#define ARGS_MAX   (6u << 20)
#define FIRST_SIZE 4096u
#define FIRST_ROOM 64u

int exec_args_init(struct exec_args *args)
{
	u64 limit = ARGS_MAX;

	if (current->proc)
		limit = current_limit(RLIMIT_STACK) / 4;
	*args = (struct exec_args){ .limit = MAX(MIN(limit, (u64)ARGS_MAX), (u64)ARGS_MIN) };
	args->buf = kmalloc(FIRST_SIZE);
	args->offsets = kmalloc(FIRST_ROOM * sizeof(*args->offsets));
	if (!args->buf || !args->offsets)
		return -ENOMEM;
	args->size = FIRST_SIZE;
	args->room = FIRST_ROOM;
	return 0;
}

void exec_args_free(struct exec_args *args)
{
	kvfree(args->buf);
	kvfree(args->offsets);
	args->buf = NULL;
	args->offsets = NULL;
}

static int args_grow_block(struct exec_args *args)
{
	u32 size = args->size * 2;
	char *buf;

	if (args->size >= args->limit)
		return -E2BIG;
	buf = kvzalloc(size);
	if (!buf)
		return -ENOMEM;
	memcpy(buf, args->buf, args->used);
	kvfree(args->buf);
	args->buf = buf;
	args->size = size;
	return 0;
}

static int args_grow_offsets(struct exec_args *args)
{
	u32 room = args->room * 2;
	u32 *offsets = kvzalloc(room * sizeof(*offsets));

	if (!offsets)
		return -ENOMEM;
	memcpy(offsets, args->offsets, args->nr * sizeof(*offsets));
	kvfree(args->offsets);
	args->offsets = offsets;
	args->room = room;
	return 0;
}

static int args_check_limit(const struct exec_args *args)
{
	if (args->used + sizeof(u64) * args->nr > args->limit)
		return -E2BIG;
	return 0;
}

/* A string of @len bytes has been copied behind the last one: record it. */
static int args_note_string(struct exec_args *args, u64 len)
{
	if (args->nr == args->room) {
		int err = args_grow_offsets(args);

		if (err)
			return err;
	}
	args->offsets[args->nr++] = args->used;
	args->used += (u32)len + 1;
	return args_check_limit(args);
}

static int args_add_user_string(struct exec_args *args, uaddr_t src)
{
	for (;;) {
		u32 room = args->size - args->used;
		s64 result = -ENAMETOOLONG;
		int err;

		if (room)
			result = strncpy_from_user(args->buf + args->used, src,
						   MIN(room, EXEC_STRING_MAX));
		if (result >= 0)
			return args_note_string(args, (u64)result);
		if (result != -ENAMETOOLONG)
			return (int)result;
		if (room >= EXEC_STRING_MAX)
			return -E2BIG;
		err = args_grow_block(args);
		if (err)
			return err;
	}
}

int exec_args_add(struct exec_args *args, const char *string)
{
	size_t len = strlen(string);

	while (args->size - args->used <= len) {
		int err = args_grow_block(args);

		if (err)
			return err;
	}
	memcpy(args->buf + args->used, string, len + 1);
	return args_note_string(args, len);
}

static s64 args_add_user_vector(struct exec_args *args, u64 vector)
{
	s64 result = 0;
	u64 str;
	int err;

	if (!vector)
		return 0;
	for (;; result++) {
		if (get_user_u64(&str, uaddr(vector + 8 * (u64)result)))
			return -EFAULT;
		if (!str)
			return result;
		err = args_add_user_string(args, uaddr(str));
		if (err)
			return err;
		if (fatal_signal_pending())
			return -EINTR;
	}
}

s64 exec_args_add_vector(struct exec_args *args, const struct exec_vector *vector)
{
	s64 result;

	if (vector->is_user)
		return args_add_user_vector(args, vector->user);
	for (result = 0; vector->kernel[result]; result++) {
		int err = exec_args_add(args, vector->kernel[result]);

		if (err)
			return err;
	}
	return result;
}

int exec_args_replace_first(struct exec_args *args, const char *const *strings, u32 nr_strings)
{
	u32 old = 0, bytes = 0, first = args->argc != 0, pos = 0;
	int err;

	for (u32 i = 0; i < nr_strings; i++)
		bytes += (u32)strlen(strings[i]) + 1;
	if (first)
		old = (u32)strlen(args->buf) + 1;
	while (args->size < (u64)args->used - old + bytes) {
		err = args_grow_block(args);
		if (err)
			return err;
	}
	while (args->room < args->nr - first + nr_strings) {
		err = args_grow_offsets(args);
		if (err)
			return err;
	}
	memmove(args->buf + bytes, args->buf + old, args->used - old);
	memmove(args->offsets + nr_strings, args->offsets + first,
		(args->nr - first) * sizeof(*args->offsets));
	args->used += bytes - old;
	args->nr += nr_strings - first;
	args->argc += nr_strings - first;
	for (u32 i = nr_strings; i < args->nr; i++)
		args->offsets[i] += bytes - old;
	for (u32 i = 0; i < nr_strings; i++) {
		size_t len = strlen(strings[i]) + 1;

		args->offsets[i] = pos;
		memcpy(args->buf + pos, strings[i], len);
		pos += (u32)len;
	}
	return args_check_limit(args);
}
