// SPDX-License-Identifier: MIT
/*
 * execve(): arguments and environment on their way from the old program to the
 * new one's stack.
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

int exec_args_init(struct exec_args *a)
{
	u64 limit = current->proc ? current_limit(RLIMIT_STACK) / 4 : ARGS_MAX;

	*a = (struct exec_args){ .limit = MAX(MIN(limit, (u64)ARGS_MAX), (u64)ARGS_MIN) };
	a->buf = kmalloc(FIRST_SIZE);
	a->offsets = kmalloc(FIRST_ROOM * sizeof(*a->offsets));
	if (!a->buf || !a->offsets)
		return -ENOMEM;
	a->size = FIRST_SIZE;
	a->room = FIRST_ROOM;
	return 0;
}

void exec_args_free(struct exec_args *a)
{
	kvfree(a->buf);
	kvfree(a->offsets);
	a->buf = NULL;
	a->offsets = NULL;
}

static int grow_block(struct exec_args *a)
{
	u32 size = a->size * 2;
	char *buf;

	if (a->size >= a->limit)
		return -E2BIG;
	buf = kvzalloc(size);
	if (!buf)
		return -ENOMEM;
	memcpy(buf, a->buf, a->used);
	kvfree(a->buf);
	a->buf = buf;
	a->size = size;
	return 0;
}

static int grow_offsets(struct exec_args *a)
{
	u32 room = a->room * 2;
	u32 *offsets = kvzalloc(room * sizeof(*offsets));

	if (!offsets)
		return -ENOMEM;
	memcpy(offsets, a->offsets, a->nr * sizeof(*offsets));
	kvfree(a->offsets);
	a->offsets = offsets;
	a->room = room;
	return 0;
}

/* A string of @len bytes has been put behind the last one. */
static int note_string(struct exec_args *a, u64 len)
{
	if (a->nr == a->room) {
		int err = grow_offsets(a);

		if (err)
			return err;
	}
	a->offsets[a->nr++] = a->used;
	a->used += (u32)len + 1;
	return a->used + 8ull * a->nr > a->limit ? -E2BIG : 0;
}

static int add_user(struct exec_args *a, uaddr_t src)
{
	for (;;) {
		u32 room = a->size - a->used;
		s64 n = -ENAMETOOLONG;
		int err;

		if (room)
			n = strncpy_from_user(a->buf + a->used, src, MIN(room, EXEC_STRING_MAX));
		if (n >= 0)
			return note_string(a, (u64)n);
		if (n != -ENAMETOOLONG)
			return (int)n;
		if (room >= EXEC_STRING_MAX)
			return -E2BIG;
		err = grow_block(a);
		if (err)
			return err;
	}
}

int exec_args_add(struct exec_args *a, const char *s)
{
	size_t len = strlen(s);

	while (a->size - a->used <= len) {
		int err = grow_block(a);

		if (err)
			return err;
	}
	memcpy(a->buf + a->used, s, len + 1);
	return note_string(a, len);
}

static s64 add_user_vector(struct exec_args *a, u64 vector)
{
	s64 n = 0;
	u64 str;
	int err;

	if (!vector)
		return 0;
	for (;; n++) {
		if (get_user_u64(&str, uaddr(vector + 8 * (u64)n)))
			return -EFAULT;
		if (!str)
			return n;
		err = add_user(a, uaddr(str));
		if (err)
			return err;
		if (fatal_signal_pending())
			return -EINTR;
	}
}

s64 exec_args_add_vector(struct exec_args *a, const struct exec_vector *v)
{
	s64 n;

	if (v->is_user)
		return add_user_vector(a, v->user);
	for (n = 0; v->kernel[n]; n++) {
		int err = exec_args_add(a, v->kernel[n]);

		if (err)
			return err;
	}
	return n;
}

int exec_args_replace_first(struct exec_args *a, const char *const *strings, u32 n)
{
	u32 old = 0, bytes = 0, first = a->argc ? 1 : 0, at = 0;
	int err;

	for (u32 i = 0; i < n; i++)
		bytes += (u32)strlen(strings[i]) + 1;
	if (first)
		old = (u32)strlen(a->buf) + 1;
	while (a->size < (u64)a->used - old + bytes) {
		err = grow_block(a);
		if (err)
			return err;
	}
	while (a->room < a->nr - first + n) {
		err = grow_offsets(a);
		if (err)
			return err;
	}
	memmove(a->buf + bytes, a->buf + old, a->used - old);
	memmove(a->offsets + n, a->offsets + first, (a->nr - first) * sizeof(*a->offsets));
	a->used += bytes - old;
	a->nr += n - first;
	a->argc += n - first;
	for (u32 i = n; i < a->nr; i++)
		a->offsets[i] += bytes - old;
	for (u32 i = 0; i < n; i++) {
		size_t len = strlen(strings[i]) + 1;

		a->offsets[i] = at;
		memcpy(a->buf + at, strings[i], len);
		at += (u32)len;
	}
	return a->used + 8ull * a->nr > a->limit ? -E2BIG : 0;
}
