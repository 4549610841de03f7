// SPDX-License-Identifier: MIT
/*
 * ELF files that execve() refuses: programs for other machines above all.
 *
 * The caller gets ENOEXEC, as on Linux, and many callers take that for "a script
 * without #!": a shell, execvp() and posix_spawnp() run a shell on the file then, which
 * reads machine code as commands. So two things happen beside the error:
 *
 * - One line in the kernel's log says what the file is. A program can be made to run
 *   into this as often as anybody likes, so only a few lines an interval are written.
 * - The process remembers the file until it runs something. If what it tries next is a
 *   shell with that very file as the script, this is refused with ENOEXEC too. Shells
 *   then say "Exec format error" and execvp() fails with it. An emulator
 *   (qemu-i386 FILE) is no shell and runs; so does "sh FILE" that somebody typed, as
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
	static DEFINE_SPINLOCK(lock);
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

/* The end of @path, with nothing that a terminal would obey. */
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

/* sh, ash, bash, /bin/dash, -sh: what callers take for scripts. */
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
