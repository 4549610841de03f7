// SPDX-License-Identifier: MIT
/*
 * <banos/network.h>: packets that drivers hold.
 *
 * A packet is no owned object: it would cost a list for each frame. Instead a driver that uses packets owns
 * one "purse", whose end frees all that it still holds.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/string.h>
#include "network.h"

#define FREE_MAX 4096u

struct purse {
	struct owned owned;
	u32 party;
};

static int purse_stop(struct owned *owned, u64 deadline_ns)
{
	packets_take_back(container_of(owned, struct purse, owned)->party, NULL, NULL);
	return 0;
}

static void purse_free(struct owned *owned)
{
	kfree(container_of(owned, struct purse, owned));
}

static const struct owned_class purse_class = {
	.name = "store of packets",
	.names = "stores of packets",
	.kind = OWNED_PACKETS,
	.phase = OWNED_PASSIVE,
	.no_leak = true,
	.bytes = sizeof(struct purse),
	.stop = purse_stop,
	.free = purse_free,
};

bool packet_purse_is_open(const struct owner *root)
{
	return READ_ONCE(root->counts[OWNED_PACKETS]);
}

int packet_purse_open(struct owner *root)
{
	struct purse *purse;
	int err;

	if (packet_purse_is_open(root))
		return 0;
	purse = kzalloc(sizeof(*purse));
	if (!purse)
		return -ENOMEM;
	purse->party = packet_party(root);
	err = owned_add(root, &purse->owned, &purse_class, false);
	if (err)
		kfree(purse);
	return err;
}

s64 net_packets_check(const char *function, const struct banos_net_packet *packets, uint32_t count,
		      uint32_t max, uint32_t stride)
{
	if (stride < sizeof(*packets) || stride > NET_STRIDE_MAX || stride % 8 || count > max)
		return api_mistake(function, -EINVAL, "count is too large, or stride is wrong");
	if (!api_may_read(packets, (u64)count * stride) || (u64)packets % 8)
		return api_mistake(function, -EINVAL,
				   "packets, count of stride bytes, are not the driver's memory");
	return 0;
}

int64_t banos_packet_alloc(banos_owner owner, uint32_t room, uint32_t headroom,
			   struct banos_net_packet *packet, uint32_t stride)
{
	struct banos_net_packet about;
	struct owner *asked = api_owner(owner);
	struct packet *fresh;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	if (!asked)
		return MISTAKE("owner does not belong to the caller");
	if (stride < sizeof(*packet) || stride > NET_STRIDE_MAX || !api_may_write(packet, stride))
		return MISTAKE("packet, with stride bytes, is not the driver's memory");
	if (room > PACKET_ROOM_MAX || headroom > PACKET_HEADROOM_MAX)
		return -EMSGSIZE;
	if (!packet_purse_is_open(asked->root))
		return MISTAKE("owner has registered neither a network device nor a protocol");
	fresh = packet_alloc(room, headroom);
	if (!fresh)
		return -ENOMEM;
	packet_give(fresh, packet_party(asked->root), &about, asked->device);
	memset(packet, 0, stride);
	memcpy(packet, &about, sizeof(about));
	return 0;
}
BANOS_EXPORT(banos_packet_alloc);

int64_t banos_packet_free(const struct banos_net_packet *packets, uint32_t count, uint32_t stride)
{
	const u8 *at = (const u8 *)packets;
	u32 party, refused = 0;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	err = net_packets_check(__func__, packets, count, FREE_MAX, stride);
	if (err)
		return err;
	party = packet_party(gate_owner());
	for (u32 i = 0; i < count; i++, at += stride) {
		struct packet *packet;

		rcu_read_lock(); /* its device may be removed meanwhile */
		packet = packet_claim(((const struct banos_net_packet *)at)->packet, party);
		if (packet)
			packet_release_use(packet, NULL);
		rcu_read_unlock();
		refused += !packet;
		packet_free(packet);
	}
	if (unlikely(refused))
		return MISTAKE("packets has one that the driver does not hold");
	return 0;
}
BANOS_EXPORT(banos_packet_free);
