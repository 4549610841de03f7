/* SPDX-License-Identifier: MIT */
/*
 * The root file system and the first process.
 *
 * The root is a tmpfs. It starts with /dev, /dev/console and /root, as Linux's
 * built-in archive does; then each module of the loader is unpacked over it.
 *
 * The first program is init= (a must), else rdinit=, else /init, else the first
 * there is of /sbin/init, /etc/init, /bin/init, /bin/sh. Words of the command
 * line that the kernel doesn't know (no part of it has declared them as a
 * CMDLINE_OPTION()) become its arguments, unknown key=value its environment;
 * what stands behind "--" is for it alone. Linux
 * Documentation/admin-guide/kernel-parameters.rst.
 */
#include <kernel/boot.h>
#include <kernel/cmdline.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/dirops.h>
#include <kernel/fs/initramfs.h>
#include <kernel/heap.h>
#include <kernel/page_init.h>
#include <kernel/power.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <uapi/stat.h>
#include "init.h"

#define MAX_ARGS 32

CMDLINE_OPTION(opt_init, "init");
CMDLINE_OPTION(opt_rdinit, "rdinit");

/* The module that is being unpacked: from here on its pages are still kept. */
static phys_t module_kept;

/* Its pages go as its files come, so that both together need little more than one of them. */
static void module_done(const void *upto)
{
	phys_t stop = virt_to_phys(upto) & PAGE_MASK;

	if (stop > module_kept) {
		page_boot_free(module_kept, stop);
		module_kept = stop;
	}
}

/* Is the page at @p page also another module's than @p of? Loaders align modules, or say that they don't. */
static bool page_is_shared(phys_t page, u32 of)
{
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		if (i != of && page + PAGE_SIZE > boot_info.modules[i].start &&
		    page < boot_info.modules[i].end)
			return true;
	return false;
}

static void module_unpack(struct initramfs *u, u32 i)
{
	phys_t start = boot_info.modules[i].start, end = boot_info.modules[i].end;
	char label[96] = "";
	int err;

	if (boot_info.nr_modules > 1)
		scnprintf(label, sizeof(label), "module %u of %u (%s): ", i + 1,
			  boot_info.nr_modules, boot_info.modules[i].name);
	module_kept = PAGE_ALIGN(start); /* a page shared with what lies before stays */
	err = initramfs_unpack(u, label, phys_to_virt(start), end - start);
	if (err == -ENOMEM || err == -ENOSPC)
		boot_stop("not enough memory for the files of the initrd (%lu KiB)",
			  (end - start) / 1024);
	end = page_is_shared(end & PAGE_MASK, i) ? end & PAGE_MASK : PAGE_ALIGN(end);
	if (end > module_kept)
		page_boot_free(module_kept, end);
}

void root_unpack(void)
{
	struct initramfs *u = initramfs_begin(module_done);

	if (!u)
		boot_stop("not enough memory for the files of the initrd");
	fs_mkdir("/dev", 0755);
	fs_mknod("/dev/console", S_IFCHR | 0600, MKDEV(5, 1));
	fs_mkdir("/root", 0700);
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		module_unpack(u, i);
	initramfs_end(u);
}

extern const struct cmdline_option __cmdline_options_start[], __cmdline_options_end[];

/*
 * Words that Linux takes for itself and that say nothing here: they must not
 * become arguments of the first program, which would take "rootwait" for a
 * script.
 */
/* clang-format off */
static const char *const linux_words[] = {
	"ro", "rw", "root", "rootwait", "rootdelay", "rootflags", "rootfstype", "initrd", "noinitrd", "resume", "noresume",
	"nomodule", "nomodeset", "nofb", "vga", "video", "earlyprintk", "earlycon", "ignore_loglevel", "initcall_debug",
	"panic", "no_timer_check", "noirqdebug", "irqpoll", "irqfixup", "nmi_watchdog", "nowatchdog", "nosoftlockup",
	"mitigations", "nosmt", "nosmep", "nosmap", "nopti", "pti", "nopcid", "noinvpcid", "nopat", "noxsave",
	"nospectre_v1", "nospectre_v2", "nospec_store_bypass_disable", "no5lvl", "acpi", "apic", "pci", "hpet", "tsc",
	"notsc", "nox2apic", "nohlt", "idle", "mce", "nomce", "mem", "memmap", "nogbpages", "gbpages", "noexec", "nohz",
	"nohibernate", "threadirqs", "kaslr", "keepinitrd", "noreplace_smp", "nosgx", "no_kvmclock", "no_kvmapf",
	"no_steal_acc", "nodelayacct", "nr_cpus", "possible_cpus", "isolcpus", "lpj", "numa", "audit", "selinux",
	"apparmor", "security", "lsm", "crashkernel", "log_buf_len",
};
/* clang-format on */

/* Is it the kernel's? The rest is the first program's. */
static bool known(const struct cmdline_word *w)
{
	for (const struct cmdline_option *o = __cmdline_options_start; o < __cmdline_options_end;
	     o++)
		if (cmdline_key_is(w, o->name))
			return true;
	for (u32 i = 0; i < ARRAY_SIZE(linux_words); i++)
		if (cmdline_key_is(w, linux_words[i]))
			return true;
	return memchr(w->key, '.', w->key_len); /* a driver's parameter */
}

struct first {
	const char *argv[MAX_ARGS + 1], *envp[MAX_ARGS + 1];
	u32 argc, envc, left_out;
	char *text; /* where the next word goes; all are no longer than the command line */
};

static char *word_text(struct first *f, const struct cmdline_word *w)
{
	size_t n = w->key_len + (w->val ? 1 + w->val_len : 0);
	char *s = f->text;

	f->text += n + 1;
	memcpy(s, w->key, w->key_len);
	if (w->val) {
		s[w->key_len] = '=';
		memcpy(s + w->key_len + 1, w->val, w->val_len);
	}
	s[n] = 0;
	return s;
}

static void add_arg(struct first *f, const struct cmdline_word *w)
{
	if (f->argc < MAX_ARGS)
		f->argv[f->argc++] = word_text(f, w);
	else
		f->left_out++;
}

/* A variable that exists gets the new value. */
static void add_env(struct first *f, const struct cmdline_word *w)
{
	u32 i = 0;

	while (i < f->envc &&
	       (strncmp(f->envp[i], w->key, w->key_len) || f->envp[i][w->key_len] != '='))
		i++;
	if (i == MAX_ARGS) {
		f->left_out++;
		return;
	}
	f->envp[i] = word_text(f, w);
	f->envc = MAX(f->envc, i + 1);
}

/*
 * As Linux: arguments in front of init= are dropped, since old loaders put
 * words of their own there; a second "--" ends it all.
 */
static void collect_words(struct first *f)
{
	const char *cursor = cmdline_get();
	struct cmdline_word w;
	bool all = false;

	while (cmdline_next(&cursor, &w)) {
		bool dashes = !w.val && w.key_len == 2 && !memcmp(w.key, "--", 2);

		if (dashes && all)
			break;
		if (dashes)
			all = true;
		else if (all)
			add_arg(f, &w);
		else if (w.val &&
			 (cmdline_key_is(&w, opt_init.name) || cmdline_key_is(&w, opt_rdinit.name)))
			f->argc = 1;
		else if (known(&w))
			continue;
		else if (w.val)
			add_env(f, &w);
		else
			add_arg(f, &w);
	}
	if (f->left_out)
		pr_warn("init: %u words of the command line are ignored: the limit is %u arguments and %u variables\n",
			f->left_out, MAX_ARGS, MAX_ARGS);
}

/* A word with a typing error shows itself here. */
static void show_words(const struct first *f)
{
	for (u32 i = 1; i < f->argc; i++)
		pr_info("init: argument of the first program: %s\n", f->argv[i]);
	for (u32 i = 2; i < f->envc; i++)
		pr_info("init: environment of the first program: %s\n", f->envp[i]);
}

static int try_start(struct first *f, const char *path)
{
	int err;

	f->argv[0] = path;
	err = process_start_init(path, f->argv, f->envp);
	if (!err)
		fault_start();
	return err;
}

static void __noreturn no_first_process(const char *path, int err)
{
	if (path)
		boot_stop("cannot run %s: %s (error %d)", path, error_text(err), -err);
	boot_stop(
		"no first program found: the initrd has none of /init, /sbin/init, /etc/init, /bin/init, /bin/sh");
}

/* @return whether it runs; without init= and rdinit= it is searched for. */
static bool find_first(struct first *f)
{
	static const char *const candidates[] = { "/init", "/sbin/init", "/etc/init", "/bin/init",
						  "/bin/sh" };
	static char path[sizeof(boot_info.cmdline)];
	int err;

	if (option_value(&opt_init, path, sizeof(path)) > 0 ||
	    option_value(&opt_rdinit, path, sizeof(path)) > 0) {
		err = try_start(f, path);
		if (err)
			no_first_process(path, err);
		return true;
	}
	for (u32 i = 0; i < ARRAY_SIZE(candidates); i++) {
		err = try_start(f, candidates[i]);
		if (!err)
			return true;
		if (err != -ENOENT)
			pr_err("init: cannot run %s: %s (error %d)\n", candidates[i],
			       error_text(err), -err);
	}
	return false;
}

void first_process_start(void)
{
	struct first f = { .argc = 1, .envp = { "HOME=/", "TERM=linux" }, .envc = 2 };
	char *words = kmalloc(strlen(cmdline_get()) + 1); /* a blank there is a NUL or a = here */

	if (!words)
		boot_stop("not enough memory to start the first program");
	f.text = words;
	collect_words(&f);
	show_words(&f);
	if (!find_first(&f))
		no_first_process(NULL, 0);
	kfree(words);
}
