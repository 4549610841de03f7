// SPDX-License-Identifier: MIT
/*
 * banos-check --many, for tests alone: many runs in one process, since the start of the sanitizers and
 * their search for leaks take a hundred times longer than a run. A line of the input is the arguments of a
 * run, with 0x1f in between; its output ends with 0x1e, its status and a new line.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX 64

int main(int argc, char **argv);

static int run(char *program, char *line)
{
	char *argv[ARGS_MAX + 1] = { program }, *word;
	int argc = 1;

	while (argc < ARGS_MAX && (word = strsep(&line, "\x1f")))
		argv[argc++] = word;
	optind = 0;
	return main(argc, argv);
}

__attribute__((constructor)) static void run_many(int argc, char **argv)
{
	char *line = NULL;
	size_t size = 0;

	if (argc != 2 || strcmp(argv[1], "--many") != 0)
		return;
	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = 0;
		printf("\x1e%d\n", run(argv[0], line));
		fflush(stdout);
	}
	free(line);
	exit(0);
}
