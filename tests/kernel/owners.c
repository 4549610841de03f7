/* SPDX-License-Identifier: MIT */
/* What a driver registers, and another thread takes back at the same time: kernel/owner.c, device/bus.c. */
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/ktest.h>
#include <kernel/owner.h>
#include <kernel/rcu.h>
#include <kernel/string.h>
#include <kernel/time.h>

struct parcel {
	struct owned owned;
	u32 *freed, *published;
	int error; /* of publishing it */
};

static int parcel_publish(struct owned *owned)
{
	struct parcel *parcel = container_of(owned, struct parcel, owned);

	(*parcel->published)++;
	return parcel->error;
}

static void parcel_free(struct owned *owned)
{
	struct parcel *parcel = container_of(owned, struct parcel, owned);

	(*parcel->freed)++;
	kfree(parcel);
}

static const struct owned_class parcel_class = {
	.name = "parcel",
	.names = "parcels",
	.kind = OWNED_BUS,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct parcel),
	.publish = parcel_publish,
	.free = parcel_free,
};

/* What call_rcu() was asked for follows some time after a grace period. */
static u32 freed_within_a_second(const u32 *freed)
{
	for (u32 i = 0; i < 1000 && !READ_ONCE(*freed); i++)
		sleep_until(time_monotonic_ns() + NSEC_PER_MSEC, false);
	synchronize_rcu();
	return READ_ONCE(*freed);
}

static struct parcel *parcel_add(struct owner *owner, u32 *freed, u32 *published)
{
	struct parcel *parcel = kzalloc(sizeof(*parcel));

	if (!parcel)
		return NULL;
	parcel->freed = freed;
	parcel->published = published;
	if (!owned_add_held(owner, &parcel->owned, &parcel_class, false))
		return parcel;
	kfree(parcel);
	return NULL;
}

KTEST(owner, object_that_is_swept_before_it_is_published_is_freed_once)
{
	u32 freed = 0, published = 0;
	struct parcel *parcel;
	struct owner owner;

	KEXPECT_EQ(owner_init(&owner, NULL, "test", NULL), 0);
	KEXPECT_EQ(owner_publish(&owner), 0);
	parcel = parcel_add(&owner, &freed, &published);
	if (!KEXPECT(parcel))
		return;
	owner_close(&owner);
	KEXPECT_EQ(owner_sweep(&owner, 1 << OWNED_ENTRY, NULL), 0);
	synchronize_rcu();
	KEXPECT_EQ(freed, 0); /* it is ours still */
	KEXPECT_EQ(owned_offer(&parcel->owned), -ENODEV);
	KEXPECT_EQ(freed_within_a_second(&freed), 1);
	KEXPECT_EQ(published, 0);
	owner_destroy(&owner);
}

KTEST(owner, object_that_cannot_be_published_is_removed)
{
	u32 freed = 0, published = 0;
	struct parcel *parcel;
	struct owner owner;

	KEXPECT_EQ(owner_init(&owner, NULL, "test", NULL), 0);
	KEXPECT_EQ(owner_publish(&owner), 0);
	parcel = parcel_add(&owner, &freed, &published);
	if (!KEXPECT(parcel))
		return;
	parcel->error = -EBUSY;
	KEXPECT_EQ(owned_offer(&parcel->owned), -EBUSY);
	KEXPECT_EQ(freed_within_a_second(&freed), 1);
	KEXPECT_EQ(published, 1);
	KEXPECT_EQ(owner_sweep(&owner, ~0u, NULL), 0);
	owner_destroy(&owner);
}

/* The bus goes while its driver's thread adds a device: seen once as a panic of bus_device_claim(). */
KTEST(owner, device_that_goes_with_its_bus_before_it_is_published_is_freed_once)
{
	struct bus_device *device = kzalloc(sizeof(*device));
	struct bus *bus = kzalloc(sizeof(*bus));
	struct owner owner;

	if (!KEXPECT(device && bus)) {
		kfree(device);
		kfree(bus);
		return;
	}
	KEXPECT_EQ(owner_init(&owner, NULL, "test", NULL), 0);
	KEXPECT_EQ(owner_publish(&owner), 0);
	owner_publish_late(&owner);
	strscpy(bus->name, "parcels", sizeof(bus->name));
	strscpy(device->name, "box", sizeof(device->name));
	strscpy(device->alias, "parcels:box", sizeof(device->alias));
	KEXPECT_EQ(bus_add(&owner, bus), 0);
	KEXPECT_EQ(owned_offer(&bus->owned), 0);
	KEXPECT_EQ(bus_device_add(bus, device), 0);
	owner_close(&owner);
	KEXPECT_EQ(owner_sweep(&owner, 1 << OWNED_ENTRY, NULL), 0);
	synchronize_rcu();
	KEXPECT(!strcmp(device->name, "box"));
	KEXPECT_EQ(owned_offer(&device->owned), -ENODEV);
	synchronize_rcu();
	KEXPECT_EQ(owner.charged, 0);
	owner_destroy(&owner);
}
