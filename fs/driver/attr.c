// SPDX-License-Identifier: MIT
/*
 * Attributes and data of nodes of file systems that are drivers.
 *
 * A program's change of rights, owner or times reaches the driver at once. Size and times that
 * change with what is written are kept back (node.c).
 */
#include <kernel/err.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/file.h>
#include <kernel/fs/name.h>
#include <kernel/fs/page_cache.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "driver.h"

#define XATTR_BYTES_MAX 65536u

/* Those of a node as the kernel has them; which of them count is said beside. */
static void attr_of(const struct inode *inode, struct banos_attr *attr)
{
	*attr = (struct banos_attr){
		.size = sizeof(*attr),
		.mode = inode->mode,
		.node = node_number(inode),
		.generation = driven_node(inode)->generation,
		.uid = inode->uid,
		.gid = inode->gid,
		.nlink = inode->nlink,
		.bytes = READ_ONCE(inode->size),
		.atime_ns = inode->atime_ns,
		.mtime_ns = inode->mtime_ns,
		.ctime_ns = inode->ctime_ns,
	};
}

int node_hand_down(struct inode *inode, u32 which, u32 flags)
{
	struct banos_attr attr;
	s64 err;

	attr_of(inode, &attr);
	if (which & BANOS_SET_SIZE && driven_node(inode)->stored_size != attr.bytes) {
		/* Until it is on the disk, fdatasync() has to wait for a commit: must_commit() looks the other way round. */
		node_changed(inode);
		smp_store_release(&driven_node(inode)->stored_size, attr.bytes);
		if (flags & DRIVEN_COMMIT)
			WRITE_ONCE(driven_of(inode->sb)->structured, true);
	}
	WRITE_ONCE(driven_node(inode)->handed_down, READ_ONCE(driven_of(inode->sb)->epoch));
	err = driven_invoke(driven_of(inode->sb), flags,
			    offsetof(struct banos_filesystem_ops, setattr), attr.node,
			    which | FUTURE_FLAGS, (u64)&attr, 0, 0);
	if (err && which & BANOS_SET_SIZE)
		WRITE_ONCE(driven_node(inode)->stored_size, UINT64_MAX); /* not known */
	return driven_error(err);
}

void node_count_blocks(struct inode *inode)
{
	struct banos_attr attr = attr_empty();

	node_change_begin(inode); /* what map() allocates is added to it */
	if (!driven_ask(driven_of(inode->sb), getattr, node_number(inode), &attr))
		WRITE_ONCE(inode->blocks, attr.blocks);
	node_change_end(inode);
}

/* What could not be stored is as it was. */
static void attr_refresh(struct inode *inode)
{
	struct banos_attr attr = attr_empty();

	if (driven_ask(driven_of(inode->sb), getattr, node_number(inode), &attr))
		return;
	inode->mode = (inode->mode & S_IFMT) | (attr.mode & S_IALLUGO);
	inode->uid = attr.uid;
	inode->gid = attr.gid;
}

int driven_setattr(struct inode *inode, const struct iattr *attr)
{
	_Static_assert(ATTR_MODE == BANOS_SET_MODE && ATTR_UID == BANOS_SET_UID &&
			       ATTR_GID == BANOS_SET_GID && ATTR_ATIME == BANOS_SET_ATIME &&
			       ATTR_MTIME == BANOS_SET_MTIME && ATTR_CTIME == BANOS_SET_CTIME,
		       "the same bits");
	struct iattr was = {
		.valid = attr->valid,
		.mode = inode->mode,
		.uid = inode->uid,
		.gid = inode->gid,
		.atime_ns = inode->atime_ns,
		.mtime_ns = inode->mtime_ns,
		.ctime_ns = inode->ctime_ns,
	};
	int err = setattr_copy(inode, attr);

	if (!err) {
		node_change_begin(inode);
		err = node_hand_down(inode, attr->valid, DRIVEN_CHANGE);
		node_change_end(inode);
	}
	node_changed(inode);
	if (!err && driven_of(inode->sb)->flags & BANOS_MOUNT_NO_OWNERS)
		attr_refresh(inode);
	if (!err)
		return 0;
	inode->mode = was.mode;
	inode->uid = was.uid;
	inode->gid = was.gid;
	inode->atime_ns = was.atime_ns;
	inode->mtime_ns = was.mtime_ns;
	inode->ctime_ns = was.ctime_ns;
	return err;
}

static int driven_truncate(struct inode *inode, u64 size)
{
	struct driven_super *super = driven_of(inode->sb);
	u64 was = inode->size;
	int err;

	if (size > super->info.bytes_max)
		return -EFBIG;
	WRITE_ONCE(inode->size, size);
	err = node_hand_down(inode, BANOS_SET_SIZE, DRIVEN_CHANGE);
	if (err)
		WRITE_ONCE(inode->size, was);
	else
		inode_touch(inode, ATTR_MTIME | ATTR_CTIME);
	copies_forget(inode);
	return err;
}

/* ---- symbolic links: the text is asked for once ---- */

static const char *driven_readlink(struct inode *inode, char *buf)
{
	struct driven_node *node = driven_node(inode);
	char *text;
	s64 length;

	length = driven_ask(driven_of(inode->sb), readlink, node->node, buf, PATH_MAX);
	if (length < 0)
		return ERR_PTR(length);
	if (!length || length >= PATH_MAX || memchr(buf, 0, length))
		return ERR_PTR(-EUCLEAN);
	buf[length] = 0;
	text = kzalloc(length + 1 + NAME_SLACK);
	if (!text)
		return buf;
	memcpy(text, buf, length);
	mutex_lock(&inode->lock);
	if (inode->link) {
		kfree(text);
	} else {
		node->link = text;
		smp_store_release(&inode->link, text);
	}
	mutex_unlock(&inode->lock);
	return buf;
}

/* ---- extended attributes ---- */

/* What a driver says of a size: at most @p size of @p most bytes where something was written. */
static s64 xattr_result(s64 got, u32 size, u32 most)
{
	if (got > most || (size && got > size))
		return -EUCLEAN;
	return got;
}

s64 driven_getxattr(struct inode *inode, const char *name, void *value, u32 size)
{
	return xattr_result(driven_ask(driven_of(inode->sb), getxattr, node_number(inode), name,
				       value, size),
			    size, XATTR_BYTES_MAX);
}

s64 driven_listxattr(struct inode *inode, char *list, u32 size)
{
	return xattr_result(driven_ask(driven_of(inode->sb), listxattr, node_number(inode), list,
				       size),
			    size, XATTR_BYTES_MAX);
}

int driven_setxattr(struct inode *inode, const char *name, const void *value, u32 size, u32 flags)
{
	struct driven_super *super = driven_of(inode->sb);
	s64 err;

	node_change_begin(inode);
	if (value)
		err = driven_change(super, setxattr, node_number(inode), name, value, size, flags);
	else
		err = driven_change(super, removexattr, node_number(inode), name);
	node_change_end(inode);
	if (err)
		return driven_error(err);
	node_changed(inode);
	inode_touch(inode, ATTR_CTIME);
	return 0;
}

/* ---- data that the driver moves itself ---- */

s64 driven_transfer(struct inode *inode, struct uio *uio, u64 offset, size_t method)
{
	struct driven_super *super = driven_of(inode->sb);
	u64 length = uio->count;
	u32 excused;
	s64 result = driven_enter(super, 0);

	if (result)
		return result;
	excused = gate_excuse_locks();
	result = gate_call(super->type->root, uio,
			   *(const void *const *)((const u8 *)&super->type->ops + method),
			   (u64)super->fs, node_number(inode), (u64)uio, length, offset, 0);
	gate_excuse_end(excused);
	driven_leave(super, 0);
	if (result > (s64)length)
		return -EUCLEAN;
	return result;
}

static s64 driven_read(struct file *f, struct uio *uio, u64 *pos)
{
	s64 done;

	if (!uio->count || *pos >= INT64_MAX - uio->count)
		return 0;
	done = driven_transfer(f->inode, uio, *pos, offsetof(struct banos_filesystem_ops, read));
	if (done > 0)
		*pos += done;
	file_accessed(f);
	return done;
}

static s64 driven_write_locked(struct file *f, struct uio *uio, u64 *pos)
{
	struct driven_super *super = driven_of(f->inode->sb);
	struct inode *inode = f->inode;
	u64 offset = *pos;
	s64 done;

	assert_held(&inode->lock);
	if (f->flags & O_APPEND)
		offset = inode->size;
	if (offset >= super->info.bytes_max)
		return -EFBIG;
	uio->count = MIN(uio->count, super->info.bytes_max - offset);
	done = driven_transfer(inode, uio, offset, offsetof(struct banos_filesystem_ops, write));
	if (done <= 0)
		return done;
	copies_forget(inode);
	*pos = offset + done;
	if (*pos > inode->size)
		WRITE_ONCE(inode->size, *pos);
	inode_touch(inode, ATTR_MTIME | ATTR_CTIME);
	return done;
}

static s64 driven_write(struct file *f, struct uio *uio, u64 *pos)
{
	s64 done;

	if (!uio->count)
		return 0;
	mutex_lock(&f->inode->lock);
	done = driven_write_locked(f, uio, pos);
	mutex_unlock(&f->inode->lock);
	return done;
}

static int driven_fsync(struct file *f, u64 first, u64 last, bool data_only)
{
	return driven_commit(driven_of(f->inode->sb));
}

const struct inode_ops driven_file_iops = {
	.setattr = driven_setattr,
	DRIVEN_XATTRS,
	.truncate = driven_truncate,
};
const struct inode_ops driven_link_iops = {
	.readlink = driven_readlink,
	.setattr = driven_setattr,
	DRIVEN_XATTRS,
};
const struct inode_ops driven_special_iops = { .setattr = driven_setattr, DRIVEN_XATTRS };

const struct file_ops driven_transfer_fops = {
	.open = copies_open,
	.read = driven_read,
	.write = driven_write,
	.mmap = copies_mmap,
	.fsync = driven_fsync,
};
