// SPDX-License-Identifier: MIT
/*
 * loadtest once FILE: what BusyBox's insmod does, and others do not. FILE is a
 * driver whose init() leaves a line in the log and fails with EIO; who runs this
 * counts the lines. init() runs where a line below says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "loadtest.h"

static const char *path;
static struct file file;

static void must_fail(long result, const char *what)
{
	require(result < 0 && errno == EIO, "%s: %ld, %s", what, result, strerror(errno));
}

static void by_descriptor(const char *what)
{
	int fd = open(path, O_RDONLY);

	must_fail(syscall(SYS_finit_module, fd, "", 0), what);
	close(fd);
}

static void by_image(const char *what, size_t size)
{
	must_fail(syscall(SYS_init_module, file.data, size, ""), what);
}

static void in_a_child(const char *what)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		by_image(what, file.size);
		exit(0);
	}
	require(pid > 0 && waitpid(pid, &status, 0) == pid && !status, "%s: the child ends with %d",
		what, status);
}

int test_once(int argc, char **argv)
{
	require(argc == 1, "loadtest once FILE");
	path = argv[0];
	file = file_read(path);
	by_descriptor("the first try"); /* 1 */
	by_image("the same once more", file.size);
	by_image("and again", file.size);     /* 2 */
	by_descriptor("as before");	      /* 3 */
	by_descriptor("the same call twice"); /* 4 */
	file.data[file.size] = 0;
	by_image("another image", file.size + 1);	     /* 5 */
	by_image("what was refused before that", file.size); /* 6 */
	by_descriptor("before another process");	     /* 7 */
	in_a_child("another process");			     /* 8 */
	by_image("this one", file.size);
	printf("done\n");
	return 0;
}
