// SPDX-License-Identifier: MIT
/* /proc/sys/net/core and unix: numbers that sockets look at; socket(7), unix(7). */
#include "internal.h"
#include "unix.h"
#include <kernel/fs/proc.h>
#include <kernel/fs/seq_open.h>
#include <kernel/panic.h>
#include <kernel/seq_file.h>

static const struct net_number {
	const char *path;
	u32 *value;
	u32 least;
} net_numbers[] = {
	{ "sys/net/core/wmem_default", &socket_sndbuf_default, SOCKET_SNDBUF_MIN },
	{ "sys/net/core/wmem_max", &socket_sndbuf_max, SOCKET_SNDBUF_MIN },
	{ "sys/net/core/rmem_default", &socket_rcvbuf_default, SOCKET_RCVBUF_MIN },
	{ "sys/net/core/rmem_max", &socket_rcvbuf_max, SOCKET_RCVBUF_MIN },
	{ "sys/net/core/somaxconn", &socket_backlog_max, 0 },
#ifdef CONFIG_NET_UNIX
	{ "sys/net/unix/max_dgram_qlen", &unix_max_datagrams, 0 },
#endif
};

static int proc_show_net_number(struct seq_file *seq, void *arg)
{
	const struct net_number *number = arg;

	seq_printf(seq, "%u\n", READ_ONCE(*number->value));
	return 0;
}

static int proc_write_net_number(char *text, size_t length, void *arg)
{
	const struct net_number *number = arg;
	s64 value;
	int err = seq_parse_number(text, &value);

	if (err)
		return err;
	if (value < number->least || value > INT32_MAX)
		return -EINVAL;
	WRITE_ONCE(*number->value, (u32)value);
	return 0;
}

void net_sysctl_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(net_numbers); i++)
		if (!proc_create_rw(net_numbers[i].path, 0644, proc_show_net_number,
				    proc_write_net_number, (void *)&net_numbers[i]))
			panic("no memory for /proc/sys/net");
}
