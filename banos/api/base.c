// SPDX-License-Identifier: MIT
/* <banos/base.h>, <banos/string.h>, <banos/export.h>: what there is, and what compilers call. */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/string.h>

int64_t banos_api_level(void) { return BANOS_LEVEL; }
BANOS_EXPORT(banos_api_level);

int64_t banos_has_feature(uint32_t feature)
{
	switch (feature) {
	case BANOS_FEATURE_SMP: return CONFIG_NR_CPUS > 1;
	case BANOS_FEATURE_DEBUG: return IS_ENABLED(CONFIG_DEBUG_KERNEL);
	default: return 0;
	}
}
BANOS_EXPORT(banos_has_feature);

BANOS_EXPORT(memcpy);
BANOS_EXPORT(memmove);
BANOS_EXPORT(memset);
BANOS_EXPORT(memcmp);

/* ---- look-up at run time ---- */

/* A function found by name: a use of its exporter, and a stub for calls through the gate. */
struct found_symbol {
	struct owned owned;
	void *function;
	struct driver *user, *exporter;		/* exporter NULL: the kernel */
};

static int symbol_stop(struct owned *o)
{
	struct found_symbol *s = container_of(o, struct found_symbol, owned);

	if (!s->exporter)
		return 0;
	mutex_lock(&drivers_lock);
	use_drop(s->user, s->exporter);
	mutex_unlock(&drivers_lock);
	return 0;
}

static void symbol_free(struct owned *o)
{
	kfree(container_of(o, struct found_symbol, owned));
}

static const struct owned_class symbol_class = {
	.name = "looked-up symbol", .names = "looked-up symbols", .kind = OWNED_SYMBOL, .phase = OWNED_PASSIVE,
	.stop = symbol_stop, .free = symbol_free,
};

static int find_locked(struct found_symbol *s, const char *name)
{
	struct export *e = export_find(name);

	if (!e)
		return -ENOENT;
	s->function = (void *)e->address;
	s->exporter = e->provider;
	return e->provider ? use_add(s->user, e->provider) : 0;
}

void *banos_lookup_symbol(banos_owner owner, const char *name)
{
	struct owner *o = owner_find((u64)owner);
	struct found_symbol *s = o ? kzalloc(sizeof(*s)) : NULL;
	int err;

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
		symbol_stop(&s->owned);
		kfree(s);
		return NULL;
	}
	return s->function;
}
BANOS_EXPORT(banos_lookup_symbol);

int64_t banos_release_symbol(banos_owner owner, void *function)
{
	struct owner *o = owner_find((u64)owner);
	struct owned *found = NULL, *at;
	u64 flags;
	int err;

	if (!o)
		return -EINVAL;
	flags = spin_lock_irqsave(&o->root->lock);
	list_for_each(at, &o->owned[OWNED_PASSIVE], link)
		if (at->class == &symbol_class && container_of(at, struct found_symbol, owned)->function == function) {
			found = at;
			atomic_inc(&found->refs);
			break;
		}
	spin_unlock_irqrestore(&o->root->lock, flags);
	if (!found)
		return -EINVAL;
	err = owned_remove(found);
	owned_put(found);
	return err;
}
BANOS_EXPORT(banos_release_symbol);
