/* SPDX-License-Identifier: MIT */
/*
 * Finding SCSI units: scsi.h. Each possible target is asked for its units, COMMANDS at once; each unit is asked what it
 * is. One that is not known is registered; so is one that became another, after its removal. A unit is removed, too, when it is not
 * in the list of its target any more, or the target is not there. Any other answer (busy, reset) says nothing: then all stays
 * as it is, and units are looked for once more later.
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
#define LUNS_HEADER   8u
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

/*
 * The one that was begun with number 0. @return bytes of its answer; -EIO: the unit refuses it; -EAGAIN: the unit has
 * something to say; -EBUSY: there was no answer
 */
static int64_t command_run(struct scsi_host *host)
{
	const struct scsi_place *place = scsi_place(host, COMMAND_PLACE);
	struct scsi_sense sense;
	int64_t error = command_send(host, 0);

	if (!error)
		error = commands_wait(host, 1);
	if (error || place->response != RESPONSE_OK)
		return -EBUSY;
	if (place->status == STATUS_CHECK) {
		scsi_parse_sense(place->sense, sizeof(place->sense), &sense);
		if (sense.key == SCSI_ATTENTION)
			return -EAGAIN;
		return -EIO;
	}
	if (place->status != STATUS_GOOD)
		return -EBUSY;
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

/* @return 0; -ENODEV: nothing that is of use here; -EBUSY */
static int64_t unit_ask_identity(struct scsi_unit *unit, struct scsi_identity *identity)
{
	int64_t bytes = unit_ask_page(unit, -1);

	memset(identity, 0, sizeof(*identity));
	if (bytes == -EBUSY)
		return bytes;
	if (bytes < 0 ||
	    scsi_parse_inquiry(command_data(unit->host, 0), (uint32_t)bytes, identity) ||
	    (identity->type != SCSI_DISK && identity->type != SCSI_CD))
		return -ENODEV;
	bytes = unit_ask_page(unit, PAGE_SERIAL);
	if (bytes == -EBUSY || bytes == -EAGAIN)
		return -EBUSY;
	if (bytes > 0)
		scsi_parse_serial(command_data(unit->host, 0), (uint32_t)bytes, identity->serial,
				  sizeof(identity->serial));
	return 0;
}

/* Until it has said what it had to say. @return 0; -EIO: there is no medium; -EBUSY */
static int64_t unit_make_ready(struct scsi_unit *unit)
{
	int64_t result = -EAGAIN;

	for (uint32_t i = 0; i < READY_TRIES && result == -EAGAIN; i++) {
		command_begin(unit->host, 0, unit->target, unit->lun); /* TEST UNIT READY: zeroes */
		result = command_run(unit->host);
	}
	if (result == -EAGAIN)
		return -EBUSY;
	return result < 0 ? result : 0;
}

/* @return 0; -EBUSY; or another error: it has none that is of use */
static int64_t unit_ask_size(struct scsi_unit *unit, struct scsi_format *format)
{
	struct scsi_host *host = unit->host;
	struct scsi_place *place = command_begin(host, 0, unit->target, unit->lun);
	int64_t bytes;

	scsi_make_capacity16(place->cdb, COMMAND_BYTES);
	bytes = command_run(host);
	if (bytes >= 0)
		return scsi_parse_capacity16(command_data(host, 0), (uint32_t)bytes, format);
	if (bytes != -EIO)
		return -EBUSY;
	place = command_begin(host, 0, unit->target, unit->lun);
	scsi_make_capacity10(place->cdb);
	bytes = command_run(host);
	if (bytes == -EAGAIN)
		return -EBUSY;
	if (bytes < 0)
		return bytes;
	return scsi_parse_capacity10(command_data(host, 0), (uint32_t)bytes, format);
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

static int64_t unit_register(struct scsi_unit *unit)
{
	const struct scsi_identity *identity = &unit->identity;
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
	int64_t error;

	memcpy(config.serial, identity->serial, sizeof(config.serial));
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

/* A CD drive without a medium has the size 0. @return 0; -ENODEV: nothing that is of use; -EBUSY */
static int64_t unit_ask_format(struct scsi_unit *unit, uint32_t type, struct scsi_format *format)
{
	int64_t error = unit_make_ready(unit);

	*format = (struct scsi_format){ .block_shift = CD_SHIFT };
	if (error == -EIO && type == SCSI_CD)
		return 0;
	if (error == -EIO)
		return -ENODEV;
	if (!error)
		error = unit_ask_size(unit, format);
	if (!error || error == -EBUSY)
		return error;
	banos_warning(unit->host->device, "unit %u:%u: its size is unknown", unit->target,
		      unit->lun);
	return -ENODEV;
}

/* One without a disk, and without requests. @return 0; -ENODEV: nothing that is of use here; or an error */
static int64_t unit_begin(struct scsi_unit *unit)
{
	int64_t error = unit_ask_identity(unit, &unit->identity);

	unit->again = 0;
	if (!error)
		error = unit_ask_format(unit, unit->identity.type, &unit->format);
	if (error)
		return error;
	unit_ask_features(unit);
	return unit_register(unit);
}

/* One with a disk. @return 0: it is the same, its size perhaps another; 1: another unit is there; -EBUSY: who knows */
static int64_t unit_check(struct scsi_unit *unit)
{
	struct scsi_identity identity;
	struct scsi_format format;
	int64_t error = unit_ask_identity(unit, &identity);

	if (error)
		return -EBUSY;
	if (memcmp(&identity, &unit->identity, sizeof(identity)))
		return 1;
	if (unit_ask_format(unit, identity.type, &format))
		return -EBUSY;
	if (format.blocks == unit->format.blocks)
		return format.blocks && format.block_shift != unit->format.block_shift;
	if (format.blocks && format.block_shift != unit->format.block_shift)
		return 1;
	unit->format.blocks = format.blocks;
	banos_print(unit->host->device, "unit %u:%u: %lu blocks", unit->target, unit->lun,
		    format.blocks);
	return banos_block_resize(unit->block, format.blocks) ? -EBUSY : 0;
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

void scsi_unit_gone(struct scsi_host *host, uint32_t target, uint32_t lun)
{
	struct scsi_unit *unit = unit_find(host, target, lun);

	if (unit && !unit_take_disk(unit))
		unit_free(unit);
}

/* What is there becomes a disk, if it is none yet. @return 0; -ENODEV: nothing that is of use; or an error: it is tried again */
static int64_t unit_look(struct scsi_unit *unit)
{
	int64_t result;

	if (unit->block) {
		result = unit_check(unit);
		if (result <= 0)
			return result;
	}
	result = unit_take_disk(unit);
	if (!result)
		result = unit_begin(unit);
	return result;
}

static struct scsi_unit *unit_create(struct scsi_host *host, uint32_t target, uint32_t lun)
{
	struct scsi_unit *unit = NULL;
	uint32_t index = 0;

	while (index < UNITS && host->units[index])
		index++;
	if (index < UNITS)
		unit = banos_alloc(host->device, sizeof(*unit), 0);
	if (!unit)
		return NULL;
	unit->host = host;
	unit->index = index;
	unit->target = target;
	unit->lun = lun;
	host->units[index] = unit;
	return unit;
}

static void unit_found(struct scsi_host *host, uint32_t target, uint32_t lun)
{
	struct scsi_unit *unit = unit_find(host, target, lun);
	int64_t error;

	if (!unit)
		unit = unit_create(host, target, lun);
	if (!unit) {
		banos_warning(host->device, "unit %u:%u is left out: too many", target, lun);
		return;
	}
	unit->is_seen = 1;
	error = unit_look(unit);
	if (error && error != -ENODEV)
		host->is_unsure = 1;
	if (error && !unit->block && !unit_take_disk(unit))
		unit_free(unit);
}

/* One whose requests the device keeps stays, without a disk. */
static void units_forget(struct scsi_host *host)
{
	for (uint32_t i = 0; i < UNITS; i++) {
		struct scsi_unit *unit = host->units[i];

		if (!unit || unit->is_seen)
			continue;
		if (unit_take_disk(unit))
			host->is_unsure = 1;
		else
			unit_free(unit);
	}
}

/* What a target answered. @return how many units it has; -EBUSY: it did not say, or not all */
static int64_t target_units(struct scsi_host *host, uint32_t index, uint16_t *luns)
{
	const struct scsi_place *place = scsi_place(host, COMMAND_PLACE + index);

	if (place->response == RESPONSE_BAD_TARGET)
		return 0;
	if (place->response != RESPONSE_OK || place->status != STATUS_GOOD ||
	    place->residual > COMMAND_BYTES - LUNS_HEADER)
		return -EBUSY;
	return scsi_parse_luns(command_data(host, index), COMMAND_BYTES - place->residual, luns,
			       LUNS_MAX);
}

static void target_keep(struct scsi_host *host, uint32_t target)
{
	host->is_unsure = 1;
	for (uint32_t i = 0; i < UNITS; i++)
		if (host->units[i] && host->units[i]->target == target)
			host->units[i]->is_seen = 1;
}

/* Targets from @first on. */
static int64_t targets_ask(struct scsi_host *host, uint32_t first, uint32_t count)
{
	uint16_t luns[COMMANDS][LUNS_MAX];
	int64_t found[COMMANDS];
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
	for (uint32_t i = 0; i < sent && !error; i++)
		found[i] = target_units(host, i, luns[i]);
	for (uint32_t i = 0; i < sent && !error; i++) {
		if (found[i] < 0 || found[i] == LUNS_MAX)
			target_keep(host, first + i);
		for (int64_t j = 0; j < found[i] && !host->is_stuck; j++)
			unit_found(host, first + i, luns[i][j]);
	}
	return error;
}

int64_t scsi_search(struct scsi_host *host)
{
	int64_t error = 0;

	if (host->is_stuck)
		return -EIO;
	host->is_unsure = 0;
	for (uint32_t i = 0; i < UNITS; i++)
		if (host->units[i])
			host->units[i]->is_seen = 0;
	for (uint32_t first = 0; first < host->targets && !error; first += COMMANDS) {
		uint32_t count = host->targets - first;

		error = targets_ask(host, first, count < COMMANDS ? count : COMMANDS);
	}
	if (!error && !host->is_stuck)
		units_forget(host);
	if (!error && host->is_unsure)
		error = -EAGAIN;
	return error;
}
