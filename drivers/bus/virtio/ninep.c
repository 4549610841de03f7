// SPDX-License-Identifier: MIT
/*
 * Folders of the machine that runs this one: mount -t 9p TAG /mnt. Devices and mounts; see ninep.h.
 *
 * A device that is unplugged ends its session: what is mounted answers EIO until it is unmounted. A mount of a device that
 * failed opens it again.
 *
 * Source: Virtio 1.2, 5.15 has the number and the configuration only; the description of the protocol by diod; QEMU 7.2, hw/9pfs.
 */
#include "ninep.h"

#define DEVICE_TAG	    1ull /* feature: it has a tag */
#define CONFIG_TAG_LENGTH   0u
#define CONFIG_TAG	    2u
#define NINEP_MAGIC	    0x01021997u
#define FID_ROOT_OF_SESSION 1u

static struct banos_mutex ninep_mutex;
static struct ninep_device *ninep_devices;
static banos_owner ninep_self;

/* ---- a session begins and ends ---- */

static int64_t session_version(struct ninep_session *session)
{
	struct ninep_call call;
	uint32_t bytes, msize;
	const char *text;
	int64_t error = ninep_call_begin(&call, session, NINEP_VERSION, 0);

	if (error)
		return error;
	ninep_put(&call.out, session->msize, 4);
	ninep_put_text(&call.out, NINEP_DIALECT, sizeof(NINEP_DIALECT) - 1);
	error = ninep_call_send(&call, 0);
	if (!error) {
		msize = (uint32_t)ninep_get(&call.in, 4);
		text = ninep_get_text(&call.in, &bytes);
		if (!text || bytes != sizeof(NINEP_DIALECT) - 1 ||
		    memcmp(text, NINEP_DIALECT, bytes) || msize < NINEP_MSIZE_LEAST)
			error = -EPROTONOSUPPORT;
		else if (msize < session->msize)
			session->msize = msize;
	}
	ninep_call_end(&call);
	return error;
}

static int64_t session_attach(struct ninep_session *session, struct ninep_fid **root)
{
	const struct ninep_options *options = &session->options;
	struct ninep_fid *fid = ninep_fid_new(session);
	struct ninep_call call;
	int64_t error;

	if (!fid)
		return -ENOMEM;
	error = ninep_call_begin(&call, session, NINEP_ATTACH, 0);
	if (!error) {
		ninep_put(&call.out, fid->number, 4);
		ninep_put(&call.out, NINEP_NO_FID, 4);
		ninep_put_text(&call.out, options->uname, (uint32_t)strlen(options->uname));
		ninep_put_text(&call.out, options->aname, (uint32_t)strlen(options->aname));
		ninep_put(&call.out, 0, 4); /* the user's number */
		error = ninep_call_send(&call, 0);
		ninep_call_end(&call);
	}
	if (error) {
		ninep_fid_put(session, fid, 0);
		return error;
	}
	*root = fid;
	return 0;
}

static int64_t session_greet(struct ninep_session *session)
{
	struct ninep_attr attr;
	struct ninep_fid *root;
	int64_t error = session_version(session);

	if (!error)
		error = session_attach(session, &root);
	if (error)
		return error;
	error = ninep_getattr(session, root, &attr);
	if (error) {
		ninep_fid_put(session, root, 1);
		return error;
	}
	session->root = attr.qid.path;
	return ninep_node_give(session, &attr, root);
}

/* ninep_mutex held. */
static struct ninep_device *device_find(const char *tag)
{
	struct ninep_device *device = ninep_devices;
	size_t bytes = strlen(tag) + 1;

	while (device && (bytes > NINEP_TAG_BYTES || memcmp(device->tag, tag, bytes)))
		device = device->next;
	return device;
}

static int64_t session_connect(struct ninep_session *session, const char *tag)
{
	struct ninep_device *device;
	int64_t error = 0;

	banos_mutex_lock(&ninep_mutex);
	device = device_find(tag);
	if (!device)
		error = -ENOENT;
	else if (device->session)
		error = -EBUSY;
	if (!error) {
		session->virtio = device->owner;
		__atomic_store_n(&device->session, session, __ATOMIC_RELEASE);
		session->device = device;
		error = ninep_session_start(session, device->callback);
	}
	banos_mutex_unlock(&ninep_mutex);
	return error;
}

/* ninep_mutex held. The device forgets the session. */
static int64_t folder_disconnect(struct ninep_device *device)
{
	struct ninep_session *session = device->session;
	int64_t error;

	if (!session)
		return virtio_stop(device->owner);
	ninep_session_end_calls(session);
	error = virtio_stop(device->owner);
	__atomic_store_n(&device->session, NULL, __ATOMIC_RELEASE);
	ninep_session_free_slots(session, error == -EIO);
	session->device = NULL;
	return error;
}

static void session_end(struct ninep_session *session)
{
	banos_mutex_lock(&ninep_mutex);
	if (session->device)
		folder_disconnect(session->device);
	banos_mutex_unlock(&ninep_mutex);
	ninep_session_kill(session); /* fids are not clunked any more */
	ninep_nodes_free(session);
	ninep_session_destroy(session);
}

/* ---- methods ---- */

static int64_t ninep_mount(void *context, banos_mount mount,
			   const struct banos_mount_config *config, struct banos_mount_info *info,
			   void **fs)
{
	struct ninep_session *session = banos_alloc(ninep_self, sizeof(*session), 0);
	int64_t error;

	if (!session)
		return -ENOMEM;
	session->self = ninep_self;
	session->next_fid = FID_ROOT_OF_SESSION;
	error = ninep_session_init(session);
	if (!error)
		error = ninep_options_parse(config->options, &session->options);
	session->msize = session->options.msize;
	if (!error)
		error = session_connect(session, config->source);
	if (!error)
		error = session_greet(session);
	if (error) {
		if (!(config->flags & BANOS_MOUNT_SILENT) && error != -ENOENT)
			banos_error(ninep_self, "%s: cannot be mounted (error %d)", config->source,
				    (int)error);
		session_end(session);
		return error;
	}
	info->flags = BANOS_MOUNT_TRANSFERS | BANOS_MOUNT_REMOTE;
	info->root = session->root;
	info->magic = NINEP_MAGIC;
	*fs = session;
	return 0;
}

static int64_t ninep_unmount(void *fs)
{
	session_end(fs);
	return 0;
}

/* What may change is the kernel's business: whether it is read-only. */
static int64_t ninep_remount(void *fs, uint32_t flags, const char *options)
{
	if (*options)
		return -EINVAL;
	return 0;
}

/* ---- devices ---- */

static int64_t ninep_event(void *context, uint64_t event, uint64_t queue, uint64_t arg3,
			   uint64_t arg4, uint64_t arg5)
{
	struct ninep_device *device = context;
	struct ninep_session *session = __atomic_load_n(&device->session, __ATOMIC_ACQUIRE);

	if (!session)
		return 0;
	if (event == VIRTIO_EVENT_QUEUE)
		ninep_session_take(session);
	else if (event == VIRTIO_EVENT_FAILED)
		ninep_session_kill(session);
	return 0;
}

/* A tag is a text of letters that mount() can name. */
static int64_t device_read_tag(struct ninep_device *device)
{
	int64_t length = virtio_config_read(device->owner, CONFIG_TAG_LENGTH, 2);

	if (length <= 0 || length >= NINEP_TAG_BYTES)
		return -EINVAL;
	for (uint32_t i = 0; i < length; i++) {
		int64_t byte = virtio_config_read(device->owner, CONFIG_TAG + i, 1);

		if (byte <= ' ')
			return -EINVAL;
		device->tag[i] = (char)byte;
	}
	return 0;
}

static int64_t device_start(struct ninep_device *device)
{
	struct virtio_identity identity = { .size = sizeof(identity) };
	struct banos_callback_config callback = {
		.size = sizeof(callback),
		.function = ninep_event,
		.context = device,
		.signature = "ii",
	};
	int64_t error = virtio_identify(device->owner, &identity);

	if (!error && !(identity.features & DEVICE_TAG))
		error = -EOPNOTSUPP;
	if (!error)
		error = device_read_tag(device);
	if (!error)
		error = banos_callback_create(device->owner, &callback, &device->callback);
	if (error)
		return error;
	banos_mutex_lock(&ninep_mutex);
	if (device_find(device->tag))
		error = -EEXIST;
	if (!error) {
		device->next = ninep_devices;
		ninep_devices = device;
	}
	banos_mutex_unlock(&ninep_mutex);
	return error;
}

static int64_t ninep_probe(void *context, banos_owner owner, uint64_t data, void **state)
{
	struct ninep_device *device = banos_alloc(owner, sizeof(*device), 0);
	int64_t error;

	if (!device)
		return -ENOMEM;
	*state = device;
	device->owner = owner;
	error = device_start(device);
	if (!error)
		banos_print(owner, "offers the folder \"%s\"", device->tag);
	return error;
}

static int64_t ninep_remove(void *context, banos_owner owner, void *state)
{
	struct ninep_device *device = state, **link = &ninep_devices;

	banos_mutex_lock(&ninep_mutex);
	while (*link && *link != device)
		link = &(*link)->next;
	if (*link)
		*link = device->next;
	folder_disconnect(device);
	banos_mutex_unlock(&ninep_mutex);
	return banos_free(owner, device);
}

static int64_t ninep_register(banos_owner self)
{
	static const struct banos_filesystem_ops ops = {
		.size = sizeof(ops),
		.mount = ninep_mount,
		.unmount = ninep_unmount,
		.statfs = ninep_statfs,
		.sync = ninep_sync,
		.remount = ninep_remount,
		.lookup = ninep_lookup,
		.getattr = ninep_getattr_method,
		.setattr = ninep_setattr,
		.create = ninep_create,
		.link = ninep_link,
		.unlink = ninep_unlink,
		.rmdir = ninep_rmdir,
		.rename = ninep_rename,
		.readdir = ninep_readdir,
		.readlink = ninep_readlink,
		.read = ninep_read,
		.write = ninep_write,
		.release = ninep_release,
		.getxattr = ninep_getxattr,
		.setxattr = ninep_setxattr,
		.listxattr = ninep_listxattr,
		.removexattr = ninep_removexattr,
	};
	static const struct banos_filesystem_config config = {
		.size = sizeof(config), .flags = BANOS_FILESYSTEM_NODEV, .ops = &ops, .name = "9p"
	};

	return banos_filesystem_register(self, &config, NULL);
}

static int64_t ninep_init(banos_owner self)
{
	static const struct banos_prober_ops ops = {
		.size = sizeof(ops),
		.probe = ninep_probe,
		.remove = ninep_remove,
	};
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &ops,
		.bus = "virtio",
	};
	int64_t error = banos_mutex_init(self, &ninep_mutex);

	ninep_self = self;
	if (!error)
		error = banos_prober_register(self, &config, NULL);
	if (!error)
		error = ninep_register(self);
	return error;
}

static int64_t ninep_exit(banos_owner self)
{
	return banos_mutex_destroy(&ninep_mutex);
}

BANOS_SERVES("virtio:d00000009v*");
BANOS_DRIVER(virtio9p, "1.0", "MIT", "Folders of the host: mount -t 9p", ninep_init, ninep_exit);
