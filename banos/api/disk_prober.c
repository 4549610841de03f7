// SPDX-License-Identifier: MIT
/*
 * <banos/disk.h>, <banos/partition.h>, <banos/filesystem_prober.h>: disks that are being probed, and the probers.
 *
 * A banos_disk stands for a struct disk_call on the stack of the thread that probes, which the gate's record of the
 * method names; so it is looked up in this thread's records alone, and each call has a number of its own.
 *
 * A prober is off the core's list before the last of its calls is waited for: prober->running.
 */
#include <kernel/driver.h>
#include <kernel/driver_api.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/partition.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/wait.h>
#include "caller.h"

#define DISK_CALL_TAG 4u /* of an object of the gate; call.h has another one */
#define OBJECT_TAGS   7ull

/** A disk in the hands of a method. */
struct disk_call {
	u64 handle;
	const struct owner *root; /* of the driver whose method it is */
	struct disk_probe *probe;
};

struct driver_prober {
	struct owned owned;
	struct disk_prober core;
	struct owner *root;
	void *context;
	struct banos_disk_prober_ops ops;
	bool listed;
	bool dead;
	struct atomic running;
	struct wait_queue wait;
	char name[sizeof(((struct banos_disk_prober_config *)0)->name)];
};

static const struct struct_rule info_rule = {
	.name = "info",
	.size_least = BANOS_DISK_INFO_SIZE_2,
	.size_known = sizeof(struct banos_disk_info),
};
static const struct struct_rule partition_rule = {
	.name = "partition",
	.size_least = BANOS_PARTITION_SIZE_2,
	.size_known = sizeof(struct banos_partition),
};
static const struct struct_rule found_rule = {
	.name = "found",
	.size_least = BANOS_FILESYSTEM_FOUND_SIZE_2,
	.size_known = sizeof(struct banos_filesystem_found),
};
static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_DISK_PROBER_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_disk_prober_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_DISK_PROBER_OPS_SIZE_2,
	.size_known = sizeof(struct banos_disk_prober_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

/* ---- the disk of a call ---- */

static struct disk_probe *disk_of_call(const char *function, banos_disk disk)
{
	for (const struct gate_record *record = current->gate; record; record = record->outer) {
		u64 object = (u64)record->object;
		const struct disk_call *call = (void *)(object & ~OBJECT_TAGS);

		if ((object & OBJECT_TAGS) == DISK_CALL_TAG && call->handle == (u64)disk &&
		    call->root == gate_owner())
			return call->probe;
	}
	(void)api_mistake(function, -EINVAL, "disk is not what the method received");
	return NULL;
}

int64_t banos_disk_info(banos_disk disk, struct banos_disk_info *info)
{
	struct disk_probe *probe = disk_of_call(__func__, disk);
	struct banos_disk_info about = { .size = sizeof(about) };
	s64 size;

	if (!probe)
		return -EINVAL;
	size = api_struct_room(__func__, &info_rule, info);
	if (size < 0)
		return size;
	if (IS_ENABLED(CONFIG_PARTITIONS)) {
		about.block_bytes = disk_block_bytes(probe->disk);
		about.bytes = disk_bytes(probe->disk);
	}
	struct_fill(&info_rule, info, size, &about);
	return 0;
}
BANOS_EXPORT(banos_disk_info);

int64_t banos_disk_read(banos_disk disk, uint64_t offset, void *to, uint64_t length)
{
	struct disk_probe *probe = disk_of_call(__func__, disk);

	if (!probe)
		return -EINVAL;
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (length > BANOS_DISK_READ_MAX)
		return api_mistake(__func__, -E2BIG, "length is more than BANOS_DISK_READ_MAX");
	if (!api_may_write(to, length))
		return MISTAKE("to, with length bytes, is not the driver's memory");
	if (!IS_ENABLED(CONFIG_PARTITIONS))
		return -EIO;
	return disk_read_bytes(probe->disk, offset, to, length);
}
BANOS_EXPORT(banos_disk_read);

static bool text_has_end(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

int64_t banos_partition_add(banos_disk disk, const struct banos_partition *partition)
{
	struct disk_probe *probe = disk_of_call(__func__, disk);
	struct partition_about about = { 0 };
	struct banos_partition copy;
	int err;

	if (!probe)
		return -EINVAL;
	if (probe->kind != DISK_PARTITIONS)
		return MISTAKE("the prober is one of file systems");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	err = api_struct_read(__func__, &partition_rule, partition, &copy);
	if (err)
		return err;
	if (!copy.number || copy.number > BANOS_PARTITIONS_MAX || copy.zero ||
	    copy.flags & ~(BANOS_PARTITION_BOOT | BANOS_PARTITION_INNER))
		return MISTAKE("partition->number, flags or zero is not valid");
	if (!text_has_end(copy.type, sizeof(copy.type)) ||
	    !text_has_end(copy.name, sizeof(copy.name)) ||
	    !text_has_end(copy.uuid, sizeof(copy.uuid)))
		return MISTAKE("partition->type, name or uuid has no NUL");
	if (!IS_ENABLED(CONFIG_PARTITIONS))
		return -EINVAL;
	about.number = copy.number;
	about.offset = copy.offset;
	about.bytes = copy.bytes;
	memcpy(about.type, copy.type, sizeof(about.type));
	memcpy(about.name, copy.name, sizeof(about.name));
	memcpy(about.uuid, copy.uuid, sizeof(about.uuid));
	err = disk_probe_add(probe, &about);
	if (err == -EINVAL)
		return MISTAKE(
			"partition does not lie on the disk, in whole blocks behind its beginning");
	return err;
}
BANOS_EXPORT(banos_partition_add);

int64_t banos_filesystem_state(banos_disk disk, const struct banos_filesystem_found *found)
{
	struct disk_probe *probe = disk_of_call(__func__, disk);
	struct banos_filesystem_found copy;
	int err;

	if (!probe)
		return -EINVAL;
	if (probe->kind != DISK_FILESYSTEM)
		return MISTAKE("the prober is one of partition tables");
	err = api_struct_read(__func__, &found_rule, found, &copy);
	if (err)
		return err;
	if (!text_is_word(copy.type, sizeof(copy.type)) || copy.zero ||
	    (copy.uuid[0] && !text_is_word(copy.uuid, sizeof(copy.uuid))))
		return MISTAKE("found->type, uuid or zero is not valid");
	if (!text_has_end(copy.label, sizeof(copy.label)))
		return MISTAKE("found->label has no NUL");
	memcpy(probe->content.type, copy.type, sizeof(probe->content.type));
	memcpy(probe->content.label, copy.label, sizeof(probe->content.label));
	memcpy(probe->content.uuid, copy.uuid, sizeof(probe->content.uuid));
	return 0;
}
BANOS_EXPORT(banos_filesystem_state);

/* ---- probers ---- */

static bool driver_prober_begin(struct disk_prober *core)
{
	struct driver_prober *prober = container_of(core, struct driver_prober, core);

	if (prober->dead)
		return false;
	atomic_inc(&prober->running);
	return true;
}

static void driver_prober_end(struct disk_prober *core)
{
	struct driver_prober *prober = container_of(core, struct driver_prober, core);

	/* Counted: once nothing runs the owner may free it. */
	rcu_read_lock();
	if (atomic_dec_and_test(&prober->running))
		wake_up_all(&prober->wait);
	rcu_read_unlock();
}

static s64 driver_prober_probe(struct disk_prober *core, struct disk_probe *probe)
{
	struct driver_prober *prober = container_of(core, struct driver_prober, core);
	static struct atomic calls;
	struct disk_call call = { .root = prober->root, .probe = probe };
	s64 result;

	call.handle = (u64)atomic_add_return(&calls, 1) << 3 | DISK_CALL_TAG;
	result = gate_call(prober->root, (const void *)((u64)&call | DISK_CALL_TAG),
			   prober->ops.probe, (u64)prober->context, call.handle, 0, 0, 0, 0);
	if (result > 1)
		return -EINVAL;
	return result;
}

static int driver_prober_publish(struct owned *owned)
{
	struct driver_prober *prober = container_of(owned, struct driver_prober, owned);

	prober->listed = true;
	if (IS_ENABLED(CONFIG_PARTITIONS))
		disk_prober_add(&prober->core);
	return 0;
}

static int driver_prober_stop(struct owned *owned, u64 deadline_ns)
{
	struct driver_prober *prober = container_of(owned, struct driver_prober, owned);

	WRITE_ONCE(prober->dead, true);
	if (prober->listed && IS_ENABLED(CONFIG_PARTITIONS))
		disk_prober_remove(&prober->core);
	prober->listed = false;
	if (!wait_event_until(&prober->wait, !atomic_read(&prober->running), deadline_ns))
		return 0;
	pr_err("banos: %s: probe() of a disk prober does not return\n", prober->root->name);
	return -EBUSY;
}

static void driver_prober_free(struct owned *owned)
{
	kfree(container_of(owned, struct driver_prober, owned));
}

static const struct owned_class driver_prober_class = {
	.name = "disk prober",
	.names = "disk probers",
	.kind = OWNED_DISK_PROBER,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct driver_prober),
	.publish = driver_prober_publish,
	.stop = driver_prober_stop,
	.free = driver_prober_free,
};

static int driver_prober_take_config(struct driver_prober *prober,
				     const struct banos_disk_prober_config *from)
{
	const char *caller = "banos_disk_prober_register";
	struct banos_disk_prober_config config;
	int err = api_struct_read(caller, &config_rule, from, &config);

	if (err)
		return err;
	if ((config.kind != BANOS_DISK_PROBER_PARTITIONS &&
	     config.kind != BANOS_DISK_PROBER_FILESYSTEM) ||
	    config.zero)
		return api_mistake(caller, -EINVAL, "config->kind or zero is not valid");
	if (!config.name[0] || !text_has_end(config.name, sizeof(config.name)))
		return api_mistake(caller, -EINVAL, "config->name is empty, or has no NUL");
	prober->context = config.context;
	memcpy(prober->name, config.name, sizeof(prober->name));
	prober->core = (struct disk_prober){
		.kind = config.kind == BANOS_DISK_PROBER_FILESYSTEM ? DISK_FILESYSTEM
								    : DISK_PARTITIONS,
		.rank = config.rank,
		.name = prober->name,
		.begin = driver_prober_begin,
		.end = driver_prober_end,
		.probe = driver_prober_probe,
	};
	prober->ops.size = sizeof(prober->ops);
	return api_methods_read(caller, &ops_rule, prober->root, config.ops, &prober->ops, NULL);
}

int64_t banos_disk_prober_register(banos_owner owner, const struct banos_disk_prober_config *config,
				   banos_disk_prober *prober)
{
	struct owner *asked;
	struct driver_prober *created;
	s64 err;

	asked = api_holder(__func__, owner, prober, "prober", HANDLE_OPTIONAL | HOLDER_STAYS, &err);
	if (!asked)
		return err;
	created = kzalloc(sizeof(*created));
	if (!created)
		return -ENOMEM;
	created->root = asked->root;
	wait_queue_init(&created->wait);
	err = driver_prober_take_config(created, config);
	if (!err && !IS_ENABLED(CONFIG_PARTITIONS))
		err = -EOPNOTSUPP;
	if (!err)
		err = owned_add_held(asked, &created->owned, &driver_prober_class, true);
	if (err) {
		kfree(created);
		return err;
	}
	if (prober)
		*prober = (banos_disk_prober)created->owned.handle;
	return owned_offer(&created->owned);
}
BANOS_EXPORT(banos_disk_prober_register);

int64_t banos_disk_prober_remove(banos_disk_prober prober)
{
	return api_remove(__func__, "prober", (u64)prober, &driver_prober_class);
}
BANOS_EXPORT(banos_disk_prober_remove);
