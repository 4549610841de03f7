// SPDX-License-Identifier: MIT
/*
 * Heap sort: the array is made a heap (each element not less than its two
 * children), then the greatest is swapped to the end and the heap mended,
 * until nothing is left of it.
 */
#include <kernel/sort.h>
#include <kernel/string.h>

struct sorting {
	u8 *base;
	size_t size;
	int (*cmp)(const void *a, const void *b, void *arg);
	void *arg;
};

static void swap(u8 *a, u8 *b, size_t size)
{
	u8 t[32];

	while (size) {
		size_t n = size < sizeof(t) ? size : sizeof(t);

		memcpy(t, a, n);
		memcpy(a, b, n);
		memcpy(b, t, n);
		a += n;
		b += n;
		size -= n;
	}
}

/* Element @i may be less than its children: let it sink in the first @n. */
static void sink(const struct sorting *s, size_t i, size_t n)
{
	for (;;) {
		size_t child = 2 * i + 1;
		u8 *p = s->base + i * s->size, *c;

		if (child >= n)
			return;
		c = s->base + child * s->size;
		if (child + 1 < n && s->cmp(c, c + s->size, s->arg) < 0) {
			child++;
			c += s->size;
		}
		if (s->cmp(p, c, s->arg) >= 0)
			return;
		swap(p, c, s->size);
		i = child;
	}
}

void sort(void *base, size_t n, size_t size, int (*cmp)(const void *a, const void *b, void *arg),
	  void *arg)
{
	struct sorting s = { base, size, cmp, arg };

	for (size_t i = n / 2; i-- > 0;)
		sink(&s, i, n);
	while (n-- > 1) {
		swap(s.base, s.base + n * size, size);
		sink(&s, 0, n);
	}
}
