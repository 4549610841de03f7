/* SPDX-License-Identifier: MIT */
/**
 * @file pci.h  Devices on PCI. The driver "pci" provides the functions declared here.
 *
 * A driver for PCI devices declares which ones it serves, and registers a prober for
 * the bus "pci" (<banos/bus.h>):
 *
 *	BANOS_SERVES(PCI_ID(1234, 11E8));
 *
 * Its base address registers are the device's resources (banos_resource_get());
 * its interrupts are obtained with banos_irq_create(): by MSI-X where the device has it,
 * else by MSI, else by its interrupt line.
 *
 * @p device is always the owner that probe() received. Each function returns
 * -ENODEV if it is not a device on PCI, or its remove() has returned.
 */
#ifndef BANOS_PCI_H
#define BANOS_PCI_H

#include <banos/export.h>

/** For BANOS_SERVES(): @p vendor and @p device, four digits each, in upper case; others do not compile. */
#define PCI_ID(vendor, device) "pci:v0000" #vendor "d0000" #device "sv*sd*bc*sc*i*"
/** All devices of a class: two digits each, in upper case; others do not compile. @p interface may be *. */
#define PCI_CLASS(base, sub, interface) "pci:v*d*sv*sd*bc" #base "sc" #sub "i" #interface "*"

/** Identity of a device. */
struct pci_identity {
	uint32_t size;
	uint32_t vendor, device, subvendor, subdevice;
	uint32_t class_code; /**< base * 65536 + sub * 256 + interface */
	uint32_t revision;
	uint32_t zero; /**< 0 */
};
#define PCI_IDENTITY_SIZE_1 32u
BANOS_ASSERT(BANOS_SIZE_TO(struct pci_identity, zero) == PCI_IDENTITY_SIZE_1, pci_identity);
BANOS_ASSERT(offsetof(struct pci_identity, revision) == 24, pci_identity_revision);

/* For pci_enable(): bits of the command register. */
#define PCI_PORTS  1u /**< it responds at its ports */
#define PCI_MEMORY 2u /**< it responds in memory */
#define PCI_MASTER 4u /**< it may access memory (DMA) */

/** For pci_find_capability(): added to the number of a capability in the extended configuration space. */
#define PCI_EXTENDED 0x10000u

BANOS_BEGIN

/**
 * @brief Identify a device.
 * Since 1, provided by a driver: pci.
 * Context: any.
 * @param identity  read and written: size is read, and set to how much of it is known; the rest is written
 * @return 0, -EINVAL: NULL, or size is less than PCI_IDENTITY_SIZE_1, -E2BIG: size is over 4096, -ENODEV
 */
BANOS_SINCE(1) int64_t pci_identify(banos_owner device, struct pci_identity *identity);

/**
 * @brief Enable functions of a device.
 * Since 1, provided by a driver: pci.
 * Context: thread.
 * What is enabled stays so; it is not counted. The bus turns PCI_MASTER off when the device is released.
 * @param what  PCI_PORTS, PCI_MEMORY, PCI_MASTER; 0: nothing
 * @return 0, -EINVAL: another bit, -EIO: the device did not accept it, -ENODEV
 */
BANOS_SINCE(1) int64_t pci_enable(banos_owner device, uint32_t what);

/**
 * @brief Disable functions of a device.
 * Since 1, provided by a driver: pci.
 * Context: thread.
 * @param what  PCI_PORTS, PCI_MEMORY, PCI_MASTER; 0: nothing
 * @return 0, -EINVAL: another bit, -ENODEV
 */
BANOS_SINCE(1) int64_t pci_disable(banos_owner device, uint32_t what);

/**
 * @brief Read configuration space.
 * Since 1, provided by a driver: pci.
 * Context: any.
 * @param offset  a multiple of @p bytes; below 256, or below 4096 where machine and device support it
 * @param bytes   1, 2 or 4
 * @return the value, from 0 to 2^32 - 1, all bits set if the device was unplugged; -EINVAL: no such
 *	   register, -ENODEV
 */
BANOS_SINCE(1) int64_t pci_config_read(banos_owner device, uint32_t offset, uint32_t bytes);

/**
 * @brief Write to the device-specific part of configuration space: not to the first
 * 64 bytes, nor to the capabilities that control its interrupts.
 * Since 1, provided by a driver: pci.
 * Context: any.
 * @param offset  as for pci_config_read()
 * @param bytes   1, 2 or 4
 * @param value   its low bytes are written
 * @return 0, also if the device was unplugged; -EPERM: the bus controls that register, -EINVAL: no such
 *	   register, -ENODEV
 */
BANOS_SINCE(1)
int64_t pci_config_write(banos_owner device, uint32_t offset, uint32_t bytes, uint32_t value);

/**
 * @brief Find a capability, or the next one of the same number.
 * Since 1, provided by a driver: pci.
 * Context: any.
 * @param id     its number; PCI_EXTENDED + its number for one in extended configuration space
 * @param after  0: the first one of the list; offset of a capability: the first one behind it
 * @return its offset in configuration space, -ENOENT: the device has none (of a list that is a circle,
 *	   each is found once), -EINVAL: @p after cannot be the offset of a capability, -ENODEV
 */
BANOS_SINCE(1) int64_t pci_find_capability(banos_owner device, uint32_t id, uint32_t after);

/**
 * @brief Check whether the device is still present, after a malformed answer such as all bits set.
 * Since 1, provided by a driver: pci.
 * Context: any.
 * If it was unplugged, the bus removes it soon, after this has returned.
 * @return 0: it is present, -ENODEV: it was unplugged
 */
BANOS_SINCE(1) int64_t pci_check(banos_owner device);

BANOS_END

/* What its exports and the calls of its importers state. */
#define PCI_IDENTIFY_AS	       "hf"
#define PCI_ENABLE_AS	       "hi"
#define PCI_DISABLE_AS	       "hi"
#define PCI_CONFIG_READ_AS     "hii"
#define PCI_CONFIG_WRITE_AS    "hiii"
#define PCI_FIND_CAPABILITY_AS "hii"
#define PCI_CHECK_AS	       "h"

BANOS_IMPORT_AS(pci_identify, PCI_IDENTIFY_AS);
BANOS_IMPORT_AS(pci_enable, PCI_ENABLE_AS);
BANOS_IMPORT_AS(pci_disable, PCI_DISABLE_AS);
BANOS_IMPORT_AS(pci_config_read, PCI_CONFIG_READ_AS);
BANOS_IMPORT_AS(pci_config_write, PCI_CONFIG_WRITE_AS);
BANOS_IMPORT_AS(pci_find_capability, PCI_FIND_CAPABILITY_AS);
BANOS_IMPORT_AS(pci_check, PCI_CHECK_AS);

#endif
