// SPDX-License-Identifier: MIT
/* /proc/net/unix: local sockets, in the lines of Linux 6.1. */
#include "internal.h"
#include "unix.h"
#include <kernel/fs/proc.h>
#include <kernel/panic.h>
#include <kernel/seq_file.h>

#define PATH_OFFSET	offsetof(struct user_sockaddr_un, path)
#define FLAG_LISTENING	0x10000u
#define STATE_NONE	1u /* SS_UNCONNECTED */
#define STATE_WAITS	2u /* SS_CONNECTING: in a backlog */
#define STATE_CONNECTED 3u

static struct socket_list unix_sockets = SOCKET_LIST_INIT(unix_sockets);

void unix_list_add(struct unix_socket *socket)
{
	socket_list_add(&unix_sockets, &socket->base);
}

void unix_list_remove(struct unix_socket *socket)
{
	socket_list_remove(&unix_sockets, &socket->base);
}

void unix_list_each(struct socket_family *family, struct socket_walk *walk)
{
	socket_list_each(&unix_sockets, walk);
}

struct unix_walk {
	struct socket_walk walk; /* first */
	struct seq_file *seq;
};

static u32 unix_state(const struct unix_socket *socket)
{
	if (!READ_ONCE(socket->peer))
		return STATE_NONE;
	if (!READ_ONCE(socket->base.inode))
		return STATE_WAITS;
	return STATE_CONNECTED;
}

/* Zeroes of an abstract one are shown as @. */
static void unix_name_show(struct seq_file *seq, const struct unix_name *name)
{
	u32 length = name->len - PATH_OFFSET;

	if (name->path.dentry)
		length--; /* its end */
	seq_putc(seq, ' ');
	for (u32 i = 0; i < length; i++)
		seq_putc(seq, name->address.path[i] ?: '@');
}

static bool unix_show(struct socket_walk *base, const struct socket *about_base,
		      const struct banos_socket_description *none)
{
	struct seq_file *seq = container_of(base, struct unix_walk, walk)->seq;
	const struct unix_socket *socket = unix_socket_from(about_base);
	const struct unix_name *name = __atomic_load_n(&socket->name, __ATOMIC_ACQUIRE);

	if (seq_enough(seq)) {
		seq->more = true;
		return false;
	}
	if (READ_ONCE(socket->dead))
		return true;
	seq_printf(seq, "0000000000000000: %08X 00000000 %08X %04X %02X %5lu",
		   (u32)atomic_read(&socket->refs),
		   READ_ONCE(socket->listening) ? FLAG_LISTENING : 0, about_base->type,
		   unix_state(socket), about_base->inode);
	if (name)
		unix_name_show(seq, name);
	seq_putc(seq, '\n');
	return true;
}

static int proc_show_unix(struct seq_file *seq, void *arg)
{
	struct unix_walk walk = { { .after = seq->next, .show = unix_show }, seq };

	if (!seq->next)
		seq_puts(seq, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	unix_list_each(NULL, &walk.walk);
	seq->next = walk.walk.after;
	return 0;
}

void unix_proc_init(void)
{
	if (!proc_create("net/unix", 0444, proc_show_unix, NULL))
		panic("no memory for /proc/net/unix");
}
