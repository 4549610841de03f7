// SPDX-License-Identifier: MIT
/*
 * The bus "system": what the firmware's tables tell of, as devices for drivers.
 *
 * So far that is one device, "pci": where PCI configuration space is. Its
 * driver needs the devices' own registers, too, which may be anywhere that is not
 * memory: the last resource says so.
 */
#include <kernel/acpi.h>
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>

#define PCI_CONFIG_PORTS 0xcf8
#define PHYS_END	 (1ull << 52)

static struct owner system_owner = { .name = "system" };

static void add_ecam(struct bus_device *d)
{
	for (u32 i = 0; i < acpi_info.nr_mcfg; i++)
		d->resources[d->nresources++] = (struct device_resource){
			.kind = DEVICE_ECAM,
			.start = acpi_info.mcfg[i].addr,
			.length =
				(u64)(acpi_info.mcfg[i].last_bus - acpi_info.mcfg[i].first_bus + 1)
				<< 20,
			.data = (u32)acpi_info.mcfg[i].segment << 16 |
				acpi_info.mcfg[i].first_bus << 8 | acpi_info.mcfg[i].last_bus,
		};
}

static int add_pci(struct bus *b)
{
	struct bus_device *d = kzalloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	strscpy(d->name, "pci", sizeof(d->name));
	strscpy(d->alias, "system:pci", sizeof(d->alias));
	d->resources = kcalloc(ACPI_MAX_MCFG + 3, sizeof(*d->resources));
	if (!d->resources) {
		kfree(d);
		return -ENOMEM;
	}
	d->resources[d->nresources++] =
		(struct device_resource){ DEVICE_PORTS, PCI_CONFIG_PORTS, 8, 0 };
	add_ecam(d);
	d->resources[d->nresources++] = (struct device_resource){ DEVICE_MEMORY, 0, PHYS_END, 0 };
	return bus_device_add(b, d);
}

void bus_init(void)
{
	struct bus *b = kzalloc(sizeof(*b));
	int err = b ? owner_init(&system_owner, NULL, "system", NULL) : -ENOMEM;

	hotplug_init();
	if (!err) {
		strscpy(b->name, "system", sizeof(b->name));
		err = bus_add(&system_owner, b) ?: add_pci(b);
		owner_publish_late(&system_owner);
	}
	if (err)
		pr_err("bus: not enough memory for the system bus and its devices\n");
}
