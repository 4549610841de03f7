// SPDX-License-Identifier: MIT
/*
 * System V semaphores: sets, and operations on them.
 *
 * An operation is a list of steps that are done all at once or not at all. One that cannot be done waits
 * in the list of the semaphore that blocks its first impossible step. As long as that semaphore does not change, the
 * operation stays impossible; so a change looks only at the waiters of what has changed, and
 * an operation that is blocked elsewhere then moves there. These lists are also what
 * GETNCNT and GETZCNT count.
 *
 * The thread that changes a semaphore carries out the operations of the waiters that this
 * makes possible, in the order in which they began to wait, but those first that only wait for
 * zeroes. A waiter looks at its status under the set's lock, so that its stack outlives what
 * others do there.
 *
 * Linux 6.1, ipc/sem.c, for the order of errors; semop(2).
 */
#include "sem.h"
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>

#define STEPS_FEW 16u

static void sem_free(struct ipc_object *object);

s32 sem_settings[4] = {
	[SEM_MSL] = 32000, [SEM_MNS] = 1024000000, [SEM_OPM] = 500, [SEM_MNI] = 32000
};
struct atomic64 sem_used;
struct ipc_ids sem_ids = IPC_IDS_INIT((u32 *)&sem_settings[SEM_MNI], sem_free);

/* ---- life ---- */

static void sem_free(struct ipc_object *object)
{
	struct sem_set *set = sem_of(object);

	atomic_sub(&sem_used, set->nr_sems);
	ipc_charge(-(s64)set->bytes);
	ipc_free_later(object);
}

static struct ipc_object *sem_create(const struct ipc_request *request)
{
	u64 bytes = sizeof(struct sem_set) + request->size * sizeof(struct sem);
	s64 count = (s64)request->size;
	struct sem_set *set;

	if (!count)
		return ERR_PTR(-EINVAL);
	if (atomic_add_return(&sem_used, count) > READ_ONCE(sem_settings[SEM_MNS])) {
		atomic_sub(&sem_used, count);
		return ERR_PTR(-ENOSPC);
	}
	set = NULL;
	if (ipc_charge((s64)bytes)) {
		set = kvzalloc(bytes);
		if (!set)
			ipc_charge(-(s64)bytes);
	}
	if (!set) {
		atomic_sub(&sem_used, count);
		return ERR_PTR(-ENOMEM);
	}
	ipc_object_init(&set->object, request);
	set->nr_sems = (u32)count;
	set->bytes = bytes;
	set->change_time = ipc_now();
	list_init(&set->undos);
	for (u32 i = 0; i < set->nr_sems; i++) {
		list_init(&set->sems[i].waiters);
		list_init(&set->sems[i].work);
	}
	return &set->object;
}

static int sem_check_request(const struct ipc_object *object, const struct ipc_request *request)
{
	if (request->size > container_of(object, struct sem_set, object)->nr_sems)
		return -EINVAL;
	return 0;
}

SYSCALL3(semget, key, count, flags)
{
	const struct ipc_request request = {
		.ids = &sem_ids,
		.key = (s32)key,
		.flags = (u32)flags,
		.size = (u32)count,
		.create = sem_create,
		.check = sem_check_request,
	};

	if ((s32)count < 0 || (s32)count > READ_ONCE(sem_settings[SEM_MSL]))
		return -EINVAL;
	return ipc_get(&request);
}

/* ---- operations; the set's lock is held ---- */

/* Do a step, if it is possible. @return 0; SEM_WAITS; -ERANGE */
static int sem_step(struct sem_set *set, const struct user_sembuf *step, struct sem_undo *undo)
{
	struct sem *sem = &set->sems[step->num];
	s32 value = sem->value + step->op;

	if ((!step->op && value) || value < 0)
		return SEM_WAITS;
	if (value > SEM_VALUE_MAX)
		return -ERANGE;
	if (step->flags & SEM_UNDO) {
		s32 adjust = undo->adjust[step->num] - step->op;

		if (adjust < -SEM_VALUE_MAX - 1 || adjust > SEM_VALUE_MAX)
			return -ERANGE;
		undo->adjust[step->num] = (s16)adjust;
	}
	sem->value = value;
	return 0;
}

static void sem_step_back(struct sem_set *set, const struct user_sembuf *step,
			  struct sem_undo *undo)
{
	set->sems[step->num].value -= step->op;
	if (step->flags & SEM_UNDO)
		undo->adjust[step->num] = (s16)(undo->adjust[step->num] + step->op);
}

/* Do all steps or none. @return 0; SEM_WAITS, with ->blocking; -EAGAIN, -ERANGE */
static int sem_try(struct sem_set *set, struct sem_operation *operation)
{
	int result = 0;
	u32 done = 0;

	while (done < operation->nr_steps && !result) {
		result = sem_step(set, &operation->steps[done], operation->undo);
		done += !result;
	}
	if (!result) {
		for (u32 i = 0; i < done; i++)
			set->sems[operation->steps[i].num].pid = operation->pid;
		set->operation_time = ipc_now();
		return 0;
	}
	operation->blocking = &operation->steps[done];
	while (done--)
		sem_step_back(set, &operation->steps[done], operation->undo);
	if (result == SEM_WAITS && operation->blocking->flags & IPC_NOWAIT)
		return -EAGAIN;
	return result;
}

static void sem_enqueue(struct sem_set *set, struct sem_operation *operation)
{
	struct sem *sem = &set->sems[operation->blocking->num];

	if (operation->alters)
		list_add_tail(&operation->link, &sem->waiters);
	else
		list_add(&operation->link, &sem->waiters);
}

static void sem_decide(struct sem_operation *operation, int status)
{
	list_del(&operation->link);
	WRITE_ONCE(operation->status, status);
	thread_wake(operation->thread);
}

static void sem_add_work(struct sem *sem, struct list *work)
{
	if (!list_empty(&sem->waiters) && list_empty(&sem->work))
		list_add_tail(&sem->work, work);
}

static void sem_add_changes(struct sem_set *set, const struct sem_operation *operation,
			    struct list *work)
{
	for (u32 i = 0; i < operation->nr_steps; i++)
		if (operation->steps[i].op)
			sem_add_work(&set->sems[operation->steps[i].num], work);
}

/* A semaphore has changed: try the operations that it blocks. */
static void sem_try_waiters(struct sem_set *set, struct sem *sem, struct list *work)
{
	struct sem_operation *operation, *next;

	list_for_each_safe(operation, next, &sem->waiters, link) {
		int result = sem_try(set, operation);

		if (result != SEM_WAITS) {
			sem_decide(operation, result);
			if (!result)
				sem_add_changes(set, operation, work);
		} else if (&set->sems[operation->blocking->num] != sem) {
			list_del(&operation->link);
			sem_enqueue(set, operation);
		}
	}
}

static void sem_update(struct sem_set *set, struct list *work)
{
	while (!list_empty(work)) {
		struct sem *sem = list_first(work, struct sem, work);

		list_del(&sem->work);
		sem_try_waiters(set, sem, work);
	}
}

void sem_changed_locked(struct sem_set *set, u32 index)
{
	DEFINE_LIST(work);

	assert_held(&set->object.lock);
	sem_add_work(&set->sems[index], &work);
	sem_update(set, &work);
}

void sem_all_changed_locked(struct sem_set *set)
{
	DEFINE_LIST(work);

	assert_held(&set->object.lock);
	for (u32 i = 0; i < set->nr_sems; i++)
		sem_add_work(&set->sems[i], &work);
	sem_update(set, &work);
}

void sem_end_waits_locked(struct sem_set *set)
{
	assert_held(&set->object.lock);
	for (u32 i = 0; i < set->nr_sems; i++)
		while (!list_empty(&set->sems[i].waiters))
			sem_decide(list_first(&set->sems[i].waiters, struct sem_operation, link),
				   -EIDRM);
}

/* ---- semop() ---- */

/* Sleep until the operation is decided. @param deadline_ns  0: none @return its status; -EINTR; -EAGAIN: too late */
static int sem_wait(struct sem_set *set, struct sem_operation *operation, u64 deadline_ns)
{
	int err = 0;

	while (!err) {
		set_current_state(THREAD_INTERRUPTIBLE);
		if (READ_ONCE(operation->status) != SEM_WAITS)
			break;
		if (signal_pending())
			err = -EINTR;
		else if (!deadline_ns)
			schedule();
		else if (!schedule_until(deadline_ns))
			err = -EAGAIN;
	}
	set_current_state(THREAD_RUNNABLE);
	spin_lock(&set->object.lock);
	if (operation->status == SEM_WAITS)
		list_del(&operation->link);
	else
		err = operation->status;
	spin_unlock(&set->object.lock);
	return err;
}

static int sem_run(struct sem_set *set, struct sem_operation *operation, u64 deadline_ns)
{
	DEFINE_LIST(work);
	int result = ipc_lock(&set->object);

	if (result)
		return result;
	result = sem_try(set, operation);
	if (result == SEM_WAITS) {
		operation->status = SEM_WAITS;
		operation->thread = current;
		sem_enqueue(set, operation);
	} else if (!result) {
		sem_add_changes(set, operation, &work);
		sem_update(set, &work);
	}
	ipc_unlock(&set->object);
	if (result == SEM_WAITS)
		return sem_wait(set, operation, deadline_ns);
	return result;
}

/* What kind of operation is it? @return the highest number of a semaphore in it */
static u32 sem_scan(struct sem_operation *operation, bool *undo)
{
	u32 highest = 0;

	for (u32 i = 0; i < operation->nr_steps; i++) {
		const struct user_sembuf *step = &operation->steps[i];

		highest = MAX(highest, (u32)step->num);
		operation->alters |= step->op != 0;
		*undo |= (step->flags & SEM_UNDO) != 0;
	}
	return highest;
}

static int sem_operate(s32 id, struct sem_operation *operation, u64 deadline_ns)
{
	bool wants_undo = false;
	u32 highest = sem_scan(operation, &wants_undo);
	struct ipc_object *object;
	int err = 0;

	if (id < 0)
		return -EINVAL;
	object = ipc_find(&sem_ids, id);
	if (IS_ERR(object))
		return (int)PTR_ERR(object);
	if (wants_undo) {
		operation->undo = sem_undo_get(sem_of(object));
		if (IS_ERR(operation->undo))
			err = (int)PTR_ERR(operation->undo);
	}
	if (!err && highest >= sem_of(object)->nr_sems)
		err = -EFBIG;
	if (!err)
		err = ipc_permission(object, operation->alters ? 0222 : 0444);
	if (!err)
		err = sem_run(sem_of(object), operation, deadline_ns);
	ipc_put(object);
	return err;
}

static s64 do_semop(s32 id, uaddr_t user_steps, u32 count, u64 deadline_ns)
{
	struct user_sembuf few[STEPS_FEW], *steps = few;
	struct sem_operation operation = { .nr_steps = count, .pid = current->proc->pid };
	s64 result;

	if ((s64)count > READ_ONCE(sem_settings[SEM_OPM]))
		return -E2BIG;
	if (!count)
		return -EINVAL;
	if (count > STEPS_FEW) {
		steps = kvzalloc(count * sizeof(*steps));
		if (!steps)
			return -ENOMEM;
	}
	list_init(&operation.link);
	operation.steps = steps;
	if (copy_from_user(steps, user_steps, count * sizeof(*steps)))
		result = -EFAULT;
	else
		result = sem_operate(id, &operation, deadline_ns);
	if (steps != few)
		kvfree(steps);
	return result;
}

SYSCALL3(semop, id, steps, count)
{
	return do_semop((s32)id, uaddr(steps), (u32)count, 0);
}

SYSCALL4(semtimedop, id, steps, count, timeout)
{
	struct timespec time;
	u64 ns;

	if (!timeout)
		return do_semop((s32)id, uaddr(steps), (u32)count, 0);
	if (copy_from_user(&time, uaddr(timeout), sizeof(time)))
		return -EFAULT;
	if (time.tv_sec < 0 || (u64)time.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	ns = (u64)INT64_MAX;
	if ((u64)time.tv_sec < (u64)INT64_MAX / NSEC_PER_SEC)
		ns = MIN(time_monotonic_ns() + (u64)time.tv_sec * NSEC_PER_SEC + (u64)time.tv_nsec,
			 ns);
	return do_semop((s32)id, uaddr(steps), (u32)count, ns);
}
