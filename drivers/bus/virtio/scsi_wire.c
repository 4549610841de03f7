/* SPDX-License-Identifier: MIT */
/* scsi_wire.h. All numbers are big endian. */
#include "scsi_wire.h"

#define BLOCK_SHIFT_LEAST 9u
#define BLOCK_SHIFT_MOST  12u
#define DISK_BYTES_MAX	  ((uint64_t)INT64_MAX)
#define INQUIRY_LEAST	  36u
#define PAGE_CACHE	  8u

static void scsi_put(uint8_t *to, uint64_t value, uint32_t bytes)
{
	while (bytes--) {
		to[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

static uint64_t scsi_get(const uint8_t *from, uint32_t bytes)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < bytes; i++)
		value = value << 8 | from[i];
	return value;
}

/* ---- commands ---- */

void scsi_make_inquiry(uint8_t *cdb, int page, uint32_t bytes)
{
	cdb[0] = 0x12;
	if (page >= 0) {
		cdb[1] = 1;
		cdb[2] = (uint8_t)page;
	}
	scsi_put(cdb + 3, bytes, 2);
}

void scsi_make_report_luns(uint8_t *cdb, uint32_t bytes)
{
	cdb[0] = 0xa0;
	scsi_put(cdb + 6, bytes, 4);
}

void scsi_make_capacity10(uint8_t *cdb)
{
	cdb[0] = 0x25;
}

void scsi_make_capacity16(uint8_t *cdb, uint32_t bytes)
{
	cdb[0] = 0x9e;
	cdb[1] = 0x10;
	scsi_put(cdb + 10, bytes, 4);
}

void scsi_make_mode_sense(uint8_t *cdb, uint32_t bytes)
{
	cdb[0] = 0x1a;
	cdb[2] = PAGE_CACHE;
	cdb[4] = (uint8_t)bytes;
}

void scsi_make_transfer(uint8_t *cdb, int is_write, int is_durable, uint64_t first, uint32_t count)
{
	if (is_durable)
		cdb[1] = 8;
	if (first <= UINT32_MAX && first + count <= UINT32_MAX && count <= UINT16_MAX) {
		cdb[0] = 0x28 + 2 * !!is_write;
		scsi_put(cdb + 2, first, 4);
		scsi_put(cdb + 7, count, 2);
	} else {
		cdb[0] = 0x88 + 2 * !!is_write;
		scsi_put(cdb + 2, first, 8);
		scsi_put(cdb + 10, count, 4);
	}
}

void scsi_make_synchronize(uint8_t *cdb)
{
	cdb[0] = 0x35;
}

void scsi_make_unmap(uint8_t *cdb, uint8_t *list, uint64_t first, uint32_t count)
{
	cdb[0] = 0x42;
	scsi_put(cdb + 7, 24, 2);
	scsi_put(list, 22, 2);
	scsi_put(list + 2, 16, 2);
	scsi_put(list + 4, 0, 4);
	scsi_put(list + 8, first, 8);
	scsi_put(list + 16, count, 4);
	scsi_put(list + 20, 0, 4);
}

/* ---- answers ---- */

/* @return behind what was written, with a NUL */
static uint32_t scsi_copy_text(char *to, const uint8_t *from, uint32_t length)
{
	while (length && (from[length - 1] == ' ' || !from[length - 1]))
		length--;
	for (uint32_t i = 0; i < length; i++) {
		to[i] = '?';
		if (from[i] >= ' ' && from[i] <= '~')
			to[i] = (char)from[i];
	}
	to[length] = 0;
	return length;
}

int scsi_parse_inquiry(const uint8_t *data, uint32_t bytes, struct scsi_identity *identity)
{
	uint32_t length;

	if (bytes < INQUIRY_LEAST || data[0] >> 5)
		return -1;
	identity->type = data[0] & 0x1f;
	length = scsi_copy_text(identity->model, data + 8, 8);
	if (length)
		identity->model[length++] = ' ';
	scsi_copy_text(identity->model + length, data + 16, 16);
	return 0;
}

static int scsi_take_size(uint64_t last, uint64_t block_bytes, struct scsi_format *format)
{
	format->block_shift = BLOCK_SHIFT_LEAST;
	while (format->block_shift < BLOCK_SHIFT_MOST &&
	       UINT64_C(1) << format->block_shift < block_bytes)
		format->block_shift++;
	if (UINT64_C(1) << format->block_shift != block_bytes ||
	    last >= DISK_BYTES_MAX >> format->block_shift)
		return -1;
	format->blocks = last + 1;
	return 0;
}

int scsi_parse_capacity10(const uint8_t *data, uint32_t bytes, struct scsi_format *format)
{
	if (bytes < 8)
		return -1;
	return scsi_take_size(scsi_get(data, 4), scsi_get(data + 4, 4), format);
}

int scsi_parse_capacity16(const uint8_t *data, uint32_t bytes, struct scsi_format *format)
{
	if (bytes < 12)
		return -1;
	format->has_unmap = bytes > 14 && data[14] >> 7;
	return scsi_take_size(scsi_get(data, 8), scsi_get(data + 8, 4), format);
}

void scsi_parse_mode(const uint8_t *data, uint32_t bytes, struct scsi_format *format)
{
	uint32_t page;

	if (bytes < 4)
		return;
	format->is_read_only = data[2] >> 7;
	format->has_fua = data[2] >> 4 & 1;
	page = 4u + data[3];
	if (page + 2 < bytes && (data[page] & 0x3f) == PAGE_CACHE)
		format->has_cache = data[page + 2] >> 2 & 1;
}

void scsi_parse_limits(const uint8_t *data, uint32_t bytes, struct scsi_format *format)
{
	if (bytes < 28 || data[1] != 0xb0)
		return;
	format->unmap_blocks_max = (uint32_t)scsi_get(data + 20, 4);
}

void scsi_parse_serial(const uint8_t *data, uint32_t bytes, char *text, uint32_t size)
{
	uint32_t length;

	text[0] = 0;
	if (bytes < 4 || data[1] != 0x80)
		return;
	length = data[3];
	if (length > bytes - 4)
		length = bytes - 4;
	if (length > size - 1)
		length = size - 1;
	scsi_copy_text(text, data + 4, length);
}

uint32_t scsi_parse_luns(const uint8_t *data, uint32_t bytes, uint16_t *luns, uint32_t max)
{
	uint32_t count = 0;
	uint64_t end;

	if (bytes < 8)
		return 0;
	end = 8 + scsi_get(data, 4);
	if (end > bytes)
		end = bytes;
	for (uint32_t at = 8; at + 8 <= end && count < max; at += 8) {
		uint32_t method = data[at] >> 6;

		/* By bus 0, or flat. Of other kinds there are none here. */
		if (method == 1 || !data[at])
			luns[count++] = (uint16_t)((data[at] & 0x3f) << 8 | data[at + 1]);
	}
	return count;
}

void scsi_parse_sense(const uint8_t *data, uint32_t bytes, struct scsi_sense *sense)
{
	uint32_t form;

	*sense = (struct scsi_sense){ 0 };
	if (bytes < 4)
		return;
	form = data[0] & 0x7f;
	if (form == 0x72 || form == 0x73) {
		sense->key = data[1] & 0xf;
		sense->code = data[2];
	} else if ((form == 0x70 || form == 0x71) && bytes > 12) {
		sense->key = data[2] & 0xf;
		sense->code = data[12];
	}
}
