// SPDX-License-Identifier: MIT
/*
 * <banos/packet_hook.h>: packet hooks of drivers. What is done with them is in net/hook.c.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/packet_hook.h>
#include <kernel/string.h>
#include "network.h"

struct driver_hook {
	struct owned owned;
	struct owner *root;
	struct net_hook hook;
	void *context;
	struct banos_packet_hook_ops ops;
};

#define ETHERTYPE_LEAST 0x600u
#define ETHERTYPE_MOST	0xffffu
#define HELD_MAX	16384u
#define HELD_MAX_BYTES	(64ull << 20)
#define CONTINUE_MAX	1024u
#define STACK_POINTS	(BANOS_HOOK_INPUT | BANOS_HOOK_FORWARD | BANOS_HOOK_OUTPUT)

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_PACKET_HOOK_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_packet_hook_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_PACKET_HOOK_OPS_SIZE_2,
	.size_known = sizeof(struct banos_packet_hook_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};
_Static_assert(sizeof(struct banos_hook_place) >= BANOS_HOOK_PLACE_SIZE_2, "filled by the kernel");

static s64 driver_hook_packets(void *private, const struct banos_hook_place *place,
			       struct banos_net_packet *packets, u32 count, u64 *verdicts)
{
	const struct driver_hook *hook = private;

	return gate_call(hook->root, NULL, hook->ops.packets, (u64)hook->context, (u64)place,
			 (u64)packets, count, sizeof(*packets), (u64)verdicts);
}

/* ---- life ---- */

static int driver_hook_publish(struct owned *owned)
{
	return net_hook_publish(&container_of(owned, struct driver_hook, owned)->hook);
}

static __cold int driver_hook_stop(struct owned *owned, u64 deadline_ns)
{
	return net_hook_stop(&container_of(owned, struct driver_hook, owned)->hook, deadline_ns);
}

static void driver_hook_free(struct owned *owned)
{
	struct driver_hook *hook = container_of(owned, struct driver_hook, owned);

	kfree(hook->hook.counts);
	kfree(hook);
}

static const struct owned_class hook_class = {
	.name = "packet hook",
	.names = "packet hooks",
	.kind = OWNED_PACKET_HOOK,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct driver_hook) + sizeof(struct net_hook_counts) + HANDLE_BYTES,
	.late = true,
	.publish = driver_hook_publish,
	.stop = driver_hook_stop,
	.free = driver_hook_free,
};

/* ---- registration ---- */

static __cold const char *hook_bad_field(const struct banos_packet_hook_config *config)
{
	if (!config->points || config->points & ~NET_HOOK_ALL)
		return "config->points is 0, or has an unknown bit";
	if (config->ethertype &&
	    (config->ethertype < ETHERTYPE_LEAST || config->ethertype > ETHERTYPE_MOST))
		return "config->ethertype is neither 0 nor between 0x600 and 0xffff";
	if (config->held_max > HELD_MAX || config->held_bytes > HELD_MAX_BYTES)
		return "config->held_max is over 16384, or held_bytes over 64 MiB";
	if (!text_is_word(config->name, sizeof(config->name)))
		return "config->name is not letters, digits and _ - . with an end";
	if (config->zero)
		return "config->zero is not 0";
	return NULL;
}

static __cold int driver_hook_take_config(struct driver_hook *hook,
					  const struct banos_packet_hook_config *from)
{
	static const char function[] = "banos_packet_hook_register";
	struct banos_packet_hook_config config;
	int err = api_struct_read(function, &config_rule, from, &config);
	const char *what = NULL;

	if (!err)
		what = hook_bad_field(&config);
	if (what)
		return api_mistake(function, -EINVAL, what);
	if (err)
		return err;
	hook->hook.packets = driver_hook_packets;
	hook->hook.private = hook;
	hook->hook.root = hook->root;
	hook->hook.party = packet_party(hook->root);
	hook->hook.points = config.points;
	hook->hook.order = config.order;
	hook->hook.ethertype = config.ethertype;
	hook->hook.held_max = config.held_max;
	hook->hook.held_max_bytes = config.held_bytes;
	memcpy(hook->hook.name, config.name, sizeof(config.name));
	hook->context = config.context;
	hook->ops.size = sizeof(hook->ops);
	return api_methods_read(function, &ops_rule, hook->root, config.ops, &hook->ops, NULL);
}

static __cold struct driver_hook *driver_hook_create(struct owner *root)
{
	struct driver_hook *fresh = kzalloc(sizeof(*fresh));

	if (!fresh)
		return NULL;
	fresh->root = root;
	fresh->hook.counts = kcalloc(cpu_count, sizeof(*fresh->hook.counts));
	if (fresh->hook.counts)
		return fresh;
	kfree(fresh);
	return NULL;
}

__cold int64_t banos_packet_hook_register(banos_owner owner,
					  const struct banos_packet_hook_config *config,
					  banos_packet_hook *hook)
{
	struct owner *asked;
	struct driver_hook *fresh;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_HOOKS))
		return -EOPNOTSUPP;
	asked = api_holder(__func__, owner, hook, "hook", HOLDER_STAYS, &err);
	if (!asked)
		return err;
	fresh = driver_hook_create(asked->root);
	if (!fresh)
		return -ENOMEM;
	err = driver_hook_take_config(fresh, config);
	if (!err)
		err = packet_purse_open(asked->root);
	if (!err)
		err = owned_add_held(asked, &fresh->owned, &hook_class, true);
	if (err) {
		driver_hook_free(&fresh->owned);
		return err;
	}
	*hook = (banos_packet_hook)fresh->owned.handle;
	return owned_offer(&fresh->owned);
}
BANOS_EXPORT(banos_packet_hook_register);

__cold int64_t banos_packet_hook_remove(banos_packet_hook hook)
{
	if (!IS_ENABLED(CONFIG_NET_HOOKS))
		return -EOPNOTSUPP;
	return api_remove(__func__, "hook", (u64)hook, &hook_class);
}
BANOS_EXPORT(banos_packet_hook_remove);

/* ---- frames ---- */

#define NOT_HELD "packets has one that the driver does not hold, or whose frame is not in it"

int64_t banos_packet_hook_continue(banos_packet_hook hook, const struct banos_net_packet *packets,
				   uint32_t count, uint32_t stride)
{
	struct owned *owned;
	u32 refused;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_HOOKS))
		return -EOPNOTSUPP;
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	err = net_packets_check(__func__, packets, count, CONTINUE_MAX, stride);
	if (err)
		return err;
	owned = api_get((u64)hook, &hook_class);
	if (!owned)
		return api_entry_mistake(__func__, "hook", -EINVAL);
	refused = net_hook_continue(&container_of(owned, struct driver_hook, owned)->hook,
				    (const u8 *)packets, count, stride);
	owned_put(owned);
	if (unlikely(refused))
		return MISTAKE(NOT_HELD);
	return 0;
}
BANOS_EXPORT(banos_packet_hook_continue);

/* Those that have passed are the driver's again. @return how many packets there are */
static u32 frames_give_back(struct packet_list *frames, u8 *packets, u32 count, u32 stride)
{
	u32 party = packet_party(gate_owner()), given = 0;
	struct packet *frame;

	while ((frame = packet_list_take(frames))) {
		struct packet *more;

		for (struct packet *part = frame; part; part = more) {
			struct banos_net_packet about;

			more = part->more;
			packet_give(part, party, &about, false);
			memcpy(packets + (u64)stride * given++, &about, sizeof(about));
		}
	}
	return given;
}

int64_t banos_protocol_hooks(banos_protocol protocol, uint32_t point, uint32_t interface,
			     struct banos_net_packet *packets, uint32_t count, uint32_t stride)
{
	struct packet_list frames = { 0 };
	u32 refused;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	if (likely(!net_hooks_at(point)))
		return count;
	if (!(point & STACK_POINTS) || point & (point - 1))
		return MISTAKE("point is not BANOS_HOOK_INPUT, _FORWARD or _OUTPUT");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	err = net_packets_check(__func__, packets, count, CONTINUE_MAX, stride);
	if (err)
		return err;
	if (!api_may_write(packets, (u64)count * stride))
		return MISTAKE("packets, count of stride bytes, are not the driver's memory");
	refused = net_frames_take((const u8 *)packets, count, stride, point == BANOS_HOOK_OUTPUT,
				  &frames);
	if (unlikely(!protocol_is_callers(protocol) || refused)) {
		packets_free(&frames);
		return MISTAKE("protocol, or one of packets, the driver does not hold");
	}
	for (struct packet *frame = frames.first; frame; frame = frame->next) {
		if (point == BANOS_HOOK_OUTPUT)
			frame->interface = interface;
		else if (frame->length && packet_bytes(frame)[0] & 1)
			frame->flags |= BANOS_PACKET_BROADCAST;
	}
	net_hooks_run(point, interface, &frames);
	return frames_give_back(&frames, (u8 *)packets, count, stride);
}
BANOS_EXPORT(banos_protocol_hooks);

int64_t banos_packet_hook_points(uint32_t points)
{
	if (!IS_ENABLED(CONFIG_NET_HOOKS))
		return 0;
	return READ_ONCE(net_hook_points) & points;
}
BANOS_EXPORT(banos_packet_hook_points);
