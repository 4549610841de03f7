/* SPDX-License-Identifier: MIT */
/*
 * PCI: the driver of the bus. It serves the system's device "pci", finds the functions
 * on it, and offers them as devices of the bus "pci". Their drivers call the functions
 * that <banos/pci.h> declares.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/memory.h>
#include <banos/pci.h>
#include <banos/print.h>
#include <banos/string.h>
#include "host.h"

#define PCI_IDENTITY_MAX 4096u /* as of every struct: <banos/base.h> */

static banos_bus the_bus; /* there is one system, so one bus */
static banos_owner own;

/* ---- what other drivers call ---- */

static struct pci_function *function_of(banos_owner device)
{
	void *context;

	if (banos_device_context(the_bus, device, &context))
		return NULL;
	return context;
}

/* A driver called @p function wrongly: its name and the device's precede the sentence. */
static int64_t client_mistake(banos_owner device, const char *function, int64_t error,
			      const char *what)
{
	banos_error(device, "%s(): %s", function, what);
	return error;
}

int64_t pci_identify(banos_owner device, struct pci_identity *identity)
{
	struct pci_function *function = function_of(device);
	struct pci_identity id = { .size = sizeof(id) };
	uint32_t size;

	if (!function)
		return -ENODEV;
	if (!identity)
		return client_mistake(device, "pci_identify", -EINVAL, "identity is NULL");
	size = identity->size;
	if (size < PCI_IDENTITY_SIZE_1)
		return client_mistake(device, "pci_identify", -EINVAL,
				      "identity->size is less than 32");
	if (size > PCI_IDENTITY_MAX)
		return client_mistake(device, "pci_identify", -E2BIG,
				      "identity->size is over 4096");
	id.vendor = function->info.vendor;
	id.device = function->info.device;
	id.subvendor = function->info.subvendor;
	id.subdevice = function->info.subdevice;
	id.class_code = (uint32_t)function->info.class_base << 16 |
			(uint32_t)function->info.class_sub << 8 | function->info.class_interface;
	id.revision = function->info.revision;
	if (id.size > size)
		id.size = size;
	memset(identity, 0, size); /* also what is not known here */
	memcpy(identity, &id, id.size);
	return 0;
}
BANOS_EXPORT_AS(pci_identify, PCI_IDENTIFY_AS);

int64_t pci_enable(banos_owner device, uint32_t what)
{
	struct pci_function *function = function_of(device);

	if (!function)
		return -ENODEV;
	if (what & ~(PCI_PORTS | PCI_MEMORY | PCI_MASTER))
		return client_mistake(device, "pci_enable", -EINVAL, "what has an unknown bit");
	return device_enable(function, what);
}
BANOS_EXPORT_AS(pci_enable, PCI_ENABLE_AS);

int64_t pci_disable(banos_owner device, uint32_t what)
{
	struct pci_function *function = function_of(device);

	if (!function)
		return -ENODEV;
	if (what & ~(PCI_PORTS | PCI_MEMORY | PCI_MASTER))
		return client_mistake(device, "pci_disable", -EINVAL, "what has an unknown bit");
	function_write(function, REG_COMMAND, 2, function_read(function, REG_COMMAND, 2) & ~what);
	return 0;
}
BANOS_EXPORT_AS(pci_disable, PCI_DISABLE_AS);

static int config_access_is_valid(const struct pci_function *function, uint32_t offset,
				  uint32_t bytes)
{
	return (bytes == 1 || bytes == 2 || bytes == 4) && !(offset % bytes) &&
	       offset < access_size(function);
}

int64_t pci_config_read(banos_owner device, uint32_t offset, uint32_t bytes)
{
	struct pci_function *function = function_of(device);

	if (!function)
		return -ENODEV;
	if (!config_access_is_valid(function, offset, bytes))
		return client_mistake(device, "pci_config_read", -EINVAL,
				      "offset and bytes are not those of a register");
	return function_read(function, offset, bytes);
}
BANOS_EXPORT_AS(pci_config_read, PCI_CONFIG_READ_AS);

static int is_within_capability(uint32_t offset, uint32_t cap, uint32_t size)
{
	return cap && offset >= cap && offset < cap + size;
}

int64_t pci_config_write(banos_owner device, uint32_t offset, uint32_t bytes, uint32_t value)
{
	struct pci_function *function = function_of(device);

	if (!function)
		return -ENODEV;
	if (!config_access_is_valid(function, offset, bytes))
		return client_mistake(device, "pci_config_write", -EINVAL,
				      "offset and bytes are not those of a register");
	if (offset < CONFIG_HEADER || is_within_capability(offset, function->info.cap_msi, 24) ||
	    is_within_capability(offset, function->info.cap_msix, 12))
		return client_mistake(device, "pci_config_write", -EPERM,
				      "offset is that of a register that the bus controls");
	function_write(function, offset, bytes, value);
	return 0;
}
BANOS_EXPORT_AS(pci_config_write, PCI_CONFIG_WRITE_AS);

int64_t pci_find_capability(banos_owner device, uint32_t id, uint32_t after)
{
	struct pci_function *function = function_of(device);
	uint32_t first = CONFIG_HEADER, end = CONFIG_SIZE, offset = 0;

	if (!function)
		return -ENODEV;
	if (id & PCI_EXTENDED) {
		first = CONFIG_SIZE;
		end = access_size(function);
	}
	if (after && (after % 4 || after < first || after >= end))
		return client_mistake(device, "pci_find_capability", -EINVAL,
				      "after is no offset of a capability");
	if (!(id & PCI_EXTENDED))
		offset = pci_next_capability(&function->config, id, after);
	else if (end > first)
		offset = pci_next_extended(&function->config, id & ~PCI_EXTENDED, after);
	if (!offset)
		return -ENOENT;
	return offset;
}
BANOS_EXPORT_AS(pci_find_capability, PCI_FIND_CAPABILITY_AS);

int64_t pci_check(banos_owner device)
{
	struct pci_function *function = function_of(device);

	if (!function)
		return -ENODEV;
	if (pci_is_present(&function->config))
		return 0;
	slot_wake(function->host);
	return -ENODEV;
}
BANOS_EXPORT_AS(pci_check, PCI_CHECK_AS);

/* ---- the host ---- */

static int64_t host_start(struct pci_host *host)
{
	static const struct banos_bus_config config = {
		.size = sizeof(config),
		.ops = &device_ops,
		.name = "pci",
	};
	int64_t error;

	error = banos_mutex_init(host->self, &host->irq_lock);
	if (error)
		return error;
	error = banos_wait_init(host->self, &host->wake);
	if (error)
		return error;
	error = access_init(host);
	if (error)
		return error;
	error = banos_bus_register(host->self, &config, &host->bus);
	if (error)
		return error;
	the_bus = host->bus;
	scan_all(host);
	acpi_slot_init(host);
	for (struct pci_function *function = host->functions; function; function = function->next)
		function_offer(function);
	return banos_thread_create(host->self, slot_main, host, "pci", &host->thread);
}

static int64_t pci_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct pci_host *host = banos_alloc(device, sizeof(*host), 0);

	if (!host)
		return -ENOMEM;
	host->self = device;
	host->driver = own;
	*state = host;
	return host_start(host);
}

static int64_t pci_remove(void *context, banos_owner device, void *state)
{
	struct pci_host *host = state;

	banos_thread_stop(host->thread, NULL);
	while (host->functions) {
		struct pci_function *function = host->functions;

		host->functions = function->next;
		banos_free(device, function);
	}
	acpi_slot_exit(host);
	access_exit(host);
	banos_wait_destroy(&host->wake);
	banos_mutex_destroy(&host->irq_lock);
	banos_free(device, host);
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

	own = self;
	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("system:pci");
BANOS_DRIVER(pci, "1.0", "MIT", "PCI and PCI Express: finds devices and offers them to drivers",
	     pci_init, NULL);
