/* SPDX-License-Identifier: MIT */
/*
 * Configuration options as C expressions.
 *
 * Every kernel source gets this file in front (-include), so CONFIG_... macros
 * are known everywhere. kconfig defines CONFIG_X as 1 for y and CONFIG_X_MODULE
 * as 1 for m, and nothing for n; the three macros below turn that into 0 or 1,
 * so that code uses "if (IS_ENABLED(CONFIG_X))" and the compiler still checks
 * the branch that is off.
 *
 * How it works: CONFIG_X is pasted to KCONFIG_ARG_. If it was 1, the result is
 * a macro that expands to "0," and moves the 1 into second place; otherwise
 * the result is a single meaningless name and second place holds the 0.
 */
#ifndef KERNEL_KCONFIG_H
#define KERNEL_KCONFIG_H

#include <generated/autoconf.h>

#define KCONFIG_ARG_1			   0,
#define KCONFIG_SECOND(first, second, ...) second
#define KCONFIG_IS_1__(arg_or_junk)	   KCONFIG_SECOND(arg_or_junk 1, 0, 0)
#define KCONFIG_IS_1_(value)		   KCONFIG_IS_1__(KCONFIG_ARG_##value)
#define KCONFIG_IS_1(value)		   KCONFIG_IS_1_(value)

#define KCONFIG_OR(a, b)  KCONFIG_OR_(a, b)
#define KCONFIG_OR_(a, b) KCONFIG_OR_##a##b
#define KCONFIG_OR_00	  0
#define KCONFIG_OR_01	  1
#define KCONFIG_OR_10	  1
#define KCONFIG_OR_11	  1

/** @brief 1 if @p option is y, else 0. Usable in #if and in C. */
#define IS_BUILTIN(option) KCONFIG_IS_1(option)

/** @brief 1 if @p option is m, else 0. Usable in #if and in C. */
#define IS_MODULE(option) KCONFIG_IS_1(option##_MODULE)

/** @brief 1 if @p option is y or m, else 0. Usable in #if and in C. */
#define IS_ENABLED(option) KCONFIG_OR(KCONFIG_IS_1(option), KCONFIG_IS_1(option##_MODULE))

#endif
