/* SPDX-License-Identifier: MIT */
/* inotify: what happens to files, as something to read and to wait for. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define ROOT "/tmp/inotify"

static int watcher;
static uint32_t last_cookie;

/* What has been queued, as text: "wd:EVENT+EVENT(name) ..." */
static const char *events(void)
{
	static const char *const names[] = { "ACCESS", "MODIFY",  "ATTRIB",	 "CLOSE_WRITE",
					     "CLOSE",  "OPEN",	  "FROM",	 "TO",
					     "CREATE", "DELETE",  "DELETE_SELF", "MOVE_SELF",
					     "?",      "UNMOUNT", "OVERFLOW",	 "IGNORED" };
	static char text[8192];
	char buffer[8192] __attribute__((aligned(8)));
	const struct inotify_event *event;
	size_t end = 0;
	ssize_t got;

	text[0] = 0;
	while ((got = read(watcher, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer; at < buffer + got; at += sizeof(*event) + event->len) {
			event = (const void *)at;
			end += sprintf(text + end, "%s%d:", end ? " " : "", event->wd);
			for (int i = 0; i < 16; i++)
				if (event->mask & 1u << i)
					end += sprintf(text + end, "%s%s", names[i],
						       event->mask & IN_ISDIR ? "/" : "");
			if (event->len)
				end += sprintf(text + end, "(%s)", event->name);
			if (event->mask & (IN_MOVED_FROM | IN_MOVED_TO)) {
				CHECK(event->cookie);
				if (event->mask & IN_MOVED_TO && last_cookie)
					CHECK_EQ(event->cookie, last_cookie);
				last_cookie = event->mask & IN_MOVED_FROM ? event->cookie : 0;
			} else {
				CHECK_EQ(event->cookie, 0);
			}
		}
	CHECK(got == -1 && errno == EAGAIN);
	return text;
}

#define CHECK_EVENTS(wanted)                                                             \
	do {                                                                             \
		const char *got_ = events();                                             \
		if (strcmp(got_, wanted)) {                                              \
			printf("# line %d: %s\n# wanted: %s\n", __LINE__, got_, wanted); \
			fflush(stdout);                                                  \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

static int watch(const char *path, uint32_t mask)
{
	int wd = inotify_add_watch(watcher, path, mask);

	CHECK(wd > 0);
	return wd;
}

static void begin(void)
{
	system("rm -rf " ROOT);
	CHECK_EQ(mkdir(ROOT, 0755), 0);
	CHECK_EQ(chdir(ROOT), 0);
	watcher = inotify_init1(IN_NONBLOCK);
	CHECK(watcher >= 0);
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	close(fd);
}

TEST(refusals)
{
	int null = open("/dev/null", O_RDONLY), fd;
	char text[64], link[64];

	begin();
	make_file("file");
	CHECK_ERR(inotify_init1(1), EINVAL);
	fd = inotify_init1(IN_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDONLY);
	CHECK_ERR(write(watcher, text, 1), EBADF);
	CHECK_ERR(inotify_add_watch(99, "file", IN_OPEN), EBADF);
	CHECK_ERR(inotify_add_watch(99, "file", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(99, "file", 0x1000), EINVAL);
	CHECK_ERR(inotify_add_watch(null, "file", IN_OPEN), EINVAL);
	CHECK_ERR(inotify_add_watch(watcher, "none", IN_OPEN), ENOENT);
	CHECK_ERR(inotify_add_watch(watcher, (char *)16, IN_OPEN), EFAULT);
	CHECK_ERR(inotify_add_watch(watcher, "file", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	CHECK_ERR(inotify_add_watch(watcher, "file", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE),
		  EINVAL);
	CHECK_ERR(inotify_rm_watch(99, 1), EBADF);
	CHECK_ERR(inotify_rm_watch(null, 1), EINVAL);
	CHECK_ERR(inotify_rm_watch(watcher, 1), EINVAL);
	CHECK_ERR(inotify_rm_watch(watcher, -1), EINVAL);
	CHECK_ERR(read(watcher, text, 64), EAGAIN);
	CHECK_EQ(watch("file", IN_OPEN), 1);
	CHECK_ERR(inotify_add_watch(watcher, "file", IN_OPEN | IN_MASK_CREATE), EEXIST);
	CHECK_EQ(chmod("file", 0), 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(inotify_add_watch(watcher, "file", IN_OPEN), EACCES);
	fd = inotify_init();
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDONLY);
	CHECK_EQ(snprintf(text, sizeof(text), "/proc/self/fd/%d", fd) > 0, 1);
	CHECK_EQ(readlink(text, link, sizeof(link)), 18);
	CHECK(!memcmp(link, "anon_inode:inotify", 18));
}

TEST(a_file_and_its_folder)
{
	char buffer[16];
	int fd;

	begin();
	make_file("file");
	CHECK_EQ(watch("file", IN_ALL_EVENTS), 1);
	CHECK_EQ(watch(".", IN_ALL_EVENTS), 2);
	CHECK_EVENTS("");
	fd = open("file", O_RDWR);
	CHECK_EVENTS("2:OPEN(file) 1:OPEN");
	CHECK_EQ(read(fd, buffer, 4), 4);
	CHECK_EQ(read(fd, buffer, 4), 4); /* like the one before: not reported again */
	CHECK_EVENTS("2:ACCESS(file) 1:ACCESS 2:ACCESS(file) 1:ACCESS");
	CHECK_EQ(read(fd, buffer, 16), 2);
	CHECK_EQ(read(fd, buffer, 16), 0);
	CHECK_EVENTS("2:ACCESS(file) 1:ACCESS");
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK_EVENTS("2:MODIFY(file) 1:MODIFY");
	CHECK_EQ(ftruncate(fd, 5), 0);
	CHECK_EVENTS("2:MODIFY(file) 1:MODIFY");
	CHECK_EQ(fallocate(fd, 0, 0, 100), 0);
	CHECK_EVENTS("2:MODIFY(file) 1:MODIFY");
	CHECK_EQ(fchmod(fd, 0600), 0);
	CHECK_EVENTS("2:ATTRIB(file) 1:ATTRIB");
	CHECK_EQ(fchown(fd, 1, 1), 0);
	CHECK_EVENTS("2:ATTRIB(file) 1:ATTRIB");
	CHECK_EQ(fchown(fd, -1, -1), 0);
	CHECK_EVENTS("");
	CHECK_EQ(futimens(fd, NULL), 0);
	CHECK_EVENTS("2:ATTRIB(file) 1:ATTRIB");
	CHECK_EQ(futimens(fd, (struct timespec[]){ { 5, 0 }, { 0, UTIME_OMIT } }), 0);
	CHECK_EVENTS("2:ACCESS(file) 1:ACCESS");
	CHECK_EQ(futimens(fd, (struct timespec[]){ { 0, UTIME_OMIT }, { 5, 0 } }), 0);
	CHECK_EVENTS("2:MODIFY(file) 1:MODIFY");
	close(dup(fd));
	CHECK_EVENTS("");
	close(fd);
	CHECK_EVENTS("2:CLOSE_WRITE(file) 1:CLOSE_WRITE");
	close(open("file", O_RDONLY | O_TRUNC));
	CHECK_EVENTS("2:MODIFY(file) 1:MODIFY 2:OPEN(file) 1:OPEN 2:CLOSE(file) 1:CLOSE");
	close(open("file", O_PATH));
	CHECK_EVENTS("");
	CHECK_EQ(truncate("file", 3), 0);
	CHECK_EVENTS("2:MODIFY(file) 1:MODIFY");
	close(open("file", O_RDONLY | O_DIRECTORY));
	CHECK_EVENTS("");
}

TEST(names_come_and_go)
{
	begin();
	CHECK_EQ(watch(".", IN_ALL_EVENTS), 1);
	make_file("a");
	CHECK_EVENTS("1:CREATE(a) 1:OPEN(a) 1:MODIFY(a) 1:CLOSE_WRITE(a)");
	CHECK_EQ(mkdir("dir", 0755), 0);
	CHECK_EQ(symlink("a", "link"), 0);
	CHECK_EQ(mkfifo("fifo", 0644), 0);
	CHECK_EVENTS("1:CREATE/(dir) 1:CREATE(link) 1:CREATE(fifo)");
	CHECK_EQ(watch("a", IN_ALL_EVENTS), 2);
	CHECK_EQ(watch("dir", IN_ALL_EVENTS), 3);
	CHECK_EQ(link("a", "b"), 0);
	CHECK_EVENTS("2:ATTRIB 1:CREATE(b)");
	CHECK_EQ(unlink("b"), 0);
	CHECK_EVENTS("2:ATTRIB 1:DELETE(b)");
	make_file("dir/x");
	CHECK_EVENTS("3:CREATE(x) 3:OPEN(x) 3:MODIFY(x) 3:CLOSE_WRITE(x)");
	CHECK_EQ(unlink("dir/x"), 0);
	CHECK_EQ(rmdir("dir"), 0);
	CHECK_EVENTS("3:DELETE(x) 3:DELETE_SELF 3:IGNORED 1:DELETE/(dir)");
	CHECK_EQ(unlink("a"), 0);
	CHECK_EVENTS("2:ATTRIB 2:DELETE_SELF 2:IGNORED 1:DELETE(a)");
	CHECK_ERR(inotify_rm_watch(watcher, 2), EINVAL);
	CHECK_ERR(unlink("none"), ENOENT);
	CHECK_ERR(mkdir("fifo", 0755), EEXIST);
	CHECK_EVENTS("");
}

TEST(an_open_file_without_a_name)
{
	char buffer[4];
	int fd;

	begin();
	make_file("a");
	fd = open("a", O_RDONLY);
	CHECK_EQ(watch("a", IN_ALL_EVENTS), 1);
	CHECK_EQ(watch(".", IN_ALL_EVENTS), 2);
	CHECK_EQ(unlink("a"), 0);
	CHECK_EVENTS("1:ATTRIB 2:DELETE(a)");
	CHECK_EQ(read(fd, buffer, 4), 4);
	CHECK_EVENTS("2:ACCESS(a) 1:ACCESS");
	CHECK_EQ(watch(".", IN_ALL_EVENTS | IN_EXCL_UNLINK), 2);
	CHECK_EQ(read(fd, buffer, 4), 4);
	CHECK_EVENTS("1:ACCESS");
	close(fd);
	CHECK_EVENTS("1:CLOSE 1:DELETE_SELF 1:IGNORED");
}

TEST(moves)
{
	begin();
	make_file("a");
	make_file("b");
	CHECK_EQ(mkdir("from", 0755) + mkdir("to", 0755) + mkdir("d", 0755), 0);
	CHECK_EQ(watch("from", IN_ALL_EVENTS), 1);
	CHECK_EQ(watch("to", IN_ALL_EVENTS), 2);
	CHECK_EQ(watch("a", IN_ALL_EVENTS), 3);
	CHECK_EQ(watch("b", IN_ALL_EVENTS), 4);
	CHECK_EQ(watch("d", IN_ALL_EVENTS), 5);
	CHECK_EQ(rename("a", "from/a"), 0);
	CHECK_EQ(rename("from/a", "to/c"), 0);
	CHECK_EVENTS("1:TO(a) 3:MOVE_SELF 1:FROM(a) 2:TO(c) 3:MOVE_SELF");
	CHECK_EQ(rename("d", "to/d"), 0);
	CHECK_EVENTS("2:TO/(d) 5:MOVE_SELF");
	CHECK_EQ(rename("b", "to/c"), 0); /* which loses its name */
	CHECK_EVENTS("2:TO(c) 3:ATTRIB 4:MOVE_SELF 3:DELETE_SELF 3:IGNORED");
	make_file("from/e");
	events();
	CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, "from/e", AT_FDCWD, "to/d", 2), 0);
	CHECK_EVENTS("1:FROM(e) 2:TO(d) 2:FROM/(d) 1:TO/(e) 5:MOVE_SELF");
	CHECK_EQ(rename("to/c", "to/c"), 0);
	CHECK_EQ(link("to/c", "to/l"), 0);
	events();
	CHECK_EQ(rename("to/c", "to/l"), 0); /* one file: nothing moves */
	CHECK_EVENTS("");
}

TEST(folders)
{
	char buffer[1024];
	int fd;

	begin();
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(watch(".", IN_ALL_EVENTS), 1);
	CHECK_EQ(watch("d", IN_ALL_EVENTS), 2);
	fd = open("d", O_RDONLY | O_DIRECTORY);
	CHECK_EVENTS("1:OPEN/(d) 2:OPEN/");
	CHECK(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)) > 0);
	CHECK_EVENTS("1:ACCESS/(d) 2:ACCESS/");
	CHECK_EQ(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)), 0);
	CHECK_EVENTS("1:ACCESS/(d) 2:ACCESS/");
	close(fd);
	CHECK_EVENTS("1:CLOSE/(d) 2:CLOSE/");
	CHECK_EQ(chmod("d", 0700), 0);
	CHECK_EVENTS("1:ATTRIB/(d) 2:ATTRIB/");
	CHECK_EQ(rmdir("d"), 0);
	CHECK_EVENTS("2:DELETE_SELF 2:IGNORED 1:DELETE/(d)");
}

TEST(masks)
{
	begin();
	make_file("a");
	CHECK_EQ(symlink("a", "l"), 0);
	CHECK_EQ(watch("a", IN_ATTRIB | IN_DONT_FOLLOW), 1);
	CHECK_EQ(watch("l", IN_OPEN), 1); /* instead */
	CHECK_EQ(chmod("a", 0600), 0);
	close(open("a", O_RDONLY));
	CHECK_EVENTS("1:OPEN");
	CHECK_EQ(watch("a", IN_ATTRIB | IN_MASK_ADD), 1);
	CHECK_EQ(chmod("a", 0644), 0);
	close(open("a", O_RDONLY));
	CHECK_EVENTS("1:ATTRIB 1:OPEN");
	CHECK_EQ(watch("l", IN_ALL_EVENTS | IN_DONT_FOLLOW), 2); /* the link itself */
	CHECK_EQ(watch(".", IN_OPEN | IN_CLOSE | IN_ONESHOT | IN_ONLYDIR | IN_MASK_CREATE), 3);
	close(open("a", O_RDONLY));
	CHECK_EVENTS("3:OPEN(a) 3:IGNORED 1:OPEN");
	CHECK_EQ(inotify_rm_watch(watcher, 1), 0);
	CHECK_EVENTS("1:IGNORED");
	CHECK_EQ(watch("a", IN_OPEN), 4);
	CHECK_EQ(unlink("l"), 0);
	CHECK_EVENTS("2:ATTRIB 2:DELETE_SELF 2:IGNORED");
	close(open("a", O_RDONLY));
	close(open("a", O_RDONLY));
	CHECK_EVENTS("4:OPEN"); /* one like the last one is not added */
}

TEST(other_ways_to_use_a_file)
{
	int a, b, pipes[2];
	const char *got;
	char text[64];

	begin();
	make_file("a");
	make_file("b");
	a = open("a", O_RDONLY);
	b = open("b", O_WRONLY);
	CHECK_EQ(watch("a", IN_ACCESS | IN_ATTRIB), 1);
	CHECK_EQ(watch("b", IN_MODIFY), 2);
	CHECK_EQ(sendfile(b, a, NULL, 10), 10); /* Linux says once more that b was modified */
	got = events();
	CHECK(strstr(got, "1:ACCESS") && strstr(got, "2:MODIFY"));
	CHECK_EQ(pipe(pipes), 0);
	lseek(a, 0, SEEK_SET);
	CHECK_EQ(splice(a, NULL, pipes[1], NULL, 10, 0), 10);
	got = events(); /* Linux tells of splice() from 6.5 on */
	CHECK(!*got || !strcmp(got, "1:ACCESS"));
	CHECK_EQ(splice(pipes[0], NULL, b, NULL, 10, 0), 10);
	got = events();
	CHECK(!*got || !strcmp(got, "2:MODIFY"));
	lseek(a, 0, SEEK_SET);
	CHECK_EQ(copy_file_range(a, NULL, b, NULL, 10, 0), 10);
	got = events();
	CHECK(strstr(got, "1:ACCESS") && strstr(got, "2:MODIFY"));
	if (!setxattr("a", "user.x", "y", 1, 0) || !setxattr("a", "trusted.x", "y", 1, 0))
		CHECK_EVENTS("1:ATTRIB");
	CHECK_EQ(read(pipes[0] + 100, text, 1), -1);
}

TEST(reading)
{
	char buffer[64] __attribute__((aligned(8))), path[64], text[600];
	struct inotify_event *event = (void *)buffer;
	struct pollfd pollfd;
	struct stat stat;
	int bytes, pid;

	begin();
	CHECK_EQ(watch(".", IN_CREATE), 1);
	pollfd = (struct pollfd){ watcher, POLLIN, 0 };
	CHECK_EQ(poll(&pollfd, 1, 0), 0);
	mkdir("123456789012345", 0755); /* 15: fits with its NUL */
	mkdir("1234567890123456", 0755);
	CHECK_EQ(poll(&pollfd, 1, 0), 1);
	CHECK_EQ(ioctl(watcher, FIONREAD, &bytes), 0);
	CHECK_EQ(bytes, 32 + 48);
	CHECK_ERR(read(watcher, buffer, 31), EINVAL);
	CHECK_EQ(read(watcher, buffer, 64), 32); /* whole ones only */
	CHECK_EQ(event->len, 16);
	CHECK_EQ(event->mask, IN_CREATE | IN_ISDIR);
	CHECK_EQ(read(watcher, buffer, 64), 48);
	CHECK_EQ(event->len, 32);
	CHECK(!memcmp(event->name, "1234567890123456\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32));
	CHECK_ERR(ioctl(watcher, 0x5401, &bytes), ENOTTY);
	/* a read waits */
	fcntl(watcher, F_SETFL, 0);
	pid = fork();
	if (!pid) {
		pause_ms(50);
		_exit(mkdir("x", 0755));
	}
	CHECK_EQ(read(watcher, buffer, 64), 32);
	CHECK_EQ(wait_status(pid), 0);
	fcntl(watcher, F_SETFL, O_NONBLOCK);
	CHECK_EQ(lstat(".", &stat), 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", watcher);
	bytes = (int)read(open(path, O_RDONLY), text, sizeof(text) - 1);
	CHECK(bytes > 0);
	text[bytes] = 0;
	snprintf(path, sizeof(path), "inotify wd:1 ino:%lx sdev:", (long)stat.st_ino);
	CHECK(strstr(text, path));
	CHECK(strstr(text, " mask:100 ignored_mask:0 "));
}

static int limit_of(const char *name, int value)
{
	char path[100], text[32];
	int fd, got;

	snprintf(path, sizeof(path), "/proc/sys/fs/inotify/%s", name);
	fd = open(path, O_RDWR);
	got = (int)read(fd, text, sizeof(text) - 1);
	CHECK(got > 0);
	text[got] = 0;
	got = atoi(text);
	snprintf(text, sizeof(text), "%d", value);
	if (value)
		CHECK(pwrite(fd, text, strlen(text), 0) > 0);
	close(fd);
	return got;
}

TEST(limits)
{
	int fds[130], count = 0, instances, watches, queued;
	char name[16];

	begin();
	queued = limit_of("max_queued_events", 0);
	CHECK_EQ(queued, 16384);
	limit_of("max_queued_events", 4);
	close(watcher);
	watcher = inotify_init1(IN_NONBLOCK);
	limit_of("max_queued_events", queued);
	CHECK_EQ(watch(".", IN_CREATE), 1);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%d", i);
		mkdir(name, 0755);
	}
	CHECK_EVENTS("1:CREATE/(0) 1:CREATE/(1) 1:CREATE/(2) 1:CREATE/(3) -1:OVERFLOW");
	mkdir("more", 0755);
	CHECK_EVENTS("1:CREATE/(more)");
	watches = limit_of("max_user_watches", 2);
	CHECK(watches >= 8192);
	CHECK_EQ(watch("1", IN_CREATE), 2);
	CHECK_ERR(inotify_add_watch(watcher, "2", IN_CREATE), ENOSPC);
	CHECK_EQ(watch("1", IN_OPEN), 2);
	limit_of("max_user_watches", watches);
	instances = limit_of("max_user_instances", 0);
	CHECK_EQ(instances, 128);
	limit_of("max_user_instances", 20);
	while (count < 30 && (fds[count] = inotify_init()) >= 0)
		count++;
	CHECK_EQ(errno, EMFILE);
	CHECK(count > 10 && count < 20);
	close(fds[0]);
	CHECK(inotify_init() >= 0);
	limit_of("max_user_instances", instances);
}

TEST(an_unmounted_file_system)
{
	const char *got;

	begin();
	CHECK_EQ(mkdir("mnt", 0755), 0);
	CHECK_EQ(mount("none", "mnt", "tmpfs", 0, NULL), 0);
	make_file("mnt/file");
	CHECK_EQ(watch("mnt", IN_CREATE), 1);
	CHECK_EQ(watch("mnt/file", IN_OPEN), 2);
	CHECK_EQ(umount("mnt"), 0);
	CHECK_EQ(inotify_rm_watch(watcher, 1), -1);
	got = events();
	if (!strstr(got, "1:UNMOUNT/ 1:IGNORED") || !strstr(got, "2:UNMOUNT 2:IGNORED")) {
		printf("# %s\n", got);
		CHECK(0);
	}
}

TEST(many_at_once)
{
	int pids[4];

	/* watches come and go while others use, move and remove the files */
	begin();
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		for (int round = 0; !pids[i] && round < 300; round++) {
			char name[16], other[16];
			int wd;

			snprintf(name, sizeof(name), "f%d", (round + i) % 3);
			snprintf(other, sizeof(other), "f%d", (round + i + 1) % 3);
			if (i < 2) {
				close(open(name, O_CREAT | O_RDWR, 0644));
				rename(name, other);
				unlink(name);
			} else {
				wd = inotify_add_watch(watcher, name, IN_ALL_EVENTS | IN_ONESHOT);
				inotify_add_watch(watcher, ".", IN_ALL_EVENTS);
				inotify_rm_watch(watcher, wd);
			}
		}
		if (!pids[i])
			_exit(0);
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	close(watcher);
	system("rm -rf " ROOT);
}

int main(void)
{
	RUN(refusals);
	RUN(a_file_and_its_folder);
	RUN(names_come_and_go);
	RUN(an_open_file_without_a_name);
	RUN(moves);
	RUN(folders);
	RUN(masks);
	RUN(other_ways_to_use_a_file);
	RUN(reading);
	RUN(limits);
	RUN(an_unmounted_file_system);
	RUN(many_at_once);
	return check_done();
}
