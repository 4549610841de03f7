/* SPDX-License-Identifier: MIT */
/* Paths as texts: their ends, their parts, and links that lead through links. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096

static ino_t number_of(const char *path)
{
	struct stat info;

	CHECK_EQ(stat(path, &info), 0);
	return info.st_ino;
}

static void make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	CHECK(fd >= 0);
	close(fd);
}

/* Behind the page that the text ends in there is no memory. */
TEST(a_path_is_read_up_to_its_end)
{
	char *page =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct stat info;
	ino_t number;

	CHECK(page != MAP_FAILED);
	CHECK_EQ(munmap(page + PAGE, PAGE), 0);
	make_file("end");
	number = number_of("end");
	for (int slashes = 0; slashes < 300; slashes++) {
		int len = slashes + 6;
		char *text = page + PAGE - len - 1;

		memset(text, '/', len);
		text[0] = '.';
		memcpy(text + len - 3, "end", 4);
		CHECK_EQ(number_of(text), number);
		for (int gap = 1; gap <= 16; gap++) { /* all alignments */
			memmove(text - gap, text, len + 1);
			CHECK_EQ(number_of(text - gap), number);
			memmove(text, text - gap, len + 1);
		}
		memset(text, 'x', len + 1); /* without an end */
		CHECK_ERR(stat(text, &info), EFAULT);
	}
	CHECK_ERR(stat(page + PAGE, &info), EFAULT);
	CHECK_ERR(stat((char *)0x7ffffffff000 - 8, &info), EFAULT);
	CHECK_ERR(stat((char *)-8l, &info), EFAULT);
	page[PAGE - 1] = 0;
	CHECK_ERR(stat(page + PAGE - 1, &info), ENOENT);
}

/* All lengths, with names that differ in one byte beside them. */
TEST(names_of_all_lengths)
{
	char name[300] = "", other[400];
	struct stat info;

	CHECK_EQ(mkdir("lengths", 0755), 0);
	CHECK_EQ(chdir("lengths"), 0);
	for (int len = 1; len <= 255; len++) {
		name[len - 1] = 'a' + len % 26;
		make_file(name);
	}
	for (int len = 255; len >= 1; len--) {
		name[len] = 0;
		CHECK_EQ(stat(name, &info), 0);
		for (int i = 0; i < len; i += 5) {
			strcpy(other, name);
			other[i] ^= 0x20;
			CHECK_ERR(stat(other, &info), ENOENT);
		}
		sprintf(other, "..//lengths/./%s", name);
		CHECK_EQ(unlink(other), 0);
		CHECK_ERR(stat(name, &info), ENOENT);
	}
	CHECK_EQ(chdir(".."), 0);
	CHECK_EQ(rmdir("lengths"), 0);
}

TEST(names_that_begin_with_dots)
{
	struct stat info;

	CHECK_EQ(mkdir("dots", 0755), 0);
	make_file("dots/...");
	make_file("dots/.a");
	make_file("dots/..b");
	CHECK_EQ(stat("dots/...", &info), 0);
	CHECK_EQ(stat("dots/.a", &info), 0);
	CHECK_EQ(stat("dots/../dots/./..b", &info), 0);
	CHECK_ERR(stat("dots/....", &info), ENOENT);
	CHECK_ERR(stat("dots/.a/", &info), ENOTDIR);
	CHECK_ERR(stat("dots/.a/..", &info), ENOTDIR);
	CHECK_EQ(number_of("dots/"), number_of("dots/."));
	CHECK_EQ(number_of("/../.."), number_of("/"));
}

/* Each link waits for the rest of the text around it: up to 40 deep. */
TEST(links_that_lead_through_links)
{
	char from[32], to[64];
	struct stat info;
	ino_t number;
	int fd;

	CHECK_EQ(mkdir("chain", 0755), 0);
	CHECK_EQ(chdir("chain"), 0);
	CHECK_EQ(mkdir("l0", 0755), 0);
	make_file("l0/file");
	number = number_of("l0/file");
	for (int i = 1; i <= 41; i++) {
		sprintf(from, "l%d", i);
		sprintf(to, "l%d/../l0", i - 1);
		CHECK_EQ(symlink(to, from), 0);
		sprintf(to, "%s/file", from);
		if (i <= 40)
			CHECK_EQ(number_of(to), number);
		else
			CHECK_ERR(stat(to, &info), ELOOP);
	}
	for (int depth = 1; depth <= 5; depth++) {
		sprintf(to, "l%d/made%d", depth, depth);
		fd = open(to, O_CREAT | O_EXCL | O_WRONLY, 0600);
		CHECK(fd >= 0);
		close(fd);
		sprintf(to, "l0/made%d", depth);
		CHECK_EQ(unlink(to), 0);
	}
	CHECK_EQ(symlink("l3/file", "end"), 0);
	CHECK_EQ(number_of("end"), number);
	CHECK_ERR(stat("end/", &info), ENOTDIR);
	CHECK_EQ(lstat("l3", &info), 0);
	CHECK(S_ISLNK(info.st_mode));
	CHECK_EQ(lstat("l3/", &info), 0);
	CHECK(S_ISDIR(info.st_mode));
	CHECK_EQ(rename("l2/file", "l4/other"), 0);
	CHECK_EQ(number_of("l0/other"), number);
	CHECK_EQ(chdir(".."), 0);
}

/* Who may search is asked of each folder. */
TEST(a_folder_that_may_not_be_searched)
{
	struct stat info;

	CHECK_EQ(mkdir("closed", 0755), 0);
	CHECK_EQ(mkdir("closed/in", 0755), 0);
	make_file("closed/in/file");
	CHECK_EQ(chmod("closed/in", 0700), 0);
	CHECK_EQ(stat("closed/in/file", &info), 0);
	if (geteuid())
		return;
	CHECK_EQ(chmod("closed/in", 0000), 0);
	CHECK_EQ(stat("closed/in/file", &info), 0);
	CHECK_EQ(chmod("closed/in", 0766), 0);
	CHECK_EQ(seteuid(1000), 0);
	CHECK_ERR(stat("closed/in/file", &info), EACCES);
	CHECK_EQ(stat("closed/in", &info), 0);
	CHECK_EQ(seteuid(0), 0);
	CHECK_EQ(chown("closed/in", 1000, 1000), 0);
	CHECK_EQ(seteuid(1000), 0);
	CHECK_EQ(stat("closed/in/file", &info), 0);
	CHECK_EQ(chmod("closed/in", 0677), 0);
	CHECK_ERR(stat("closed/in/file", &info), EACCES);
	CHECK_EQ(seteuid(0), 0);
}

/* Names beside each other and not, which are written alike and not. */
TEST(renames_beside_and_elsewhere)
{
	struct stat info;
	ino_t number;

	CHECK_EQ(mkdir("beside", 0755), 0);
	CHECK_EQ(mkdir("beside/a", 0755), 0);
	make_file("beside/a/one");
	number = number_of("beside/a/one");
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(rename("beside/a/one", "beside/a/two"), 0);
		CHECK_ERR(stat("beside/a/one", &info), ENOENT);
		CHECK_EQ(number_of("beside/a/two"), number);
		CHECK_EQ(rename("beside/a/two", "beside/a//one"), 0);
		CHECK_ERR(stat("beside/a/two", &info), ENOENT);
		CHECK_EQ(number_of("beside/a/one"), number);
	}
	CHECK_EQ(rename("beside/a/one", "beside/b"), 0);
	CHECK_EQ(rename("beside/b", "beside/a/one"), 0);
	CHECK_ERR(rename("beside/a/one", "beside/a/one/in"), ENOTDIR);
	CHECK_ERR(rename("beside/a/one", "beside/a/two/"), ENOTDIR);
	CHECK_ERR(rename("beside/a/one", "beside/a/"), ENOTDIR);
	CHECK_ERR(rename("beside/a/one", "beside/a/."), EBUSY);
	CHECK_ERR(rename("beside/a", "beside/a/one"), EINVAL);
	CHECK_EQ(rename("beside/a/", "beside/c/"), 0);
	CHECK_EQ(number_of("beside/c/one"), number);
	CHECK_ERR(stat("beside/a", &info), ENOENT);
}

/* The name that something moved away from is free, whatever it was before. */
TEST(a_name_that_was_moved_away_can_be_made_again)
{
	struct stat info;
	char text[8] = "";
	int fd, kept;

	make_file("again1");
	make_file("again2");
	kept = open("again2", O_RDWR);
	CHECK_EQ(write(kept, "kept", 4), 4);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(rename("again1", "again2"), 0);
		CHECK_ERR(stat("again1", &info), ENOENT);
		CHECK_ERR(unlink("again1"), ENOENT);
		CHECK_ERR(open("again1", O_RDONLY), ENOENT);
		CHECK_EQ(stat("again2", &info), 0);
		CHECK_EQ(info.st_nlink, 1);
		switch (i) {
		case 0: make_file("again1"); break;
		case 1: CHECK_EQ(link("again2", "again1"), 0); break;
		case 2: CHECK_EQ(symlink("again2", "again1"), 0); break;
		}
		CHECK_EQ(stat("again1", &info), 0);
		if (i == 1) { /* the same file: nothing is done */
			CHECK_EQ(rename("again1", "again2"), 0);
			CHECK_EQ(unlink("again1"), 0);
			make_file("again1");
		}
	}
	CHECK_EQ(unlink("again1"), 0);
	CHECK_EQ(mkdir("again1", 0755), 0);
	CHECK_EQ(rmdir("again1"), 0);
	CHECK_EQ(pread(kept, text, 4, 0), 4); /* what lost its name lives on */
	CHECK(!strcmp(text, "kept"));
	CHECK_EQ(fstat(kept, &info), 0);
	CHECK_EQ(info.st_nlink, 0);
	fd = open("again2", O_RDWR);
	CHECK(fd >= 0);
}

int main(void)
{
	RUN(a_path_is_read_up_to_its_end);
	RUN(names_of_all_lengths);
	RUN(names_that_begin_with_dots);
	RUN(links_that_lead_through_links);
	RUN(a_folder_that_may_not_be_searched);
	RUN(renames_beside_and_elsewhere);
	RUN(a_name_that_was_moved_away_can_be_made_again);
	return check_done();
}
