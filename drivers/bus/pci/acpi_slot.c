/* SPDX-License-Identifier: MIT */
/*
 * Slots that change by ACPI's way, on the machines of QEMU (pc, and q35 unless its ports do that natively).
 *
 * Firmware gives the operating system a program (AML) that reads registers of the chipset for it. They
 * are read here without it: a bus is selected by a number; then one register has the devices that were added, which
 * reading clears, one those that are to be removed, and writing to a third one removes them. The number of a bus is
 * that of an order of QEMU's own, which only AML tells. It is learned as a card is added: the
 * card is looked for on each bus. A card that was there at the start and could be on several buses
 * is removed first and missed afterwards.
 *
 * Source: QEMU 7.2, docs/specs/acpi_pci_hotplug.txt.
 */
#include <banos/print.h>
#include "host.h"

#define VENDOR_INTEL		0x8086u
#define DEVICE_PC		0x1237u
#define DEVICE_Q35		0x29c0u
#define VENDOR_QEMU		0x1af4u /* of the subsystem */
#define PORTS_PC		0xae00u
#define PORTS_Q35		0x0cc0u
#define PORTS_COUNT		0x14u
#define PORT_ADDED		0x00
#define PORT_REMOVE		0x04
#define PORT_EJECT		0x08
#define PORT_SELECT		0x10
#define SELECTS_MAX		64u
#define CLASS_BRIDGE		6u
#define DEVICE_NUMBER(function) ((function)->address >> 3 & 31)

static uint32_t acpi_read(const struct pci_host *host, uint32_t port)
{
	int64_t value = banos_port_read(host->acpi_ports, port, 4);

	return value < 0 ? 0 : (uint32_t)value;
}

static void acpi_write(const struct pci_host *host, uint32_t port, uint32_t value)
{
	banos_port_write(host->acpi_ports, port, 4, value);
}

/* The register keeps what is written, where there is one. */
static int acpi_select(const struct pci_host *host, uint32_t number)
{
	acpi_write(host, PORT_SELECT, number);
	return acpi_read(host, PORT_SELECT) == number;
}

static uint32_t acpi_find_ports(const struct pci_host *host)
{
	const struct pci_function *function = host->functions;

	while (function && function->address)
		function = function->next;
	if (!function || function->info.vendor != VENDOR_INTEL ||
	    function->info.subvendor != VENDOR_QEMU)
		return 0;
	if (function->info.device == DEVICE_PC)
		return PORTS_PC;
	return function->info.device == DEVICE_Q35 ? PORTS_Q35 : 0;
}

void acpi_slot_init(struct pci_host *host)
{
	uint32_t first = acpi_find_ports(host), number = 1;

	if (!first || banos_ports_claim(host->driver, first, PORTS_COUNT, &host->acpi_ports)) {
		host->acpi_ports = NULL;
		return;
	}
	if (acpi_select(host, 2) && acpi_select(host, 1)) {
		for (const struct pci_function *function = host->functions; function;
		     function = function->next)
			number += function->info.header == 1;
		host->acpi_selects = number < SELECTS_MAX ? number : SELECTS_MAX;
		return;
	}
	acpi_slot_exit(host);
}

void acpi_slot_exit(struct pci_host *host)
{
	if (host->acpi_ports)
		banos_ports_release(host->acpi_ports);
	host->acpi_ports = NULL;
}

/* ---- cards that were added ---- */

static void function_learn(struct pci_host *host, const struct pci_function *bridge,
			   uint32_t device, uint32_t number)
{
	for (struct pci_function *function = host->functions; function; function = function->next)
		if (function->present && function->bridge == bridge &&
		    DEVICE_NUMBER(function) == device)
			function->acpi_select = number + 1;
}

static void acpi_add(struct pci_host *host, uint32_t number, uint32_t device)
{
	if (scan_place(host, NULL, device)) {
		function_learn(host, NULL, device, number);
		return;
	}
	for (struct pci_function *port = host->functions; port; port = port->next) {
		if (!port->present || port->info.header != 1 || !scan_place(host, port, device))
			continue;
		function_learn(host, port, device, number);
		return;
	}
	banos_warning(host->self, "a card was added as device %u, and is found on no bus", device);
}

/* ---- cards that are to be removed ---- */

/* @return a function of the card; NULL: it is not known which one it is */
static struct pci_function *acpi_find_card(const struct pci_host *host, uint32_t number,
					   uint32_t device)
{
	struct pci_function *found = NULL;
	uint32_t count = 0;

	for (struct pci_function *function = host->functions; function; function = function->next) {
		if (!function->present || DEVICE_NUMBER(function) != device ||
		    function->info.class_base == CLASS_BRIDGE)
			continue;
		if (function->acpi_select == number + 1)
			return function;
		if (function->acpi_select)
			continue;
		count += !found || found->address >> 3 != function->address >> 3;
		found = function;
	}
	return count == 1 ? found : NULL;
}

static void acpi_remove(struct pci_host *host, uint32_t number, uint32_t device)
{
	const struct pci_function *card = acpi_find_card(host, number, device);
	uint32_t place = card ? card->address >> 3 : 0;

	for (struct pci_function *function = host->functions; card && function;
	     function = function->next)
		if (function->address >> 3 == place)
			function_remove(function, 0);
	acpi_select(host, number);
	acpi_write(host, PORT_EJECT, 1u << device);
	if (!card)
		slots_check_missing(host);
}

void acpi_slot_check(struct pci_host *host)
{
	for (uint32_t number = 0; number < host->acpi_selects; number++) {
		uint32_t added, removed;

		acpi_select(host, number);
		removed = acpi_read(host, PORT_REMOVE);
		added = acpi_read(host, PORT_ADDED);
		for (; removed; removed &= removed - 1)
			acpi_remove(host, number, (uint32_t)__builtin_ctz(removed));
		for (; added; added &= added - 1)
			acpi_add(host, number, (uint32_t)__builtin_ctz(added));
	}
}
