/* SPDX-License-Identifier: MIT */
/** @file network.h  Between the files of the API of packets, network devices and protocols. */
#pragma once
#include <kernel/network.h>
#include "caller.h"

#define NET_STRIDE_MAX 4096u

/**
 * @brief From now on a driver's packets are freed when it ends.
 * @return 0, -ENOMEM, -ENODEV
 */
int __must_check packet_purse_open(struct owner *root);
/** @brief Has it been called for the calling driver? */
bool packet_purse_is_open(const struct owner *root);
/** @brief Are these packets, @p max at most, in memory of the caller's? Else say so. @return 0 or -EINVAL */
s64 __must_check net_packets_check(const char *function, const struct banos_net_packet *packets,
				   uint32_t count, uint32_t max, uint32_t stride);
/**
 * @brief Packets of the caller's become frames, which the kernel holds then.
 * @param outgoing  the caller made them
 * @return how many packets it did not hold, or that were bad
 */
u32 net_frames_take(const u8 *packets, u32 count, u32 stride, bool outgoing,
		    struct packet_list *frames);
/** @brief Is this a handle of a protocol of the caller's? */
bool protocol_is_callers(banos_protocol protocol);
