// SPDX-License-Identifier: MIT
/*
 * The calling program; see call.h.
 *
 * A handle is CALL_BIT, the number of the call in its thread, and the thread's number.
 */
#include <kernel/err.h>
#include "call.h"
#include "caller.h"

#define CALL_BIT	 (1ull << 63) /* no handle of an object has it */
#define TID_BITS	 22u	      /* PID_LIMIT */
#define TID_MASK	 ((1u << TID_BITS) - 1)
#define TAG_BITS	 3ull
#define call_tid(handle) ((handle)&TID_MASK)

void program_call_init(struct program_call *call, const struct owner *root,
		       struct map_request *request)
{
	call->handle = CALL_BIT | ++current->program_calls << TID_BITS | (u64)current->tid;
	call->root = root;
	call->request = request;
}

/* Of all methods that run in this thread, whichever driver's. */
static struct program_call *program_call_search(u64 handle)
{
	for (const struct gate_record *record = current->gate; record; record = record->outer) {
		u64 object = (u64)record->object;

		if ((object & TAG_BITS) == PROGRAM_CALL_TAG) {
			struct program_call *call = (void *)(object & ~TAG_BITS);

			if (call->handle == handle)
				return call;
		}
	}
	return NULL;
}

struct program_call *program_call_find(const char *function, banos_call handle)
{
	struct program_call *call = program_call_search((u64)handle);
	const char *what = "call is of a method that has returned";

	if (likely(call && call->root == gate_owner()))
		return call;
	if (call)
		what = "call is that of another driver's method";
	else if (!((u64)handle & CALL_BIT))
		what = "call is not what open(), ioctl() or map() received";
	else if (call_tid((u64)handle) != (u32)current->tid)
		what = "call is of a method that runs, or ran, in another thread";
	(void)api_mistake(function, -EINVAL, what);
	return NULL;
}
