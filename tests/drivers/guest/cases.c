// SPDX-License-Identifier: MIT
/*
 * loadtest cases FOLDER LIST: install every file of a list.
 *
 * A line of the list is NAME<TAB>PARAMETERS<TAB>OTHER,OTHER: the drivers OTHER are
 * installed before. Each file goes through dry runs and an installation, after
 * which the table of exports has to be as before. Printed is, for each, "case NAME
 * DRY-RUN-ERRNO ERRNO" and the reasons behind "| ". Then all of that is done many
 * times over, and as much memory has to be free as before.
 *
 * loadtest verdicts FOLDER LIST: only what a dry run says, once for each file, so that
 * no code of a damaged file runs: "case NAME ERRNO" and the reasons.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "loadtest.h"

/* Often enough for the smallest thing that is forgotten to cost a page. */
#define REPEAT 130

static const char *folder;
static char exports[EXPORTS_SIZE], exports_after[EXPORTS_SIZE];

static struct file file_of(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.ko", folder, name);
	return file_read(path);
}

static void print_log(const char *log)
{
	for (const char *end; (end = strchr(log, '\n')); log = end + 1)
		printf("| %.*s\n", (int)(end - log), log);
}

/* Damaged names have bytes that terminals act on. */
static void hide_odd_bytes(char *log)
{
	for (; *log; log++)
		if (*log != '\n' && (*log < ' ' || *log > '~'))
			*log = '?';
}

static int install_others(char *names, long *ids)
{
	int count = 0;

	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		struct file file = file_of(name);
		char log[LOG_SIZE];

		ids[count] = install(file.data, file.size, NULL, 0, log);
		free(file.data);
		require(ids[count] >= 0, "%s, which comes before: %ld: %s", name, ids[count], log);
		count++;
	}
	return count;
}

/* @repeat dry runs and an installation. @print: say what came of it */
static void one(const char *name, const char *params, char *others, int repeat, int print)
{
	static char dry_log[LOG_SIZE], log[LOG_SIZE];
	long others_ids[8], dry = 0, id;
	struct file file = file_of(name);
	int nothers = install_others(others, others_ids);

	exports_read(exports);
	for (int i = 0; i < repeat; i++) {
		long again = install(file.data, file.size, params, BANOS_INSTALL_DRY_RUN, dry_log);

		require(!i || again == dry, "%s: %ld, then %ld", name, dry, again);
		dry = again;
	}
	id = install(file.data, file.size, params, 0, log);
	require(id < 0 || !remove_driver(id), "%s: cannot be removed", name);
	exports_read(exports_after);
	require(!strcmp(exports, exports_after), "%s: the table of exports is another", name);
	require(dry >= 0 || !strcmp(log, dry_log),
		"%s: other words in a dry run: %s\nthan then: %s", name, dry_log, log);
	while (nothers)
		require(!remove_driver(others_ids[--nothers]),
			"%s: what came before cannot be removed", name);
	free(file.data);
	if (!print)
		return;
	printf("case %s %ld %ld\n", name, -dry, id < 0 ? -id : 0);
	if (id < 0)
		print_log(log);
}

static void say_verdict(const char *name, const char *params, char *others)
{
	static char log[LOG_SIZE];
	long others_ids[8], result;
	struct file file = file_of(name);
	int nothers = install_others(others, others_ids);

	result = install(file.data, file.size, params, BANOS_INSTALL_DRY_RUN, log);
	while (nothers)
		require(!remove_driver(others_ids[--nothers]),
			"%s: what came before cannot be removed", name);
	free(file.data);
	printf("case %s %ld\n", name, -result);
	if (result < 0) {
		hide_odd_bytes(log);
		print_log(log);
	}
}

/* @repeat 0: verdicts alone */
static void all(const struct file *list, int repeat, int print)
{
	static char text[1 << 18];
	char *line, *next;

	require(list->size < sizeof(text), "the list is too long");
	memcpy(text, list->data, list->size);
	text[list->size] = 0;
	for (line = text; *line; line = next) {
		char *params, *others;

		next = strchr(line, '\n');
		*next++ = 0;
		params = strchr(line, '\t');
		*params++ = 0;
		others = strchr(params, '\t');
		*others++ = 0;
		if (repeat)
			one(line, *params ? params : NULL, others, repeat, print);
		else
			say_verdict(line, *params ? params : NULL, others);
	}
}

int test_cases(int argc, char **argv)
{
	struct file list;
	long before, missing = 1;

	require(argc == 2, "loadtest cases FOLDER LIST");
	folder = argv[0];
	list = file_read(argv[1]);
	/* This also makes what is only made once. */
	all(&list, 3, 1);
	fflush(stdout);
	/* Some memory is kept for the next time, a little more or less: what is lost is lost each time. */
	for (int i = 0; i < 12 && missing; i++) {
		before = memory_at_rest();
		all(&list, REPEAT, 0);
		missing = memory_missing(before);
	}
	require(!missing, "%ld bytes are left behind, again and again", missing);
	printf("done\n");
	return 0;
}

int test_verdicts(int argc, char **argv)
{
	struct file list;

	require(argc == 2, "loadtest verdicts FOLDER LIST");
	folder = argv[0];
	list = file_read(argv[1]);
	all(&list, 0, 1);
	printf("done\n");
	return 0;
}
