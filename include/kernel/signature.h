/* SPDX-License-Identifier: MIT */
/**
 * @file signature.h  The letters of <banos/export.h>: what the arguments of a function between drivers are.
 *
 * Pure. Two signatures are the same if their texts are equal: each number and each
 * order is written in one way only.
 */
#pragma once
#include <kernel/types.h>

#define SIGNATURE_SIZE	     128u /* bytes of the text, with its NUL */
#define SIGNATURE_ARGS	     6u
#define SIGNATURE_ARGS_BACK  5u	  /* of a callback */
#define SIGNATURE_WORDS_SIZE 160u /* bytes of a sentence about a malformed one */

struct signature_arg {
	char letter;
	u8 length_arg; /* of bytes: number of the argument with the count, from 1; 0: fixed */
	u32 bytes;     /* of bytes: all, or of each that is counted */
	u8 inner,
		inner_len; /* of a callback: where the letters of its own are in the text; 0: none stated */
};

struct signature {
	char text[SIGNATURE_SIZE];
	u32 nargs;
	u8 handles;   /* bit per argument: granted for the call */
	u8 callbacks; /* bit per argument: granted until closed */
	u8 pointers;  /* bit per argument: it describes memory */
	char result;  /* 0: a number; 'h', 'c' */
	struct signature_arg args[SIGNATURE_ARGS];
};

/**
 * @brief Read a signature.
 * @param text      NUL-terminated
 * @param args_max  SIGNATURE_ARGS, or SIGNATURE_ARGS_BACK for a callback
 * @param words     SIGNATURE_WORDS_SIZE bytes; on failure: what is wrong with it
 * @return 0, -EINVAL
 */
int __must_check signature_parse(const char *text, u32 args_max, struct signature *out,
				 char *words);
/** A record of BANOS_EXPORT_AS or BANOS_IMPORT_AS, taken apart. */
struct signature_record {
	const char *name, *letters; /* letters: NUL-terminated */
	u32 name_len;
};
struct record_header;
/** @brief Take a record of such a kind apart. @return 0, -EINVAL: it is malformed */
int __must_check signature_record_read(const struct record_header *header,
				       struct signature_record *out);
/** @brief Are these letters fit for a function without a signature: numbers and handles alone? */
bool signature_is_plain(const struct signature *signature);
