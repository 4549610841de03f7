// SPDX-License-Identifier: MIT
/*
 * <banos/map.h>: what a program sees where it maps a device.
 *
 * map() states it here; chardev_file.c acts on it once map() has succeeded.
 */
#include <kernel/err.h>
#include "call.h"
#include "caller.h"

/* What may still be stated in this call; NULL, in words: nothing. */
static struct map_request *map_request_of(const char *function, banos_call handle)
{
	struct program_call *call = program_call_find(function, handle);

	if (!call)
		return NULL;
	if (call->request && call->request->kind == MAP_NOTHING)
		return call->request;
	(void)api_mistake(function, -EINVAL,
			  call->request ? "map() has stated before what is mapped"
					: "call is that of a method other than map()");
	return NULL;
}

int64_t banos_map_zero(banos_call call)
{
	struct map_request *request = map_request_of(__func__, call);

	if (!request)
		return -EINVAL;
	request->kind = MAP_ZERO;
	return 0;
}
BANOS_EXPORT(banos_map_zero);
