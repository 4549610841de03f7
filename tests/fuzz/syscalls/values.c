// SPDX-License-Identifier: MIT
/*
 * Values of each kind of argument: mostly ones that lead somewhere, some at an edge, a
 * few that are wrong. What calls share between them is narrow on purpose (a dozen names,
 * thirty descriptors, sixteen futexes, a megabyte of addresses), so that they meet.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include "fuzz.h"

#define PICK(worker, ...)                                                  \
	({                                                                 \
		static const uint64_t list_[] = { __VA_ARGS__ };           \
		list_[random_below(&(worker)->random, ARRAY_SIZE(list_))]; \
	})

/* clang-format off */
static const uint64_t edges[] = {
	0, 1, 2, 3, 4, 7, 8, 16, 63, 64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024, 4095, 4096, 4097, 8192, 65535, 65536,
	0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffff, 0x7fffffffe000, 0x7ffffffff000, 0x800000000000,
	0x7fffffffffffffff, 0x8000000000000000, 0xffff800000000000, 0xffffffff80000000, 0xffffffffff600000,
	0xfffffffffffff000, 0xfffffffffffffffe, 0xffffffffffffffff, 0xffffffffffffff9c, 0x5555555555555555,
};
/* clang-format on */

static uint64_t any_number(struct worker *worker)
{
	struct random *random = &worker->random;

	switch (random_below(random, 6)) {
	case 0: return random_next(random);
	case 1: return random_next(random) & 0xffffffff;
	case 2: return 1UL << random_below(random, 64);
	case 3: return random_below(random, 64);
	case 4: return (uint64_t) - (int64_t)random_below(random, 64);
	default: return edges[random_below(random, ARRAY_SIZE(edges))];
	}
}

/* None, one, some or all of the @count bits of a list; rarely others. */
static uint64_t some_of(struct worker *worker, const uint64_t *bits, uint32_t count)
{
	uint64_t chosen = 0;

	switch (random_below(&worker->random, 8)) {
	case 0:
	case 1: return 0;
	case 2:
		if (one_in(&worker->random, 4))
			return any_number(worker);
		return 0;
	case 3:
	case 4: return bits[random_below(&worker->random, count)];
	default:
		for (uint32_t i = 0; i < 3; i++)
			chosen |= bits[random_below(&worker->random, count)];
		return chosen;
	}
}
#define SOME_OF(worker, ...)                                     \
	({                                                       \
		static const uint64_t bits_[] = { __VA_ARGS__ }; \
		some_of(worker, bits_, ARRAY_SIZE(bits_));       \
	})

/* ---- memory ---- */

/* Zeroes, ones, random words, or edges and random words; whole words, then the rest. */
void value_fill(struct random *random, void *buffer, size_t size)
{
	uint32_t kind = random_below(random, 4);
	uint64_t word = kind ? ~0UL : 0;
	size_t done;

	for (done = 0; done < size; done += 8) {
		if (kind > 1)
			word = random_next(random);
		if (kind == 2 && word & 1)
			word = edges[word >> 8 & 31];
		if (done + 8 <= size)
			*(uint64_t *)((uint8_t *)buffer + done) = word;
		else
			for (size_t i = done; i < size; i++)
				((uint8_t *)buffer)[i] = (uint8_t)(word >> (i - done) * 8);
	}
}

void *value_scratch(struct worker *worker, size_t size)
{
	uint64_t page = random_below(&worker->random, ARENA_PAGES - 4);
	uint64_t offset = random_below(&worker->random, PAGE / 8) * 8;

	/* At the end of a page, so that what follows may be missing. */
	if (one_in(&worker->random, 8) && size < PAGE)
		offset = PAGE - size;
	return (void *)(ARENA + page * PAGE + offset);
}

static uint64_t bad_address(struct worker *worker)
{
	switch (random_below(&worker->random, 6)) {
	case 0: return 0;
	case 1: return edges[random_below(&worker->random, ARRAY_SIZE(edges))];
	case 2: return ARENA + ARENA_PAGES * PAGE - random_below(&worker->random, 16);
	case 3: return (uint64_t)&bad_address; /* may be read, not written */
	case 4: return random_next(&worker->random);
	default: return 0x7ffffffff000 - random_below(&worker->random, 64);
	}
}

/* Filled memory for a structure, or now and then an address that is no good. */
static uint64_t struct_of(struct worker *worker, size_t size)
{
	void *buffer;

	if (one_in(&worker->random, 24))
		return bad_address(worker);
	buffer = value_scratch(worker, size);
	value_fill(&worker->random, buffer, size);
	return (uint64_t)buffer;
}

static uint64_t some_pages(struct worker *worker)
{
	switch (random_below(&worker->random, 16)) {
	case 0: return 0;
	case 1: return edges[random_below(&worker->random, ARRAY_SIZE(edges))];
	case 2: return SHARED + random_below(&worker->random, SHARED_PAGES) * PAGE;
	case 3: return ARENA + random_below(&worker->random, ARENA_PAGES * PAGE);
	default: return ARENA + random_below(&worker->random, ARENA_PAGES) * PAGE;
	}
}

static uint64_t length(struct worker *worker)
{
	switch (random_below(&worker->random, 16)) {
	case 0: return edges[random_below(&worker->random, ARRAY_SIZE(edges))];
	case 1: return 0;
	case 2: return random_below(&worker->random, one_in(&worker->random, 4) ? 70000 : 5000);
	default: return random_below(&worker->random, 300);
	}
}

/* Of a mapping. */
static uint64_t span(struct worker *worker)
{
	switch (random_below(&worker->random, 12)) {
	case 0: return edges[random_below(&worker->random, ARRAY_SIZE(edges))];
	case 1: return random_below(&worker->random, 100000);
	case 2:
	case 3: return random_below(&worker->random, 64) * PAGE;
	default: return random_below(&worker->random, 6) * PAGE;
	}
}

static uint64_t offset(struct worker *worker)
{
	switch (random_below(&worker->random, 12)) {
	case 0: return edges[random_below(&worker->random, ARRAY_SIZE(edges))];
	case 1: return 0x7fffffffffffffff - random_below(&worker->random, 2 * PAGE);
	case 2: return random_below(&worker->random, 1 << 24);
	case 3:
	case 4:
	case 5: return random_below(&worker->random, 16) * PAGE;
	default: return random_below(&worker->random, 20000);
	}
}

/* ---- what calls share ---- */

static uint64_t descriptor(struct worker *worker)
{
	switch (random_below(&worker->random, 32)) {
	case 0: return any_number(worker);
	case 1: return (uint64_t)-1;
	case 2: return random_below(&worker->random, 300);
	default: return 3 + random_below(&worker->random, 28);
	}
}

static uint64_t any_process(struct worker *worker)
{
	switch (random_below(&worker->random, 16)) {
	case 0: return any_number(worker);
	case 1:
		if (one_in(&worker->random, 16))
			return (uint64_t)-1;
		return 0; /* all: seldom, since it ends so much */
	case 2: return (uint64_t)-worker->own_pid;
	case 3:
	case 4: return 1 + random_below(&worker->random, 300);
	case 5:
	case 6: return worker->own_pid + 1 + random_below(&worker->random, 4);
	case 7:
	case 8:
	case 9: return 0;
	default: return worker->own_pid;
	}
}

/* Root can change the supervisor's limits, priority and processors: only users get its number. */
static uint64_t process(struct worker *worker)
{
	uint64_t number = any_process(worker);

	if ((uint32_t)number == 1 && worker->is_root)
		return (uint64_t)worker->own_pid;
	return number;
}

/* clang-format off */
static const char *const own_names[] = {
	"a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a", "./a", "d/../b", "d/.", "link", "link/a", "loop", "fifo", "a/", "d/e/..",
	"../shared/a", "../shared/b", "../shared/d", "../shared/d/a", "../shared/d/e", "../shared/e", "../shared/e/f", ".", "..", "",
	"mnt", "mnt/a", "mnt/d", "mnt", "../shared/mnt", "../shared/mnt/a",
};
/* clang-format on */
/* clang-format off */
static const char *const system_names[] = {
	"/", "/proc", "/proc/self", "/proc/self/exe", "/proc/self/fd/3", "/proc/self/fd/4", "/proc/self/fd/5", "/proc/self/fd/9", "/proc/self/cwd/a",
	"/proc/self/root", "/proc/self/mem", "/proc/self/maps", "/proc/self/mountinfo", "/proc/mounts", "/proc/self/task", "/proc/thread-self/stat",
	"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/ptmx", "/dev/pts/0", "/dev/pts/1", "/dev/tty", "/dev/kmsg", "/dev/shm", "/dev/shm/a",
	"/sys", "/sys/module", "/dev/fd/3", "/tmp/shared/a", "/nowhere/a",
};
/* clang-format on */

const char *value_path(struct worker *worker)
{
	if (one_in(&worker->random, 8))
		return system_names[random_below(&worker->random, ARRAY_SIZE(system_names))];
	return own_names[random_below(&worker->random, ARRAY_SIZE(own_names))];
}

static uint64_t path(struct worker *worker)
{
	const char *name;
	char *buffer;
	uint32_t i;

	switch (random_below(&worker->random, 48)) {
	case 0: return bad_address(worker);
	case 1: /* long: one name, or many */
		buffer = value_scratch(worker, 3 * PAGE);
		for (i = 0; i < 250 + random_below(&worker->random, 3900); i++) {
			if (one_in(&worker->random, 100))
				buffer[i] = '/';
			else
				buffer[i] = 'n';
		}
		buffer[i] = 0;
		return (uint64_t)buffer;
	case 2: return struct_of(worker, 64);
	}
	name = value_path(worker);
	buffer = value_scratch(worker, 64);
	for (i = 0; name[i]; i++)
		buffer[i] = name[i];
	buffer[i] = 0;
	return (uint64_t)buffer;
}

static uint64_t text(struct worker *worker, const char *const *list, uint32_t count)
{
	if (one_in(&worker->random, 16))
		return bad_address(worker);
	return (uint64_t)list[random_below(&worker->random, count)];
}
#define TEXT_OF(worker, ...)                                         \
	({                                                           \
		static const char *const texts_[] = { __VA_ARGS__ }; \
		text(worker, texts_, ARRAY_SIZE(texts_));            \
	})

static uint64_t nanoseconds(struct worker *worker)
{
	switch (random_below(&worker->random, 8)) {
	case 0: return any_number(worker);
	case 1: return 0;
	case 2: return 1;
	case 3: return 999999999;
	default: return random_below(&worker->random, 200000);
	}
}

static uint64_t times(struct worker *worker, uint32_t count, uint32_t fraction)
{
	uint64_t *buffer;

	if (one_in(&worker->random, 16))
		return bad_address(worker);
	buffer = value_scratch(worker, count * 16);
	for (uint32_t i = 0; i < count; i++) {
		if (one_in(&worker->random, 24))
			buffer[2 * i] = any_number(worker);
		else
			buffer[2 * i] = 0;
		buffer[2 * i + 1] = nanoseconds(worker) / fraction;
	}
	return (uint64_t)buffer;
}

/* A timer's: most expire once, soon; one in sixteen has a period as short as can be. */
static uint64_t interval(struct worker *worker)
{
	uint64_t *buffer = (uint64_t *)times(worker, 2, 1);

	if ((uint64_t)buffer >= ARENA && (uint64_t)buffer < ARENA + ARENA_PAGES * PAGE &&
	    !one_in(&worker->random, 16))
		buffer[0] = buffer[1] = 0;
	return (uint64_t)buffer;
}

static uint64_t io_vectors(struct worker *worker)
{
	struct iovec *vector = value_scratch(worker, 16 * sizeof(*vector));

	for (uint32_t i = 0; i < 16; i++) {
		if (one_in(&worker->random, 32))
			vector[i].iov_base = (void *)bad_address(worker);
		else
			vector[i].iov_base = value_scratch(worker, 64);
		vector[i].iov_len = length(worker);
	}
	return (uint64_t)vector;
}

static uint64_t message(struct worker *worker)
{
	struct mmsghdr *messages = value_scratch(worker, 4 * sizeof(*messages) + 128);
	struct cmsghdr *control_data = (void *)(messages + 4);

	value_fill(&worker->random, messages, 4 * sizeof(*messages));
	if (one_in(&worker->random, 8))
		control_data->cmsg_len = any_number(worker);
	else
		control_data->cmsg_len = CMSG_LEN(4 * random_below(&worker->random, 4));
	control_data->cmsg_level = SOL_SOCKET;
	control_data->cmsg_type = 1 + (int)random_below(&worker->random, 2);
	for (uint32_t i = 0; i < 4; i++)
		((int *)CMSG_DATA(control_data))[i] = (int)descriptor(worker);
	for (uint32_t i = 0; i < 4; i++) {
		struct msghdr *header = &messages[i].msg_hdr;

		if (!one_in(&worker->random, 16)) {
			header->msg_name = NULL;
			header->msg_namelen = 0;
		}
		header->msg_iov = (void *)io_vectors(worker);
		if (one_in(&worker->random, 16))
			header->msg_iovlen = any_number(worker);
		else
			header->msg_iovlen = random_below(&worker->random, 4);
		if (one_in(&worker->random, 2))
			header->msg_control = control_data;
		else
			header->msg_control = NULL;
		if (header->msg_control)
			header->msg_controllen = random_below(&worker->random, 64);
		else
			header->msg_controllen = 0;
	}
	return (uint64_t)messages;
}

static uint64_t signal_set(struct worker *worker)
{
	uint64_t *set;

	if (one_in(&worker->random, 16))
		return bad_address(worker);
	set = value_scratch(worker, 8);
	if (one_in(&worker->random, 4))
		*set = random_next(&worker->random);
	else
		*set = 1UL << random_below(&worker->random, 64);
	if (!one_in(&worker->random, 8))
		*set &= ~(1UL << (SIGALRM - 1)); /* wakes who waits too long */
	return (uint64_t)set;
}

void worker_handler(int signal);
void worker_restorer(void);

static uint64_t signal_action(struct worker *worker)
{
	struct {
		uint64_t handler, flags, restorer, mask;
	} * action;

	if (one_in(&worker->random, 16))
		return bad_address(worker);
	action = value_scratch(worker, sizeof(*action));
	if (one_in(&worker->random, 16))
		action->handler = any_number(worker);
	else
		action->handler =
			PICK(worker, 0, 1, (uint64_t)&worker_handler, (uint64_t)&worker_handler);
	action->flags = SOME_OF(worker, SA_NOCLDSTOP, SA_NOCLDWAIT, SA_SIGINFO, SA_ONSTACK,
				SA_RESTART, SA_NODEFER, SA_RESETHAND) |
			0x04000000;
	action->restorer = (uint64_t)&worker_restorer;
	if (one_in(&worker->random, 4))
		action->mask = random_next(&worker->random);
	else
		action->mask = 0;
	return (uint64_t)action;
}

static uint64_t signal_event(struct worker *worker)
{
	struct sigevent *event;

	if (one_in(&worker->random, 8)) {
		if (one_in(&worker->random, 4))
			return bad_address(worker);
		return 0;
	}
	event = (void *)struct_of(worker, sizeof(*event));
	if ((uint64_t)event < ARENA || (uint64_t)event >= ARENA + ARENA_PAGES * PAGE)
		return (uint64_t)event;
	event->sigev_signo = (int)random_below(&worker->random, 66);
	event->sigev_notify = (int)PICK(worker, SIGEV_NONE, SIGEV_SIGNAL, 2, 4, 4, 7);
	*(int *)((char *)event + 16) = worker->own_pid;
	return (uint64_t)event;
}

static uint64_t poll_set(struct worker *worker)
{
	struct pollfd *set = value_scratch(worker, 16 * sizeof(*set));

	for (uint32_t i = 0; i < 16; i++)
		set[i] = (struct pollfd){ .fd = (int)descriptor(worker),
					  .events = (short)random_next(&worker->random) };
	return (uint64_t)set;
}

static uint64_t epoll_event(struct worker *worker)
{
	struct epoll_event *event;

	if (one_in(&worker->random, 24))
		return bad_address(worker);
	event = value_scratch(worker, sizeof(*event));
	event->events = (uint32_t)SOME_OF(worker, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, EPOLLET,
					  EPOLLONESHOT, EPOLLEXCLUSIVE, EPOLLWAKEUP);
	event->data.u64 = random_next(&worker->random);
	return (uint64_t)event;
}

static uint64_t lock_or_number(struct worker *worker)
{
	struct flock *lock;

	if (one_in(&worker->random, 2)) {
		if (one_in(&worker->random, 3))
			return any_number(worker);
		return process(worker);
	}
	lock = (void *)struct_of(worker, sizeof(*lock));
	if ((uint64_t)lock >= ARENA && (uint64_t)lock < ARENA + ARENA_PAGES * PAGE) {
		lock->l_type = (short)random_below(&worker->random, 4);
		lock->l_whence = (short)random_below(&worker->random, 4);
		lock->l_start = (off_t)offset(worker);
		lock->l_len = (off_t)length(worker);
		lock->l_pid = 0;
	}
	return (uint64_t)lock;
}

static uint64_t ioctl_command(struct worker *worker)
{
	static const uint16_t groups[] = { 0x54, 0x56, 0x4b, 0x12, 0x89, 0xe0 };

	if (one_in(&worker->random, 12))
		return any_number(worker);
	if (one_in(&worker->random, 12)) /* with a size: pty numbers, locks, peers */
		return 0x80045400 + random_below(&worker->random, 64) +
		       (uint64_t)random_below(&worker->random, 2) * 0xc0000000;
	return (uint64_t)groups[random_below(&worker->random,
					     one_in(&worker->random, 2) ? 1 : ARRAY_SIZE(groups))]
		       << 8 |
	       random_below(&worker->random, 0x60);
}

static uint64_t how_to_open(struct worker *worker)
{
	struct {
		uint64_t flags, mode, resolve;
	} *how = value_scratch(worker, 24);

	how->flags = value_of(worker, OPEN_FLAGS);
	if (one_in(&worker->random, 2))
		how->mode = 0;
	else
		how->mode = 0600;
	how->resolve = random_below(&worker->random, 64);
	return (uint64_t)how;
}

static uint64_t processor_set(struct worker *worker)
{
	uint64_t *set = value_scratch(worker, 8);

	*set = random_next(&worker->random);
	return (uint64_t)set;
}

/* Real-time priorities stay below the supervisor's. */
static uint64_t priority(struct worker *worker)
{
	int *buffer = value_scratch(worker, sizeof(*buffer));

	if (one_in(&worker->random, 2))
		*buffer = 0;
	else
		*buffer = (int)random_below(&worker->random, 98);
	return (uint64_t)buffer;
}

static uint64_t scheduling(struct worker *worker)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} * attributes;

	attributes = value_scratch(worker, sizeof(*attributes));
	value_fill(&worker->random, attributes, sizeof(*attributes));
	if (one_in(&worker->random, 4))
		attributes->size = (uint32_t)length(worker);
	else
		attributes->size = sizeof(*attributes);
	attributes->policy = random_below(&worker->random, 8);
	attributes->flags = random_below(&worker->random, 8);
	attributes->nice = (int32_t)random_below(&worker->random, 50) - 25;
	if (one_in(&worker->random, 2))
		attributes->priority = 0;
	else
		attributes->priority = random_below(&worker->random, 98);
	return (uint64_t)attributes;
}

static uint64_t robust_or_futex(struct worker *worker)
{
	switch (random_below(&worker->random, 16)) {
	case 0: return bad_address(worker);
	case 1: return some_pages(worker) + random_below(&worker->random, 8);
	case 2:
	case 3:
	case 4: return ARENA + PAGE + random_below(&worker->random, 8) * 4;
	default: return SHARED + random_below(&worker->random, 16) * 4;
	}
}

static uint64_t number_value(struct worker *worker, enum value_kind kind)
{
	switch (kind) {
	case NONE: return 0;
	case SMALL:
		if (one_in(&worker->random, 16))
			return any_number(worker);
		return random_below(&worker->random, 10);
	case BITS:
		if (one_in(&worker->random, 4))
			return any_number(worker);
		return 1UL << random_below(&worker->random, 32);
	case FD: return descriptor(worker);
	case FOLDER:
		if (one_in(&worker->random, 3))
			return descriptor(worker);
		return (uint64_t)AT_FDCWD;
	case SIGNAL:
		if (one_in(&worker->random, 4))
			return random_below(&worker->random, 70);
		return PICK(worker, 0, SIGUSR1, SIGUSR2, SIGCHLD, SIGWINCH, SIGPIPE, SIGSTOP,
			    SIGCONT, SIGURG, SIGTSTP, 34, 64, SIGALRM);
	case MODE:
		if (one_in(&worker->random, 4))
			return any_number(worker);
		return PICK(worker, 0, 0777, 0700, 0644, 0400, 0111, S_IFIFO | 0600, S_IFREG | 0600,
			    S_IFCHR | 0600, 06755, 01777);
	case USER_ID:
		if (one_in(&worker->random, 4))
			return any_number(worker);
		return PICK(worker, 0, 1000, 65534, (uint64_t)-1);
	case PROCESS: return process(worker);
	case LENGTH: return length(worker);
	case SPAN: return span(worker);
	case OFFSET: return offset(worker);
	case COUNT:
		if (one_in(&worker->random, 16))
			return any_number(worker);
		return random_below(&worker->random, 17);
	case STRUCT_SIZE:
		if (one_in(&worker->random, 4))
			return length(worker);
		return 8 * (1 + random_below(&worker->random, 4));
	case TIMEOUT:
		if (one_in(&worker->random, 8))
			return random_below(&worker->random, 10);
		if (one_in(&worker->random, 40))
			return any_number(worker);
		return 0;
	case SIGSET_SIZE:
		if (one_in(&worker->random, 16))
			return any_number(worker);
		return 8;
	default: return any_number(worker);
	}
}

static uint64_t address_value(struct worker *worker, enum value_kind kind)
{
	switch (kind) {
	case ADDRESS:
		if (one_in(&worker->random, 3))
			return any_number(worker);
		return some_pages(worker);
	case PAGES: return some_pages(worker);
	case FUTEX: return robust_or_futex(worker);
	case PATH: return path(worker);
	case TEXT: return TEXT_OF(worker, "", "hello", "adder", "who=x", "a=b", "x", "none");
	case TIMESPEC: return times(worker, 2, 1);
	case TIMEVAL: return times(worker, 2, 1000);
	case ITIMERSPEC: return interval(worker);
	case IOVEC: return io_vectors(worker);
	case SIGSET: return signal_set(worker);
	case SIGACTION: return signal_action(worker);
	case SIGEVENT: return signal_event(worker);
	case POLLFDS: return poll_set(worker);
	case EPOLL_EVENT: return epoll_event(worker);
	case PRIORITY: return priority(worker);
	case SCHED_ATTR: return scheduling(worker);
	case MSGHDR: return message(worker);
	case FLOCK_OR_NUMBER: return lock_or_number(worker);
	case OPEN_HOW: return how_to_open(worker);
	case CPU_SET: return processor_set(worker);
	case FILE_SYSTEM:
		return TEXT_OF(worker, "tmpfs", "tmpfs", "tmpfs", "proc", "sysfs", "devpts",
			       "devtmpfs", "ext2", "");
	case MOUNT_OPTIONS:
		if (one_in(&worker->random, 2))
			return 0;
		return TEXT_OF(worker, "size=1m", "mode=700", "nr_inodes=7", "size=0", "size=50%",
			       "uid=1000", "newinstance", "bad=1", "ro");
	case XATTR_NAME:
		return TEXT_OF(worker, "user.a", "user.b", "user.", "trusted.a", "security.a",
			       "system.posix_acl_access", "", "a");
	case MOUNT_POINT:
		return TEXT_OF(worker, "mnt", "mnt/d", "d/e", "../shared/mnt", "../shared/d", "d",
			       ".", "../shared", "a", "../shared/a");
	case NUMBER_OUT:
		if (one_in(&worker->random, 4))
			return 0;
		return struct_of(worker, 16);
	case BYTES:
		if (one_in(&worker->random, 24))
			return bad_address(worker);
		return (uint64_t)value_scratch(worker, 256);
	default: return struct_of(worker, 128);
	}
}

static uint64_t listed_value(struct worker *worker, enum value_kind kind)
{
	switch (kind) {
	case OPEN_FLAGS:
		return SOME_OF(worker, O_WRONLY, O_RDWR, O_RDWR, O_CREAT | O_RDWR, O_CREAT | O_RDWR,
			       O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW,
			       O_CLOEXEC, O_PATH, O_TMPFILE | O_RDWR, O_DIRECT, O_ASYNC, O_NOCTTY,
			       O_SYNC) |
		       O_NONBLOCK * one_in(&worker->random, 2);
	case AT_BITS:
		return SOME_OF(worker, AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR, AT_SYMLINK_FOLLOW,
			       AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_EACCESS);
	case PROTECTION:
		return SOME_OF(worker, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
			       PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, PROT_NONE);
	case MAP_KIND:
		return PICK(worker, MAP_PRIVATE, MAP_PRIVATE, MAP_SHARED, MAP_SHARED,
			    MAP_SHARED_VALIDATE, 0) |
		       SOME_OF(worker, MAP_ANONYMOUS, MAP_ANONYMOUS | MAP_FIXED, MAP_FIXED,
			       MAP_FIXED_NOREPLACE, MAP_GROWSDOWN, MAP_LOCKED, MAP_NORESERVE,
			       MAP_POPULATE, MAP_STACK, MAP_32BIT, MAP_HUGETLB);
	case REMAP_FLAGS:
		return SOME_OF(worker, MREMAP_MAYMOVE, MREMAP_MAYMOVE,
			       MREMAP_FIXED | MREMAP_MAYMOVE, MREMAP_FIXED | MREMAP_MAYMOVE,
			       4 | MREMAP_MAYMOVE);
	case ADVICE:
		if (one_in(&worker->random, 8))
			return any_number(worker);
		return random_below(&worker->random, 26);
	case ADVICE_FILE: return random_below(&worker->random, 8);
	case SYNC_FLAGS: return random_below(&worker->random, 9);
	case FCNTL_COMMAND:
		if (one_in(&worker->random, 3))
			return 1024 + random_below(&worker->random, 12);
		return random_below(&worker->random, 40);
	case IOCTL_COMMAND: return ioctl_command(worker);
	case FUTEX_OP:
		return random_below(&worker->random, 14) |
		       SOME_OF(worker, FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME);
	case CLOCK:
		if (one_in(&worker->random, 8))
			return any_number(worker);
		return random_below(&worker->random, 13);
	case TIMER_FLAGS: return random_below(&worker->random, 4);
	case PRCTL_OPTION:
		if (one_in(&worker->random, 10))
			return any_number(worker);
		return 1 + random_below(&worker->random, 65);
	case ARCH_OPTION:
		if (one_in(&worker->random, 4))
			return any_number(worker);
		return 0x1001 + random_below(&worker->random, 4);
	case EPOLL_OP:
		if (one_in(&worker->random, 16))
			return any_number(worker);
		if (one_in(&worker->random, 2))
			return 1;
		return 1 + random_below(&worker->random, 3);
	case WHENCE: return random_below(&worker->random, 6);
	case SIGNAL_HOW: return random_below(&worker->random, 4);
	case WAIT_FLAGS:
		return SOME_OF(worker, 1, 1, 2, 4, 8, 0x01000000, 0x20000000, 0x40000000,
			       0x80000000) |
		       !one_in(&worker->random, 4);
	case RESOURCE: return random_below(&worker->random, 18);
	case POLICY: return random_below(&worker->random, 8);
	case WHO: return PICK(worker, 0, 1, (uint64_t)-1, 2);
	case RENAME_FLAGS: return random_below(&worker->random, 8);
	case FALLOCATE_MODE:
		if (one_in(&worker->random, 4))
			return any_number(worker);
		return PICK(worker, 0, 1, 2, 3, 8, 16, 17, 32, 64);
	case RW_FLAGS: return SOME_OF(worker, 1, 2, 4, 8, 16);
	case PIPE_FLAGS: return SOME_OF(worker, O_NONBLOCK, O_NONBLOCK, O_CLOEXEC, O_DIRECT, 1, 2);
	case SPLICE_FLAGS: return random_below(&worker->random, 16);
	case MEMBARRIER_COMMAND: return SOME_OF(worker, 1, 2, 4, 8, 16, 32, 64, 128, 256);
	case MOUNT_FLAGS:
		return SOME_OF(worker, MS_BIND, MS_BIND, MS_MOVE, MS_REMOUNT, MS_RDONLY, MS_NOEXEC,
			       MS_NOSUID, MS_REC, MS_PRIVATE, MS_SHARED, MS_SLAVE);
	case ITIMER: return random_below(&worker->random, 4);
	case SOCKET_DOMAIN:
		if (one_in(&worker->random, 8))
			return random_below(&worker->random, 46);
		return 1;
	case SOCKET_TYPE:
		return PICK(worker, 1, 1, 2, 5, 3, 0, 9) |
		       SOME_OF(worker, SOCK_NONBLOCK, SOCK_NONBLOCK, SOCK_CLOEXEC);
	case MSG_FLAGS:
		return SOME_OF(worker, MSG_DONTWAIT, MSG_DONTWAIT, MSG_PEEK, MSG_OOB, MSG_TRUNC,
			       MSG_WAITALL, MSG_NOSIGNAL, MSG_CMSG_CLOEXEC, MSG_ERRQUEUE);
	case SOCKET_LEVEL:
		if (one_in(&worker->random, 8))
			return any_number(worker);
		return SOL_SOCKET;
	case SOCKET_OPTION:
		if (one_in(&worker->random, 8))
			return any_number(worker);
		return random_below(&worker->random, 75);
	case LOCK_OP: return random_below(&worker->random, 16);
	case SYSLOG_ACTION: return PICK(worker, 2, 3, 3, 9, 10, 11, 0, 1);
	case STATX_MASK: return any_number(worker);
	case RANDOM_FLAGS: return random_below(&worker->random, 8);
	case MLOCK_FLAGS: return random_below(&worker->random, 3);
	case PERSONALITY: return SOME_OF(worker, 0x0040000, 0x0200000, 0x0400000, 0xffffffff);
	default: return any_number(worker);
	}
}

uint64_t value_of(struct worker *worker, enum value_kind kind)
{
	if (kind < ADDRESS)
		return number_value(worker, kind);
	if (kind < OPEN_FLAGS)
		return address_value(worker, kind);
	return listed_value(worker, kind);
}
