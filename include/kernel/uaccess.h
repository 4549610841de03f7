/* SPDX-License-Identifier: MIT */
/**
 * @file uaccess.h  The only way to user memory. Thread context; may sleep (page faults).
 * All return -EFAULT for addresses outside user space or without the right.
 */
#pragma once
#include <asm/uaccess.h>
#include <kernel/err.h>

#define USER_BASE 0x10000ull /* nothing is ever mapped below */
#define USER_END  0x00007ffffffff000ull
static inline bool user_range_ok(uaddr_t user, u64 length)
{
	return length <= USER_END && (u64)user <= USER_END - length;
}
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
/** Copy words up to the one that has the NUL; @p size: a multiple of 8. @return length without NUL, @p size, -EFAULT */
s64 user_string_copy_raw(char *dst, const void *src, u64 size);
/** May user_string_copy_raw() read all @p size bytes? They are in one page, so that none behind the NUL faults for itself. */
static inline bool user_string_is_near(uaddr_t src, u64 size)
{
	u64 address = uaddr_value(src);

	return address % PAGE_SIZE <= PAGE_SIZE - size && address < USER_END;
}
/** @return length without NUL, -ENAMETOOLONG when there is no NUL in @p size bytes, or -EFAULT. */
s64 __must_check strncpy_from_user(char *dst, uaddr_t src, u64 size);
/** Copy a user string of at most @p max bytes into fresh kmalloc memory; ERR_PTR. */
char *__must_check strdup_from_user(uaddr_t src, u64 max);

/** One buffer of a program; laid out as struct iovec. */
struct uio_seg {
	uaddr_t base;
	u64 len;
};
/**
 * What is left of a transfer: one shape for read, pread, readv and the kernel's own. Its
 * buffers were checked when it was made, so that copies need not know whose memory it is.
 */
struct uio {
	u8 *base;  /* of the next byte */
	u64 left;  /* bytes left in this buffer */
	u64 count; /* bytes left in all; more than ->left: further buffers follow */
	const struct uio_seg *next; /* the buffer that follows */
};
/** @brief One buffer of a program. @return 0, -EFAULT: it cannot be a program's memory */
static inline int __must_check uio_init_user(struct uio *uio, uaddr_t base, u64 len)
{
	if (unlikely(!user_range_ok(base, len)))
		return -EFAULT;
	uio->base = (u8 *)base;
	uio->left = uio->count = len;
	return 0;
}
static inline void uio_init_kernel(struct uio *uio, void *buf, u64 len)
{
	uio->base = buf;
	uio->left = uio->count = len;
}
enum uio_direction { UIO_OUT, UIO_IN, UIO_ZERO };

/** @brief uio_transfer() within the buffer that has at least @p length bytes left. */
static inline u64 uio_transfer_piece(enum uio_direction direction, struct uio *uio, void *kernel,
				     u64 length)
{
	u64 missed;

	if (direction == UIO_OUT)
		missed = user_copy_raw(uio->base, kernel, length);
	else if (direction == UIO_IN)
		missed = user_copy_raw(kernel, uio->base, length);
	else
		missed = user_clear_raw(uio->base, length);
	length -= missed;
	uio->base += length;
	uio->left -= length;
	uio->count -= length;
	return length;
}
/** @brief uio_transfer() over several buffers; @p length is at most uio->count. */
u64 uio_transfer_list(enum uio_direction direction, struct uio *uio, void *kernel, u64 length);

/**
 * @brief What the three functions below do, for code that runs with each call of a program: inline.
 * @param kernel  the other side: of UIO_OUT the source, of UIO_IN the target
 */
static inline u64 uio_transfer(enum uio_direction direction, struct uio *uio, void *kernel,
			       u64 length)
{
	if (length > uio->count)
		length = uio->count;
	if (unlikely(length > uio->left))
		return uio_transfer_list(direction, uio, kernel, length);
	return uio_transfer_piece(direction, uio, kernel, length);
}

/** Copy and advance. @return bytes copied, less than @p length at the end of the list or at a fault (then count stays > 0). */
u64 uio_copy_out(struct uio *uio, const void *src, u64 length); /* kernel -> user */
u64 uio_copy_in(struct uio *uio, void *dst, u64 length);	/* user -> kernel */
u64 uio_zero(struct uio *uio, u64 length);
/** @brief Advance without a copy. @param bytes at most uio->count */
void uio_skip(struct uio *uio, u64 bytes);

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
