/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a device, and calls of its client.
 *
 * With messages number 0 announces changes of the configuration, the others queues, which share
 * them where there are fewer. With one message, or by the line, one function sees to all. A device with
 * messages switched on never uses its line, not even for a queue without a message.
 *
 * Source: Virtio 1.1, 4.1.4.5 (ISR status), 4.1.5.1.2 (MSI-X vectors).
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/pci.h>
#include <banos/print.h>
#include <banos/time.h>
#include "device.h"

#define CAP_MSIX      0x11u
#define INTERRUPT_ALL 0xffu /* read from a device that was unplugged */
#define STATUS_CONFIG 2u
#define LOST_LOOKS    10u /* in so many pauses the function for the interrupt would have been called */
#define LOST_PAUSE_NS (10 * BANOS_MS)

static uint8_t line;
BANOS_PARAM_BOOL(line, "use the interrupt lines of devices, though they can send messages");

/* ---- functions ---- */

/* @return what the client did; if it is removed meanwhile, that is -ENODEV */
static int64_t client_call(struct virtio_device *device, uint32_t event, uint32_t queue)
{
	banos_callback client = __atomic_load_n(&device->client, __ATOMIC_SEQ_CST);

	return client ? banos_callback_call(client, event, queue, 0, 0, 0) : 0;
}

static void client_call_for_config(struct virtio_device *device)
{
	uint32_t event = VIRTIO_EVENT_CONFIG;

	if (transport_check(device))
		event = VIRTIO_EVENT_FAILED;
	client_call(device, event, 0);
}

/* @return BANOS_IRQ_HANDLED, BANOS_IRQ_AGAIN: the client wants to be called again */
static int64_t client_call_for_queues(struct virtio_device *device, uint32_t vector)
{
	int64_t result = BANOS_IRQ_HANDLED;

	for (uint32_t i = 0; i < device->queue_count; i++) {
		struct virtio_queue *queue = &device->queues[i];

		if (!__atomic_load_n(&queue->live, __ATOMIC_RELAXED) ||
		    (!device->by_line && queue->vector != vector) || !queue_has_used(queue))
			continue;
		if (client_call(device, VIRTIO_EVENT_QUEUE, i) == VIRTIO_AGAIN)
			result = BANOS_IRQ_AGAIN;
	}
	return result;
}

static int64_t interrupt_by_message(void *context)
{
	struct virtio_vector *vector = context;
	struct virtio_device *device = vector->device;

	/* Where there is one message for all, the register tells, too, which reading clears. */
	if (!vector->index &&
	    (device->vector_count > 1 || device->transport->read_interrupt(device) & STATUS_CONFIG))
		client_call_for_config(device);
	return client_call_for_queues(device, vector->index);
}

static int64_t interrupt_by_line(void *context)
{
	struct virtio_vector *vector = context;
	uint32_t status = vector->device->transport->read_interrupt(vector->device),
		 is_again = vector->is_again;

	if (status == INTERRUPT_ALL || (!status && !is_again))
		return BANOS_IRQ_NONE;
	if (status & STATUS_CONFIG)
		client_call_for_config(vector->device);
	vector->is_again = client_call_for_queues(vector->device, 0) == BANOS_IRQ_AGAIN;
	return vector->is_again ? BANOS_IRQ_AGAIN : BANOS_IRQ_HANDLED;
}

/* ---- obtaining ---- */

static int64_t vector_create(struct virtio_device *device, uint32_t index)
{
	struct virtio_vector *vector = &device->vectors[index];
	struct banos_irq_config config = {
		.size = sizeof(config),
		.index = index,
		.function = interrupt_by_message,
		.context = vector,
	};
	int64_t error;

	if (vector->created) /* its function has not returned for ten seconds */
		return -EBUSY;
	if (device->by_line) {
		config.flags = BANOS_IRQ_LINE;
		config.function = interrupt_by_line;
	}
	vector->device = device;
	vector->index = index;
	error = banos_irq_create(device->pci, &config, &vector->irq);
	vector->created = !error;
	device->vector_count += !error;
	return error;
}

int64_t interrupts_destroy(struct virtio_device *device)
{
	int64_t result = 0;

	for (uint32_t i = 0; i < VECTORS_MAX; i++) {
		struct virtio_vector *vector = &device->vectors[i];
		int64_t error = 0;

		if (vector->created)
			error = banos_irq_destroy(vector->irq);
		if (!error)
			vector->created = 0;
		else
			result = error;
	}
	if (!result)
		device->vector_count = 0;
	return result;
}

static int64_t interrupts_take_line(struct virtio_device *device)
{
	int64_t error = interrupts_destroy(device);

	if (error)
		return error;
	device->by_line = 1;
	return vector_create(device, 0);
}

int64_t interrupts_create(struct virtio_device *device, uint32_t queues)
{
	int64_t messages = banos_device_interrupts(device->pci), error = 0;

	device->by_line = 0;
	/* Plain MSI is not known to Virtio. */
	if (line || messages <= 0 || pci_find_capability(device->pci, CAP_MSIX, 0) < 0)
		return interrupts_take_line(device);
	for (uint32_t i = 0; i < VECTORS_MAX && i < messages && i <= queues && !error; i++)
		error = vector_create(device, i);
	if (error == -ENODEV) /* the card is being removed */
		return error;
	if (device->vector_count && !device->transport->set_config_vector(device, 0))
		return 0;
	banos_warning(device->pci, "no message can be used: the interrupt line is");
	return interrupts_take_line(device);
}

uint32_t interrupt_of_queue(const struct virtio_device *device, uint32_t queue)
{
	if (device->vector_count < 2)
		return 0;
	return 1 + queue % (device->vector_count - 1);
}

/* ---- lost ones ---- */

static int queues_have_used(struct virtio_device *device)
{
	for (uint32_t i = 0; i < device->queue_count; i++)
		if (__atomic_load_n(&device->queues[i].live, __ATOMIC_RELAXED) &&
		    queue_has_used(&device->queues[i]))
			return 1;
	return 0;
}

int64_t interrupts_find_lost(struct virtio_device *device)
{
	int64_t error = 0;

	for (uint32_t i = 0; i < LOST_LOOKS; i++) {
		if (!queues_have_used(device))
			return 0;
		banos_sleep_until(banos_time_ns() + LOST_PAUSE_NS, BANOS_UNINTERRUPTIBLE);
	}
	banos_mutex_lock(&device->mutex);
	if (device->state == STATE_STARTED && !device->by_line) {
		error = interrupts_take_line(device);
		if (error != -EDEADLK)
			banos_warning(device->pci,
				      "a message did not arrive: the interrupt line is used");
	}
	banos_mutex_unlock(&device->mutex);
	if (error == -EDEADLK)
		return error;
	if (error)
		banos_warning(device->pci, "the device has no interrupt line: answers are late");
	client_call_for_queues(device, 0);
	return 0;
}
