// SPDX-License-Identifier: MIT
/*
 * The calls that are made, with the kinds of their arguments. A call that is missing
 * here, or that the kernel lacks, is made with any arguments by special.c.
 *
 * Left out: what ends the machine (reboot) or takes the supervisor's world away (pivot_root).
 */
#include "fuzz.h"

#define CALL(name, weight, ...)            \
	{                                  \
#name, SYS_##name, weight, \
		{                          \
			__VA_ARGS__        \
		}                          \
	}

/* clang-format off */
const struct call calls[] = {
	/* descriptors and transfers */
	CALL(read, 12, FD, BYTES, LENGTH),
	CALL(write, 12, FD, BYTES, LENGTH),
	CALL(pread64, 4, FD, BYTES, LENGTH, OFFSET),
	CALL(pwrite64, 4, FD, BYTES, LENGTH, OFFSET),
	CALL(readv, 5, FD, IOVEC, COUNT),
	CALL(writev, 5, FD, IOVEC, COUNT),
	CALL(preadv, 2, FD, IOVEC, COUNT, OFFSET),
	CALL(pwritev, 2, FD, IOVEC, COUNT, OFFSET),
	CALL(preadv2, 3, FD, IOVEC, COUNT, OFFSET, NONE, RW_FLAGS),
	CALL(pwritev2, 3, FD, IOVEC, COUNT, OFFSET, NONE, RW_FLAGS),
	CALL(lseek, 4, FD, OFFSET, WHENCE),
	CALL(close, 6, FD),
	CALL(close_range, 2, FD, FD, BITS),
	CALL(dup, 4, FD),
	CALL(dup2, 4, FD, FD),
	CALL(dup3, 3, FD, FD, PIPE_FLAGS),
	CALL(fcntl, 12, FD, FCNTL_COMMAND, FLOCK_OR_NUMBER),
	CALL(ioctl, 14, FD, IOCTL_COMMAND, STRUCT),
	CALL(flock, 3, FD, LOCK_OP),
	CALL(sendfile, 4, FD, FD, NUMBER_OUT, LENGTH),
	CALL(splice, 5, FD, NUMBER_OUT, FD, NUMBER_OUT, LENGTH, SPLICE_FLAGS),
	CALL(tee, 3, FD, FD, LENGTH, SPLICE_FLAGS),
	CALL(vmsplice, 3, FD, IOVEC, COUNT, SPLICE_FLAGS),
	CALL(copy_file_range, 3, FD, NUMBER_OUT, FD, NUMBER_OUT, LENGTH, NONE),
	CALL(readahead, 1, FD, OFFSET, LENGTH),
	CALL(fadvise64, 1, FD, OFFSET, LENGTH, ADVICE_FILE),
	CALL(fsync, 1, FD), CALL(fdatasync, 1, FD), CALL(sync, 1), CALL(syncfs, 1, FD),
	CALL(sync_file_range, 1, FD, OFFSET, LENGTH, BITS),
	CALL(ftruncate, 4, FD, SPAN), CALL(truncate, 3, PATH, OFFSET),
	CALL(fallocate, 4, FD, FALLOCATE_MODE, OFFSET, SPAN),
	/* names */
	CALL(open, 8, PATH, OPEN_FLAGS, MODE),
	CALL(openat, 8, FOLDER, PATH, OPEN_FLAGS, MODE),
	CALL(openat2, 2, FOLDER, PATH, OPEN_HOW, STRUCT_SIZE),
	CALL(creat, 3, PATH, MODE),
	CALL(stat, 2, PATH, STRUCT), CALL(lstat, 2, PATH, STRUCT), CALL(fstat, 3, FD, STRUCT),
	CALL(newfstatat, 3, FOLDER, PATH, STRUCT, AT_BITS),
	CALL(statx, 3, FOLDER, PATH, AT_BITS, STATX_MASK, STRUCT),
	CALL(access, 2, PATH, MODE), CALL(faccessat, 2, FOLDER, PATH, MODE), CALL(faccessat2, 2, FOLDER, PATH, MODE, AT_BITS),
	CALL(mkdir, 4, PATH, MODE), CALL(mkdirat, 3, FOLDER, PATH, MODE), CALL(rmdir, 3, PATH),
	CALL(mknod, 3, PATH, MODE, SMALL), CALL(mknodat, 3, FOLDER, PATH, MODE, SMALL),
	CALL(link, 4, PATH, PATH), CALL(linkat, 3, FOLDER, PATH, FOLDER, PATH, AT_BITS),
	CALL(symlink, 4, PATH, PATH), CALL(symlinkat, 3, PATH, FOLDER, PATH),
	CALL(unlink, 4, PATH), CALL(unlinkat, 3, FOLDER, PATH, AT_BITS),
	CALL(rename, 6, PATH, PATH), CALL(renameat, 4, FOLDER, PATH, FOLDER, PATH),
	CALL(renameat2, 5, FOLDER, PATH, FOLDER, PATH, RENAME_FLAGS),
	CALL(readlink, 2, PATH, BYTES, LENGTH), CALL(readlinkat, 2, FOLDER, PATH, BYTES, LENGTH),
	CALL(chdir, 2, PATH), CALL(fchdir, 2, FD), CALL(getcwd, 3, BYTES, LENGTH), CALL(chroot, 1, PATH),
	CALL(chmod, 3, PATH, MODE), CALL(fchmod, 2, FD, MODE), CALL(fchmodat, 2, FOLDER, PATH, MODE),
	CALL(chown, 2, PATH, USER_ID, USER_ID), CALL(lchown, 2, PATH, USER_ID, USER_ID), CALL(fchown, 2, FD, USER_ID, USER_ID),
	CALL(fchownat, 2, FOLDER, PATH, USER_ID, USER_ID, AT_BITS),
	CALL(utime, 1, PATH, TIMESPEC), CALL(utimes, 1, PATH, TIMEVAL), CALL(futimesat, 1, FOLDER, PATH, TIMEVAL),
	CALL(utimensat, 2, FOLDER, PATH, TIMESPEC, AT_BITS),
	CALL(getdents, 3, FD, BYTES, LENGTH), CALL(getdents64, 5, FD, BYTES, LENGTH),
	CALL(statfs, 2, PATH, STRUCT), CALL(fstatfs, 2, FD, STRUCT), CALL(umask, 1, MODE),
	CALL(setxattr, 2, PATH, XATTR_NAME, BYTES, LENGTH, SMALL), CALL(lsetxattr, 1, PATH, XATTR_NAME, BYTES, LENGTH, SMALL),
	CALL(fsetxattr, 2, FD, XATTR_NAME, BYTES, LENGTH, SMALL),
	CALL(getxattr, 1, PATH, XATTR_NAME, BYTES, LENGTH), CALL(fgetxattr, 1, FD, XATTR_NAME, BYTES, LENGTH),
	CALL(listxattr, 1, PATH, BYTES, LENGTH), CALL(flistxattr, 1, FD, BYTES, LENGTH),
	CALL(removexattr, 1, PATH, XATTR_NAME), CALL(fremovexattr, 1, FD, XATTR_NAME),
	CALL(mount, 4, PATH, MOUNT_POINT, FILE_SYSTEM, MOUNT_FLAGS, MOUNT_OPTIONS), CALL(umount2, 4, MOUNT_POINT, SMALL),
	/* pipes, waiting */
	CALL(pipe, 4, NUMBER_OUT), CALL(pipe2, 6, NUMBER_OUT, PIPE_FLAGS),
	CALL(poll, 5, POLLFDS, COUNT, TIMEOUT), CALL(ppoll, 4, POLLFDS, COUNT, TIMESPEC, SIGSET, SIGSET_SIZE),
	CALL(select, 4, SMALL, FD_SET, FD_SET, FD_SET, TIMEVAL), CALL(pselect6, 3, SMALL, FD_SET, FD_SET, FD_SET, TIMESPEC, BYTES),
	CALL(epoll_create1, 4, PIPE_FLAGS), CALL(epoll_create, 1, SMALL),
	CALL(epoll_ctl, 14, FD, EPOLL_OP, FD, EPOLL_EVENT),
	CALL(epoll_wait, 5, FD, BYTES, COUNT, TIMEOUT), CALL(epoll_pwait, 3, FD, BYTES, COUNT, TIMEOUT, SIGSET, SIGSET_SIZE),
	CALL(epoll_pwait2, 2, FD, BYTES, COUNT, TIMESPEC, SIGSET, SIGSET_SIZE),
	CALL(eventfd2, 4, SMALL, PIPE_FLAGS), CALL(eventfd, 1, SMALL), CALL(signalfd4, 4, FD, SIGSET, SIGSET_SIZE, PIPE_FLAGS),
	CALL(timerfd_create, 2, CLOCK, PIPE_FLAGS), CALL(timerfd_settime, 2, FD, TIMER_FLAGS, ITIMERSPEC, STRUCT),
	CALL(memfd_create, 2, TEXT, BITS), CALL(inotify_init1, 2, PIPE_FLAGS), CALL(inotify_add_watch, 2, FD, PATH, BITS),
	/* sockets */
	CALL(socketpair, 8, SOCKET_DOMAIN, SOCKET_TYPE, SMALL, NUMBER_OUT), CALL(socket, 3, SOCKET_DOMAIN, SOCKET_TYPE, SMALL),
	CALL(sendto, 4, FD, BYTES, LENGTH, MSG_FLAGS, BYTES, SMALL), CALL(recvfrom, 4, FD, BYTES, LENGTH, MSG_FLAGS, BYTES, NUMBER_OUT),
	CALL(sendmsg, 6, FD, MSGHDR, MSG_FLAGS), CALL(recvmsg, 6, FD, MSGHDR, MSG_FLAGS),
	CALL(sendmmsg, 2, FD, MSGHDR, COUNT, MSG_FLAGS), CALL(recvmmsg, 2, FD, MSGHDR, COUNT, MSG_FLAGS, TIMESPEC),
	CALL(shutdown, 3, FD, SMALL), CALL(getsockopt, 3, FD, SOCKET_LEVEL, SOCKET_OPTION, BYTES, NUMBER_OUT),
	CALL(setsockopt, 3, FD, SOCKET_LEVEL, SOCKET_OPTION, BYTES, SMALL),
	CALL(getsockname, 1, FD, BYTES, NUMBER_OUT), CALL(getpeername, 1, FD, BYTES, NUMBER_OUT),
	CALL(bind, 2, FD, BYTES, SMALL), CALL(connect, 2, FD, BYTES, SMALL), CALL(listen, 1, FD, SMALL),
	CALL(accept4, 1, FD, BYTES, NUMBER_OUT, PIPE_FLAGS),
	/* memory */
	CALL(mmap, 14, PAGES, SPAN, PROTECTION, MAP_KIND, FD, OFFSET),
	CALL(munmap, 6, PAGES, SPAN), CALL(mprotect, 8, PAGES, SPAN, PROTECTION),
	CALL(mremap, 10, PAGES, SPAN, SPAN, REMAP_FLAGS, PAGES), CALL(madvise, 8, PAGES, SPAN, ADVICE),
	CALL(msync, 3, PAGES, SPAN, SYNC_FLAGS), CALL(mincore, 2, PAGES, SPAN, BYTES),
	CALL(mlock, 2, PAGES, SPAN), CALL(mlock2, 2, PAGES, SPAN, MLOCK_FLAGS), CALL(munlock, 2, PAGES, SPAN),
	CALL(mlockall, 1, SMALL), CALL(munlockall, 1), CALL(brk, 2, ADDRESS), CALL(remap_file_pages, 1, PAGES, SPAN, PROTECTION, SMALL, BITS),
	CALL(process_vm_readv, 2, PROCESS, IOVEC, COUNT, IOVEC, COUNT, NONE), CALL(process_vm_writev, 2, PROCESS, IOVEC, COUNT, IOVEC, COUNT, NONE),
	CALL(membarrier, 2, MEMBARRIER_COMMAND, BITS, SMALL),
	/* futexes and threads */
	CALL(futex, 16, FUTEX, FUTEX_OP, SMALL, TIMESPEC, FUTEX, SMALL),
	CALL(set_robust_list, 2, FUTEX, STRUCT_SIZE), CALL(get_robust_list, 1, PROCESS, STRUCT, STRUCT),
	CALL(set_tid_address, 1, FUTEX), CALL(arch_prctl, 2, ARCH_OPTION, ADDRESS), CALL(rseq, 1, FUTEX, STRUCT_SIZE, BITS, ANY),
	/* signals */
	CALL(rt_sigaction, 8, SIGNAL, SIGACTION, STRUCT, SIGSET_SIZE), CALL(rt_sigprocmask, 6, SIGNAL_HOW, SIGSET, STRUCT, SIGSET_SIZE),
	CALL(rt_sigpending, 1, STRUCT, SIGSET_SIZE), CALL(rt_sigtimedwait, 4, SIGSET, STRUCT, TIMESPEC, SIGSET_SIZE),
	CALL(rt_sigsuspend, 1, SIGSET, SIGSET_SIZE), CALL(rt_sigqueueinfo, 4, PROCESS, SIGNAL, SIGINFO),
	CALL(rt_tgsigqueueinfo, 3, PROCESS, PROCESS, SIGNAL, SIGINFO), CALL(sigaltstack, 3, SIGSTACK, STRUCT),
	CALL(kill, 6, PROCESS, SIGNAL), CALL(tkill, 3, PROCESS, SIGNAL), CALL(tgkill, 3, PROCESS, PROCESS, SIGNAL), CALL(pause, 1),
	CALL(restart_syscall, 1),
	/* time */
	CALL(nanosleep, 3, TIMESPEC, STRUCT), CALL(clock_nanosleep, 3, CLOCK, TIMER_FLAGS, TIMESPEC, STRUCT),
	CALL(clock_gettime, 2, CLOCK, STRUCT), CALL(clock_getres, 1, CLOCK, STRUCT), CALL(clock_settime, 1, CLOCK, TIMESPEC),
	CALL(gettimeofday, 1, STRUCT, STRUCT), CALL(settimeofday, 1, TIMEVAL, STRUCT), CALL(time, 1, STRUCT), CALL(times, 1, STRUCT),
	CALL(adjtimex, 1, STRUCT), CALL(clock_adjtime, 1, CLOCK, STRUCT), CALL(alarm, 1, SMALL),
	CALL(getitimer, 1, ITIMER, STRUCT), CALL(setitimer, 4, ITIMER, ITIMERSPEC, STRUCT),
	CALL(timer_create, 6, CLOCK, SIGEVENT, NUMBER_OUT), CALL(timer_settime, 8, SMALL, TIMER_FLAGS, ITIMERSPEC, STRUCT),
	CALL(timer_gettime, 2, SMALL, STRUCT), CALL(timer_getoverrun, 1, SMALL), CALL(timer_delete, 3, SMALL),
	/* processes */
	CALL(wait4, 5, PROCESS, STRUCT, WAIT_FLAGS, STRUCT), CALL(waitid, 3, SMALL, PROCESS, STRUCT, WAIT_FLAGS, STRUCT),
	CALL(getpid, 1), CALL(gettid, 1), CALL(getppid, 1), CALL(setpgid, 2, PROCESS, PROCESS), CALL(getpgid, 1, PROCESS),
	CALL(getsid, 1, PROCESS), CALL(setsid, 1), CALL(getpgrp, 1), CALL(prctl, 6, PRCTL_OPTION, ANY, ANY, ANY, ANY),
	CALL(getrlimit, 1, RESOURCE, STRUCT), CALL(setrlimit, 1, RESOURCE, STRUCT), CALL(prlimit64, 2, PROCESS, RESOURCE, STRUCT, STRUCT),
	CALL(getrusage, 1, WHO, STRUCT), CALL(sysinfo, 1, STRUCT), CALL(uname, 1, STRUCT), CALL(getcpu, 1, STRUCT, STRUCT),
	CALL(getpriority, 1, SMALL, PROCESS), CALL(setpriority, 1, SMALL, PROCESS, SMALL), CALL(sched_yield, 3),
	CALL(sched_setparam, 1, PROCESS, PRIORITY), CALL(sched_getparam, 1, PROCESS, STRUCT),
	CALL(sched_setscheduler, 1, PROCESS, POLICY, PRIORITY), CALL(sched_getscheduler, 1, PROCESS),
	CALL(sched_get_priority_max, 1, POLICY), CALL(sched_get_priority_min, 1, POLICY), CALL(sched_rr_get_interval, 1, PROCESS, STRUCT),
	CALL(sched_setaffinity, 4, PROCESS, STRUCT_SIZE, CPU_SET), CALL(sched_getaffinity, 1, PROCESS, LENGTH, STRUCT),
	CALL(sched_setattr, 2, PROCESS, SCHED_ATTR, NONE), CALL(sched_getattr, 1, PROCESS, STRUCT, STRUCT_SIZE, NONE),
	CALL(personality, 1, PERSONALITY), CALL(syslog, 1, SYSLOG_ACTION, BYTES, LENGTH), CALL(getrandom, 2, BYTES, LENGTH, RANDOM_FLAGS),
	/* credentials */
	CALL(getuid, 1), CALL(setuid, 1, USER_ID), CALL(setgid, 1, USER_ID), CALL(setreuid, 1, USER_ID, USER_ID),
	CALL(setregid, 1, USER_ID, USER_ID), CALL(setresuid, 1, USER_ID, USER_ID, USER_ID), CALL(setresgid, 1, USER_ID, USER_ID, USER_ID),
	CALL(getresuid, 1, STRUCT, STRUCT, STRUCT), CALL(getresgid, 1, STRUCT, STRUCT, STRUCT), CALL(setfsuid, 1, USER_ID), CALL(setfsgid, 1, USER_ID),
	CALL(getgroups, 1, SMALL, STRUCT), CALL(setgroups, 1, SMALL, STRUCT), CALL(capget, 1, STRUCT, STRUCT), CALL(capset, 1, STRUCT, STRUCT),
	CALL(sethostname, 1, BYTES, SMALL), CALL(setdomainname, 1, BYTES, SMALL),
	/* drivers */
	CALL(init_module, 1, BYTES, LENGTH, TEXT), CALL(finit_module, 1, FD, TEXT, SMALL), CALL(delete_module, 1, TEXT, BITS),
	/* later: named here so that they are tried with likely arguments as soon as they exist */
	CALL(shmget, 1, SMALL, LENGTH, BITS), CALL(shmat, 1, SMALL, PAGES, BITS), CALL(shmdt, 1, PAGES), CALL(shmctl, 1, SMALL, SMALL, STRUCT),
	CALL(semget, 1, SMALL, SMALL, BITS), CALL(semop, 1, SMALL, STRUCT, COUNT), CALL(msgget, 1, SMALL, BITS),
	CALL(ptrace, 1, SMALL, PROCESS, ADDRESS, ADDRESS), CALL(unshare, 1, BITS), CALL(pidfd_open, 1, PROCESS, BITS),
	CALL(io_setup, 1, SMALL, STRUCT), CALL(seccomp, 1, SMALL, BITS, STRUCT), CALL(kcmp, 1, PROCESS, PROCESS, SMALL, FD, FD),
};
/* clang-format on */
const uint32_t nr_calls = ARRAY_SIZE(calls);
