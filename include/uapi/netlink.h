/* SPDX-License-Identifier: MIT */
/** @file netlink.h  Route netlink: Linux's numbers and layouts (linux/netlink.h, rtnetlink.h, if_link.h, if_addr.h, neighbour.h). */
#pragma once
#include <kernel/types.h>

#define AF_NETLINK	  16
#define NETLINK_ROUTE	  0
#define NETLINK_SOCK_DIAG 4

#define SOL_NETLINK		 270
#define NETLINK_ADD_MEMBERSHIP	 1
#define NETLINK_DROP_MEMBERSHIP	 2
#define NETLINK_PKTINFO		 3
#define NETLINK_NO_ENOBUFS	 5
#define NETLINK_LIST_MEMBERSHIPS 9
#define NETLINK_OPTION_LAST	 12 /* NETLINK_GET_STRICT_CHK */

/* Groups. */
#define RTNLGRP_LINK	    1
#define RTNLGRP_NEIGH	    3
#define RTNLGRP_IPV4_IFADDR 5
#define RTNLGRP_IPV4_ROUTE  7
#define RTNLGRP_IPV6_IFADDR 9
#define RTNLGRP_IPV6_ROUTE  11
#define RTNLGRP_MAX	    36

struct user_sockaddr_nl {
	u16 family, pad;
	u32 port, groups;
};

struct user_nlmsghdr {
	u32 length;
	u16 type, flags;
	u32 sequence, port;
};

#define NLM_F_REQUEST 0x1
#define NLM_F_MULTI   0x2
#define NLM_F_ACK     0x4
#define NLM_F_DUMP    0x300
#define NLM_F_REPLACE 0x100
#define NLM_F_EXCL    0x200
#define NLM_F_CREATE  0x400
#define NLM_F_APPEND  0x800

#define NLMSG_NOOP  1
#define NLMSG_ERROR 2
#define NLMSG_DONE  3

#define RTM_NEWLINK  16
#define RTM_DELLINK  17
#define RTM_GETLINK  18
#define RTM_SETLINK  19
#define RTM_NEWADDR  20
#define RTM_DELADDR  21
#define RTM_GETADDR  22
#define RTM_NEWROUTE 24
#define RTM_DELROUTE 25
#define RTM_GETROUTE 26
#define RTM_NEWNEIGH 28
#define RTM_DELNEIGH 29
#define RTM_GETNEIGH 30

struct user_nlattr {
	u16 length, type;
};
#define NLA_TYPE 0x3fff

struct user_ifinfomsg {
	u8 family, pad;
	u16 type;
	s32 index;
	u32 flags, change;
};
#define IFLA_ADDRESS   1
#define IFLA_BROADCAST 2
#define IFLA_IFNAME    3
#define IFLA_MTU       4
#define IFLA_STATS     7
#define IFLA_TXQLEN    13
#define IFLA_OPERSTATE 16
#define IFLA_STATS64   23

struct user_ifaddrmsg {
	u8 family, prefix, flags, scope;
	u32 index;
};
#define IFA_ADDRESS	 1
#define IFA_LOCAL	 2
#define IFA_LABEL	 3
#define IFA_BROADCAST	 4
#define IFA_CACHEINFO	 6
#define IFA_FLAGS	 8
#define IFA_F_PERMANENT	 0x80
#define IFA_F_DEPRECATED 0x20
#define IFA_F_SETTABLE	 0x712 /* no detection, home, to be managed, without a route, join groups */

struct user_rtmsg {
	u8 family, prefix, source_prefix, tos, table, protocol, scope, type;
	u32 flags;
};
#define RTA_DST	      1
#define RTA_OIF	      4
#define RTA_GATEWAY   5
#define RTA_PRIORITY  6
#define RTA_PREFSRC   7
#define RTA_CACHEINFO 12
#define RTA_TABLE     15
#define RTA_PREF      20
#define RTM_F_CLONED  0x200

struct user_ndmsg {
	u8 family, pad1;
	u16 pad2;
	s32 index;
	u16 state;
	u8 flags, type;
};
#define NUD_INCOMPLETE 0x01
#define NUD_REACHABLE  0x02
#define NUD_FAILED     0x20
#define NUD_PERMANENT  0x80
#define NUD_KNOWN      0xde /* all but NUD_INCOMPLETE and NUD_FAILED */
#define NTF_PROXY      0x08
#define NDA_DST	       1
#define NDA_LLADDR     2

/* ---- sock_diag: linux/sock_diag.h, and what it is about ---- */

#define SOCK_DIAG_BY_FAMILY 20

/** struct inet_diag_req_v2, up to the states, and struct unix_diag_req, which has two fields more. */
struct user_diag_request {
	u8 family, protocol, extensions, pad;
	u32 states, inode, show;
};
#define INET_DIAG_REQUEST_BYTES 56u
#define UNIX_DIAG_REQUEST_BYTES 24u

/** struct inet_diag_req_v2. */
struct user_inet_diag_request {
	u8 family, protocol, extensions, pad;
	u32 states;
	u8 local_port[2], peer_port[2];
	u8 local[16], peer[16];
	u32 interface, cookie[2];
};
_Static_assert(sizeof(struct user_inet_diag_request) == INET_DIAG_REQUEST_BYTES,
	       "struct inet_diag_req_v2 has 56 bytes");

/** struct inet_diag_msg. */
struct user_inet_diag {
	u8 family, state, timer, retransmits;
	u8 local_port[2], peer_port[2];
	u8 local[16], peer[16];
	u32 interface, cookie[2];
	u32 expires_ms, receive_bytes, send_bytes, uid, inode;
};
_Static_assert(sizeof(struct user_inet_diag) == 72, "struct inet_diag_msg has 72 bytes");

/** struct unix_diag_msg. */
struct user_unix_diag {
	u8 family, type, state, pad;
	u32 inode, cookie[2];
};
_Static_assert(sizeof(struct user_unix_diag) == 16, "struct unix_diag_msg has 16 bytes");

#define UNIX_DIAG_NAME	   0
#define UNIX_DIAG_PEER	   2
#define UNIX_DIAG_RQLEN	   4
#define UNIX_DIAG_SHUTDOWN 6
#define UDIAG_SHOW_NAME	   0x01
#define UDIAG_SHOW_PEER	   0x04
#define UDIAG_SHOW_RQLEN   0x10
