// SPDX-License-Identifier: MIT
/*
 * Fuzzing pure code with libFuzzer: what reads bytes of strangers and only
 * computes. "--target=NAME" chooses which; pure_*.c have the targets. Each holds
 * what its code promises, besides what the sanitizers find.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pure.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fuzz_target *const groups[] = {
	archive_targets, boot_targets,	 device_targets, driver_targets,
	ext2_targets,	 fat_targets,	 media_targets,	 ninep_targets,
	network_targets, packet_targets, program_targets
};
static uint64_t packets;
static void (*run)(const uint8_t *data, size_t size);

void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "a promise is broken: %s\n", what);
	abort();
}

void count_packets(uint64_t count)
{
	packets += count;
}

static void packets_tell(void)
{
	if (packets)
		fprintf(stderr, "packets: %llu\n", (unsigned long long)packets);
}

void *exact_copy(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	return copy;
}

uint64_t take_bytes(struct bytes *bytes, unsigned count)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < count && bytes->left; i++, bytes->at++, bytes->left--)
		number |= (uint64_t)*bytes->at << 8 * i;
	return number;
}

static void choose(const char *name)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		for (const struct fuzz_target *target = groups[i]; target->name; target++)
			if (!strcmp(target->name, name))
				run = target->run;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	for (int i = 1; i < *argc; i++)
		if (!strncmp((*argv)[i], "--target=", 9))
			choose((*argv)[i] + 9);
	if (run)
		return atexit(packets_tell);
	fprintf(stderr, "say --target=NAME, one of:\n");
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		for (const struct fuzz_target *target = groups[i]; target->name; target++)
			fprintf(stderr, "\t%s\n", target->name);
	exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run(data, size);
	return 0;
}
