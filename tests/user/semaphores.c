/* SPDX-License-Identifier: MIT */
/* System V semaphores. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>

#define KEY 0x5eb00001

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static int control(int id, int number, int command, long arg)
{
	return (int)syscall(SYS_semctl, id, number, command, arg);
}

static int fresh(int count)
{
	int id = semget(IPC_PRIVATE, count, 0600);

	CHECK(id >= 0);
	return id;
}

static int step(int id, int number, int op, int flags)
{
	struct sembuf sembuf = { number, op, flags };

	return semop(id, &sembuf, 1);
}

static int value(int id, int number)
{
	return control(id, number, GETVAL, 0);
}

static void remove_id(int id)
{
	CHECK_EQ(control(id, 0, IPC_RMID, 0), 0);
}

static int child_status(void)
{
	int status = -1;

	wait(&status);
	return status;
}

static void until_waiting(int id, int number, int command, int count)
{
	while (control(id, number, command, 0) != count)
		sched_yield();
}

static void caught(int sig)
{
	(void)sig;
}

static char *line_with(const char *path, const char *text)
{
	static char line[400];
	FILE *file = fopen(path, "r");

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, text)) {
			fclose(file);
			return line;
		}
	fclose(file);
	return "";
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t length = write(fd, text, strlen(text));

	close(fd);
	return length == (ssize_t)strlen(text) ? 0 : -1;
}

TEST(getting)
{
	int id;

	CHECK_ERR(semget(KEY, 1, 0), ENOENT);
	CHECK_ERR(semget(IPC_PRIVATE, -1, 0600), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, 32001, 0600), EINVAL);
	id = semget(KEY, 3, IPC_CREAT | 0640);
	CHECK(id >= 0);
	CHECK_EQ(semget(KEY, 0, 0), id);
	CHECK_ERR(semget(KEY, 4, 0), EINVAL);
	CHECK_ERR(semget(KEY, 3, IPC_CREAT | IPC_EXCL), EEXIST);
	remove_id(id);
	CHECK_ERR(control(id, 0, IPC_RMID, 0), EINVAL);
}

TEST(refusals)
{
	static struct sembuf steps[600];
	struct timespec bad = { 0, 1000000000 };
	int id = fresh(2);

	CHECK_ERR(syscall(SYS_semop, id, steps, 0), EINVAL);
	CHECK_ERR(syscall(SYS_semop, -1, steps, 501), E2BIG);
	CHECK_ERR(syscall(SYS_semop, -1, 8, 1), EFAULT);
	CHECK_ERR(syscall(SYS_semop, -1, steps, 1), EINVAL);
	CHECK_ERR(semop(id + 1, steps, 1), EINVAL);
	CHECK_ERR(syscall(SYS_semtimedop, id, steps, 1, 8), EFAULT);
	CHECK_ERR(syscall(SYS_semtimedop, id, steps, 1, &bad), EINVAL);
	CHECK_ERR(step(id, 2, 1, 0), EFBIG);
	CHECK_ERR(step(id, 0, -1, IPC_NOWAIT), EAGAIN);
	CHECK_EQ(step(id, 0, 0, 0), 0);
	CHECK_EQ(step(id, 0, 32767, 0), 0);
	CHECK_ERR(step(id, 0, 1, 0), ERANGE);
	CHECK_ERR(step(id, 0, 0, IPC_NOWAIT), EAGAIN);
	CHECK_ERR(control(id, 2, GETVAL, 0), EINVAL);
	CHECK_ERR(control(id, -1, GETVAL, 0), EINVAL);
	CHECK_ERR(control(id, 0, SETVAL, -1), ERANGE);
	CHECK_ERR(control(id, 9, SETVAL, 32768), ERANGE);
	CHECK_ERR(control(id, 2, SETVAL, 1), EINVAL);
	CHECK_ERR(control(id, 0, GETALL, 8), EFAULT);
	CHECK_ERR(control(id, 0, SETALL, 8), EFAULT);
	CHECK_ERR(control(id, 0, 99, 0), EINVAL);
	CHECK_ERR(control(-1, 0, IPC_STAT, 0), EINVAL);
	CHECK_ERR(control(id, 0, IPC_STAT, 8), EFAULT);
	CHECK_ERR(control(id, 0, IPC_SET, 8), EFAULT);
	remove_id(id);
}

TEST(all_or_nothing)
{
	struct sembuf steps[] = { { 0, 2, 0 }, { 0, -1, 0 }, { 1, -1, IPC_NOWAIT } };
	unsigned short values[3] = { 7, 8, 9 };
	int id = fresh(3);

	CHECK_ERR(semop(id, steps, 3), EAGAIN);
	CHECK_EQ(value(id, 0), 0);
	CHECK_EQ(control(id, 1, SETVAL, 1), 0);
	CHECK_EQ(semop(id, steps, 3), 0);
	CHECK_EQ(value(id, 0), 1);
	CHECK_EQ(value(id, 1), 0);
	CHECK_EQ(control(id, 1, GETPID, 0), getpid());
	CHECK_EQ(control(id, 0, SETALL, (long)values), 0);
	memset(values, 0, sizeof(values));
	CHECK_EQ(control(id, 0, GETALL, (long)values), 0);
	CHECK(values[0] == 7 && values[1] == 8 && values[2] == 9);
	values[1] = 32768;
	CHECK_ERR(control(id, 0, SETALL, (long)values), ERANGE);
	remove_id(id);
}

TEST(waiting)
{
	int id = fresh(2), start;
	struct sembuf both[] = { { 0, -1, 0 }, { 1, -1, 0 } };
	struct timespec short_time = { 0, 50000000 };
	pid_t child;

	start = now_ms();
	CHECK_ERR(semtimedop(id, both, 1, &short_time), EAGAIN);
	CHECK(now_ms() - start >= 50 && now_ms() - start < 1000);
	CHECK_EQ(control(id, 0, GETNCNT, 0), 0);
	child = CHILD(semop(id, both, 2) != 0);
	until_waiting(id, 0, GETNCNT, 1);
	CHECK_EQ(control(id, 1, GETNCNT, 0), 0);
	CHECK_EQ(step(id, 0, 1, 0), 0);
	until_waiting(id, 1, GETNCNT, 1);
	CHECK_EQ(control(id, 0, GETNCNT, 0), 0);
	CHECK_EQ(value(id, 0), 1);
	CHECK_EQ(step(id, 1, 1, 0), 0);
	CHECK_EQ(wait_status(child), 0);
	CHECK_EQ(value(id, 0) + value(id, 1), 0);
	CHECK_EQ(control(id, 0, GETPID, 0), child);
	CHECK_EQ(step(id, 0, 2, 0), 0);
	child = CHILD(step(id, 0, 0, 0) != 0);
	until_waiting(id, 0, GETZCNT, 1);
	CHECK_EQ(step(id, 0, -1, 0), 0);
	CHECK_EQ(control(id, 0, GETZCNT, 0), 1);
	CHECK_EQ(control(id, 0, SETVAL, 0), 0);
	CHECK_EQ(wait_status(child), 0);
	child = CHILD(step(id, 0, -1, 0) != -1 || errno != EIDRM);
	until_waiting(id, 0, GETNCNT, 1);
	remove_id(id);
	CHECK_EQ(wait_status(child), 0);
}

TEST(in_order)
{
	int id = fresh(2);
	pid_t first, second;

	first = CHILD(step(id, 0, -2, 0) != 0);
	until_waiting(id, 0, GETNCNT, 1);
	second = CHILD(step(id, 0, -1, 0) != 0);
	until_waiting(id, 0, GETNCNT, 2);
	CHECK_EQ(step(id, 0, 1, 0), 0);
	CHECK_EQ(wait_status(second), 0);
	CHECK_EQ(step(id, 0, 2, 0), 0);
	CHECK_EQ(wait_status(first), 0);
	CHECK_EQ(value(id, 0), 0);
	remove_id(id);
}

TEST(signals_interrupt)
{
	struct sigaction action = { .sa_handler = caught, .sa_flags = SA_RESTART };
	int id = fresh(1);
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	child = CHILD(step(id, 0, -1, 0) != -1 || errno != EINTR);
	until_waiting(id, 0, GETNCNT, 1);
	kill(child, SIGUSR1);
	CHECK_EQ(wait_status(child), 0);
	CHECK_EQ(control(id, 0, GETNCNT, 0), 0);
	child = CHILD(step(id, 0, -1, 0));
	until_waiting(id, 0, GETNCNT, 1);
	kill(child, SIGKILL);
	CHECK_EQ(wait_status(child), SIGKILL);
	CHECK_EQ(control(id, 0, GETNCNT, 0), 0);
	remove_id(id);
}

static void *take_with_undo(void *arg)
{
	return (void *)(long)step(*(int *)arg, 0, -1, SEM_UNDO);
}

TEST(undo)
{
	int id = fresh(2);
	pthread_t thread;
	void *result;
	pid_t child;

	CHECK_EQ(control(id, 0, SETVAL, 5), 0);
	CHECK_EQ(wait_status(CHILD(step(id, 0, -3, SEM_UNDO) || value(id, 0) != 2)), 0);
	CHECK_EQ(value(id, 0), 5);
	/* What was set directly is not undone. */
	CHECK_EQ(wait_status(CHILD(step(id, 0, -3, SEM_UNDO) || control(id, 0, SETVAL, 4))), 0);
	CHECK_EQ(value(id, 0), 4);
	/* The value stays within its range. */
	CHECK_EQ(wait_status(CHILD(step(id, 0, 3, SEM_UNDO) || step(id, 0, -6, 0))), 0);
	CHECK_EQ(value(id, 0), 0);
	/* Waiters proceed by what is undone, and children inherit nothing. */
	CHECK_EQ(control(id, 0, SETVAL, 1), 0);
	CHECK_EQ(step(id, 0, -1, SEM_UNDO), 0);
	CHECK_EQ(wait_status(CHILD(value(id, 0))), 0);
	CHECK_EQ(value(id, 0), 0);
	CHECK_EQ(step(id, 0, 1, SEM_UNDO), 0);
	child = fork();
	if (!child) {
		CHECK_EQ(step(id, 0, -1, SEM_UNDO), 0);
		CHECK_EQ(step(id, 1, 1, 0), 0);
		pause();
	}
	CHECK_EQ(step(id, 1, -1, 0), 0);
	kill(child, SIGKILL);
	CHECK_EQ(step(id, 0, -1, 0), 0);
	CHECK_EQ(wait_status(child), SIGKILL);
	/* Threads share it: the end of one undoes nothing. */
	CHECK_EQ(control(id, 0, SETVAL, 1), 0);
	child = fork();
	if (!child) {
		CHECK_EQ(pthread_create(&thread, NULL, take_with_undo, &id), 0);
		CHECK_EQ(pthread_join(thread, &result), 0);
		_exit(result || value(id, 0));
	}
	CHECK_EQ(wait_status(child), 0);
	CHECK_EQ(value(id, 0), 1);
	CHECK_EQ(step(id, 0, -1, SEM_UNDO), 0);
	remove_id(id);
	id = fresh(1);
	CHECK_EQ(step(id, 0, 1, SEM_UNDO), 0);
	remove_id(id);
}

TEST(permissions)
{
	int id = semget(KEY, 1, IPC_CREAT | 0604);
	struct semid_ds ds;

	if (!fork()) {
		CHECK(!setgid(1234) && !setuid(1234));
		CHECK_EQ(step(id, 0, 0, 0), 0);
		CHECK_ERR(step(id, 0, 1, 0), EACCES);
		CHECK_EQ(value(id, 0), 0);
		CHECK_ERR(control(id, 0, SETVAL, 1), EACCES);
		CHECK_ERR(control(id, 7, SETVAL, 1), EINVAL);
		CHECK_EQ(control(id, 0, IPC_STAT, (long)&ds), 0);
		CHECK_ERR(control(id, 0, IPC_SET, (long)&ds), EPERM);
		CHECK_ERR(control(id, 0, IPC_RMID, 0), EPERM);
		CHECK_ERR(semget(KEY, 1, 0200), EACCES);
		_exit(0);
	}
	CHECK_EQ(child_status(), 0);
	CHECK_EQ(control(id, 0, IPC_STAT, (long)&ds), 0);
	CHECK_EQ(ds.sem_otime != 0, 1);
	CHECK_EQ(ds.sem_nsems, 1);
	ds.sem_perm.mode = 0;
	CHECK_EQ(control(id, 0, IPC_SET, (long)&ds), 0);
	CHECK_EQ(wait_status(CHILD(setuid(1234) ||
				   control(id % 32768, 0, SEM_STAT, (long)&ds) != -1 ||
				   control(id % 32768, 0, SEM_STAT_ANY, (long)&ds) != id)),
		 0);
	remove_id(id);
}

TEST(files)
{
	int id = semget(KEY, 5, IPC_CREAT | 0641);
	struct seminfo info;
	struct semid_ds ds;
	char wanted[200];

	CHECK_EQ(control(id, 0, IPC_STAT, (long)&ds), 0);
	snprintf(wanted, sizeof(wanted),
		 "%10d %10d   641          5     0     0     0     0          0 %10ld\n", KEY, id,
		 (long)ds.sem_ctime);
	CHECK(!strcmp(line_with("/proc/sysvipc/sem", "1588592641"), wanted));
	CHECK(!strcmp(line_with("/proc/sysvipc/sem", "key"),
		      "       key      semid perms      nsems   uid   gid  cuid  cgid      otime "
		      "     ctime\n"));
	CHECK_EQ(control(0, 0, IPC_INFO, (long)&info), id % 32768);
	CHECK(info.semmni == 32000 && info.semmns == 1024000000 && info.semmsl == 32000);
	CHECK(info.semopm == 500 && info.semvmx == 32767 && info.semaem == 32767);
	CHECK(info.semmap == 1024000000 && info.semmnu == 1024000000 && info.semume == 500);
	CHECK_EQ(info.semusz, 20);
	CHECK_EQ(control(0, 0, SEM_INFO, (long)&info), id % 32768);
	CHECK_EQ(info.semusz, 1);
	CHECK_EQ(info.semaem, 5);
	CHECK(!strcmp(line_with("/proc/sys/kernel/sem", ""), "32000\t1024000000\t500\t32000\n"));
	CHECK_EQ(write_text("/proc/sys/kernel/sem", "4 8 2 10"), 0);
	CHECK_ERR(semget(IPC_PRIVATE, 5, 0600), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, 4, 0600), ENOSPC);
	CHECK_EQ(write_text("/proc/sys/kernel/sem", "4 8 2 32769"), -1);
	CHECK_EQ(write_text("/proc/sys/kernel/sem", "32000 1024000000 500 32000"), 0);
	remove_id(id);
}

TEST(many_at_a_time)
{
	int id = fresh(2);

	CHECK_EQ(control(id, 0, SETVAL, 1), 0);
	for (int i = 0; i < 6; i++)
		if (!fork()) {
			for (int j = 0; j < 100; j++) {
				struct sembuf out[] = { { 1, 1, 0 }, { 0, 1, SEM_UNDO } };

				CHECK_EQ(step(id, 0, -1, SEM_UNDO), 0);
				CHECK_EQ(semop(id, out, 2), 0);
			}
			_exit(0);
		}
	for (int i = 0; i < 6; i++)
		CHECK_EQ(child_status(), 0);
	CHECK_EQ(value(id, 0), 1);
	CHECK_EQ(value(id, 1), 600);
	remove_id(id);
}

int main(void)
{
	RUN(getting);
	RUN(refusals);
	RUN(all_or_nothing);
	RUN(waiting);
	RUN(in_order);
	RUN(signals_interrupt);
	RUN(undo);
	RUN(permissions);
	RUN(files);
	RUN(many_at_a_time);
	return check_done();
}
