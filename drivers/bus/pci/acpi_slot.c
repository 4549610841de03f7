/* SPDX-License-Identifier: MIT */
/*
 * Slots that change by ACPI's way, on the machines of QEMU (pc, and q35 unless its ports do that natively).
 *
 * Firmware gives the operating system a program (AML) that reads registers of the chipset for it. They
 * are read here without it: a bus is selected by a number; then one register has the devices that were added, which
 * reading clears, one those that are to be removed, and writing to a third one removes them. The number of a bus is
 * that of an order of QEMU's own, which only AML tells. It is learned where only one bus can be meant: from a card
 * that is the only one added, or that is missed after it was removed. Cards that are added at the same time teach nothing.
 * Where as many are to be removed as there are, their drivers are removed first; otherwise the cards are.
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

/* ---- buses: the root, NULL, and those behind ports ---- */

static struct pci_function *port_next(const struct pci_host *host, const struct pci_function *port)
{
	struct pci_function *next = port ? port->next : host->functions;

	while (next && (!next->present || next->info.header != 1))
		next = next->next;
	return next;
}

/* Where the number of a bus is kept, + 1; 0: it is not known. */
static uint32_t *bus_number(struct pci_host *host, struct pci_function *port)
{
	return port ? &port->acpi_select : &host->acpi_root_select;
}

/* @return 1: *@found is the bus with that number; 0: it is not known */
static uint32_t bus_find(struct pci_host *host, uint32_t number, struct pci_function **found)
{
	struct pci_function *port = NULL;

	do {
		*found = port;
		if (*bus_number(host, port) == number + 1)
			return 1;
		port = port_next(host, port);
	} while (port);
	return 0;
}

/* Numbers of buses that are not known, with one of the @devices. */
static uint32_t numbers_count(struct pci_host *host, const uint32_t *devices, uint32_t device)
{
	struct pci_function *port;
	uint32_t count = 0;

	for (uint32_t number = 0; number < host->acpi_selects; number++)
		if (devices[number] >> device & 1)
			count += !bus_find(host, number, &port);
	return count;
}

static struct pci_function *bus_card(const struct pci_host *host, const struct pci_function *port,
				     uint32_t device)
{
	struct pci_function *function = host->functions;

	while (function &&
	       (!function->present || function->bridge != port ||
		DEVICE_NUMBER(function) != device || function->info.class_base == CLASS_BRIDGE))
		function = function->next;
	return function;
}

/* ---- cards that were added ---- */

static void acpi_add_unknown(struct pci_host *host, uint32_t number, uint32_t device,
			     uint32_t wanted)
{
	struct pci_function *port = NULL, *found = NULL;
	uint32_t count = 0;

	do {
		if (!*bus_number(host, port) && scan_place(host, port, device)) {
			found = port;
			count++;
		}
		port = port_next(host, port);
	} while (port);
	if (count == 1 && wanted == 1)
		*bus_number(host, found) = number + 1;
	if (count < wanted)
		banos_warning(host->self, "a card was added as device %u, and is found on no bus",
			      device);
}

static void acpi_add(struct pci_host *host, const uint32_t *devices, uint32_t device)
{
	uint32_t wanted = numbers_count(host, devices, device), last = 0;
	struct pci_function *port;

	for (uint32_t number = 0; number < host->acpi_selects; number++) {
		if (!(devices[number] >> device & 1))
			continue;
		if (bus_find(host, number, &port))
			scan_place(host, port, device);
		else
			last = number;
	}
	if (wanted)
		acpi_add_unknown(host, last, device, wanted);
}

/* ---- cards that are to be removed ---- */

static void card_remove(const struct pci_host *host, const struct pci_function *card)
{
	uint32_t place = card->address >> 3;

	for (struct pci_function *function = host->functions; function; function = function->next)
		if (function->address >> 3 == place)
			function_remove(function, 0);
}

/* Cards of buses whose numbers are not known: counted, and removed. @return how many */
static uint32_t cards_unknown(struct pci_host *host, uint32_t device, uint32_t remove)
{
	struct pci_function *port = NULL;
	uint32_t count = 0;

	do {
		const struct pci_function *card = bus_card(host, port, device);

		if (card && !*bus_number(host, port)) {
			count++;
			if (remove)
				card_remove(host, card);
		}
		port = port_next(host, port);
	} while (port);
	return count;
}

/* A card was removed that has its driver still: where there is none any more is the bus. */
static void bus_learn_missing(struct pci_host *host, uint32_t number, uint32_t device)
{
	struct pci_function *port = NULL;

	do {
		const struct pci_function *card = bus_card(host, port, device);

		if (card && !*bus_number(host, port) && !pci_is_present(&card->config)) {
			*bus_number(host, port) = number + 1;
			break;
		}
		port = port_next(host, port);
	} while (port);
	slots_check_missing(host);
}

static void acpi_remove(struct pci_host *host, const uint32_t *devices, uint32_t device)
{
	uint32_t wanted = numbers_count(host, devices, device);
	uint32_t all = wanted && cards_unknown(host, device, 0) == wanted;

	if (all)
		cards_unknown(host, device, 1);
	for (uint32_t number = 0; number < host->acpi_selects; number++) {
		const struct pci_function *card = NULL;
		struct pci_function *port;
		uint32_t known;

		if (!(devices[number] >> device & 1))
			continue;
		known = bus_find(host, number, &port);
		if (known)
			card = bus_card(host, port, device);
		if (card)
			card_remove(host, card);
		acpi_select(host, number);
		acpi_write(host, PORT_EJECT, 1u << device);
		if (!known && !all)
			bus_learn_missing(host, number, device);
	}
}

void acpi_slot_check(struct pci_host *host)
{
	uint32_t added[SELECTS_MAX] = { 0 }, removed[SELECTS_MAX] = { 0 };

	for (uint32_t number = 0; number < host->acpi_selects; number++) {
		acpi_select(host, number);
		removed[number] = acpi_read(host, PORT_REMOVE);
		added[number] = acpi_read(host, PORT_ADDED);
	}
	for (uint32_t device = 0; device < 32; device++) {
		acpi_remove(host, removed, device);
		acpi_add(host, added, device);
	}
}
