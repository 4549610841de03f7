/* SPDX-License-Identifier: MIT */
/**
 * @file bench.h  What the files of the benchmark share: rows, and how they are written.
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define FUTEX_WAIT	   0 /* linux/futex.h, which musl comes without */
#define FUTEX_WAKE	   1
#define FUTEX_PRIVATE_FLAG 128
#define PAGE		   4096l
#define NPAGES		   512l
#define LIST_BYTES	   32768l /* as glibc lists folders */
#define FILES_LARGE	   4
#define NELEMS(a)	   (sizeof(a) / sizeof((a)[0]))

/** One operation, done often. */
struct row {
	const char *name;
	long n; /**< how often */
	void (*run)(long n);
	void (*prepare)(void), (*end)(void); /**< before and after, not measured; or NULL */
	/** What --scale does instead of @c run, where that can be done only once; or NULL. */
	void (*again)(long n);
};
/** Rows of one kind. */
struct group {
	const char *name;
	const struct row *rows;
	size_t nrows;
};
extern const struct group calls_group, files_group, turns_group, process_group, memory_group,
	yield_group;
extern const struct group fs_group, sched_group, program_group, growth_group, driver_group;

/* What a row works on belongs to its thread: see bench.c. */
extern __thread char buffer[65536];
extern const char *self; /**< the path of this program */
extern __thread int fds[4];
extern __thread char *area;
extern __thread pid_t child;
extern __thread char file_name[32], new_name[32];

/** @brief End the process unless @p ok, with a message that has errno. */
void must(int ok, const char *what);

/* A system call and nothing else: no errno, no cancellation point. */
static inline long call6(long number, long arg0, long arg1, long arg2, long arg3, long arg4,
			 long arg5)
{
	register long r10 __asm__("r10") = arg3;
	register long r8 __asm__("r8") = arg4;
	register long r9 __asm__("r9") = arg5;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(arg0), "S"(arg1), "d"(arg2), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#define CALL(number, ...) CALL_(number, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(number, a, b, c, d, e, f, ...) \
	call6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/** @brief Of the row that is measured, @p count operations more than its n were done, by others. */
void add_operations(long count);
/** @brief Map pages without a file, never huge ones. */
char *map_pages(long count, int flags);
/** @brief Close what is in fds. */
void close_all(void);
/** @brief Write to each page of NPAGES. */
void touch(char *bytes);
/** @brief Unmap the area's NPAGES. */
void unmap_area(void);
/** @brief A file of NPAGES called file_name, in fds[0]; close_file() removes it. */
void open_file(void);
void close_file(void);
/** @brief A child that echoes what comes from fds[1] to fds[2], until end_child(). */
void pair_prepare(void);
/** @brief Tell the child to end by closing what it reads, and wait for it. */
void end_child(void);
/** @brief Have sleeps end when they should. */
void no_timer_slack(void);
/** @brief Open a folder, read its entries @p room bytes at a time, close it. */
void list_folder(const char *path, long room);

/* Rows that others do beside something. */
void dup_close(long count);
void pread_4k(long count);
void pwrite_4k(long count);
void map_touch_unmap(long count);
void fork_exit(long count);
void sleep_1us(long count);
