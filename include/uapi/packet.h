/* SPDX-License-Identifier: MIT */
/** @file packet.h  Packet sockets: Linux's numbers and layouts (linux/if_packet.h, linux/filter.h). */
#pragma once
#include <kernel/types.h>

#define AF_PACKET  17
#define SOL_PACKET 263

#define PACKET_ADD_MEMBERSHIP  1
#define PACKET_DROP_MEMBERSHIP 2
#define PACKET_STATISTICS      6
#define PACKET_AUXDATA	       8

#define PACKET_MR_MULTICAST 0
#define PACKET_MR_PROMISC   1
#define PACKET_MR_ALLMULTI  2

#define PACKET_HOST	 0
#define PACKET_BROADCAST 1
#define PACKET_MULTICAST 2
#define PACKET_OTHERHOST 3
#define PACKET_OUTGOING	 4

#define TP_STATUS_USER	       1
#define TP_STATUS_CSUMNOTREADY 8

#define ETH_P_ALL 3

struct user_sockaddr_ll {
	u16 family;
	u8 protocol[2]; /* in network order */
	s32 index;
	u16 type;
	u8 kind, address_bytes;
	u8 address[8];
};
_Static_assert(sizeof(struct user_sockaddr_ll) == 20, "struct sockaddr_ll has 20 bytes");

struct user_packet_mreq {
	s32 index;
	u16 type, address_bytes;
	u8 address[8];
};

struct user_tpacket_auxdata {
	u32 status, length, captured;
	u16 link, network, vlan_tag, vlan_type;
};

struct user_sock_fprog {
	u16 count, pad[3];
	u64 steps;
};
