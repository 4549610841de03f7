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
#define EBUSY		16
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

/* ---- text ---- */

void *memcpy(void *to, const void *from, size_t length);
size_t strlen(const char *text);

static inline int text_compare(const char *one, const char *other)
{
	while (*one && *one == *other) {
		one++;
		other++;
	}
	return (uint8_t)*one - (uint8_t)*other;
}

static inline int text_begins(const char *text, const char *with)
{
	while (*with && *text == *with) {
		text++;
		with++;
	}
	return !*with;
}

static inline int text_ends(const char *text, const char *with)
{
	size_t length = strlen(text), tail = strlen(with);

	return length >= tail && !text_compare(text + length - tail, with);
}

/* The first place of @what between @from and its NUL, or NULL. */
static inline const char *text_find(const char *from, const char *what)
{
	for (; *from; from++)
		if (text_begins(from, what))
			return from;
	return NULL;
}

/* ---- drive.c, for a program that is linked with it ---- */

extern uint32_t driver_count;
extern char file_text[65536]; /* of read_text() */

/** @brief What is done instead of rounds; tests/abi/abandon.c. */
__attribute__((weak)) void drive_otherwise(int64_t kmsg, int argc, char **argv);
/** @brief Install the drivers from the @p first one up to but without @p end, let them work, remove them; judge all of it. */
void drive_group(int64_t kmsg, uint32_t first, uint32_t end);
/** @brief The same with all of them, of which one is to be abandoned: nothing is judged. */
void drive_quietly(int64_t kmsg);
/** @brief Read a small text file. @return 0: it cannot be read */
int read_text(const char *path);
/** @brief A number of /proc/meminfo. @param name  "MemFree:" */
int64_t memory_kib(const char *name);
/** @brief Has about as much memory been left as there was? */
void judge_memory(int64_t before, int64_t after);

void print(const char *text);
void print_number(int64_t number);
/** @brief One line of TAP: what, and of which driver. */
void tap(int good, const char *name, const char *what);
void sleep_ms(uint32_t milliseconds);
