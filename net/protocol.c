// SPDX-License-Identifier: MIT
/*
 * Protocols: who gets the frames of an EtherType, and what they are told of interfaces and settings.
 *
 * The table by EtherType is read under RCU. All that protocols are told happens with net_lock, in one order for
 * all of them. A protocol that is being removed is called by nobody any more once it is out of the list and the table,
 * and net_receive_leaves() says so.
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/time.h>

#define TABLE_SIZE 64u /* EtherTypes that have a protocol */

static struct handler {
	u16 ethertype;
	struct net_protocol *protocol;
} handlers[TABLE_SIZE];
static u32 handler_count;      /* entries in use, some perhaps empty */
static DEFINE_LIST(protocols); /* net_lock */

struct net_protocol *net_protocol_find(u16 ethertype)
{
	u32 count = smp_load_acquire(&handler_count);

	for (u32 i = 0; i < count; i++)
		if (READ_ONCE(handlers[i].ethertype) == ethertype)
			return rcu_dereference(handlers[i].protocol);
	return NULL;
}

static struct handler *handler_for(u16 ethertype)
{
	struct handler *empty = NULL;

	assert_held(&net_lock);
	for (u32 i = 0; i < handler_count; i++) {
		if (handlers[i].ethertype == ethertype)
			return &handlers[i];
		if (!handlers[i].protocol)
			empty = &handlers[i];
	}
	if (!empty && handler_count < TABLE_SIZE)
		empty = &handlers[handler_count];
	return empty;
}

static int protocol_take_types(struct net_protocol *protocol)
{
	assert_held(&net_lock);
	for (u32 i = 0; i < ARRAY_SIZE(protocol->ethertypes); i++) {
		struct handler *handler;

		if (!protocol->ethertypes[i])
			continue;
		handler = handler_for(protocol->ethertypes[i]);
		if (!handler || (handler->protocol && handler->protocol != protocol))
			return -EBUSY;
		WRITE_ONCE(handler->ethertype, protocol->ethertypes[i]);
		rcu_assign_pointer(handler->protocol, protocol);
		if (handler == &handlers[handler_count])
			smp_store_release(&handler_count, handler_count + 1);
	}
	return 0;
}

static void protocol_drop_types(struct net_protocol *protocol)
{
	assert_held(&net_lock);
	for (u32 i = 0; i < handler_count; i++)
		if (handlers[i].protocol == protocol)
			rcu_assign_pointer(handlers[i].protocol, NULL);
}

/* ---- telling ---- */

static void protocol_tell(const struct net_protocol *protocol, const struct net_device *device,
			  u32 event)
{
	struct banos_interface interface;

	net_device_describe(device, &interface);
	(void)protocol->methods->interface(protocol->private, event, &interface);
}

void net_protocols_tell(const struct net_device *device, u32 event)
{
	const struct net_protocol *protocol;

	assert_held(&net_lock);
	list_for_each(protocol, &protocols, link)
		protocol_tell(protocol, device, event);
	if (IS_ENABLED(CONFIG_NETLINK))
		net_link_changed(device, event);
}

int net_protocols_configure(u32 event, const struct banos_net_setting *setting)
{
	struct net_protocol *protocol, *refuses = NULL;
	int err = 0;

	assert_held(&net_lock);
	list_for_each(protocol, &protocols, link) {
		s64 answer = protocol->methods->configure(protocol->private, event, setting);

		if (answer >= 0 || event == BANOS_SETTING_REMOVE || answer == -ENODEV)
			continue;
		refuses = protocol;
		err = answer;
		break;
	}
	if (!refuses)
		return 0;
	list_for_each(protocol, &protocols, link) {
		if (protocol == refuses)
			break;
		(void)protocol->methods->configure(protocol->private, BANOS_SETTING_REMOVE,
						   setting);
	}
	return err;
}

/* ---- life ---- */

static void protocol_tell_all(struct net_protocol *protocol)
{
	const struct net_device *device;

	assert_held(&net_lock);
	list_for_each(device, &net_devices, link)
		if (device->published)
			protocol_tell(protocol, device, BANOS_INTERFACE_ADDED);
	net_settings_tell(protocol);
	net_ip_protocols_tell(protocol);
}

int net_protocol_publish(struct net_protocol *protocol)
{
	int err = net_receive_start();

	if (err)
		return err;
	mutex_lock(&net_lock);
	if (protocol->dead)
		err = -ENODEV;
	for (u32 i = 0; i < ARRAY_SIZE(protocol->ethertypes) && !err; i++) {
		const struct handler *handler = handler_for(protocol->ethertypes[i]);

		if (protocol->ethertypes[i] && (!handler || handler->protocol))
			err = -EBUSY;
	}
	if (!err) {
		protocol_tell_all(protocol);
		list_add_tail(&protocol->link, &protocols);
		protocol->published = true;
		err = protocol_take_types(protocol);
	}
	mutex_unlock(&net_lock);
	return err;
}

int net_protocol_stop(struct net_protocol *protocol, u64 deadline_ns)
{
	while (!mutex_trylock(&net_lock)) {
		if (time_monotonic_ns() >= deadline_ns)
			return -EBUSY;
		sleep_ms(1);
	}
	__atomic_store_n(&protocol->dead, true, __ATOMIC_SEQ_CST);
	if (protocol->published) {
		protocol->published = false;
		list_del(&protocol->link);
		protocol_drop_types(protocol);
		net_groups_forget((u64)protocol);
	}
	mutex_unlock(&net_lock);
	net_settings_forget_reported(protocol);
	synchronize_rcu();
	while (atomic_read(&protocol->senders)) {
		if (time_monotonic_ns() >= deadline_ns)
			return -EBUSY;
		sleep_ms(1);
	}
	if (net_receive_leaves(protocol, deadline_ns))
		return 0;
	return -EBUSY;
}

int net_protocol_want_group(const struct net_protocol *protocol, u32 interface,
			    const struct banos_net_address *group, bool wanted)
{
	bool told = mutex_is_owner(&net_lock); /* it is being told something */
	struct net_device *device;
	int err = -ENODEV;

	if (!told)
		mutex_lock(&net_lock);
	device = net_device_find(interface);
	if (device && !protocol->dead)
		err = net_group_change(device, group, (u64)protocol, wanted);
	if (!told)
		mutex_unlock(&net_lock);
	return err;
}
