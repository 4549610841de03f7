// SPDX-License-Identifier: MIT
/*
 * Dependencies between drivers, and the call slots between them.
 *
 * A use holds a pin on the exporter, so that it cannot be removed. The uses of a
 * driver are released when it is removed. Circles are refused: two
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
	struct driver_use *use;

	assert_held(&drivers_lock);
	list_for_each(use, &user->uses, by_user)
		if (use->exporter == exporter)
			return use;
	return NULL;
}

/*
 * Does @driver depend on @on, over however many steps? Each driver on the way is looked
 * at once, and those still to be looked at are chained: neither long chains nor
 * many ways to the same driver cost stack or time.
 */
static bool driver_depends(struct driver *driver, struct driver *on)
{
	static u64 search; /* under drivers_lock */
	struct driver *todo = driver;

	assert_held(&drivers_lock);
	driver->search = ++search;
	driver->search_next = NULL;
	while ((driver = todo)) {
		struct driver_use *use;

		if (driver == on)
			return true;
		todo = driver->search_next;
		list_for_each(use, &driver->uses, by_user)
			if (use->exporter->search != search) {
				use->exporter->search = search;
				use->exporter->search_next = todo;
				todo = use->exporter;
			}
	}
	return false;
}

int use_add(struct driver *user, struct driver *exporter)
{
	struct driver_use *use = use_find(user, exporter);

	if (use) {
		use->count++;
		return 0;
	}
	if (driver_depends(exporter, user))
		return -ELOOP;
	use = kzalloc(sizeof(*use));
	if (!use)
		return -ENOMEM;
	if (!driver_pin(exporter)) {
		kfree(use);
		return -ENODEV;
	}
	use->user = user;
	use->exporter = exporter;
	use->count = 1;
	driver_get(exporter);
	list_add_tail(&use->by_user, &user->uses);
	list_add_tail(&use->by_exporter, &exporter->users);
	return 0;
}

static void use_free(struct driver_use *use)
{
	list_del(&use->by_user);
	list_del(&use->by_exporter);
	driver_unpin(use->exporter);
	driver_put(use->exporter);
	kfree(use);
}

void use_drop(struct driver *user, struct driver *exporter)
{
	struct driver_use *use = use_find(user, exporter);

	assert_held(&drivers_lock);
	if (use && !--use->count)
		use_free(use);
}

void uses_drop_all(struct driver *user)
{
	assert_held(&drivers_lock);
	while (!list_empty(&user->uses))
		use_free(list_first(&user->uses, struct driver_use, by_user));
}

int driver_depend(struct driver *user, const char *name)
{
	struct driver *driver;
	int err = -ENOENT;

	mutex_lock(&drivers_lock);
	driver = driver_find_name_locked(name, BANOS_DRIVER_LIVE);
	if (driver) {
		err = use_add(user, driver);
		driver_put(driver);
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
				   .name = "a driver that was removed",
				   .gate_slot = GATE_OWN_SLOT };
struct call_slot gate_dead_slot = { .target = dead_slot_called, .owner = &dead_owner };

struct call_slot *slot_create(struct driver *user, const struct export *export)
{
	struct call_slot *slot = kzalloc(sizeof(*slot));

	if (!slot)
		return NULL;
	slot->target = (const void *)export->address;
	slot->owner = &export->provider->owner;
	slot->exporter = export->provider;
	list_add_tail(&slot->link, &user->slots);
	return slot;
}

void slots_free(struct driver *user)
{
	while (!list_empty(&user->slots)) {
		struct call_slot *slot = list_first(&user->slots, struct call_slot, link);

		list_del(&slot->link);
		kfree(slot);
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
	struct stub_page *page = kzalloc(sizeof(*page));

	if (!page)
		return NULL;
	page->code = krange_alloc(KRANGE_DRIVER, 2, KPROT_RW);
	if (!page->code)
		goto err_free;
	page->slots = (void *)(page->code + PAGE_SIZE);
	for (u32 i = 0; i < NSTUBS; i++)
		arch_slot_stub_write(page->code + i * SLOT_STUB_SIZE, &page->slots[i],
				     gate_slot_entry);
	if (krange_protect(page->code, 1, KPROT_RX))
		goto err_free_pages;
	return page;

err_free_pages:
	krange_free(page->code);
err_free:
	kfree(page);
	return NULL;
}

static void *stub_take(struct stub_page *page, struct call_slot *slot)
{
	for (u32 n = 0; n < NSTUBS; n++) {
		u32 i = (page->next + n) % NSTUBS;

		if (page->slots[i] && page->slots[i] != &gate_dead_slot)
			continue;
		smp_store_release(&page->slots[i], slot);
		page->next = i + 1;
		return page->code + i * SLOT_STUB_SIZE;
	}
	return NULL;
}

void *stub_create(struct driver *user, struct call_slot *slot)
{
	struct stub_page *page;
	void *stub;

	list_for_each(page, &user->stubs, link) {
		stub = stub_take(page, slot);
		if (stub)
			return stub;
	}
	page = stub_page_create();
	if (!page)
		return NULL;
	list_add(&page->link, &user->stubs);
	return stub_take(page, slot);
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
		struct stub_page *page = list_first(&user->stubs, struct stub_page, link);

		list_del(&page->link);
		krange_free(page->code);
		kfree(page);
	}
}

/* From gate_absent_entry. */
s64 gate_absent_called(const char *name)
{
	struct owner *owner = gate_owner();

	pr_err("banos: %s called %s, which this kernel does not have, without asking BANOS_HAS()\n",
	       owner ? owner->name : "a driver", name);
	return -EOPNOTSUPP;
}
