// SPDX-License-Identifier: MIT
/*
 * /proc: meminfo, stat, uptime, loadavg and the others about the whole system.
 *
 * Figures are read without stopping anything: each is right by itself, a sum
 * may be a moment older than the next. Formats: proc(5).
 */
#include <generated/version.h>
#include <kernel/chardev.h>
#include <kernel/cmdline.h>
#include <kernel/fs/proc.h>
#include <kernel/irq.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/utsname.h>
#include <uapi/times.h>
#include "proc.h"

CMDLINE_OPTION(opt_console, "console");

#define TICK_NS (NSEC_PER_SEC / USER_HZ)
#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif
#define KIB_PER_PAGE (PAGE_SIZE / 1024)

/* ---- memory ---- */

/*
 * All cached pages are files of tmpfs so far, which are nowhere else: they
 * count as shared memory, and none of them as available.
 */
static int meminfo_show(struct seq_file *m, void *unused)
{
	struct mem_info mem;

	mem_info_get(&mem);

	const struct {
		const char *label;
		u64 pages;
	} rows[] = {
		{ "MemTotal:       ", mem.total },
		{ "MemFree:        ", mem.free },
		{ "MemAvailable:   ", mem.free },
		{ "Buffers:        ", 0 },
		{ "Cached:         ", mem.cached },
		{ "SwapCached:     ", 0 },
		{ "SwapTotal:      ", 0 },
		{ "SwapFree:       ", 0 },
		{ "Dirty:          ", 0 },
		{ "Writeback:      ", 0 },
		{ "AnonPages:      ", mem.anon },
		{ "Shmem:          ", mem.cached },
		{ "KReclaimable:   ", 0 },
		{ "Slab:           ", mem.slab },
		{ "SReclaimable:   ", 0 },
		{ "SUnreclaim:     ", mem.slab },
		{ "KernelStack:    ", mem.kernel_stacks },
		{ "PageTables:     ", mem.page_tables },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		seq_puts(m, rows[i].label);
		seq_put_u64_wide(m, rows[i].pages * KIB_PER_PAGE, 8);
		seq_puts(m, " kB\n");
	}
	return 0;
}

/* The counters kept, by the names that Linux gives them. */
static int vmstat_show(struct seq_file *m, void *unused)
{
	struct mem_info mem;
	u64 faults = 0;

	mem_info_get(&mem);
	for (u32 i = 0; i < cpu_count; i++)
		faults += cpus[i] ? cpus[i]->nr_faults : 0;
	seq_printf(
		m,
		"nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_shmem %lu\n"
		"nr_slab_unreclaimable %lu\nnr_kernel_stack %lu\nnr_page_table_pages %lu\npgfault %lu\n",
		mem.free, mem.anon, mem.cached, mem.cached, mem.slab,
		mem.kernel_stacks * KIB_PER_PAGE, mem.page_tables, faults);
	return 0;
}

/* ---- processors and time ---- */

struct cpu_times {
	u64 user, system, idle, irq;
};

/* A processor that idles does not count by itself: what it has idled by now is added. */
static void cpu_times_get(const struct cpu *c, struct cpu_times *t)
{
	u64 now = time_monotonic_ns(), since;

	*t = (struct cpu_times){ c->time.user_ns, c->time.system_ns, c->time.idle_ns,
				 c->time.irq_ns };
	if (READ_ONCE(c->running) != c->idle || !c->idle)
		return;
	since = READ_ONCE(c->idle->exec_start_ns);
	if (now > since)
		t->idle += now - since;
}

/* user nice system idle iowait irq softirq steal guest guest_nice */
static void show_times(struct seq_file *m, const struct cpu_times *t)
{
	seq_put_u64(m, ' ', t->user / TICK_NS);
	seq_puts(m, " 0");
	seq_put_u64(m, ' ', t->system / TICK_NS);
	seq_put_u64(m, ' ', t->idle / TICK_NS);
	seq_puts(m, " 0");
	seq_put_u64(m, ' ', t->irq / TICK_NS);
	seq_puts(m, " 0 0 0 0\n");
}

static int stat_show(struct seq_file *m, void *unused)
{
	u64 interrupts = 0, switches = 0, forks = 0;
	struct cpu_times sum = { 0 }, t;
	u32 running, total;

	for (u32 i = 0; i < cpu_count; i++) {
		const struct cpu *c = cpus[i];

		if (!c)
			continue;
		cpu_times_get(c, &t);
		sum.user += t.user;
		sum.system += t.system;
		sum.idle += t.idle;
		sum.irq += t.irq;
		interrupts += c->nr_irqs;
		switches += c->nr_switches;
		forks += c->nr_forks;
	}
	seq_puts(m, "cpu ");
	show_times(m, &sum);
	for (u32 i = 0; i < cpu_count; i++) {
		if (!cpus[i] || !cpus[i]->online)
			continue;
		cpu_times_get(cpus[i], &t);
		seq_printf(m, "cpu%u", i);
		show_times(m, &t);
	}
	sched_counts(&running, &total);
	seq_printf(
		m,
		"intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\n"
		"softirq 0 0 0 0 0 0 0 0 0 0 0\n",
		interrupts, switches,
		(u64)((time_realtime_ns() - time_monotonic_ns()) / NSEC_PER_SEC), forks, running);
	return 0;
}

static void show_seconds(struct seq_file *m, u64 ns, char end)
{
	seq_printf(m, "%lu.%02lu%c", (u64)(ns / NSEC_PER_SEC),
		   (u64)(ns / (NSEC_PER_SEC / 100) % 100), end);
}

static int uptime_show(struct seq_file *m, void *unused)
{
	struct cpu_times t;
	u64 idle = 0;

	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i]) {
			cpu_times_get(cpus[i], &t);
			idle += t.idle;
		}
	show_seconds(m, time_monotonic_ns(), ' ');
	show_seconds(m, idle, '\n');
	return 0;
}

static int loadavg_show(struct seq_file *m, void *unused)
{
	u32 running, total;
	u64 load[3];

	sched_loadavg(load);
	for (u32 i = 0; i < 3; i++) {
		u64 v = load[i] + 2048 / 200; /* rounded to hundredths */

		seq_printf(m, "%lu.%02lu ", v / 2048, v % 2048 * 100 / 2048);
	}
	sched_counts(&running, &total);
	seq_printf(m, "%u/%u %d\n", running, total, process_last_pid());
	return 0;
}

static int cpuinfo_show(struct seq_file *m, void *unused)
{
	arch_cpuinfo_show(m);
	return 0;
}

static int interrupts_show(struct seq_file *m, void *unused)
{
	irq_show(m);
	return 0;
}

/* ---- names ---- */

static int version_show(struct seq_file *m, void *unused)
{
	struct new_utsname n;

	utsname_get(&n);
	seq_printf(m, "%s version %s (Banos " BANOS_VERSION ") (" COMPILER ") %s\n", n.sysname,
		   n.release, n.version);
	return 0;
}

static int cmdline_show(struct seq_file *m, void *unused)
{
	seq_puts(m, cmdline_get());
	seq_putc(m, '\n');
	return 0;
}

static int devices_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "Character devices:\n");
	chardev_show(m);
	seq_puts(m, "\nBlock devices:\n");
	return 0;
}

/* There are no block devices and nowhere to swap to: these say so. */
static int partitions_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "major minor  #blocks  name\n\n");
	return 0;
}

static int swaps_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

/* The terminal behind a console, by its name. */
static void show_console_device(struct seq_file *m, const char *name)
{
	u64 n;

	if (!strncmp(name, "ttyS", 4) && !parse_u64(name + 4, 10, &n))
		seq_printf(m, " %4u:%lu", 4u, n + 64);
	else if (!strncmp(name, "tty", 3) && !parse_u64(name + 3, 10, &n))
		seq_printf(m, " %4u:%lu", 4u, n);
}

/* "ttyS0                -W- (EC p  )    4:64": writable; enabled, the preferred one */
static int consoles_show(struct seq_file *m, void *unused)
{
	char preferred[32] = "", *comma;

	option_value(&opt_console, preferred, sizeof(preferred));
	comma = strchr(preferred, ',');
	if (comma)
		*comma = 0;
	for (const struct console *c = console_first(); c; c = READ_ONCE(c->next)) {
		bool first = *preferred ? !strcmp(preferred, c->name) : c == console_first();

		seq_printf(m, "%-20s -W- (%c%c    )", c->name, c->enabled ? 'E' : ' ',
			   first ? 'C' : ' ');
		show_console_device(m, c->name);
		seq_putc(m, '\n');
	}
	return 0;
}

int proc_system_init(void)
{
	static const struct {
		const char *name;
		mode_t mode;
		int (*show)(struct seq_file *m, void *unused);
	} files[] = {
		{ "cmdline", 0444, cmdline_show },
		{ "consoles", 0444, consoles_show },
		{ "cpuinfo", 0444, cpuinfo_show },
		{ "devices", 0444, devices_show },
		{ "filesystems", 0444, filesystems_show },
		{ "interrupts", 0444, interrupts_show },
		{ "loadavg", 0444, loadavg_show },
		{ "meminfo", 0444, meminfo_show },
		{ "partitions", 0444, partitions_show },
		{ "stat", 0444, stat_show },
		{ "swaps", 0444, swaps_show },
		{ "uptime", 0444, uptime_show },
		{ "version", 0444, version_show },
		{ "vmstat", 0444, vmstat_show },
	};

	for (u32 i = 0; i < ARRAY_SIZE(files); i++)
		if (!proc_create(files[i].name, files[i].mode, files[i].show, NULL))
			return -ENOMEM;
	return 0;
}
