/* SPDX-License-Identifier: MIT */
/* What crosses between the kernel and drivers, and comes back: kernel/cross.c, with the table of the headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <kernel/crossing.h>
#include <kernel/driver_api.h>
#include <kernel/signature.h>
#include <kernel/wall.h>

/* ---- memory: what is a driver's, and copies ---- */

#define ANYBODY ((struct owner *)1)
#define CALLEE	((struct owner *)2)
#define PIECES	16
#define NEVER	1000u

static struct {
	const u8 *start;
	u64 size;
	bool write;
} pieces[PIECES];
static u32 npieces;
static u32 copies_live, copies_made, copies_until_failure, strange_argument;
static bool last_copy_writable;

static void own(const void *start, u64 size, bool write)
{
	assert_true(npieces < PIECES);
	pieces[npieces].start = start;
	pieces[npieces].size = size;
	pieces[npieces++].write = write;
}
#define OWN(variable) own(&(variable), sizeof(variable), true)

u64 wall_span(const struct owner *root, const void *start, u64 max, bool write)
{
	const u8 *addr = start;

	assert_ptr_equal(root, ANYBODY);
	for (u32 i = 0; i < npieces; i++)
		if (addr >= pieces[i].start && addr < pieces[i].start + pieces[i].size &&
		    (pieces[i].write || !write))
			return MIN(max, pieces[i].size - (u64)(addr - pieces[i].start));
	return 0;
}

void *wall_arena_get(struct owner *to, u64 bytes, bool write)
{
	void *copy;

	if (copies_made == copies_until_failure)
		return NULL;
	copies_made++;
	copies_live++;
	last_copy_writable = write;
	copy = malloc(bytes);
	assert_non_null(copy);
	return copy;
}

void wall_arena_put(void *memory)
{
	copies_live--;
	free(memory);
}

void cross_tell_strange(const struct crossed *crossed, u32 number)
{
	strange_argument = number;
}

static int begin(void **state)
{
	npieces = copies_live = copies_made = strange_argument = 0;
	copies_until_failure = NEVER;
	return 0;
}

static int end(void **state)
{
	assert_int_equal(copies_live, 0);
	return 0;
}

static struct crossed crossed;
static u64 args[WALL_ARGS];

/* A call of a function of the kernel. */
static int enter(const char *name, u64 first, u64 second, u64 third, u64 fourth, u64 fifth,
		 u64 sixth)
{
	const struct crossing *crossing = crossing_of_function(name);
	const u64 all[WALL_ARGS] = { first, second, third, fourth, fifth, sixth };

	assert_non_null(crossing);
	memcpy(args, all, sizeof(args));
	return cross_in(&crossed, crossing, NULL, ANYBODY, NULL, args);
}
#define ENTER(name, a, b, c, d, e, f) \
	enter(name, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), (u64)(f))

/* A call from one driver to another. */
static int pass(const char *letters, u64 first, u64 second, u64 third)
{
	static struct signature signature;
	char words[SIGNATURE_WORDS_SIZE];
	const u64 all[WALL_ARGS] = { first, second, third };

	assert_int_equal(signature_parse(letters, SIGNATURE_ARGS, &signature, words), 0);
	memcpy(args, all, sizeof(args));
	return cross_in(&crossed, NULL, &signature, ANYBODY, CALLEE, args);
}

/* ---- the table ---- */

static void every_entry_is_found_by_its_name(void **state)
{
	assert_true(crossing_functions_count > 80);
	for (u32 i = 0; i < crossing_functions_count; i++)
		assert_ptr_equal(crossing_of_function(crossing_functions[i].name),
				 &crossing_functions[i]);
	assert_null(crossing_of_function("banos_nothing"));
	assert_null(crossing_of_function(""));
	assert_non_null(crossing_of_method("banos_chardev_ops.open"));
	assert_non_null(crossing_of_method("banos_prober_ops.probe"));
	assert_non_null(crossing_of_method("banos_bus_ops.line"));
	assert_null(crossing_of_method("banos_chardev_ops.read"));
}

/* ---- results ---- */

static void a_result_is_there_when_the_function_has_returned(void **state)
{
	u64 handle = 5;

	OWN(handle);
	assert_int_equal(ENTER("banos_timer_create", 1, 2, 3, &handle, 0, 0), 0);
	assert_int_equal(args[0], 1);
	assert_int_equal(args[1], 2);
	assert_ptr_not_equal(args[3], &handle);
	*(u64 *)args[3] = 77;
	assert_int_equal(handle, 5);
	cross_out(&crossed, 0);
	assert_int_equal(handle, 77);
}

static void a_result_is_undefined_after_an_error(void **state)
{
	u64 handle = 5;
	char buffer[8] = "abcdefg";

	OWN(handle);
	OWN(buffer);
	assert_int_equal(ENTER("banos_timer_create", 1, 2, 3, &handle, 0, 0), 0);
	cross_out(&crossed, -ENOMEM);
	assert_true(handle == 0xd7d7d7d7d7d7d7d7);
	/* Unlike what is read or written in part. */
	assert_int_equal(ENTER("banos_buffer_read", 1, buffer, 8, 0, 0, 0), 0);
	cross_out(&crossed, -EFAULT);
	assert_string_equal(buffer, "abcdefg");
}

static void what_is_not_written_stays_what_it_was(void **state)
{
	char buffer[8] = "abcdefg";

	OWN(buffer);
	assert_int_equal(ENTER("banos_buffer_read", 1, buffer, 8, 0, 0, 0), 0);
	memcpy((void *)args[1], "12", 2);
	cross_out(&crossed, 0);
	assert_string_equal(buffer, "12cdefg");
}

static void nothing_comes_back_of_what_is_read(void **state)
{
	char buffer[8] = "abcdefg";

	own(buffer, sizeof(buffer), false);
	assert_int_equal(ENTER("banos_buffer_write", 1, buffer, 8, 0, 0, 0), 0);
	assert_string_equal((char *)args[1], "abcdefg");
	assert_false(last_copy_writable);
	memset((void *)args[1], 'x', 8);
	cross_out(&crossed, 0);
	assert_string_equal(buffer, "abcdefg");
}

static void nothing_comes_back_to_memory_that_was_freed_meanwhile(void **state)
{
	u64 handle = 5;

	OWN(handle);
	assert_int_equal(ENTER("banos_timer_create", 1, 2, 3, &handle, 0, 0), 0);
	*(u64 *)args[3] = 77;
	npieces = 0;
	cross_out(&crossed, 0);
	assert_int_equal(handle, 5);
}

static void null_crosses_as_null(void **state)
{
	assert_int_equal(ENTER("banos_thread_stop", 1, 0, 0, 0, 0, 0), 0);
	assert_int_equal(args[1], 0);
	assert_int_equal(copies_made, 0);
	cross_out(&crossed, 0);
}

/* ---- what is not the caller's ---- */

static void what_is_not_the_callers_is_left_for_the_function_to_refuse(void **state)
{
	u64 handle = 5;

	assert_int_equal(ENTER("banos_timer_create", 1, 2, 3, &handle, 0, 0), 0);
	assert_ptr_equal(args[3], &handle);
	cross_out(&crossed, 0);
	own(&handle, 7, true);
	assert_int_equal(ENTER("banos_timer_create", 1, 2, 3, &handle, 0, 0), 0);
	assert_ptr_equal(args[3], &handle);
	cross_out(&crossed, 0);
	npieces = 0;
	own(&handle, 8, false);
	assert_int_equal(ENTER("banos_timer_create", 1, 2, 3, &handle, 0, 0), 0);
	assert_ptr_equal(args[3], &handle);
	cross_out(&crossed, 0);
	assert_int_equal(copies_made, 0);
}

static void storage_that_is_lent_is_left_in_place(void **state)
{
	struct banos_mutex mutex = { 0 };

	OWN(mutex);
	assert_int_equal(ENTER("banos_mutex_init", 1, &mutex, 0, 0, 0, 0), 0);
	assert_ptr_equal(args[1], &mutex);
	cross_out(&crossed, 0);
	assert_int_equal(copies_made, 0);
}

static void values_are_not_looked_behind(void **state)
{
	u64 memory = 1;

	OWN(memory);
	assert_int_equal(ENTER("banos_free", 1, &memory, 0, 0, 0, 0), 0);
	assert_ptr_equal(args[1], &memory);
	cross_out(&crossed, 0);
}

/* ---- lengths ---- */

static void lengths_are_products(void **state)
{
	u8 values[12];

	memset(values, 1, sizeof(values));
	OWN(values);
	/* 3 values of 4 bytes; the upper half of a number of 32 bits means nothing. */
	assert_int_equal(ENTER("banos_port_read_many", 1, 0, 0xdead00000004, values, 3, 0), 0);
	memset((void *)args[3], 2, 12);
	cross_out(&crossed, 0);
	assert_int_equal(values[11], 2);
	assert_int_equal(ENTER("banos_port_read_many", 1, 0, 4, values, 4, 0), 0);
	assert_ptr_equal(args[3], values);
	cross_out(&crossed, 0);
}

static void products_do_not_wrap(void **state)
{
	u8 values[16] = { 0 };

	OWN(values);
	assert_int_equal(ENTER("banos_port_read_many", 1, 0, 4, values, 0x4000000000000001, 0), 0);
	assert_ptr_equal(args[3], values);
	cross_out(&crossed, 0);
	assert_int_equal(copies_made, 0);
}

static void nothing_is_copied_of_no_length(void **state)
{
	assert_int_equal(ENTER("banos_buffer_read", 1, 0x1234, 0, 0, 0, 0), 0);
	assert_int_equal(args[1], 0x1234);
	cross_out(&crossed, 0);
}

/* ---- texts ---- */

static void a_text_crosses_up_to_its_end(void **state)
{
	char name[] = "vendor/chip.bin\0behind";
	u64 handle;

	OWN(name);
	OWN(handle);
	assert_int_equal(ENTER("banos_firmware_load", 1, name, &handle, 0, 0, 0), 0);
	assert_ptr_not_equal(args[1], name);
	assert_string_equal((char *)args[1], "vendor/chip.bin");
	*(u64 *)args[2] = 1;
	cross_out(&crossed, 0);
}

static void a_text_without_an_end_is_left_or_cut(void **state)
{
	char text[1500];

	memset(text, 'a', sizeof(text));
	own(text, 100, true);
	assert_int_equal(ENTER("banos_lookup_symbol", 1, text, 0, 0, 0, 0), 0);
	assert_ptr_equal(args[1], text);
	cross_out(&crossed, 0);
	npieces = 0;
	OWN(text);
	/* So long that the function refuses it, and there is no NUL in what it has of it. */
	assert_int_equal(ENTER("banos_lookup_symbol", 1, text, 0, 0, 0, 0), 0);
	assert_ptr_not_equal(args[1], text);
	assert_null(memchr((char *)args[1], 0, 1024));
	cross_out(&crossed, 0);
}

/* ---- structs ---- */

static void structs_cross_with_what_they_name(void **state)
{
	struct banos_chardev_ops ops = { .size = sizeof(ops) };
	struct banos_chardev_config config = { .size = sizeof(config), .ops = &ops, .major = 7 };
	const struct banos_chardev_config *copy;
	u64 handle;

	OWN(ops);
	OWN(config);
	OWN(handle);
	assert_int_equal(ENTER("banos_chardev_register", 1, &config, &handle, 0, 0, 0), 0);
	copy = (const void *)args[1];
	assert_ptr_not_equal(copy, &config);
	assert_ptr_not_equal(copy->ops, &ops);
	assert_int_equal(copy->ops->size, sizeof(ops));
	assert_int_equal(copy->major, 7);
	assert_ptr_equal(config.ops, &ops);
	*(u64 *)args[2] = 1;
	cross_out(&crossed, 0);
	assert_ptr_equal(config.ops, &ops);
}

static void arrays_and_texts_in_structs_cross(void **state)
{
	struct banos_resource resources[2] = { { .size = 56, .start = 1 },
					       { .size = 56, .start = 2 } };
	char properties[] = "A=1";
	struct banos_device_config config = {
		.size = sizeof(config),
		.resources = resources,
		.resource_count = 2,
		.resource_stride = sizeof(resources[0]),
		.properties = properties,
		.attributes = "not the driver's",
	};
	const struct banos_device_config *copy;
	u64 handle = 0;

	OWN(resources);
	OWN(properties);
	OWN(config);
	OWN(handle);
	assert_int_equal(ENTER("banos_device_add", 1, &config, &handle, 0, 0, 0), 0);
	copy = (const void *)args[1];
	assert_ptr_not_equal(copy->resources, resources);
	assert_int_equal(copy->resources[1].start, 2);
	assert_ptr_not_equal(copy->properties, properties);
	assert_string_equal(copy->properties, "A=1");
	assert_ptr_equal(copy->attributes, config.attributes);
	cross_out(&crossed, 0);
}

static void fields_that_an_older_struct_lacks_are_not_looked_at(void **state)
{
	struct {
		u32 size, zero;
		u64 context, behind;
	} config = { .size = 16, .behind = 0x1234 };
	u64 handle = 0;

	OWN(config);
	OWN(handle);
	assert_int_equal(ENTER("banos_bus_register", 1, &config, &handle, 0, 0, 0), 0);
	assert_int_equal(*(u32 *)args[1], 16);
	assert_int_equal(copies_made, 2);
	cross_out(&crossed, 0);
}

static void odd_sizes_cross_for_the_function_to_refuse(void **state)
{
	static const u32 sizes[] = { 0, 1, 3, 4097, 0xffffffff };
	u32 words[2] = { 0 };
	u64 handle = 0;

	OWN(words);
	OWN(handle);
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		words[0] = sizes[i];
		assert_int_equal(ENTER("banos_bus_register", 1, words, &handle, 0, 0, 0), 0);
		assert_ptr_not_equal(args[1], words);
		assert_int_equal(*(u32 *)args[1], sizes[i]);
		cross_out(&crossed, 0);
	}
	words[0] = 12; /* more than is the caller's */
	assert_int_equal(ENTER("banos_bus_register", 1, words, &handle, 0, 0, 0), 0);
	assert_ptr_equal(args[1], words);
	cross_out(&crossed, 0);
	assert_int_equal(ENTER("banos_bus_register", 1, (u8 *)words + 2, &handle, 0, 0, 0), 0);
	assert_ptr_equal(args[1], (u8 *)words + 2);
	cross_out(&crossed, 0);
}

static void a_struct_is_filled_as_far_as_it_says(void **state)
{
	struct banos_device_info info[2] = { { .size = 24 }, { .size = 1 } };

	OWN(info);
	assert_int_equal(ENTER("banos_device_info", 1, info, 0, 0, 0, 0), 0);
	((struct banos_device_info *)args[1])->node = 3;
	cross_out(&crossed, 0);
	assert_int_equal(info[0].node, 3);
	assert_int_equal(info[1].size, 1);
}

/* ---- formats ---- */

static void texts_of_a_format_cross(void **state)
{
	char format[] = "%d%% %s %.*s %-5.2s %p %s", one[] = "one", two[] = { 't', 'w', 'o' };
	char three[] = { 'x', 'y' }, strange[] = "strange";
	u64 values[] = { 1, (u64)one, 3, (u64)two, (u64)three, (u64)one, (u64)strange };
	const u64 *copy;

	OWN(format);
	OWN(one);
	OWN(two);
	OWN(three);
	OWN(values);
	assert_int_equal(ENTER("banos_print_args", 1, 6, format, values, ARRAY_SIZE(values), 0), 0);
	copy = (const u64 *)args[3];
	assert_int_equal(copy[0], 1);
	assert_string_equal((char *)copy[1], "one");
	assert_true(copy[1] != values[1]);
	assert_int_equal(copy[2], 3);
	assert_memory_equal((char *)copy[3], "two", 3);
	assert_true(copy[3] != values[3]);
	assert_memory_equal((char *)copy[4], "xy", 2);
	assert_true(copy[5] == values[5]); /* %p */
	assert_true(copy[6] == values[6]); /* not the caller's */
	cross_out(&crossed, 0);
}

static void a_format_that_is_not_the_callers_is_not_read(void **state)
{
	u64 values[] = { 1 };

	OWN(values);
	assert_int_equal(ENTER("banos_print_args", 1, 6, 0x10, values, 1, 0), 0);
	assert_int_equal(args[2], 0x10);
	cross_out(&crossed, 0);
	assert_int_equal(ENTER("banos_print_args", 1, 6, 0, values, 1, 0), 0);
	cross_out(&crossed, 0);
}

/* ---- from the kernel to a driver ---- */

static void methods_write_to_a_copy(void **state)
{
	void *file = NULL;

	args[3] = (u64)&file;
	assert_int_equal(cross_in(&crossed, crossing_of_method("banos_chardev_ops.open"), NULL,
				  NULL, CALLEE, args),
			 0);
	assert_null(*(void **)args[3]);
	assert_true(last_copy_writable);
	*(void **)args[3] = &file;
	assert_null(file);
	cross_out(&crossed, 0);
	assert_ptr_equal(file, &file);
}

/* ---- between drivers ---- */

static void letters_are_what_crosses(void **state)
{
	u8 bytes[32] = { 1 }, in[16] = { 2 };

	OWN(bytes);
	OWN(in);
	assert_int_equal(pass("r16w16*$3i", (u64)in, (u64)bytes, 0xff00000002), 0);
	assert_int_equal(*(u8 *)args[0], 2);
	((u8 *)args[1])[31] = 9;
	((u8 *)args[0])[15] = 9;
	cross_out(&crossed, 0);
	assert_int_equal(bytes[31], 9);
	assert_int_equal(in[15], 0);
}

static void structs_between_drivers_are_filled(void **state)
{
	struct {
		u32 size, value;
	} own_struct = { 8, 1 };

	OWN(own_struct);
	assert_int_equal(pass("fs", (u64)&own_struct, (u64)&own_struct, 0), 0);
	((u32 *)args[0])[1] = 2;
	((u32 *)args[1])[1] = 3;
	cross_out(&crossed, 0);
	assert_int_equal(own_struct.value, 2);
}

static void pointers_of_a_stranger_are_told(void **state)
{
	u8 bytes[32] = { 0 };

	assert_int_equal(pass("qr16", 1, (u64)bytes, 0), -EINVAL);
	assert_int_equal(strange_argument, 2);
	cross_out(&crossed, 0);
	own(bytes, 4, true);
	assert_int_equal(pass("t", (u64)(bytes + 4), 0, 0), -EINVAL);
	assert_int_equal(strange_argument, 1);
	cross_out(&crossed, 0);
	memset(bytes, 'a', sizeof(bytes));
	assert_int_equal(pass("t", (u64)bytes, 0, 0), -EINVAL);
	cross_out(&crossed, 0);
	assert_int_equal(pass("x$2q", (u64)bytes, 5, 0), -EINVAL);
	cross_out(&crossed, 0);
}

static void more_than_the_limit_is_refused(void **state)
{
	assert_int_equal(pass("r$2q", 0x1000, 65537, 0), -E2BIG);
	cross_out(&crossed, 0);
	assert_int_equal(pass("r2*$2q", 0x1000, 32769, 0), -E2BIG);
	cross_out(&crossed, 0);
}

static void numbers_and_handles_cross_as_they_are(void **state)
{
	assert_int_equal(pass("iqhc", 1, 2, 3), 0);
	assert_int_equal(args[2], 3);
	assert_int_equal(copies_made, 0);
	cross_out(&crossed, 0);
	assert_int_equal(cross_in(&crossed, NULL, NULL, ANYBODY, CALLEE, args), 0);
	cross_out(&crossed, 0);
}

static void without_memory_all_is_given_back(void **state)
{
	struct banos_chardev_ops ops = { .size = sizeof(ops) };
	struct banos_chardev_config config = { .size = sizeof(config), .ops = &ops };
	u64 handle = 5;

	OWN(ops);
	OWN(config);
	OWN(handle);
	for (u32 i = 0; i < 3; i++) {
		copies_made = 0;
		copies_until_failure = i;
		assert_int_equal(ENTER("banos_chardev_register", 1, &config, &handle, 0, 0, 0),
				 -ENOMEM);
		cross_out(&crossed, 0);
		assert_int_equal(copies_live, 0);
	}
	assert_int_equal(handle, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_entry_is_found_by_its_name),
		TEST(a_result_is_there_when_the_function_has_returned),
		TEST(a_result_is_undefined_after_an_error),
		TEST(what_is_not_written_stays_what_it_was),
		TEST(nothing_comes_back_of_what_is_read),
		TEST(nothing_comes_back_to_memory_that_was_freed_meanwhile),
		TEST(null_crosses_as_null),
		TEST(what_is_not_the_callers_is_left_for_the_function_to_refuse),
		TEST(storage_that_is_lent_is_left_in_place),
		TEST(values_are_not_looked_behind),
		TEST(lengths_are_products),
		TEST(products_do_not_wrap),
		TEST(nothing_is_copied_of_no_length),
		TEST(a_text_crosses_up_to_its_end),
		TEST(a_text_without_an_end_is_left_or_cut),
		TEST(structs_cross_with_what_they_name),
		TEST(arrays_and_texts_in_structs_cross),
		TEST(fields_that_an_older_struct_lacks_are_not_looked_at),
		TEST(odd_sizes_cross_for_the_function_to_refuse),
		TEST(a_struct_is_filled_as_far_as_it_says),
		TEST(texts_of_a_format_cross),
		TEST(a_format_that_is_not_the_callers_is_not_read),
		TEST(methods_write_to_a_copy),
		TEST(letters_are_what_crosses),
		TEST(structs_between_drivers_are_filled),
		TEST(pointers_of_a_stranger_are_told),
		TEST(more_than_the_limit_is_refused),
		TEST(numbers_and_handles_cross_as_they_are),
		TEST(without_memory_all_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
