/* SPDX-License-Identifier: MIT */
/* ptrace(): children and threads that are followed, attaching, and the end of either side. */
#include "tracing.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#define EVENT_STOP 128

/* ---- children and threads ---- */

static void fork_once(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(5);
	waitpid(pid, &status, 0);
	_exit(WEXITSTATUS(status));
}

static pid_t event_child(pid_t pid, int event)
{
	unsigned long child = 0;
	int status = go(PTRACE_CONT, pid, 0);

	stops(status, SIGTRAP);
	CHECK_EQ(EVENT(status), event);
	CHECK_EQ(trace(PTRACE_GETEVENTMSG, pid, 0, (uintptr_t)&child), 0);
	return (pid_t)child;
}

TEST(children_are_followed)
{
	pid_t pid = traced(fork_once, PTRACE_O_TRACEFORK), child;
	int status;

	child = event_child(pid, PTRACE_EVENT_FORK);
	CHECK_EQ(waitpid(child, &status, __WALL), child);
	stops(status, SIGSTOP);
	CHECK_EQ(EVENT(status), 0);
	CHECK_EQ(trace(PTRACE_CONT, pid, 0, 0), 0);
	status = go(PTRACE_CONT, child, 0); /* told before its parent is */
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	stops(status, SIGCHLD);
	ends(pid, 5);
	CHECK_ERR(waitpid(-1, &status, 0), ECHILD);
}

static void vfork_once(void)
{
	if (!vfork())
		_exit(0);
	_exit(6);
}

TEST(the_end_of_vfork_is_told)
{
	pid_t pid = traced(vfork_once, PTRACE_O_TRACEVFORKDONE);
	int status = go(PTRACE_CONT, pid, 0);

	if (WSTOPSIG(status) == SIGCHLD)
		status = go(PTRACE_CONT, pid, 0);
	CHECK_EQ(EVENT(status), PTRACE_EVENT_VFORK_DONE);
	do
		status = go(PTRACE_CONT, pid, 0);
	while (WIFSTOPPED(status));
	CHECK_EQ(WEXITSTATUS(status), 6);
}

static void *second(void *arg)
{
	return arg;
}

static void two_threads(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, second, NULL);
	pthread_join(thread, NULL);
	_exit(4);
}

TEST(threads_are_followed_to_their_ends)
{
	pid_t pid = traced(two_threads, PTRACE_O_TRACECLONE), child, got;
	int status, ended = 0;

	child = event_child(pid, PTRACE_EVENT_CLONE);
	CHECK_EQ(waitpid(child, &status, __WALL), child);
	stops(status, SIGSTOP);
	CHECK_EQ(trace(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(trace(PTRACE_CONT, child, 0, 0), 0);
	while ((got = waitpid(-1, &status, __WALL)) > 0) {
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), got == pid ? 4 : 0);
		ended++;
	}
	CHECK_EQ(ended, 2);
}

/* ---- attaching ---- */

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	CHECK(pid > 0);
	return pid;
}

static void finish(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	do
		CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	while (!WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGKILL);
}

static char state_of(pid_t pid)
{
	char name[64], line[256], state = '?';
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	file = fopen(name, "r");
	CHECK(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "State: %c", &state);
	fclose(file);
	return state;
}

static int tracer_of(pid_t pid)
{
	char name[64], line[256];
	int tracer = -1;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	file = fopen(name, "r");
	CHECK(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "TracerPid: %d", &tracer);
	fclose(file);
	return tracer;
}

TEST(a_process_is_attached_and_let_go)
{
	pid_t pid = sleeper();
	siginfo_t info = { 0 };
	int status;

	CHECK_EQ(trace(PTRACE_ATTACH, pid, 0, 0), 0);
	CHECK_ERR(trace(PTRACE_ATTACH, pid, 0, 0), EPERM);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	CHECK(info.si_code == CLD_TRAPPED && info.si_status == SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	stops(status, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(state_of(pid), 't');
	CHECK_EQ(tracer_of(pid), getpid());
	CHECK_EQ(trace(PTRACE_DETACH, pid, 0, 0), 0);
	usleep(20000);
	CHECK_EQ(state_of(pid), 'S');
	CHECK_EQ(tracer_of(pid), 0);
	CHECK_ERR(trace(PTRACE_CONT, pid, 0, 0), ESRCH);
	finish(pid);
	CHECK_ERR(trace(PTRACE_ATTACH, pid, 0, 0), ESRCH);
	CHECK_ERR(trace(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
}

TEST(a_seized_process_is_interrupted_and_listens)
{
	pid_t pid = sleeper();
	int status;

	CHECK_ERR(trace(PTRACE_SEIZE, pid, 1, 0), EIO);
	CHECK_ERR(trace(PTRACE_SEIZE, pid, 0, 0x80000000), EIO);
	CHECK_EQ(trace(PTRACE_SEIZE, pid, 0, 0), 0);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_ERR(trace(PTRACE_CONT, pid, 0, 0), ESRCH); /* it runs */
	CHECK_EQ(trace(PTRACE_INTERRUPT, pid, 0, 0), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status >> 8, SIGTRAP | EVENT_STOP << 8);
	CHECK_EQ(trace(PTRACE_CONT, pid, 0, 0), 0);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status >> 8, SIGSTOP);
	CHECK_EQ(trace(PTRACE_CONT, pid, 0, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status >> 8, SIGSTOP | EVENT_STOP << 8);
	CHECK_EQ(trace(PTRACE_LISTEN, pid, 0, 0), 0);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status >> 8, SIGTRAP | EVENT_STOP << 8);
	CHECK_EQ(trace(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status >> 8, SIGCONT);
	finish(pid);
}

TEST(a_stop_of_the_process_is_told)
{
	pid_t pid = sleeper();
	siginfo_t info;
	int status;

	CHECK_EQ(trace(PTRACE_ATTACH, pid, 0, 0), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	stops(go(PTRACE_CONT, pid, SIGSTOP), SIGSTOP); /* now of the group */
	CHECK_ERR(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info), EINVAL);
	CHECK_ERR(trace(PTRACE_LISTEN, pid, 0, 0), EIO);
	CHECK_EQ(trace(PTRACE_DETACH, pid, 0, 0), 0);
	usleep(20000);
	CHECK_EQ(state_of(pid), 'T');
	kill(pid, SIGCONT);
	usleep(20000);
	CHECK_EQ(state_of(pid), 'S');
	finish(pid);
}

/* Its tracer ends: with it, or without. */
static int survives(long options)
{
	pid_t pid = sleeper(), tracer = fork();
	int status;

	if (!tracer) {
		if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options))
			_exit(1);
		_exit(0);
	}
	CHECK_EQ(waitpid(tracer, &status, 0), tracer);
	CHECK_EQ(status, 0);
	usleep(50000);
	status = waitpid(pid, NULL, WNOHANG) == 0;
	if (status)
		finish(pid);
	return status;
}

TEST(the_end_of_a_tracer_frees_or_kills)
{
	CHECK_EQ(survives(0), 1);
	CHECK_EQ(survives(PTRACE_O_EXITKILL), 0);
}

/* The parent hears of the end when the tracer, who is another, has. */
TEST(a_tracer_is_told_before_the_parent)
{
	pid_t pid = sleeper(), tracer;
	int ready[2], status;
	char byte;

	CHECK_EQ(pipe(ready), 0);
	tracer = fork();
	if (!tracer) {
		if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) || write(ready[1], "x", 1) != 1)
			_exit(1);
		usleep(100000);
		_exit(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? 0 : 2);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	usleep(20000);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(waitpid(tracer, &status, 0), tracer);
	CHECK_EQ(status, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
}

/* Copies itself, for others to run as the super user. @return false: there is no place for that */
static int copy_with_rights(const char *to)
{
	int from = open("/proc/self/exe", O_RDONLY),
	    copy = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0755);
	char bytes[65536];
	ssize_t length;

	while ((length = read(from, bytes, sizeof(bytes))) > 0)
		if (write(copy, bytes, (size_t)length) != length)
			return 0;
	close(from);
	close(copy);
	return !chmod(to, 04755);
}

static void run_with_rights(void)
{
	char *const arguments[] = { "ptrace_follow", "who", NULL };

	execv("/tmp/with_rights", arguments);
	_exit(99);
}

/* Traces a set-user-id program, and ends with the status of that. */
static void trace_with_rights(void)
{
	int status;
	pid_t pid;

	if (setgid(1000) || setuid(1000))
		_exit(98);
	pid = traced(run_with_rights, 0);
	status = go(PTRACE_CONT, pid, 0);
	if (!WIFSTOPPED(status))
		_exit(97);
	status = go(PTRACE_CONT, pid, 0);
	_exit(WEXITSTATUS(status));
}

TEST(a_traced_program_gets_no_more_rights)
{
	int status;
	pid_t pid;

	if (getuid() || !copy_with_rights("/tmp/with_rights"))
		return;
	pid = fork();
	if (!pid) {
		if (setuid(1000))
			_exit(98);
		run_with_rights();
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 50); /* without a tracer: the super user */
	pid = fork();
	if (!pid)
		trace_with_rights();
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 51);
	unlink("/tmp/with_rights");
}

static void end_at_once(void)
{
	_exit(5);
}

static void others_child(void)
{
	if (setuid(1000))
		_exit(1);
	errno = 0;
	_exit(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == -1 && errno == EPERM ? 0 : 2);
}

TEST(rights_are_needed)
{
	int status;
	pid_t pid;

	if (getuid())
		return;
	pid = fork();
	if (!pid)
		others_child();
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_ERR(trace(PTRACE_CONT, getppid(), 0, 0), ESRCH);
	CHECK_ERR(trace(PTRACE_ATTACH, 99999999, 0, 0), ESRCH);
	pid = traced(end_at_once, 0);
	CHECK_ERR(trace(999, pid, 0, 0), EIO);
	CHECK_ERR(trace(PTRACE_SETOPTIONS, pid, 0, 0x40000000), EINVAL);
	CHECK_ERR(trace(PTRACE_GETREGS, pid, 0, 8), EFAULT);
	ends(pid, 5);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "who"))
		return geteuid() ? 51 : 50;
	RUN(children_are_followed);
	RUN(the_end_of_vfork_is_told);
	RUN(threads_are_followed_to_their_ends);
	RUN(a_process_is_attached_and_let_go);
	RUN(a_seized_process_is_interrupted_and_listens);
	RUN(a_stop_of_the_process_is_told);
	RUN(the_end_of_a_tracer_frees_or_kills);
	RUN(a_tracer_is_told_before_the_parent);
	RUN(a_traced_program_gets_no_more_rights);
	RUN(rights_are_needed);
	return check_done();
}
