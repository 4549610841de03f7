/* SPDX-License-Identifier: MIT */
/*
 * Which interrupt line a function has.
 *
 * Boards wire the pins of a device to lines as they like, and describe that in ACPI's
 * byte code (_PRT), for which there is no interpreter here. But the firmware
 * has written the line of each function that was present into its header, as the
 * number of an ISA line: where the chipset's router (PIIX, ICH9: registers 60 to 63 and 68 to
 * 6b) leads it. With I/O APICs the same input serves it, as the tables of ACPI (MADT) say.
 *
 * For a function that was inserted later the firmware has written nothing. Behind a
 * bridge pins are rotated by the number of the device (PCI-to-PCI Bridge 1.2, 9.1), up to a
 * device on the root bus; its pin is wired like the same pin of any function of that device,
 * at least of the bridge itself.
 */
#include "host.h"

#define LINES 16
#define PINS  4

static uint32_t device_number(const struct pci_function *function)
{
	return function->address >> 3 & 31;
}

/* The device on the root bus that passes the function's interrupt on, and its pin, from 0. */
static uint32_t line_root(const struct pci_function *function, uint32_t *pin)
{
	*pin = function->info.pin - 1;
	for (; function->bridge; function = function->bridge)
		*pin = (*pin + device_number(function)) % PINS;
	return function->address & ~7u;
}

static int line_is_known(const struct pci_function *function)
{
	return function->info.pin && function->info.line && function->info.line < LINES;
}

uint32_t line_find(const struct pci_function *function)
{
	uint32_t pin, other_pin, root;

	if (!function->info.pin)
		return 0;
	if (line_is_known(function))
		return function->info.line;
	root = line_root(function, &pin);
	for (const struct pci_function *other = function->host->functions; other;
	     other = other->next)
		if (line_is_known(other) && line_root(other, &other_pin) == root &&
		    other_pin == pin)
			return other->info.line;
	return 0;
}
