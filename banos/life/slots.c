// SPDX-License-Identifier: MIT
/*
 * Calls between drivers.
 *
 * An exported function that another driver imports or looks up gets a call slot and a thunk,
 * the code that leads through the gate to where the slot says (gate_slot.S). Imports
 * are bound to the thunk. Slots and thunks lie in pages of their own: the code is written
 * once, the slots never by a driver. They are made for SLOTS_GROUP exports at a time, at
 * the first use of one of these, and freed with the exporter, which its users pin.
 *
 * A function that was looked up is called through a stub of the user's, which reads the
 * address of its slot from memory: after the function was released it returns -ENODEV.
 */
#include <asm/stub.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/upcalls.h>

#define SLOTS_GROUP (PAGE_SIZE / CALL_THUNK_SIZE)

/* In the second of two pages; the first has the thunks. */
struct slot_group {
	struct call_slot slots[SLOTS_GROUP];
};
_Static_assert(sizeof(struct slot_group) <= PAGE_SIZE, "slots of as many thunks as a page has");

static u32 slot_groups(const struct driver *exporter)
{
	return (exporter->nexports + SLOTS_GROUP - 1) / SLOTS_GROUP;
}

struct call_slot gate_dead_slot = { .target = gate_dead_entry, .entry = gate_dead_entry };

static void call_slot_fill(struct call_slot *slot, const struct export *export, const u8 *thunk)
{
	const struct signature *signature = export->signature;

	slot->target = (const void *)export->address;
	slot->owner = &export->provider->owner;
	slot->entry = thunk;
	slot->name = export->name;
	slot->signature = signature;
	if (!signature)
		return;
	slot->checked = signature->callbacks | signature->pointers;
	slot->handles = signature->handles | signature->callbacks;
	if (signature->result == 'c')
		slot->handles |= GATE_GRANT_RESULT;
}

static struct slot_group *slot_group_create(struct driver *exporter, u32 first)
{
	u32 count = MIN(exporter->nexports - first, (u32)SLOTS_GROUP);
	u8 *code = krange_alloc(KRANGE_DRIVER, 2, KPROT_RW);
	struct slot_group *group = (void *)(code + PAGE_SIZE);

	if (!code)
		return NULL;
	for (u32 i = 0; i < count; i++) {
		u8 *thunk = code + i * CALL_THUNK_SIZE;

		call_slot_fill(&group->slots[i], &exporter->exports[first + i], thunk);
		arch_call_thunk_write(thunk, &group->slots[i]);
	}
	if (!krange_protect(code, 1, KPROT_RX))
		return group;
	krange_free(code);
	return NULL;
}

struct call_slot *slot_of(const struct export *export)
{
	struct driver *exporter = export->provider;
	u32 number = export - exporter->exports, nth = number / SLOTS_GROUP;

	assert_held(&drivers_lock);
	if (!exporter->slots)
		exporter->slots = kcalloc(slot_groups(exporter), sizeof(*exporter->slots));
	if (!exporter->slots)
		return NULL;
	if (!exporter->slots[nth])
		exporter->slots[nth] = slot_group_create(exporter, nth * SLOTS_GROUP);
	if (!exporter->slots[nth])
		return NULL;
	return &exporter->slots[nth]->slots[number % SLOTS_GROUP];
}

void slots_free(struct driver *exporter)
{
	for (u32 i = 0; exporter->slots && i < slot_groups(exporter); i++)
		if (exporter->slots[i])
			krange_free((u8 *)exporter->slots[i] - PAGE_SIZE);
	kfree(exporter->slots);
	exporter->slots = NULL;
}

#ifdef CONFIG_GATE_ABANDON
void slots_kill(struct driver *exporter)
{
	mutex_lock(&drivers_lock);
	for (u32 i = 0; exporter->slots && i < exporter->nexports; i++) {
		struct slot_group *group = exporter->slots[i / SLOTS_GROUP];

		if (group)
			WRITE_ONCE(group->slots[i % SLOTS_GROUP].target, gate_dead_entry);
	}
	mutex_unlock(&drivers_lock);
}
#endif

/* ---- functions found at run time ---- */

/* Stubs come in pairs of pages, too: one of code, written once, and one with the slot of each. */
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
		arch_slot_stub_write(page->code + i * SLOT_STUB_SIZE, &page->slots[i]);
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

	WRITE_ONCE(slots[((u8 *)stub - code) / SLOT_STUB_SIZE], &gate_dead_slot);
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
