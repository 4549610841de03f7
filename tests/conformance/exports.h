/* SPDX-License-Identifier: MIT */
/**
 * @file exports.h  What exports1.c exports, for exports2.c: as the header that a driver provides.
 */
#ifndef CONFORMANCE_EXPORTS_H
#define CONFORMANCE_EXPORTS_H

#include <banos/export.h>

/** bytes of the number of argument 2, the number, and 4 bytes written */
#define CONFORMANCE_EXPORTS1_SUM_AS "r$2iw4"

/** a text, a struct that is read, one that is filled, and 8 bytes that are both */
#define CONFORMANCE_EXPORTS1_PACK_AS "tsfx8"

struct conformance_box {
	uint32_t size, weight;
};

BANOS_BEGIN

/** @return first + 10 * second + 100 * third..., never below 0 if they are not */
int64_t conformance_exports1_weigh(int64_t first, int64_t second, int64_t third, int64_t fourth,
				   int64_t fifth, int64_t sixth);
/** @param sum  written: of @p count @p bytes. @return @p count */
int64_t conformance_exports1_sum(const uint8_t *bytes, uint32_t count, uint32_t *sum);
/**
 * @param to     its weight is that of @p from and the length of @p text
 * @param total  grows by that
 * @return 0
 */
int64_t conformance_exports1_pack(const char *text, const struct conformance_box *from,
				  struct conformance_box *to, uint64_t *total);
/** @return @p error */
int64_t conformance_exports1_fail(int64_t error);
/** @return how often the four above were called since it was installed */
int64_t conformance_exports1_calls(void);
/** @return whether the exporter finds "conformance_exports2_back", which its importer exports */
int64_t conformance_exports1_may_look_back(void);

BANOS_END

#endif
