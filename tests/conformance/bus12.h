/* SPDX-License-Identifier: MIT */
/**
 * @file bus12.h  What bus1.c exports, for bus2.c: as the header of a bus.
 */
#ifndef CONFORMANCE_BUS12_H
#define CONFORMANCE_BUS12_H

#include <banos/export.h>

#define BUS12_ID	   0x4242ul
#define BUS12_INTERRUPTS   2u
#define BUS12_MEMORY	   0xa0000ul /* graphics memory of a VGA, which keeps nothing in text mode */
#define BUS12_MEMORY_BYTES 8192ul
#define BUS12_PORTS	   0x378u /* a parallel port's, where there is one */
#define BUS12_NR_PORTS	   3u

/** What the bus was asked for its device so far. */
struct bus12_calls {
	uint32_t size;
	uint32_t quiets, connects, disconnects;
	uint32_t strangers; /**< calls with wrong arguments */
	uint32_t zero;
};

#define CONFORMANCE_BUS1_CALLS_AS "hf"

BANOS_BEGIN

/** @param to  filled. @return 0, -ENODEV: not a device of this bus, -EINVAL: size is too small */
int64_t conformance_bus1_calls(banos_owner device, struct bus12_calls *to);
/** @param id  8 bytes, written: bus id + start of the first resource, as the bus's driver sees them. @return 0, -EIO */
int64_t conformance_bus1_device_info(banos_owner device, uint64_t *id);

BANOS_END

#endif
