/* SPDX-License-Identifier: MIT */
/* Interrupt vectors for devices: the numbers that hardware may use to interrupt us. Pure. */
#include <kernel/bitmap.h>
#include <kernel/err.h>
#include <kernel/irq_chip.h>

#define VECTORS 256

void vector_map_init(struct vector_map *map, u32 first, u32 last)
{
	for (u32 i = 0; i < BITMAP_WORDS(VECTORS); i++)
		map->used[i] = ~0ull;
	bitmap_clear_range(map->used, first, last - first + 1);
}

int vector_alloc(struct vector_map *map, u32 count)
{
	size_t vector;

	if (!count || count > 32 || count & (count - 1))
		return -EINVAL;
	vector = bitmap_find_clear_range(map->used, VECTORS, 0, count, count);
	if (vector >= VECTORS)
		return -EBUSY;
	bitmap_set_range(map->used, vector, count);
	return vector;
}

void vector_free(struct vector_map *map, u32 first, u32 count)
{
	bitmap_clear_range(map->used, first, count);
}
