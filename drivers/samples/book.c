/* SPDX-License-Identifier: MIT */
/* A driver for devices on a bus: for the books of shelf.c. It is installed as soon as there is one. */
#include <banos/bus.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>

struct book {
	char name[16];
};

static int64_t book_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct book *book = banos_alloc(device, sizeof(*book), 0);

	if (!book)
		return -ENOMEM;
	banos_device_name(device, book->name, sizeof(book->name));
	banos_print(device, "opened %s", book->name);
	*state = book;
	return 0;
}

static int64_t book_remove(void *context, banos_owner device, void *state)
{
	struct book *book = state;

	banos_print(device, "closed %s", book->name);
	return banos_free(device, book);
}

static const struct banos_prober_ops book_ops = {
	.size = sizeof(book_ops),
	.probe = book_probe,
	.remove = book_remove,
};

static int64_t book_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &book_ops,
		.bus = "shelf",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("shelf:book-*");
BANOS_DRIVER(book, "1.0", "MIT", "Opens and closes books", book_init, NULL);
