// SPDX-License-Identifier: MIT
/*
  * System calls about the whole machine: names, statistics, random numbers,
 * reboot, barriers.
 */
#include "internal.h"
#include <asm/pgtable.h>
#include <kernel/page.h>
#include <kernel/power.h>
#include <kernel/random.h>
#include <kernel/syscalls.h>
#include <kernel/utsname.h>
#include <kernel/vm.h>
#include <uapi/personality.h>
#include <uapi/reboot.h>
#include <uapi/sysinfo.h>

/* ---- names ---- */

/* UNAME26, for programs that accept only release 2.6: version X.Y is 2.6.(60 + Y). */
static void uname_release_26(char *release)
{
	char whole[UTS_LEN + 1];
	const char *rest = whole;
	u32 dots = 0, minor = 0;

	strscpy(whole, release, sizeof(whole));
	for (; *rest == '.' || (*rest >= '0' && *rest <= '9'); rest++) {
		dots += *rest == '.';
		if (dots == 3)
			break;
		if (dots == 1 && *rest != '.')
			minor = minor * 10 + (u32)(*rest - '0');
	}
	snprintf(release, UTS_LEN + 1, "2.6.%u%s", minor + 60, rest);
}

SYSCALL1(uname, user)
{
	struct new_utsname names;

	utsname_get(&names);
	if (current->proc->personality & UNAME26)
		uname_release_26(names.release);
	return copy_to_user(uaddr(user), &names, sizeof(names));
}

static s64 utsname_change(enum utsname_which which, u64 user, s32 len)
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
	return utsname_change(UTSNAME_HOST, user, (s32)len);
}

SYSCALL2(setdomainname, user, len)
{
	return utsname_change(UTSNAME_DOMAIN, user, (s32)len);
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

/* ---- random numbers ---- */

#define GRND_NONBLOCK 1u
#define GRND_RANDOM   2u
#define GRND_INSECURE 4u
#define RANDOM_CHUNK  256u

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
		u64 length = MIN(len - done, (u64)sizeof(buf));

		random_bytes(buf, length);
		if (copy_to_user(uaddr(user + done), buf, length))
			return done ? (s64)done : -EFAULT;
		done += length;
		if (signal_pending() && done < len)
			break;
	}
	return (s64)done;
}

/* ---- ending ---- */

int ctrl_alt_del_restarts = true;

void process_ctrl_alt_del(void)
{
	if (READ_ONCE(ctrl_alt_del_restarts)) {
		pr_notice("restarting: Ctrl-Alt-Del\n");
		machine_restart();
	}
	if (init_process)
		signal_send_process(init_process, SIGINT, SI_KERNEL_INFO);
}

static bool reboot_magic_ok(u32 magic1, u32 magic2)
{
	return magic1 == LINUX_REBOOT_MAGIC1 &&
	       (magic2 == LINUX_REBOOT_MAGIC2 || magic2 == LINUX_REBOOT_MAGIC2A ||
		magic2 == LINUX_REBOOT_MAGIC2B || magic2 == LINUX_REBOOT_MAGIC2C);
}

SYSCALL4(reboot, magic1, magic2, cmd, user)
{
	if (!current_capable(CAP_SYS_BOOT))
		return -EPERM;
	if (!reboot_magic_ok((u32)magic1, (u32)magic2))
		return -EINVAL;
	switch ((u32)cmd) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2: pr_notice("restarting\n"); machine_restart();
	case LINUX_REBOOT_CMD_POWER_OFF: pr_notice("powering off\n"); machine_power_off();
	case LINUX_REBOOT_CMD_HALT: pr_notice("halted\n"); machine_halt();
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		WRITE_ONCE(ctrl_alt_del_restarts, (u32)cmd == LINUX_REBOOT_CMD_CAD_ON);
		return 0;
	}
	return -EINVAL;
}

/* ---- membarrier ---- */

enum {
	MEMBARRIER_QUERY = 0,
	MEMBARRIER_GLOBAL = 1,
	MEMBARRIER_GLOBAL_EXPEDITED = 2,
	MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 4,
	MEMBARRIER_PRIVATE_EXPEDITED = 8,
	MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16,
	MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE = 32,
	MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64
};
#define MEMBARRIER_ALL 127

/*
 * An interrupt that flushes the TLB serialises each CPU that runs a thread of this
 * process; for all CPUs a grace period does.
 */
SYSCALL3(membarrier, cmd, flags, cpu)
{
	if ((u32)flags)
		return -EINVAL;
	switch ((int)cmd) {
	case MEMBARRIER_QUERY: return MEMBARRIER_ALL;
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
	case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: return 0; /* nothing to prepare */
	}
	return -EINVAL;
}

/* ---- identity ---- */

SYSCALL0(getpid)
{
	return current->proc->pid;
}
SYSCALL0(gettid)
{
	return current->tid;
}
SYSCALL0(getppid)
{
	return READ_ONCE(current->proc->ppid);
}
