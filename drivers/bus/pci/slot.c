/* SPDX-License-Identifier: MIT */
/*
 * Slots that change at run time, and devices that disappear.
 *
 * PCI Express has slot registers for each port with a slot (PCI Express 3.0,
 * 6.7): they report whether it is occupied, and whether the button that requests
 * removal was pressed. Some machines report changes elsewhere (acpi_slot.c). If there are such slots, one thread polls all of them, five times
 * a second or once. It also removes devices that a driver found missing (pci_check()), in a slot
 * or not.
 */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/time.h>
#include "host.h"

#define STATUS_BUTTON	     0x001
#define STATUS_COMMAND_DONE  0x010
#define STATUS_OCCUPIED	     0x040
#define STATUS_EVENTS	     0x11f /* cleared by writing ones */
#define CAPS_NO_COMMAND_DONE 0x40000u
#define CAPS_POWER	     0x2u

#define CONTROL_ATTENTION_OFF	0x0c0
#define CONTROL_POWER_LED	0x300
#define CONTROL_POWER_LED_ON	0x100
#define CONTROL_POWER_LED_BLINK 0x200
#define CONTROL_POWER_OFF	0x400

#define POLL_NS		 (200 * BANOS_MS)
#define ACPI_POLL_NS	 BANOS_S /* most of these machines never change: they shall sleep */
#define COMMAND_LIMIT_NS (1000 * BANOS_MS)
#define SETTLE_NS	 (100 * BANOS_MS) /* from power to the first access: PCI Express 3.0, 6.6.1 */
#define TRIES_MAX	 20u

static uint32_t slot_read(struct pci_function *port, uint32_t offset)
{
	return function_read(port, port->info.cap_express + offset, 2);
}

/* Write a command, and wait for its end if the port reports that. */
static void slot_command(struct pci_function *port, uint32_t clear, uint32_t set)
{
	uint32_t capability = port->info.cap_express, control = slot_read(port, EXP_SLOT_CONTROL);
	uint64_t limit = banos_time_ns() + COMMAND_LIMIT_NS;

	function_write(port, capability + EXP_SLOT_STATUS, 2, STATUS_COMMAND_DONE);
	function_write(port, capability + EXP_SLOT_CONTROL, 2, (control & ~clear) | set);
	if (port->info.slot_caps & CAPS_NO_COMMAND_DONE)
		return;
	while (!(slot_read(port, EXP_SLOT_STATUS) & STATUS_COMMAND_DONE) && banos_time_ns() < limit)
		banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
}

static void slot_power_on(struct pci_function *port)
{
	uint32_t control = slot_read(port, EXP_SLOT_CONTROL);

	if ((port->info.slot_caps & CAPS_POWER && control & CONTROL_POWER_OFF) ||
	    (control & CONTROL_POWER_LED) != CONTROL_POWER_LED_ON)
		slot_command(port, CONTROL_POWER_OFF | CONTROL_POWER_LED,
			     CONTROL_POWER_LED_ON | CONTROL_ATTENTION_OFF);
}

static void slot_power_off(struct pci_function *port)
{
	slot_command(port, 0, CONTROL_POWER_OFF | CONTROL_POWER_LED | CONTROL_ATTENTION_OFF);
}

static void slot_empty(struct pci_function *port, uint32_t gone)
{
	struct pci_function *function;

	while ((function = function_behind(port, NULL)))
		function_remove(function, gone);
}

/* A card was inserted: scan for it several times, since it may need time to start. */
static void slot_fill(struct pci_function *port)
{
	if (!port->tries++)
		slot_power_on(port);
	banos_sleep_until(banos_time_ns() + SETTLE_NS, BANOS_UNINTERRUPTIBLE);
	if (scan_slot(port))
		port->tries = 0;
	else if (port->tries == TRIES_MAX)
		banos_warning(port->host->self, "the card in the slot of bus %u does not respond",
			      port->info.secondary);
}

static void slot_check(struct pci_function *port)
{
	uint32_t status = slot_read(port, EXP_SLOT_STATUS),
		 events = status & STATUS_EVENTS & ~STATUS_COMMAND_DONE;
	uint32_t filled = function_behind(port, NULL) != NULL;

	if (status == 0xffff) /* the port itself was removed */
		return;
	if (events)
		function_write(port, port->info.cap_express + EXP_SLOT_STATUS, 2, events);
	if (!(status & STATUS_OCCUPIED)) {
		if (filled) {
			slot_empty(port, 1);
			slot_power_off(port);
		}
		port->off = port->tries = 0;
	} else if (filled) {
		if (!(status & STATUS_BUTTON))
			return;
		slot_command(port, CONTROL_POWER_LED, CONTROL_POWER_LED_BLINK);
		slot_empty(port, 0);
		slot_power_off(port);
		port->off = 1;
	} else if ((!port->off || status & STATUS_BUTTON) && port->tries < TRIES_MAX) {
		port->off = 0;
		slot_fill(port);
	}
}

void slots_check_missing(struct pci_host *host)
{
	for (struct pci_function *function = host->functions; function; function = function->next)
		if (function->present && !pci_is_present(&function->config)) {
			banos_warning(host->self,
				      "device %u.%u on bus %u was unplugged without notice",
				      function->address >> 3 & 31, function->address & 7,
				      ADDRESS_BUS(function->address));
			function_remove(function, 1);
		}
}

static void host_check_slots(struct pci_host *host)
{
	if (host->acpi_ports) {
		acpi_slot_check(host);
		return;
	}
	for (struct pci_function *function = host->functions; function; function = function->next)
		if (function->present && function->info.hotplug)
			slot_check(function);
}

void slot_wake(struct pci_host *host)
{
	banos_wait_wake(&host->wake);
}

static uint64_t host_next_check(const struct pci_host *host)
{
	if (host->acpi_ports)
		return banos_time_ns() + ACPI_POLL_NS;
	return host->slots ? banos_time_ns() + POLL_NS : 0;
}

int64_t slot_main(void *context)
{
	struct pci_host *host = context;
	int64_t error = -ETIMEDOUT;

	while (!banos_thread_should_stop()) {
		uint64_t ticket = banos_wait_ticket(&host->wake);

		if (!error)
			slots_check_missing(host);
		host_check_slots(host);
		error = banos_wait_sleep(&host->wake, ticket, host_next_check(host), 0);
		if (error && error != -ETIMEDOUT) /* the bus is being removed */
			break;
	}
	return 0;
}
