/* SPDX-License-Identifier: MIT */
/*
 * Driver files: where they are, what they say of themselves, and modinfo, which prints it.
 *
 * A driver is named by a path, or by its name, which modules.dep (made by depmod
 * when the image was built) leads to a file.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "modtools.h"

#define FILE_MAX	(64 << 20)

/* ---- where files are ---- */

/* The driver's name in a path: "a/b-c.ko" is b_c. */
void name_of_path(const char *path, char *name, size_t size)
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

const char *module_folder(void)
{
	static char folder[300];
	struct utsname u;

	if (!folder[0] && !uname(&u))
		snprintf(folder, sizeof(folder), "/lib/modules/%s", u.release);
	return folder;
}

/* The line of modules.dep for @name: "path: dependencies". Allocated, or NULL. */
char *dep_line(const char *name)
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

char *full_path(const char *relative, size_t len)
{
	char *p = NULL;

	if (asprintf(&p, "%s/%.*s", relative[0] == '/' ? "" : module_folder(), (int)len, relative) < 0)
		return NULL;
	return p;
}

/* A path as given, or the file that modules.dep knows by that name. Allocated, or NULL. */
char *find_file(const char *what)
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

int read_image(const char *path, struct image *img)
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

int find_modinfo(const struct image *img, struct modinfo *m)
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
const char *modinfo_next(struct modinfo *m)
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
const char *modinfo_value(struct modinfo m, const char *key)
{
	const char *t;
	size_t n = strlen(key);

	while ((t = modinfo_next(&m)))
		if (!strncmp(t, key, n) && t[n] == '=')
			return t + n + 1;
	return NULL;
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

int cmd_modinfo(int argc, char **argv)
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
