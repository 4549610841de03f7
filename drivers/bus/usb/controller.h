/* SPDX-License-Identifier: MIT */
/**
 * @file controller.h  The state of the driver "xhci": controllers, the devices on their ports, and open endpoints.
 *
 * Threads: the interrupt's function takes events and records what has ended; it waits for nothing. The
 * controller's thread (port.c) looks after ports: it finds devices, gives them up, and revives halted
 * endpoints. The controller's work (pipe.c) calls clients back. Everything else runs in the
 * threads of the clients.
 *
 * Locks, in this order:
 *   usb_device.mutex     one control transfer, or one change of endpoints, of a device at a time
 *   command_mutex        one command at a time
 *   look_mutex           the interrupt is exchanged
 *   controllers_lock     (spin) the list of controllers
 *   lock                 (spin) of a controller: what the interrupt's function shares with others
 *
 * A device of a port that was unplugged may still be in use by a thread that is within an exported function:
 * it counts as user until it returns, and the structure of a port's device is freed only with the controller.
 * A device that is there is "alive"; one whose plug was pulled is "gone", too: its transfers
 * end with -ENODEV, but endpoints can be closed.
 */
#ifndef USB_CONTROLLER_H
#define USB_CONTROLLER_H

#include <banos/bus.h>
#include <banos/callback.h>
#include <banos/dma.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/lock.h>
#include <banos/pci.h>
#include <banos/thread.h>
#include <banos/wait.h>
#include <banos/work.h>
#include "descriptor.h"
#include "registers.h"
#include "ring.h"

#define CONTROLLERS	  8   /* at a time */
#define PORTS		  256 /* numbers of ports, from 1 */
#define SLOTS		  256 /* numbers of slots, from 1 */
#define RING_TRBS	  256 /* of the rings of commands and events: a page each */
#define PIPE_TRBS	  16
#define PIPE_TRANSFERS	  4 /* of an endpoint at a time; a power of two */
#define CONTROL_TRBS	  64
#define PAGE_BYTES	  4096u
#define COMMAND_LIMIT_NS  (5 * BANOS_S)
#define TRANSFER_LIMIT_NS (5 * BANOS_S)
#define LOOK_NS		  BANOS_S /* so often something that waits looks whether all is well */

/** Memory that the controller reads and writes. */
struct dma_memory {
	banos_dma dma; /* NULL: none */
	void *memory;
	uint64_t address;
};

/** A transfer of an open endpoint. */
struct pipe_transfer {
	uint32_t index; /* of its TRB */
	uint32_t length;
	int64_t status; /* 0, or an error that is not reported yet */
};

enum { PIPE_RUNNING, PIPE_HALTED, PIPE_FAILED, PIPE_CLOSING };

/** An interrupt IN endpoint that a client has opened. Counters rise; modulo PIPE_TRANSFERS they are indexes. */
struct usb_pipe {
	struct usb_interface *interface;
	uint32_t address, number; /* number: of its context */
	uint32_t state;		  /* PIPE_...; under lock, as all that follows */
	uint32_t failures;	  /* in a row */
	uint32_t busy;		  /* the callback is being called */
	uint32_t deaf;		  /* the callback was closed, or the failure was reported */
	uint32_t submitted, completed, delivered;
	uint32_t bytes; /* of a buffer */
	struct pipe_transfer transfers[PIPE_TRANSFERS];
	struct trb_ring ring;
	struct dma_memory memory; /* the ring, then the buffers */
	banos_callback callback;
};

struct usb_interface {
	struct usb_device *device;
	struct usb_interface_info *info;
	banos_owner client;  /* that opened an endpoint; compared only */
	banos_device handle; /* NULL: the bus does not have it */
};

/** A transfer of endpoint 0; one at a time, under the device's mutex; its outcome under lock. */
struct control_transfer {
	uint32_t pending;
	uint32_t data, status; /* indexes of their TRBs */
	uint32_t left;	       /* bytes that were not transferred */
	uint32_t code;	       /* of its end */
};

/** The device of a port. */
struct usb_device {
	struct controller *controller;
	uint32_t port;
	uint32_t alive, gone, users; /* under lock */
	uint32_t slot;		     /* 0: none */
	uint32_t speed, packet;	     /* packet: of endpoint 0 */
	struct banos_mutex mutex;
	struct dma_memory memory; /* contexts, ring and buffer of endpoint 0: device.c */
	struct trb_ring ring;
	struct control_transfer control;
	struct usb_device_info info;
	struct usb_configuration configuration;
	struct usb_interface interfaces[USB_INTERFACES];
	struct usb_pipe *pipes[ENDPOINTS]; /* by number; under lock and mutex */
};

struct usb_port {
	uint32_t major;		   /* of USB: 2, 3; 0: the controller does not say */
	uint32_t slot_type;	   /* for the command that enables a slot */
	uint32_t refused;	   /* the device cannot be used: leave it until it is exchanged */
	struct usb_device *device; /* or NULL: never was one */
};

/** The command that is executed; under command_mutex; its outcome under lock. */
struct command_state {
	uint32_t pending, index, code, slot;
};

struct controller {
	banos_owner self;
	uint32_t number; /* from 1, in names */
	banos_bus bus;

	/* registers */
	void *registers, *operational, *runtime, *doorbells;
	uint64_t registers_bytes;
	banos_mmio mapping;
	uint32_t ports_count, slots_count, context_bytes, address_bits, page_bytes;

	/* memory: the table of contexts and the event ring's only segment; rings; scratchpads */
	struct dma_memory tables, command_memory, event_memory;
	struct dma_memory scratch_table, *scratch_pages;
	uint32_t scratch_count;

	struct banos_spinlock lock;
	const char *failed; /* NULL, or why; under lock */
	struct trb_ring commands;
	struct event_ring events;
	struct command_state command;
	struct usb_device *slots[SLOTS];
	uint32_t interrupts;	  /* calls of the interrupt's function, modulo 2^32 */
	uint32_t interrupts_seen; /* when it was last looked at; under look_mutex */
	uint64_t waits_since_ns;  /* an event has waited, or 0: none; the same */

	struct banos_mutex command_mutex, look_mutex;
	struct banos_wait done; /* a command or transfer has ended, or a state has changed */
	struct banos_wait wake; /* of the controller's thread */
	banos_irq irq;		/* or NULL */
	uint32_t by_line;
	banos_thread thread;
	banos_work work;
	banos_callback client_gone;
	struct usb_port ports[PORTS];
};

static inline uint32_t op_read(const struct controller *controller, uint32_t offset)
{
	return banos_mmio_read32((char *)controller->operational + offset);
}
static inline void op_write(const struct controller *controller, uint32_t offset, uint32_t value)
{
	banos_mmio_write32((char *)controller->operational + offset, value);
}
static inline uint32_t port_read(const struct controller *controller, uint32_t port)
{
	return op_read(controller, OP_PORTS + (port - 1) * PORT_STRIDE);
}
static inline void port_write(const struct controller *controller, uint32_t port, uint32_t value)
{
	op_write(controller, OP_PORTS + (port - 1) * PORT_STRIDE, value);
}
/** Tell the controller that a ring has more: slot 0 for commands. Any order of the caller's writes to memory is kept. */
static inline void doorbell_ring(const struct controller *controller, uint32_t slot,
				 uint32_t endpoint)
{
	banos_mmio_write32((char *)controller->doorbells + slot * 4, endpoint);
}

/** Tell the controller where the contexts of a slot are; slot 0: the table of scratchpads. */
static inline void contexts_set(const struct controller *controller, uint32_t slot,
				uint64_t address)
{
	((uint64_t *)controller->tables.memory)[slot] = address;
}

/* hardware.c: the registers of a controller */

/** Map the registers and read what they say. @return 0 or -errno, said in the log */
int64_t hardware_map(struct controller *controller);
/** Take it from the firmware, reset it, give it memory. @return 0 or -errno, said in the log */
int64_t hardware_start(struct controller *controller);
/** Let it run: the interrupt is connected. */
void hardware_run(struct controller *controller);
/** Halt it: no access to memory afterwards. */
void hardware_halt(struct controller *controller);
void hardware_free(struct controller *controller);
/** @return 0, -ENOMEM and so on */
int64_t memory_alloc(struct controller *controller, uint64_t bytes, struct dma_memory *memory);
void memory_free(struct dma_memory *memory);
/** Write a register of 64 bits by halves, the lower one first. */
void register_write64(void *base, uint32_t offset, uint64_t value);

/* event.c: events, commands, failure */

/** The interrupt's function; the context is the controller. */
int64_t controller_interrupt(void *context);
int64_t controller_connect(struct controller *controller);
void controller_disconnect(struct controller *controller);
/** Is the controller well? One whose messages are lost is connected by its line. Not under a lock. */
void controller_look(struct controller *controller);
/** It is not used any more; @p why is a literal, to follow the controller's name. Not under lock. */
void controller_fail(struct controller *controller, const char *why);
/** Has it failed? */
int controller_has_failed(struct controller *controller);
/**
 * @brief Execute a command and wait for its end; no signal ends that.
 * @param slot  written if not NULL: the slot that the controller names
 * @return a completion code, or -EIO: the controller has failed
 */
int64_t command_run(struct controller *controller, uint64_t parameter, uint32_t control,
		    uint32_t *slot);
/** @return 0 or -errno for a completion code; an error is returned as it is */
int64_t code_error(int64_t code);

/* control.c: endpoint 0 */

/**
 * @brief Make a control transfer. The device's mutex is held.
 * @param setup  the eight bytes of the setup packet, the first one lowest
 * @param data   bytes as the packet says, read or written; at most a page
 * @return bytes, or -errno as xhci_control_read()
 */
int64_t control_run(struct usb_device *device, uint64_t setup, void *data);
uint64_t control_setup(uint32_t request, uint32_t value, uint32_t index, uint32_t length);
/** An event of endpoint 0; lock held. */
void control_event(struct usb_device *device, const struct trb *event);
/** Bring an endpoint of the device to where it takes transfers from @p dequeue on. @return 0 or -errno */
int64_t endpoint_restart(struct usb_device *device, uint32_t number, uint64_t dequeue);

/* device.c: devices */

/** Find out what is connected to a port, and offer it to drivers. */
void device_open(struct controller *controller, uint32_t port);
/** It was unplugged: its transfers end. lock held. */
void device_mark_gone(struct usb_device *device);
/** A thread uses it. @return 0, -ENODEV: it is not alive */
int64_t device_enter(struct usb_device *device);
void device_leave(struct usb_device *device);
/** Give it up. @return 0, -EBUSY: a client does not release it; to be repeated */
int64_t device_close(struct usb_device *device);
/** No thread uses it any more when this has returned 0: transfers end. @return 0, -EBUSY */
int64_t device_retire(struct usb_device *device);
/** Free what the device has; no thread uses it, and the controller does not. */
void device_free(struct usb_device *device);
/** A context as the controller left it: 0 the slot's, else that of an endpoint. */
const volatile uint32_t *device_context(const struct usb_device *device, uint32_t number);
/** A context of the input for commands: 0 what is added and dropped, 1 the slot's, 1 + number of an endpoint. */
uint32_t *device_input(const struct usb_device *device, uint32_t index);
uint64_t device_input_address(const struct usb_device *device);
/** Begin an input context: the slot's is copied, @p entries is set. */
void device_input_begin(const struct usb_device *device, uint32_t entries);

/* pipe.c: open endpoints */

int64_t pipe_open(struct usb_interface *interface, banos_owner client, uint32_t address,
		  banos_callback callback);
int64_t pipe_close(struct usb_interface *interface, uint32_t address);
/** Close all endpoints of an interface. @return 0, -EBUSY */
int64_t pipe_close_all(struct usb_interface *interface);
/** An event of an open endpoint; lock held. */
void pipe_event(struct usb_pipe *pipe, const struct trb *event);
/** Revive halted endpoints of a device. */
void pipe_recover_all(struct usb_device *device);
/** The controller's work: call clients back. */
int64_t pipe_deliver_all(void *context);
void pipe_free(struct usb_pipe *pipe);

/* port.c */

/** The controller's thread. */
int64_t port_main(void *context);
/** An event of a port; lock held. */
void port_event(struct controller *controller, uint32_t port);

#endif
