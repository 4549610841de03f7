/* SPDX-License-Identifier: MIT */
/*
 * A client of xhci, for QEMU's tablet: calls its functions rightly and wrongly, and says how many of its
 * expectations hold. Then it counts what the tablet sends; with the parameters it ends without a word.
 */
#include <banos/bus.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include "../../../drivers/bus/usb/xhci.h"

#define GET_DESCRIPTOR	  XHCI_REQUEST(XHCI_STANDARD_DEVICE, 6)
#define DEVICE_DESCRIPTOR 0x100u
#define NO_DESCRIPTOR	  0x7700u /* of a type that no device has */
#define STALLS		  100
#define ROUNDS		  20

static uint8_t forget, die;
BANOS_PARAM_BOOL(forget, "leaves the endpoint open");
BANOS_PARAM_BOOL(die, "follows a wrong pointer when it is called back");

static banos_owner driver, interface;
static uint32_t held, broken, received;

#define EXPECT(condition) expect_that((condition) != 0, __LINE__)
static void expect_that(int holds, int line_number)
{
	held += holds;
	broken += !holds;
	if (!holds)
		banos_error(driver, "line %d does not hold", line_number);
}

static int64_t read_descriptor(uint32_t value, void *to, uint32_t length)
{
	return xhci_control_read(interface, GET_DESCRIPTOR, value, 0, to, length);
}

__attribute__((noipa, noinline)) static int64_t follow_pointer(volatile int64_t *pointer)
{
	return *pointer;
}

static int64_t tablet_receive(void *context, uint64_t status, uint64_t length, uint64_t data,
			      uint64_t arg4, uint64_t arg5)
{
	uint8_t bytes[18];

	if (die)
		return follow_pointer((volatile int64_t *)(length + 2));
	/* A control transfer while the endpoint waits for this call. */
	EXPECT(status == 0 && length == 6);
	EXPECT(read_descriptor(DEVICE_DESCRIPTOR, bytes, 18) == 18);
	received++;
	banos_print(driver, "%u transfers, %u of %u hold", received, held, held + broken);
	return 0;
}

static void try_structs(void)
{
	struct xhci_identity identity = { .size = sizeof(identity) };
	struct xhci_endpoint endpoint = { .size = sizeof(endpoint) };
	struct {
		struct xhci_identity known;
		uint32_t later[8];
	} grown = { .known.size = sizeof(grown), .later = { 1, 2, 3, 4 } };

	EXPECT(xhci_identify(interface, &identity) == 0);
	EXPECT(identity.vendor == 0x627 && identity.product == 1 && identity.number == 0);
	EXPECT(xhci_identify(interface, &grown.known) == 0 && !grown.later[0]);
	EXPECT(grown.known.size == sizeof(identity) && grown.known.vendor == 0x627);
	identity.size = XHCI_IDENTITY_SIZE_1 - 1;
	EXPECT(xhci_identify(interface, &identity) == -EINVAL);
	identity.size = sizeof(identity);
	EXPECT(xhci_identify(driver, &identity) == -ENODEV);
	EXPECT(xhci_identify(NULL, &identity) == -ENODEV);
	EXPECT(xhci_identify(interface, NULL) == -EINVAL);
	EXPECT(xhci_describe_endpoint(interface, 0, &endpoint) == 0);
	EXPECT(endpoint.address == 0x81 && endpoint.type == XHCI_INTERRUPT && endpoint.bytes >= 6);
	EXPECT(xhci_describe_endpoint(interface, 1, &endpoint) == -ENOENT);
	EXPECT(xhci_describe_endpoint(interface, ~0u, &endpoint) == -ENOENT);
}

static void try_control(void)
{
	uint8_t bytes[64];
	int64_t stall = -EPIPE;

	EXPECT(read_descriptor(DEVICE_DESCRIPTOR, bytes, 18) == 18 && bytes[1] == 1);
	EXPECT(read_descriptor(DEVICE_DESCRIPTOR, bytes, sizeof(bytes)) == 18);
	EXPECT(read_descriptor(DEVICE_DESCRIPTOR, bytes, 1) == 1);
	EXPECT(read_descriptor(DEVICE_DESCRIPTOR, NULL, 18) == -EINVAL);
	EXPECT(read_descriptor(DEVICE_DESCRIPTOR, bytes, XHCI_CONTROL_MAX + 1) == -EINVAL);
	EXPECT(read_descriptor(0x10000, bytes, 18) == -EINVAL);
	EXPECT(xhci_control_write(interface, 0x80, 0, 0, NULL, 0) == -EINVAL);
	EXPECT(xhci_control_write(driver, 0, 0, 0, NULL, 0) == -ENODEV);
	for (int i = 0; i < STALLS && stall == -EPIPE; i++)
		stall = read_descriptor(NO_DESCRIPTOR, bytes, 18);
	EXPECT(stall == -EPIPE);
	if (stall != -EPIPE)
		banos_error(driver, "stall: %ld", stall);
	EXPECT(read_descriptor(DEVICE_DESCRIPTOR, bytes, 18) == 18 && bytes[1] == 1);
}

static void try_endpoint(banos_callback callback)
{
	int right = 0;

	EXPECT(xhci_interrupt_close(interface, 0x81) == -ENOENT);
	EXPECT(xhci_interrupt_open(interface, 0x82, callback) == -ENOENT);
	EXPECT(xhci_interrupt_open(interface, 0x01, callback) == -ENOENT);
	EXPECT(xhci_interrupt_open(interface, 0x10081, callback) == -ENOENT);
	EXPECT(xhci_interrupt_open(driver, 0x81, callback) == -ENODEV);
	for (int i = 0; i < ROUNDS; i++) {
		right += xhci_interrupt_open(interface, 0x81, callback) == 0;
		right += xhci_interrupt_open(interface, 0x81, callback) == -EBUSY;
		right += xhci_interrupt_close(interface, 0x81) == 0;
		right += xhci_interrupt_close(interface, 0x81) == -ENOENT;
	}
	EXPECT(right == 4 * ROUNDS);
	EXPECT(xhci_interrupt_open(interface, 0x81, callback) == 0);
}

static int64_t tablet_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	const struct banos_callback_config config = {
		.size = sizeof(config),
		.function = tablet_receive,
		.signature = XHCI_RECEIVER,
	};
	banos_callback callback;
	int64_t error = banos_callback_create(device, &config, &callback);

	if (error)
		return error;
	interface = device;
	try_structs();
	try_control();
	try_endpoint(callback);
	banos_print(driver, "ready: %u of %u hold", held, held + broken);
	return 0;
}

static int64_t tablet_remove(void *context, banos_owner device, void *state)
{
	if (forget)
		return 0;
	return xhci_interrupt_close(device, 0x81);
}

static int64_t tablet_init(banos_owner self)
{
	static const struct banos_prober_ops ops = {
		.size = sizeof(ops),
		.probe = tablet_probe,
		.remove = tablet_remove,
	};
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &ops,
		.bus = "usb",
	};

	driver = self;
	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("usb:v0627p0001d*dc*dsc*dp*ic03isc00ip*in*");
BANOS_DRIVER(acme_tablet, "1.0", "MIT", "Tries the functions of xhci", tablet_init, NULL);
