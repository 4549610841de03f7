/* SPDX-License-Identifier: MIT */
/**
 * @file wall.h  Drivers behind a wall (CONFIG_GATE_WALL): a kernel for tests alone.
 *
 * Each driver from a file runs with page tables of its own, which hold what the driver ABI
 * lets it touch and the few pages that lead in and out, and on stacks of its own. So
 * an access to anything else is a page fault that names it. A pointer that crosses, either way,
 * is replaced by a copy, as long and in the direction that the headers state, and the copy
 * is poisoned behind the call: who reads beyond it, or keeps it, is found out.
 *
 * Two halves: one has page tables, stacks and the ways in and
 * out; kernel/cross.c knows what crosses, copies and poisons. They meet in cross_in()
 * and cross_out(), which are called in the kernel's tables, on the kernel's stack:
 *
 *	a driver calls the kernel	wall_import: cross_in(from the driver, to the kernel),
 *					the function, cross_out()
 *	the kernel calls a driver	gate_enter(): cross_in(from the kernel, to the driver), ...
 *	a driver calls another one	wall_import(): cross_in(from one driver, to the other), gate_enter()
 */
#pragma once
#include <kernel/list.h>
#include <kernel/types.h>

struct call_slot;
struct owner;
struct signature;
struct crossing; /* kernel/cross.c */

#define WALL_ARGS 6u

/* ---- what crosses (kernel/cross.c) ---- */

#define CROSSED_COPIES_MAX 24u
/** A piece of memory that was replaced by a copy. */
struct crossed_copy {
	void *copy, *original;
	u64 bytes;
	bool back;	/* copied to the original afterwards */
	bool undefined; /* ... and poisoned there after an error of the kernel's function */
};
/** What crossed in one call; on the kernel's stack. */
struct crossed {
	const struct crossing *crossing;
	struct owner *from, *to; /* roots; NULL: the kernel */
	u64 original[WALL_ARGS];
	const u64 *args; /* with copies in their place */
	u32 ncopies;
	struct crossed_copy copies[CROSSED_COPIES_MAX];
};

/** @brief What crosses in calls of a function of the kernel. @return NULL: it is not in the table, which is a fault of ours */
const struct crossing *crossing_of_function(const char *name);
/** @brief The same of a method, "banos_chardev_ops.read". @return NULL: no pointers */
const struct crossing *crossing_of_method(const char *name);

/**
 * @brief Before a call: replace each pointer in @p args by one to a copy that the callee may touch
 * (wall_arena_get()). A pointer that the caller itself may not touch (wall_span()) is left as it is: the
 * function refuses it in words. Any context but an interrupt.
 * @param crossed    out: for cross_out(), always to be called afterwards
 * @param crossing   NULL: @p signature says it
 * @param signature  of a function between drivers; NULL with NULL: integers and handles
 * @param from, to   root owners; NULL: the kernel
 * @param args       in/out
 * @return 0; -ENOMEM, -E2BIG; -EINVAL: between drivers, a pointer is not the caller's: do not call
 */
int __must_check cross_in(struct crossed *crossed, const struct crossing *crossing,
			  const struct signature *signature, struct owner *from, struct owner *to,
			  u64 args[WALL_ARGS]);
/**
 * @brief Behind it, or after a failure of cross_in(): copy back what the callee was to write, then give all
 * copies back (poisoned).
 * @param result  of the call: after an error of a function of the kernel results are poison, since they are undefined
 */
void cross_out(struct crossed *crossed, s64 result);
/** @brief Between drivers: the @p number th argument points to what is not the caller's. Logged. */
void cross_tell_strange(const struct crossed *crossed, u32 number);

/* ---- second mode (kernel/cross_abandon.c) ---- */

/**
 * @brief Is the call to be abandoned here? Called at each entry of a driver and at each call that
 * a driver makes, before it.
 * @param owner  root: the driver that is entered, or calls
 * @param where  name of the function that it calls, or NULL: the entry of one of its own
 */
bool cross_abandons(const struct owner *owner, const char *where);
/**
 * @brief Abandon one call of a driver, once: from then on its crossings, entries and calls, are counted from 1.
 * @param text  "NAME:N": of the driver of that name the @p N th one, or the first one behind it where the driver holds
 *		nothing of another's; "": none. Written to.
 * @return 0, -EINVAL: malformed
 */
int __must_check cross_abandon_set(char *text);
struct seq_file;
/** @brief "NAME:N, COUNT crossings, abandoned" or "not abandoned". */
void cross_abandon_show(struct seq_file *seq);

/* ---- for it ---- */

/**
 * @brief Memory for a copy: zeroed pages, 16-aligned, of which the end is the end of a page as nearly as
 * that allows; counts as memory of drivers for the functions of the API.
 * @param to     root of the driver that may touch it; NULL: only the kernel
 * @param bytes  up to 32 MiB where the context may sleep, else up to 2 MiB
 * @param write  may the driver write it?
 * @return NULL: no memory
 */
void *wall_arena_get(struct owner *to, u64 bytes, bool write);
/** @brief Poison such memory with WALL_POISON, take it from the driver and free it. */
void wall_arena_put(void *memory);
#define WALL_POISON 0xd7

/** @brief How many bytes from @p start on may the driver @p root touch itself, at most @p max? Any context. */
u64 wall_span(const struct owner *root, const void *start, u64 max, bool write);

/* ---- calls of drivers (gate.h) ---- */

/** A call of a driver's function; on the kernel's stack. The first four are known to arch/x86_64/wall.S. */
struct wall_call {
	u64 ksp;	    /* where the kernel's stack continues while the driver runs */
	u64 tables;	    /* the driver's, in the processor's words */
	u64 stack;	    /* where the driver's own stack begins: above its last byte */
	const void *method; /* what is called */
	struct wall_call *outer;
	struct wall *wall;
	struct list
		arenas; /* copies that calls of the driver's made; they are given back when it is abandoned */
};

/** Bytes of a driver's stack: what is promised to it, no byte more. */
#define WALL_STACK_SIZE 8192ul

/** @brief gate_enter() of a driver behind a wall. @return also -ENOMEM, -E2BIG, -EOVERFLOW */
s64 gate_enter_walled(struct owner *owner, bool own, const void *object, const void *method,
		      u64 arg1, u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6);
/**
 * @brief Around what gate_call_atomic() does itself: @p call is the running thread's until the end.
 * @return 0, -EOVERFLOW: no stack, -ENOMEM
 */
int __must_check wall_call_begin(struct wall_call *call, const struct owner *owner,
				 const void *method);
void wall_call_end(struct wall_call *call);
/** @brief A driver has called what a slot leads to (arch/x86_64/wall.S). @param slot  or a name of what is not there */
s64 wall_import(const struct call_slot *slot, u64 args[WALL_ARGS]);

#ifdef CONFIG_GATE_WALL
/** @brief The end of the driver's stack on which @p addr lies, of the running thread; 0: of none. */
u64 wall_stack_end(u64 addr);

/**
 * @brief The next gate_call() of this thread, if it calls @p method, calls the one of that name, for which pointers
 * cross. To be called directly before it.
 * @param name  "banos_chardev_ops.open"
 */
void wall_next_method(const char *name, const void *method);

/* ---- what a driver may touch; owners are any of its owners, and others than installed drivers have no wall ---- */

/** @brief A driver from a file gets its wall. Thread. @return 0, -ENOMEM */
int __must_check wall_open(struct owner *root);
/** @brief No driver code runs any more, or will. */
void wall_close(struct owner *root);
/**
 * @brief Let a driver touch memory, with the rights that the kernel has there. Any context.
 * @return 0, -ENOMEM: nothing has changed
 */
int __must_check wall_share(const struct owner *owner, const void *start, u64 bytes);
/** @brief It is to be freed. */
void wall_unshare(const struct owner *owner, const void *start, u64 bytes);

#else
static inline u64 wall_stack_end(u64 addr)
{
	return 0;
}
static inline void wall_next_method(const char *name, const void *method)
{
}
static inline int __must_check wall_open(struct owner *root)
{
	return 0;
}
static inline void wall_close(struct owner *root)
{
}
static inline int __must_check wall_share(const struct owner *owner, const void *start, u64 bytes)
{
	return 0;
}
static inline void wall_unshare(const struct owner *owner, const void *start, u64 bytes)
{
}
#endif
