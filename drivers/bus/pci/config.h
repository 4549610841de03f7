/* SPDX-License-Identifier: MIT */
/**
 * @file config.h  PCI configuration space: reading the description of a function. Pure.
 *
 * It is accessed through two callbacks, so that tests can supply any bytes.
 * A device is not trusted: lists may be circular, sizes may have any value, and
 * a device that is unplugged during a scan reads as all bits set.
 *
 * PCI Local Bus 3.0, 6; PCI-to-PCI Bridge 1.2, 3.2; PCI Express 3.0, 7.
 */
#ifndef PCI_CONFIG_H
#define PCI_CONFIG_H

#include <stddef.h>
#include <stdint.h>

/** The accessors of one function's configuration space; bytes is 1, 2 or 4, offset a multiple of it. */
struct pci_config {
	void *context;
	uint32_t (*read)(void *context, uint32_t offset, uint32_t bytes);
	void (*write)(void *context, uint32_t offset, uint32_t bytes, uint32_t value);
};

#define REG_ID			0x00
#define REG_COMMAND		0x04
#define COMMAND_PORTS		0x001
#define COMMAND_MEMORY		0x002
#define COMMAND_MASTER		0x004
#define COMMAND_NO_INTX		0x400
#define REG_STATUS		0x06
#define STATUS_CAPABILITIES	0x10
#define REG_CLASS		0x08
#define REG_HEADER		0x0e
#define REG_BAR			0x10
#define REG_BUSES		0x18
#define REG_IO_WINDOW		0x1c
#define REG_MEMORY_WINDOW	0x20
#define REG_PREFETCH_WINDOW	0x24
#define REG_PREFETCH_BASE_HIGH	0x28
#define REG_PREFETCH_LIMIT_HIGH 0x2c
#define REG_SUBSYSTEM		0x2c
#define REG_IO_WINDOW_HIGH	0x30
#define REG_CAPABILITIES	0x34
#define REG_LINE		0x3c
#define REG_PIN			0x3d

#define CAP_PM	    0x01
#define CAP_MSI	    0x05
#define CAP_EXPRESS 0x10
#define CAP_MSIX    0x11
#define CAP_AF	    0x13

#define CONFIG_HEADER 0x40  /* bytes; capabilities follow it */
#define CONFIG_SIZE   0x100 /* bytes without the extended part */

/* Express: offsets from the capability. */
#define EXP_FLAGS	   0x02
#define EXP_DEVICE_CAPS	   0x04
#define EXP_DEVICE_CONTROL 0x08
#define EXP_DEVICE_STATUS  0x0a
#define EXP_SLOT_CAPS	   0x14
#define EXP_SLOT_CONTROL   0x18
#define EXP_SLOT_STATUS	   0x1a

#define EXP_TYPE_ROOT_PORT  4
#define EXP_TYPE_DOWNSTREAM 6

enum { BAR_NONE, BAR_MEMORY, BAR_PORTS };
struct pci_bar {
	uint8_t kind; /* BAR_... */
	uint8_t is64, prefetch;
	uint8_t assigned;	/* it has an address */
	uint64_t start, length; /* length: a power of two */
};
#define PCI_BARS 6

/** Addresses that a bridge passes on: empty if base is above limit. */
struct pci_window {
	uint64_t base, limit;
};

struct pci_info {
	uint16_t vendor, device, subvendor, subdevice;
	uint8_t class_base, class_sub, class_interface, revision;
	uint8_t header; /* 0: device, 1: bridge, 2: CardBus */
	uint8_t multifunction, line, pin;
	uint8_t primary, secondary, subordinate; /* of a bridge */
	uint8_t express_type;			 /* of an express port or device */
	uint8_t single_slot;			 /* a link with one device behind it */
	uint8_t hotplug;			 /* its slot can change while we run */
	uint8_t cap_pm, cap_msi, cap_msix, cap_express, cap_af; /* offsets, 0: none */
	uint32_t slot_caps;
	uint16_t messages; /* interrupts that it can send by MSI-X, or 1 by MSI, or 0 */
	uint8_t table_bar; /* MSI-X: where its table is */
	uint32_t table_offset;
	uint8_t pending_bar; /* the bits of messages that wait */
	uint32_t pending_offset;
	struct pci_window ports, memory, prefetch; /* of a bridge */
	struct pci_bar bars[PCI_BARS];
};

/** Does the function exist? 0 if the bus has no device there. */
int pci_is_present(const struct pci_config *config);

/**
 * Offset of a capability, 0: none. A list that runs in a circle or into the
 * header ends there.
 */
uint32_t pci_capability(const struct pci_config *config, uint32_t id);
/** The same behind the one at @p after, 0: from the first one. */
uint32_t pci_next_capability(const struct pci_config *config, uint32_t id, uint32_t after);
/** The same in the space of 4096 bytes, for functions that have it. */
uint32_t pci_next_extended(const struct pci_config *config, uint32_t id, uint32_t after);

/** All but the bars. @return 0, -1: nothing there */
int pci_read_info(const struct pci_config *config, struct pci_info *info);

/**
 * The bars: their sizes are found by writing, so decoding is off meanwhile, and
 * the device must not be in use.
 */
void pci_size_bars(const struct pci_config *config, struct pci_info *info);

/** Write the address of a bar to the device; decoding is off. */
void pci_write_bar(const struct pci_config *config, uint32_t index, const struct pci_bar *bar);

/** "pci:v...": @p size bytes are enough if they are 64. */
void pci_alias(const struct pci_info *info, char *text, size_t size);

/**
 * Space for @p length bytes, a power of two and so aligned, in a window of which
 * @p used_count pieces are used.
 * @return address, 0: none
 */
uint64_t pci_find_room(const struct pci_window *window, const struct pci_window *used,
		       size_t used_count, uint64_t length);

#endif
