/* SPDX-License-Identifier: MIT */
/* System V message queues. */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/syscall.h>

#define KEY	 0x5ec00001
#define COPY_NOW (040000 | IPC_NOWAIT)

struct message {
	long type;
	char text[8200];
};
static struct message message;

static int fresh(void)
{
	int id = msgget(IPC_PRIVATE, 0600);

	CHECK(id >= 0);
	return id;
}

static int send_text(int id, long type, const char *text, int flags)
{
	message.type = type;
	strcpy(message.text, text);
	return msgsnd(id, &message, strlen(text), flags);
}

/* @return it is that one */
static int receives(int id, long type, int flags, long found, const char *text)
{
	memset(&message, 0, sizeof(message));
	return msgrcv(id, &message, 100, type, flags) == (ssize_t)strlen(text) &&
	       message.type == found && !strcmp(message.text, text);
}

static struct msqid_ds stat_of(int id)
{
	struct msqid_ds ds;

	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	return ds;
}

static void remove_id(int id)
{
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}

static int child_status(void)
{
	int status = -1;

	wait(&status);
	return status;
}

static void caught(int sig)
{
	(void)sig;
}

/* Until a child sleeps. */
static void until_asleep(pid_t pid)
{
	char path[40], text[200] = "", state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'S') {
		int fd = open(path, O_RDONLY);
		ssize_t length = read(fd, text, sizeof(text) - 1);

		close(fd);
		text[length > 0 ? length : 0] = 0;
		state = strrchr(text, ')') ? strrchr(text, ')')[2] : 0;
		pause_ms(5);
	}
	pause_ms(20);
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

TEST(refusals)
{
	int id;

	CHECK_ERR(msgget(KEY, 0), ENOENT);
	id = msgget(KEY, IPC_CREAT | 0600);
	CHECK(id >= 0);
	CHECK_EQ(msgget(KEY, 0), id);
	CHECK_ERR(msgget(KEY, IPC_CREAT | IPC_EXCL), EEXIST);
	message.type = 0;
	CHECK_ERR(msgsnd(id, &message, 1, 0), EINVAL);
	message.type = 1;
	CHECK_ERR(msgsnd(id, &message, 8193, 0), EINVAL);
	CHECK_ERR(msgsnd(id, &message, -1, 0), EINVAL);
	CHECK_ERR(msgsnd(-1, &message, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(id + 1, &message, 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_msgsnd, id, 8, 1, 0), EFAULT);
	CHECK_ERR(msgrcv(-1, &message, 1, 0, 0), EINVAL);
	CHECK_ERR(msgrcv(id, &message, -1, 0, 0), EINVAL);
	CHECK_ERR(msgrcv(id + 1, &message, 1, 0, 0), EINVAL);
	CHECK_ERR(msgrcv(id, &message, 1, 0, IPC_NOWAIT), ENOMSG);
	CHECK_ERR(msgrcv(id, &message, 1, 0, 040000), EINVAL);
	CHECK_ERR(msgrcv(id, &message, 1, 0, COPY_NOW | 020000), EINVAL);
	CHECK_ERR(msgctl(id, 99, NULL), EINVAL);
	CHECK_ERR(msgctl(-1, IPC_RMID, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_msgctl, id, IPC_STAT, 8), EFAULT);
	CHECK_ERR(syscall(SYS_msgctl, id, IPC_SET, 8), EFAULT);
	remove_id(id);
	CHECK_ERR(msgctl(id, IPC_RMID, NULL), EINVAL);
}

TEST(types)
{
	int id = fresh();

	CHECK_EQ(send_text(id, 5, "five", 0), 0);
	CHECK_EQ(send_text(id, 3, "three", 0), 0);
	CHECK_EQ(send_text(id, 3, "again", 0), 0);
	CHECK_EQ(send_text(id, 9, "", 0), 0);
	CHECK_EQ(stat_of(id).msg_qnum, 4);
	CHECK_EQ(stat_of(id).msg_cbytes, 14);
	CHECK_EQ(stat_of(id).msg_lspid, getpid());
	CHECK_EQ(stat_of(id).msg_lrpid, 0);
	CHECK(receives(id, 1, COPY_NOW, 3, "three"));
	CHECK_ERR(msgrcv(id, &message, 9, 4, COPY_NOW), ENOMSG);
	CHECK_ERR(msgrcv(id, &message, 4, 1, COPY_NOW), E2BIG);
	CHECK_ERR(msgrcv(id, &message, 4, 1, COPY_NOW | MSG_NOERROR), EINVAL);
	CHECK_ERR(msgrcv(id, &message, 9, 4, IPC_NOWAIT), ENOMSG);
	CHECK_ERR(msgrcv(id, &message, 9, -2, IPC_NOWAIT), ENOMSG);
	CHECK_ERR(msgrcv(id, &message, 3, 0, IPC_NOWAIT), E2BIG);
	CHECK(receives(id, -5, 0, 3, "three"));
	CHECK(receives(id, 5, 020000, 3, "again"));
	CHECK(receives(id, 9, 0, 9, ""));
	memset(&message, 0, sizeof(message));
	CHECK_EQ(msgrcv(id, &message, 2, 0, MSG_NOERROR), 2);
	CHECK(!strcmp(message.text, "fi"));
	CHECK_EQ(stat_of(id).msg_qnum + stat_of(id).msg_cbytes, 0);
	CHECK(stat_of(id).msg_rtime && stat_of(id).msg_stime);
	remove_id(id);
}

TEST(receivers_wait)
{
	int id = fresh();
	pid_t other, child;

	other = CHILD(!receives(id, 7, 0, 7, "seven"));
	until_asleep(other);
	child = CHILD(msgrcv(id, &message, 2, 0, 0) != -1 || errno != E2BIG);
	until_asleep(child);
	CHECK_EQ(send_text(id, 2, "long", 0), 0);
	CHECK_EQ(wait_status(child), 0);
	CHECK_EQ(stat_of(id).msg_qnum, 1);
	CHECK_EQ(send_text(id, 7, "seven", 0), 0);
	CHECK_EQ(wait_status(other), 0);
	CHECK_EQ(stat_of(id).msg_lrpid, other);
	child = CHILD(msgrcv(id, &message, 2, 8, 0) != -1 || errno != EIDRM);
	until_asleep(child);
	remove_id(id);
	CHECK_EQ(wait_status(child), 0);
}

TEST(senders_wait)
{
	int id = fresh();
	struct msqid_ds ds = stat_of(id);
	pid_t child;

	CHECK_EQ(ds.msg_qbytes, 16384);
	ds.msg_qbytes = 10;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	CHECK_EQ(send_text(id, 1, "12345678", 0), 0);
	CHECK_ERR(send_text(id, 1, "123", IPC_NOWAIT), EAGAIN);
	CHECK_EQ(send_text(id, 1, "12", IPC_NOWAIT), 0);
	child = CHILD(send_text(id, 4, "123", 0));
	until_asleep(child);
	CHECK(receives(id, 0, 0, 1, "12345678"));
	CHECK_EQ(wait_status(child), 0);
	CHECK_EQ(stat_of(id).msg_cbytes, 5);
	child = CHILD(send_text(id, 4, "1234567", 0));
	until_asleep(child);
	ds.msg_qbytes = 20;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	CHECK_EQ(wait_status(child), 0);
	child = CHILD(send_text(id, 4, "123456789", 0) != -1 || errno != EIDRM);
	until_asleep(child);
	remove_id(id);
	CHECK_EQ(wait_status(child), 0);
	/* Empty messages count, too. */
	id = fresh();
	ds.msg_qbytes = 2;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	CHECK_EQ(send_text(id, 1, "", 0) + send_text(id, 1, "", 0), 0);
	CHECK_ERR(send_text(id, 1, "", IPC_NOWAIT), EAGAIN);
	remove_id(id);
}

TEST(signals_interrupt)
{
	struct sigaction action = { .sa_handler = caught, .sa_flags = SA_RESTART };
	int id = fresh();
	struct msqid_ds ds = stat_of(id);
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	child = CHILD(msgrcv(id, &message, 9, 0, 0) != -1 || errno != EINTR);
	until_asleep(child);
	kill(child, SIGUSR1);
	CHECK_EQ(wait_status(child), 0);
	ds.msg_qbytes = 0;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	child = CHILD(send_text(id, 1, "x", 0) != -1 || errno != EINTR);
	until_asleep(child);
	kill(child, SIGUSR1);
	CHECK_EQ(wait_status(child), 0);
	remove_id(id);
}

TEST(permissions)
{
	int id = msgget(KEY, IPC_CREAT | 0604);
	struct msqid_ds ds = stat_of(id);

	if (!fork()) {
		CHECK(!setgid(1234) && !setuid(1234));
		CHECK_ERR(send_text(id, 1, "x", 0), EACCES);
		CHECK_ERR(msgrcv(id, &message, 9, 0, IPC_NOWAIT), ENOMSG);
		CHECK_ERR(msgctl(id, IPC_SET, &ds), EPERM);
		CHECK_ERR(msgctl(id, IPC_RMID, NULL), EPERM);
		CHECK_ERR(msgget(KEY, 0200), EACCES);
		_exit(0);
	}
	CHECK_EQ(child_status(), 0);
	ds.msg_perm.mode = 0200;
	ds.msg_perm.uid = 1234;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	if (!fork()) {
		CHECK(!setgid(1234) && !setuid(1234));
		CHECK_EQ(send_text(id, 1, "x", 0), 0);
		CHECK_ERR(msgrcv(id, &message, 9, 0, IPC_NOWAIT), EACCES);
		CHECK_ERR(msgctl(id, IPC_STAT, &ds), EACCES);
		CHECK_ERR(msgctl(id % 32768, MSG_STAT, &ds), EACCES);
		CHECK_EQ(msgctl(id % 32768, 13, &ds), id);
		ds.msg_qbytes = 16385;
		CHECK_ERR(msgctl(id, IPC_SET, &ds), EPERM);
		remove_id(id);
		_exit(0);
	}
	CHECK_EQ(child_status(), 0);
}

TEST(files)
{
	int id = msgget(KEY, IPC_CREAT | 0641);
	struct msginfo info;
	struct msqid_ds ds;
	char wanted[300];

	CHECK_EQ(send_text(id, 1, "abc", 0), 0);
	ds = stat_of(id);
	snprintf(wanted, sizeof(wanted),
		 "%10d %10d   641           3          1 %5u     0     0     0     0     0 %10ld"
		 "          0 %10ld\n",
		 KEY, id, getpid(), ds.msg_stime, ds.msg_ctime);
	CHECK(!strcmp(line_with("/proc/sysvipc/msg", "1589641217"), wanted));
	CHECK(!strcmp(
		line_with("/proc/sysvipc/msg", "key"),
		"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid"
		"  cgid      stime      rtime      ctime\n"));
	CHECK_EQ(msgctl(0, IPC_INFO, (void *)&info), id % 32768);
	CHECK(info.msgmax == 8192 && info.msgmnb == 16384 && info.msgmni == 32000);
	CHECK(info.msgssz == 16 && info.msgseg == 0xffff && info.msgmap == 16384);
	CHECK(info.msgpool == 512000 && info.msgtql == 16384);
	CHECK_EQ(msgctl(0, MSG_INFO, (void *)&info), id % 32768);
	CHECK(info.msgpool == 1 && info.msgmap == 1 && info.msgtql == 3);
	CHECK(!strcmp(line_with("/proc/sys/kernel/msgmax", ""), "8192\n"));
	CHECK_EQ(write_text("/proc/sys/kernel/msgmax", "2"), 0);
	CHECK_ERR(send_text(id, 1, "abc", 0), EINVAL);
	CHECK_EQ(write_text("/proc/sys/kernel/msgmax", "8192"), 0);
	CHECK_EQ(write_text("/proc/sys/kernel/msgmnb", "100"), 0);
	CHECK_EQ(stat_of(fresh()).msg_qbytes, 100);
	CHECK_EQ(write_text("/proc/sys/kernel/msgmnb", "16384"), 0);
	CHECK_EQ(write_text("/proc/sys/kernel/msgmni", "2"), 0);
	CHECK_ERR(msgget(IPC_PRIVATE, 0600), ENOSPC);
	CHECK_EQ(write_text("/proc/sys/kernel/msgmni", "32000"), 0);
	CHECK_EQ(write_text("/proc/sys/kernel/msgmni", "-1"), -1);
	CHECK_EQ(write_text("/proc/sys/kernel/msg_next_id", "7654321"), 0);
	CHECK_EQ(fresh(), 7654321);
	for (int i = 0; i < 3; i++)
		if (msgctl(i, MSG_STAT, &ds) != id && msgctl(i, MSG_STAT, &ds) >= 0)
			remove_id(msgctl(i, MSG_STAT, &ds));
	remove_id(7654321);
	remove_id(id);
}

TEST(many_at_a_time)
{
	int id = fresh(), sum = 0;

	for (int i = 0; i < 3; i++)
		if (!fork()) {
			struct message mine = { 1, "" };

			for (int j = 0; j < 400; j++) {
				mine.type = j % 2 + 1;
				memcpy(mine.text, &j, sizeof(j));
				CHECK_EQ(msgsnd(id, &mine, 100, 0), 0);
			}
			_exit(0);
		}
	for (int i = 0; i < 2; i++)
		if (!fork()) {
			for (int j = 0; j < 600; j++)
				CHECK_EQ(msgrcv(id, &message, 100, i + 1, 0), 100);
			_exit(0);
		}
	for (int i = 0; i < 5; i++)
		sum += child_status();
	CHECK_EQ(sum, 0);
	CHECK_EQ(stat_of(id).msg_qnum, 0);
	remove_id(id);
}

int main(void)
{
	RUN(refusals);
	RUN(types);
	RUN(receivers_wait);
	RUN(senders_wait);
	RUN(signals_interrupt);
	RUN(permissions);
	RUN(files);
	RUN(many_at_a_time);
	return check_done();
}
