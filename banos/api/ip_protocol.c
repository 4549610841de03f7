// SPDX-License-Identifier: MIT
/*
 * <banos/protocol.h>: protocols above IP, of drivers, and the packets between them and a stack. The rest is in net/ip_protocol.c.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/string.h>
#include "network.h"

struct driver_ip_protocol {
	struct owned owned;
	struct owner *root;
	struct net_ip_protocol handler;
	void *context;
	struct banos_ip_protocol_ops ops;
};

#define NUMBER_MOST  255u
#define HOPS_MOST    255u
#define PACKETS_MOST 1024u
#define FAMILIES     (BANOS_IP_PROTOCOL_IPV4 | BANOS_IP_PROTOCOL_IPV6)

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_IP_PROTOCOL_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_ip_protocol_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_IP_PROTOCOL_OPS_SIZE_2,
	.size_known = sizeof(struct banos_ip_protocol_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

static s64 driver_ip_protocol_receive(void *private, const struct banos_ip_packet *packet)
{
	const struct driver_ip_protocol *protocol = private;

	return gate_call(protocol->root, NULL, protocol->ops.receive, (u64)protocol->context,
			 (u64)packet, 1, sizeof(*packet), 0, 0);
}

/* ---- life ---- */

static int driver_ip_protocol_publish(struct owned *owned)
{
	net_ip_protocol_publish(&container_of(owned, struct driver_ip_protocol, owned)->handler);
	return 0;
}

static __cold int driver_ip_protocol_stop(struct owned *owned, u64 deadline_ns)
{
	return net_ip_protocol_stop(&container_of(owned, struct driver_ip_protocol, owned)->handler,
				    deadline_ns);
}

static void driver_ip_protocol_free(struct owned *owned)
{
	kfree(container_of(owned, struct driver_ip_protocol, owned));
}

static const struct owned_class ip_protocol_class = {
	.name = "IP protocol",
	.names = "IP protocols",
	.kind = OWNED_IP_PROTOCOL,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct driver_ip_protocol) + HANDLE_BYTES,
	.late = true,
	.publish = driver_ip_protocol_publish,
	.stop = driver_ip_protocol_stop,
	.free = driver_ip_protocol_free,
};

/* ---- registration ---- */

static __cold const char *ip_protocol_bad_field(const struct banos_ip_protocol_config *config)
{
	if (!config->families || config->families & ~FAMILIES)
		return "config->families is 0, or has an unknown bit";
	if (config->number > NUMBER_MOST)
		return "config->number is over 255";
	if (config->zero)
		return "config->zero is not 0";
	return NULL;
}

static __cold int ip_protocol_take_config(struct driver_ip_protocol *protocol,
					  const struct banos_ip_protocol_config *from)
{
	static const char function[] = "banos_ip_protocol_register";
	struct banos_ip_protocol_config config;
	int err = api_struct_read(function, &config_rule, from, &config);
	const char *what = NULL;

	if (!err)
		what = ip_protocol_bad_field(&config);
	if (what)
		return api_mistake(function, -EINVAL, what);
	if (err)
		return err;
	protocol->handler.receive = driver_ip_protocol_receive;
	protocol->handler.private = protocol;
	protocol->handler.party = packet_party(protocol->root);
	protocol->handler.families = config.families;
	protocol->handler.number = config.number;
	protocol->context = config.context;
	protocol->ops.size = sizeof(protocol->ops);
	return api_methods_read(function, &ops_rule, protocol->root, config.ops, &protocol->ops,
				NULL);
}

__cold int64_t banos_ip_protocol_register(banos_owner owner,
					  const struct banos_ip_protocol_config *config,
					  banos_ip_protocol *handle)
{
	struct owner *asked;
	struct driver_ip_protocol *fresh;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	asked = api_holder(__func__, owner, handle, "handle", HOLDER_STAYS, &err);
	if (!asked)
		return err;
	fresh = kzalloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->root = asked->root;
	err = ip_protocol_take_config(fresh, config);
	if (!err)
		err = packet_purse_open(asked->root);
	if (!err)
		err = owned_add_held(asked, &fresh->owned, &ip_protocol_class, true);
	if (err) {
		kfree(fresh);
		return err;
	}
	*handle = (banos_ip_protocol)fresh->owned.handle;
	err = net_ip_protocol_claim(&fresh->handler);
	if (!err)
		return owned_offer(&fresh->owned);
	owned_remove(&fresh->owned);
	owned_put(&fresh->owned);
	return err;
}
BANOS_EXPORT(banos_ip_protocol_register);

__cold int64_t banos_ip_protocol_remove(banos_ip_protocol handle)
{
	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	return api_remove(__func__, "handle", (u64)handle, &ip_protocol_class);
}
BANOS_EXPORT(banos_ip_protocol_remove);

/* ---- packets ---- */

static s64 ip_packets_check(const char *function, const struct banos_ip_packet *packets,
			    uint32_t count, uint32_t stride)
{
	if (api_holds_spinlock())
		return api_mistake(function, -EINVAL, "called with a spin lock");
	if (stride < sizeof(*packets))
		return api_mistake(function, -EINVAL, "stride is less than a packet's size");
	return net_packets_check(function, (const struct banos_net_packet *)packets, count,
				 PACKETS_MOST, stride);
}

/* The caller's packet becomes the kernel's. @return NULL: it does not hold it, or it is bad (and freed) */
static struct packet *ip_packet_take(const u8 *from, struct banos_ip_packet *about)
{
	struct packet_list frames = { 0 };

	memcpy(about, from, sizeof(*about));
	if (about->packet.flags & BANOS_PACKET_MORE)
		about->packet.length = ~0u; /* refused, and freed */
	(void)net_frames_take((const u8 *)&about->packet, 1, sizeof(about->packet), true, &frames);
	return packet_list_take(&frames);
}

int64_t banos_protocol_deliver(banos_protocol protocol, const struct banos_ip_packet *packets,
			       uint32_t count, uint32_t stride)
{
	const u8 *from = (const u8 *)packets;
	bool refused = false, is_callers;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	err = ip_packets_check(__func__, packets, count, stride);
	if (err)
		return err;
	is_callers = protocol_is_callers(protocol);
	for (u32 i = 0; i < count; i++, from += stride) {
		struct banos_ip_packet about;
		struct packet *packet = ip_packet_take(from, &about);

		if (packet && is_callers)
			net_ip_deliver(packet, &about);
		else
			packet_free(packet);
		refused |= !packet;
	}
	if (!is_callers)
		return api_entry_mistake(__func__, "protocol", -EINVAL);
	if (refused)
		return MISTAKE(
			"packets has one that the driver does not hold, or that is not in it");
	return 0;
}
BANOS_EXPORT(banos_protocol_deliver);

/* What the handle has taken; 0: it is none of the caller's. */
static u32 ip_protocol_families(banos_ip_protocol handle, u32 *number)
{
	const struct owned *owned;
	u32 families = 0;

	rcu_read_lock();
	owned = api_peek((u64)handle, &ip_protocol_class);
	if (owned) {
		const struct net_ip_protocol *handler =
			&container_of(owned, struct driver_ip_protocol, owned)->handler;

		families = handler->families;
		*number = handler->number;
	}
	rcu_read_unlock();
	return families;
}

static bool ip_packet_is_good(const struct banos_ip_packet *about, u32 families)
{
	u32 bit = 0;

	if (about->family == BANOS_FAMILY_IPV4)
		bit = BANOS_IP_PROTOCOL_IPV4;
	else if (about->family == BANOS_FAMILY_IPV6)
		bit = BANOS_IP_PROTOCOL_IPV6;
	return bit & families && about->hops <= HOPS_MOST;
}

int64_t banos_ip_protocol_send(banos_ip_protocol handle, const struct banos_ip_packet *packets,
			       uint32_t count, uint32_t stride)
{
	const u8 *from = (const u8 *)packets;
	u32 families, number = 0;
	bool refused = false;
	s64 err, result = 0;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	err = ip_packets_check(__func__, packets, count, stride);
	if (err)
		return err;
	families = ip_protocol_families(handle, &number);
	for (u32 i = 0; i < count; i++, from += stride) {
		struct banos_ip_packet about;
		struct packet *packet = ip_packet_take(from, &about);

		if (!packet || !ip_packet_is_good(&about, families)) {
			packet_free(packet);
			refused = true;
			continue;
		}
		about.number = number;
		err = net_ip_send(packet, &about);
		if (err)
			result = err;
	}
	if (!families)
		return api_entry_mistake(__func__, "handle", -EINVAL);
	if (refused)
		return MISTAKE(
			"packets has one that the driver does not hold, of a family that it has not taken, or with hops over 255");
	return result;
}
BANOS_EXPORT(banos_ip_protocol_send);
