/* SPDX-License-Identifier: MIT */
/*
 * insmod and modprobe: they install drivers with banos_install(), which reports every reason
 * for a refusal. modprobe first installs the drivers that a driver needs: those that it
 * imports from (modules.dep), and those that it names (softdep=pre: in .modinfo).
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "modtools.h"

#define LOCK_FILE "/run/modprobe.lock"

/*
 * Lock a driver's name while this process checks whether the driver is installed, and
 * installs it if it is not: the kernel itself accepts two drivers of one name. The lock of
 * a name is one byte of a file, at the name's hash; no process holds two. Without the file
 * (no root, no /run) nothing is locked. @return the argument for unlock_name()
 */
static int lock_name(const char *name)
{
	struct flock byte = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	unsigned hash = 0;

	for (; *name; name++)
		hash = hash * 31 + (unsigned char)with_underscore(*name);
	byte.l_start = hash;
	if (fd >= 0)
		(void)fcntl(fd, F_OFD_SETLKW, &byte);
	return fd;
}

static void unlock_name(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- insmod ---- */

/* Words joined with blanks; a value with blanks gets quotes. Allocated. */
static char *join_params(char **words)
{
	size_t size = 1;
	char *text, *bytes;

	for (char **word = words; *word; word++)
		size += strlen(*word) + 3;
	bytes = text = malloc(size);
	if (!text)
		return NULL;
	for (char **word = words; *word; word++) {
		char *equals = strchr(*word, '=');

		if (bytes > text)
			*bytes++ = ' ';
		if (equals && strpbrk(equals, " \t") && equals[1] != '"')
			bytes += sprintf(bytes, "%.*s\"%s\"", (int)(equals + 1 - *word), *word,
					 equals + 1);
		else
			bytes += sprintf(bytes, "%s", *word);
	}
	*bytes = 0;
	return text;
}

/* Print the kernel's report, or what the errno means here if the kernel made none. */
static void complain_refused(const char *path, char *log)
{
	int err = errno, locked = 0;
	FILE *stream;

	if (log[0]) {
		complain(path, "cannot be installed:");
		for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
			fprintf(stderr, "%s:   %s\n", prog, line);
		return;
	}
	stream = fopen("/proc/banos/lock", "re");
	locked = stream && fgetc(stream) == '1';
	if (stream)
		fclose(stream);
	if (err == EPERM && locked)
		complain(
			path,
			"not permitted: no driver can be installed until the next boot (/proc/banos/lock)");
	else if (err == EPERM)
		complain(path, "not permitted: only root may install drivers");
	else if (err == ENOSYS)
		complain(path, "cannot be installed: this kernel does not know banos_install()");
	else {
		errno = err;
		complain_errno(path, "cannot be installed");
	}
}

/* @return the id, or -1 (after a message) */
s64 install(const char *path, char **params, u64 flags)
{
	static char log[LOG_SIZE];
	struct image img = { 0 };
	char *text = join_params(params);
	s64 id;

	if (!text || read_image(path, &img)) {
		free(text);
		return -1;
	}
	log[0] = 0;
	id = syscall(SYS_banos_install, img.data, img.size, text, flags, log, sizeof(log));
	if (id < 0)
		complain_refused(path, log);
	free(img.data);
	free(text);
	return id;
}

static int is_duplicate(const char *name)
{
	struct banos_query query;
	int found = find_installed(name, &query);

	if (found)
		fprintf(stderr,
			"%s: %s is installed already, with id %lld; --allow-duplicate installs it once more\n",
			prog, name, (long long)query.id);
	return found;
}

/* Unless a driver of its name is installed already. @return the id, or -1 (after a message) */
static s64 install_first(const char *path, char **params)
{
	char name[256];
	s64 id = -1;
	int lock;

	if (!name_of_driver(path, name, sizeof(name)))
		return install(path, params, 0); /* which reports what is wrong with it */
	if (is_duplicate(name))			 /* at once, while the other's init() sleeps */
		return -1;
	lock = lock_name(name);
	if (!is_duplicate(name))
		id = install(path, params, 0);
	unlock_name(lock);
	return id;
}

int cmd_insmod(int argc, char **argv)
{
	u64 flags = 0;
	int allow = 0, i = 1;
	char *path;
	s64 id;

	for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--allow-duplicate"))
			allow = 1;
		else if (!strcmp(argv[i], "--dry-run"))
			flags |= BANOS_INSTALL_DRY_RUN;
		else
			return complain(argv[i], "unknown option");
	}
	if (i == argc) {
		fprintf(stderr,
			"usage: insmod [--dry-run] [--allow-duplicate] FILE|NAME [parameter=value]...\n");
		return 2;
	}
	path = find_file(argv[i]);
	if (!path)
		return complain(argv[i],
				"no such file, and modules.dep has no driver of that name");
	if (allow || flags)
		id = install(path, argv + i + 1, flags);
	else
		id = install_first(path, argv + i + 1);
	free(path);
	if (id < 0)
		return 1;
	if (flags & BANOS_INSTALL_DRY_RUN)
		printf("would install\n");
	else
		printf("%lld\n", (long long)id);
	return 0;
}

/* ---- modprobe ---- */

#define DEPTH_MAX 8 /* of drivers that name others, which name others ... */

static struct {
	int remove, all, quiet, verbose, dry, show;
} opt;
static char *no_params[] = { NULL };

static int probe(const char *name, char **params, int depth);

/* Install the drivers that @path names as its dependencies: softdep=pre: a b post: c. */
static void probe_named(const char *path, int depth)
{
	struct image img = { 0 };
	struct modinfo modinfo;
	const char *text;

	if (read_image(path, &img) || find_modinfo(&img, &modinfo)) {
		free(img.data);
		return;
	}
	while ((text = modinfo_next(&modinfo))) {
		char *copy, *word;
		int pre = 0;

		if (strncmp(text, "softdep=", 8))
			continue;
		copy = strdup(text + 8);
		if (!copy)
			break;
		for (word = strtok(copy, " "); word; word = strtok(NULL, " "))
			if (word[strlen(word) - 1] == ':')
				pre = !strcmp(word, "pre:");
			else if (pre)
				probe(word, no_params,
				      depth + 1); /* if it is missing, the kernel reports that */
		free(copy);
	}
	free(img.data);
}

/* Is what this file holds installed, under the name that it has itself? */
static int file_installed(const char *path, struct banos_query *out)
{
	char name[256];

	name_of_driver(path, name, sizeof(name));
	return find_installed(name, out);
}

/* Another modprobe may have been faster. @return 0, 1 (after a message) */
static int install_missing(const char *path, char **params)
{
	struct banos_query query;
	char name[256];
	int lock, err;

	name_of_driver(path, name, sizeof(name));
	lock = lock_name(name);
	err = !find_installed(name, &query) && install(path, params, 0) < 0;
	unlock_name(lock);
	return err;
}

static int probe_file(const char *path, char **params, int depth)
{
	if (depth < DEPTH_MAX)
		probe_named(path, depth);
	if (opt.verbose || opt.show) {
		printf("insmod %s", path);
		for (char **word = params; *word; word++)
			printf(" %s", *word);
		printf("\n");
	}
	if (opt.dry || opt.show)
		return 0;
	return install_missing(path, params);
}

/* Install what @name needs, the deepest first, then itself. @return 0, 1 (after a message, unless -q) */
static int probe(const char *name, char **params, int depth)
{
	char *line, *deps, *last, *own;
	struct banos_query query;
	int err = 0;

	if (!opt.show && find_installed(name, &query))
		return 0;
	line = dep_line(name);
	if (!line) {
		if (!opt.quiet)
			complain(name, "modules.dep has no driver of that name");
		return 1;
	}
	deps = strchr(line, ':');
	*deps++ = 0;
	own = full_path(line, strlen(line));
	if (!own || (!opt.show && file_installed(own, &query))) {
		free(line);
		free(own);
		return !own;
	}
	while (!err && (last = strrchr(deps, ' '))) {
		char *path;

		*last++ = 0;
		if (!*last)
			continue;
		path = full_path(last, strlen(last));
		err = !path || ((opt.show || !file_installed(path, &query)) &&
				probe_file(path, no_params, depth));
		free(path);
	}
	err = err || probe_file(own, params, depth);
	free(own);
	free(line);
	return err;
}

int probe_alias(const char *alias)
{
	char path[320], *line = NULL;
	int found = 0, failed = 0;
	size_t cap = 0;
	FILE *stream;

	snprintf(path, sizeof(path), "%s/modules.alias", module_folder());
	stream = fopen(path, "re");
	while (stream && getline(&line, &cap, stream) > 0) {
		char *save, *pattern = strtok_r(line, " \n", &save), *name;

		if (!pattern || strcmp(pattern, "alias"))
			continue;
		pattern = strtok_r(NULL, " \n", &save);
		if (!pattern)
			continue;
		name = strtok_r(NULL, " \n", &save);
		if (!name || fnmatch(pattern, alias, 0))
			continue;
		found++;
		failed |= probe(name, no_params, 0);
	}
	if (stream)
		fclose(stream);
	free(line);
	if (failed)
		return -1;
	return found;
}

/* By name, or what a device is: "pci:v...". */
static int probe_any(const char *what, char **params)
{
	if (!strchr(what, ':'))
		return probe(what, params, 0);
	int found = probe_alias(what);

	if (!found && !opt.quiet)
		complain(what, "modules.alias has no driver for it");
	return found <= 0;
}

static int remove_one(const struct banos_query *query)
{
	if (opt.verbose)
		printf("rmmod %s\n", query->name);
	if (opt.dry)
		return 0;
	return remove_driver(query, 0);
}

/* Remove @name and the drivers that it needed, unless others need them. */
static int unprobe(const char *name)
{
	char *line = dep_line(name), *deps = NULL, *path = NULL, *word = NULL;
	struct banos_query query;
	int err = 0;

	if (line) {
		deps = strchr(line, ':');
		*deps++ = 0;
		path = full_path(line, strlen(line));
	}
	if (!find_installed(name, &query) && (!path || !file_installed(path, &query))) {
		if (!opt.quiet)
			err = complain(name, "not installed");
		deps = NULL;
	} else {
		err = remove_one(&query);
	}
	free(path);
	if (deps && !err)
		word = strtok(deps, " ");
	for (; word; word = strtok(NULL, " ")) {
		path = full_path(word, strlen(word));
		if (path && file_installed(path, &query) && (!query.users || opt.dry) &&
		    !query.builtin)
			remove_one(&query);
		free(path);
	}
	free(line);
	return err;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: modprobe [-nqv] NAME|ALIAS [parameter=value]...\n"
		"       modprobe [-nqv] -a NAME|ALIAS...     each of them\n"
		"       modprobe [-nqv] -r NAME...           remove, with what only they needed\n"
		"       modprobe -D NAME                     show what would be installed, in order\n");
	return 2;
}

/* @return 0, 1: an unknown option */
static int take_option(const char *word)
{
	static const struct {
		const char *name;
		char letter;
	} longs[] = {
		{ "--remove", 'r' },  { "--all", 'a' },	    { "--quiet", 'q' },
		{ "--verbose", 'v' }, { "--dry-run", 'n' }, { "--show-depends", 'D' },
	};
	char letters[2] = { 0 };

	for (size_t i = 0; i < sizeof(longs) / sizeof(longs[0]); i++)
		if (!strcmp(word, longs[i].name))
			letters[0] = longs[i].letter;
	for (const char *option = letters[0] ? letters : word + 1; *option; option++)
		switch (*option) {
		case 'r': opt.remove = 1; break;
		case 'a': opt.all = 1; break;
		case 'q': opt.quiet = 1; break;
		case 'v': opt.verbose = 1; break;
		case 'n': opt.dry = 1; break;
		case 'D': opt.show = 1; break;
		default: return complain(word, "unknown option");
		}
	return 0;
}

int cmd_modprobe(int argc, char **argv)
{
	int i = 1, status = 0;

	for (; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--"); i++)
		if (take_option(argv[i]))
			return usage();
	i += i < argc && !strcmp(argv[i], "--");
	if (i == argc)
		return usage();
	if (geteuid())
		return complain(argv[i], "not permitted: only root may install and remove drivers");
	if (!opt.remove && !opt.all)
		return probe_any(argv[i], argv + i + 1);
	for (; i < argc; i++)
		if (opt.remove)
			status |= unprobe(argv[i]);
		else
			status |= probe_any(argv[i], no_params);
	return status;
}
