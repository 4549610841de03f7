/* SPDX-License-Identifier: MIT */
/* PCI configuration space of fake devices: drivers/bus/pci/config.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/bus/pci/config.h"

/* Bytes, and which of them can be written. */
struct fake {
	uint8_t bytes[512], writable[512];
	int gone;
	unsigned long accesses;
	struct pci_config config;
};

static uint32_t fake_read(void *context, uint32_t offset, uint32_t bytes)
{
	struct fake *fake = context;
	uint32_t number = 0;

	fake->accesses++;
	assert_true(bytes == 1 || bytes == 2 || bytes == 4);
	assert_int_equal(offset % bytes, 0);
	assert_true(offset + bytes <= sizeof(fake->bytes));
	if (fake->gone)
		return 0xffffffff;
	memcpy(&number, fake->bytes + offset, bytes);
	return number;
}

static void fake_write(void *context, uint32_t offset, uint32_t bytes, uint32_t value)
{
	struct fake *fake = context;

	fake->accesses++;
	assert_true(offset + bytes <= sizeof(fake->bytes));
	for (uint32_t i = 0; i < bytes; i++) {
		uint8_t *b = &fake->bytes[offset + i], w = fake->writable[offset + i];

		*b = (*b & ~w) | (value >> i * 8 & w);
	}
}

static void put(struct fake *fake, uint32_t offset, uint32_t bytes, uint64_t value)
{
	memcpy(fake->bytes + offset, &value, bytes);
}

static void put_mask(struct fake *fake, uint32_t offset, uint32_t bytes, uint64_t mask)
{
	memcpy(fake->writable + offset, &mask, bytes);
}

static void fake_init(struct fake *fake)
{
	*fake = (struct fake){ 0 };
	fake->config = (struct pci_config){ fake, fake_read, fake_write };
	put(fake, REG_ID, 4, 0x11e81234);
	put(fake, REG_CLASS, 4, 0x02038010);
	put(fake, REG_SUBSYSTEM, 4, 0x11001af4);
	put_mask(fake, REG_COMMAND, 2, 0x507);
}

static void capabilities_at(struct fake *fake, uint8_t first)
{
	fake->bytes[REG_STATUS] |= STATUS_CAPABILITIES;
	fake->bytes[REG_CAPABILITIES] = first;
}

static void put_capability(struct fake *fake, uint8_t at, uint8_t id, uint8_t next)
{
	fake->bytes[at] = id;
	fake->bytes[at + 1] = next;
}

/* ---- presence ---- */

static void test_what_answers_for_nothing_is_no_device(void **state)
{
	static const uint32_t nothing[] = { 0xffffffff, 0, 0x0000ffff, 0xffff0000 };
	struct pci_info info;
	struct fake fake;

	fake_init(&fake);
	assert_true(pci_is_present(&fake.config));
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++) {
		put(&fake, REG_ID, 4, nothing[i]);
		assert_false(pci_is_present(&fake.config));
		assert_int_equal(pci_read_info(&fake.config, &info), -1);
	}
	fake.gone = 1;
	assert_int_equal(pci_read_info(&fake.config, &info), -1);
}

static void test_identity(void **state)
{
	struct pci_info info;
	struct fake fake;
	char text[64];

	fake_init(&fake);
	assert_int_equal(pci_read_info(&fake.config, &info), 0);
	assert_int_equal(info.vendor, 0x1234);
	assert_int_equal(info.device, 0x11e8);
	assert_int_equal(info.class_base, 2);
	assert_int_equal(info.class_sub, 3);
	assert_int_equal(info.class_interface, 0x80);
	assert_int_equal(info.revision, 0x10);
	pci_alias(&info, text, sizeof(text));
	assert_string_equal(text, "pci:v00001234d000011E8sv00001AF4sd00001100bc02sc03i80");
	pci_alias(&info, text, 10);
	assert_string_equal(text, "pci:v0000");
}

/* ---- capabilities ---- */

static void test_capabilities_are_found(void **state)
{
	struct fake fake;

	fake_init(&fake);
	put_capability(&fake, 0x40, CAP_PM, 0x50);
	put_capability(&fake, 0x50, CAP_MSI, 0);
	assert_int_equal(pci_capability(&fake.config, CAP_MSI),
			 0); /* the status does not tell of a list */
	capabilities_at(&fake, 0x40);
	assert_int_equal(pci_capability(&fake.config, CAP_PM), 0x40);
	assert_int_equal(pci_capability(&fake.config, CAP_MSI), 0x50);
	assert_int_equal(pci_capability(&fake.config, CAP_MSIX), 0);
	fake.bytes[REG_CAPABILITIES] = 0x43; /* the low bits are reserved */
	assert_int_equal(pci_capability(&fake.config, CAP_MSI), 0x50);
}

static void test_a_circle_of_capabilities_ends(void **state)
{
	struct fake fake;

	fake_init(&fake);
	capabilities_at(&fake, 0x40);
	put_capability(&fake, 0x40, CAP_PM, 0x40);
	assert_int_equal(pci_capability(&fake.config, CAP_MSI), 0);
	put_capability(&fake, 0x40, CAP_PM, 0x80);
	put_capability(&fake, 0x80, 0x09, 0x40);
	assert_int_equal(pci_capability(&fake.config, CAP_MSI), 0);
	assert_true(fake.accesses < 250);
}

static void test_each_of_several_capabilities_is_found_once(void **state)
{
	struct fake fake;

	fake_init(&fake);
	capabilities_at(&fake, 0x40);
	put_capability(&fake, 0x40, 0x09, 0x50);
	put_capability(&fake, 0x50, CAP_MSI, 0x60);
	put_capability(&fake, 0x60, 0x09, 0x40);
	assert_int_equal(pci_next_capability(&fake.config, 0x09, 0), 0x40);
	assert_int_equal(pci_next_capability(&fake.config, 0x09, 0x40), 0x60);
	assert_int_equal(pci_next_capability(&fake.config, 0x09, 0x50), 0x60);
	assert_int_equal(pci_next_capability(&fake.config, 0x09, 0x60), 0);
	assert_int_equal(pci_next_capability(&fake.config, 0x09, 0x70), 0); /* no entry */
}

static void put_extended(struct fake *fake, uint32_t at, uint32_t id, uint32_t next)
{
	uint32_t head = id | 1u << 16 | next << 20;

	memcpy(fake->bytes + at, &head, sizeof(head));
}

static void test_extended_capabilities_are_found(void **state)
{
	struct fake fake;

	fake_init(&fake);
	assert_int_equal(pci_next_extended(&fake.config, 0, 0), 0); /* an empty list */
	put_extended(&fake, 0x100, 1, 0x150);
	put_extended(&fake, 0x150, 0x1003, 0x100);
	assert_int_equal(pci_next_extended(&fake.config, 1, 0), 0x100);
	assert_int_equal(pci_next_extended(&fake.config, 0x1003, 0), 0x150);
	assert_int_equal(pci_next_extended(&fake.config, 0x1003, 0x100), 0x150);
	assert_int_equal(pci_next_extended(&fake.config, 0x1003, 0x150), 0);
	assert_int_equal(pci_next_extended(&fake.config, 2, 0), 0);
	put_extended(&fake, 0x150, 0x1003, 0x0fc);
	assert_int_equal(pci_next_extended(&fake.config, 2, 0), 0);
}

static void test_a_list_does_not_lead_into_the_header(void **state)
{
	struct fake fake;

	fake_init(&fake);
	capabilities_at(&fake, 0x10);
	assert_int_equal(pci_capability(&fake.config, 0), 0);
	capabilities_at(&fake, 0x40);
	put_capability(&fake, 0x40, CAP_PM, 0x3c);
	fake.bytes[0x3c] = CAP_MSI;
	assert_int_equal(pci_capability(&fake.config, CAP_MSI), 0);
}

static void test_a_capability_that_reaches_beyond_the_end_is_not_used(void **state)
{
	struct pci_info info;
	struct fake fake;

	fake_init(&fake);
	capabilities_at(&fake, 0xf8);
	put_capability(&fake, 0xf8, CAP_MSI, 0xfc);
	put_capability(&fake, 0xfc, CAP_MSIX, 0);
	assert_int_equal(pci_read_info(&fake.config, &info), 0);
	assert_int_equal(info.cap_msi, 0);
	assert_int_equal(info.cap_msix, 0);
	assert_int_equal(info.messages, 0);
}

static void test_msix_is_preferred_to_msi(void **state)
{
	struct pci_info info;
	struct fake fake;

	fake_init(&fake);
	capabilities_at(&fake, 0x40);
	put_capability(&fake, 0x40, CAP_MSI, 0x60);
	put_capability(&fake, 0x60, CAP_MSIX, 0);
	put(&fake, 0x62, 2, 0x8003);
	put(&fake, 0x64, 4, 0x2001);
	pci_read_info(&fake.config, &info);
	assert_int_equal(info.messages, 4);
	assert_int_equal(info.table_bar, 1);
	assert_int_equal(info.table_offset, 0x2000);
	put(&fake, 0x64, 4, 0x2007); /* no such bar */
	pci_read_info(&fake.config, &info);
	assert_int_equal(info.cap_msix, 0);
	assert_int_equal(info.messages, 1);
}

/* ---- bars ---- */

static void test_bars_have_their_sizes(void **state)
{
	struct pci_info info;
	struct fake fake;

	fake_init(&fake);
	put(&fake, REG_COMMAND, 2, 0x107);
	put(&fake, 0x10, 4, 0xfebf0000);
	put_mask(&fake, 0x10, 4, 0xfff00000); /* 1 MiB */
	put(&fake, 0x10, 4, 0xfeb00000);
	put(&fake, 0x14, 4, 0xc001);
	put_mask(&fake, 0x14, 4, 0xffffffe0); /* 32 ports */
	put(&fake, 0x18, 4, 0x0000000c);      /* 64 bits, prefetchable */
	put(&fake, 0x1c, 4, 0x00000080);
	put_mask(&fake, 0x18, 4, 0);
	put_mask(&fake, 0x1c, 4, 0xfffffffc); /* 16 GiB */
	pci_read_info(&fake.config, &info);
	pci_size_bars(&fake.config, &info);
	assert_int_equal(info.bars[0].kind, BAR_MEMORY);
	assert_int_equal(info.bars[0].start, 0xfeb00000);
	assert_int_equal(info.bars[0].length, 0x100000);
	assert_int_equal(info.bars[1].kind, BAR_PORTS);
	assert_int_equal(info.bars[1].start, 0xc000);
	assert_int_equal(info.bars[1].length, 0x20);
	assert_int_equal(info.bars[2].kind, BAR_MEMORY);
	assert_true(info.bars[2].is64 && info.bars[2].prefetch && info.bars[2].assigned);
	assert_true(info.bars[2].length == 16ull << 30);
	assert_true(info.bars[2].start == 0x8000000000);
	assert_int_equal(info.bars[3].kind, BAR_NONE);
	/* Everything is as it was. */
	assert_int_equal(fake.bytes[REG_COMMAND] | fake.bytes[REG_COMMAND + 1] << 8, 0x107);
	assert_int_equal(fake.bytes[0x12], 0xb0);
}

/* Whatever can be written: lengths are powers of two within reach, starts are aligned. */
static void test_any_mask_gives_sensible_bars(void **state)
{
	uint64_t random = 1;
	struct pci_info info;
	struct fake fake;

	for (int round = 0; round < 20000; round++) {
		fake_init(&fake);
		for (int i = 0; i < 256; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			if (i >= 4 && i != REG_HEADER)
				fake.bytes[i] = random >> 56;
			fake.writable[i] = random >> 48;
		}
		fake.bytes[REG_HEADER] = round & 1;
		assert_int_equal(pci_read_info(&fake.config, &info), 0);
		pci_size_bars(&fake.config, &info);
		for (int i = 0; i < PCI_BARS; i++) {
			const struct pci_bar *bar = &info.bars[i];

			if (bar->kind == BAR_NONE) {
				assert_int_equal(bar->length, 0);
				continue;
			}
			assert_true(bar->length && !(bar->length & (bar->length - 1)));
			assert_int_equal(bar->start & (bar->length - 1), 0);
			assert_true(bar->length <= 1ull << 52 &&
				    bar->start <= (1ull << 52) - bar->length);
			if (bar->kind == BAR_PORTS)
				assert_true(bar->start + bar->length <= 0x10000);
			assert_true(!(round & 1) || i < 2);
		}
	}
}

static void test_a_64_bit_bar_in_the_last_register_is_none(void **state)
{
	struct pci_info info;
	struct fake fake;

	fake_init(&fake);
	put(&fake, 0x24, 4, 4);
	put_mask(&fake, 0x24, 4, 0xffff0000);
	put_mask(&fake, 0x28, 4, 0xffffffff);
	pci_read_info(&fake.config, &info);
	pci_size_bars(&fake.config, &info);
	assert_int_equal(info.bars[5].kind, BAR_NONE);
}

static void test_a_bar_larger_than_memory_can_be_is_none(void **state)
{
	struct pci_info info;
	struct fake fake;

	fake_init(&fake);
	put(&fake, 0x10, 4, 4);
	put_mask(&fake, 0x14, 4, 0x80000000); /* 2^63 bytes */
	pci_read_info(&fake.config, &info);
	pci_size_bars(&fake.config, &info);
	assert_int_equal(info.bars[0].kind, BAR_NONE);
}

static void test_a_device_that_vanishes_has_no_bars(void **state)
{
	struct pci_info info;
	struct fake fake;

	fake_init(&fake);
	put_mask(&fake, 0x10, 4, 0xfff00000);
	pci_read_info(&fake.config, &info);
	fake.gone = 1;
	pci_size_bars(&fake.config, &info);
	for (int i = 0; i < PCI_BARS; i++)
		assert_int_equal(info.bars[i].kind, BAR_NONE);
}

/* ---- bridges ---- */

static void test_windows_of_a_bridge(void **state)
{
	struct pci_info info;
	struct fake fake;

	fake_init(&fake);
	fake.bytes[REG_HEADER] = 1;
	put(&fake, REG_BUSES, 4, 0x00020100);
	put(&fake, REG_IO_WINDOW, 2, 0xdfc0);
	put(&fake, REG_MEMORY_WINDOW, 4, 0xfe9ffe80);
	put(&fake, REG_PREFETCH_WINDOW, 4, 0xfff10001);
	put(&fake, REG_PREFETCH_BASE_HIGH, 4, 8);
	put(&fake, REG_PREFETCH_LIMIT_HIGH, 4, 0xf);
	capabilities_at(&fake, 0x40);
	put_capability(&fake, 0x40, CAP_EXPRESS, 0);
	put(&fake, 0x42, 2, 0x142); /* root port with a slot */
	put(&fake, 0x54, 4, 0x40);  /* that can change */
	pci_read_info(&fake.config, &info);
	assert_int_equal(info.primary, 0);
	assert_int_equal(info.secondary, 1);
	assert_int_equal(info.subordinate, 2);
	assert_int_equal(info.ports.base, 0xc000);
	assert_int_equal(info.ports.limit, 0xdfff);
	assert_int_equal(info.memory.base, 0xfe800000);
	assert_int_equal(info.memory.limit, 0xfe9fffff);
	assert_true(info.prefetch.base == 0x800000000 && info.prefetch.limit == 0xfffffffff);
	assert_true(info.single_slot && info.hotplug);
	put(&fake, 0x42, 2, 0x42); /* without a slot */
	pci_read_info(&fake.config, &info);
	assert_true(info.single_slot && !info.hotplug);
}

static void test_room_is_found(void **state)
{
	const struct pci_window window = { 0xfe800000, 0xfe9fffff };
	const struct pci_window used[] = {
		{ 0xfe800000, 0xfe8fffff },
		{ 0xfe980000, 0xfe980fff },
		{ 1, 0 },
	};

	assert_int_equal(pci_find_room(&window, NULL, 0, 0x100000), 0xfe800000);
	assert_int_equal(pci_find_room(&window, used, 3, 0x1000), 0xfe900000);
	assert_int_equal(pci_find_room(&window, used, 3, 0x80000), 0xfe900000);
	assert_int_equal(pci_find_room(&window, used, 3, 0x100000), 0);
	assert_int_equal(pci_find_room(&window, used, 3, 0x40000), 0xfe900000);
	assert_int_equal(pci_find_room(&window, NULL, 0, 0x400000), 0);
	assert_int_equal(pci_find_room(&window, NULL, 0, 0), 0);
}

static void test_there_is_no_room_where_none_is(void **state)
{
	const struct pci_window closed = { 0xfff00000, 0x000fffff }, low = { 0, 0xfff },
				all = { 0, ~0ull };
	const struct pci_window whole = { 0, ~0ull };

	assert_int_equal(pci_find_room(&closed, NULL, 0, 0x1000), 0);
	assert_int_equal(pci_find_room(&low, NULL, 0, 0x1000), 0); /* address 0 means none */
	assert_int_equal(pci_find_room(&low, NULL, 0, 0x100), 0x100);
	assert_int_equal(pci_find_room(&all, &whole, 1, 0x1000), 0);
	assert_true(pci_find_room(&all, NULL, 0, 1ull << 63) == 1ull << 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_answers_for_nothing_is_no_device),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_capabilities_are_found),
		cmocka_unit_test(test_a_circle_of_capabilities_ends),
		cmocka_unit_test(test_each_of_several_capabilities_is_found_once),
		cmocka_unit_test(test_extended_capabilities_are_found),
		cmocka_unit_test(test_a_list_does_not_lead_into_the_header),
		cmocka_unit_test(test_a_capability_that_reaches_beyond_the_end_is_not_used),
		cmocka_unit_test(test_msix_is_preferred_to_msi),
		cmocka_unit_test(test_bars_have_their_sizes),
		cmocka_unit_test(test_any_mask_gives_sensible_bars),
		cmocka_unit_test(test_a_64_bit_bar_in_the_last_register_is_none),
		cmocka_unit_test(test_a_bar_larger_than_memory_can_be_is_none),
		cmocka_unit_test(test_a_device_that_vanishes_has_no_bars),
		cmocka_unit_test(test_windows_of_a_bridge),
		cmocka_unit_test(test_room_is_found),
		cmocka_unit_test(test_there_is_no_room_where_none_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
