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
static void firmware_free(struct owned *o)
{
	struct firmware *f = container_of(o, struct firmware, owned);

	kvfree(f->data);
	kfree(f);
}

static const struct owned_class firmware_class = {
	.name = "firmware file",
	.names = "firmware files",
	.kind = OWNED_FIRMWARE,
	.phase = OWNED_PASSIVE,
	.free = firmware_free,
};

/* ---- reading the file ---- */

struct reading {
	char path[sizeof(FOLDER) + NAME_LEN_MAX];
	struct firmware *firmware;
	s64 result;
};

static s64 read_file(struct file *f, struct firmware *fw)
{
	u64 size = f->inode->size, pos = 0;
	s64 n;

	if ((f->inode->mode & S_IFMT) != S_IFREG || !size)
		return -EINVAL;
	if (size > SIZE_LIMIT)
		return -EFBIG;
	fw->data = kvzalloc(size);
	if (!fw->data)
		return -ENOMEM;
	n = file_read_kernel(f, fw->data, size, &pos);
	if (n != (s64)size)
		return n < 0 ? n : -EIO;
	fw->size = size;
	return 0;
}

static void reader_main(void *arg)
{
	struct reading *r = arg;
	struct file *f = file_open(AT_FDCWD, r->path, O_RDONLY | O_NONBLOCK, 0);

	if (IS_ERR(f)) {
		r->result = PTR_ERR(f) == -ENOTDIR ? -ENOENT : PTR_ERR(f);
	} else {
		r->result = read_file(f, r->firmware);
		file_put(f);
	}
}

static s64 read_in_thread(struct firmware *fw, const char *name)
{
	struct reading *r = kzalloc(sizeof(*r));
	struct thread *t = ERR_PTR(-ENOMEM);
	s64 err;

	if (r) {
		r->firmware = fw;
		snprintf(r->path, sizeof(r->path), FOLDER "%s", name);
		t = thread_create(reader_main, r, "firmware");
	}
	if (IS_ERR(t)) {
		kfree(r);
		return -ENOMEM;
	}
	thread_start(t);
	thread_stop(t); /* it never looks whether it should: this waits */
	err = r->result;
	kfree(r);
	return err;
}

/* ---- the API ---- */

/* Below the folder: no part that is empty, "." or "..". */
static bool name_valid_below(const char *name)
{
	size_t n = strnlen(name, NAME_LEN_MAX + 1), part;

	if (!n || n > NAME_LEN_MAX)
		return false;
	for (size_t at = 0; at <= n; at += part + 1) {
		part = (strchr(name + at, '/') ?: name + n) - (name + at);
		if (!part || (name[at] == '.' && (part == 1 || (part == 2 && name[at + 1] == '.'))))
			return false;
	}
	return true;
}

int64_t banos_firmware_load(banos_owner owner, const char *name, banos_firmware *firmware)
{
	struct owner *o = api_owner(owner);
	struct firmware *f;
	s64 err;

	if (!o)
		return MISTAKE("owner is none of the caller's");
	if (api_text(name, NAME_LEN_MAX + 1) < 0 || !name_valid_below(name))
		return MISTAKE("name is no name below /lib/firmware");
	if (!api_may_write(firmware, sizeof(*firmware)))
		return MISTAKE("firmware is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	f = kzalloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	err = read_in_thread(f, name) ?: owned_add(o, &f->owned, &firmware_class, true);
	if (err) {
		kvfree(f->data);
		kfree(f);
		return err;
	}
	*firmware = (banos_firmware)f->owned.handle;
	return f->size;
}
BANOS_EXPORT(banos_firmware_load);

int64_t banos_firmware_read(banos_firmware firmware, uint64_t offset, void *to, uint64_t length)
{
	struct owned *o = api_get((u64)firmware, &firmware_class);
	struct firmware *f = container_of(o, struct firmware, owned);
	bool may;
	u64 n;

	if (!o)
		return MISTAKE("firmware is none of the caller's, or was given up before");
	n = offset < f->size ? MIN(length, f->size - offset) : 0;
	may = api_may_write(to, n);
	if (may)
		memcpy(to, f->data + offset, n);
	owned_put(o);
	return may ? (s64)n : MISTAKE("to is not the driver's memory");
}
BANOS_EXPORT(banos_firmware_read);

int64_t banos_firmware_release(banos_firmware firmware)
{
	return api_remove(__func__, (u64)firmware, &firmware_class);
}
BANOS_EXPORT(banos_firmware_release);
