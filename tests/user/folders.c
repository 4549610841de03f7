/* SPDX-License-Identifier: MIT */
/* Reading folders while they change: each name once, positions that stay, an end. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	CHECK(fd >= 0);
	close(fd);
}

static void make_numbered(const char *folder, int first, int end)
{
	char name[64];

	for (int i = first; i < end; i++) {
		sprintf(name, "%s/f%d", folder, i);
		make_file(name);
	}
}

static void remove_numbered(const char *folder, int first, int end)
{
	char name[64];

	for (int i = first; i < end; i++) {
		sprintf(name, "%s/f%d", folder, i);
		unlink(name);
	}
	CHECK_EQ(rmdir(folder), 0);
}

static int count_of(const char *name)
{
	if (name[0] == 'f')
		return atoi(name + 1);
	return -1;
}

/* Buffers that hold one entry and many; each third entry goes, as many come, meanwhile. */
TEST(each_name_is_read_once_while_others_come_and_go)
{
	static const int sizes[] = { 32, 100, 2048, 32768 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int seen[600] = { 0 }, fd, nr_calls = 0, removed = 0;
		char buf[32768], name[64];
		long length;

		mkdir("come", 0755);
		make_numbered("come", 0, 300);
		fd = open("come", O_RDONLY | O_DIRECTORY);
		while ((length = syscall(SYS_getdents64, fd, buf, sizes[i])) > 0) {
			for (long at = 0; at < length;
			     at += ((struct dirent *)(buf + at))->d_reclen) {
				int number = count_of(((struct dirent *)(buf + at))->d_name);

				if (number >= 0)
					seen[number]++;
			}
			if (removed < 300) {
				sprintf(name, "come/f%d", removed);
				CHECK_EQ(unlink(name), 0);
				make_numbered("come", 300 + removed / 3, 301 + removed / 3);
				removed += 3;
			}
			CHECK(++nr_calls < 2000);
		}
		CHECK_EQ(length, 0);
		for (int number = 0; number < 300; number++)
			if (number % 3 || number >= removed)
				CHECK_EQ(seen[number], 1);
			else
				CHECK(seen[number] <= 1);
		close(fd);
		remove_numbered("come", 0, 600);
	}
}

TEST(positions_in_a_folder_stay_valid)
{
	long places[402];
	char names[402][256], name[64];
	struct dirent *dirent;
	int count = 0;
	DIR *folder;

	mkdir("seek", 0755);
	make_numbered("seek", 0, 400);
	folder = opendir("seek");
	for (;; count++) {
		places[count] = telldir(folder);
		dirent = readdir(folder);
		if (!dirent)
			break;
		CHECK(count < 402);
		strcpy(names[count], dirent->d_name);
	}
	CHECK_EQ(count, 402);
	for (int i = 0; i < 400; i += 2) {
		sprintf(name, "seek/f%d", i);
		CHECK_EQ(unlink(name), 0);
	}
	for (int i = 401; i >= 0; i--) {
		int number = count_of(names[i]);

		if (number >= 0 && number % 2 == 0)
			continue;
		seekdir(folder, places[i]);
		dirent = readdir(folder);
		CHECK(dirent && !strcmp(dirent->d_name, names[i]));
	}
	CHECK_EQ(lseek(dirfd(folder), 1l << 40, SEEK_SET), 1l << 40);
	CHECK_EQ(syscall(SYS_getdents64, dirfd(folder), names, sizeof(names)), 0);
	closedir(folder);
	remove_numbered("seek", 0, 400);
}

/* The names that exist all the time are seen once each, whichever objects they belong to. */
TEST(exchanged_and_replaced_names_are_read_once)
{
	int seen[40] = { 0 }, fd, nr_calls = 0, other = 0;
	char from[64], to[64], buf[32];

	mkdir("swap", 0755);
	make_numbered("swap", 0, 40);
	fd = open("swap", O_RDONLY | O_DIRECTORY);
	while (syscall(SYS_getdents64, fd, buf, sizeof(buf)) > 0) {
		int number = count_of(((struct dirent *)buf)->d_name);

		if (number >= 0)
			seen[number]++;
		sprintf(from, "swap/f%d", other);
		sprintf(to, "swap/f%d", (other + 17) % 40);
		CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 2 /* exchange */), 0);
		make_file("swap/g");
		CHECK_EQ(rename("swap/g", from), 0);
		other = (other + 7) % 40;
		CHECK(++nr_calls < 200);
	}
	for (int i = 0; i < 40; i++)
		CHECK_EQ(seen[i], 1);
	close(fd);
	remove_numbered("swap", 0, 40);
}

TEST(a_reader_that_renames_all_comes_to_an_end)
{
	struct dirent *dirent;
	char from[300], to[300];
	DIR *folder;
	int count = 0;

	mkdir("ren", 0755);
	make_numbered("ren", 0, 500);
	folder = opendir("ren");
	while ((dirent = readdir(folder))) {
		if (dirent->d_name[0] == '.')
			continue;
		sprintf(from, "ren/%s", dirent->d_name);
		sprintf(to, "ren/%sx", dirent->d_name);
		CHECK_EQ(rename(from, to), 0);
		CHECK(++count < 1500);
	}
	CHECK(count >= 500);
	closedir(folder);
}

/* The call of old programs: the type is in the last byte. */
TEST(getdents_without_64)
{
	int seen = 0, fd;
	char buf[200];
	long length;

	mkdir("old", 0755);
	make_numbered("old", 0, 100);
	fd = open("old", O_RDONLY | O_DIRECTORY);
	while ((length = syscall(SYS_getdents, fd, buf, sizeof(buf))) > 0)
		for (long at = 0; at < length;) {
			unsigned short reclen = *(unsigned short *)(buf + at + 16);
			const char *name = buf + at + 18;

			CHECK(reclen >= 20 + strlen(name) && reclen % 8 == 0);
			CHECK_EQ(buf[at + reclen - 1], name[0] == '.' ? DT_DIR : DT_REG);
			seen++;
			at += reclen;
		}
	CHECK_EQ(length, 0);
	CHECK_EQ(seen, 102);
	close(fd);
	remove_numbered("old", 0, 100);
}

int main(void)
{
	RUN(each_name_is_read_once_while_others_come_and_go);
	RUN(positions_in_a_folder_stay_valid);
	RUN(exchanged_and_replaced_names_are_read_once);
	RUN(a_reader_that_renames_all_comes_to_an_end);
	RUN(getdents_without_64);
	return check_done();
}
