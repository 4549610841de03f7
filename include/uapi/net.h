/* SPDX-License-Identifier: MIT */
/** @file net.h  Interfaces, as programs know them; the numbers are Linux's (linux/if.h, if_arp.h). */
#pragma once

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
