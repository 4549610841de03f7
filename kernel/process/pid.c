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
 * That lock is the innermost one. The numbers of one block of the map (pid_map.h) are in buckets that
 * no neighbouring block has, so that CPUs which make and end threads do not meet there either. The
 * map's lock is taken once for a block, never with another.
 */
#include "internal.h"
#include <kernel/panic.h>

#define PID_BUCKETS 256u
#define PID_GROUP   16u /* buckets for the numbers of a block */
#define PID_GROUPS  (PID_BUCKETS / PID_GROUP)

struct pid_bucket {
	spinlock_t lock; /* guards the chain, and thread and proc of each entry */
	struct pid *first;
};
static struct pid_bucket buckets[PID_BUCKETS] __aligned(64);
static struct pid_map map;
static DEFINE_SPINLOCK(map_lock); /* guards the blocks of the map */
static struct kmem_cache *pid_cache;
/* One CPU's: used with preemption off; counts also with interrupts off. */
static struct pid_cpu {
	struct pid_block block;
	u64 last_serial;
	s32 count; /* allocated here, less freed here */
	pid_t last;
} __aligned(64) pid_cpus[CPU_MAX];

static struct pid_bucket *pid_bucket_of(pid_t nr)
{
	return &buckets[(u32)nr / PID_BLOCK % PID_GROUPS * PID_GROUP + (u32)nr % PID_GROUP];
}

void pid_init(void)
{
	pid_map_init(&map);
	pid_cache = kmem_cache_create("pid", sizeof(struct pid), 8);
	if (!pid_cache)
		boot_stop("not enough memory for the table of process numbers");
}

/* With the map's lock. @want  0: any */
static __noinline int pid_alloc_slow(struct pid_cpu *own, u32 want)
{
	u64 flags = spin_lock_irqsave(&map_lock);
	int nr;

	if (want) {
		nr = pid_map_take(&map, want);
		if (!nr)
			nr = (int)want;
	} else {
		nr = pid_map_alloc(&map, &own->block);
	}
	spin_unlock_irqrestore(&map_lock, flags);
	return nr;
}

/* A number and its serial. @return 0 or -errno */
static int pid_alloc_number(struct pid *pid, u32 want)
{
	struct pid_cpu *own;
	u64 flags;
	int nr = 0;

	preempt_disable();
	own = &pid_cpus[cpu_id()];
	if (likely(!want))
		nr = (int)pid_block_alloc(&map, &own->block);
	if (unlikely(!nr))
		nr = pid_alloc_slow(own, want);
	if (likely(nr > 0)) {
		pid->nr = own->last = nr;
		pid->serial = ++own->last_serial * CPU_MAX + cpu_id();
		flags = irq_save();
		own->count++;
		irq_restore(flags);
	}
	preempt_enable();
	return MIN(nr, 0);
}

struct pid *pid_create(u32 want)
{
	struct pid *pid = kmem_cache_alloc(pid_cache);
	int err;

	if (!pid)
		return ERR_PTR(-ENOMEM);
	err = pid_alloc_number(pid, want);
	if (err) {
		kmem_cache_free(pid_cache, pid);
		return ERR_PTR(err);
	}
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
	pid_cpus[cpu_id()].count--;
	spin_unlock_irqrestore(&bucket->lock, flags);
	pid_map_free(&map, (u32)pid->nr);
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
		nr = pid_map_next(&map, (u32)nr);
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
	pid_t last = READ_ONCE(pid_cpus[cpu_id()].last);

	for (u32 i = 0; i < cpu_count && !last; i++)
		last = READ_ONCE(pid_cpus[i].last);
	return last;
}

u32 process_count(void)
{
	s32 count = 0;

	for (u32 i = 0; i < cpu_count; i++)
		count += READ_ONCE(pid_cpus[i].count);
	return (u32)MAX(count, 0);
}
