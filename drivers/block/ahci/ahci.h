/* SPDX-License-Identifier: MIT */
/**
 * @file ahci.h  The state of the driver "ahci": a controller, its ports, and what is connected to them.
 *
 * A disk (sda, sdb...) takes up to 32 commands at a time where it knows queued ones, else one. Queued commands and
 * others never mix: a flush waits until no queued one is out, and nothing is out beside it; the class submits again what was
 * not taken. A drive (sr0...) takes packets, one at a time, and is only read from.
 *
 * An error ends all queued commands, and there are controllers (QEMU's) that do not tell whose it was. So the port is reset,
 * and what was out is executed again, one command after the other and not queued: what fails then has failed. That is done
 * by the port's work, as is looking for what was plugged in or pulled out. A port is only ever reset by
 * its link: a controller that was told to stop may still transfer, but not after that.
 *
 * Locks, in this order:
 *   port->mutex  resets, commands that are executed alone, coming and going of the disk
 *   port->lock   (spin) commands that are out. Requests are completed with it held, so that nobody completes one after a reset
 *
 * Source: AHCI 1.3.1; Serial ATA 3.1; ACS-3; MMC-5.
 */
#ifndef AHCI_H
#define AHCI_H

#include <banos/block.h>
#include <banos/bus.h>
#include <banos/dma.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/lock.h>
#include <banos/pci.h>
#include <banos/time.h>
#include <banos/work.h>
#include "command.h"
#include "identify.h"
#include "registers.h"

#define SLOTS_MAX 32u

/* What is at a port. */
enum {
	PORT_EMPTY,
	PORT_DISK,
	PORT_DRIVE,
};

/** A request that is out. */
struct ahci_slot {
	uint32_t tag;
	uint32_t pieces;
	struct ahci_command command;
	uint8_t packet[PACKET_BYTES];
};

struct ahci_controller;
struct ahci_port {
	struct ahci_controller *controller;
	uint32_t number;
	uint32_t kind; /* under mutex */
	char *registers;
	banos_dma dma; /* NULL: none */
	uint8_t *memory;
	uint64_t address;

	struct banos_mutex mutex;
	struct ata_identity identity;
	banos_block block; /* atomic; NULL: not registered */
	banos_work work;

	struct banos_spinlock lock;
	uint32_t is_live;   /* requests are taken */
	uint32_t out;	    /* commands, a bit each */
	uint32_t is_queued; /* those that are out */
	struct ahci_slot slots[SLOTS_MAX];
};

struct ahci_controller {
	banos_owner self;
	char *registers;
	banos_mmio mapping;
	uint32_t cap;
	uint32_t by_line;
	uint32_t interrupts; /* atomic: how often a command was found that had ended */
	banos_irq irq;	     /* NULL: none */
	uint32_t limit_ms;
	struct ahci_port *ports[PORTS_MAX]; /* NULL: the controller lacks it */
};

static inline uint32_t port_read(const struct ahci_port *port, uint32_t offset)
{
	return banos_mmio_read32(port->registers + offset);
}
static inline void port_write(const struct ahci_port *port, uint32_t offset, uint32_t value)
{
	banos_mmio_write32(port->registers + offset, value);
}

/* The memory of a port: tables, the list of commands, what is received, a buffer. */
#define MEMORY_LIST	(SLOTS_MAX * TABLE_BYTES)
#define MEMORY_RECEIVED (MEMORY_LIST + LIST_BYTES)
#define MEMORY_BUFFER	(MEMORY_RECEIVED + 1024u)
#define BUFFER_BYTES	512u
#define MEMORY_BYTES	(MEMORY_BUFFER + BUFFER_BYTES)

/* main.c */

/** Messages do not arrive: use the line. */
void controller_take_line(struct ahci_controller *controller);

/* port.c */

/** Allocate a port's memory and begin to receive. @return 0 or -errno */
int64_t port_create(struct ahci_controller *controller, uint32_t number);
/** It accesses memory no more. mutex held. @return 0, -EIO */
int64_t port_stop(struct ahci_port *port);
/** Reset what is connected, by the link, and let it run. mutex held. @return 0, -ENODEV: nothing is, -EIO */
int64_t port_restart(struct ahci_port *port);
/**
 * @brief Execute a command alone, with the data in a port's buffer or in the pieces that its table has already.
 * mutex held; no command is out.
 * @param bytes  of the port's buffer; 0: none
 * @return 0, -EIO: it failed (the port has been reset); -ETIMEDOUT
 */
int64_t port_execute(struct ahci_port *port, const struct ahci_command *command, uint32_t bytes,
		     uint32_t limit_ms);
/** Execute a slot's command again, alone. mutex held. @return as port_execute() */
int64_t port_execute_slot(struct ahci_port *port, uint32_t slot);
/** Its interrupt. @return how many commands had ended, or 1 if there was another event */
uint32_t port_interrupt(struct ahci_port *port);
/** Look for commands that have ended. @return how many */
uint32_t port_collect(struct ahci_port *port);
/** The port's work. */
int64_t port_work(void *context);
/** No request is taken any more; those that are out are returned, a bit each. */
uint32_t port_take_out(struct ahci_port *port);
void port_go_live(struct ahci_port *port);
void port_complete(struct ahci_port *port, uint32_t slot, int64_t error);

/* disk.c: disks */

/** Register what is connected. mutex held. @return 0 or -errno */
int64_t disk_attach(struct ahci_port *port);
/** What of the methods of the class disks and drives have in common. */
int64_t port_timeout(void *context, uint32_t queue, uint32_t tag);
int64_t port_reset(void *context);

/* packet.c: drives */

int64_t drive_attach(struct ahci_port *port);
/** Execute the packet of a slot, which has failed, once more. mutex held. @return 0, -EIO, -ENOMEDIUM */
int64_t drive_repeat(struct ahci_port *port, uint32_t slot);

#endif
