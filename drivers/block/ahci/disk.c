/* SPDX-License-Identifier: MIT */
/* Disks: ahci.h. */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include "ahci.h"

#define IDENTIFY_LIMIT_MS 5000u
#define LOST_LOOKS	  10u
#define LOST_NS		  (20 * BANOS_MS)

BANOS_ASSERT(sizeof(struct ahci_piece) == sizeof(struct banos_segment), ahci_pieces_alike);

/* ---- submitting; lock held ---- */

/* @return -EOPNOTSUPP, or 0 */
static int64_t request_describe(struct ahci_port *port, const struct banos_block_request *request,
				uint32_t is_queued, struct ahci_command *command)
{
	*command = (struct ahci_command){ .first = request->first,
					  .blocks = (uint32_t)request->count };
	switch (request->operation) {
	case BANOS_BLOCK_READ:
		command->opcode = is_queued ? ATA_READ_QUEUED : ATA_READ;
		command->is_queued = (uint8_t)is_queued;
		return 0;
	case BANOS_BLOCK_WRITE:
		command->opcode = is_queued ? ATA_WRITE_QUEUED : ATA_WRITE;
		command->is_queued = (uint8_t)is_queued;
		command->is_write = 1;
		command->is_durable = is_queued && request->flags & BANOS_BLOCK_FUA;
		return 0;
	case BANOS_BLOCK_FLUSH: *command = (struct ahci_command){ .opcode = ATA_FLUSH }; return 0;
	case BANOS_BLOCK_DISCARD:
		*command = (struct ahci_command){ .opcode = ATA_RANGES,
						  .is_write = 1,
						  .features = ATA_RANGES_TRIM,
						  .blocks = 1 };
		return trim_list_write(port->memory + MEMORY_BUFFER, request->first, request->count)
			       ? -EINVAL
			       : 0;
	default: return -EOPNOTSUPP;
	}
}

/* @return how many pieces the data have, or an error */
static int64_t request_map(const struct ahci_port *port, const struct banos_block_request *request,
			   struct ahci_piece *pieces)
{
	if (request->buffer)
		return banos_buffer_map(request->buffer, (struct banos_segment *)pieces, PIECES_MAX,
					sizeof(struct banos_segment));
	if (request->operation != BANOS_BLOCK_DISCARD)
		return 0;
	pieces[0] = (struct ahci_piece){ port->address + MEMORY_BUFFER, TRIM_LIST_BYTES };
	return 1;
}

static void slot_issue(struct ahci_port *port, uint32_t number, const struct ahci_command *command)
{
	port->is_queued = command->is_queued;
	port->out |= 1u << number;
	if (command->is_queued)
		port_write(port, PORT_ACTIVE, 1u << number);
	port_write(port, PORT_ISSUED, 1u << number);
}

/* @return 0: it is out; 1: not now; or the error of this request */
static int64_t ata_request_put(struct ahci_port *port, const struct banos_block_request *request)
{
	uint32_t is_transfer = request->operation == BANOS_BLOCK_READ ||
			       request->operation == BANOS_BLOCK_WRITE,
		 number = request->tag, is_queued = is_transfer && port->identity.depth;
	uint64_t offset = (uint64_t)number * TABLE_BYTES;
	struct ahci_piece pieces[PIECES_MAX];
	struct ahci_slot *slot = &port->slots[number];
	int64_t result;

	if (port->out && !(is_queued && port->is_queued))
		return 1;
	result = request_describe(port, request, is_queued, &slot->command);
	if (!result)
		result = request_map(port, request, pieces);
	if (result == -ENOMEM)
		return 1;
	if (result < 0)
		return result;
	slot->tag = request->tag;
	slot->pieces = (uint32_t)result;
	slot->command.slot = number;
	if (command_write(&slot->command,
			  (uint32_t *)(port->memory + MEMORY_LIST) + number * HEADER_WORDS,
			  port->memory + offset, port->address + offset, pieces, slot->pieces))
		return -EIO;
	slot_issue(port, number, &slot->command);
	return 0;
}

static int64_t ata_submit(void *context, uint32_t queue, const struct banos_block_request *requests,
			  uint32_t count, uint32_t stride)
{
	struct ahci_port *port = context;
	uint32_t taken = 0;

	banos_spin_lock(&port->lock);
	while (port->is_live && taken < count) {
		const struct banos_block_request *request =
			(const void *)((const char *)requests + (uint64_t)taken * stride);
		int64_t result = ata_request_put(port, request);
		struct banos_block_completion completion = { .tag = request->tag,
							     .error = (int32_t)result };

		if (result == 1)
			break;
		if (result)
			banos_block_complete(port->block, 0, &completion, 1, sizeof(completion));
		taken++;
	}
	banos_spin_unlock(&port->lock);
	return taken;
}

/* ---- what is overdue ---- */

static int slot_is_out(struct ahci_port *port, uint32_t tag)
{
	int is_out = 0;

	banos_spin_lock(&port->lock);
	for (uint32_t i = 0; i < SLOTS_MAX; i++)
		is_out |= port->out >> i & 1 && port->slots[i].tag == tag;
	banos_spin_unlock(&port->lock);
	return is_out;
}

/* Messages do not arrive on every machine: a command that has ended, while no interrupt comes, was not announced. */
int64_t port_timeout(void *context, uint32_t queue, uint32_t tag)
{
	struct ahci_port *port = context;
	struct ahci_controller *controller = port->controller;
	uint32_t interrupts = __atomic_load_n(&controller->interrupts, __ATOMIC_RELAXED), i = 0;

	while (i < LOST_LOOKS && slot_is_out(port, tag) &&
	       interrupts == __atomic_load_n(&controller->interrupts, __ATOMIC_RELAXED)) {
		banos_sleep_until(banos_time_ns() + LOST_NS, BANOS_UNINTERRUPTIBLE);
		i++;
	}
	if (port_collect(port) && i == LOST_LOOKS)
		controller_take_line(controller);
	if (slot_is_out(port, tag))
		return -ETIMEDOUT;
	return 0;
}

int64_t port_reset(void *context)
{
	struct ahci_port *port = context;
	int64_t error;

	banos_mutex_lock(&port->mutex);
	port_take_out(port);
	banos_warning(port->controller->self, "port %u: does not answer (task 0x%x): it is reset",
		      port->number, port_read(port, PORT_TASK));
	error = port_restart(port);
	if (!error)
		port_go_live(port);
	banos_mutex_unlock(&port->mutex);
	return error;
}

static const struct banos_block_ops disk_ops = {
	.size = sizeof(disk_ops),
	.submit = ata_submit,
	.timeout = port_timeout,
	.reset = port_reset,
};

/* ---- coming ---- */

static uint32_t ata_flags(const struct ata_identity *identity)
{
	uint32_t flags = 0;

	if (identity->has_flush)
		flags |= BANOS_BLOCK_HAS_FLUSH;
	if (identity->has_durable && identity->depth)
		flags |= BANOS_BLOCK_HAS_FUA;
	if (identity->has_trim)
		flags |= BANOS_BLOCK_HAS_DISCARD;
	if (identity->rotates)
		flags |= BANOS_BLOCK_ROTATES;
	return flags;
}

static int64_t disk_identify(struct ahci_port *port)
{
	const struct ahci_command command = { .opcode = ATA_IDENTIFY };
	uint8_t data[IDENTIFY_BYTES];
	int64_t error = port_execute(port, &command, IDENTIFY_BYTES, IDENTIFY_LIMIT_MS);
	const char *why;

	if (error)
		return error;
	memcpy(data, port->memory + MEMORY_BUFFER, sizeof(data));
	why = ata_parse(data, &port->identity);
	if (why) {
		banos_warning(port->controller->self, "port %u: the disk %s %s", port->number,
			      port->identity.model, why);
		return -EIO;
	}
	if (!(port->controller->cap & CAP_NCQ))
		port->identity.depth = 0;
	return 0;
}

static uint32_t disk_depth(const struct ahci_port *port)
{
	uint32_t depth = port->identity.depth, slots = CAP_SLOTS(port->controller->cap);

	if (!depth)
		return 1;
	if (depth < slots)
		return depth;
	return slots;
}

int64_t disk_attach(struct ahci_port *port)
{
	const struct ata_identity *identity = &port->identity;
	struct banos_block_config config = {
		.size = sizeof(config),
		.queues = 1,
		.segments_max = PIECES_MAX,
		.segment_bytes_max = PIECE_BYTES_MAX,
		.address_bits = port->controller->cap & CAP_64_BITS ? 0 : 32,
		.timeout_ms = port->controller->limit_ms,
		.discard_blocks_max = TRIM_BLOCKS_MAX,
		.context = port,
		.ops = &disk_ops,
		.name = "sd*",
	};
	banos_block block;
	int64_t error = disk_identify(port);

	if (error)
		return error;
	config.flags = ata_flags(identity);
	config.block_bytes = identity->block_bytes;
	config.physical_bytes = identity->physical_bytes;
	config.blocks = identity->blocks;
	config.depth = disk_depth(port);
	banos_format(config.serial, sizeof(config.serial), "%s", identity->serial);
	banos_format(config.place, sizeof(config.place), "ata-%u.0", port->number + 1);
	banos_format(config.model, sizeof(config.model), "%s", identity->model);
	port->kind = PORT_DISK;
	error = banos_block_register(port->controller->self, &config, &block);
	if (error) {
		port->kind = PORT_EMPTY;
		return error;
	}
	__atomic_store_n(&port->block, block, __ATOMIC_RELEASE);
	banos_print(port->controller->self, "port %u: %s, serial %s: %lu blocks of %u bytes",
		    port->number, identity->model, identity->serial, identity->blocks,
		    identity->block_bytes);
	port_go_live(port);
	return 0;
}
