// SPDX-License-Identifier: MIT
/*
 * Calls between drivers.
 *
 * An exported function that another driver imports or looks up gets a call slot and a thunk,
 * the code that leads through the gate to where the slot says (gate_slot.S). Imports
 * are bound to the thunk. Slots and thunks lie in pages of their own: the code is written
 * once, the slots never by a driver. They are made for SLOTS_GROUP exports at a time, at
 * the first use of one of these, and freed with the exporter, which its users pin; or
 * later, where another one took over from it (successor.c): with the last of its users.
 *
 * A slot that was moved has a target that makes the call, which is recorded and counted as
 * one of the old exporter by then, a call of the new one: gate_slot_move(). So the thunk
 * needs no further instruction, and each call is either one of the old exporter or
 * one of the new.
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
#include <kernel/string.h>
#include <kernel/upcalls.h>

#define SLOTS_GROUP (PAGE_SIZE / CALL_THUNK_SIZE)

/* In the second of two pages; the first has the thunks. */
struct slot_group {
	struct call_slot slots[SLOTS_GROUP];
	char *names; /* of the slots: those of the exporter end with its image */
};
_Static_assert(sizeof(struct slot_group) <= PAGE_SIZE, "slots of as many thunks as a page has");

static u32 slot_groups(const struct driver *exporter)
{
	return (exporter->nslots + SLOTS_GROUP - 1) / SLOTS_GROUP;
}

struct call_slot gate_dead_slot = { .target = gate_dead_entry, .entry = gate_dead_entry };

static void call_slot_fill(struct call_slot *slot, const struct export *export, const u8 *thunk,
			   const char *name)
{
	const struct signature *signature = export->signature;

	slot->target = (const void *)export->address;
	slot->owner = &export->provider->owner;
	slot->entry = thunk;
	slot->name = name;
	slot->signature = signature;
	if (!signature)
		return;
	slot->checked = signature->callbacks | signature->pointers;
	slot->handles = signature->handles | signature->callbacks;
	if (signature->result == 'c')
		slot->handles |= GATE_GRANT_RESULT;
}

static char *slot_names_alloc(const struct export *export, u32 count)
{
	size_t size = 0;

	for (u32 i = 0; i < count; i++)
		size += strlen(export[i].name) + 1;
	return kmalloc(size);
}

static void slot_group_free(struct slot_group *group)
{
	kfree(group->names);
	krange_free((u8 *)group - PAGE_SIZE);
}

static struct slot_group *slot_group_create(struct driver *exporter, u32 first)
{
	const struct export *export = &exporter->exports[first];
	u32 count = MIN(exporter->nslots - first, (u32)SLOTS_GROUP);
	u8 *code = krange_alloc(KRANGE_DRIVER, 2, KPROT_RW);
	struct slot_group *group = (void *)(code + PAGE_SIZE);
	char *name;

	if (!code)
		return NULL;
	name = group->names = slot_names_alloc(export, count);
	for (u32 i = 0; name && i < count; i++) {
		u8 *thunk = code + i * CALL_THUNK_SIZE;
		size_t size = strlen(export[i].name) + 1;

		memcpy(name, export[i].name, size);
		call_slot_fill(&group->slots[i], &export[i], thunk, name);
		arch_call_thunk_write(thunk, &group->slots[i]);
		name += size;
	}
	if (name && !krange_protect(code, 1, KPROT_RX))
		return group;
	slot_group_free(group);
	return NULL;
}

struct call_slot *slot_of(const struct export *export)
{
	struct driver *exporter = export->provider;
	u32 number = export - exporter->exports, nth = number / SLOTS_GROUP;

	assert_held(&drivers_lock);
	if (!exporter->slots) {
		exporter->nslots = exporter->nexports;
		exporter->slots = kcalloc(slot_groups(exporter), sizeof(*exporter->slots));
	}
	if (!exporter->slots)
		return NULL;
	if (!exporter->slots[nth])
		exporter->slots[nth] = slot_group_create(exporter, nth * SLOTS_GROUP);
	if (!exporter->slots[nth])
		return NULL;
	exporter->slots[nth]->slots[number % SLOTS_GROUP].bound = true;
	return &exporter->slots[nth]->slots[number % SLOTS_GROUP];
}

void slots_free(struct driver *exporter)
{
	for (u32 i = 0; exporter->slots && i < slot_groups(exporter); i++)
		if (exporter->slots[i])
			slot_group_free(exporter->slots[i]);
	kfree(exporter->slots);
	exporter->slots = NULL;
	kvfree(exporter->signatures);
	exporter->signatures = NULL;
}

struct call_slot *slot_next_bound(const struct driver *exporter, u32 *number)
{
	assert_held(&drivers_lock);
	while (exporter->slots && *number < exporter->nslots) {
		struct slot_group *group = exporter->slots[*number / SLOTS_GROUP];
		u32 nth = (*number)++ % SLOTS_GROUP;

		if (group && group->slots[nth].bound)
			return &group->slots[nth];
	}
	return NULL;
}

void slots_unbind(struct driver *exporter)
{
	struct call_slot *slot;

	for (u32 i = 0; (slot = slot_next_bound(exporter, &i));)
		slot->bound = false;
}

void slot_move(struct call_slot *slot, struct call_slot *to)
{
	smp_store_release(&slot->moved_to, to);
	smp_store_release(&slot->target, arch_call_thunk_moved(slot->entry));
}

void slot_kill(struct call_slot *slot)
{
	WRITE_ONCE(slot->target, gate_dead_entry);
	WRITE_ONCE(slot->moved_to, NULL);
}

/*
 * Until the call is counted as one of the next exporter's it is one of the last one's, which
 * is not freed as long. Meanwhile that may have a successor, too.
 */
const void *gate_slot_move(struct call_slot *slot)
{
	struct gate_record *record = current->gate;
	struct call_slot *next = smp_load_acquire(&slot->moved_to);
	const void *target = gate_dead_entry;

	while (next) {
		gate_count_event(next->owner->gate_slot, begun);
		WRITE_ONCE(record->owner, next->owner);
		gate_count_event(slot->owner->gate_slot, ended);
		slot = next;
		target = smp_load_acquire(&slot->target);
		next = smp_load_acquire(&slot->moved_to);
	}
	if (slot->signature && slot->signature->callbacks &&
	    gate_check_arguments(current->grants, slot))
		return gate_dead_entry;
	return target;
}

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
	if (wall_share(&user->owner, page->code, 2 * PAGE_SIZE)) {
		krange_free(page->code);
		kfree(page);
		return NULL;
	}
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
