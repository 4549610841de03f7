/* SPDX-License-Identifier: MIT */
/* A bus: a shelf, with the number of books that the parameter sets. See book.c. */
#include <banos/bus.h>
#include <banos/driver.h>
#include <banos/print.h>

static uint32_t books = 2;
BANOS_PARAM_U32(books, 0, 9, "number of books");

/* Real devices are kept from memory and interrupts here: mandatory. */
static int64_t shelf_quiesce(void *context, void *device)
{
	return 0;
}

static const struct banos_bus_ops shelf_ops = { .size = sizeof(shelf_ops),
						.quiesce = shelf_quiesce };

static int64_t shelf_add_book(banos_bus shelf, uint32_t number)
{
	struct banos_device_config book = { .size = sizeof(book), .alias = "shelf:book-novel" };
	banos_device device;

	banos_format(book.name, sizeof(book.name), "book%u", number);
	return banos_device_add(shelf, &book, &device);
}

static int64_t shelf_init(banos_owner self)
{
	static const struct banos_bus_config config = {
		.size = sizeof(config),
		.ops = &shelf_ops,
		.name = "shelf",
	};
	banos_bus shelf;
	int64_t error = banos_bus_register(self, &config, &shelf);

	for (uint32_t i = 0; !error && i < books; i++)
		error = shelf_add_book(shelf, i);
	return error;
}

BANOS_DRIVER(shelf, "1.0", "MIT", "A bus with books on it", shelf_init, NULL);
