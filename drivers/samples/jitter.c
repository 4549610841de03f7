/* SPDX-License-Identifier: MIT */
/* A source of random bytes: how long small pieces of work take, which caches, buses and interrupts make vary. */
#include <banos/driver.h>
#include <banos/random_source.h>
#include <banos/time.h>

#define ROUNDS 64 /* pieces of work for each byte */

static volatile uint8_t scratch[256];

/* Each time moves all that were gathered before it, and its low bits go on top. */
static uint8_t jitter_byte(void)
{
	uint32_t gathered = 0;

	for (int round = 0; round < ROUNDS; round++) {
		scratch[(uint8_t)gathered]++;
		gathered = (gathered << 5 | gathered >> 27) ^ (uint32_t)banos_time_ns();
		gathered *= 0x9e3779b1u;
	}
	return (uint8_t)(gathered >> 24);
}

static int64_t jitter_fill(void *context, banos_buffer to, uint64_t length, uint32_t flags)
{
	uint64_t done;

	for (done = 0; done < length; done++) {
		uint8_t byte = jitter_byte();
		int64_t copied = banos_buffer_write(to, &byte, 1);
		if (copied != 1)
			return copied;
	}
	return (int64_t)done;
}

static int64_t jitter_init(banos_owner self)
{
	static const struct banos_random_source_ops ops = { .size = sizeof(ops),
							    .fill = jitter_fill };
	static const struct banos_random_source_config config = {
		.size = sizeof(config),
		.quality =
			256, /* at least two bits a byte: so the kernel checks it less strictly */
		.ops = &ops,
		.name = "jitter"
	};

	return banos_random_source_register(self, &config, NULL);
}
BANOS_DRIVER(jitter, "1.0", "MIT", "Random bytes from varying times", jitter_init, NULL);
