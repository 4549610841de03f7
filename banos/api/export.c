// SPDX-License-Identifier: MIT
/*
 * <banos/export.h>: functions found by name at run time.
 *
 * What is found is a resource like others: a use of its exporter, which stays as
 * long. A function of the kernel is called directly; into another driver a call
 * takes a stub that leads through the gate, like imports.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include "caller.h"

struct found_symbol {
	struct owned owned;
	void *function;
	struct driver *user, *exporter; /* exporter NULL: the kernel */
};

static void let_go_locked(struct found_symbol *symbol)
{
	assert_held(&drivers_lock);
	if (!symbol->exporter)
		return;
	stub_kill(symbol->function);
	use_drop(symbol->user, symbol->exporter);
}

static int symbol_stop(struct owned *object, u64 deadline_ns)
{
	struct found_symbol *symbol = container_of(object, struct found_symbol, owned);

	mutex_lock(&drivers_lock);
	let_go_locked(symbol);
	mutex_unlock(&drivers_lock);
	sys_module_changed(symbol->user->name);
	return 0;
}

static void symbol_free(struct owned *object)
{
	kfree(container_of(object, struct found_symbol, owned));
}

static const struct owned_class symbol_class = {
	.name = "looked-up symbol",
	.names = "resolved symbols",
	.kind = OWNED_SYMBOL,
	.phase = OWNED_PASSIVE,
	.bytes = sizeof(struct found_symbol),
	.stop = symbol_stop,
	.free = symbol_free,
};

static int find_locked(struct found_symbol *symbol, const char *name)
{
	struct export *export = export_find(name);
	struct call_slot *slot;
	int err;

	assert_held(&drivers_lock);
	if (!export)
		return -ENOENT;
	if (!export->provider) {
		slot = slot_of_kernel(export);
		if (slot)
			symbol->function = stub_create(symbol->user, slot);
		else
			symbol->function = (void *)function_for_drivers(export);
		return symbol->function ? 0 : -ENOMEM;
	}
	err = use_add(symbol->user, export->provider);
	if (err)
		return err;
	slot = slot_of(export);
	symbol->function = slot ? stub_create(symbol->user, slot) : NULL;
	if (!symbol->function) {
		use_drop(symbol->user, export->provider);
		return -ENOMEM;
	}
	symbol->exporter = export->provider;
	return 0;
}

void *banos_lookup_symbol(banos_owner owner, const char *name)
{
	struct owner *holder = api_owner(owner);
	const char *wrong = NULL;
	struct found_symbol *symbol;
	int err;

	if (!holder)
		wrong = "owner does not belong to the caller";
	else if (api_text(name, API_TEXT_MAX) < 0)
		wrong = "name is no text of the driver's";
	else if (api_holds_spinlock())
		wrong = "may sleep, and the caller holds a spin lock";
	if (wrong) {
		MISTAKE(wrong);
		return NULL;
	}
	symbol = kzalloc(sizeof(*symbol));
	if (!symbol)
		return NULL;
	symbol->user = owner_driver(holder);
	mutex_lock(&drivers_lock);
	err = find_locked(symbol, name);
	mutex_unlock(&drivers_lock);
	if (err) {
		kfree(symbol);
		return NULL;
	}
	if (owned_add(holder, &symbol->owned, &symbol_class, false)) {
		symbol_stop(&symbol->owned, 0);
		kfree(symbol);
		return NULL;
	}
	return symbol->function;
}
BANOS_EXPORT(banos_lookup_symbol);

int64_t banos_release_symbol(banos_owner owner, void *function)
{
	struct owner *holder = api_owner(owner);
	struct owned *found = NULL, *object;
	u64 flags;
	int err;

	if (!holder)
		return MISTAKE("owner does not belong to the caller");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	flags = spin_lock_irqsave(&holder->root->lock);
	list_for_each(object, &holder->owned[OWNED_PASSIVE], link)
		if (object->class == &symbol_class &&
		    container_of(object, struct found_symbol, owned)->function == function) {
			found = object;
			atomic_inc(&found->refs);
			break;
		}
	spin_unlock_irqrestore(&holder->root->lock, flags);
	if (!found)
		return MISTAKE("function was not looked up for this owner, or was released before");
	err = owned_remove(found);
	owned_put(found);
	return err;
}
BANOS_EXPORT(banos_release_symbol);
