/* SPDX-License-Identifier: MIT */
/**
 * @file checksum.h  Checksums of tables and metadata. The driver "checksum" provides the functions declared here. A draft.
 *
 * Each continues from the result of an earlier call, so that data in several pieces has the same
 * sum as in one. They keep nothing and never sleep.
 */
#ifndef BANOS_CHECKSUM_H
#define BANOS_CHECKSUM_H

#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/checksum.h>
#include <banos/export.h>
BANOS_DRAFT_HEADER(checksum);

BANOS_BEGIN

/**
 * @brief CRC-32 of IEEE 802.3, as zlib, gzip, and GPT have it.
 * Since 2, provided by a driver: checksum.
 * Context: any.
 * @param before  the sum of what lies in front; 0: nothing
 * @param data    @p bytes bytes, read
 * @param bytes   at most BANOS_COPY_MAX
 * @return from 0 to 0xffffffff; -E2BIG: @p bytes is too large; -EINVAL: @p data is not the caller's memory
 */
BANOS_SINCE(2) int64_t checksum_crc32(uint32_t before, const void *data, uint64_t bytes);

/**
 * @brief CRC-32C of Castagnoli, as iSCSI, and ext4 (which inverts start and end by itself) have it.
 * Since 2, provided by a driver: checksum.
 * Context: any.
 * @param before  the sum of what lies in front; 0: nothing
 * @param data    @p bytes bytes, read
 * @param bytes   at most BANOS_COPY_MAX
 * @return as checksum_crc32()
 */
BANOS_SINCE(2) int64_t checksum_crc32c(uint32_t before, const void *data, uint64_t bytes);

/**
 * @brief Adler-32 of RFC 1950.
 * Since 2, provided by a driver: checksum.
 * Context: any.
 * @param before  the sum of what lies in front; 1: nothing
 * @param data    @p bytes bytes, read
 * @param bytes   at most BANOS_COPY_MAX
 * @return as checksum_crc32()
 */
BANOS_SINCE(2) int64_t checksum_adler32(uint32_t before, const void *data, uint64_t bytes);

BANOS_END

/* What its exports and the calls of its importers state. */
#define CHECKSUM_CRC32_AS   "ir$3q"
#define CHECKSUM_CRC32C_AS  "ir$3q"
#define CHECKSUM_ADLER32_AS "ir$3q"

BANOS_IMPORT_AS(checksum_crc32, CHECKSUM_CRC32_AS);
BANOS_IMPORT_AS(checksum_crc32c, CHECKSUM_CRC32C_AS);
BANOS_IMPORT_AS(checksum_adler32, CHECKSUM_ADLER32_AS);
#endif

#endif
