// SPDX-License-Identifier: MIT
/*
  * Futexes: a thread sleeps until a word in user memory is changed and another thread wakes it.
 *
 * A word is identified by a key. In private memory the key is address space and
 * address; in a shared mapping it is the mapped object and the offset, so that
 * processes that map the object at different addresses use the same key. Waiters
 * are in buckets, by hash of the key. A bucket's lock (spin, thread context) guards
 * its list and the fields of its waiters; two buckets are locked in order of address.
 *
 * No wake-up is lost: a waiter enqueues itself and only then reads the word;
 * a waker changes the word and only then looks for waiters. Between the
 * two steps there is a full barrier on both sides, so that at least one of them
 * sees the other. The waiter reads under the bucket's lock, where page faults
 * fail; if the page is absent, it is made present without the lock, and the
 * waiter starts again. A waiter returns only after it held the lock itself, or saw
 * that it was woken and the lock was free; so its stack frame exists while a
 * waker uses it.
 *
 * Not implemented: priority inheritance (ENOSYS; C libraries do without).
 */
#include <kernel/fs/file.h>
#include "internal.h"
#include <kernel/panic.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <kernel/wait.h>
#include <uapi/futex.h>

#define BUCKETS_PER_CPU 32u
#define BUCKETS_MAX	1024u
#define OP_TRIES	100u /* of an operation on a word that other threads change meanwhile */

struct futex_key {
	u64 object, offset;
};

struct futex_bucket {
	spinlock_t lock; /* guards the list and the waiters in it */
	struct list waiters;
} __aligned(64);

struct futex_waiter {
	struct list link;
	struct futex_key key;
	u32 bitset;
	bool woken;
	struct futex_bucket *bucket; /* changes when it is requeued */
	struct thread *thread;
};

static struct futex_bucket *buckets;
static u32 bucket_mask;

void futex_init(void)
{
	u32 nr_buckets = 16;

	while (nr_buckets < cpu_count * BUCKETS_PER_CPU && nr_buckets < BUCKETS_MAX)
		nr_buckets *= 2;
	buckets = kvzalloc(nr_buckets * sizeof(*buckets));
	if (!buckets)
		boot_stop("not enough memory for futexes");
	bucket_mask = nr_buckets - 1;
	for (u32 i = 0; i < nr_buckets; i++)
		list_init(&buckets[i].waiters);
}

/* ---- keys ---- */

static bool futex_key_equal(const struct futex_key *key, const struct futex_key *other)
{
	return key->offset == other->offset && key->object == other->object;
}

static struct futex_bucket *futex_bucket_of(const struct futex_key *key)
{
	u64 hash = (key->object >> 6 ^ key->offset >> 2) * 0x9e3779b97f4a7c15ull;

	return &buckets[hash >> 40 & bucket_mask];
}

/* The key of a word in a shared mapping. The caller holds space->lock. */
static void futex_key_of_region(struct vm_region *region, u64 addr, struct futex_key *key)
{
	assert_held(&region->space->lock);
	if (region->flags & VM_SHARED) {
		if (region->file)
			key->object = (u64)region->file->inode;
		else
			key->object = (u64)region->private;
		key->offset = (region->pgoff << PAGE_SHIFT) + (addr - region->start);
	}
}

static __noinline int futex_key_get_shared(struct vm_space *space, u64 addr, struct futex_key *key)
{
	struct vm_region *region;

	down_read(&space->lock);
	region = vm_region_find(space, addr);
	if (region)
		futex_key_of_region(region, addr, key);
	up_read(&space->lock);
	if (!region)
		return -EFAULT;
	return 0;
}

/* @return 0, -EINVAL: not aligned, -EFAULT */
static inline int futex_key_get(u64 addr, bool shared, struct futex_key *key)
{
	key->object = (u64)current->space;
	key->offset = addr;
	if (addr & 3)
		return -EINVAL;
	if (addr >= USER_END)
		return -EFAULT;
	if (shared)
		return futex_key_get_shared(current->space, addr, key);
	return 0;
}

/* ---- waking ---- */

/* Under the bucket's lock. */
static void futex_wake_waiter(struct futex_waiter *waiter)
{
	list_del(&waiter->link);
	smp_store_release(&waiter->woken, true);
	thread_wake(waiter->thread);
}

static u32 futex_wake_in_bucket(struct futex_bucket *bucket, const struct futex_key *key, u32 nr,
				u32 bitset)
{
	struct futex_waiter *waiter, *next;
	u32 woken = 0;

	assert_held(&bucket->lock);
	list_for_each_safe(waiter, next, &bucket->waiters, link) {
		if (!futex_key_equal(&waiter->key, key) || !(waiter->bitset & bitset))
			continue;
		futex_wake_waiter(waiter);
		if (++woken >= nr)
			break;
	}
	return woken;
}

static bool futex_bucket_empty(struct futex_bucket *bucket)
{
	smp_mb(); /* the caller's change of the word before this look */
	return READ_ONCE(bucket->waiters.next) == &bucket->waiters;
}

static __noinline s64 futex_wake_waiters(struct futex_bucket *bucket, const struct futex_key *key,
					 u32 nr, u32 bitset)
{
	u32 woken;

	spin_lock(&bucket->lock);
	woken = futex_wake_in_bucket(bucket, key, nr, bitset);
	spin_unlock(&bucket->lock);
	return woken;
}

static s64 futex_wake(u64 addr, bool shared, u32 nr, u32 bitset)
{
	struct futex_bucket *bucket;
	struct futex_key key;
	int err;

	if (!bitset)
		return -EINVAL;
	err = futex_key_get(addr, shared, &key);
	if (err)
		return err;
	bucket = futex_bucket_of(&key);
	if (futex_bucket_empty(bucket))
		return 0;
	return futex_wake_waiters(bucket, &key, nr, bitset);
}

void futex_wake_user(u64 addr, bool shared, u32 nr)
{
	(void)futex_wake(addr, shared, nr, FUTEX_BITSET_MATCH_ANY);
}

/*
 * A word could not be accessed with the buckets locked, since its page was absent. It was made
 * present, with the result @err. Other threads may unmap it again, any number of times, so
 * a thread that tries again must be killable. @return 0: try again; -EFAULT, -EINTR
 */
static int futex_may_try_again(int err)
{
	if (err)
		return -EFAULT;
	if (fatal_signal_pending())
		return -EINTR;
	return 0;
}

/* ---- waiting ---- */

/* Remove a waiter from the bucket that it is in now. @return it was woken */
static bool futex_leave_bucket(struct futex_waiter *waiter)
{
	struct futex_bucket *bucket;

	/* It was woken, and the waker has released the lock: no other thread uses it any more. */
	if (smp_load_acquire(&waiter->woken) && !spin_is_locked(&waiter->bucket->lock))
		return true;
	for (;;) {
		bucket = READ_ONCE(waiter->bucket);
		spin_lock(&bucket->lock);
		if (bucket == waiter->bucket)
			break;
		spin_unlock(&bucket->lock);
	}
	if (!waiter->woken)
		list_del(&waiter->link);
	spin_unlock(&bucket->lock);
	return waiter->woken;
}

/* @return 0: enqueued and about to sleep; -EAGAIN: the word has another value; -EFAULT: its page is absent */
static int futex_enqueue_if_equal(struct futex_waiter *waiter, u64 addr, u32 val)
{
	struct futex_bucket *bucket = waiter->bucket;
	u32 now;
	int err;

	spin_lock(&bucket->lock);
	list_add_tail(&waiter->link, &bucket->waiters);
	set_current_state(THREAD_INTERRUPTIBLE); /* also the barrier before the word is read */
	err = get_user_u32(&now, uaddr(addr));
	if (!err && now != val)
		err = -EAGAIN;
	if (err) {
		set_current_state(THREAD_RUNNABLE);
		list_del(&waiter->link);
	}
	spin_unlock(&bucket->lock);
	return err;
}

/* Enqueued, with the state set. @return 0, -ETIMEDOUT, -EINTR: a signal */
static int futex_sleep(struct futex_waiter *waiter, u64 deadline)
{
	bool in_time = true;
	int err = 0;

	while (!READ_ONCE(waiter->woken)) {
		if (signal_pending()) {
			err = -EINTR;
			break;
		}
		if (!in_time) {
			err = -ETIMEDOUT;
			break;
		}
		in_time = schedule_until(deadline);
		if (likely(READ_ONCE(waiter->woken)))
			break;
		set_current_state(THREAD_INTERRUPTIBLE);
	}
	set_current_state(THREAD_RUNNABLE);
	if (futex_leave_bucket(waiter))
		return 0;
	return err;
}

/* The waiter has its key and bitset. @deadline  monotonic, 0: none */
static s64 futex_wait_with(struct futex_waiter *waiter, u64 addr, u32 val, u64 deadline)
{
	u32 now;
	int err;

	waiter->woken = false;
	waiter->thread = current;
	waiter->bucket = futex_bucket_of(&waiter->key);
	while (unlikely((err = futex_enqueue_if_equal(waiter, addr, val)) == -EFAULT)) {
		err = futex_may_try_again(get_user_u32(&now, uaddr(addr)));
		if (err)
			return err;
	}
	if (err)
		return err;
	return futex_sleep(waiter, deadline);
}

static s64 futex_wait_until(u64 addr, bool shared, u32 val, u32 bitset, u64 deadline)
{
	struct futex_waiter waiter = { .bitset = bitset };
	int err;

	if (!bitset)
		return -EINVAL;
	err = futex_key_get(addr, shared, &waiter.key);
	if (err)
		return err;
	return futex_wait_with(&waiter, addr, val, deadline);
}

static s64 futex_wait_again(struct restart_block *block)
{
	s64 err = futex_wait_until(block->arg[0], block->arg[1], (u32)block->arg[2],
				   (u32)block->arg[3], block->arg[4]);

	if (err == -EINTR)
		return -ERESTART_RESTARTBLOCK;
	return err;
}

static __noinline s64 futex_wait(u64 addr, bool shared, u32 val, u32 bitset, u64 deadline)
{
	struct restart_block *block = &current->sig->restart;
	s64 err = futex_wait_until(addr, shared, val, bitset, deadline);

	if (err != -EINTR)
		return err;
	if (!deadline)
		return -ERESTARTSYS;
	/* The call continues until the same deadline. */
	*block =
		(struct restart_block){ futex_wait_again, { addr, shared, val, bitset, deadline } };
	return -ERESTART_RESTARTBLOCK;
}

/* ---- two words ---- */

static void futex_lock_two(struct futex_bucket *first, struct futex_bucket *second)
{
	if (first == second) {
		spin_lock(&first->lock);
		return;
	}
	spin_lock(&MIN(first, second)->lock);
	spin_lock(&MAX(first, second)->lock);
}

static void futex_unlock_two(struct futex_bucket *first, struct futex_bucket *second)
{
	if (first != second)
		spin_unlock(&second->lock);
	spin_unlock(&first->lock);
}

/* Wake some waiters, move others. Both buckets are locked. @return how many of both */
static s64 futex_requeue_locked(struct futex_bucket *from, const struct futex_key *key1,
				struct futex_bucket *to, const struct futex_key *key2, u32 nr_wake,
				u32 nr_requeue)
{
	struct futex_waiter *waiter, *next;
	u32 woken = 0, moved = 0;

	assert_held(&from->lock);
	assert_held(&to->lock);
	list_for_each_safe(waiter, next, &from->waiters, link) {
		if (!futex_key_equal(&waiter->key, key1))
			continue;
		if (woken < nr_wake) {
			futex_wake_waiter(waiter);
			woken++;
			continue;
		}
		if (moved >= nr_requeue)
			break;
		moved++;
		waiter->key = *key2;
		if (from == to)
			continue;
		list_del(&waiter->link);
		list_add_tail(&waiter->link, &to->waiters);
		WRITE_ONCE(waiter->bucket, to);
	}
	return (s64)woken + moved;
}

static s64 futex_requeue(u64 addr1, u64 addr2, bool shared, s32 nr_wake, s32 nr_requeue,
			 bool compare, u32 val)
{
	struct futex_key key1, key2;
	struct futex_bucket *from, *to;
	s64 result;
	u32 now;
	int err;

	if (nr_wake < 0 || nr_requeue < 0)
		return -EINVAL;
	err = futex_key_get(addr1, shared, &key1);
	if (!err)
		err = futex_key_get(addr2, shared, &key2);
	if (err)
		return err;
	from = futex_bucket_of(&key1);
	to = futex_bucket_of(&key2);
	for (;;) {
		futex_lock_two(from, to);
		err = 0;
		if (compare)
			err = get_user_u32(&now, uaddr(addr1));
		if (!err)
			break;
		futex_unlock_two(from, to);
		err = futex_may_try_again(get_user_u32(&now, uaddr(addr1)));
		if (err)
			return err;
	}
	result = -EAGAIN;
	if (!compare || now == val)
		result =
			futex_requeue_locked(from, &key1, to, &key2, (u32)nr_wake, (u32)nr_requeue);
	futex_unlock_two(from, to);
	return result;
}

/* Apply the encoded operation of FUTEX_WAKE_OP to a value. */
static int futex_op_apply(u32 encoded, u32 old, u32 *new)
{
	u32 operation = encoded >> 28 & 7, arg = (u32)((s32)(encoded << 8) >> 20);

	if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT)
		arg = 1u << (arg & 31);
	switch (operation) {
	case FUTEX_OP_SET: *new = arg; return 0;
	case FUTEX_OP_ADD: *new = old + arg; return 0;
	case FUTEX_OP_OR: *new = old | arg; return 0;
	case FUTEX_OP_ANDN: *new = old & ~arg; return 0;
	case FUTEX_OP_XOR: *new = old ^ arg; return 0;
	}
	return -ENOSYS;
}

static int futex_op_compare(u32 encoded, u32 old_word)
{
	s32 arg = (s32)(encoded << 20) >> 20, old = (s32)old_word;

	switch (encoded >> 24 & 15) {
	case FUTEX_OP_CMP_EQ: return old == arg;
	case FUTEX_OP_CMP_NE: return old != arg;
	case FUTEX_OP_CMP_LT: return old < arg;
	case FUTEX_OP_CMP_LE: return old <= arg;
	case FUTEX_OP_CMP_GT: return old > arg;
	case FUTEX_OP_CMP_GE: return old >= arg;
	}
	return -ENOSYS;
}

/*
 * Change a word atomically. The buckets are locked, so tries are bounded: other threads may change the
 * word all the time. @return 0, -ENOSYS, -EFAULT (maybe only because faults are disabled), -EAGAIN
 */
static int futex_op_on_word(u32 encoded, u64 addr, u32 *old)
{
	u32 seen, new;
	int err = get_user_u32(old, uaddr(addr));

	for (u32 tries = 0; tries < OP_TRIES; tries++) {
		if (err)
			return err;
		err = futex_op_apply(encoded, *old, &new);
		if (err)
			return err;
		seen = *old;
		err = cmpxchg_user_u32(uaddr(addr), &seen, new);
		if (!err && seen == *old)
			return 0;
		*old = seen;
	}
	if (err)
		return err;
	return -EAGAIN;
}

/* Make the word's page present and writable. */
static int futex_fault_in_word(u64 addr)
{
	u32 word;

	if (get_user_u32(&word, uaddr(addr)))
		return -EFAULT;
	return cmpxchg_user_u32(uaddr(addr), &word, word);
}

static s64 futex_wake_op(u64 addr1, u64 addr2, bool shared, u32 nr1, u32 nr2, u32 encoded)
{
	struct futex_key key1, key2;
	struct futex_bucket *first, *second;
	s64 woken = -ENOSYS;
	u32 old;
	int err, cmp;

	err = futex_key_get(addr1, shared, &key1);
	if (!err)
		err = futex_key_get(addr2, shared, &key2);
	if (err)
		return err;
	first = futex_bucket_of(&key1);
	second = futex_bucket_of(&key2);
	for (;;) {
		futex_lock_two(first, second);
		err = futex_op_on_word(encoded, addr2, &old);
		if (err != -EFAULT && err != -EAGAIN)
			break;
		futex_unlock_two(first, second);
		if (err == -EFAULT)
			err = futex_fault_in_word(addr2);
		else
			err = 0;
		err = futex_may_try_again(err);
		if (err)
			return err;
	}
	cmp = err;
	if (!err)
		cmp = futex_op_compare(encoded, old);
	if (cmp >= 0) {
		woken = futex_wake_in_bucket(first, &key1, nr1, FUTEX_BITSET_MATCH_ANY);
		if (cmp)
			woken += futex_wake_in_bucket(second, &key2, nr2, FUTEX_BITSET_MATCH_ANY);
	}
	futex_unlock_two(first, second);
	return woken;
}

/* ---- the call ---- */

static bool futex_takes_timeout(u32 cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET;
}

/* The timeout of FUTEX_WAIT is relative, that of FUTEX_WAIT_BITSET absolute. */
static int futex_read_deadline(u32 cmd, u32 operation, u64 user, u64 *deadline)
{
	u64 ns;
	int err = timespec_from_user(&ns, uaddr(user));

	if (err)
		return err;
	if (cmd == FUTEX_WAIT)
		*deadline = ns_add(time_monotonic_ns(), ns);
	else if (operation & FUTEX_CLOCK_REALTIME)
		*deadline = clock_to_monotonic(CLOCK_REALTIME, ns);
	else
		*deadline = ns;
	if (!*deadline)
		*deadline = 1; /* 0 means none */
	return 0;
}

/* FUTEX_WAKE in private memory, the most frequent operation: usually no thread waits. */
static s64 futex_wake_private(u64 addr, u32 nr)
{
	const struct futex_key key = { (u64)current->space, addr };
	struct futex_bucket *bucket = futex_bucket_of(&key);

	if (addr & 3)
		return -EINVAL;
	if (addr >= USER_END)
		return -EFAULT;
	if (likely(futex_bucket_empty(bucket)))
		return 0;
	return futex_wake_waiters(bucket, &key, nr, FUTEX_BITSET_MATCH_ANY);
}

/* FUTEX_WAIT in private memory without a timeout: often the word has changed already. */
static s64 futex_wait_private(u64 addr, u32 val)
{
	struct futex_waiter waiter;
	s64 err;
	u32 now;

	if (addr & 3)
		return -EINVAL;
	if (get_user_u32(&now, uaddr(addr)))
		return -EFAULT;
	if (now != val)
		return -EAGAIN;
	waiter.key = (struct futex_key){ (u64)current->space, addr };
	waiter.bitset = FUTEX_BITSET_MATCH_ANY;
	err = futex_wait_with(&waiter, addr, val, 0);
	if (err == -EINTR)
		return -ERESTARTSYS;
	return err;
}

static __noinline s64 futex_other(u64 addr, u32 operation, u32 val, u64 user_timeout, u64 addr2,
				  u32 val3)
{
	bool shared = !(operation & FUTEX_PRIVATE_FLAG);
	u32 cmd = operation & FUTEX_CMD_MASK;
	u64 deadline = 0;
	int err;

	if ((operation & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	if (user_timeout && futex_takes_timeout(cmd)) {
		err = futex_read_deadline(cmd, operation, user_timeout, &deadline);
		if (err)
			return err;
	}
	switch (cmd) {
	case FUTEX_WAIT: return futex_wait(addr, shared, val, FUTEX_BITSET_MATCH_ANY, deadline);
	case FUTEX_WAIT_BITSET: return futex_wait(addr, shared, val, val3, deadline);
	case FUTEX_WAKE: return futex_wake(addr, shared, val, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET: return futex_wake(addr, shared, val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(addr, addr2, shared, (s32)val, (s32)user_timeout, false, 0);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(addr, addr2, shared, (s32)val, (s32)user_timeout, true, val3);
	case FUTEX_WAKE_OP: return futex_wake_op(addr, addr2, shared, val, (u32)user_timeout, val3);
	}
	return -ENOSYS;
}

SYSCALL6(futex, addr, operation, val, user_timeout, addr2, val3)
{
	if ((u32)operation == (FUTEX_WAKE | FUTEX_PRIVATE_FLAG))
		return futex_wake_private(addr, (u32)val);
	if ((u32)operation == (FUTEX_WAIT | FUTEX_PRIVATE_FLAG) && !user_timeout)
		return futex_wait_private(addr, (u32)val);
	return futex_other(addr, (u32)operation, (u32)val, user_timeout, addr2, (u32)val3);
}
