/* SPDX-License-Identifier: MIT */
/*
 * The filter's driver: its hook, what it learns of interfaces, and its life. What is decided is in decide.c, the devices in device.c.
 *
 * One spin lock guards rules, connections and interfaces; it is taken once for a batch of frames. Rules that are replaced are freed behind it.
 */
#include "filter.h"
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/packet_hook.h>
#include <banos/random.h>
#include <banos/string.h>
#include <banos/time.h>

static uint32_t connections = 4096;
BANOS_PARAM_U32(connections, 64, 65536, "that are tracked at a time; rounded up to a power of two");

#define POINTS                                                                            \
	(BANOS_HOOK_RECEIVE | BANOS_HOOK_INPUT | BANOS_HOOK_FORWARD | BANOS_HOOK_OUTPUT | \
	 BANOS_HOOK_TRANSMIT)
#define ARRIVES	       (BANOS_HOOK_RECEIVE | BANOS_HOOK_INPUT | BANOS_HOOK_FORWARD)
#define INTERFACES_MAX 64u
#define ADDRESSES_MAX  8u
#define SWEEP	       4u /* connections that are looked at in a batch of frames */

banos_owner filter_owner;
struct filter filter;
struct banos_spinlock filter_lock; /* guards filter and interfaces */

static struct interface {
	uint32_t index; /* 0: none */
	char name[16];
	uint32_t naddresses;
	uint8_t addresses[ADDRESSES_MAX][4]; /* of IPv4; the first one is used */
} interfaces[INTERFACES_MAX];

/* ---- interfaces; under the lock ---- */

static struct interface *interface_find(uint32_t index)
{
	for (uint32_t i = 0; i < INTERFACES_MAX; i++)
		if (interfaces[i].index == index)
			return &interfaces[i];
	return NULL;
}

static bool interface_has_name(const char *one, const char *other)
{
	return !memcmp(one, other, RULE_NAME); /* both are filled up with NULs */
}

static uint32_t interface_named(const char *name)
{
	for (uint32_t i = 0; i < INTERFACES_MAX && name[0]; i++)
		if (interfaces[i].index && interface_has_name(interfaces[i].name, name))
			return interfaces[i].index;
	return 0;
}

void filter_resolve(struct rule_set *set)
{
	for (uint32_t i = 0; set && i < set->count; i++) {
		set->rules[i].in_index = interface_named(set->rules[i].in);
		set->rules[i].out_index = interface_named(set->rules[i].out);
	}
}

static bool interface_address(void *context, uint32_t index, uint8_t *address)
{
	const struct interface *interface = index ? interface_find(index) : NULL;

	if (!interface || !interface->naddresses)
		return false;
	memcpy(address, interface->addresses[0], 4);
	return true;
}

static int64_t filter_interface(void *context, uint32_t event,
				const struct banos_interface *interface)
{
	struct interface *entry;

	banos_spin_lock(&filter_lock);
	entry = interface_find(interface->index);
	if (!entry)
		entry = interface_find(0);
	if (entry && event == BANOS_INTERFACE_REMOVED) {
		*entry = (struct interface){ 0 };
	} else if (entry) {
		entry->index = interface->index;
		memcpy(entry->name, interface->name, sizeof(entry->name));
	}
	filter_resolve(filter.rules);
	banos_spin_unlock(&filter_lock);
	return 0;
}

static void interface_note_address(struct interface *interface, const uint8_t *address, bool added)
{
	uint32_t at = 0;

	while (at < interface->naddresses && memcmp(interface->addresses[at], address, 4))
		at++;
	if (added && at == interface->naddresses && at < ADDRESSES_MAX) {
		memcpy(interface->addresses[interface->naddresses++], address, 4);
	} else if (!added && at < interface->naddresses) {
		interface->naddresses--;
		memmove(interface->addresses[at], interface->addresses[at + 1],
			(interface->naddresses - at) * 4);
	}
}

static int64_t filter_configure(void *context, uint32_t event,
				const struct banos_net_setting *setting)
{
	struct interface *entry = NULL;

	if (setting->kind != BANOS_SETTING_ADDRESS || setting->family != BANOS_FAMILY_IPV4)
		return 0;
	banos_spin_lock(&filter_lock);
	if (setting->interface)
		entry = interface_find(setting->interface);
	if (entry)
		interface_note_address(entry, setting->address, event == BANOS_SETTING_ADD);
	banos_spin_unlock(&filter_lock);
	return 0;
}

/* It is registered for no EtherType: it is told of interfaces alone. */
static int64_t filter_receive(void *context, const struct banos_net_packet *packets, uint32_t count,
			      uint32_t stride)
{
	return banos_packet_free(packets, count, stride);
}

/* ---- frames ---- */

static uint64_t packet_decide(const struct banos_hook_place *place, struct banos_net_packet *packet,
			      uint64_t now_ns)
{
	struct flow_frame frame = { .bytes = packet->bytes,
				    .length = packet->length,
				    .room = packet->room,
				    .more = packet->flags & BANOS_PACKET_MORE,
				    .partial = packet->flags & BANOS_PACKET_PARTIAL };
	uint32_t in = 0, out = packet->interface;
	enum decision decision;

	if (place->point & ARRIVES) {
		in = packet->interface;
		out = place->out;
	}
	decision = filter_decide(&filter, place->point, in, out, &frame, now_ns);
	if (decision == DECIDE_DROP)
		return BANOS_VERDICT_DROP;
	if (decision == DECIDE_PASS)
		return BANOS_VERDICT_PASS;
	packet->length = frame.length;
	packet->flags = BANOS_PACKET_CHECKED; /* whole, with all checksums */
	return BANOS_VERDICT_ANSWERED;
}

static int64_t filter_packets(void *context, const struct banos_hook_place *place,
			      struct banos_net_packet *packets, uint32_t count, uint32_t stride,
			      uint64_t *verdicts)
{
	uint8_t *at = (uint8_t *)packets;
	uint64_t now_ns;
	bool head = true;

	if (!__atomic_load_n(&filter.rules, __ATOMIC_RELAXED))
		return 0;
	now_ns = banos_time_ns();
	banos_spin_lock(&filter_lock);
	track_sweep(&filter.table, now_ns, SWEEP);
	for (uint32_t i = 0; i < count; i++, at += stride) {
		struct banos_net_packet *packet = (struct banos_net_packet *)at;
		bool more = packet->flags & BANOS_PACKET_MORE;

		/* What was sent to another machine is nobody's here, and must not change what is known of connections. */
		if (head && !(packet->flags & BANOS_PACKET_FOREIGN))
			verdicts[i] = packet_decide(place, packet, now_ns);
		head = !more;
	}
	banos_spin_unlock(&filter_lock);
	return 0;
}

/* ---- life ---- */

static int64_t filter_make_table(banos_owner self)
{
	struct track_table *table = &filter.table;
	int64_t error = banos_random(table->secret, sizeof(table->secret));

	table->max = 64;
	while (table->max < connections)
		table->max *= 2;
	table->tracks = banos_alloc(self, (uint64_t)table->max * sizeof(*table->tracks), 0);
	table->heads = banos_alloc(self, (uint64_t)table->max * sizeof(*table->heads), 0);
	if (error)
		return error;
	if (!table->tracks || !table->heads)
		return -ENOMEM;
	track_init(table);
	filter.address_of = interface_address;
	return banos_spin_init(&filter_lock);
}

static int64_t filter_register(banos_owner self)
{
	static const struct banos_protocol_ops protocol_ops = { .size = sizeof(protocol_ops),
								.receive = filter_receive,
								.interface = filter_interface,
								.configure = filter_configure };
	static const struct banos_protocol_config protocol = { .size = sizeof(protocol),
							       .ops = &protocol_ops };
	static const struct banos_packet_hook_ops ops = { .size = sizeof(ops),
							  .packets = filter_packets };
	static const struct banos_packet_hook_config config = {
		.size = sizeof(config), .points = POINTS, .name = "filter", .ops = &ops
	};
	banos_protocol learns;
	banos_packet_hook hook;
	int64_t error = banos_protocol_register(self, &protocol, &learns);

	if (error)
		return error;
	return banos_packet_hook_register(self, &config, &hook);
}

static int64_t filter_init(banos_owner self)
{
	int64_t error = filter_make_table(self);

	filter_owner = self;
	if (!error)
		error = filter_devices_register(self);
	if (!error)
		error = filter_register(self);
	return error;
}

static int64_t filter_exit(banos_owner self)
{
	banos_free(self, filter.rules);
	banos_free(self, filter.table.tracks);
	banos_free(self, filter.table.heads);
	return 0;
}

BANOS_DRIVER(filter, "1.0", "MIT", "A packet filter with connections and translation", filter_init,
	     filter_exit);
