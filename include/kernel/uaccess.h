/* SPDX-License-Identifier: MIT */
/**
 * @file uaccess.h  The only way to user memory. Thread context; may sleep (page faults).
 * All return -EFAULT for addresses outside user space or without the right.
 */
#pragma once
#include <kernel/err.h>

#define USER_BASE 0x10000ull /* nothing is ever mapped below */
#define USER_END  0x00007ffffffff000ull
static inline bool user_range_ok(uaddr_t user, u64 length)
{
	return length <= USER_END && (u64)user <= USER_END - length;
}
/** @return bytes NOT copied (0 = all); assembly, SMAP-aware. */
u64 user_copy_raw(void *dst, const void *src, u64 length);
/** @return bytes NOT cleared. */
u64 user_clear_raw(void *dst, u64 length);

static inline int __must_check copy_from_user(void *dst, uaddr_t src, u64 length)
{
	if (unlikely(!user_range_ok(src, length) || user_copy_raw(dst, src, length)))
		return -EFAULT;
	return 0;
}
static inline int __must_check copy_to_user(uaddr_t dst, const void *src, u64 length)
{
	if (unlikely(!user_range_ok(dst, length) || user_copy_raw(dst, src, length)))
		return -EFAULT;
	return 0;
}
/** For read/write paths: the number of bytes copied before a fault (0..n). */
static inline u64 copy_to_user_partial(uaddr_t dst, const void *src, u64 length)
{
	if (!user_range_ok(dst, length))
		return 0;
	return length - user_copy_raw(dst, src, length);
}
static inline u64 copy_from_user_partial(void *dst, uaddr_t src, u64 length)
{
	if (!user_range_ok(src, length))
		return 0;
	return length - user_copy_raw(dst, src, length);
}
static inline u64 clear_user_partial(uaddr_t dst, u64 length)
{
	if (!user_range_ok(dst, length))
		return 0;
	return length - user_clear_raw(dst, length);
}
int __must_check get_user_u64(u64 *dst, uaddr_t src);
int __must_check get_user_u32(u32 *dst, uaddr_t src);
int __must_check put_user_u64(uaddr_t dst, u64 value);
int __must_check put_user_u32(uaddr_t dst, u32 value);
/** Atomic compare-exchange on an aligned user word (futex, robust lists). *@p old receives the former value. */
int __must_check cmpxchg_user_u32(uaddr_t addr, u32 *old, u32 new);
/** @return length without NUL, -ENAMETOOLONG when there is no NUL in @p size bytes, or -EFAULT. */
s64 __must_check strncpy_from_user(char *dst, uaddr_t src, u64 size);
/** Copy a user string of at most @p max bytes into fresh kmalloc memory; ERR_PTR. */
char *__must_check strdup_from_user(uaddr_t src, u64 max);

/** A list of user buffers (readv, pread...): one shape for all data transfers. */
struct uio {
	const struct uio_seg {
		uaddr_t base;
		u64 len;
	} * seg;
	u64 seg_off;	    /* offset within *seg */
	u64 count;	    /* bytes left in all */
	void *kernel;	    /* kernel buffer instead of seg, or NULL */
	struct uio_seg one; /* storage for the one-segment case */
};
static inline void uio_init_user(struct uio *uio, uaddr_t base, u64 len)
{
	uio->one.base = base;
	uio->one.len = len;
	uio->seg = &uio->one;
	uio->seg_off = 0;
	uio->count = len;
	uio->kernel = NULL;
}
static inline void uio_init_kernel(struct uio *uio, void *buf, u64 len)
{
	uio_init_user(uio, NULL, len);
	uio->kernel = buf;
}
/** Copy and advance. @return bytes copied, less than @p length at the end of the list or at a fault (then count stays > 0). */
u64 uio_copy_out(struct uio *uio, const void *src, u64 length); /* kernel -> user */
u64 uio_copy_in(struct uio *uio, void *dst, u64 length);	/* user -> kernel */
u64 uio_zero(struct uio *uio, u64 length);

/** A list of buffers from a program (struct iovec), checked. */
struct uio_list {
	struct uio uio;
	struct uio_seg few[8], *many;
};
/** Bytes that one call moves at most, as in Linux. */
#define UIO_MAX_BYTES 0x7ffff000ull
/**
 * @brief Fetch @p nr_segs buffers from @p iov.
 * @return 0: pair with uio_list_put(); -EINVAL: more than 1024, or a length below 0; -EFAULT, -ENOMEM
 */
int __must_check uio_list_get(struct uio_list *list, uaddr_t iov, u64 nr_segs);
void uio_list_put(struct uio_list *list);
