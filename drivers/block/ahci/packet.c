/* SPDX-License-Identifier: MIT */
/*
 * Drives that take packets: ahci.h. A medium has blocks of 2048 bytes, and is only read from.
 *
 * A drive reports by an error what has happened since the last packet: that there is another medium, or none.
 * Then the packet is executed once more, and the disk gets another size.
 */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include "ahci.h"

#define LIMIT_MS	 10000u
#define CD_BLOCK_SHIFT	 11
#define ATTEMPTS	 3u
#define SENSE_BYTES	 18u
#define SENSE_KEY_AT	 2
#define SENSE_REASON_AT	 12
#define KEY_NOT_READY	 2u
#define KEY_ATTENTION	 6u
#define REASON_NO_MEDIUM 0x3au

/* Packets: MMC-5, 6; SPC-3, 6.27. */
#define PACKET_SENSE	0x03
#define PACKET_CAPACITY 0x25
#define PACKET_READ	0xa8

BANOS_ASSERT(sizeof(struct ahci_piece) == sizeof(struct banos_segment), packet_pieces_alike);

/* ---- packets that are executed alone; mutex held ---- */

static int64_t packet_execute(struct ahci_port *port, uint8_t opcode, uint32_t bytes)
{
	uint8_t packet[PACKET_BYTES] = { opcode };
	const struct ahci_command command = { .opcode = ATA_PACKET,
					      .features = ATA_PACKET_DMA,
					      .packet = packet };

	if (opcode == PACKET_SENSE)
		packet[4] = (uint8_t)bytes;
	memset(port->memory + MEMORY_BUFFER, 0, BUFFER_BYTES);
	return port_execute(port, &command, bytes, LIMIT_MS);
}

/* @return -EAGAIN: something was reported that is no error; -ENOMEDIUM, -EIO */
static int64_t drive_read_sense(struct ahci_port *port)
{
	const uint8_t *sense = port->memory + MEMORY_BUFFER;
	int64_t error = packet_execute(port, PACKET_SENSE, SENSE_BYTES);
	uint32_t key, reason;

	if (error)
		return error;
	key = sense[SENSE_KEY_AT] & 15u;
	reason = sense[SENSE_REASON_AT];
	if (key == KEY_ATTENTION)
		return -EAGAIN;
	if (key == KEY_NOT_READY)
		return reason == REASON_NO_MEDIUM ? -ENOMEDIUM : -EAGAIN;
	return -EIO;
}

/* @return 0, -ENODEV, -EIO; without a medium there are 0 blocks */
static int64_t drive_read_size(struct ahci_port *port, uint64_t *blocks)
{
	uint8_t data[CAPACITY_BYTES];
	int64_t error = -EAGAIN;

	*blocks = 0;
	for (uint32_t i = 0; i < ATTEMPTS && error == -EAGAIN; i++) {
		error = packet_execute(port, PACKET_CAPACITY, CAPACITY_BYTES);
		memcpy(data, port->memory + MEMORY_BUFFER, sizeof(data));
		if (error == -EIO)
			error = drive_read_sense(port);
	}
	if (!error)
		*blocks = capacity_parse(data);
	if (error == -ENODEV)
		return error;
	return 0;
}

static void drive_look(struct ahci_port *port)
{
	uint64_t blocks;

	if (!drive_read_size(port, &blocks))
		banos_block_resize(port->block, blocks);
}

int64_t drive_repeat(struct ahci_port *port, uint32_t slot)
{
	int64_t error = drive_read_sense(port);

	for (uint32_t i = 0; i < ATTEMPTS && error == -EAGAIN; i++) {
		drive_look(port);
		error = port_execute_slot(port, slot);
		if (error == -EIO)
			error = drive_read_sense(port);
	}
	if (error == -ENOMEDIUM)
		banos_block_resize(port->block, 0);
	if (error == -EAGAIN)
		return -EIO;
	return error;
}

/* ---- submitting; lock held ---- */

static void packet_put_read(uint8_t *packet, uint64_t first, uint64_t blocks)
{
	memset(packet, 0, PACKET_BYTES);
	packet[0] = PACKET_READ;
	for (uint32_t i = 0; i < 4; i++) {
		packet[2 + i] = (uint8_t)(first >> (24 - 8 * i));
		packet[6 + i] = (uint8_t)(blocks >> (24 - 8 * i));
	}
}

static int64_t packet_put(struct ahci_port *port, const struct banos_block_request *request)
{
	struct ahci_slot *slot = &port->slots[0];
	struct ahci_piece pieces[PIECES_MAX];
	int64_t count;

	if (request->operation != BANOS_BLOCK_READ)
		return -EOPNOTSUPP;
	count = banos_buffer_map(request->buffer, (struct banos_segment *)pieces, PIECES_MAX,
				 sizeof(struct banos_segment));
	if (count <= 0)
		return count ? count : -EINVAL;
	packet_put_read(slot->packet, request->first, request->count);
	slot->command = (struct ahci_command){ .opcode = ATA_PACKET,
					       .features = ATA_PACKET_DMA,
					       .packet = slot->packet };
	slot->tag = request->tag;
	slot->pieces = (uint32_t)count;
	if (command_write(&slot->command, (uint32_t *)(port->memory + MEMORY_LIST), port->memory,
			  port->address, pieces, slot->pieces))
		return -EIO;
	port->is_queued = 0;
	port->out = 1;
	port_write(port, PORT_ISSUED, 1);
	return 0;
}

static int64_t drive_submit(void *context, uint32_t queue,
			    const struct banos_block_request *requests, uint32_t count,
			    uint32_t stride)
{
	struct ahci_port *port = context;
	int64_t taken = 0;

	banos_spin_lock(&port->lock);
	if (count && port->is_live && !port->out) {
		struct banos_block_completion completion = { .tag = requests->tag };
		int64_t error = packet_put(port, requests);

		completion.error = (int32_t)error;
		if (error)
			banos_block_complete(port->block, 0, &completion, 1, sizeof(completion));
		taken = 1;
	}
	banos_spin_unlock(&port->lock);
	return taken;
}

static const struct banos_block_ops drive_ops = {
	.size = sizeof(drive_ops),
	.submit = drive_submit,
	.timeout = port_timeout,
	.reset = port_reset,
};

/* ---- coming ---- */

int64_t drive_attach(struct ahci_port *port)
{
	const struct ahci_command identify = { .opcode = ATA_IDENTIFY_PACKET };
	struct banos_block_config config = {
		.size = sizeof(config),
		.flags = BANOS_BLOCK_READ_ONLY | BANOS_BLOCK_REMOVABLE,
		.block_bytes = 1u << CD_BLOCK_SHIFT,
		.queues = 1,
		.depth = 1,
		.segments_max = PIECES_MAX,
		.segment_bytes_max = PIECE_BYTES_MAX,
		.address_bits = port->controller->cap & CAP_64_BITS ? 0 : 32,
		.timeout_ms = port->controller->limit_ms,
		.context = port,
		.ops = &drive_ops,
		.name = "sr#",
	};
	uint8_t data[IDENTIFY_BYTES];
	banos_block block;
	int64_t error = port_execute(port, &identify, IDENTIFY_BYTES, LIMIT_MS);

	if (error)
		return error;
	memcpy(data, port->memory + MEMORY_BUFFER, sizeof(data));
	ata_parse_texts(data, &port->identity);
	error = drive_read_size(port, &config.blocks);
	if (error)
		return error;
	banos_format(config.place, sizeof(config.place), "ata-%u.0", port->number + 1);
	banos_format(config.serial, sizeof(config.serial), "%s", port->identity.serial);
	banos_format(config.model, sizeof(config.model), "%s", port->identity.model);
	port->kind = PORT_DRIVE;
	error = banos_block_register(port->controller->self, &config, &block);
	if (error) {
		port->kind = PORT_EMPTY;
		return error;
	}
	__atomic_store_n(&port->block, block, __ATOMIC_RELEASE);
	banos_print(port->controller->self, "port %u: %s, a drive: %lu blocks of 2048 bytes",
		    port->number, port->identity.model, config.blocks);
	port_go_live(port);
	return 0;
}
