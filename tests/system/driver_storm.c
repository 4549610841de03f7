/* SPDX-License-Identifier: MIT */
/*
 * Installs and removes drivers while others use and list them:
 *
 *	driver_storm CYCLES FOLDER-OF-DRIVERS
 *
 * One process for each driver installs and removes it CYCLES times; meanwhile two
 * open, read, write, poll and close the device of one of them, and two list. What may
 * happen then: the device is not there (ENOENT, ENXIO, ENODEV), the driver in
 * use (EBUSY), an exporter not there (ENOENT). Nothing else may. A few cycles can
 * be over before the others have had a processor, so in each fourth the device
 * stays until somebody has used it, and away until somebody has missed it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../include/uapi/banos.h"

static struct shared {
	int cycles, removers, installs, refused, busy, used, absent, listed, wrong;
	unsigned long cpus;
} * shared;
#define COUNT(what) __atomic_fetch_add(&shared->what, 1, __ATOMIC_SEQ_CST)

static void wrong(const char *what, const char *name)
{
	printf("%s: %s: %s\n", what, name, strerror(errno));
	COUNT(wrong);
}

static void seen(void)
{
	__atomic_fetch_or(&shared->cpus, 1ul << sched_getcpu(), __ATOMIC_SEQ_CST);
}

/* ---- installing and removing ---- */

static void *read_file(const char *folder, const char *name, size_t *size)
{
	char path[256];
	struct stat info;
	void *data;
	int fd;

	snprintf(path, sizeof(path), "%s/%s.ko", folder, name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &info))
		return NULL;
	data = malloc(info.st_size);
	if (data && read(fd, data, info.st_size) == info.st_size)
		*size = info.st_size;
	else
		*size = 0;
	close(fd);
	if (*size)
		return data;
	return NULL;
}

static void remove_driver(const char *name, long id)
{
	char why[256];

	/* Sometimes wait for those who use it; else try until they are gone. */
	if (id % 3 == 0 && strcmp(name, "adder")) {
		if (syscall(SYS_banos_remove, id, BANOS_REMOVE_WAIT, NULL, 0ul))
			wrong("remove, waiting", name);
		return;
	}
	while (syscall(SYS_banos_remove, id, 0, why, sizeof(why))) {
		if (errno != EBUSY) {
			wrong("remove", name);
			return;
		}
		COUNT(busy);
		sched_yield();
	}
}

/* Every fourth cycle of the device that is used: wait for one more of those. */
static void await_one_more(int i, const char *name, const int *count)
{
	int before = __atomic_load_n(count, __ATOMIC_SEQ_CST);

	if (i % 4 || strcmp(name, "scratch"))
		return;
	while (__atomic_load_n(count, __ATOMIC_SEQ_CST) == before)
		usleep(100);
}

static void cycle(const char *folder, const char *name)
{
	size_t size;
	void *data = read_file(folder, name, &size);
	char log[1024];

	if (!data)
		wrong("read", name);
	for (int i = 0; data && i < shared->cycles; i++) {
		long id = syscall(SYS_banos_install, data, size, NULL, 0, log, sizeof(log));

		seen();
		if (id >= 0) {
			COUNT(installs);
			await_one_more(i, name, &shared->used);
			remove_driver(name, id);
			await_one_more(i, name, &shared->absent);
		} else if (errno == ENOENT && !strcmp(name, "sum")) {
			COUNT(refused);
		} else {
			wrong("install", name);
			printf("%s", log);
		}
	}
	__atomic_fetch_sub(&shared->removers, 1, __ATOMIC_SEQ_CST);
}

static int running(void)
{
	return __atomic_load_n(&shared->removers, __ATOMIC_SEQ_CST) > 0;
}

/* ---- using ---- */

static void use_once(int fd)
{
	struct pollfd pollfd = { fd, POLLIN | POLLOUT, 0 };
	char text[32] = { 0 };

	if (pwrite(fd, "storm", 5, 100) != 5 || pread(fd, text, 5, 100) != 5 ||
	    memcmp(text, "storm", 5))
		wrong("use", "scratch");
	if (poll(&pollfd, 1, 0) != 1)
		wrong("poll", "scratch");
	COUNT(used);
}

static void use(void)
{
	while (running()) {
		int fd = open("/dev/scratch", O_RDWR);

		seen();
		if (fd >= 0) {
			use_once(fd);
			close(fd);
		} else if (errno == ENOENT || errno == ENXIO || errno == ENODEV) {
			COUNT(absent);
			usleep(100);
		} else {
			wrong("open", "scratch");
		}
	}
}

/* ---- listing ---- */

static void read_all(const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY);

	while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
		;
	if (fd >= 0)
		close(fd);
}

static void list(void)
{
	while (running()) {
		struct banos_query query;
		char path[300];
		DIR *folder = opendir("/proc/banos");

		seen();
		read_all("/proc/modules");
		for (struct dirent *dirent; folder && (dirent = readdir(folder));) {
			snprintf(path, sizeof(path), "/proc/banos/%s", dirent->d_name);
			if (strcmp(dirent->d_name, "lock"))
				read_all(path);
		}
		if (folder)
			closedir(folder);
		for (long id = 0; (id = syscall(SYS_banos_query, id, &query, sizeof(query))) >= 0;
		     id++)
			COUNT(listed);
		if (errno != ENOENT)
			wrong("query", "all");
	}
}

static void in_child(void (*what)(void))
{
	if (fork())
		return;
	what();
	exit(0);
}

int main(int argc, char **argv)
{
	static const char *const drivers[] = { "hello", "scratch", "adder",
					       "sum",	"counter", "ticker" };
	int count = sizeof(drivers) / sizeof(drivers[0]);

	if (argc != 3)
		return 2;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	shared->cycles = atoi(argv[1]);
	shared->removers = count + 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < count; i++)
		if (!fork()) {
			cycle(argv[2], drivers[i]);
			exit(0);
		}
	in_child(use);
	in_child(use);
	in_child(list);
	in_child(list);
	/* Those who list have had a turn, however short the cycles are. */
	while (!__atomic_load_n(&shared->listed, __ATOMIC_SEQ_CST) &&
	       !__atomic_load_n(&shared->wrong, __ATOMIC_SEQ_CST))
		usleep(100);
	__atomic_fetch_sub(&shared->removers, 1, __ATOMIC_SEQ_CST);
	while (wait(NULL) > 0)
		;
	printf("installs %d refused %d busy %d used %d absent %d listed %d cpus %lx wrong %d\n",
	       shared->installs, shared->refused, shared->busy, shared->used, shared->absent,
	       shared->listed, shared->cpus, shared->wrong);
	return shared->wrong != 0;
}
