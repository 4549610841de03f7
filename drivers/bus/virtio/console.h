/* SPDX-License-Identifier: MIT */
/**
 * @file console.h  Virtio's console: a device with one port, or several.
 *
 * A port is a stream of bytes in both directions. Its files are /dev/vportNpM (device N, port M); /dev/hvcN
 * for a port that is a console; /dev/virtio-ports/NAME for one that has a name.
 *
 * The device reports and removes ports by messages of its control queues, and learns by them
 * which ports are open. console->lock (mutex) guards these queues, the list of ports, and what a port says is under
 * it. A message that is to be sent is not stored: each port has what it wants the device to know, and
 * what was sent, so there is a bound to them.
 *
 * A port's ->lock (spin) guards its buffers; ->take_lock (mutex) keeps what arrived in order, ->read_lock (mutex)
 * the readers. Order: console->lock, read_lock, take_lock, lock. None is held while a program is waited for.
 *
 * Structures of ports are kept until the device is removed.
 *
 * Source: Virtio 1.1, 5.3.
 */
#ifndef VIRTIO_CONSOLE_H
#define VIRTIO_CONSOLE_H

#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/dma.h>
#include <banos/lock.h>
#include <banos/time.h>
#include <banos/wait.h>
#include <banos/work.h>
#include "virtio.h"

#define PORTS_MAX   (VIRTIO_QUEUES_MAX / 2 - 1)
#define BUFFER_SIZE 4096u
#define BUFFERS	    8u /* of a port, in each direction */
#define ALL_BUFFERS ((1u << BUFFERS) - 1)
#define LOOK_NS	    BANOS_S /* so often a waiting program looks whether the device works */

/* A port's files. */
#define FILE_PORT    0u
#define FILE_CONSOLE 1u
#define FILE_NAME    2u
#define FILES	     3u

struct console;
struct port {
	struct console *console;
	uint32_t id;
	uint32_t receive_queue, transmit_queue;

	/* under console->lock */
	uint32_t is_present, is_ready_sent, is_open_sent, opens;
	uint32_t hvc; /* N of hvcN, + 1; 0: none */
	uint32_t is_registered[FILES];
	banos_chardev files[FILES];

	uint32_t is_console; /* atomic: it is always connected */
	uint32_t host_open;  /* atomic: something on the other side is connected */

	struct banos_spinlock lock;
	struct banos_mutex take_lock, read_lock;
	struct banos_wait wait;
	banos_dma dma;
	uint8_t *memory; /* BUFFERS that are received into, then BUFFERS to transmit */
	uint64_t address;

	/* under ->lock */
	uint32_t transmit_free;	      /* a bit each */
	uint32_t first, count, begin; /* received: a ring of numbers; bytes read of the first */
	uint32_t order[BUFFERS],
		length[BUFFERS]; /* by place in that ring; by number of the buffer */
};

#define CONTROL_SIZE	 128u /* bytes of a message from the device */
#define CONTROL_BUFFERS	 32u  /* for them */
#define CONTROL_MESSAGES 16u  /* that are on the way to the device */

struct console {
	banos_owner device;
	uint32_t number;
	uint32_t is_multiport, port_count;
	int64_t failed; /* atomic: 0, or the error of all calls from now on */
	banos_callback callback;
	banos_work sweep;
	struct banos_mutex lock;
	struct port *ports[PORTS_MAX]; /* atomic; NULL: never reported */

	/* under ->lock */
	uint32_t is_ready_sent;
	uint32_t message_free; /* a bit each */
	uint32_t strange_count;
	banos_dma dma;
	uint8_t *memory; /* CONTROL_BUFFERS, then CONTROL_MESSAGES */
	uint64_t address;
};

/* console.c */

/** Nothing works any more: wake all. Any context. */
void console_fail(struct console *console, int64_t error);
/** Send and receive what there is to be. console->lock held. */
void console_control(struct console *console);

/* port.c */

/** @return 0 or the error; what was obtained belongs to the device. console->lock held. */
int64_t port_create(struct console *console, uint32_t id, struct port **port);
void port_destroy(struct port *port);
/** Give all buffers for receiving to the device. @return 0 or the error */
int64_t port_begin(struct port *port);
/** Forget what was received. */
void port_discard(struct port *port);
/** Register one of the files. console->lock held. @return 0 or the error */
int64_t port_register(struct port *port, uint32_t which, const char *name);
/** Make it a console. console->lock held. @return 0 or the error */
int64_t port_register_console(struct port *port);
/** Withdraw files of a port that the device has removed, but for those that are open. console->lock held. */
void port_withdraw(struct port *port);
/** The queue for receiving has returned something. */
void port_receive(struct port *port);
/** The queue for transmitting has returned something. */
void port_transmitted(struct port *port);

#endif
