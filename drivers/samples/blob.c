/* SPDX-License-Identifier: MIT */
/* A firmware file: read from /lib/firmware, as a device's driver would to hand it on. */
#include <banos/driver.h>
#include <banos/firmware.h>
#include <banos/print.h>

static char file[64] = "blob.bin";
BANOS_PARAM_TEXT(file, "which file below /lib/firmware");

static int64_t blob_init(banos_owner self)
{
	banos_firmware firmware;
	uint8_t piece[64];
	uint32_t sum = 0;
	int64_t size = banos_firmware_load(self, file, &firmware), got;

	if (size < 0) {
		banos_error(self, "cannot load firmware %s (error %lld)", file, (long long)-size);
		return size;
	}
	for (uint64_t offset = 0;
	     (got = banos_firmware_read(firmware, offset, piece, sizeof(piece))) > 0;
	     offset += (uint64_t)got)
		for (int64_t i = 0; i < got; i++)
			sum += piece[i];
	banos_print(self, "%s: %lld bytes, sum %u", file, (long long)size, sum);
	return banos_firmware_release(firmware);
}

BANOS_DRIVER(blob, "1.0", "MIT", "Reads a firmware file", blob_init, NULL);
