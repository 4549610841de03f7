/* SPDX-License-Identifier: MIT */
/*
 * banos-class-test: does a driver do what its class promises? It looks at the driver as programs do, so it is the
 * same for a driver that is built in, installed, of another vendor, or not a driver at all (it runs on Linux, too).
 * Output: Test Anything Protocol, version 13. Exit status: 0: no test failed; 1: some did; 2: it could not be run.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "class_test.h"

static int done, failed;

bool verdict(bool good, const char *what, ...)
{
	va_list args;

	printf("%sok %d - ", good ? "" : "not ", ++done);
	va_start(args, what);
	vprintf(what, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	failed += !good;
	return good;
}

void skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++done, what, why);
	fflush(stdout);
}

void give_up(const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	exit(2);
}

void give_up_errno(const char *what, const char *name)
{
	printf("Bail out! %s %s: %s\n", what, name, strerror(errno));
	exit(2);
}

void *memory_of(size_t bytes)
{
	void *memory;

	if (posix_memalign(&memory, 4096, bytes))
		give_up("banos-class-test", "not enough memory");
	memset(memory, 0, bytes);
	return memory;
}

/* Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014. */
static uint64_t mixed(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

uint64_t random_below(uint64_t *state, uint64_t limit)
{
	*state += 0x9e3779b97f4a7c15u;
	return mixed(*state) % limit;
}

static uint64_t pattern_word(uint64_t seed, uint64_t at)
{
	return mixed(seed * 0x9e3779b97f4a7c15u + at / 8);
}

void pattern_fill(void *to, size_t bytes, uint64_t seed, uint64_t at)
{
	uint8_t *place = to;
	uint64_t word;

	while (bytes) {
		size_t from = at % 8, length = 8 - from < bytes ? 8 - from : bytes;

		word = pattern_word(seed, at);
		memcpy(place, (uint8_t *)&word + from, length);
		place += length;
		at += length;
		bytes -= length;
	}
}

bool pattern_holds(const void *bytes, size_t length, uint64_t seed, uint64_t at)
{
	uint8_t *right = memory_of(length + 1);
	size_t i = 0;

	pattern_fill(right, length, seed, at);
	while (i < length && ((const uint8_t *)bytes)[i] == right[i])
		i++;
	if (i < length)
		printf("# byte %llu is %02x instead of %02x\n", (unsigned long long)(at + i),
		       ((const uint8_t *)bytes)[i], right[i]);
	free(right);
	return i == length;
}

bool refused(ssize_t result, int error)
{
	if (result == -1 && errno == error)
		return true;
	if (result == -1)
		printf("# %s instead of error %d\n", strerror(errno), error);
	else
		printf("# %zd instead of error %d\n", result, error);
	return false;
}

static void pin(int index)
{
	cpu_set_t all, one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(all), &all) || !CPU_COUNT(&all))
		return;
	for (int left = index % CPU_COUNT(&all); left || !CPU_ISSET(cpu, &all); cpu++)
		left -= CPU_ISSET(cpu, &all) != 0;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

bool in_processes(int count, bool (*work)(int index, void *context), void *context)
{
	bool good = true;
	int status, started = 0;

	fflush(stdout);
	for (; started < count; started++) {
		pid_t child = fork();

		if (child < 0)
			break;
		if (!child) {
			pin(started);
			status = work(started, context) ? 0 : 1;
			fflush(stdout);
			_exit(status);
		}
	}
	good = started == count;
	while (started--)
		if (wait(&status) < 0 || status)
			good = false;
	return good;
}

static const struct class
{
	const char *name, *words, *about;
	void (*test)(int count, char **words);
} classes[] = {
	{ "block", "DEVICE",
	  "a disk, which nobody uses; what stands on it is put back, but not after a power failure",
	  test_block },
	{ "partitions", "DEVICE", "a whole disk with a partition table; nothing is written",
	  test_partitions },
	{ "filesystem", "TYPE DEVICE [OPTIONS]",
	  "a file system that is not mounted; files are made in a folder of its own and removed",
	  test_filesystem },
	{ "tree", "FOLDER", "any mounted tree of files; nothing is written", NULL },
};

static int usage(void)
{
	fprintf(stderr, "usage: banos-class-test CLASS ...\n");
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		fprintf(stderr, "  %-11s%-24s%s\n", classes[i].name, classes[i].words,
			classes[i].about);
	return 2;
}

int main(int count, char **words)
{
	if (count < 3)
		return usage();
	printf("TAP version 13\n");
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (strcmp(words[1], classes[i].name))
			continue;
		if (classes[i].test)
			classes[i].test(count - 2, words + 2);
		else
			test_tree(words[2]);
		printf("1..%d\n# %d of %d failed\n", done, failed, done);
		return failed ? 1 : 0;
	}
	return usage();
}
