// SPDX-License-Identifier: MIT
/*
 * loadtest: what only a program in the running kernel can see of installing
 * drivers. "loadtest WHAT ARGUMENTS"; tests/system/test_loader.py runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "loadtest.h"

struct file file_read(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct file file = { 0 };
	struct stat info;

	require(fd >= 0 && !fstat(fd, &info), "%s: %s", path, strerror(errno));
	file.size = info.st_size;
	file.data = malloc(file.size + 1);
	require(file.data && read(fd, file.data, file.size) == (ssize_t)file.size,
		"%s: cannot be read", path);
	close(fd);
	return file;
}

long install(const void *image, size_t size, const char *params, u64 flags, char *log)
{
	long result =
		syscall(SYS_banos_install, image, size, params, flags, log, log ? LOG_SIZE : 0);

	if (result < 0)
		return -errno;
	return result;
}

long remove_driver(long id)
{
	if (syscall(SYS_banos_remove, id, (u64)BANOS_REMOVE_WAIT, NULL, 0ul))
		return -errno;
	return 0;
}

void require(int holds, const char *what, ...)
{
	va_list args;

	if (holds)
		return;
	printf("FAILED: ");
	va_start(args, what);
	vprintf(what, args);
	va_end(args);
	printf("\n");
	exit(1);
}

/*
 * This program's own memory counts, too: what it needs is there from the start,
 * and touched.
 */
static char meminfo[8192];

static size_t proc_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	size_t count = 0;
	ssize_t got;

	require(fd >= 0, "%s: %s", path, strerror(errno));
	while ((got = read(fd, text + count, size - 1 - count)) > 0)
		count += got;
	close(fd);
	text[count] = 0;
	return count;
}

long memory_free(void)
{
	char *at;
	long kib;

	proc_read("/proc/meminfo", meminfo, sizeof(meminfo));
	at = strstr(meminfo, "MemFree:");
	if (at)
		kib = atol(at + 8);
	else
		kib = -1;
	require(kib > 0, "/proc/meminfo has no MemFree");
	return kib * 1024;
}

static void pause_a_little(void)
{
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
}

long memory_at_rest(void)
{
	long last = 0, now = memory_free();

	for (int same = 0; same < 10; same = now == last ? same + 1 : 0) {
		last = now;
		pause_a_little();
		now = memory_free();
	}
	return now;
}

long memory_missing(long before)
{
	long missing = 0;

	for (int i = 0; i < 50; i++) {
		missing = before - memory_free();
		if (missing <= 0)
			return 0;
		pause_a_little();
	}
	return missing;
}

void exports_read(char *text)
{
	size_t count = proc_read("/proc/banos/exports", text, EXPORTS_SIZE);

	require(count > 0 && count < EXPORTS_SIZE - 1, "/proc/banos/exports has %zu bytes", count);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int, char **);
	} tests[] = {
		{ "cases", test_cases },   { "mutants", test_mutants },
		{ "calls", test_calls },   { "privileges", test_privileges },
		{ "race", test_race },	   { "failing", test_failing },
		{ "once", test_once },	   { "verdicts", test_verdicts },
		{ "mutate", test_mutate },
	};

	static char out[1 << 16];

	memset(out, 1, sizeof(out));
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	for (size_t i = 0; argc > 1 && i < sizeof(tests) / sizeof(*tests); i++)
		if (!strcmp(tests[i].name, argv[1]))
			return tests[i].run(argc - 2, argv + 2);
	fprintf(stderr,
		"usage: loadtest cases|mutants|calls|privileges|race|failing|once|verdicts|mutate "
		"...\n");
	return 2;
}
