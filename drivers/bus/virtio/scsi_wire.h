/* SPDX-License-Identifier: MIT */
/** @file scsi_wire.h  What SCSI commands and their answers look like. Pure. Source: SPC-4, SBC-3. */
#ifndef VIRTIO_SCSI_WIRE_H
#define VIRTIO_SCSI_WIRE_H

#include <stdint.h>

#define SCSI_CDB_BYTES 32u

/* Types of devices. */
#define SCSI_DISK 0u
#define SCSI_CD	  5u

/* Kinds of sense. */
#define SCSI_NOT_READY 2u
#define SCSI_ATTENTION 6u

/** What INQUIRY says. Compared as a whole. */
struct scsi_identity {
	uint32_t type;
	char model[28]; /* vendor and product, without the blanks at their ends */
	char serial[64];
};

/** What the others say. */
struct scsi_format {
	uint64_t blocks;
	uint32_t block_shift;
	uint32_t has_unmap, unmap_blocks_max; /* 0: any number */
	uint32_t is_read_only, has_cache, has_fua;
};

struct scsi_sense {
	uint32_t key, code;
};

/* Commands: each fills @p cdb, which was zeroed. */
void scsi_make_inquiry(uint8_t *cdb, int page, uint32_t bytes); /* page -1: the standard data */
void scsi_make_report_luns(uint8_t *cdb, uint32_t bytes);
void scsi_make_capacity10(uint8_t *cdb);
void scsi_make_capacity16(uint8_t *cdb, uint32_t bytes);
void scsi_make_mode_sense(uint8_t *cdb, uint32_t bytes);
void scsi_make_transfer(uint8_t *cdb, int is_write, int is_durable, uint64_t first, uint32_t count);
void scsi_make_synchronize(uint8_t *cdb);
/** @param list  24 bytes, written: what it reads */
void scsi_make_unmap(uint8_t *cdb, uint8_t *list, uint64_t first, uint32_t count);

/* Answers, of @p bytes bytes. @return 0; -1: it is none */
int scsi_parse_inquiry(const uint8_t *data, uint32_t bytes, struct scsi_identity *identity);
int scsi_parse_capacity10(const uint8_t *data, uint32_t bytes, struct scsi_format *format);
int scsi_parse_capacity16(const uint8_t *data, uint32_t bytes, struct scsi_format *format);
void scsi_parse_mode(const uint8_t *data, uint32_t bytes, struct scsi_format *format);
void scsi_parse_limits(const uint8_t *data, uint32_t bytes, struct scsi_format *format);
/** @param text  @p size bytes, written: printable, with a NUL */
void scsi_parse_serial(const uint8_t *data, uint32_t bytes, char *text, uint32_t size);
/** @return how many numbers of units were written, @p max at most */
uint32_t scsi_parse_luns(const uint8_t *data, uint32_t bytes, uint16_t *luns, uint32_t max);
void scsi_parse_sense(const uint8_t *data, uint32_t bytes, struct scsi_sense *sense);

#endif
