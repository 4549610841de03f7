/* SPDX-License-Identifier: MIT */
/* <banos/firmware.h>: a file of 10000 bytes, each the low byte of 7 times its offset; what is not there. */
#include <banos/firmware.h>
#include "check.h"

#define FILE_BYTES 10000

static uint8_t content[FILE_BYTES + 100];

static uint32_t differences(uint32_t offset, uint32_t length)
{
	uint32_t i, count = 0;

	for (i = 0; i < length; i++)
		count += content[i] != (uint8_t)((offset + i) * 7);
	return count;
}

static void try_file(banos_owner self)
{
	banos_firmware firmware = NULL, again = NULL;

	CHECK(banos_firmware_load(self, "conformance.bin", &firmware) == FILE_BYTES);
	CHECK(banos_firmware_load(self, "conformance.bin", &again) == FILE_BYTES);
	CHECK(firmware != again);
	CHECK(banos_firmware_read(firmware, 0, content, sizeof(content)) == FILE_BYTES);
	CHECK(differences(0, FILE_BYTES) == 0);
	CHECK(content[FILE_BYTES] == 0);
	CHECK(banos_firmware_read(again, 4321, content, 1000) == 1000);
	CHECK(differences(4321, 1000) == 0);
	CHECK(banos_firmware_read(firmware, FILE_BYTES - 5, content, 100) == 5);
	CHECK(differences(FILE_BYTES - 5, 5) == 0);
	CHECK(banos_firmware_read(firmware, FILE_BYTES, content, 100) == 0);
	CHECK(banos_firmware_read(firmware, ~0ul, content, 100) == 0);
	CHECK(banos_firmware_read(firmware, 0, NULL, 100) == -EINVAL);
	CHECK(banos_firmware_read(firmware, 0, content, 0) == 0);
	CHECK(banos_firmware_release(firmware) == 0);
	CHECK(banos_firmware_release(firmware) == -EINVAL);
	CHECK(banos_firmware_read(firmware, 0, content, 100) == -EINVAL);
	CHECK(banos_firmware_read(again, 1, content, 1) == 1 && content[0] == 7);
	CHECK(banos_firmware_release(again) == 0);
}

static void try_refusals(banos_owner self)
{
	banos_firmware firmware;

	CHECK(banos_firmware_load(self, "conformance-none.bin", &firmware) == -ENOENT);
	CHECK(banos_firmware_load(self, "none/conformance.bin", &firmware) == -ENOENT);
	CHECK(banos_firmware_load(self, "conformance.bin/none", &firmware) == -ENOENT);
	CHECK(banos_firmware_load(self, "../firmware/conformance.bin", &firmware) == -EINVAL);
	CHECK(banos_firmware_load(self, "./conformance.bin", &firmware) == -EINVAL);
	CHECK(banos_firmware_load(self, "/conformance.bin", &firmware) == -EINVAL);
	CHECK(banos_firmware_load(self, "", &firmware) == -EINVAL);
	CHECK(banos_firmware_load(self, NULL, &firmware) == -EINVAL);
	CHECK(banos_firmware_load(NULL, "conformance.bin", &firmware) == -EINVAL);
	CHECK(banos_firmware_load(self, "conformance.bin", NULL) == -EINVAL);
	CHECK(banos_firmware_read(NULL, 0, content, 1) == -EINVAL);
	CHECK(banos_firmware_release(NULL) == -EINVAL);
}

static int64_t conformance_firmware_init(banos_owner self)
{
	try_file(self);
	try_refusals(self);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_firmware, "1.0", "MIT", "Tests files for devices",
	     conformance_firmware_init, NULL);
