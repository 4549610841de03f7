// SPDX-License-Identifier: MIT
/*
 * Threads, processes and programs that start and end.
 */
#include "bench.h"
#include <pthread.h>
#include <sys/wait.h>

static void *no_work(void *arg)
{
	return arg;
}
static void thread_create_join(long count)
{
	while (count--) {
		pthread_t thread;

		must(!pthread_create(&thread, NULL, no_work, NULL), "pthread_create");
		pthread_join(thread, NULL);
	}
}

static void await(pid_t child)
{
	int status;

	must(child > 0 && waitpid(child, &status, 0) == child && !status, "child");
}
static void fork_exit(long count)
{
	while (count--) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		await(child);
	}
}
static void fork_exec(long count)
{
	while (count--) {
		pid_t child = fork();

		if (!child) {
			execl(self, self, "--nothing", NULL);
			_exit(1);
		}
		await(child);
	}
}
static void vfork_exec(long count)
{
	while (count--) {
		pid_t child = vfork();

		if (!child) {
			execl(self, self, "--nothing", NULL);
			_exit(1);
		}
		await(child);
	}
}

static const struct row rows[] = {
	{ "thread_create_join", 200, thread_create_join, NULL, NULL },
	{ "fork_exit_wait", 100, fork_exit, NULL, NULL },
	{ "fork_exec_musl_wait", 100, fork_exec, NULL, NULL },
	{ "vfork_exec_musl_wait", 100, vfork_exec, NULL, NULL },
};
const struct group process_group = { "kernel", rows, NELEMS(rows) };
