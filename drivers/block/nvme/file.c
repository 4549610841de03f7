/* SPDX-License-Identifier: MIT */
/*
 * The files of a controller and of its namespaces.
 *
 *	/dev/nvmeN	what the controller is: lines of text
 *	/dev/nvmeNnM	the blocks of namespace M, at any offset and of any length; read only. ioctl() is that of
 *			a disk on Linux: BLKGETSIZE64, BLKGETSIZE, BLKSSZGET, BLKROGET, NVME_IOCTL_ID
 *
 * A long read is made of several commands, one after the other. A signal ends it between two of them.
 */
#include <banos/chardev.h>
#include <banos/errno.h>
#include <banos/print.h>
#include "controller.h"
#include "registers.h"

#define ATTEMPTS	3u
#define ERRORS_SAID_MAX 16u
#define TEXT_BYTES	512u
#define SECTOR_SHIFT	9u

/* Linux's, as programs use them. */
#define BLKROGET      0x125eu
#define BLKGETSIZE    0x1260u
#define BLKSSZGET     0x1268u
#define BLKGETSIZE64  0x80081272u
#define NVME_IOCTL_ID 0x4e40u

/* ---- slots ---- */

/* @return 0, 1: all are taken, or the error that the controller failed with */
static int64_t slot_try_take(struct nvme_controller *controller, uint32_t *slot)
{
	int64_t result = 1;

	banos_spin_lock(&controller->lock);
	if (controller->state == STATE_FAILED)
		result = controller->failure;
	for (uint32_t i = 0; i < controller->slots_count && result == 1; i++) {
		if (controller->slots[i].is_taken)
			continue;
		controller->slots[i].is_taken = 1;
		*slot = i;
		result = 0;
	}
	banos_spin_unlock(&controller->lock);
	return result;
}

static int64_t slot_take(struct nvme_controller *controller, uint32_t *slot)
{
	for (;;) {
		uint64_t ticket = banos_wait_ticket(&controller->slot_free);
		int64_t result = slot_try_take(controller, slot);

		if (result == 1)
			result = banos_wait_sleep(&controller->slot_free, ticket, 0, 0);
		else
			return result;
		if (result)
			return result;
	}
}

static void slot_give(struct nvme_controller *controller, uint32_t slot)
{
	banos_spin_lock(&controller->lock);
	controller->slots[slot].is_taken = 0;
	banos_spin_unlock(&controller->lock);
	banos_wait_wake(&controller->slot_free);
}

/* Copy bytes of a slot to the program. @return as banos_buffer_write() */
static int64_t slot_copy(const struct nvme_slot *slot, uint32_t page_shift, uint64_t from,
			 uint64_t bytes, banos_buffer to)
{
	uint64_t page_bytes = 1ull << page_shift, done = 0;

	while (done < bytes) {
		uint64_t at = (from + done) & (page_bytes - 1), count = page_bytes - at;
		const char *page = slot->pages[(from + done) >> page_shift].memory;
		int64_t copied;

		if (count > bytes - done)
			count = bytes - done;
		copied = banos_buffer_write(to, page + at, count);
		if (copied < 0 && !done)
			return copied;
		if (copied > 0)
			done += (uint64_t)copied;
		if (copied != (int64_t)count)
			break;
	}
	return (int64_t)done;
}

/* ---- reading ---- */

static void read_say_error(const struct nvme_space *space, uint64_t first, uint32_t blocks,
			   int64_t status)
{
	struct nvme_controller *controller = space->controller;

	if (__atomic_fetch_add(&controller->errors_said, 1, __ATOMIC_RELAXED) >= ERRORS_SAID_MAX)
		return;
	if (status == -EAGAIN)
		banos_error(controller->self,
			    "nvme%un%u: blocks %lu to %lu: not read in %u attempts",
			    controller->number, space->number, first, first + blocks - 1, ATTEMPTS);
	else
		banos_error(controller->self,
			    "nvme%un%u: blocks %lu to %lu: not read: status %u/%02x",
			    controller->number, space->number, first, first + blocks - 1,
			    STATUS_TYPE((uint32_t)status), STATUS_CODE((uint32_t)status));
}

/* Let the controller fill a slot. @return 0, or an error for the program */
static int64_t space_fill_slot(const struct nvme_space *space, uint32_t number, uint64_t first,
			       uint32_t blocks)
{
	struct nvme_controller *controller = space->controller;
	struct nvme_slot *slot = &controller->slots[number];
	const struct prp_buffer buffer = {
		.pages = slot->addresses,
		.pages_count = slot->pages_count,
		.page_shift = controller->capabilities.page_shift,
		.list = slot->list.memory,
		.list_address = slot->list.address,
	};
	struct nvme_command command = {
		.opcode = NVM_READ,
		.space = space->number,
		.arguments = { (uint32_t)first, (uint32_t)(first >> 32), blocks - 1 },
	};
	int64_t status = -EAGAIN;

	if (prp_build(&buffer, (uint64_t)blocks << space->format.block_shift, command.prp))
		return -EIO;
	for (uint32_t i = 0; i < ATTEMPTS && status == -EAGAIN; i++) {
		status = io_run(controller, number, &command);
		if (status == -EAGAIN && !banos_mutex_lock(&controller->reset_mutex))
			banos_mutex_unlock(&controller->reset_mutex); /* the reset has ended */
	}
	if (status < 0 && status != -EAGAIN)
		return status;
	if (status) {
		read_say_error(space, first, blocks, status);
		return -EIO;
	}
	__atomic_store_n(&controller->resets_idle, 0, __ATOMIC_RELAXED);
	return 0;
}

/* Read what one command can. @return bytes, or an error */
static int64_t space_read_some(const struct nvme_space *space, banos_buffer to, uint64_t length,
			       uint64_t offset)
{
	struct nvme_controller *controller = space->controller;
	uint32_t shift = space->format.block_shift, number = 0;
	uint64_t first = offset >> shift, skip = offset - (first << shift),
		 blocks = space->blocks_at_once;
	int64_t result = slot_take(controller, &number);

	if (result)
		return result;
	if (length < (blocks << shift) - skip)
		blocks = (skip + length + (1ull << shift) - 1) >> shift;
	else
		length = (blocks << shift) - skip;
	result = space_fill_slot(space, number, first, (uint32_t)blocks);
	if (!result)
		result = slot_copy(&controller->slots[number], controller->capabilities.page_shift,
				   skip, length, to);
	slot_give(controller, number);
	return result;
}

static int64_t space_read(void *context, void *file, banos_buffer to, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	const struct nvme_space *space = context;
	uint64_t size = space->format.blocks << space->format.block_shift, done = 0;
	int64_t result = 0;

	if (offset >= size)
		return 0;
	if (length > size - offset)
		length = size - offset;
	while (done < length) {
		/* Ends at once, with the reason to stop if there is one. */
		if (done)
			result = banos_sleep_until(0, 0);
		if (!result)
			result = space_read_some(space, to, length - done, offset + done);
		if (result <= 0)
			break;
		done += (uint64_t)result;
		result = 0;
	}
	if (done)
		return (int64_t)done;
	return result;
}

static int64_t space_open(void *context, banos_call call, uint32_t flags, void **file)
{
	if (flags & BANOS_FILE_WRITE)
		return -EROFS;
	return 0;
}

static int64_t space_ioctl(void *context, void *file, banos_call call, uint32_t command,
			   uint64_t argument, uint32_t flags)
{
	const struct nvme_space *space = context;
	uint64_t bytes = space->format.blocks << space->format.block_shift,
		 sectors = bytes >> SECTOR_SHIFT;
	uint32_t block = 1u << space->format.block_shift, is_read_only = 1;

	switch (command) {
	case BLKGETSIZE64: return banos_user_write(call, argument, &bytes, sizeof(bytes));
	case BLKGETSIZE: return banos_user_write(call, argument, &sectors, sizeof(sectors));
	case BLKSSZGET: return banos_user_write(call, argument, &block, sizeof(block));
	case BLKROGET: return banos_user_write(call, argument, &is_read_only, sizeof(is_read_only));
	case NVME_IOCTL_ID: return space->number;
	default: return -ENOTTY;
	}
}

static const struct banos_chardev_ops space_ops = {
	.size = sizeof(space_ops),
	.open = space_open,
	.read = space_read,
	.ioctl = space_ioctl,
};

/* ---- what the controller is ---- */

static uint64_t controller_describe(struct nvme_controller *controller, char *text)
{
	const struct nvme_identity *identity = &controller->identity;
	const char *interrupt = controller->by_line ? "line" : "messages";
	uint64_t length;

	length = (uint64_t)banos_format(text, TEXT_BYTES,
					"model: %s\nserial: %s\nfirmware: %s\nversion: %u.%u.%u\n",
					identity->model, identity->serial, identity->firmware,
					controller->version >> 16, controller->version >> 8 & 0xff,
					controller->version & 0xff);
	length += (uint64_t)banos_format(
		text + length, TEXT_BYTES - length,
		"page: %u\nqueue: %u\nnamespaces: %u\ninterrupt: %s\nresets: %u\n",
		1u << controller->capabilities.page_shift, controller->io.entries,
		controller->spaces_count, interrupt, controller->resets);
	return length;
}

static int64_t controller_read(void *context, void *file, banos_buffer to, uint64_t length,
			       uint64_t offset, uint32_t flags)
{
	char text[TEXT_BYTES];
	uint64_t end = controller_describe(context, text);

	if (offset >= end)
		return 0;
	if (length > end - offset)
		length = end - offset;
	return banos_buffer_write(to, text + offset, length);
}

static const struct banos_chardev_ops controller_ops = {
	.size = sizeof(controller_ops),
	.open = space_open,
	.read = controller_read,
};

/* ---- registering ---- */

static int64_t space_register(struct nvme_space *space)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.flags = BANOS_CHARDEV_POSITION,
		.major = BANOS_CHARDEV_ANY,
		.mode = 0440,
		.context = space,
		.ops = &space_ops,
	};

	banos_format(config.name, sizeof(config.name), "nvme%un%u", space->controller->number,
		     space->number);
	return banos_chardev_register(space->controller->self, &config, NULL);
}

int64_t files_register(struct nvme_controller *controller)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.flags = BANOS_CHARDEV_POSITION,
		.major = BANOS_CHARDEV_ANY,
		.mode = 0440,
		.context = controller,
		.ops = &controller_ops,
	};
	int64_t error;

	banos_format(config.name, sizeof(config.name), "nvme%u", controller->number);
	error = banos_chardev_register(controller->self, &config, NULL);
	for (uint32_t i = 0; i < controller->spaces_count && !error; i++)
		error = space_register(&controller->spaces[i]);
	return error;
}
