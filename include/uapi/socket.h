/* SPDX-License-Identifier: MIT */
/** @file socket.h  Sockets: Linux's numbers and layouts for x86_64. */
#pragma once
#include <kernel/types.h>

#define AF_UNSPEC 0
#define AF_UNIX	  1
#define AF_MAX	  46 /* numbers from here on are no families */

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_SEQPACKET 5
#define SOCK_TYPE_MASK 0xf
#define SOCK_TYPE_MAX  11 /* numbers from here on are no types */
#define SOCK_NONBLOCK  00004000
#define SOCK_CLOEXEC   02000000

#define SHUT_RD	  0
#define SHUT_WR	  1
#define SHUT_RDWR 2

/* flags of send and recv */
#define MSG_OOB		 0x1
#define MSG_PEEK	 0x2
#define MSG_CTRUNC	 0x8
#define MSG_TRUNC	 0x20
#define MSG_DONTWAIT	 0x40
#define MSG_WAITALL	 0x100
#define MSG_ERRQUEUE	 0x2000
#define MSG_NOSIGNAL	 0x4000
#define MSG_WAITFORONE	 0x10000
#define MSG_CMSG_CLOEXEC 0x40000000

/** struct sockaddr_un; others are only looked at for their family. */
struct user_sockaddr_un {
	u16 family;
	char path[108];
};
#define SOCKADDR_MAX 128 /* struct sockaddr_storage */

struct user_msghdr {
	u64 name;
	s32 name_len, pad;
	u64 iov, iov_len;
	u64 control, control_len;
	u32 flags, pad2;
};
_Static_assert(sizeof(struct user_msghdr) == 56, "struct msghdr has 56 bytes");
struct user_mmsghdr {
	struct user_msghdr hdr;
	u32 len, pad;
};
_Static_assert(sizeof(struct user_mmsghdr) == 64, "struct mmsghdr has 64 bytes");

struct user_cmsghdr {
	u64 len;
	s32 level, type;
};
#define CMSG_ALIGN(n)	(((n) + 7) & ~7ull)
#define CMSG_LEN(n)	(sizeof(struct user_cmsghdr) + (n))
#define CMSG_SPACE(n)	(sizeof(struct user_cmsghdr) + CMSG_ALIGN(n))
#define SCM_RIGHTS	1
#define SCM_CREDENTIALS 2
#define SCM_MAX_FD	253
struct user_ucred {
	s32 pid;
	u32 uid, gid;
};

#define SOL_SOCKET	 1
#define SO_DEBUG	 1
#define SO_REUSEADDR	 2
#define SO_TYPE		 3
#define SO_ERROR	 4
#define SO_DONTROUTE	 5
#define SO_BROADCAST	 6
#define SO_SNDBUF	 7
#define SO_RCVBUF	 8
#define SO_KEEPALIVE	 9
#define SO_OOBINLINE	 10
#define SO_PRIORITY	 12
#define SO_LINGER	 13
#define SO_REUSEPORT	 15
#define SO_PASSCRED	 16
#define SO_PEERCRED	 17
#define SO_BINDTODEVICE	 25
#define SO_ATTACH_FILTER 26
#define SO_DETACH_FILTER 27
#define SO_RCVLOWAT	 18
#define SO_SNDLOWAT	 19
#define SO_RCVTIMEO	 20
#define SO_SNDTIMEO	 21
#define SO_ACCEPTCONN	 30
#define SO_SNDBUFFORCE	 32
#define SO_RCVBUFFORCE	 33
#define SO_MARK		 36
#define SO_PROTOCOL	 38
#define SO_DOMAIN	 39
#define SO_INCOMING_CPU	 49
#define SO_COOKIE	 57
#define SO_BINDTOIFINDEX 62
#define SO_RCVTIMEO_NEW	 66
#define SO_SNDTIMEO_NEW	 67

#define FIOSETOWN  0x8901
#define SIOCSPGRP  0x8902
#define FIOGETOWN  0x8903
#define SIOCGPGRP  0x8904
#define SIOCATMARK 0x8905
#define SIOCINQ	   0x541b /* FIONREAD */
#define SIOCOUTQ   0x5411
