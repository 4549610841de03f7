/* SPDX-License-Identifier: MIT */
/*
 * NVMe: disks that are controllers on PCI Express. It identifies them and their namespaces, and registers each
 * namespace as a disk.
 *
 * NVM Express 1.4, which later versions contain. The rest of the theory is in controller.h.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include "controller.h"
#include "registers.h"

#define CONTROLLERS	  32u
#define CLASS_BLOCK_SHIFT 12u
#define ENTRIES_MAX	  32768 /* a queue is one piece of memory: 2 MiB at most */

static uint8_t line;
BANOS_PARAM_BOOL(line, "use the interrupt line, though the controller can send messages");
static uint32_t entries = 64;
BANOS_PARAM_U32(entries, QUEUE_ENTRIES_MIN, ENTRIES_MAX,
		"entries of a queue for disks, as far as the controller has room");
static uint32_t queues = 4;
BANOS_PARAM_U32(queues, 1, IO_QUEUES_MAX, "queues for disks, as far as the controller has them");
static uint32_t limit_s = 10;
BANOS_PARAM_U32(limit_s, 1, 30,
		"seconds until a controller that does not answer is looked at, and reset");

static uint32_t controller_numbers; /* N that are in use */

/* ---- namespaces ---- */

/* @return 0, also for one that is left out; -errno: the controller does not answer */
static int64_t space_identify(struct nvme_controller *controller, uint32_t number)
{
	struct nvme_space *space = &controller->spaces[controller->spaces_count];
	int64_t error = identify_run(controller, IDENTIFY_NAMESPACE, number);
	const char *why = NULL;

	if (error == -EIO) /* one that it has, and does not describe */
		why = "is not described";
	else if (error)
		return error;
	else
		why = namespace_parse(controller->identify, &space->format);
	if (!why && !space->format.blocks)
		return 0;
	if (!why && space->format.block_shift > CLASS_BLOCK_SHIFT)
		why = "has blocks of more than 4096 bytes";
	if (why) {
		banos_warning(controller->self, "nvme%un%u: %s: it is left out", controller->number,
			      number, why);
		return 0;
	}
	space->controller = controller;
	space->number = number;
	controller->spaces_count++;
	banos_print(controller->self, "nvme%un%u: %lu blocks of %u bytes", controller->number,
		    number, space->format.blocks, 1u << space->format.block_shift);
	return 0;
}

/* The first ones that are active: as many as there is room for. */
static int64_t spaces_find(struct nvme_controller *controller)
{
	uint32_t numbers[SPACES], count = controller->identity.spaces_max;
	int64_t error = 0;

	if (controller->version >= VERSION_1_1) {
		error = identify_run(controller, IDENTIFY_NAMESPACES, 0);
		count = namespaces_parse(controller->identify, controller->identity.spaces_max,
					 numbers, SPACES);
	} else {
		for (uint32_t i = 0; i < SPACES; i++)
			numbers[i] = i + 1;
	}
	if (count > SPACES) {
		banos_warning(controller->self, "nvme%u: has %u namespaces: %u are used",
			      controller->number, count, SPACES);
		count = SPACES;
	}
	for (uint32_t i = 0; i < count && !error; i++)
		error = space_identify(controller, numbers[i]);
	return error;
}

/* ---- the controller ---- */

static int64_t controller_identify(struct nvme_controller *controller)
{
	int64_t error = identify_run(controller, IDENTIFY_CONTROLLER, 0);
	const char *why;

	if (error)
		return error;
	why = identity_parse(controller->identify, controller->capabilities.page_shift,
			     &controller->identity);
	if (why) {
		banos_error(controller->self, "nvme%u: %s", controller->number, why);
		return -EIO;
	}
	banos_print(controller->self, "nvme%u: %s, serial %s, firmware %s, version %u.%u",
		    controller->number, controller->identity.model, controller->identity.serial,
		    controller->identity.firmware, controller->version >> 16,
		    controller->version >> 8 & 0xff);
	return 0;
}

static int64_t controller_allocate(struct nvme_controller *controller)
{
	int64_t error = banos_spin_init(&controller->lock);

	if (!error)
		error = banos_mutex_init(controller->self, &controller->reset_mutex);
	if (!error)
		error = banos_wait_init(controller->self, &controller->admin_state.done);
	if (!error)
		error = hardware_open(controller);
	if (!error)
		error = admin_alloc(controller);
	return error;
}

/* How many of the wanted queues have doorbells, which are two each. */
static uint32_t queues_with_doorbells(const struct nvme_controller *controller)
{
	uint64_t pairs = (controller->registers_bytes - REG_DOORBELLS) /
			 (2 * controller->capabilities.doorbell_stride);

	if (pairs - 1 < queues)
		return (uint32_t)(pairs - 1);
	return queues;
}

static int64_t controller_make_queues(struct nvme_controller *controller)
{
	int64_t count = io_queues_ask(controller, queues_with_doorbells(controller)), error;

	if (count < 0)
		return count;
	error = io_alloc(controller, (uint32_t)count, entries);
	if (!error)
		io_clear(controller);
	if (!error)
		error = io_queues_create(controller);
	return error;
}

static int64_t disks_register(struct nvme_controller *controller)
{
	int64_t error = file_register(controller);

	for (uint32_t i = 0; i < controller->spaces_count && !error; i++)
		error = space_register(&controller->spaces[i]);
	return error;
}

static int64_t controller_bring_up(struct nvme_controller *controller)
{
	/* There are controllers (QEMU's) whose queues know messages only if these were on when the queue was made. */
	int64_t error = interrupts_connect(controller, queues, line);

	if (!error)
		error = hardware_begin(controller);
	if (!error)
		error = controller_identify(controller);
	if (!error)
		error = controller_make_queues(controller);
	if (!error)
		error = spaces_find(controller);
	if (!error) {
		controller->state = STATE_LIVE;
		error = disks_register(controller);
	}
	return error;
}

static int64_t controller_take_number(struct nvme_controller *controller)
{
	while (controller->number < CONTROLLERS &&
	       __atomic_fetch_or(&controller_numbers, 1u << controller->number, __ATOMIC_SEQ_CST) >>
			       controller->number &
		       1)
		controller->number++;
	if (controller->number == CONTROLLERS)
		return -ENOSPC;
	return 0;
}

static void controller_give_number(const struct nvme_controller *controller)
{
	__atomic_fetch_and(&controller_numbers, ~(1u << controller->number), __ATOMIC_SEQ_CST);
}

static int64_t nvme_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct nvme_controller *controller = banos_alloc(device, sizeof(*controller), 0);
	int64_t error;

	if (!controller)
		return -ENOMEM;
	*state = controller;
	controller->self = device;
	controller->state = STATE_STARTING;
	controller->limit_ms = limit_s * 1000;
	error = controller_take_number(controller);
	if (error)
		return error;
	error = controller_allocate(controller);
	if (!error) {
		error = controller_bring_up(controller);
		if (error)
			hardware_stop(controller);
	}
	if (error)
		controller_give_number(controller);
	return error;
}

/* @return 0: it does not access memory any more */
static int64_t controller_stop(struct nvme_controller *controller)
{
	if (controller->state != STATE_LIVE)
		return hardware_stop(controller);
	if (register_read(controller, REG_STATUS) == UINT32_MAX)
		return -ENODEV;
	io_queues_delete(controller);
	return hardware_shut_down(controller);
}

/* The disks were withdrawn. Memory that the controller may still write to is left to the kernel. */
static int64_t nvme_remove(void *context, banos_owner device, void *state)
{
	struct nvme_controller *controller = state;
	int64_t error = controller_stop(controller);

	interrupts_disconnect(controller);
	if (!error || error == -ENODEV)
		memory_free_all(controller);
	memory_free_driver(controller);
	banos_wait_destroy(&controller->admin_state.done);
	banos_mutex_destroy(&controller->reset_mutex);
	banos_mmio_unmap(controller->mapping);
	controller_give_number(controller);
	return banos_free(device, controller);
}

static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = nvme_probe,
	.remove = nvme_remove,
};

static int64_t nvme_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "pci",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES(PCI_CLASS(01, 08, 02));
BANOS_DRIVER(nvme, "2.0", "MIT", "NVMe: disks on PCI Express", nvme_init, NULL);
