/* SPDX-License-Identifier: MIT */
/*
 * PCI: the driver of the bus. It serves the system's device "pci", finds what is
 * on it, and offers that as devices of the bus "pci"; other drivers call what
 * <banos/pci.h> declares.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/memory.h>
#include <banos/pci.h>
#include <banos/print.h>
#include "host.h"

static banos_bus the_bus; /* there is one system, so one bus */

/* ---- what other drivers call ---- */

static struct pci_function *function_of(banos_owner device)
{
	void *context;

	return banos_device_context(the_bus, device, &context) ? NULL : context;
}

int64_t pci_identify(banos_owner device, struct pci_identity *identity)
{
	struct pci_function *f = function_of(device);
	struct pci_identity id = { .size = sizeof(id) };

	if (!f)
		return -ENODEV;
	if (identity->size < sizeof(id))
		return -EINVAL;
	id.vendor = f->info.vendor;
	id.device = f->info.device;
	id.subvendor = f->info.subvendor;
	id.subdevice = f->info.subdevice;
	id.class_code = (uint32_t)f->info.class_base << 16 | (uint32_t)f->info.class_sub << 8 |
			f->info.class_interface;
	id.revision = f->info.revision;
	*identity = id;
	return 0;
}
BANOS_EXPORT(pci_identify);

int64_t pci_enable(banos_owner device, uint32_t what)
{
	struct pci_function *f = function_of(device);

	if (!f)
		return -ENODEV;
	if (what & ~(PCI_PORTS | PCI_MEMORY | PCI_MASTER))
		return -EINVAL;
	return device_enable(f, what);
}
BANOS_EXPORT(pci_enable);

int64_t pci_disable(banos_owner device, uint32_t what)
{
	struct pci_function *f = function_of(device);

	if (!f)
		return -ENODEV;
	if (what & ~(PCI_PORTS | PCI_MEMORY | PCI_MASTER))
		return -EINVAL;
	function_write(f, REG_COMMAND, 2, function_read(f, REG_COMMAND, 2) & ~what);
	return 0;
}
BANOS_EXPORT(pci_disable);

static int valid_access(const struct pci_function *f, uint32_t offset, uint32_t bytes)
{
	return (bytes == 1 || bytes == 2 || bytes == 4) && !(offset % bytes) &&
	       offset < access_size(f);
}

int64_t pci_config_read(banos_owner device, uint32_t offset, uint32_t bytes)
{
	struct pci_function *f = function_of(device);

	if (!f)
		return -ENODEV;
	return valid_access(f, offset, bytes) ? (int64_t)function_read(f, offset, bytes) : -EINVAL;
}
BANOS_EXPORT(pci_config_read);

static int within(uint32_t offset, uint32_t cap, uint32_t size)
{
	return cap && offset >= cap && offset < cap + size;
}

int64_t pci_config_write(banos_owner device, uint32_t offset, uint32_t bytes, uint32_t value)
{
	struct pci_function *f = function_of(device);

	if (!f)
		return -ENODEV;
	if (!valid_access(f, offset, bytes))
		return -EINVAL;
	if (offset < CONFIG_HEADER || within(offset, f->info.cap_msi, 24) ||
	    within(offset, f->info.cap_msix, 12))
		return -EPERM;
	function_write(f, offset, bytes, value);
	return 0;
}
BANOS_EXPORT(pci_config_write);

int64_t pci_find_capability(banos_owner device, uint32_t id)
{
	struct pci_function *f = function_of(device);
	uint32_t at;

	if (!f)
		return -ENODEV;
	at = pci_capability(&f->config, id);
	return at ? (int64_t)at : -ENOENT;
}
BANOS_EXPORT(pci_find_capability);

int64_t pci_check(banos_owner device)
{
	struct pci_function *f = function_of(device);

	if (!f)
		return -ENODEV;
	if (pci_is_present(&f->config))
		return 0;
	slot_wake(f->host);
	return -ENODEV;
}
BANOS_EXPORT(pci_check);

/* ---- the host ---- */

static int64_t host_start(struct pci_host *h)
{
	static const struct banos_bus_config config = {
		.size = sizeof(config),
		.ops = &device_ops,
		.name = "pci",
	};
	int64_t error;

	error = banos_mutex_init(h->self, &h->irq_lock);
	if (error)
		return error;
	error = banos_wait_init(h->self, &h->wake);
	if (error)
		return error;
	error = access_init(h);
	if (error)
		return error;
	error = banos_bus_register(h->self, &config, &h->bus);
	if (error)
		return error;
	the_bus = h->bus;
	scan_all(h);
	for (struct pci_function *f = h->functions; f; f = f->next)
		function_offer(f);
	return banos_thread_create(h->self, slot_main, h, "pci", &h->thread);
}

static int64_t pci_probe(void *context, banos_owner device, void **state)
{
	struct pci_host *h = banos_alloc(device, sizeof(*h), 0);

	if (!h)
		return -ENOMEM;
	h->self = device;
	*state = h;
	return host_start(h);
}

static int64_t pci_remove(void *context, banos_owner device, void *state)
{
	struct pci_host *h = state;

	banos_thread_stop(h->thread, NULL);
	while (h->functions) {
		struct pci_function *f = h->functions;

		h->functions = f->next;
		banos_free(device, f);
	}
	access_exit(h);
	banos_wait_destroy(&h->wake);
	banos_mutex_destroy(&h->irq_lock);
	banos_free(device, h);
	the_bus = NULL;
	return 0;
}

static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = pci_probe,
	.remove = pci_remove,
};

static int64_t pci_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "system",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("system:pci");
BANOS_DRIVER(pci, "1.0", "MIT", "PCI and PCI Express: finds devices and offers them to drivers",
	     pci_init, NULL);
