/* SPDX-License-Identifier: MIT */
/**
 * @file call.h  The calling program, as a method receives it: what a banos_call stands for.
 *
 * It lies on the stack of the system call, and the gate's record of the method names
 * it; so the handle is looked up in this thread's records alone. The handle itself is
 * no address: each call has a number of its own, so that one that was kept is told from
 * a later one at the same place.
 */
#pragma once
#include <kernel/driver.h>

struct vm_window;

/** What map() stated. */
enum map_kind {
	MAP_NOTHING,
	MAP_ZERO,
	MAP_WINDOW,
};

struct map_request {
	enum map_kind kind;
	u64 length;		  /* that the program asks for */
	struct vm_window *window; /* with MAP_WINDOW; counted */
};

struct program_call {
	u64 handle;
	const struct owner *root;    /* of the driver whose method it is */
	struct map_request *request; /* of map(), else NULL */
};

/* An object of the gate with this bit set is a program_call. */
#define PROGRAM_CALL_TAG 2u

/** @brief A call of a method of @p root begins in this thread. */
void program_call_init(struct program_call *call, const struct owner *root,
		       struct map_request *request);
/** @brief For gate_call(). */
static inline const void *program_call_object(const struct program_call *call)
{
	return (const void *)((u64)call | PROGRAM_CALL_TAG);
}
/**
 * @brief The call that runs in this thread for the calling driver.
 * @return NULL: there is none, which a sentence about @p function says
 */
struct program_call *program_call_find(const char *function, banos_call handle);
/** @brief The same for a call of map() that has not stated what is mapped. @return NULL: in words */
struct map_request *map_request_find(const char *function, banos_call handle);
