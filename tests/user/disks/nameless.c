/* SPDX-License-Identifier: MIT */
/*
 * nameless FOLDER: files that are made without a name there, of which one gets the name "named". Says what was wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int made(const char *folder, int flags)
{
	int file = open(folder, O_TMPFILE | O_RDWR | flags, 0640);

	if (file < 0 || write(file, "nameless\n", 9) != 9 || fsync(file))
		printf("%s: %s\n", folder, strerror(errno));
	return file;
}

static int named(int file, const char *name)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) ? errno : 0;
}

int main(int argc, char **argv)
{
	int kept, gone, never;
	struct stat is;

	if (chdir(argv[1]))
		return 1;
	kept = made(".", 0);
	gone = made(".", 0);
	never = made(".", O_EXCL);
	if (fstat(kept, &is) || is.st_nlink || is.st_size != 9 || (is.st_mode & 0777) != 0640)
		printf("before: %d links, %d bytes\n", (int)is.st_nlink, (int)is.st_size);
	if (named(kept, "named") || named(never, "never") != ENOENT || named(kept, "also"))
		printf("names are not given as they should\n");
	if (fstat(kept, &is) || is.st_nlink != 2)
		printf("behind: %d links\n", (int)is.st_nlink);
	if (write(kept, "more\n", 5) != 5 || unlink("also") ||
	    linkat(kept, "", AT_FDCWD, "again", AT_EMPTY_PATH))
		printf("the name is not one as others: %s\n", strerror(errno));
	return gone < 0;
}
