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

struct packet_ring;

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
	u32 seen, dropped;	  /* since they were read */
	struct packet_ring *ring; /* frames are put there; NULL: into the list */
	u8 version;		  /* TPACKET_V2, TPACKET_V3; 0: V1, of which there are no rings */
	u32 reserve;		  /* PACKET_RESERVE */
	struct packet_membership memberships[MEMBERSHIPS_MAX];
	struct rcu_head rcu;
};

static inline struct packet_socket *packet_socket_of(struct socket *socket)
{
	return container_of(socket, struct packet_socket, socket);
}

/* ---- packet_socket.c ---- */

/** @brief Where a frame was, or is from. */
void packet_name_fill(const struct packet *frame, struct user_sockaddr_ll *name);

/* ---- packet_ring.c ---- */

/** @brief PACKET_RX_RING. Sleeps. */
s64 packet_ring_set(struct packet_socket *tap, uaddr_t value, s32 len);
/** @brief The socket goes. Sleeps. */
void packet_ring_free(struct packet_socket *tap);
/** @brief Bytes of a header of a version. @return 0: there is none */
u32 packet_ring_header_bytes(u32 version);
/**
 * @brief Put the first @p kept of @p whole bytes of a frame into the ring; with the socket's lock.
 * @return false: the program has not read what is there
 */
bool packet_ring_put(struct packet_socket *tap, const struct packet *frame, u32 whole, u32 kept);
/** @brief Has the program something to read? What there is, is handed over. With the socket's lock. */
bool packet_ring_ready(struct packet_socket *tap);
int packet_ring_map_begin(struct file *f, u64 offset, u64 length, u32 vm_flags, void **private);
void packet_ring_map_end(struct file *f, void *private);
int packet_ring_map(struct file *f, struct vm_region *region);

/* ---- packet_option.c ---- */

/** @brief What the socket wanted of interfaces is wanted no more. Sleeps. */
void packet_memberships_forget(struct packet_socket *tap);
s64 packet_socket_set_option(struct socket *socket, u32 level, u32 option, uaddr_t value, s32 len);
s64 packet_socket_get_option(struct socket *socket, u32 level, u32 option, uaddr_t value,
			     uaddr_t user_len);
