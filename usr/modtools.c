/* SPDX-License-Identifier: MIT */
/*
 * insmod, rmmod, lsmod, modinfo and modprobe in one program, which looks at the
 * name it was called by.
 *
 * A driver is named by a path, or by its name, which modules.dep (made by depmod
 * when the image was built) leads to a file. Drivers are installed by
 * banos_install(), which says every reason for which one can't be.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "../include/uapi/banos.h"
#include "modtools.h"

#define LOG_SIZE	16384
#define FILE_MAX	(64 << 20)

const char *prog;

struct image { char *path; unsigned char *data; size_t size; };

int complain(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", prog, what, why);
	return 1;
}

/* ---- names and files ---- */

/* '-' and '_' are one in names of drivers. */
static int same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return 0;
	return *a == *b;
}

/* The driver's name in a path: "a/b-c.ko" is b_c. */
static void name_of_path(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/');
	size_t n;

	base = base ? base + 1 : path;
	n = strcspn(base, ".");
	if (n >= size)
		n = size - 1;
	for (size_t i = 0; i < n; i++)
		name[i] = base[i] == '-' ? '_' : base[i];
	name[n] = 0;
}

static const char *module_folder(void)
{
	static char folder[300];
	struct utsname u;

	if (!folder[0] && !uname(&u))
		snprintf(folder, sizeof(folder), "/lib/modules/%s", u.release);
	return folder;
}

/* The line of modules.dep for @name: "path: dependencies". Allocated, or NULL. */
static char *dep_line(const char *name)
{
	char path[320], found[256], *line = NULL;
	size_t cap = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/modules.dep", module_folder());
	f = fopen(path, "re");
	if (!f)
		return NULL;
	while (getline(&line, &cap, f) > 0) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		line[strcspn(line, "\n")] = 0;
		*colon = 0;
		name_of_path(line, found, sizeof(found));
		*colon = ':';
		if (same_name(found, name)) {
			fclose(f);
			return line;
		}
	}
	free(line);
	fclose(f);
	return NULL;
}

static char *full_path(const char *relative, size_t len)
{
	char *p = NULL;

	if (asprintf(&p, "%s/%.*s", relative[0] == '/' ? "" : module_folder(), (int)len, relative) < 0)
		return NULL;
	return p;
}

/* A path as given, or the file that modules.dep knows by that name. Allocated, or NULL. */
static char *find_file(const char *what)
{
	char *line, *path;

	if (strchr(what, '/') || !access(what, F_OK))
		return strdup(what);
	line = dep_line(what);
	if (!line)
		return NULL;
	path = full_path(line, strcspn(line, ":"));
	free(line);
	return path;
}

static int read_image(const char *path, struct image *img)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t got = 0;

	if (fd < 0 || fstat(fd, &st))
		return complain(path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		close(fd);
		return complain(path, S_ISREG(st.st_mode) ? "too large for a driver" : "not a file");
	}
	img->data = malloc(st.st_size + 1);
	while (img->data && got < (size_t)st.st_size) {
		ssize_t n = read(fd, img->data + got, st.st_size - got);

		if (n <= 0)
			break;
		got += n;
	}
	close(fd);
	if (!img->data || got < (size_t)st.st_size)
		return complain(path, img->data ? "can't be read" : "not enough memory");
	img->size = got;
	return 0;
}

/* ---- .modinfo: "key=value" texts, one behind the other ---- */

struct modinfo { const char *text, *end; };

static int find_modinfo(const struct image *img, struct modinfo *m)
{
	const Elf64_Ehdr *e = (const void *)img->data;
	const Elf64_Shdr *s, *names;

	if (img->size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG) ||
	    e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_shentsize != sizeof(*s) || e->e_shoff & 7 ||
	    e->e_shoff > img->size || e->e_shnum > (img->size - e->e_shoff) / sizeof(*s) ||
	    e->e_shstrndx >= e->e_shnum)
		return -1;
	s = (const void *)(img->data + e->e_shoff);
	names = &s[e->e_shstrndx];
	if (names->sh_offset > img->size || names->sh_size > img->size - names->sh_offset)
		return -1;
	for (unsigned i = 0; i < e->e_shnum; i++) {
		if (s[i].sh_name >= names->sh_size || names->sh_size - s[i].sh_name < sizeof(".modinfo") ||
		    memcmp(img->data + names->sh_offset + s[i].sh_name, ".modinfo", sizeof(".modinfo")))
			continue;
		if (s[i].sh_type == SHT_NOBITS || s[i].sh_offset > img->size ||
		    s[i].sh_size > img->size - s[i].sh_offset)
			return -1;
		m->text = (const char *)img->data + s[i].sh_offset;
		m->end = m->text + s[i].sh_size;
		return 0;
	}
	return -1;
}

/* The next text of the section, within it; NULL at the end. */
static const char *modinfo_next(struct modinfo *m)
{
	const char *t;
	size_t n;

	while (m->text < m->end && !*m->text)
		m->text++;
	t = m->text;
	n = strnlen(t, m->end - t);
	if (t >= m->end || t + n == m->end)
		return NULL;
	m->text += n;
	return t;
}

/* Value of @key, the first there is; NULL: none. */
static const char *modinfo_value(struct modinfo m, const char *key)
{
	const char *t;
	size_t n = strlen(key);

	while ((t = modinfo_next(&m)))
		if (!strncmp(t, key, n) && t[n] == '=')
			return t + n + 1;
	return NULL;
}

/* ---- what is installed ---- */

/* The newest driver with this name, or this number. @return 1: found */
static int find_installed(const char *what, struct banos_query *out)
{
	struct banos_query q;
	char *end;
	long number = strtol(what, &end, 10);
	int found = 0, by_number = *what && !*end;

	for (s64 id = 0; (id = syscall(SYS_banos_query, id, &q, sizeof(q))) >= 0; id++)
		if (by_number ? id == number : same_name(q.name, what)) {
			*out = q;
			found = 1;
		}
	return found;
}

/* ---- insmod ---- */

/* Words joined with blanks; a value with blanks gets quotes. Allocated. */
static char *join_params(char **words)
{
	size_t size = 1;
	char *text, *p;

	for (char **w = words; *w; w++)
		size += strlen(*w) + 3;
	p = text = malloc(size);
	if (!text)
		return NULL;
	for (char **w = words; *w; w++) {
		char *eq = strchr(*w, '=');

		if (eq && strpbrk(eq, " \t") && eq[1] != '"')
			p += sprintf(p, "%s%.*s\"%s\"", p == text ? "" : " ", (int)(eq + 1 - *w), *w, eq + 1);
		else
			p += sprintf(p, "%s%s", p == text ? "" : " ", *w);
	}
	*p = 0;
	return text;
}

/* @return the id, or -1 (said why) */
static s64 install(const char *path, char **params, u64 flags)
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
	if (id < 0) {
		int err = errno;

		complain(path, strerror(err));
		for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
			fprintf(stderr, "%s:   %s\n", prog, line);
		errno = err;
	}
	free(img.data);
	free(text);
	return id;
}

static int is_duplicate(const char *path)
{
	struct image img = { 0 };
	struct modinfo m;
	struct banos_query q;
	const char *name = NULL;
	int found;

	if (access(path, R_OK) || read_image(path, &img))
		return 0;
	if (!find_modinfo(&img, &m))
		name = modinfo_value(m, "name");
	found = name && find_installed(name, &q);
	if (found)
		fprintf(stderr, "%s: %s is installed already, with id %lld; --allow-duplicate installs it once more\n",
			prog, name, (long long)q.id);
	free(img.data);
	return found;
}

static int cmd_insmod(int argc, char **argv)
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
		fprintf(stderr, "usage: insmod [--dry-run] [--allow-duplicate] FILE|NAME [parameter=value]...\n");
		return 2;
	}
	path = find_file(argv[i]);
	if (!path)
		return complain(argv[i], "no such file, and modules.dep has no driver of that name");
	if (!allow && !(flags & BANOS_INSTALL_DRY_RUN) && is_duplicate(path))
		return 1;
	id = install(path, argv + i + 1, flags);
	free(path);
	if (id < 0)
		return 1;
	if (flags & BANOS_INSTALL_DRY_RUN)
		printf("would install\n");
	else
		printf("%lld\n", (long long)id);
	return 0;
}

/* ---- rmmod ---- */

static int cmd_rmmod(int argc, char **argv)
{
	u64 flags = 0;
	int status = 0, i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--wait") && strcmp(argv[i], "-w"))
			return complain(argv[i], "unknown option");
		flags |= BANOS_REMOVE_WAIT;
	}
	if (i == argc) {
		fprintf(stderr, "usage: rmmod [--wait] NAME|ID...\n");
		return 2;
	}
	for (; i < argc; i++) {
		struct banos_query q;
		char name[256];

		if (geteuid()) {
			status = complain(argv[i], strerror(EPERM));
			continue;
		}
		name_of_path(argv[i], name, sizeof(name));
		if (!find_installed(name, &q))
			status = complain(argv[i], "no such driver is installed");
		else if (syscall(SYS_banos_remove, q.id, flags))
			status = complain(argv[i], strerror(errno));
	}
	return status;
}

/* ---- lsmod ---- */

/* What everybody may see: Linux's format, without the state and address. */
static int list_proc(void)
{
	FILE *f = fopen("/proc/modules", "re");
	char name[128], deps[1024];
	unsigned long long size;
	int users;

	if (!f)
		return complain("/proc/modules", strerror(errno));
	while (fscanf(f, "%127s %llu %d %1023s%*[^\n]", name, &size, &users, deps) == 4)
		printf("%-24s%8llu  %d %s\n", name, size, users, strcmp(deps, "-") ? deps : "");
	fclose(f);
	return 0;
}

static int cmd_lsmod(int argc, char **argv)
{
	struct banos_query q;
	s64 id = syscall(SYS_banos_query, 0, &q, sizeof(q));

	if (id < 0 && errno != ENOENT) {
		printf("Module                      Size  Used by\n");
		return list_proc();
	}
	printf("Module                      Size  Used  Id  State\n");
	for (; id >= 0; id = syscall(SYS_banos_query, id + 1, &q, sizeof(q)))
		printf("%-24s%8llu  %4u  %2lld  %s%s\n", q.name, (unsigned long long)q.bytes, q.users,
		       (long long)id, q.state == BANOS_DRIVER_LIVE ? "live" :
		       q.state == BANOS_DRIVER_GOING ? "going" : "loading", q.builtin ? ", built in" : "");
	return 0;
}

/* ---- modinfo ---- */

static void show_params(struct modinfo m)
{
	struct modinfo all = m;
	const char *t;

	while ((t = modinfo_next(&m))) {
		const char *type = NULL, *u;
		struct modinfo again = all;
		size_t n;

		if (strncmp(t, "parm=", 5) || !strchr(t, ':'))
			continue;
		n = strchr(t, ':') - t - 5;
		while ((u = modinfo_next(&again)))
			if (!strncmp(u, "parmtype=", 9) && !strncmp(u + 9, t + 5, n) && u[9 + n] == ':')
				type = u + 10 + n;
		printf("%-16s%s%s%s%s\n", "parm:", t + 5, type ? " (" : "", type ? type : "", type ? ")" : "");
	}
}

static int cmd_modinfo(int argc, char **argv)
{
	int status = argc < 2 ? 2 : 0;

	if (argc < 2)
		fprintf(stderr, "usage: modinfo FILE|NAME...\n");
	for (int i = 1; i < argc; i++) {
		char *path = find_file(argv[i]);
		struct image img = { 0 };
		struct modinfo m, n;
		const char *t;

		if (!path) {
			status = complain(argv[i], "no such file or driver");
			continue;
		}
		if (read_image(path, &img) || find_modinfo(&img, &m)) {
			status = img.data ? complain(path, "not a driver: it has no .modinfo") : 1;
			free(img.data);
			free(path);
			continue;
		}
		printf("%-16s%s\n", "filename:", path);
		for (n = m; (t = modinfo_next(&n));) {
			size_t k = strcspn(t, "=");

			if (t[k] && strncmp(t, "parm", 4))
				printf("%.*s:%*s%s\n", (int)k, t, k < 15 ? (int)(15 - k) : 1, "", t + k + 1);
		}
		show_params(m);
		free(img.data);
		free(path);
	}
	return status;
}

/* ---- modprobe ---- */

/* Install @name's dependencies, the deepest first, then itself. */
static int probe(const char *name, char **params)
{
	static char *none[] = { NULL };
	char *line = dep_line(name), *deps, *last, *path;
	struct banos_query q;
	s64 id = 0;

	if (!line)
		return complain(name, "modules.dep has no driver of that name");
	if (find_installed(name, &q)) {
		free(line);
		return 0;
	}
	deps = strchr(line, ':');
	*deps++ = 0;
	while (id >= 0 && (last = strrchr(deps, ' '))) {
		char dep[256];

		*last++ = 0;
		name_of_path(last, dep, sizeof(dep));
		if (!*last || find_installed(dep, &q))
			continue;
		path = full_path(last, strlen(last));
		id = path ? install(path, none, 0) : -1;
		free(path);
	}
	path = id >= 0 ? full_path(line, strlen(line)) : NULL;
	id = path ? install(path, params, 0) : -1;
	free(path);
	free(line);
	return id < 0;
}

/* Install every driver that serves @alias. @return how many modules.alias has, or -1: one could not be installed */
int probe_alias(const char *alias)
{
	char path[320], *line = NULL, *none[] = { NULL };
	int found = 0, failed = 0;
	size_t cap = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/modules.alias", module_folder());
	f = fopen(path, "re");
	while (f && getline(&line, &cap, f) > 0) {
		char *pattern = strtok(line, " \n"), *name;

		pattern = pattern && !strcmp(pattern, "alias") ? strtok(NULL, " \n") : NULL;
		name = pattern ? strtok(NULL, " \n") : NULL;
		if (!name || fnmatch(pattern, alias, 0))
			continue;
		found++;
		failed |= probe(name, none);
	}
	if (f)
		fclose(f);
	free(line);
	return failed ? -1 : found;
}

/* By name, or what a device is: "pci:v...". */
static int probe_any(const char *what, char **params, int quiet)
{
	if (!strchr(what, ':'))
		return probe(what, params);
	int found = probe_alias(what);

	if (!found && !quiet)
		complain(what, "modules.alias has no driver for it");
	return found <= 0;
}

/* Remove @name and what it needed, as far as nobody else does. */
static int unprobe(const char *name)
{
	char *line = dep_line(name), *word;
	struct banos_query q;

	if (!find_installed(name, &q)) {
		free(line);
		return complain(name, "not installed");
	}
	if (syscall(SYS_banos_remove, q.id, 0)) {
		free(line);
		return complain(name, strerror(errno));
	}
	word = line ? strchr(line, ':') : NULL;
	for (word = word ? strtok(word + 1, " ") : NULL; word; word = strtok(NULL, " ")) {
		char dep[256];

		name_of_path(word, dep, sizeof(dep));
		if (find_installed(dep, &q) && !q.users && !q.builtin)
			syscall(SYS_banos_remove, q.id, 0);
	}
	free(line);
	return 0;
}

static int cmd_modprobe(int argc, char **argv)
{
	int remove = 0, all = 0, quiet = 0, i = 1, status = 0;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-r"))
			remove = 1;
		else if (!strcmp(argv[i], "-a"))
			all = 1;
		else if (!strcmp(argv[i], "-q"))
			quiet = 1;
		else if (strcmp(argv[i], "-v") && strcmp(argv[i], "--"))
			return complain(argv[i], "unknown option");
	}
	if (i == argc) {
		fprintf(stderr, "usage: modprobe NAME [parameter=value]... | -r NAME... | -a NAME...\n");
		return 2;
	}
	if (geteuid())
		return complain(argv[i], strerror(EPERM));
	if (!remove && !all)
		return probe_any(argv[i], argv + i + 1, quiet);
	for (; i < argc; i++)
		status |= remove ? unprobe(argv[i]) : probe_any(argv[i], (char *[]){ NULL }, quiet);
	return status;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(int, char **); } commands[] = {
		{ "insmod", cmd_insmod }, { "rmmod", cmd_rmmod }, { "lsmod", cmd_lsmod },
		{ "modinfo", cmd_modinfo }, { "modprobe", cmd_modprobe }, { "hotplug", cmd_hotplug },
	};
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;

	prog = slash ? slash + 1 : argc ? argv[0] : "modtools";
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
			if (!strcmp(prog, commands[i].name))
				return commands[i].run(argc, argv);
		if (argc < 2)
			break;
		prog = argv[1];			/* modtools insmod ... */
		argv++;
		argc--;
	}
	fprintf(stderr, "modtools: call it as insmod, rmmod, lsmod, modinfo or modprobe\n");
	return 2;
}
