// SPDX-License-Identifier: MIT
/*
 * What crosses the wall between the kernel and a driver, or between two drivers: copies.
 *
 * Before a call each pointer among its arguments is replaced by one to a copy, which is as
 * long as the headers of the driver API state (crossing.h), or the signature of the
 * function; and so are the pointers in the structs that are passed, and the texts among the
 * arguments of a format. Behind the call what was written is copied back, and the
 * copies are given back, which poisons them. So a function that reads or writes more
 * than what is stated, or keeps a pointer, finds something else there.
 *
 * What cannot be copied is left as it is: storage that is lent, and what the caller itself
 * may not touch, which the functions of the API refuse in words. Between drivers, where nobody else
 * looks, that is an error here.
 *
 * The caller's memory may change meanwhile: a size is read once, and set in the copy.
 *
 * Pure but for the memory for copies (wall.h).
 */
#include <kernel/crossing.h>
#include <kernel/driver_format.h>
#include <kernel/err.h>
#include <kernel/signature.h>
#include <kernel/string.h>
#include <kernel/struct_rule.h>
#include <kernel/wall.h>

#define SIGNATURE_COPY_MAX 65536u /* BANOS_COPY_MAX of <banos/export.h> */
#define ERRNO_MAX	   4095
#define ARRAY_MAX \
	65536u /* bytes of an array that a struct names: more is refused by who reads it */

/* ---- the table ---- */

static const struct crossing *crossing_find(const struct crossing *table, u32 count,
					    const char *name)
{
	u32 low = 0, high = count;

	while (low < high) {
		u32 middle = (low + high) / 2;
		int order = strcmp(name, table[middle].name);

		if (!order)
			return &table[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct crossing *crossing_of_function(const char *name)
{
	return crossing_find(crossing_functions, crossing_functions_count, name);
}

const struct crossing *crossing_of_method(const char *name)
{
	return crossing_find(crossing_methods, crossing_methods_count, name);
}

static struct crossing_arg arg_of_signature(const struct signature_arg *stated)
{
	struct crossing_arg arg = { .bytes = stated->bytes, .count = stated->length_arg };

	switch (stated->letter) {
	case 't': arg.kind = CROSS_TEXT; break;
	case 's': arg.kind = CROSS_STRUCT; break;
	case 'f': arg.kind = CROSS_FILL; break;
	case 'r': arg.kind = CROSS_READ; break;
	case 'w': arg.kind = CROSS_WRITE; break;
	case 'x': arg.kind = CROSS_BOTH; break;
	default: break;
	}
	return arg;
}

/* ---- one piece of memory ---- */

static u64 caller_span(const struct crossed *crossed, const void *start, u64 max, bool write)
{
	if (crossed->from)
		return wall_span(crossed->from, start, max, write);
	return max;
}

/* What is not the caller's. */
static int cross_strange(const struct crossed *crossed)
{
	if (crossed->crossing)
		return 0;
	return -EINVAL;
}

/* Replace *@pointer by a copy of @bytes, all of which the caller may read. */
static int cross_copy(struct crossed *crossed, u64 *pointer, u64 bytes, bool back)
{
	struct crossed_copy *copy = &crossed->copies[crossed->ncopies];

	if (crossed->ncopies == CROSSED_COPIES_MAX)
		return -E2BIG;
	copy->copy = wall_arena_get(crossed->to, bytes, back);
	if (!copy->copy)
		return -ENOMEM;
	crossed->ncopies++;
	copy->original = (void *)*pointer;
	copy->bytes = bytes;
	copy->back = back;
	copy->undefined = false;
	memcpy(copy->copy, copy->original, bytes);
	*pointer = (u64)copy->copy;
	return 0;
}

static int cross_bytes(struct crossed *crossed, u64 *pointer, u64 bytes, bool back)
{
	if (!bytes)
		return 0;
	if (caller_span(crossed, (void *)*pointer, bytes, back) < bytes)
		return cross_strange(crossed);
	return cross_copy(crossed, pointer, bytes, back);
}

/* With its NUL, or @max bytes. */
static int cross_text(struct crossed *crossed, u64 *pointer, u64 max)
{
	u64 span, length;
	int err;

	if (!max)
		return 0;
	span = caller_span(crossed, (void *)*pointer, max, false);
	length = strnlen((const char *)*pointer, span);
	if (length == span && (span < max || !crossed->crossing))
		return cross_strange(crossed);
	err = cross_copy(crossed, pointer, MIN(length + 1, max), false);
	/* The caller may have changed it since. */
	if (!err && length < max)
		((char *)*pointer)[length] = 0;
	return err;
}

/* ---- structs ---- */

/* The number of 32 bits at @offset of a struct that was copied. */
static u64 copied_word(const u8 *copy, u32 size, u32 offset)
{
	if (offset + sizeof(u32) > size)
		return 0;
	return *(const u32 *)(copy + offset);
}

static int cross_struct(struct crossed *crossed, const struct crossing_struct *type, u64 *pointer,
			bool back);

static int cross_field(struct crossed *crossed, const struct crossing_field *field, u8 *copy,
		       u32 size)
{
	u64 *pointer = (u64 *)(copy + field->offset), bytes;

	if (field->offset + sizeof(u64) > size || !*pointer)
		return 0;
	switch (field->kind) {
	case CROSS_TEXT: return cross_text(crossed, pointer, DRIVER_TEXT_MAX + 1);
	case CROSS_STRUCT: return cross_struct(crossed, field->type, pointer, false);
	case CROSS_ARRAY:
		bytes = copied_word(copy, size, field->count) *
			copied_word(copy, size, field->stride);
		if (bytes > ARRAY_MAX)
			return 0;
		return cross_bytes(crossed, pointer, bytes, false);
	default: return 0;
	}
}

static int cross_struct(struct crossed *crossed, const struct crossing_struct *type, u64 *pointer,
			bool back)
{
	u32 size, taken = sizeof(size);
	u8 *copy;
	int err;

	if (*pointer % sizeof(size) ||
	    caller_span(crossed, (void *)*pointer, sizeof(size), back) < sizeof(size))
		return cross_strange(crossed);
	size = READ_ONCE(*(const u32 *)*pointer);
	/* One that is too large is refused for its size alone. */
	if (size > sizeof(size) && size <= STRUCT_MAX)
		taken = size;
	if (caller_span(crossed, (void *)*pointer, taken, back) < taken)
		return cross_strange(crossed);
	err = cross_copy(crossed, pointer, taken, back);
	if (err)
		return err;
	copy = (u8 *)*pointer;
	*(u32 *)copy = size;
	for (u32 i = 0; type && i < type->nfields && !err; i++)
		err = cross_field(crossed, &type->fields[i], copy, taken);
	return err;
}

/* ---- arguments ---- */

struct text_search {
	struct crossed *crossed;
	u64 *values; /* the copy */
	int err;
};

static void cross_format_text(void *arg, u32 number, u64 max)
{
	struct text_search *search = arg;

	if (search->values[number] && !search->err)
		search->err = cross_text(search->crossed, &search->values[number], max);
}

/* The values of a format, which were copied to *@pointer: those that are texts. */
static int cross_format(struct crossed *crossed, const char *format, u64 pointer, u32 count)
{
	struct text_search search = { crossed, (u64 *)pointer, 0 };

	format_find_texts(format, (const u64 *)pointer, count, cross_format_text, &search);
	return search.err;
}

static u64 argument_value(const struct crossed *crossed, u8 number, u8 narrow)
{
	u64 value;

	if (!number)
		return 1;
	value = crossed->original[number - 1];
	if (narrow & 1u << (number - 1))
		return (u32)value;
	return value;
}

/* @return false: more than there is memory */
static bool argument_bytes(const struct crossed *crossed, const struct crossing_arg *arg, u8 narrow,
			   u64 *bytes)
{
	return !__builtin_mul_overflow((u64)arg->bytes, argument_value(crossed, arg->count, narrow),
				       bytes) &&
	       !__builtin_mul_overflow(*bytes, argument_value(crossed, arg->each, narrow), bytes);
}

static int cross_buffer(struct crossed *crossed, const struct crossing_arg *arg, u8 narrow,
			u64 *pointer)
{
	bool back = arg->kind != CROSS_READ;
	u64 bytes, original = *pointer, format = 0;
	int err;

	if (arg->format)
		format = crossed->args[arg->format - 1];
	if (!argument_bytes(crossed, arg, narrow, &bytes))
		return cross_strange(crossed);
	if (!crossed->crossing && bytes > SIGNATURE_COPY_MAX)
		return -E2BIG;
	err = cross_bytes(crossed, pointer, bytes, back);
	if (arg->kind == CROSS_WRITE && !arg->count && crossed->crossing && *pointer != original)
		crossed->copies[crossed->ncopies - 1].undefined = true;
	/* Neither is the caller's own, to be refused as it is. */
	if (err || !format || *pointer == original || format == crossed->original[arg->format - 1])
		return err;
	return cross_format(crossed, (const char *)format, *pointer, bytes / sizeof(u64));
}

static int cross_argument(struct crossed *crossed, const struct crossing_arg *arg, u8 narrow,
			  u64 *pointer)
{
	if (!*pointer)
		return 0;
	switch (arg->kind) {
	case CROSS_TEXT: return cross_text(crossed, pointer, DRIVER_TEXT_MAX + 1);
	case CROSS_STRUCT: return cross_struct(crossed, arg->type, pointer, false);
	case CROSS_FILL: return cross_struct(crossed, arg->type, pointer, true);
	case CROSS_READ:
	case CROSS_WRITE:
	case CROSS_BOTH: return cross_buffer(crossed, arg, narrow, pointer);
	case CROSS_NONE:
	case CROSS_VALUE:
	case CROSS_LENT:
	default: return 0;
	}
}

static int cross_all(struct crossed *crossed, const struct signature *signature, u64 *args)
{
	const struct crossing *crossing = crossed->crossing;
	u8 narrow = crossing ? crossing->narrow : 0;
	u32 nargs = crossing ? crossing->nargs : signature->nargs;
	int err = 0;

	for (u32 i = 0; !crossing && i < nargs; i++)
		if (signature->args[i].letter == 'i')
			narrow |= 1u << i;
	for (u32 i = 0; i < nargs && !err; i++) {
		struct crossing_arg arg;

		if (crossing)
			arg = crossing->args[i];
		else
			arg = arg_of_signature(&signature->args[i]);
		err = cross_argument(crossed, &arg, narrow, &args[i]);
		if (err == -EINVAL)
			cross_tell_strange(crossed, i + 1);
	}
	return err;
}

int cross_in(struct crossed *crossed, const struct crossing *crossing,
	     const struct signature *signature, struct owner *from, struct owner *to,
	     u64 args[WALL_ARGS])
{
	crossed->crossing = crossing;
	crossed->from = from;
	crossed->to = to;
	crossed->ncopies = 0;
	crossed->args = args;
	memcpy(crossed->original, args, sizeof(crossed->original));
	if (!crossing && !signature)
		return 0;
	return cross_all(crossed, signature, args);
}

void cross_out(struct crossed *crossed, s64 result)
{
	bool failed = result < 0 && result >= -ERRNO_MAX;

	/* Inner ones were copied last. */
	while (crossed->ncopies) {
		struct crossed_copy *copy = &crossed->copies[--crossed->ncopies];

		if (failed && copy->undefined)
			memset(copy->copy, WALL_POISON, copy->bytes);
		if (copy->back &&
		    caller_span(crossed, copy->original, copy->bytes, true) == copy->bytes)
			memcpy(copy->original, copy->copy, copy->bytes);
		wall_arena_put(copy->copy);
	}
}
