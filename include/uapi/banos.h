/* SPDX-License-Identifier: MIT */
/**
 * @file banos.h  Banos's own system calls: installing, removing and listing drivers.
 *
 * Numbers begin far above Linux's; a kernel that does not know one answers
 * ENOSYS. All of them are for the super user alone: the caller's privilege is
 * checked before anything else is looked at (EPERM).
 *
 * s64 banos_install(const void *image, u64 size, const char *params, u64 flags, char *log, u64 log_size)
 *	Install the driver in @p image. @p params: "name=value ..." or NULL. @p log (may be NULL) receives
 *	why not, a sentence a line, NUL-terminated, cut to @p log_size; an empty text when it worked.
 *	@return the id (>= 0, never used again); with BANOS_INSTALL_DRY_RUN 0; or -errno
 *
 * s64 banos_remove(s64 id, u64 flags, char *log, u64 log_size)
 *	Remove a driver. @p flags: 0; BANOS_REMOVE_WAIT: sleep until it is not in use; or any of
 *	BANOS_REMOVE_REVOKE: take its open files and mappings away from programs first (ENODEV, SIGBUS);
 *	BANOS_REMOVE_REPLACE: another installed driver that exports all that others use of it, with the same signatures, takes
 *	over: their calls enter that one from then on. Without that flag drivers that depend on it keep it. @p log (may be NULL) receives why not, and who uses it,
 *	as in banos_install().
 *	@return 0; -ENOENT: no driver has this id; -EBUSY: in use, or a function or thread of it has not ended
 *	within 10 seconds (then its state is BANOS_DRIVER_GOING, and a later call continues); -EINTR: it waited;
 *	-EINVAL: flags; -EFAULT: it was not removed, and @p log cannot be written
 *
 * s64 banos_query(s64 id, struct banos_query *out, u64 size)
 *	The driver with the lowest id >= @p id. @p size bytes are written: those that the kernel does not
 *	know are 0, and out->size is how many it knows, at most @p size.
 *	@return its id, -ENOENT: none, -EINVAL: @p size below BANOS_QUERY_SIZE_1, -E2BIG: over 4096
 */
#pragma once
#ifdef __BANOS__
#include <kernel/types.h>
#else
#include <stdint.h>
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
#endif

#define SYS_banos_install 0x42000
#define SYS_banos_remove  0x42001
#define SYS_banos_query	  0x42002

#define BANOS_INSTALL_DRY_RUN 1u /* all but running it */
#define BANOS_REMOVE_WAIT     1u
#define BANOS_REMOVE_REVOKE   2u
#define BANOS_REMOVE_REPLACE  4u

enum banos_driver_state { BANOS_DRIVER_LOADING, BANOS_DRIVER_LIVE, BANOS_DRIVER_GOING };
struct banos_query {
	u32 size;  /* bytes of this struct that were filled */
	u32 state; /* enum banos_driver_state */
	s64 id;
	u64 bytes;   /* of memory, code and data */
	u32 users;   /* long pins: open files, dependents */
	u32 builtin; /* 1: part of the kernel's image */
	char name[56], version[48];
	u64 address; /* of its code; 0: built in */
	u64 calls;   /* into it so far */
	u64 running; /* of them that have not ended */
	u32 level;   /* of the API that it was built for */
	u32 zero;
};
#define BANOS_QUERY_SIZE_1 136
#define BANOS_PARAMS_MAX   4096 /* bytes of params, with the NUL */
