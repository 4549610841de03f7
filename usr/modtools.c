/* SPDX-License-Identifier: MIT */
/*
 * insmod, rmmod, lsmod, modinfo, modprobe and hotplug in one program, which looks at
 * the name it was called by. Here are rmmod, lsmod and what all have in common.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "modtools.h"

const char *prog;
int hushed;

int complain(const char *what, const char *why)
{
	if (!hushed)
		fprintf(stderr, "%s: %s: %s\n", prog, what, why);
	return 1;
}

int complain_errno(const char *what, const char *why)
{
	if (!hushed)
		fprintf(stderr, "%s: %s %s: %s\n", prog, what, why, strerror(errno));
	return 1;
}

/* '-' and '_' are one in names of drivers. */
char with_underscore(char letter)
{
	if (letter == '-')
		return '_';
	return letter;
}

int same_name(const char *left, const char *right)
{
	for (; *left && *right; left++, right++)
		if (with_underscore(*left) != with_underscore(*right))
			return 0;
	return *left == *right;
}

/* ---- what is installed ---- */

/* The newest driver with this name, or this number. @return 1: found */
int find_installed(const char *what, struct banos_query *out)
{
	struct banos_query query;
	char *end;
	long number = strtol(what, &end, 10);
	int found = 0, by_number = *what && !*end;

	for (s64 id = 0; (id = syscall(SYS_banos_query, id, &query, sizeof(query))) >= 0; id++)
		if ((by_number && id == number) || (!by_number && same_name(query.name, what))) {
			*out = query;
			found = 1;
		}
	return found;
}

static int find_oldest(const char *name, struct banos_query *out)
{
	for (s64 id = 0; (id = syscall(SYS_banos_query, id, out, sizeof(*out))) >= 0; id++)
		if (!out->builtin && same_name(out->name, name))
			return 1;
	return 0;
}

/* ---- removing ---- */

/* Collect the values of the lines "@key: value" in the status of driver @id, separated by ", ". */
static void collect(s64 id, const char *key, char *out, size_t size)
{
	char path[64], *line = NULL;
	size_t cap = 0, count = strlen(key);
	FILE *stream;

	out[0] = 0;
	snprintf(path, sizeof(path), "/proc/banos/%lld", (long long)id);
	stream = fopen(path, "re");
	while (stream && getline(&line, &cap, stream) > 0)
		if (!strncmp(line, key, count) && line[count] == ':') {
			size_t used = strlen(out);

			line[strcspn(line, "\n")] = 0;
			snprintf(out + used, size - used, "%s%s", used ? ", " : "",
				 line + count + 1 + strspn(line + count + 1, "\t "));
		}
	if (stream)
		fclose(stream);
	free(line);
}

/* The kernel's sentences begin with the driver's name. @return 1 */
static int complain_in_its_words(char *log)
{
	for (char *line = strtok(log, "\n"); line && !hushed; line = strtok(NULL, "\n"))
		fprintf(stderr, "%s: %s\n", prog, line);
	return 1;
}

int remove_driver(const struct banos_query *query, u64 flags)
{
	static char log[LOG_SIZE];
	char why[128];

	log[0] = 0;
	if (!syscall(SYS_banos_remove, query->id, flags, log, sizeof(log)))
		return 0;
	if (log[0])
		return complain_in_its_words(log);
	switch (errno) {
	case ENOENT:
		return complain(query->name,
				"is not installed any more: another process has removed it");
	case EINTR:
		return complain(query->name,
				"is still installed: the wait for its users was interrupted");
	case EPERM: return complain(query->name, "not permitted: only root may remove drivers");
	default:
		snprintf(why, sizeof(why), "cannot be removed: %s", strerror(errno));
		return complain(query->name, why);
	}
}

/* ---- rmmod ---- */

/* By name or number, by its file, or by what modules.dep calls that. */
static int find_by_file(const char *what, char *name, size_t size, struct banos_query *query)
{
	char *path;

	name_of_driver(what, name, size);
	if (find_installed(name, query))
		return 1;
	path = find_file(what);
	if (path)
		name_of_driver(path, name, size);
	free(path);
	return path && find_installed(name, query);
}

static int cmd_rmmod(int argc, char **argv)
{
	u64 flags = 0;
	int status = 0, i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--wait") || !strcmp(argv[i], "-w"))
			flags |= BANOS_REMOVE_WAIT;
		else if (!strcmp(argv[i], "--revoke"))
			flags |= BANOS_REMOVE_REVOKE;
		else if (!strcmp(argv[i], "--replace"))
			flags |= BANOS_REMOVE_REPLACE;
		else
			return complain(argv[i], "unknown option");
	}
	if (flags & BANOS_REMOVE_WAIT && flags != BANOS_REMOVE_WAIT)
		return complain("--wait", "excludes --revoke and --replace");
	if (i == argc) {
		fprintf(stderr,
			"usage: rmmod [--wait | [--revoke] [--replace]] NAME|ID...\n"
			"       --wait     sleep until nothing uses it\n"
			"       --revoke   take its open files and mappings away from programs\n"
			"       --replace  let another installed driver with the same exports take over\n"
			"                  from it (from the oldest of that name)\n");
		return 2;
	}
	for (; i < argc; i++) {
		struct banos_query query;
		char name[256];

		if (geteuid()) {
			status = complain(argv[i], "not permitted: only root may remove drivers");
			continue;
		}
		if (!find_by_file(argv[i], name, sizeof(name), &query) ||
		    (flags & BANOS_REMOVE_REPLACE && same_name(query.name, name) &&
		     !find_oldest(name, &query)))
			status = complain(argv[i], "no such driver is installed");
		else
			status |= remove_driver(&query, flags);
	}
	return status;
}

/* ---- lsmod ---- */

/* The part that every user may see: Linux's format, without the state and address. */
static int list_proc(void)
{
	FILE *stream = fopen("/proc/modules", "re");
	char name[128], deps[1024];
	unsigned long long size;
	int users;

	if (!stream)
		return complain_errno("/proc/modules", "cannot be read");
	while (fscanf(stream, "%127s %llu %d %1023s%*[^\n]", name, &size, &users, deps) == 4)
		printf("%-24s%8llu  %d %s\n", name, size, users, strcmp(deps, "-") ? deps : "");
	fclose(stream);
	return 0;
}

/* "used by a, b", from the account of one driver. */
static void print_users(s64 id)
{
	char users[1024];

	collect(id, "used by", users, sizeof(users));
	if (users[0])
		printf(", used by %s", users);
}

static int cmd_lsmod(int argc, char **argv)
{
	static const char *const states[] = {
		[BANOS_DRIVER_LOADING] = "loading",
		[BANOS_DRIVER_LIVE] = "live",
		[BANOS_DRIVER_GOING] = "going",
	};
	struct banos_query query;
	s64 id = syscall(SYS_banos_query, 0, &query, sizeof(query));

	if (id < 0 && errno != ENOENT) {
		printf("Module                      Size  Used by\n");
		return list_proc();
	}
	printf("Module                      Size  Used  Id  State\n");
	for (; id >= 0; id = syscall(SYS_banos_query, id + 1, &query, sizeof(query))) {
		printf("%-24s%8llu  %4u  %2lld  %s%s", query.name, (unsigned long long)query.bytes,
		       query.users, (long long)id, query.state < 3 ? states[query.state] : "?",
		       query.builtin ? ", built in" : "");
		print_users(id);
		printf("\n");
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int, char **);
	} commands[] = {
		{ "insmod", cmd_insmod },     { "rmmod", cmd_rmmod },
		{ "lsmod", cmd_lsmod },	      { "modinfo", cmd_modinfo },
		{ "modprobe", cmd_modprobe }, { "hotplug", cmd_hotplug },
	};
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;

	if (argc)
		prog = argv[0];
	else
		prog = "modtools";
	if (slash)
		prog = slash + 1;
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
			if (!strcmp(prog, commands[i].name))
				return commands[i].run(argc, argv);
		if (argc < 2)
			break;
		prog = argv[1]; /* modtools insmod ... */
		argv++;
		argc--;
	}
	fprintf(stderr, "modtools: call it as insmod, rmmod, lsmod, modinfo or modprobe\n");
	return 2;
}
