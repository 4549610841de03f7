/* SPDX-License-Identifier: MIT */
/* fork, exec, exit, wait, groups, sessions, credentials, limits: as on Linux. */
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/mman.h>

static char self[4096];

static int wait_exit(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static pid_t spawn(void (*fn)(void))
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		fn();
		_exit(0);
	}
	return pid;
}

TEST(fork_gives_a_copy)
{
	volatile int x = 1;
	pid_t self = getpid(), pid = fork();

	if (!pid) {
		CHECK_EQ(x, 1);
		CHECK(getpid() != self && getppid() == self && gettid() == getpid());
		x = 2;
		_exit(x + 40);
	}
	CHECK_EQ(wait_exit(pid), 42);
	CHECK_EQ(x, 1);
}

TEST(wait_reports_how_it_ended)
{
	int status;
	pid_t pid;
	siginfo_t info;
	struct rusage rusage;

	for (int code = 0; code < 256; code += 51) {
		pid = fork();
		if (!pid)
			_exit(code);
		CHECK_EQ(wait4(-1, &status, 0, &rusage), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
	}
	pid = fork();
	if (!pid) {
		raise(SIGTERM);
		_exit(0);
	}
	memset(&info, 0, sizeof(info));
	CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_code, CLD_KILLED);
	CHECK_EQ(info.si_status, SIGTERM);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_signo, SIGCHLD);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_ERR(waitpid(pid, &status, 0), ECHILD);
	CHECK_ERR(waitpid(-1, &status, 0), ECHILD);
	CHECK_ERR(waitpid(-1, &status, 0x10000), EINVAL);
	CHECK_ERR(waitid(P_ALL, 0, &info, 0), EINVAL);
}

TEST(wait_without_hanging)
{
	int status, ends[2];
	pid_t pid;
	siginfo_t info = { .si_pid = 99 };
	char byte;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1));
	}
	close(ends[0]);
	CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
	CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0);
	close(ends[1]);
	CHECK_EQ(wait_exit(pid), 0);
}

TEST(wait_by_group)
{
	int status;
	pid_t first = fork(), second;

	if (!first)
		_exit(1);
	second = fork();
	if (!second) {
		setpgid(0, 0);
		_exit(2);
	}
	setpgid(second, second);
	CHECK_EQ(waitpid(-second, &status, 0), second);
	CHECK_EQ(WEXITSTATUS(status), 2);
	CHECK_ERR(waitpid(-second, &status, 0), ECHILD);
	CHECK_EQ(waitpid(0, &status, 0), first);
}

static volatile int vfork_mark;
TEST(vfork_shares_memory_and_waits)
{
	pid_t pid = vfork();

	if (!pid) {
		vfork_mark = 7;
		_exit(3);
	}
	CHECK_EQ(vfork_mark, 7);
	CHECK_EQ(wait_exit(pid), 3);
}

TEST(stop_and_continue_are_reported)
{
	int status;
	pid_t pid = fork();
	siginfo_t info;

	if (!pid)
		for (;;)
			pause();
	CHECK_EQ(setpgid(pid, pid), 0); /* SIGTSTP does not stop orphaned groups */
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitid(P_PID, pid, &info, WCONTINUED), 0);
	CHECK_EQ(info.si_code, CLD_CONTINUED);
	CHECK_EQ(info.si_status, SIGCONT);
	CHECK_EQ(kill(pid, SIGTSTP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(ignored_children_leave_no_zombies)
{
	int status;

	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 5; i++)
		if (!fork())
			_exit(i);
	CHECK_ERR(wait(&status), ECHILD);
	struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };

	sigaction(SIGCHLD, &action, NULL);
	if (!fork())
		_exit(1);
	CHECK_ERR(wait(&status), ECHILD);
}

TEST(orphans_go_to_the_subreaper)
{
	int status, ends[2];
	pid_t child, grandchild, self = getpid();

	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	CHECK_EQ(pipe(ends), 0);
	child = fork();
	if (!child) {
		grandchild = fork();
		if (!grandchild) {
			while (getppid() == child || getppid() != self)
				usleep(1000);
			_exit(5);
		}
		CHECK_EQ(write(ends[1], &grandchild, sizeof(grandchild)), sizeof(grandchild));
		_exit(0);
	}
	CHECK_EQ(read(ends[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	CHECK_EQ(wait_exit(child), 0);
	CHECK_EQ(waitpid(grandchild, &status, 0), grandchild);
	CHECK_EQ(WEXITSTATUS(status), 5);
}

TEST(death_of_the_parent_is_told)
{
	int ends[2];
	char byte;
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	child = fork();
	if (!child) {
		if (!fork()) {
			close(ends[0]);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			CHECK_EQ(write(ends[1], "x", 1), 1);
			pause();
			_exit(0);
		}
		close(ends[1]);
		CHECK_EQ(read(ends[0], &byte, 1), 1);
		_exit(0);
	}
	close(ends[1]);
	CHECK_EQ(wait_exit(child), 0);
	CHECK_EQ(read(ends[0], &byte, 1), 0); /* the grandchild is gone: end of file */
}

TEST(groups_and_sessions)
{
	pid_t self = getpid(), child, other;
	int ends[2];
	char byte;

	CHECK_EQ(setpgid(0, 0), 0);
	CHECK_EQ(getpgrp(), self);
	CHECK_ERR(setsid(), EPERM);
	CHECK_ERR(setpgid(0, -1), EINVAL);
	CHECK_ERR(setpgid(99999, 0), ESRCH);
	CHECK_ERR(getpgid(99999), ESRCH);
	CHECK_ERR(getsid(99999), ESRCH);
	CHECK_EQ(pipe(ends), 0);
	child = fork();
	if (!child) {
		CHECK_EQ(getpgrp(), self);
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_EQ(getpgrp(), getpid());
		CHECK_ERR(setpgid(0, 0), EPERM);
		CHECK_EQ(write(ends[1], "x", 1), 1);
		pause();
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_ERR(setpgid(child, self), EPERM);
	CHECK_EQ(getsid(child), child);
	other = fork();
	if (!other) {
		CHECK_ERR(setpgid(0, child), EPERM); /* another session's group */
		CHECK_ERR(setpgid(0, 99999), EPERM);
		CHECK_ERR(setpgid(child, 0), ESRCH); /* not our child */
		_exit(0);
	}
	CHECK_EQ(wait_exit(other), 0);
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, NULL, 0), child);
}

/* ---- exec ---- */

static void handler_of_no_use(int sig)
{
}

static char *const no_env[] = { NULL };

static void do_exec(const char *mode, const char *a, char *const *env)
{
	char *argv[] = { "argv0", (char *)mode, (char *)a, NULL };

	execve(self, argv, env);
	_exit(127);
}

TEST(exec_hands_over_arguments)
{
	char *env[] = { "A=1", "B=two words", NULL };
	pid_t pid = fork();

	if (!pid)
		do_exec("args", "x y", env);
	CHECK_EQ(wait_exit(pid), 0);
}

TEST(exec_errors)
{
	char *argv[] = { "x", NULL }, *volatile bad = (char *)8;
	int fd;

	CHECK_ERR(execve("/nonexistent", argv, no_env), ENOENT);
	CHECK_ERR(execve("/", argv, no_env), EACCES);
	CHECK_ERR(execve("", argv, no_env), ENOENT);
	CHECK_ERR(execve(bad, argv, no_env), EFAULT);
	CHECK_ERR(execve(self, (char **)bad, no_env), EFAULT);
	fd = open("/tmp/text", O_CREAT | O_WRONLY | O_TRUNC, 0644);
	CHECK_EQ(write(fd, "hello, no program\n", 18), 18);
	CHECK_ERR(execve("/tmp/text", argv, no_env), EACCES);
	CHECK_EQ(fchmod(fd, 0755), 0);
	CHECK_ERR(execve("/tmp/text", argv, no_env), ETXTBSY);
	close(fd);
	CHECK_ERR(execve("/tmp/text", argv, no_env), ENOEXEC);
	CHECK_ERR(execve("/tmp/text/x", argv, no_env), ENOTDIR);
	CHECK_ERR(open(self, O_WRONLY), ETXTBSY);
	unlink("/tmp/text");
}

TEST(arguments_are_limited)
{
	static char big[140000];
	char *argv[3] = { "x", big, NULL };
	char **many = calloc(1000001, sizeof(char *));

	memset(big, 'a', sizeof(big) - 1);
	CHECK_ERR(execve(self, argv, no_env), E2BIG);
	for (int i = 0; i < 1000000; i++)
		many[i] = "yyy";
	CHECK_ERR(execve(self, many, no_env), E2BIG);
}

TEST(large_arguments_arrive)
{
	static char big[100000];
	pid_t pid = fork();

	memset(big, 'a', sizeof(big) - 1);
	if (!pid)
		do_exec("large", big, no_env);
	CHECK_EQ(wait_exit(pid), 0);
}

static void script(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0755);

	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

TEST(scripts_run_their_interpreter)
{
	char line[8192], *argv[] = { "s", "one", "two", NULL };
	pid_t pid;

	snprintf(line, sizeof(line), "#! %s  script arg \nbody\n", self);
	script("/tmp/s1", line);
	pid = fork();
	if (!pid) {
		execve("/tmp/s1", argv, no_env);
		_exit(127);
	}
	CHECK_EQ(wait_exit(pid), 0);
	script("/tmp/s2", "#!/nonexistent\n");
	CHECK_ERR(execve("/tmp/s2", argv, no_env), ENOENT);
	script("/tmp/s3", "#!/tmp/s3\n");
	CHECK_ERR(execve("/tmp/s3", argv, no_env), ELOOP);
	script("/tmp/s4", "#!\n");
	CHECK_ERR(execve("/tmp/s4", argv, no_env), ENOEXEC);
	unlink("/tmp/s1");
	unlink("/tmp/s2");
	unlink("/tmp/s3");
	unlink("/tmp/s4");
}

TEST(exec_keeps_and_resets_what_posix_says)
{
	sigset_t set;
	pid_t pid = fork();
	int fd;

	if (!pid) {
		signal(SIGUSR1, SIG_IGN);
		signal(SIGUSR2, handler_of_no_use);
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigprocmask(SIG_SETMASK, &set, NULL);
		raise(SIGHUP); /* stays pending */
		fd = open(self, O_RDONLY | O_CLOEXEC);
		CHECK_EQ(dup2(fd, 40), 40); /* without the flag */
		fcntl(fd, F_DUPFD_CLOEXEC, 41);
		umask(027);
		CHECK_EQ(chdir("/tmp"), 0);
		do_exec("kept", "", no_env);
	}
	CHECK_EQ(wait_exit(pid), 0);
}

static void *exec_in_thread(void *arg)
{
	do_exec("pid", arg, no_env);
	return NULL;
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

TEST(exec_from_a_thread_keeps_the_process)
{
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (!pid) {
			char me[20];
			pthread_t thread;

			snprintf(me, sizeof(me), "%d", getpid());
			for (int round = 0; round < 3; round++)
				pthread_create(&thread, NULL, sleep_for_ever, NULL);
			pthread_create(&thread, NULL, exec_in_thread, me);
			pause();
		}
		CHECK_EQ(wait_exit(pid), 0);
	}
}

TEST(execveat_by_descriptor)
{
	char *argv[] = { "argv0", "args", "x y", NULL }, *env[] = { "A=1", "B=two words", NULL };
	int fd = open(self, O_PATH | O_CLOEXEC);
	pid_t pid = fork();

	if (!pid) {
		syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
		_exit(127);
	}
	CHECK_EQ(wait_exit(pid), 0);
	CHECK_ERR(syscall(SYS_execveat, fd, "", argv, env, 0), ENOENT);
	CHECK_ERR(syscall(SYS_execveat, fd, "x", argv, env, 0x10), EINVAL);
}

/* What the new program sees, by mode. */
static int exec_mode(int argc, char **argv)
{
	extern char **environ;
	sigset_t set;
	struct sigaction action;
	char buf[100];

	if (!strcmp(argv[1], "args")) {
		CHECK_EQ(argc, 3);
		CHECK(!strcmp(argv[0], "argv0") && !strcmp(argv[2], "x y") && !argv[3]);
		CHECK(!strcmp(environ[0], "A=1") && !strcmp(environ[1], "B=two words") &&
		      !environ[2]);
	} else if (!strcmp(argv[1], "large")) {
		CHECK_EQ(strlen(argv[2]), 99999);
		CHECK(argv[2][99998] == 'a');
	} else if (!strcmp(argv[1], "script arg")) {
		CHECK_EQ(argc, 5);
		CHECK(!strcmp(argv[0], self) || 1);
		CHECK(!strcmp(argv[2], "/tmp/s1") && !strcmp(argv[3], "one") &&
		      !strcmp(argv[4], "two"));
	} else if (!strcmp(argv[1], "kept")) {
		sigaction(SIGUSR1, NULL, &action);
		CHECK(action.sa_handler == SIG_IGN);
		sigaction(SIGUSR2, NULL, &action);
		CHECK(action.sa_handler == SIG_DFL);
		sigprocmask(SIG_BLOCK, NULL, &set);
		CHECK(sigismember(&set, SIGHUP) == 1 && sigismember(&set, SIGINT) == 0);
		sigpending(&set);
		CHECK(sigismember(&set, SIGHUP) == 1);
		CHECK_EQ(fcntl(40, F_GETFD), 0);
		CHECK_ERR(fcntl(41, F_GETFD), EBADF);
		CHECK_EQ(umask(0), 027);
		CHECK(!strcmp(getcwd(buf, sizeof(buf)), "/tmp"));
		CHECK_EQ(prctl(PR_GET_NAME, buf), 0);
	} else if (!strcmp(argv[1], "pid")) {
		CHECK_EQ(atoi(argv[2]), getpid());
		CHECK_EQ(gettid(), getpid());
	} else if (!strcmp(argv[1], "ids")) {
		CHECK_EQ(getuid(), 1000);
		CHECK_EQ(geteuid(), 0);
		CHECK_EQ(getegid(), 50);
		CHECK_EQ(setuid(0), 0);
	} else if (!strcmp(argv[1], "noids")) {
		CHECK_EQ(geteuid(), 1000);
	}
	return 0;
}

/* ---- who ---- */

TEST(ids_change_by_the_rules)
{
	uid_t real, effective, saved;
	gid_t groups[4], back[4];

	if (geteuid())
		return;
	CHECK_EQ(setresuid(1, 2, 3), 0);
	getresuid(&real, &effective, &saved);
	CHECK(real == 1 && effective == 2 && saved == 3);
	CHECK_ERR(setuid(0), EPERM);
	CHECK_EQ(setuid(3), 0);
	getresuid(&real, &effective, &saved);
	CHECK(real == 1 && effective == 3 && saved == 3);
	CHECK_EQ(setreuid(-1, 1), 0);
	getresuid(&real, &effective, &saved);
	CHECK(real == 1 && effective == 1 && saved == 3);
	CHECK_EQ(setresuid(-1, 3, -1), 0);
	CHECK_ERR(setresuid(5, -1, -1), EPERM);
	CHECK_ERR(setgid(7), EPERM);
	CHECK_ERR(setgroups(0, groups), EPERM);
	CHECK_ERR(syscall(SYS_getgroups, -1, back), EINVAL);
}

TEST(groups_are_kept)
{
	gid_t groups[4] = { 30, 10, 20, 10 }, back[8];

	if (geteuid())
		return;
	CHECK_EQ(setgroups(4, groups), 0);
	CHECK_EQ(getgroups(0, NULL), 4);
	CHECK_ERR(getgroups(3, back), EINVAL);
	CHECK_EQ(getgroups(8, back), 4);
	CHECK(back[0] == 10 && back[1] == 10 && back[2] == 20 && back[3] == 30);
	CHECK_ERR(setgroups(65537, groups), EINVAL);
	CHECK_EQ(setgid(100), 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(kill(1, 0), EPERM);
	CHECK_ERR(setgid(0), EPERM);
}

TEST(set_user_id_programs)
{
	pid_t pid;
	char copy[8192];
	int source, out;
	ssize_t length;

	if (geteuid())
		return;
	source = open(self, O_RDONLY);
	out = open("/tmp/suid", O_CREAT | O_WRONLY | O_TRUNC, 0755);
	while ((length = read(source, copy, sizeof(copy))) > 0)
		CHECK_EQ(write(out, copy, length), length);
	close(out);
	CHECK_EQ(chown("/tmp/suid", 0, 50), 0);
	CHECK_EQ(chmod("/tmp/suid", 06755), 0);
	strcpy(self, "/tmp/suid");
	for (int plain = 0; plain < 2; plain++) {
		pid = fork();
		if (!pid) {
			if (plain)
				prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			CHECK_EQ(setgid(1000), 0);
			CHECK_EQ(setuid(1000), 0);
			do_exec(plain ? "noids" : "ids", "", no_env);
		}
		CHECK_EQ(wait_exit(pid), 0);
	}
	unlink("/tmp/suid");
}

TEST(capabilities_follow_the_user)
{
	struct {
		unsigned version;
		int pid;
	} header = { 0x20080522, 0 };
	struct {
		unsigned e, p, i;
	} sets[2];

	if (geteuid())
		return;
	CHECK_EQ(syscall(SYS_capget, &header, sets), 0);
	CHECK(sets[0].e == 0xffffffff && sets[0].p == 0xffffffff);
	CHECK_EQ(prctl(PR_CAPBSET_READ, 0), 1);
	CHECK_ERR(prctl(PR_CAPBSET_READ, 100), EINVAL);
	header.version = 0;
	CHECK_ERR(syscall(SYS_capget, &header, sets), EINVAL);
	CHECK_EQ(header.version, 0x20080522);
	CHECK_EQ(syscall(SYS_setresuid, 1000, 1000, 1000), 0);
	CHECK_EQ(syscall(SYS_capget, &header, sets), 0);
	CHECK(sets[0].e == 0 && sets[0].p == 0);
	sets[0].p = 1;
	CHECK_ERR(syscall(SYS_capset, &header, sets), EPERM);
}

/* ---- what it may use ---- */

TEST(limits_are_kept_and_enforced)
{
	struct rlimit rlimit;
	int fds[40], count = 0;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &rlimit), 0);
	rlimit.rlim_cur = 20;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &rlimit), 0);
	while (count < 40 && (fds[count] = dup(0)) >= 0)
		count++;
	CHECK(count < 20 && errno == EMFILE);
	/* Nothing is made or emptied that could not be opened then. */
	CHECK_ERR(open("/tmp/no_room", O_CREAT | O_RDWR, 0600), EMFILE);
	CHECK_ERR(access("/tmp/no_room", F_OK), ENOENT);
	close(fds[0]);
	fds[0] = open("/tmp/room", O_CREAT | O_RDWR, 0600);
	CHECK_EQ(write(fds[0], "x", 1), 1);
	CHECK_ERR(open("/tmp/room", O_TRUNC | O_RDWR), EMFILE);
	CHECK_EQ(lseek(fds[0], 0, SEEK_END), 1);
	CHECK_EQ(unlink("/tmp/room"), 0);
	rlimit.rlim_cur = rlimit.rlim_max + 1;
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &rlimit), EINVAL);
	CHECK_ERR(getrlimit(99, &rlimit), EINVAL);
	CHECK_EQ(prlimit(0, RLIMIT_STACK, NULL, &rlimit), 0);
	CHECK(rlimit.rlim_cur > 0);
}

TEST(number_of_processes_is_limited)
{
	struct rlimit rlimit = { 3, 3 };
	int made = 0;
	pid_t pid;

	if (geteuid())
		return;
	CHECK_EQ(setuid(2345), 0);
	CHECK_EQ(setrlimit(RLIMIT_NPROC, &rlimit), 0);
	while (made < 10 && (pid = fork()) >= 0) {
		if (!pid) {
			pause();
			_exit(0);
		}
		made++;
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(made, 2);
	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		_exit(0);
	wait(NULL);
}

static void burn(int ms)
{
	struct timespec start, timespec;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &timespec);
	while ((timespec.tv_sec - start.tv_sec) * 1000 +
		       (timespec.tv_nsec - start.tv_nsec) / 1000000 <
	       ms);
}

TEST(usage_adds_up)
{
	struct rusage self_ru, kids;
	struct tms tms;
	pid_t pid;

	burn(60);
	memset(malloc(1 << 20), 1, 1 << 20);
	CHECK_EQ(getrusage(RUSAGE_SELF, &self_ru), 0);
	CHECK(self_ru.ru_utime.tv_sec * 1000000 + self_ru.ru_utime.tv_usec +
		      self_ru.ru_stime.tv_sec * 1000000 + self_ru.ru_stime.tv_usec >=
	      59000);
	CHECK(self_ru.ru_maxrss > 0);
	CHECK(self_ru.ru_minflt > 0);
	pid = fork();
	if (!pid) {
		burn(60);
		_exit(0);
	}
	CHECK_EQ(wait_exit(pid), 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &kids), 0);
	CHECK(kids.ru_utime.tv_usec + kids.ru_stime.tv_usec +
		      (kids.ru_utime.tv_sec + kids.ru_stime.tv_sec) * 1000000 >=
	      59000);
	CHECK(times(&tms) > 0);
	CHECK(tms.tms_utime + tms.tms_stime >= 4 && tms.tms_cutime + tms.tms_cstime >= 4);
	CHECK_ERR(getrusage(5, &kids), EINVAL);
}

TEST(priorities)
{
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	errno = 0;
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 15);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 100), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	CHECK_ERR(getpriority(7, 0), EINVAL);
	CHECK_ERR(getpriority(PRIO_PROCESS, 99999), ESRCH);
	if (!geteuid()) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_ERR(setpriority(PRIO_PROCESS, 0, 0), EACCES);
		CHECK_ERR(setpriority(PRIO_PROCESS, 1, 10), EPERM);
	}
}

TEST(scheduling)
{
	struct sched_param sp = { 0 }, one = { 0 };
	struct timespec time;
	cpu_set_t set;

	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	CHECK_ERR(sched_get_priority_max(77), EINVAL);
	CHECK_EQ(sched_rr_get_interval(0, &time), 0);
	one.sched_priority = 1;
	CPU_ZERO(&set);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CPU_ZERO(&set);
	CHECK_ERR(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CPU_SET(0, &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
	CHECK_EQ(sched_getcpu(), 0);
	CHECK_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &one), EINVAL);
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &sp), 0);
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
	if (!geteuid()) {
		sp.sched_priority = 10;
		CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_RR, &sp), 0);
		CHECK_EQ(syscall(SYS_sched_getparam, 0, &sp), 0);
		CHECK_EQ(sp.sched_priority, 10);
	}
	CHECK_EQ(sched_yield(), 0);
}

TEST(names_and_settings)
{
	char name[17] = "";
	volatile size_t too_long = 65;
	struct utsname names;

	CHECK_EQ(prctl(PR_SET_NAME, "a-name-longer-than-fits"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK(!strcmp(name, "a-name-longer-t"));
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_ERR(prctl(PR_SET_DUMPABLE, 7), EINVAL);
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 1), 0);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1);
	CHECK_ERR(prctl(12345), EINVAL);
	CHECK_EQ(uname(&names), 0);
	CHECK(!strcmp(names.sysname, "Linux") && !strcmp(names.machine, "x86_64"));
	CHECK_ERR(syscall(SYS_uname, 8), EFAULT);
	if (!geteuid()) {
		CHECK_EQ(sethostname("here", 4), 0);
		CHECK_EQ(uname(&names), 0);
		CHECK(!strcmp(names.nodename, "here"));
		CHECK_ERR(sethostname(name, too_long), EINVAL);
	}
	CHECK_ERR(syscall(9999), ENOSYS);
	CHECK_ERR(syscall(-1), ENOSYS);
}

TEST(clone_refuses_nonsense)
{
	CHECK_ERR(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone3, NULL, 10), EINVAL);
	CHECK_ERR(syscall(SYS_clone3, NULL, 64), EFAULT);
	CHECK_ERR(syscall(SYS_clone3, NULL, 8192), E2BIG);
}

TEST(clone3_forks)
{
	unsigned long long args[11] = { 0 };
	int tid = 0;
	long pid;

	args[0] = CLONE_CHILD_SETTID | CLONE_PARENT_SETTID;
	args[2] = (unsigned long)&tid;
	args[3] = (unsigned long)&tid;
	args[4] = SIGCHLD;
	pid = syscall(SYS_clone3, args, 88);
	if (!pid)
		_exit(tid == syscall(SYS_gettid) ? 9 : 1);
	CHECK_EQ(tid, pid);
	CHECK_EQ(wait_exit(pid), 9);
	args[4] = 200;
	CHECK_ERR(syscall(SYS_clone3, args, 88), EINVAL);
}

static int shared_counter;
static int count_up(void *arg)
{
	shared_counter++;
	return 11;
}

TEST(clone_without_signal_needs_wclone)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status;
	pid_t pid = clone(count_up, stack + sizeof(stack), CLONE_VM, NULL);

	CHECK(pid > 0);
	CHECK_ERR(waitpid(pid, &status, 0), ECHILD);
	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK_EQ(WEXITSTATUS(status), 11);
	CHECK_EQ(shared_counter, 1);
}

TEST(many_processes_come_and_go)
{
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 20; i++)
			if (!fork())
				_exit(i);
		for (int i = 0; i < 20; i++)
			CHECK(wait(NULL) > 0);
	}
}

static void *end_the_process(void *arg)
{
	usleep(10000);
	exit(23);
}

TEST(exit_in_a_thread_ends_all)
{
	pid_t pid = fork();

	if (!pid) {
		pthread_t thread;

		pthread_create(&thread, NULL, sleep_for_ever, NULL);
		pthread_create(&thread, NULL, end_the_process, NULL);
		pause();
	}
	CHECK_EQ(wait_exit(pid), 23);
}

static void *outlive(void *arg)
{
	usleep(30000);
	_exit(24);
}

TEST(the_first_thread_may_end_first)
{
	pid_t pid = fork();

	if (!pid) {
		pthread_t thread;

		pthread_create(&thread, NULL, outlive, NULL);
		syscall(SYS_exit, 0);
	}
	CHECK_EQ(wait_exit(pid), 24);
}

TEST(a_deep_tree)
{
	int depth = 0, status;

	while (depth < 30) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid) {
			CHECK_EQ(waitpid(pid, &status, 0), pid);
			if (depth)
				_exit(WEXITSTATUS(status));
			CHECK_EQ(WEXITSTATUS(status), 30);
			return;
		}
		depth++;
	}
	_exit(30);
}

/* A child's place in the order, and its processors, are those of who made it. */
static bool placed_alike(void)
{
	cpu_set_t cpus;

	return getpriority(PRIO_PROCESS, 0) == 7 &&
	       syscall(SYS_sched_getscheduler, 0) == SCHED_BATCH &&
	       !sched_getaffinity(0, sizeof(cpus), &cpus) && CPU_COUNT(&cpus) == 1 &&
	       CPU_ISSET(0, &cpus);
}

TEST(children_inherit_their_place)
{
	struct sched_param none = { 0 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	CHECK_EQ(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &none), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 7), 0);
	CHECK_EQ(wait_status(CHILD(!placed_alike())), 0);
}

/* Its parent has the same thread-local storage at the same address. */
TEST(a_child_that_changes_its_segments_does_not_change_ours)
{
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			__asm__ volatile(
				"xorl %%eax, %%eax\n\tmovl %%eax, %%fs\n\tmovl %%eax, %%gs\n\t"
				"movl %0, %%eax\n\txorl %%edi, %%edi\n\tsyscall" ::"i"(
					SYS_exit_group)
				: "rax", "rdi", "rcx", "r11");
			__builtin_unreachable();
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		errno = i; /* lies at fs: */
		CHECK_EQ(status, 0);
	}
}

int main(int argc, char **argv)
{
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		strcpy(self, argv[0]);
	(void)spawn;
	if (argc > 2 && strcmp(argv[1], "only"))
		return exec_mode(argc, argv);
	signal(SIGALRM, SIG_DFL);
#define R(t)                                          \
	do {                                          \
		if (argc < 3 || !strcmp(argv[2], #t)) \
			RUN(t);                       \
	} while (0)
	R(fork_gives_a_copy);
	R(wait_reports_how_it_ended);
	R(wait_without_hanging);
	R(wait_by_group);
	R(vfork_shares_memory_and_waits);
	R(stop_and_continue_are_reported);
	R(ignored_children_leave_no_zombies);
	R(orphans_go_to_the_subreaper);
	R(death_of_the_parent_is_told);
	R(groups_and_sessions);
	R(exec_hands_over_arguments);
	R(exec_errors);
	R(arguments_are_limited);
	R(large_arguments_arrive);
	R(scripts_run_their_interpreter);
	R(exec_keeps_and_resets_what_posix_says);
	R(exec_from_a_thread_keeps_the_process);
	R(execveat_by_descriptor);
	R(ids_change_by_the_rules);
	R(groups_are_kept);
	R(set_user_id_programs);
	R(capabilities_follow_the_user);
	R(limits_are_kept_and_enforced);
	R(number_of_processes_is_limited);
	R(usage_adds_up);
	R(priorities);
	R(scheduling);
	R(names_and_settings);
	R(clone_refuses_nonsense);
	R(clone3_forks);
	R(clone_without_signal_needs_wclone);
	R(many_processes_come_and_go);
	R(exit_in_a_thread_ends_all);
	R(the_first_thread_may_end_first);
	R(a_deep_tree);
	RUN(children_inherit_their_place);
	R(a_child_that_changes_its_segments_does_not_change_ours);
	return check_done();
}
