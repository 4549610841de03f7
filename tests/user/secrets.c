/* SPDX-License-Identifier: MIT */
/*
 * What a user may learn of a process: /proc/PID and the calls that look into
 * others, for programs that may be run but not read, set-id programs, identities
 * that change, and descriptors from before. Run by root; a copy of this program
 * with other rights is what is looked at.
 */
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define USER 1000

static char dir[] = "/tmp/secrets-XXXXXX";
static char readable[64], unreadable[64], set_uid[64], set_gid[64], own_set_uid[64];

static void copy_of_us(char *path, const char *name, uid_t uid, mode_t mode)
{
	char buf[4096];
	ssize_t length;
	int source = open("/proc/self/exe", O_RDONLY), out;

	sprintf(path, "%s/%s", dir, name);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL, 0700);
	while ((length = read(source, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)length) != length)
			exit(1);
	fchown(out, uid, uid);
	fchmod(out, mode);
	close(source);
	close(out);
}

static void become_user(void)
{
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresgid(USER, USER, USER), 0);
	CHECK_EQ(setresuid(USER, USER, USER), 0);
}

/* ---- the process that is looked at ---- */

struct victim {
	pid_t pid;
	int say, hear;
};

/* Run @path (then, when told, @next) as a user: each says when it has started. */
static struct victim start(const char *path, const char *next)
{
	int ends[2], out[2];
	struct victim victim;
	char byte;

	CHECK_EQ(pipe(ends) | pipe(out), 0);
	victim.pid = fork();
	if (!victim.pid) {
		become_user();
		dup2(ends[0], 0);
		dup2(out[1], 1);
		execl(path, path, "wait", next, NULL);
		_exit(1);
	}
	close(ends[0]);
	close(out[1]);
	victim.say = ends[1];
	victim.hear = out[0];
	CHECK_EQ(read(victim.hear, &byte, 1), 1);
	return victim;
}

static int wait_and_run(const char *next)
{
	char byte = 'x';

	write(1, &byte, 1);
	read(0, &byte, 1);
	if (next)
		execl(next, next, "wait", NULL);
	return 0;
}

static void tell(struct victim victim)
{
	char byte = 'x';

	CHECK_EQ(write(victim.say, &byte, 1), 1);
	CHECK_EQ(read(victim.hear, &byte, 1), 1);
}

/* A program that may not be read looks at itself. */
static int look_at_self(void)
{
	char text[64], comm[64];
	int fd;

	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	CHECK_ERR(open("/proc/self/mem", O_RDONLY), EACCES);
	CHECK((fd = open("/proc/self/maps", O_RDONLY)) >= 0);
	CHECK(read(fd, text, sizeof(text)) > 0);
	CHECK(open("/proc/self/fd", O_RDONLY) >= 0);
	CHECK(readlink("/proc/self/exe", text, sizeof(text)) > 0);
	CHECK_ERR(open("/proc/self/exe", O_RDONLY), EACCES);
	sprintf(comm, "/proc/self/task/%d/comm", (int)getpid());
	CHECK((fd = open(comm, O_WRONLY)) >= 0);
	CHECK_EQ(write(fd, "itself", 6), 6);
	CHECK_ERR(prctl(PR_SET_DUMPABLE, 2), EINVAL);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	CHECK(open("/proc/self/mem", O_RDONLY) >= 0);
	return 0;
}

/* ---- looking ---- */

static const char *path_of(pid_t pid, const char *name)
{
	static char path[128];

	sprintf(path, "/proc/%d/%s", (int)pid, name);
	return path;
}

static int open_of(pid_t pid, const char *name, int flags)
{
	return open(path_of(pid, name), flags);
}

static const char *text_of_fd(int fd)
{
	static char text[4096];
	ssize_t length = read(fd, text, sizeof(text) - 1);

	CHECK(length >= 0);
	text[length] = 0;
	close(fd);
	return text;
}

static const char *text_of(pid_t pid, const char *name)
{
	return text_of_fd(open_of(pid, name, O_RDONLY));
}

/* A field of stat, counted from 1 as in proc(5). */
static unsigned long stat_field(const char *text, int nr)
{
	const char *at = strrchr(text, ')') + 2;

	for (int i = 3; i < nr; i++)
		at = strchr(at, ' ') + 1;
	return strtoul(at, NULL, 10);
}

static uid_t owner_of(pid_t pid, const char *name)
{
	struct stat info;

	CHECK_EQ(lstat(path_of(pid, name), &info), 0);
	return info.st_uid;
}

static bool may_look_by_call(pid_t pid)
{
	void *head;
	size_t len;

	return !syscall(SYS_get_robust_list, pid, &head, &len);
}

static const char *const memory_files[] = { "mem", "environ", "auxv", "maps", "smaps" };
#define NR_MEMORY_FILES 5

/* Everything that only who may look into the process gets. */
static void check_hidden(pid_t pid)
{
	static const char *const links[] = { "exe", "cwd", "root" };
	char text[64], task[64];
	struct stat info;

	for (int i = 0; i < NR_MEMORY_FILES; i++) {
		CHECK_ERR(open_of(pid, memory_files[i], O_RDONLY), EACCES);
		sprintf(task, "task/%d/%s", (int)pid, memory_files[i]);
		CHECK_ERR(open_of(pid, task, O_RDONLY), EACCES);
	}
	CHECK_ERR(open_of(pid, "mem", O_RDWR), EACCES);
	for (int i = 0; i < 3; i++) {
		CHECK_ERR(readlink(path_of(pid, links[i]), text, sizeof(text)), EACCES);
		CHECK_ERR(stat(path_of(pid, links[i]), &info), EACCES);
	}
	CHECK_ERR(open_of(pid, "fd", O_RDONLY), EACCES);
	CHECK_ERR(open_of(pid, "fd/0", O_RDONLY), EACCES);
	CHECK_ERR(open_of(pid, "fdinfo", O_RDONLY), EACCES);
	CHECK_ERR(open_of(pid, "fdinfo/0", O_RDONLY), EACCES);
	CHECK_ERR(open_of(pid, "personality", O_RDONLY), EACCES);
	CHECK_ERR(open_of(pid, "stack", O_RDONLY), EACCES);
	CHECK_ERR(open_of(pid, "comm", O_WRONLY), EACCES);
	CHECK_ERR(open_of(pid, "oom_score_adj", O_WRONLY), EACCES);
	CHECK(!strcmp(text_of(pid, "wchan"), "0"));
	CHECK_EQ(stat_field(text_of(pid, "stat"), 26), 1);
	CHECK_EQ(stat_field(text_of(pid, "stat"), 28), 0);
	CHECK_EQ(stat_field(text_of(pid, "stat"), 48), 0);
	CHECK(!may_look_by_call(pid));
	CHECK_EQ(owner_of(pid, "mem"), 0);
	CHECK_EQ(owner_of(pid, "maps"), 0);
	/* what anybody sees */
	CHECK(strlen(text_of(pid, "cmdline")) > 0);
	CHECK(strlen(text_of(pid, "status")) > 0);
	CHECK(strlen(text_of(pid, "comm")) > 0);
	CHECK(strlen(text_of(pid, "limits")) > 0);
}

static void check_open(pid_t pid)
{
	char text[64];
	int fd;

	for (int i = 0; i < NR_MEMORY_FILES; i++) {
		CHECK((fd = open_of(pid, memory_files[i], O_RDONLY)) >= 0);
		close(fd);
		CHECK_EQ(owner_of(pid, memory_files[i]), USER);
	}
	CHECK(readlink(path_of(pid, "exe"), text, sizeof(text)) > 0);
	CHECK(open_of(pid, "fd", O_RDONLY) >= 0);
	CHECK(strlen(text_of(pid, "personality")) > 0);
	CHECK(stat_field(text_of(pid, "stat"), 28) > 0);
	CHECK(may_look_by_call(pid));
}

TEST(what_may_be_read_can_be_looked_into)
{
	struct victim victim = start(readable, NULL);

	become_user();
	CHECK_EQ(owner_of(victim.pid, ""), USER);
	check_open(victim.pid);
	kill(victim.pid, SIGKILL);
}

TEST(what_may_not_be_read_is_hidden)
{
	struct victim victim = start(unreadable, NULL);
	struct rlimit64 limit;

	become_user();
	CHECK_EQ(owner_of(victim.pid, ""), USER);
	check_hidden(victim.pid);
	CHECK_EQ(syscall(SYS_prlimit64, victim.pid, RLIMIT_NOFILE, NULL, &limit), 0);
	CHECK_EQ(kill(victim.pid, SIGKILL), 0);
}

TEST(set_id_programs_are_hidden)
{
	struct victim victim = start(set_uid, NULL), w = start(set_gid, NULL);
	struct rlimit64 limit;

	become_user();
	CHECK_EQ(owner_of(victim.pid, ""), 0);
	check_hidden(victim.pid);
	CHECK_ERR(syscall(SYS_prlimit64, victim.pid, RLIMIT_NOFILE, NULL, &limit), EPERM);
	check_hidden(w.pid);
	CHECK_ERR(syscall(SYS_prlimit64, w.pid, RLIMIT_NOFILE, NULL, &limit), EPERM);
	kill(victim.pid, SIGKILL);
	kill(w.pid, SIGKILL);
}

/* @return what PR_GET_DUMPABLE says to a program */
static int dumpable(const char *path, bool as_user)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (as_user)
			become_user();
		execl(path, path, "dumpable", NULL);
		_exit(9);
	}
	status = wait_status(pid);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return -1;
}

TEST(dumpable_follows_the_program)
{
	CHECK_EQ(dumpable(readable, true), 1);
	CHECK_EQ(dumpable(unreadable, true), 0);
	CHECK_EQ(dumpable(unreadable, false), 1); /* root may read it */
	CHECK_EQ(dumpable(set_uid, true), 0);
	CHECK_EQ(dumpable(set_gid, true), 0);
	CHECK_EQ(dumpable(own_set_uid, true), 1); /* no other identity */
	CHECK_EQ(dumpable(own_set_uid, false), 0);
}

TEST(a_hidden_program_sees_itself)
{
	pid_t pid = fork();

	if (!pid) {
		become_user();
		execl(unreadable, unreadable, "self", NULL);
		_exit(1);
	}
	CHECK_EQ(wait_status(pid), 0);
}

/* Files opened on a program tell nothing of the one that takes its place. */
static void check_after_exec(const char *next)
{
	struct victim victim = start(readable, next);
	int fd[NR_MEMORY_FILES], fds, links;
	char text[64];
	struct stat info;

	become_user();
	for (int i = 0; i < NR_MEMORY_FILES; i++)
		CHECK((fd[i] = open_of(victim.pid, memory_files[i], i ? O_RDONLY : O_RDWR)) >= 0);
	CHECK((fds = open_of(victim.pid, "fd", O_RDONLY)) >= 0);
	CHECK((links = open_of(victim.pid, "", O_RDONLY)) >= 0);
	CHECK(pread(fd[0], text, sizeof(text), (off_t)(uintptr_t)&readable) > 0);
	tell(victim);
	CHECK_EQ(pread(fd[0], text, sizeof(text), (off_t)(uintptr_t)&readable), 0);
	CHECK_EQ(pwrite(fd[0], "x", 1, (off_t)(uintptr_t)&readable), 0);
	CHECK_EQ(pread(fd[1], text, sizeof(text), 0), 0);
	for (int i = 3; i < NR_MEMORY_FILES; i++)
		CHECK_EQ(pread(fd[i], text, sizeof(text), 0), 0);
	if (next != readable) {
		CHECK_ERR(readlinkat(fds, "0", text, sizeof(text)), EACCES);
		CHECK_ERR(fstatat(fds, "0", &info, 0), EACCES);
		CHECK_ERR(readlinkat(links, "exe", text, sizeof(text)), EACCES);
		CHECK_ERR(openat(links, "maps", O_RDONLY), EACCES);
		CHECK_ERR(openat(links, "mem", O_RDONLY), EACCES);
	}
	kill(victim.pid, SIGKILL);
	close(victim.say);
}

TEST(files_from_before_end_at_execve)
{
	check_after_exec(readable);
}
TEST(files_from_before_a_hidden_program)
{
	check_after_exec(unreadable);
}
TEST(files_from_before_a_set_uid_program)
{
	check_after_exec(set_uid);
}

/* What was opened with more rights than its reader has now. */
TEST(texts_ask_the_reader_too)
{
	int stat_fd = open_of(1, "stat", O_RDONLY), wchan_fd = open_of(1, "wchan", O_RDONLY);
	int personality_fd = open_of(1, "personality", O_RDONLY),
	    stack_fd = open_of(1, "stack", O_RDONLY);
	const char *text;
	char byte;

	become_user();
	text = text_of_fd(stat_fd);
	CHECK_EQ(stat_field(text, 26), 1);
	CHECK_EQ(stat_field(text, 28), 0);
	CHECK(!strcmp(text_of_fd(wchan_fd), "0"));
	CHECK_ERR(read(personality_fd, &byte, 1), EPERM);
	if (stack_fd >= 0)
		CHECK_ERR(read(stack_fd, &byte, 1), EPERM);
}

static int say_tid[2];

static void *drop_rights(void *unused)
{
	pid_t tid = (pid_t)syscall(SYS_gettid);

	syscall(SYS_setresgid, USER, USER, USER);
	syscall(SYS_setresuid, USER, USER, USER); /* of this thread alone */
	write(say_tid[1], &tid, sizeof(tid));
	pause();
	return NULL;
}

TEST(a_thread_that_drops_rights_opens_nothing)
{
	pid_t tid, pid;
	pthread_t thread;

	CHECK_EQ(pipe(say_tid), 0);
	pid = fork();
	if (!pid) {
		pthread_create(&thread, NULL, drop_rights, NULL);
		pause();
	}
	CHECK_EQ(read(say_tid[0], &tid, sizeof(tid)), sizeof(tid));
	become_user();
	for (int i = 0; i < NR_MEMORY_FILES; i++) {
		CHECK_ERR(open_of(tid, memory_files[i], O_RDONLY), EACCES);
		CHECK_ERR(open_of(pid, memory_files[i], O_RDONLY), EACCES);
	}
	CHECK(!may_look_by_call(tid));
	setresuid(-1, 0, -1);
}

static int hide(void *unused)
{
	return prctl(PR_SET_DUMPABLE, 0);
}

TEST(who_shares_the_memory_is_hidden_too)
{
	static char stack[16384] __attribute__((aligned(16)));
	pid_t pid;

	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	pid = clone(hide, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
}

static void hear(int end)
{
	char byte;

	CHECK_EQ(read(end, &byte, 1), 1);
}

/* Each time it is looked at, though the names were looked up before. */
TEST(owners_follow_the_identity)
{
	int down[2], up[2];
	pid_t pid;

	CHECK_EQ(pipe(down) | pipe(up), 0);
	pid = fork();
	if (!pid) {
		hear(down[0]);
		become_user();
		write(up[1], "x", 1);
		hear(down[0]);
		prctl(PR_SET_DUMPABLE, 1);
		write(up[1], "x", 1);
		hear(down[0]);
		_exit(owner_of(getpid(), "maps") != USER);
	}
	CHECK_EQ(owner_of(pid, "maps"), 0);
	CHECK_EQ(owner_of(pid, ""), 0);
	write(down[1], "x", 1);
	hear(up[0]);
	CHECK_EQ(owner_of(pid, "maps"), 0);
	CHECK_EQ(owner_of(pid, ""), USER);
	write(down[1], "x", 1);
	hear(up[0]);
	CHECK_EQ(owner_of(pid, "maps"), USER);
	write(down[1], "x", 1);
	CHECK_EQ(wait_status(pid), 0);
}

TEST(what_has_ended_belongs_to_root)
{
	pid_t pid = fork();
	char byte;
	int fd;

	if (!pid) {
		become_user();
		prctl(PR_SET_DUMPABLE, 1);
		_exit(0);
	}
	pause_ms(100);
	CHECK_EQ(owner_of(pid, "maps"), 0);
	CHECK_EQ(owner_of(pid, ""), USER);
	CHECK((fd = open_of(pid, "maps", O_RDONLY)) >= 0);
	CHECK_EQ(read(fd, &byte, 1), 0);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(read(fd, &byte, 1) <= 0, 1);
}

static void make_programs(void)
{
	copy_of_us(readable, "readable", 0, 0755);
	copy_of_us(unreadable, "unreadable", 0, 0711);
	copy_of_us(set_uid, "set-uid", 0, 04755);
	copy_of_us(set_gid, "set-gid", 0, 02755);
	copy_of_us(own_set_uid, "own-set-uid", USER, 04755);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "wait"))
		return wait_and_run(argv[2]);
	if (argc > 1 && !strcmp(argv[1], "dumpable"))
		return prctl(PR_GET_DUMPABLE);
	if (argc > 1 && !strcmp(argv[1], "self"))
		return look_at_self();
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return 1;
	make_programs();
	RUN(what_may_be_read_can_be_looked_into);
	RUN(what_may_not_be_read_is_hidden);
	RUN(set_id_programs_are_hidden);
	RUN(dumpable_follows_the_program);
	RUN(a_hidden_program_sees_itself);
	RUN(files_from_before_end_at_execve);
	RUN(files_from_before_a_hidden_program);
	RUN(files_from_before_a_set_uid_program);
	RUN(texts_ask_the_reader_too);
	RUN(a_thread_that_drops_rights_opens_nothing);
	RUN(who_shares_the_memory_is_hidden_too);
	RUN(owners_follow_the_identity);
	RUN(what_has_ended_belongs_to_root);
	return check_done();
}
