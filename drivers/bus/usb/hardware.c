/* SPDX-License-Identifier: MIT */
/*
 * The registers of a controller: xHCI 1.2, 4.2 (start) and 7.1 (taking it from the firmware).
 *
 * What the registers say is not trusted: the parts must lie within the resource. All bits set
 * means that the controller was unplugged.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include "controller.h"

#define STEP_NS		 BANOS_MS
#define BIOS_LIMIT_NS	 BANOS_S
#define HALT_LIMIT_NS	 BANOS_S
#define RESET_LIMIT_NS	 (10 * BANOS_S)
#define BOUNDARY	 65536u /* neither rings nor buffers cross a multiple of it: 6 */
#define POWER_NS	 (20 * BANOS_MS)
#define LENGTH_MIN	 0x20u
#define EXTENDED_MAX	 64    /* capabilities; more is a list in a circle */
#define SEGMENT_TABLE_AT 2112u /* in the tables: behind 257 addresses, a multiple of 64 */
#define MODERATION	 160u  /* 40 us */

static uint32_t cap_read(const struct controller *controller, uint32_t offset)
{
	return banos_mmio_read32((char *)controller->registers + offset);
}

static void cap_write(const struct controller *controller, uint32_t offset, uint32_t value)
{
	banos_mmio_write32((char *)controller->registers + offset, value);
}

void register_write64(void *base, uint32_t offset, uint64_t value)
{
	banos_mmio_write32((char *)base + offset, (uint32_t)value);
	banos_mmio_write32((char *)base + offset + 4, (uint32_t)(value >> 32));
}

/* Wait until the bits of @mask in a register have @value. @return 0, -ETIMEDOUT, -ENODEV */
static int64_t register_wait(const void *at, uint32_t mask, uint32_t value, uint64_t limit_ns)
{
	uint64_t deadline_ns = banos_time_ns() + limit_ns;

	for (;;) {
		uint32_t now = banos_mmio_read32(at);

		if (now == 0xffffffff)
			return -ENODEV;
		if ((now & mask) == value)
			return 0;
		if (banos_time_ns() > deadline_ns)
			return -ETIMEDOUT;
		banos_sleep_until(banos_time_ns() + STEP_NS, BANOS_UNINTERRUPTIBLE);
	}
}

/* ---- memory ---- */

static int64_t memory_alloc_aligned(struct controller *controller, uint64_t bytes,
				    uint64_t alignment, struct dma_memory *memory)
{
	struct banos_dma_config config = {
		.size = sizeof(config),
		.bytes = bytes,
		.alignment = alignment,
		.boundary = BOUNDARY,
		.address_bits = controller->address_bits,
	};
	int64_t error;

	if (bytes > BOUNDARY)
		config.boundary = 0;
	error = banos_dma_alloc(controller->self, &config, &memory->dma, &memory->memory,
				&memory->address);
	if (error)
		memory->dma = NULL;
	return error;
}

int64_t memory_alloc(struct controller *controller, uint64_t bytes, struct dma_memory *memory)
{
	return memory_alloc_aligned(controller, bytes, PAGE_BYTES, memory);
}

void memory_free(struct dma_memory *memory)
{
	if (memory->dma)
		banos_dma_free(memory->dma);
	*memory = (struct dma_memory){ 0 };
}

/* Pages that the controller uses as it likes: 4.20. */
static int64_t scratch_alloc(struct controller *controller)
{
	uint64_t *table;
	int64_t error;

	if (!controller->scratch_count)
		return 0;
	controller->scratch_pages =
		banos_alloc(controller->self,
			    controller->scratch_count * sizeof(*controller->scratch_pages), 0);
	if (!controller->scratch_pages)
		return -ENOMEM;
	error = memory_alloc(controller, controller->scratch_count * 8, &controller->scratch_table);
	if (error)
		return error;
	table = controller->scratch_table.memory;
	for (uint32_t i = 0; i < controller->scratch_count; i++) {
		struct dma_memory *page = &controller->scratch_pages[i];

		error = memory_alloc_aligned(controller, controller->page_bytes,
					     controller->page_bytes, page);
		if (error)
			return error;
		table[i] = page->address;
	}
	contexts_set(controller, 0, controller->scratch_table.address);
	return 0;
}

static int64_t tables_alloc(struct controller *controller)
{
	int64_t error = memory_alloc(controller, PAGE_BYTES, &controller->tables);

	if (!error)
		error = memory_alloc(controller, PAGE_BYTES, &controller->command_memory);
	if (!error)
		error = memory_alloc(controller, PAGE_BYTES, &controller->event_memory);
	if (error)
		return error;
	trb_ring_init(&controller->commands, controller->command_memory.memory,
		      controller->command_memory.address, RING_TRBS);
	events_init(&controller->events, controller->event_memory.memory,
		    controller->event_memory.address, RING_TRBS);
	return scratch_alloc(controller);
}

void hardware_free(struct controller *controller)
{
	for (uint32_t i = 0; controller->scratch_pages && i < controller->scratch_count; i++)
		memory_free(&controller->scratch_pages[i]);
	banos_free(controller->self, controller->scratch_pages);
	controller->scratch_pages = NULL;
	memory_free(&controller->scratch_table);
	memory_free(&controller->event_memory);
	memory_free(&controller->command_memory);
	memory_free(&controller->tables);
	if (controller->mapping)
		banos_mmio_unmap(controller->mapping);
	controller->mapping = NULL;
}

/* ---- what the registers say ---- */

static int hardware_has_room(const struct controller *controller, uint64_t start, uint64_t bytes)
{
	return start <= controller->registers_bytes && bytes <= controller->registers_bytes - start;
}

static int64_t hardware_read(struct controller *controller)
{
	uint32_t length = cap_read(controller, CAP_LENGTH) & 0xff,
		 structural = cap_read(controller, CAP_STRUCTURAL1),
		 scratch = cap_read(controller, CAP_STRUCTURAL2),
		 parameters = cap_read(controller, CAP_PARAMETERS),
		 doorbells = cap_read(controller, CAP_DOORBELLS) & ~3u,
		 runtime = cap_read(controller, CAP_RUNTIME) & ~31u, page_sizes;

	controller->slots_count = structural & 0xff;
	controller->ports_count = structural >> 24;
	controller->scratch_count = (scratch >> 21 & 31) << 5 | scratch >> 27;
	controller->context_bytes = parameters & PARAMETER_CSZ ? 64 : 32;
	controller->address_bits = parameters & PARAMETER_64BIT ? 64 : 32;
	controller->operational = (char *)controller->registers + length;
	controller->runtime = (char *)controller->registers + runtime;
	controller->doorbells = (char *)controller->registers + doorbells;
	if (structural == 0xffffffff)
		return pci_check(controller->self) ? -ENODEV : -EIO;
	if (length < LENGTH_MIN || length % 4 || !controller->slots_count ||
	    !controller->ports_count ||
	    !hardware_has_room(controller, length,
			       OP_PORTS + controller->ports_count * PORT_STRIDE) ||
	    !hardware_has_room(controller, runtime, RUN_BYTES) ||
	    !hardware_has_room(controller, doorbells, (controller->slots_count + 1ull) * 4)) {
		banos_error(controller->self,
			    "its registers do not fit into its %lu bytes: length 0x%x, "
			    "structure 0x%x, runtime 0x%x, doorbells 0x%x",
			    controller->registers_bytes, length, structural, runtime, doorbells);
		return -EIO;
	}
	page_sizes = op_read(controller, OP_PAGE_SIZE) & 0xffff;
	controller->page_bytes = (page_sizes & -page_sizes) * PAGE_BYTES;
	if (!controller->page_bytes || controller->page_bytes > 512 * PAGE_BYTES) {
		banos_error(controller->self, "its page size cannot be served: 0x%x", page_sizes);
		return -EIO;
	}
	return 0;
}

int64_t hardware_map(struct controller *controller)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	int64_t error = banos_resource_get(controller->self, 0, &resource);

	if (error)
		return error;
	if (resource.kind != BANOS_RESOURCE_MEMORY || resource.length < PAGE_BYTES)
		return -ENXIO;
	error = pci_enable(controller->self, PCI_MEMORY | PCI_MASTER);
	if (error)
		return error;
	controller->registers_bytes = resource.length;
	error = banos_mmio_map(controller->self, resource.start, resource.length, 0,
			       &controller->mapping, &controller->registers);
	if (error) {
		controller->mapping = NULL;
		return error;
	}
	return hardware_read(controller);
}

/* ---- extended capabilities ---- */

/* Let the firmware give it up; one that does not is not asked again. */
static void legacy_take(struct controller *controller, uint32_t at)
{
	cap_write(controller, at, cap_read(controller, at) | LEGACY_OS);
	if (register_wait((char *)controller->registers + at, LEGACY_BIOS, 0, BIOS_LIMIT_NS)) {
		banos_warning(controller->self, "the firmware does not give it up: it is taken");
		cap_write(controller, at, cap_read(controller, at) & ~LEGACY_BIOS);
	}
	cap_write(controller, at + LEGACY_CONTROL,
		  (cap_read(controller, at + LEGACY_CONTROL) & LEGACY_KEEP) | LEGACY_EVENTS);
}

static void protocol_read(struct controller *controller, uint32_t at)
{
	uint32_t head = cap_read(controller, at), ports, first, count;

	if (!hardware_has_room(controller, at, 16))
		return;
	ports = cap_read(controller, at + 8);
	first = ports & 0xff;
	count = ports >> 8 & 0xff;
	for (uint32_t port = first; port && port < first + count && port <= controller->ports_count;
	     port++) {
		controller->ports[port].major = head >> 24;
		controller->ports[port].slot_type = cap_read(controller, at + 12) & 31;
	}
}

static void extended_walk(struct controller *controller)
{
	uint32_t at = (cap_read(controller, CAP_PARAMETERS) >> 16) * 4, head, next;

	for (int count = 0; at && count < EXTENDED_MAX; count++) {
		if (!hardware_has_room(controller, at, 8))
			return;
		head = cap_read(controller, at);
		if ((head & 0xff) == EXTENDED_LEGACY)
			legacy_take(controller, at);
		else if ((head & 0xff) == EXTENDED_PROTOCOL)
			protocol_read(controller, at);
		next = (head >> 8 & 0xff) * 4;
		at = next ? at + next : 0;
	}
}

/* ---- start and end ---- */

static int64_t hardware_reset(struct controller *controller)
{
	const char *status = (char *)controller->operational + OP_STATUS;
	int64_t error;

	op_write(controller, OP_COMMAND,
		 op_read(controller, OP_COMMAND) & ~(COMMAND_RUN | COMMAND_INTERRUPT));
	error = register_wait(status, STATUS_HALTED, STATUS_HALTED, HALT_LIMIT_NS);
	if (error == -ENODEV)
		return error;
	op_write(controller, OP_COMMAND, COMMAND_RESET);
	error = register_wait((char *)controller->operational + OP_COMMAND, COMMAND_RESET, 0,
			      RESET_LIMIT_NS);
	if (!error)
		error = register_wait(status, STATUS_NOT_READY, 0, RESET_LIMIT_NS);
	return error;
}

/* Where the structures in memory are. The controller is halted. */
static void hardware_set_memory(struct controller *controller)
{
	uint64_t *segment = (uint64_t *)((char *)controller->tables.memory + SEGMENT_TABLE_AT);

	segment[0] = controller->events.address;
	segment[1] = RING_TRBS;
	op_write(controller, OP_CONFIG, controller->slots_count);
	register_write64(controller->operational, OP_CONTEXTS, controller->tables.address);
	register_write64(controller->operational, OP_COMMAND_RING,
			 trb_ring_dequeue(&controller->commands, 0));
	banos_mmio_write32((char *)controller->runtime + RUN_SEGMENTS, 1);
	register_write64(controller->runtime, RUN_DEQUEUE, controller->events.address);
	register_write64(controller->runtime, RUN_SEGMENT_TABLE,
			 controller->tables.address + SEGMENT_TABLE_AT);
	banos_mmio_write32((char *)controller->runtime + RUN_MODERATION, MODERATION);
	banos_mmio_write32((char *)controller->runtime + RUN_MANAGEMENT,
			   MANAGEMENT_PENDING | MANAGEMENT_ENABLE);
}

int64_t hardware_start(struct controller *controller)
{
	int64_t error;

	extended_walk(controller);
	error = hardware_reset(controller);
	if (error) {
		banos_error(controller->self, "it cannot be reset: command 0x%x, status 0x%x",
			    op_read(controller, OP_COMMAND), op_read(controller, OP_STATUS));
		return error;
	}
	error = tables_alloc(controller);
	if (error)
		return error;
	hardware_set_memory(controller);
	return 0;
}

void hardware_run(struct controller *controller)
{
	op_write(controller, OP_COMMAND, COMMAND_RUN | COMMAND_INTERRUPT | COMMAND_HOST_ERR);
	for (uint32_t port = 1; port <= controller->ports_count; port++) {
		uint32_t status = port_read(controller, port);

		if (!(status & PORT_POWER))
			port_write(controller, port, (status & PORT_KEEP) | PORT_POWER);
	}
	banos_sleep_until(banos_time_ns() + POWER_NS, BANOS_UNINTERRUPTIBLE);
}

void hardware_halt(struct controller *controller)
{
	uint32_t command = op_read(controller, OP_COMMAND);

	if (command != 0xffffffff)
		op_write(controller, OP_COMMAND, command & ~(COMMAND_RUN | COMMAND_INTERRUPT));
	register_wait((char *)controller->operational + OP_STATUS, STATUS_HALTED, STATUS_HALTED,
		      HALT_LIMIT_NS);
	pci_disable(controller->self, PCI_MASTER);
}
