/* SPDX-License-Identifier: MIT */
/**
 * @file drive.h  What the program that drives self-testing drivers needs of a C library:
 * a handful of system calls and of functions for text. No line of it is anybody else's, so that
 * the program can be kept beside the drivers for ever.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Numbers of Linux's system calls on x86_64: arch/x86/entry/syscalls/syscall_64.tbl. */
enum {
	SYS_READ = 0,
	SYS_WRITE = 1,
	SYS_OPEN = 2,
	SYS_CLOSE = 3,
	SYS_FSTAT = 5,
	SYS_POLL = 7,
	SYS_LSEEK = 8,
	SYS_MMAP = 9,
	SYS_MUNMAP = 11,
	SYS_IOCTL = 16,
	SYS_NANOSLEEP = 35,
	SYS_SYNC = 162,
	SYS_MOUNT = 165,
	SYS_REBOOT = 169,
	SYS_GETDENTS64 = 217,
};

/* Flags of these calls: Linux's. */
#define O_RDONLY	0
#define O_WRONLY	1
#define O_RDWR		2
#define O_NONBLOCK	04000
#define SEEK_SET	0
#define SEEK_END	2
#define PROT_READ	1
#define PROT_WRITE	2
#define MAP_SHARED	1
#define MAP_PRIVATE	2
#define MAP_FAILED_FROM ((uint64_t)-4095)
#define POLLIN		1
#define ENOENT		2
#define EEXIST		17
#define ENODEV		19
#define EINVAL		22
#define ENOTTY		25

/** @brief Any system call. @return its result, or -errno */
static inline int64_t call6(uint64_t number, uint64_t first, uint64_t second, uint64_t third,
			    uint64_t fourth, uint64_t fifth, uint64_t sixth)
{
	register uint64_t r10 __asm__("r10") = fourth, r8 __asm__("r8") = fifth,
			      r9 __asm__("r9") = sixth;
	int64_t result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static inline int64_t call3(uint64_t number, uint64_t first, uint64_t second, uint64_t third)
{
	return call6(number, first, second, third, 0, 0, 0);
}
