/* SPDX-License-Identifier: MIT */
/* Descriptors of devices that are as they should be, and of others: drivers/bus/usb/descriptor.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/bus/usb/descriptor.h"

/* Of QEMU's keyboard, and with a second interface of two settings. */
static const uint8_t device[] = { 18, 1, 0, 2, 0, 0, 0, 64, 0x27, 6, 1, 0x34, 0, 1, 4, 11, 1, 1 };
static const uint8_t keyboard[] = { 9, 2,    34,   0, 1, 1, 8,	  0xa0, 50, /* */
				    9, 4,    0,	   0, 1, 3, 1,	  1,	0,  /* */
				    9, 0x21, 0x11, 1, 0, 1, 0x22, 0x3f, 0,  /* */
				    7, 5,    0x81, 3, 8, 0, 7 };
static const uint8_t two[] = { 9, 2,	9 + 9 + 7 + 9 + 7 + 9 + 7 + 6,
			       0, 2,	3,
			       0, 0x80, 0, /* */
			       9, 4,	0,
			       0, 1,	8,
			       6, 0x50, 0, /* */
			       7, 5,	2,
			       2, 0,	2,
			       0, /* */
			       9, 4,	5,
			       0, 1,	1,
			       2, 3,	0, /* */
			       7, 5,	0x83,
			       3, 0,	0x0c,
			       4, /* 1024, 2 in all */
			       9, 4,	5,
			       1, 1,	1,
			       2, 3,	0, /* setting 1 */
			       7, 5,	0x83,
			       1, 0xff, 0xff,
			       1, /* */
			       6, 0x30, 15,
			       0, 0,	0 };

/* Parsed from memory of the very size. */
static const char *parse(const uint8_t *bytes, size_t size, struct usb_configuration *configuration)
{
	uint8_t *copy = malloc(size);
	const char *wrong;

	memcpy(copy, bytes, size);
	wrong = usb_parse_configuration(copy, size, configuration);
	free(copy);
	return wrong;
}

static void a_device_is_identified(void **state)
{
	uint8_t bytes[18];
	struct usb_device_info info;

	assert_null(usb_parse_device(device, sizeof(device), &info));
	assert_int_equal(info.vendor, 0x627);
	assert_int_equal(info.product, 1 + 0x3400);
	assert_int_equal(info.release, 0x100);
	assert_int_equal(info.configurations, 1);
	for (size_t size = 0; size < sizeof(device); size++)
		assert_string_equal(usb_parse_device(device, size, &info),
				    "is shorter than 18 bytes");
	memcpy(bytes, device, sizeof(bytes));
	bytes[0] = 17;
	assert_non_null(usb_parse_device(bytes, sizeof(bytes), &info));
	bytes[0] = 18;
	bytes[1] = 2;
	assert_string_equal(usb_parse_device(bytes, sizeof(bytes), &info), "is of another type");
	bytes[1] = 1;
	bytes[17] = 0;
	assert_string_equal(usb_parse_device(bytes, sizeof(bytes), &info),
			    "states no configuration");
}

static void a_configuration_lists_interfaces_and_endpoints(void **state)
{
	struct usb_configuration configuration;
	const struct usb_interface_info *interface = configuration.interfaces;

	assert_null(parse(keyboard, sizeof(keyboard), &configuration));
	assert_int_equal(configuration.value, 1);
	assert_int_equal(configuration.interface_count, 1);
	assert_int_equal(interface->class, 3);
	assert_int_equal(interface->sub, 1);
	assert_int_equal(interface->protocol, 1);
	assert_int_equal(interface->endpoint_count, 1);
	assert_int_equal(interface->endpoints[0].address, 0x81);
	assert_int_equal(interface->endpoints[0].attributes, 3);
	assert_int_equal(interface->endpoints[0].max_packet, 8);
	assert_int_equal(interface->endpoints[0].interval, 7);
	assert_null(parse(two, sizeof(two), &configuration));
	assert_int_equal(configuration.interface_count, 2);
	assert_int_equal(interface[1].number, 5);
	assert_int_equal(interface[1].endpoint_count, 1);
	assert_int_equal(interface[1].endpoints[0].max_packet, 1024);
	assert_int_equal(interface[1].endpoints[0].transactions, 1);
	assert_int_equal(interface[1].endpoints[0].burst, 0);
}

static void a_configuration_that_is_cut_is_refused(void **state)
{
	struct usb_configuration configuration;
	uint8_t bytes[sizeof(two)];

	for (size_t size = 0; size < sizeof(two); size++)
		assert_non_null(parse(two, size, &configuration));
	/* The head says that it ends earlier: where no descriptor ends. */
	memcpy(bytes, two, sizeof(two));
	for (uint8_t total = 0; total < sizeof(two); total++) {
		const char *wrong;

		bytes[2] = total;
		wrong = parse(bytes, sizeof(two), &configuration);
		if (total < 9)
			assert_string_equal(wrong, "has a wrong head");
		else if (total == 9)
			assert_string_equal(wrong, "has no interface");
		else if (total == 18 || total == 25 || total == 34 || total == 41 || total == 50 ||
			 total == 57)
			assert_null(wrong);
		else
			assert_string_equal(wrong, "has a descriptor of a wrong length");
	}
}

/* One byte of a good configuration is another. */
static void expect_wrong(size_t at, uint8_t value, const char *words)
{
	struct usb_configuration configuration;
	uint8_t bytes[sizeof(two)];

	memcpy(bytes, two, sizeof(two));
	bytes[at] = value;
	assert_string_equal(parse(bytes, sizeof(bytes), &configuration), words);
}

static void wrong_descriptors_are_refused_in_words(void **state)
{
	expect_wrong(0, 8, "has a wrong head");
	expect_wrong(0, 0, "has a wrong head");
	expect_wrong(1, 4, "has a wrong head");
	expect_wrong(3, 1, "is cut");
	expect_wrong(9, 0, "has a descriptor of a wrong length");
	expect_wrong(9, 1, "has a descriptor of a wrong length");
	expect_wrong(9, 255, "has a descriptor of a wrong length");
	expect_wrong(10, 5, "has an endpoint before its first interface");
	expect_wrong(20, 0x80, "has an endpoint of a wrong number");
	expect_wrong(20, 0x12, "has an endpoint of a wrong number");
	expect_wrong(20, 0x83, "has two endpoints of one number");
	expect_wrong(27, 0, "has two interfaces of one number");
}

static void short_descriptors_are_refused_in_words(void **state)
{
	static const uint8_t interface[] = { 9, 2, 17, 0, 1, 1, 0, 0, 0, 8, 4, 0, 0, 1, 3, 1, 1 };
	static const uint8_t endpoint[] = { 9, 2, 24, 0, 1, 1, 0, 0, 0,	   9, 4, 0,
					    0, 1, 3,  1, 1, 0, 6, 5, 0x81, 3, 8, 0 };
	static const uint8_t companion[] = { 9, 2, 30, 0, 1, 1,	   0, 0, 0, 9, 4, 0,	0, 1, 3,
					     1, 1, 0,  7, 5, 0x81, 3, 8, 0, 7, 5, 0x30, 0, 0, 0 };
	struct usb_configuration configuration;

	assert_string_equal(parse(interface, sizeof(interface), &configuration),
			    "has a short interface");
	assert_string_equal(parse(endpoint, sizeof(endpoint), &configuration),
			    "has a short endpoint");
	assert_string_equal(parse(companion, sizeof(companion), &configuration),
			    "has a short companion of an endpoint");
}

/* One endpoint, one companion: of the second one no endpoint is known, nor of one in setting 1. */
static void a_companion_belongs_to_the_endpoint_before_it(void **state)
{
	static const uint8_t bytes[] = { 9, 2,	  9 + 9 + 7 + 6 + 6 + 9 + 7 + 6,
					 0, 1,	  1,
					 0, 0x80, 0, /* */
					 9, 4,	  0,
					 0, 1,	  3,
					 1, 1,	  0, /* */
					 7, 5,	  0x81,
					 3, 8,	  0,
					 7, /* */
					 6, 0x30, 2,
					 0, 0,	  0, /* */
					 6, 0x30, 3,
					 0, 0,	  0, /* */
					 9, 4,	  0,
					 1, 1,	  3,
					 1, 1,	  0, /* setting 1 */
					 7, 5,	  0x81,
					 3, 8,	  0,
					 7, /* */
					 6, 0x30, 4,
					 0, 0,	  0 };
	struct usb_configuration configuration;

	assert_null(parse(bytes, sizeof(bytes), &configuration));
	assert_int_equal(configuration.interface_count, 1);
	assert_int_equal(configuration.interfaces[0].endpoint_count, 1);
	assert_int_equal(configuration.interfaces[0].endpoints[0].burst, 2);
}

/* A head, and @interfaces, each of @endpoints. @return bytes */
static size_t many(uint8_t *bytes, uint32_t interfaces, uint32_t endpoints)
{
	uint8_t number = 0;
	size_t at = 9;

	memcpy(bytes, two, 9);
	for (uint32_t i = 0; i < interfaces; i++) {
		memcpy(bytes + at, (uint8_t[]){ 9, 4, (uint8_t)i, 0, 1, 3, 1, 1, 0 }, 9);
		at += 9;
		for (uint32_t j = 0; j < endpoints; j++, at += 7, number++)
			memcpy(bytes + at,
			       (uint8_t[]){ 7, 5, (uint8_t)(number / 15 * 0x80 + number % 15 + 1),
					    3, 8, 0, 7 },
			       7);
	}
	bytes[2] = (uint8_t)at;
	bytes[3] = (uint8_t)(at >> 8);
	return at;
}

static void lists_have_a_bound(void **state)
{
	struct usb_configuration configuration;
	uint8_t bytes[1024];

	assert_null(parse(bytes, many(bytes, USB_INTERFACES, 3), &configuration));
	assert_string_equal(parse(bytes, many(bytes, USB_INTERFACES + 1, 0), &configuration),
			    "has more than 8 interfaces");
	assert_null(parse(bytes, many(bytes, 1, USB_ENDPOINTS), &configuration));
	assert_string_equal(parse(bytes, many(bytes, 1, USB_ENDPOINTS + 1), &configuration),
			    "has an interface of more than 8 endpoints");
}

static uint32_t payload(uint32_t speed, uint16_t max_packet, uint8_t transactions, uint8_t burst)
{
	struct usb_endpoint endpoint = {
		.max_packet = max_packet,
		.transactions = transactions,
		.burst = burst,
	};

	return usb_payload(&endpoint, speed);
}

static void sizes_of_endpoints_are_those_of_their_speed(void **state)
{
	assert_int_equal(payload(SPEED_HIGH, 8, 0, 0), 8);
	assert_int_equal(payload(SPEED_HIGH, 1024, 2, 9), 3072);
	assert_int_equal(payload(SPEED_HIGH, 1024, 3, 0), 0);
	assert_int_equal(payload(SPEED_HIGH, 1025, 0, 0), 0);
	assert_int_equal(payload(SPEED_HIGH, 0, 0, 0), 0);
	assert_int_equal(payload(SPEED_LOW, 8, 3, 3), 8);
	assert_int_equal(payload(SPEED_LOW, 9, 0, 0), 0);
	assert_int_equal(payload(SPEED_FULL, 64, 0, 0), 64);
	assert_int_equal(payload(SPEED_FULL, 65, 0, 0), 0);
	assert_int_equal(payload(SPEED_SUPER, 1024, 3, 2), 3072);
	assert_int_equal(payload(SPEED_SUPER, 1024, 0, 3), 0);
	assert_int_equal(payload(SPEED_SUPER_PLUS, 16, 0, 0), 16);
	assert_int_equal(payload(0, 8, 0, 0), 0);
	assert_int_equal(payload(6, 8, 0, 0), 0);
	assert_int_equal(payload(~0u, 8, 0, 0), 0);
}

static uint32_t interval(uint32_t speed, uint8_t stated)
{
	struct usb_endpoint endpoint = { .interval = stated };

	return usb_interval(&endpoint, speed);
}

static void intervals_are_exponents(void **state)
{
	assert_int_equal(interval(SPEED_HIGH, 7), 6);
	assert_int_equal(interval(SPEED_HIGH, 0), 0);
	assert_int_equal(interval(SPEED_SUPER, 16), 15);
	assert_int_equal(interval(SPEED_SUPER, 255), 15);
	assert_int_equal(interval(SPEED_FULL, 1), 3);
	assert_int_equal(interval(SPEED_FULL, 10), 6); /* 8 ms */
	assert_int_equal(interval(SPEED_LOW, 255), 10);
	assert_int_equal(interval(SPEED_LOW, 0), 3);
}

static void packets_of_endpoint_0_are_few(void **state)
{
	uint32_t allowed = 0;

	assert_int_equal(usb_first_packet(SPEED_LOW), 8);
	assert_int_equal(usb_first_packet(SPEED_FULL), 8);
	assert_int_equal(usb_first_packet(SPEED_HIGH), 64);
	assert_int_equal(usb_first_packet(SPEED_SUPER), 512);
	for (uint32_t bytes = 0; bytes < 256; bytes++)
		allowed += usb_is_control_packet(bytes) != 0;
	assert_int_equal(allowed, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_identified),
		cmocka_unit_test(a_configuration_lists_interfaces_and_endpoints),
		cmocka_unit_test(a_configuration_that_is_cut_is_refused),
		cmocka_unit_test(wrong_descriptors_are_refused_in_words),
		cmocka_unit_test(short_descriptors_are_refused_in_words),
		cmocka_unit_test(a_companion_belongs_to_the_endpoint_before_it),
		cmocka_unit_test(lists_have_a_bound),
		cmocka_unit_test(sizes_of_endpoints_are_those_of_their_speed),
		cmocka_unit_test(intervals_are_exponents),
		cmocka_unit_test(packets_of_endpoint_0_are_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
