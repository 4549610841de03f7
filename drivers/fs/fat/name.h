/* SPDX-License-Identifier: MIT */
/**
 * @file name.h  Names of FAT: short ones of 8 + 3 bytes, long ones of up to 255 units of UTF-16, spread over entries in front. Pure.
 *
 * A file's short entry has a short name in a code page, capital letters only. Two bits, Windows NT's, say that its base or its
 * extension is meant in small ones. Where that is not enough the long name stands in front of it, 13 units an entry, the
 * last part first; each of these entries has a check sum over the short name. Names are found by either, capitals and
 * small letters being the same.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define FAT_NAME_UNITS	255u
#define FAT_SHORT_BYTES 11u
#define FAT_SHORT_UNITS 12u /* with the point */
#define FAT_SLOT_UNITS	13u
#define FAT_SLOTS_MAX	20u
#define FAT_SLOT_BYTES	32u

/* Fields of a short entry, and its attributes. */
#define FAT_AT_ATTR	   11
#define FAT_AT_CASE	   12
#define FAT_AT_MADE_CS	   13 /* hundredths of a second */
#define FAT_AT_MADE_TIME   14
#define FAT_AT_MADE_DATE   16
#define FAT_AT_READ_DATE   18
#define FAT_AT_FIRST_HIGH  20
#define FAT_AT_TIME	   22
#define FAT_AT_DATE	   24
#define FAT_AT_FIRST	   26
#define FAT_AT_SIZE	   28
#define FAT_ATTR_READ_ONLY 0x01u
#define FAT_ATTR_LABEL	   0x08u
#define FAT_ATTR_FOLDER	   0x10u
#define FAT_ATTR_ARCHIVE   0x20u
#define FAT_ATTR_LONG	   0x0fu /* of the lower six bits */
#define FAT_CASE_BASE	   0x08u /* of FAT_AT_CASE */
#define FAT_CASE_EXTENSION 0x10u
#define FAT_DELETED	   0xe5u

/** What the option shortname= chooses, and codepage=. */
struct fat_name_style {
	bool show_flags;  /* NT's bits count */
	bool store_flags; /* they are used, where that saves the long name */
	bool lower;	  /* short names are shown in small letters */
	bool page_850;	  /* not 437 */
	bool short_only;  /* there are no long ones: type msdos */
};

/** @brief A unit's capital letter, of the scripts that have one in the same plane. */
uint16_t fat_fold(uint16_t unit);
/** @brief Are the names the same? @p folded: by fat_fold() */
bool fat_units_equal(const uint16_t *folded, uint32_t folded_count, const uint16_t *units,
		     uint32_t count);

/** @brief UTF-8 to UTF-16. @return units; -1: it is no UTF-8, or is longer than a name can be */
int32_t fat_units_from_utf8(const char *text, uint32_t length, uint16_t units[FAT_NAME_UNITS]);
/** @brief The reverse; half of a pair becomes U+FFFD. @return bytes; 0: there is no room */
uint32_t fat_units_to_utf8(const uint16_t *units, uint32_t count, char *to, uint32_t room);
/** @brief How many units a new name has, without points at its end; -1: it has some that are not allowed. */
int32_t fat_name_check(const uint16_t *units, uint32_t count);

/** @brief What the type msdos makes of a name: 8 units, and 3 behind its first point. @return units */
uint32_t fat_name_cut(uint16_t *units, uint32_t count);

/** @brief The name of a short entry as it is shown. @return units; 0: that is none */
uint32_t fat_short_show(const uint8_t *entry, const struct fat_name_style *style,
			uint16_t units[FAT_SHORT_UNITS]);
uint8_t fat_short_checksum(const uint8_t name[FAT_SHORT_BYTES]);

enum fat_short_kind {
	FAT_SHORT_WHOLE,  /* it says all */
	FAT_SHORT_ALIAS,  /* the long name is needed, too */
	FAT_SHORT_NUMBER, /* and the short one needs a number */
	FAT_SHORT_NONE,	  /* there is none */
};
struct fat_short {
	uint8_t name[FAT_SHORT_BYTES];
	uint8_t case_bits;
	uint32_t base_bytes;
};
/** @brief Make the short name of a long one, as Linux does. */
enum fat_short_kind fat_short_make(const uint16_t *units, uint32_t count,
				   const struct fat_name_style *style, struct fat_short *name);
/** @brief Give it a number, 1 to 9: "~1" behind at most six bytes. */
void fat_short_number(const struct fat_short *name, uint32_t number, uint8_t to[FAT_SHORT_BYTES]);
/** @brief Another form, for when these are used: four digits behind two bytes, and "~1". */
void fat_short_digits(const struct fat_short *name, uint32_t digits, uint8_t to[FAT_SHORT_BYTES]);

/** @brief Entries that a long name takes. */
static inline uint32_t fat_slots_of(uint32_t count)
{
	return (count + FAT_SLOT_UNITS - 1) / FAT_SLOT_UNITS;
}
/** @brief Part @p part, 1 is the name's beginning, of a long name. */
void fat_slot_make(const uint16_t *units, uint32_t count, uint32_t part, uint8_t checksum,
		   uint8_t slot[FAT_SLOT_BYTES]);

/** A long name that is being read, entry by entry. */
struct fat_long {
	uint32_t parts, expected; /* 0 parts: none */
	uint8_t checksum;
	uint16_t units[FAT_SLOTS_MAX * FAT_SLOT_UNITS];
};
/** @brief The next entry of it; one that does not follow begins anew, or ends it. */
void fat_long_take(struct fat_long *name, const uint8_t slot[FAT_SLOT_BYTES]);
/** @brief Its units, if it is complete and that of this short entry; 0: no. */
uint32_t fat_long_end(struct fat_long *name, const uint8_t *entry);
/** @brief Can it be shown? Nothing that was written by strangers may have a slash, or be "..". */
bool fat_long_valid(const uint16_t *units, uint32_t count);

static inline bool fat_entry_is_long(const uint8_t *entry)
{
	return (entry[FAT_AT_ATTR] & 0x3f) == FAT_ATTR_LONG;
}
