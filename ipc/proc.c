// SPDX-License-Identifier: MIT
/*
 * /proc/sysvipc and the limits in /proc/sys/kernel. proc(5); Linux
 * Documentation/admin-guide/sysctl/kernel.rst.
 *
 * A list is made in pieces, and continues behind the last place in the table.
 */
#include "internal.h"
#include <kernel/fs/proc.h>
#include <kernel/ipc.h>
#include <kernel/panic.h>
#include <kernel/seq_file.h>
#include <kernel/fs/seq_open.h>
#include <kernel/string.h>

/* ---- lists ---- */

static const struct ipc_list {
	const char *path, *header;
	struct ipc_ids *ids;
	void (*show)(struct seq_file *seq, struct ipc_object *object); /* object->lock is held */
} ipc_lists[] = {
	{ "sysvipc/shm",
	  "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
	  "      atime      dtime      ctime                   rss                  swap\n",
	  &shm_ids, shm_show },
	{ "sysvipc/sem",
	  "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n",
	  &sem_ids, sem_show },
	{ "sysvipc/msg",
	  "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
	  "      stime      rtime      ctime\n",
	  &msg_ids, msg_show },
};

static int ipc_show_list(struct seq_file *seq, void *arg)
{
	const struct ipc_list *list = arg;
	u32 index = (u32)seq->next;
	struct ipc_object *object;

	if (!index)
		seq_puts(seq, list->header);
	for (; (object = ipc_next(list->ids, &index)); index++) {
		if (!ipc_lock(object)) {
			list->show(seq, object);
			ipc_unlock(object);
		}
		ipc_put(object);
		if (seq_enough(seq)) {
			seq->more = true;
			seq->next = index + 1;
			break;
		}
	}
	return 0;
}

/* ---- limits ---- */

static int ipc_show_u64(struct seq_file *seq, void *value)
{
	seq_put_u64(seq, 0, READ_ONCE(*(u64 *)value));
	seq_putc(seq, '\n');
	return 0;
}

static int ipc_write_u64(char *text, size_t length, void *value)
{
	char *newline = memchr(text, '\n', length);
	u64 number;

	if (newline)
		*newline = 0;
	if (parse_u64(text, 0, &number))
		return -EINVAL;
	WRITE_ONCE(*(u64 *)value, number);
	return 0;
}

static const struct ipc_number {
	const char *path;
	s32 *value;
	s32 least, most;
	void (*changed)(void);
} ipc_numbers[] = {
	{ "sys/kernel/shmmni", (s32 *)&shm_mni, 0, IPC_MAX, NULL },
	{ "sys/kernel/shm_rmid_forced", &shm_rmid_forced, 0, 1, shm_remove_orphans },
	{ "sys/kernel/shm_next_id", &shm_ids.next_id, 0, INT32_MAX, NULL },
	{ "sys/kernel/sem_next_id", &sem_ids.next_id, 0, INT32_MAX, NULL },
	{ "sys/kernel/msgmax", (s32 *)&msg_max, 0, INT32_MAX, NULL },
	{ "sys/kernel/msgmnb", (s32 *)&msg_mnb, 0, INT32_MAX, NULL },
	{ "sys/kernel/msgmni", (s32 *)&msg_mni, 0, IPC_MAX, NULL },
	{ "sys/kernel/msg_next_id", &msg_ids.next_id, 0, INT32_MAX, NULL },
};

static int ipc_show_number(struct seq_file *seq, void *arg)
{
	const struct ipc_number *number = arg;

	seq_printf(seq, "%d\n", READ_ONCE(*number->value));
	return 0;
}

static int ipc_write_number(char *text, size_t length, void *arg)
{
	const struct ipc_number *number = arg;
	s64 value;
	int err = seq_parse_number(text, &value);

	if (err)
		return err;
	if (value < number->least || value > number->most)
		return -EINVAL;
	WRITE_ONCE(*number->value, (s32)value);
	if (number->changed && value)
		number->changed();
	return 0;
}

/* Semaphores in a set, in all sets, steps of an operation, sets. */
static int ipc_show_sem(struct seq_file *seq, void *unused)
{
	for (u32 i = 0; i < ARRAY_SIZE(sem_settings); i++)
		seq_printf(seq, "%d%c", READ_ONCE(sem_settings[i]),
			   i + 1 < ARRAY_SIZE(sem_settings) ? '\t' : '\n');
	return 0;
}

/* One to four numbers, for the first of them. */
static int ipc_write_sem(char *text, size_t length, void *unused)
{
	s32 values[ARRAY_SIZE(sem_settings)];
	u32 count = 0;

	while (count < ARRAY_SIZE(values)) {
		char *word, *rest = text;
		s64 value;

		while (*rest == ' ' || *rest == '\t' || *rest == '\n')
			rest++;
		if (!*rest)
			break;
		for (word = rest; *rest && *rest != ' ' && *rest != '\t' && *rest != '\n'; rest++)
			;
		text = rest + (*rest != 0);
		*rest = 0;
		if (parse_s64(word, 0, &value) || value < INT32_MIN || value > INT32_MAX)
			return -EINVAL;
		values[count++] = (s32)value;
	}
	if (!count)
		return -EINVAL;
	if (count == ARRAY_SIZE(values) &&
	    (values[count - 1] < 0 || values[count - 1] > (s32)IPC_MAX))
		return -ERANGE;
	for (u32 i = 0; i < count; i++)
		WRITE_ONCE(sem_settings[i], values[i]);
	return 0;
}

/* ---- boot ---- */

static bool ipc_create_files(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(ipc_lists); i++)
		if (!proc_create(ipc_lists[i].path, 0444, ipc_show_list, (void *)&ipc_lists[i]))
			return false;
	for (u32 i = 0; i < ARRAY_SIZE(ipc_numbers); i++)
		if (!proc_create_rw(ipc_numbers[i].path, 0644, ipc_show_number, ipc_write_number,
				    (void *)&ipc_numbers[i]))
			return false;
	return proc_create_rw("sys/kernel/sem", 0644, ipc_show_sem, ipc_write_sem, NULL) &&
	       proc_create_rw("sys/kernel/shmmax", 0644, ipc_show_u64, ipc_write_u64, &shm_max) &&
	       proc_create_rw("sys/kernel/shmall", 0644, ipc_show_u64, ipc_write_u64, &shm_all);
}

void ipc_init(void)
{
	shm_init();
	if (!ipc_create_files())
		panic("no memory for /proc/sysvipc");
}
