/* SPDX-License-Identifier: MIT */
/**
 * @file exec_stack.h  What a new program finds on its stack. Pure.
 *
 * From high to low: eight zero bytes; the strings (arguments, environment,
 * name of the program) in one block; the platform's name; 16 random bytes;
 * then, at the stack pointer, which is a multiple of 16: argc, argv[] with
 * NULL, envp[] with NULL, the auxiliary vector. psABI 3.4.1.
 */
#pragma once
#include <kernel/types.h>

#define EXEC_PLATFORM	  "x86_64"
#define EXEC_RANDOM_BYTES 16
#define EXEC_AUX_MAX	  24 /* pairs, with AT_NULL */

struct exec_stack {
	u32 argc, envc, nr_aux;
	u64 string_bytes;
	/* computed */
	u64 strings;	      /* address of the block */
	u64 platform, random; /* addresses */
	u64 sp;
	u64 image_bytes; /* from sp to the strings */
};

/** @brief Compute the addresses below @p top. @return false: the contents do not fit into @p room bytes */
bool __must_check exec_stack_plan(struct exec_stack *stack, u64 top, u64 room);
/**
 * @brief Write what lies between sp and the strings into @p image (image_bytes).
 * @param offsets  of each string in the block, argc + envc of them
 * @param aux	nr_aux pairs; the last one is AT_NULL
 */
void exec_stack_build(const struct exec_stack *stack, void *image, const u32 *offsets,
		      const u64 *aux, const u8 random[EXEC_RANDOM_BYTES]);
