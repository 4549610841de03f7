// SPDX-License-Identifier: MIT
/* device/block/segments.c under random limits and memory; names.c: names of disks and their numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../device/block/names.h"
#include "../../device/block/segments.h"

#define ROUNDS	     20000u
#define SEGMENTS_MAX 40u
#define PIECES_MAX   24u
#define STRIDE	     24u /* more than a segment: the driver's structure is a later one */

static u64 seed = 1;

static u64 below(u64 count)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % count;
}

static struct block_limits random_limits(void)
{
	static const u64 boundaries[] = { 0, 4096, 8192, 65536 };
	static const u32 segment_bytes[] = { ~0u, 4096, 5000, 12288 };

	return (struct block_limits){
		.segments_max = (u32)below(SEGMENTS_MAX) + 1,
		.segment_bytes_max = segment_bytes[below(4)],
		.boundary = boundaries[below(4)],
		.gap_mask = below(2) ? 4095 : 0,
		.alignment = 4,
		.address_max = ~0ull,
	};
}

static void read_segment(const u8 *segments, u32 i, struct banos_segment *segment)
{
	memcpy(segment, segments + (size_t)i * STRIDE, sizeof(*segment));
}

/* Each is as the device wants it. @return bytes of all */
static u64 check_segments(const struct segment_run *run)
{
	const struct block_limits *limits = run->limits;
	struct banos_segment segment;
	u64 total = 0;

	assert_true(run->count <= limits->segments_max);
	for (u32 i = 0; i < run->count; i++) {
		read_segment(run->segments, i, &segment);
		assert_true(segment.length && segment.length <= limits->segment_bytes_max);
		if (limits->boundary)
			assert_int_equal(segment.address / limits->boundary,
					 (segment.address + segment.length - 1) / limits->boundary);
		if (i)
			assert_false(segment.address & limits->gap_mask);
		if (i + 1 < run->count)
			assert_false((segment.address + segment.length) & limits->gap_mask);
		total += segment.length;
	}
	return total;
}

/* Byte @offset of the segments is at this address. */
static u64 address_at(const struct segment_run *run, u64 offset)
{
	struct banos_segment segment = { 0 };

	for (u32 i = 0; i < run->count; i++) {
		read_segment(run->segments, i, &segment);
		if (offset < segment.length)
			return segment.address + offset;
		offset -= segment.length;
	}
	fail();
	return 0;
}

static void segments_hold_what_was_appended(void **state)
{
	static u8 memory[SEGMENTS_MAX * STRIDE];
	u64 stopped = 0;

	for (u32 round = 0; round < ROUNDS; round++) {
		struct block_limits limits = random_limits();
		struct segment_run run = { .limits = &limits,
					   .max = limits.segments_max,
					   .segments = memory,
					   .stride = STRIDE };
		struct segment_run counted = { .limits = &limits, .max = limits.segments_max };
		u64 done = 0, next = 0;

		for (u32 piece = 0; piece < PIECES_MAX; piece++) {
			u64 length = below(3) ? 4096 : (below(4096) & ~3ull) + 4;
			u64 address = next, fits;

			if (below(3))
				address = (below(64) << 12) + below(2) * below(1024) * 4;
			fits = segment_append(&run, address, length);
			assert_true(fits <= length);
			assert_int_equal(segment_append(&counted, address, length), fits);
			if (fits) {
				assert_int_equal(address_at(&run, done), address);
				assert_int_equal(address_at(&run, done + fits - 1),
						 address + fits - 1);
			}
			done += fits;
			next = address + length;
			assert_int_equal(check_segments(&run), done);
			assert_int_equal(run.count, counted.count);
			if (fits < length) {
				stopped++;
				break;
			}
		}
	}
	assert_true(stopped > ROUNDS / 10);
}

static void names_are_made_and_numbered(void **state)
{
	struct disk_numbers numbers;
	char name[8];

	assert_true(disk_name_make(name, sizeof(name), "vd*", 0));
	assert_string_equal(name, "vda");
	assert_true(disk_name_make(name, sizeof(name), "vd*", 26));
	assert_string_equal(name, "vdaa");
	assert_true(disk_name_make(name, sizeof(name), "vd*", 26 + 26 * 26));
	assert_string_equal(name, "vdaaa");
	assert_true(disk_name_make(name, sizeof(name), "ram#", 12));
	assert_string_equal(name, "ram12");
	assert_false(disk_name_make(name, sizeof(name), "ram#", 12345));
	assert_false(disk_name_make(name, sizeof(name), "disk", 1));
	assert_true(disk_name_numbers("vdaa", &numbers));
	assert_int_equal(numbers.major, 253);
	assert_int_equal(numbers.index, 26);
	assert_true(disk_name_numbers("loop7", &numbers));
	assert_int_equal(numbers.minors, 1);
	assert_false(disk_name_numbers("vd", &numbers));
	assert_false(disk_name_numbers("vdA", &numbers));
	assert_false(disk_name_numbers("ram99999999999", &numbers));
	assert_true(disk_name_partition(name, sizeof(name), "vda", 1));
	assert_string_equal(name, "vda1");
	assert_true(disk_name_partition(name, sizeof(name), "ram1", 2));
	assert_string_equal(name, "ram1p2");
	assert_false(disk_name_partition(name, sizeof(name), "ram12", 123));
	assert_true(disk_pattern_is_valid("vd*", 4));
	assert_false(disk_pattern_is_valid("vd*", 3));
	assert_false(disk_pattern_is_valid("*vd", 4));
	assert_false(disk_pattern_is_valid("v#d*", 5));
	assert_false(disk_pattern_is_valid("../x", 5));
}

/* Any text is a name, or none, and a number that was found makes that name again. */
static void names_of_random_text(void **state)
{
	static const char letters[] = "vdsrmlopa019z";
	static const char *const patterns[] = { "sd*", "vd*", "sr#", "ram#", "loop#" };
	char text[8], made[16];

	for (u32 round = 0; round < ROUNDS; round++) {
		struct disk_numbers numbers;
		u64 length = below(sizeof(text));
		bool same = false;

		for (u64 i = 0; i < length; i++)
			text[i] = letters[below(sizeof(letters) - 1)];
		text[length] = 0;
		if (!disk_name_numbers(text, &numbers))
			continue;
		for (u32 i = 0; i < ARRAY_SIZE(patterns); i++)
			same |= disk_name_make(made, sizeof(made), patterns[i], numbers.index) &&
				(!strcmp(made, text) || strstr(text, "0"));
		assert_true(same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_hold_what_was_appended),
		cmocka_unit_test(names_are_made_and_numbered),
		cmocka_unit_test(names_of_random_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
