// SPDX-License-Identifier: MIT
/*
 * The same operation beside few and beside many others of its kind: what is not flat shows.
 */
#include "bench.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FEW	    10
#define MANY	    10000
#define MOST	    1000 /* processes or threads */
#define STACK_BYTES 16384

/* ---- descriptors ---- */

static struct pollfd polled[100];

static void beside_descriptors(int count)
{
	const struct rlimit limit = { MANY + 100, MANY + 100 };

	must(!setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
	must((fds[0] = open("/dev/null", O_RDONLY)) >= 0, "/dev/null");
	while (count--)
		must(dup(fds[0]) >= 0, "dup");
}
static void beside_10_descriptors(void)
{
	beside_descriptors(FEW);
}
static void beside_10000_descriptors(void)
{
	beside_descriptors(MANY);
}
static void close_many(void)
{
	for (int i = fds[0]; i < MANY + 100; i++)
		close(i);
	fds[0] = -1;
}

/* Each is another descriptor of the same pipe. */
static void pipe_100_times(void)
{
	must(!pipe(fds), "pipe");
	for (unsigned int i = 0; i < NELEMS(polled); i++)
		polled[i] = (struct pollfd){ dup(fds[0]), POLLIN, 0 };
}
static void poll_100(long count)
{
	while (count--)
		CALL(SYS_poll, polled, NELEMS(polled), 0);
}
static void pipe_end(void)
{
	for (unsigned int i = 0; i < NELEMS(polled); i++)
		close(polled[i].fd);
	close_all();
}

/* ---- mappings ---- */

static size_t area_bytes;

/* Every second page of the area can be written, so each is a mapping. */
static void beside_mappings(int count)
{
	area_bytes = 2 * count * PAGE;
	area = mmap(NULL, area_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		    0);
	must(area != MAP_FAILED, "mmap");
	for (int i = 0; i < count; i++)
		must(!mprotect(area + 2 * i * PAGE, PAGE, PROT_READ | PROT_WRITE), "mprotect");
}
static void beside_10_mappings(void)
{
	beside_mappings(FEW);
}
static void beside_10000_mappings(void)
{
	beside_mappings(MANY);
}
static void unmap_many(void)
{
	munmap(area, area_bytes);
}

/* ---- processes ---- */

static pid_t children[MOST];
static int nchildren;

static void beside_children(int count)
{
	for (nchildren = 0; nchildren < count; nchildren++) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		while (!pid)
			pause();
		children[nchildren] = pid;
	}
}
static void beside_1_child(void)
{
	beside_children(1);
}
static void beside_1000_children(void)
{
	beside_children(MOST);
}
static void end_children(void)
{
	while (nchildren--) {
		kill(children[nchildren], SIGKILL);
		waitpid(children[nchildren], NULL, 0);
	}
}
static void fork_wait_any(long count)
{
	while (count--) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		must(pid > 0 && waitpid(-1, NULL, 0) == pid, "waitpid");
	}
}
static void list_proc(long count)
{
	while (count--)
		list_folder("/proc", LIST_BYTES);
}

/* ---- threads ---- */

static volatile int stop;
static pthread_t threads[MOST];
static int nthreads;

static void *idler(void *arg)
{
	while (!stop)
		CALL(SYS_futex, &stop, FUTEX_WAIT, 0);
	return arg;
}
static void beside_threads(int count)
{
	pthread_attr_t attr;

	stop = 0;
	signal(SIGUSR1, SIG_IGN);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (nthreads = 0; nthreads < count; nthreads++)
		must(!pthread_create(&threads[nthreads], &attr, idler, NULL), "pthread_create");
}
static void beside_1_thread(void)
{
	beside_threads(1);
}
static void beside_1000_threads(void)
{
	beside_threads(MOST);
}
static void end_threads(void)
{
	stop = 1;
	CALL(SYS_futex, &stop, FUTEX_WAKE, nthreads);
	while (nthreads--)
		pthread_join(threads[nthreads], NULL);
}
static void *no_work(void *arg)
{
	return arg;
}
/* With stacks that are small, as those of the others. */
static void thread_small(long count)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (count--) {
		must(!pthread_create(&thread, &attr, no_work, NULL), "pthread_create");
		pthread_join(thread, NULL);
	}
}
static void kill_ignored(long count)
{
	const long pid = getpid();

	while (count--)
		CALL(SYS_kill, pid, SIGUSR1);
}

/* ---- record locks ---- */

static void set_lock(short type, long at)
{
	const struct flock lock = { .l_type = type, .l_start = at, .l_len = 1 };

	must(!CALL(SYS_fcntl, fds[0], F_SETLK, &lock), "F_SETLK");
}
/* Every second byte from the start is locked. */
static void beside_locks(int count)
{
	open_file();
	for (int i = 0; i < count; i++)
		set_lock(F_WRLCK, 2 * i);
}
static void beside_10_locks(void)
{
	beside_locks(FEW);
}
static void beside_1000_locks(void)
{
	beside_locks(MOST);
}
static void lock_unlock(long count)
{
	while (count--) {
		set_lock(F_WRLCK, 2 * MOST + FEW);
		set_lock(F_UNLCK, 2 * MOST + FEW);
	}
}

/* ---- a page far into a file ---- */

static off_t far_at;

static void far_file(off_t at)
{
	far_at = at;
	must((fds[0] = open(new_name, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0, new_name);
	must(pwrite(fds[0], buffer, PAGE, at) == PAGE, "pwrite");
}
static void far_file_at_0(void)
{
	far_file(0);
}
static void far_file_at_1t(void)
{
	far_file((off_t)1 << 40);
}
static void pread_far(long count)
{
	while (count--)
		CALL(SYS_pread64, fds[0], buffer, PAGE, far_at);
}
static void far_file_end(void)
{
	close_all();
	unlink(new_name);
}

/* ---- files of /proc ---- */

static void read_whole(long count, const char *path)
{
	while (count--) {
		long fd = CALL(SYS_open, path, O_RDONLY);

		must(fd >= 0, path);
		while (CALL(SYS_read, fd, buffer, sizeof(buffer)) > 0)
			;
		CALL(SYS_close, fd);
	}
}
static void read_proc_stat(long count)
{
	read_whole(count, "/proc/self/stat");
}
static void read_proc_maps(long count)
{
	read_whole(count, "/proc/self/maps");
}
static void read_proc_meminfo(long count)
{
	read_whole(count, "/proc/meminfo");
}

/* ---- directories: an operation is an entry; read in pieces as small as musl's ---- */

#define DIRENT_ROOM 2048

static void make_folder(int entries)
{
	char name[32];

	mkdir("bench.folder", 0700);
	for (int i = 0; i < entries; i++) {
		snprintf(name, sizeof(name), "bench.folder/file%05d", i);
		fds[0] = open(name, O_WRONLY | O_CREAT, 0600);
		must(fds[0] >= 0, name);
		close_all();
	}
	must((fds[0] = open("bench.folder", O_RDONLY | O_DIRECTORY)) >= 0, "bench.folder");
}
static void folder_100(void)
{
	make_folder(100);
}
static void folder_10000(void)
{
	make_folder(10000);
}
static void read_folder(long count)
{
	CALL(SYS_lseek, fds[0], 0, SEEK_SET);
	while (CALL(SYS_getdents64, fds[0], buffer, DIRENT_ROOM) > 0)
		;
	(void)count;
}
static void folder_end(void)
{
	char name[32];

	close_all();
	for (int i = 0, err = 0; !err; i++) {
		snprintf(name, sizeof(name), "bench.folder/file%05d", i);
		err = unlink(name);
	}
	must(!rmdir("bench.folder"), "rmdir");
}

/* ---- the rows ---- */

static const struct row rows[] = {
	{ "grow_dup_close_10_fds", 1000, dup_close, beside_10_descriptors, close_many },
	{ "grow_dup_close_10000_fds", 1000, dup_close, beside_10000_descriptors, close_many },
	{ "grow_mmap_10_maps", 1000, map_touch_unmap, beside_10_mappings, unmap_many },
	{ "grow_mmap_10000_maps", 1000, map_touch_unmap, beside_10000_mappings, unmap_many },
	{ "grow_fork_1_child", 500, fork_exit, beside_1_child, end_children },
	{ "grow_fork_1000_children", 500, fork_exit, beside_1000_children, end_children },
	{ "grow_fork_wait_any_1000_children", 500, fork_wait_any, beside_1000_children,
	  end_children },
	{ "grow_thread_1_other", 1000, thread_small, beside_1_thread, end_threads },
	{ "grow_thread_1000_others", 1000, thread_small, beside_1000_threads, end_threads },
	{ "grow_kill_1_other", 1000, kill_ignored, beside_1_thread, end_threads },
	{ "grow_kill_1000_others", 1000, kill_ignored, beside_1000_threads, end_threads },
	{ "grow_lock_10_locks", 500, lock_unlock, beside_10_locks, close_file },
	{ "grow_lock_1000_locks", 100, lock_unlock, beside_1000_locks, close_file },
	{ "grow_pread_at_0", 1000, pread_far, far_file_at_0, far_file_end },
	{ "grow_pread_at_1t", 1000, pread_far, far_file_at_1t, far_file_end },
	{ "grow_list_proc_1_child", 50, list_proc, beside_1_child, end_children },
	{ "grow_list_proc_1000_children", 10, list_proc, beside_1000_children, end_children },
	{ "grow_proc_self_stat", 200, read_proc_stat, NULL, NULL },
	{ "grow_proc_self_maps", 200, read_proc_maps, NULL, NULL },
	{ "grow_proc_meminfo", 200, read_proc_meminfo, NULL, NULL },
	{ "readdir_100", 100, read_folder, folder_100, folder_end },
	{ "readdir_10000", 10000, read_folder, folder_10000, folder_end },
	{ "poll_100", 200, poll_100, pipe_100_times, pipe_end },
};
const struct group growth_group = { "growth", rows, NELEMS(rows) };
