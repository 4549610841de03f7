/* SPDX-License-Identifier: MIT */
/**
 * @file export.h  Functions for other drivers.
 *
 *	int64_t pair_add(int64_t a, int64_t b);
 *	BANOS_EXPORT(pair_add);
 *
 * A driver exports functions of its own, under names that begin with its own
 * name and "_". A driver that imports one declares it and calls it. The importer is
 * refused (ENOENT) unless an exporter is installed; while the importer is installed,
 * the exporter cannot be removed. Calls pass through the kernel: at most six
 * arguments; after a failure of the exporter they return -ENODEV. Where two installed drivers export one
 * name, drivers that are installed later import that of the first one.
 *
 * Signatures
 * ----------
 * BANOS_EXPORT_AS(f, "letters") states what the arguments of f are, one letter for each,
 * in their order. The kernel checks by that what pointers point to, and one that keeps drivers
 * apart copies it. BANOS_IMPORT_AS(f, "letters") states how the importer calls it: if the
 * exporter states other letters, the importer is refused (ENOEXEC). A header that declares
 * exported functions states both (<banos/pci.h>). The letters never change:
 *
 *	i	  a number of 32 bits
 *	q	  a number of 64 bits; a pointer that the callee only keeps and gives back
 *	h	  a handle of the kernel's, which the callee may use until the call returns
 *	c	  a callback (<banos/callback.h>), which the callee may call until it is closed
 *	c(qq)	  the same, and its signature is "qq", in which a "c" has no brackets; a call with another one returns -EINVAL. A callback
 *		  can be passed to four drivers; a call that passes it to more may return -ENOSPC
 *	t	  text that the callee reads, NUL-terminated, at most 1024 bytes with the NUL
 *	s	  a struct that begins with its size (uint32_t, aligned to 4, from 4 to 4096), which the callee reads,
 *		  and whose size it compares with what it needs
 *	f	  the same, which the callee fills; of the caller's content it reads all
 *	r16	  16 bytes that the callee reads
 *	r$3	  bytes that it reads; their number is the value of argument 3, of letter i or q
 *	r16*$3	  16 times argument 3 bytes that it reads
 *	w...	  bytes that it writes, with a length as above
 *	x...	  bytes that it reads and writes, with a length as above
 *	>h	  at the end: the result is a handle of the kernel's, 0, or an error. It may be compared; it
 *		  gives the caller no right to what it stands for
 *	>c	  at the end: the result is a callback of the callee's, which the caller may call
 *		  until it is closed, 0, or an error
 *
 * So int64_t hub_send(banos_owner client, const void *data, uint64_t bytes) is "hr$3q".
 * Without ">" the result is an integer of 64 bits. A signature has at most 127 characters. An
 * argument describes at most BANOS_COPY_MAX bytes; more leads to -E2BIG. What is described, all of it,
 * and is not the caller's memory, or cannot be written where the callee writes, leads to -EINVAL. In both
 * cases the log says so and the function is not called: it can rely on what it receives.
 * A pointer may be NULL; then nothing is checked or copied. What is copied contains no pointers: neither
 * side follows one, and neither keeps the address after the call. Both sides may see one
 * memory, or each a copy of its own, so only the last value counts, after the return.
 *
 * BANOS_EXPORT(f) is for functions of integers and of handles that are only compared.
 */
#ifndef BANOS_EXPORT_H
#define BANOS_EXPORT_H

#include <banos/driver.h>

/** An entry of the section .banos-export. */
struct banos_export {
	const char *name; /**< at most 127 bytes: letters, digits and _ */
	void (*function)(void);
};
BANOS_ASSERT(sizeof(struct banos_export) == 16, export_entry);
BANOS_ASSERT(offsetof(struct banos_export, function) == 8, export_entry_function);

#define BANOS_SIGNATURE_SIZE 128   /**< bytes for a signature, with its NUL */
#define BANOS_COPY_MAX	     65536 /**< bytes that one argument describes */

/** Record: the signature of a function that the driver exports; optional. */
#define BANOS_RECORD_EXPORT_AS (BANOS_RECORD_OPTIONAL | 5u)
/** Record: the signature with which the driver calls a function of another driver; optional. */
#define BANOS_RECORD_IMPORT_AS (BANOS_RECORD_OPTIONAL | 6u)

/** The head of both, which never grows, followed by the text "NAME SIGNATURE", its NUL, and zeroes up to the size. */
struct banos_signature_record {
	uint32_t size, kind;
};
BANOS_ASSERT(sizeof(struct banos_signature_record) == 8, signature_record);
BANOS_ASSERT(offsetof(struct banos_signature_record, kind) == 4, signature_record_kind);

/** Let other drivers call @p function, which has C linkage. */
#define BANOS_EXPORT(function)                                                           \
	static const char banos_export_name_##function[]                                 \
		__attribute__((section("__ksymtab_strings"), BANOS_USED_, aligned(1))) = \
			#function;                                                       \
	static const struct banos_export banos_export_##function                         \
		__attribute__((section(".banos-export"), BANOS_USED_, aligned(8))) = {   \
			banos_export_name_##function, (void (*)(void))function           \
		}

/** The same, with a signature: a string literal. */
#define BANOS_EXPORT_AS(function, signature)                                             \
	BANOS_SIGNATURE_(banos_export_as_, BANOS_RECORD_EXPORT_AS, function, signature); \
	BANOS_EXPORT(function)

/** The driver calls @p function of another driver with this signature, if it calls it. */
#define BANOS_IMPORT_AS(function, signature) \
	BANOS_SIGNATURE_(banos_import_as_, BANOS_RECORD_IMPORT_AS, function, signature)

/* Not const, as all records. */
#define BANOS_SIGNATURE_(prefix, kind, function, signature)                                       \
	static struct {                                                                           \
		struct banos_signature_record head;                                               \
		char text[(sizeof(#function " " signature) + 7) / 8 * 8];                         \
	} prefix##function __attribute__((section(".banos-driver"), BANOS_USED_, aligned(8))) = { \
		{ 8 + (sizeof(#function " " signature) + 7) / 8 * 8, kind },                      \
		#function " " signature                                                           \
	}

BANOS_BEGIN

/**
 * @brief Find an exported function by name, at run time.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: an exporter that is a driver stays installed until
 * banos_release_symbol() or the end of @p owner.
 * @param owner  the owner that will call it
 * @param name   text, read
 * @return the function, to be called with the arguments that it has (BANOS_IMPORT_AS() is not looked at); or
 *	   NULL: no such name, @p owner is being removed, no memory, or the exporter is the caller or
 *	   depends on it (a circle could never be removed)
 */
BANOS_SINCE(1) void *banos_lookup_symbol(banos_owner owner, const char *name);

/**
 * @brief Release a function that banos_lookup_symbol() found.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param owner     as it was passed to banos_lookup_symbol()
 * @param function  value: the one that was returned; nothing behind it is read
 * Found several times, it is released as often.
 * @return 0, -EINVAL: it was not found for @p owner, or was released before
 */
BANOS_SINCE(1) int64_t banos_release_symbol(banos_owner owner, void *function);

BANOS_END

#endif
