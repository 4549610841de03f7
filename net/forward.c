// SPDX-License-Identifier: MIT
/*
 * Whether this machine sends on what is for others: /proc/sys/net/ipv4/ip_forward and
 * /proc/sys/net/ipv6/conf/all/forwarding, as on Linux. It is a setting that protocols are told, and outlives them.
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/fs/proc.h>
#include <kernel/fs/seq_open.h>
#include <kernel/panic.h>
#include <kernel/seq_file.h>

static struct banos_net_setting forward_setting(void *family)
{
	return (struct banos_net_setting){ .size = sizeof(struct banos_net_setting),
					   .kind = BANOS_SETTING_FORWARD,
					   .family = (u32)(u64)family };
}

static int proc_show_forward(struct seq_file *seq, void *family)
{
	const struct banos_net_setting about = forward_setting(family);

	seq_printf(seq, "%d\n", net_setting_exists(&about));
	return 0;
}

static int proc_write_forward(char *text, size_t len, void *family)
{
	const struct banos_net_setting about = forward_setting(family);
	s64 value;
	int err = seq_parse_number(text, &value);

	if (err)
		return err;
	mutex_lock(&net_lock);
	if (value)
		err = net_setting_add(&about, NULL, true);
	else if (net_setting_exists(&about))
		err = net_setting_remove(&about);
	if (!err && about.family == BANOS_FAMILY_IPV6)
		net_ipv6_conf_set_all(NET_IPV6_FORWARDING, !!value);
	mutex_unlock(&net_lock);
	return err;
}

void net_forward_init(void)
{
	if (!proc_create_rw("sys/net/ipv4/ip_forward", 0644, proc_show_forward, proc_write_forward,
			    (void *)BANOS_FAMILY_IPV4) ||
	    !proc_create_rw("sys/net/ipv6/conf/all/forwarding", 0644, proc_show_forward,
			    proc_write_forward, (void *)BANOS_FAMILY_IPV6))
		panic("no memory for /proc/sys/net");
}
