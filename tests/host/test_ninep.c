/* SPDX-License-Identifier: MIT */
/* Messages of 9P2000.L, true or not, and options: drivers/bus/virtio/ninep_wire.c, ninep_options.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <banos/errno.h>
#include "../../drivers/bus/virtio/ninep_options.h"
#include "../../drivers/bus/virtio/ninep_wire.h"

#define TAG 5

/* A reply with @p body, in memory of its very size; to be freed. */
static uint8_t *reply_make(uint8_t type, const void *body, uint32_t bytes)
{
	struct ninep_out out;
	uint8_t *made = malloc(NINEP_HEAD_BYTES + bytes);

	ninep_begin(&out, made, NINEP_HEAD_BYTES + bytes, type, TAG);
	if (bytes)
		memcpy(made + NINEP_HEAD_BYTES, body, bytes);
	assert_int_equal(ninep_finish(&out, bytes), NINEP_HEAD_BYTES + bytes);
	return made;
}

static void test_a_request_is_its_bytes(void **state)
{
	static const uint8_t walk[] = { 22, 0, 0, 0, 110, TAG, 0, 1, 0,	  0,	0,
					2,  0, 0, 0, 1,	  0,   3, 0, 'a', 0xc3, 0xa4 };
	uint8_t to[sizeof(walk)];
	struct ninep_out out;

	ninep_begin(&out, to, sizeof(to), NINEP_WALK, TAG);
	ninep_put(&out, 1, 4);
	ninep_put(&out, 2, 4);
	ninep_put(&out, 1, 2);
	ninep_put_text(&out, "a\xc3\xa4", 3);
	assert_int_equal(ninep_finish(&out, 0), sizeof(walk));
	assert_memory_equal(to, walk, sizeof(walk));
}

static void test_what_does_not_fit_is_noticed(void **state)
{
	struct ninep_out out;

	for (uint32_t room = 0; room < 40; room++) {
		uint8_t *to = malloc(room + 1);

		to[room] = 77;
		ninep_begin(&out, to, room, NINEP_WALK, TAG);
		ninep_put_text(&out, "0123456789", 10);
		ninep_put(&out, UINT64_MAX, 8);
		assert_int_equal(ninep_finish(&out, 3), room >= 30 ? 30 : 0);
		assert_int_equal(to[room], 77);
		free(to);
	}
	ninep_begin(&out, NULL, 0, NINEP_WALK, TAG);
	ninep_put_text(&out, "", UINT16_MAX + 1);
	assert_int_equal(ninep_finish(&out, 0), 0);
}

static int64_t reply_error(uint32_t number)
{
	uint8_t body[4] = { number, number >> 8, number >> 16, number >> 24 };
	uint8_t *made = reply_make(NINEP_ERROR_REPLY, body, sizeof(body));
	struct ninep_in in;
	int64_t error = ninep_reply(&in, made, NINEP_HEAD_BYTES + 4, NINEP_WALK, TAG);

	free(made);
	return error;
}

static void test_errors_are_those_of_linux(void **state)
{
	assert_int_equal(reply_error(2), -ENOENT);
	assert_int_equal(reply_error(4095), -4095);
	/* Nothing that the kernel would take for its own business, and no number that is none. */
	assert_int_equal(reply_error(0), -EIO);
	assert_int_equal(reply_error(4096), -EIO);
	assert_int_equal(reply_error(UINT32_MAX), -EIO);
	assert_int_equal(reply_error(EAGAIN), -EIO);
	assert_int_equal(reply_error(ERESTART), -EIO);
}

static void test_replies_to_something_else_are_refused(void **state)
{
	uint8_t *made = reply_make(NINEP_WALK + 1, "\0\0", 2);
	struct ninep_in in;

	assert_int_equal(ninep_reply(&in, made, 9, NINEP_WALK, TAG), 0);
	assert_int_equal(in.left, 2);
	assert_int_equal(ninep_get(&in, 2), 0);
	assert_int_equal(ninep_get(&in, 1), 0);
	assert_true(in.is_bad);
	assert_int_equal(ninep_reply(&in, made, 9, NINEP_WALK, TAG + 1), -EIO);
	assert_int_equal(ninep_reply(&in, made, 9, NINEP_READ, TAG), -EIO);
	for (uint32_t length = 0; length < 9; length++)
		assert_int_equal(ninep_reply(&in, made, length, NINEP_WALK, TAG), -EIO);
	made[0] = NINEP_HEAD_BYTES - 1;
	assert_int_equal(ninep_reply(&in, made, 9, NINEP_WALK, TAG), -EIO);
	free(made);
}

static void put_attr(struct ninep_out *out, uint64_t valid, uint64_t bytes, uint64_t seconds)
{
	ninep_put(out, valid, 8);
	ninep_put(out, 0, 5);
	ninep_put(out, 1234, 8);
	ninep_put(out, 0100644, 4);
	ninep_put(out, 7, 4);
	ninep_put(out, 8, 4);
	ninep_put(out, 1, 8);
	ninep_put(out, 0, 8);
	ninep_put(out, bytes, 8);
	ninep_put(out, 4096, 8);
	ninep_put(out, 16, 8);
	for (int i = 0; i < 4; i++) {
		ninep_put(out, seconds, 8);
		ninep_put(out, 5, 8);
	}
	ninep_put(out, 0, 8);
	ninep_put(out, 0, 8);
}

static int64_t attr_read(struct ninep_attr *attr, uint64_t valid, uint64_t bytes, uint64_t seconds)
{
	uint8_t body[256];
	struct ninep_out out = { .at = body, .room = sizeof(body) };
	struct ninep_in in = { .at = body };

	put_attr(&out, valid, bytes, seconds);
	in.left = out.length;
	return ninep_get_attr(&in, attr);
}

static void test_attributes(void **state)
{
	struct ninep_attr attr;

	assert_int_equal(attr_read(&attr, NINEP_GET_BASIC, 99, 10), 0);
	assert_int_equal(attr.qid.path, 1234);
	assert_int_equal(attr.mode, 0100644);
	assert_int_equal(attr.bytes, 99);
	assert_int_equal(attr.mtime_ns, 10000000005);
	/* Not all that was asked for; a size that no file has; times that cannot be. */
	assert_int_equal(attr_read(&attr, 0x3ff, 99, 10), -EIO);
	assert_int_equal(attr_read(&attr, NINEP_GET_BASIC, UINT64_MAX, 10), -EIO);
	assert_int_equal(attr_read(&attr, NINEP_GET_BASIC, 1, UINT64_MAX), 0);
	assert_int_equal(attr.atime_ns, 0);
	assert_int_equal(attr_read(&attr, NINEP_GET_BASIC, 1, INT64_MAX), 0);
	assert_true(attr.atime_ns > 0);
}

/* What becomes of one entry with that name. */
static int64_t entry_read(const char *name, uint32_t length, uint32_t cut)
{
	uint8_t body[512], *exact;
	struct ninep_out out = { .at = body, .room = sizeof(body) };
	struct ninep_entry entry;
	struct ninep_in in;
	int64_t result;

	ninep_put(&out, 0, 13);
	ninep_put(&out, 1, 8);
	ninep_put(&out, 8, 1);
	ninep_put_text(&out, name, length);
	exact = malloc(out.length - cut);
	memcpy(exact, body, out.length - cut);
	in = (struct ninep_in){ .at = exact, .left = out.length - cut };
	result = ninep_get_entry(&in, &entry);
	if (result == 1)
		assert_int_equal(ninep_get_entry(&in, &entry), 0);
	free(exact);
	return result;
}

static void test_names_in_folders(void **state)
{
	char longest[257];

	memset(longest, 'x', sizeof(longest));
	assert_int_equal(entry_read("name", 4, 0), 1);
	assert_int_equal(entry_read(longest, 255, 0), 1);
	assert_int_equal(entry_read(longest, 256, 0), -EIO);
	assert_int_equal(entry_read("", 0, 0), -EIO);
	assert_int_equal(entry_read("a/b", 3, 0), -EIO);
	assert_int_equal(entry_read("a\0b", 3, 0), -EIO);
	for (uint32_t cut = 1; cut < 28; cut++)
		assert_int_equal(entry_read("name", 4, cut), -EIO);
}

static void test_options(void **state)
{
	struct ninep_options options;

	assert_int_equal(ninep_options_parse("", &options), 0);
	assert_int_equal(options.msize, NINEP_MSIZE_MOST);
	assert_string_equal(options.uname, "root");
	assert_int_equal(
		ninep_options_parse("trans=virtio,version=9p2000.L,msize=8192,access=client,"
				    "cache=none,aname=/a b,uname=me",
				    &options),
		0);
	assert_int_equal(options.msize, 8192);
	assert_string_equal(options.aname, "/a b");
	assert_string_equal(options.uname, "me");
	assert_int_equal(ninep_options_parse("msize=4294967296", &options), 0);
	assert_int_equal(options.msize, NINEP_MSIZE_MOST);
	assert_int_equal(ninep_options_parse("msize=4095", &options), -EINVAL);
	assert_int_equal(ninep_options_parse("msize=5000k", &options), -EINVAL);
	assert_int_equal(ninep_options_parse("msize=99999999999999999999", &options), -EINVAL);
	assert_int_equal(ninep_options_parse("trans=tcp", &options), -EINVAL);
	assert_int_equal(ninep_options_parse("cache=loose", &options), -EINVAL);
	assert_int_equal(ninep_options_parse("cache=nonesuch", &options), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_is_its_bytes),
		cmocka_unit_test(test_what_does_not_fit_is_noticed),
		cmocka_unit_test(test_errors_are_those_of_linux),
		cmocka_unit_test(test_replies_to_something_else_are_refused),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_names_in_folders),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
