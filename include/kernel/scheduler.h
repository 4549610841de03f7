/* SPDX-License-Identifier: MIT */
/**
 * @file scheduler.h  Schedulers that drivers register: kernel/scheduler.c.
 */
#pragma once
#include <kernel/driver_api.h>
#include <kernel/owner.h>

struct cpu;
struct seq_file;
struct thread;

/** What put a scheduler out; written once. */
struct scheduler_verdict {
	u64 waited_ns;
	u32 cpu;
	pid_t tid;
	char comm[16];
};

struct scheduler {
	struct owner *root;
	void *context;
	struct banos_scheduler_ops ops; /* without NULL */
	char name[BANOS_SCHEDULER_NAME_SIZE];
	bool has_tick, has_select_cpu, has_steal, has_changed;
	/* owned by kernel/scheduler.c */
	struct list link; /* of those that can be chosen */
	u32 slot;	  /* of the entries of its threads, while it schedules or is about to */
	u32 failed;	  /* it is put out; 1: the verdict is being written, 2: it is */
	u64 refused;	  /* answers; hint */
	u64 mistaken;	  /* calls of the kernel's functions that its methods may not call; hint */
	u64 threads;	  /* attached; under the mutex */
	bool refused_said, mistaken_said, failed_said;
	struct scheduler_verdict verdict;
};

#ifdef CONFIG_SCHEDULERS
/** @brief Let a scheduler be chosen. Sleeps. @param secret  a number that nobody can guess. @return 0, -EEXIST, -ENOMEM */
int __must_check scheduler_publish(struct scheduler *scheduler, u64 secret);
/** @brief The opposite; the built-in one takes over. Sleeps. @return 0, -EBUSY: called from its attach() or detach() */
int __must_check scheduler_stop(struct scheduler *scheduler);
/** @brief Does a method of a scheduler run in this context, which may call next to nothing? */
bool scheduler_method_runs(void);
/** @brief The same; count a mistake of it. */
bool scheduler_method_errs(void);
/** @brief A thread that has not started is to be known to the present scheduler. Sleeps. @return 0, -EAGAIN */
int __must_check scheduler_attach(struct thread *t);
/** @brief The running thread ends, or @p t has never started: it is to be known to none. Sleeps. */
void scheduler_detach(struct thread *t);
/** @brief Was any scheduler ever registered? */
extern bool schedulers_exist;
int scheduler_show(struct seq_file *seq, void *unused);
/** @brief Choose a scheduler by name, or the built-in one. Sleeps. @return 0, -EINVAL: no such one, -EIO: it was put out, what attach() answered */
int scheduler_write(char *text, size_t len, void *unused);
int scheduler_show_all(struct seq_file *seq, void *unused);
#else
#define schedulers_exist false
static inline int scheduler_publish(struct scheduler *scheduler, u64 secret)
{
	(void)secret;
	return -EOPNOTSUPP;
}
static inline int scheduler_stop(struct scheduler *scheduler)
{
	return 0;
}
static inline bool scheduler_method_runs(void)
{
	return false;
}
static inline bool scheduler_method_errs(void)
{
	return false;
}
static inline int scheduler_attach(struct thread *t)
{
	return 0;
}
static inline void scheduler_detach(struct thread *t)
{
}
#endif
