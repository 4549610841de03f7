// SPDX-License-Identifier: MIT
/* The initial contents of the stack of a new program. See exec_stack.h. */
#include "exec_stack.h"
#include <kernel/string.h>

static u64 stack_words_of(const struct exec_stack *stack)
{
	return 1 + (u64)stack->argc + 1 + stack->envc + 1 + 2 * (u64)stack->nr_aux;
}

bool exec_stack_plan(struct exec_stack *stack, u64 top, u64 room)
{
	u64 below = sizeof(EXEC_PLATFORM) + EXEC_RANDOM_BYTES + 8 * stack_words_of(stack) + 64;

	if (stack->string_bytes > room || below > room - stack->string_bytes || room > top)
		return false;
	stack->strings = top - 8 - stack->string_bytes;
	stack->platform = stack->strings - sizeof(EXEC_PLATFORM);
	stack->random = (stack->platform - EXEC_RANDOM_BYTES) & ~15ull;
	stack->sp = (stack->random - 8 * stack_words_of(stack)) & ~15ull;
	stack->image_bytes = stack->strings - stack->sp;
	return true;
}

void exec_stack_build(const struct exec_stack *stack, void *image, const u32 *offsets,
		      const u64 *aux, const u8 random[EXEC_RANDOM_BYTES])
{
	u8 *bytes = image;
	u64 *cursor = image;

	*cursor++ = stack->argc;
	for (u32 i = 0; i < stack->argc; i++)
		*cursor++ = stack->strings + *offsets++;
	*cursor++ = 0;
	for (u32 i = 0; i < stack->envc; i++)
		*cursor++ = stack->strings + *offsets++;
	*cursor++ = 0;
	for (u32 i = 0; i < 2 * stack->nr_aux; i++)
		*cursor++ = *aux++;
	memset(cursor, 0, stack->random - stack->sp - 8 * stack_words_of(stack));
	memcpy(bytes + (stack->random - stack->sp), random, EXEC_RANDOM_BYTES);
	memset(bytes + (stack->random + EXEC_RANDOM_BYTES - stack->sp), 0,
	       stack->platform - stack->random - EXEC_RANDOM_BYTES);
	memcpy(bytes + (stack->platform - stack->sp), EXEC_PLATFORM, sizeof(EXEC_PLATFORM));
}
