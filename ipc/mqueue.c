// SPDX-License-Identifier: MIT
/*
 * POSIX message queues.
 *
 * A queue has a name, which mq_unlink() removes, and exists as long as it has one or is open. Names are in a list,
 * under names_lock (spin), which is taken before a queue's lock. A message lies in one
 * allocation, in the queue's list by priority. What a queue may hold is charged to its creator when it
 * is created (RLIMIT_MSGQUEUE), so that messages need no limit of their own.
 *
 * Who sends to an empty queue for which somebody asked for a signal sends it, unless a receiver waits.
 * Waiters look at the count again when they are woken, all of them: a wake-up is not lost to one that a
 * signal ends.
 *
 * The queues are not shown as a file system. Linux 6.1, ipc/mqueue.c, for the order of errors.
 */
#include <kernel/cred.h>
#include <kernel/err.h>
#include <kernel/fs/context.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/name.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/proc.h>
#include <kernel/fs/seq_open.h>
#include <kernel/heap.h>
#include <kernel/ipc.h>
#include <kernel/list.h>
#include <kernel/panic.h>
#include <kernel/process.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/mqueue.h>
#include <uapi/poll.h>

#define MQ_HARD_MSGS  65536
#define MQ_HARD_BYTES (16 * 1024 * 1024)
#define MQ_OVERHEAD   96 /* bytes that Linux counts for a message besides its text, at most */
#define MQ_NAME_MAX   255

struct mq_message {
	struct list link;
	u32 priority;
	u64 length;
	u8 text[];
};

struct mqueue {
	struct atomic refs; /* the name, each open file */
	spinlock_t lock;    /* guards messages, bytes and the notification */
	struct list link;   /* in mq_names; under names_lock */
	struct list messages;
	s64 max_messages, max_bytes, nr_messages; /* of the queue; of a message */
	u64 nr_bytes, charged;
	u32 nr_receivers; /* that wait */
	struct wait_queue receivers, senders;
	struct cred *creator; /* counted */
	mode_t mode;
	struct process *notified; /* counted; NULL: nobody */
	struct user_sigevent event;
	char name[];
};

/* /proc/sys/fs/mqueue: queues; messages of a queue, bytes of a message, at most and by default. */
enum mq_limit { MQ_QUEUES, MQ_MSG_MAX, MQ_SIZE_MAX, MQ_MSG_DEFAULT, MQ_SIZE_DEFAULT, MQ_LIMITS };
static s32 mq_limits[MQ_LIMITS] = { [MQ_QUEUES] = 256,
				    [MQ_MSG_MAX] = 10,
				    [MQ_SIZE_MAX] = 8192,
				    [MQ_MSG_DEFAULT] = 10,
				    [MQ_SIZE_DEFAULT] = 8192 };
static spinlock_t names_lock;
static struct list mq_names = LIST_INIT(mq_names);
static s32 nr_queues; /* under names_lock */
static const struct file_ops mq_fops;

/* ---- life ---- */

static void mq_put(struct mqueue *queue)
{
	if (!atomic_dec_and_test(&queue->refs))
		return;
	while (!list_empty(&queue->messages)) {
		struct mq_message *message = list_first(&queue->messages, struct mq_message, link);

		list_del(&message->link);
		kvfree(message);
	}
	spin_lock(&names_lock);
	nr_queues--;
	spin_unlock(&names_lock);
	mq_uncharge(queue->creator, queue->charged);
	if (queue->notified)
		process_put(queue->notified);
	cred_put(queue->creator);
	kfree(queue);
}

/* Locking: names_lock. */
static struct mqueue *mq_find(const char *name)
{
	struct mqueue *queue;

	list_for_each(queue, &mq_names, link)
		if (!strcmp(queue->name, name))
			return queue;
	return NULL;
}

static int mq_check_attr(const struct user_mq_attr *attr)
{
	bool trusted = current_capable(CAP_SYS_RESOURCE);
	s64 most = trusted ? MQ_HARD_MSGS : READ_ONCE(mq_limits[MQ_MSG_MAX]);
	s64 most_bytes = trusted ? MQ_HARD_BYTES : READ_ONCE(mq_limits[MQ_SIZE_MAX]);

	if (attr->maxmsg <= 0 || attr->msgsize <= 0 || attr->maxmsg > most ||
	    attr->msgsize > most_bytes)
		return -EINVAL;
	return 0;
}

static struct mqueue *mq_create(const char *name, mode_t mode, const struct user_mq_attr *attr)
{
	struct mqueue *queue;
	u64 bytes = (u64)attr->maxmsg * ((u64)attr->msgsize + MQ_OVERHEAD);
	int err = mq_check_attr(attr);

	if (err)
		return ERR_PTR(err);
	queue = kzalloc(sizeof(*queue) + strlen(name) + 1);
	if (!queue)
		return ERR_PTR(-ENOMEM);
	queue->creator = cred_get((struct cred *)current_cred());
	if (!mq_charge(queue->creator, bytes, current_limit(RLIMIT_MSGQUEUE))) {
		cred_put(queue->creator);
		kfree(queue);
		return ERR_PTR(-EMFILE);
	}
	queue->charged = bytes;
	atomic_set(&queue->refs, 1);
	spin_init(&queue->lock);
	list_init(&queue->link);
	list_init(&queue->messages);
	wait_queue_init(&queue->receivers);
	wait_queue_init(&queue->senders);
	queue->max_messages = attr->maxmsg;
	queue->max_bytes = attr->msgsize;
	queue->mode = mode & ~current_umask() & 0777;
	memcpy(queue->name, name, strlen(name) + 1);
	spin_lock(&names_lock);
	nr_queues++;
	spin_unlock(&names_lock);
	return queue;
}

static int mq_permission(const struct mqueue *queue, u32 wanted)
{
	const struct cred *cred = current_cred();
	u32 granted = queue->mode;

	if (cred->fsuid == queue->creator->fsuid)
		granted >>= 6;
	else if (cred_in_group(cred, queue->creator->fsgid))
		granted >>= 3;
	if ((wanted & ~granted) && !cred_capable(cred, CAP_DAC_OVERRIDE))
		return -EACCES;
	return 0;
}

/* ---- names ---- */

static int mq_name_get(uaddr_t user, char *name)
{
	s64 length = strncpy_from_user(name, user, MQ_NAME_MAX + 1);

	if (length < 0)
		return (int)length;
	if (!length)
		return -ENOENT;
	if (memchr(name, '/', (size_t)length) || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EACCES;
	return 0;
}

static int mq_check_existing(const struct mqueue *queue, u32 flags)
{
	static const u8 wanted[4] = { 4, 2, 6, 0 };

	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	return mq_permission(queue, wanted[flags & O_ACCMODE]);
}

/* @fresh: to be entered if there is none. @return a counted queue; ERR_PTR */
static struct mqueue *mq_look_up(const char *name, u32 flags, struct mqueue *fresh)
{
	struct mqueue *queue;
	int err = 0;

	spin_lock(&names_lock);
	queue = mq_find(name);
	if (queue) {
		err = mq_check_existing(queue, flags);
	} else if (!fresh) {
		err = -ENOENT;
	} else if (nr_queues > READ_ONCE(mq_limits[MQ_QUEUES]) &&
		   !current_capable(CAP_SYS_RESOURCE)) {
		err = -ENOSPC;
	} else {
		queue = fresh;
		atomic_inc(&queue->refs); /* the name's */
		list_add(&queue->link, &mq_names);
	}
	if (!err)
		atomic_inc(&queue->refs);
	spin_unlock(&names_lock);
	return err ? ERR_PTR(err) : queue;
}

static struct mqueue *mq_look_up_or_create(const char *name, u32 flags, mode_t mode,
					   const struct user_mq_attr *attr)
{
	struct mqueue *queue = mq_look_up(name, flags, NULL), *fresh;

	if (!(flags & O_CREAT) || !IS_ERR(queue) || PTR_ERR(queue) != -ENOENT)
		return queue;
	fresh = mq_create(name, mode, attr);
	if (IS_ERR(fresh))
		return fresh;
	queue = mq_look_up(name, flags, fresh);
	mq_put(fresh);
	return queue;
}

SYSCALL4(mq_open, user_name, user_flags, mode, user_attr)
{
	struct user_mq_attr attr = { .maxmsg = MIN(READ_ONCE(mq_limits[MQ_MSG_MAX]),
						   READ_ONCE(mq_limits[MQ_MSG_DEFAULT])),
				     .msgsize = MIN(READ_ONCE(mq_limits[MQ_SIZE_MAX]),
						    READ_ONCE(mq_limits[MQ_SIZE_DEFAULT])) };
	u32 flags = (u32)user_flags;
	char name[MQ_NAME_MAX + 1];
	struct mqueue *queue;
	struct file *f;
	int err, fd;

	if (user_attr && copy_from_user(&attr, uaddr(user_attr), sizeof(attr)))
		return -EFAULT;
	err = mq_name_get(uaddr(user_name), name);
	if (err)
		return err;
	queue = mq_look_up_or_create(name, flags, (mode_t)mode, &attr);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	f = file_create_anon("mqueue", &mq_fops, queue, flags & (O_ACCMODE | O_NONBLOCK));
	if (IS_ERR(f)) {
		mq_put(queue);
		return PTR_ERR(f);
	}
	fd = fd_install(f, 0, true);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL1(mq_unlink, user_name)
{
	char name[MQ_NAME_MAX + 1];
	struct mqueue *queue;
	int err = mq_name_get(uaddr(user_name), name);

	if (err)
		return err;
	spin_lock(&names_lock);
	queue = mq_find(name);
	if (!queue)
		err = -ENOENT;
	else if (current_cred()->fsuid != queue->creator->fsuid && !current_capable(CAP_FOWNER))
		err = -EPERM;
	else
		list_del(&queue->link);
	spin_unlock(&names_lock);
	if (!err)
		mq_put(queue);
	return err;
}

/* ---- notification; the queue's lock is held ---- */

static struct process *mq_take_notified(struct mqueue *queue)
{
	struct process *p = queue->notified;

	queue->notified = NULL;
	return p;
}

/* The first message has arrived, which nobody waits for. @return whom to signal, counted */
static struct process *mq_arrived(struct mqueue *queue, struct user_sigevent *event)
{
	if (queue->nr_messages != 1 || queue->nr_receivers)
		return NULL;
	*event = queue->event;
	return mq_take_notified(queue);
}

static void mq_signal(struct process *p, const struct user_sigevent *event)
{
	struct siginfo_k info = {
		.signo = event->signo,
		.code = SI_MESGQ,
		.pid = current->proc->pid,
		.uid = current_cred()->uid,
		.value = event->value,
	};

	if (event->notify == SIGEV_SIGNAL && event->signo)
		(void)signal_send_process(p, event->signo, &info);
	process_put(p);
}

/* ---- sending and receiving ---- */

/* By priority, and behind those of the same one. Locking: the queue's. */
static void mq_enter(struct mqueue *queue, struct mq_message *message)
{
	struct list *at = queue->messages.prev;

	while (at != &queue->messages &&
	       list_entry(at, struct mq_message, link)->priority < message->priority)
		at = at->prev;
	list_add(&message->link, at);
	queue->nr_messages++;
	queue->nr_bytes += message->length;
}

static bool mq_try_send(struct mqueue *queue, struct mq_message *message)
{
	struct user_sigevent event;
	struct process *p = NULL;
	bool fits;

	spin_lock(&queue->lock);
	fits = queue->nr_messages < queue->max_messages;
	if (fits) {
		mq_enter(queue, message);
		p = mq_arrived(queue, &event);
	}
	spin_unlock(&queue->lock);
	if (p)
		mq_signal(p, &event);
	if (fits)
		wake_up_all(&queue->receivers);
	return fits;
}

static struct mq_message *mq_try_receive(struct mqueue *queue)
{
	struct mq_message *message = NULL;

	spin_lock(&queue->lock);
	if (queue->nr_messages) {
		message = list_first(&queue->messages, struct mq_message, link);
		list_del(&message->link);
		queue->nr_messages--;
		queue->nr_bytes -= message->length;
	}
	spin_unlock(&queue->lock);
	if (message)
		wake_up_all(&queue->senders);
	return message;
}

static void mq_count_receiver(struct mqueue *queue, s32 change)
{
	spin_lock(&queue->lock);
	queue->nr_receivers += (u32)change;
	spin_unlock(&queue->lock);
}

/* An absolute time on the wall clock. @return 0, with the monotonic time, 0 for none; -EFAULT, -EINVAL */
static int mq_deadline(uaddr_t timeout, u64 *deadline_ns)
{
	struct timespec time;
	u64 ns = (u64)INT64_MAX, offset = time_realtime_offset_ns();

	*deadline_ns = 0;
	if (!uaddr_value(timeout))
		return 0;
	if (copy_from_user(&time, timeout, sizeof(time)))
		return -EFAULT;
	if (time.tv_sec < 0 || (u64)time.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if ((u64)time.tv_sec < (u64)INT64_MAX / NSEC_PER_SEC)
		ns = (u64)time.tv_sec * NSEC_PER_SEC + (u64)time.tv_nsec;
	*deadline_ns = ns > offset ? ns - offset : 1;
	return 0;
}

/* @return the queue of a descriptor that was opened for @mode, with *@ref to be put; ERR_PTR(-EBADF) */
static struct mqueue *mq_of_fd(u32 fd, u32 mode, struct fd_ref *ref)
{
	*ref = fd_get(fd);
	if (!ref->file)
		return ERR_PTR(-EBADF);
	if (ref->file->ops == &mq_fops && (ref->file->mode & mode) == mode)
		return ref->file->private;
	fd_put(*ref);
	return ERR_PTR(-EBADF);
}

static int mq_send(struct mqueue *queue, struct mq_message *message, bool nonblock, u64 deadline_ns)
{
	while (!mq_try_send(queue, message)) {
		int err;

		if (nonblock)
			return -EAGAIN;
		err = wait_event_interruptible_until(
			&queue->senders, READ_ONCE(queue->nr_messages) < queue->max_messages,
			deadline_ns);
		if (err)
			return err;
	}
	return 0;
}

SYSCALL5(mq_timedsend, fd, text, length, priority, timeout)
{
	struct mq_message *message;
	struct mqueue *queue;
	struct fd_ref ref;
	u64 deadline_ns;
	int err = mq_deadline(uaddr(timeout), &deadline_ns);

	if (err)
		return err;
	if ((u32)priority >= MQ_PRIO_MAX)
		return -EINVAL;
	queue = mq_of_fd((u32)fd, FMODE_WRITE, &ref);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	message = NULL;
	err = -EMSGSIZE;
	if (length <= (u64)queue->max_bytes) {
		message = kvzalloc(sizeof(*message) + length);
		err = message ? 0 : -ENOMEM;
	}
	if (!err && copy_from_user(message->text, uaddr(text), length))
		err = -EFAULT;
	if (!err) {
		message->priority = (u32)priority;
		message->length = length;
		err = mq_send(queue, message, ref.file->flags & O_NONBLOCK, deadline_ns);
	}
	if (err)
		kvfree(message);
	fd_put(ref);
	return err;
}

/* @return a message, the caller's; ERR_PTR */
static struct mq_message *mq_receive(struct mqueue *queue, bool nonblock, u64 deadline_ns)
{
	struct mq_message *message;
	int err = 0;

	while (!(message = mq_try_receive(queue)) && !err) {
		if (nonblock)
			return ERR_PTR(-EAGAIN);
		mq_count_receiver(queue, 1);
		err = wait_event_interruptible_until(&queue->receivers,
						     READ_ONCE(queue->nr_messages), deadline_ns);
		mq_count_receiver(queue, -1);
	}
	return message ? message : ERR_PTR(err);
}

SYSCALL5(mq_timedreceive, fd, text, length, user_priority, timeout)
{
	struct mq_message *message;
	struct mqueue *queue;
	struct fd_ref ref;
	u64 deadline_ns;
	s64 result = mq_deadline(uaddr(timeout), &deadline_ns);

	if (result)
		return result;
	queue = mq_of_fd((u32)fd, FMODE_READ, &ref);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	message = ERR_PTR(-EMSGSIZE);
	if (length >= (u64)queue->max_bytes)
		message = mq_receive(queue, ref.file->flags & O_NONBLOCK, deadline_ns);
	fd_put(ref);
	if (IS_ERR(message))
		return PTR_ERR(message);
	result = (s64)message->length;
	if ((user_priority && put_user_u32(uaddr(user_priority), message->priority)) ||
	    copy_to_user(uaddr(text), message->text, message->length))
		result = -EFAULT;
	kvfree(message);
	return result;
}

/* ---- notification, attributes ---- */

static int mq_set_notified(struct mqueue *queue, const struct user_sigevent *event)
{
	struct process *p = current->proc, *old = NULL;
	int err = 0;

	spin_lock(&queue->lock);
	if (!event) {
		if (queue->notified == p)
			old = mq_take_notified(queue);
	} else if (queue->notified) {
		err = -EBUSY;
	} else {
		process_get(p);
		queue->notified = p;
		queue->event = *event;
	}
	spin_unlock(&queue->lock);
	if (old)
		process_put(old);
	return err;
}

SYSCALL2(mq_notify, fd, user_event)
{
	struct user_sigevent event;
	struct mqueue *queue;
	struct fd_ref ref;
	int err;

	if (user_event) {
		if (copy_from_user(&event, uaddr(user_event), sizeof(event)))
			return -EFAULT;
		if (event.notify != SIGEV_NONE && event.notify != SIGEV_SIGNAL)
			return event.notify == SIGEV_THREAD ? -ENOSYS : -EINVAL;
		if (event.notify == SIGEV_SIGNAL && (u32)event.signo > NSIG)
			return -EINVAL;
	}
	queue = mq_of_fd((u32)fd, 0, &ref);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	err = mq_set_notified(queue, user_event ? &event : NULL);
	fd_put(ref);
	return err;
}

SYSCALL3(mq_getsetattr, fd, user_new, user_old)
{
	struct user_mq_attr attr = { .flags = 0 }, old = { .flags = 0 };
	struct mqueue *queue;
	struct fd_ref ref;

	if (user_new) {
		if (copy_from_user(&attr, uaddr(user_new), sizeof(attr)))
			return -EFAULT;
		if (attr.flags & ~(s64)O_NONBLOCK)
			return -EINVAL;
	}
	queue = mq_of_fd((u32)fd, 0, &ref);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	old.flags = ref.file->flags & O_NONBLOCK;
	old.maxmsg = queue->max_messages;
	old.msgsize = queue->max_bytes;
	old.curmsgs = READ_ONCE(queue->nr_messages);
	if (user_new)
		WRITE_ONCE(ref.file->flags, (ref.file->flags & ~(u32)O_NONBLOCK) | (u32)attr.flags);
	fd_put(ref);
	if (user_old && copy_to_user(uaddr(user_old), &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* ---- as a file ---- */

static s64 mq_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct mqueue *queue = f->private;
	char text[100];
	pid_t pid = 0;
	s32 notify = 0, signo = 0;
	u64 length, done;

	spin_lock(&queue->lock);
	if (queue->notified) {
		pid = queue->notified->pid;
		notify = queue->event.notify;
		if (notify == SIGEV_SIGNAL)
			signo = queue->event.signo;
	}
	snprintf(text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
		 queue->nr_bytes, notify, signo, pid);
	spin_unlock(&queue->lock);
	length = strlen(text);
	if (*pos >= length)
		return 0;
	done = uio_copy_out(uio, text + *pos, MIN(length - *pos, uio->count));
	*pos += done;
	return done || !uio->count ? (s64)done : -EFAULT;
}

static u32 mq_poll(struct file *f, struct poll_table *table)
{
	struct mqueue *queue = f->private;
	s64 count;
	u32 events = 0;

	poll_wait(table, &queue->receivers);
	poll_wait(table, &queue->senders);
	count = READ_ONCE(queue->nr_messages);
	if (count)
		events |= POLLIN | POLLRDNORM;
	if (count < queue->max_messages)
		events |= POLLOUT | POLLWRNORM;
	return events;
}

/* A process that closes any descriptor of the queue is notified no more. */
static int mq_flush(struct file *f)
{
	(void)mq_set_notified(f->private, NULL);
	return 0;
}

static void mq_release(struct file *f)
{
	mq_put(f->private);
}

static const struct file_ops mq_fops = {
	.read = mq_read,
	.poll = mq_poll,
	.flush = mq_flush,
	.release = mq_release,
};

/* ---- limits ---- */

static const struct mq_setting {
	const char *path;
	enum mq_limit which;
	s32 least, most;
} mq_settings[] = {
	{ "sys/fs/mqueue/queues_max", MQ_QUEUES, 0, INT32_MAX },
	{ "sys/fs/mqueue/msg_max", MQ_MSG_MAX, 1, MQ_HARD_MSGS },
	{ "sys/fs/mqueue/msgsize_max", MQ_SIZE_MAX, 128, MQ_HARD_BYTES },
	{ "sys/fs/mqueue/msg_default", MQ_MSG_DEFAULT, 1, MQ_HARD_MSGS },
	{ "sys/fs/mqueue/msgsize_default", MQ_SIZE_DEFAULT, 128, MQ_HARD_BYTES },
};

static int mq_show_setting(struct seq_file *seq, void *arg)
{
	const struct mq_setting *setting = arg;

	seq_printf(seq, "%d\n", READ_ONCE(mq_limits[setting->which]));
	return 0;
}

static int mq_write_setting(char *text, size_t length, void *arg)
{
	const struct mq_setting *setting = arg;
	s64 value;
	int err = seq_parse_number(text, &value);

	if (err)
		return err;
	if (value < setting->least || value > setting->most)
		return -EINVAL;
	WRITE_ONCE(mq_limits[setting->which], (s32)value);
	return 0;
}

void mq_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(mq_settings); i++)
		if (!proc_create_rw(mq_settings[i].path, 0644, mq_show_setting, mq_write_setting,
				    (void *)&mq_settings[i]))
			panic("no memory for /proc/sys/fs/mqueue");
}
