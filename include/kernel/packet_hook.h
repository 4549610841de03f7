/* SPDX-License-Identifier: MIT */
/**
 * @file packet_hook.h  Packet hooks: <banos/packet_hook.h>, between the network and the API.
 *
 * Where frames pass a point, net_hooks_at() is asked first; it is all that a point without a hook costs.
 */
#pragma once
#include <kernel/cpu.h>
#include <kernel/kconfig.h>
#include <kernel/network.h>

#define NET_HOOK_POINTS	  5u
#define NET_HOOK_ALL	  ((1u << NET_HOOK_POINTS) - 1)
#define NET_HOOK_VERDICTS 4u

/** Of one hook on one processor. Changed with preemption off. */
struct net_hook_counts {
	u64 entered, left; /* calls of the method; a call may end on another processor */
	u64 verdicts[NET_HOOK_VERDICTS]; /* frames */
	u64 refused; /* frames that it did not answer properly, or could not hold */
} __aligned(64);

struct net_hook {
	struct net_hook *next[NET_HOOK_POINTS]; /* by order; RCU */
	struct list link;			/* of all; hooks_lock */
	s64 (*packets)(void *private, const struct banos_hook_place *place,
		       struct banos_net_packet *packets, u32 count, u64 *verdicts);
	void *private;
	struct owner *root; /* of the driver */
	u32 party, points;
	s32 order;
	u16 ethertype;
	u64 serial; /* of two of the same order the lower one comes first */
	u32 held_max;
	u64 held_max_bytes;
	u64 held, held_bytes; /* atomic */
	bool dead, published;
	char name[BANOS_PACKET_HOOK_NAME_SIZE];
	struct net_hook_counts *counts; /* of each processor */
};

extern u32 net_hook_points; /* that have a hook */

/** @brief Is there a hook at one of @p points? */
static inline bool net_hooks_at(u32 points)
{
	return IS_ENABLED(CONFIG_NET_HOOKS) && unlikely(READ_ONCE(net_hook_points) & points);
}
/**
 * @brief Show frames to the hooks at a point; those that pass stay in the list. Sleeps.
 * @param out    interface that they will be sent by, or 0
 */
void net_hooks_run(u32 point, u32 out, struct packet_list *frames);

/** @brief Let a hook be called. Sleeps. @return 0, -ENODEV: it was stopped */
int __must_check net_hook_publish(struct net_hook *hook);
/** @brief It is not called any more, and holds nothing. Sleeps. @return 0, -EBUSY: a method has not returned */
int __must_check net_hook_stop(struct net_hook *hook, u64 deadline_ns);
/** @brief Frames that it held go on. Sleeps. @return how many packets it did not hold, or that were bad */
u32 net_hook_continue(struct net_hook *hook, const u8 *packets, u32 count, u32 stride);
/** @brief A hook's packet was claimed: it is not charged for it any more. In an RCU section. */
void net_hook_release(struct packet *packet);
