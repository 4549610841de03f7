// SPDX-License-Identifier: MIT
/*
 * <banos/scheduler.h>: schedulers of drivers. What is done with them is in kernel/scheduler.c.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/gate.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/random.h>
#include <kernel/scheduler.h>
#include <kernel/string.h>
#include "caller.h"

struct driver_scheduler {
	struct owned owned;
	struct scheduler scheduler;
};

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_SCHEDULER_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_scheduler_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_SCHEDULER_OPS_SIZE_2,
	.size_known = sizeof(struct banos_scheduler_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

_Static_assert(sizeof(struct banos_scheduler_thread) >= BANOS_SCHEDULER_THREAD_SIZE_2,
	       "filled by the kernel");

/* ---- methods that a driver lacks ---- */

static int64_t scheduler_no_attach(void *context, uint64_t thread,
				   const struct banos_scheduler_thread *info, uint64_t *cookie)
{
	return 0;
}

static int64_t scheduler_no_detach(void *context, uint64_t thread, uint64_t cookie)
{
	return 0;
}

/* The kernel does not call these, but does what the header says. */
static int64_t scheduler_no_tick(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
				 uint64_t ran_ns)
{
	return 0;
}

static int64_t scheduler_no_changed(void *context, uint64_t thread, uint64_t cookie,
				    const struct banos_scheduler_thread *info)
{
	return 0;
}

static int64_t scheduler_no_select(void *context, uint64_t thread, uint64_t cookie, uint32_t last,
				   uint64_t idle)
{
	return last;
}

static int64_t scheduler_no_steal(void *context, uint32_t from, uint32_t to)
{
	return 0;
}

static const struct banos_scheduler_ops default_ops = {
	API_DEFAULTS(struct banos_scheduler_ops),
	.attach = scheduler_no_attach,
	.detach = scheduler_no_detach,
	.tick = scheduler_no_tick,
	.changed = scheduler_no_changed,
	.select_cpu = scheduler_no_select,
	.steal = scheduler_no_steal,
};

/* ---- life ---- */

static struct scheduler *scheduler_of(struct owned *owned)
{
	return &container_of(owned, struct driver_scheduler, owned)->scheduler;
}

static int driver_scheduler_publish(struct owned *owned)
{
	return scheduler_publish(scheduler_of(owned), random_u64());
}

static __cold int driver_scheduler_stop(struct owned *owned, u64 deadline_ns)
{
	return scheduler_stop(scheduler_of(owned));
}

static void driver_scheduler_free(struct owned *owned)
{
	kfree(container_of(owned, struct driver_scheduler, owned));
}

static const struct owned_class scheduler_class = {
	.name = "scheduler",
	.names = "schedulers",
	.kind = OWNED_SCHEDULER,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct driver_scheduler) + HANDLE_BYTES,
	.publish = driver_scheduler_publish,
	.stop = driver_scheduler_stop,
	.free = driver_scheduler_free,
};

/* ---- registration ---- */

static __cold int scheduler_take_config(struct scheduler *scheduler,
					const struct banos_scheduler_config *from)
{
	static const char function[] = "banos_scheduler_register";
	struct banos_scheduler_config config;
	int err = api_struct_read(function, &config_rule, from, &config);

	if (err)
		return err;
	if (!text_is_word(config.name, sizeof(config.name)))
		return api_mistake(function, -EINVAL,
				   "config->name is not letters, digits and _ - . with an end");
	if (config.zero)
		return api_mistake(function, -EINVAL, "config->zero is not 0");
	memcpy(scheduler->name, config.name, sizeof(config.name));
	scheduler->context = config.context;
	scheduler->ops.size = sizeof(scheduler->ops);
	err = api_methods_read(function, &ops_rule, scheduler->root, config.ops, &scheduler->ops,
			       &default_ops);
	scheduler->has_tick = scheduler->ops.tick != scheduler_no_tick;
	scheduler->has_changed = scheduler->ops.changed != scheduler_no_changed;
	scheduler->has_select_cpu = scheduler->ops.select_cpu != scheduler_no_select;
	scheduler->has_steal = scheduler->ops.steal != scheduler_no_steal;
	return err;
}

__cold int64_t banos_scheduler_register(banos_owner owner,
					const struct banos_scheduler_config *config,
					banos_scheduler *scheduler)
{
	struct driver_scheduler *fresh;
	struct owner *asked;
	s64 err;

	if (!IS_ENABLED(CONFIG_SCHEDULERS))
		return -EOPNOTSUPP;
	asked = api_holder(__func__, owner, scheduler, "scheduler", HOLDER_STAYS, &err);
	if (!asked)
		return err;
	if (gate_is_walled(asked->root)) /* its methods are called where tables are not changed */
		return -EOPNOTSUPP;
	fresh = kzalloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->scheduler.root = asked->root;
	err = scheduler_take_config(&fresh->scheduler, config);
	if (!err)
		err = owned_add_held(asked, &fresh->owned, &scheduler_class, true);
	if (err) {
		kfree(fresh);
		return err;
	}
	*scheduler = (banos_scheduler)fresh->owned.handle;
	return owned_offer(&fresh->owned);
}
BANOS_EXPORT(banos_scheduler_register);

__cold int64_t banos_scheduler_remove(banos_scheduler scheduler)
{
	if (!IS_ENABLED(CONFIG_SCHEDULERS))
		return -EOPNOTSUPP;
	return api_remove(__func__, "scheduler", (u64)scheduler, &scheduler_class);
}
BANOS_EXPORT(banos_scheduler_remove);
