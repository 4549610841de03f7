// SPDX-License-Identifier: MIT
/* What a new program finds on its stack. See exec_stack.h. */
#include "exec_stack.h"
#include <kernel/string.h>

static u64 words_of(const struct exec_stack *s)
{
	return 1 + (u64)s->argc + 1 + s->envc + 1 + 2 * (u64)s->nr_aux;
}

bool exec_stack_plan(struct exec_stack *s, u64 top, u64 room)
{
	u64 below = sizeof(EXEC_PLATFORM) + EXEC_RANDOM_BYTES + 8 * words_of(s) + 64;

	if (s->string_bytes > room || below > room - s->string_bytes || room > top)
		return false;
	s->strings = top - 8 - s->string_bytes;
	s->platform = s->strings - sizeof(EXEC_PLATFORM);
	s->random = (s->platform - EXEC_RANDOM_BYTES) & ~15ull;
	s->sp = (s->random - 8 * words_of(s)) & ~15ull;
	s->image_bytes = s->strings - s->sp;
	return true;
}

void exec_stack_build(const struct exec_stack *s, void *image, const u32 *offsets, const u64 *aux,
		      const u8 random[EXEC_RANDOM_BYTES])
{
	u8 *bytes = image;
	u64 *w = image;

	*w++ = s->argc;
	for (u32 i = 0; i < s->argc; i++)
		*w++ = s->strings + *offsets++;
	*w++ = 0;
	for (u32 i = 0; i < s->envc; i++)
		*w++ = s->strings + *offsets++;
	*w++ = 0;
	for (u32 i = 0; i < 2 * s->nr_aux; i++)
		*w++ = *aux++;
	memset(w, 0, s->random - s->sp - 8 * words_of(s));
	memcpy(bytes + (s->random - s->sp), random, EXEC_RANDOM_BYTES);
	memset(bytes + (s->random + EXEC_RANDOM_BYTES - s->sp), 0,
	       s->platform - s->random - EXEC_RANDOM_BYTES);
	memcpy(bytes + (s->platform - s->sp), EXEC_PLATFORM, sizeof(EXEC_PLATFORM));
}
