/* SPDX-License-Identifier: MIT */
/**
 * @file filesystem.h  File systems: trees of files on a disk, or elsewhere, that programs mount. A draft.
 *
 * The kernel owns names, inodes, permissions, locks, and the page cache with readahead,
 * write-back and mmap. A driver answers by node numbers of its own choice: each file, folder
 * or other object has one, which does not change while the object exists, and which another
 * instance of the driver that mounts the same store understands, too. So a driver can be replaced
 * while files are open: the new instance's mount() is called, and the kernel goes on with the numbers that it has.
 *
 * Every method runs in a thread and may sleep, and several may run at once, on several processors.
 * The kernel holds no lock while one runs, but it orders the calls:
 *
 * - Methods that change something (setattr, create, link, unlink, rmdir, rename, allocate, forget, the setting
 *   and removing of attributes, and map() with BANOS_MAP_ALLOCATE) run inside a **change**. Many changes run at
 *   once, but only one at a time for one folder, and only one for one node:
 *   link(), unlink() and rmdir() have folder and node, rename() both folders and what the names lead to. lookup() and readdir() of a folder are not called during a change of it.
 * - A **commit** excludes changes for a short time. In it the kernel hands down what it has kept back (setattr()
 *   of size and times), calls sync(), and takes a copy of what was written to the store; then it admits
 *   changes again and writes the copy to the disk, after the data of files, in an order that banos_store_after() restricts.
 * - A changing method that returns an error has changed nothing. Where it returns -ENOMEM, or the driver is ended inside of one, because it has
 *   faulted, the kernel takes back what that method wrote to the store. So what others may change before it has ended, bits of
 *   bitmaps and counters, is written by banos_store_bits() and banos_store_add().
 * - A changing method that returns -EAGAIN, having changed nothing, is called again after a commit. The kernel does that
 *   a few times; then the program receives -ENOSPC.
 *
 * Attributes: the kernel keeps what lookup(), create(), link() and getattr() fill in, and does not ask again
 * (but with BANOS_MOUNT_REMOTE). It keeps size, and the times of what programs change, up to date by
 * itself, and hands them down late. So create(), unlink() and rename() need not change the times of the
 * folder, or of the object: setattr() follows. Link counts and the numbers of blocks are the driver's; the kernel follows them:
 * create() and rmdir() of a folder, and rename() of one to another folder, change the parent's nlink by one,
 * unless its nlink is 1 (which means: folders are not counted).
 *
 * A method returns an error from -4095 to -1 or the result in its description; any other value counts as -EINVAL and
 * is logged. The program receives the error. What a driver fills in is not believed: a node number of another type than before, a
 * name with a slash, an extent that does not lie on the store or does not cover what was asked for, is -EUCLEAN.
 */
#ifndef BANOS_FILESYSTEM_H
#define BANOS_FILESYSTEM_H

#include <banos/draft.h>
#include <banos/user.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/filesystem.h>
BANOS_DRAFT_HEADER(filesystem);

/** Handle of a registered type of file system. */
typedef struct banos_filesystem_ *banos_filesystem;
/** A mounted file system, and the store (disk) below it; valid from mount() to the end of unmount(). */
typedef struct banos_mount_ *banos_mount;

/* ---- attributes ---- */

/* Flags of attributes. */
#define BANOS_ATTR_IMMUTABLE 1u /**< nothing of it changes */
#define BANOS_ATTR_APPEND    2u /**< writes go to its end only */
/** Its data is moved by read() and write(), not by map(). */
#define BANOS_ATTR_NO_MAP 4u

/** What is known of a node. */
struct banos_attr {
	uint32_t size;
	uint32_t
		mode; /**< rights, and Linux's bits of the type: 0100000 file, 0040000 folder, ... */
	uint64_t node;
	/** Another one if the number stood for something else before; 0 if such a thing is not known. */
	uint64_t generation;
	uint32_t uid, gid;
	uint32_t nlink;
	uint32_t flags; /**< BANOS_ATTR_... */
	uint32_t rdev_major, rdev_minor;
	uint64_t bytes;	 /**< size of a file; length of a symbolic link's text */
	uint64_t blocks; /**< that it takes, in units of 512 bytes */
	int64_t atime_ns, mtime_ns, ctime_ns; /**< since 1970 */
	int64_t btime_ns;		      /**< of its creation; 0: not known */
};
#define BANOS_ATTR_SIZE_2 96u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_attr, btime_ns) == BANOS_ATTR_SIZE_2, attr);
BANOS_ASSERT(offsetof(struct banos_attr, bytes) == 48, attr_bytes);

/* Which of them setattr() sets. */
#define BANOS_SET_MODE	1u
#define BANOS_SET_UID	2u
#define BANOS_SET_GID	4u
#define BANOS_SET_SIZE	8u
#define BANOS_SET_ATIME 16u
#define BANOS_SET_MTIME 32u
#define BANOS_SET_CTIME 64u
/** With BANOS_SET_SIZE: a commit hands it down. A write may be under way, and what lies behind the size be allocated for it: that stays. */
#define BANOS_SET_LATE 128u

/* ---- mounting ---- */

/* Flags of a mount. */
#define BANOS_MOUNT_READ_ONLY 1u
#define BANOS_MOUNT_SILENT \
	2u /**< it is being tried: a store of another type is no reason for a message */
/** Of info: the data of all files is moved by read() and write(). */
#define BANOS_MOUNT_TRANSFERS 4u
/** Of info: it stores no owners and rights; setattr() of them fails, or is ignored as the options say. */
#define BANOS_MOUNT_NO_OWNERS 8u
/** Of info: others change it behind the kernel's back: names and attributes are looked up again, times are not handed down. */
#define BANOS_MOUNT_REMOTE 16u
/** Of info: files have no holes: before the kernel makes one larger, it allocates all up to there, in order, and fills it with zeroes. */
#define BANOS_MOUNT_NO_HOLES 32u
/** Of info: several names lead to the same, as where capitals and small letters are equal: the kernel keeps none, and looks each up. */
#define BANOS_MOUNT_FOLDED 64u
/** Of info: forget() is called for nodes with names, too; and nodes whose numbers another instance answers with -ESTALE are looked up by their names. */
#define BANOS_MOUNT_FORGETS 128u
/** Of a config: an earlier instance of the driver served it until now, and not all that it changed need be on the disk. */
#define BANOS_MOUNT_AGAIN 256u
/** Of info: it had been unmounted properly. Of a config with _AGAIN: it had been, before the first instance, and nobody found it damaged. */
#define BANOS_MOUNT_CLEAN 512u
/** Of info: create() makes files without a name, too, for O_TMPFILE. */
#define BANOS_MOUNT_NAMELESS 1024u

/** What is to be mounted. */
struct banos_mount_config {
	uint32_t size;
	uint32_t flags;	      /**< BANOS_MOUNT_READ_ONLY, _SILENT, _AGAIN, _CLEAN */
	uint64_t bytes;	      /**< of the store; 0: there is none */
	uint32_t block_bytes; /**< of the store's disk */
	uint32_t zero;	      /**< 0 */
	char source[256];     /**< what mount() named; NUL-terminated */
	/** Those that the kernel did not understand itself, with commas between them; NUL-terminated. */
	char options[512];
};
#define BANOS_MOUNT_CONFIG_SIZE_2 792u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_mount_config, options) == BANOS_MOUNT_CONFIG_SIZE_2,
	     mount_config);
BANOS_ASSERT(offsetof(struct banos_mount_config, source) == 24, mount_config_source);

/** What was mounted. */
struct banos_mount_info {
	uint32_t size;
	/** BANOS_MOUNT_READ_ONLY: it can be no other; the driver logs why. _TRANSFERS, _NO_OWNERS, _REMOTE. */
	uint32_t flags;
	uint64_t root;		/**< node of its uppermost folder */
	uint64_t bytes_max;	/**< size of the largest file; 0: 2^63 - 1 */
	uint32_t block_bytes;	/**< unit of allocation, a power of two up to 1 MiB; 0: 4096 */
	uint32_t name_max;	/**< bytes of a name, at most 255; 0: 255 */
	uint64_t magic;		/**< for statfs(), as on Linux: 0xef53 for ext2 */
	uint32_t time_grain_ns; /**< what times are a multiple of; 0: 1 */
	uint32_t zero;		/**< 0 */
};
#define BANOS_MOUNT_INFO_SIZE_2 48u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_mount_info, zero) == BANOS_MOUNT_INFO_SIZE_2, mount_info);
BANOS_ASSERT(offsetof(struct banos_mount_info, magic) == 32, mount_info_magic);

/** How full it is. */
struct banos_statfs {
	uint32_t size;
	uint32_t zero;	     /**< 0 */
	uint64_t blocks;     /**< of banos_mount_info.block_bytes each */
	uint64_t free;	     /**< of them */
	uint64_t available;  /**< of them, for programs without privileges */
	uint64_t files;	     /**< that it has room for; 0: not limited */
	uint64_t files_free; /**< of them */
};
#define BANOS_STATFS_SIZE_2 48u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_statfs, files_free) == BANOS_STATFS_SIZE_2, statfs);
BANOS_ASSERT(offsetof(struct banos_statfs, files) == 32, statfs_files);

/* ---- folders ---- */

#define BANOS_NAME_BYTES 255u /**< of a name in a folder */

/**
 * A name, as readdir() writes it. Each one takes record_bytes, a multiple of 8, at least up to the end of its name.
 */
struct banos_directory_entry {
	uint64_t node;
	uint64_t
		cookie; /**< where readdir() goes on behind this one; not 0, else the driver's choice */
	uint16_t record_bytes;
	uint8_t type;	    /**< Linux's DT_...: its type's bits / 4096; 0: not known */
	uint8_t name_bytes; /**< 1 or more */
	char name[4];	    /**< as long as name_bytes says; no NUL is needed */
};
#define BANOS_DIRECTORY_NAME 20u /**< where the name begins */
BANOS_ASSERT(sizeof(struct banos_directory_entry) == 24, directory_entry);
BANOS_ASSERT(offsetof(struct banos_directory_entry, name) == BANOS_DIRECTORY_NAME,
	     directory_entry_name);

/** Something new. */
struct banos_create {
	uint32_t size;
	uint32_t mode; /**< with its type */
	uint32_t uid, gid;
	uint32_t rdev_major, rdev_minor; /**< of a device */
	int64_t time_ns;		 /**< the present; for all of its times */
	/** Of a symbolic link, less than 4096 bytes; text, read. Else NULL. */
	const char *target;
};
#define BANOS_CREATE_SIZE_2 40u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_create, target) == BANOS_CREATE_SIZE_2, create);
BANOS_ASSERT(offsetof(struct banos_create, time_ns) == 24, create_time_ns);

/* Flags of rename(). */
#define BANOS_RENAME_EXCHANGE 2u /**< the two names exchange what they lead to */
#define BANOS_RENAME_REPLACE \
	4u /**< the new name exists, and leads to new_node, which it is taken from */

/** A name that moves. */
struct banos_rename {
	uint32_t size;
	uint32_t flags;		   /**< BANOS_RENAME_... */
	uint64_t old_dir, new_dir; /**< nodes of the folders */
	uint64_t node;		   /**< that moves */
	uint64_t new_node;	   /**< that the new name leads to; 0: nothing */
	const char *old_name;	   /**< text, read */
	const char *new_name;	   /**< text, read */
	int64_t time_ns;	   /**< the present */
};
#define BANOS_RENAME_SIZE_2 64u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_rename, time_ns) == BANOS_RENAME_SIZE_2, rename);
BANOS_ASSERT(offsetof(struct banos_rename, old_name) == 40, rename_old_name);

/* ---- data ---- */

/* Kinds of extents. */
#define BANOS_EXTENT_HOLE      0u /**< nothing is allocated: reads as zeroes */
#define BANOS_EXTENT_RUN       1u
#define BANOS_EXTENT_UNWRITTEN 2u /**< allocated, and reads as zeroes */
/** Flag of an extent: this call has allocated it: the kernel writes zeroes where it has nothing else. */
#define BANOS_EXTENT_NEW 1u

/* Flags of map(). */
#define BANOS_MAP_ALLOCATE 1u /**< allocate what is a hole */
#define BANOS_MAP_RESERVED \
	2u /**< with that: for a program that may use what is kept for the super user */

/** Where bytes of a file lie. */
struct banos_extent {
	uint32_t size;
	uint32_t kind; /**< BANOS_EXTENT_HOLE ... */
	uint64_t
		offset; /**< in the file, a multiple of the unit of allocation: not behind what was asked for */
	uint64_t length; /**< as many bytes as belong together, a multiple of the unit */
	uint64_t store;	 /**< byte offset on the store, of what is no hole */
	uint32_t flags;	 /**< BANOS_EXTENT_NEW */
	uint32_t zero;	 /**< 0 */
};
#define BANOS_EXTENT_SIZE_2 40u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_extent, zero) == BANOS_EXTENT_SIZE_2, extent);
BANOS_ASSERT(offsetof(struct banos_extent, store) == 24, extent_store);

/* For allocate(): fallocate()'s. */
#define BANOS_ALLOCATE_KEEP_SIZE  1u
#define BANOS_ALLOCATE_PUNCH_HOLE 2u

/* For setxattr(). */
#define BANOS_XATTR_CREATE  1u /**< -EEXIST if it exists */
#define BANOS_XATTR_REPLACE 2u /**< -ENODATA if it does not */

/* ---- methods ---- */

struct banos_filesystem_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Mount. *@p fs is NULL at first; what is stored there is passed to the other methods.
	 * The store may be read, and, unless it is to be mounted read-only, written: mount() is a change. Mandatory.
	 * @param mount   of the store; and for banos_mount_error()
	 * @param config  read
	 * @param info    size is read; the rest is zero and to be written
	 * @param fs      8 bytes, read and written
	 * @return 0. -EINVAL: the store has no such file system on it, or an option is wrong.
	 *	   After an error unmount() is not called.
	 */
	int64_t (*mount)(void *context, banos_mount mount, const struct banos_mount_config *config,
			 struct banos_mount_info *info, void **fs);
	/**
	 * The end. All that was written has been committed, or the store does not exist any more. A file system
	 * that stores whether it was left properly does that here: it is a change, and a commit follows.
	 * @return 0; it is not looked at. Default: 0.
	 */
	int64_t (*unmount)(void *fs);
	/**
	 * How full it is.
	 * @param to  size is read; the rest is zero and to be written
	 * @return 0. Default: 0.
	 */
	int64_t (*statfs)(void *fs, struct banos_statfs *to);
	/**
	 * In a commit: write to the store what the driver keeps in its own memory. Changes are
	 * excluded; this is one itself. @return 0. Default: 0.
	 */
	int64_t (*sync)(void *fs);
	/**
	 * Change flags and options. It is a change; to become read-only everything has been committed.
	 * @param flags    BANOS_MOUNT_READ_ONLY; other bits may be set
	 * @param options  text, read: as banos_mount_config.options, less than 512 bytes; empty: they stay as they are
	 * @return 0; -EROFS: it can only be read. Default: 0 if there are no options, else -EINVAL.
	 */
	int64_t (*remount)(void *fs, uint32_t flags, const char *options);
	/**
	 * Find a name.
	 * @param dir   node of the folder
	 * @param name  @p length bytes, read; at least one, neither "." nor ".."
	 * @param attr  size is read; the rest is zero and to be written
	 * @return 0; -ENOENT: no such name. Mandatory.
	 */
	int64_t (*lookup)(void *fs, uint64_t dir, const char *name, uint32_t length,
			  struct banos_attr *attr);
	/**
	 * What is known of a node.
	 * @param attr  size is read; the rest is zero and to be written
	 * @return 0; -ESTALE: no such node. Mandatory.
	 */
	int64_t (*getattr)(void *fs, uint64_t node, struct banos_attr *attr);
	/**
	 * Set attributes; of several, all or none. A smaller size frees what lies behind it; a larger one makes a hole.
	 * A change of mode sets the rights, not the type.
	 * @param which  BANOS_SET_...; other bits may be set
	 * @param attr   read
	 * @return 0. Default: -EROFS.
	 */
	int64_t (*setattr)(void *fs, uint64_t node, uint32_t which, const struct banos_attr *attr);
	/**
	 * Create an object of any type, with a name. The name does not exist.
	 * @param dir   node of the folder
	 * @param name  @p length bytes, read. With BANOS_MOUNT_NAMELESS @p length may be 0: a file without a name, near that
	 *		folder; link() may give it one
	 * @param what  read
	 * @param attr  size is read; the rest is zero and to be written: of the new node
	 * @return 0; -ENOSPC; -EPERM: not that type. Default: -EROFS.
	 */
	int64_t (*create)(void *fs, uint64_t dir, const char *name, uint32_t length,
			  const struct banos_create *what, struct banos_attr *attr);
	/**
	 * A further name of a node that is no folder.
	 * @param node  that gets the name
	 * @param dir   node of the folder
	 * @param name  @p length bytes, read
	 * @param attr  size is read; the rest is zero and to be written: of @p node, after that
	 * @return 0; -EMLINK. Default: -EPERM.
	 */
	int64_t (*link)(void *fs, uint64_t node, uint64_t dir, const char *name, uint32_t length,
			struct banos_attr *attr);
	/**
	 * Remove a name of what is no folder, and count one name less. The node stays, also without a name,
	 * until forget().
	 * @param name  @p length bytes, read
	 * @param node  that it leads to
	 * @return 0. Default: -EROFS.
	 */
	int64_t (*unlink)(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t node);
	/**
	 * Remove the name of a folder, which is empty. The node stays until forget().
	 * @param name  @p length bytes, read
	 * @param node  that it leads to
	 * @return 0; -ENOTEMPTY. Default: -EROFS.
	 */
	int64_t (*rmdir)(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t node);
	/**
	 * Move a name, as rename(2). A folder that is replaced has to be empty (-ENOTEMPTY).
	 * @param what  read
	 * @return 0. Default: -EROFS.
	 */
	int64_t (*rename)(void *fs, const struct banos_rename *what);
	/**
	 * The last use of a node has ended that has no name any more: free it. Where the machine stops before
	 * that, a node without a name stays allocated, as the driver's own format knows it (ext2: in the list of orphans).
	 * For other nodes it is called with BANOS_MOUNT_FORGETS only, and is no change: the kernel does not use the number again before it
	 * has found the node by a name.
	 * @return 0; it is not looked at. Default: 0.
	 */
	int64_t (*forget)(void *fs, uint64_t node);
	/**
	 * List a folder: write struct banos_directory_entry, one behind the other, as many as fit. "." and ".."
	 * are not listed. A name that exists from the first call to the last is listed once.
	 * @param dir     node of the folder
	 * @param cookie  0: from the beginning; else that of the last one that was listed
	 * @param to      @p length bytes, written
	 * @param length  at least 512
	 * @return bytes written; 0: no more. Mandatory.
	 */
	int64_t (*readdir)(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to, uint32_t length);
	/**
	 * The text of a symbolic link.
	 * @param to  @p length bytes, written
	 * @return bytes of the text, without NUL, less than @p length. Default: -EINVAL.
	 */
	int64_t (*readlink)(void *fs, uint64_t node, char *to, uint32_t length);
	/**
	 * Where bytes of a file lie on the store. With BANOS_MAP_ALLOCATE a hole at @p offset is allocated, as much of
	 * @p length as is convenient; without it, it is no change.
	 * @param offset  a multiple of the unit of allocation
	 * @param length  the same; the kernel asks further for what is not covered
	 * @param flags   BANOS_MAP_...; other bits may be set
	 * @param extent  size is read; the rest is zero and to be written: an extent that @p offset lies in
	 * @return 0; -ENOSPC; -EFBIG. Default: -EOPNOTSUPP.
	 */
	int64_t (*map)(void *fs, uint64_t node, uint64_t offset, uint64_t length, uint32_t flags,
		       struct banos_extent *extent);
	/**
	 * fallocate(2). The kernel's cache of the range has been emptied; the size is the kernel's business.
	 * @param mode  BANOS_ALLOCATE_...; an unknown bit: -EOPNOTSUPP
	 * @return 0. Default: -EOPNOTSUPP.
	 */
	int64_t (*allocate)(void *fs, uint64_t node, uint32_t mode, uint64_t offset,
			    uint64_t length);
	/**
	 * Fill @p to, from its beginning, with bytes of a file.
	 * @param length  all that @p to holds; where the file ends before that, fewer are read
	 * @return how many, 0 at the end of the file. Default: -EIO.
	 */
	int64_t (*read)(void *fs, uint64_t node, banos_buffer to, uint64_t length, uint64_t offset);
	/**
	 * Consume all of @p from, and write it to a file, which grows by that if it must.
	 * @return how many bytes. Default: -EIO.
	 */
	int64_t (*write)(void *fs, uint64_t node, banos_buffer from, uint64_t length,
			 uint64_t offset);
	/**
	 * An extended attribute.
	 * @param name  text, read
	 * @param to    @p length bytes, written
	 * @return its size, at most 65536; with @p length 0 nothing is written; -ERANGE: @p length is less; -ENODATA: none.
	 *	   Default: -EOPNOTSUPP.
	 */
	int64_t (*getxattr)(void *fs, uint64_t node, const char *name, uint8_t *to,
			    uint32_t length);
	/**
	 * Set an extended attribute.
	 * @param name   text, read
	 * @param from   @p length bytes, read
	 * @param flags  BANOS_XATTR_..., or 0
	 * @return 0. Default: -EOPNOTSUPP.
	 */
	int64_t (*setxattr)(void *fs, uint64_t node, const char *name, const void *from,
			    uint32_t length, uint32_t flags);
	/**
	 * The names of extended attributes, each with its NUL.
	 * @param to  @p length bytes, written
	 * @return bytes of all; as getxattr(). Default: 0.
	 */
	int64_t (*listxattr)(void *fs, uint64_t node, char *to, uint32_t length);
	/**
	 * Remove an extended attribute.
	 * @param name  text, read
	 * @return 0; -ENODATA. Default: -EOPNOTSUPP.
	 */
	int64_t (*removexattr)(void *fs, uint64_t node, const char *name);
	/**
	 * Of a mount with BANOS_MOUNT_REMOTE: the kernel has no use of a node any more, whether it has a name or not, behind forget().
	 * lookup() or create() may give it again at the same time: what was given more than @p times is still in use.
	 * @param times  how often lookup(), create() and, of the root, getattr() have given it to the kernel for this use
	 * @return 0; it is not looked at. Default: 0.
	 */
	int64_t (*release)(void *fs, uint64_t node, uint64_t times);
};
#define BANOS_FILESYSTEM_OPS_SIZE_2 208u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_filesystem_ops, release) == BANOS_FILESYSTEM_OPS_SIZE_2,
	     filesystem_ops);
BANOS_ASSERT(offsetof(struct banos_filesystem_ops, release) == 200, filesystem_ops_release);

/** Flag of a type: it is mounted without a disk; what mount() names is the driver's business. */
#define BANOS_FILESYSTEM_NODEV 1u

struct banos_filesystem_config {
	uint32_t size;
	uint32_t flags;				/**< BANOS_FILESYSTEM_NODEV, or 0 */
	void *context;				/**< for mount() */
	const struct banos_filesystem_ops *ops; /**< read; its functions lie in the driver */
	/** As mount -t names it: letters, digits and _ - . ; NUL-terminated. */
	char name[32];
};
#define BANOS_FILESYSTEM_CONFIG_SIZE_2 56u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_filesystem_config, name) == BANOS_FILESYSTEM_CONFIG_SIZE_2,
	     filesystem_config);
BANOS_ASSERT(offsetof(struct banos_filesystem_config, name) == 24, filesystem_config_name);

BANOS_BEGIN

/**
 * @brief Register a type of file system.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_filesystem_remove(), or before exit() runs. While one is mounted the driver is
 * not removed; with rmmod --revoke, what is mounted is written, and then has no driver until one registers the same name:
 * until then methods fail with ENODEV.
 * @param owner       the driver itself: what init() received
 * @param config      read; copied, with its table of methods
 * @param filesystem  written: the handle. May be NULL.
 * @return 0, -EEXIST: the name is in use, -EINVAL: a field is wrong, or a mandatory method is missing,
 *	   -E2BIG: an unknown field is not 0, -EOPNOTSUPP: an unknown bit in ops->must, or this kernel has no such
 *	   class, -ENOMEM, -ENODEV: the driver is being removed
 */
BANOS_SINCE(2)
int64_t banos_filesystem_register(banos_owner owner, const struct banos_filesystem_config *config,
				  banos_filesystem *filesystem);

/**
 * @brief Withdraw a type.
 * Since 2, provided by the kernel.
 * Context: thread, outside of methods.
 * @return 0, -EINVAL: no such type, -EBUSY: it is mounted (nothing has changed)
 */
BANOS_SINCE(2) int64_t banos_filesystem_remove(banos_filesystem filesystem);

/* ---- the store: the disk below, by byte offset, through the kernel's cache ---- */

/**
 * @brief Read.
 * Since 2, provided by the kernel.
 * Context: thread.
 * @param to  @p length bytes, written
 * @return 0, -EIO: a part could not be read, -EINVAL: not all of it lies on the store, or no such mount, -ENOMEM
 */
BANOS_SINCE(2)
int64_t banos_store_read(banos_mount mount, uint64_t offset, void *to, uint64_t length);

/**
 * @brief Write: to the cache; to the disk with the commit that the present change belongs to.
 * Since 2, provided by the kernel.
 * Context: a method that is a change, of that mount.
 * @param from  @p length bytes, read
 * @return as banos_store_read(); -EROFS: not inside a change, or the mount is read-only
 */
BANOS_SINCE(2)
int64_t banos_store_write(banos_mount mount, uint64_t offset, const void *from, uint64_t length);

/**
 * @brief Write zeroes.
 * Since 2, provided by the kernel.
 * Context: a method that is a change, of that mount.
 * @return as banos_store_write()
 */
BANOS_SINCE(2) int64_t banos_store_zero(banos_mount mount, uint64_t offset, uint64_t length);

/**
 * @brief Set or clear bits of a bitmap, all of which are otherwise. Bit n is 1 << n % 8 in the byte n / 8. Other changes may do
 * that to other bits at the same time.
 * Since 2, provided by the kernel.
 * Context: a method that is a change, of that mount.
 * @param offset  byte offset of the bitmap
 * @param first   bit
 * @param count   bits, 1 or more
 * @param value   1: set, 0: clear
 * @param counter byte offset of a number of those that are clear, which follows, as banos_store_add() of 2 bytes would; 0: there is none
 * @return as banos_store_write(); -EUCLEAN: one of them is so already, and nothing has changed
 */
BANOS_SINCE(2)
int64_t banos_store_bits(banos_mount mount, uint64_t offset, uint32_t first, uint32_t count,
			 uint32_t value, uint64_t counter);

/**
 * @brief Add to a number, as a little-endian one of 2 or 4 bytes at a multiple of that. Other changes may do that at the same time.
 * Since 2, provided by the kernel.
 * Context: a method that is a change, of that mount.
 * @param bytes   2 or 4
 * @param change  added; the number does not leave its bounds: the driver's business
 * @return as banos_store_write()
 */
BANOS_SINCE(2)
int64_t banos_store_add(banos_mount mount, uint64_t offset, uint32_t bytes, int32_t change);

/**
 * @brief Lend a piece of the cache, to be read only, so that nothing is copied.
 * Since 2, provided by the kernel.
 * Context: a method of that mount, but read() and write(). At most eight are lent to one call of a method at a time.
 * Ownership: valid until banos_store_return(), at the latest until the method returns. What is written to the store
 * meanwhile is seen there.
 * @param length  the piece does not cross a multiple of 4096
 * @param memory  8 bytes, written: where it is
 * @return 0, as banos_store_read(); -EINVAL also: it crosses; -ENOSPC: too many are lent
 */
BANOS_SINCE(2)
int64_t banos_store_borrow(banos_mount mount, uint64_t offset, uint32_t length,
			   const void **memory);

/**
 * @brief Give a piece back.
 * Since 2, provided by the kernel.
 * Context: the method that borrowed it.
 * @param memory  value: the handle, as it were, that banos_store_borrow() wrote
 * @return 0, -EINVAL: it is not lent to this call
 */
BANOS_SINCE(2) int64_t banos_store_return(banos_mount mount, const void *memory);

/**
 * @brief It will be read soon. Does not wait.
 * Since 2, provided by the kernel.
 * Context: thread.
 * @return 0, -EINVAL: not all of it lies on the store, or no such mount
 */
BANOS_SINCE(2) int64_t banos_store_prefetch(banos_mount mount, uint64_t offset, uint64_t length);

/**
 * @brief What is there is metadata no longer: it was freed, and may become a file's data. The cache forgets what is still to
 * be written of it.
 * Since 2, provided by the kernel.
 * Context: a method that is a change, of that mount.
 * @return as banos_store_write()
 */
BANOS_SINCE(2) int64_t banos_store_forget(banos_mount mount, uint64_t offset, uint64_t length);

/**
 * @brief What this change writes at @p later shall reach the disk after the @p length bytes that are, or will be by this
 * change, written at @p earlier. To be called before either is written by this change.
 * Since 2, provided by the kernel.
 * Context: a method that is a change, of that mount.
 * @param later    and @p earlier: byte offsets; each stands for the 512 bytes that it lies in
 * @param length   1 to 65536
 * @return 0; -EAGAIN: that would close a circle, or too long a chain: the method returns that, too, with
 *	   nothing changed; -EINVAL, -EROFS
 */
BANOS_SINCE(2)
int64_t banos_store_after(banos_mount mount, uint64_t later, uint64_t earlier, uint64_t length);

/**
 * @brief The number of the commit that the present change belongs to.
 * Since 2, provided by the kernel.
 * Context: a method that is a change, of that mount.
 * @return 1 or more, -EINVAL, -EROFS: not inside a change
 */
BANOS_SINCE(2) int64_t banos_store_epoch(banos_mount mount);

/**
 * @brief The number of the last commit that has reached the disk: a block that was freed in a change of a commit up to this one
 * may be allocated again.
 * Since 2, provided by the kernel.
 * Context: thread.
 * @return 0 or more, -EINVAL: no such mount
 */
BANOS_SINCE(2) int64_t banos_store_committed(banos_mount mount);

/**
 * @brief The file system is damaged: it is logged, and mounted read-only from now on, unless the option errors=continue was given.
 * Since 2, provided by the kernel.
 * Context: thread.
 * @param text  text, read: what is wrong
 * @return 0, -EINVAL: no such mount
 */
BANOS_SINCE(2) int64_t banos_mount_error(banos_mount mount, const char *text);

BANOS_END
#endif
#endif
