// SPDX-License-Identifier: MIT
/*
 * Two or more that take turns: pipes, and switches between threads.
 */
#include "bench.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Tell the child to end by closing what it reads, and wait for it. */
void end_child(void)
{
	close_all();
	must(waitpid(child, NULL, 0) == child, "waitpid");
}

#define MAX_FDS 400 /* more than 64 threads have */
/*
 * In a child: it has what threads of its parent had open just then, and an end of a pipe that it
 * keeps would keep another child from seeing that the pipe was closed.
 */
static void keep_only(int one, int other)
{
	for (int fd = STDERR_FILENO + 1; fd < MAX_FDS; fd++)
		if (fd != one && fd != other)
			close(fd);
}
static void echo(int from, int to)
{
	char byte;

	keep_only(from, to);
	while (CALL(SYS_read, from, &byte, 1) == 1)
		CALL(SYS_write, to, &byte, 1);
	_exit(0);
}
void pair_prepare(void)
{
	must(!pipe(fds) && !pipe(fds + 2), "pipe");
	must((child = fork()) >= 0, "fork");
	if (!child)
		echo(fds[0], fds[3]);
	close(fds[0]);
	close(fds[3]);
	fds[0] = fds[3] = -1;
}
static void pipe_there_and_back(long count)
{
	char byte = 'x';

	while (count--) {
		CALL(SYS_write, fds[1], &byte, 1);
		CALL(SYS_read, fds[2], &byte, 1);
	}
}

static void stream_prepare(void)
{
	must(!pipe(fds), "pipe");
	must((child = fork()) >= 0, "fork");
	if (!child) {
		keep_only(fds[1], fds[1]);
		signal(SIGPIPE, SIG_DFL);
		for (;;)
			CALL(SYS_write, fds[1], buffer, sizeof(buffer));
	}
	close(fds[1]);
	fds[1] = -1;
}
static void pipe_stream_64k(long count)
{
	while (count--)
		for (long got = 0; got < (long)sizeof(buffer);)
			got += CALL(SYS_read, fds[0], buffer, sizeof(buffer) - got);
}

static void socket_prepare(void)
{
	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds), "socketpair");
	must((child = fork()) >= 0, "fork");
	if (!child)
		echo(fds[1], fds[1]);
	close(fds[1]);
	must((fds[2] = dup(fds[0])) >= 0, "dup");
	fds[1] = fds[0];
	fds[0] = -1;
}

#define STOP 2
struct turns {
	volatile int turn;
	int private; /* FUTEX_PRIVATE_FLAG, or 0 between processes */
	pthread_t partner;
} __attribute__((aligned(64)));
static __thread struct turns own_turns, *turns;
static void pass(struct turns *turns, int to)
{
	turns->turn = to;
	CALL(SYS_futex, &turns->turn, FUTEX_WAKE | turns->private, 1);
}
static void wait_turn(struct turns *turns, int mine)
{
	for (int seen; (seen = turns->turn) != mine && seen != STOP;)
		CALL(SYS_futex, &turns->turn, FUTEX_WAIT | turns->private, seen);
}
static void *partner_main(void *arg)
{
	for (;;) {
		wait_turn(arg, 1);
		if (((struct turns *)arg)->turn == STOP)
			return arg;
		pass(arg, 0);
	}
}
static void futex_thread(void)
{
	turns = &own_turns;
	*turns = (struct turns){ .private = FUTEX_PRIVATE_FLAG };
	must(!pthread_create(&turns->partner, NULL, partner_main, turns), "pthread_create");
}
static void futex_process(void)
{
	turns = (struct turns *)map_pages(1, MAP_SHARED);
	must((child = fork()) >= 0, "fork");
	if (!child) {
		partner_main(turns);
		_exit(0);
	}
}
static void futex_switch(long count)
{
	for (count /= 2; count--;) { /* there and back are two */
		pass(turns, 1);
		wait_turn(turns, 0);
	}
}
static void futex_thread_end(void)
{
	pass(turns, STOP);
	pthread_join(turns->partner, NULL);
}
static void futex_process_end(void)
{
	pass(turns, STOP);
	end_child();
	munmap(turns, PAGE);
}

/* ---- the rows ---- */

static const struct row rows[] = {
	{ "pipe_pingpong", 10000, pipe_there_and_back, pair_prepare, end_child },
	{ "pipe_bw_64k", 100, pipe_stream_64k, stream_prepare, end_child },
	{ "unix_pingpong", 10000, pipe_there_and_back, socket_prepare, end_child },
	{ "ctxsw_futex_thread", 10000, futex_switch, futex_thread, futex_thread_end },
	{ "ctxsw_futex_proc", 10000, futex_switch, futex_process, futex_process_end },
};
const struct group turns_group = { "kernel", rows, NELEMS(rows) };
