/* SPDX-License-Identifier: MIT */
/*
 * Driver files: where they are found, the information that they contain, and modinfo, which prints it.
 *
 * A driver is named by a path, or by its name, which modules.dep (made by depmod
 * when the image was built) leads to a file. All are in one folder, whichever kernel runs; only where
 * that does not exist they are looked for below the kernel's release, as on Linux. Drivers that use drafts
 * of the API (include/banos/draft.h) are in draft/SET below that folder, whose lists name the others, too.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "modtools.h"

#define FILE_MAX (33 << 20) /* the kernel takes 32 MiB */

/* ---- where files are ---- */

/* The driver's name in a path: "a/b-c.ko" is b_c. */
void name_of_path(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/');
	size_t count;

	if (base)
		base++;
	else
		base = path;
	count = strcspn(base, ".");
	if (count >= size)
		count = size - 1;
	for (size_t i = 0; i < count; i++)
		name[i] = with_underscore(base[i]);
	name[count] = 0;
}

/* The name of the set of drafts that this kernel has; "-" or "": none. */
static void read_draft_set(char *set, size_t size)
{
	FILE *stream = fopen("/proc/banos/drafts", "re");

	set[0] = 0;
	if (stream && fgets(set, size, stream))
		set[strcspn(set, "\n")] = 0;
	if (stream)
		fclose(stream);
}

const char *module_folder(void)
{
	static char folder[300];
	struct utsname names;
	char set[64];

	if (folder[0])
		return folder;
	read_draft_set(set, sizeof(set));
	snprintf(folder, sizeof(folder), "%s/draft/%s/modules.dep", DRIVER_FOLDER, set);
	if (set[0] && !access(folder, F_OK)) {
		*strrchr(folder, '/') = 0;
		return folder;
	}
	folder[0] = 0;
	if (!access(DRIVER_FOLDER "/modules.dep", F_OK))
		strcpy(folder, DRIVER_FOLDER);
	if (!folder[0] && !uname(&names))
		snprintf(folder, sizeof(folder), "/lib/modules/%s", names.release);
	return folder;
}

/* The first line of modules.dep whose file @fits. Allocated, or NULL. */
static char *find_line(const char *name, int (*fits)(const char *path, const char *name))
{
	char path[320], *line = NULL;
	size_t cap = 0;
	FILE *stream;

	snprintf(path, sizeof(path), "%s/modules.dep", module_folder());
	stream = fopen(path, "re");
	if (!stream)
		return NULL;
	while (getline(&line, &cap, stream) > 0) {
		char *colon = strchr(line, ':');
		int found;

		if (!colon)
			continue;
		line[strcspn(line, "\n")] = 0;
		*colon = 0;
		found = fits(line, name);
		*colon = ':';
		if (found) {
			fclose(stream);
			return line;
		}
	}
	free(line);
	fclose(stream);
	return NULL;
}

static int descriptor_name(const struct image *img, char *name, size_t size);

static int file_is_called(const char *path, const char *name)
{
	char found[256];

	name_of_path(path, found, sizeof(found));
	return same_name(found, name);
}

static int file_holds(const char *relative, const char *name)
{
	char found[256], *path = full_path(relative, strlen(relative));

	if (path)
		name_of_driver(path, found, sizeof(found));
	free(path);
	return path && same_name(found, name);
}

/* Files are mostly called as their drivers; only a name that no file has is looked for in them. */
char *dep_line(const char *name)
{
	char *line = find_line(name, file_is_called);

	if (line)
		return line;
	return find_line(name, file_holds);
}

char *full_path(const char *relative, size_t len)
{
	char *path = NULL;

	if (relative[0] == '/')
		return strndup(relative, len);
	if (asprintf(&path, "%s/%.*s", module_folder(), (int)len, relative) < 0)
		return NULL;
	return path;
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

int name_of_driver(const char *what, char *name, size_t size)
{
	struct image img = { 0 };
	int found;

	name_of_path(what, name, size);
	hushed++;
	found = !access(what, R_OK) && !read_image(what, &img) &&
		!descriptor_name(&img, name, size);
	hushed--;
	free(img.data);
	return found;
}

/* ---- their bytes ---- */

/* All that can be read from @fd. @return 0, -1: errno is set (EFBIG: too much) */
static int read_all(int fd, struct image *img)
{
	size_t room = 1 << 16;

	img->size = 0;
	img->data = malloc(room);
	while (img->data) {
		ssize_t length = read(fd, img->data + img->size, room - img->size);
		unsigned char *more;

		if (!length)
			return 0;
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 || (img->size += length) > FILE_MAX) {
			if (length > 0)
				errno = EFBIG;
			return -1;
		}
		if (img->size < room)
			continue;
		more = realloc(img->data, room *= 2);
		if (!more)
			return -1;
		img->data = more;
	}
	return -1;
}

static const struct packing {
	const char *magic;
	unsigned char size;
	const char *what, *program, *option;
} packings[] = {
	{ "\x1f\x8b", 2, "gzip", "gunzip", "-c" },
	{ "\xfd"
	  "7zXZ",
	  5, "xz", "unxz", "-c" },
	{ "\x28\xb5\x2f\xfd", 4, "zstd", "unzstd", "-qc" },
	{ "BZh", 3, "bzip2", "bunzip2", "-c" },
	{ "\x5d\0\0", 3, "lzma", "unlzma", "-c" },
	{ "\x04\x22\x4d\x18", 4, "lz4", "unlz4", "-qc" },
};

static const struct packing *packing_of(const struct image *img)
{
	for (size_t i = 0; i < sizeof(packings) / sizeof(packings[0]); i++)
		if (img->size >= packings[i].size &&
		    !memcmp(img->data, packings[i].magic, packings[i].size))
			return &packings[i];
	return NULL;
}

/* The program that unpacks, reading @path. @return its pid; *@from is the descriptor to read its output from */
static pid_t start_unpacking(const char *path, const struct packing *packing, int *from)
{
	int ends[2], file = open(path, O_RDONLY | O_CLOEXEC);
	pid_t pid = -1;

	if (file >= 0 && !pipe2(ends, O_CLOEXEC)) {
		pid = fork();
		if (!pid) {
			dup2(file, 0);
			dup2(ends[1], 1);
			execlp(packing->program, packing->program, packing->option, NULL);
			_exit(127);
		}
		close(ends[1]);
		*from = ends[0];
		if (pid < 0)
			close(ends[0]);
	}
	if (file >= 0)
		close(file);
	return pid;
}

/* @img: what is in the file, replaced by what that was made of. */
static int unpack(const char *path, const struct packing *packing, struct image *img)
{
	char why[128];
	int from = -1, status = 0, err;
	pid_t pid = start_unpacking(path, packing, &from);

	free(img->data);
	*img = (struct image){ 0 };
	if (pid < 0)
		return complain_errno(path, "is compressed, and cannot be unpacked");
	err = read_all(from, img);
	if (err && errno == EFBIG)
		err = -2;
	close(from); /* a process that still writes ends then */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!err && !status)
		return 0;
	free(img->data);
	*img = (struct image){ 0 };
	if (err == -2)
		return complain(path, "too large for a driver, once it is unpacked");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		snprintf(
			why, sizeof(why),
			"is compressed with %s, and %s is not installed: unpack it on a system that has it",
			packing->what, packing->program);
	else
		snprintf(why, sizeof(why),
			 "is compressed with %s, but damaged: %s cannot unpack it", packing->what,
			 packing->program);
	return complain(path, why);
}

int read_image(const char *path, struct image *img)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	const struct packing *packing;
	struct stat info;

	if (fd < 0 || fstat(fd, &info))
		return complain_errno(path, "cannot be opened");
	if (!S_ISREG(info.st_mode)) {
		close(fd);
		return complain(path, "not a regular file");
	}
	if (info.st_size > FILE_MAX) {
		close(fd);
		return complain(path, "too large for a driver");
	}
	err = read_all(fd, img);
	close(fd);
	if (err) {
		free(img->data);
		*img = (struct image){ 0 };
		return complain_errno(path, "cannot be read");
	}
	packing = packing_of(img);
	if (!packing)
		return 0;
	return unpack(path, packing, img);
}

/* ---- sections ---- */

/* The first section of that name. @return its bytes, NULL: none */
static const char *find_section(const struct image *img, const char *name, size_t *size)
{
	const Elf64_Ehdr *header = (const void *)img->data;
	const Elf64_Shdr *section, *names;
	size_t count = strlen(name);

	if (img->size < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_shentsize != sizeof(*section) ||
	    header->e_shoff > img->size ||
	    header->e_shnum > (img->size - header->e_shoff) / sizeof(*section) ||
	    header->e_shstrndx >= header->e_shnum)
		return NULL;
	section = (const void *)(img->data + header->e_shoff);
	names = &section[header->e_shstrndx];
	if (names->sh_offset > img->size || names->sh_size > img->size - names->sh_offset)
		return NULL;
	for (unsigned i = 0; i < header->e_shnum; i++) {
		if (section[i].sh_name >= names->sh_size ||
		    names->sh_size - section[i].sh_name <= count ||
		    memcmp(img->data + names->sh_offset + section[i].sh_name, name, count + 1))
			continue;
		if (section[i].sh_type == SHT_NOBITS || section[i].sh_offset > img->size ||
		    section[i].sh_size > img->size - section[i].sh_offset)
			return NULL;
		*size = section[i].sh_size;
		return (const char *)img->data + section[i].sh_offset;
	}
	return NULL;
}

/* The descriptor's name; a driver in assembly has no other. @return 0, -1: none */
static int descriptor_name(const struct image *img, char *name, size_t size)
{
	static const size_t name_at = 32, name_size = 56; /* struct banos_driver_record */
	size_t left, count;
	const char *text = find_section(img, ".banos-driver", &left);
	uint32_t head[2];

	for (; text && left >= sizeof(head); text += count, left -= count) {
		memcpy(head, text, sizeof(head));
		if (head[0])
			count = head[0];
		else
			count = 8;
		if (count < 8 || count > left)
			return -1;
		if (head[1] != 1 || count < name_at + name_size)
			continue;
		snprintf(name, size, "%.*s", (int)name_size, text + name_at);
		if (!name[0])
			return -1;
		return 0;
	}
	return -1;
}

/* ---- .modinfo: "key=value" texts, one behind the other ---- */

int find_modinfo(const struct image *img, struct modinfo *modinfo)
{
	size_t size;

	modinfo->text = find_section(img, ".modinfo", &size);
	if (!modinfo->text)
		return -1;
	modinfo->end = modinfo->text + size;
	return 0;
}

/* The next text of the section, within it; NULL at the end. */
const char *modinfo_next(struct modinfo *modinfo)
{
	const char *text;
	size_t count;

	while (modinfo->text < modinfo->end && !*modinfo->text)
		modinfo->text++;
	text = modinfo->text;
	count = strnlen(text, modinfo->end - text);
	if (text >= modinfo->end || text + count == modinfo->end)
		return NULL;
	modinfo->text += count;
	return text;
}

/* ---- modinfo ---- */

static void show_params(struct modinfo modinfo)
{
	struct modinfo all = modinfo;
	const char *text;

	while ((text = modinfo_next(&modinfo))) {
		const char *type = NULL, *unit;
		struct modinfo again = all;
		size_t count;

		if (strncmp(text, "parm=", 5) || !strchr(text, ':'))
			continue;
		count = strchr(text, ':') - text - 5;
		while ((unit = modinfo_next(&again)))
			if (!strncmp(unit, "parmtype=", 9) && !strncmp(unit + 9, text + 5, count) &&
			    unit[9 + count] == ':')
				type = unit + 10 + count;
		printf("%-16s%s", "parm:", text + 5);
		if (type)
			printf(" (%s)", type);
		printf("\n");
	}
}

int cmd_modinfo(int argc, char **argv)
{
	int status = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: modinfo FILE|NAME...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		char *path = find_file(argv[i]);
		struct image img = { 0 };
		struct modinfo modinfo, info;
		const char *text;

		if (!path) {
			status = complain(argv[i], "no such file or driver");
			continue;
		}
		if (read_image(path, &img) || find_modinfo(&img, &modinfo)) {
			status = 1;
			if (img.data)
				complain(path, "not a driver: it has no .modinfo");
			free(img.data);
			free(path);
			continue;
		}
		printf("%-16s%s\n", "filename:", path);
		for (info = modinfo; (text = modinfo_next(&info));) {
			size_t round = strcspn(text, "=");

			if (text[round] && strncmp(text, "parm", 4))
				printf("%.*s:%*s%s\n", (int)round, text,
				       round < 15 ? (int)(15 - round) : 1, "", text + round + 1);
		}
		show_params(modinfo);
		free(img.data);
		free(path);
	}
	return status;
}
