// SPDX-License-Identifier: MIT
/*
 * ISO 9660 (ECMA-119): the primary volume descriptor, among those from the 17th block of 2048 bytes on. Its UUID is the
 * time of the last change, or of creation.
 */
#include <stdbool.h>
#include "magic.h"

#define ISO_BLOCK	 2048u
#define ISO_FIRST	 16u
#define ISO_COUNT_MAX	 16u /* descriptors that are looked through */
#define ISO_PRIMARY	 1u
#define ISO_END		 255u
#define ISO_LABEL	 40u
#define ISO_LABEL_BYTES	 32u
#define ISO_CREATED	 813u
#define ISO_CHANGED	 830u
#define ISO_TIME_DIGITS	 16
#define ISO_TIME_MIN_TWO 4 /* the year has four digits, all else has two */

static bool iso_has_magic(const uint8_t *block)
{
	static const char magic[] = "CD001";

	for (int i = 0; i < 5; i++)
		if (block[1 + i] != (uint8_t)magic[i])
			return false;
	return true;
}

/* @return false: it is not stated */
static bool iso_put_time(char *to, const uint8_t *digits)
{
	bool any = false;

	for (int i = 0; i < ISO_TIME_DIGITS; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		any |= digits[i] != '0';
		if (i >= ISO_TIME_MIN_TWO && i % 2 == 0)
			*to++ = '-';
		*to++ = (char)digits[i];
	}
	*to = 0;
	return any;
}

static void iso_take(const uint8_t *block, struct magic_found *found)
{
	*found = (struct magic_found){ .type = "iso9660" };
	if (!iso_put_time(found->uuid, block + ISO_CHANGED) &&
	    !iso_put_time(found->uuid, block + ISO_CREATED))
		found->uuid[0] = 0;
	magic_put_text(found->label, block + ISO_LABEL, ISO_LABEL_BYTES);
}

int64_t magic_iso9660(const struct magic_disk *disk, uint8_t *work, struct magic_found *found)
{
	for (uint32_t i = ISO_FIRST; i < ISO_FIRST + ISO_COUNT_MAX; i++) {
		int64_t err;

		if (disk->bytes / ISO_BLOCK <= i)
			return 0;
		err = disk->read(disk->arg, (uint64_t)i * ISO_BLOCK, work, ISO_BLOCK);
		if (err)
			return err;
		if (!iso_has_magic(work) || work[0] == ISO_END)
			return 0;
		if (work[0] == ISO_PRIMARY) {
			iso_take(work, found);
			return 1;
		}
	}
	return 0;
}
