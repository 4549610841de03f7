/* SPDX-License-Identifier: MIT */
/*
 * Each allocation of each operation fails once, the first, the second and so on
 * until the operation gets through without reaching the next: it says so with
 * an error of those that lack of memory has, or works all the same. Nothing is
 * lost: the kernel has as many objects as before. For the debug kernel, whose
 * /proc/self/fail-nth and /proc/kmemleak this needs.
 *
 *	failing [-v] [OPERATION...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 3000 /* allocations of one operation */

static int nth_fd, order, left, err;
static const char *self;

static void arm(int count)
{
	char text[16];
	int len = sprintf(text, "%d", count);

	if (pwrite(nth_fd, text, (size_t)len, 0) != len)
		_exit(3);
}

/* The operation is over; what comes now is clearing up. */
static void stop(void)
{
	char text[16] = "";
	int error = errno;

	if (pread(nth_fd, text, sizeof(text) - 1, 0) <= 0)
		_exit(4);
	left = atoi(text);
	arm(0);
	errno = error;
}

/* The call that is under test. */
#define ACT(call)                       \
	({                              \
		arm(order);             \
		errno = 0;              \
		long r_ = (long)(call); \
		stop();                 \
		if (r_ == -1)           \
			err = errno;    \
		r_;                     \
	})

/* ---- operations ---- */

static void op_pipe(void)
{
	int ends[2];

	if (!ACT(pipe(ends))) {
		close(ends[0]);
		close(ends[1]);
	}
}

static void op_socketpair(void)
{
	int ends[2];

	if (!ACT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends))) {
		close(ends[0]);
		close(ends[1]);
	}
}

static void op_datagram(void)
{
	static char data[60000];
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
		_exit(5);
	ACT(send(ends[0], data, sizeof(data), 0));
	close(ends[0]);
	close(ends[1]);
}

/* Descriptors through a socket: sent, looked at, received. */
static int pass(int ends[2], int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(8)];
	} control = { .h = { CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec io = { "x", 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	char byte;
	int got[2];

	memcpy(CMSG_DATA(&control.h), (int[]){ fd, ends[0] }, 8);
	if (sendmsg(ends[0], &message, 0) < 0)
		return -1;
	io.iov_base = &byte;
	for (int flags = MSG_PEEK; flags >= 0; flags -= MSG_PEEK) {
		message.msg_controllen = sizeof(control);
		if (recvmsg(ends[1], &message, flags) < 0)
			return -1;
		if (!message.msg_controllen)
			continue;
		memcpy(got, CMSG_DATA(&control.h), 8);
		close(got[0]);
		close(got[1]);
	}
	return 0;
}

static void op_pass(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		_exit(5);
	ACT(pass(ends, nth_fd));
	close(ends[0]);
	close(ends[1]);
}

static int watch_signals(void)
{
	sigset_t set;
	struct pollfd pollfd = { .events = POLLIN };
	int result;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pollfd.fd = signalfd(-1, &set, 0);
	if (pollfd.fd < 0)
		return -1;
	result = fork();
	if (!result) {
		poll(&pollfd, 1, 1);
		_exit(0);
	}
	close(pollfd.fd);
	if (result > 0 && waitpid(result, NULL, 0) == result)
		return 0;
	return -1;
}

static void op_signalfd(void)
{
	ACT(watch_signals());
}

static int fill_pipe(int fd)
{
	static char data[30000];

	if (write(fd, data, sizeof(data)) > 0)
		return 0;
	return -1;
}

static void op_pipe_write(void)
{
	int ends[2];

	if (pipe(ends))
		_exit(5);
	ACT(fill_pipe(ends[1]));
	close(ends[0]);
	close(ends[1]);
}

static void op_open(void)
{
	int fd = (int)ACT(open("/etc/inittab", O_RDONLY));

	if (fd >= 0)
		close(fd);
}

static void op_create(void)
{
	int fd = (int)ACT(open("/tmp/f/new", O_RDWR | O_CREAT | O_EXCL, 0600));

	if (fd >= 0)
		close(fd);
	if (fd >= 0 && unlink("/tmp/f/new"))
		_exit(6);
}

static void op_write_file(void)
{
	static char data[70000];
	int fd = open("/tmp/f/data", O_RDWR | O_CREAT | O_TRUNC, 0600);

	ACT(pwrite(fd, data, sizeof(data), 1 << 20));
	close(fd);
	unlink("/tmp/f/data");
}

static void op_names(void)
{
	if (!ACT(mkdir("/tmp/f/a", 0755) || symlink("where it leads", "/tmp/f/a/s") ||
				 mknod("/tmp/f/a/n", S_IFIFO | 0600, 0) ||
				 link("/tmp/f/a/n", "/tmp/f/a/l") || rename("/tmp/f/a", "/tmp/f/b")
			 ? -1
			 : 0))
		rename("/tmp/f/b", "/tmp/f/a");
	unlink("/tmp/f/a/s");
	unlink("/tmp/f/a/n");
	unlink("/tmp/f/a/l");
	rmdir("/tmp/f/a");
	rmdir("/tmp/f/b");
}

static void op_mmap(void)
{
	char *bytes = (char *)ACT(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));

	if (bytes != MAP_FAILED)
		munmap(bytes, 1 << 20);
}

static int touch(char *bytes)
{
	for (int i = 0; i < 20; i++)
		bytes[i * 4096] = 1;
	return 0;
}

static void op_touch(void)
{
	char *bytes =
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ACT(touch(bytes));
	munmap(bytes, 1 << 20);
}

static void op_split(void)
{
	char *bytes =
		mmap(NULL, 10 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ACT(mprotect(bytes + 4096, 4096, PROT_READ) || munmap(bytes + 4 * 4096, 4096) ||
			    mremap(bytes + 6 * 4096, 4096, 1 << 20, MREMAP_MAYMOVE) == MAP_FAILED
		    ? -1
		    : 0);
	/* what moved is not known here any more: the whole space goes with the child */
}

static int map_file(void)
{
	int fd = open("/bin/busybox", O_RDONLY);
	volatile char *bytes;

	if (fd < 0)
		return -1;
	bytes = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED)
		return -1;
	bytes[5000] = bytes[300000];
	munmap((void *)bytes, 1 << 20);
	return 0;
}

static void op_map_file(void)
{
	ACT(map_file());
}

/* A mapped file, shared: read, written, punched, filled, moved. */
static int use_shared(char *bytes)
{
	for (int i = 0; i < 30; i += 3) {
		if (i & 1)
			(void)*(volatile char *)(bytes + i * 4096);
		bytes[i * 4096] = 1;
	}
	if (madvise(bytes + 4096, 20 * 4096, MADV_REMOVE) ||
	    madvise(bytes, 5 * 4096, MADV_DONTFORK))
		return -1;
	if (madvise(bytes, 60 * 4096, 23 /* MADV_POPULATE_WRITE */))
		return -1;
	bytes = mremap(bytes, 64 * 4096, 32 * 4096, MREMAP_MAYMOVE);
	if (bytes == MAP_FAILED)
		return -1;
	return munmap(bytes, 32 * 4096);
}

static void op_shared(void)
{
	int fd = open("/tmp/f", O_TMPFILE | O_RDWR, 0600);
	char *bytes;

	ftruncate(fd, 64 * 4096);
	bytes = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ACT(use_shared(bytes));
	close(fd);
}

/* All of it or nothing. */
static void op_allocate(void)
{
	int fd = open("/tmp/f", O_TMPFILE | O_RDWR, 0600);
	struct stat info;

	pwrite(fd, "x", 1, 10 * 4096);
	if (ACT(fallocate(fd, 0, 0, 200 * 4096)) &&
	    (fstat(fd, &info) || info.st_blocks != 8 || info.st_size != 10 * 4096 + 1))
		err = 1000;
	close(fd);
}

static void op_many_descriptors(void)
{
	int last = (int)ACT(fcntl(0, F_DUPFD, 900));

	if (last >= 0)
		close(last);
}

static void op_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_start = 5, .l_len = 5 };
	int fd = open("/tmp/f/lock", O_RDWR | O_CREAT, 0600);

	ACT(flock(fd, LOCK_EX) || fcntl(fd, F_SETLK, &lock) ? -1 : 0);
	close(fd);
}

static int use_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0), events = eventfd(1, 0), result;

	if (epoll < 0 || events < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, events, &event) ||
	    epoll_wait(epoll, &event, 1, 0) < 0)
		result = -1;
	else
		result = 0;
	int saved = errno;
	if (epoll >= 0)
		close(epoll);
	if (events >= 0)
		close(events);
	errno = saved;
	return result;
}

static void op_epoll(void)
{
	ACT(use_epoll());
}

static void op_poll_many(void)
{
	static struct pollfd pollfd[600];

	for (int i = 0; i < 600; i++)
		pollfd[i] = (struct pollfd){ -1, POLLIN, 0 };
	ACT(poll(pollfd, 600, 0));
}

static void op_writev_many(void)
{
	static struct iovec iovec[400];
	int fd = open("/dev/null", O_WRONLY);

	for (int i = 0; i < 400; i++)
		iovec[i] = (struct iovec){ "abc", 3 };
	ACT(writev(fd, iovec, 400));
	close(fd);
}

static void op_timer(void)
{
	timer_t timer;

	if (!ACT(timer_create(CLOCK_MONOTONIC, NULL, &timer)))
		timer_delete(timer);
}

static void op_queued_signal(void)
{
	union sigval value = { .sival_int = 1 };
	struct timespec none = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ACT(sigqueue(getpid(), SIGRTMIN, value));
	while (sigtimedwait(&set, NULL, &none) > 0)
		;
}

static void op_terminal(void)
{
	int fd = (int)ACT(open("/dev/ptmx", O_RDWR | O_NOCTTY));

	if (fd >= 0)
		close(fd);
}

static void op_mount(void)
{
	ACT(mount("none", "/tmp/f/m", "tmpfs", 0, "size=1m"));
	umount("/tmp/f/m");
}

static int read_all(const char *path)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY);
	long count;

	if (fd < 0)
		return -1;
	while ((count = read(fd, buf, sizeof(buf))) > 0)
		;
	int saved = errno;
	close(fd);
	errno = saved;
	if (count < 0)
		return -1;
	return 0;
}

static void op_proc_maps(void)
{
	ACT(read_all("/proc/self/maps"));
}
static void op_proc_stat(void)
{
	ACT(read_all("/proc/1/stat"));
}
static void op_proc_mounts(void)
{
	ACT(read_all("/proc/mounts"));
}
static void op_proc_interrupts(void)
{
	ACT(read_all("/proc/interrupts"));
}

static int list(const char *path)
{
	static char buf[32768];
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	long count;

	if (fd < 0)
		return -1;
	while ((count = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
		;
	int saved = errno;
	close(fd);
	errno = saved;
	if (count < 0)
		return -1;
	return 0;
}

static void op_list_proc(void)
{
	ACT(list("/proc") || list("/proc/self/task") || list("/dev") ? -1 : 0);
}

static void op_fork(void)
{
	pid_t pid;

	arm(order);
	pid = fork();
	if (!pid)
		_exit(0);
	stop();
	if (pid < 0)
		err = errno;
	else
		waitpid(pid, NULL, 0);
}

/* Each step changes pages of a table that the child has, too. */
static long change_shared_tables(char *bytes)
{
	const unsigned long table = 2ul << 20;

	bytes[table] = 1;
	if (munmap(bytes + 2 * table, 4096) || mprotect(bytes + 3 * table, 4096, PROT_READ) ||
	    madvise(bytes + 4 * table, 4096, MADV_DONTNEED))
		return -1;
	if (mremap(bytes + 5 * table, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED)
		return -1;
	return 0;
}

/* What moved is not known here any more: the whole space goes with the child. */
static void op_fork_large(void)
{
	const unsigned long size = 13ul << 20;
	char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	for (unsigned long i = 0; i < size; i += 64 * 4096)
		bytes[i] = 1;
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	ACT(change_shared_tables(bytes));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int thread_main(void *unused)
{
	return 0;
}

static void op_thread(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = (pid_t)ACT(clone(thread_main, stack + sizeof(stack),
				     CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, NULL));

	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* The child gives the order to itself; what it becomes tells what is left of it. */
static void exec_child(int count)
{
	char *const argv[] = { (char *)self, "left", NULL };
	int fd = open("/proc/self/fail-nth", O_RDWR);
	char text[16];

	sprintf(text, "%d", count);
	if (fd != 100)
		dup2(fd, 100);
	if (pwrite(100, text, strlen(text), 0) <= 0)
		_exit(3);
	execve(self, argv, environ);
	if (errno == ENOMEM)
		_exit(10);
	_exit(errno == ENFILE || errno == EAGAIN ? 11 : 12);
}

static void op_exec(void)
{
	pid_t pid;
	int status;

	pid = fork();
	if (!pid)
		exec_child(order);
	waitpid(pid, &status, 0);
	left = 0;
	if (status == 0)
		left = 1;
	else if (status != 0x0a00 && status != 0x0b00 && status != 0x0100 && status != SIGKILL)
		err = 1000 + status;
}

static char *driver;
static size_t driver_size;

static void op_insmod(void)
{
	if (ACT(syscall(SYS_init_module, driver, driver_size, "")) == 0)
		syscall(SYS_delete_module, "hello", 0);
}

static const struct {
	const char *name;
	void (*fn)(void);
	int in_child;
} ops[] = {
	{ "pipe", op_pipe },
	{ "pipe_write", op_pipe_write },
	{ "open", op_open },
	{ "create", op_create },
	{ "write_file", op_write_file },
	{ "names", op_names },
	{ "mmap", op_mmap },
	{ "touch", op_touch },
	{ "split", op_split, 1 },
	{ "map_file", op_map_file, 1 },
	{ "shared", op_shared, 1 },
	{ "allocate", op_allocate },
	{ "many_descriptors", op_many_descriptors, 1 },
	{ "locks", op_locks },
	{ "epoll", op_epoll },
	{ "poll_many", op_poll_many },
	{ "writev_many", op_writev_many },
	{ "timer", op_timer },
	{ "queued_signal", op_queued_signal },
	{ "terminal", op_terminal },
	{ "mount", op_mount },
	{ "proc_maps", op_proc_maps },
	{ "proc_stat", op_proc_stat },
	{ "proc_mounts", op_proc_mounts },
	{ "proc_interrupts", op_proc_interrupts },
	{ "list_proc", op_list_proc },
	{ "fork", op_fork },
	{ "fork_large", op_fork_large, 1 },
	{ "thread", op_thread },
	{ "exec", op_exec },
	{ "insmod", op_insmod },
	{ "socketpair", op_socketpair },
	{ "datagram", op_datagram },
	{ "pass", op_pass },
	{ "signalfd", op_signalfd, 1 },
};
#define OPS (int)(sizeof(ops) / sizeof(ops[0]))

/* ---- trying ---- */

static int is_lack(int error)
{
	return !error || error == ENOMEM || error == EAGAIN || error == ENFILE || error == ENOSPC ||
	       error == ENOLCK;
}

/* With the nth allocation failing. @return 0: it has failed and that was right; 1: not reached; else wrong */
static int once(int i, int count)
{
	err = 0;
	order = count;
	ops[i].fn();
	if (left) {
		if (err)
			return 2;
		return 1;
	}
	if (is_lack(err))
		return 0;
	return 2;
}

static int once_in_child(int i, int count)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		/* the order is for the thread that writes */
		close(nth_fd);
		nth_fd = open("/proc/self/fail-nth", O_RDWR);
		int result = once(i, count);
		_exit(result == 2 ? 64 + (err & 63) : result);
	}
	if (waitpid(pid, &status, 0) != pid)
		return 2;
	if (status == SIGKILL)
		return 0; /* a fault in the kernel that nothing could resolve */
	err = status;
	if (status == 0)
		return 0;
	if (status == 0x100)
		return 1;
	return 2;
}

/* @return how many allocations, -1: wrong */
static int loop(int i)
{
	for (int count = 1; count < MOST; count++) {
		int result = ops[i].in_child ? once_in_child(i, count) : once(i, count);

		if (result == 1)
			return count - 1;
		if (result) {
			printf("# %s: allocation %d: error %d (%s), left %d\n", ops[i].name, count,
			       err, strerror(err), left);
			return -1;
		}
	}
	printf("# %s: no end\n", ops[i].name);
	return -1;
}

/* How many objects the kernel has, and that none is lost. */
static long objects(void)
{
	static char text[8192];
	int fd = open("/proc/kmemleak", O_RDONLY);
	long count = read(fd, text, sizeof(text) - 1), in_use = -1, leaked = -1;
	char *line;

	close(fd);
	if (count <= 0)
		return -1;
	text[count] = 0;
	line = strstr(text, " objects (");
	while (line && strstr(line + 1, "in use") && strchr(line, '\n') && strchr(line, '\n')[1])
		line = strchr(line, '\n') + 1;
	line = strrchr(text, '\n');
	while (line > text && line[-1] != '\n')
		line--;
	if (sscanf(line, "%ld objects (%*d bytes) in use, %ld", &in_use, &leaked) != 2)
		return -1;
	if (leaked)
		printf("# %s", text);
	if (leaked)
		return -1;
	return in_use;
}

static int try(int i, int verbose)
{
	long before, after, count;

	if (loop(i) < 0) /* what is made once and kept */
		return 1;
	for (int attempt = 0;; attempt++) {
		before = objects();
		count = loop(i);
		if (count < 0 || loop(i) < 0)
			return 1;
		usleep(20000); /* what is freed later */
		after = objects();
		if (before > 0 && after > 0 && after <= before)
			break;
		if (attempt == 3 || before < 0 || after < 0) {
			printf("# %s: %ld objects before, %ld after\n", ops[i].name, before, after);
			return 1;
		}
	}
	if (!count) {
		printf("# %s: no allocation was reached\n", ops[i].name);
		return 1;
	}
	if (verbose)
		printf("# %s: %ld allocations\n", ops[i].name, count);
	return 0;
}

/* What exec_child() becomes: 1 when its order has been carried out, 0 when something is left of it. */
static int tell_left(void)
{
	char text[16] = "";

	if (pread(100, text, sizeof(text) - 1, 0) <= 0)
		return 13;
	return atoi(text) == 0;
}

static void load_driver(void)
{
	int fd = open("/tmp/hello.ko", O_RDONLY);
	struct stat info;

	if (fd < 0 || fstat(fd, &info))
		return;
	driver = malloc((size_t)info.st_size);
	driver_size = (size_t)read(fd, driver, (size_t)info.st_size);
	close(fd);
}

static int wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc < 2;
}

int main(int argc, char **argv)
{
	int count = 0, failed = 0, verbose = 0;

	if (argc > 1 && !strcmp(argv[1], "left"))
		return tell_left();
	if (argc > 1 && !strcmp(argv[1], "-v")) {
		verbose = 1;
		argv++;
		argc--;
	}
	self = "/proc/self/exe";
	setvbuf(stdout, NULL, _IOLBF, 4096);
	mkdir("/tmp/f", 0755);
	mkdir("/tmp/f/m", 0755);
	load_driver();
	nth_fd = open("/proc/self/fail-nth", O_RDWR);
	if (nth_fd < 0) {
		perror("/proc/self/fail-nth");
		return 2;
	}
	for (int i = 0; i < OPS; i++) {
		if (!wanted(argc, argv, ops[i].name))
			continue;
		int bad = try(i, verbose);

		failed += bad;
		printf("%s %d - %s\n", bad ? "not ok" : "ok", ++count, ops[i].name);
	}
	printf("1..%d\n", count);
	return failed != 0;
}
