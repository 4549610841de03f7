// SPDX-License-Identifier: MIT
/*
  * ELF files that execve() refuses: mostly programs for other machines.
 *
 * The caller gets ENOEXEC, as on Linux, and many callers take that for "a script
 * without #!": a shell, execvp() and posix_spawnp() then run a shell on the file, which
 * reads machine code as commands. So the kernel does two things besides the error:
 *
 * - It logs one line that states what the file is. A user can cause this any number
 *   of times, so the number of lines in an interval is limited.
 * - It records the file in the process until that executes a program. If the process next
 *   tries a shell with the same file as the script, this is refused with ENOEXEC too. Shells
 *   then report "Exec format error" and execvp() fails with it. An emulator
 *   (qemu-i386 FILE) is not a shell and runs; so does "sh FILE" that a user typed, since
 *   its process was never refused.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include "exec.h"
#include <kernel/fs/path.h>
#include <kernel/fs/super_block.h>
#include <kernel/printk.h>
#include <uapi/fcntl.h>

#define LOG_INTERVAL_NS 5000000000ull
#define LOG_LINES	10u /* in one interval */
#define LOG_NAME	80u /* characters of a name that are shown */

/* ---- in the log ---- */

static bool exec_foreign_may_log(void)
{
	static DEFINE_SPINLOCK(lock); /* guards the interval and its count of lines */
	static u64 begun_ns;
	static u32 lines;
	u64 now = time_monotonic_ns();
	bool ok;

	spin_lock(&lock);
	if (!begun_ns || now - begun_ns > LOG_INTERVAL_NS) {
		begun_ns = now;
		lines = 0;
	}
	ok = lines++ < LOG_LINES;
	spin_unlock(&lock);
	return ok;
}

/* The end of @path, without control characters. */
static void exec_printable_name(const char *path, char out[LOG_NAME])
{
	size_t len = strlen(path), skip = 0;

	if (len >= LOG_NAME)
		skip = len - LOG_NAME + 1;

	strscpy(out, path + skip, LOG_NAME);
	for (char *cursor = out; *cursor; cursor++)
		if (*cursor < ' ' || *cursor > '~')
			*cursor = '?';
}

void exec_note_refused(struct exec *exec)
{
	const struct exec_file *image = &exec->program;
	struct process *p = current->proc;
	char name[LOG_NAME];
	const char *words = NULL;

	if (image->file)
		words = elf_describe(image->head, image->head_len);
	if (!words)
		return;
	if (p) {
		p->refused_dev = image->file->inode->sb->dev;
		p->refused_ino = image->file->inode->ino;
	}
	if (!exec_foreign_may_log())
		return;
	exec_printable_name(exec->path, name);
	pr_warn("exec: cannot run %s: it is %s\n", name, words);
}

/* ---- as a script ---- */

/* sh, ash, bash, /bin/dash, -sh: programs that callers run on a script. */
static bool exec_file_is_shell(const char *name)
{
	size_t len = strlen(name);

	return len >= 2 && !strcmp(name + len - 2, "sh");
}

bool exec_is_refused_script(const struct exec *exec)
{
	const struct process *p = current->proc;
	const struct exec_args *args = &exec->args;
	struct path path;
	bool same;

	if (likely(!p || !p->refused_ino) || args->argc < 2 ||
	    !exec_file_is_shell(args->buf + args->offsets[0]))
		return false;
	if (path_lookup(AT_FDCWD, args->buf + args->offsets[1], LOOKUP_FOLLOW, &path))
		return false;
	same = path.dentry->inode->ino == p->refused_ino &&
	       path.dentry->inode->sb->dev == p->refused_dev;
	path_put(&path);
	return same;
}
