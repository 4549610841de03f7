// SPDX-License-Identifier: MIT
/*
 * Numbers of threads, processes, groups and sessions.
 *
  * There is one struct pid for each number in use. It counts the users of the number: its thread
 * (or, for a first thread, the process until that is reaped), every member of
 * the process group of that number, and every member of the session. The number is
 * free again when the last of them has ended, so that a group is never
 * confused with a new process of the same number.
 *
 * Look-up is by hash. A bucket's lock guards its chain and the two pointers of
 * each entry; a look-up takes a reference to the thread or process under it.
 * That lock is the innermost one. The map of numbers in use has its own lock,
 * never held with another.
 */
#include "internal.h"
#include <kernel/panic.h>

#define PID_BUCKETS 256u

struct pid_bucket {
	spinlock_t lock; /* guards the chain, and thread and proc of each entry */
	struct pid *first;
};
static struct pid_bucket buckets[PID_BUCKETS];
static struct pid_map map;
static DEFINE_SPINLOCK(map_lock); /* guards map and last_serial */
static struct kmem_cache *pid_cache;
static u64 last_serial;

static struct pid_bucket *pid_bucket_of(pid_t nr)
{
	return &buckets[(u32)nr % PID_BUCKETS];
}

void pid_init(void)
{
	pid_map_init(&map);
	pid_cache = kmem_cache_create("pid", sizeof(struct pid), 8);
	if (!pid_cache)
		boot_stop("not enough memory for the table of process numbers");
}

struct pid *pid_create(u32 want)
{
	struct pid *pid = kmem_cache_alloc(pid_cache);
	u64 flags;
	int nr;

	if (!pid)
		return ERR_PTR(-ENOMEM);
	flags = spin_lock_irqsave(&map_lock);
	if (want) {
		nr = pid_map_take(&map, want);
		if (!nr)
			nr = (int)want;
	} else {
		nr = pid_map_alloc(&map);
	}
	pid->serial = ++last_serial;
	spin_unlock_irqrestore(&map_lock, flags);
	if (nr < 0) {
		kmem_cache_free(pid_cache, pid);
		return ERR_PTR(nr);
	}
	pid->nr = nr;
	atomic_set(&pid->uses, 1);
	pid->hash_next = NULL;
	pid->thread = NULL;
	pid->proc = NULL;
	list_init(&pid->members);
	return pid;
}

void pid_publish(struct pid *pid, struct thread *t, struct process *p)
{
	struct pid_bucket *bucket = pid_bucket_of(pid->nr);
	u64 flags;

	thread_get(t);
	if (p)
		process_get(p);
	flags = spin_lock_irqsave(&bucket->lock);
	pid->thread = t;
	pid->proc = p;
	pid->hash_next = bucket->first;
	bucket->first = pid;
	spin_unlock_irqrestore(&bucket->lock, flags);
}

/* Remove it from its chain, if it was published, and free the number. */
static void pid_free(struct pid *pid)
{
	struct pid_bucket *bucket = pid_bucket_of(pid->nr);
	struct pid **link;
	u64 flags;

	flags = spin_lock_irqsave(&bucket->lock);
	for (link = &bucket->first; *link; link = &(*link)->hash_next) {
		if (*link == pid) {
			*link = pid->hash_next;
			break;
		}
	}
	spin_unlock_irqrestore(&bucket->lock, flags);
	flags = spin_lock_irqsave(&map_lock);
	pid_map_free(&map, (u32)pid->nr);
	spin_unlock_irqrestore(&map_lock, flags);
	kmem_cache_free(pid_cache, pid);
}

void pid_put(struct pid *pid)
{
	if (atomic_dec_and_test(&pid->uses))
		pid_free(pid);
}

void pid_withdraw_thread(struct pid *pid)
{
	struct pid_bucket *bucket = pid_bucket_of(pid->nr);
	struct thread *t;
	u64 flags;

	flags = spin_lock_irqsave(&bucket->lock);
	t = pid->thread;
	pid->thread = NULL;
	spin_unlock_irqrestore(&bucket->lock, flags);
	if (t)
		thread_put(t);
}

void pid_withdraw_process(struct pid *pid)
{
	struct pid_bucket *bucket = pid_bucket_of(pid->nr);
	struct process *p;
	u64 flags;

	flags = spin_lock_irqsave(&bucket->lock);
	p = pid->proc;
	pid->proc = NULL;
	spin_unlock_irqrestore(&bucket->lock, flags);
	if (p)
		process_put(p);
}

void pid_replace_thread(struct pid *pid, struct thread *t)
{
	struct pid_bucket *bucket = pid_bucket_of(pid->nr);
	struct thread *old;
	u64 flags;

	thread_get(t);
	flags = spin_lock_irqsave(&bucket->lock);
	old = pid->thread;
	pid->thread = t;
	spin_unlock_irqrestore(&bucket->lock, flags);
	if (old)
		thread_put(old);
}

static struct pid *pid_find_locked(struct pid_bucket *bucket, pid_t nr)
{
	struct pid *pid = bucket->first;

	assert_held(&bucket->lock);
	while (pid && pid->nr != nr)
		pid = pid->hash_next;
	return pid;
}

struct pid *pid_lookup(pid_t nr)
{
	struct pid_bucket *bucket = pid_bucket_of(nr);
	struct pid *pid;

	assert_held(&process_lock);
	raw_spin_lock(&bucket->lock);
	pid = pid_find_locked(bucket, nr);
	raw_spin_unlock(&bucket->lock);
	return pid;
}

u64 pid_serial(pid_t nr)
{
	struct pid_bucket *bucket = pid_bucket_of(nr);
	u64 flags = spin_lock_irqsave(&bucket->lock);
	struct pid *pid = pid_find_locked(bucket, nr);
	u64 serial = pid ? pid->serial : 0;

	spin_unlock_irqrestore(&bucket->lock, flags);
	return serial;
}

struct process *process_find(pid_t nr)
{
	struct pid_bucket *bucket = pid_bucket_of(nr);
	struct process *p = NULL;
	struct pid *pid;
	u64 flags;

	flags = spin_lock_irqsave(&bucket->lock);
	pid = pid_find_locked(bucket, nr);
	if (pid && pid->proc) {
		p = pid->proc;
		process_get(p);
	}
	spin_unlock_irqrestore(&bucket->lock, flags);
	return p;
}

struct thread *thread_find(pid_t nr)
{
	struct pid_bucket *bucket = pid_bucket_of(nr);
	struct thread *t = NULL;
	struct pid *pid;
	u64 flags;

	flags = spin_lock_irqsave(&bucket->lock);
	pid = pid_find_locked(bucket, nr);
	if (pid && pid->thread) {
		t = pid->thread;
		thread_get(t);
	}
	spin_unlock_irqrestore(&bucket->lock, flags);
	return t;
}

struct process *process_next(pid_t from)
{
	struct process *p;
	int nr = MAX(from, 0);

	for (;;) {
		u64 flags = spin_lock_irqsave(&map_lock);

		nr = pid_map_next(&map, (u32)nr);
		spin_unlock_irqrestore(&map_lock, flags);
		if (nr < 0)
			return NULL;
		p = process_find(nr);
		if (p)
			return p;
		nr++;
	}
}

pid_t process_pid_max(void)
{
	return (pid_t)READ_ONCE(map.max);
}

int process_set_pid_max(pid_t max)
{
	if (max < (pid_t)PID_MAX_MIN || max > (pid_t)PID_LIMIT)
		return -EINVAL;
	WRITE_ONCE(map.max, (u32)max);
	return 0;
}

pid_t process_last_pid(void)
{
	return (pid_t)READ_ONCE(map.last);
}

u32 process_count(void)
{
	u64 flags = spin_lock_irqsave(&map_lock);
	u32 count = map.count;

	spin_unlock_irqrestore(&map_lock, flags);
	return count;
}
