// SPDX-License-Identifier: MIT
/* The network's start: packet sockets, netlink, and the loopback interface. */
#include "internal.h"

void net_init(void)
{
	net_packet_socket_init();
	if (IS_ENABLED(CONFIG_NETLINK))
		net_netlink_init();
	net_proc_init();
	net_forward_init();
	net_sysctl_init();
	net_ipv6_conf_init();
	if (IS_ENABLED(CONFIG_NET_UNIX))
		unix_proc_init();
	if (IS_ENABLED(CONFIG_NET_FAMILIES))
		net_socket_proc_init();
	if (IS_ENABLED(CONFIG_NET_HOOKS))
		net_hooks_init();
	net_loopback_init();
}
