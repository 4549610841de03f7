// SPDX-License-Identifier: MIT
/*
 * Threads, processes and programs that start and end.
 */
#include "bench.h"
#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PATH_SIZE   256
#define LARGE_PAGES (64l << 20 >> 12)

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
void fork_exit(long count)
{
	while (count--) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		await(child);
	}
}
/* Programs lie beside this one; what they print is left out. */
static char program[PATH_SIZE];
static char *const *arguments;
static char *const environment[] = { "PATH=/bin", "HOME=/", "TERM=dumb", NULL };

static void beside_this(const char *name)
{
	int folder = name[0] == '/' ? 0 : strrchr(self, '/') + 1 - self;

	snprintf(program, sizeof(program), "%.*s%s", folder, self, name);
	must((fds[0] = open("/dev/null", O_RDWR)) >= 0, "/dev/null");
	must(!access(program, X_OK), program);
}
#define PROGRAM(prepare, name, ...)                                            \
	static void prepare(void)                                              \
	{                                                                      \
		static char *const texts[] = { program, ##__VA_ARGS__, NULL }; \
		arguments = texts;                                             \
		beside_this(name);                                             \
	}
PROGRAM(least_program, "tiny")
PROGRAM(musl_program, "bench", "--nothing")
PROGRAM(static_program, "hello-static")
PROGRAM(dynamic_program, "hello-dynamic")
PROGRAM(libraries_program, "hello-libraries")
PROGRAM(busybox_true, "/bin/busybox", "true")
PROGRAM(busybox_shell, "/bin/busybox", "sh", "-c",
	"/bin/busybox true; /bin/busybox true | /bin/busybox cat; echo $((1 + 2))")

static void fork_exec(long count)
{
	while (count--) {
		pid_t child = fork();

		if (!child) {
			execve(program, arguments, environment);
			_exit(1);
		}
		await(child);
	}
}
static void fork_exec_silent(long count)
{
	while (count--) {
		pid_t child = fork();

		if (!child) {
			dup2(fds[0], STDOUT_FILENO);
			execve(program, arguments, environment);
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
			execve(program, arguments, environment);
			_exit(1);
		}
		await(child);
	}
}
static void spawn_program(long count)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	while (count--) {
		must(!posix_spawn(&pid, program, &actions, NULL, arguments, environment),
		     "posix_spawn");
		await(pid);
	}
	posix_spawn_file_actions_destroy(&actions);
}
/* Of a process that has 64 MiB in use. */
static void large_process(void)
{
	area = map_pages(LARGE_PAGES, MAP_PRIVATE);
	for (long i = 0; i < LARGE_PAGES; i++)
		area[i * PAGE] = 1;
}
static void small_again(void)
{
	munmap(area, LARGE_PAGES * PAGE);
}

static const struct row kernel_rows[] = {
	{ "thread_create_join", 1000, thread_create_join, NULL, NULL },
	{ "fork_exit_wait", 500, fork_exit, NULL, NULL },
	{ "fork_exec_wait", 500, fork_exec, least_program, close_all },
	{ "vfork_exec_wait", 500, vfork_exec, least_program, close_all },
	{ "fork_exec_musl_wait", 500, fork_exec, musl_program, close_all },
};
const struct group process_group = { "kernel", kernel_rows, NELEMS(kernel_rows) };

static const struct row rows[] = {
	{ "exec_fork_exit", 500, fork_exit, NULL, NULL },
	{ "exec_static_musl", 50, fork_exec_silent, musl_program, close_all },
	{ "exec_static_glibc_hello", 50, fork_exec_silent, static_program, close_all },
	{ "exec_dynamic_glibc_hello", 20, fork_exec_silent, dynamic_program, close_all },
	{ "exec_dynamic_glibc_5_libraries", 10, fork_exec_silent, libraries_program, close_all },
	{ "exec_spawn_dynamic_glibc_hello", 100, spawn_program, dynamic_program, close_all },
	{ "exec_busybox_true", 20, fork_exec_silent, busybox_true, close_all },
	{ "exec_sh_c_pipe", 10, fork_exec_silent, busybox_shell, close_all },
	{ "exec_fork_exit_64m", 5, fork_exit, large_process, small_again },
};
const struct group program_group = { "programs", rows, NELEMS(rows) };
