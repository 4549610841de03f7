/* SPDX-License-Identifier: MIT */
/*
 * Take all of something until there is no more, then give it back: hog WHAT.
 * Ends with 0 after an error that lack of memory has, with 1 after another; or is
 * killed, as may happen to one who takes memory.
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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int done(const char *what, long count)
{
	int error = errno;

	printf("hog: %ld %s, then %s\n", count, what, strerror(error));
	fflush(stdout);
	errno = error;
	return error != ENOMEM && error != EAGAIN && error != ENOSPC && error != EMFILE &&
	       error != ENFILE;
}

/* Anonymous memory, in one piece or by many small regions. */
static int touch(size_t piece)
{
	for (long count = 0;; count++) {
		char *bytes = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);

		if (bytes == MAP_FAILED)
			return done("regions", count);
		for (size_t i = 0; i < piece; i += 4096)
			bytes[i] = 1;
		if (count & 1) /* so that neighbours are not merged */
			mprotect(bytes, 4096, PROT_READ);
	}
}

#define COMMON (1ul << 30)
static char *common;
static unsigned int nr_cpus;

/* Every nr_cpus-th page of the common region, from a processor of its own. */
static void *fault_pages(void *arg)
{
	size_t page = (size_t)arg;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(page, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return "sched_setaffinity";
	for (; page < COMMON / 4096; page += nr_cpus) {
		volatile char *byte = common + page * 4096;

		if (page / nr_cpus % 3 == 0 && *byte) /* read first: the zero page, then a copy */
			return "not zero";
		*byte = 1;
		if (page / nr_cpus % 64 == 0 && page > 100 * nr_cpus &&
		    common[(page - 99 * nr_cpus) * 4096] != 1)
			return "lost";
	}
	return "no end";
}

/* The threads of one process, all at once: it is killed in the end. */
static int faults(void)
{
	pthread_t threads[64];
	void *result = NULL;

	nr_cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	common = mmap(NULL, COMMON, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (common == MAP_FAILED || nr_cpus > 64)
		return 1;
	for (size_t i = 0; i < nr_cpus; i++)
		if (pthread_create(&threads[i], NULL, fault_pages, (void *)i))
			return 1;
	for (size_t i = 0; i < nr_cpus; i++)
		pthread_join(threads[i], &result);
	printf("hog: %s\n", (const char *)result);
	return 1;
}

static int lock_all(void)
{
	for (long count = 0;; count++) {
		char *bytes = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);

		if (bytes == MAP_FAILED)
			return done("locked regions", count);
	}
}

/* Page tables alone: one page read in each 2 MiB. */
static int tables(void)
{
	size_t size = 1ul << 40;
	volatile char *bytes =
		mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (bytes == MAP_FAILED)
		return done("tables", 0);
	for (size_t i = 0; i < size; i += 2 << 20)
		(void)bytes[i];
	return 1;
}

static int forks(size_t each)
{
	static pid_t pids[4000];
	int count = 0, result;

	while (count < 4000) {
		pids[count] = fork();
		if (pids[count] < 0)
			break;
		if (!pids[count]) {
			char *bytes = malloc(each);

			for (size_t i = 0; bytes && i < each; i += 4096)
				bytes[i] = 1;
			for (;;)
				pause();
		}
		count++;
	}
	result = done("processes", count);
	while (count--)
		kill(pids[count], SIGKILL);
	while (wait(NULL) > 0)
		;
	return result;
}

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

static int threads(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	long count = 0;
	int error;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16384);
	while (!(error = pthread_create(&thread, &attributes, sleeper, NULL)))
		count++;
	errno = error;
	return done("threads", count);
}

/* Pipes full of data; when this process may have no more of them, a child goes on. */
static int pipes(void)
{
	static char data[65536];
	int ends[2], status, result;
	long count = 0;
	pid_t pid;

	while (!pipe2(ends, O_NONBLOCK) && write(ends[1], data, sizeof(data)) > 0)
		count++;
	result = done("pipes", count);
	if (errno != EMFILE)
		return result;
	pid = fork();
	if (!pid) {
		/* the parent keeps them alive */
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
		_exit(pipes());
	}
	waitpid(pid, &status, 0);
	if (pid < 0 || WIFSIGNALED(status))
		return 0;
	return WEXITSTATUS(status);
}

static int files(const char *where)
{
	static char data[65536];
	long count = 0;
	int fd = open(where, O_WRONLY | O_CREAT | O_TRUNC, 0600), result;

	while (write(fd, data, sizeof(data)) > 0)
		count++;
	result = done("times 64 KiB", count);
	close(fd);
	unlink(where);
	return result;
}

static int names(const char *where)
{
	char path[64];
	long count = 0;
	int result;

	mkdir(where, 0700);
	for (;; count++) {
		sprintf(path, "%s/%ld", where, count);
		int fd = open(path, O_WRONLY | O_CREAT, 0600);

		if (fd < 0)
			break;
		close(fd);
	}
	result = done("names", count);
	while (count--) {
		sprintf(path, "%s/%ld", where, count);
		unlink(path);
	}
	rmdir(where);
	return result;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "touch"))
		return touch(1 << 20);
	if (!strcmp(what, "regions"))
		return touch(4096);
	if (!strcmp(what, "faults"))
		return faults();
	if (!strcmp(what, "lock"))
		return lock_all();
	if (!strcmp(what, "tables"))
		return tables();
	if (!strcmp(what, "forks"))
		return forks(4096);
	if (!strcmp(what, "big-forks"))
		return forks(300 << 10);
	if (!strcmp(what, "threads"))
		return threads();
	if (!strcmp(what, "pipes"))
		return pipes();
	if (!strcmp(what, "files"))
		return files("/hog/file");
	if (!strcmp(what, "names"))
		return names("/hog/names");
	return 2;
}
