// SPDX-License-Identifier: MIT
/*
 * <banos/firmware.h>: files for devices.
 *
 * A thread of the kernel reads the file, so that it does not matter whose
 * program led here: what its root folder is, and what it may read.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "caller.h"

#define FOLDER	     "/lib/firmware/"
#define NAME_LEN_MAX 255u
#define SIZE_LIMIT   (32ul << 20)

struct firmware {
	struct owned owned;
	u8 *data;
	u64 size;
};

/* Readers may still copy from it when it is given up. */
static void firmware_free(struct owned *object)
{
	struct firmware *firmware = container_of(object, struct firmware, owned);

	kvfree(firmware->data);
	kfree(firmware);
}

static const struct owned_class firmware_class = {
	.name = "firmware file",
	.names = "firmware files",
	.kind = OWNED_FIRMWARE,
	.phase = OWNED_PASSIVE,
	.bytes = sizeof(struct firmware),
	.free = firmware_free,
};

/* ---- reading the file ---- */

struct reading {
	char path[sizeof(FOLDER) + NAME_LEN_MAX];
	struct firmware *firmware;
	s64 result;
};

static s64 firmware_read_file(struct file *f, struct firmware *firmware)
{
	u64 size = f->inode->size, pos = 0;
	s64 length;

	if ((f->inode->mode & S_IFMT) != S_IFREG || !size)
		return -EINVAL;
	if (size > SIZE_LIMIT)
		return -EFBIG;
	firmware->data = kvzalloc(size);
	if (!firmware->data)
		return -ENOMEM;
	length = file_read_kernel(f, firmware->data, size, &pos);
	if (length != (s64)size) {
		if (length < 0)
			return length;
		return -EIO;
	}
	firmware->size = size;
	return 0;
}

static void reader_main(void *arg)
{
	struct reading *reading = arg;
	struct file *f = file_open(AT_FDCWD, reading->path, O_RDONLY | O_NONBLOCK, 0);

	if (IS_ERR(f)) {
		if (PTR_ERR(f) == -ENOTDIR)
			reading->result = -ENOENT;
		else
			reading->result = PTR_ERR(f);
	} else {
		reading->result = firmware_read_file(f, reading->firmware);
		file_put(f);
	}
}

static s64 read_in_thread(struct firmware *firmware, const char *name)
{
	struct reading *reading = kzalloc(sizeof(*reading));
	struct thread *t = ERR_PTR(-ENOMEM);
	s64 err;

	if (reading) {
		reading->firmware = firmware;
		snprintf(reading->path, sizeof(reading->path), FOLDER "%s", name);
		t = thread_create(reader_main, reading, "firmware");
	}
	if (IS_ERR(t)) {
		kfree(reading);
		return -ENOMEM;
	}
	thread_start(t);
	thread_stop(t); /* it never looks whether it should: this waits */
	err = reading->result;
	kfree(reading);
	return err;
}

/* ---- the API ---- */

/* Below the folder: no part that is empty, "." or "..". */
static bool name_valid_below(const char *name)
{
	size_t length = strnlen(name, NAME_LEN_MAX + 1), part;

	if (!length || length > NAME_LEN_MAX)
		return false;
	for (size_t pos = 0; pos <= length; pos += part + 1) {
		part = (strchr(name + pos, '/') ?: name + length) - (name + pos);
		if (!part ||
		    (name[pos] == '.' && (part == 1 || (part == 2 && name[pos + 1] == '.'))))
			return false;
	}
	return true;
}

static s64 firmware_add(struct owner *owner, struct firmware *image)
{
	s64 err = owner_charge(owner, image->size);

	if (err)
		return err;
	image->owned.bytes = image->size;
	err = owned_add_held(owner, &image->owned, &firmware_class, true);
	if (err)
		owner_uncharge(owner, image->size);
	return err;
}

int64_t banos_firmware_load(banos_owner owner, const char *name, banos_firmware *firmware)
{
	struct owner *holder = api_owner(owner);
	struct firmware *image;
	s64 err, size;

	if (!holder)
		return MISTAKE("owner does not belong to the caller");
	if (api_text(name, NAME_LEN_MAX + 1) < 0 || !name_valid_below(name))
		return MISTAKE("name is no name below /lib/firmware");
	if (!api_may_write(firmware, sizeof(*firmware)))
		return MISTAKE("firmware is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	image = kzalloc(sizeof(*image));
	if (!image)
		return -ENOMEM;
	err = read_in_thread(image, name) ?: firmware_add(holder, image);
	if (err) {
		kvfree(image->data);
		kfree(image);
		return err;
	}
	size = image->size;
	*firmware = (banos_firmware)owned_put_handle(&image->owned);
	return size;
}
BANOS_EXPORT(banos_firmware_load);

int64_t banos_firmware_read(banos_firmware firmware, uint64_t offset, void *to, uint64_t length)
{
	struct owned *object;
	struct firmware *image;
	bool may;
	u64 count;

	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	object = api_get((u64)firmware, &firmware_class);
	image = container_of(object, struct firmware, owned);
	if (!object)
		return api_handle_mistake(__func__, "firmware");
	if (offset < image->size)
		count = MIN(length, image->size - offset);
	else
		count = 0;
	may = api_may_write(to, count);
	if (may)
		memcpy(to, image->data + offset, count);
	owned_put(object);
	if (may)
		return (s64)count;
	return MISTAKE("to is not the driver's memory");
}
BANOS_EXPORT(banos_firmware_read);

int64_t banos_firmware_release(banos_firmware firmware)
{
	return api_remove(__func__, "firmware", (u64)firmware, &firmware_class);
}
BANOS_EXPORT(banos_firmware_release);
