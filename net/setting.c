// SPDX-License-Identifier: MIT
/*
 * Addresses, routes and neighbours of interfaces. Programs set them, protocols are asked; what protocols learn
 * (neighbours, addresses that a router announces) is kept beside these, and goes with its interface.
 *
 * Kept here, and not in the TCP/IP stack, so that they outlive it. Nothing is looked up here for a packet.
 *
 * Locks: net_lock for changes by programs; settings_lock (mutex) inside it for the lists, and alone for reports, so that a
 * protocol may report while it is asked something.
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <uapi/net.h>

#define SETTINGS_MAX 4096u /* of each kind, by programs */
#define REPORTED_MAX 1024u /* by a protocol */
#define KINDS	     5u

static DEFINE_MUTEX(settings_lock);
static struct list settings[KINDS] = {
	[BANOS_SETTING_ADDRESS] = LIST_INIT(settings[BANOS_SETTING_ADDRESS]),
	[BANOS_SETTING_ROUTE] = LIST_INIT(settings[BANOS_SETTING_ROUTE]),
	[BANOS_SETTING_NEIGHBOUR] = LIST_INIT(settings[BANOS_SETTING_NEIGHBOUR]),
	[BANOS_SETTING_FORWARD] = LIST_INIT(settings[BANOS_SETTING_FORWARD]),
};
static u32 counts[KINDS]; /* of programs */

#define PROTOCOL_KERNEL	  2u
#define TABLE_MAIN	  254u
#define SCOPE_LINK	  253u
#define SCOPE_HOST	  254u
#define FLAG_PERMANENT	  0x80u
#define FLAG_NO_DETECTION 0x02u
#define FLAG_TENTATIVE	  0x40u
#define FLAG_DEPRECATED	  0x20u
#define FLAGS_DUPLICATE	  0x48u /* tentative, and another station's, too */
#define METRIC_IPV6	  256u

/* ---- finding ---- */

static bool setting_has_key(const struct banos_net_setting *one,
			    const struct banos_net_setting *other)
{
	if (one->family != other->family || one->interface != other->interface ||
	    memcmp(one->address, other->address, sizeof(one->address)))
		return false;
	if (one->kind == BANOS_SETTING_ADDRESS)
		return one->prefix == other->prefix;
	if (one->kind == BANOS_SETTING_ROUTE)
		return one->prefix == other->prefix && one->metric == other->metric &&
		       one->table == other->table &&
		       !memcmp(one->other, other->other, sizeof(one->other));
	return true;
}

static struct net_setting *setting_find_locked(const struct banos_net_setting *about)
{
	struct net_setting *setting;

	assert_held(&settings_lock);
	list_for_each(setting, &settings[about->kind], link)
		if (setting_has_key(&setting->about, about))
			return setting;
	return NULL;
}

static u32 *setting_count(const struct net_setting *setting)
{
	if (setting->reporter)
		return &setting->reporter->reported;
	return &counts[setting->about.kind];
}

static void setting_tell_programs(u32 event, const struct net_setting *setting)
{
	if (IS_ENABLED(CONFIG_NETLINK))
		net_setting_changed(event, setting);
}

static void setting_free_locked(struct net_setting *setting)
{
	assert_held(&settings_lock);
	list_del(&setting->link);
	--*setting_count(setting);
	kfree(setting);
}

/* May a protocol report that of an interface? */
static bool setting_has_place(const struct banos_net_setting *about)
{
	const struct net_device *device;
	bool has;

	rcu_read_lock();
	device = net_device_find(about->interface);
	has = device &&
	      (about->kind == BANOS_SETTING_NEIGHBOUR || READ_ONCE(device->flags) & IFF_UP);
	rcu_read_unlock();
	return has;
}

/* A report of what a program has set: only whether an address is another station's, too, is believed. */
static void setting_note_state(struct net_setting *setting, const struct banos_net_setting *report)
{
	u32 flags = (setting->about.flags & ~FLAGS_DUPLICATE) | (report->flags & FLAGS_DUPLICATE);

	if (report->kind != BANOS_SETTING_ADDRESS || flags == setting->about.flags)
		return;
	setting->about.flags = flags;
	setting_tell_programs(BANOS_SETTING_ADD, setting);
}

/* @return 0, -ENOSPC; -ENODEV: the protocol or the interface of a report goes; 1: nothing has changed */
static int setting_enter_locked(struct net_setting *setting)
{
	struct net_setting *old = setting_find_locked(&setting->about);
	u32 most = SETTINGS_MAX;

	assert_held(&settings_lock);
	if (setting->reporter)
		most = REPORTED_MAX;
	if (setting->reporter && (setting->reporter->dead || !setting_has_place(&setting->about)))
		return -ENODEV;
	if (old && setting->reporter && !old->learned) { /* a program's stays */
		setting_note_state(old, &setting->about);
		return 1;
	}
	if (old && setting->reporter == old->reporter && setting->learned == old->learned &&
	    !memcmp(&old->about, &setting->about, sizeof(old->about)) &&
	    !strcmp(old->label, setting->label)) {
		old->valid_ns = setting->valid_ns;
		old->preferred_ns = setting->preferred_ns;
		return 1;
	}
	if (*setting_count(setting) >= most && !(old && old->reporter == setting->reporter))
		return -ENOSPC;
	if (old)
		setting_free_locked(old);
	list_add_tail(&setting->link, &settings[setting->about.kind]);
	++*setting_count(setting);
	setting_tell_programs(BANOS_SETTING_ADD, setting);
	return 0;
}

struct banos_net_setting net_setting_now(const struct net_setting *setting)
{
	struct banos_net_setting about = setting->about;

	about.valid_s = net_deadline_seconds(setting->valid_ns);
	about.preferred_s = net_deadline_seconds(setting->preferred_ns);
	return about;
}

/* @return 0, -ENOSPC, -ENOMEM, -ENODEV */
static int setting_put(const struct banos_net_setting *about, struct net_protocol *reporter,
		       const char *label)
{
	struct net_setting *setting = kzalloc(sizeof(*setting));
	int result;

	if (!setting)
		return -ENOMEM;
	setting->about = *about;
	setting->reporter = reporter;
	setting->learned = reporter;
	setting->valid_ns = net_deadline(about->valid_s);
	setting->preferred_ns = net_deadline(about->preferred_s);
	setting->about.valid_s = setting->about.preferred_s = 0;
	if (label)
		strscpy(setting->label, label, sizeof(setting->label));
	mutex_lock(&settings_lock);
	result = setting_enter_locked(setting);
	mutex_unlock(&settings_lock);
	if (result)
		kfree(setting);
	if (result >= 0 && (about->valid_s || about->preferred_s))
		net_lifetimes_look();
	return MIN(result, 0);
}

bool net_setting_exists(const struct banos_net_setting *about)
{
	bool exists;

	mutex_lock(&settings_lock);
	exists = setting_find_locked(about);
	mutex_unlock(&settings_lock);
	return exists;
}

/* ---- the routes that an address brings ---- */

static bool setting_connects(const struct banos_net_setting *address,
			     struct banos_net_setting *route)
{
	u32 bits = address->family == BANOS_FAMILY_IPV4 ? 32 : 128;

	if (address->prefix >= bits || !address->prefix)
		return false;
	*route = (struct banos_net_setting){
		.size = sizeof(*route),
		.kind = BANOS_SETTING_ROUTE,
		.family = address->family,
		.interface = address->interface,
		.prefix = address->prefix,
		.table = TABLE_MAIN,
		.type = BANOS_ROUTE_UNICAST,
		.protocol = PROTOCOL_KERNEL,
	};
	if (bits == 32) {
		route->scope = SCOPE_LINK;
		memcpy(route->source, address->address, sizeof(route->source));
	} else {
		route->metric = METRIC_IPV6;
	}
	for (u32 i = 0; i < bits / 8; i++) {
		u32 kept = MIN(address->prefix - MIN(address->prefix, i * 8), 8u);

		route->address[i] = address->address[i] & (u8)(0xff00 >> kept);
	}
	return true;
}

static int setting_add_asked(const struct banos_net_setting *about, const char *label)
{
	int err = net_protocols_configure(BANOS_SETTING_ADD, about);

	if (!err)
		err = setting_put(about, NULL, label);
	return err;
}

static bool interface_is_up(u32 index)
{
	const struct net_device *device = net_device_find(index);

	return device && device->flags & IFF_UP;
}

static bool interface_is_loopback(u32 index)
{
	const struct net_device *device = net_device_find(index);

	return device && device->flags & IFF_LOOPBACK;
}

static void setting_connect(const struct banos_net_setting *address)
{
	struct banos_net_setting route;

	assert_held(&net_lock);
	if (!interface_is_up(address->interface) || interface_is_loopback(address->interface) ||
	    !setting_connects(address, &route) || net_setting_exists(&route))
		return;
	(void)setting_add_asked(&route, NULL);
}

/* ---- changes ---- */

/* A protocol of IPv6 asks its neighbours first, and reports that it may be used. */
static bool address_may_be_duplicate(const struct banos_net_setting *about)
{
	const struct net_device *device = net_device_find(about->interface);

	return about->kind == BANOS_SETTING_ADDRESS && about->family == BANOS_FAMILY_IPV6 &&
	       device->type == ARPHRD_ETHER && !(about->flags & FLAG_NO_DETECTION) &&
	       !(device->flags & (IFF_NOARP | IFF_POINTOPOINT)) && !net_setting_exists(about);
}

/* The flags of an address that no program decides: of one that exists they stay. */
static u32 address_state(const struct banos_net_setting *about)
{
	struct net_setting *setting;
	u32 state = 0;

	if (address_may_be_duplicate(about))
		return FLAG_TENTATIVE;
	if (about->kind != BANOS_SETTING_ADDRESS || about->family != BANOS_FAMILY_IPV6)
		return 0;
	mutex_lock(&settings_lock);
	setting = setting_find_locked(about);
	if (setting)
		state = setting->about.flags & FLAGS_DUPLICATE;
	mutex_unlock(&settings_lock);
	return state;
}

int net_setting_add(const struct banos_net_setting *about, const char *label, bool replace)
{
	struct banos_net_setting stated = *about;
	int err;

	assert_held(&net_lock);
	if (about->interface && !net_device_find(about->interface))
		return -ENODEV;
	if (about->kind == BANOS_SETTING_ADDRESS && about->family == BANOS_FAMILY_IPV6 &&
	    net_device_find(about->interface)->ipv6[NET_IPV6_DISABLE])
		return -EACCES;
	if (about->kind == BANOS_SETTING_ROUTE && about->interface &&
	    !interface_is_up(about->interface))
		return -ENETDOWN;
	if (!replace && net_setting_exists(about))
		return -EEXIST;
	stated.flags |= address_state(about);
	err = setting_add_asked(&stated, label);
	if (!err && about->kind == BANOS_SETTING_ADDRESS)
		setting_connect(about);
	return err;
}

/* @param ended_ns  only if its time is over then: a report may have refreshed it; 0: always. @return false: there is none */
static bool setting_take_out(const struct banos_net_setting *about, u64 ended_ns)
{
	struct net_setting *setting;
	bool found;

	mutex_lock(&settings_lock);
	setting = setting_find_locked(about);
	found = setting && (!ended_ns || (setting->valid_ns && setting->valid_ns <= ended_ns));
	if (found) {
		setting_tell_programs(BANOS_SETTING_REMOVE, setting);
		setting_free_locked(setting);
	}
	mutex_unlock(&settings_lock);
	return found;
}

/* One that a protocol has reported anew while it was taken out, and then was asked to remove: it is asked to keep it. */
static void setting_keep_reported(const struct banos_net_setting *about)
{
	struct banos_net_setting anew = { 0 };
	struct net_setting *setting;

	mutex_lock(&settings_lock);
	setting = setting_find_locked(about);
	if (setting && setting->learned)
		anew = net_setting_now(setting);
	mutex_unlock(&settings_lock);
	if (anew.size)
		(void)net_protocols_configure(BANOS_SETTING_ADD, &anew);
}

/* Take out one, and ask the protocols to. @p ended_ns as above. @return false: there is none */
static bool setting_remove_asked(const struct banos_net_setting *about, u64 ended_ns)
{
	assert_held(&net_lock);
	if (!setting_take_out(about, ended_ns))
		return false;
	(void)net_protocols_configure(BANOS_SETTING_REMOVE, about);
	if (about->kind == BANOS_SETTING_ADDRESS || about->kind == BANOS_SETTING_ROUTE)
		setting_keep_reported(about);
	return true;
}

/* Of an address that was removed: a route that says it as the source, or, without another address of IPv4, any. */
struct dependents {
	const struct banos_net_setting *address;
	struct banos_net_setting found;
	bool is_last, some;
};

static bool address_look_for(const struct net_setting *setting, void *arg)
{
	struct dependents *search = arg;

	if (setting->about.kind == BANOS_SETTING_ADDRESS &&
	    setting->about.family == search->address->family &&
	    setting->about.interface == search->address->interface)
		search->is_last = false;
	return search->is_last;
}

static bool dependent_look(const struct net_setting *setting, void *arg)
{
	struct dependents *search = arg;
	const struct banos_net_setting *about = &setting->about;

	if (about->kind != BANOS_SETTING_ROUTE || about->family != search->address->family ||
	    about->interface != search->address->interface)
		return true;
	if (!search->is_last &&
	    memcmp(about->source, search->address->address, sizeof(about->source)))
		return true;
	search->found = *about;
	search->some = true;
	return false;
}

static void setting_remove_dependents(const struct banos_net_setting *address)
{
	struct dependents search = { .address = address, .is_last = true };

	net_settings_each(address_look_for, &search);
	for (u32 left = SETTINGS_MAX; left; left--) {
		search.some = false;
		net_settings_each(dependent_look, &search);
		if (!search.some)
			return;
		setting_remove_asked(&search.found, 0);
	}
}

static int setting_remove(const struct banos_net_setting *about, u64 ended_ns)
{
	struct banos_net_setting route;

	assert_held(&net_lock);
	if (!setting_remove_asked(about, ended_ns))
		return about->kind == BANOS_SETTING_ADDRESS ? -EADDRNOTAVAIL : -ESRCH;
	if (about->kind != BANOS_SETTING_ADDRESS)
		return 0;
	if (setting_connects(about, &route))
		setting_remove_asked(&route, 0);
	if (about->family == BANOS_FAMILY_IPV4)
		setting_remove_dependents(about);
	if (!interface_is_loopback(about->interface))
		net_settings_connect(about->interface); /* another address may be in that network */
	return 0;
}

int net_setting_remove(const struct banos_net_setting *about)
{
	return setting_remove(about, 0);
}

int net_setting_report(struct net_protocol *protocol, u32 event,
		       const struct banos_net_setting *about)
{
	struct net_setting *setting;
	int err = -ENOENT;

	if (event == BANOS_SETTING_ADD)
		return setting_put(about, protocol, NULL);
	mutex_lock(&settings_lock);
	setting = setting_find_locked(about);
	if (setting &&
	    (setting->reporter == protocol || (setting->learned && !setting->reporter))) {
		setting_tell_programs(BANOS_SETTING_REMOVE, setting);
		setting_free_locked(setting);
		err = 0;
	}
	mutex_unlock(&settings_lock);
	return err;
}

/* Its protocol goes: an address or a route stays. @return false: it does not */
static bool setting_adopt_locked(struct net_setting *setting)
{
	u32 kind = setting->about.kind;

	assert_held(&settings_lock);
	if ((kind != BANOS_SETTING_ADDRESS && kind != BANOS_SETTING_ROUTE) ||
	    counts[kind] >= SETTINGS_MAX)
		return false;
	setting->reporter->reported--;
	setting->reporter = NULL;
	counts[kind]++;
	return true;
}

void net_settings_forget_reported(struct net_protocol *protocol)
{
	struct net_setting *setting, *next;

	mutex_lock(&settings_lock);
	for (u32 kind = 1; kind < KINDS; kind++)
		list_for_each_safe(setting, next, &settings[kind], link) {
			if (setting->reporter != protocol || setting_adopt_locked(setting))
				continue;
			setting_tell_programs(BANOS_SETTING_REMOVE, setting);
			setting_free_locked(setting);
		}
	mutex_unlock(&settings_lock);
}

/* ---- the time that settings have ---- */

static bool deadline_is_over(u64 deadline_ns, u64 now_ns, u64 *next)
{
	if (!deadline_ns || deadline_ns <= now_ns)
		return deadline_ns;
	if (!*next || deadline_ns < *next)
		*next = deadline_ns;
	return false;
}

/* The first one whose time is over. @return BANOS_SETTING_REMOVE; _ADD: it was deprecated; 0: none */
static u32 setting_find_ended(u64 now_ns, struct banos_net_setting *about, u64 *next)
{
	struct net_setting *setting;
	u32 event = 0;

	*next = 0;
	mutex_lock(&settings_lock);
	for (u32 kind = BANOS_SETTING_ADDRESS; kind <= BANOS_SETTING_ROUTE && !event; kind++)
		list_for_each(setting, &settings[kind], link) {
			*about = setting->about;
			if (deadline_is_over(setting->valid_ns, now_ns, next)) {
				event = BANOS_SETTING_REMOVE;
				break;
			}
			if (deadline_is_over(setting->preferred_ns, now_ns, next)) {
				setting->preferred_ns = 0;
				setting->about.flags |= FLAG_DEPRECATED;
				setting_tell_programs(BANOS_SETTING_ADD, setting);
				*about = net_setting_now(setting);
				event = BANOS_SETTING_ADD;
				break;
			}
		}
	mutex_unlock(&settings_lock);
	return event;
}

u64 net_settings_expire(void)
{
	u64 now_ns = time_monotonic_ns(), next;
	struct banos_net_setting about;
	u32 event;

	mutex_lock(&net_lock);
	while ((event = setting_find_ended(now_ns, &about, &next))) {
		if (event == BANOS_SETTING_REMOVE)
			(void)!setting_remove(&about, now_ns);
		else
			(void)!net_protocols_configure(BANOS_SETTING_ADD, &about);
	}
	mutex_unlock(&net_lock);
	return next;
}

/* The first of an interface. @p family 0: any. @return false: none */
static bool setting_first(u32 interface, u32 kind, u32 family, struct banos_net_setting *about)
{
	struct net_setting *setting;
	bool found = false;

	mutex_lock(&settings_lock);
	list_for_each(setting, &settings[kind], link) {
		if (setting->about.interface != interface ||
		    (family && setting->about.family != family))
			continue;
		*about = setting->about;
		found = true;
		break;
	}
	mutex_unlock(&settings_lock);
	return found;
}

static void settings_forget(u32 interface, u32 family, bool routes_only)
{
	static const u32 kinds[] = { BANOS_SETTING_ROUTE, BANOS_SETTING_NEIGHBOUR,
				     BANOS_SETTING_ADDRESS };
	struct banos_net_setting about;

	assert_held(&net_lock);
	/* A protocol may report one anew as soon as it is removed: there is an end. */
	for (u32 i = 0; i < ARRAY_SIZE(kinds) - routes_only; i++)
		for (u32 left = 2 * SETTINGS_MAX;
		     left && setting_first(interface, kinds[i], family, &about); left--)
			(void)!net_setting_remove(&about);
}

void net_settings_forget(u32 interface, bool routes_only)
{
	settings_forget(interface, 0, routes_only);
}

void net_settings_forget_ipv6(u32 interface)
{
	settings_forget(interface, BANOS_FAMILY_IPV6, false);
	/* An address that was removed may have left the routes of others. */
	settings_forget(interface, BANOS_FAMILY_IPV6, true);
}

/* Addresses of one interface, copied: their protocols are asked without settings_lock. */
#define ADDRESSES_MAX 64u
struct addresses {
	u32 interface, count;
	struct banos_net_setting found[ADDRESSES_MAX];
};

static bool address_collect(const struct net_setting *setting, void *arg)
{
	struct addresses *addresses = arg;

	if (setting->about.kind == BANOS_SETTING_ADDRESS &&
	    setting->about.interface == addresses->interface)
		addresses->found[addresses->count++] = setting->about;
	return addresses->count < ADDRESSES_MAX;
}

/* Linux gives the loopback interface 127.0.0.1/8 and ::1/128. */
static void settings_add_loopback(u32 interface, u32 family)
{
	struct banos_net_setting address = {
		.size = sizeof(address),
		.kind = BANOS_SETTING_ADDRESS,
		.family = BANOS_FAMILY_IPV4,
		.interface = interface,
		.address = { 127, 0, 0, 1 },
		.prefix = 8,
		.flags = FLAG_PERMANENT,
		.scope = SCOPE_HOST,
	};

	if (family == BANOS_FAMILY_IPV6) {
		address.family = BANOS_FAMILY_IPV6;
		memset(address.address, 0, sizeof(address.address));
		address.address[15] = 1;
		address.prefix = 128;
	}
	(void)!net_setting_add(&address, NULL, false);
}

void net_settings_connect_ipv6(u32 interface)
{
	assert_held(&net_lock);
	if (interface_is_loopback(interface))
		settings_add_loopback(interface, BANOS_FAMILY_IPV6);
}

void net_settings_connect(u32 interface)
{
	struct addresses *addresses = kzalloc(sizeof(*addresses));

	assert_held(&net_lock);
	if (interface_is_loopback(interface))
		settings_add_loopback(interface, BANOS_FAMILY_IPV4);
	net_settings_connect_ipv6(interface);
	if (!addresses)
		return;
	addresses->interface = interface;
	net_settings_each(address_collect, addresses);
	for (u32 i = 0; i < addresses->count; i++)
		setting_connect(&addresses->found[i]);
	kfree(addresses);
}

/* ---- reading ---- */

void net_settings_each(bool (*function)(const struct net_setting *setting, void *arg), void *arg)
{
	bool goes_on = true;

	mutex_lock(&settings_lock);
	for (u32 kind = 1; kind < KINDS && goes_on; kind++) {
		const struct net_setting *setting;

		list_for_each(setting, &settings[kind], link) {
			goes_on = function(setting, arg);
			if (!goes_on)
				break;
		}
	}
	mutex_unlock(&settings_lock);
}

/* In their order; a program's do not change meanwhile. */
void net_settings_tell(const struct net_protocol *protocol)
{
	assert_held(&net_lock);
	for (u32 kind = 1; kind < KINDS; kind++) {
		for (u32 number = 0;; number++) {
			struct net_setting *setting;
			struct banos_net_setting about;
			u32 at = 0;
			bool found = false;

			mutex_lock(&settings_lock);
			list_for_each(setting, &settings[kind], link) {
				if (setting->reporter || at++ < number)
					continue;
				about = net_setting_now(setting);
				found = true;
				break;
			}
			mutex_unlock(&settings_lock);
			if (!found)
				break;
			(void)protocol->methods->configure(protocol->private, BANOS_SETTING_ADD,
							   &about);
		}
	}
}
