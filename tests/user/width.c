/* SPDX-License-Identifier: MIT */
/*
 * How much of a register counts: 32 bits of the number of a system call and of each
 * argument that is an int on Linux, all of one that is a long or a pointer.
 *
 *	width NUMBER...		makes those calls, each twice
 */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

#define HIGH	  0xdeadbeef00000000ul
#define MARK	  ((long)0xfeedfacecafef00d)
#define DIR_FD	  ((long)AT_FDCWD)
#define MARK_PAGE ((void *)0x20000000)

/* The C libraries' syscall() may look at errors; here the register is what counts. */
static long call6(uint64_t count, long arg0, long arg1, long arg2, long arg3, long arg4, long arg5)
{
	register long r10 __asm__("r10") = arg3;
	register long r8 __asm__("r8") = arg4;
	register long r9 __asm__("r9") = arg5;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(count), "D"(arg0), "S"(arg1), "d"(arg2), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* ---- numbers ---- */

TEST(numbers_are_32_bits)
{
	static const uint64_t high[] = { 0x100000000, HIGH, 0x8000000000000000,
					 0x4000000000000000 };

	for (size_t i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
		CHECK_EQ(call6(high[i] | SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
		CHECK_EQ(call6(high[i] | SYS_write, -1, 0, 0, 0, 0, 0), -EBADF);
		CHECK_EQ(call6(high[i] | 0x42fff, 0, 0, 0, 0, 0, 0), -ENOSYS);
	}
}

TEST(other_numbers_are_no_system_calls)
{
	static const uint64_t none[] = { 0x40000000 | SYS_getpid,
					 0x80000000 | SYS_getpid,
					 0xffffffff,
					 ~0ul,
					 511,
					 512,
					 513,
					 1000,
					 0x41fff,
					 0x42010,
					 0x7fffffff,
					 (uint64_t)INT64_MIN };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]) - 1; i++)
		CHECK_EQ(call6(none[i], 0, 0, 0, 0, 0, 0), -ENOSYS);
	for (uint64_t count = 600; count < 0x80000000; count += count / 3)
		CHECK_EQ(call6(count, 0, 0, 0, 0, 0, 0), -ENOSYS);
}

/* A call that is begun anew after a signal is still the same one. */
static void nothing(int sig)
{
}

TEST(a_restarted_call_keeps_its_number)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	int ends[2];
	char byte;
	pid_t pid, parent = getpid();

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	pid = CHILD(
		(pause_ms(100), kill(parent, SIGUSR1), pause_ms(100), write(ends[1], "x", 1) != 1));
	CHECK_EQ(call6(HIGH | SYS_read, ends[0], (long)&byte, 1, 0, 0, 0), 1);
	CHECK_EQ(wait_status(pid), 0);
}

/* ---- arguments ---- */

static char buffer[4096], path[] = "/tmp/width", name[] = "user.width";
static int words[16];
static struct iovec vec = { buffer, 8 };
static int file, pipe_in, pipe_out, poller, folder;

/* In types: i an int, of which the upper half is no one's; h a mode, 16 bits of it; l all 64. */
struct call {
	const char *name;
	int number;
	const char *types;
	long a[6];
};

#define C(call, types, ...)               \
	{                                 \
#call, SYS_##call, types, \
		{                         \
			__VA_ARGS__       \
		}                         \
	}
#define FILE_FD	  (MARK + 1) /* filled in below */
#define PIPE_IN	  (MARK + 2)
#define PIPE_OUT  (MARK + 3)
#define POLLER	  (MARK + 4)
#define FOLDER	  (MARK + 5)
#define PTR(p)	  ((long)(intptr_t)(p))
#define ZERO_TIME PTR(&zero_time)
static struct timespec zero_time;
static struct itimerspec zero_timer;
static cpu_set_t cpus;
static int timer_id;
static siginfo_t siginfo;

/* Calls that succeed again and again, or fail for a reason which lies in no int. */
static const struct call calls[] = {
	C(write, "ill", FILE_FD, PTR(buffer), 8),
	C(read, "ill", FILE_FD, PTR(buffer), 0),
	C(pread64, "illl", FILE_FD, PTR(buffer), 4, 0),
	C(pwrite64, "illl", FILE_FD, PTR(buffer), 4, 0),
	C(readv, "ill", FILE_FD, PTR(&vec), 0),
	C(preadv, "illll", FILE_FD, PTR(&vec), 1, 0, 0),
	C(pwritev, "illll", FILE_FD, PTR(&vec), 1, 0, 0),
	C(preadv2, "illlli", FILE_FD, PTR(&vec), 1, 0, 0, 0),
	C(pwritev2, "illlli", FILE_FD, PTR(&vec), 1, 0, 0, 2),
	C(lseek, "ili", FILE_FD, 0, SEEK_SET),
	C(fstat, "il", FILE_FD, PTR(buffer)),
	C(newfstatat, "illi", DIR_FD, PTR(path), PTR(buffer), AT_SYMLINK_NOFOLLOW),
	C(statx, "iliil", DIR_FD, PTR(path), AT_SYMLINK_NOFOLLOW, 0x7ff, PTR(buffer)),
	C(fsync, "i", FILE_FD),
	C(fdatasync, "i", FILE_FD),
	C(ftruncate, "il", FILE_FD, 4096),
	C(fallocate, "iill", FILE_FD, 0, 0, 4096),
	C(fadvise64, "illi", FILE_FD, 0, 4096, 0),
	C(sync_file_range, "illi", FILE_FD, 0, 4096, 2),
	C(copy_file_range, "ililli", FILE_FD, 0, FILE_FD, 0, 0, 0),
	C(sendfile, "iill", PIPE_OUT, FILE_FD, 0, 0),
	C(fcntl, "iil", FILE_FD, F_GETFD, 0),
	C(fcntl, "iil", FILE_FD, F_GETFL, 0),
	C(flock, "ii", FILE_FD, LOCK_UN | LOCK_NB),
	C(ioctl, "iil", PIPE_IN, 0x541b /* FIONREAD */, PTR(words)),
	C(dup2, "ii", FILE_FD, FILE_FD),
	C(dup3, "iii", FILE_FD, 99, O_CLOEXEC),
	C(close, "i", 99),
	C(close_range, "iii", 90, 99, 0),
	C(access, "li", PTR(path), R_OK),
	C(faccessat, "ili", DIR_FD, PTR(path), R_OK),
	C(faccessat2, "ilii", DIR_FD, PTR(path), R_OK, AT_EACCESS),
	C(chmod, "li", PTR(path), 0644),
	C(fchmod, "ii", FILE_FD, 0644),
	C(fchmodat, "ili", DIR_FD, PTR(path), 0644),
	C(chown, "lii", PTR(path), -1, -1),
	C(fchown, "iii", FILE_FD, -1, -1),
	C(lchown, "lii", PTR(path), -1, -1),
	C(fchownat, "iliii", DIR_FD, PTR(path), -1, -1, AT_SYMLINK_NOFOLLOW),
	C(utimensat, "illi", DIR_FD, PTR(path), 0, AT_SYMLINK_NOFOLLOW),
	C(futimesat, "ill", DIR_FD, PTR(path), 0),
	C(readlinkat, "illi", DIR_FD, PTR(path), PTR(buffer), 100),
	C(readlink, "lli", PTR(path), PTR(buffer), 100),
	C(linkat, "ilili", DIR_FD, PTR(path), DIR_FD, PTR(path), 0),
	C(renameat, "ilil", DIR_FD, PTR(path), DIR_FD, PTR(path)),
	C(renameat2, "ilili", DIR_FD, PTR(path), DIR_FD, PTR(path), 1),
	C(unlinkat, "ili", DIR_FD, PTR("/tmp/width.none"), 0),
	C(unlinkat, "ili", DIR_FD, PTR(path), AT_REMOVEDIR),
	C(mkdirat, "ili", DIR_FD, PTR("/tmp"), 0700),
	C(mkdir, "li", PTR("/tmp"), 0700),
	C(mknod, "lii", PTR(path), S_IFREG | 0600, 0),
	C(mknodat, "ilii", DIR_FD, PTR(path), S_IFREG | 0600, 0),
	C(symlinkat, "lil", PTR("x"), DIR_FD, PTR(path)),
	C(open, "lii", PTR(path), O_CREAT | O_EXCL, 0600),
	C(openat, "ilii", DIR_FD, PTR(path), O_CREAT | O_EXCL, 0600),
	C(creat, "li", PTR("/tmp"), 0600),
	C(fchdir, "i", FOLDER),
	C(getdents64, "ili", FOLDER, PTR(buffer), 10),
	C(getdents, "ili", FOLDER, PTR(buffer), 10),
	C(fstatfs, "il", FILE_FD, PTR(buffer)),
	C(syncfs, "i", FILE_FD),
	C(umount2, "li", PTR("/tmp/width.none"), 1),
	C(fgetxattr, "illl", FILE_FD, PTR(name), PTR(buffer), 10),
	C(fsetxattr, "illli", FILE_FD, PTR(name), PTR(buffer), 4, 2),
	C(setxattr, "lllli", PTR(path), PTR(name), PTR(buffer), 4, 2),
	C(lsetxattr, "lllli", PTR(path), PTR(name), PTR(buffer), 4, 2),
	C(flistxattr, "ill", FILE_FD, PTR(buffer), 10),
	C(fremovexattr, "il", FILE_FD, PTR(name)),
	C(poll, "lii", 0, 0, 0),
	C(ppoll, "lilll", 0, 0, ZERO_TIME, 0, 8),
	C(select, "illll", 0, 0, 0, 0, ZERO_TIME),
	C(pselect6, "illlll", 0, 0, 0, 0, ZERO_TIME, 0),
	C(epoll_create1, "i", 1),
	C(epoll_create, "i", -1),
	C(epoll_ctl, "iiil", POLLER, EPOLL_CTL_DEL, PIPE_IN, 0),
	C(epoll_wait, "ilii", POLLER, PTR(buffer), 1, 0),
	C(epoll_pwait, "iliill", POLLER, PTR(buffer), 1, 0, 0, 8),
	C(eventfd2, "ii", 0, 1),
	C(pipe2, "li", PTR(words), 1),
	C(timerfd_create, "ii", 12345, 0),
	C(mlock2, "lli", 0, 0, 0),
	C(mlockall, "i", 8),
	C(msync, "lli", PTR(MARK_PAGE), 4096, MS_ASYNC),
	C(madvise, "lli", PTR(MARK_PAGE), 4096, MADV_NORMAL),
	C(rt_sigaction, "illl", SIGUSR2, 0, PTR(buffer), 8),
	C(rt_sigprocmask, "illl", SIG_BLOCK, 0, PTR(buffer), 8),
	C(rt_sigqueueinfo, "iil", 0x7ffffff0, 0, PTR(&siginfo)),
	C(rt_tgsigqueueinfo, "iiil", 0x7ffffff0, 0x7ffffff0, 0, PTR(&siginfo)),
	C(kill, "ii", 0x7ffffff0, 0),
	C(tkill, "ii", 0x7ffffff0, 0),
	C(tgkill, "iii", 0x7ffffff0, 0x7ffffff0, 0),
	C(wait4, "ilil", -1, 0, WNOHANG, 0),
	C(waitid, "iilil", P_ALL, 0, 0, WNOHANG | WEXITED, 0),
	C(getpgid, "i", 0),
	C(getsid, "i", 0),
	C(setpgid, "ii", 0x7ffffff0, 0),
	C(getpriority, "ii", PRIO_PROCESS, 0),
	C(setpriority, "iii", PRIO_PROCESS, 0, 0),
	C(getrlimit, "il", RLIMIT_CORE, PTR(buffer)),
	C(prlimit64, "iill", 0, RLIMIT_CORE, 0, PTR(buffer)),
	C(getrusage, "il", RUSAGE_SELF, PTR(buffer)),
	C(setuid, "i", 0),
	C(setgid, "i", 0),
	C(setreuid, "ii", -1, -1),
	C(setregid, "ii", -1, -1),
	C(setresuid, "iii", -1, -1, -1),
	C(setresgid, "iii", -1, -1, -1),
	C(setfsuid, "i", -1),
	C(setfsgid, "i", -1),
	C(getgroups, "il", 0, 0),
	C(setgroups, "il", 0, 0),
	C(umask, "i", 022),
	C(personality, "i", -1),
	C(sched_getparam, "il", 0, PTR(buffer)),
	C(sched_setparam, "il", 0, PTR(words)),
	C(sched_getscheduler, "i", 0),
	C(sched_setscheduler, "iil", 0, SCHED_OTHER, PTR(words)),
	C(sched_get_priority_max, "i", SCHED_FIFO),
	C(sched_get_priority_min, "i", SCHED_FIFO),
	C(sched_rr_get_interval, "il", 0, PTR(buffer)),
	C(sched_getaffinity, "iil", 0, 128, PTR(&cpus)),
	C(sched_setaffinity, "iil", 0, 128, PTR(&cpus)),
	C(sched_getattr, "ilii", 0, PTR(buffer), 56, 0),
	C(getitimer, "il", ITIMER_REAL, PTR(buffer)),
	C(setitimer, "ill", ITIMER_VIRTUAL, 0, 0),
	C(timer_settime, "iill", 0, 1, PTR(&zero_timer), 0),
	C(timer_gettime, "il", 0, PTR(buffer)),
	C(timer_getoverrun, "i", 0),
	C(clock_gettime, "il", CLOCK_MONOTONIC, PTR(buffer)),
	C(clock_getres, "il", CLOCK_MONOTONIC, PTR(buffer)),
	C(clock_settime, "il", CLOCK_MONOTONIC, ZERO_TIME),
	C(clock_nanosleep, "iill", CLOCK_MONOTONIC, TIMER_ABSTIME, ZERO_TIME, 0),
	C(futex, "liilli", PTR(words), 1 /* WAKE */, 1, 0, 0, 0),
	C(futex, "liilli", PTR(words), 0 /* WAIT */, 77, 0, 0, 0),
	C(futex, "liilli", PTR(words), 9 /* WAIT_BITSET */, 77, 0, 0, 1),
	C(get_robust_list, "ill", 0, PTR(buffer), PTR(buffer + 8)),
	C(prctl, "illll", 3 /* GET_DUMPABLE */, 0, 0, 0, 0),
	C(arch_prctl, "il", 0x1003 /* GET_FS */, PTR(buffer)),
	C(getrandom, "lli", PTR(buffer), 8, 1),
	C(membarrier, "iii", 0, 0, 0),
	C(sethostname, "li", 0, -1),
	C(setdomainname, "li", 0, -1),
	C(syslog, "ili", 10, 0, 0),
	C(pidfd_open, "ii", 0x7ffffff0, 0),
	C(delete_module, "li", PTR("no-such-driver"), O_NONBLOCK),
	C(finit_module, "ili", FILE_FD, PTR(""), 0x40),
	C(init_module, "lll", PTR(buffer), 0, PTR("")),
	C(reboot, "iiil", 0x1234, 0, 0, 0),
	C(socket, "iii", 77, 1, 0),
	C(splice, "ililli", PIPE_IN, 0, PIPE_OUT, 0, 0, 0),
	C(tee, "iili", PIPE_IN, PIPE_OUT, 0, 0),
	C(signalfd4, "illi", -1, PTR(buffer), 8, 0x40000000),
	C(semget, "iii", 0x7ffffff0, 1, 0),
	C(msgget, "ii", 0x7ffffff0, 0),
	C(shmget, "ili", 0x7ffffff0, 4096, 0),
};

static long value(long a)
{
	switch (a) {
	case FILE_FD: return file;
	case PIPE_IN: return pipe_in;
	case PIPE_OUT: return pipe_out;
	case POLLER: return poller;
	case FOLDER: return folder;
	}
	return a;
}

static int makes_descriptor(int number)
{
	return number == SYS_eventfd2 || number == SYS_epoll_create1 || number == SYS_signalfd4 ||
	       number == SYS_timerfd_create || number == SYS_pidfd_open || number == SYS_socket;
}

static long make(const struct call *call, uint64_t high)
{
	long args[6], result;

	for (int i = 0; i < 6; i++) {
		int is_int = i < (int)strlen(call->types) && call->types[i] != 'l';

		args[i] = value(call->a[i]);
		if (is_int)
			args[i] = (long)((uint64_t)(uint32_t)args[i] | high);
	}
	result =
		call6((uint64_t)call->number, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (result < 0 || !makes_descriptor(call->number))
		return result;
	close((int)result);
	return 0;
}

static void prepare(void)
{
	int ends[2];

	unlink(path);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(file >= 0 && !ftruncate(file, 8192));
	CHECK_EQ(pipe(ends), 0);
	pipe_in = ends[0];
	pipe_out = ends[1];
	poller = epoll_create1(0);
	folder = open("/tmp", O_RDONLY | O_DIRECTORY);
	CHECK(poller >= 0 && folder >= 0);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer_id), 0);
	CHECK_EQ(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	CHECK(mmap(MARK_PAGE, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
			      MAP_FAILED
		      ? 0
		      : 1);
}

/* The same whatever stands in the upper halves: twice, since a first call may change something. */
TEST(upper_halves_of_ints_do_not_count)
{
	int failed = 0;

	prepare();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct call *call = &calls[i];
		long plain, high;

		make(call, 0);
		plain = make(call, 0);
		high = make(call, HIGH);
		if (plain == high)
			continue;
		printf("# %s: %ld, with upper halves %ld\n", call->name, plain, high);
		failed++;
	}
	unlink(path);
	CHECK_EQ(failed, 0);
}

TEST(upper_halves_of_longs_count)
{
	void *memory = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t set = 0;
	long one = 1l << 32;

	CHECK(memory != MAP_FAILED);
	CHECK_EQ(call6(SYS_mprotect, PTR(memory), 4096, one | PROT_READ, 0, 0, 0), -EINVAL);
	CHECK_EQ(call6(SYS_mremap, PTR(memory), 4096, 4096, one, 0, 0), -EINVAL);
	CHECK_EQ(call6(SYS_rt_sigprocmask, SIG_BLOCK, 0, PTR(&set), one | 8, 0, 0), -EINVAL);
	CHECK_EQ(call6(SYS_rt_sigaction, SIGUSR1, 0, 0, one | 8, 0, 0), -EINVAL);
	CHECK_EQ(call6(SYS_prctl, 1 /* SET_PDEATHSIG */, one | SIGTERM, 0, 0, 0, 0), -EINVAL);
	CHECK_EQ(call6(SYS_set_robust_list, PTR(buffer), one | 24, 0, 0, 0, 0), -EINVAL);
	CHECK_EQ(call6(SYS_readv, 0, PTR(&vec), one, 0, 0, 0), -EINVAL);
	CHECK_EQ(call6(SYS_munmap, PTR(memory), one << 20, 0, 0, 0, 0), -EINVAL);
	CHECK_EQ(call6(SYS_lseek, 99, one, SEEK_SET, 0, 0, 0), -EBADF);
}

/* Each of those twice. */
static int make_calls(char **numbers)
{
	for (; *numbers; numbers++)
		for (int i = 0; i < 2; i++)
			call6(strtoul(*numbers, NULL, 0), 0, 0, 0, 0, 0, 0);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return make_calls(argv + 1);
	RUN(numbers_are_32_bits);
	RUN(other_numbers_are_no_system_calls);
	RUN(a_restarted_call_keeps_its_number);
	RUN(upper_halves_of_ints_do_not_count);
	RUN(upper_halves_of_longs_count);
	return check_done();
}
