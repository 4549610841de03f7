/* SPDX-License-Identifier: MIT */
/*
 * The interrupts of a controller: NVM Express 1.4, 7.5.
 *
 * Message 0 is for administration, message n for the pair of queues n; where there are fewer they are shared. By its
 * line a controller interrupts as long as there is a completion that was not taken.
 */
#include <banos/errno.h>
#include "controller.h"
#include "registers.h"

static uint32_t interrupt_note(struct nvme_controller *controller, uint32_t count)
{
	if (count)
		__atomic_fetch_add(&controller->interrupts, 1, __ATOMIC_RELAXED);
	return count;
}

uint32_t completions_handle_all(struct nvme_controller *controller)
{
	uint32_t count = admin_handle(controller);

	for (uint32_t i = 0; i < controller->io_count; i++)
		count += io_handle(controller, controller->io[i]);
	return count;
}

static int64_t nvme_by_message(void *context)
{
	const struct nvme_vector *vector = context;
	struct nvme_controller *controller = vector->controller;
	uint32_t count = 0;

	if (!vector->number)
		count = admin_handle(controller);
	for (uint32_t i = 0; i < controller->io_count; i++)
		if (controller->io[i]->vector == vector->number)
			count += io_handle(controller, controller->io[i]);
	interrupt_note(controller, count);
	return BANOS_IRQ_HANDLED;
}

static int interrupt_is_bogus(const struct nvme_controller *controller)
{
	uint32_t bogus = controller->admin.bogus;

	for (uint32_t i = 0; i < controller->io_count; i++)
		if (bogus < controller->io[i]->bogus)
			bogus = controller->io[i]->bogus;
	return bogus >= BOGUS_MAX;
}

static int64_t nvme_by_line(void *context)
{
	const struct nvme_vector *vector = context;
	struct nvme_controller *controller = vector->controller;
	uint32_t count = interrupt_note(controller, completions_handle_all(controller));

	if (interrupt_is_bogus(controller)) /* no more are taken: nothing would deassert it */
		register_write(controller, REG_MASK_SET, UINT32_MAX);
	if (!count)
		return BANOS_IRQ_NONE;
	/* The head has arrived before the line is unmasked. */
	(void)register_read(controller, REG_STATUS);
	return BANOS_IRQ_HANDLED;
}

static int64_t vector_connect(struct nvme_controller *controller, uint32_t number)
{
	struct nvme_vector *vector = &controller->vectors[number];
	struct banos_irq_config config = {
		.size = sizeof(config),
		.index = number,
		.function = nvme_by_message,
		.context = vector,
	};
	int64_t error;

	if (controller->by_line) {
		config.flags = BANOS_IRQ_LINE;
		config.function = nvme_by_line;
	}
	*vector = (struct nvme_vector){ .controller = controller, .number = number };
	error = banos_irq_create(controller->self, &config, &vector->irq);
	if (error)
		vector->irq = NULL;
	else
		controller->vector_count++;
	return error;
}

int64_t interrupts_connect(struct nvme_controller *controller, uint32_t queues, uint32_t by_line)
{
	int64_t messages = banos_device_interrupts(controller->self), error;

	controller->by_line = by_line || messages <= 0;
	controller->vector_count = 0;
	error = vector_connect(controller, 0);
	for (uint32_t i = 1; i <= queues && i < messages && i < VECTORS_MAX; i++)
		if (error || controller->by_line || vector_connect(controller, i))
			break;
	return error;
}

void interrupts_disconnect(struct nvme_controller *controller)
{
	for (uint32_t i = 0; i < VECTORS_MAX; i++) {
		if (controller->vectors[i].irq)
			banos_irq_destroy(controller->vectors[i].irq);
		controller->vectors[i].irq = NULL;
	}
}

uint32_t interrupt_of_queue(const struct nvme_controller *controller, uint32_t number)
{
	if (controller->vector_count < 2)
		return 0;
	return 1 + (number - 1) % (controller->vector_count - 1);
}
