/* SPDX-License-Identifier: MIT */
/**
 * @file storage.h  The storage of wait objects and locks, which a driver provides.
 *
 * Whatever is in it, nothing of the kernel's breaks. Its words:
 *
 *	state	wait object: counts wake-ups; a ticket is its value
 *		lock: the seal while it is free; its holder
 *	cookie	wait object: handle of its queue; mutex: its owner's handle
 *	seal	where the storage is, and what for, mixed with a secret of this boot
 *
 * The seal is set once the storage was found to be the driver's, and looked at before
 * each use. So a pointer that leads anywhere else, to a lock that was never initialised,
 * destroyed, overwritten or moved, is an error. The driver may free the storage while it is
 * looked at: each access may fault (probe.h). A thread that has slept looks at the seal again.
 */
#pragma once
#include <asm/probe.h>
#include "caller.h"

enum seal_kind { SEAL_WAIT, SEAL_MUTEX, SEAL_SPIN, SEAL_KINDS };
struct seal_words {
	u64 state, cookie, seal;
};

/** Of this boot; set by driver_locks_init(). */
extern u64 seal_secrets[SEAL_KINDS];

static inline u64 seal_of(const void *storage, enum seal_kind kind)
{
	return (u64)storage ^ seal_secrets[kind];
}
/** @brief Was this storage initialised as that kind, and is that still to be seen? Any context. */
static inline bool storage_is_sealed(const void *storage, enum seal_kind kind)
{
	const struct seal_words *words = storage;

	return !((u64)storage & 7) && (s64)storage < 0 &&
	       probe_equals(&words->seal, seal_of(storage, kind));
}
/** @brief Is it memory of a driver, and aligned? Any context. */
static inline bool storage_is_drivers(void *storage, u64 size)
{
	return !((u64)storage & 7) && api_may_write(storage, size);
}
/**
 * @brief Check the arguments that the functions have in common that initialise a mutex or a wait object.
 * @param argument  the name of @p storage there
 * @param owner  out: whose @p handle it is
 * @return 0, -EINVAL or -EDEADLK with a sentence about @p function
 */
s64 __must_check storage_check(const char *function, const char *argument, banos_owner handle,
			       void *storage, struct owner **owner);

#define STORAGE_MISTAKE(argument) \
	MISTAKE(argument " was not initialised, or is not the driver's memory")
