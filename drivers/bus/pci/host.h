/* SPDX-License-Identifier: MIT */
/**
 * @file host.h  The driver's own view of PCI: the host, and each function that ever answered.
 *
 * A function's structure stays until the driver goes, so that who found it by a
 * handle may use it; one that was pulled out is marked, and used again when
 * something answers at its place.
 *
 * What is there changes in one thread only: probe() at first, then the thread of
 * slot.c. irq_lock (mutex) guards what connect(), disconnect() and quiesce()
 * change; it is never held across a call that may lead back here. ports_lock (spin)
 * keeps the two accesses of a configuration cycle together.
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
	struct pci_function *bridge; /* it is behind; NULL: at a root */
	uint32_t address;
	uint32_t present; /* it answered when we looked last */
	struct pci_config config;
	struct pci_info info;
	banos_device device; /* valid while present */

	/* interrupts; under irq_lock */
	void *table; /* MSI-X, mapped while one is connected; or NULL */
	banos_mmio table_mapping;
	uint32_t connected_count;
	uint64_t connected[PCI_MESSAGES_MAX / 64];

	/* a port with a slot that can change */
	uint32_t off;	/* its power was turned off on request: stays so until it was empty */
	uint32_t tries; /* to find what was put in */
};

struct pci_ecam {
	uint32_t segment, first, last;
	uint64_t start;
	void *buses[PCI_BUSES]; /* mapped when first needed */
	banos_mmio mappings[PCI_BUSES];
};

struct pci_host {
	banos_owner self;
	banos_bus bus;
	banos_ports ports;
	struct banos_spinlock ports_lock;
	struct banos_mutex irq_lock;
	struct pci_function *functions;
	struct banos_wait wake; /* the thread of slot.c has something to look at */
	banos_thread thread;
	uint32_t slots; /* there are some that can change */
	uint32_t ecam_count;
	struct pci_ecam *ecam[PCI_ECAM_MAX];
	uint8_t visited[PCI_BUSES / 8]; /* of the segment that is being scanned */
};

/* access.c */

/** Find the ways to configuration space. */
int64_t access_init(struct pci_host *host);
/** Make functions on a bus reachable. @return 0, or they are not */
int64_t access_bus(struct pci_host *host, uint32_t segment, uint32_t bus);
void access_attach(struct pci_function *function);
void access_exit(struct pci_host *host);
/** Bytes of a function's configuration space that can be reached. */
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

/** Find everything; nothing is offered yet. */
void scan_all(struct pci_host *host);
/** What is behind a port now and was not before: find, give addresses, offer it. @return how many */
uint32_t scan_slot(struct pci_function *port);
/** Offer a function to drivers. @return 0 or why not */
int64_t function_offer(struct pci_function *function);
/** It is taken away: gone 1: it was pulled out. */
void function_remove(struct pci_function *function, uint32_t gone);
/** The first function behind a port, or NULL. */
struct pci_function *function_behind(const struct pci_function *port, struct pci_function *after);

/* device.c: methods of the bus */
extern const struct banos_bus_ops device_ops;
/** Turn bits of the command register on, also of the bridges on the way. */
int64_t device_enable(struct pci_function *function, uint32_t bits);

/* slot.c */
int64_t slot_main(void *context);
void slot_wake(struct pci_host *host);

#endif
