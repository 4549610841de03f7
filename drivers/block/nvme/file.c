/* SPDX-License-Identifier: MIT */
/* The file /dev/nvmeN: lines of text that say what the controller is. Its disks are files of the kernel. */
#include <banos/chardev.h>
#include <banos/errno.h>
#include <banos/print.h>
#include "controller.h"

#define TEXT_BYTES 512u

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
		"page: %u\nqueues: %u\nqueue: %u\nnamespaces: %u\ninterrupt: %s\nresets: %u\n",
		1u << controller->capabilities.page_shift, controller->io_count,
		controller->io[0]->entries, controller->spaces_count, interrupt,
		controller->resets);
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

static int64_t controller_open(void *context, banos_call call, uint32_t flags, void **file)
{
	if (flags & BANOS_FILE_WRITE)
		return -EROFS;
	return 0;
}

static const struct banos_chardev_ops controller_ops = {
	.size = sizeof(controller_ops),
	.open = controller_open,
	.read = controller_read,
};

int64_t file_register(struct nvme_controller *controller)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.flags = BANOS_CHARDEV_POSITION,
		.major = BANOS_CHARDEV_ANY,
		.mode = 0440,
		.context = controller,
		.ops = &controller_ops,
	};

	banos_format(config.name, sizeof(config.name), "nvme%u", controller->number);
	return banos_chardev_register(controller->self, &config, NULL);
}
