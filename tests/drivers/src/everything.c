/* SPDX-License-Identifier: MIT */
/*
 * What compilers make relocations of, in any code model: init() fails with the
 * number of the first thing that is not as it should be.
 */
#include <banos/driver.h>
#include <banos/print.h>

BANOS_WEAK int64_t banos_gone(int64_t a);
BANOS_WEAK int64_t gone_too(void);
BANOS_WEAK int64_t banos_api_level(void);

/* Shared with nobody, but not static: a compiler of position-independent code goes through the GOT. */
int64_t everything_add(int64_t a, int64_t b);
int64_t everything_add(int64_t a, int64_t b)
{
	return a + b;
}
uint64_t everything_counter = 41;
uint64_t everything_zeroes[700];
static uint8_t wide[64] __attribute__((aligned(4096))) = { 7 };
static uint64_t hidden[4] = { 10, 11, 12, 13 };
static const char text[] = "some text";

static int64_t (*const functions[])(int64_t, int64_t) = { everything_add, everything_add };
static int64_t (*gone_functions[2])(int64_t) = { banos_gone, banos_gone };
static uint64_t *const inside = &hidden[2];
static const char *const texts[] = { text + 5, "another", text };
static volatile uint32_t which = 6;

static uint64_t through_a_table(uint32_t count)
{
	switch (count) {
	case 0: return hidden[0];
	case 1: return everything_counter;
	case 2: return 22;
	case 3: return hidden[3] * 2;
	case 4: return 7;
	case 5: return wide[0];
	case 6: return 606;
	case 7: return 1;
	default: return 0;
	}
}

static int64_t absent(void)
{
	if (BANOS_HAS(banos_gone) || BANOS_HAS(gone_too))
		return -1;
	if (gone_functions[0] || gone_functions[which - 5])
		return -2;
	if (BANOS_HAS(banos_api_level) && banos_api_level() >= 1)
		return 0;
	return -3;
}

static int64_t data(void)
{
	if (everything_counter++ != 41 || everything_counter != 42)
		return -4;
	for (uint32_t i = 0; i < sizeof(everything_zeroes) / 8; i++)
		if (everything_zeroes[i])
			return -5;
	if ((uint64_t)wide & 4095 || wide[0] != 7)
		return -6;
	if (*inside != 12 || inside != &hidden[which - 4])
		return -7;
	if (texts[0][0] == 't' && texts[1][1] == 'n' && texts[2] == text)
		return 0;
	return -8;
}

static int64_t code(void)
{
	if (functions[which & 1](2, 3) != 5 || functions[0] != everything_add ||
	    functions[1] != functions[0])
		return -9;
	if (through_a_table(which) == 606 && through_a_table(which - 3) == 26)
		return 0;
	return -10;
}

static int64_t everything_init(banos_owner self)
{
	int64_t err = absent();

	if (!err)
		err = data();
	if (!err)
		err = code();
	if (err)
		banos_error(self, "number %lld", (long long)err);
	return err;
}

BANOS_DRIVER(everything, "1.0", "MIT", "What compilers make relocations of", everything_init, NULL);
