// SPDX-License-Identifier: MIT
/*
 * The bus "system": the devices that the firmware's tables describe.
 *
 * So far that is one device, "pci", whose resources are the ports and the memory
 * windows of PCI configuration space. Its driver also reads the devices' own registers,
 * at any address that is not memory: the last resource permits that.
 */
#include <kernel/acpi.h>
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>

#define PCI_CONFIG_PORTS 0xcf8
#define PHYS_END	 (1ull << 52)

static struct owner system_owner;

static void system_bus_add_ecam(struct bus_device *device)
{
	for (u32 i = 0; i < acpi_info.nr_mcfg; i++)
		device->resources[device->nresources++] = (struct device_resource){
			.kind = DEVICE_ECAM,
			.start = acpi_info.mcfg[i].addr,
			.length =
				(u64)(acpi_info.mcfg[i].last_bus - acpi_info.mcfg[i].first_bus + 1)
				<< 20,
			.data = (u32)acpi_info.mcfg[i].segment << 16 |
				acpi_info.mcfg[i].first_bus << 8 | acpi_info.mcfg[i].last_bus,
		};
}

static int system_bus_add_pci(struct bus *bus)
{
	struct bus_device *device = kzalloc(sizeof(*device));
	int err;

	if (!device)
		return -ENOMEM;
	strscpy(device->name, "pci", sizeof(device->name));
	strscpy(device->alias, "system:pci", sizeof(device->alias));
	device->resources = kcalloc(ACPI_MAX_MCFG + 3, sizeof(*device->resources));
	if (!device->resources) {
		kfree(device);
		return -ENOMEM;
	}
	device->resources[device->nresources++] =
		(struct device_resource){ DEVICE_PORTS, PCI_CONFIG_PORTS, 8, 0 };
	system_bus_add_ecam(device);
	device->resources[device->nresources++] =
		(struct device_resource){ DEVICE_MEMORY, 0, PHYS_END, 0 };
	err = bus_device_add(bus, device);
	if (err)
		return err;
	return owned_offer(&device->owned);
}

void bus_init(void)
{
	struct bus *bus = kzalloc(sizeof(*bus));
	int err = -ENOMEM;

	hotplug_init();
	if (bus)
		err = owner_init(&system_owner, NULL, "system", NULL);
	if (!err) {
		strscpy(bus->name, "system", sizeof(bus->name));
		err = bus_add(&system_owner, bus);
		if (!err)
			err = owned_offer(&bus->owned);
		if (!err)
			err = system_bus_add_pci(bus);
		owner_publish_late(&system_owner);
	}
	if (err)
		pr_err("bus: not enough memory for the system bus and its devices\n");
}
