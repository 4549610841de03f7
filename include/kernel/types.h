/* SPDX-License-Identifier: MIT */
/** @file types.h  Basic types of the kernel. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#ifndef __BANOS_HOST__
typedef s64 ssize_t;
typedef s64 off_t;
typedef s32 pid_t;
typedef u32 uid_t;
typedef u32 gid_t;
typedef u32 mode_t;
typedef u64 dev_t; /* Linux's encoding of st_rdev: see MKDEV in fs.h */
typedef u64 ino_t;
#else
#include <sys/types.h>
#endif

/** A physical address. */
typedef u64 phys_t;

/**
 * A user address. A pointer to a type that is never defined: it cannot be
 * dereferenced or mixed up with kernel pointers; only uaccess.h reads it.
 */
typedef struct user_memory *uaddr_t;
static inline uaddr_t uaddr(u64 a)
{
	return (uaddr_t)a;
}
static inline u64 uaddr_value(uaddr_t a)
{
	return (u64)a;
}
static inline uaddr_t uaddr_add(uaddr_t a, u64 n)
{
	return (uaddr_t)((u64)a + n);
}

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define ARRAY_SIZE(a)	 (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)	 (((x) + ((typeof(x))(a)-1)) & ~((typeof(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((typeof(x))(a)-1))
#define PAGE_ALIGN(x)	 ALIGN_UP((u64)(x), PAGE_SIZE)
#define MIN(a, b)                   \
	({                          \
		typeof(a) _a = (a); \
		typeof(b) _b = (b); \
		_a < _b ? _a : _b;  \
	})
#define MAX(a, b)                   \
	({                          \
		typeof(a) _a = (a); \
		typeof(b) _b = (b); \
		_a > _b ? _a : _b;  \
	})
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

#define likely(x)	 __builtin_expect(!!(x), 1)
#define unlikely(x)	 __builtin_expect(!!(x), 0)
#define barrier()	 __asm__ volatile("" ::: "memory")
#define READ_ONCE(x)	 (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

#define __must_check   __attribute__((warn_unused_result))
#define __noreturn     __attribute__((noreturn))
#define __packed       __attribute__((packed))
#define __aligned(n)   __attribute__((aligned(n)))
#define __section(s)   __attribute__((section(s), used))
#define __printf(a, b) __attribute__((format(printf, a, b)))
#define __noinline     __attribute__((noinline))
#define __cold	       __attribute__((cold))
#define __unused       __attribute__((unused))
