/* SPDX-License-Identifier: MIT */
/**
 * @file bus.h  Buses, devices on them, and which driver has which device (device/bus.c).
 *
 * The theory is in <banos/bus.h>. A device that a driver has is a struct
 * binding: an owner below that driver's, of which everything hangs that the
 * driver obtained for the device.
 *
 * Lock: bus_lock (mutex, device/bus.c): lists, ->binding, ->gone, ->dead; for moments.
 *
 * A claim is not a lock: device->claimant is the thread that binds or unbinds the device,
 * and so may call its driver and its bus; a device's before those of devices behind it.
 */
#pragma once
#include <kernel/gate.h>
#include <kernel/list.h>
#include <kernel/lock.h>
#include <kernel/vm_window.h>

#define BUS_NAME_SIZE	 32
#define DEVICE_NAME_SIZE 64
#define ALIAS_SIZE	 248

struct proc_entry;
struct bus_device;
struct bus_texts;

/** The methods of a bus; functions of its driver, called through the gate. None is NULL. */
struct bus_methods {
	const void *quiesce, *connect, *disconnect, *line;
};

struct bus {
	struct owned owned;
	struct owner *root; /* of its driver; NULL: the kernel's own bus */
	void *context;
	struct bus_methods methods;
	struct list devices; /* bus_device.of_bus */
	char name[BUS_NAME_SIZE];
};

enum { DEVICE_MEMORY = 1, DEVICE_PORTS, DEVICE_ECAM }; /* BANOS_RESOURCE_... */
struct device_resource {
	u32 kind;
	u64 start, length, data;
	u32 flags;			      /* BANOS_RESOURCE_PREFETCHABLE */
	u64 reserved_offset, reserved_length; /* the bus's own: programs may not map it */
};

struct bus_device {
	struct owned owned;
	struct bus *bus;     /* counted */
	struct owner *owner; /* the bus's */
	struct list of_bus, of_all;
	u64 id; /* in the order of publication; 0: not yet */
	void *context;
	u32 interrupts, nresources;
	u32 dma_bits,
		node; /* of banos_device_info; what is not known is that of the device that provides the bus */
	u64 bus_id;
	struct device_resource *resources;
	struct list irqs;	       /* interrupts in use; for banos/api/irq.c */
	char *properties, *attributes; /* lines of text, or NULL */
	struct thread *claimant;       /* the thread that binds or unbinds it, or NULL */
	bool gone;		       /* being removed: it gets no driver */
	bool absent;		       /* unplugged: its registers cannot be accessed */
	struct binding *binding;
	struct list quarantine; /* struct dma_block; quarantine_lock */
	struct list nodes;	/* files in /sys */
	struct list pending;	/* link in the queue of the thread that binds */
	char name[DEVICE_NAME_SIZE], alias[ALIAS_SIZE];
};

/** Memory that a device may still write to. */
struct dma_block {
	struct list link;
	phys_t addr;
	u32 order;
	u64 bytes;
	bool borrowed; /* a page that was counted for the device, else allocated for it */
};

/** Devices that a driver serves. */
struct device_pattern {
	u64 data; /* for probe() */
	char alias[ALIAS_SIZE];
};

struct prober {
	struct owned owned;
	struct list link;
	u64 id;
	struct owner *root; /* of its driver */
	bool dead;
	void *context;
	const void *probe, *remove; /* none is NULL */
	u32 npatterns;
	const struct device_pattern *patterns; /* the driver's; those of other buses do not match */
	char bus[BUS_NAME_SIZE];
};

struct binding {
	struct owner owner;	   /* first */
	struct bus_device *device; /* counted */
	struct prober *prober;	   /* counted */
	void *state;		   /* the driver's own */
	bool probed, removed, silent;
	struct vm_window_list windows; /* programs that map its memory */
	struct binding *next_dead;
	u64 died_ns;
};

extern const struct owned_class bus_class, device_class, prober_class;

/**
 * @brief Add a bus, a device, a prober, filled in but for the list heads and ids. It is counted for the caller, who
 * publishes it by owned_offer(). Sleeps.
 *
 * A device is published when its owner is live: now, or later when it becomes live. Then a thread
 * of the kernel looks for its driver.
 * @return 0; -EEXIST: two devices of one name; -ENODEV: the owner was closed; -ENOMEM
 */
int __must_check bus_add(struct owner *owner, struct bus *bus);
int __must_check bus_device_add(struct bus *bus, struct bus_device *device);
int __must_check prober_add(struct owner *owner, struct prober *prober);

/** @brief Remove a device; @p absent: it was unplugged. Sleeps. @return 0, -EBUSY, -EINVAL: it was removed before */
int __must_check bus_device_remove(struct bus_device *device, bool absent);

/** @brief May its driver reach this? Any context. */
bool bus_device_allows(const struct bus_device *device, u32 kind, u64 start, u64 length);
/** @brief The list of what programs map of a device; @p owner is that device's binding. */
static inline struct vm_window_list *bus_device_windows(struct owner *owner)
{
	return &container_of(owner, struct binding, owner)->windows;
}
/** @brief Ask the device's bus; @p method is an offset in struct bus_methods. Sleeps. */
s64 bus_device_call(struct bus_device *device, size_t method, u64 first, u64 second, u64 third);
#define bus_device_ask(device, method, first, second, third) \
	bus_device_call(device, offsetof(struct bus_methods, method), first, second, third)
/** @brief Is the device being unbound and already silent, so that its DMA memory may be freed? */
bool bus_device_is_silent(const struct bus_device *device);
/** @brief Keep memory until the device was made silent. The caller has claimed the device. */
void bus_device_quarantine(struct bus_device *device, struct dma_block *block);
void dma_block_free(struct dma_block *block);

/** @brief Free the dead bindings of a driver that has been drained. Sleeps. */
void bus_forget(const struct owner *root);
/** @brief Wait until a driver has been searched for each queued device, or for ten seconds. Sleeps. */
void bus_settle(void);

/** @brief Log which of a driver's patterns can match nothing, after its init(). Sleeps. */
void bus_report_patterns(const struct owner *root, const struct device_pattern *patterns,
			 u32 count);

/** @brief Name of the driver that serves a device. Sleeps. @return false: none does */
bool bus_device_driver(struct bus_device *device, char *name, size_t size);
/** @brief For each device in order of id, as long as @p function returns true. Sleeps; @p function may not. */
void bus_devices_each(bool (*function)(const struct bus_device *device, void *arg), void *arg);

/** Start-up: /dev/hotplug and the bus "system". After fs_init(). */
void bus_init(void);

/* ---- device/hotplug.c: lines for programs that read /dev/hotplug ---- */
enum hotplug_action { HOTPLUG_ADD, HOTPLUG_REMOVE, HOTPLUG_BIND, HOTPLUG_UNBIND };
void hotplug_event(enum hotplug_action action, const struct bus_device *device, const char *driver);
struct disk;
/** @brief A disk, or a partition, was added or removed: a line of the bus "block". */
void hotplug_disk_event(enum hotplug_action action, const struct disk *disk);
/** @brief The type of the file system on a disk is known now. */
void hotplug_content_event(const struct disk *disk, const char *type);
/** @brief An interface was added or removed: a line of the bus "net". Any context. */
void hotplug_net_event(enum hotplug_action action, const char *name);
/**
 * @brief A program wants what no driver offers: the line "add WHO WHAT ALIASWHAT". Waits until @p exists(@p context), or all
 * listeners ask for more with nothing left to read, but not for ever; or until a signal kills. Sleeps.
 * @param what  letters, digits and _ - . only
 */
void hotplug_request(const char *who, const char *what, const char *alias,
		     bool (*exists)(const void *context), const void *context);
/** @brief Something that hotplug_request() may wait for exists from now on. Any context. */
void hotplug_answer(void);
void hotplug_init(void);
/* ---- device/bus_sysfs.c: /sys/bus/NAME/devices ---- */
void bus_sysfs_add(struct bus_device *device);
void bus_sysfs_remove(struct bus_device *device);
