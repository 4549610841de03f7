// SPDX-License-Identifier: MIT
/*
 * <banos/protocol.h>: protocols of drivers, and what they do with interfaces. The rest is in net/.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/string.h>
#include "network.h"

struct driver_protocol {
	struct owned owned;
	struct owner *root;
	struct net_protocol protocol;
	void *context;
	struct banos_protocol_ops ops;
};

#define ETHERTYPE_LEAST 0x600u
#define ETHERTYPE_MOST	0xffffu
#define SEND_MAX	1024u

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_PROTOCOL_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_protocol_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_PROTOCOL_OPS_SIZE_2,
	.size_known = sizeof(struct banos_protocol_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};
static const struct struct_rule setting_rule = {
	.name = "setting",
	.size_least = BANOS_NET_SETTING_SIZE_2,
	.size_known = sizeof(struct banos_net_setting),
};
_Static_assert(sizeof(struct banos_interface) >= BANOS_INTERFACE_SIZE_2, "filled by the kernel");

/* ---- methods ---- */

static int64_t default_interface(void *context, uint32_t event,
				 const struct banos_interface *interface)
{
	return 0;
}
static int64_t default_configure(void *context, uint32_t event,
				 const struct banos_net_setting *setting)
{
	return 0;
}

static int64_t default_take(void *context, uint32_t event, uint32_t family, uint32_t number)
{
	return -EOPNOTSUPP;
}
static int64_t default_send(void *context, const struct banos_ip_packet *packets, uint32_t count,
			    uint32_t stride)
{
	return -EOPNOTSUPP;
}

static const struct banos_protocol_ops default_protocol_ops = {
	API_DEFAULTS(struct banos_protocol_ops),
	.interface = default_interface,
	.configure = default_configure,
	.take = default_take,
	.send = default_send,
};

static s64 driver_protocol_receive(void *private, const struct banos_net_packet *packets, u32 count)
{
	const struct driver_protocol *protocol = private;

	return gate_call(protocol->root, NULL, protocol->ops.receive, (u64)protocol->context,
			 (u64)packets, count, sizeof(*packets), 0, 0);
}

static __cold s64 driver_protocol_interface(void *private, u32 event,
					    const struct banos_interface *interface)
{
	const struct driver_protocol *protocol = private;
	u32 excused = gate_excuse_locks(); /* of interfaces */
	s64 result = gate_call(protocol->root, NULL, protocol->ops.interface,
			       (u64)protocol->context, event, (u64)interface, 0, 0, 0);

	gate_excuse_end(excused);
	return result;
}

static __cold s64 driver_protocol_configure(void *private, u32 event,
					    const struct banos_net_setting *setting)
{
	const struct driver_protocol *protocol = private;
	u32 excused = gate_excuse_locks(); /* of interfaces */
	s64 result = gate_call(protocol->root, NULL, protocol->ops.configure,
			       (u64)protocol->context, event, (u64)setting, 0, 0, 0);

	gate_excuse_end(excused);
	return result;
}

static __cold s64 driver_protocol_take(void *private, u32 event, u32 family, u32 number)
{
	const struct driver_protocol *protocol = private;
	u32 excused = gate_excuse_locks(); /* of interfaces */
	s64 result = gate_call(protocol->root, NULL, protocol->ops.take, (u64)protocol->context,
			       event, family, number, 0, 0);

	gate_excuse_end(excused);
	return result;
}

static s64 driver_protocol_send(void *private, const struct banos_ip_packet *packet)
{
	const struct driver_protocol *protocol = private;

	return gate_call(protocol->root, NULL, protocol->ops.send, (u64)protocol->context,
			 (u64)packet, 1, sizeof(*packet), 0, 0);
}

static const struct net_protocol_methods driver_protocol_methods = {
	.receive = driver_protocol_receive,
	.interface = driver_protocol_interface,
	.configure = driver_protocol_configure,
	.take = driver_protocol_take,
	.send = driver_protocol_send,
};

/* ---- life ---- */

static int driver_protocol_publish(struct owned *owned)
{
	return net_protocol_publish(&container_of(owned, struct driver_protocol, owned)->protocol);
}

static __cold int driver_protocol_stop(struct owned *owned, u64 deadline_ns)
{
	return net_protocol_stop(&container_of(owned, struct driver_protocol, owned)->protocol,
				 deadline_ns);
}

static void driver_protocol_free(struct owned *owned)
{
	kfree(container_of(owned, struct driver_protocol, owned));
}

static const struct owned_class protocol_class = {
	.name = "protocol",
	.names = "protocols",
	.kind = OWNED_PROTOCOL,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct driver_protocol) + HANDLE_BYTES,
	.late = true,
	.publish = driver_protocol_publish,
	.stop = driver_protocol_stop,
	.free = driver_protocol_free,
};

/* ---- registration ---- */

static __cold const char *protocol_bad_field(const struct banos_protocol_config *config)
{
	if (config->flags)
		return "config->flags has an unknown bit";
	for (u32 i = 0; i < ARRAY_SIZE(config->ethertypes); i++)
		if (config->ethertypes[i] && (config->ethertypes[i] < ETHERTYPE_LEAST ||
					      config->ethertypes[i] > ETHERTYPE_MOST))
			return "config->ethertypes has one that is not between 0x600 and 0xffff";
	return NULL;
}

static __cold int driver_protocol_take_config(struct driver_protocol *protocol,
					      const struct banos_protocol_config *from)
{
	static const char function[] = "banos_protocol_register";
	struct banos_protocol_config config;
	int err = api_struct_read(function, &config_rule, from, &config);
	const char *what = NULL;

	if (!err)
		what = protocol_bad_field(&config);
	if (what)
		return api_mistake(function, -EINVAL, what);
	if (err)
		return err;
	for (u32 i = 0; i < ARRAY_SIZE(config.ethertypes); i++)
		protocol->protocol.ethertypes[i] = config.ethertypes[i];
	protocol->protocol.methods = &driver_protocol_methods;
	protocol->protocol.private = protocol;
	protocol->protocol.party = packet_party(protocol->root);
	protocol->context = config.context;
	protocol->ops.size = sizeof(protocol->ops);
	return api_methods_read(function, &ops_rule, protocol->root, config.ops, &protocol->ops,
				&default_protocol_ops);
}

__cold int64_t banos_protocol_register(banos_owner owner,
				       const struct banos_protocol_config *config,
				       banos_protocol *protocol)
{
	struct owner *asked;
	struct driver_protocol *fresh;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	asked = api_holder(__func__, owner, protocol, "protocol", HOLDER_STAYS, &err);
	if (!asked)
		return err;
	fresh = kzalloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->root = asked->root;
	err = driver_protocol_take_config(fresh, config);
	if (!err)
		err = packet_purse_open(asked->root);
	if (!err)
		err = owned_add_held(asked, &fresh->owned, &protocol_class, true);
	if (err) {
		kfree(fresh);
		return err;
	}
	*protocol = (banos_protocol)fresh->owned.handle;
	return owned_offer(&fresh->owned);
}
BANOS_EXPORT(banos_protocol_register);

__cold int64_t banos_protocol_remove(banos_protocol protocol)
{
	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	return api_remove(__func__, "protocol", (u64)protocol, &protocol_class);
}
BANOS_EXPORT(banos_protocol_remove);

/* ---- sending ---- */

u32 net_frames_take(const u8 *packets, u32 count, u32 stride, bool outgoing,
		    struct packet_list *frames)
{
	u32 party = packet_party(gate_owner()), refused = 0;
	struct packet *frame = NULL, *last = NULL;
	bool skips = false; /* the rest of a frame that was refused */

	for (u32 i = 0; i < count; i++, packets += stride) {
		struct banos_net_packet from;
		struct packet *packet;

		memcpy(&from, packets, sizeof(from));
		rcu_read_lock(); /* its device may be removed meanwhile */
		packet = packet_claim(from.packet, party);
		if (packet)
			packet_release_use(packet, NULL);
		rcu_read_unlock();
		if (!packet || skips || !packet_describe(packet, &from)) {
			refused++;
			packet_free(packet);
			packet_free(frame);
			frame = NULL;
			skips = from.flags & BANOS_PACKET_MORE;
			continue;
		}
		if (outgoing) {
			packet->outgoing = true;
			packet->passed = 0;
		}
		if (frame)
			last->more = packet;
		else
			frame = packet;
		last = packet;
		if (from.flags & BANOS_PACKET_MORE)
			continue;
		packet_list_add(frames, frame);
		frame = NULL;
	}
	if (frame)
		refused++;
	packet_free(frame);
	return refused;
}

bool protocol_is_callers(banos_protocol protocol)
{
	bool found;

	rcu_read_lock();
	found = api_peek((u64)protocol, &protocol_class);
	rcu_read_unlock();
	return found;
}

int64_t banos_interface_transmit(banos_protocol protocol, uint32_t interface,
				 const struct banos_net_packet *packets, uint32_t count,
				 uint32_t stride)
{
	struct packet_list frames = { 0 };
	u32 refused;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	err = net_packets_check(__func__, packets, count, SEND_MAX, stride);
	if (err)
		return err;
	refused = net_frames_take((const u8 *)packets, count, stride, true, &frames);
	if (unlikely(!protocol_is_callers(protocol))) {
		packets_free(&frames);
		return api_entry_mistake(__func__, "protocol", -EINVAL);
	}
	err = net_transmit(interface, &frames);
	if (unlikely(refused))
		return MISTAKE(
			"packets has one that the driver does not hold, or whose frame is not in it");
	return err;
}
BANOS_EXPORT(banos_interface_transmit);

int64_t banos_interface_loop(banos_protocol protocol, uint32_t interface, uint32_t length)
{
	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	if (unlikely(!protocol_is_callers(protocol)))
		return api_entry_mistake(__func__, "protocol", -EINVAL);
	return net_loopback_pass(interface, length);
}
BANOS_EXPORT(banos_interface_loop);

/* ---- groups and settings ---- */

__cold int64_t banos_interface_group(banos_protocol protocol, uint32_t interface,
				     const struct banos_net_address *group, uint32_t wanted)
{
	struct banos_net_address address;
	struct owned *owned;
	s64 err = -ENODEV;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	if (!api_may_read(group, sizeof(*group)))
		return MISTAKE("group is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	memcpy(&address, group, sizeof(address));
	if (!(address.bytes[0] & 1) || wanted > 1)
		return MISTAKE("group is no group's address, or wanted is over 1");
	owned = api_get((u64)protocol, &protocol_class);
	if (!owned)
		return api_entry_mistake(__func__, "protocol", -EINVAL);
	err = net_protocol_want_group(&container_of(owned, struct driver_protocol, owned)->protocol,
				      interface, &address, wanted);
	owned_put(owned);
	return err;
}
BANOS_EXPORT(banos_interface_group);

static __cold const char *bad_setting(const struct banos_net_setting *setting)
{
	u32 bits = setting->family == BANOS_FAMILY_IPV4 ? 32 : 128;

	if (setting->kind < BANOS_SETTING_ADDRESS || setting->kind > BANOS_SETTING_NEIGHBOUR)
		return "setting->kind is unknown";
	if (setting->family != BANOS_FAMILY_IPV4 && setting->family != BANOS_FAMILY_IPV6)
		return "setting->family is unknown";
	if (setting->prefix > bits)
		return "setting->prefix is more than the address has bits";
	return NULL;
}

__cold int64_t banos_protocol_report(banos_protocol protocol, uint32_t event,
				     const struct banos_net_setting *setting)
{
	struct banos_net_setting about;
	struct owned *owned;
	const char *what;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (event != BANOS_SETTING_ADD && event != BANOS_SETTING_REMOVE)
		return MISTAKE("event is neither BANOS_SETTING_ADD nor _REMOVE");
	err = api_struct_read(__func__, &setting_rule, setting, &about);
	if (err)
		return err;
	what = bad_setting(&about);
	if (what)
		return MISTAKE(what);
	owned = api_get((u64)protocol, &protocol_class);
	if (!owned)
		return api_entry_mistake(__func__, "protocol", -EINVAL);
	err = net_setting_report(&container_of(owned, struct driver_protocol, owned)->protocol,
				 event, &about);
	owned_put(owned);
	return err;
}
BANOS_EXPORT(banos_protocol_report);
