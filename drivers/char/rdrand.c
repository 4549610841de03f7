/* SPDX-License-Identifier: MIT */
/*
 * The processor's random numbers as a source: "rdseed" where it has that instruction, else "rdrand".
 *
 * RDSEED gives entropy, and may have none for a while. RDRAND is a generator that such entropy seeds every 511 times
 * at the latest, which is as good as unpredictable, so both say 8 bits a byte. Some processors return all ones for
 * ever after sleep, with success: the kernel's checks find that.
 *
 * Source: Intel SDM, volume 1, 7.3.17 "Random Number Generator Instructions".
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/random_source.h>
#include <banos/string.h>

#define TRIES	   10u /* of RDRAND, as the manual asks for; then the processor is broken */
#define TRIES_SEED 100u

#define LEAF_MAX      0u
#define LEAF_FEATURES 1u
#define ECX_RDRAND    (1u << 30)
#define LEAF_EXTENDED 7u
#define EBX_RDSEED    (1u << 18)

static uint32_t has_rdseed;

struct cpuid_leaf {
	uint32_t eax, ebx, ecx, edx;
};

/* Zeroes where the processor has no such leaf. */
static struct cpuid_leaf cpuid_of(uint32_t number)
{
	struct cpuid_leaf leaf = { 0 };
	uint32_t max = LEAF_MAX;

	__asm__("cpuid" : "+a"(max) : : "ebx", "ecx", "edx");
	if (number <= max)
		__asm__("cpuid"
			: "=a"(leaf.eax), "=b"(leaf.ebx), "=c"(leaf.ecx), "=d"(leaf.edx)
			: "a"(number), "c"(0));
	return leaf;
}

static uint32_t rdrand_try(uint64_t *word)
{
	uint8_t is_good;

	__asm__ volatile("rdrand %0\n\tsetc %1" : "=r"(*word), "=qm"(is_good) : : "cc");
	return is_good;
}

static uint32_t rdseed_try(uint64_t *word)
{
	uint8_t is_good;

	__asm__ volatile("rdseed %0\n\tsetc %1\n\tpause" : "=r"(*word), "=qm"(is_good) : : "cc");
	return is_good;
}

static uint32_t rdrand_word(uint64_t *word)
{
	uint32_t is_good = 0;

	for (uint32_t i = 0; has_rdseed && !is_good && i < TRIES_SEED; i++)
		is_good = rdseed_try(word);
	for (uint32_t i = 0; !has_rdseed && !is_good && i < TRIES; i++)
		is_good = rdrand_try(word);
	return is_good;
}

static int64_t rdrand_fill(void *context, banos_buffer to, uint64_t length, uint32_t flags)
{
	uint64_t done = 0, word;

	while (done < length && rdrand_word(&word)) {
		uint64_t part = length - done;
		int64_t copied;

		if (part > sizeof(word))
			part = sizeof(word);
		copied = banos_buffer_write(to, &word, part);
		if (copied < 0)
			return copied;
		done += part;
	}
	if (done)
		return (int64_t)done;
	if (has_rdseed) /* others have used it up */
		return -EAGAIN;
	return -EIO;
}

static int64_t rdrand_init(banos_owner self)
{
	static const struct banos_random_source_ops ops = {
		.size = sizeof(ops),
		.fill = rdrand_fill,
	};
	struct banos_random_source_config config = {
		.size = sizeof(config),
		.quality = BANOS_RANDOM_QUALITY_MAX,
		.ops = &ops,
		.name = "rdrand",
	};

	if (cpuid_of(LEAF_EXTENDED).ebx & EBX_RDSEED) {
		has_rdseed = 1;
		memcpy(config.name, "rdseed", sizeof("rdseed"));
	} else if (!(cpuid_of(LEAF_FEATURES).ecx & ECX_RDRAND)) {
		return -ENODEV;
	}
	return banos_random_source_register(self, &config, NULL);
}

BANOS_DRIVER(rdrand, "1.0", "MIT", "Random numbers of the processor", rdrand_init, NULL);
