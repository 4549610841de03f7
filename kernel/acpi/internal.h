/* SPDX-License-Identifier: MIT */
/** @file internal.h  Reading little-endian fields of tables that may be cut short. */
#pragma once
#include <kernel/acpi.h>
#include <kernel/types.h>

#define ACPI_HEADER_LEN 36u /* signature, length, revision, checksum, creator */

/* A field beyond the table's end reads as 0: older tables are shorter. */
#define ACPI_FIELD(bits)                                                       \
	static inline u##bits acpi_u##bits(const u8 *t, size_t len, size_t at) \
	{                                                                      \
		u##bits v = 0;                                                 \
		if (at <= len && len - at >= sizeof(v))                        \
			__builtin_memcpy(&v, t + at, sizeof(v));               \
		return v;                                                      \
	}
ACPI_FIELD(8)
ACPI_FIELD(16)
ACPI_FIELD(32)
ACPI_FIELD(64)

/** Generic Address Structure, 12 bytes (5.2.3.2). Spaces that we cannot reach read as "none". */
struct acpi_gas acpi_gas(const u8 *table, size_t len, size_t offset);
