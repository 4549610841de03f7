/* SPDX-License-Identifier: MIT */
/*
 * failing_disk: in the present folder, each allocation of each change of files fails once, the first, the second and so on until
 * the change gets through without reaching the next. It says so with ENOMEM, and then has changed nothing, or works all the
 * same; the next attempt succeeds. For the debug kernel. Prints what went wrong, and how many allocations were reached.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 2000

static int nth_fd, wrong;
static char bytes[3 * 4096 + 100];

static void arm(int count)
{
	char text[16];

	if (pwrite(nth_fd, text, (size_t)sprintf(text, "%d", count), 0) <= 0)
		exit(3);
}

/* @return how many allocations were left */
static int disarm(void)
{
	char text[16] = "";

	if (pread(nth_fd, text, sizeof(text) - 1, 0) <= 0)
		exit(4);
	arm(0);
	return atoi(text);
}

static int keep(const char *name)
{
	int file = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (file < 0)
		return -1;
	if (write(file, bytes, sizeof(bytes)) != sizeof(bytes)) {
		int error = errno;

		close(file);
		errno = error;
		return -1;
	}
	return close(file);
}

static int sync_file(void)
{
	int file = open("kept", O_WRONLY), result;

	if (file < 0)
		return -1;
	result = fsync(file);
	if (result) {
		int error = errno;

		/* It was told, once. */
		arm(0);
		if (fsync(file))
			wrong++;
		errno = error;
	}
	close(file);
	return result;
}

static int exists(const char *name)
{
	return !access(name, F_OK);
}

static int do_create(void)
{
	return keep("new");
}

static int do_mkdir(void)
{
	return mkdir("folder", 0755);
}

static int do_rmdir(void)
{
	return rmdir("folder");
}

static int do_link(void)
{
	return link("new", "second");
}

static int do_rename(void)
{
	return rename("second", "folder/moved");
}

static int do_replace(void)
{
	return rename("folder/moved", "other");
}

static int do_unlink(void)
{
	return unlink("other");
}

static int do_symlink(void)
{
	static char text[100];

	memset(text, 'x', sizeof(text) - 1);
	return symlink(text, "other");
}

static int do_truncate(void)
{
	return truncate("new", 5000);
}

static int do_sync(void)
{
	return keep("kept") ? -1 : sync_file();
}

/* In this order; each in a fresh folder gets as far as the one before. */
static const struct {
	const char *name;
	int (*change)(void);
	const char *gone, *there; /* afterwards */
} changes[] = {
	{ "create", do_create, NULL, "new" },
	{ "mkdir", do_mkdir, NULL, "folder" },
	{ "link", do_link, NULL, "second" },
	{ "rename", do_rename, "second", "folder/moved" },
	{ "symlink", do_symlink, NULL, NULL },
	{ "replace", do_replace, "folder/moved", "other" },
	{ "unlink", do_unlink, "other", "new" },
	{ "rmdir", do_rmdir, "folder", NULL },
	{ "truncate", do_truncate, NULL, "new" },
	{ "sync", do_sync, NULL, "kept" },
};
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

static void complain(const char *name, int order, const char *what)
{
	printf("%s, allocation %d: %s (%s)\n", name, order, what, strerror(errno));
	wrong++;
}

static void check(size_t i, int order)
{
	if (changes[i].gone && exists(changes[i].gone))
		complain(changes[i].name, order, "the old name is there still");
	if (changes[i].there && !exists(changes[i].there))
		complain(changes[i].name, order, "what was done is not there");
}

/* Folder @order: all before @i is done; then that with a failure. @return was it reached? */
static int attempt(size_t i, int order)
{
	char folder[32];
	int result, left, error;

	sprintf(folder, "%s%d", changes[i].name, order);
	if (mkdir(folder, 0755) || chdir(folder))
		return -1;
	for (size_t before = 0; before < i; before++)
		if (changes[before].change())
			complain(changes[before].name, 0, "preparation");
	arm(order);
	result = changes[i].change();
	error = errno;
	left = disarm();
	errno = error;
	if (result && error != ENOMEM)
		complain(changes[i].name, order, "another error");
	if (result && changes[i].change())
		complain(changes[i].name, order, "the next attempt");
	check(i, order);
	if (chdir(".."))
		exit(5);
	return !left;
}

int main(void)
{
	nth_fd = open("/proc/self/fail-nth", O_RDWR);
	if (nth_fd < 0) {
		perror("/proc/self/fail-nth");
		return 2;
	}
	memset(bytes, 'b', sizeof(bytes));
	for (size_t i = 0; i < CHANGES; i++) {
		int order = 1, reached;

		while (order < MOST && (reached = attempt(i, order)) > 0)
			order++;
		if (reached < 0)
			complain(changes[i].name, order, "a folder for it");
		printf("%s %d\n", changes[i].name, order - 1);
	}
	printf("%d wrong\n", wrong);
	return wrong != 0;
}
