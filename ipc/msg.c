// SPDX-License-Identifier: MIT
/*
 * System V message queues.
 *
 * A queue is a list of messages, each in one allocation. Who sends looks first for a waiting receiver that
 * wants the message and hands it over; who receives looks first for a message, and then lets waiting
 * senders try again in their order. A waiter stands on the stack of its thread, which looks at
 * its status under the queue's lock: so what was handed over is never lost, not even to a signal.
 *
 * Limits: msgmax, msgmnb, msgmni, as Linux's; and the memory of all messages together (ipc_charge()), beyond which
 * msgsnd() is ENOMEM. A queue has at most as many messages as it may have bytes.
 * Linux 6.1, ipc/msg.c, for the order of errors; msgop(2).
 */
#include "internal.h"
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>

struct msg {
	struct list link;
	s64 type;
	u64 length;
	u8 text[];
};

/** Which message a receiver wants. */
enum msg_match { MATCH_ANY, MATCH_EQUAL, MATCH_OTHER, MATCH_LOWEST, MATCH_NUMBER };
struct msg_filter {
	enum msg_match match;
	s64 type; /* or, for MATCH_NUMBER, the place in the queue */
};

/** A thread that waits to receive or to send. */
struct msg_waiter {
	struct list link; /* in ->receivers or ->senders */
	struct thread *thread;
	struct msg_filter filter;
	u64 most;	 /* bytes: a receiver's buffer, or (senders) of the message */
	bool cuts;	 /* MSG_NOERROR */
	int status;	 /* MSG_WAITS until it was decided; then 0 or -errno */
	struct msg *msg; /* what a receiver got */
};
#define MSG_WAITS 1

struct msg_queue {
	struct ipc_object object; /* first: ipc_free_later(). Its lock guards the queue */
	s64 send_time, receive_time, change_time;
	u64 nr_bytes, nr_msgs, max_bytes;
	pid_t sent_by, received_by;
	struct list msgs, receivers, senders;
};

static void msg_queue_free(struct ipc_object *object);

u32 msg_max = 8192, msg_mnb = 16384, msg_mni = 32000;
struct ipc_ids msg_ids = IPC_IDS_INIT(&msg_mni, msg_queue_free);
static struct atomic64 msg_total, msg_total_bytes; /* in all queues */

static struct msg_queue *msg_of(struct ipc_object *object)
{
	return container_of(object, struct msg_queue, object);
}

/* ---- messages ---- */

static struct msg *msg_alloc(u64 length)
{
	s64 bytes = (s64)(sizeof(struct msg) + length);
	struct msg *msg = NULL;

	if (ipc_charge(bytes)) {
		msg = kvzalloc((u64)bytes);
		if (!msg)
			ipc_charge(-bytes);
	}
	if (!msg)
		return NULL;
	list_init(&msg->link);
	msg->length = length;
	return msg;
}

static void msg_free(struct msg *msg)
{
	ipc_charge(-(s64)(sizeof(*msg) + msg->length));
	kvfree(msg);
}

static void msg_enter(struct msg_queue *queue, struct msg *msg)
{
	list_add_tail(&msg->link, &queue->msgs);
	queue->nr_bytes += msg->length;
	queue->nr_msgs++;
	atomic_add(&msg_total, 1);
	atomic_add(&msg_total_bytes, (s64)msg->length);
}

static void msg_leave(struct msg_queue *queue, struct msg *msg)
{
	list_del(&msg->link);
	queue->nr_bytes -= msg->length;
	queue->nr_msgs--;
	atomic_sub(&msg_total, 1);
	atomic_sub(&msg_total_bytes, (s64)msg->length);
}

static bool msg_matches(const struct msg *msg, const struct msg_filter *filter)
{
	switch (filter->match) {
	case MATCH_EQUAL: return msg->type == filter->type;
	case MATCH_OTHER: return msg->type != filter->type;
	case MATCH_LOWEST: return msg->type <= filter->type;
	default: return true;
	}
}

/* The message that a receiver is to have. NULL: none */
static struct msg *msg_find(struct msg_queue *queue, const struct msg_filter *filter)
{
	struct msg *msg, *best = NULL;
	s64 place = 0;

	list_for_each(msg, &queue->msgs, link) {
		if (filter->match == MATCH_NUMBER && place++ != filter->type)
			continue;
		if (!msg_matches(msg, filter) || (best && best->type <= msg->type))
			continue;
		best = msg;
		if (filter->match != MATCH_LOWEST)
			break;
	}
	return best;
}

/* ---- life ---- */

static void msg_queue_free(struct ipc_object *object)
{
	struct msg_queue *queue = msg_of(object);

	while (!list_empty(&queue->msgs)) {
		struct msg *msg = list_first(&queue->msgs, struct msg, link);

		msg_leave(queue, msg);
		msg_free(msg);
	}
	ipc_charge(-(s64)sizeof(*queue));
	ipc_free_later(object);
}

static struct ipc_object *msg_create(const struct ipc_request *request)
{
	struct msg_queue *queue = NULL;

	if (ipc_charge(sizeof(*queue))) {
		queue = kvzalloc(sizeof(*queue));
		if (!queue)
			ipc_charge(-(s64)sizeof(*queue));
	}
	if (!queue)
		return ERR_PTR(-ENOMEM);
	ipc_object_init(&queue->object, request);
	queue->max_bytes = READ_ONCE(msg_mnb);
	queue->change_time = ipc_now();
	list_init(&queue->msgs);
	list_init(&queue->receivers);
	list_init(&queue->senders);
	return &queue->object;
}

static int msg_check_request(const struct ipc_object *object, const struct ipc_request *request)
{
	return 0;
}

SYSCALL2(msgget, key, flags)
{
	const struct ipc_request request = {
		.ids = &msg_ids,
		.key = (s32)key,
		.flags = (u32)flags,
		.create = msg_create,
		.check = msg_check_request,
	};

	return ipc_get(&request);
}

/* ---- waiting ---- */

static void msg_decide(struct msg_waiter *waiter, int status)
{
	list_del(&waiter->link);
	WRITE_ONCE(waiter->status, status);
	thread_wake(waiter->thread);
}

static bool msg_fits(const struct msg_queue *queue, u64 length)
{
	return queue->nr_bytes + length <= queue->max_bytes &&
	       queue->nr_msgs + 1 <= queue->max_bytes;
}

/* There is room: let each sender whose message fits now try again. The first of them may fail for another reason. */
static void msg_wake_senders(struct msg_queue *queue)
{
	struct msg_waiter *waiter, *next;

	list_for_each_safe(waiter, next, &queue->senders, link)
		if (msg_fits(queue, waiter->most))
			msg_decide(waiter, 0);
}

static void msg_end_waits(struct list *waiters, int status)
{
	while (!list_empty(waiters))
		msg_decide(list_first(waiters, struct msg_waiter, link), status);
}

/* Wait, with the queue's lock held, which is released meanwhile. @return the status; -EINTR; the lock is held again */
static int msg_wait(struct msg_queue *queue, struct list *waiters, struct msg_waiter *waiter)
{
	int err = 0;

	waiter->thread = current;
	waiter->status = MSG_WAITS;
	list_add_tail(&waiter->link, waiters);
	spin_unlock(&queue->object.lock);
	while (!err) {
		set_current_state(THREAD_INTERRUPTIBLE);
		if (READ_ONCE(waiter->status) != MSG_WAITS)
			break;
		if (signal_pending())
			err = -EINTR;
		else
			schedule();
	}
	set_current_state(THREAD_RUNNABLE);
	spin_lock(&queue->object.lock);
	if (waiter->status == MSG_WAITS)
		list_del(&waiter->link);
	else
		err = waiter->status;
	return err;
}

/* ---- msgsnd() ---- */

/* Hand the message to the first receiver that wants it. @return false: there is none */
static bool msg_hand_over(struct msg_queue *queue, struct msg *msg)
{
	struct msg_waiter *waiter, *next;

	list_for_each_safe(waiter, next, &queue->receivers, link) {
		if (!msg_matches(msg, &waiter->filter))
			continue;
		if (waiter->most < msg->length && !waiter->cuts) {
			msg_decide(waiter, -E2BIG);
			continue;
		}
		waiter->msg = msg;
		queue->received_by = waiter->thread->proc->pid;
		queue->receive_time = ipc_now();
		msg_decide(waiter, 0);
		return true;
	}
	return false;
}

/* Locking: the queue's. @return 0: the message is not the caller's any more */
static int msg_send_locked(struct msg_queue *queue, struct msg *msg, u32 flags)
{
	struct msg_waiter waiter = { .most = msg->length };
	int err = 0;

	assert_held(&queue->object.lock);
	while (!err) {
		err = ipc_permission(&queue->object, 0222);
		if (err || msg_fits(queue, msg->length))
			break;
		if (flags & IPC_NOWAIT)
			return -EAGAIN;
		err = msg_wait(queue, &queue->senders, &waiter);
		if (!err && queue->object.removed)
			err = -EIDRM;
	}
	if (err)
		return err;
	queue->sent_by = current->proc->pid;
	queue->send_time = ipc_now();
	if (!msg_hand_over(queue, msg))
		msg_enter(queue, msg);
	return 0;
}

SYSCALL4(msgsnd, id, from, length, flags)
{
	struct ipc_object *object;
	struct msg *msg;
	s64 type;
	int err;

	if (get_user_u64((u64 *)&type, uaddr(from)))
		return -EFAULT;
	if (length > READ_ONCE(msg_max) || (s32)id < 0 || type < 1)
		return -EINVAL;
	msg = msg_alloc(length);
	if (!msg)
		return -ENOMEM;
	msg->type = type;
	object = ERR_PTR(-EFAULT);
	if (!copy_from_user(msg->text, uaddr(from + sizeof(type)), length))
		object = ipc_find(&msg_ids, (s32)id);
	if (IS_ERR(object)) {
		msg_free(msg);
		return PTR_ERR(object);
	}
	err = ipc_lock(object);
	if (!err) {
		err = msg_send_locked(msg_of(object), msg, (u32)flags);
		ipc_unlock(object);
	}
	ipc_put(object);
	if (err)
		msg_free(msg);
	return err;
}

/* ---- msgrcv() ---- */

static struct msg_filter msg_filter_of(s64 type, u32 flags)
{
	if (flags & MSG_COPY)
		return (struct msg_filter){ MATCH_NUMBER, type };
	if (!type)
		return (struct msg_filter){ MATCH_ANY, 0 };
	if (type < 0)
		return (struct msg_filter){ MATCH_LOWEST, type == INT64_MIN ? INT64_MAX : -type };
	if (flags & MSG_EXCEPT)
		return (struct msg_filter){ MATCH_OTHER, type };
	return (struct msg_filter){ MATCH_EQUAL, type };
}

/* MSG_COPY: the message stays in the queue. @return the copy; ERR_PTR(-EINVAL): it has no room for that */
static struct msg *msg_copy(const struct msg *msg, struct msg *copy)
{
	if (msg->length > copy->length)
		return ERR_PTR(-EINVAL);
	copy->type = msg->type;
	copy->length = msg->length;
	memcpy(copy->text, msg->text, msg->length);
	return copy;
}

/* What is in the queue, now. @return the message, no longer in the queue, or @copy; NULL: none fits; ERR_PTR */
static struct msg *msg_take(struct msg_queue *queue, struct msg_waiter *waiter, struct msg *copy)
{
	struct msg *msg;
	int err = ipc_permission(&queue->object, 0444);

	if (err)
		return ERR_PTR(err);
	msg = msg_find(queue, &waiter->filter);
	if (!msg)
		return NULL;
	if (waiter->most < msg->length && !waiter->cuts)
		return ERR_PTR(-E2BIG);
	if (copy)
		return msg_copy(msg, copy);
	msg_leave(queue, msg);
	queue->received_by = current->proc->pid;
	queue->receive_time = ipc_now();
	msg_wake_senders(queue);
	return msg;
}

/* Locking: the queue's. @return as msg_take(), but never NULL */
static struct msg *msg_receive_locked(struct msg_queue *queue, struct msg_waiter *waiter, u32 flags,
				      struct msg *copy)
{
	struct msg *msg;
	int err;

	assert_held(&queue->object.lock);
	do {
		msg = msg_take(queue, waiter, copy);
		if (msg)
			return msg;
		if (flags & IPC_NOWAIT)
			return ERR_PTR(-ENOMSG);
		err = msg_wait(queue, &queue->receivers, waiter);
	} while (err == -EAGAIN && !queue->object.removed); /* the queue's settings have changed */
	if (err == -EAGAIN)
		err = -EIDRM;
	return err ? ERR_PTR(err) : waiter->msg;
}

/* The text is cut to what the receiver has room for. @return its bytes or -EFAULT */
static s64 msg_copy_out(const struct msg *msg, uaddr_t to, u64 most)
{
	u64 length = MIN(msg->length, most);

	if (copy_to_user(to, &msg->type, sizeof(msg->type)) ||
	    copy_to_user(uaddr(uaddr_value(to) + sizeof(msg->type)), msg->text, length))
		return -EFAULT;
	return (s64)length;
}

static struct msg *msg_receive(s32 id, struct msg_waiter *waiter, u32 flags, struct msg *copy)
{
	struct ipc_object *object = ipc_find(&msg_ids, id);
	struct msg *msg;
	int err;

	if (IS_ERR(object))
		return ERR_PTR(PTR_ERR(object));
	err = ipc_lock(object);
	if (err) {
		msg = ERR_PTR(err);
	} else {
		msg = msg_receive_locked(msg_of(object), waiter, flags, copy);
		ipc_unlock(object);
	}
	ipc_put(object);
	return msg;
}

SYSCALL5(msgrcv, id, to, length, type, user_flags)
{
	u32 flags = (u32)user_flags;
	struct msg_waiter waiter = {
		.filter = msg_filter_of((s64)type, flags),
		.most = length,
		.cuts = flags & MSG_NOERROR,
	};
	struct msg *msg, *copy = NULL;
	u64 charged = MIN(length, (u64)READ_ONCE(msg_max));
	s64 result;

	if ((s32)id < 0 || (s64)length < 0)
		return -EINVAL;
	if (flags & MSG_COPY) {
		if (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT))
			return -EINVAL;
		copy = msg_alloc(charged);
		if (!copy)
			return -ENOMEM;
	}
	list_init(&waiter.link);
	msg = msg_receive((s32)id, &waiter, flags, copy);
	result = IS_ERR(msg) ? PTR_ERR(msg) : msg_copy_out(msg, uaddr(to), length);
	if (copy) {
		copy->length = charged; /* what was charged */
		msg_free(copy);
	} else if (!IS_ERR(msg)) {
		msg_free(msg);
	}
	return result;
}

/* ---- msgctl() ---- */

static s64 msg_figures(u32 command, uaddr_t to)
{
	struct user_msginfo info = {
		.msgmax = (s32)READ_ONCE(msg_max),
		.msgmnb = (s32)READ_ONCE(msg_mnb),
		.msgmni = (s32)READ_ONCE(msg_mni),
		.msgssz = 16,
		.msgseg = 0xffff,
	};

	if (command == MSG_INFO) {
		info.msgpool = (s32)READ_ONCE(msg_ids.in_use);
		info.msgmap = (s32)atomic_read(&msg_total);
		info.msgtql = (s32)atomic_read(&msg_total_bytes);
	} else {
		info.msgmap = info.msgmnb;
		info.msgpool = (s32)((s64)info.msgmni * info.msgmnb / 1024);
		info.msgtql = info.msgmnb;
	}
	if (copy_to_user(to, &info, sizeof(info)))
		return -EFAULT;
	return ipc_highest(&msg_ids);
}

static void msg_fill(const struct msg_queue *queue, struct user_msqid_ds *out)
{
	ipc_fill_perm(&queue->object, &out->perm);
	out->stime = queue->send_time;
	out->rtime = queue->receive_time;
	out->ctime = queue->change_time;
	out->cbytes = queue->nr_bytes;
	out->qnum = queue->nr_msgs;
	out->qbytes = queue->max_bytes;
	out->lspid = queue->sent_by;
	out->lrpid = queue->received_by;
}

static s64 msg_stat(s32 id, u32 command, uaddr_t to)
{
	struct user_msqid_ds out = { .stime = 0 };
	struct ipc_object *object;
	s64 result = 0;

	if (command == IPC_STAT)
		object = ipc_find(&msg_ids, id);
	else
		object = ipc_find_index(&msg_ids, id);
	if (IS_ERR(object))
		return PTR_ERR(object);
	if (command != MSG_STAT_ANY)
		result = ipc_permission(object, 0444);
	if (!result)
		result = ipc_lock(object);
	if (!result) {
		msg_fill(msg_of(object), &out);
		if (command != IPC_STAT)
			result = object->id;
		ipc_unlock(object);
	}
	ipc_put(object);
	if (result >= 0 && copy_to_user(to, &out, sizeof(out)))
		return -EFAULT;
	return result;
}

/* Waiters try again: permissions and room may have changed. */
static int msg_change(struct msg_queue *queue, const struct user_msqid_ds *in)
{
	int err = ipc_set_owner(&queue->object, &in->perm);

	if (err)
		return err;
	queue->max_bytes = in->qbytes;
	queue->change_time = ipc_now();
	msg_end_waits(&queue->receivers, -EAGAIN);
	msg_end_waits(&queue->senders, 0);
	return 0;
}

static s64 msg_set(s32 id, uaddr_t from)
{
	struct user_msqid_ds in;
	struct ipc_object *object;
	int err = 0;

	if (copy_from_user(&in, from, sizeof(in)))
		return -EFAULT;
	object = ipc_find_owned(&msg_ids, id);
	if (IS_ERR(object))
		return PTR_ERR(object);
	if (in.qbytes > READ_ONCE(msg_mnb) && !current_capable(CAP_SYS_RESOURCE))
		err = -EPERM;
	if (!err)
		err = ipc_lock(object);
	if (!err) {
		err = msg_change(msg_of(object), &in);
		ipc_unlock(object);
	}
	ipc_put(object);
	return err;
}

static s64 msg_remove(s32 id)
{
	struct ipc_object *object = ipc_find_owned(&msg_ids, id);
	bool removed;

	if (IS_ERR(object))
		return PTR_ERR(object);
	spin_lock_both(object);
	removed = ipc_remove_locked(object);
	if (removed) {
		msg_end_waits(&msg_of(object)->receivers, -EIDRM);
		msg_end_waits(&msg_of(object)->senders, -EIDRM);
	}
	spin_unlock_both(object);
	if (removed)
		ipc_put(object);
	ipc_put(object);
	return removed ? 0 : -EIDRM;
}

SYSCALL3(msgctl, id, command, buf)
{
	if ((s32)id < 0 || (s32)command < 0)
		return -EINVAL;
	switch ((u32)command) {
	case IPC_INFO:
	case MSG_INFO: return msg_figures((u32)command, uaddr(buf));
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY: return msg_stat((s32)id, (u32)command, uaddr(buf));
	case IPC_SET: return msg_set((s32)id, uaddr(buf));
	case IPC_RMID: return msg_remove((s32)id);
	default: return -EINVAL;
	}
}

void msg_show(struct seq_file *seq, struct ipc_object *object)
{
	struct user_msqid_ds ds = { .stime = 0 };

	msg_fill(msg_of(object), &ds);
	seq_printf(seq, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10ld %10ld %10ld\n",
		   object->key, object->id, object->mode, ds.cbytes, ds.qnum, ds.lspid, ds.lrpid,
		   object->uid, object->gid, object->cuid, object->cgid, ds.stime, ds.rtime,
		   ds.ctime);
}
