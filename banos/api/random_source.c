// SPDX-License-Identifier: MIT
/*
 * <banos/random_source.h>: sources of random bytes of drivers. What is asked of them, and the checks, are in device/random_source.c.
 */
#include <kernel/driver.h>
#include <kernel/driver_api.h>
#include <kernel/err.h>
#include <kernel/future.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/process.h>
#include <kernel/random_source.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include "caller.h"

struct driver_source {
	struct owned owned;
	struct random_source core;
	struct owner *root;
	void *context;
	struct banos_random_source_ops ops;
	char name[sizeof(((struct banos_random_source_config *)0)->name)];
};

_Static_assert(BANOS_RANDOM_QUALITY_MAX == RANDOM_QUALITY_MAX &&
		       BANOS_RANDOM_QUALITY_LEAST == RANDOM_QUALITY_LEAST,
	       "the same units");

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_RANDOM_SOURCE_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_random_source_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_RANDOM_SOURCE_OPS_SIZE_2,
	.size_known = sizeof(struct banos_random_source_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

static s64 driver_source_fill(struct random_source *core, struct uio *to, bool wait)
{
	struct driver_source *source = container_of(core, struct driver_source, core);
	u32 flags = wait ? 0 : BANOS_RANDOM_NOWAIT;
	s64 result = gate_call(source->root, to, source->ops.fill, (u64)source->context, (u64)to,
			       to->count, flags | FUTURE_FLAGS, 0, 0);

	if (result != -ERESTART)
		return result;
	if (signal_pending())
		return -ERESTARTSYS;
	return -EINTR;
}

static int driver_source_publish(struct owned *owned)
{
	return random_source_add(&container_of(owned, struct driver_source, owned)->core);
}

static int driver_source_stop(struct owned *owned, u64 deadline_ns)
{
	return random_source_remove(&container_of(owned, struct driver_source, owned)->core,
				    deadline_ns);
}

static void driver_source_free(struct owned *owned)
{
	kfree(container_of(owned, struct driver_source, owned));
}

static const struct owned_class driver_source_class = {
	.name = "random source",
	.names = "random sources",
	.kind = OWNED_RANDOM_SOURCE,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct driver_source),
	.publish = driver_source_publish,
	.stop = driver_source_stop,
	.free = driver_source_free,
};

static int driver_source_take_config(struct driver_source *source,
				     const struct banos_random_source_config *from)
{
	const char *caller = "banos_random_source_register";
	struct banos_random_source_config config;
	int err = api_struct_read(caller, &config_rule, from, &config);

	if (err)
		return err;
	if (config.quality > BANOS_RANDOM_QUALITY_MAX ||
	    (config.quality && config.quality < BANOS_RANDOM_QUALITY_LEAST))
		return api_mistake(caller, -EINVAL,
				   "config->quality is over 1024, or less than 128 and not 0");
	if (!text_is_word(config.name, sizeof(config.name)))
		return api_mistake(
			caller, -EINVAL,
			"config->name is not a word of letters, digits, '_', '-' and '.'");
	source->context = config.context;
	memcpy(source->name, config.name, sizeof(source->name));
	source->core.name = source->name;
	source->core.driver = source->root->name;
	source->core.quality = config.quality;
	source->core.fill = driver_source_fill;
	source->ops.size = sizeof(source->ops);
	return api_methods_read(caller, &ops_rule, source->root, config.ops, &source->ops, NULL);
}

int64_t banos_random_source_register(banos_owner owner,
				     const struct banos_random_source_config *config,
				     banos_random_source *source)
{
	struct owner *asked;
	struct driver_source *created;
	s64 err;

	if (!IS_ENABLED(CONFIG_RANDOM_SOURCES))
		return -EOPNOTSUPP;
	asked = api_holder(__func__, owner, source, "source", HANDLE_OPTIONAL | HOLDER_STAYS, &err);
	if (!asked)
		return err;
	created = kzalloc(sizeof(*created));
	if (!created)
		return -ENOMEM;
	created->root = asked->root;
	err = driver_source_take_config(created, config);
	if (!err)
		err = owned_add_held(asked, &created->owned, &driver_source_class, true);
	if (err) {
		kfree(created);
		return err;
	}
	if (source)
		*source = (banos_random_source)created->owned.handle;
	return owned_offer(&created->owned);
}
BANOS_EXPORT(banos_random_source_register);

int64_t banos_random_source_remove(banos_random_source source)
{
	if (!IS_ENABLED(CONFIG_RANDOM_SOURCES))
		return -EOPNOTSUPP;
	return api_remove(__func__, "source", (u64)source, &driver_source_class);
}
BANOS_EXPORT(banos_random_source_remove);
