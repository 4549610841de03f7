/* SPDX-License-Identifier: MIT */
/* A source of random bytes that lies in the way that the parameter says. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/random.h>
#include <banos/random_source.h>
#include <banos/string.h>
#include <banos/time.h>

enum {
	IS_HONEST,
	CLAIMS_MORE,
	CLAIMS_WITHOUT_WRITING,
	WRITES_NOTHING,
	IS_STUCK,
	IS_UNEVEN,
	FAILS,
	FAILS_STRANGELY,
	STICKS_LATER,
	SLEEPS,
	NEVER_HAS_ANY,
	WRITES_TOO_MUCH,
	LIES
};

#define LATER 20u /* calls */

static uint32_t lie, calls;
BANOS_PARAM_U32(lie, 0, LIES - 1, "what it does");

static int64_t liar_write(banos_buffer to, uint64_t length, uint32_t pattern)
{
	uint8_t bytes[256];
	int64_t err;

	if (length > sizeof(bytes))
		length = sizeof(bytes);
	memset(bytes, 0x55, sizeof(bytes));
	err = pattern == IS_STUCK ? 0 : banos_random(bytes, (uint32_t)length);
	if (pattern == IS_UNEVEN)
		for (uint64_t i = 0; i < length; i += 8)
			bytes[i] = 0;
	return err ? err : banos_buffer_write(to, bytes, length);
}

static int64_t liar_fill(void *context, banos_buffer to, uint64_t length, uint32_t flags)
{
	uint32_t call = __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);

	switch (lie) {
	case CLAIMS_MORE: return liar_write(to, length, IS_HONEST) + 1;
	case CLAIMS_WITHOUT_WRITING: return (int64_t)length;
	case WRITES_NOTHING: return 0;
	case IS_STUCK: return liar_write(to, length, IS_STUCK);
	case IS_UNEVEN: return liar_write(to, length, IS_UNEVEN);
	case FAILS: return -EIO;
	case FAILS_STRANGELY: return -70000;
	case STICKS_LATER:
		return liar_write(to, length, call < LATER ? (uint32_t)IS_HONEST : IS_STUCK);
	case SLEEPS: return banos_sleep_until(banos_time_ns() + 60 * BANOS_S, 0);
	case NEVER_HAS_ANY: return -EAGAIN;
	case WRITES_TOO_MUCH:
		(void)liar_write(to, length, IS_HONEST);
		return liar_write(to, length, IS_HONEST);
	default: return liar_write(to, length, IS_HONEST);
	}
}

static int64_t liar_init(banos_owner self)
{
	static const struct banos_random_source_ops ops = {
		.size = sizeof(ops),
		.fill = liar_fill,
	};
	static const struct banos_random_source_config config = {
		.size = sizeof(config),
		.quality = BANOS_RANDOM_QUALITY_MAX,
		.ops = &ops,
		.name = "liar",
	};

	return banos_random_source_register(self, &config, NULL);
}

BANOS_DRIVER(random_liar, "1.0", "MIT", "A source that lies", liar_init, NULL);
