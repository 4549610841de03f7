// SPDX-License-Identifier: MIT
/*
 * System calls about the whole machine: names, figures, the kernel log, random
 * numbers, ending, barriers.
 */
#include "internal.h"
#include <asm/pgtable.h>
#include <kernel/page.h>
#include <kernel/power.h>
#include <kernel/random.h>
#include <kernel/syscalls.h>
#include <kernel/utsname.h>
#include <kernel/vm.h>
#include <uapi/reboot.h>
#include <uapi/sysinfo.h>

/* ---- names ---- */

SYSCALL1(uname, user)
{
	struct new_utsname names;

	utsname_get(&names);
	return copy_to_user(uaddr(user), &names, sizeof(names));
}

static s64 set_name(enum utsname_which which, u64 user, s32 len)
{
	char name[UTS_LEN];

	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > UTS_LEN)
		return -EINVAL;
	if (copy_from_user(name, uaddr(user), (u64)len))
		return -EFAULT;
	return utsname_set(which, name, (size_t)len);
}

SYSCALL2(sethostname, user, len)
{
	return set_name(UTSNAME_HOST, user, (s32)len);
}

SYSCALL2(setdomainname, user, len)
{
	return set_name(UTSNAME_DOMAIN, user, (s32)len);
}

/* ---- figures ---- */

SYSCALL1(sysinfo, user)
{
	struct mem_info mem;
	struct sysinfo info = { 0 };
	u64 loads[3];

	mem_info_get(&mem);
	sched_loadavg(loads);
	info.uptime = (s64)((time_monotonic_ns() + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
	for (u32 i = 0; i < 3; i++)
		info.loads[i] = loads[i] * (65536 / 2048);
	info.totalram = mem.total * PAGE_SIZE;
	info.freeram = mem.free * PAGE_SIZE;
	info.procs = (u16)MIN(process_count(), (u32)UINT16_MAX);
	info.mem_unit = 1;
	return copy_to_user(uaddr(user), &info, sizeof(info));
}

/* ---- the kernel log: syslog(2) ---- */

enum { LOG_CLOSE, LOG_OPEN, LOG_READ, LOG_READ_ALL, LOG_READ_CLEAR, LOG_CLEAR, LOG_CONSOLE_OFF,
       LOG_CONSOLE_ON, LOG_CONSOLE_LEVEL, LOG_SIZE_UNREAD, LOG_SIZE_BUFFER };

#define LOG_CHUNK	4096u
static u64 log_read_seq;		/* action 2: what nobody has read yet */
static u64 log_clear_seq;		/* actions 3 and 4 begin here */
static DEFINE_MUTEX(log_mutex);		/* both */
static int saved_console_level;

static int log_may(int action)
{
	if (action == LOG_READ_ALL || action == LOG_SIZE_BUFFER)
		return 0;
	return current_capable(CAP_SYSLOG) || current_is_super() ? 0 : -EPERM;
}

/* Whole records, up to @len bytes, from *seq on. */
static s64 log_copy(u64 *seq, u64 user, u32 len)
{
	char *buf = kmalloc(LOG_CHUNK);
	s64 total = 0;
	size_t n;

	if (!buf)
		return -ENOMEM;
	while (len && (n = printk_read(seq, buf, MIN(len, LOG_CHUNK))) != 0) {
		if (copy_to_user(uaddr(user), buf, n)) {
			total = total ? total : -EFAULT;
			break;
		}
		user += n;
		len -= (u32)n;
		total += (s64)n;
	}
	kfree(buf);
	return total;
}

static s64 log_read(u64 user, u32 len)
{
	s64 n;
	int err;

	for (;;) {
		err = wait_event_interruptible(&printk_wait,
				READ_ONCE(log_read_seq) < printk_last_seq());
		if (err)
			return err;
		mutex_lock(&log_mutex);
		n = log_copy(&log_read_seq, user, len);
		mutex_unlock(&log_mutex);
		if (n)
			return n;
	}
}

/* The first record from which on @len bytes are enough for all. */
static u64 log_tail(u64 first, u32 len)
{
	u64 end = printk_last_seq();

	while (first < end) {
		u64 mid = first + (end - first) / 2;

		if (printk_unread(mid) > len)
			first = mid + 1;
		else
			end = mid;
	}
	return first;
}

/* The last @len bytes of what there is since it was cleared. */
static s64 log_read_all(u64 user, u32 len, bool clear)
{
	u64 seq;
	s64 n;

	mutex_lock(&log_mutex);
	seq = log_tail(MAX(log_clear_seq, printk_first_seq()), len);
	n = log_copy(&seq, user, len);
	if (clear && n >= 0)
		log_clear_seq = seq;
	mutex_unlock(&log_mutex);
	return n;
}

static s64 log_console(int action, int level)
{
	if (action == LOG_CONSOLE_LEVEL) {
		if (level < 1 || level > 8)
			return -EINVAL;
		console_loglevel = level;
		saved_console_level = 0;
	} else if (action == LOG_CONSOLE_OFF) {
		if (!saved_console_level)
			saved_console_level = console_loglevel;
		console_loglevel = 1;
	} else if (saved_console_level) {
		console_loglevel = saved_console_level;
		saved_console_level = 0;
	}
	return 0;
}

SYSCALL3(syslog, action_arg, user, len_arg)
{
	int action = (int)action_arg, len = (int)len_arg, err = log_may(action);

	if (err)
		return err;
	switch (action) {
	case LOG_CLOSE:
	case LOG_OPEN:
		return 0;
	case LOG_READ:
	case LOG_READ_ALL:
	case LOG_READ_CLEAR:
		if (!user || len < 0)
			return -EINVAL;
		if (!len)
			return 0;
		return action == LOG_READ ? log_read(user, (u32)len) :
			log_read_all(user, (u32)len, action == LOG_READ_CLEAR);
	case LOG_CLEAR:
		log_clear_seq = printk_last_seq();
		return 0;
	case LOG_CONSOLE_OFF:
	case LOG_CONSOLE_ON:
	case LOG_CONSOLE_LEVEL:
		return log_console(action, len);
	case LOG_SIZE_UNREAD:
		return (s64)printk_unread(log_read_seq);
	case LOG_SIZE_BUFFER:
		return CONFIG_LOG_BUF_KIB * 1024;
	}
	return -EINVAL;
}

/* ---- random numbers ---- */

#define GRND_NONBLOCK	1u
#define GRND_RANDOM	2u
#define GRND_INSECURE	4u
#define RANDOM_CHUNK	256u

SYSCALL3(getrandom, user, len, flags_arg)
{
	u32 flags = (u32)flags_arg;
	u8 buf[RANDOM_CHUNK];
	u64 done = 0;

	if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	len = MIN(len, (u64)INT32_MAX);
	while (done < len) {
		u64 n = MIN(len - done, (u64)sizeof(buf));

		random_bytes(buf, n);
		if (copy_to_user(uaddr(user + done), buf, n))
			return done ? (s64)done : -EFAULT;
		done += n;
		if (signal_pending() && done < len)
			break;
	}
	return (s64)done;
}

/* ---- ending ---- */

static bool ctrl_alt_del_restarts = true;

void process_ctrl_alt_del(void)
{
	if (READ_ONCE(ctrl_alt_del_restarts))
		machine_restart();
	if (init_process)
		signal_send_process(init_process, SIGINT, SI_KERNEL_INFO);
}

static bool reboot_is_meant(u32 magic1, u32 magic2)
{
	return magic1 == LINUX_REBOOT_MAGIC1 &&
	       (magic2 == LINUX_REBOOT_MAGIC2 || magic2 == LINUX_REBOOT_MAGIC2A ||
		magic2 == LINUX_REBOOT_MAGIC2B || magic2 == LINUX_REBOOT_MAGIC2C);
}

SYSCALL4(reboot, magic1, magic2, cmd, user)
{
	if (!current_capable(CAP_SYS_BOOT))
		return -EPERM;
	if (!reboot_is_meant((u32)magic1, (u32)magic2))
		return -EINVAL;
	switch ((u32)cmd) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		pr_notice("restarting\n");
		machine_restart();
	case LINUX_REBOOT_CMD_POWER_OFF:
		pr_notice("powering off\n");
		machine_power_off();
	case LINUX_REBOOT_CMD_HALT:
		pr_notice("halted\n");
		machine_halt();
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		WRITE_ONCE(ctrl_alt_del_restarts, (u32)cmd == LINUX_REBOOT_CMD_CAD_ON);
		return 0;
	}
	return -EINVAL;
}

/* ---- membarrier ---- */

enum { MEMBARRIER_QUERY = 0, MEMBARRIER_GLOBAL = 1, MEMBARRIER_GLOBAL_EXPEDITED = 2,
       MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 4, MEMBARRIER_PRIVATE_EXPEDITED = 8,
       MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16, MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE = 32,
       MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64 };
#define MEMBARRIER_ALL	127

/*
 * Each CPU that runs one of our threads passes through an interrupt that
 * flushes its TLB, which serialises it; for all CPUs a grace period does.
 */
SYSCALL3(membarrier, cmd, flags, cpu)
{
	if ((u32)flags)
		return -EINVAL;
	switch ((int)cmd) {
	case MEMBARRIER_QUERY:
		return MEMBARRIER_ALL;
	case MEMBARRIER_GLOBAL:
	case MEMBARRIER_GLOBAL_EXPEDITED:
		smp_mb();
		synchronize_rcu();
		return 0;
	case MEMBARRIER_PRIVATE_EXPEDITED:
	case MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE:
		smp_mb();
		tlb_flush_user_all(current->space);
		return 0;
	case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
		return 0;		/* nothing to prepare */
	}
	return -EINVAL;
}

/* ---- who am I ---- */

SYSCALL0(getpid) { return current->proc->pid; }
SYSCALL0(gettid) { return current->tid; }
SYSCALL0(getppid) { return READ_ONCE(current->proc->ppid); }
