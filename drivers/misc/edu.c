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
 * notes what is done in ->done and wakes who waits.
 *
 * A device that was pulled out answers with all bits set (on QEMU, with none): then
 * the bus is asked to look, and the program gets an error. Who sleeps looks at the device once a
 * second, since the interrupt of one that is gone never comes.
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
	banos_irq irq;
};

static uint32_t numbers; /* N that are in use */

static uint32_t read_register(struct edu *e, uint32_t at)
{
	return banos_mmio_read32((char *)e->registers + at);
}
static void write_register(struct edu *e, uint32_t at, uint32_t value)
{
	banos_mmio_write32((char *)e->registers + at, value);
}

/* @return 0, -ENODEV: it was pulled out, -EIO: it is not itself */
static int64_t look(struct edu *e)
{
	int64_t error;

	if ((read_register(e, REG_IDENTITY) & 0xff) == IDENTITY)
		return 0;
	error = pci_check(e->device);
	return error ? error : -EIO;
}

/* ---- interrupts ---- */

static int64_t edu_interrupt(void *context)
{
	struct edu *e = context;
	uint32_t status = read_register(e, REG_IRQ_STATUS);

	if (!status || status == 0xffffffff)
		return 0;
	write_register(e, REG_IRQ_ACK, status);
	__atomic_fetch_or(&e->done, status, __ATOMIC_SEQ_CST);
	banos_wait_wake(&e->wait);
	return 1;
}

static int is_done(struct edu *e, uint32_t what)
{
	return (__atomic_fetch_and(&e->done, ~what, __ATOMIC_SEQ_CST) & what) != 0;
}

/* Until something happened since the ticket, or it is time to look at it again. */
static int64_t sleep_and_look(struct edu *e, uint64_t ticket, uint32_t flags)
{
	int64_t error = banos_wait_sleep(&e->wait, ticket, banos_time_ns() + LOOK_NS, flags);

	return error == -ETIMEDOUT ? look(e) : error;
}

/* ---- factorials ---- */

static int64_t edu_write(void *context, void *file, banos_buffer from, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	struct edu *e = context;
	char text[12];
	uint64_t n = 0;
	int64_t got = banos_buffer_read(from, text, length < sizeof(text) ? length : sizeof(text)),
		error;

	if (got < 0)
		return got;
	for (int64_t i = 0; i < got && text[i] != '\n'; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (!got || n > UINT32_MAX)
		return -EINVAL;
	error = banos_mutex_lock(&e->lock);
	if (error)
		return error;
	error = look(e);
	if (!error && read_register(e, REG_STATUS) & STATUS_BUSY)
		error = -EBUSY;
	if (!error) {
		is_done(e, IRQ_FACTORIAL);
		e->text_at = e->text_end = 0;
		write_register(e, REG_STATUS, STATUS_INTERRUPT);
		write_register(e, REG_FACTORIAL, (uint32_t)n);
	}
	banos_mutex_unlock(&e->lock);
	return error ? error : (int64_t)length;
}

/* A result may be read in pieces. @return bytes, 0: there is none */
static int64_t read_result(struct edu *e, banos_buffer to, uint64_t length)
{
	int64_t n;

	if (e->text_at == e->text_end && is_done(e, IRQ_FACTORIAL)) {
		e->text_at = 0;
		e->text_end = (uint32_t)banos_format(e->text, sizeof(e->text), "%u\n",
						     read_register(e, REG_FACTORIAL));
	}
	if (length > e->text_end - e->text_at)
		length = e->text_end - e->text_at;
	n = length ? banos_buffer_write(to, e->text + e->text_at, length) : 0;
	if (n > 0)
		e->text_at += (uint32_t)n;
	return n;
}

static int64_t edu_read(void *context, void *file, banos_buffer to, uint64_t length,
			uint64_t offset, uint32_t flags)
{
	struct edu *e = context;

	while (length) {
		uint64_t ticket = banos_wait_ticket(&e->wait);
		int64_t n = banos_mutex_lock(&e->lock);

		if (n)
			return n;
		n = read_result(e, to, length);
		banos_mutex_unlock(&e->lock);
		if (!n && flags & BANOS_FILE_NONBLOCK)
			n = -EAGAIN;
		if (n || (n = sleep_and_look(e, ticket, 0)))
			return n;
	}
	return 0;
}

static int64_t edu_poll(void *context, void *file, banos_poll watch)
{
	struct edu *e = context;
	int64_t error = banos_poll_watch(watch, &e->wait);

	if (error)
		return error;
	return BANOS_POLL_WRITE | (__atomic_load_n(&e->done, __ATOMIC_SEQ_CST) & IRQ_FACTORIAL ||
						   e->text_at < e->text_end
					   ? BANOS_POLL_READ
					   : 0);
}

static const struct banos_chardev_ops edu_ops = {
	.size = sizeof(edu_ops),
	.read = edu_read,
	.write = edu_write,
	.poll = edu_poll,
};

/* ---- the device's memory ---- */

/* ->lock held. */
static int64_t transfer(struct edu *e, uint64_t offset, uint64_t length, uint32_t direction)
{
	uint64_t device = MEMORY_AT + offset;
	int64_t error = look(e);

	if (error)
		return error;
	is_done(e, IRQ_DMA);
	banos_mmio_write64((char *)e->registers + REG_DMA_FROM,
			   direction ? device : e->buffer_address);
	banos_mmio_write64((char *)e->registers + REG_DMA_TO,
			   direction ? e->buffer_address : device);
	banos_mmio_write64((char *)e->registers + REG_DMA_COUNT, length);
	banos_dma_barrier();
	banos_mmio_write64((char *)e->registers + REG_DMA_COMMAND,
			   DMA_START | DMA_INTERRUPT | direction);
	for (;;) {
		uint64_t ticket = banos_wait_ticket(&e->wait);

		if (is_done(e, IRQ_DMA))
			return 0;
		/* A signal has to wait: the device uses the buffer. */
		error = sleep_and_look(e, ticket, BANOS_UNINTERRUPTIBLE);
		if (error)
			return error;
	}
}

static int64_t memory_read(void *context, void *file, banos_buffer to, uint64_t length,
			   uint64_t offset, uint32_t flags)
{
	struct edu *e = context;
	int64_t error;

	if (offset >= MEMORY_SIZE)
		return 0;
	if (length > MEMORY_SIZE - offset)
		length = MEMORY_SIZE - offset;
	error = banos_mutex_lock(&e->lock);
	if (error)
		return error;
	error = transfer(e, offset, length, DMA_FROM_DEVICE);
	if (!error)
		error = banos_buffer_write(to, e->buffer, length);
	banos_mutex_unlock(&e->lock);
	return error;
}

static int64_t memory_write(void *context, void *file, banos_buffer from, uint64_t length,
			    uint64_t offset, uint32_t flags)
{
	struct edu *e = context;
	int64_t got, error;

	if (offset >= MEMORY_SIZE)
		return -ENOSPC;
	if (length > MEMORY_SIZE - offset)
		length = MEMORY_SIZE - offset;
	error = banos_mutex_lock(&e->lock);
	if (error)
		return error;
	got = banos_buffer_read(from, e->buffer, length);
	if (got > 0 && (error = transfer(e, offset, (uint64_t)got, 0)))
		got = error;
	banos_mutex_unlock(&e->lock);
	return got;
}

static const struct banos_chardev_ops memory_ops = {
	.size = sizeof(memory_ops),
	.read = memory_read,
	.write = memory_write,
};

/* ---- the device ---- */

static int64_t map_registers(struct edu *e)
{
	struct banos_resource r = { .size = sizeof(r) };
	int64_t error = banos_resource_get(e->device, 0, &r);

	if (error)
		return error;
	if (r.kind != BANOS_RESOURCE_MEMORY || r.length < REGISTERS)
		return -ENXIO;
	error = pci_enable(e->device, PCI_MEMORY | PCI_MASTER);
	if (error)
		return error;
	error = banos_mmio_map(e->device, r.start, REGISTERS, 0, &e->mapping, &e->registers);
	if (error)
		return error;
	write_register(e, REG_INVERT, 0x12345678);
	return read_register(e, REG_INVERT) == ~0x12345678u ? look(e) : -EIO;
}

static int64_t offer_files(struct edu *e)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0660,
		.context = e,
		.ops = &edu_ops,
	};
	int64_t error;

	banos_format(config.name, sizeof(config.name), "edu%u", e->number);
	error = banos_chardev_register(e->device, &config, NULL);
	if (error)
		return error;
	banos_format(config.name, sizeof(config.name), "edu%u.memory", e->number);
	config.flags = BANOS_CHARDEV_POSITION;
	config.ops = &memory_ops;
	return banos_chardev_register(e->device, &config, NULL);
}

static int64_t start(struct edu *e)
{
	int64_t error = banos_mutex_init(e->device, &e->lock);

	if (!error)
		error = banos_wait_init(e->device, &e->wait);
	if (!error)
		error = map_registers(e);
	if (!error)
		error = banos_dma_alloc(e->device, MEMORY_SIZE, DMA_BITS, &e->dma, &e->buffer,
					&e->buffer_address);
	if (!error)
		error = banos_irq_create(e->device, 0, edu_interrupt, e, &e->irq);
	return error ? error : offer_files(e);
}

static void give_number(struct edu *e)
{
	__atomic_fetch_and(&numbers, ~(1u << e->number), __ATOMIC_SEQ_CST);
}

static int64_t edu_probe(void *context, banos_owner device, void **state)
{
	struct edu *e = banos_alloc(device, sizeof(*e), 0);
	int64_t error;

	if (!e)
		return -ENOMEM;
	*state = e;
	e->device = device;
	while (e->number < 32 &&
	       __atomic_fetch_or(&numbers, 1u << e->number, __ATOMIC_SEQ_CST) >> e->number & 1)
		e->number++;
	if (e->number == 32)
		return -ENOSPC;
	error = start(e);
	if (error)
		give_number(e);
	else
		banos_print(device, "edu%u: version %u", e->number,
			    read_register(e, REG_IDENTITY) >> 24);
	return error;
}

static int64_t edu_remove(void *context, banos_owner device, void *state)
{
	struct edu *e = state;

	banos_irq_destroy(e->irq);
	pci_disable(device, PCI_MASTER);
	banos_dma_free(e->dma);
	banos_mmio_unmap(e->mapping);
	banos_wait_destroy(&e->wait);
	banos_mutex_destroy(&e->lock);
	give_number(e);
	banos_free(device, e);
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
