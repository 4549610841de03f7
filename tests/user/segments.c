/* SPDX-License-Identifier: MIT */
/* System V shared memory. */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#define PAGE 4096
#define KEY  0x5ab00001

static int fresh(size_t size, int mode)
{
	int id = shmget(IPC_PRIVATE, size, mode | IPC_CREAT);

	CHECK(id >= 0);
	return id;
}

static struct shmid_ds stat_of(int id)
{
	struct shmid_ds ds;

	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	return ds;
}

static void remove_id(int id)
{
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

static int child_status(void)
{
	int status = -1;

	wait(&status);
	return status;
}

static void become_other(void)
{
	CHECK_EQ(setgid(1234), 0);
	CHECK_EQ(setuid(1234), 0);
}

/* A line of a file with @text in it, or "". */
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

	CHECK_ERR(shmget(KEY, PAGE, 0), ENOENT);
	CHECK_ERR(shmget(KEY, 0, IPC_CREAT), EINVAL);
	CHECK_ERR(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERR(shmget(IPC_PRIVATE, 1ul << 63, 0600), EINVAL);
	CHECK_ERR(shmget(IPC_PRIVATE, -1ul, 0600), EINVAL);
	CHECK_ERR(shmget(IPC_PRIVATE, 1ul << 45, 0600), ENOMEM);
	id = shmget(KEY, 100, IPC_CREAT | IPC_EXCL | 0640);
	CHECK(id >= 0);
	CHECK_EQ(shmget(KEY, 100, IPC_CREAT), id);
	CHECK_EQ(shmget(KEY, 0, 0), id);
	CHECK_ERR(shmget(KEY, 101, 0), EINVAL);
	CHECK_ERR(shmget(KEY, 101, IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_EQ(stat_of(id).shm_segsz, 100);
	CHECK_EQ(stat_of(id).shm_perm.mode, 0640);
	CHECK_EQ(stat_of(id).shm_perm.__key, KEY);
	CHECK_EQ(stat_of(id).shm_cpid, getpid());
	CHECK_EQ(stat_of(id).shm_lpid, 0);
	CHECK_EQ(stat_of(id).shm_atime, 0);
	CHECK(stat_of(id).shm_ctime >= time(NULL) - 2);
	remove_id(id);
	CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
	CHECK_ERR(shmget(KEY, 0, 0), ENOENT);
}

TEST(ids_have_sequence_numbers)
{
	int first = fresh(1, 0600), next;

	remove_id(first);
	next = fresh(1, 0600);
	CHECK(next != first);
	CHECK_ERR(shmctl(first, IPC_RMID, NULL), EINVAL);
	remove_id(next);
	for (int i = 0; i < 200; i++) {
		int id = fresh(1, 0600);

		remove_id(id);
		CHECK(id != first && id % 32768 < 64);
		CHECK_ERR(shmat(id, NULL, 0) == (void *)-1 ? -1 : 0, EINVAL);
	}
}

TEST(attaching)
{
	int id = fresh(PAGE + 1, 0600);
	char *at, *again;

	CHECK_ERR((long)shmat(-1, NULL, 0), EINVAL);
	CHECK_ERR((long)shmat(id, (void *)1, 0), EINVAL);
	CHECK_ERR((long)shmat(id, NULL, SHM_REMAP), EINVAL);
	CHECK_ERR((long)shmat(id, (void *)1, SHM_RND | SHM_REMAP), EINVAL);
	at = shmat(id, NULL, 0);
	CHECK(at != (char *)-1);
	CHECK_EQ(at[0] | at[PAGE] | at[2 * PAGE - 1], 0);
	at[2 * PAGE - 1] = 7;
	again = shmat(id, NULL, SHM_RDONLY);
	CHECK_EQ(again[2 * PAGE - 1], 7);
	CHECK_ERR(mprotect(again, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_EQ(stat_of(id).shm_nattch, 2);
	CHECK_EQ(stat_of(id).shm_lpid, getpid());
	CHECK(stat_of(id).shm_atime);
	CHECK_ERR((long)shmat(id, at + PAGE, 0), EINVAL);
	CHECK_EQ((long)shmat(id, at + 5, SHM_RND | SHM_REMAP), (long)at);
	CHECK_EQ(stat_of(id).shm_nattch, 2);
	CHECK_ERR(shmdt(at + 1), EINVAL);
	CHECK_ERR(shmdt(at + PAGE), EINVAL);
	CHECK_EQ(shmdt(at), 0);
	CHECK_ERR(shmdt(at), EINVAL);
	CHECK(stat_of(id).shm_dtime);
	CHECK_EQ((long)shmat(id, at + PAGE - 1, SHM_RND), (long)at);
	CHECK_EQ(shmdt(at), 0);
	CHECK_EQ(shmdt(again), 0);
	CHECK_EQ(stat_of(id).shm_nattch, 0);
	remove_id(id);
}

TEST(parts)
{
	int id = fresh(4 * PAGE, 0600);
	char *at = shmat(id, NULL, 0);

	strcpy(at + 3 * PAGE, "kept");
	CHECK_EQ(munmap(at + PAGE, PAGE), 0);
	CHECK_EQ(stat_of(id).shm_nattch, 2);
	CHECK_EQ(mprotect(at + 3 * PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(stat_of(id).shm_nattch, 3);
	CHECK_EQ(munmap(at, PAGE), 0);
	CHECK_EQ(shmdt(at), 0);
	CHECK_EQ(stat_of(id).shm_nattch, 0);
	at = shmat(id, NULL, 0);
	CHECK(!strcmp(at + 3 * PAGE, "kept"));
	remove_id(id);
}

TEST(removal_waits_for_the_last)
{
	int id = shmget(KEY, PAGE, IPC_CREAT | 0600), status;
	char *at = shmat(id, NULL, 0);
	int pipes[2];
	pid_t child;

	CHECK_EQ(pipe(pipes), 0);
	remove_id(id);
	CHECK_EQ(stat_of(id).shm_perm.mode, 0600 | SHM_DEST);
	CHECK_EQ(stat_of(id).shm_perm.__key, IPC_PRIVATE);
	CHECK_ERR(shmget(KEY, 0, 0), ENOENT);
	child = fork();
	if (!child) {
		char byte;

		at[0] = 3;
		_exit(read(pipes[0], &byte, 1) != 1 || shmdt(at));
	}
	while (stat_of(id).shm_nattch != 2 || !*(volatile char *)at)
		sched_yield();
	CHECK_EQ(shmdt(at), 0);
	CHECK_EQ(stat_of(id).shm_nattch, 1);
	at = shmat(id, NULL, 0);
	CHECK_EQ(at[0], 3);
	CHECK_EQ(shmdt(at), 0);
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK(waitpid(child, &status, 0) == child && !status);
	CHECK_ERR(shmctl(id, IPC_STAT, &(struct shmid_ds){}), EINVAL);
}

TEST(exec_and_exit_detach)
{
	int id = fresh(PAGE, 0600), pipes[2];
	char byte;
	pid_t child;

	CHECK(shmat(id, NULL, 0) != (void *)-1);
	CHECK_EQ(wait_status(CHILD(stat_of(id).shm_nattch != 2)), 0);
	CHECK_EQ(stat_of(id).shm_nattch, 1);
	CHECK_EQ(pipe2(pipes, 0), 0);
	child = fork();
	if (!child) {
		dup2(pipes[0], 0);
		close(pipes[1]);
		execl("/bin/cat", "cat", NULL);
		_exit(9);
	}
	while (stat_of(id).shm_nattch != 1)
		sched_yield();
	CHECK_EQ(stat_of(id).shm_lpid, child);
	close(pipes[0]);
	CHECK_EQ(write(pipes[1], "", 0), 0);
	close(pipes[1]);
	CHECK_EQ(wait_status(child), 0);
	CHECK_EQ(read(0, &byte, 0), 0);
	remove_id(id);
}

TEST(permissions)
{
	int id = fresh(PAGE, 0604), closed = shmget(KEY, PAGE, IPC_CREAT | 0600);
	struct shmid_ds ds = stat_of(id);

	if (!fork()) {
		become_other();
		CHECK(shmat(id, NULL, SHM_RDONLY) != (void *)-1);
		CHECK_ERR((long)shmat(id, NULL, 0), EACCES);
		CHECK_ERR((long)shmat(id, NULL, SHM_RDONLY | SHM_EXEC), EACCES);
		CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
		CHECK_ERR(shmctl(closed, IPC_STAT, &ds), EACCES);
		CHECK_ERR(shmctl(closed % 32768, SHM_STAT, &ds), EACCES);
		CHECK_EQ(shmctl(closed % 32768, SHM_STAT_ANY, &ds), closed);
		CHECK_ERR(shmget(KEY, PAGE, 0400), EACCES);
		CHECK_EQ(shmget(KEY, PAGE, 0), closed);
		CHECK_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
		CHECK_ERR(shmctl(id, IPC_SET, &ds), EPERM);
		CHECK_ERR(shmctl(id, IPC_SET, (void *)8), EFAULT);
		CHECK_ERR(shmctl(id, SHM_LOCK, NULL), EPERM);
		_exit(0);
	}
	CHECK_EQ(child_status(), 0);
	ds.shm_perm.uid = 1234;
	ds.shm_perm.mode = 077777 & ~SHM_LOCKED;
	CHECK_EQ(shmctl(id, IPC_SET, &ds), 0);
	CHECK_EQ(stat_of(id).shm_perm.mode, 0777);
	ds.shm_perm.uid = -1;
	CHECK_ERR(shmctl(id, IPC_SET, &ds), EINVAL);
	if (!fork()) {
		become_other();
		CHECK_EQ(shmctl(id, SHM_LOCK, NULL), 0);
		CHECK_EQ(stat_of(id).shm_perm.mode, 0777 | SHM_LOCKED);
		CHECK_EQ(shmctl(id, SHM_UNLOCK, NULL), 0);
		CHECK_EQ(stat_of(id).shm_perm.cuid, 0);
		remove_id(id);
		_exit(0);
	}
	CHECK_EQ(child_status(), 0);
	remove_id(closed);
}

TEST(control)
{
	int id = fresh(3 * PAGE, 0600);
	struct shminfo info;
	struct shm_info usage, later;
	char *at = shmat(id, NULL, 0);

	CHECK_ERR(shmctl(id, 77, NULL), EINVAL);
	CHECK_ERR(shmctl(id, -1, NULL), EINVAL);
	CHECK_ERR(shmctl(-1, IPC_STAT, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_shmctl, id, IPC_STAT, 8), EFAULT);
	CHECK_ERR(syscall(SYS_shmctl, 0, IPC_INFO, 8), EFAULT);
	CHECK_EQ(shmctl(0, IPC_INFO, (void *)&info), id % 32768);
	CHECK_EQ(info.shmmin, 1);
	CHECK_EQ(info.shmmni, 4096);
	CHECK_EQ(info.shmseg, 4096);
	CHECK_EQ(info.shmmax, -1ul - (1 << 24));
	CHECK_EQ(info.shmall, -1ul - (1 << 24));
	CHECK_EQ(shmctl(0, SHM_INFO, (void *)&usage), id % 32768);
	at[0] = at[PAGE] = 1;
	CHECK_EQ(shmctl(0, SHM_INFO, (void *)&later), id % 32768);
	CHECK_EQ(later.shm_rss - usage.shm_rss, 2);
	CHECK_EQ(later.shm_tot, 3);
	CHECK_EQ(later.used_ids, 1);
	CHECK_ERR(shmctl(id + 1, SHM_STAT, &(struct shmid_ds){}), EINVAL);
	CHECK_EQ(shmctl(id % 32768, SHM_STAT, &(struct shmid_ds){}), id);
	remove_id(id);
}

TEST(files)
{
	int id = shmget(KEY, 2 * PAGE, IPC_CREAT | 0641);
	char *at = shmat(id, NULL, 0), wanted[300], *line;
	struct shmid_ds ds;
	unsigned long inode;

	at[0] = 1;
	line = line_with("/proc/self/maps", "/SYSV5ab00001 (deleted)\n");
	CHECK_EQ(sscanf(line, "%*s rw-s 00000000 %*s %lu ", &inode), 1);
	CHECK_EQ(inode, id);
	CHECK_EQ(strtoul(line, NULL, 16), (unsigned long)at);
	ds = stat_of(id);
	snprintf(
		wanted, sizeof(wanted),
		"%10d %10d   641                  8192 %5u %5u      1     0     0     0     0 %10ld "
		"         0 %10ld                  4096                     0\n",
		KEY, id, getpid(), getpid(), ds.shm_atime, ds.shm_ctime);
	CHECK(!strcmp(line_with("/proc/sysvipc/shm", "1521483777"), wanted));
	CHECK(!strcmp(
		line_with("/proc/sysvipc/shm", "key"),
		"       key      shmid perms                  size  cpid  lpid nattch   uid   gid"
		"  cuid  cgid      atime      dtime      ctime                   rss"
		"                  swap\n"));
	remove_id(id);
}

TEST(settings)
{
	int id;

	CHECK(!strcmp(line_with("/proc/sys/kernel/shmmax", ""), "18446744073692774399\n"));
	CHECK(!strcmp(line_with("/proc/sys/kernel/shm_next_id", ""), "-1\n"));
	CHECK_EQ(write_text("/proc/sys/kernel/shmmax", "8192"), 0);
	CHECK_ERR(shmget(IPC_PRIVATE, 8193, 0600), EINVAL);
	CHECK_EQ(write_text("/proc/sys/kernel/shmmax", "18446744073692774399"), 0);
	CHECK_EQ(write_text("/proc/sys/kernel/shmall", "2"), 0);
	CHECK_ERR(shmget(IPC_PRIVATE, 8193, 0600), ENOSPC);
	id = fresh(8192, 0600);
	CHECK_ERR(shmget(IPC_PRIVATE, 1, 0600), ENOSPC);
	remove_id(id);
	CHECK_EQ(write_text("/proc/sys/kernel/shmall", "18446744073692774399"), 0);
	CHECK_EQ(write_text("/proc/sys/kernel/shmmni", "0"), 0);
	CHECK_ERR(shmget(IPC_PRIVATE, 1, 0600), ENOSPC);
	CHECK_EQ(write_text("/proc/sys/kernel/shmmni", "4096"), 0);
	CHECK_EQ(write_text("/proc/sys/kernel/shmmni", "32769"), -1);
	CHECK_EQ(write_text("/proc/sys/kernel/shm_next_id", "12345678"), 0);
	id = fresh(1, 0600);
	CHECK_EQ(id, 12345678);
	remove_id(id);
}

TEST(orphans)
{
	struct shm_info info;
	int id, status;

	CHECK_EQ(wait_status(CHILD(shmget(IPC_PRIVATE, 1, 0600) < 0)), 0);
	CHECK(shmctl(0, SHM_INFO, (void *)&info) >= 0);
	CHECK_EQ(info.used_ids, 1);
	id = fresh(1, 0600);
	CHECK_EQ(write_text("/proc/sys/kernel/shm_rmid_forced", "1"), 0);
	CHECK_EQ(shmctl(0, SHM_INFO, (void *)&info), id % 32768);
	CHECK_EQ(info.used_ids, 1);
	status = wait_status(CHILD(shmget(IPC_PRIVATE, 1, 0600) < 0));
	CHECK_EQ(status, 0);
	CHECK_EQ(shmctl(0, SHM_INFO, (void *)&info), id % 32768);
	CHECK_EQ(info.used_ids, 1);
	CHECK_EQ(shmdt(shmat(id, NULL, 0)), 0);
	CHECK_EQ(shmctl(0, SHM_INFO, (void *)&info), 0);
	CHECK_EQ(info.used_ids, 0);
	CHECK_EQ(write_text("/proc/sys/kernel/shm_rmid_forced", "2"), -1);
	CHECK_EQ(write_text("/proc/sys/kernel/shm_rmid_forced", "0"), 0);
}

TEST(many_at_a_time)
{
	for (int i = 0; i < 4; i++)
		if (!fork()) {
			for (int j = 0; j < 300; j++) {
				int id = shmget(KEY + j % 3, PAGE, IPC_CREAT | 0600);
				int *at = shmat(id, NULL, 0);

				if (at != (void *)-1) {
					__sync_fetch_and_add(at, 1);
					CHECK_EQ(shmdt(at), 0);
				}
				shmctl(id, IPC_RMID, NULL);
			}
			_exit(0);
		}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(child_status(), 0);
	CHECK_ERR(shmget(KEY, 0, 0), ENOENT);
}

int main(void)
{
	RUN(getting);
	RUN(ids_have_sequence_numbers);
	RUN(attaching);
	RUN(parts);
	RUN(removal_waits_for_the_last);
	RUN(exec_and_exit_detach);
	RUN(permissions);
	RUN(control);
	RUN(files);
	RUN(settings);
	RUN(orphans);
	RUN(many_at_a_time);
	return check_done();
}
