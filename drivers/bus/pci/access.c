/* SPDX-License-Identifier: MIT */
/*
 * The ways to configuration space: memory (ECAM) where the firmware tells of it,
 * else two ports, which reach 256 bytes of each function of segment 0.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include "host.h"

#define PORT_ADDRESS 0
#define PORT_DATA    4
#define BUS_SIZE     0x100000u /* bytes of ECAM: 32 devices, 8 functions, 4096 bytes */

static void *ecam_of(const struct pci_function *f)
{
	const struct pci_host *h = f->host;

	for (uint32_t i = 0; i < h->ecam_count; i++) {
		const struct pci_ecam *e = h->ecam[i];

		if (e->segment == f->address >> 16 && e->buses[ADDRESS_BUS(f->address)])
			return (char *)e->buses[ADDRESS_BUS(f->address)] +
			       ((f->address & 0xff) << 12);
	}
	return NULL;
}

static uint32_t ecam_read(void *space, uint32_t offset, uint32_t bytes)
{
	char *at = (char *)space + offset;

	return bytes == 1   ? banos_mmio_read8(at)
	       : bytes == 2 ? banos_mmio_read16(at)
			    : banos_mmio_read32(at);
}

static void ecam_write(void *space, uint32_t offset, uint32_t bytes, uint32_t value)
{
	char *at = (char *)space + offset;

	if (bytes == 1)
		banos_mmio_write8(at, value);
	else if (bytes == 2)
		banos_mmio_write16(at, value);
	else
		banos_mmio_write32(at, value);
}

static uint32_t cycle_address(const struct pci_function *f, uint32_t offset)
{
	return 0x80000000u | (f->address & 0xffff) << 8 | (offset & 0xfc);
}

static uint32_t config_read(void *context, uint32_t offset, uint32_t bytes)
{
	struct pci_function *f = context;
	void *space = ecam_of(f);
	int64_t value = 0xffffffff;

	if (offset + bytes > access_size(f))
		return 0xffffffff;
	if (space)
		return ecam_read(space, offset, bytes);
	banos_spin_lock(&f->host->ports_lock);
	if (!banos_port_write(f->host->ports, PORT_ADDRESS, 4, cycle_address(f, offset)))
		value = banos_port_read(f->host->ports, PORT_DATA + (offset & 3), bytes);
	banos_spin_unlock(&f->host->ports_lock);
	return value < 0 ? 0xffffffff : (uint32_t)value;
}

static void config_write(void *context, uint32_t offset, uint32_t bytes, uint32_t value)
{
	struct pci_function *f = context;
	void *space = ecam_of(f);

	if (offset + bytes > access_size(f))
		return;
	if (space) {
		ecam_write(space, offset, bytes, value);
		return;
	}
	banos_spin_lock(&f->host->ports_lock);
	if (!banos_port_write(f->host->ports, PORT_ADDRESS, 4, cycle_address(f, offset)))
		banos_port_write(f->host->ports, PORT_DATA + (offset & 3), bytes, value);
	banos_spin_unlock(&f->host->ports_lock);
}

uint32_t access_size(const struct pci_function *f)
{
	if (ecam_of(f))
		return PCI_EXPRESS_SPACE;
	return f->host->ports && !(f->address >> 16) ? CONFIG_SIZE : 0;
}

void access_attach(struct pci_function *f)
{
	f->config = (struct pci_config){ .context = f, .read = config_read, .write = config_write };
}

int64_t access_bus(struct pci_host *h, uint32_t segment, uint32_t bus)
{
	for (uint32_t i = 0; i < h->ecam_count; i++) {
		struct pci_ecam *e = h->ecam[i];
		banos_mmio mapping;

		if (e->segment != segment || bus < e->first || bus > e->last)
			continue;
		if (e->buses[bus])
			return 0;
		if (!banos_mmio_map(h->self, e->start + (uint64_t)(bus - e->first) * BUS_SIZE,
				    BUS_SIZE, 0, &mapping, &e->buses[bus])) {
			h->ecam[i]->mappings[bus] = mapping;
			return 0;
		}
	}
	return !segment && h->ports ? 0 : -ENODEV;
}

/* Segments and buses as the firmware says; what contradicts itself is left out. */
static int64_t add_ecam(struct pci_host *h, const struct banos_resource *r)
{
	uint32_t first = r->data >> 8 & 0xff, last = r->data & 0xff;
	struct pci_ecam *e;

	if (h->ecam_count == PCI_ECAM_MAX || last < first ||
	    r->length < (uint64_t)(last - first + 1) * BUS_SIZE)
		return 0;
	e = banos_alloc(h->self, sizeof(*e), 0);
	if (!e)
		return -ENOMEM;
	e->segment = r->data >> 16 & 0xffff;
	e->first = first;
	e->last = last;
	e->start = r->start;
	h->ecam[h->ecam_count++] = e;
	return 0;
}

int64_t access_init(struct pci_host *h)
{
	struct banos_resource r = { .size = sizeof(r) };
	int64_t error = 0;

	banos_spin_init(&h->ports_lock);
	for (uint32_t i = 0; !error && !banos_resource_get(h->self, i, &r); i++) {
		if (r.kind == BANOS_RESOURCE_PORTS)
			banos_ports_claim(h->self, (uint32_t)r.start, (uint32_t)r.length,
					  &h->ports);
		else if (r.kind == BANOS_RESOURCE_ECAM)
			error = add_ecam(h, &r);
		r.size = sizeof(r);
	}
	if (!error && !h->ports && !h->ecam_count)
		error = -ENODEV;
	return error;
}

void access_exit(struct pci_host *h)
{
	while (h->ecam_count) {
		struct pci_ecam *e = h->ecam[--h->ecam_count];

		for (uint32_t bus = 0; bus < PCI_BUSES; bus++)
			if (e->buses[bus])
				banos_mmio_unmap(e->mappings[bus]);
		banos_free(h->self, e);
	}
	if (h->ports)
		banos_ports_release(h->ports);
}
