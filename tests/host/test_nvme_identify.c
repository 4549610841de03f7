/* SPDX-License-Identifier: MIT */
/* What NVMe controllers say about themselves, true or not: drivers/block/nvme/identify.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/block/nvme/identify.h"

#define QEMU_CAP 0x004018200f0107ffull
#define MANY	 (1ull << 20) /* bytes of registers */

static void test_capabilities(void **state)
{
	struct nvme_capabilities cap;

	assert_null(capabilities_parse(QEMU_CAP, 0x4000, &cap));
	assert_int_equal(cap.entries_max, 2048);
	assert_int_equal(cap.ready_ms, 7500);
	assert_int_equal(cap.doorbell_stride, 4);
	assert_int_equal(cap.page_shift, 12);
	/* No time given: a second. */
	assert_null(capabilities_parse(QEMU_CAP & ~0xff000000ull, 0x4000, &cap));
	assert_int_equal(cap.ready_ms, 1000);
	assert_null(capabilities_parse(QEMU_CAP | 0xff00ffff, 0x4000, &cap));
	assert_int_equal(cap.entries_max, 65536);
	assert_int_equal(cap.ready_ms, 127500);
	assert_non_null(capabilities_parse(QEMU_CAP & ~0xffffull, 0x4000, &cap));
	assert_non_null(capabilities_parse(QEMU_CAP & ~(1ull << 37), 0x4000, &cap));
	assert_non_null(capabilities_parse(0, 0x4000, &cap));
	assert_non_null(capabilities_parse(UINT64_MAX, 0x4000, &cap));
}

static void test_doorbells_lie_within_the_registers(void **state)
{
	struct nvme_capabilities cap;

	for (uint64_t stride = 0; stride < 16; stride++) {
		uint64_t value = QEMU_CAP | stride << 32, needed = 0x1000 + 4 * (4ull << stride);

		assert_null(capabilities_parse(value, needed, &cap));
		assert_int_equal(cap.doorbell_stride, 4u << stride);
		assert_non_null(capabilities_parse(value, needed - 1, &cap));
	}
}

static void test_pages_have_bounds(void **state)
{
	struct nvme_capabilities cap;

	for (uint64_t least = 0; least < 16; least++)
		for (uint64_t most = 0; most < 16; most++) {
			uint64_t value = (QEMU_CAP & ~(0xffull << 48)) | least << 48 | most << 52;
			const char *why = capabilities_parse(value, MANY, &cap);

			if (least > most || least > 4)
				assert_non_null(why);
			else
				assert_null(why);
			if (!why)
				assert_int_equal(cap.page_shift, 12 + least);
		}
}

static void set_text(uint8_t *to, const char *text, size_t bytes)
{
	memset(to, ' ', bytes);
	memcpy(to, text, strlen(text));
}

static void set_controller(uint8_t data[IDENTIFY_BYTES])
{
	memset(data, 0, IDENTIFY_BYTES);
	set_text(data + 4, "s-1", 20);
	set_text(data + 24, "QEMU NVMe Ctrl", 40);
	set_text(data + 64, "7.2.22", 8);
	data[77] = 7;
	data[512] = 0x66;
	data[513] = 0x44;
	data[517] = 1;
}

static void test_a_controller(void **state)
{
	struct nvme_identity identity;
	uint8_t data[IDENTIFY_BYTES];

	set_controller(data);
	memcpy(data + 88, "\x40\x42\x0f", 3);
	assert_null(identity_parse(data, 12, &identity));
	assert_string_equal(identity.serial, "s-1");
	assert_string_equal(identity.model, "QEMU NVMe Ctrl");
	assert_string_equal(identity.firmware, "7.2.22");
	assert_int_equal(identity.spaces_max, 256);
	assert_int_equal(identity.shutdown_ms, 1000);
	assert_int_equal(identity.transfer_bytes, 512 * 1024);
	assert_null(identity_parse(data, 16, &identity));
	assert_int_equal(identity.transfer_bytes, 8 * 1024 * 1024);
	data[77] = 0;
	assert_null(identity_parse(data, 12, &identity));
	assert_int_equal(identity.transfer_bytes, UINT64_MAX);
	for (uint32_t transfer = 1; transfer < 256; transfer++) {
		data[77] = (uint8_t)transfer;
		assert_null(identity_parse(data, 12, &identity));
		assert_true(identity.transfer_bytes >= 8192);
	}
	memset(data + 516, 0xff, 4);
	assert_null(identity_parse(data, 12, &identity));
	assert_int_equal(identity.spaces_max, 0xfffffffe);
}

static void test_entries_have_the_usual_sizes(void **state)
{
	struct nvme_identity identity;
	uint8_t data[IDENTIFY_BYTES];

	for (uint32_t sizes = 0; sizes < 256; sizes++) {
		set_controller(data);
		data[512] = (uint8_t)sizes;
		assert_int_equal(!identity_parse(data, 12, &identity),
				 (sizes & 15) <= 6 && sizes >> 4 >= 6);
		set_controller(data);
		data[513] = (uint8_t)sizes;
		assert_int_equal(!identity_parse(data, 12, &identity),
				 (sizes & 15) <= 4 && sizes >> 4 >= 4);
	}
}

static void test_texts_become_printable(void **state)
{
	struct nvme_identity identity;
	uint8_t data[IDENTIFY_BYTES];

	set_controller(data);
	memcpy(data + 4, "a\x1b[31m\0 \xff\n   ", 13);
	memset(data + 24, 'M', 40);
	memset(data + 64, 0, 8);
	assert_null(identity_parse(data, 12, &identity));
	assert_string_equal(identity.serial, "a?[31m  ??");
	assert_int_equal(strlen(identity.model), 40);
	assert_string_equal(identity.firmware, "");
}

static void set_space(uint8_t data[IDENTIFY_BYTES], uint64_t blocks, uint32_t formats,
		      uint32_t used, uint32_t entry)
{
	memset(data, 0, IDENTIFY_BYTES);
	memcpy(data, &blocks, 8);
	data[25] = (uint8_t)(formats - 1);
	data[26] = (uint8_t)((used & 15) | (used >> 4) << 5);
	memcpy(data + 128 + 4 * used, &entry, 4);
}

static void test_a_namespace(void **state)
{
	struct nvme_format format;
	uint8_t data[IDENTIFY_BYTES];

	set_space(data, 1000, 1, 0, 9 << 16);
	assert_null(namespace_parse(data, &format));
	assert_int_equal(format.blocks, 1000);
	assert_int_equal(format.block_shift, 9);
	set_space(data, 1000, 8, 4, 12 << 16);
	assert_null(namespace_parse(data, &format));
	assert_int_equal(format.block_shift, 12);
	/* More than 16 formats: the number has more bits. */
	set_space(data, 1000, 64, 0x2a, 12 << 16);
	assert_null(namespace_parse(data, &format));
	assert_int_equal(format.block_shift, 12);
	/* With no more, those bits have no meaning. */
	set_space(data, 1000, 16, 0, 9 << 16);
	data[26] |= 0x60;
	assert_null(namespace_parse(data, &format));
	assert_int_equal(format.block_shift, 9);
	/* Not active: nothing else counts. */
	set_space(data, 0, 1, 0, 0);
	data[26] = 5;
	assert_null(namespace_parse(data, &format));
	assert_int_equal(format.blocks, 0);
}

static void test_a_namespace_that_cannot_be(void **state)
{
	struct nvme_format format;
	uint8_t data[IDENTIFY_BYTES];

	set_space(data, 1000, 4, 4, 9 << 16);
	assert_non_null(namespace_parse(data, &format));
	set_space(data, 1000, 65, 0, 9 << 16);
	assert_non_null(namespace_parse(data, &format));
	set_space(data, 1000, 1, 0, 9 << 16 | 8);
	assert_non_null(namespace_parse(data, &format));
	for (uint32_t shift = 0; shift < 256; shift++) {
		set_space(data, 1000, 1, 0, shift << 16);
		assert_int_equal(!namespace_parse(data, &format), shift >= 9 && shift <= 16);
	}
	set_space(data, 1ull << 54, 1, 0, 9 << 16);
	assert_non_null(namespace_parse(data, &format));
	assert_int_equal(format.blocks, 0);
	set_space(data, (1ull << 54) - 1, 1, 0, 9 << 16);
	assert_null(namespace_parse(data, &format));
	set_space(data, UINT64_MAX, 1, 0, 16 << 16);
	assert_non_null(namespace_parse(data, &format));
}

static void test_a_list_of_namespaces(void **state)
{
	uint32_t list[IDENTIFY_BYTES / 4] = { 1, 3, 200 }, numbers[4] = { 0 };

	assert_int_equal(namespaces_parse((uint8_t *)list, 256, numbers, 4), 3);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[2], 200);
	assert_int_equal(numbers[3], 0);
	assert_int_equal(namespaces_parse((uint8_t *)list, 199, numbers, 4), 2);
	list[2] = 3; /* it does not rise */
	assert_int_equal(namespaces_parse((uint8_t *)list, 256, numbers, 4), 2);
	list[0] = 0;
	assert_int_equal(namespaces_parse((uint8_t *)list, 256, numbers, 4), 0);
	for (uint32_t i = 0; i < IDENTIFY_BYTES / 4; i++)
		list[i] = i + 1;
	numbers[3] = 99;
	assert_int_equal(namespaces_parse((uint8_t *)list, UINT32_MAX, numbers, 3), 1024);
	assert_int_equal(numbers[2], 3);
	assert_int_equal(numbers[3], 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_doorbells_lie_within_the_registers),
		cmocka_unit_test(test_pages_have_bounds),
		cmocka_unit_test(test_a_controller),
		cmocka_unit_test(test_entries_have_the_usual_sizes),
		cmocka_unit_test(test_texts_become_printable),
		cmocka_unit_test(test_a_namespace),
		cmocka_unit_test(test_a_namespace_that_cannot_be),
		cmocka_unit_test(test_a_list_of_namespaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
