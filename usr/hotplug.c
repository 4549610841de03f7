/* SPDX-License-Identifier: MIT */
/*
 * hotplug: installs the drivers that devices need.
 *
 *	hotplug			serves devices as they are added, and has network cards
 *				set up by /etc/init.d/network; does not end
 *	hotplug --once		serves the devices that exist, and those that their
 *				drivers add; then it ends
 *
 * The kernel reports devices in /dev/hotplug, first all devices that exist; see
 * device/hotplug.c. Drivers are found through modules.alias. The kernel itself has
 * offered the device to the drivers that are built in or installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "modtools.h"

#define EVENTS	       "/dev/hotplug"
#define NETWORK	       "/etc/init.d/network"
#define LINE_MAX_BYTES 256

/* The grandchild is init's: nobody waits here for an answer from the network. */
static void run_network(const char *action, const char *name)
{
	pid_t child = fork();

	if (child > 0)
		waitpid(child, NULL, 0);
	if (child)
		return;
	if (!fork())
		execl(NETWORK, NETWORK, action, name, (char *)NULL);
	_exit(0);
}

/* "add BUS NAME ALIAS"; @once: devices that exist, which others set up */
static void handle(char *line, int once)
{
	char *word[4], *equals = line;
	int count = 0;

	for (char *field; count < 4 && (field = strsep(&equals, " \n"));)
		word[count++] = field;
	if (count == 4 && !once && !strcmp(word[1], "net"))
		run_network(word[0], word[2]);
	else if (count == 4 && !strcmp(word[0], "add"))
		probe_alias(word[3]);
}

/* @return 0: no more lines, or the errno that ended it */
static int follow(int fd, int once)
{
	char line[LINE_MAX_BYTES + 1];
	ssize_t length;

	while ((length = read(fd, line, LINE_MAX_BYTES)) > 0 || (length < 0 && errno == EINTR))
		if (length > 0) {
			line[length] = 0;
			handle(line, once);
		}
	if (length < 0)
		return errno;
	return 0;
}

int cmd_hotplug(int argc, char **argv)
{
	int once = argc == 2 && !strcmp(argv[1], "--once"), flags = O_RDONLY | O_CLOEXEC, fd, err;

	if (argc > 1 + once) {
		fprintf(stderr, "usage: hotplug [--once]\n");
		return 2;
	}
	if (once)
		flags |= O_NONBLOCK;
	do {
		fd = open(EVENTS, flags);
		while (fd < 0 && errno == ENOENT && !once)
			pause(); /* this kernel reports no devices: no line will ever arrive */
		if (fd < 0)
			return complain_errno(EVENTS, "cannot be opened");
		err = follow(fd, once);
		close(fd);
	} while (err == EPIPE); /* lines were lost: all of them again */
	errno = err;
	if (err && err != EAGAIN)
		return complain_errno(EVENTS, "cannot be read");
	return 0;
}
