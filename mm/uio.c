// SPDX-License-Identifier: MIT
/*
 * User memory beyond single copies: lists of buffers, and strings.
 *
 * A transfer ends at the first byte that faults; what went over before counts. The
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

enum direction { COPY_OUT, COPY_IN, COPY_ZERO };

/* One piece within one buffer. @return bytes done */
static inline u64 transfer_piece(enum direction dir, uaddr_t user, void *kernel, u64 n)
{
	if (dir == COPY_OUT)
		return copy_to_user_partial(user, kernel, n);
	if (dir == COPY_IN)
		return copy_from_user_partial(kernel, user, n);
	return clear_user_partial(user, n);
}

static u64 transfer_kernel(enum direction dir, struct uio *u, void *kernel, u64 n)
{
	if (dir == COPY_OUT)
		memcpy(u->kernel, kernel, n);
	else if (dir == COPY_IN)
		memcpy(kernel, u->kernel, n);
	else
		memset(u->kernel, 0, n);
	u->kernel = (u8 *)u->kernel + n;
	u->count -= n;
	return n;
}

/* Over several buffers. */
static __noinline u64 transfer_list(enum direction dir, struct uio *u, void *kernel, u64 n)
{
	u64 done = 0;

	if (u->kernel)
		return transfer_kernel(dir, u, kernel, n);
	while (done < n) {
		u64 part = MIN(n - done, u->seg->len - u->seg_off), moved;

		if (!part) { /* a used up or empty buffer; there is another, since count says so */
			u->seg++;
			u->seg_off = 0;
			continue;
		}
		moved = transfer_piece(dir, uaddr_add(u->seg->base, u->seg_off),
				       (u8 *)kernel + done, part);
		u->seg_off += moved;
		done += moved;
		if (moved < part)
			break;
	}
	u->count -= done;
	return done;
}

static inline u64 transfer(enum direction dir, struct uio *u, void *kernel, u64 n)
{
	if (n > u->count)
		n = u->count;
	if (unlikely(u->kernel || n > u->seg->len - u->seg_off))
		return transfer_list(dir, u, kernel, n);
	n = transfer_piece(dir, uaddr_add(u->seg->base, u->seg_off), kernel, n);
	u->seg_off += n;
	u->count -= n;
	return n;
}

u64 uio_copy_out(struct uio *u, const void *src, u64 n)
{
	return transfer(COPY_OUT, u, (void *)src, n);
}
u64 uio_copy_in(struct uio *u, void *dst, u64 n)
{
	return transfer(COPY_IN, u, dst, n);
}
u64 uio_zero(struct uio *u, u64 n)
{
	return transfer(COPY_ZERO, u, NULL, n);
}

/* ---- lists that a program gave ---- */

_Static_assert(sizeof(struct user_iovec) == sizeof(struct uio_seg), "taken over as they are");

/* Check each buffer; what is beyond the most that a call moves is left out. @return bytes in all, -EINVAL, -EFAULT */
static s64 check_list(struct uio_seg *seg, u64 n)
{
	u64 total = 0;

	for (u64 i = 0; i < n; i++) {
		if ((s64)seg[i].len < 0)
			return -EINVAL;
		if (!user_range_ok(seg[i].base, seg[i].len))
			return -EFAULT;
		seg[i].len = MIN(seg[i].len, UIO_MAX_BYTES - total);
		total += seg[i].len;
	}
	return (s64)total;
}

int uio_list_get(struct uio_list *l, uaddr_t iov, u64 n)
{
	struct uio_seg *seg = l->few;
	s64 total;

	l->many = NULL;
	if (n > UIO_MAXIOV)
		return -EINVAL;
	if (n > sizeof(l->few) / sizeof(l->few[0]))
		seg = l->many = kmalloc(n * sizeof(*seg));
	if (!seg)
		return -ENOMEM;
	total = copy_from_user(seg, iov, n * sizeof(*seg));
	if (!total)
		total = check_list(seg, n);
	if (total < 0) {
		uio_list_put(l);
		return (int)total;
	}
	l->u = (struct uio){ .seg = seg, .count = total };
	return 0;
}

void uio_list_put(struct uio_list *l)
{
	kfree(l->many);
}

/* ---- strings ---- */

#define PIECE 64u

s64 strncpy_from_user(char *dst, uaddr_t src, u64 size)
{
	u64 done = 0;

	while (done < size) {
		u64 at = uaddr_value(src) + done;
		u64 n = MIN(size - done, PIECE - at % PIECE);
		const char *nul;

		if (copy_from_user(dst + done, uaddr(at), n))
			return -EFAULT;
		nul = memchr(dst + done, 0, n);
		if (nul)
			return nul - dst;
		done += n;
	}
	return -ENAMETOOLONG;
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
	kvfree(text);
	return copy ? copy : ERR_PTR(-ENOMEM);
}
