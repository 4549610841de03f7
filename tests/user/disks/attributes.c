/* SPDX-License-Identifier: MIT */
/*
 * attributes FILE: extended attributes of it. It has "user.host" with the value "there", and is left with "user.guest",
 * 3000 letters. Says what was wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static void attribute_expect(const char *what, long result, long wanted)
{
	if (result < 0)
		result = -errno;
	if (result != wanted)
		printf("%s: %ld, not %ld\n", what, result, wanted);
}

/* Is the name one of the list? */
static int listed(const char *list, long bytes, const char *name)
{
	for (long at = 0; at < bytes; at += (long)strlen(list + at) + 1)
		if (!strcmp(list + at, name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	static char big[3000], back[3000], list[1000];
	const char *file = argv[1];
	long bytes;

	if (argc < 2)
		return 2;
	memset(big, 'g', sizeof(big));
	attribute_expect("size", getxattr(file, "user.host", NULL, 0), 5);
	attribute_expect("short", getxattr(file, "user.host", back, 3), -ERANGE);
	attribute_expect("get", getxattr(file, "user.host", back, sizeof(back)), 5);
	if (memcmp(back, "there", 5))
		printf("the host's value is another one\n");
	attribute_expect("absent", getxattr(file, "user.none", back, sizeof(back)), -ENODATA);
	attribute_expect("replace", setxattr(file, "user.guest", "x", 1, XATTR_REPLACE), -ENODATA);
	attribute_expect("create", setxattr(file, "user.guest", "x", 1, XATTR_CREATE), 0);
	attribute_expect("again", setxattr(file, "user.guest", "x", 1, XATTR_CREATE), -EEXIST);
	attribute_expect("set", setxattr(file, "user.guest", big, sizeof(big), 0), 0);
	attribute_expect("read", getxattr(file, "user.guest", back, sizeof(back)), sizeof(back));
	if (memcmp(back, big, sizeof(big)))
		printf("the guest's value is another one\n");
	attribute_expect("second", setxattr(file, "user.gone", "y", 1, 0), 0);
	attribute_expect("remove", removexattr(file, "user.gone"), 0);
	attribute_expect("removed", removexattr(file, "user.gone"), -ENODATA);
	bytes = listxattr(file, list, sizeof(list));
	attribute_expect("all", listxattr(file, NULL, 0), bytes);
	if (!listed(list, bytes, "user.host") || !listed(list, bytes, "user.guest") ||
	    listed(list, bytes, "user.gone"))
		printf("%ld bytes of names are not right\n", bytes);
	return 0;
}
