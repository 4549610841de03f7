/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of the network's core. */
#pragma once
#include <kernel/kconfig.h>
#include <kernel/network.h>

/* ---- frame.c ---- */

/** @brief Fill in the checksum of a frame with BANOS_PACKET_PARTIAL. @return false: it does not lie in the first packet */
bool __must_check frame_fill_checksum(struct packet *frame);
/** @brief Cut a TCP frame into segments, with checksums, added to @p to; it is consumed. @return 0, -EINVAL, -ENOBUFS */
int __must_check frame_cut(struct packet *frame, u32 headroom, struct packet_list *to);

/* ---- receive.c ---- */

/** @brief Make the threads of the processors, unless they are there. Sleeps. @return 0, -ENOMEM, -EAGAIN */
int __must_check net_receive_start(void);

/** @brief One frame that a hook made of one that was to be sent by an interface: it is received by that. Any context. */
void net_receive_answer(u32 index, struct packet_list *frame);

/** @brief Wait until nobody calls @p protocol. @return false: not by the deadline */
bool net_receive_leaves(const struct net_protocol *protocol, u64 deadline_ns);

/* ---- transmit.c ---- */

/** @brief net_transmit() without hooks. Sleeps. */
int net_transmit_unhooked(u32 index, struct packet_list *frames);

/* ---- hook.c ---- */

/** @brief Start-up: /proc/net/packet_hooks. */
void net_hooks_init(void);

/* ---- device.c ---- */

/** @brief Stop queues and driver; with net_lock. @return 0, -EBUSY */
int __must_check net_device_halt(struct net_device *device, u64 deadline_ns);

/* ---- loopback.c ---- */

/** @brief Start-up: lo. */
void net_loopback_init(void);

/* ---- proc.c ---- */

/** @brief Start-up: /proc/net. */
void net_proc_init(void);

/* ---- socket_proc.c, unix_proc.c ---- */

/** @brief Start-up: the lists of sockets in /proc/net. */
void net_socket_proc_init(void);
void unix_proc_init(void);

/* ---- forward.c ---- */

/** @brief Start-up: the files that switch forwarding. */
void net_forward_init(void);

/* ---- sysctl.c ---- */

/** @brief Start-up: /proc/sys/net/core. */
void net_sysctl_init(void);

/* ---- ipv6_conf.c ---- */

/** @brief Start-up: /proc/sys/net/ipv6/conf/all and default. */
void net_ipv6_conf_init(void);
/** @brief BANOS_INTERFACE_IPV6_... */
u32 net_ipv6_flags(const struct net_device *device);
/** @brief Of a device that is being made: what new ones have. */
void net_ipv6_conf_take(struct net_device *device);
/** @brief Set one of all interfaces, and of those to come; with net_lock. */
void net_ipv6_conf_set_all(enum net_ipv6_conf which, u8 value);
/** @brief Its files; with net_lock. */
void net_ipv6_conf_add(struct net_device *device);
void net_ipv6_conf_remove(struct net_device *device);

/* ---- lifetime.c ---- */

/** @brief When something ends. @p seconds 0: never, which is 0 */
u64 net_deadline(u32 seconds);
/** @brief How long that is; at least 1. @return 0: for ever */
u32 net_deadline_seconds(u64 deadline_ns);
/** @brief A setting has got an end. Sleeps. */
void net_lifetimes_look(void);

/* ---- sysfs.c: with net_lock ---- */

/** @brief /sys/class/net/NAME. */
void net_sysfs_add(struct net_device *device);
void net_sysfs_remove(struct net_device *device);

/* ---- packet_socket.c ---- */

/** @brief Show frames to packet sockets; in an RCU section. */
void net_taps_outgoing(const struct packet_list *frames);
/** @brief The same of one that was received. */
void net_taps_incoming(struct packet *frame);
/** @brief Is there a packet socket that sees frames? */
bool net_taps_exist(void);
/** @brief An interface was set down, or removed; with net_lock. Who is bound to it is told: ENETDOWN. */
void net_taps_interface_down(u32 index, bool removed);
/** @brief Start-up: the family AF_PACKET. */
void net_packet_socket_init(void);

/* ---- ioctl_neighbour.c ---- */

/** @brief SIOCSARP, SIOCGARP, SIOCDARP. Sleeps. */
s64 net_ioctl_arp(u32 command, u64 argument);
/** @brief SIOCSIFADDR and SIOCDIFADDR of an AF_INET6 socket. Sleeps. */
s64 net_ioctl_address6(u32 command, u64 argument);

/* ---- route_tell.c ---- */

/** @brief Tell programs that listen of an interface; with net_lock. @param event  BANOS_INTERFACE_... */
void net_link_changed(const struct net_device *device, u32 event);
/** @brief The same of an address, a route or a neighbour; with settings_lock. @param event  BANOS_SETTING_... */
void net_setting_changed(u32 event, const struct net_setting *setting);

/* ---- netlink.c ---- */

/** @brief Start-up: the family AF_NETLINK. */
void net_netlink_init(void);
