// SPDX-License-Identifier: MIT
/*
 * poll(), ppoll(), select(), pselect6().
 *
 * Each file reports what is ready: where no other thread uses the descriptor table, without
 * looking each one up for itself (poll_scan_own()). If none is ready and the call may wait, the
 * files are asked once more, now registering on their wait queues, and the
 * thread sleeps until one of those is woken. Files are asked after registering, so
 * nothing is missed. A registered file is counted, since another thread may
 * close it meanwhile.
 */
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/personality.h>
#include <uapi/poll.h>
#include <uapi/time.h>
#include "open.h"

#define INLINE_QUEUES 6
#define POLL_ALWAYS   (POLLERR | POLLHUP | POLLNVAL)
#define POLL_INLINE   16 /* struct pollfd on the stack */

struct registration {
	struct waiter waiter;
	struct wait_queue *queue;
	struct file *file;
};
struct more {
	struct more *next;
	u32 count;
	struct registration registrations[];
};
#define PER_MORE ((PAGE_SIZE - sizeof(struct more)) / sizeof(struct registration))

struct poller {
	struct poll_table table;
	struct file *file; /* the one being asked */
	bool woken, failed;
	u32 count;
	struct more *more;
	struct registration registrations[INLINE_QUEUES];
};

static bool poll_wake(struct waiter *waiter, u64 key)
{
	struct poller *poller = waiter->private;

	WRITE_ONCE(poller->woken, true);
	smp_mb(); /* before the state: pairs with poller_wait() */
	return thread_wake(waiter->thread);
}

static void poll_add(struct poll_table *poll, struct wait_queue *queue)
{
	struct poller *poller = container_of(poll, struct poller, table);
	struct registration *registration;

	if (poller->count < INLINE_QUEUES) {
		registration = &poller->registrations[poller->count++];
	} else {
		if (!poller->more || poller->more->count == PER_MORE) {
			struct more *more = kmalloc(PAGE_SIZE);

			if (!more) {
				poller->failed = true;
				return;
			}
			more->next = poller->more;
			more->count = 0;
			poller->more = more;
		}
		registration = &poller->more->registrations[poller->more->count++];
	}
	waiter_init(&registration->waiter);
	registration->waiter.wake = poll_wake;
	registration->waiter.private = poller;
	if (poll->events)
		registration->waiter.key = poll->events | POLL_ALWAYS;
	else
		registration->waiter.key = 0;
	registration->queue = queue;
	registration->file = poller->file;
	file_get(registration->file);
	wait_queue_add(queue, &registration->waiter);
}

static void poller_init(struct poller *poller)
{
	poller->table.add = poll_add;
	poller->woken = poller->failed = false;
	poller->count = 0;
	poller->more = NULL;
}

static void poller_unregister(struct registration *registration)
{
	wait_queue_remove(registration->queue, &registration->waiter);
	file_put(registration->file);
}

static void poller_done(struct poller *poller)
{
	for (u32 i = 0; i < poller->count; i++)
		poller_unregister(&poller->registrations[i]);
	while (poller->more) {
		struct more *more = poller->more;

		poller->more = more->next;
		for (u32 i = 0; i < more->count; i++)
			poller_unregister(&more->registrations[i]);
		kfree(more);
	}
}

/*
 * Ask one descriptor, and register with @p poller if that is not NULL.
 * @return its events among @p wanted, POLLNVAL for a bad one
 */
static u32 poller_ask(struct poller *poller, u32 fd, u32 wanted)
{
	struct fd_ref ref = fd_get(fd);
	struct poll_table *table = NULL;
	u32 events;

	if (unlikely(!ref.file))
		return POLLNVAL;
	if (poller) {
		table = &poller->table;
		table->events = wanted;
		poller->file = ref.file;
	}
	events = file_poll(ref.file, table) & (wanted | POLLERR | POLLHUP);
	fd_put(ref);
	return events;
}

/* Sleep until a queue is woken. @return 0, -ETIMEDOUT, -ERESTARTNOHAND */
static int poller_wait(struct poller *poller, u64 deadline)
{
	bool in_time = true;

	for (;;) {
		set_current_state(THREAD_INTERRUPTIBLE);
		if (READ_ONCE(poller->woken))
			break;
		if (signal_pending()) {
			set_current_state(THREAD_RUNNABLE);
			return -ERESTARTNOHAND;
		}
		in_time = schedule_until(deadline);
		if (!in_time)
			break;
	}
	set_current_state(THREAD_RUNNABLE);
	if (!in_time && !READ_ONCE(poller->woken))
		return -ETIMEDOUT;
	WRITE_ONCE(poller->woken, false);
	return 0;
}

/* Asks all descriptors, and registers with @poller, unless that is NULL, until one is ready. @return how many are */
typedef u32 (*scan_fn)(void *arg, struct poller *poller);

static __noinline s64 poll_sleep(scan_fn scan, void *arg, u64 deadline)
{
	struct poller poller;
	u32 ready;
	int err = 0;

	poller_init(&poller);
	ready = scan(arg, &poller);
	while (!ready && !err) {
		if (poller.failed)
			err = -ENOMEM;
		else
			err = poller_wait(&poller, deadline);
		if (!err || err == -ETIMEDOUT)
			ready = scan(arg, NULL);
	}
	poller_done(&poller);
	if (ready)
		return ready;
	if (err == -ETIMEDOUT)
		return 0;
	return err;
}

/* The common way. @p deadline 0: don't wait; ~0: for ever */
static inline s64 poll_loop(scan_fn scan, void *arg, u64 deadline)
{
	u32 ready = scan(arg, NULL);

	if (ready || !deadline)
		return ready;
	return poll_sleep(scan, arg, deadline);
}

/* ---- timeouts ---- */

/* @return a deadline for poll_loop(); overflow means for ever */
static u64 deadline_in(u64 sec, u64 nsec)
{
	u64 ns;

	if (!sec && !nsec)
		return 0;
	if (sec > ~0ull / NSEC_PER_SEC / 2)
		return ~0ull;
	ns = time_monotonic_ns() + sec * NSEC_PER_SEC + nsec;
	return ns;
}

/* A user timespec; NULL: for ever. */
static int poll_deadline(uaddr_t user, u64 *deadline)
{
	struct timespec time;
	int err;

	*deadline = ~0ull;
	if (!user)
		return 0;
	err = copy_from_user(&time, user, sizeof(time));
	if (err)
		return err;
	if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	*deadline = deadline_in(time.tv_sec, time.tv_nsec);
	return 0;
}

/* Linux writes back what is left of the time; a failure to do so is not an error. */
static void remaining_to_user(uaddr_t where, u64 deadline, u64 unit_ns)
{
	u64 now = time_monotonic_ns(), left = deadline > now ? deadline - now : 0;
	u64 pair[2] = { left / NSEC_PER_SEC, left % NSEC_PER_SEC / unit_ns };

	if (current_process()->personality & STICKY_TIMEOUTS)
		return;
	if (where && deadline != ~0ull && copy_to_user(where, pair, sizeof(pair)))
		return;
}

/* ---- poll ---- */

struct poll_call {
	struct user_pollfd *fds;
	u32 count;
};

static __noinline u32 poll_without_method(const struct file *f)
{
	if (f->mode & FMODE_PATH)
		return POLLNVAL;
	return file_ready(f);
}

/* What descriptor @fd of a table that no other thread uses has ready. */
static inline u32 poll_ask_own(const struct fd_table *table, s32 fd)
{
	struct file *f;

	if (unlikely((u32)fd >= table->size)) {
		if (fd < 0)
			return 0;
		return POLLNVAL;
	}
	f = table->file[fd];
	if (unlikely(!f))
		return POLLNVAL;
	if (unlikely(!f->ops->poll))
		return poll_without_method(f);
	return f->ops->poll(f, NULL);
}

static u32 poll_scan_own(const struct poll_call *call, const struct fd_table *table)
{
	const struct user_pollfd *end = call->fds + call->count;
	u32 ready = 0;

	for (struct user_pollfd *pollfd = call->fds; pollfd < end; pollfd++) {
		u32 events = poll_ask_own(table, pollfd->fd);

		events &= (u16)pollfd->events | POLL_ALWAYS;
		pollfd->revents = events;
		if (events)
			ready++;
	}
	return ready;
}

static u32 poll_scan(void *arg, struct poller *poller)
{
	struct poll_call *call = arg;
	struct user_pollfd *end = call->fds + call->count;
	const struct fd_table *own = files_own_table(current->files);
	u32 ready = 0;

	if (!poller && own)
		return poll_scan_own(call, own);
	for (struct user_pollfd *pollfd = call->fds; pollfd < end; pollfd++) {
		u32 events = 0;

		if (pollfd->fd >= 0)
			events = poller_ask(poller, pollfd->fd, (u16)pollfd->events);
		pollfd->revents = events;
		if (!events)
			continue;
		ready++;
		poller = NULL; /* the call returns */
	}
	return ready;
}

static s64 do_poll(uaddr_t ufds, u32 count, u64 deadline)
{
	struct user_pollfd few[POLL_INLINE];
	struct poll_call call = { few, count };
	s64 ret;

	if (count > current_process()->limits[RLIMIT_NOFILE].rlim_cur)
		return -EINVAL;
	if (count > POLL_INLINE)
		call.fds = kvzalloc(count * sizeof(*call.fds));
	if (!call.fds)
		return -ENOMEM;
	ret = copy_from_user(call.fds, ufds, count * sizeof(*call.fds));
	if (!ret)
		ret = poll_loop(poll_scan, &call, deadline);
	if (ret >= 0 && copy_to_user(ufds, call.fds, count * sizeof(*call.fds)))
		ret = -EFAULT;
	if (count > POLL_INLINE)
		kvfree(call.fds);
	return ret;
}

SYSCALL3(poll, fds, nfds, timeout_ms)
{
	s32 ms = (s32)timeout_ms;
	u64 deadline = 0;

	if (ms < 0)
		deadline = ~0ull;
	else if (ms)
		deadline = deadline_in(ms / 1000, ms % 1000 * NSEC_PER_MSEC);
	return do_poll(uaddr(fds), (u32)nfds, deadline);
}

SYSCALL5(ppoll, fds, nfds, timeout, mask, mask_size)
{
	u64 deadline;
	s64 ret = poll_deadline(uaddr(timeout), &deadline);

	if (!ret && mask)
		ret = signal_mask_temporary(mask, mask_size);
	if (ret)
		return ret;
	ret = do_poll(uaddr(fds), (u32)nfds, deadline);
	remaining_to_user(uaddr(timeout), deadline, 1);
	return ret;
}

/* ---- select ---- */

#define SELECT_IN  (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_OUT (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SELECT_EX  POLLPRI

struct select_call {
	u32 nfds, words;
	u64 *wanted[3], *ready[3];
	bool bad;
};
static const u32 select_events[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };

static u32 select_scan(void *arg, struct poller *poller)
{
	struct select_call *call = arg;
	u32 ready = 0;

	memset(call->ready[0], 0, 3 * call->words * sizeof(u64));
	for (u32 fd = 0; fd < call->nfds; fd++) {
		u64 bit = 1ull << fd % 64;
		u32 word = fd / 64, wanted = 0, got;

		if (!(call->wanted[0][word] | call->wanted[1][word] | call->wanted[2][word])) {
			fd |= 63;
			continue;
		}
		for (u32 kind = 0; kind < 3; kind++)
			wanted |= call->wanted[kind][word] & bit ? select_events[kind] : 0;
		if (!wanted)
			continue;
		if (ready)
			poller = NULL; /* the call returns */
		got = poller_ask(poller, fd, wanted);
		if (got & POLLNVAL) {
			call->bad = true;
			return 1;
		}
		for (u32 kind = 0; kind < 3; kind++)
			if ((call->wanted[kind][word] & bit) && (got & select_events[kind])) {
				call->ready[kind][word] |= bit;
				ready++;
			}
	}
	return ready;
}

static s64 select_run(struct select_call *call, const uaddr_t sets[3], u64 deadline)
{
	u64 bytes = (call->nfds + 7) / 8;
	s64 ret = 0;

	for (u32 kind = 0; kind < 3 && !ret; kind++)
		if (sets[kind])
			ret = copy_from_user(call->wanted[kind], sets[kind], bytes);
	if (ret)
		return ret;
	if (call->nfds % 64) /* bits beyond n are not ours */
		for (u32 kind = 0; kind < 3; kind++)
			call->wanted[kind][call->words - 1] &= (1ull << call->nfds % 64) - 1;
	ret = poll_loop(select_scan, call, deadline);
	if (call->bad)
		return -EBADF;
	for (u32 kind = 0; kind < 3 && ret >= 0; kind++)
		if (sets[kind] && copy_to_user(sets[kind], call->ready[kind], bytes))
			ret = -EFAULT;
	return ret;
}

static s64 do_select(s32 nfds, uaddr_t readable, uaddr_t out, uaddr_t except, u64 deadline)
{
	const uaddr_t sets[3] = { readable, out, except };
	struct select_call call = { 0 };
	u64 few[6 * 4], *mem = few;
	s64 ret;

	if (nfds < 0)
		return -EINVAL;
	call.nfds = MIN((u32)nfds, 65536u);
	call.words = MAX((call.nfds + 63) / 64, 1u);
	if (call.words > 4)
		mem = kcalloc(6 * call.words, sizeof(u64));
	else
		memset(few, 0, sizeof(few));
	if (!mem)
		return -ENOMEM;
	for (u32 kind = 0; kind < 3; kind++) {
		call.wanted[kind] = mem + kind * call.words;
		call.ready[kind] = mem + (3 + kind) * call.words;
	}
	ret = select_run(&call, sets, deadline);
	if (mem != few)
		kfree(mem);
	return ret;
}

SYSCALL5(select, nfds, readable, out, except, timeout)
{
	u64 deadline = ~0ull;
	s64 pair[2], ret;

	if (timeout) {
		if (copy_from_user(pair, uaddr(timeout), sizeof(pair)))
			return -EFAULT;
		if (pair[0] < 0 || pair[1] < 0)
			return -EINVAL;
		deadline = deadline_in(pair[0] + pair[1] / 1000000, pair[1] % 1000000 * 1000);
	}
	ret = do_select((s32)nfds, uaddr(readable), uaddr(out), uaddr(except), deadline);
	remaining_to_user(uaddr(timeout), deadline, 1000);
	return ret;
}

SYSCALL6(pselect6, nfds, readable, out, except, timeout, sig)
{
	u64 deadline, mask[2];
	s64 ret = poll_deadline(uaddr(timeout), &deadline);

	if (!ret && sig) {
		ret = copy_from_user(mask, uaddr(sig), sizeof(mask));
		if (!ret && mask[0])
			ret = signal_mask_temporary(mask[0], mask[1]);
	}
	if (ret)
		return ret;
	ret = do_select((s32)nfds, uaddr(readable), uaddr(out), uaddr(except), deadline);
	remaining_to_user(uaddr(timeout), deadline, 1);
	return ret;
}
