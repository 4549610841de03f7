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

static void swap_elements(u8 *first, u8 *second, size_t size)
{
	u8 buffer[32];

	while (size) {
		size_t chunk = MIN(size, sizeof(buffer));

		memcpy(buffer, first, chunk);
		memcpy(first, second, chunk);
		memcpy(second, buffer, chunk);
		first += chunk;
		second += chunk;
		size -= chunk;
	}
}

/* Element @index may be less than its children: let it sink in the first @count. */
static void heap_sink(const struct sorting *sorting, size_t index, size_t count)
{
	for (;;) {
		size_t child = 2 * index + 1;
		u8 *parent = sorting->base + index * sorting->size, *largest;

		if (child >= count)
			return;
		largest = sorting->base + child * sorting->size;
		if (child + 1 < count &&
		    sorting->cmp(largest, largest + sorting->size, sorting->arg) < 0) {
			child++;
			largest += sorting->size;
		}
		if (sorting->cmp(parent, largest, sorting->arg) >= 0)
			return;
		swap_elements(parent, largest, sorting->size);
		index = child;
	}
}

void sort(void *base, size_t last, size_t size, int (*cmp)(const void *a, const void *b, void *arg),
	  void *arg)
{
	struct sorting sorting = { base, size, cmp, arg };

	for (size_t i = last / 2; i-- > 0;)
		heap_sink(&sorting, i, last);
	while (last-- > 1) {
		swap_elements(sorting.base, sorting.base + last * size, size);
		heap_sink(&sorting, 0, last);
	}
}
