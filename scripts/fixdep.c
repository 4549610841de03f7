// SPDX-License-Identifier: MIT
/*
 * fixdep: turn a compiler's dependency file into one that knows options.
 *
 *	fixdep DEPFILE TARGET CONFIG_DIR COMMAND >.TARGET.cmd
 *
 * A compiler says that an object depends on autoconf.h, which changes with
 * every option, so every change of one option would rebuild everything. This
 * program leaves autoconf.h out and names instead, for each CONFIG_ word that
 * occurs in the sources, the small file which kconfig touches when that very
 * option changes (CONFIG_A_B: CONFIG_DIR/a/b.h). The files of options that
 * were never set do not exist, hence $(wildcard ...).
 *
 * The result also records the command, so that scripts/build.mk can tell that
 * flags have changed.
 *
 * A name that is pasted together (CONFIG_##x) is not seen: don't do that.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	struct word *next;
	char text[];
};

static struct word *seen[1024];

static void die(const char *what, const char *name)
{
	fprintf(stderr, "fixdep: %s %s\n", what, name);
	exit(1);
}

/* Add a word to the set; 1 if it was not in there. */
static int remember(const char *text, size_t len)
{
	unsigned int hash = 5381;
	struct word *w;

	for (size_t i = 0; i < len; i++)
		hash = hash * 33 + (unsigned char)text[i];
	hash %= sizeof(seen) / sizeof(seen[0]);
	for (w = seen[hash]; w; w = w->next)
		if (strlen(w->text) == len && !memcmp(w->text, text, len))
			return 0;
	w = malloc(sizeof(*w) + len + 1);
	if (!w)
		die("no memory for", text);
	memcpy(w->text, text, len);
	w->text[len] = '\0';
	w->next = seen[hash];
	seen[hash] = w;
	return 1;
}

static char *read_file(const char *name)
{
	size_t len = 0, size = 1 << 16, got;
	char *text = malloc(size);
	FILE *f = fopen(name, "rb");

	if (!f)
		die("cannot open", name);
	while (text && (got = fread(text + len, 1, size - len - 1, f)) > 0) {
		len += got;
		if (len == size - 1)
			text = realloc(text, size *= 2);
	}
	if (!text)
		die("no memory for", name);
	fclose(f);
	text[len] = '\0';
	return text;
}

static void print_option(const char *name, size_t len, const char *config_dir)
{
	if (len > 7 && !memcmp(name + len - 7, "_MODULE", 7))
		len -= 7;
	if (!len || !remember(name, len))
		return;
	printf(" \\\n  $(wildcard %s/", config_dir);
	for (size_t i = 0; i < len; i++)
		putchar(name[i] == '_' ? '/' : tolower((unsigned char)name[i]));
	printf(".h)");
}

static int is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void scan_source(const char *file, const char *config_dir)
{
	char *text = read_file(file);

	for (char *p = text; (p = strstr(p, "CONFIG_"));) {
		char *end = p + 7;

		while (is_name_char(*end))
			end++;
		if (p == text || !is_name_char(p[-1]))
			print_option(p + 7, end - p - 7, config_dir);
		p = end;
	}
	free(text);
}

static int ends_with(const char *s, size_t len, const char *tail)
{
	size_t n = strlen(tail);

	return len >= n && !memcmp(s + len - n, tail, n);
}

int main(int argc, char **argv)
{
	const char *target, *config_dir;
	char *p;

	if (argc != 5)
		die("usage:", "fixdep DEPFILE TARGET CONFIG_DIR COMMAND");
	target = argv[2];
	config_dir = argv[3];
	p = strchr(read_file(argv[1]), ':');
	if (!p)
		die("no rule in", argv[1]);

	printf("savedcmd_%s := %s\n\n", target, argv[4]);
	printf("deps_%s :=", target);
	for (p++; *p;) {
		size_t len = strcspn(p, " \t\r\n\\");
		char stop = p[len];

		if (len && !ends_with(p, len, "/generated/autoconf.h")) {
			p[len] = '\0';
			if (remember(p, len)) {
				printf(" \\\n  %s", p);
				scan_source(p, config_dir);
			}
			p[len] = stop;
		}
		p += len;
		if (*p)
			p++;
	}
	/* A header that was removed must not stop the build. */
	printf("\n\n%s: $(deps_%s)\n\n$(deps_%s):\n", target, target, target);
	return ferror(stdout) || fflush(stdout);
}
