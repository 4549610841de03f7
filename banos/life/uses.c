// SPDX-License-Identifier: MIT
/*
 * Who depends on whom, and the call slots between them.
 *
 * A use holds one long pin on the exporter, so that it cannot be removed; the
 * user's list of uses is given up when the user goes. Circles are refused: two
 * drivers that pin each other could never be removed.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>

static struct driver_use *use_find(struct driver *user, struct driver *exporter)
{
	struct driver_use *u;

	list_for_each(u, &user->uses, by_user)
		if (u->exporter == exporter)
			return u;
	return NULL;
}

/* Does @d depend on @on, over however many steps? No circles exist, so this ends. */
static bool depends(struct driver *d, struct driver *on)
{
	struct driver_use *u;

	if (d == on)
		return true;
	list_for_each(u, &d->uses, by_user)
		if (depends(u->exporter, on))
			return true;
	return false;
}

int use_add(struct driver *user, struct driver *exporter)
{
	struct driver_use *u = use_find(user, exporter);

	if (u) {
		u->count++;
		return 0;
	}
	if (depends(exporter, user))
		return -ELOOP;
	u = kzalloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	if (!driver_pin(exporter)) {
		kfree(u);
		return -ENODEV;
	}
	u->user = user;
	u->exporter = exporter;
	u->count = 1;
	driver_get(exporter);
	list_add_tail(&u->by_user, &user->uses);
	list_add_tail(&u->by_exporter, &exporter->users);
	return 0;
}

static void use_free(struct driver_use *u)
{
	list_del(&u->by_user);
	list_del(&u->by_exporter);
	driver_unpin(u->exporter);
	driver_put(u->exporter);
	kfree(u);
}

void use_drop(struct driver *user, struct driver *exporter)
{
	struct driver_use *u = use_find(user, exporter);

	if (u && !--u->count)
		use_free(u);
}

void uses_drop_all(struct driver *user)
{
	while (!list_empty(&user->uses))
		use_free(list_first(&user->uses, struct driver_use, by_user));
}

/* ---- call slots ---- */

struct call_slot *slot_create(struct driver *user, const struct export *e)
{
	struct call_slot *s = kzalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->target = (const void *)e->address;
	s->owner = &e->provider->owner;
	s->exporter = e->provider;
	list_add_tail(&s->link, &user->slots);
	return s;
}

void slots_free(struct driver *user)
{
	while (!list_empty(&user->slots)) {
		struct call_slot *s = list_first(&user->slots, struct call_slot, link);

		list_del(&s->link);
		kfree(s);
	}
}

/* From gate_absent_entry. */
s64 gate_absent_called(const char *name);
s64 gate_absent_called(const char *name)
{
	struct owner *o = gate_owner();

	pr_err("banos: %s called %s, which this kernel does not have, without asking BANOS_HAS()\n",
	       o ? o->name : "a driver", name);
	return -EOPNOTSUPP;
}
