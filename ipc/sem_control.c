// SPDX-License-Identifier: MIT
/* semctl(): values, owners and figures of semaphore sets. semctl(2); order of errors: Linux 6.1, ipc/sem.c. */
#include "sem.h"
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/seq_file.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>

#define SEMUSZ 20 /* bytes of an undo entry, as other systems count them */

static s64 sem_figures(u32 command, uaddr_t to)
{
	struct user_seminfo info = {
		.semmap = 1024000000,
		.semmnu = 1024000000,
		.semmni = READ_ONCE(sem_settings[SEM_MNI]),
		.semmns = READ_ONCE(sem_settings[SEM_MNS]),
		.semmsl = READ_ONCE(sem_settings[SEM_MSL]),
		.semopm = READ_ONCE(sem_settings[SEM_OPM]),
		.semume = 500,
		.semvmx = SEM_VALUE_MAX,
		.semusz = SEMUSZ,
		.semaem = SEM_VALUE_MAX,
	};

	if (command == SEM_INFO) {
		info.semusz = (s32)READ_ONCE(sem_ids.in_use);
		info.semaem = (s32)atomic_read(&sem_used);
	}
	if (copy_to_user(to, &info, sizeof(info)))
		return -EFAULT;
	return ipc_highest(&sem_ids);
}

static s64 sem_stat(s32 id, u32 command, uaddr_t to)
{
	struct user_semid_ds out = { .nsems = 0 };
	struct ipc_object *object;
	s64 result = 0;

	if (command == IPC_STAT)
		object = ipc_find(&sem_ids, id);
	else
		object = ipc_find_index(&sem_ids, id);
	if (IS_ERR(object))
		return PTR_ERR(object);
	if (command != SEM_STAT_ANY)
		result = ipc_permission(object, 0444);
	if (!result)
		result = ipc_lock(object);
	if (!result) {
		ipc_fill_perm(object, &out.perm);
		out.otime = sem_of(object)->operation_time;
		out.ctime = sem_of(object)->change_time;
		out.nsems = sem_of(object)->nr_sems;
		if (command != IPC_STAT)
			result = object->id;
		ipc_unlock(object);
	}
	ipc_put(object);
	if (result >= 0 && copy_to_user(to, &out, sizeof(out)))
		return -EFAULT;
	return result;
}

static s64 sem_set_owner(s32 id, uaddr_t from)
{
	struct user_semid_ds in;
	struct ipc_object *object;
	int err;

	if (copy_from_user(&in, from, sizeof(in)))
		return -EFAULT;
	object = ipc_find_owned(&sem_ids, id);
	if (IS_ERR(object))
		return PTR_ERR(object);
	err = ipc_lock(object);
	if (!err) {
		err = ipc_set_owner(object, &in.perm);
		if (!err)
			sem_of(object)->change_time = ipc_now();
		ipc_unlock(object);
	}
	ipc_put(object);
	return err;
}

static s64 sem_remove(s32 id)
{
	struct ipc_object *object = ipc_find_owned(&sem_ids, id);
	bool removed;

	if (IS_ERR(object))
		return PTR_ERR(object);
	spin_lock_both(object);
	removed = ipc_remove_locked(object);
	if (removed)
		sem_end_waits_locked(sem_of(object));
	spin_unlock_both(object);
	if (removed)
		ipc_put(object);
	ipc_put(object);
	return removed ? 0 : -EIDRM;
}

static s64 sem_get_all(struct sem_set *set, u16 *values, uaddr_t to)
{
	int err = ipc_lock(&set->object);

	if (err)
		return err;
	for (u32 i = 0; i < set->nr_sems; i++)
		values[i] = (u16)set->sems[i].value;
	ipc_unlock(&set->object);
	return copy_to_user(to, values, set->nr_sems * sizeof(*values));
}

static s64 sem_set_all(struct sem_set *set, u16 *values, uaddr_t from)
{
	int err;

	if (copy_from_user(values, from, set->nr_sems * sizeof(*values)))
		return -EFAULT;
	for (u32 i = 0; i < set->nr_sems; i++)
		if (values[i] > SEM_VALUE_MAX)
			return -ERANGE;
	err = ipc_lock(&set->object);
	if (err)
		return err;
	for (u32 i = 0; i < set->nr_sems; i++) {
		set->sems[i].value = values[i];
		set->sems[i].pid = current->proc->pid;
		sem_undo_forget_locked(set, i);
	}
	set->change_time = ipc_now();
	sem_all_changed_locked(set);
	ipc_unlock(&set->object);
	return 0;
}

static s64 sem_transfer_all(struct sem_set *set, u32 command, uaddr_t address)
{
	u16 *values = kvzalloc(set->nr_sems * sizeof(*values));
	s64 result;

	if (!values)
		return -ENOMEM;
	if (command == SEM_GETALL)
		result = sem_get_all(set, values, address);
	else
		result = sem_set_all(set, values, address);
	kvfree(values);
	return result;
}

/* Operations that wait for the semaphore to be zero, or to increase. */
static s64 sem_count_waiters(const struct sem *sem, bool for_zero)
{
	const struct sem_operation *operation;
	s64 count = 0;

	list_for_each(operation, &sem->waiters, link)
		count += !operation->blocking->op == for_zero;
	return count;
}

static s64 sem_get_one(struct sem_set *set, s32 index, u32 command)
{
	const struct sem *sem;
	s64 result;

	if (index < 0 || (u32)index >= set->nr_sems)
		return -EINVAL;
	result = ipc_lock(&set->object);
	if (result)
		return result;
	sem = &set->sems[index];
	if (command == SEM_GETVAL)
		result = sem->value;
	else if (command == SEM_GETPID)
		result = sem->pid;
	else
		result = sem_count_waiters(sem, command == SEM_GETZCNT);
	ipc_unlock(&set->object);
	return result;
}

static s64 sem_values(s32 id, s32 index, u32 command, uaddr_t address)
{
	struct ipc_object *object = ipc_find(&sem_ids, id);
	s64 result;

	if (IS_ERR(object))
		return PTR_ERR(object);
	result = ipc_permission(object, command == SEM_SETALL ? 0222 : 0444);
	if (!result && (command == SEM_SETALL || command == SEM_GETALL))
		result = sem_transfer_all(sem_of(object), command, address);
	else if (!result)
		result = sem_get_one(sem_of(object), index, command);
	ipc_put(object);
	return result;
}

static s64 sem_set_value(s32 id, s32 index, s32 value)
{
	struct ipc_object *object;
	struct sem_set *set;
	int err = -EINVAL;

	if (value < 0 || value > SEM_VALUE_MAX)
		return -ERANGE;
	object = ipc_find(&sem_ids, id);
	if (IS_ERR(object))
		return PTR_ERR(object);
	set = sem_of(object);
	if (index >= 0 && (u32)index < set->nr_sems)
		err = ipc_permission(object, 0222);
	if (!err)
		err = ipc_lock(object);
	if (!err) {
		set->sems[index].value = value;
		set->sems[index].pid = current->proc->pid;
		set->change_time = ipc_now();
		sem_undo_forget_locked(set, (u32)index);
		sem_changed_locked(set, (u32)index);
		ipc_unlock(object);
	}
	ipc_put(object);
	return err;
}

SYSCALL4(semctl, id, index, command, arg)
{
	if ((s32)id < 0)
		return -EINVAL;
	switch ((u32)command) {
	case IPC_INFO:
	case SEM_INFO: return sem_figures((u32)command, uaddr(arg));
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY: return sem_stat((s32)id, (u32)command, uaddr(arg));
	case SEM_GETALL:
	case SEM_GETVAL:
	case SEM_GETPID:
	case SEM_GETNCNT:
	case SEM_GETZCNT:
	case SEM_SETALL: return sem_values((s32)id, (s32)index, (u32)command, uaddr(arg));
	case SEM_SETVAL: return sem_set_value((s32)id, (s32)index, (s32)arg);
	case IPC_SET: return sem_set_owner((s32)id, uaddr(arg));
	case IPC_RMID: return sem_remove((s32)id);
	default: return -EINVAL;
	}
}

void sem_show(struct seq_file *seq, struct ipc_object *object)
{
	const struct sem_set *set = sem_of(object);

	seq_printf(seq, "%10d %10d  %4o %10u %5u %5u %5u %5u %10ld %10ld\n", object->key,
		   object->id, object->mode, set->nr_sems, object->uid, object->gid, object->cuid,
		   object->cgid, set->operation_time, set->change_time);
}
