/* SPDX-License-Identifier: MIT */
/* A port: how it is started and reset, and commands that end: ahci.h; AHCI 1.3.1, 5.5, 6.2, 10.1, 10.4. */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include "ahci.h"

/* Of commands that are executed alone: of a slot that a drive does not use, whose table is used once more. */
#define TABLE_ALONE    ((SLOTS_MAX - 1) * TABLE_BYTES)
#define STOP_LIMIT_MS  500u
#define LINK_LIMIT_MS  1000u
#define READY_LIMIT_MS 10000u
#define RESET_NS       (2 * BANOS_MS) /* so long the link is reset, at least 1 ms */

/* Wait until the bits of @mask have @value. @return 0, -ETIMEDOUT; -ENODEV: it was unplugged */
static int64_t port_wait_bits(const struct ahci_port *port, uint32_t offset, uint32_t mask,
			      uint32_t value, uint32_t limit_ms)
{
	uint64_t limit_ns = banos_time_ns() + limit_ms * BANOS_MS;

	for (;;) {
		uint32_t now = port_read(port, offset);

		if ((now & mask) == value)
			return 0;
		if (now == UINT32_MAX && pci_check(port->controller->self))
			return -ENODEV;
		if (banos_time_ns() > limit_ns)
			return -ETIMEDOUT;
		banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
	}
}

/* ---- reset and start ---- */

static void port_set_command(const struct ahci_port *port, uint32_t clear, uint32_t set)
{
	port_write(port, PORT_COMMAND, (port_read(port, PORT_COMMAND) & ~clear) | set);
}

static int64_t port_stop_commands(struct ahci_port *port)
{
	port_write(port, PORT_ENABLED, 0);
	port_set_command(port, COMMAND_START, 0);
	return port_wait_bits(port, PORT_COMMAND, COMMAND_RUNNING, 0, STOP_LIMIT_MS);
}

/* The transfers of what was connected have ended afterwards. */
static int64_t port_reset_link(struct ahci_port *port)
{
	port_write(port, PORT_LINK_CONTROL, LINK_RESET);
	banos_sleep_until(banos_time_ns() + RESET_NS, BANOS_UNINTERRUPTIBLE);
	port_write(port, PORT_LINK_CONTROL, 0);
	return port_wait_bits(port, PORT_LINK, 15, LINK_UP, LINK_LIMIT_MS);
}

static void port_give_memory(struct ahci_port *port)
{
	uint64_t list = port->address + MEMORY_LIST, received = port->address + MEMORY_RECEIVED;

	port_write(port, PORT_LIST, (uint32_t)list);
	port_write(port, PORT_LIST + 4, (uint32_t)(list >> 32));
	port_write(port, PORT_RECEIVED, (uint32_t)received);
	port_write(port, PORT_RECEIVED + 4, (uint32_t)(received >> 32));
	port_set_command(port, 0, COMMAND_SPIN_UP | COMMAND_POWER | COMMAND_RECEIVE);
}

/* What one reads as ready has no command and no data; other bits mean nothing yet. */
static int64_t port_start(struct ahci_port *port)
{
	int64_t error;

	port_write(port, PORT_LINK_ERROR, UINT32_MAX);
	error = port_wait_bits(port, PORT_TASK, TASK_BUSY | TASK_DATA, 0, READY_LIMIT_MS);
	if (error)
		return error;
	port_write(port, PORT_INTERRUPT, UINT32_MAX);
	port_set_command(port, 0, COMMAND_START);
	return 0;
}

int64_t port_restart(struct ahci_port *port)
{
	int64_t error = port_stop_commands(port);

	if (!error)
		error = port_reset_link(port);
	if (error == -ETIMEDOUT && LINK_DETECT(port_read(port, PORT_LINK)) != LINK_UP)
		error = -ENODEV;
	if (!error)
		error = port_start(port);
	if (error == -ETIMEDOUT)
		return -EIO;
	return error;
}

int64_t port_stop(struct ahci_port *port)
{
	int64_t error = port_stop_commands(port);

	if (error == -ENODEV)
		return error;
	port_reset_link(port);
	port_set_command(port, COMMAND_RECEIVE, 0);
	if (port_wait_bits(port, PORT_COMMAND, COMMAND_RECEIVING, 0, STOP_LIMIT_MS))
		return -EIO;
	if (error)
		return -EIO;
	return 0;
}

int64_t port_create(struct ahci_controller *controller, uint32_t number)
{
	struct banos_dma_config config = { .size = sizeof(config),
					   .bytes = MEMORY_BYTES,
					   .alignment = LIST_BYTES };
	struct ahci_port *port = banos_alloc(controller->self, sizeof(*port), 0);
	void *memory;
	int64_t error;

	if (!port)
		return -ENOMEM;
	controller->ports[number] = port;
	port->controller = controller;
	port->number = number;
	port->registers = controller->registers + PORT_BASE(number);
	if (!(controller->cap & CAP_64_BITS))
		config.address_bits = 32;
	error = banos_spin_init(&port->lock);
	if (!error)
		error = banos_mutex_init(controller->self, &port->mutex);
	if (!error)
		error = banos_work_create(controller->self, port_work, port, &port->work);
	if (!error)
		error = port_stop_commands(port);
	if (!error)
		error = banos_dma_alloc(controller->self, &config, &port->dma, &memory,
					&port->address);
	if (error)
		return error;
	port->memory = memory;
	port_give_memory(port);
	return 0;
}

/* ---- commands that are executed alone; mutex held, nothing is out ---- */

static int64_t port_run_slot0(struct ahci_port *port, uint32_t limit_ms)
{
	uint64_t limit_ns = banos_time_ns() + limit_ms * BANOS_MS;
	int64_t error = 0;

	port_write(port, PORT_INTERRUPT, UINT32_MAX);
	port_write(port, PORT_ISSUED, 1);
	while (!error && port_read(port, PORT_ISSUED) & 1) {
		if (port_read(port, PORT_INTERRUPT) & INTERRUPT_ERRORS)
			error = -EIO;
		else if (banos_time_ns() > limit_ns)
			error = -ETIMEDOUT;
		else
			banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
	}
	if (!error && port_read(port, PORT_TASK) & TASK_ERROR)
		error = -EIO;
	return error;
}

/* The error register, as it was before the reset that follows, is in the task of the last command. */
static int64_t port_run(struct ahci_port *port, uint32_t limit_ms)
{
	int64_t error, restarted;

	port_write(port, PORT_ENABLED, 0);
	error = port_run_slot0(port, limit_ms);
	if (!error)
		return 0;
	restarted = port_restart(port);
	if (restarted)
		return restarted;
	return error;
}

int64_t port_execute(struct ahci_port *port, const struct ahci_command *command, uint32_t bytes,
		     uint32_t limit_ms)
{
	const struct ahci_piece piece = { port->address + MEMORY_BUFFER, bytes };

	if (command_write(command, (uint32_t *)(port->memory + MEMORY_LIST),
			  port->memory + TABLE_ALONE, port->address + TABLE_ALONE, &piece,
			  bytes != 0))
		return -EIO;
	return port_run(port, limit_ms);
}

/* Its table is given to slot 0. */
int64_t port_execute_slot(struct ahci_port *port, uint32_t number)
{
	struct ahci_slot *slot = &port->slots[number];
	uint64_t offset = (uint64_t)number * TABLE_BYTES;

	if (command_write(&slot->command, (uint32_t *)(port->memory + MEMORY_LIST),
			  port->memory + offset, port->address + offset, NULL, slot->pieces))
		return -EIO;
	return port_run(port, port->controller->limit_ms);
}

/* ---- commands that are out ---- */

void port_go_live(struct ahci_port *port)
{
	banos_spin_lock(&port->lock);
	port->is_live = 1;
	port->out = 0;
	banos_spin_unlock(&port->lock);
	port_write(port, PORT_INTERRUPT, UINT32_MAX);
	port_write(port, PORT_ENABLED, INTERRUPT_WANTED);
}

uint32_t port_take_out(struct ahci_port *port)
{
	uint32_t out;

	banos_spin_lock(&port->lock);
	port->is_live = 0;
	out = port->out;
	port->out = 0;
	banos_spin_unlock(&port->lock);
	return out;
}

void port_complete(struct ahci_port *port, uint32_t slot, int64_t error)
{
	struct banos_block_completion completion = { .tag = port->slots[slot].tag,
						     .error = (int32_t)error };

	banos_block_complete(port->block, 0, &completion, 1, sizeof(completion));
}

uint32_t port_collect(struct ahci_port *port)
{
	struct banos_block_completion completions[SLOTS_MAX];
	uint32_t ended, count = 0;

	banos_spin_lock(&port->lock);
	ended = port->out;
	if (ended)
		ended &= ~port_read(port, port->is_queued ? PORT_ACTIVE : PORT_ISSUED);
	port->out &= ~ended;
	for (; ended; ended &= ended - 1)
		completions[count++] = (struct banos_block_completion){
			.tag = port->slots[__builtin_ctz(ended)].tag
		};
	if (count) {
		__atomic_fetch_add(&port->controller->interrupts, 1, __ATOMIC_RELAXED);
		banos_block_complete(port->block, 0, completions, count, sizeof(completions[0]));
	}
	banos_spin_unlock(&port->lock);
	return count;
}

/* An error leaves the commands out, which the work takes: no interrupt comes meanwhile. */
uint32_t port_interrupt(struct ahci_port *port)
{
	uint32_t events = port_read(port, PORT_INTERRUPT);

	if (!events || events == UINT32_MAX)
		return 0;
	port_write(port, PORT_INTERRUPT, events);
	if (events & INTERRUPT_ERRORS) {
		port_write(port, PORT_ENABLED, 0);
		banos_work_queue(port->work);
		return 1;
	}
	if (events & (INTERRUPT_CONNECTED | INTERRUPT_LINK)) {
		port_write(port, PORT_LINK_ERROR, UINT32_MAX);
		banos_work_queue(port->work);
	}
	port_collect(port);
	return 1;
}

/* ---- the work ---- */

/* What was out is executed again, one command after the other. mutex held. */
static void port_repeat_commands(struct ahci_port *port, uint32_t out)
{
	int64_t error = 0;

	for (; out; out &= out - 1) {
		uint32_t number = (uint32_t)__builtin_ctz(out);
		struct ahci_slot *slot = &port->slots[number];

		if (slot->command.is_queued)
			slot->command.opcode = slot->command.is_write ? ATA_WRITE : ATA_READ;
		slot->command.is_queued = slot->command.is_durable = 0;
		if (error != -ENODEV)
			error = port->kind == PORT_DRIVE ? drive_repeat(port, number)
							 : port_execute_slot(port, number);
		if (error && error != -ENOMEDIUM)
			banos_error(port->controller->self,
				    "port %u: blocks %lu to %lu: command 0x%x failed (error %d)",
				    port->number, slot->command.first,
				    slot->command.first + slot->command.blocks - 1,
				    slot->command.opcode, (int)error);
		port_complete(port, number, error == -ENODEV ? -EIO : error);
	}
}

static void port_recover(struct ahci_port *port)
{
	uint32_t out;

	port_collect(port);
	out = port_take_out(port);
	if (!port_restart(port)) {
		port_repeat_commands(port, out);
		port_go_live(port);
		return;
	}
	for (; out; out &= out - 1)
		port_complete(port, (uint32_t)__builtin_ctz(out), -EIO);
}

static void port_detach(struct ahci_port *port)
{
	banos_block block = port->block;

	banos_warning(port->controller->self, "port %u: what was connected is gone", port->number);
	port_take_out(port);
	port->kind = PORT_EMPTY;
	__atomic_store_n(&port->block, NULL, __ATOMIC_RELEASE);
	banos_mutex_unlock(&port->mutex); /* a method of the disk may wait for it */
	banos_block_remove(block);
	banos_mutex_lock(&port->mutex);
}

static void port_attach(struct ahci_port *port)
{
	int64_t error = port_restart(port);

	if (!error && port_read(port, PORT_SIGNATURE) == SIGNATURE_PACKET)
		error = drive_attach(port);
	else if (!error)
		error = disk_attach(port);
	if (error && error != -ENODEV)
		banos_warning(port->controller->self, "port %u: cannot be used (error %d)",
			      port->number, (int)error);
	port_write(port, PORT_INTERRUPT, UINT32_MAX);
	port_write(port, PORT_ENABLED, INTERRUPT_WANTED);
}

int64_t port_work(void *context)
{
	struct ahci_port *port = context;
	uint32_t is_there;

	banos_mutex_lock(&port->mutex);
	is_there = LINK_DETECT(port_read(port, PORT_LINK)) == LINK_UP;
	if (port->kind != PORT_EMPTY && !is_there)
		port_detach(port);
	else if (port->kind == PORT_EMPTY && is_there)
		port_attach(port);
	else if (port->kind != PORT_EMPTY)
		port_recover(port);
	else
		port_write(port, PORT_ENABLED, INTERRUPT_CONNECTED | INTERRUPT_LINK);
	banos_mutex_unlock(&port->mutex);
	return 0;
}
