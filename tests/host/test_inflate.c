/* SPDX-License-Identifier: MIT */
/* lib/inflate.c against zlib: every level, every kind of block, and damage of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>
#include <errno.h>
#include <kernel/inflate.h>

#define LIMIT (1 << 20)
static uint8_t plain[LIMIT], packed[LIMIT + 4096], result[LIMIT];
static size_t result_len;
static struct inflate state;

static int collect(void *ctx, const u8 *data, size_t count)
{
	if (result_len + count > sizeof(result))
		return -E2BIG;
	memcpy(result + result_len, data, count);
	result_len += count;
	return 0;
}

static size_t pack(size_t count, int level, int strategy)
{
	z_stream stream = { 0 };

	assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, strategy), Z_OK);
	stream.next_in = plain;
	stream.avail_in = count;
	stream.next_out = packed;
	stream.avail_out = sizeof(packed);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	count = stream.total_out;
	deflateEnd(&stream);
	return count;
}

static int unpack(const uint8_t *in, size_t count, size_t *consumed)
{
	/* exact, so that the sanitizer sees a byte too many */
	uint8_t *copy = malloc(count ? count : 1);
	int err;

	memcpy(copy, in, count);
	state.in = copy;
	state.in_len = count;
	state.out = collect;
	result_len = 0;
	err = gunzip(&state, consumed);
	free(copy);
	return err;
}

static void fill(int kind, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		switch (kind) {
		case 0: plain[i] = rand(); break;
		case 1: plain[i] = "banos "[i % 6]; break;
		case 2: plain[i] = rand() % 4 + 'a'; break;
		default:
			if ((i / 1000) & 1)
				plain[i] = rand();
			else
				plain[i] = 0;
		}
	}
}

static void equals_zlib_at_every_level(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 100, 32767, 32768, 32769, 200000, 1000000 };
	size_t used;

	srand(1);
	for (int kind = 0; kind < 4; kind++)
		for (size_t round = 0; round < sizeof(sizes) / sizeof(*sizes); round++)
			for (int level = 0; level <= 9; level += 3) {
				size_t count;

				fill(kind, sizes[round]);
				count = pack(sizes[round], level,
					     level == 6 ? Z_FIXED : Z_DEFAULT_STRATEGY);
				memset(packed + count, 0x55, 8);
				assert_int_equal(unpack(packed, count + 8, &used), 0);
				assert_int_equal(used, count);
				assert_int_equal(result_len, sizes[round]);
				assert_memory_equal(result, plain, result_len);
			}
}

static void every_truncation_is_an_error(void **s)
{
	size_t used, count;

	fill(2, 3000);
	count = pack(3000, 9, Z_DEFAULT_STRATEGY);
	for (size_t round = 0; round < count; round++) {
		assert_int_equal(unpack(packed, round, &used), -EINVAL);
		assert_non_null(state.error);
	}
}

static void every_changed_bit_is_an_error_or_harmless(void **state)
{
	size_t used, count, wrong = 0;

	fill(2, 2000);
	count = pack(2000, 9, Z_DEFAULT_STRATEGY);
	for (size_t bit = 0; bit < count * 8; bit++) {
		int err;

		packed[bit / 8] ^= 1 << bit % 8;
		err = unpack(packed, count, &used);
		packed[bit / 8] ^= 1 << bit % 8;
		if (err)
			wrong++;
		else
			assert_memory_equal(result, plain, 2000);
	}
	assert_true(wrong > count * 7); /* all but the header's time and such */
}

static int refuse(void *ctx, const u8 *data, size_t count)
{
	return -ENOSPC;
}

static void the_takers_error_comes_back(void **s)
{
	size_t used, count;

	fill(0, 1000);
	count = pack(1000, 6, Z_DEFAULT_STRATEGY);
	state.in = packed;
	state.in_len = count;
	state.out = refuse;
	assert_int_equal(gunzip(&state, &used), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_zlib_at_every_level),
		cmocka_unit_test(every_truncation_is_an_error),
		cmocka_unit_test(every_changed_bit_is_an_error_or_harmless),
		cmocka_unit_test(the_takers_error_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
