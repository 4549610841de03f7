// SPDX-License-Identifier: MIT
/*
 * SEM_UNDO: what operations have done to semaphores is undone when the process ends.
 *
 * Threads that were created with CLONE_SYSVSEM, as those of one program are, share a list; it ends with the last
 * of them. The list has one entry for each set, which counts the set. An entry of a set that
 * was removed is freed with the next look into the list: nobody uses it, since the set is found removed first.
 */
#include "sem.h"
#include <kernel/heap.h>
#include <kernel/ipc.h>
#include <kernel/process.h>
#include <kernel/thread.h>

struct sem_undo_list {
	struct atomic refs;
	spinlock_t lock; /* guards undos */
	struct list undos;
};

/* ---- lists ---- */

static void sem_undo_free(struct sem_undo *undo)
{
	ipc_put(&undo->set->object);
	kvfree(undo);
}

/* Locking: list->lock. Entries of sets that were removed move to @unused. */
static struct sem_undo *sem_undo_find(struct sem_undo_list *undo_list, const struct sem_set *set,
				      struct list *unused)
{
	struct sem_undo *undo, *next, *found = NULL;

	list_for_each_safe(undo, next, &undo_list->undos, link) {
		if (undo->set == set) {
			found = undo;
		} else if (READ_ONCE(undo->set->object.removed)) {
			list_del(&undo->link);
			list_add(&undo->link, unused);
		}
	}
	return found;
}

static void sem_undo_free_list(struct list *unused)
{
	struct sem_undo *undo, *next;

	list_for_each_safe(undo, next, unused, link)
		sem_undo_free(undo);
}

/* The list of the current thread. NULL: no memory */
static struct sem_undo_list *sem_undo_list_get(void)
{
	struct sem_undo_list *undo_list = current->sem_undo;

	if (undo_list)
		return undo_list;
	undo_list = kzalloc(sizeof(*undo_list));
	if (!undo_list)
		return NULL;
	atomic_set(&undo_list->refs, 1);
	spin_init(&undo_list->lock);
	list_init(&undo_list->undos);
	current->sem_undo = undo_list;
	return undo_list;
}

/* Enter @fresh, unless another thread was faster. @return the entry; ERR_PTR(-EIDRM) */
static struct sem_undo *sem_undo_enter(struct sem_undo_list *undo_list, struct sem_set *set,
				       struct sem_undo *fresh)
{
	DEFINE_LIST(unused);
	struct sem_undo *undo;
	int err = 0;

	spin_lock(&undo_list->lock);
	undo = sem_undo_find(undo_list, set, &unused);
	if (!undo) {
		err = ipc_lock(&set->object);
		if (!err) {
			undo = fresh;
			list_add(&undo->link, &undo_list->undos);
			list_add(&undo->set_link, &set->undos);
			ipc_unlock(&set->object);
		}
	}
	spin_unlock(&undo_list->lock);
	sem_undo_free_list(&unused);
	return err ? ERR_PTR(err) : undo;
}

struct sem_undo *sem_undo_get(struct sem_set *set)
{
	struct sem_undo_list *undo_list = sem_undo_list_get();
	struct sem_undo *undo, *fresh;
	DEFINE_LIST(unused);

	if (!undo_list)
		return ERR_PTR(-ENOMEM);
	spin_lock(&undo_list->lock);
	undo = sem_undo_find(undo_list, set, &unused);
	spin_unlock(&undo_list->lock);
	sem_undo_free_list(&unused);
	if (undo)
		return undo;
	fresh = kvzalloc(sizeof(*fresh) + set->nr_sems * sizeof(fresh->adjust[0]));
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	list_init(&fresh->link);
	list_init(&fresh->set_link);
	fresh->set = set;
	atomic_inc(&set->object.refs);
	undo = sem_undo_enter(undo_list, set, fresh);
	if (undo != fresh)
		sem_undo_free(fresh);
	return undo;
}

void sem_undo_forget_locked(struct sem_set *set, u32 index)
{
	struct sem_undo *undo;

	assert_held(&set->object.lock);
	list_for_each(undo, &set->undos, set_link)
		undo->adjust[index] = 0;
}

/* ---- threads ---- */

int sem_undo_share(struct thread *t)
{
	struct sem_undo_list *undo_list = sem_undo_list_get();

	if (!undo_list)
		return -ENOMEM;
	atomic_inc(&undo_list->refs);
	t->sem_undo = undo_list;
	return 0;
}

/* Locking: the set's. */
static void sem_undo_apply(struct sem_set *set, const struct sem_undo *undo)
{
	for (u32 i = 0; i < set->nr_sems; i++) {
		struct sem *sem = &set->sems[i];

		if (!undo->adjust[i])
			continue;
		sem->value = MIN(MAX(sem->value + undo->adjust[i], 0), SEM_VALUE_MAX);
		sem->pid = current->proc->pid;
	}
	set->operation_time = ipc_now();
	sem_all_changed_locked(set);
}

void sem_undo_leave(struct thread *t)
{
	struct sem_undo_list *undo_list = t->sem_undo;
	struct sem_undo *undo, *next;

	t->sem_undo = NULL;
	if (!atomic_dec_and_test(&undo_list->refs))
		return;
	list_for_each_safe(undo, next, &undo_list->undos, link) {
		struct sem_set *set = undo->set;

		if (!ipc_lock(&set->object)) {
			list_del(&undo->set_link);
			sem_undo_apply(set, undo);
			ipc_unlock(&set->object);
		}
		sem_undo_free(undo);
	}
	kfree(undo_list);
}
