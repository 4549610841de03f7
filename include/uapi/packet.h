/* SPDX-License-Identifier: MIT */
/** @file packet.h  Packet sockets: Linux's numbers and layouts (linux/if_packet.h, linux/filter.h). */
#pragma once
#include <kernel/types.h>

#define AF_PACKET  17
#define SOL_PACKET 263

#define PACKET_ADD_MEMBERSHIP  1
#define PACKET_DROP_MEMBERSHIP 2
#define PACKET_RX_RING	       5
#define PACKET_STATISTICS      6
#define PACKET_AUXDATA	       8
#define PACKET_VERSION	       10
#define PACKET_HDRLEN	       11
#define PACKET_RESERVE	       12

#define TPACKET_V2 1
#define TPACKET_V3 2

#define PACKET_MR_MULTICAST 0
#define PACKET_MR_PROMISC   1
#define PACKET_MR_ALLMULTI  2

#define PACKET_HOST	 0
#define PACKET_BROADCAST 1
#define PACKET_MULTICAST 2
#define PACKET_OTHERHOST 3
#define PACKET_OUTGOING	 4

#define TP_STATUS_KERNEL       0
#define TP_STATUS_USER	       1
#define TP_STATUS_LOSING       4
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

/** struct tpacket_req3; the first four are struct tpacket_req. */
struct user_tpacket_req {
	u32 block_bytes, block_count, frame_bytes, frame_count;
	u32 timeout_ms, private_bytes, features;
};
/** struct tpacket2_hdr. */
struct user_tpacket2 {
	u32 status, length, captured;
	u16 link, network;
	u32 sec, nsec;
	u16 vlan_tag, vlan_type;
	u8 zero[4];
};
_Static_assert(sizeof(struct user_tpacket2) == 32, "struct tpacket2_hdr has 32 bytes");
/** struct tpacket3_hdr. */
struct user_tpacket3 {
	u32 next, sec, nsec, captured, length, status;
	u16 link, network;
	u32 hash, vlan_tag;
	u16 vlan_type, pad;
	u8 zero[8];
};
_Static_assert(sizeof(struct user_tpacket3) == 48, "struct tpacket3_hdr has 48 bytes");
/** struct tpacket_block_desc. */
struct user_tpacket_block {
	u32 version, private_at;
	u32 status, count, first_at, used_bytes;
	u64 number;
	u32 first_sec, first_nsec, last_sec, last_nsec;
};
_Static_assert(sizeof(struct user_tpacket_block) == 48, "struct tpacket_block_desc has 48 bytes");

struct user_sock_fprog {
	u16 count, pad[3];
	u64 steps;
};
