/* SPDX-License-Identifier: MIT */
/** @file pure.h  Fuzzing pure code: what the targets have in common. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** One target: takes any bytes; the sanitizers and require() say what is wrong. */
struct fuzz_target {
	const char *name;
	void (*run)(const uint8_t *data, size_t size);
};
extern const struct fuzz_target archive_targets[], boot_targets[], device_targets[],
	driver_targets[], ext2_targets[], fat_targets[], media_targets[], ninep_targets[],
	network_targets[], packet_targets[], program_targets[];

/** Stop with @p what if a promise is broken. */
void require(int holds, const char *what);
/** Packets that an input consists of, besides the input: they are counted and told at the end. */
void count_packets(uint64_t count);
/** A copy of the very size, so that one byte too far is seen. free() it. */
void *exact_copy(const void *data, size_t size);

/** Bytes of an input, taken from the front; zeroes when there are no more. */
struct bytes {
	const uint8_t *at;
	size_t left;
};
uint64_t take_bytes(struct bytes *bytes, unsigned count);
