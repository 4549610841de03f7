/* SPDX-License-Identifier: MIT */
/*
 * The root file system and the first process.
 *
 * The root is a tmpfs. It starts with /dev, /dev/console and /root, as Linux's
 * built-in archive does; then each module of the boot loader is unpacked into it.
 *
 * The first program is that of init=, else of rdinit=; if it cannot be run, the boot
 * stops. Without these options it is the first of /init, /sbin/init, /etc/init,
 * /bin/init and /bin/sh that can be run. Words of the command line that no part of the
 * kernel has declared by CMDLINE_OPTION() become its arguments, unknown key=value pairs
 * its environment; all words after "--" are its arguments. With root= the first program mounts a disk
 * (usr/rootfs/init), and init= names one there; if there is no /init, the kernel mounts it (disk_root.c).
 * Source: Linux, Documentation/admin-guide/kernel-parameters.rst.
 */
#include <kernel/boot.h>
#include <kernel/cmdline.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/dirops.h>
#include <kernel/fs/initramfs.h>
#include <kernel/fs/path.h>
#include <kernel/heap.h>
#include <kernel/page_init.h>
#include <kernel/power.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "init.h"

#define MAX_ARGS 32

CMDLINE_OPTION(opt_init, "init");
CMDLINE_OPTION(opt_rdinit, "rdinit");
CMDLINE_OPTION(opt_root, "root");

/* The pages of the module being unpacked are still in use from this address on. */
static phys_t module_kept;

/* Free a module's pages while its files are created, so that both together need little more memory than one. */
static void module_done(const void *upto)
{
	phys_t stop = virt_to_phys(upto) & PAGE_MASK;

	if (stop > module_kept) {
		page_boot_free(module_kept, stop);
		module_kept = stop;
	}
}

/* Does the page at @p page hold a part of a module other than @p module? A loader may pack modules. */
static bool page_is_shared(phys_t page, u32 module)
{
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		if (i != module && page + PAGE_SIZE > boot_info.modules[i].start &&
		    page < boot_info.modules[i].end)
			return true;
	return false;
}

static void module_unpack(struct initramfs *initramfs, u32 index)
{
	phys_t start = boot_info.modules[index].start, end = boot_info.modules[index].end;
	char label[96] = "";
	int err;

	if (boot_info.nr_modules > 1)
		scnprintf(label, sizeof(label), "module %u of %u (%s): ", index + 1,
			  boot_info.nr_modules, boot_info.modules[index].name);
	module_kept = PAGE_ALIGN(start); /* a page shared with what lies before stays */
	err = initramfs_unpack(initramfs, label, phys_to_virt(start), end - start);
	if (err == -ENOMEM || err == -ENOSPC)
		boot_stop("not enough memory for the files of the initrd (%lu KiB)",
			  (end - start) / 1024);
	if (page_is_shared(end & PAGE_MASK, index))
		end &= PAGE_MASK;
	else
		end = PAGE_ALIGN(end);
	if (end > module_kept)
		page_boot_free(module_kept, end);
}

void root_unpack(void)
{
	struct initramfs *initramfs = initramfs_begin(module_done);

	if (!initramfs)
		boot_stop("not enough memory for the files of the initrd");
	fs_mkdir("/dev", 0755);
	fs_mknod("/dev/console", S_IFCHR | 0600, MKDEV(5, 1));
	fs_mkdir("/root", 0700);
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		module_unpack(initramfs, i);
	initramfs_end(initramfs);
}

extern const struct cmdline_option __cmdline_options_start[], __cmdline_options_end[];

/*
 * Words that Linux consumes and this kernel ignores. They must not become arguments
 * of the first program: a shell would take "rootwait" for the name of a script.
 */
/* clang-format off */
static const char *const linux_words[] = {
	"initrd", "noinitrd", "resume", "noresume",
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

/* Is the word for the kernel? If not, it is for the first program. */
static bool cmdline_is_known(const struct cmdline_word *word)
{
	for (const struct cmdline_option *option = __cmdline_options_start;
	     option < __cmdline_options_end; option++)
		if (cmdline_key_is(word, option->name))
			return true;
	for (u32 i = 0; i < ARRAY_SIZE(linux_words); i++)
		if (cmdline_key_is(word, linux_words[i]))
			return true;
	return memchr(word->key, '.', word->key_len); /* a driver's parameter */
}

struct first {
	const char *argv[MAX_ARGS + 1], *envp[MAX_ARGS + 1];
	u32 argc, envc, left_out;
	char *text; /* end of the words so far; all together are no longer than the command line */
};

static char *option_first_word(struct first *first, const struct cmdline_word *word)
{
	size_t length = word->key_len;
	char *text = first->text;

	if (word->val)
		length += 1 + word->val_len;
	first->text += length + 1;
	memcpy(text, word->key, word->key_len);
	if (word->val) {
		text[word->key_len] = '=';
		memcpy(text + word->key_len + 1, word->val, word->val_len);
	}
	text[length] = 0;
	return text;
}

static void first_add_arg(struct first *first, const struct cmdline_word *word)
{
	if (first->argc < MAX_ARGS)
		first->argv[first->argc++] = option_first_word(first, word);
	else
		first->left_out++;
}

/* A variable that is set already gets the new value. */
static void first_add_env(struct first *first, const struct cmdline_word *word)
{
	u32 i = 0;

	while (i < first->envc && (strncmp(first->envp[i], word->key, word->key_len) ||
				   first->envp[i][word->key_len] != '='))
		i++;
	if (i == MAX_ARGS) {
		first->left_out++;
		return;
	}
	first->envp[i] = option_first_word(first, word);
	first->envc = MAX(first->envc, i + 1);
}

/*
 * As in Linux, arguments before init= are dropped, since old loaders put words of
 * their own there; a second "--" ends the arguments.
 */
static void first_collect_words(struct first *first)
{
	const char *cursor = cmdline_get();
	struct cmdline_word word;
	bool all = false;

	while (cmdline_next(&cursor, &word)) {
		bool dashes = !word.val && word.key_len == 2 && !memcmp(word.key, "--", 2);

		if (dashes && all)
			break;
		if (dashes)
			all = true;
		else if (all)
			first_add_arg(first, &word);
		else if (word.val && (cmdline_key_is(&word, opt_init.name) ||
				      cmdline_key_is(&word, opt_rdinit.name)))
			first->argc = 1;
		else if (cmdline_is_known(&word))
			continue;
		else if (word.val)
			first_add_env(first, &word);
		else
			first_add_arg(first, &word);
	}
	if (first->left_out)
		pr_warn("init: %u words of the command line are ignored: the limit is %u arguments and %u variables\n",
			first->left_out, MAX_ARGS, MAX_ARGS);
}

/* The log shows a mistyped option as an argument. */
static void first_show_words(const struct first *first)
{
	for (u32 i = 1; i < first->argc; i++)
		pr_info("init: argument of the first program: %s\n", first->argv[i]);
	for (u32 i = 2; i < first->envc; i++)
		pr_info("init: environment of the first program: %s\n", first->envp[i]);
}

static int first_try_start(struct first *first, const char *path)
{
	int err;

	first->argv[0] = path;
	err = process_start_init(path, first->argv, first->envp);
	if (!err)
		fault_start();
	return err;
}

/* What to look at: the text of the error alone does not say which of several things is wrong. */
static const char *first_error_hint(int err)
{
	if (err == -ENOENT)
		return ": the initrd has no such file, or not the interpreter that the file names";
	if (err == -EACCES)
		return ": expected a regular file that is executable (chmod +x)";
	if (err == -ENOEXEC)
		return ": expected an ELF program for x86-64, or a script that begins with #!";
	return "";
}

static void __noreturn no_first_process(const char *path, int err)
{
	if (path)
		boot_stop("cannot run %s: %s (error %d)%s", path, error_text(err), -err,
			  first_error_hint(err));
	if (!boot_info.nr_modules)
		boot_stop(
			"no initrd was loaded: expected one from the boot loader (QEMU: -initrd FILE; GRUB: module)");
	boot_stop(
		"no first program found: the initrd has none of /init, /sbin/init, /etc/init, /bin/init, /bin/sh");
}

static bool first_exists(const char *program)
{
	struct path path;

	if (path_lookup(AT_FDCWD, program, LOOKUP_FOLLOW, &path))
		return false;
	path_put(&path);
	return true;
}

/* @return is the root a disk now, which the kernel has mounted? */
static bool first_mount_disk(void)
{
	if (!option_is_set(&opt_root) || option_is_set(&opt_rdinit) || first_exists("/init"))
		return false;
	if (!disk_root_mount())
		return true;
	if (!boot_info.nr_modules)
		boot_stop("no root file system, and no initrd");
	pr_err("init: the root file system is the initrd\n");
	return false;
}

/* @return false: none of the candidates could be run */
static bool first_find(struct first *first)
{
	static const char *const candidates[] = { "/init", "/sbin/init", "/etc/init", "/bin/init",
						  "/bin/sh" };
	static char path[sizeof(boot_info.cmdline)];
	bool on_disk = first_mount_disk();
	int err;

	if (((on_disk || !option_is_set(&opt_root)) &&
	     option_value(&opt_init, path, sizeof(path)) > 0) ||
	    option_value(&opt_rdinit, path, sizeof(path)) > 0) {
		err = first_try_start(first, path);
		if (err)
			no_first_process(path, err);
		return true;
	}
	for (u32 i = 0; i < ARRAY_SIZE(candidates); i++) {
		err = first_try_start(first, candidates[i]);
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
	struct first first = { .argc = 1, .envp = { "HOME=/", "TERM=linux" }, .envc = 2 };
	char *words = kmalloc(strlen(cmdline_get()) + 1); /* a blank there is a NUL or a = here */

	if (!words)
		boot_stop("not enough memory to start the first program");
	first.text = words;
	first_collect_words(&first);
	first_show_words(&first);
	if (!first_find(&first))
		no_first_process(NULL, 0);
	kfree(words);
}
