/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the parsers of ISO 9660. */
#pragma once
#include "iso.h"

#define ISO_EINVAL 22
#define ISO_EIO	   5
#define ISO_ESTALE 116

#define RECORD_HEAD	 33u /* bytes in front of the name */
#define RECORD_FOLDER	 2u  /* flags */
#define RECORD_ASSOCIATE 4u
#define RECORD_GOES_ON	 0x80u

/** A record of a folder, as it is. */
struct iso_record {
	uint64_t at;
	uint32_t length;
	uint64_t data, bytes;
	uint8_t flags, unit;
	const uint8_t *date; /* 7 bytes */
	const uint8_t *name;
	uint32_t name_bytes;
	const uint8_t *extensions; /* behind the name */
	uint32_t extensions_bytes;
};

static inline uint32_t iso_get32(const uint8_t *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline uint32_t iso_get16be(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

/** @brief Seconds since 1970 of the 7 bytes of a date; 0: it is none. */
int64_t iso_date(const uint8_t *date);
/** @brief Make work->sector that which contains @p offset. @return 0, -EIO, or an error of read() */
int64_t iso_load_sector(const struct iso_volume *volume, struct iso_work *work, uint64_t offset);
/**
 * @brief The record at @p offset. It lies in work->sector.
 * @return 1; 0: there is none up to the end of the sector; -EIO, or an error of read()
 */
int64_t iso_record_get(const struct iso_volume *volume, struct iso_work *work, uint64_t offset,
		       struct iso_record *record);
/** @brief Add what Rock Ridge says of a record. @return 0, or an error of read() */
int64_t iso_rock_parse(const struct iso_volume *volume, struct iso_work *work,
		       const struct iso_record *record, struct iso_file *file);
/**
 * @brief Does the record of the root folder announce extensions? Then bytes to skip in front of them.
 * @return -1: no
 */
int iso_rock_announced(const struct iso_record *record);
/** @brief The name of a record without Rock Ridge. It is empty if there is no valid one. */
void iso_plain_name(const struct iso_volume *volume, const struct iso_record *record,
		    struct iso_file *file);
