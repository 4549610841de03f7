/* SPDX-License-Identifier: MIT */
/**
 * @file host.h  The driver's state: the host, and each function that ever responded.
 *
 * A function's structure is kept until the driver is removed, so that a caller that
 * found it by a handle may use it. One that was unplugged is marked, and reused when a
 * function responds at its address.
 *
 * Only one thread changes the set of present functions: probe() at first, then the
 * thread of slot.c. irq_lock (mutex) guards what connect(), disconnect() and quiesce()
 * change; it is never held across a call that may call this driver back. ports_lock
 * (spin) keeps the two accesses of a configuration cycle together.
 */
#ifndef PCI_HOST_H
#define PCI_HOST_H

#include <banos/bus.h>
#include <banos/io.h>
#include <banos/lock.h>
#include <banos/thread.h>
#include <banos/wait.h>
#include "config.h"

#define PCI_BUSES	  256
#define PCI_ECAM_MAX	  8
#define PCI_MESSAGES_MAX  2048
#define MSIX_ENTRY_SIZE	  16   /* bytes of the table */
#define PENDING_BITS	  64u  /* of MSI-X, in one word */
#define PCI_EXPRESS_SPACE 4096 /* bytes of configuration space by ECAM */

/** A function by place: segment, bus, device and number. */
#define PCI_ADDRESS(segment, bus, device, number)                                     \
	((uint32_t)(segment) << 16 | (uint32_t)(bus) << 8 | (uint32_t)(device) << 3 | \
	 (uint32_t)(number))
#define ADDRESS_BUS(address) ((address) >> 8 & 0xff)

struct pci_host;
struct pci_function {
	struct pci_function *next;
	struct pci_host *host;
	struct pci_function *bridge; /* the bridge above it; NULL: on a root bus */
	uint32_t address;
	uint32_t present; /* it responded at the last check */
	struct pci_config config;
	struct pci_info info;
	banos_device device; /* valid while present */

	/* interrupts; under irq_lock */
	void *table; /* MSI-X, mapped while one is connected; or NULL */
	banos_mmio table_mapping;
	uint32_t by_line; /* the line is connected */
	uint32_t connected_count;
	uint64_t connected[PCI_MESSAGES_MAX / 64];

	/* a port with a slot that can change */
	uint32_t off;	/* switched off by the button: stays off until the slot was empty */
	uint32_t tries; /* to detect a new card */

	uint32_t
		acpi_select; /* of a port: number of the bus behind it in acpi_slot.c, + 1; 0: not known */
};

struct pci_ecam {
	uint32_t segment, first, last;
	uint64_t start;
	void *buses[PCI_BUSES]; /* mapped at the first use */
	banos_mmio mappings[PCI_BUSES];
};

struct pci_host {
	banos_owner self;
	banos_owner driver; /* for ports that are no resource of the system's device */
	banos_bus bus;
	banos_ports ports;
	struct banos_spinlock ports_lock;
	struct banos_mutex irq_lock;
	struct pci_function *functions;
	struct banos_wait wake; /* wakes the thread of slot.c */
	banos_thread thread;
	uint32_t slots;		   /* nonzero: a slot may change */
	banos_ports acpi_ports;	   /* NULL: slots do not change by ACPI's way */
	uint32_t acpi_selects;	   /* buses whose slots do, at most */
	uint32_t acpi_root_select; /* number of the root, + 1; 0: not known */
	uint32_t ecam_count;
	struct pci_ecam *ecam[PCI_ECAM_MAX];
	uint8_t visited[PCI_BUSES / 8]; /* of the segment that is being scanned */
};

/* access.c */

/** Find the access methods for configuration space. @return 0, -ENODEV, -ENOMEM */
int64_t access_init(struct pci_host *host);
/** Make functions on a bus accessible. @return 0, -ENODEV: no method reaches the bus */
int64_t access_bus(struct pci_host *host, uint32_t segment, uint32_t bus);
void access_attach(struct pci_function *function);
void access_exit(struct pci_host *host);
/** Bytes of a function's configuration space that can be accessed. */
uint32_t access_size(const struct pci_function *function);
static inline uint32_t function_read(const struct pci_function *function, uint32_t offset,
				     uint32_t bytes)
{
	return function->config.read(function->config.context, offset, bytes);
}
static inline void function_write(const struct pci_function *function, uint32_t offset,
				  uint32_t bytes, uint32_t value)
{
	function->config.write(function->config.context, offset, bytes, value);
}

/* scan.c */

/** Find all functions; none is offered to drivers yet. */
void scan_all(struct pci_host *host);
/** Find the new functions behind a port, assign addresses, and offer them to drivers. @return how many */
uint32_t scan_slot(struct pci_function *port);
/** The same, of a device on a bus: @p bridge, or NULL for the first root bus. */
uint32_t scan_place(struct pci_host *host, struct pci_function *bridge, uint32_t device);
/** Offer a function to drivers. @return 0 or -errno */
int64_t function_offer(struct pci_function *function);
/** Remove a function. @param gone  1: it was unplugged already */
void function_remove(struct pci_function *function, uint32_t gone);
/** The first function behind a port, or NULL. */
struct pci_function *function_behind(const struct pci_function *port, struct pci_function *after);

/* line.c */

/** The ISA line of a function's interrupt; 0: none, or unknown. */
uint32_t line_find(const struct pci_function *function);

/* device.c: methods of the bus */
extern const struct banos_bus_ops device_ops;
/** Set bits of the command register, also of the bridges above. */
int64_t device_enable(struct pci_function *function, uint32_t bits);

/* slot.c */
int64_t slot_main(void *context);
/** Remove functions that do not respond any more. */
void slots_check_missing(struct pci_host *host);
void slot_wake(struct pci_host *host);

/* acpi_slot.c */

/** Find out whether slots change by ACPI's way; then those of ports do not change natively. */
void acpi_slot_init(struct pci_host *host);
void acpi_slot_check(struct pci_host *host);
void acpi_slot_exit(struct pci_host *host);

#endif
