/* SPDX-License-Identifier: MIT */
/** @file passed.h  Pointers that one driver passes to another. */
#pragma once
#include <kernel/signature.h>

struct owner;

/**
 * @brief Is what the pointers among the arguments of a call describe the memory of the calling driver?
 * In the context of the call, which has not begun.
 * @param function  what is called, for the log
 * @param args      as many as @p signature has
 * @return 0; -EINVAL, -E2BIG: with a sentence that names both drivers
 */
s64 __must_check check_passed(const char *function, const struct owner *callee,
			      const struct signature *signature, const u64 *args);
