// SPDX-License-Identifier: MIT
/*
  * Robust futexes: if a thread ends while it holds a lock, the kernel marks that in the lock's
 * word, and wakes one waiter.
 *
 * The list of locks is in user memory, and may contain anything:
 * the walk is bounded, every access is a user copy, and a word that does not look
 * like a lock of this thread is not changed.
 */
#include "internal.h"
#include <kernel/syscalls.h>
#include <uapi/futex.h>

#define CHANGES_MAX 1000u /* of a word by other threads, while it is set here */

/* Mark the word of one lock. @return false: it is not accessible */
static bool robust_lock_dies(u64 addr, u32 tid, bool is_pending)
{
	u32 word, seen;

	if (addr & 3)
		return false;
	if (get_user_u32(&word, uaddr(addr)))
		return false;
	/*
	 * Died between unlocking the word and waking: no thread owns it, but one
	 * may wait. A waiter that arrives too late finds the lock free.
	 */
	if (is_pending && !(word & FUTEX_TID_MASK)) {
		futex_wake_user(addr, true, 1);
		return true;
	}
	/* In each round but the last another thread changed the word: so many changes are malicious. */
	for (u32 tries = 0; (word & FUTEX_TID_MASK) == tid && tries < CHANGES_MAX; tries++) {
		seen = word;
		if (cmpxchg_user_u32(uaddr(addr), &seen, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return false;
		if (seen == word) {
			if (word & FUTEX_WAITERS)
				futex_wake_user(addr, true, 1);
			return true;
		}
		word = seen;
	}
	return true;
}

void robust_list_exit(struct thread *t)
{
	struct user_robust_list_head head;
	u64 entry, next, pending, offset;

	if (copy_from_user(&head, uaddr(t->robust_list), sizeof(head)))
		return;
	/* Bit 0 marks locks with priority inheritance, which do not exist here. */
	pending = head.list_op_pending & ~1ull;
	offset = (u64)head.futex_offset;
	entry = head.next & ~1ull;
	for (u32 i = 0; i < ROBUST_LIST_LIMIT && entry != t->robust_list; i++) {
		bool more = !get_user_u64(&next, uaddr(entry));

		if (entry != pending && !robust_lock_dies(entry + offset, (u32)t->tid, false))
			return;
		if (!more)
			return;
		entry = next & ~1ull;
	}
	if (pending)
		robust_lock_dies(pending + offset, (u32)t->tid, true);
}

SYSCALL2(set_robust_list, head, len)
{
	if (len != sizeof(struct user_robust_list_head))
		return -EINVAL;
	current->robust_list = head;
	return 0;
}

static int robust_may_look(struct thread *t)
{
	if (t->proc == current->proc || cred_may_look_into(current_cred(), t, LOOK_AS_REAL))
		return 0;
	return -EPERM;
}

SYSCALL3(get_robust_list, tid, user_head, user_len)
{
	u64 head = current->robust_list;
	int err = 0;

	if ((pid_t)tid) {
		struct thread *t = thread_find((pid_t)tid);

		if (!t)
			return -ESRCH;
		err = robust_may_look(t);
		head = t->robust_list;
		thread_put(t);
	}
	if (err)
		return err;
	if (put_user_u64(uaddr(user_len), sizeof(struct user_robust_list_head)) ||
	    put_user_u64(uaddr(user_head), head))
		return -EFAULT;
	return 0;
}
