// SPDX-License-Identifier: MIT
/*
 * User memory beyond single copies: lists of buffers, and strings.
 *
 * A transfer ends at the first byte that faults; the bytes copied before it count. The
 * copies themselves, and what a fault in one of them does, are the machine's
 * (arch/x86_64/uaccess.S).
 *
 * A string is fetched in pieces that end at a page's end at the latest: nothing
 * behind its NUL is ever touched that could fault for itself.
 */
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/uio.h>

/* ---- lists of buffers ---- */

u64 uio_transfer_list(enum uio_direction direction, struct uio *uio, void *kernel, u64 length)
{
	u64 done = 0;

	while (done < length) {
		u64 part = MIN(length - done, uio->left), moved;

		if (!part) { /* a used up or empty buffer; another follows, since count is not 0 */
			uio->base = (u8 *)uio->next->base;
			uio->left = uio->next->len;
			uio->next++;
			continue;
		}
		moved = uio_transfer_piece(direction, uio, (u8 *)kernel + done, part);
		done += moved;
		if (moved < part)
			break;
	}
	return done;
}

u64 uio_copy_out(struct uio *uio, const void *src, u64 length)
{
	return uio_transfer(UIO_OUT, uio, (void *)src, length);
}
u64 uio_copy_in(struct uio *uio, void *dst, u64 length)
{
	return uio_transfer(UIO_IN, uio, dst, length);
}
u64 uio_zero(struct uio *uio, u64 length)
{
	return uio_transfer(UIO_ZERO, uio, NULL, length);
}

/* ---- lists from a program ---- */

_Static_assert(sizeof(struct user_iovec) == sizeof(struct uio_seg), "taken over as they are");

/* Check each buffer; what is beyond the most that a call moves is left out. @return bytes in all, -EINVAL, -EFAULT */
static s64 uio_list_check(struct uio_seg *seg, u64 nr_segs)
{
	u64 total = 0;

	for (u64 i = 0; i < nr_segs; i++) {
		if ((s64)seg[i].len < 0)
			return -EINVAL;
		if (!user_range_ok(seg[i].base, seg[i].len))
			return -EFAULT;
		seg[i].len = MIN(seg[i].len, UIO_MAX_BYTES - total);
		total += seg[i].len;
	}
	return (s64)total;
}

int uio_list_get(struct uio_list *list, uaddr_t iov, u64 nr_segs)
{
	struct uio_seg *seg = list->few;
	s64 total;

	list->many = NULL;
	if (nr_segs > UIO_MAXIOV)
		return -EINVAL;
	if (nr_segs > sizeof(list->few) / sizeof(list->few[0]))
		seg = list->many = kmalloc(nr_segs * sizeof(*seg));
	if (!seg)
		return -ENOMEM;
	total = copy_from_user(seg, iov, nr_segs * sizeof(*seg));
	if (!total)
		total = uio_list_check(seg, nr_segs);
	if (total < 0) {
		uio_list_put(list);
		return (int)total;
	}
	list->uio = (struct uio){ .count = total, .next = seg }; /* the first is still to come */
	return 0;
}

void uio_list_put(struct uio_list *list)
{
	kfree(list->many);
}

/* ---- strings ---- */

#define PIECE 64u

/* In pieces that end where a page may end. */
static __noinline s64 string_copy_pieces(char *dst, uaddr_t src, u64 size)
{
	u64 done = 0;

	while (done < size) {
		u64 addr = uaddr_value(src) + done;
		u64 length = MIN(size - done, PIECE - addr % PIECE);
		const char *nul;

		if (copy_from_user(dst + done, uaddr(addr), length))
			return -EFAULT;
		nul = memchr(dst + done, 0, length);
		if (nul)
			return nul - dst;
		done += length;
	}
	return -ENAMETOOLONG;
}

s64 strncpy_from_user(char *dst, uaddr_t src, u64 size)
{
	s64 len;

	if (unlikely(size > PAGE_SIZE || size % 8 || !user_string_is_near(src, size)))
		return string_copy_pieces(dst, src, size);
	len = user_string_copy_raw(dst, (const void *)uaddr_value(src), size);
	if (unlikely(len == (s64)size))
		return -ENAMETOOLONG;
	return len;
}

char *strdup_from_user(uaddr_t src, u64 max)
{
	char first[128], *text, *copy;
	s64 len;

	/* Most are short: try a small buffer, and only then one of full length. */
	len = strncpy_from_user(first, src, MIN(max, sizeof(first)));
	if (len >= 0) {
		copy = kmalloc(len + 1);
		if (!copy)
			return ERR_PTR(-ENOMEM);
		memcpy(copy, first, len + 1);
		return copy;
	}
	if (len != -ENAMETOOLONG || max <= sizeof(first))
		return ERR_PTR(len);
	text = kvzalloc(max);
	if (!text)
		return ERR_PTR(-ENOMEM);
	len = strncpy_from_user(text, src, max);
	if (len < 0) {
		kvfree(text);
		return ERR_PTR(len);
	}
	copy = kmalloc(len + 1);
	if (copy)
		memcpy(copy, text, len + 1);
	else
		copy = ERR_PTR(-ENOMEM);
	kvfree(text);
	return copy;
}

void uio_skip(struct uio *uio, u64 bytes)
{
	while (bytes) {
		u64 part = MIN(bytes, uio->left);

		uio->base += part;
		uio->left -= part;
		uio->count -= part;
		bytes -= part;
		if (!uio->left && uio->count) {
			uio->base = (u8 *)uio->next->base;
			uio->left = uio->next->len;
			uio->next++;
		}
	}
}
