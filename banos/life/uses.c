// SPDX-License-Identifier: MIT
/*
 * Who depends on whom, and the call slots between them.
 *
 * A use holds one long pin on the exporter, so that it cannot be removed; the
 * user's list of uses is given up when the user goes. Circles are refused: two
 * drivers that pin each other could never be removed.
 */
#include <asm/stub.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/upcalls.h>

static struct driver_use *use_find(struct driver *user, struct driver *exporter)
{
	struct driver_use *u;

	assert_held(&drivers_lock);
	list_for_each(u, &user->uses, by_user)
		if (u->exporter == exporter)
			return u;
	return NULL;
}

/*
 * Does @d depend on @on, over however many steps? Each driver on the way is looked
 * at once, and those still to be looked at are chained: neither long chains nor
 * many ways to the same driver cost stack or time.
 */
static bool depends(struct driver *d, struct driver *on)
{
	static u64 search; /* under drivers_lock */
	struct driver *todo = d;

	assert_held(&drivers_lock);
	d->search = ++search;
	d->search_next = NULL;
	while ((d = todo)) {
		struct driver_use *u;

		if (d == on)
			return true;
		todo = d->search_next;
		list_for_each(u, &d->uses, by_user)
			if (u->exporter->search != search) {
				u->exporter->search = search;
				u->exporter->search_next = todo;
				todo = u->exporter;
			}
	}
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

	assert_held(&drivers_lock);
	if (u && !--u->count)
		use_free(u);
}

void uses_drop_all(struct driver *user)
{
	assert_held(&drivers_lock);
	while (!list_empty(&user->uses))
		use_free(list_first(&user->uses, struct driver_use, by_user));
}

int driver_depend(struct driver *user, const char *name)
{
	struct driver *on;
	int err = -ENOENT;

	mutex_lock(&drivers_lock);
	on = driver_find_name_locked(name, BANOS_DRIVER_LIVE);
	if (on) {
		err = use_add(user, on);
		driver_put(on);
	}
	mutex_unlock(&drivers_lock);
	if (err == -ENODEV)
		return -ENOENT;
	return err;
}

/* ---- call slots ---- */

static s64 dead_slot_called(void)
{
	return -ENODEV;
}

static struct owner dead_owner = { .root = &dead_owner,
				   .name = "a driver that is gone",
				   .gate_slot = GATE_OWN_SLOT };
struct call_slot gate_dead_slot = { .target = dead_slot_called, .owner = &dead_owner };

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

#ifdef CONFIG_GATE_ABANDON
/* gate_slot_entry reads the owner first: with the new one it calls the new target. */
static void slot_kill(struct call_slot *slot)
{
	WRITE_ONCE(slot->target, gate_dead_slot.target);
	smp_store_release(&slot->owner, gate_dead_slot.owner);
}

void slots_kill(struct driver *exporter)
{
	struct driver_use *use;
	struct call_slot *slot;

	mutex_lock(&drivers_lock);
	list_for_each(use, &exporter->users, by_exporter)
		list_for_each(slot, &use->user->slots, link)
			if (slot->exporter == exporter)
				slot_kill(slot);
	mutex_unlock(&drivers_lock);
}
#endif

/* ---- functions found at run time ---- */

/*
 * A call slot needs code in front that loads its address, like the stubs in a
 * driver's own image. Here they come in pairs of pages: one of code, written
 * once, and one with the slot of each stub.
 */
#define NSTUBS (PAGE_SIZE / SLOT_STUB_SIZE)

struct stub_page {
	struct list link; /* driver->stubs */
	u8 *code;
	struct call_slot **slots; /* NULL: free */
	u32 next;		  /* look from here: freshly freed ones come last */
};

static struct stub_page *stub_page_create(void)
{
	struct stub_page *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->code = krange_alloc(KRANGE_DRIVER, 2, KPROT_RW);
	if (!p->code)
		goto free;
	p->slots = (void *)(p->code + PAGE_SIZE);
	for (u32 i = 0; i < NSTUBS; i++)
		arch_slot_stub_write(p->code + i * SLOT_STUB_SIZE, &p->slots[i], gate_slot_entry);
	if (krange_protect(p->code, 1, KPROT_RX))
		goto free_pages;
	return p;

free_pages:
	krange_free(p->code);
free:
	kfree(p);
	return NULL;
}

static void *stub_take(struct stub_page *p, struct call_slot *slot)
{
	for (u32 n = 0; n < NSTUBS; n++) {
		u32 i = (p->next + n) % NSTUBS;

		if (p->slots[i] && p->slots[i] != &gate_dead_slot)
			continue;
		smp_store_release(&p->slots[i], slot);
		p->next = i + 1;
		return p->code + i * SLOT_STUB_SIZE;
	}
	return NULL;
}

void *stub_create(struct driver *user, struct call_slot *slot)
{
	struct stub_page *p;
	void *stub;

	list_for_each(p, &user->stubs, link) {
		stub = stub_take(p, slot);
		if (stub)
			return stub;
	}
	p = stub_page_create();
	if (!p)
		return NULL;
	list_add(&p->link, &user->stubs);
	return stub_take(p, slot);
}

void stub_kill(void *stub)
{
	u8 *code = (u8 *)((u64)stub & ~(PAGE_SIZE - 1));
	struct call_slot **slots = (void *)(code + PAGE_SIZE);

	WRITE_ONCE(slots[((u8 *)stub - code) / STUB_SIZE], &gate_dead_slot);
}

void stubs_free(struct driver *user)
{
	while (!list_empty(&user->stubs)) {
		struct stub_page *p = list_first(&user->stubs, struct stub_page, link);

		list_del(&p->link);
		krange_free(p->code);
		kfree(p);
	}
}

/* From gate_absent_entry. */
s64 gate_absent_called(const char *name)
{
	struct owner *o = gate_owner();

	pr_err("banos: %s called %s, which this kernel does not have, without asking BANOS_HAS()\n",
	       o ? o->name : "a driver", name);
	return -EOPNOTSUPP;
}
