/* SPDX-License-Identifier: MIT */
/*
 * QEMU's device for education: -device edu.
 *
 *	/dev/eduN	  write a number, read its factorial; reading sleeps until the
 *			  device interrupts
 *	/dev/eduN.memory  the device's 4 KiB of memory but the last byte, reached by its DMA
 *
 * The device computes one factorial, and makes one transfer, at a time: ->lock
 * (mutex) is held from the start of either to its end. The interrupt's thread
 * records the finished operation in ->done and wakes the waiting thread.
 *
 * A device that was unplugged reads as all bits set (on QEMU, none): then
 * the driver asks the bus to check its slot, and the program receives an error. A sleeping thread
 * checks the device once a second, since the interrupt of a removed device never arrives.
 *
 * There are machines on which messages of devices do not arrive: if a second after the start of an operation
 * the device reports an interrupt that has not arrived, the driver uses the
 * device's line from then on.
 *
 * Registers: QEMU, docs/specs/edu.txt.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/dma.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/pci.h>
#include <banos/print.h>
#include <banos/time.h>
#include <banos/wait.h>

#define REG_IDENTITY	 0x00
#define IDENTITY	 0xed /* its low byte */
#define REG_INVERT	 0x04
#define REG_FACTORIAL	 0x08
#define REG_STATUS	 0x20
#define STATUS_BUSY	 0x01u
#define STATUS_INTERRUPT 0x80u /* when it is computed */
#define REG_IRQ_STATUS	 0x24
#define REG_IRQ_ACK	 0x64
#define IRQ_FACTORIAL	 0x001u
#define IRQ_DMA		 0x100u
#define REG_DMA_FROM	 0x80
#define REG_DMA_TO	 0x88
#define REG_DMA_COUNT	 0x90
#define REG_DMA_COMMAND	 0x98
#define DMA_START	 1u
#define DMA_FROM_DEVICE	 2u
#define DMA_INTERRUPT	 4u
#define REGISTERS	 0x100

#define DMA_BITS    28	     /* of an address; the device's default */
#define MEMORY_AT   0x40000u /* where the device's DMA sees its memory */
#define MEMORY_SIZE 4095u    /* of 4096: QEMU ends where a transfer reaches the last byte */
#define LOOK_NS	    BANOS_S

struct edu {
	banos_owner device;
	uint32_t number;	    /* N of eduN */
	uint32_t done;		    /* IRQ_ bits */
	uint32_t text_at, text_end; /* what of the last result has not been read; under lock */
	char text[16];
	void *registers;
	struct banos_mutex lock;
	struct banos_wait wait;
	void *buffer;
	uint64_t buffer_address;
	banos_dma dma;
	banos_mmio mapping;
	banos_irq irq; /* or NULL */
	uint32_t by_line;
};

static uint32_t numbers; /* N that are in use */
static uint8_t line;
BANOS_PARAM_BOOL(line, "use the interrupt line, though the device can send messages");

static uint32_t edu_read_register(struct edu *edu, uint32_t offset)
{
	return banos_mmio_read32((char *)edu->registers + offset);
}
static void edu_write_register(struct edu *edu, uint32_t offset, uint32_t value)
{
	banos_mmio_write32((char *)edu->registers + offset, value);
}

/* @return 0, -ENODEV: it was pulled out, -EIO: it is not itself */
static int64_t edu_check(struct edu *edu)
{
	int64_t error;

	if ((edu_read_register(edu, REG_IDENTITY) & 0xff) == IDENTITY)
		return 0;
	error = pci_check(edu->device);
	if (error)
		return error;
	return -EIO;
}

/* ---- interrupts ---- */

static int64_t edu_interrupt(void *context)
{
	struct edu *edu = context;
	uint32_t status = edu_read_register(edu, REG_IRQ_STATUS);

	if (!status || status == 0xffffffff)
		return BANOS_IRQ_NONE;
	edu_write_register(edu, REG_IRQ_ACK, status);
	__atomic_fetch_or(&edu->done, status, __ATOMIC_SEQ_CST);
	banos_wait_wake(&edu->wait);
	return BANOS_IRQ_HANDLED;
}

static int64_t edu_connect(struct edu *edu)
{
	struct banos_irq_config config = {
		.size = sizeof(config),
		.flags = edu->by_line ? BANOS_IRQ_LINE : 0,
		.function = edu_interrupt,
		.context = edu,
	};
	int64_t error = banos_irq_create(edu->device, &config, &edu->irq);

	if (error)
		edu->irq = NULL;
	return error;
}

static void edu_disconnect(struct edu *edu)
{
	if (edu->irq)
		banos_irq_destroy(edu->irq);
	edu->irq = NULL;
}

static int edu_take_done(struct edu *edu, uint32_t what)
{
	return (__atomic_fetch_and(&edu->done, ~what, __ATOMIC_SEQ_CST) & what) != 0;
}

/* Has an interrupt been lost? Then it is handled here. ->lock held. @return 0, -ENODEV, -EIO */
static int64_t edu_find_lost(struct edu *edu)
{
	int64_t error = edu_check(edu);

	if (error || edu_interrupt(edu) == BANOS_IRQ_NONE || edu->by_line)
		return error;
	banos_warning(edu->device, "edu%u: a message did not arrive: the interrupt line is used",
		      edu->number);
	edu_disconnect(edu);
	edu->by_line = 1;
	if (edu_connect(edu))
		banos_warning(edu->device, "edu%u: has no interrupt line: results are late",
			      edu->number);
	return 0;
}

/* ---- factorials ---- */

static int64_t edu_write(void *context, void *file, banos_buffer from, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	struct edu *edu = context;
	char text[12];
	uint64_t number = 0;
	int64_t got = banos_buffer_read(from, text, length < sizeof(text) ? length : sizeof(text)),
		error;

	if (got < 0)
		return got;
	for (int64_t i = 0; i < got && text[i] != '\n'; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	if (!got || number > UINT32_MAX)
		return -EINVAL;
	error = banos_mutex_lock(&edu->lock);
	if (error)
		return error;
	error = edu_check(edu);
	if (!error && edu_read_register(edu, REG_STATUS) & STATUS_BUSY)
		error = -EBUSY;
	if (!error) {
		edu_take_done(edu, IRQ_FACTORIAL);
		edu->text_at = edu->text_end = 0;
		edu_write_register(edu, REG_STATUS, STATUS_INTERRUPT);
		edu_write_register(edu, REG_FACTORIAL, (uint32_t)number);
	}
	banos_mutex_unlock(&edu->lock);
	if (error)
		return error;
	return (int64_t)length;
}

/* A result may be read in pieces. @return bytes, 0: there is none */
static int64_t edu_read_result(struct edu *edu, banos_buffer to, uint64_t length)
{
	int64_t copied;

	if (edu->text_at == edu->text_end && edu_take_done(edu, IRQ_FACTORIAL)) {
		edu->text_at = 0;
		edu->text_end = (uint32_t)banos_format(edu->text, sizeof(edu->text), "%u\n",
						       edu_read_register(edu, REG_FACTORIAL));
	}
	if (length > edu->text_end - edu->text_at)
		length = edu->text_end - edu->text_at;
	if (!length)
		return 0;
	copied = banos_buffer_write(to, edu->text + edu->text_at, length);
	if (copied > 0)
		edu->text_at += (uint32_t)copied;
	return copied;
}

static int64_t edu_look(struct edu *edu)
{
	int64_t error = banos_mutex_lock(&edu->lock);

	if (error)
		return error;
	error = edu_find_lost(edu);
	banos_mutex_unlock(&edu->lock);
	return error;
}

static int64_t edu_read(void *context, void *file, banos_buffer to, uint64_t length,
			uint64_t offset, uint32_t flags)
{
	struct edu *edu = context;

	while (length) {
		uint64_t ticket = banos_wait_ticket(&edu->wait);
		int64_t result = banos_mutex_lock(&edu->lock);

		if (result)
			return result;
		result = edu_read_result(edu, to, length);
		banos_mutex_unlock(&edu->lock);
		if (!result && flags & BANOS_FILE_NONBLOCK)
			result = -EAGAIN;
		if (result)
			return result;
		result = banos_wait_sleep(&edu->wait, ticket, banos_time_ns() + LOOK_NS, 0);
		if (result == -ETIMEDOUT)
			result = edu_look(edu);
		if (result)
			return result;
	}
	return 0;
}

static int64_t edu_poll(void *context, void *file, banos_poll watch)
{
	struct edu *edu = context;
	int64_t error = banos_poll_watch(watch, &edu->wait);

	if (error)
		return error;
	if (__atomic_load_n(&edu->done, __ATOMIC_SEQ_CST) & IRQ_FACTORIAL ||
	    edu->text_at < edu->text_end)
		return BANOS_POLL_WRITE | BANOS_POLL_READ;
	return BANOS_POLL_WRITE;
}

static const struct banos_chardev_ops edu_ops = {
	.size = sizeof(edu_ops),
	.read = edu_read,
	.write = edu_write,
	.poll = edu_poll,
};

/* ---- the device's memory ---- */

/* ->lock held. */
static int64_t edu_transfer(struct edu *edu, uint64_t offset, uint64_t length, uint32_t direction)
{
	uint64_t from = edu->buffer_address, to = MEMORY_AT + offset;
	int64_t error = edu_check(edu);

	if (error)
		return error;
	edu_take_done(edu, IRQ_DMA);
	if (direction == DMA_FROM_DEVICE) {
		from = MEMORY_AT + offset;
		to = edu->buffer_address;
	}
	banos_mmio_write64((char *)edu->registers + REG_DMA_FROM, from);
	banos_mmio_write64((char *)edu->registers + REG_DMA_TO, to);
	banos_mmio_write64((char *)edu->registers + REG_DMA_COUNT, length);
	banos_mmio_write64((char *)edu->registers + REG_DMA_COMMAND,
			   DMA_START | DMA_INTERRUPT | direction);
	for (;;) {
		uint64_t ticket = banos_wait_ticket(&edu->wait);

		if (edu_take_done(edu, IRQ_DMA))
			return 0;
		/* A signal must wait: the device uses the buffer. */
		error = banos_wait_sleep(&edu->wait, ticket, banos_time_ns() + LOOK_NS,
					 BANOS_UNINTERRUPTIBLE);
		if (error == -ETIMEDOUT)
			error = edu_find_lost(edu);
		if (error)
			return error;
	}
}

static int64_t edu_memory_read(void *context, void *file, banos_buffer to, uint64_t length,
			       uint64_t offset, uint32_t flags)
{
	struct edu *edu = context;
	int64_t error;

	if (offset >= MEMORY_SIZE)
		return 0;
	if (length > MEMORY_SIZE - offset)
		length = MEMORY_SIZE - offset;
	error = banos_mutex_lock(&edu->lock);
	if (error)
		return error;
	error = edu_transfer(edu, offset, length, DMA_FROM_DEVICE);
	if (!error)
		error = banos_buffer_write(to, edu->buffer, length);
	banos_mutex_unlock(&edu->lock);
	return error;
}

static int64_t edu_memory_write(void *context, void *file, banos_buffer from, uint64_t length,
				uint64_t offset, uint32_t flags)
{
	struct edu *edu = context;
	int64_t got, error;

	if (offset >= MEMORY_SIZE)
		return -ENOSPC;
	if (length > MEMORY_SIZE - offset)
		length = MEMORY_SIZE - offset;
	error = banos_mutex_lock(&edu->lock);
	if (error)
		return error;
	got = banos_buffer_read(from, edu->buffer, length);
	if (got > 0)
		error = edu_transfer(edu, offset, (uint64_t)got, 0);
	if (error)
		got = error;
	banos_mutex_unlock(&edu->lock);
	return got;
}

static const struct banos_chardev_ops memory_ops = {
	.size = sizeof(memory_ops),
	.read = edu_memory_read,
	.write = edu_memory_write,
};

/* ---- the device ---- */

static int64_t edu_map_registers(struct edu *edu)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	int64_t error = banos_resource_get(edu->device, 0, &resource);

	if (error)
		return error;
	if (resource.kind != BANOS_RESOURCE_MEMORY || resource.length < REGISTERS)
		return -ENXIO;
	error = pci_enable(edu->device, PCI_MEMORY | PCI_MASTER);
	if (error)
		return error;
	error = banos_mmio_map(edu->device, resource.start, REGISTERS, 0, &edu->mapping,
			       &edu->registers);
	if (error)
		return error;
	edu_write_register(edu, REG_INVERT, 0x12345678);
	if (edu_read_register(edu, REG_INVERT) != ~0x12345678u)
		return -EIO;
	return edu_check(edu);
}

static int64_t edu_register_files(struct edu *edu)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0660,
		.context = edu,
		.ops = &edu_ops,
	};
	int64_t error;

	banos_format(config.name, sizeof(config.name), "edu%u", edu->number);
	error = banos_chardev_register(edu->device, &config, NULL);
	if (error)
		return error;
	banos_format(config.name, sizeof(config.name), "edu%u.memory", edu->number);
	config.flags = BANOS_CHARDEV_POSITION;
	config.ops = &memory_ops;
	return banos_chardev_register(edu->device, &config, NULL);
}

static int64_t edu_start(struct edu *edu)
{
	struct banos_dma_config memory = {
		.size = sizeof(memory),
		.bytes = MEMORY_SIZE,
		.address_bits = DMA_BITS,
	};
	int64_t error = banos_mutex_init(edu->device, &edu->lock);

	if (!error)
		error = banos_wait_init(edu->device, &edu->wait);
	if (!error)
		error = edu_map_registers(edu);
	if (!error)
		error = banos_dma_alloc(edu->device, &memory, &edu->dma, &edu->buffer,
					&edu->buffer_address);
	if (!error)
		error = edu_connect(edu);
	if (error)
		return error;
	return edu_register_files(edu);
}

static void edu_give_number(struct edu *edu)
{
	__atomic_fetch_and(&numbers, ~(1u << edu->number), __ATOMIC_SEQ_CST);
}

static int64_t edu_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct edu *edu = banos_alloc(device, sizeof(*edu), 0);
	int64_t error;

	if (!edu)
		return -ENOMEM;
	*state = edu;
	edu->device = device;
	edu->by_line = line;
	while (edu->number < 32 &&
	       __atomic_fetch_or(&numbers, 1u << edu->number, __ATOMIC_SEQ_CST) >> edu->number & 1)
		edu->number++;
	if (edu->number == 32)
		return -ENOSPC;
	error = edu_start(edu);
	if (error)
		edu_give_number(edu);
	else
		banos_print(device, "edu%u: version %u", edu->number,
			    edu_read_register(edu, REG_IDENTITY) >> 24);
	return error;
}

static int64_t edu_remove(void *context, banos_owner device, void *state)
{
	struct edu *edu = state;

	edu_disconnect(edu);
	pci_disable(device, PCI_MASTER);
	banos_dma_free(edu->dma);
	banos_mmio_unmap(edu->mapping);
	banos_wait_destroy(&edu->wait);
	banos_mutex_destroy(&edu->lock);
	edu_give_number(edu);
	banos_free(device, edu);
	return 0;
}

static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = edu_probe,
	.remove = edu_remove,
};

static int64_t edu_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "pci",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES(PCI_ID(1234, 11E8));
BANOS_DRIVER(edu, "1.0", "MIT", "QEMU's device for education: factorials, and memory by DMA",
	     edu_init, NULL);
