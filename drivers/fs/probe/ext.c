// SPDX-License-Identifier: MIT
/*
 * ext2, ext3 and ext4: the superblock, 1024 bytes behind the beginning. Which of the three it is the features tell:
 * a journal makes ext3 of ext2, and what neither of these has makes ext4.
 */
#include <stdbool.h>
#include "magic.h"

#define EXT_SUPER	 1024u
#define EXT_SUPER_BYTES	 1024u
#define EXT_MAGIC	 0xef53u
#define EXT_LOG_SIZE_MAX 6u /* blocks of 64 KiB */

#define EXT_COMPAT_JOURNAL   0x4u
#define EXT_INCOMPAT_JOURNAL 0x8u	    /* it is the journal of another disk */
#define EXT_INCOMPAT_EXT2    (0x2u | 0x10u) /* types in folders, meta_bg */
#define EXT_INCOMPAT_EXT3    (EXT_INCOMPAT_EXT2 | 0x4u)
#define EXT_RO_EXT2	     0x7u /* sparse superblocks, large files, B-trees */

static const char *ext_type(uint32_t compat, uint32_t incompat, uint32_t ro)
{
	bool journal = compat & EXT_COMPAT_JOURNAL;

	if (ro & ~EXT_RO_EXT2)
		return "ext4";
	if (!journal && !(incompat & ~EXT_INCOMPAT_EXT2))
		return "ext2";
	if (journal && !(incompat & ~EXT_INCOMPAT_EXT3))
		return "ext3";
	return "ext4";
}

static void ext_put_uuid(char *to, const uint8_t *uuid)
{
	bool any = false;

	for (int i = 0; i < 16; i++)
		any |= uuid[i];
	for (int i = 0; any && i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		to = magic_put_hex(to, uuid[i], 2, "0123456789abcdef");
	}
	*to = 0;
}

int64_t magic_ext(const struct magic_disk *disk, uint8_t *work, struct magic_found *found)
{
	uint32_t incompat;
	int64_t err;

	if (disk->bytes < EXT_SUPER + EXT_SUPER_BYTES)
		return 0;
	err = disk->read(disk->arg, EXT_SUPER, work, EXT_SUPER_BYTES);
	if (err)
		return err;
	incompat = magic_get32(work + 96);
	if (magic_get16(work + 56) != EXT_MAGIC || magic_get32(work + 24) > EXT_LOG_SIZE_MAX ||
	    incompat & EXT_INCOMPAT_JOURNAL)
		return 0;
	*found = (struct magic_found){ 0 };
	found->type = ext_type(magic_get32(work + 92), incompat, magic_get32(work + 100));
	ext_put_uuid(found->uuid, work + 104);
	magic_put_text(found->label, work + 120, 16);
	return 1;
}
