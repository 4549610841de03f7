/* SPDX-License-Identifier: MIT */
/**
 * @file iso.h  Reading ISO 9660, with Rock Ridge or Joliet. Pure.
 *
 * A node's number is the place of a record on the disk, in bytes: of a folder, that of its own
 * first record (".", where its contents begin); of anything else, that of the first of its records in the
 * folder. So it needs no table, and is the same for each instance of the driver.
 *
 * Whatever the disk says, each function ends, reads nothing beyond the disk, and writes no
 * further than the arrays here reach.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ISO_SECTOR	2048u /* records do not cross its multiples */
#define ISO_NAME_MAX	255u
#define ISO_TARGET_SIZE 4096u /* of a link's text, with its NUL */
#define ISO_LABEL_SIZE	112u

/* Modes; Linux's. */
#define ISO_TYPE_MASK 0170000u
#define ISO_FOLDER    0040000u
#define ISO_FILE      0100000u
#define ISO_LINK      0120000u

struct iso_volume {
	uint64_t bytes; /* of the disk */
	void *arg;
	int64_t (*read)(void *arg, uint64_t offset, void *to, uint64_t length);
	bool allow_rock, allow_joliet; /* set before iso_open() */
	bool keep_names;	       /* of plain ISO 9660: no lower case, with version */

	/* iso_open(): */
	uint32_t block_bytes;
	uint64_t blocks; /* as the volume says */
	uint64_t root;	 /* node */
	bool rock, joliet;
	uint32_t skip; /* bytes in front of the extensions of each record */
	char label[ISO_LABEL_SIZE];
	char uuid[24]; /* when it was made: "2023-01-31-12-00-00-00" */
};

/** What is known of a node. */
struct iso_file {
	uint64_t node;
	bool is_folder;
	uint64_t bytes;
	uint64_t data;	   /* where its (first) bytes lie; 0 if there are none */
	uint64_t data_end; /* of that section, in the file */
	bool has_mode;	   /* and nlink, uid, gid */
	uint32_t mode, nlink, uid, gid;
	uint32_t major, minor;
	int64_t mtime_s, atime_s, ctime_s;
	uint64_t child; /* node of the folder that was moved from here; 0: none */
	bool relocated; /* it was moved here: its name counts elsewhere */
	uint32_t target_bytes;
	uint32_t name_bytes;
	char name[ISO_NAME_MAX + 1];
};

/** Room for what follows; nothing of it needs to be set but sector_at. */
struct iso_work {
	uint64_t sector_at; /* what sector contains; ISO_NO_SECTOR at first */
	uint8_t sector[ISO_SECTOR];
	uint8_t area[ISO_SECTOR]; /* of extensions */
	char *target; /* NULL, or ISO_TARGET_SIZE bytes: where the text of a link goes */
};
#define ISO_NO_SECTOR UINT64_MAX

/** @return 0, -EINVAL: that is none, or an error of read() */
int64_t iso_open(struct iso_volume *volume, struct iso_work *work);
/**
 * @brief The next name of a folder.
 * @param position  in the folder, 0 at first; moved behind what was found
 * @return 1, 0: no more, -EIO: it is damaged, or an error of read()
 */
int64_t iso_folder_next(const struct iso_volume *volume, struct iso_work *work,
			const struct iso_file *folder, uint64_t *position, struct iso_file *file);
/** @return 0, -ESTALE: there is no such node, -EIO, or an error of read() */
int64_t iso_file_get(const struct iso_volume *volume, struct iso_work *work, uint64_t node,
		     struct iso_file *file);
/**
 * @brief Where bytes of a file lie.
 * @param section  out: where the section that @p offset is in begins in the file, how long it is, and where it lies
 * @return 0, -EIO, or an error of read()
 */
struct iso_section {
	uint64_t offset, length, place;
};
int64_t iso_file_map(const struct iso_volume *volume, struct iso_work *work, uint64_t node,
		     uint64_t offset, struct iso_section *section);
