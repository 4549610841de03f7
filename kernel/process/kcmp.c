// SPDX-License-Identifier: MIT
/*
 * kcmp(): do two threads share a file, memory, or something else?
 *
 * Answers tell an order, so that a program can sort what it finds, but nothing of addresses: these are
 * scrambled by numbers that each boot chooses. Linux kcmp(2).
 */
#include "internal.h"
#include <kernel/fs/file.h>
#include <kernel/fs/proc.h>
#include <kernel/random.h>
#include <kernel/syscalls.h>

enum kcmp_type { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO, KCMP_TYPES };

static DEFINE_MUTEX(cookies_lock); /* guards the first choice of cookies */
static u64 cookies[KCMP_TYPES][2];

/* The two numbers of a type; the second is odd, so that no two addresses become one. */
static const u64 *cookies_of(enum kcmp_type type)
{
	mutex_lock(&cookies_lock);
	if (!cookies[0][1]) {
		random_bytes(cookies, sizeof(cookies));
		for (u32 i = 0; i < KCMP_TYPES; i++)
			cookies[i][1] |= 1;
	}
	mutex_unlock(&cookies_lock);
	return cookies[type];
}

/* @return 0: the same; 1: less; 2: greater */
static s64 kcmp_compare(const void *first, const void *second, enum kcmp_type type)
{
	const u64 *cookie = cookies_of(type);
	u64 one = ((u64)first ^ cookie[0]) * cookie[1], two = ((u64)second ^ cookie[0]) * cookie[1];

	if (one == two)
		return 0;
	if (one < two)
		return 1;
	return 2;
}

/* The address alone: what is there may end meanwhile. */
static const void *object_of(struct thread *t, enum kcmp_type type)
{
	u64 flags = spin_lock_irqsave(&t->proc->sig_lock);
	const void *object = NULL;

	switch (type) {
	case KCMP_VM: object = t->space; break;
	case KCMP_FILES: object = t->files; break;
	case KCMP_FS: object = t->fs; break;
	case KCMP_SIGHAND: object = t->proc->sighand; break;
	case KCMP_IO: /* nobody has one of these */
	default: break;
	}
	spin_unlock_irqrestore(&t->proc->sig_lock, flags);
	return object;
}

static s64 compare_files(struct thread *first, u64 fd1, struct thread *second, u64 fd2)
{
	struct file *one = NULL, *two = NULL;
	s64 ret = -EBADF;
	bool cloexec;

	if (fd1 <= INT32_MAX)
		one = proc_file_of(first->proc, first, (u32)fd1, &cloexec);
	if (fd2 <= INT32_MAX)
		two = proc_file_of(second->proc, second, (u32)fd2, &cloexec);
	if (one && two)
		ret = kcmp_compare(one, two, KCMP_FILE);
	if (one)
		file_put(one);
	if (two)
		file_put(two);
	return ret;
}

static bool kcmp_may(struct thread *t)
{
	return t->proc == current->proc || cred_may_look_into(current_cred(), t, LOOK_AS_REAL);
}

static s64 compare_threads(struct thread *first, struct thread *second, int type, u64 index1,
			   u64 index2)
{
	s64 ret = -EINVAL;

	if (type == KCMP_FILE)
		ret = compare_files(first, index1, second, index2);
	else if (type > KCMP_FILE && type < KCMP_TYPES)
		ret = kcmp_compare(object_of(first, type), object_of(second, type), type);
	/* Asked last: what execve() gave more rights meanwhile is not told of. */
	if (!kcmp_may(first) || !kcmp_may(second))
		return -EPERM;
	return ret;
}

SYSCALL5(kcmp, pid1, pid2, type, index1, index2)
{
	struct thread *first = thread_find((pid_t)pid1), *second = thread_find((pid_t)pid2);
	s64 ret = -ESRCH;

	if (first && second)
		ret = compare_threads(first, second, (int)type, index1, index2);
	if (first)
		thread_put(first);
	if (second)
		thread_put(second);
	return ret;
}
