// SPDX-License-Identifier: MIT
/*
 * <banos/network.h>: network devices of drivers. What is done with them is in net/.
 *
 * A device has a handle of its own instead of that of an owned object, which is void as soon as the
 * object is being removed: packets may be given back until the removal has finished.
 */
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/handle.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include <uapi/net.h>
#include "network.h"

struct driver_net {
	struct owned owned;
	struct owner *owner, *root;
	struct net_device *device;
	u64 handle;
	void *context;
	struct banos_net_ops ops;
};

#define NET_FLAGS (BANOS_NET_NO_DMA | BANOS_NET_POINT_TO_POINT | BANOS_NET_NO_CARRIER)
#define NET_OFFLOADS                                                                       \
	(BANOS_NET_TX_CHECKSUM | BANOS_NET_RX_CHECKSUM | BANOS_NET_TSO4 | BANOS_NET_TSO6 | \
	 BANOS_NET_LRO | BANOS_NET_SCATTER)
#define MTU_MAX		   65535u
#define TX_DEPTH_MAX	   4096u
#define RX_DEPTH_MAX	   4096u
#define RX_ROOM_MAX	   65536u
#define HEADROOM_MAX	   64u
#define SEGMENTS_MAX	   64u
#define ADDRESS_BITS_LEAST 32u
#define ADDRESS_BITS_MOST  64u
#define RECEIVE_MAX	   1024u
#define TRANSMITTED_MAX	   4096u

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_NET_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_net_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_NET_OPS_SIZE_2,
	.size_known = sizeof(struct banos_net_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

/* ---- methods ---- */

static int64_t default_start(void *context)
{
	return 0;
}
static int64_t default_refill(void *context, uint32_t queue, const struct banos_net_packet *packets,
			      uint32_t count, uint32_t stride)
{
	return 0;
}
static int64_t default_set_filter(void *context, uint32_t flags,
				  const struct banos_net_address *addresses, uint32_t count,
				  uint32_t stride)
{
	return 0;
}
static int64_t default_set_address(void *context, const struct banos_net_address *address)
{
	return -EOPNOTSUPP;
}
static int64_t default_set_mtu(void *context, uint32_t mtu)
{
	return 0;
}

static const struct banos_net_ops default_net_ops = {
	API_DEFAULTS(struct banos_net_ops),
	.start = default_start,
	.stop = default_start,
	.refill = default_refill,
	.set_filter = default_set_filter,
	.set_address = default_set_address,
	.set_mtu = default_set_mtu,
};

static s64 driver_net_call(const struct net_device *device, const void *method, u64 second,
			   u64 third, u64 fourth, u64 fifth)
{
	const struct driver_net *net = device->private;
	u32 excused = gate_excuse_locks(); /* of interfaces, above */
	s64 result;

	result = gate_call(net->root, NULL, method, (u64)net->context, second, third, fourth, fifth,
			   0);
	gate_excuse_end(excused);
	return result;
}

static const struct banos_net_ops *net_ops(const struct net_device *device)
{
	return &((const struct driver_net *)device->private)->ops;
}

static __cold s64 driver_net_start(struct net_device *device)
{
	return driver_net_call(device, net_ops(device)->start, 0, 0, 0, 0);
}
static __cold s64 driver_net_stop(struct net_device *device)
{
	return driver_net_call(device, net_ops(device)->stop, 0, 0, 0, 0);
}
static s64 driver_net_transmit(struct net_device *device, u32 queue,
			       const struct banos_net_packet *packets, u32 count)
{
	return driver_net_call(device, net_ops(device)->transmit, queue, (u64)packets, count,
			       sizeof(*packets));
}
static s64 driver_net_refill(struct net_device *device, u32 queue,
			     const struct banos_net_packet *packets, u32 count)
{
	return driver_net_call(device, net_ops(device)->refill, queue, (u64)packets, count,
			       sizeof(*packets));
}
static __cold s64 driver_net_set_filter(struct net_device *device, u32 flags,
					const struct banos_net_address *groups, u32 count)
{
	return driver_net_call(device, net_ops(device)->set_filter, flags, (u64)groups, count,
			       sizeof(*groups));
}
static __cold s64 driver_net_set_address(struct net_device *device,
					 const struct banos_net_address *address)
{
	return driver_net_call(device, net_ops(device)->set_address, (u64)address, 0, 0, 0);
}
static __cold s64 driver_net_set_mtu(struct net_device *device, u32 mtu)
{
	return driver_net_call(device, net_ops(device)->set_mtu, mtu, 0, 0, 0);
}

static const struct net_methods driver_net_methods = {
	.start = driver_net_start,
	.stop = driver_net_stop,
	.transmit = driver_net_transmit,
	.refill = driver_net_refill,
	.set_filter = driver_net_set_filter,
	.set_address = driver_net_set_address,
	.set_mtu = driver_net_set_mtu,
};

/* ---- life ---- */

static int driver_net_publish(struct owned *owned)
{
	return net_device_publish(container_of(owned, struct driver_net, owned)->device);
}

static __cold int driver_net_stop_owned(struct owned *owned, u64 deadline_ns)
{
	struct driver_net *net = container_of(owned, struct driver_net, owned);
	int err = net_device_stop(net->device, deadline_ns);

	if (err)
		return err;
	handle_destroy(net->handle);
	synchronize_rcu();
	net_device_destroy(net->device);
	return 0;
}

static void driver_net_free(struct owned *owned)
{
	kfree(container_of(owned, struct driver_net, owned));
}

static const struct owned_class net_class = {
	.name = "network device",
	.names = "network devices",
	.kind = OWNED_NET,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct driver_net) + sizeof(struct net_device) + HANDLE_BYTES,
	.late = true,
	.publish = driver_net_publish,
	.stop = driver_net_stop_owned,
	.free = driver_net_free,
};

/* In an RCU section. @return NULL: not a device of the caller's */
static struct net_device *driver_net_peek(banos_net handle)
{
	struct owned *owned = handle_find((u64)handle, OWNED_NET);
	struct driver_net *net;

	if (!owned || owned->class != &net_class)
		return NULL;
	net = container_of(owned, struct driver_net, owned);
	if (net->root != gate_owner())
		return NULL;
	return net->device;
}

/* ---- registration ---- */

static __cold const char *bad_sizes(const struct banos_net_config *config)
{
	u32 mtu = config->mtu ?: 1500;

	if (mtu < NET_MTU_LEAST || mtu > MTU_MAX)
		return "config->mtu is less than 68, or over 65535";
	if (config->mtu_max && (config->mtu_max < mtu || config->mtu_max > MTU_MAX))
		return "config->mtu_max is less than mtu, or over 65535";
	if (!config->tx_queues || config->tx_queues > NET_QUEUES_MAX || !config->rx_queues ||
	    config->rx_queues > NET_QUEUES_MAX)
		return "config->tx_queues or rx_queues is 0, or over 64";
	if (config->tx_depth > TX_DEPTH_MAX || config->rx_depth > RX_DEPTH_MAX)
		return "config->tx_depth or rx_depth is over 4096";
	if (config->rx_room > RX_ROOM_MAX)
		return "config->rx_room is over 65536";
	if (config->headroom > HEADROOM_MAX)
		return "config->headroom is over 64";
	return NULL;
}

static __cold bool net_name_is_valid(const char *name)
{
	size_t length = strnlen(name, BANOS_NET_NAME_SIZE);
	u32 marks = 0;

	if (!length || length == BANOS_NET_NAME_SIZE)
		return false;
	for (const char *at = name; *at; at++) {
		char letter = *at | 32;

		if (*at == '#')
			marks++;
		else if (!(letter >= 'a' && letter <= 'z') && !(*at >= '0' && *at <= '9'))
			return false;
	}
	return marks <= 1 && name[0] != '#';
}

static __cold const char *network_bad_field(const struct banos_net_config *config,
					    const struct owner *owner)
{
	bool scatter = config->offloads & BANOS_NET_SCATTER;

	if (config->flags & ~NET_FLAGS)
		return "config->flags has an unknown bit";
	if (config->offloads & ~NET_OFFLOADS)
		return "config->offloads has an unknown bit";
	if (!net_name_is_valid(config->name))
		return "config->name is not letters and digits with at most one #";
	if (config->address[0] & 1)
		return "config->address is that of a group";
	if (scatter != (config->segments_max >= 2) || config->segments_max > SEGMENTS_MAX)
		return "config->segments_max does not fit to BANOS_NET_SCATTER, or is over 64";
	if (config->address_bits &&
	    (config->address_bits < ADDRESS_BITS_LEAST || config->address_bits > ADDRESS_BITS_MOST))
		return "config->address_bits is neither 0 nor between 32 and 64";
	if (config->zero)
		return "config->zero is not 0";
	if (!owner->device && !(config->flags & BANOS_NET_NO_DMA))
		return "owner is no device on a bus, and config->flags lacks BANOS_NET_NO_DMA";
	return bad_sizes(config);
}

/* What its queues of empty packets hold, which nobody else can use, is at most half of the memory. */
static __cold bool net_fits_memory(const struct banos_net_config *config)
{
	u32 room = config->rx_room;
	struct mem_info mem;

	if (!room)
		room = MAX(config->mtu_max, config->mtu);
	room = MAX(room, PACKET_CELL_BYTES);
	mem_info_get(&mem);
	return (u64)config->rx_queues * config->rx_depth * room <= mem.total * PAGE_SIZE / 2;
}

static __cold int driver_net_create_device(struct driver_net *net,
					   const struct banos_net_config *config)
{
	struct net_device_config about = {
		.methods = &driver_net_methods,
		.private = net,
		.root = net->root,
		.bus = net->owner->device,
		.config = config,
		.flags = IFF_BROADCAST | IFF_MULTICAST,
		.type = ARPHRD_ETHER,
	};
	struct net_device *device;

	if (config->flags & BANOS_NET_POINT_TO_POINT)
		about.flags = IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
	device = net_device_create(&about);
	if (IS_ERR(device))
		return PTR_ERR(device);
	net->device = device;
	return 0;
}

static __cold int driver_net_take_config(struct driver_net *net,
					 const struct banos_net_config *from,
					 struct banos_net_config *config)
{
	static const char function[] = "banos_net_register";
	int err = api_struct_read(function, &config_rule, from, config);
	const char *what = NULL;

	if (!err)
		what = network_bad_field(config, net->owner);
	if (what)
		return api_mistake(function, -EINVAL, what);
	if (err)
		return err;
	if (!net_fits_memory(config))
		return -ENOMEM;
	net->context = config->context;
	net->ops.size = sizeof(net->ops);
	return api_methods_read(function, &ops_rule, net->root, config->ops, &net->ops,
				&default_net_ops);
}

/* All but publishing it. */
static __cold int driver_net_register(struct driver_net *net, const struct banos_net_config *from)
{
	struct banos_net_config config;
	int err = driver_net_take_config(net, from, &config);

	if (!err)
		err = packet_purse_open(net->root);
	if (!err)
		err = driver_net_create_device(net, &config);
	if (err)
		return err;
	net->handle = handle_create(&net->owned, OWNED_NET);
	err = -ENOMEM;
	if (net->handle)
		err = owned_add_held(net->owner, &net->owned, &net_class, false);
	if (!err)
		return 0;
	handle_destroy(net->handle);
	net_device_destroy(net->device); /* nobody has seen it */
	return err;
}

/* ---- the API ---- */

__cold int64_t banos_net_register(banos_owner owner, const struct banos_net_config *config,
				  banos_net *net)
{
	struct owner *asked;
	struct driver_net *fresh;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	asked = api_holder(__func__, owner, net, "net", HOLDER_STAYS, &err);
	if (!asked)
		return err;
	fresh = kzalloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->owner = asked;
	fresh->root = asked->root;
	err = driver_net_register(fresh, config);
	if (err) {
		synchronize_rcu(); /* its handle may have been tried */
		kfree(fresh);
		return err;
	}
	*net = (banos_net)fresh->handle;
	return owned_offer(&fresh->owned);
}
BANOS_EXPORT(banos_net_register);

__cold int64_t banos_net_remove(banos_net net)
{
	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	return api_remove(__func__, "net", (u64)net, &net_class);
}
BANOS_EXPORT(banos_net_remove);

/* What a call with packets of a device answers. @refused: -1: no such device, -2: no such queue */
static s64 net_answer(const char *function, s64 refused)
{
	if (likely(!refused))
		return 0;
	if (refused == -1)
		return api_entry_mistake(function, "net", -EINVAL);
	if (refused == -2)
		return api_mistake(function, -EINVAL, "queue is not below the number of queues");
	return api_mistake(
		function, -EINVAL,
		"packets has one that the driver does not hold, or whose frame is not in it");
}

int64_t banos_net_receive(banos_net net, uint32_t queue, const struct banos_net_packet *packets,
			  uint32_t count, uint32_t stride)
{
	struct net_device *device;
	s64 refused = -1;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	refused = net_packets_check(__func__, packets, count, RECEIVE_MAX, stride);
	if (refused)
		return refused;
	refused = -1;
	rcu_read_lock();
	device = driver_net_peek(net);
	if (device)
		refused = -2;
	if (device && queue < device->nrx)
		refused = net_device_receive(device, queue, (const u8 *)packets, count, stride);
	rcu_read_unlock();
	return net_answer(__func__, refused);
}
BANOS_EXPORT(banos_net_receive);

int64_t banos_net_transmitted(banos_net net, uint32_t queue, const struct banos_net_packet *packets,
			      uint32_t count, uint32_t stride)
{
	struct net_device *device;
	s64 refused = -1;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	refused = net_packets_check(__func__, packets, count, TRANSMITTED_MAX, stride);
	if (refused)
		return refused;
	refused = -1;
	rcu_read_lock();
	device = driver_net_peek(net);
	if (device)
		refused = -2;
	if (device && queue < device->ntx)
		refused = net_device_transmitted(device, queue, (const u8 *)packets, count, stride);
	rcu_read_unlock();
	return net_answer(__func__, refused);
}
BANOS_EXPORT(banos_net_transmitted);

__cold int64_t banos_net_carrier(banos_net net, uint32_t up, uint32_t mbit, uint32_t duplex)
{
	struct net_device *device;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	rcu_read_lock();
	device = driver_net_peek(net);
	if (device)
		net_device_set_carrier(device, up, mbit, duplex);
	rcu_read_unlock();
	if (!device)
		return api_entry_mistake(__func__, "net", -EINVAL);
	return 0;
}
BANOS_EXPORT(banos_net_carrier);

__cold int64_t banos_net_name(banos_net net, char *name, uint32_t length)
{
	const struct net_device *device;
	s64 result = -EINVAL;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	if (!api_may_write(name, length))
		return MISTAKE("name, with length bytes, is not the driver's memory");
	rcu_read_lock();
	device = driver_net_peek(net);
	if (device && strlen(device->name) < length)
		result = strscpy(name, device->name, length);
	rcu_read_unlock();
	if (result < 0 && device)
		return MISTAKE("the name does not fit into length bytes");
	if (result < 0)
		return api_entry_mistake(__func__, "net", -EINVAL);
	return result;
}
BANOS_EXPORT(banos_net_name);

__cold int64_t banos_net_memory_limit(void)
{
	struct mem_info info;

	if (!IS_ENABLED(CONFIG_NET_DEVICES))
		return -EOPNOTSUPP;
	mem_info_get(&info);
	return info.total * PAGE_SIZE / 8;
}
BANOS_EXPORT(banos_net_memory_limit);
