/* SPDX-License-Identifier: MIT */
/**
 * @file sem.h  Semaphore sets: what operations (sem.c), undo (sem_undo.c) and semctl() (sem_control.c) share.
 *
 * Locks, outermost first: sem_undo_list.lock, ipc_object.lock of the set.
 */
#pragma once
#include "internal.h"
#include <kernel/list.h>

struct thread;

struct sem {
	s32 value;
	pid_t pid;	     /* who changed it last */
	struct list waiters; /* whose operations it blocks; those that only wait for zeroes first */
	struct list work;    /* in sem_update()'s list */
};

struct sem_set {
	struct ipc_object object; /* first: ipc_free_later(). Its lock guards all of the set */
	s64 operation_time, change_time;
	u64 bytes;	   /* charged */
	u32 nr_sems;	   /* never changes */
	struct list undos; /* by sem_undo.set_link */
	struct sem sems[];
};

/** What semop() does to one set, all or nothing. On the stack of the thread that waits. */
struct sem_operation {
	struct list link; /* in sem.waiters of the semaphore that blocks it */
	const struct user_sembuf *steps;
	u32 nr_steps;
	bool alters;
	const struct user_sembuf *blocking; /* the step that cannot be done */
	struct sem_undo *undo;		    /* NULL: none is wanted */
	pid_t pid;
	struct thread *thread;
	int status; /* SEM_WAITS until it was decided */
};
#define SEM_WAITS 1

/** What the end of the threads of @ref list does to a set. */
struct sem_undo {
	struct list link;     /* in sem_undo_list.undos */
	struct list set_link; /* in sem_set.undos, under the set's lock, while the set exists */
	struct sem_set *set;  /* counted */
	s16 adjust[];	      /* by semaphore; under the set's lock, while the set exists */
};

enum sem_setting { SEM_MSL, SEM_MNS, SEM_OPM, SEM_MNI };
extern struct atomic64 sem_used;

static inline struct sem_set *sem_of(struct ipc_object *object)
{
	return container_of(object, struct sem_set, object);
}
/** @brief The value of a semaphore has changed: let waiting operations proceed. Locking: the set's. */
void sem_changed_locked(struct sem_set *set, u32 index);
/** @brief The same for all of them. */
void sem_all_changed_locked(struct sem_set *set);
/** @brief Set has been removed: end all waits. Locking: the set's. */
void sem_end_waits_locked(struct sem_set *set);
/** @brief Find or create the current thread's undo for a set. @return it; ERR_PTR(-ENOMEM), ERR_PTR(-EIDRM) */
struct sem_undo *__must_check sem_undo_get(struct sem_set *set);
/** @brief Forget what would be undone to one semaphore. Locking: the set's. */
void sem_undo_forget_locked(struct sem_set *set, u32 index);
