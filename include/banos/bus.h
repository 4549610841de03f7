/* SPDX-License-Identifier: MIT */
/**
 * @file bus.h  Buses, the devices on them, and drivers for those devices.
 *
 * There are two kinds of users:
 *
 * - The driver of a bus (PCI, virtio) registers the bus and the devices on
 *   it: banos_bus_register(), banos_device_add(), banos_device_remove(). Each device
 *   has an alias, a string that describes it, such as
 *   "pci:v00001234d000011E8sv00001AF4sd00001100bc00sc00i00".
 *
 * - The driver of a device declares with BANOS_SERVES() (<banos/driver.h>) which
 *   aliases it serves, and registers a prober: banos_prober_register(). For each
 *   device of that bus that matches and has no driver, its probe() is called, in a
 *   thread of the kernel; insmod waits until it returns. Of several drivers that match,
 *   the one whose pattern has the most literal characters (all but * and ?) is asked first,
 *   then the one that was installed first. A device keeps its driver when a better one is
 *   installed; when its driver is removed it is offered to the others.
 *
 * probe() receives the device as a banos_owner: every resource that is
 * obtained for the device has it as its owner. What probe() registers
 * becomes visible together after it succeeded. The device is released when it is
 * unplugged, or when its driver or the bus is removed. Then
 *
 *   1. no more resources can be obtained for it (-ENODEV), and a thread that sleeps on a
 *	wait object that it owns returns with -ENODEV;
 *   2. its registrations are withdrawn: files that are still open return
 *	-ENODEV, a thread that sleeps in one of its methods returns with -ENODEV,
 *	whatever it sleeps on, and the kernel waits for running calls;
 *   3. remove() is called;
 *   4. the bus stops the device's DMA and interrupts: quiesce();
 *   5. the resources that it still owns are released, and reported as leaked.
 *
 * No step waits longer than 10 s: then the result is -EBUSY, the log states the reason, and the
 * removal can be repeated. Only a function of a driver that is called meanwhile may take longer.
 *
 * Memory that the device may still write to is not used again before quiesce()
 * succeeded (<banos/dma.h>).
 *
 * The kernel provides one bus, "system", with the devices that the firmware's tables describe.
 * Its device "pci" has the alias "system:pci".
 */
#ifndef BANOS_BUS_H
#define BANOS_BUS_H

#include <banos/base.h>

/** Handle of a registered bus. */
typedef struct banos_bus_ *banos_bus;
/** Handle of a device, for the driver of its bus. */
typedef struct banos_device_ *banos_device;
/** Handle of a registered prober. */
typedef struct banos_prober_ *banos_prober;

/* ---- resources of a device ---- */

#define BANOS_RESOURCE_NONE   0u /**< no resource of this number */
#define BANOS_RESOURCE_MEMORY 1u /**< physical addresses, for banos_mmio_map() */
#define BANOS_RESOURCE_PORTS  2u /**< I/O ports, for banos_ports_claim() */
/** Physical addresses of PCI configuration space; data is segment * 65536 + first bus * 256 + last bus. */
#define BANOS_RESOURCE_ECAM 3u

/** For banos_resource.flags: reading has no effect, so writes may be joined: BANOS_MMIO_COMBINE. */
#define BANOS_RESOURCE_PREFETCHABLE 1u

struct banos_resource {
	uint32_t size;
	uint32_t kind; /**< BANOS_RESOURCE_... */
	uint64_t start;
	uint64_t length;
	uint64_t data; /**< of some kinds; else 0 */
	uint32_t
		flags; /**< BANOS_RESOURCE_PREFETCHABLE; other bits may be set in what the kernel fills */
	uint32_t zero; /**< 0 */
	/** Bytes of it that are the bus's own, such as MSI-X tables: programs may not map their pages. */
	uint64_t reserved_offset;
	uint64_t reserved_length; /**< 0: none */
};
#define BANOS_RESOURCE_SIZE_1 56u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_resource, reserved_length) == BANOS_RESOURCE_SIZE_1,
	     resource);
BANOS_ASSERT(offsetof(struct banos_resource, data) == 24, resource_data);

/* ---- for the driver of a bus ---- */

/* For struct banos_irq_line. */
#define BANOS_LINE_ISA \
	1u /**< flag: number is an ISA line, 0 to 15, which the machine may map to another input */
#define BANOS_LINE_DEFAULT \
	0u /**< trigger and polarity: as the machine's tables say, else level, low; ISA: edge, high */
#define BANOS_LINE_EDGE	 1u /**< trigger */
#define BANOS_LINE_LEVEL 2u /**< trigger */
#define BANOS_LINE_HIGH	 1u /**< polarity */
#define BANOS_LINE_LOW	 2u /**< polarity */

/** An interrupt line. */
struct banos_irq_line {
	uint32_t size;
	uint32_t flags;	   /**< 0 or BANOS_LINE_ISA */
	uint32_t number;   /**< of the interrupt input, counted over all interrupt controllers */
	uint32_t trigger;  /**< BANOS_LINE_DEFAULT, _EDGE or _LEVEL */
	uint32_t polarity; /**< BANOS_LINE_DEFAULT, _HIGH or _LOW */
	uint32_t zero;	   /**< 0 */
};
#define BANOS_IRQ_LINE_SIZE_1 24u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_irq_line, zero) == BANOS_IRQ_LINE_SIZE_1, irq_line);
BANOS_ASSERT(offsetof(struct banos_irq_line, polarity) == 16, irq_line_polarity);

/**
 * Methods of a bus for its devices. All methods run in a thread and may
 * sleep, and several may run at once, for different devices and for one; @p device is the context that was passed to banos_device_add().
 * They may be called at any time between that and the end of
 * banos_device_remove(), also during that call: the driver must not hold a lock
 * across it that they acquire. A result that is neither 0 nor an error counts as -EINVAL.
 */
struct banos_bus_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Stop the device. Afterwards it neither writes to memory nor sends
	 * interrupts: bus mastering is off, pending transactions have ended, the
	 * device is reset where possible. Mandatory.
	 * @return 0. After an error its DMA memory is not used again.
	 */
	int64_t (*quiesce)(void *context, void *device);
	/**
	 * Let the device send its interrupt @p index by writing @p data to @p address.
	 * @return 0. Default: -EOPNOTSUPP; also the result where only line() works.
	 */
	int64_t (*connect)(void *context, void *device, uint32_t index, uint64_t address,
			   uint32_t data);
	/**
	 * Stop the device from sending its interrupt @p index; after line(), with 0, from
	 * asserting its line. @return 0. Default: 0.
	 */
	int64_t (*disconnect)(void *context, void *device, uint32_t index);
	/**
	 * Let the device use its interrupt line, and describe that. All of its messages are disconnected.
	 * @param line  size is read; the rest is zero and to be written, no further than size says
	 * @return 0. Default: -ENODEV: it has none.
	 */
	int64_t (*line)(void *context, void *device, struct banos_irq_line *line);
};
#define BANOS_BUS_OPS_SIZE_1 40u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_bus_ops, line) == BANOS_BUS_OPS_SIZE_1, bus_ops);
BANOS_ASSERT(offsetof(struct banos_bus_ops, line) == 32, bus_ops_line);

struct banos_bus_config {
	uint32_t size;
	uint32_t zero;			 /**< 0 */
	void *context;			 /**< for the methods */
	const struct banos_bus_ops *ops; /**< read; its functions lie in the driver */
	/** Letters, digits, _ and -; NUL-terminated; not "system". Several buses may have one name. */
	char name[32];
};
#define BANOS_BUS_CONFIG_SIZE_1 56u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_bus_config, name) == BANOS_BUS_CONFIG_SIZE_1, bus_config);
BANOS_ASSERT(offsetof(struct banos_bus_config, name) == 24, bus_config_name);

#define BANOS_DEVICE_RESOURCES 16u /**< maximum of one device */

/** Of a PCI function: this + segment * 65536 + bus * 256 + device * 8 + function. */
#define BANOS_BUS_ID_PCI ((uint64_t)1 << 32)

struct banos_device_config {
	uint32_t size;
	uint32_t interrupts; /**< interrupts that it can send as messages, at most 2048; 0: none */
	void *context;	     /**< for the bus's methods */
	/** @p resource_count of them, @p resource_stride bytes apart; read. May be NULL if there are none. */
	const struct banos_resource *resources;
	uint32_t resource_count;  /**< at most BANOS_DEVICE_RESOURCES */
	uint32_t resource_stride; /**< sizeof(struct banos_resource): a multiple of 8 */
	/** Lines "NAME=value", each but the last with '\n', for programs that are notified of the device; text, read. May be NULL. */
	const char *properties;
	/**
	 * The same, "name=value": each becomes a file in /sys; text, read. May be NULL. A name has at most 40
	 * bytes, no '/', and does not begin with '.'; a line with another one is ignored.
	 */
	const char *attributes;
	/** What its own accesses to memory carry as their origin: BANOS_BUS_ID_...; 0: as the device that provides the bus. */
	uint64_t bus_id;
	/** Width of the addresses that it can access by itself, 16 to 64; 0: as the device that provides the bus. */
	uint32_t dma_bits;
	/** Memory node that it is close to, + 1; 0: as the device that provides the bus. */
	uint32_t node;
	char name[64];	 /**< one of its bus: letters, digits and _ - . :; NUL-terminated */
	char alias[248]; /**< bus name, ':', description; NUL-terminated, without blanks */
};
#define BANOS_DEVICE_CONFIG_SIZE_1 376u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_device_config, alias) == BANOS_DEVICE_CONFIG_SIZE_1,
	     device_config);
BANOS_ASSERT(offsetof(struct banos_device_config, name) == 64, device_config_name);
BANOS_ASSERT(offsetof(struct banos_device_config, alias) == 128, device_config_alias);

/** For banos_device_remove(): the device was unplugged and cannot be accessed any more. */
#define BANOS_DEVICE_GONE 1u

/* ---- for the driver of a device ---- */

/** What a device's bus says of it; where that is nothing, what the device that provides the bus has. */
struct banos_device_info {
	uint32_t size;
	uint32_t dma_bits; /**< width of the addresses that it can access by itself; 0: not known */
	uint64_t bus_id;   /**< origin of its accesses to memory: BANOS_BUS_ID_...; 0: not known */
	uint32_t node;	   /**< memory node that it is close to, + 1; 0: not known */
	uint32_t zero;	   /**< 0 */
};
#define BANOS_DEVICE_INFO_SIZE_1 24u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_device_info, zero) == BANOS_DEVICE_INFO_SIZE_1,
	     device_info);
BANOS_ASSERT(offsetof(struct banos_device_info, node) == 16, device_info_node);

struct banos_prober_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Start to serve a device. *@p state is NULL at first; a pointer that is stored
	 * there is passed to remove(). Mandatory. Called in a thread; may sleep. Probes of different
	 * devices may run at once.
	 * @param device  the owner of all that is obtained for it
	 * @param state   8 bytes, read and written
	 * @param data    of the BANOS_SERVES_DATA() whose pattern matches: of several, the one
	 *		  with the most literal characters; with BANOS_SERVES() 0
	 * @return 0; -ENODEV: this driver does not serve the device; another error is
	 *	   logged; more than 0 counts as -EINVAL. After an error the bus stops the device, quiesce(), and all its resources
	 *	   are released.
	 */
	int64_t (*probe)(void *context, banos_owner device, uint64_t data, void **state);
	/**
	 * The device is released: see above. Its files and registrations are
	 * withdrawn; its interrupts, timers, work and threads may still run. It may
	 * not respond any more. @return 0. Default: 0.
	 */
	int64_t (*remove)(void *context, banos_owner device, void *state);
};
#define BANOS_PROBER_OPS_SIZE_1 24u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_prober_ops, remove) == BANOS_PROBER_OPS_SIZE_1, prober_ops);
BANOS_ASSERT(offsetof(struct banos_prober_ops, remove) == 16, prober_ops_remove);

struct banos_prober_config {
	uint32_t size;
	uint32_t zero;			    /**< 0 */
	void *context;			    /**< for the methods */
	const struct banos_prober_ops *ops; /**< read; its functions lie in the driver */
	char bus[32];			    /**< name of the bus; NUL-terminated */
};
#define BANOS_PROBER_CONFIG_SIZE_1 56u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_prober_config, bus) == BANOS_PROBER_CONFIG_SIZE_1,
	     prober_config);
BANOS_ASSERT(offsetof(struct banos_prober_config, bus) == 24, prober_config_bus);

BANOS_BEGIN

/**
 * @brief Register a bus.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: ends, with all its devices, by banos_bus_remove(), or with its owner.
 * @param owner   the owner of the bus: the driver, or the device that provides the bus
 * @param config  read; copied, with its table of methods
 * @param bus     written: the handle
 * @return 0, -EINVAL: a field is wrong, or quiesce() is missing, -E2BIG: an unknown
 *	   field is not 0, -EOPNOTSUPP: an unknown bit in ops->must, -ENOMEM, -ENODEV:
 *	   @p owner is being removed
 */
BANOS_SINCE(1)
int64_t banos_bus_register(banos_owner owner, const struct banos_bus_config *config,
			   banos_bus *bus);

/**
 * @brief Withdraw a bus and all its devices.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the bus's methods take: calls remove() of the
 * devices' drivers, and quiesce(). Not from probe() or remove() of one of its devices.
 * @return 0, -EINVAL: no such bus, -EBUSY: a driver does not release its device, or is in probe() or
 *	   remove() of it for 10 s (no device can be added any more; it can be removed later)
 */
BANOS_SINCE(1) int64_t banos_bus_remove(banos_bus bus);

/**
 * @brief Add a device to the bus.
 * Since 1, provided by the kernel.
 * Context: thread. The kernel looks for a driver later, not during this call.
 * Ownership: the device belongs to the bus until banos_device_remove().
 * @param config  read; copied, with resources and texts (each text at most 1023 bytes)
 * @param device  written: the handle
 * @return 0, -EINVAL: a field is wrong, or no such bus, -E2BIG: an unknown field is not
 *	   0, -EEXIST: a bus of this name has a device of this name, -ENOMEM, -ENODEV:
 *	   the bus is being removed
 */
BANOS_SINCE(1)
int64_t banos_device_add(banos_bus bus, const struct banos_device_config *config,
			 banos_device *device);

/**
 * @brief A device is no longer there, or is to be taken away.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the bus's methods take: calls remove() of the
 * device's driver, and then quiesce() unless it is gone.
 * @param flags  0 or BANOS_DEVICE_GONE
 * @return 0, -EINVAL: no such device or flag, -EBUSY: its driver does not release it (the
 *	   device stays, and can be removed later); also from probe() or remove() of the device itself
 */
BANOS_SINCE(1) int64_t banos_device_remove(banos_device device, uint32_t flags);

/**
 * @brief For functions that the bus's driver exports: the bus's context of a device.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param bus      of the caller; NULL: any of the caller's, also one that is being removed
 * @param device   the owner that probe() received
 * @param context  written, 8 bytes: the context that was passed to banos_device_add()
 * @return 0, -EINVAL: @p bus is none of the caller's, -ENODEV: not a device of such a bus, or its driver does not
 *	   serve it any more, or who passed @p device to the caller has no right to it
 */
BANOS_SINCE(1) int64_t banos_device_context(banos_bus bus, banos_owner device, void **context);

/**
 * @brief Register as a driver of devices.
 * Since 1, provided by the kernel.
 * Context: thread. probe() is called later, by a thread of the kernel; after a call from
 * init(), once init() has succeeded.
 * Ownership: ends by banos_prober_remove(), or before exit() runs; then its devices are released.
 * @param owner   the driver itself: what init() received
 * @param config  read; copied, with its table of methods
 * @param prober  written: the handle. May be NULL.
 * @return 0, -EINVAL: a field is wrong, or probe() is missing, or the driver has no
 *	   BANOS_SERVES() for this bus, -E2BIG: an unknown field is not 0, -EOPNOTSUPP:
 *	   an unknown bit in ops->must, -ENOMEM, -ENODEV: @p owner is being removed
 */
BANOS_SINCE(1)
int64_t banos_prober_register(banos_owner owner, const struct banos_prober_config *config,
			      banos_prober *prober);

/**
 * @brief Withdraw a prober; its devices are released.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that remove() takes; not from probe() or remove().
 * @return 0, -EINVAL: no such prober, -EBUSY: a function or thread of a device does not end, or the caller
 *	   is probe() or remove() (it can be removed later)
 */
BANOS_SINCE(1) int64_t banos_prober_remove(banos_prober prober);

/**
 * @brief Get a resource of a device.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param device    the owner that probe() received
 * @param index     for PCI: number of the base address register
 * @param resource  size is read; the rest written, no further than that
 * @return 0 (a number between others may be of kind BANOS_RESOURCE_NONE), -ENOENT: no resource has this or a
 *	   higher number, -EINVAL: not a device, or size is too small, -E2BIG: size is over 4096
 */
BANOS_SINCE(1)
int64_t banos_resource_get(banos_owner device, uint32_t index, struct banos_resource *resource);

/**
 * @brief Get the number of interrupts that a device can send as messages.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param device  the owner that probe() received
 * @return 0 or more, -EINVAL: not a device
 */
BANOS_SINCE(1) int64_t banos_device_interrupts(banos_owner device);

/**
 * @brief Get what a device's bus knows of it.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param device  the owner that probe() received
 * @param info    size is read; the rest written, no further than that
 * @return 0, -EINVAL: not a device, or size is too small, -E2BIG: size is over 4096
 */
BANOS_SINCE(1)
int64_t banos_device_info(banos_owner device, struct banos_device_info *info);

/**
 * @brief Get a device's name, which is unique on its bus.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param device  the owner that probe() received
 * @param buffer  @p size bytes, written: the name with a NUL, cut where it does not fit
 * @return length of the whole name, at most 63, -EINVAL: not a device, or @p buffer is not the driver's memory
 */
BANOS_SINCE(1) int64_t banos_device_name(banos_owner device, char *buffer, uint64_t size);

BANOS_END

#endif
