/* SPDX-License-Identifier: MIT */
/*
 * USB keyboards, by their boot protocol: /dev/usbkbdN.
 *
 *	read	reports of 8 bytes each: modifiers, 0, and the codes of up to six keys that are
 *		down (USB HID usage tables, 10). A report follows each change. Each open file
 *		receives all reports from its opening on; one that is not read for long loses the oldest.
 *	write	one byte: the lamps (1 Num Lock, 2 Caps Lock, 4 Scroll Lock, 8 Compose, 16 Kana)
 *
 * The callback of the endpoint puts a report into the ring of each open file, under ->lock, and
 * wakes those that wait. A file is in the list from open() to release().
 *
 * Device Class Definition for HID 1.11, 7.2, and appendix B.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/wait.h>
#include "xhci.h"

#define REPORT_BYTES	     8u
#define REPORTS		     64u /* of a file; a power of two */
#define REPORTS_AT_ONCE	     8u
#define KEYBOARDS	     32u
#define LAMPS		     0x1fu
#define REQUEST_SET_REPORT   XHCI_REQUEST(XHCI_CLASS_INTERFACE, 0x09)
#define REPORT_OUTPUT	     0x200u /* wValue */
#define REQUEST_SET_IDLE     XHCI_REQUEST(XHCI_CLASS_INTERFACE, 0x0a)
#define REQUEST_SET_PROTOCOL XHCI_REQUEST(XHCI_CLASS_INTERFACE, 0x0b)
#define PROTOCOL_BOOT	     0u

struct keyboard;
struct keyboard_file {
	struct keyboard_file *next; /* under lock, as all that follows */
	struct keyboard *keyboard;
	uint32_t put, taken; /* rise; modulo REPORTS they are indexes */
	uint8_t reports[REPORTS][REPORT_BYTES];
};

struct keyboard {
	banos_owner device;
	uint32_t number;    /* N of usbkbdN */
	uint32_t interface; /* its number in the device */
	uint32_t endpoint;  /* address; 0: none is open */
	struct banos_spinlock lock;
	struct banos_wait wait;
	struct keyboard_file *files;
	int64_t error; /* the endpoint has failed, or 0; under lock */
};

static uint32_t keyboard_numbers; /* N that are in use */

/* ---- reports ---- */

/* lock held */
static void file_put_report(struct keyboard_file *file, const uint8_t report[REPORT_BYTES])
{
	if (file->put - file->taken == REPORTS)
		file->taken++;
	memcpy(file->reports[file->put % REPORTS], report, REPORT_BYTES);
	file->put++;
}

/* The endpoint's callback: 0 and a report, or an error after which nothing follows. */
static int64_t keyboard_receive(void *context, uint64_t status, uint64_t length, uint64_t data,
				uint64_t arg4, uint64_t arg5)
{
	struct keyboard *keyboard = context;
	uint8_t report[REPORT_BYTES] = { 0 };

	if (length > REPORT_BYTES)
		length = REPORT_BYTES;
	memcpy(report, (const void *)data, length);
	banos_spin_lock(&keyboard->lock);
	if (status)
		keyboard->error = -EIO;
	for (struct keyboard_file *file = keyboard->files; file && length; file = file->next)
		file_put_report(file, report);
	banos_spin_unlock(&keyboard->lock);
	if (status)
		banos_error(keyboard->device, "usbkbd%u: its endpoint has failed: error %ld",
			    keyboard->number, (int64_t)status);
	return banos_wait_wake(&keyboard->wait);
}

/* @return how many were taken; 0: there is none; an error: none will come */
static int64_t file_take_reports(struct keyboard_file *file, uint64_t most,
				 uint8_t reports[REPORTS_AT_ONCE][REPORT_BYTES])
{
	int64_t count = 0;

	banos_spin_lock(&file->keyboard->lock);
	while (file->taken != file->put && (uint64_t)count < most) {
		memcpy(reports[count], file->reports[file->taken % REPORTS], REPORT_BYTES);
		file->taken++;
		count++;
	}
	if (!count)
		count = file->keyboard->error;
	banos_spin_unlock(&file->keyboard->lock);
	return count;
}

/* ---- the file ---- */

static int64_t keyboard_open(void *context, banos_call call, uint32_t flags, void **opened)
{
	struct keyboard *keyboard = context;
	struct keyboard_file *file = banos_alloc(keyboard->device, sizeof(*file), 0);

	if (!file)
		return -ENOMEM;
	file->keyboard = keyboard;
	banos_spin_lock(&keyboard->lock);
	file->next = keyboard->files;
	keyboard->files = file;
	banos_spin_unlock(&keyboard->lock);
	*opened = file;
	return 0;
}

static int64_t keyboard_release(void *context, void *file)
{
	struct keyboard *keyboard = context;
	struct keyboard_file **at = &keyboard->files;

	banos_spin_lock(&keyboard->lock);
	while (*at != file)
		at = &(*at)->next;
	*at = (*at)->next;
	banos_spin_unlock(&keyboard->lock);
	return banos_free(keyboard->device, file);
}

static int64_t keyboard_read(void *context, void *file, banos_buffer to, uint64_t length,
			     uint64_t offset, uint32_t flags)
{
	uint8_t reports[REPORTS_AT_ONCE][REPORT_BYTES];
	struct keyboard *keyboard = context;
	uint64_t most = length / REPORT_BYTES;

	if (!length)
		return 0;
	if (!most)
		return -EINVAL;
	if (most > REPORTS_AT_ONCE)
		most = REPORTS_AT_ONCE;
	for (;;) {
		uint64_t ticket = banos_wait_ticket(&keyboard->wait);
		int64_t result = file_take_reports(file, most, reports);

		if (result > 0)
			return banos_buffer_write(to, reports, (uint64_t)result * REPORT_BYTES);
		if (!result && flags & BANOS_FILE_NONBLOCK)
			result = -EAGAIN;
		if (!result)
			result = banos_wait_sleep(&keyboard->wait, ticket, 0, 0);
		if (result)
			return result;
	}
}

static int64_t keyboard_write(void *context, void *file, banos_buffer from, uint64_t length,
			      uint64_t offset, uint32_t flags)
{
	struct keyboard *keyboard = context;
	uint8_t lamps = 0;
	int64_t result;

	if (length != sizeof(lamps))
		return -EINVAL;
	result = banos_buffer_read(from, &lamps, sizeof(lamps));
	if (result < 0)
		return result;
	if (lamps & ~LAMPS)
		return -EINVAL;
	return xhci_control_write(keyboard->device, REQUEST_SET_REPORT, REPORT_OUTPUT,
				  keyboard->interface, &lamps, sizeof(lamps));
}

static int64_t keyboard_poll(void *context, void *opened, banos_poll watch)
{
	struct keyboard *keyboard = context;
	struct keyboard_file *file = opened;
	int64_t ready = banos_poll_watch(watch, &keyboard->wait);

	if (ready)
		return ready;
	ready = BANOS_POLL_WRITE;
	banos_spin_lock(&keyboard->lock);
	if (file->put != file->taken || keyboard->error)
		ready |= BANOS_POLL_READ;
	if (keyboard->error)
		ready |= BANOS_POLL_ERROR;
	banos_spin_unlock(&keyboard->lock);
	return ready;
}

static const struct banos_chardev_ops keyboard_ops = {
	.size = sizeof(keyboard_ops),
	.open = keyboard_open,
	.release = keyboard_release,
	.read = keyboard_read,
	.write = keyboard_write,
	.poll = keyboard_poll,
};

static int64_t keyboard_register_file(struct keyboard *keyboard)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0660,
		.context = keyboard,
		.ops = &keyboard_ops,
	};

	banos_format(config.name, sizeof(config.name), "usbkbd%u", keyboard->number);
	return banos_chardev_register(keyboard->device, &config, NULL);
}

/* ---- the device ---- */

/* The address of its interrupt IN endpoint. @return 0, or an error */
static int64_t keyboard_find_endpoint(const struct keyboard *keyboard, uint32_t *address)
{
	struct xhci_endpoint endpoint = { .size = sizeof(endpoint) };
	int64_t error = 0;

	for (uint32_t i = 0; !error; i++) {
		error = xhci_describe_endpoint(keyboard->device, i, &endpoint);
		if (!error && endpoint.type == XHCI_INTERRUPT && endpoint.address & XHCI_IN &&
		    endpoint.bytes >= REPORT_BYTES) {
			*address = endpoint.address;
			return 0;
		}
	}
	banos_error(keyboard->device, "it has no endpoint for the reports of a keyboard");
	return error;
}

/* Reports of a fixed form, and only when something has changed. */
static int64_t keyboard_set_protocol(const struct keyboard *keyboard)
{
	int64_t result = xhci_control_write(keyboard->device, REQUEST_SET_PROTOCOL, PROTOCOL_BOOT,
					    keyboard->interface, NULL, 0);

	if (result < 0)
		return result;
	result = xhci_control_write(keyboard->device, REQUEST_SET_IDLE, 0, keyboard->interface,
				    NULL, 0);
	if (result == -EPIPE) /* there are keyboards that always report changes only */
		result = 0;
	return result;
}

static int64_t keyboard_listen(struct keyboard *keyboard, uint32_t address)
{
	const struct banos_callback_config config = {
		.size = sizeof(config),
		.function = keyboard_receive,
		.context = keyboard,
		.signature = XHCI_RECEIVER,
	};
	banos_callback callback;
	int64_t error = banos_callback_create(keyboard->device, &config, &callback);

	if (!error)
		error = xhci_interrupt_open(keyboard->device, address, callback);
	if (!error)
		keyboard->endpoint = address;
	return error;
}

static int64_t usbkbd_start(struct keyboard *keyboard)
{
	struct xhci_identity identity = { .size = sizeof(identity) };
	uint32_t address = 0;
	int64_t error = banos_spin_init(&keyboard->lock);

	if (!error)
		error = banos_wait_init(keyboard->device, &keyboard->wait);
	if (!error)
		error = xhci_identify(keyboard->device, &identity);
	keyboard->interface = identity.number;
	if (!error)
		error = keyboard_find_endpoint(keyboard, &address);
	if (!error)
		error = keyboard_set_protocol(keyboard);
	if (!error)
		error = keyboard_listen(keyboard, address);
	if (!error)
		error = keyboard_register_file(keyboard);
	if (!error)
		banos_print(keyboard->device, "usbkbd%u: keyboard %04x:%04x, speed %u",
			    keyboard->number, identity.vendor, identity.product, identity.speed);
	return error;
}

static void keyboard_give_number(const struct keyboard *keyboard)
{
	__atomic_fetch_and(&keyboard_numbers, ~(1u << keyboard->number), __ATOMIC_SEQ_CST);
}

static int64_t usbkbd_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct keyboard *keyboard = banos_alloc(device, sizeof(*keyboard), 0);
	int64_t error;

	if (!keyboard)
		return -ENOMEM;
	*state = keyboard;
	keyboard->device = device;
	while (keyboard->number < KEYBOARDS &&
	       __atomic_fetch_or(&keyboard_numbers, 1u << keyboard->number, __ATOMIC_SEQ_CST) >>
			       keyboard->number &
		       1)
		keyboard->number++;
	if (keyboard->number == KEYBOARDS)
		return -ENOSPC;
	error = usbkbd_start(keyboard);
	if (error)
		keyboard_give_number(keyboard);
	return error;
}

static int64_t usbkbd_remove(void *context, banos_owner device, void *state)
{
	struct keyboard *keyboard = state;

	/* -ENODEV: the device was unplugged, and the endpoint with it. */
	xhci_interrupt_close(device, keyboard->endpoint);
	banos_wait_destroy(&keyboard->wait);
	keyboard_give_number(keyboard);
	return banos_free(device, keyboard);
}

static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = usbkbd_probe,
	.remove = usbkbd_remove,
};

static int64_t usbkbd_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "usb",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("usb:v*p*d*dc*dsc*dp*ic03isc01ip01in*");
BANOS_DRIVER(usbkbd, "1.0", "MIT", "USB keyboards by their boot protocol", usbkbd_init, NULL);
