/* SPDX-License-Identifier: MIT */
/**
 * @file device.h  The driver's state of a device of Virtio on PCI.
 *
 * Each such device provides a bus "virtio" with one device on it, which the drivers of this folder and others
 * serve. So that one is removed with the PCI device, by the kernel.
 *
 * A structure is kept until the driver is removed, and used again for the next device, so that a caller
 * that found it may finish.
 *
 * ->mutex (sleeps) guards the registers of the common structure, ->state and the creation of queues. A
 * queue's ->lock (spin) guards its ring and ->live; a queue that is not live is not touched. Neither is held while
 * the client is called back, and the interrupts' functions do not take the mutex: so it may be
 * held while they are waited for. devices_lock (main.c) guards the list of structures.
 */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

#include <banos/bus.h>
#include <banos/callback.h>
#include <banos/dma.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/lock.h>
#include "ring.h"
#include "virtio.h"

#define VECTORS_MAX 17u /* interrupts of one device that are used */

/* Numbers of features. */
#define FEATURE_INDIRECT    28
#define FEATURE_EVENT_INDEX 29
#define FEATURE_VERSION_1   32
#define FEATURE_PLATFORM    33 /* addresses are those of banos_dma_alloc(): they are always */
#define FEATURE_PACKED	    34
#define FEATURE_BIT(number) (UINT64_C(1) << (number))

#define NO_VECTOR 0xffffu

/* Registers that a capability describes. */
struct virtio_region {
	void *memory; /* NULL: none */
	banos_mmio mapping;
	uint32_t length;
};

struct virtio_queue {
	struct banos_spinlock lock;
	uint32_t live;	 /* atomic where it is read without the lock */
	uint32_t vector; /* number of the interrupt that it shares */
	struct ring ring;
	void *notify; /* its register; NULL: a port of the device's is */
	struct ring_slot *slots;
	banos_dma dma, tables_dma; /* tables_dma: NULL: none */
};

/** Memory of a queue, for the device. */
struct queue_place {
	uint32_t size;
	uint64_t descriptors, available, used;
};

struct virtio_device;
struct virtio_vector {
	struct virtio_device *device;
	uint32_t index;
	uint32_t created;
	uint32_t is_again; /* by the line: the client wanted to be called again */
	banos_irq irq;
};

/* ->state: what the client has done. */
#define STATE_CLOSED  0u
#define STATE_OPEN    1u
#define STATE_STARTED 2u
#define STATE_STUCK   3u /* the device did not accept a reset: its rings are never freed */

/** How the registers of a device are reached: modern.c, legacy.c. ->mutex is held, but for read_interrupt() and notify(). */
struct transport_ops {
	uint32_t (*read_status)(const struct virtio_device *device);
	void (*write_status)(const struct virtio_device *device, uint32_t status);
	/** Memory or ports that nobody answers for: the device may have been unplugged. */
	int (*is_silent)(const struct virtio_device *device);
	uint64_t (*read_features)(const struct virtio_device *device);
	void (*write_features)(const struct virtio_device *device, uint64_t features);
	/** @return the number of descriptors that a queue can have; 0: there is no such queue. queue->notify is written */
	uint32_t (*queue_size)(struct virtio_device *device, uint32_t queue);
	/** @return 0; -EIO: the device refuses the vector or the queue */
	int64_t (*enable_queue)(struct virtio_device *device, uint32_t queue,
				const struct queue_place *place, uint32_t vector);
	/** @return 0; -EIO: the device refuses it */
	int64_t (*set_config_vector)(struct virtio_device *device, uint32_t vector);
	uint32_t (*read_interrupt)(const struct virtio_device *device);
	/** @return a number that differs when the configuration has changed; 0: the device has none */
	uint32_t (*read_generation)(const struct virtio_device *device);
	/** @return the value; -EINVAL */
	int64_t (*read_config)(const struct virtio_device *device, uint32_t offset, uint32_t bytes);
	/** Where queue->notify is NULL. */
	void (*notify)(const struct virtio_device *device, uint32_t queue);
};

struct virtio_device {
	struct virtio_device *next;
	uint32_t number, in_use; /* in_use: under devices_lock */
	banos_owner pci;	 /* its device on PCI */
	banos_bus bus;
	banos_device child;
	banos_callback gone; /* called when the client is */
	struct banos_mutex mutex;
	uint32_t state;
	uint32_t failed;       /* atomic: nothing works until the next reset */
	banos_callback client; /* atomic; NULL: none */

	uint32_t type;
	uint64_t offered, accepted; /* features */
	const struct transport_ops *transport;
	struct virtio_region common, notify, interrupt, config;
	uint32_t notify_multiplier;
	banos_ports ports; /* NULL: its registers are in memory */
	uint32_t ports_count;
	uint32_t queue_count; /* that the client uses */
	uint32_t queues_max;  /* that the device has */

	uint32_t by_line, vector_count;
	struct virtio_vector vectors[VECTORS_MAX];
	struct virtio_queue queues[VIRTIO_QUEUES_MAX];
};

/* transport.c: what both kinds of registers have in common. All with ->mutex held, but for transport_check(). */

/** Find and map the registers. @return 0; -ENODEV: it is not served, which is logged; another error */
int64_t transport_map(struct virtio_device *device);
void transport_unmap(struct virtio_device *device);
/** @return 0; -ENODEV: it is gone; -EIO: it does not accept it, which is logged */
int64_t transport_reset(struct virtio_device *device);
/** Reset it, and read which features it offers. @return as transport_reset() */
int64_t transport_identify(struct virtio_device *device);
/** Reset it and agree on features. @return 0, -EOPNOTSUPP, -EIO, -ENODEV */
int64_t transport_negotiate(struct virtio_device *device, const struct virtio_config *config);
/** Set DRIVER_OK. @return 0, -EIO, -ENODEV */
int64_t transport_start(struct virtio_device *device);
/** Does it ask for a reset, or is it gone? Any context. @return 0, -EIO, -ENODEV */
int64_t transport_check(struct virtio_device *device);

/* modern.c */

/** Map the registers that capabilities describe. @return 0; -ENOENT: there are none; -ENODEV: they are too few, which is logged */
int64_t modern_map(struct virtio_device *device);
void modern_unmap(struct virtio_device *device);

/* legacy.c */

/** Claim the ports of the interface before Virtio 1.0. @return 0, -ENOENT: it has none, or an error */
int64_t legacy_map(struct virtio_device *device);
void legacy_unmap(struct virtio_device *device);

/* queue.c */

/** Does the device have the feature of this number, accepted by both? */
static inline int feature_is_accepted(const struct virtio_device *device, uint32_t number)
{
	return device->accepted >> number & 1;
}
/** ->mutex held. @p segments: of a buffer, at most. @return size; -ENOENT, -EEXIST, -EINVAL, -ENOMEM, -EIO */
int64_t queue_create(struct virtio_device *device, uint32_t index, uint32_t size,
		     uint32_t segments);
/** Take them from their users; no function of a ring runs afterwards. ->mutex held. */
void queues_withdraw(struct virtio_device *device);
/** Free their memory, which the device does not use any more. ->mutex held. */
void queues_free(struct virtio_device *device);
/** The device may still use their memory: it stays with the PCI device until that is silent. ->mutex held. */
void queues_abandon(struct virtio_device *device);
/** Has the device returned something? */
int queue_has_used(struct virtio_queue *queue);
/** The device is not used any more; once it is logged why. */
#define device_fail(device, ...)                                                  \
	do {                                                                      \
		if (!__atomic_exchange_n(&(device)->failed, 1, __ATOMIC_SEQ_CST)) \
			banos_error((device)->pci, __VA_ARGS__);                  \
	} while (0)

/* What clients call: virtio.h. Any context. */
int64_t device_queue_add(struct virtio_device *device, uint32_t index,
			 const struct virtio_segment *segments, uint32_t count, uint32_t writable,
			 uint64_t tag);
int64_t device_queue_add_many(struct virtio_device *device, uint32_t index,
			      const struct virtio_buffer *buffers, uint32_t count,
			      const struct virtio_segment *segments, uint32_t segment_count);
int64_t device_queue_notify(struct virtio_device *device, uint32_t index);
int64_t device_queue_take(struct virtio_device *device, uint32_t index,
			  struct virtio_completion *completions, uint32_t count);

/* interrupt.c */

/** Obtain the interrupts for a number of queues. ->mutex held. @return 0 or the error */
int64_t interrupts_create(struct virtio_device *device, uint32_t queues);
/** ->mutex held. @return 0; -EDEADLK: called by the function of one, which stays; -EBUSY: one runs for ever */
int64_t interrupts_destroy(struct virtio_device *device);
/** The interrupt of a queue. */
uint32_t interrupt_of_queue(const struct virtio_device *device, uint32_t queue);
/**
 * Has an interrupt been lost? Then the line is used from now on, and the client is called.
 * @return 0, -EDEADLK: called by the function for an interrupt
 */
int64_t interrupts_find_lost(struct virtio_device *device);

#endif
