// SPDX-License-Identifier: MIT
/*
 * /proc: meminfo, stat, uptime, loadavg and the others about the whole system.
 *
 * Figures are read without any lock: each one is correct, a sum
 * may be a moment older than the next. Formats: proc(5).
 */
#include <generated/version.h>
#include <kernel/block.h>
#include <kernel/chardev.h>
#include <kernel/cmdline.h>
#include <kernel/fs/proc.h>
#include <kernel/irq.h>
#include <kernel/kconfig.h>
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
 * Pages of tmpfs are nowhere else: they count as shared memory, and none of them as available, nor do
 * pages that are not written yet. Pages of disks' files are not told from those of others: no "Buffers".
 */
static int meminfo_show(struct seq_file *seq, void *unused)
{
	struct mem_info mem;
	u64 clean;

	mem_info_get(&mem);
	clean = mem.file - MIN(mem.file, mem.dirty + mem.write_back);

	const struct {
		const char *label;
		u64 pages;
	} rows[] = {
		{ "MemTotal:       ", mem.total },
		{ "MemFree:        ", mem.free },
		{ "MemAvailable:   ", mem.free + clean },
		{ "Buffers:        ", 0 },
		{ "Cached:         ", mem.cached + mem.file },
		{ "SwapCached:     ", 0 },
		{ "SwapTotal:      ", 0 },
		{ "SwapFree:       ", 0 },
		{ "Dirty:          ", mem.dirty },
		{ "Writeback:      ", mem.write_back },
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
		seq_puts(seq, rows[i].label);
		seq_put_u64_wide(seq, rows[i].pages * KIB_PER_PAGE, 8);
		seq_puts(seq, " kB\n");
	}
	return 0;
}

/* The counters kept, by Linux's names. */
static int vmstat_show(struct seq_file *seq, void *unused)
{
	struct mem_info mem;
	u64 faults = 0;

	mem_info_get(&mem);
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i])
			faults += cpus[i]->nr_faults;
	seq_printf(
		seq,
		"nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_shmem %lu\n"
		"nr_dirty %lu\nnr_writeback %lu\n"
		"nr_slab_unreclaimable %lu\nnr_kernel_stack %lu\nnr_page_table_pages %lu\npgfault %lu\n",
		mem.free, mem.anon, mem.cached + mem.file, mem.cached, mem.dirty, mem.write_back,
		mem.slab, mem.kernel_stacks * KIB_PER_PAGE, mem.page_tables, faults);
	return 0;
}

/* ---- processors and time ---- */

struct cpu_times {
	u64 user, system, idle, irq;
};

/* An idle processor does not update its count: its present idle time is added. */
static void cpu_times_get(const struct cpu *cpu, struct cpu_times *times)
{
	u64 now = time_monotonic_ns(), since;

	*times = (struct cpu_times){ cpu->time.user_ns, cpu->time.system_ns, cpu->time.idle_ns,
				     cpu->time.irq_ns };
	if (READ_ONCE(cpu->running) != cpu->idle || !cpu->idle)
		return;
	since = READ_ONCE(cpu->idle->exec_start_ns);
	if (now > since)
		times->idle += now - since;
}

/* user nice system idle iowait irq softirq steal guest guest_nice */
static void show_times(struct seq_file *seq, const struct cpu_times *times)
{
	seq_put_u64(seq, ' ', times->user / TICK_NS);
	seq_puts(seq, " 0");
	seq_put_u64(seq, ' ', times->system / TICK_NS);
	seq_put_u64(seq, ' ', times->idle / TICK_NS);
	seq_puts(seq, " 0");
	seq_put_u64(seq, ' ', times->irq / TICK_NS);
	seq_puts(seq, " 0 0 0 0\n");
}

static int stat_show(struct seq_file *seq, void *unused)
{
	u64 interrupts = 0, switches = 0, forks = 0;
	struct cpu_times sum = { 0 }, times;
	u32 running, total;

	for (u32 i = 0; i < cpu_count; i++) {
		const struct cpu *cpu = cpus[i];

		if (!cpu)
			continue;
		cpu_times_get(cpu, &times);
		sum.user += times.user;
		sum.system += times.system;
		sum.idle += times.idle;
		sum.irq += times.irq;
		interrupts += cpu->nr_irqs;
		switches += cpu->nr_switches;
		forks += cpu->nr_forks;
	}
	seq_puts(seq, "cpu ");
	show_times(seq, &sum);
	for (u32 i = 0; i < cpu_count; i++) {
		if (!cpus[i] || !cpus[i]->online)
			continue;
		cpu_times_get(cpus[i], &times);
		seq_printf(seq, "cpu%u", i);
		show_times(seq, &times);
	}
	sched_counts(&running, &total);
	seq_printf(
		seq,
		"intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\n"
		"softirq 0 0 0 0 0 0 0 0 0 0 0\n",
		interrupts, switches,
		(u64)((time_realtime_ns() - time_monotonic_ns()) / NSEC_PER_SEC), forks, running);
	return 0;
}

static void show_seconds(struct seq_file *seq, u64 ns, char end)
{
	seq_printf(seq, "%lu.%02lu%c", (u64)(ns / NSEC_PER_SEC),
		   (u64)(ns / (NSEC_PER_SEC / 100) % 100), end);
}

static int uptime_show(struct seq_file *seq, void *unused)
{
	struct cpu_times times;
	u64 idle = 0;

	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i]) {
			cpu_times_get(cpus[i], &times);
			idle += times.idle;
		}
	show_seconds(seq, time_monotonic_ns(), ' ');
	show_seconds(seq, idle, '\n');
	return 0;
}

static int loadavg_show(struct seq_file *seq, void *unused)
{
	u32 running, total;
	u64 load[3];

	sched_loadavg(load);
	for (u32 i = 0; i < 3; i++) {
		u64 value = load[i] + 2048 / 200; /* rounded to hundredths */

		seq_printf(seq, "%lu.%02lu ", value / 2048, value % 2048 * 100 / 2048);
	}
	sched_counts(&running, &total);
	seq_printf(seq, "%u/%u %d\n", running, total, process_last_pid());
	return 0;
}

static int cpuinfo_show(struct seq_file *seq, void *unused)
{
	arch_cpuinfo_show(seq);
	return 0;
}

static int interrupts_show(struct seq_file *seq, void *unused)
{
	irq_show(seq);
	return 0;
}

/* ---- names ---- */

static int version_show(struct seq_file *seq, void *unused)
{
	struct new_utsname uts;

	utsname_get(&uts);
	seq_printf(seq, "%s version %s (Banos " BANOS_VERSION ") (" COMPILER ") %s\n", uts.sysname,
		   uts.release, uts.version);
	return 0;
}

static int cmdline_show(struct seq_file *seq, void *unused)
{
	seq_puts(seq, cmdline_get());
	seq_putc(seq, '\n');
	return 0;
}

static int devices_show(struct seq_file *seq, void *unused)
{
	seq_puts(seq, "Character devices:\n");
	chardev_show(seq);
	seq_puts(seq, "\nBlock devices:\n");
	if (IS_ENABLED(CONFIG_BLOCK))
		disks_show_majors(seq);
	return 0;
}

static int partitions_show(struct seq_file *seq, void *unused)
{
	seq_puts(seq, "major minor  #blocks  name\n\n");
	if (IS_ENABLED(CONFIG_BLOCK))
		disks_show(seq);
	return 0;
}

/* No swap space exists. */
static int swaps_show(struct seq_file *seq, void *unused)
{
	seq_puts(seq, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

/* The terminal behind a console, by its name. */
static void show_console_device(struct seq_file *seq, const char *name)
{
	u64 index;

	if (!strncmp(name, "ttyS", 4) && !parse_u64(name + 4, 10, &index))
		seq_printf(seq, " %4u:%lu", 4u, index + 64);
	else if (!strncmp(name, "tty", 3) && !parse_u64(name + 3, 10, &index))
		seq_printf(seq, " %4u:%lu", 4u, index);
}

/* "ttyS0                -W- (EC p  )    4:64": writable; enabled, the preferred one */
static int proc_consoles_show(struct seq_file *seq, void *unused)
{
	char preferred[32] = "", *comma;

	option_value(&opt_console, preferred, sizeof(preferred));
	comma = strchr(preferred, ',');
	if (comma)
		*comma = 0;
	for (const struct console *console = console_first(); console;
	     console = READ_ONCE(console->next)) {
		bool first = console == console_first();

		if (*preferred)
			first = !strcmp(preferred, console->name);

		seq_printf(seq, "%-20s -W- (%c%c    )", console->name, console->enabled ? 'E' : ' ',
			   first ? 'C' : ' ');
		show_console_device(seq, console->name);
		seq_putc(seq, '\n');
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
		{ "consoles", 0444, proc_consoles_show },
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
