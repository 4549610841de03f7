/* SPDX-License-Identifier: MIT */
/**
 * @file base.h  Conventions and macros that all headers of the driver API use.
 *
 * The API is a set of functions, which are resolved by name when a driver is
 * installed. A name keeps its signature and its meaning for ever. A declaration
 * that is new since the first release states the level that introduced it:
 *
 *	-DBANOS_LEVEL=n	   hide what is newer than level n
 *	-DBANOS_API_MIN=n  the driver works on kernels of level n and later: what is
 *			   newer is weak, to be tested with BANOS_HAS() before use.
 *			   Define it for all objects of a driver, or for none.
 *
 * Without BANOS_API_MIN a driver can be installed on every kernel that has the
 * functions that the driver uses.
 *
 * Rules for every function, unless its description states otherwise:
 * - Arguments and results are 64-bit integers, 32-bit integers or pointers.
 * - A result of int64_t is an error from -4095 to -1 (<banos/errno.h>), or the
 *   result that the function documents. After an error nothing was obtained or changed, and
 *   what the function would have written is undefined. The errors that are listed are those
 *   that mean something to a driver; a later kernel may return others for new reasons.
 * - A pointer is used during the call only, and only for the length and in the
 *   direction that the function states. The kernel keeps no pointer, but for functions, and for the
 *   context of a function, which it passes on and never looks at. A result that is written through a
 *   pointer is as long as its type. Storage that is lent, of locks and
 *   wait objects, is used in place from its initialisation until it is destroyed; a description may say of
 *   another pointer until when it is lent. All else the kernel may copy: it does not change during
 *   the call, and what is written is there once the function has returned. So a thread, timer or interrupt that
 *   starts meanwhile may not find the handle yet. What a pointer of length 0 points to is not looked at: it may be NULL.
 * - A pointer to a struct or to an integer is aligned as its type is.
 * - A text is NUL-terminated, at most 1023 bytes long, UTF-8.
 * - "Context: thread" means that the function may sleep: not under a banos_spinlock. "Context: any": under one, too.
 * - Locking: the caller needs to hold no lock. Several threads may call a function at
 *   once, for the same object too. Only the functions that initialise or release an
 *   object must not run in parallel with others. Locks that the caller must not hold are named.
 * - Ownership: a resource belongs to the owner that is the first argument, until
 *   the function that releases it is called, or the owner is removed.
 * - An owner or a handle that is invalid, was released, or belongs to another driver leads to
 *   -EINVAL (NULL where the result is a pointer). The driver of a bus may use the devices on it
 *   as owners, like their drivers. A released handle never names another object later. A handle is
 *   not 0 and, as an int64_t, not negative, so it can be a result.
 * - A pointer must point to the driver's memory: its image, its stack, memory that it obtained (but
 *   not registers of a device), or memory that it received for this call. Any other, NULL too, leads to
 *   -EINVAL (NULL) unless NULL is said to be allowed.
 * - A pointer to a function must point into the driver's own code (-EINVAL).
 * - A function that may sleep returns -EDEADLK (NULL) under a banos_spinlock.
 * - A bit of an argument "flags", or of a field of that name, that the description does not name leads to
 *   -EINVAL, as do fields named "zero" that are not 0. A later level may give them a meaning.
 * - In what the kernel hands to the driver, flags and structs, bits may be set that the driver does not
 *   know: it tests those that it knows, and never compares the whole.
 * - A limit that is stated (the most bytes, the most arguments) is what every kernel can do; a later
 *   kernel may accept more, so no driver may rely on the error.
 * - Without memory, or where the driver has too much of it already, -ENOMEM (NULL).
 * - Each incorrect call is logged in one sentence, which names driver, function and argument; the
 *   number of such messages is limited.
 * - Names state units: _ns nanoseconds; sizes and lengths are bytes.
 * - Not promised: how long something takes; the order of calls that have nothing to do with each other,
 *   and the processor on which they run; values of handles; addresses; the content of locks and wait
 *   objects; the words of messages.
 * - In structs that begin with "size", the code that creates them sets it to sizeof(), and
 *   unused fields to 0. Later levels add fields at the end only. X_SIZE_1 is the size at level 1,
 *   the least that a kernel accepts (-EINVAL); the largest is 4096 (-E2BIG). In a struct that is read,
 *   a field that the kernel does not know must be 0 (-E2BIG); in a table of methods it is ignored.
 *   In a struct that is written, the kernel sets what it does not know to 0, and size to the number of
 *   bytes that it knows, at most the size that it found. 0 in a later field means "not known".
 */
#ifndef BANOS_BASE_H
#define BANOS_BASE_H

#include <stddef.h>
#include <stdint.h>

/* The C library defines attributes away for compilers that it does not know: without them there is no driver. */
#ifdef __TINYC__
#undef __attribute__
#endif
#ifdef __attribute__
#error "__attribute__ is a macro: compile with -ffreestanding, without the C library's headers"
#endif

/** The level that these headers describe, unless the driver asks for less. */
#ifndef BANOS_LEVEL
#define BANOS_LEVEL 1
#endif

#if BANOS_LEVEL < 1 || BANOS_LEVEL > 1
#error "these headers do not know the level of the driver API that BANOS_LEVEL states: get newer ones, or state another"
#endif
#if defined(BANOS_API_MIN) && (BANOS_API_MIN < 1 || BANOS_API_MIN > BANOS_LEVEL)
#error "BANOS_API_MIN must lie between 1 and BANOS_LEVEL"
#endif

/*
 * BANOS_CFLAGS=1 states that the flags for drivers were used; those that the
 * preprocessor can see are checked. 0 states that this is not a driver, but a
 * program that reads driver files, or the kernel.
 */
#ifndef BANOS_CFLAGS
#error "compile drivers with the flags of 'pkg-config --cflags banos' (BANOS_CFLAGS is not defined)"
#elif BANOS_CFLAGS
#if !defined(__x86_64__) || !defined(__LP64__)
#error "Banos drivers are 64-bit x86 code: -m64"
#endif
/* tcc has no -ffreestanding, and needs none: it knows no function of the C library. */
#if __STDC_HOSTED__ && !defined(__TINYC__)
#error "Banos drivers are compiled with -ffreestanding"
#endif
#ifdef __APX_F__
#error "Banos drivers may not use the registers r16 to r31: -mno-apxf"
#endif
#if defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__)
/* The preprocessor does not see -mabi=ms. */
#ifdef __cplusplus
extern "C" {
extern void banos_calls_are_sysv_not_ms_(int);
extern __attribute__((sysv_abi)) void banos_calls_are_sysv_not_ms_(int);
}
#else
typedef char banos_calls_are_sysv_not_ms_
	[__builtin_types_compatible_p(void (*)(int), void(__attribute__((sysv_abi)) *)(int)) ? 1
											     : -1];
#endif
#endif
#if defined(__SSE__) || defined(__MMX__)
#error "Banos drivers may not use floating-point or vector registers: -mgeneral-regs-only"
#endif
#if defined(__SSP__) || defined(__SSP_STRONG__) || defined(__SSP_ALL__)
#error "Banos drivers are compiled with -fno-stack-protector"
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#error "Banos drivers cannot use sanitizers"
#endif
#if defined(__EXCEPTIONS) || defined(__GXX_RTTI)
#error "C++ drivers are compiled with -fno-exceptions -fno-rtti -fno-threadsafe-statics"
#endif
#endif

#ifdef __cplusplus
#define BANOS_BEGIN extern "C" {
#define BANOS_END   }
#else
#define BANOS_BEGIN
#define BANOS_END
#endif

/** Precedes each declaration: the level that introduced the function. */
#define BANOS_SINCE(level) BANOS_SINCE_##level
#define BANOS_SINCE_1

/**
 * Does this kernel have the function @p f? For names that are weak: newer than BANOS_API_MIN,
 * or declared with BANOS_WEAK by the driver.
 */
#define BANOS_HAS(f) (banos_address_((void (*)(void))(f)) != 0)
/** A declaration with this is an optional import. */
#define BANOS_WEAK __attribute__((weak))

static __inline__ __attribute__((unused)) uint64_t banos_address_(void (*f)(void))
{
	return (uint64_t)f;
}

/* Newer clang reports __COUNTER__, which names records, with -pedantic. */
#if defined(__clang__) && defined(__has_warning)
#if __has_warning("-Wc2y-extensions")
#pragma clang diagnostic ignored "-Wc2y-extensions"
#endif
#endif

/* For records that nothing refers to: neither compiler nor linker drops them. */
#ifdef __has_attribute
#if __has_attribute(retain)
#define BANOS_USED_ used, retain
#endif
#endif
#ifndef BANOS_USED_
#define BANOS_USED_ used
#endif

/** A check at compile time; @p name makes it unique. */
#define BANOS_ASSERT(condition, name) typedef char banos_assert_##name[(condition) ? 1 : -1]

/** Bytes of a struct up to and with @p field: X_SIZE_1 of a struct is that of its last field at level 1. */
#define BANOS_SIZE_TO(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))

#define BANOS_JOIN(a, b)  BANOS_JOIN_(a, b)
#define BANOS_JOIN_(a, b) a##b

/**
 * The owner of resources: the instance of the driver that init() received, or
 * one of its devices. An opaque value like all handles of the API: it must not be
 * dereferenced, is equal only to itself, and NULL is none.
 */
typedef struct banos_owner_ *banos_owner;

BANOS_BEGIN

/**
 * @brief The level of the driver API that this kernel has.
 * Since 1, provided by the kernel.
 * Context: any.
 * @return 1 or more
 */
BANOS_SINCE(1) int64_t banos_api_level(void);

/**
 * @brief Does this kernel have a feature that has no function of its own?
 * Since 1, provided by the kernel.
 * Context: any.
 * @param feature  a BANOS_FEATURE_ number
 * @return 1: yes. 0: no, or the number is unknown. The answer may change while the driver runs.
 */
BANOS_SINCE(1) int64_t banos_has_feature(uint32_t feature);

/** Several processors may run the driver at once. */
#define BANOS_FEATURE_SMP 1u
/** The kernel is a debug kernel: it checks itself and is slower. */
#define BANOS_FEATURE_DEBUG 2u

BANOS_END

#endif
