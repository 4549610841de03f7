// SPDX-License-Identifier: MIT
/*
 * loadtest calls FILE: arguments that are wrong, of the calls that install, remove
 * and tell of drivers. FILE is a good driver.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "loadtest.h"

#define FILE_MAX      (32ul << 20)
#define UNMAPPED      ((void *)0x1000)
#define KERNEL	      ((void *)0xffffffff80200000ul)
#define NON_CANONICAL ((void *)0x800000000000ul)

/* A call that has to fail, and, where it has a log, to say why. */
static void refused(const char *what, long result, int err, const char *log)
{
	require(result == -err, "%s: %ld instead of %d", what, result, -err);
	if (log)
		require(strlen(log) > 10 && log[strlen(log) - 1] == '\n', "%s: no reason: %s", what,
			log);
}

static long error_of(long result)
{
	if (result < 0)
		return -errno;
	return 0;
}

/* The file at the very end of mapped memory. */
static unsigned char *at_the_end(const struct file *f)
{
	size_t pages = (f->size + 4095) / 4096;
	unsigned char *memory = mmap(NULL, (pages + 1) * 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	require(memory != MAP_FAILED && !munmap(memory + pages * 4096, 4096), "mmap: %s",
		strerror(errno));
	memory += pages * 4096 - f->size;
	memcpy(memory, f->data, f->size);
	return memory;
}

static void bad_images(const struct file *f)
{
	static char log[LOG_SIZE];
	unsigned char *end = at_the_end(f);
	void *bad[] = { NULL, UNMAPPED, KERNEL, NON_CANONICAL, (void *)-1ul, (void *)-4096ul };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		log[0] = 0;
		refused("image nowhere", install(bad[i], f->size, NULL, 0, log), EFAULT, log);
	}
	log[0] = 0;
	refused("one byte too many", install(end, f->size + 1, NULL, 0, log), EFAULT, log);
	refused("begins too early", install(end + 4096, f->size, NULL, 0, log), EFAULT, log);
	refused("wraps", install(end, -(u64)end + 8, NULL, 0, log), EFBIG, log);
	refused("too large", install(f->data, FILE_MAX + 1, NULL, 0, log), EFBIG, log);
	refused("much too large", install(f->data, -1ul, NULL, 0, log), EFBIG, log);
	refused("empty", install(f->data, 0, NULL, 0, log), ENOEXEC, log);
	refused("cut", install(f->data, f->size - 1, NULL, 0, log), ENOEXEC, log);
	require(!install(end, f->size, NULL, BANOS_INSTALL_DRY_RUN, log) && !*log, "at the end: %s",
		log);
	refused("init_module nowhere", error_of(syscall(SYS_init_module, UNMAPPED, f->size, "")),
		EFAULT, NULL);
	refused("init_module too large", error_of(syscall(SYS_init_module, f->data, -1ul, "")),
		EFBIG, NULL);
}

static void bad_params(const struct file *f)
{
	static char log[LOG_SIZE], text[2 * BANOS_PARAMS_MAX];
	void *bad[] = { UNMAPPED, KERNEL, NON_CANONICAL, (void *)-1ul };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		log[0] = 0;
		refused("parameters nowhere", install(f->data, f->size, bad[i], 0, log), EFAULT,
			log);
	}
	memset(text, ' ', sizeof(text) - 1);
	log[0] = 0;
	refused("endless parameters", install(f->data, f->size, text, 0, log), EINVAL, log);
	text[BANOS_PARAMS_MAX] = 0;
	refused("too many parameters", install(f->data, f->size, text, 0, log), EINVAL, log);
	text[BANOS_PARAMS_MAX - 1] = 0;
	require(!install(f->data, f->size, text, BANOS_INSTALL_DRY_RUN, log),
		"as many as may be: %s", log);
}

static void bad_flags_and_logs(const struct file *f)
{
	static char log[LOG_SIZE];
	long id;

	for (int bit = 1; bit < 64; bit++) {
		log[0] = 0;
		refused("flag", install(f->data, f->size, NULL, 1ul << bit, log), EINVAL, log);
	}
	refused("log nowhere",
		error_of(syscall(SYS_banos_install, "x", 1ul, NULL, 0ul, UNMAPPED, 100ul)), EFAULT,
		NULL);
	/* Cut to what there is room for, with its end. */
	memset(log, 'x', sizeof(log));
	refused("small log", error_of(syscall(SYS_banos_install, "x", 1ul, NULL, 0ul, log, 5ul)),
		ENOEXEC, NULL);
	require(strlen(log) == 4 && log[5] == 'x', "a log of five bytes");
	/* A driver that is installed stays so, whatever becomes of its log. */
	id = syscall(SYS_banos_install, f->data, f->size, NULL, 0ul, UNMAPPED, 100ul);
	require(id >= 0 && !remove_driver(id), "without a log: %ld", id);
}

/* Built-in drivers stay, whoever asks by whatever call. */
static void remove_built_in(void)
{
	struct banos_query query;
	int found = 0;

	for (long id = 0; (id = syscall(SYS_banos_query, id, &query, sizeof(query))) >= 0; id++) {
		if (!query.builtin)
			continue;
		found++;
		refused("built in", remove_driver(id), EBUSY, NULL);
		refused("built in, waiting",
			error_of(syscall(SYS_banos_remove, id, (u64)BANOS_REMOVE_WAIT, NULL, 0ul)),
			EBUSY, NULL);
		refused("built in, by name", error_of(syscall(SYS_delete_module, query.name, 0)),
			EAGAIN, NULL);
		require(syscall(SYS_banos_query, id, &query, sizeof(query)) == id &&
				query.state == BANOS_DRIVER_LIVE,
			"it is live");
	}
	require(found > 0, "no driver is built in");
}

static void bad_removals(void)
{
	long ids[] = { -1, -2, 1l << 40, -1ul >> 1, (long)(1ul << 63) };

	for (unsigned i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		refused("no such id", remove_driver(ids[i]), ENOENT, NULL);
	refused("remove flags", error_of(syscall(SYS_banos_remove, 0, ~0ul, NULL, 0ul)), EINVAL,
		NULL);
	refused("name nowhere", error_of(syscall(SYS_delete_module, UNMAPPED, 0)), EFAULT, NULL);
	refused("no such name", error_of(syscall(SYS_delete_module, "nobody", 0)), ENOENT, NULL);
	refused("empty name", error_of(syscall(SYS_delete_module, "", 0)), ENOENT, NULL);
	refused("long name",
		error_of(syscall(SYS_delete_module,
				 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
				 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
				 0)),
		ENOENT, NULL);
}

static void bad_queries(void)
{
	struct banos_query query;
	union {
		struct banos_query query;
		char bytes[4096];
	} room;

	refused("query nowhere", error_of(syscall(SYS_banos_query, 0, UNMAPPED, sizeof(query))),
		EFAULT, NULL);
	refused("query too small",
		error_of(syscall(SYS_banos_query, 0, &query, BANOS_QUERY_SIZE_1 - 1ul)), EINVAL,
		NULL);
	refused("query too large", error_of(syscall(SYS_banos_query, 0, &room, 4097ul)), E2BIG,
		NULL);
	memset(&room, 'x', sizeof(room));
	require(syscall(SYS_banos_query, 0, &room, (u64)BANOS_QUERY_SIZE_1) >= 0,
		"a query as of level 1");
	require(room.query.size == BANOS_QUERY_SIZE_1, "all of it is filled");
	require(room.bytes[BANOS_QUERY_SIZE_1] == 'x', "it writes no further than it may");
	require(syscall(SYS_banos_query, 0, &room, (u64)sizeof(room)) >= 0,
		"a query of a later level");
	require(room.query.size >= BANOS_QUERY_SIZE_1 && room.query.size < sizeof(room),
		"it says how much it knows: %u", room.query.size);
	for (unsigned i = room.query.size; i < sizeof(room); i++)
		require(!room.bytes[i], "byte %u, which it does not know, is 0", i);
	refused("query of none",
		error_of(syscall(SYS_banos_query, 1l << 40, &query, sizeof(query))), ENOENT, NULL);
}

static void bad_descriptors(const char *path)
{
	int pipes[2], fd = open(path, O_WRONLY), dir = open("/", O_RDONLY),
		      good = open(path, O_RDONLY);

	require(!pipe(pipes) && fd >= 0 && dir >= 0 && good >= 0, "files: %s", strerror(errno));
#define FINIT(fd, params, flags) error_of(syscall(SYS_finit_module, fd, params, flags))
	refused("fd -1", FINIT(-1, "", 0), EBADF, NULL);
	refused("fd 99", FINIT(99, "", 0), EBADF, NULL);
	refused("a file for writing", FINIT(fd, "", 0), EBADF, NULL);
	refused("a folder", FINIT(dir, "", 0), EINVAL, NULL);
	refused("a pipe", FINIT(pipes[0], "", 0), EINVAL, NULL);
	refused("unknown flags", FINIT(good, "", 8), EINVAL, NULL);
	refused("compressed", FINIT(good, "", 4), EOPNOTSUPP, NULL);
	refused("parameters nowhere", FINIT(good, UNMAPPED, 0), EFAULT, NULL);
	require(!FINIT(good, "", 0) && !syscall(SYS_delete_module, "odd", 0), "finit_module: %s",
		strerror(errno));
}

/* The same name twice: the newest goes first. */
static void names(const struct file *f)
{
	long first = install(f->data, f->size, NULL, 0, NULL),
	     second = install(f->data, f->size, NULL, 0, NULL);
	struct banos_query query;

	require(first >= 0 && second > first, "%ld, %ld", first, second);
	require(!syscall(SYS_delete_module, "odd", 0), "delete_module");
	require(syscall(SYS_banos_query, first, &query, sizeof(query)) == first &&
			!strcmp(query.name, "odd"),
		"the first stays");
	require(syscall(SYS_banos_query, second, &query, sizeof(query)) != second,
		"the newest goes");
	require(!syscall(SYS_delete_module, "odd", 0), "delete_module");
}

int test_calls(int argc, char **argv)
{
	struct file file;
	long before = 0;

	require(argc == 1, "loadtest calls FILE");
	file = file_read(argv[0]);
	for (int i = 0; i < 3; i++) {
		if (i == 1)
			before = memory_at_rest();
		bad_images(&file);
		bad_params(&file);
		bad_flags_and_logs(&file);
		bad_removals();
		remove_built_in();
		bad_queries();
		bad_descriptors(argv[0]);
		names(&file);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
	}
	/* This program maps some pages itself in each round. */
	require(memory_missing(before) < 64 * 4096, "%ld bytes are left behind",
		memory_missing(before));
	printf("done\n");
	return 0;
}
