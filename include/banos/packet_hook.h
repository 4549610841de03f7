/* SPDX-License-Identifier: MIT */
/**
 * @file packet_hook.h  Packet hooks: who looks at frames on their way through the machine, and may change or stop them. A draft.
 *
 * A hook is registered for some of five points. At each of them it is shown all frames, in batches, behind the hooks
 * of a lower order, and answers for each frame what becomes of it. Frames are shown
 *  - at BANOS_HOOK_RECEIVE, all that an interface has received, before a protocol gets them;
 *  - at BANOS_HOOK_INPUT, which a protocol is about to take for this machine;
 *  - at BANOS_HOOK_FORWARD, which it is about to send on by another interface;
 *  - at BANOS_HOOK_OUTPUT, which it is about to send, and which this machine made;
 *  - at BANOS_HOOK_TRANSMIT, all that an interface is about to send.
 * The loopback interface is one of them. Frames begin with an Ethernet header; at BANOS_HOOK_OUTPUT and
 * _TRANSMIT they may be longer than the interface's mtu (BANOS_PACKET_TSO4), and lack a checksum (BANOS_PACKET_PARTIAL).
 *
 * Frames are lent for the length of the call: bytes and lengths may be changed within the packet's memory. What a hook
 * answers is checked: a frame that does not lie in its packet, or an answer that is none, is
 * dropped and counted.
 *
 * A frame that the hook takes it holds from the return of its method on, as other packets are held (<banos/network.h>),
 * until it lets it go on, or frees it. A protocol calls for the points in the middle: banos_protocol_hooks().
 */
#ifndef BANOS_PACKET_HOOK_H
#define BANOS_PACKET_HOOK_H

#include <banos/protocol.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/packet_hook.h>
BANOS_DRAFT_HEADER(packet_hook);

/** Handle of a registered hook. */
typedef struct banos_packet_hook_ *banos_packet_hook;

/* Points. */
#define BANOS_HOOK_RECEIVE  1u
#define BANOS_HOOK_INPUT    2u
#define BANOS_HOOK_FORWARD  4u
#define BANOS_HOOK_OUTPUT   8u
#define BANOS_HOOK_TRANSMIT 16u

/* What becomes of a frame. */
#define BANOS_VERDICT_PASS 0u /**< it goes on, as it is now */
#define BANOS_VERDICT_DROP 1u /**< it ends here */
#define BANOS_VERDICT_TOOK \
	2u /**< the hook holds it. Where it may hold no more, the frame is dropped */
/**
 * It is an answer now, and goes back to where it came from: out by the interface that has received it, or, at
 * _OUTPUT and _TRANSMIT, in by the one that it was to be sent by. No hook is shown it any more.
 */
#define BANOS_VERDICT_ANSWERED 3u

/** Where frames are. */
struct banos_hook_place {
	uint32_t size;	/**< filled by the kernel: what it knows */
	uint32_t point; /**< BANOS_HOOK_... */
	uint32_t out;	/**< interface that they will be sent by; 0: not known, or none */
	uint32_t zero;
};
#define BANOS_HOOK_PLACE_SIZE_2 16u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_hook_place, zero) == BANOS_HOOK_PLACE_SIZE_2, hook_place);
BANOS_ASSERT(offsetof(struct banos_hook_place, out) == 8, hook_place_out);

struct banos_packet_hook_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Look at frames. Called by threads that receive and that send, several at a time. It may sleep for a short time, but not wait
	 * for the network.
	 * @param place     read, place->size bytes
	 * @param packets   @p count values of @p stride bytes each, read and written: bytes, length, flags, checksum_start and so on
	 *		    may be changed. Their field interface is the one that has received them, else the one that they will be sent by
	 * @param stride    sizeof(struct banos_net_packet), or more in later kernels
	 * @param verdicts  @p count values, written; all are BANOS_VERDICT_PASS at first. That of a frame's first packet
	 *		    counts
	 * @return 0; an error: all are dropped. Mandatory.
	 */
	int64_t (*packets)(void *context, const struct banos_hook_place *place,
			   struct banos_net_packet *packets, uint32_t count, uint32_t stride,
			   uint64_t *verdicts);
};
#define BANOS_PACKET_HOOK_OPS_SIZE_2 16u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_packet_hook_ops, packets) == BANOS_PACKET_HOOK_OPS_SIZE_2,
	     packet_hook_ops);
BANOS_ASSERT(offsetof(struct banos_packet_hook_ops, packets) == 8, packet_hook_ops_packets);

#define BANOS_PACKET_HOOK_NAME_SIZE 16u /**< bytes for the name of a hook, with its NUL */

/** What banos_packet_hook_register() is told. */
struct banos_packet_hook_config {
	uint32_t size;
	uint32_t points; /**< BANOS_HOOK_..., at least one */
	int32_t order; /**< hooks of a lower one come first; of the same, the one that was registered first */
	uint32_t ethertype; /**< only such frames are shown: 0x600 to 0xffff; 0: all */
	uint32_t held_max;  /**< packets that it may hold at a time: up to 16384 */
	uint32_t zero;
	uint64_t
		held_bytes; /**< of memory, that it may hold at a time: up to 64 MiB; a packet takes 2048 or more */
	char name
		[16]; /**< for /proc/net/packet_hooks: letters, digits, _ - and . ; NUL-terminated */
	void *context;				 /**< for the method */
	const struct banos_packet_hook_ops *ops; /**< read; its functions lie in the driver */
};
#define BANOS_PACKET_HOOK_CONFIG_SIZE_2 64u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_packet_hook_config, ops) == BANOS_PACKET_HOOK_CONFIG_SIZE_2,
	     packet_hook_config);
BANOS_ASSERT(offsetof(struct banos_packet_hook_config, held_bytes) == 24, packet_hook_config_bytes);
BANOS_ASSERT(offsetof(struct banos_packet_hook_config, context) == 48, packet_hook_config_context);

BANOS_BEGIN

/**
 * @brief Register a hook.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_packet_hook_remove(), or before exit() runs.
 * @param owner   the driver
 * @param config  read; copied, with its table of methods
 * @param hook    written: the handle
 * @return 0. From init() its method is called once that succeeded, else at once.
 *	   -EINVAL: a field is wrong. -E2BIG: an unknown field is not 0. -EOPNOTSUPP: an unknown bit in ops->must, or this
 *	   kernel has no such class. -ENOMEM. -ENODEV: the owner is being removed.
 */
BANOS_SINCE(2)
int64_t banos_packet_hook_register(banos_owner owner, const struct banos_packet_hook_config *config,
				   banos_packet_hook *hook);

/**
 * @brief Take a hook away.
 * Since 2, provided by the kernel.
 * Context: thread. Not from its method.
 * Its method is not called when it returns, and what it held is freed.
 * @return 0, -EINVAL: no such hook, -EBUSY: its method does not return (it can be removed later)
 */
BANOS_SINCE(2) int64_t banos_packet_hook_remove(banos_packet_hook hook);

/**
 * @brief Let frames go on that the hook has taken: to the hooks behind it at the same point, and then as ever.
 * Since 2, provided by the kernel.
 * Context: thread, without a spin lock. Not from its method for a frame that it has not taken yet. What sends and other hooks may be called.
 * They may have been changed as in the method. Unless there is no such hook, all that the caller holds are consumed.
 * @param packets  @p count values of @p stride bytes each, read
 * @param count    up to 1024
 * @param stride   sizeof(struct banos_net_packet)
 * @return 0. -EINVAL: no such hook; or a packet that this hook does not hold, or a frame that does not lie in its packet
 *	   (those are dropped, the others go on).
 */
BANOS_SINCE(2)
int64_t banos_packet_hook_continue(banos_packet_hook hook, const struct banos_net_packet *packets,
				   uint32_t count, uint32_t stride);

/**
 * @brief Show frames to the hooks at a point that a protocol knows.
 * Since 2, provided by the kernel.
 * Context: thread, without a spin lock. Methods of hooks may be called, which do not wait for the protocol.
 * A frame that is held for a while at BANOS_HOOK_INPUT or _FORWARD is received once more, and this function lets it pass then.
 * One that is held at _OUTPUT is sent by the kernel. Without a hook nothing is done.
 * @param protocol   whose frames these are
 * @param point      BANOS_HOOK_INPUT, _FORWARD or _OUTPUT
 * @param interface  index of the one that they will be sent by; 0 at _INPUT
 * @param packets    @p count values of @p stride bytes each, read and written: those that pass, as they are now, at the front.
 *		     The driver holds these, and not the others any more.
 * @param count      up to 1024
 * @param stride     sizeof(struct banos_net_packet)
 * @return how many passed. -EINVAL: an argument is wrong, and all that the driver holds are freed; also if one of the
 *	   packets the driver does not hold, or its frame is not in it.
 */
BANOS_SINCE(2)
int64_t banos_protocol_hooks(banos_protocol protocol, uint32_t point, uint32_t interface,
			     struct banos_net_packet *packets, uint32_t count, uint32_t stride);

/**
 * @brief Ask which points have a hook now, to spare work for those that have none.
 * Since 2, provided by the kernel.
 * Context: any.
 * @param points  BANOS_HOOK_..., several
 * @return those of them that have one
 */
BANOS_SINCE(2) int64_t banos_packet_hook_points(uint32_t points);

BANOS_END
#endif

#endif
