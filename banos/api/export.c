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
	struct call_slot slot;		/* freed a grace period after the stub forgot it */
};

static void let_go_locked(struct found_symbol *s)
{
	if (!s->exporter)
		return;
	stub_kill(s->function);
	use_drop(s->user, s->exporter);
}

static int symbol_stop(struct owned *o, u64 deadline_ns)
{
	struct found_symbol *s = container_of(o, struct found_symbol, owned);

	mutex_lock(&drivers_lock);
	let_go_locked(s);
	mutex_unlock(&drivers_lock);
	sys_module_changed(s->user->name);
	return 0;
}

static void symbol_free(struct owned *o)
{
	kfree(container_of(o, struct found_symbol, owned));
}

static const struct owned_class symbol_class = {
	.name = "looked-up symbol",
	.names = "looked-up symbols",
	.kind = OWNED_SYMBOL,
	.phase = OWNED_PASSIVE,
	.stop = symbol_stop,
	.free = symbol_free,
};

static int find_locked(struct found_symbol *s, const char *name)
{
	struct export *e = export_find(name);
	int err;

	if (!e)
		return -ENOENT;
	s->function = (void *)e->address;
	if (!e->provider)
		return 0;
	err = use_add(s->user, e->provider);
	if (err)
		return err;
	s->slot = (struct call_slot){ .target = s->function,
				      .owner = &e->provider->owner,
				      .exporter = e->provider };
	s->function = stub_create(s->user, &s->slot);
	if (!s->function) {
		use_drop(s->user, e->provider);
		return -ENOMEM;
	}
	s->exporter = e->provider;
	return 0;
}

void *banos_lookup_symbol(banos_owner owner, const char *name)
{
	struct owner *o = api_owner(owner);
	const char *wrong = !o				       ? "owner is none of the caller's"
			    : api_text(name, API_TEXT_MAX) < 0 ? "name is no text of the driver's"
			    : api_holds_spinlock() ? "may sleep, and the caller holds a spin lock"
						   : NULL;
	struct found_symbol *s;
	int err;

	if (wrong) {
		MISTAKE(wrong);
		return NULL;
	}
	s = kzalloc(sizeof(*s));
	if (!s)
		return NULL;
	s->user = owner_driver(o);
	mutex_lock(&drivers_lock);
	err = find_locked(s, name);
	mutex_unlock(&drivers_lock);
	if (err) {
		kfree(s);
		return NULL;
	}
	if (owned_add(o, &s->owned, &symbol_class, false)) {
		symbol_stop(&s->owned, 0);
		kfree(s);
		return NULL;
	}
	return s->function;
}
BANOS_EXPORT(banos_lookup_symbol);

int64_t banos_release_symbol(banos_owner owner, void *function)
{
	struct owner *o = api_owner(owner);
	struct owned *found = NULL, *at;
	u64 flags;
	int err;

	if (!o)
		return MISTAKE("owner is none of the caller's");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	flags = spin_lock_irqsave(&o->root->lock);
	list_for_each(at, &o->owned[OWNED_PASSIVE], link)
		if (at->class == &symbol_class &&
		    container_of(at, struct found_symbol, owned)->function == function) {
			found = at;
			atomic_inc(&found->refs);
			break;
		}
	spin_unlock_irqrestore(&o->root->lock, flags);
	if (!found)
		return MISTAKE("function was not looked up for this owner, or was released before");
	err = owned_remove(found);
	owned_put(found);
	return err;
}
BANOS_EXPORT(banos_release_symbol);
