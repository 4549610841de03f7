/* SPDX-License-Identifier: MIT */
/*
 * The system-call fuzzer's parts, and what its processes share.
 *
 *	main.c		the supervisor: starts workers, wakes and kills them, counts, judges
 *	worker.c	a worker: makes calls, one after the other
 *	values.c	a value of each kind
 *	special.c	calls that change who runs: fork, clone, exec, exit
 *	programs.c	damaged programs, which are executed
 *	tree.c		odd reads and writes of /proc and /sys
 *
 * scripts/gen-syscalls.py makes calls.c (the calls, with the kinds of their arguments) and
 * value_kinds.h from kernel/process/syscalls.list. The calls that have weight 0 there are made by
 * special.c, or not at all: reboot() ends the machine, pivot_root() takes the supervisor's files away.
 *
 * A worker uses no function of the C library that needs thread-local storage: its calls
 * may move FS, close every descriptor and unmap whatever is not the program itself.
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include "value_kinds.h"

#define PAGE		  4096UL
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Addresses that calls are given: private pages, pages that all workers share, stacks. */
#define ARENA	     0x100000000UL
#define ARENA_PAGES  64UL
#define SHARED	     0x110000000UL
#define SHARED_PAGES 16UL
#define STACKS	     0x120000000UL
#define STACK_SIZE   0x10000UL
#define MAX_THREADS  4
/* Above STACKS: the control block, which calls are never given. */
#define CONTROL 0x7e0000000000UL

#define MAX_WORKERS    16
#define RECENT_CALLS   32
#define MAX_TREE_FILES 2048
#define TREE_NAME_SIZE 96

struct call_record {
	uint64_t number;
	uint64_t args[6];
	int64_t result;
};

/* What one thread of a worker does; written by it, read by the supervisor. */
struct slot {
	volatile uint64_t calls; /* made so far, by all who had this slot */
	volatile uint64_t next_record;
	struct call_record recent[RECENT_CALLS];
};

struct control {
	struct slot slots[MAX_WORKERS][MAX_THREADS];
	volatile uint32_t succeeded[512]; /* by call: how often without an error */
	volatile uint32_t failed[512];
	volatile uint64_t programs; /* damaged ones that were executed */
	volatile uint64_t tree_accesses;
	bool can_fail_allocations; /* /proc/self/fail-nth exists */
	uint32_t nr_tree_files;
	char tree_files[MAX_TREE_FILES][TREE_NAME_SIZE];
};
#define control ((struct control *)CONTROL)

/* ---- random numbers: splitmix64, so that a seed is a run ---- */

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t mixed = random->state += 0x9e3779b97f4a7c15UL;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9UL;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebUL;
	return mixed ^ (mixed >> 31);
}

/* 0 to @limit - 1. */
static inline uint32_t random_below(struct random *random, uint32_t limit)
{
	return (uint32_t)((random_next(random) >> 32) * limit >> 32);
}

static inline bool one_in(struct random *random, uint32_t times)
{
	return !random_below(random, times);
}

/* ---- a worker's thread ---- */

struct worker {
	struct random random;
	uint32_t number, thread;
	bool is_root;
	int own_pid;
	struct slot *slot;
};

/* Once, before the first worker. */
void worker_prepare(void);
void worker_run(uint32_t number, uint64_t seed, bool is_root) __attribute__((noreturn));
/* One call of the table, recorded. */
void worker_one_call(struct worker *worker);
/* A call with these arguments, recorded. */
int64_t worker_call(struct worker *worker, uint64_t number, const uint64_t args[6]);

/* ---- values ---- */

/* A value of a kind; memory that it points to is filled. */
uint64_t value_of(struct worker *worker, enum value_kind kind);
/* An address in the arena with something in it. */
void *value_scratch(struct worker *worker, size_t size);
void value_fill(struct random *random, void *buffer, size_t size);
const char *value_path(struct worker *worker);

/* ---- calls ---- */

struct call {
	const char *name;
	uint16_t number;
	uint8_t weight;
	uint8_t args[6]; /* enum value_kind */
};
extern const struct call calls[];
extern const uint32_t nr_calls;

void special_call(struct worker *worker);
void program_call(struct worker *worker);
void tree_call(struct worker *worker);

static inline int64_t raw_call(uint64_t number, uint64_t arg0, uint64_t arg1, uint64_t arg2,
			       uint64_t arg3, uint64_t arg4, uint64_t arg5)
{
	register uint64_t r10 __asm__("r10") = arg3;
	register uint64_t r8 __asm__("r8") = arg4;
	register uint64_t r9 __asm__("r9") = arg5;
	int64_t result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(arg0), "S"(arg1), "d"(arg2), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#define RAW_PICK(_1, _2, _3, _4, _5, _6, _7, name, ...) name
#define RAW1(n)						raw_call(n, 0, 0, 0, 0, 0, 0)
#define RAW2(n, a)					raw_call(n, (uint64_t)(a), 0, 0, 0, 0, 0)
#define RAW3(n, a, b)					raw_call(n, (uint64_t)(a), (uint64_t)(b), 0, 0, 0, 0)
#define RAW4(n, a, b, c)				raw_call(n, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), 0, 0, 0)
#define RAW5(n, a, b, c, d) \
	raw_call(n, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), 0, 0)
#define RAW6(n, a, b, c, d, e) \
	raw_call(n, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), 0)
#define RAW7(n, a, b, c, d, e, f)                                                              \
	raw_call(n, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), \
		 (uint64_t)(f))
#define RAW(...) RAW_PICK(__VA_ARGS__, RAW7, RAW6, RAW5, RAW4, RAW3, RAW2, RAW1)(__VA_ARGS__)
