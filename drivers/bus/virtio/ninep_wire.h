/* SPDX-License-Identifier: MIT */
/**
 * @file ninep_wire.h  Messages of 9P2000.L as bytes. Pure: nothing of it waits, allocates or calls.
 *
 * What is written may not fit, and what is read may be anything: both are noticed once, at the end. Reading
 * behind the end of a reply gives zeroes and marks it bad; each byte is read once, since the other side
 * may change it meanwhile.
 */
#pragma once
#include <stdint.h>

/* Types of requests; that of the reply is one more. */
#define NINEP_STATFS	  8u
#define NINEP_LOPEN	  12u
#define NINEP_LCREATE	  14u
#define NINEP_SYMLINK	  16u
#define NINEP_MKNOD	  18u
#define NINEP_READLINK	  22u
#define NINEP_GETATTR	  24u
#define NINEP_SETATTR	  26u
#define NINEP_XATTRWALK	  30u
#define NINEP_XATTRCREATE 32u
#define NINEP_READDIR	  40u
#define NINEP_FSYNC	  50u
#define NINEP_LINK	  70u
#define NINEP_MKDIR	  72u
#define NINEP_RENAMEAT	  74u
#define NINEP_UNLINKAT	  76u
#define NINEP_VERSION	  100u
#define NINEP_ATTACH	  104u
#define NINEP_FLUSH	  108u
#define NINEP_WALK	  110u
#define NINEP_READ	  116u
#define NINEP_WRITE	  118u
#define NINEP_CLUNK	  120u
#define NINEP_ERROR_REPLY 7u

#define NINEP_HEAD_BYTES 7u /* size[4] type[1] tag[2] */
#define NINEP_NO_TAG	 0xffffu
#define NINEP_NO_FID	 0xffffffffu
#define NINEP_DIALECT	 "9P2000.L"

/* What GETATTR asks for: all but the time of creation and generations. */
#define NINEP_GET_BASIC 0x7ffull

/* Of SETATTR. */
#define NINEP_SET_MODE	    1u
#define NINEP_SET_UID	    2u
#define NINEP_SET_GID	    4u
#define NINEP_SET_SIZE	    8u
#define NINEP_SET_ATIME	    16u
#define NINEP_SET_MTIME	    32u
#define NINEP_SET_ATIME_SET 128u
#define NINEP_SET_MTIME_SET 256u

#define NINEP_REMOVE_FOLDER 0x200u /* flag of UNLINKAT */

/** A request that is being written. */
struct ninep_out {
	uint8_t *at;
	uint32_t length, room; /* length > room: it does not fit */
};
/** A reply that is being read. */
struct ninep_in {
	const uint8_t *at;
	uint32_t left;
	uint32_t is_bad;
};

struct ninep_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};
struct ninep_attr {
	struct ninep_qid qid;
	uint64_t valid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, bytes, blocks;
	int64_t atime_ns, mtime_ns, ctime_ns;
};
struct ninep_statfs {
	uint32_t type, block_bytes, name_max;
	uint64_t blocks, free, available, files, files_free;
};
struct ninep_entry {
	struct ninep_qid qid;
	uint64_t cookie;
	uint8_t type;
	const char *name;
	uint32_t name_bytes;
};

void ninep_begin(struct ninep_out *out, void *at, uint32_t room, uint8_t type, uint16_t tag);
/** @brief Append a number of @p bytes bytes. */
void ninep_put(struct ninep_out *out, uint64_t value, uint32_t bytes);
void ninep_put_text(struct ninep_out *out, const char *text, uint32_t length);
/** @brief State the size. @param data  bytes that follow what was put @return the whole size; 0: it does not fit */
uint32_t ninep_finish(struct ninep_out *out, uint32_t data);

/**
 * @brief Begin to read a reply of @p length bytes to a request.
 * @param type  of the request
 * @return 0; the error that it states; -EIO: it is no reply to that
 */
int64_t ninep_reply(struct ninep_in *in, const void *at, uint32_t length, uint8_t type,
		    uint16_t tag);
uint64_t ninep_get(struct ninep_in *in, uint32_t bytes);
/** @brief @return where its bytes are, which have no NUL at their end; NULL: bad */
const char *ninep_get_text(struct ninep_in *in, uint32_t *length);
void ninep_get_qid(struct ninep_in *in, struct ninep_qid *qid);
/** @return 0, -EIO: bad */
int64_t ninep_get_attr(struct ninep_in *in, struct ninep_attr *attr);
int64_t ninep_get_statfs(struct ninep_in *in, struct ninep_statfs *statfs);
/** @brief The next name of a folder. @return 1; 0: no more; -EIO: bad, or no name that a folder can have */
int64_t ninep_get_entry(struct ninep_in *in, struct ninep_entry *entry);
