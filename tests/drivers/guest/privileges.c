// SPDX-License-Identifier: MIT
/*
 * loadtest privileges FILE EXPECTED-ERRNO: who may not, learns nothing.
 *
 * As an ordinary user (and as root, where installing is locked) every call of the
 * family is refused before anything of the caller's is looked at: with a pointer to
 * nowhere it is the same EPERM, and a page that was never touched is not touched
 * by the kernel either, which mincore() and /proc/self/smaps show.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "loadtest.h"

#define NOWHERE ((void *)0x1000)

/* capset(2); musl has no header for it. */
#define CAP_VERSION_3  0x20080522u
#define CAP_SYS_MODULE 16
struct cap_header {
	unsigned version;
	int pid;
};
struct cap_sets {
	unsigned effective, permitted, inheritable;
};

static void denied(const char *what, long result)
{
	require(result == -1 && errno == EPERM, "%s gives %ld, error %d", what, result,
		result < 0 ? errno : 0);
}

static int lock_file; /* opened while it was allowed */

/* Kilobytes of the mapping at @memory that are in memory. */
static long resident(const void *memory)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[256];
	unsigned long start, end;
	int here = 0;
	long kib = -1;

	require(file != NULL, "/proc/self/smaps: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= (unsigned long)memory && (unsigned long)memory < end;
		else if (here && sscanf(line, "Rss: %ld", &kib) == 1)
			break;
	}
	fclose(file);
	return kib;
}

static long page_faults(void)
{
	struct rusage rusage;

	getrusage(RUSAGE_SELF, &rusage);
	return rusage.ru_minflt + rusage.ru_majflt;
}

static void installs(const void *image, const char *params, char *log, int fd)
{
	denied("banos_install",
	       syscall(SYS_banos_install, image, 4096ul, params, 0ul, log, 4096ul));
	denied("banos_install, dry",
	       syscall(SYS_banos_install, image, 4096ul, params, 1ul, log, 4096ul));
	denied("banos_install, flags",
	       syscall(SYS_banos_install, image, -1ul, params, ~0ul, log, -1ul));
	denied("init_module", syscall(SYS_init_module, image, 4096ul, params));
	denied("init_module, large", syscall(SYS_init_module, image, -1ul, params));
	denied("finit_module", syscall(SYS_finit_module, fd, params, 0));
	denied("finit_module, no file", syscall(SYS_finit_module, -1, params, ~0));
}

static void others(const void *name, void *out)
{
	denied("banos_remove", syscall(SYS_banos_remove, 0l, 0ul, NULL, 0ul));
	denied("banos_remove of none", syscall(SYS_banos_remove, -1l, ~0ul, (void *)1, ~0ul));
	denied("banos_query", syscall(SYS_banos_query, 0l, out, 4096ul));
	denied("banos_query, small", syscall(SYS_banos_query, 0l, out, 0ul));
	denied("delete_module", syscall(SYS_delete_module, name, 0ul));
	denied("delete_module, flags", syscall(SYS_delete_module, name, ~0ul));
}

/* Memory that is there for the taking, and was never touched. */
static void untouched(int fd, int all)
{
	unsigned char in_memory[4] = { 0 };
	long faults;
	/* With borders, so that the kernel joins it to no other mapping. */
	char *memory = mmap(NULL, 6 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	require(memory != MAP_FAILED, "mmap: %s", strerror(errno));
	memory += 4096;
	require(!mprotect(memory, 4 * 4096, PROT_READ | PROT_WRITE), "mprotect: %s",
		strerror(errno));
	installs(memory, memory + 4096, memory + 8192,
		 fd); /* once, so that our own pages are there */
	faults = page_faults();
	installs(memory, memory + 4096, memory + 8192, fd);
	if (all)
		others(memory + 4096, memory + 12288);
	require(page_faults() == faults, "a refused call made a page fault");
	require(!mincore(memory, 4 * 4096, in_memory), "mincore: %s", strerror(errno));
	for (int i = 0; i < 4; i++)
		require(!(in_memory[i] & 1), "page %d was touched", i);
	require(!resident(memory), "%ld KiB were touched", resident(memory));
	/* To know that this would be seen. */
	memory[0] = 1;
	require(resident(memory) == 4 && page_faults() > faults,
		"the measure itself does not work");
	munmap(memory - 4096, 6 * 4096);
}

static void all_calls(const char *path, int all)
{
	int fd = open(path, O_RDONLY);

	require(fd >= 0, "%s: %s", path, strerror(errno));
	installs(NOWHERE, NOWHERE, NOWHERE, fd);
	installs(NULL, NULL, NULL, fd);
	if (all) {
		others(NOWHERE, NOWHERE);
		others("hello", NOWHERE);
		denied("the lock of installs", write(lock_file, "1", 1));
	}
	untouched(fd, all);
	close(fd);
}

static void as(const char *what, const char *path, void (*become)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		become();
		all_calls(path, 1);
		printf("%s: denied\n", what);
		exit(0);
	}
	require(waitpid(pid, &status, 0) == pid && !status, "%s: status %#x", what, status);
}

static void ordinary(void)
{
	require(!setgroups(0, NULL) && !setresgid(1000, 1000, 1000) && !setresuid(1000, 1000, 1000),
		"setresuid");
}
/* The way back stays open, but is not taken. */
static void for_now(void)
{
	require(!seteuid(1000), "seteuid");
}

/* Only with all rights but one, or only with that one. */
static void set_module_right(int without)
{
	struct cap_header header = { .version = CAP_VERSION_3 };
	struct cap_sets sets[2];
	const unsigned bit = 1u << CAP_SYS_MODULE;

	require(!syscall(SYS_capget, &header, sets), "capget: %s", strerror(errno));
	require(sets[0].permitted & bit, "it is not permitted anyhow");
	if (without) {
		sets[0].permitted &= ~bit;
	} else {
		sets[0].permitted = bit;
		sets[1].permitted = 0;
	}
	for (int i = 0; i < 2; i++) {
		sets[i].effective = sets[i].permitted;
		sets[i].inheritable = 0;
	}
	require(!syscall(SYS_capset, &header, sets), "capset: %s", strerror(errno));
}

static void without_the_right(void)
{
	set_module_right(1);
}
static void with_the_right(void)
{
	require(!prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep: %s", strerror(errno));
	ordinary();
	set_module_right(0);
}

int test_privileges(int argc, char **argv)
{
	require(argc >= 1, "loadtest privileges FILE [locked]");
	lock_file = open("/proc/banos/lock", O_WRONLY);
	require(lock_file >= 0, "/proc/banos/lock: %s", strerror(errno));
	if (argc > 1) {
		all_calls(argv[0], 0);
		printf("root: denied\n");
	} else {
		as("ordinary user", argv[0], ordinary);
		as("root for now an ordinary user", argv[0], for_now);
		as("root without CAP_SYS_MODULE", argv[0], without_the_right);
		as("ordinary user with CAP_SYS_MODULE", argv[0], with_the_right);
	}
	printf("done\n");
	return 0;
}
