/* SPDX-License-Identifier: MIT */
/*
 * poll(), ppoll(), select(), pselect6().
 *
 * Each file is asked what is ready. Where nothing is and the call may wait, the
 * files are asked once more, now registering on their wait queues, and the
 * thread sleeps until one of those is woken. Asking comes after registering, so
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
	struct registration r[];
};
#define PER_MORE ((PAGE_SIZE - sizeof(struct more)) / sizeof(struct registration))

struct poller {
	struct poll_table table;
	struct file *file; /* the one being asked */
	bool woken, failed;
	u32 count;
	struct more *more;
	struct registration r[INLINE_QUEUES];
};

static bool poll_wake(struct waiter *w, u64 key)
{
	struct poller *p = w->private;

	WRITE_ONCE(p->woken, true);
	smp_mb(); /* before the state: pairs with wait_for_events() */
	return thread_wake(w->thread);
}

static void poll_add(struct poll_table *t, struct wait_queue *q)
{
	struct poller *p = container_of(t, struct poller, table);
	struct registration *r;

	if (p->count < INLINE_QUEUES) {
		r = &p->r[p->count++];
	} else {
		if (!p->more || p->more->count == PER_MORE) {
			struct more *m = kmalloc(PAGE_SIZE);

			if (!m) {
				p->failed = true;
				return;
			}
			m->next = p->more;
			m->count = 0;
			p->more = m;
		}
		r = &p->more->r[p->more->count++];
	}
	waiter_init(&r->waiter);
	r->waiter.wake = poll_wake;
	r->waiter.private = p;
	r->waiter.key = t->events ? t->events | POLL_ALWAYS : 0;
	r->queue = q;
	r->file = p->file;
	file_get(r->file);
	wait_queue_add(q, &r->waiter);
}

static void poller_init(struct poller *p)
{
	p->table.add = poll_add;
	p->woken = p->failed = false;
	p->count = 0;
	p->more = NULL;
}

static void unregister(struct registration *r)
{
	wait_queue_remove(r->queue, &r->waiter);
	file_put(r->file);
}

static void poller_done(struct poller *p)
{
	for (u32 i = 0; i < p->count; i++)
		unregister(&p->r[i]);
	while (p->more) {
		struct more *m = p->more;

		p->more = m->next;
		for (u32 i = 0; i < m->count; i++)
			unregister(&m->r[i]);
		kfree(m);
	}
}

/* Ask one descriptor. @return its events among @p wanted, POLLNVAL for a bad one */
static inline u32 ask(struct poller *p, bool wait, u32 fd, u32 wanted)
{
	struct fd_ref r = fd_get(fd);
	struct poll_table *table = NULL;
	u32 events;

	if (unlikely(!r.file))
		return POLLNVAL;
	if (wait) {
		table = &p->table;
		table->events = wanted;
		p->file = r.file;
	}
	events = file_poll(r.file, table) & (wanted | POLLERR | POLLHUP);
	fd_put(r);
	return events;
}

/* Sleep until a queue is woken. @return 0, -ETIMEDOUT, -ERESTARTNOHAND */
static int wait_for_events(struct poller *p, u64 deadline)
{
	bool in_time = true;

	for (;;) {
		set_current_state(THREAD_INTERRUPTIBLE);
		if (READ_ONCE(p->woken))
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
	if (!in_time && !READ_ONCE(p->woken))
		return -ETIMEDOUT;
	WRITE_ONCE(p->woken, false);
	return 0;
}

/*
 * The common loop. @p scan asks all descriptors and returns how many are ready.
 * @p deadline 0: don't wait; ~0: for ever
 */
static s64 poll_loop(u32 (*scan)(void *arg, struct poller *p, bool wait), void *arg, u64 deadline)
{
	struct poller p;
	u32 ready;
	int err = 0;

	poller_init(&p);
	ready = scan(arg, &p, false);
	if (ready || !deadline)
		return ready;
	ready = scan(arg, &p, true);
	while (!ready && !err) {
		if (p.failed)
			err = -ENOMEM;
		else
			err = wait_for_events(&p, deadline);
		if (!err || err == -ETIMEDOUT)
			ready = scan(arg, &p, false);
	}
	poller_done(&p);
	if (ready)
		return ready;
	return err == -ETIMEDOUT ? 0 : err;
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
static int deadline_from_user(uaddr_t ts, u64 *deadline)
{
	struct timespec t;
	int err;

	*deadline = ~0ull;
	if (!ts)
		return 0;
	err = copy_from_user(&t, ts, sizeof(t));
	if (err)
		return err;
	if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	*deadline = deadline_in(t.tv_sec, t.tv_nsec);
	return 0;
}

/* Linux writes back what is left of the time; a failure to do so is not an error. */
static void remaining_to_user(uaddr_t where, u64 deadline, u64 unit_ns)
{
	u64 now = time_monotonic_ns(), left = deadline > now ? deadline - now : 0;
	u64 v[2] = { left / NSEC_PER_SEC, left % NSEC_PER_SEC / unit_ns };

	if (current_process()->personality & STICKY_TIMEOUTS)
		return;
	if (where && deadline != ~0ull && copy_to_user(where, v, sizeof(v)))
		return;
}

/* ---- poll ---- */

struct poll_call {
	struct user_pollfd *fds;
	u32 n;
};

static u32 poll_scan(void *arg, struct poller *p, bool wait)
{
	struct poll_call *c = arg;
	struct user_pollfd *end = c->fds + c->n;
	u32 ready = 0;

	for (struct user_pollfd *f = c->fds; f < end; f++) {
		u32 events = f->fd < 0 ? 0 : ask(p, wait && !ready, f->fd, (u16)f->events);

		f->revents = events;
		ready += events != 0;
	}
	return ready;
}

static s64 do_poll(uaddr_t ufds, u32 n, u64 deadline)
{
	struct user_pollfd few[POLL_INLINE];
	struct poll_call c = { few, n };
	s64 ret;

	if (n > current_process()->limits[RLIMIT_NOFILE].rlim_cur)
		return -EINVAL;
	if (n > POLL_INLINE)
		c.fds = kvzalloc(n * sizeof(*c.fds));
	if (!c.fds)
		return -ENOMEM;
	ret = copy_from_user(c.fds, ufds, n * sizeof(*c.fds));
	if (!ret)
		ret = poll_loop(poll_scan, &c, deadline);
	if (ret >= 0 && copy_to_user(ufds, c.fds, n * sizeof(*c.fds)))
		ret = -EFAULT;
	if (n > POLL_INLINE)
		kvfree(c.fds);
	return ret;
}

SYSCALL3(poll, fds, n, timeout_ms)
{
	s32 ms = (s32)timeout_ms;

	return do_poll(uaddr(fds), (u32)n,
		       ms < 0 ? ~0ull : deadline_in(ms / 1000, ms % 1000 * NSEC_PER_MSEC));
}

SYSCALL5(ppoll, fds, n, ts, mask, mask_size)
{
	u64 deadline;
	s64 ret = deadline_from_user(uaddr(ts), &deadline);

	if (!ret && mask)
		ret = signal_mask_temporary(mask, mask_size);
	if (ret)
		return ret;
	ret = do_poll(uaddr(fds), (u32)n, deadline);
	remaining_to_user(uaddr(ts), deadline, 1);
	return ret;
}

/* ---- select ---- */

#define SELECT_IN  (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_OUT (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SELECT_EX  POLLPRI

struct select_call {
	u32 n, words;
	u64 *in[3], *out[3];
	bool bad;
};
static const u32 select_events[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };

static u32 select_scan(void *arg, struct poller *p, bool wait)
{
	struct select_call *c = arg;
	u32 ready = 0;

	memset(c->out[0], 0, 3 * c->words * sizeof(u64));
	for (u32 fd = 0; fd < c->n; fd++) {
		u64 bit = 1ull << fd % 64;
		u32 w = fd / 64, wanted = 0, got;

		if (!(c->in[0][w] | c->in[1][w] | c->in[2][w])) {
			fd |= 63;
			continue;
		}
		for (u32 k = 0; k < 3; k++)
			wanted |= c->in[k][w] & bit ? select_events[k] : 0;
		if (!wanted)
			continue;
		got = ask(p, wait && !ready, fd, wanted);
		if (got & POLLNVAL) {
			c->bad = true;
			return 1;
		}
		for (u32 k = 0; k < 3; k++)
			if ((c->in[k][w] & bit) && (got & select_events[k])) {
				c->out[k][w] |= bit;
				ready++;
			}
	}
	return ready;
}

static s64 select_run(struct select_call *c, const uaddr_t sets[3], u64 deadline)
{
	u64 bytes = (c->n + 7) / 8;
	s64 ret = 0;

	for (u32 k = 0; k < 3 && !ret; k++)
		if (sets[k])
			ret = copy_from_user(c->in[k], sets[k], bytes);
	if (ret)
		return ret;
	if (c->n % 64) /* bits beyond n are not ours */
		for (u32 k = 0; k < 3; k++)
			c->in[k][c->words - 1] &= (1ull << c->n % 64) - 1;
	ret = poll_loop(select_scan, c, deadline);
	if (c->bad)
		return -EBADF;
	for (u32 k = 0; k < 3 && ret >= 0; k++)
		if (sets[k] && copy_to_user(sets[k], c->out[k], bytes))
			ret = -EFAULT;
	return ret;
}

static s64 do_select(s32 n, uaddr_t in, uaddr_t out, uaddr_t ex, u64 deadline)
{
	const uaddr_t sets[3] = { in, out, ex };
	struct select_call c = { 0 };
	u64 few[6 * 4], *mem = few;
	s64 ret;

	if (n < 0)
		return -EINVAL;
	c.n = MIN((u32)n, 65536u);
	c.words = MAX((c.n + 63) / 64, 1u);
	if (c.words > 4)
		mem = kcalloc(6 * c.words, sizeof(u64));
	else
		memset(few, 0, sizeof(few));
	if (!mem)
		return -ENOMEM;
	for (u32 k = 0; k < 3; k++) {
		c.in[k] = mem + k * c.words;
		c.out[k] = mem + (3 + k) * c.words;
	}
	ret = select_run(&c, sets, deadline);
	if (mem != few)
		kfree(mem);
	return ret;
}

SYSCALL5(select, n, in, out, ex, tv)
{
	u64 deadline = ~0ull;
	s64 t[2], ret;

	if (tv) {
		if (copy_from_user(t, uaddr(tv), sizeof(t)))
			return -EFAULT;
		if (t[0] < 0 || t[1] < 0)
			return -EINVAL;
		deadline = deadline_in(t[0] + t[1] / 1000000, t[1] % 1000000 * 1000);
	}
	ret = do_select((s32)n, uaddr(in), uaddr(out), uaddr(ex), deadline);
	remaining_to_user(uaddr(tv), deadline, 1000);
	return ret;
}

SYSCALL6(pselect6, n, in, out, ex, ts, sig)
{
	u64 deadline, mask[2];
	s64 ret = deadline_from_user(uaddr(ts), &deadline);

	if (!ret && sig) {
		ret = copy_from_user(mask, uaddr(sig), sizeof(mask));
		if (!ret && mask[0])
			ret = signal_mask_temporary(mask[0], mask[1]);
	}
	if (ret)
		return ret;
	ret = do_select((s32)n, uaddr(in), uaddr(out), uaddr(ex), deadline);
	remaining_to_user(uaddr(ts), deadline, 1);
	return ret;
}
