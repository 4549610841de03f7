/* SPDX-License-Identifier: MIT */
/**
 * @file draft.h  Headers of the next level, which may still change: drafts.
 *
 * A level that was released never changes. What is new begins as a draft in a header of its
 * own, such as <banos/block.h>, until its level is released. Its names are there only where
 * BANOS_DRAFT is defined (-DBANOS_DRAFT), and a driver that includes it carries the
 * fingerprint of that draft: a kernel that has another one, or none, refuses the driver
 * in words. Such a driver is compiled again for each kernel whose draft differs; a driver
 * that uses no draft is not concerned.
 *
 * A fingerprint covers everything in the header and in the drafts that it includes, but
 * comments and white space. It does not depend on a compiler or a configuration.
 */
#ifndef BANOS_DRAFT_H
#define BANOS_DRAFT_H

#include <banos/driver.h>

/** Record: a draft that the driver was compiled with. One per header; several that are alike do no harm. */
#define BANOS_RECORD_DRAFT 7u

#define BANOS_FINGERPRINT_SIZE 24u /**< bytes for a fingerprint, with its NUL */

/** A draft that the driver uses. */
struct banos_draft_record {
	uint32_t size, kind;
	char header[BANOS_NAME_SIZE]; /**< "block" for <banos/block.h>; as the name of a driver */
	char fingerprint[BANOS_FINGERPRINT_SIZE]; /**< digits and letters from a to f */
};
#define BANOS_DRAFT_RECORD_SIZE_1 88u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_draft_record, fingerprint) == BANOS_DRAFT_RECORD_SIZE_1,
	     draft_record);
BANOS_ASSERT(offsetof(struct banos_draft_record, header) == 8, draft_record_header);
BANOS_ASSERT(offsetof(struct banos_draft_record, fingerprint) == 64, draft_record_fingerprint);

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#define BANOS_SINCE_2
#endif

/**
 * In a draft header, once, after including <banos/draft/NAME.h>, which is made when a kernel
 * is built: this is <banos/NAME.h>. @p name is an identifier.
 */
#if BANOS_CFLAGS
#define BANOS_DRAFT_HEADER(name)                                                        \
	BANOS_FITS_(#name, BANOS_NAME_SIZE, name_of_draft_##name);                      \
	BANOS_FITS_(BANOS_DRAFT_FINGERPRINT_##name, BANOS_FINGERPRINT_SIZE,             \
		    fingerprint_of_##name);                                             \
	BANOS_RECORD_(struct banos_draft_record) = { sizeof(struct banos_draft_record), \
						     BANOS_RECORD_DRAFT, #name,         \
						     BANOS_DRAFT_FINGERPRINT_##name }
#else
#define BANOS_DRAFT_HEADER(name) BANOS_ASSERT(1, draft_##name)
#endif

#endif
