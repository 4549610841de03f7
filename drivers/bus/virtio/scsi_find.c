/* SPDX-License-Identifier: MIT */
/*
 * Finding SCSI units: scsi.h. Each possible target is asked for its units, COMMANDS at once; a unit that is not known
 * is asked what it is, and registered; one that is not reported any more is removed.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include "scsi.h"

#define COMMAND_LIMIT (10 * BANOS_S)
#define LUNS_MAX      32u /* of a target */
#define READY_TRIES   5u
#define CD_SHIFT      11u
#define PAGE_SERIAL   0x80
#define PAGE_LIMITS   0xb0
#define REQUEST_BYTES (UINT64_C(256) << 10)

/* ---- commands ---- */

static uint8_t *command_data(struct scsi_host *host, uint32_t index)
{
	return host->memory + (COMMAND_PLACE + COMMANDS) * sizeof(struct scsi_place) +
	       index * COMMAND_BYTES;
}

static struct scsi_place *command_begin(struct scsi_host *host, uint32_t index, uint32_t target,
					uint32_t lun)
{
	scsi_place_begin(host, COMMAND_PLACE + index, target, lun);
	memset(command_data(host, index), 0, COMMAND_BYTES);
	return scsi_place(host, COMMAND_PLACE + index);
}

static int64_t command_send(struct scsi_host *host, uint32_t index)
{
	uint64_t place = scsi_place_address(host, COMMAND_PLACE + index);
	const struct virtio_segment segments[] = {
		{ .address = place, .length = PLACE_COMMAND_BYTES },
		{ .address = place + PLACE_ANSWER, .length = PLACE_ANSWER_BYTES },
		{ .address = host->address + (uint64_t)(command_data(host, index) - host->memory),
		  .length = COMMAND_BYTES },
	};
	const struct virtio_buffer buffer = { COMMAND_PLACE + index, 3, 2 };
	int64_t taken;

	__atomic_store_n(&host->is_done[index], 0, __ATOMIC_RELEASE);
	taken = virtio_queue_add_many(host->device, QUEUE_REQUESTS, &buffer, 1, segments, 3);
	if (taken == 1)
		return 0;
	if (!taken)
		return -EBUSY;
	return taken;
}

/* Those below @count have returned. */
static int64_t commands_wait(struct scsi_host *host, uint32_t count)
{
	uint64_t limit_ns = banos_time_ns() + COMMAND_LIMIT;

	for (uint32_t i = 0; i < count;) {
		if (__atomic_load_n(&host->is_done[i], __ATOMIC_ACQUIRE)) {
			i++;
			continue;
		}
		scsi_collect(host);
		if (__atomic_load_n(&host->is_done[i], __ATOMIC_ACQUIRE))
			continue;
		if (banos_time_ns() > limit_ns) {
			banos_error(host->device, "a command was not answered within 10 s");
			host->is_stuck = 1;
			return -EIO;
		}
		banos_sleep_until(banos_time_ns() + BANOS_MS / 4, BANOS_UNINTERRUPTIBLE);
	}
	return 0;
}

/* The one that was begun with number 0. @return bytes of its answer; -EIO: it failed; -EAGAIN: the unit has something to say */
static int64_t command_run(struct scsi_host *host)
{
	const struct scsi_place *place = scsi_place(host, COMMAND_PLACE);
	struct scsi_sense sense;
	int64_t error = command_send(host, 0);

	if (!error)
		error = commands_wait(host, 1);
	if (error)
		return error;
	if (place->response || place->status) {
		scsi_parse_sense(place->sense, sizeof(place->sense), &sense);
		return place->status && sense.key == SCSI_ATTENTION ? -EAGAIN : -EIO;
	}
	if (place->residual >= COMMAND_BYTES)
		return 0;
	return COMMAND_BYTES - place->residual;
}

/* ---- one unit ---- */

static int64_t unit_ask_page(struct scsi_unit *unit, int page)
{
	struct scsi_place *place = command_begin(unit->host, 0, unit->target, unit->lun);

	scsi_make_inquiry(place->cdb, page, COMMAND_BYTES);
	return command_run(unit->host);
}

/* Until it has said what it had to say. @return is there a medium? */
static int unit_is_ready(struct scsi_unit *unit)
{
	int64_t result = -EAGAIN;

	for (uint32_t i = 0; i < READY_TRIES && result == -EAGAIN; i++) {
		command_begin(unit->host, 0, unit->target, unit->lun); /* TEST UNIT READY: zeroes */
		result = command_run(unit->host);
	}
	return result >= 0;
}

static int64_t unit_ask_size(struct scsi_unit *unit)
{
	struct scsi_host *host = unit->host;
	struct scsi_place *place = command_begin(host, 0, unit->target, unit->lun);
	int64_t bytes;

	scsi_make_capacity16(place->cdb, COMMAND_BYTES);
	bytes = command_run(host);
	if (bytes >= 0)
		return scsi_parse_capacity16(command_data(host, 0), (uint32_t)bytes, &unit->format);
	place = command_begin(host, 0, unit->target, unit->lun);
	scsi_make_capacity10(place->cdb);
	bytes = command_run(host);
	if (bytes < 0)
		return bytes;
	return scsi_parse_capacity10(command_data(host, 0), (uint32_t)bytes, &unit->format);
}

static void unit_ask_features(struct scsi_unit *unit)
{
	struct scsi_host *host = unit->host;
	struct scsi_place *place = command_begin(host, 0, unit->target, unit->lun);
	int64_t bytes;

	scsi_make_mode_sense(place->cdb, UINT8_MAX);
	bytes = command_run(host);
	if (bytes > 0)
		scsi_parse_mode(command_data(host, 0), (uint32_t)bytes, &unit->format);
	bytes = unit->format.has_unmap ? unit_ask_page(unit, PAGE_LIMITS) : 0;
	if (bytes > 0)
		scsi_parse_limits(command_data(host, 0), (uint32_t)bytes, &unit->format);
}

static uint32_t unit_flags(const struct scsi_unit *unit, uint32_t type)
{
	uint32_t flags = 0;

	if (type == SCSI_CD)
		return BANOS_BLOCK_READ_ONLY | BANOS_BLOCK_REMOVABLE;
	if (unit->format.is_read_only)
		flags |= BANOS_BLOCK_READ_ONLY;
	if (unit->format.has_cache)
		flags |= BANOS_BLOCK_HAS_FLUSH;
	if (unit->format.has_fua)
		flags |= BANOS_BLOCK_HAS_FUA;
	if (unit->format.has_unmap)
		flags |= BANOS_BLOCK_HAS_DISCARD;
	return flags;
}

static int64_t unit_register(struct scsi_unit *unit, const struct scsi_identity *identity)
{
	struct scsi_host *host = unit->host;
	struct banos_block_config config = {
		.size = sizeof(config),
		.flags = unit_flags(unit, identity->type),
		.block_bytes = 1u << unit->format.block_shift,
		.blocks = unit->format.blocks,
		.queues = 1,
		.depth = UNIT_DEPTH,
		.segments_max = host->segments_max,
		.bytes_max = REQUEST_BYTES,
		.discard_blocks_max = unit->format.unmap_blocks_max ?: UINT32_MAX,
		.context = unit,
		.ops = &scsi_unit_ops,
		.name = "sd*",
	};
	int64_t bytes = unit_ask_page(unit, PAGE_SERIAL), error;

	if (bytes > 0)
		scsi_parse_serial(command_data(host, 0), (uint32_t)bytes, config.serial,
				  sizeof(config.serial));
	if (identity->type == SCSI_CD)
		memcpy(config.name, "sr#", sizeof("sr#"));
	banos_format(config.model, sizeof(config.model), "%s", identity->model);
	banos_format(config.place, sizeof(config.place), "scsi-0:0:%u:%u", unit->target, unit->lun);
	/* Requests may come, and be completed, before it returns. */
	error = banos_block_register(host->device, &config, &unit->block);
	if (error) {
		unit->block = NULL;
		return error;
	}
	banos_print(host->device, "unit %u:%u: %s: %lu blocks of %u bytes", unit->target, unit->lun,
		    identity->model, config.blocks, config.block_bytes);
	return 0;
}

/* @return 0; -ENODEV: nothing that is of use here; or an error */
static int64_t unit_begin(struct scsi_unit *unit)
{
	struct scsi_identity identity;
	int64_t bytes = unit_ask_page(unit, -1);
	int is_ready;

	if (bytes < 0 ||
	    scsi_parse_inquiry(command_data(unit->host, 0), (uint32_t)bytes, &identity) ||
	    (identity.type != SCSI_DISK && identity.type != SCSI_CD))
		return -ENODEV;
	is_ready = unit_is_ready(unit);
	unit->format.block_shift = CD_SHIFT;
	if (is_ready && unit_ask_size(unit)) {
		banos_warning(unit->host->device, "unit %u:%u: its size is unknown: it is left out",
			      unit->target, unit->lun);
		return -ENODEV;
	}
	if (!is_ready && identity.type != SCSI_CD)
		return -ENODEV;
	unit_ask_features(unit);
	return unit_register(unit, &identity);
}

/* ---- all of them ---- */

static struct scsi_unit *unit_find(struct scsi_host *host, uint32_t target, uint32_t lun)
{
	for (uint32_t i = 0; i < UNITS; i++)
		if (host->units[i] && host->units[i]->target == target &&
		    host->units[i]->lun == lun)
			return host->units[i];
	return NULL;
}

static void unit_free(struct scsi_unit *unit)
{
	struct scsi_host *host = unit->host;

	host->units[unit->index] = NULL;
	banos_free(host->device, unit);
}

static void unit_found(struct scsi_host *host, uint32_t target, uint32_t lun)
{
	struct scsi_unit *unit = unit_find(host, target, lun);
	uint32_t index = 0;

	while (!unit && index < UNITS && host->units[index])
		index++;
	if (!unit && index < UNITS)
		unit = banos_alloc(host->device, sizeof(*unit), 0);
	if (!unit) {
		banos_warning(host->device, "unit %u:%u is left out: too many", target, lun);
		return;
	}
	unit->is_seen = 1;
	if (unit->host) /* known; or gone, while the device still has requests */
		return;
	unit->host = host;
	unit->index = index;
	unit->target = target;
	unit->lun = lun;
	host->units[index] = unit;
	if (unit_begin(unit))
		unit_free(unit);
}

/* @return 0: it has no disk and no requests; -EBUSY: the driver or the device uses them still */
static int64_t unit_take_disk(struct scsi_unit *unit)
{
	if (unit->block && banos_block_remove(unit->block))
		return -EBUSY;
	__atomic_store_n(&unit->block, NULL, __ATOMIC_RELEASE);
	scsi_collect(unit->host);
	if (__atomic_load_n(&unit->out, __ATOMIC_ACQUIRE))
		return -EBUSY;
	return 0;
}

/* One whose requests the device keeps stays, without a disk. */
static void units_forget(struct scsi_host *host)
{
	for (uint32_t i = 0; i < UNITS; i++) {
		struct scsi_unit *unit = host->units[i];

		if (!unit || unit->is_seen)
			continue;
		if (!unit_take_disk(unit))
			unit_free(unit);
	}
}

/* Targets from @first on. */
static int64_t targets_ask(struct scsi_host *host, uint32_t first, uint32_t count)
{
	uint16_t luns[COMMANDS][LUNS_MAX];
	uint32_t found[COMMANDS] = { 0 };
	int64_t error = 0;
	uint32_t sent = 0;

	while (sent < count && !error) {
		struct scsi_place *place = command_begin(host, sent, first + sent, 0);

		scsi_make_report_luns(place->cdb, COMMAND_BYTES);
		error = command_send(host, sent);
		sent += !error;
	}
	if (!error || sent)
		error = commands_wait(host, sent) ?: error;
	for (uint32_t i = 0; i < sent && !error; i++) {
		const struct scsi_place *place = scsi_place(host, COMMAND_PLACE + i);

		if (!place->response && !place->status)
			found[i] = scsi_parse_luns(command_data(host, i), COMMAND_BYTES, luns[i],
						   LUNS_MAX);
	}
	for (uint32_t i = 0; i < sent && !error; i++)
		for (uint32_t j = 0; j < found[i] && !host->is_stuck; j++)
			unit_found(host, first + i, luns[i][j]);
	return error;
}

int64_t scsi_search(struct scsi_host *host)
{
	int64_t error = 0;

	if (host->is_stuck)
		return -EIO;
	for (uint32_t i = 0; i < UNITS; i++)
		if (host->units[i])
			host->units[i]->is_seen = 0;
	for (uint32_t first = 0; first < host->targets && !error; first += COMMANDS) {
		uint32_t count = host->targets - first;

		error = targets_ask(host, first, count < COMMANDS ? count : COMMANDS);
	}
	if (!error && !host->is_stuck)
		units_forget(host);
	return error;
}
