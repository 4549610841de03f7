/* SPDX-License-Identifier: MIT */
/** @file net.h  Interfaces, as programs know them; numbers and layouts are Linux's (linux/if.h, sockios.h, route.h, if_arp.h). */
#pragma once
#include <kernel/types.h>

#define IFNAMSIZ 16

#define IFF_UP		0x1
#define IFF_BROADCAST	0x2
#define IFF_LOOPBACK	0x8
#define IFF_POINTOPOINT 0x10
#define IFF_RUNNING	0x40
#define IFF_NOARP	0x80
#define IFF_PROMISC	0x100
#define IFF_ALLMULTI	0x200
#define IFF_MULTICAST	0x1000
#define IFF_LOWER_UP	0x10000

#define ARPHRD_ETHER	1
#define ARPHRD_LOOPBACK 772

#define SIOCADDRT      0x890b
#define SIOCDELRT      0x890c
#define SIOCGIFNAME    0x8910
#define SIOCGIFCONF    0x8912
#define SIOCGIFFLAGS   0x8913
#define SIOCSIFFLAGS   0x8914
#define SIOCGIFADDR    0x8915
#define SIOCSIFADDR    0x8916
#define SIOCGIFDSTADDR 0x8917
#define SIOCGIFBRDADDR 0x8919
#define SIOCSIFBRDADDR 0x891a
#define SIOCGIFNETMASK 0x891b
#define SIOCSIFNETMASK 0x891c
#define SIOCGIFMETRIC  0x891d
#define SIOCGIFMTU     0x8921
#define SIOCSIFMTU     0x8922
#define SIOCSIFNAME    0x8923
#define SIOCSIFHWADDR  0x8924
#define SIOCGIFHWADDR  0x8927
#define SIOCGIFINDEX   0x8933
#define SIOCDIFADDR    0x8936
#define SIOCGIFTXQLEN  0x8942
#define SIOCSIFTXQLEN  0x8943
#define SIOCETHTOOL    0x8946
#define SIOCDARP       0x8953
#define SIOCGARP       0x8954
#define SIOCSARP       0x8955
#define SIOCGIFMAP     0x8970

#define ATF_COM	 0x2
#define ATF_PERM 0x4

/** struct sockaddr_in, in ioctls. */
struct user_sockaddr_in {
	u16 family, port;
	u8 address[4];
	u8 zero[8];
};

/** struct ifreq. */
struct user_ifreq {
	char name[IFNAMSIZ];
	union {
		struct user_sockaddr_in address;
		struct {
			u16 family;
			u8 bytes[14];
		} hardware;
		char new_name[IFNAMSIZ];
		u16 flags;
		s32 number;
		u8 map[24];
	};
};
_Static_assert(sizeof(struct user_ifreq) == 40, "struct ifreq has 40 bytes");

/** struct ifconf. */
struct user_ifconf {
	s32 length, pad;
	u64 buffer;
};

#define RTF_UP	    0x1
#define RTF_GATEWAY 0x2
#define RTF_HOST    0x4
#define RTF_REJECT  0x200

/** struct rtentry. */
struct user_rtentry {
	u64 pad1;
	struct user_sockaddr_in destination, gateway, mask;
	u16 flags, pad2;
	u32 pad3;
	u64 pad4, pad5;
	s16 metric; /* one more than it means; 0: none */
	u16 pad6[3];
	u64 device; /* a text; 0: none */
	u64 mtu, window;
	u16 round_trip, pad7[3];
};
_Static_assert(sizeof(struct user_rtentry) == 120, "struct rtentry has 120 bytes");

/** struct in6_ifreq, of ioctls on sockets of AF_INET6. */
struct user_in6_ifreq {
	u8 address[16];
	u32 prefix;
	s32 index;
};

/** struct arpreq. */
struct user_arpreq {
	struct user_sockaddr_in address;
	struct {
		u16 family;
		u8 bytes[14];
	} hardware;
	u32 flags;
	struct user_sockaddr_in mask;
	char device[IFNAMSIZ];
};
_Static_assert(sizeof(struct user_arpreq) == 68, "struct arpreq has 68 bytes");
