// SPDX-License-Identifier: MIT
/*
 * Protocols above IP, of drivers: between the stack that receives and sends their packets, and who has taken their numbers.
 *
 * The table by number is changed with net_lock and read under RCU. Who calls a method counts itself first, while the
 * one that it calls can still be found; a removal takes it out of the table, and waits until nobody is counted. Stacks are
 * found by their EtherType (protocol.c).
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/printk.h>
#include <kernel/time.h>

#define NUMBERS	       256u
#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_IPV6 0x86ddu

static struct net_ip_protocol *handlers_by_number[NUMBERS];

static const struct {
	u32 bit, family;
	u16 ethertype;
} ip_families[] = {
	{ BANOS_IP_PROTOCOL_IPV4, BANOS_FAMILY_IPV4, ETHERTYPE_IPV4 },
	{ BANOS_IP_PROTOCOL_IPV6, BANOS_FAMILY_IPV6, ETHERTYPE_IPV6 },
};

static u16 family_ethertype(u32 family)
{
	if (family == BANOS_FAMILY_IPV4)
		return ETHERTYPE_IPV4;
	return ETHERTYPE_IPV6;
}

/* ---- life ---- */

/* Ask the stacks, or tell them of the end. @return 0 or -errno of the first that refuses */
static int stacks_ask(const struct net_ip_protocol *handler, u32 event, u32 families)
{
	int err = 0;

	assert_held(&net_lock);
	for (u32 i = 0; i < ARRAY_SIZE(ip_families) && !err; i++) {
		struct net_protocol *stack = net_protocol_find(ip_families[i].ethertype);
		s64 answer;

		if (!(families & ip_families[i].bit) || !stack)
			continue;
		answer = stack->methods->take(stack->private, event, ip_families[i].family,
					      handler->number);
		/* One that lets nobody in has no such method: as if it were not there. */
		if (event == BANOS_SETTING_REMOVE || !answer || answer == -EOPNOTSUPP)
			continue;
		err = MIN(answer, 0) ?: -EINVAL;
		(void)stacks_ask(handler, BANOS_SETTING_REMOVE,
				 families & (ip_families[i].bit - 1));
	}
	return err;
}

int net_ip_protocol_claim(struct net_ip_protocol *handler)
{
	int err = 0;

	mutex_lock(&net_lock);
	if (handler->dead)
		err = -ENODEV;
	else if (handlers_by_number[handler->number])
		err = -EBUSY;
	else
		err = stacks_ask(handler, BANOS_SETTING_ADD, handler->families);
	if (!err) {
		rcu_assign_pointer(handlers_by_number[handler->number], handler);
		handler->claims = true;
	}
	mutex_unlock(&net_lock);
	return err;
}

void net_ip_protocol_publish(struct net_ip_protocol *handler)
{
	WRITE_ONCE(handler->published, true);
}

int net_ip_protocol_stop(struct net_ip_protocol *handler, u64 deadline_ns)
{
	while (!mutex_trylock(&net_lock)) {
		if (time_monotonic_ns() >= deadline_ns)
			return -EBUSY;
		sleep_ms(1);
	}
	WRITE_ONCE(handler->dead, true);
	WRITE_ONCE(handler->published, false);
	if (handler->claims) {
		handler->claims = false;
		rcu_assign_pointer(handlers_by_number[handler->number], NULL);
		(void)stacks_ask(handler, BANOS_SETTING_REMOVE, handler->families);
	}
	mutex_unlock(&net_lock);
	synchronize_rcu();
	while (atomic_read(&handler->receivers)) {
		if (time_monotonic_ns() >= deadline_ns)
			return -EBUSY;
		sleep_ms(1);
	}
	return 0;
}

void net_ip_protocols_tell(const struct net_protocol *stack)
{
	assert_held(&net_lock);
	for (u32 i = 0; i < NUMBERS * ARRAY_SIZE(ip_families); i++) {
		const struct net_ip_protocol *handler = handlers_by_number[i / 2];
		bool has = false;

		for (u32 j = 0; j < ARRAY_SIZE(stack->ethertypes); j++)
			has |= stack->ethertypes[j] == ip_families[i % 2].ethertype;
		if (!has || !handler || !(handler->families & ip_families[i % 2].bit))
			continue;
		if (stack->methods->take(stack->private, BANOS_SETTING_ADD,
					 ip_families[i % 2].family, handler->number))
			printk("net: a stack does not leave IP protocol %u to a driver\n",
			       handler->number);
	}
}

/* ---- packets ---- */

void net_ip_deliver(struct packet *packet, const struct banos_ip_packet *about)
{
	struct banos_ip_packet given = *about;
	struct net_ip_protocol *handler;

	rcu_read_lock();
	handler = rcu_dereference(handlers_by_number[about->number % NUMBERS]);
	if (handler && !READ_ONCE(handler->published)) /* its init() still runs */
		handler = NULL;
	if (handler)
		atomic_inc(&handler->receivers);
	rcu_read_unlock();
	if (!handler) {
		packet_free(packet);
		return;
	}
	packet_give(packet, handler->party, &given.packet, false);
	(void)handler->receive(handler->private, &given);
	atomic_dec(&handler->receivers);
}

s64 net_ip_send(struct packet *packet, const struct banos_ip_packet *about)
{
	struct banos_ip_packet given = *about;
	struct net_protocol *stack;
	s64 err;

	rcu_read_lock();
	stack = net_protocol_find(family_ethertype(about->family));
	if (stack)
		atomic_inc(&stack->senders);
	rcu_read_unlock();
	if (!stack) {
		packet_free(packet);
		return -ENETDOWN;
	}
	packet_give(packet, stack->party, &given.packet, false);
	err = stack->methods->send(stack->private, &given);
	if (err == -EOPNOTSUPP) /* it may have no such method */
		packet_free(packet_claim(given.packet.packet, stack->party));
	atomic_dec(&stack->senders);
	return MIN(err, 0);
}
