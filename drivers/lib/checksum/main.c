// SPDX-License-Identifier: MIT
/*
 * Checksums for other drivers: <banos/checksum.h>.
 *
 * The tables are filled by init() and never written again, so that nothing needs a lock. The kernel
 * has checked, by the signatures, that data and bytes name memory of the caller.
 */
#include <banos/checksum.h>
#include <banos/driver.h>
#include "sums.h"

static struct crc_table crc32_table, crc32c_table;

int64_t checksum_crc32(uint32_t before, const void *data, uint64_t bytes)
{
	return crc_update(&crc32_table, before, data, bytes);
}
BANOS_EXPORT_AS(checksum_crc32, CHECKSUM_CRC32_AS);

int64_t checksum_crc32c(uint32_t before, const void *data, uint64_t bytes)
{
	return crc_update(&crc32c_table, before, data, bytes);
}
BANOS_EXPORT_AS(checksum_crc32c, CHECKSUM_CRC32C_AS);

int64_t checksum_adler32(uint32_t before, const void *data, uint64_t bytes)
{
	return adler_update(before, data, bytes);
}
BANOS_EXPORT_AS(checksum_adler32, CHECKSUM_ADLER32_AS);

static int64_t checksum_init(banos_owner self)
{
	crc_table_fill(&crc32_table, CRC32_POLYNOMIAL);
	crc_table_fill(&crc32c_table, CRC32C_POLYNOMIAL);
	return 0;
}

BANOS_DRIVER(checksum, "1.0", "MIT", "Checksums for other drivers: CRC-32, CRC-32C, Adler-32",
	     checksum_init, NULL);
