/* SPDX-License-Identifier: MIT */
/*
 * Access to configuration space: by memory (ECAM) where the firmware lists it,
 * else by two ports, which reach 256 bytes of each function of segment 0.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include "host.h"

#define PORT_ADDRESS 0
#define PORT_DATA    4
#define BUS_SIZE     0x100000u /* bytes of ECAM: 32 devices, 8 functions, 4096 bytes */

static void *ecam_of(const struct pci_function *function)
{
	const struct pci_host *host = function->host;

	for (uint32_t i = 0; i < host->ecam_count; i++) {
		const struct pci_ecam *ecam = host->ecam[i];

		if (ecam->segment == function->address >> 16 &&
		    ecam->buses[ADDRESS_BUS(function->address)])
			return (char *)ecam->buses[ADDRESS_BUS(function->address)] +
			       ((function->address & 0xff) << 12);
	}
	return NULL;
}

static uint32_t ecam_read(void *space, uint32_t offset, uint32_t bytes)
{
	char *address = (char *)space + offset;

	switch (bytes) {
	case 1: return banos_mmio_read8(address);
	case 2: return banos_mmio_read16(address);
	default: return banos_mmio_read32(address);
	}
}

static void ecam_write(void *space, uint32_t offset, uint32_t bytes, uint32_t value)
{
	char *address = (char *)space + offset;

	if (bytes == 1)
		banos_mmio_write8(address, value);
	else if (bytes == 2)
		banos_mmio_write16(address, value);
	else
		banos_mmio_write32(address, value);
}

static uint32_t ports_cycle_address(const struct pci_function *function, uint32_t offset)
{
	return 0x80000000u | (function->address & 0xffff) << 8 | (offset & 0xfc);
}

static uint32_t access_read(void *context, uint32_t offset, uint32_t bytes)
{
	struct pci_function *function = context;
	void *space = ecam_of(function);
	int64_t value = 0xffffffff;

	if (offset + bytes > access_size(function))
		return 0xffffffff;
	if (space)
		return ecam_read(space, offset, bytes);
	banos_spin_lock(&function->host->ports_lock);
	if (!banos_port_write(function->host->ports, PORT_ADDRESS, 4,
			      ports_cycle_address(function, offset)))
		value = banos_port_read(function->host->ports, PORT_DATA + (offset & 3), bytes);
	banos_spin_unlock(&function->host->ports_lock);
	if (value < 0)
		return 0xffffffff;
	return (uint32_t)value;
}

static void access_write(void *context, uint32_t offset, uint32_t bytes, uint32_t value)
{
	struct pci_function *function = context;
	void *space = ecam_of(function);

	if (offset + bytes > access_size(function))
		return;
	if (space) {
		ecam_write(space, offset, bytes, value);
		return;
	}
	banos_spin_lock(&function->host->ports_lock);
	if (!banos_port_write(function->host->ports, PORT_ADDRESS, 4,
			      ports_cycle_address(function, offset)))
		banos_port_write(function->host->ports, PORT_DATA + (offset & 3), bytes, value);
	banos_spin_unlock(&function->host->ports_lock);
}

uint32_t access_size(const struct pci_function *function)
{
	if (ecam_of(function))
		return PCI_EXPRESS_SPACE;
	if (function->host->ports && !(function->address >> 16))
		return CONFIG_SIZE;
	return 0;
}

void access_attach(struct pci_function *function)
{
	function->config = (struct pci_config){ .context = function,
						.read = access_read,
						.write = access_write };
}

int64_t access_bus(struct pci_host *host, uint32_t segment, uint32_t bus)
{
	for (uint32_t i = 0; i < host->ecam_count; i++) {
		struct pci_ecam *ecam = host->ecam[i];
		banos_mmio mapping;

		if (ecam->segment != segment || bus < ecam->first || bus > ecam->last)
			continue;
		if (ecam->buses[bus])
			return 0;
		if (!banos_mmio_map(host->self,
				    ecam->start + (uint64_t)(bus - ecam->first) * BUS_SIZE,
				    BUS_SIZE, 0, &mapping, &ecam->buses[bus])) {
			host->ecam[i]->mappings[bus] = mapping;
			return 0;
		}
	}
	if (!segment && host->ports)
		return 0;
	return -ENODEV;
}

/* Segments and buses from the firmware; an entry that contradicts itself is ignored. */
static int64_t access_add_ecam(struct pci_host *host, const struct banos_resource *resource)
{
	uint32_t first = resource->data >> 8 & 0xff, last = resource->data & 0xff;
	struct pci_ecam *ecam;

	if (host->ecam_count == PCI_ECAM_MAX || last < first ||
	    resource->length < (uint64_t)(last - first + 1) * BUS_SIZE)
		return 0;
	ecam = banos_alloc(host->self, sizeof(*ecam), 0);
	if (!ecam)
		return -ENOMEM;
	ecam->segment = resource->data >> 16 & 0xffff;
	ecam->first = first;
	ecam->last = last;
	ecam->start = resource->start;
	host->ecam[host->ecam_count++] = ecam;
	return 0;
}

int64_t access_init(struct pci_host *host)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	int64_t error = 0;

	banos_spin_init(&host->ports_lock);
	for (uint32_t i = 0; !error && !banos_resource_get(host->self, i, &resource); i++) {
		if (resource.kind == BANOS_RESOURCE_PORTS)
			banos_ports_claim(host->self, (uint32_t)resource.start,
					  (uint32_t)resource.length, &host->ports);
		else if (resource.kind == BANOS_RESOURCE_ECAM)
			error = access_add_ecam(host, &resource);
		resource.size = sizeof(resource);
	}
	if (!error && !host->ports && !host->ecam_count)
		error = -ENODEV;
	return error;
}

void access_exit(struct pci_host *host)
{
	while (host->ecam_count) {
		struct pci_ecam *ecam = host->ecam[--host->ecam_count];

		for (uint32_t bus = 0; bus < PCI_BUSES; bus++)
			if (ecam->buses[bus])
				banos_mmio_unmap(ecam->mappings[bus]);
		banos_free(host->self, ecam);
	}
	if (host->ports)
		banos_ports_release(host->ports);
}
