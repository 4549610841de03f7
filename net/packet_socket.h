/* SPDX-License-Identifier: MIT */
/** @file packet_socket.h  Between packet_socket.c (frames) and packet_option.c (what programs set). */
#pragma once
#include "filter_program.h"
#include <kernel/network.h>
#include <kernel/rcu.h>
#include <kernel/socket.h>
#include <uapi/net.h>
#include <uapi/packet.h>

#define MEMBERSHIPS_MAX 16u

/** A filter that a program attached. */
struct packet_filter {
	struct rcu_head rcu;
	struct filter_step steps[];
};

struct packet_membership {
	u32 index;
	u16 type; /* PACKET_MR_... */
	bool used;
	struct banos_net_address address;
};

struct packet_socket {
	struct socket socket;	    /* first */
	struct packet_socket *next; /* of taps; RCU */
	u32 interface;		    /* 0: all */
	u16 ethertype;		    /* 0: none yet */
	bool auxdata;
	struct packet_filter *filter; /* RCU */
	spinlock_t lock;
	struct packet_list frames; /* copies; ->hash: bytes before the filter cut them */
	u32 used;
	u32 seen, dropped; /* since they were read */
	struct packet_membership memberships[MEMBERSHIPS_MAX];
	struct rcu_head rcu;
};

static inline struct packet_socket *packet_socket_of(struct socket *socket)
{
	return container_of(socket, struct packet_socket, socket);
}

/* ---- packet_option.c ---- */

/** @brief What the socket wanted of interfaces is wanted no more. Sleeps. */
void packet_memberships_forget(struct packet_socket *tap);
s64 packet_socket_set_option(struct socket *socket, u32 level, u32 option, uaddr_t value, s32 len);
s64 packet_socket_get_option(struct socket *socket, u32 level, u32 option, uaddr_t value,
			     uaddr_t user_len);
