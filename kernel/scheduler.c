// SPDX-License-Identifier: MIT
/*
 * Schedulers that drivers register: which one schedules, and which threads it knows.
 *
 * A scheduler knows a thread by an entry: a handle, and a cookie for each of two schedulers. When another one is
 * chosen, all threads are made known to it first, while the present one schedules; if one is
 * refused, nothing changes. Then each run queue changes over under its own lock, with the
 * threads that wait in it; then the scheduler before forgets all threads. A thread that is
 * created meanwhile waits for that, and so does one that ends.
 *
 * A thread that the scheduler of its queue does not know, since it ends, is
 * ordered by the kernel itself, before all that the scheduler knows.
 *
 * A queue's tick that finds a thread starving puts the scheduler out and gives its own queue
 * back to the built-in one; a thread of the kernel, schedulerd, does the rest and says so.
 * It is a real-time thread, so that no scheduler can keep it from running.
 *
 * scheduler_mutex: all below; inside it, methods that may sleep are called, which must not come back here.
 */
#include <kernel/err.h>
#include <kernel/gate.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/wait.h>
#include "scheduler_entry.h"

#define BUILTIN_NAME	"builtin"
#define BATCH		32u
#define DAEMON_PRIORITY 99u
#define POLICY_FIFO	1u

static DEFINE_MUTEX(scheduler_mutex);
static struct thread *mutex_holder; /* of that; for calls that come back */
static DEFINE_LIST(schedulers);
static struct scheduler *active; /* NULL: the built-in one */
static bool switching;		 /* there will be another one soon */
bool schedulers_exist;

static struct sched_entry *chunks[SCHED_CHUNKS], *free_entries;
static u32 nchunks;

bool scheduler_news;
static DEFINE_WAIT_QUEUE(news_queue);
static bool daemon_runs;

/* @return false: this thread has it already, and must not sleep for it */
static bool schedulers_lock(void)
{
	if (READ_ONCE(mutex_holder) == current)
		return false;
	mutex_lock(&scheduler_mutex);
	WRITE_ONCE(mutex_holder, current);
	return true;
}

static void schedulers_unlock(void)
{
	WRITE_ONCE(mutex_holder, NULL);
	mutex_unlock(&scheduler_mutex);
}

/* ---- entries ---- */

struct sched_entry *sched_entry_find(s64 handle)
{
	u32 index = (u32)handle, chunk = index / SCHED_CHUNK;

	if (handle <= 0 || chunk >= SCHED_CHUNKS || !READ_ONCE(chunks[chunk]))
		return NULL;
	return &chunks[chunk][index % SCHED_CHUNK];
}

static bool entries_grow(void)
{
	struct sched_entry *chunk;

	if (nchunks == SCHED_CHUNKS)
		return false;
	chunk = kcalloc(SCHED_CHUNK, sizeof(*chunk));
	if (!chunk)
		return false;
	for (u32 i = 0; i < SCHED_CHUNK; i++) {
		chunk[i].index = nchunks * SCHED_CHUNK + i;
		chunk[i].generation = 1;
		chunk[i].next_free = free_entries;
		free_entries = &chunk[i];
	}
	smp_store_release(&chunks[nchunks], chunk);
	nchunks++;
	return true;
}

static struct sched_entry *sched_entry_create(struct thread *t)
{
	struct sched_entry *entry;

	if (!free_entries && !entries_grow())
		return NULL;
	entry = free_entries;
	free_entries = entry->next_free;
	entry->thread = t;
	entry->state = SCHED_OUT;
	entry->waits = NULL;
	return entry;
}

static void sched_entry_free(struct sched_entry *entry)
{
	entry->thread = NULL;
	entry->generation = entry->generation % SCHED_GENERATION_MAX + 1;
	entry->next_free = free_entries;
	free_entries = entry;
}

void sched_describe(const struct thread *t, struct banos_scheduler_thread *info)
{
	*info = (struct banos_scheduler_thread){
		.size = sizeof(*info), .weight = t->weight, .nice = t->nice, .policy = t->policy
	};
	for (u32 i = 0; i < MIN(ARRAY_SIZE(info->cpus), ARRAY_SIZE(t->affinity.bits)); i++)
		info->cpus[i] = t->affinity.bits[i];
	strscpy(info->name, t->comm, sizeof(info->name));
}

/* ---- a thread becomes known, or is forgotten; with the mutex ---- */

/* It may run: its place in its queue is as before until that changes. */
static int entry_attach(struct scheduler *scheduler, struct thread *t)
{
	struct sched_entry *entry = t->sched;
	struct banos_scheduler_thread info;
	u64 cookie = 0;
	u32 excused;
	s64 err;

	if (!entry)
		entry = sched_entry_create(t);
	if (!entry)
		return -ENOMEM;
	sched_describe(t, &info);
	excused = gate_excuse_locks();
	err = gate_call(scheduler->root, NULL, scheduler->ops.attach, (u64)scheduler->context,
			sched_handle(entry), (u64)&info, (u64)&cookie, 0, 0);
	gate_excuse_end(excused);
	if (err < 0 && !t->sched)
		sched_entry_free(entry);
	if (err < 0)
		return (int)err;
	entry->fresh[scheduler->slot] = true;
	entry->cookie[scheduler->slot] = cookie;
	WRITE_ONCE(entry->attached[scheduler->slot], true);
	smp_store_release(&t->sched, entry);
	scheduler->threads++;
	return 0;
}

static void entry_detach(struct scheduler *scheduler, struct sched_entry *entry)
{
	u32 excused = gate_excuse_locks();

	entry->attached[scheduler->slot] = false;
	scheduler->threads--;
	(void)gate_call(scheduler->root, NULL, scheduler->ops.detach, (u64)scheduler->context,
			sched_handle(entry), entry->cookie[scheduler->slot], 0, 0, 0);
	gate_excuse_end(excused);
}

/* No queue is ordered by it. */
static void detach_all(struct scheduler *scheduler)
{
	for (u32 i = 0; i < nchunks * SCHED_CHUNK; i++) {
		struct sched_entry *entry = &chunks[i / SCHED_CHUNK][i % SCHED_CHUNK];

		if (entry->thread && entry->attached[scheduler->slot])
			entry_detach(scheduler, entry);
	}
}

static bool thread_is_idle(const struct thread *t)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->idle == t)
			return true;
	return false;
}

/* @return how many threads were found that @scheduler does not know; each counted */
static u32 threads_unknown(const struct scheduler *scheduler, struct thread **batch)
{
	struct thread_walk walk;
	u32 count = 0;

	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t)) {
		if (count == BATCH || READ_ONCE(t->sched_ends) || thread_is_idle(t))
			continue;
		if (t->sched && t->sched->attached[scheduler->slot])
			continue;
		if (atomic_inc_not_zero(&t->refs))
			batch[count++] = t;
	}
	return count;
}

static int attach_all(struct scheduler *scheduler)
{
	struct thread *batch[BATCH];
	int err = 0;
	u32 count;

	do {
		count = threads_unknown(scheduler, batch);
		for (u32 i = 0; i < count; i++) {
			if (!err)
				err = entry_attach(scheduler, batch[i]);
			thread_put(batch[i]);
		}
	} while (count && !err);
	if (err)
		detach_all(scheduler);
	return err;
}

int scheduler_attach(struct thread *t)
{
	int err = 0;

	if (!schedulers_exist)
		return 0;
	smp_mb(); /* the list of threads, where @t is, before what follows: pairs with scheduler_switch() */
	if (!READ_ONCE(active) && !READ_ONCE(switching))
		return 0;
	if (!schedulers_lock()) /* of a method: known at the next switch */
		return 0;
	if (active && !READ_ONCE(active->failed) && !(t->sched && t->sched->attached[active->slot]))
		err = entry_attach(active, t);
	schedulers_unlock();
	return err ? -EAGAIN : 0;
}

void scheduler_detach(struct thread *t)
{
	struct sched_entry *entry;
	struct run_queue *rq;
	bool locked;
	u64 flags;

	__atomic_store_n(&t->sched_ends, true, __ATOMIC_SEQ_CST);
	locked = schedulers_lock();
	entry = t->sched;
	if (entry) {
		flags = irq_save();
		rq = rq_lock_of(t);
		if (rq->scheduler)
			scheduler_leave(rq, t, BANOS_SCHED_SLEEPS);
		t->sched = NULL;
		raw_spin_unlock(&rq->lock);
		irq_restore(flags);
		if (active && entry->attached[active->slot])
			entry_detach(active, entry);
		sched_entry_free(entry);
	}
	if (locked)
		schedulers_unlock();
}

/* ---- switching; with the mutex ---- */

static void queues_switch(struct scheduler *to)
{
	for (u32 i = 0; i < cpu_count; i++) {
		u64 flags;

		if (!cpus[i] || !cpus[i]->rq)
			continue;
		flags = irq_save();
		raw_spin_lock(&cpus[i]->rq->lock);
		rq_switch(cpus[i]->rq, to);
		raw_spin_unlock(&cpus[i]->rq->lock);
		irq_restore(flags);
	}
}

static int scheduler_switch(struct scheduler *to)
{
	struct scheduler *before = active;
	int err = 0;

	if (to == before)
		return 0;
	if (to && READ_ONCE(to->failed))
		return -EIO;
	if (to) {
		to->slot = before ? !before->slot : 0;
		__atomic_store_n(&switching, true, __ATOMIC_SEQ_CST);
		err = attach_all(to);
	}
	if (!err) {
		WRITE_ONCE(active, to);
		queues_switch(to);
	}
	WRITE_ONCE(switching, false);
	if (!err && before)
		detach_all(before);
	return err;
}

/* ---- the thread that looks after them ---- */

void scheduler_tell(void)
{
	wake_up(&news_queue);
}

static void scheduler_report(struct scheduler *scheduler)
{
	const struct scheduler_verdict *verdict = &scheduler->verdict;
	const char *driver = scheduler->root->name;

	if (scheduler->refused && !scheduler->refused_said)
		pr_err("scheduler: %s (driver %s): an answer was refused: no thread that waits there\n",
		       scheduler->name, driver);
	if (scheduler->mistaken && !scheduler->mistaken_said)
		pr_err("scheduler: %s (driver %s): a method called what it may not call, or changed flags\n",
		       scheduler->name, driver);
	scheduler->refused_said = scheduler->refused != 0;
	scheduler->mistaken_said = scheduler->mistaken != 0;
	if (smp_load_acquire(&scheduler->failed) != 2 || scheduler->failed_said)
		return;
	scheduler->failed_said = true;
	pr_err("scheduler: %s (driver %s) is put out: %s (thread %d) waited %lu ms on cpu %u; the built-in scheduler takes over\n",
	       scheduler->name, driver, verdict->comm, verdict->tid,
	       (u64)(verdict->waited_ns / NSEC_PER_MSEC), verdict->cpu);
}

static void schedulers_watch(void *unused)
{
	struct scheduler *scheduler;

	for (;;) {
		wait_event(&news_queue, READ_ONCE(scheduler_news));
		WRITE_ONCE(scheduler_news, false);
		(void)schedulers_lock();
		if (active && READ_ONCE(active->failed))
			(void)scheduler_switch(NULL);
		list_for_each(scheduler, &schedulers, link)
			scheduler_report(scheduler);
		schedulers_unlock();
	}
}

static int daemon_start(void)
{
	struct thread *t;

	if (daemon_runs)
		return 0;
	t = thread_create(schedulers_watch, NULL, "schedulerd");
	if (IS_ERR(t))
		return (int)PTR_ERR(t);
	thread_set_policy(t, POLICY_FIFO, DAEMON_PRIORITY);
	thread_start(t);
	thread_put(t);
	daemon_runs = true;
	return 0;
}

/* ---- registration ---- */

static struct scheduler *scheduler_find(const char *name)
{
	struct scheduler *scheduler;

	list_for_each(scheduler, &schedulers, link)
		if (!strcmp(scheduler->name, name))
			return scheduler;
	return NULL;
}

int scheduler_publish(struct scheduler *scheduler, u64 secret)
{
	bool locked = schedulers_lock();
	int err = 0;

	if (!locked)
		return -EBUSY;
	if (scheduler_find(scheduler->name) || !strcmp(scheduler->name, BUILTIN_NAME))
		err = -EEXIST;
	if (!err)
		err = scheduler_stacks_prepare(secret);
	if (!err)
		err = daemon_start();
	if (!err) {
		list_add_tail(&scheduler->link, &schedulers);
		WRITE_ONCE(schedulers_exist, true);
	}
	schedulers_unlock();
	return err;
}

int scheduler_stop(struct scheduler *scheduler)
{
	int err = 0;

	if (!scheduler->link.next) /* it was never published */
		return 0;
	if (!schedulers_lock())
		return -EBUSY;
	if (active == scheduler)
		err = scheduler_switch(NULL);
	scheduler_report(scheduler);
	list_del(&scheduler->link);
	schedulers_unlock();
	return err;
}

/* ---- /proc ---- */

static void show_name(struct seq_file *seq, const char *name, bool present)
{
	if (present)
		seq_printf(seq, "[%s]", name);
	else
		seq_puts(seq, name);
}

int scheduler_show(struct seq_file *seq, void *unused)
{
	struct scheduler *scheduler;

	if (!schedulers_lock())
		return -EBUSY;
	show_name(seq, BUILTIN_NAME, !active);
	list_for_each(scheduler, &schedulers, link) {
		seq_putc(seq, ' ');
		show_name(seq, scheduler->name, scheduler == active);
	}
	seq_putc(seq, '\n');
	schedulers_unlock();
	return 0;
}

int scheduler_write(char *text, size_t len, void *unused)
{
	struct scheduler *scheduler;
	int err = -EINVAL;

	if (len && text[len - 1] == '\n')
		text[--len] = 0;
	if (!schedulers_lock())
		return -EBUSY;
	scheduler = scheduler_find(text);
	if (scheduler || !strcmp(text, BUILTIN_NAME))
		err = scheduler_switch(scheduler);
	schedulers_unlock();
	return err;
}

int scheduler_show_all(struct seq_file *seq, void *unused)
{
	const struct scheduler *scheduler;

	if (!schedulers_lock())
		return -EBUSY;
	seq_puts(seq, "name             driver           state    threads    refused   mistaken\n");
	list_for_each(scheduler, &schedulers, link) {
		const char *state = scheduler == active ? "active" : "ready";

		if (scheduler->failed)
			state = "put_out";
		seq_printf(seq, "%-16s %-16s %-7s %8lu %10lu %10lu\n", scheduler->name,
			   scheduler->root->name, state, scheduler->threads, scheduler->refused,
			   scheduler->mistaken);
	}
	schedulers_unlock();
	return 0;
}
