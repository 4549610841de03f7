// SPDX-License-Identifier: MIT
/*
  * execve, execveat: another program in the same process.
 *
 * Everything that can fail is done first: the file is opened and checked
 * (through "#!" lines to the interpreter), arguments are copied, the new
 * address space is built with its stack (exec_space.c), credentials and copies of
 * what is shared with other processes are prepared. The last step that
 * can fail is ending the other threads of the process. From there on
 * (exec_commit) no step fails.
 *
 * If a thread other than the first calls execve(), it gets the number of
 * the first one: the process keeps its id, as POSIX requires.
 */
#include "exec.h"
#include "ptrace.h"
#include <asm/cpu.h>
#include <kernel/fs/context.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/path.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/fcntl.h>
#include <uapi/personality.h>
#include <uapi/wait.h>

#define SCRIPT_DEPTH 5 /* interpreters that are scripts themselves */

/* ---- finding the program ---- */

/* The program is a script: run its interpreter, with the script's name as an argument. */
static int exec_follow_script(struct exec *exec, const char *name)
{
	struct exec_file *image = &exec->program;
	char *interp, *arg, line[SCRIPT_LINE_MAX];
	const char *strings[3];
	u32 nr_strings = 0, len = MIN(image->head_len, SCRIPT_LINE_MAX - 1);
	int err;

	memcpy(line, image->head, len);
	err = script_parse(line, len, sizeof(line), &interp, &arg);
	if (err)
		return err;
	strings[nr_strings++] = interp;
	if (arg)
		strings[nr_strings++] = arg;
	strings[nr_strings++] = name;
	err = exec_args_replace_first(&exec->args, strings, nr_strings);
	if (err)
		return err;
	exec_file_close(image);
	return exec_file_open(image, AT_FDCWD, interp, 0);
}

static bool exec_file_is_script(const struct exec_file *image)
{
	return image->head_len >= 2 && !memcmp(image->head, "#!", 2);
}

static int exec_find_program(struct exec *exec)
{
	const char *script = exec->path;
	char *name = NULL;
	int err;

	for (u32 depth = 0;; depth++) {
		char *next = NULL;

		err = exec_file_read_head(&exec->program);
		if (err || !exec_file_is_script(&exec->program))
			break;
		if (depth == SCRIPT_DEPTH) {
			err = -ELOOP;
			break;
		}
		err = exec_follow_script(exec, script);
		if (err)
			break;
		/* The interpreter may be a script itself; its own interpreter then gets its name. */
		next = kstrdup(exec->args.buf);
		kfree(name);
		name = next;
		if (!name) {
			err = -ENOMEM;
			break;
		}
		script = name;
	}
	kfree(name);
	if (err)
		return err;
	return exec_file_check(&exec->program);
}

static int exec_collect_args(struct exec *exec, const struct exec_vector *argv,
			     const struct exec_vector *envp)
{
	s64 result = exec_args_init(&exec->args);

	if (result)
		return (int)result;
	result = exec_args_add_vector(&exec->args, argv);
	if (result < 0)
		return (int)result;
	exec->args.argc = (u32)result;
	if (!result) { /* no program expects argc to be 0 */
		int err = exec_args_add(&exec->args, "");

		if (err)
			return err;
		exec->args.argc = 1;
	}
	result = exec_args_add_vector(&exec->args, envp);
	if (result < 0)
		return (int)result;
	exec->args.envc = (u32)result;
	return 0;
}

/* ---- the new identity ---- */

/* Does another process share the working directory? It could then mislead a program with set-id bits. */
static bool exec_fs_is_shared(void)
{
	return current->proc && atomic_read(&current->fs->refs) > (s32)current->proc->nr_threads;
}

static int exec_prepare_cred(struct exec *exec)
{
	const struct cred *old = current_cred();
	struct process *p = current->proc;
	bool no_suid;

	exec->cred = cred_prepare();
	if (!exec->cred)
		return -ENOMEM;
	no_suid = path_is_nosuid(&exec->program.file->path) || (p && p->no_new_privs) ||
		  (exec_fs_is_shared() && !cred_capable(old, CAP_SETUID)) ||
		  (p && ptrace_keeps_rights_away());
	exec->secure = cred_for_exec(exec->cred, old, exec->program.file->inode, no_suid);
	return 0;
}

/* ---- the other threads ---- */

/* @return 0: this is the only thread now; -EAGAIN: the process ends, or another thread calls execve() */
static int exec_end_other_threads(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct thread *t;

	if (p->exiting || p->exec_thread) {
		spin_unlock_irqrestore(&p->sig_lock, flags);
		return -EAGAIN;
	}
	if (p->nr_threads > 1)
		p->exec_thread = current;
	list_for_each(t, &p->threads, proc_link) {
		if (t == current)
			continue;
		thread_set_work(t, WORK_EXIT);
		thread_wake_state(t, 1u << THREAD_INTERRUPTIBLE | 1u << THREAD_KILLABLE |
					     1u << THREAD_STOPPED | 1u << THREAD_TRACED);
	}
	while (p->nr_threads > 1 && !p->exiting) {
		set_current_state(THREAD_KILLABLE);
		spin_unlock_irqrestore(&p->sig_lock, flags);
		schedule();
		flags = spin_lock_irqsave(&p->sig_lock);
	}
	set_current_state(THREAD_RUNNABLE);
	p->exec_thread = NULL;
	p->stop_signal = 0;
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (p->exiting)
		return -EAGAIN;
	return 0;
}

/* Make this thread the first one, with the number of the process. */
static void exec_take_over_leader(struct process *p)
{
	struct thread *t = current, *old;
	struct pid *mine = t->sig->pid;
	u64 flags;

	if (p->leader == t)
		return;
	thread_get(t);
	flags = spin_lock_irqsave(&process_lock);
	old = p->leader;
	p->leader = t;
	spin_unlock_irqrestore(&process_lock, flags);
	ptrace_thread_ends(old, 0, true);
	pid_replace_thread(p->pid_ref, t);
	t->sig->pid = p->pid_ref;
	t->tid = p->pid;
	p->exit_signal = SIGCHLD;
	pid_withdraw_thread(mine);
	pid_put(mine);
	thread_put(old);
}

/* ---- no way back ---- */

static const char *path_last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return path;
	return slash + 1;
}

static void exec_set_name(const char *path)
{
	strscpy(current->comm, path_last_component(path), sizeof(current->comm));
}

static void exec_switch_space(struct process *p, struct vm_space *space)
{
	struct vm_space *old = current->space;
	u64 flags;

	if (old) {
		p->peak_rss_pages = MAX(p->peak_rss_pages, vm_space_peak_rss(old));
		thread_leave_space(current);
	}
	flags = spin_lock_irqsave(&p->sig_lock);
	p->space = space;
	thread_switch_space(space);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (old)
		vm_space_put(old);
}

static void exec_reset_signals(struct process *p, struct sighand *fresh)
{
	struct task_signals *signals = current->sig;
	struct sighand *old = NULL;
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	if (fresh) {
		old = p->sighand;
		p->sighand = fresh;
	}
	sighand_exec_reset(p);
	signals->altstack.sp = signals->altstack.size = 0;
	signals->altstack.flags = SS_DISABLE;
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (old)
		sighand_put(old);
}

static void exec_reset_registers(const struct exec *exec)
{
	u32 number = syscall_number(current_regs());
	struct thread *t = current;

	*current_regs() = regs_of_program(exec->entry, exec->sp);
	syscall_number_set(current_regs(), number); /* its end is still to be seen */
	preempt_disable();
	t->user_bases = (struct user_bases){ 0 };
	cpu_load_user_bases(&t->user_bases);
	preempt_enable();
	thread_fpu_reset(t);
}

static void exec_commit(struct exec *exec, struct sighand *fresh)
{
	struct process *p = current->proc;
	bool hidden;

	exec_take_over_leader(p);
	posix_timers_delete_all(p);
	/*
	 * A thread that looks into a process takes a reference to its space first, and checks then whether
	 * that is allowed: it is not until the new credentials are installed. A file
	 * that was opened on the old space has another exec_id.
	 */
	p->dumpable = false;
	WRITE_ONCE(p->exec_id, p->exec_id + 1);
	smp_mb();
	exec_switch_space(p, exec->space);
	exec->space = NULL;
	exec_reset_signals(p, fresh);
	files_close_on_exec(current->files);
	exec_set_name(exec->path);
	if (exec->secure)
		ptrace_rights_gained();
	hidden = exec->secure || exec->unreadable ||
		 cred_changes_identity(current_cred(), exec->cred);
	cred_commit(exec->cred);
	exec->cred = NULL;
	smp_store_release(&p->dumpable, !hidden);
	if (exec->secure) {
		p->pdeath_signal = 0;
		p->personality &= ~(u32)PER_CLEAR_ON_SETID;
	}
	p->did_exec = true;
	p->refused_ino = 0;
	exec_reset_registers(exec);
}

/* ---- the call ---- */

static struct exec *exec_create(void)
{
	struct exec *exec = kmalloc(sizeof(*exec));

	if (!exec)
		return NULL;
	memset(exec, 0, offsetof(struct exec, heads));
	exec->program.head = exec->heads[0];
	exec->interp.head = exec->heads[1];
	return exec;
}

static void exec_free(struct exec *exec)
{
	exec_file_close(&exec->program);
	exec_file_close(&exec->interp);
	exec_args_free(&exec->args);
	if (exec->space) {
		/* it was never switched to */
		vm_space_put(exec->space);
	}
	if (exec->cred)
		cred_put(exec->cred);
	kfree(exec);
}

static bool exec_file_is_unreadable(const struct exec_file *image)
{
	return image->file && path_permission(&image->file->path, MAY_READ);
}

/* The steps that can fail and need no process. */
static int exec_prepare(struct exec *exec, int dirfd, const char *path, u32 at_flags,
			const struct exec_vector *argv, const struct exec_vector *envp)
{
	int err = exec_file_open(&exec->program, dirfd, path, at_flags);

	if (!err)
		err = exec_collect_args(exec, argv, envp);
	if (!err && exec_is_refused_script(exec))
		return -ENOEXEC;
	if (!err)
		err = exec_find_program(exec);
	if (!err)
		err = exec_prepare_cred(exec);
	if (!err)
		err = exec_build_space(exec);
	if (err == -ENOEXEC)
		exec_note_refused(exec);
	/* A file that may be executed but not read must not be read from memory either. */
	if (!err)
		exec->unreadable = exec_file_is_unreadable(&exec->program) ||
				   exec_file_is_unreadable(&exec->interp);
	return err;
}

static int exec_current(struct exec *exec)
{
	struct process *p = current->proc;
	struct sighand *fresh = NULL;
	int err;

	err = exec_end_other_threads(p);
	if (!err)
		err = files_unshare();
	if (err)
		return err;
	if (atomic_read(&p->sighand->refs) > 1) {
		fresh = sighand_copy(p->sighand);
		if (!fresh)
			return -ENOMEM;
	}
	exec_commit(exec, fresh);
	return 0;
}

static int exec_check_nproc(struct process *p)
{
	const struct cred *cred = current_cred();

	/* setuid() recorded it, since it must not fail because of it. */
	if (p->nproc_exceeded && cred->account != &root_account &&
	    (u64)atomic_read(&cred->account->nr_threads) > p->limits[RLIMIT_NPROC].rlim_cur)
		return -EAGAIN;
	p->nproc_exceeded = false;
	return 0;
}

/* Returns errors alone: the new program starts at the end. */
static s64 do_execve(int dirfd, u64 user_path, u64 argv, u64 envp, u32 at_flags)
{
	const struct exec_vector args = { .is_user = true, .user = argv };
	const struct exec_vector environment = { .is_user = true, .user = envp };
	char fd_name[32], *path, *full = NULL;
	pid_t old_tid = current->tid;
	struct exec *exec;
	int err;

	err = exec_check_nproc(current->proc);
	if (err)
		return err;
	path = strdup_from_user(uaddr(user_path), PATH_MAX);
	if (IS_ERR(path))
		return PTR_ERR(path);
	exec = exec_create();
	if (!exec) {
		kfree(path);
		return -ENOMEM;
	}
	exec->path = path;
	if (dirfd != AT_FDCWD && path[0] != '/') {
		/* A name by which the interpreter of a script can open the script again. */
		snprintf(fd_name, sizeof(fd_name), "/dev/fd/%d", dirfd);
		full = kmalloc(strlen(fd_name) + strlen(path) + 2);
		if (full) {
			scnprintf(full, strlen(fd_name) + strlen(path) + 2, "%s%s%s", fd_name,
				  path[0] ? "/" : "", path);
			exec->path = full;
		}
	}
	err = exec_prepare(exec, dirfd, path, at_flags, &args, &environment);
	if (!err)
		err = exec_current(exec);
	exec_free(exec);
	kfree(full);
	kfree(path);
	if (err)
		return err;
	ptrace_exec(old_tid);
	ptrace_syscall_left(current_regs());
	syscall_leave_with(current_regs());
}

SYSCALL3(execve, path, argv, envp)
{
	return do_execve(AT_FDCWD, path, argv, envp, 0);
}

SYSCALL5(execveat, dirfd, path, argv, envp, flags)
{
	if ((u32)flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return do_execve((int)dirfd, path, argv, envp, (u32)flags);
}

/* ---- the first process ---- */

/* Standard input, output and error output of the first process. */
static void init_process_open_console(void)
{
	struct file *f = file_open(AT_FDCWD, "/dev/console", O_RDWR, 0);

	if (IS_ERR(f)) {
		pr_warn("init: cannot open /dev/console for the first process: %s (error %ld)\n",
			error_text(PTR_ERR(f)), -PTR_ERR(f));
		return;
	}
	for (int i = 0; i < 3; i++) {
		file_get(f);
		if (fd_install(f, 0, false) < 0)
			file_put(f);
	}
	file_put(f);
}

static int init_process_create(struct thread *t)
{
	struct task_signals *signals;
	struct process *p;
	struct pid *pid;

	t->proc = p = process_create(NULL);
	signals = kmem_cache_alloc(task_signals_cache);
	if (!signals)
		return -ENOMEM;
	task_signals_init(signals, NULL);
	t->sig = signals; /* the end of the thread uses it from here on */
	if (!p)
		return -ENOMEM;
	p->sighand = sighand_create();
	if (!p->sighand)
		return -ENOMEM;
	pid = pid_create(1);
	if (IS_ERR(pid))
		return (int)PTR_ERR(pid);
	signals->pid = pid;
	t->tid = 1;
	p->pid = 1;
	p->pid_ref = pid;
	p->unkillable = true;
	p->leader = t;
	thread_get(t);
	return 0;
}

/* Make @t visible as the first process. No other user thread runs yet. */
static void init_process_publish(struct thread *t, struct exec *exec)
{
	struct process *p = t->proc;
	u64 flags = spin_lock_irqsave(&process_lock);

	t->cred = exec->cred;
	exec->cred = NULL;
	account_add_threads(t->cred->account, 1);
	t->space = p->space = exec->space;
	exec->space = NULL;
	p->nr_threads = 1;
	list_add_tail(&t->proc_link, &p->threads);
	list_add_tail(&p->all_link, &process_list);
	process_enter_group_locked(p, p->pid_ref, p->pid_ref);
	init_process = p;
	pid_publish(p->pid_ref, t, p);
	spin_unlock_irqrestore(&process_lock, flags);
}

static int init_process_start(struct exec *exec, struct thread *t, const char *path,
			      const struct exec_vector *argv, const struct exec_vector *envp)
{
	struct fs_context *fs = current->fs;
	struct files *files = current->files;
	int err;

	/* This kernel thread opens files in the name of the new one. */
	current->fs = t->fs;
	current->files = t->files;
	err = exec_prepare(exec, AT_FDCWD, path, 0, argv, envp);
	if (!err) {
		init_process_open_console();
		err = init_process_create(t);
	}
	current->fs = fs;
	current->files = files;
	if (err)
		return err;
	*thread_user_regs(t) = regs_of_program(exec->entry, exec->sp);
	init_process_publish(t, exec);
	return 0;
}

int process_start_init(const char *path, const char *const argv[], const char *const envp[])
{
	const struct exec_vector args = { .kernel = argv }, environment = { .kernel = envp };
	const struct pt_regs regs = regs_of_program(0, 0); /* the entry is known later */
	struct thread *t = thread_create_user(&regs, path_last_component(path));
	struct exec *exec = exec_create();
	int err = -ENOMEM;

	if (IS_ERR(t) || !exec)
		goto out_free_exec;
	exec->path = path;
	t->fs = fs_context_create();
	t->files = files_create();
	if (t->fs && t->files)
		err = init_process_start(exec, t, path, &args, &environment);
	if (!err) {
		thread_start(t);
	} else {
		if (t->fs)
			fs_context_put(t->fs);
		if (t->files)
			files_put(t->files);
	}
	thread_put(t);
out_free_exec:
	if (exec)
		exec_free(exec);
	return err;
}
