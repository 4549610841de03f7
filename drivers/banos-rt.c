// SPDX-License-Identifier: MIT
/*
 * banos-rt.o: the functions that compilers call for arithmetic that x86_64 has no
 * instruction for, or of which they do not know that it has one.
 *
 * A distribution's libgcc or compiler-rt cannot be used for it: their code may keep
 * data below the stack pointer and use vector registers. A driver that needs
 * some of these is joined with this object: ld -r -o x.ko x.o banos-rt.o
 *
 * All names are weak, so that several objects that were joined with it can be joined
 * with each other, and with a language's own library (Rust's compiler_builtins).
 * Results are those of GCC's libgcc ("The GCC low-level runtime library"); where
 * libgcc calls abort(), for overflow under -ftrapv, the driver fails.
 *
 * Nothing here may be written so that a compiler turns it into a call of itself: no
 * division and no multiplication of 128 bits, no __builtin_popcount().
 */
#include <stdint.h>

typedef unsigned __int128 wide;
typedef __int128 wide_signed;

#define RUNTIME	   __attribute__((weak))
#define WORD_BITS  64
#define WIDE_BITS  128
#define ALL_TWOS   0x5555555555555555ull /* every second bit */
#define ALL_FOURS  0x3333333333333333ull /* two of each four bits */
#define ALL_EIGHTS 0x0f0f0f0f0f0f0f0full /* four of each eight bits */
#define ALL_BYTES  0x0101010101010101ull

static uint64_t low_half(wide value)
{
	return (uint64_t)value;
}

static uint64_t high_half(wide value)
{
	return (uint64_t)(value >> WORD_BITS);
}

static wide join_halves(uint64_t high, uint64_t low)
{
	return (wide)high << WORD_BITS | low;
}

/* ---- division ---- */

/* @high < @divisor, or the processor faults. */
static uint64_t divide_word(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *rest)
{
	uint64_t quotient;

	__asm__("divq %4" : "=a"(quotient), "=d"(*rest) : "a"(low), "d"(high), "r"(divisor) : "cc");
	return quotient;
}

/* @left * @right is at most one 128-bit number. */
static wide multiply_words(uint64_t left, uint64_t right)
{
	uint64_t high, low;

	__asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(left), "r"(right) : "cc");
	return join_halves(high, low);
}

/*
 * For divisors of more than 64 bits (Hacker's Delight, 9-5): the quotient has at
 * most 64 bits. Divided by the upper half of the normalised divisor it is right or
 * too large by one; then it is made too small by at most one.
 */
static uint64_t divide_by_wide(wide dividend, wide divisor, wide *rest)
{
	uint32_t shift = __builtin_clzll(high_half(divisor));
	uint64_t top = high_half(divisor << shift), ignored, quotient;
	wide product;

	quotient = divide_word(high_half(dividend) >> 1, low_half(dividend >> 1), top, &ignored);
	quotient = quotient >> (WORD_BITS - 1 - shift);
	if (quotient)
		quotient--;
	product = multiply_words(quotient, low_half(divisor)) +
		  join_halves(quotient * high_half(divisor), 0);
	*rest = dividend - product;
	if (*rest >= divisor) {
		*rest -= divisor;
		quotient++;
	}
	return quotient;
}

static wide divide_wide(wide dividend, wide divisor, wide *rest)
{
	uint64_t high, low, high_rest, low_rest;

	if (high_half(divisor))
		return divide_by_wide(dividend, divisor, rest);
	/* A divisor of 0 faults here, as a division of 64 bits does. */
	high = divide_word(0, high_half(dividend), low_half(divisor), &high_rest);
	low = divide_word(high_rest, low_half(dividend), low_half(divisor), &low_rest);
	*rest = low_rest;
	return join_halves(high, low);
}

static wide wide_magnitude(wide_signed value)
{
	if (value < 0)
		return -(wide)value;
	return (wide)value;
}

static wide_signed with_sign(wide value, int negative)
{
	if (negative)
		value = -value;
	return (wide_signed)value;
}

RUNTIME wide __udivti3(wide dividend, wide divisor);
RUNTIME wide __umodti3(wide dividend, wide divisor);
RUNTIME wide __udivmodti4(wide dividend, wide divisor, wide *rest);
RUNTIME wide_signed __divti3(wide_signed dividend, wide_signed divisor);
RUNTIME wide_signed __modti3(wide_signed dividend, wide_signed divisor);
RUNTIME wide_signed __divmodti4(wide_signed dividend, wide_signed divisor, wide_signed *rest);

wide __udivti3(wide dividend, wide divisor)
{
	wide rest;

	return divide_wide(dividend, divisor, &rest);
}

wide __umodti3(wide dividend, wide divisor)
{
	wide rest;

	divide_wide(dividend, divisor, &rest);
	return rest;
}

wide __udivmodti4(wide dividend, wide divisor, wide *rest)
{
	return divide_wide(dividend, divisor, rest);
}

wide_signed __divmodti4(wide_signed dividend, wide_signed divisor, wide_signed *rest)
{
	wide left, quotient = divide_wide(wide_magnitude(dividend), wide_magnitude(divisor), &left);

	*rest = with_sign(left, dividend < 0);
	return with_sign(quotient, (dividend < 0) != (divisor < 0));
}

wide_signed __divti3(wide_signed dividend, wide_signed divisor)
{
	wide_signed rest;

	return __divmodti4(dividend, divisor, &rest);
}

wide_signed __modti3(wide_signed dividend, wide_signed divisor)
{
	wide_signed rest;

	__divmodti4(dividend, divisor, &rest);
	return rest;
}

/* ---- multiplication, shifts, comparison ---- */

RUNTIME wide_signed __multi3(wide_signed left, wide_signed right);
RUNTIME wide_signed __ashlti3(wide_signed value, int32_t count);
RUNTIME wide_signed __ashrti3(wide_signed value, int32_t count);
RUNTIME wide_signed __lshrti3(wide_signed value, int32_t count);
RUNTIME wide_signed __negti2(wide_signed value);
RUNTIME int32_t __cmpti2(wide_signed left, wide_signed right);
RUNTIME int32_t __ucmpti2(wide left, wide right);

wide_signed __multi3(wide_signed left, wide_signed right)
{
	uint64_t cross = high_half((wide)left) * low_half((wide)right) +
			 low_half((wide)left) * high_half((wide)right);

	return (wide_signed)(multiply_words(low_half((wide)left), low_half((wide)right)) +
			     join_halves(cross, 0));
}

wide_signed __ashlti3(wide_signed value, int32_t count)
{
	uint64_t high = high_half((wide)value), low = low_half((wide)value);

	if (count >= WORD_BITS)
		return (wide_signed)join_halves(low << (count - WORD_BITS), 0);
	if (!count)
		return value;
	return (wide_signed)join_halves(high << count | low >> (WORD_BITS - count), low << count);
}

wide_signed __lshrti3(wide_signed value, int32_t count)
{
	uint64_t high = high_half((wide)value), low = low_half((wide)value);

	if (count >= WORD_BITS)
		return (wide_signed)join_halves(0, high >> (count - WORD_BITS));
	if (!count)
		return value;
	return (wide_signed)join_halves(high >> count, high << (WORD_BITS - count) | low >> count);
}

wide_signed __ashrti3(wide_signed value, int32_t count)
{
	wide shifted = (wide)__lshrti3(value, count);

	if (value < 0 && count)
		shifted |= (wide)__ashlti3(-1, WIDE_BITS - count);
	return (wide_signed)shifted;
}

wide_signed __negti2(wide_signed value)
{
	return with_sign((wide)value, 1);
}

/* 0, 1, 2: below, equal, above. */
int32_t __cmpti2(wide_signed left, wide_signed right)
{
	return 1 + (left > right) - (left < right);
}

int32_t __ucmpti2(wide left, wide right)
{
	return 1 + (left > right) - (left < right);
}

/* ---- bits ---- */

RUNTIME int32_t __popcountsi2(uint32_t value);
RUNTIME int32_t __popcountdi2(uint64_t value);
RUNTIME int32_t __popcountti2(wide value);
RUNTIME int32_t __paritysi2(uint32_t value);
RUNTIME int32_t __paritydi2(uint64_t value);
RUNTIME int32_t __parityti2(wide value);
RUNTIME int32_t __clzsi2(uint32_t value);
RUNTIME int32_t __clzdi2(uint64_t value);
RUNTIME int32_t __clzti2(wide value);
RUNTIME int32_t __ctzsi2(uint32_t value);
RUNTIME int32_t __ctzdi2(uint64_t value);
RUNTIME int32_t __ctzti2(wide value);
RUNTIME int32_t __ffssi2(uint32_t value);
RUNTIME int32_t __ffsdi2(uint64_t value);
RUNTIME int32_t __ffsti2(wide value);
RUNTIME int32_t __clrsbsi2(int32_t value);
RUNTIME int32_t __clrsbdi2(int64_t value);
RUNTIME int32_t __clrsbti2(wide_signed value);
RUNTIME uint32_t __bswapsi2(uint32_t value);
RUNTIME uint64_t __bswapdi2(uint64_t value);
RUNTIME wide __bswapti2(wide value);

int32_t __popcountdi2(uint64_t value)
{
	value -= value >> 1 & ALL_TWOS;
	value = (value & ALL_FOURS) + (value >> 2 & ALL_FOURS);
	value = (value + (value >> 4)) & ALL_EIGHTS;
	return (int32_t)(value * ALL_BYTES >> 56);
}

int32_t __popcountsi2(uint32_t value)
{
	return __popcountdi2(value);
}

int32_t __popcountti2(wide value)
{
	return __popcountdi2(high_half(value)) + __popcountdi2(low_half(value));
}

int32_t __paritydi2(uint64_t value)
{
	return __popcountdi2(value) & 1;
}

int32_t __paritysi2(uint32_t value)
{
	return __paritydi2(value);
}

int32_t __parityti2(wide value)
{
	return __paritydi2(high_half(value) ^ low_half(value));
}

/* What counting zeroes of 0 gives is the caller's mistake, as with the instructions. */
int32_t __clzdi2(uint64_t value)
{
	return __builtin_clzll(value);
}

int32_t __clzsi2(uint32_t value)
{
	return __builtin_clz(value);
}

int32_t __clzti2(wide value)
{
	if (high_half(value))
		return __clzdi2(high_half(value));
	return WORD_BITS + __clzdi2(low_half(value));
}

int32_t __ctzdi2(uint64_t value)
{
	return __builtin_ctzll(value);
}

int32_t __ctzsi2(uint32_t value)
{
	return __builtin_ctz(value);
}

int32_t __ctzti2(wide value)
{
	if (low_half(value))
		return __ctzdi2(low_half(value));
	return WORD_BITS + __ctzdi2(high_half(value));
}

int32_t __ffsti2(wide value)
{
	if (!value)
		return 0;
	return __ctzti2(value) + 1;
}

int32_t __ffsdi2(uint64_t value)
{
	return __ffsti2(value);
}

int32_t __ffssi2(uint32_t value)
{
	return __ffsti2(value);
}

/* Bits after the first that equal it. */
int32_t __clrsbti2(wide_signed value)
{
	wide other = (wide)value;

	if (value < 0)
		other = ~other;
	if (!other)
		return WIDE_BITS - 1;
	return __clzti2(other) - 1;
}

int32_t __clrsbdi2(int64_t value)
{
	return __clrsbti2(value) - (WIDE_BITS - 64);
}

int32_t __clrsbsi2(int32_t value)
{
	return __clrsbti2(value) - (WIDE_BITS - 32);
}

uint64_t __bswapdi2(uint64_t value)
{
	return __builtin_bswap64(value);
}

uint32_t __bswapsi2(uint32_t value)
{
	return __builtin_bswap32(value);
}

wide __bswapti2(wide value)
{
	return join_halves(__bswapdi2(low_half(value)), __bswapdi2(high_half(value)));
}

/* ---- arithmetic that is checked for overflow ---- */

RUNTIME wide_signed __muloti4(wide_signed left, wide_signed right, int32_t *overflow);
RUNTIME int64_t __mulodi4(int64_t left, int64_t right, int32_t *overflow);
RUNTIME int32_t __mulosi4(int32_t left, int32_t right, int32_t *overflow);
RUNTIME wide_signed __mulvti3(wide_signed left, wide_signed right);
RUNTIME int64_t __mulvdi3(int64_t left, int64_t right);
RUNTIME int32_t __mulvsi3(int32_t left, int32_t right);
RUNTIME wide_signed __addvti3(wide_signed left, wide_signed right);
RUNTIME int64_t __addvdi3(int64_t left, int64_t right);
RUNTIME int32_t __addvsi3(int32_t left, int32_t right);
RUNTIME wide_signed __subvti3(wide_signed left, wide_signed right);
RUNTIME int64_t __subvdi3(int64_t left, int64_t right);
RUNTIME int32_t __subvsi3(int32_t left, int32_t right);
RUNTIME wide_signed __negvti2(wide_signed value);
RUNTIME int64_t __negvdi2(int64_t value);
RUNTIME int32_t __negvsi2(int32_t value);
RUNTIME wide_signed __absvti2(wide_signed value);
RUNTIME int64_t __absvdi2(int64_t value);
RUNTIME int32_t __absvsi2(int32_t value);

/* |left| * |right| in 128 bits, if it fits there. */
static int multiply_overflows(wide left, wide right, wide *product)
{
	wide cross, low;

	if (high_half(left) && high_half(right))
		return 1;
	low = multiply_words(low_half(left), low_half(right));
	cross = multiply_words(high_half(left), low_half(right)) +
		multiply_words(low_half(left), high_half(right));
	*product = low + (cross << WORD_BITS);
	return high_half(cross) || *product < low;
}

wide_signed __muloti4(wide_signed left, wide_signed right, int32_t *overflow)
{
	int negative = (left < 0) != (right < 0);
	wide product, largest = ~(wide)0 >> 1;

	/* There is one more negative number than there are positive ones. */
	*overflow = multiply_overflows(wide_magnitude(left), wide_magnitude(right), &product) ||
		    product > largest + (wide)negative;
	return __multi3(left, right);
}

int64_t __mulodi4(int64_t left, int64_t right, int32_t *overflow)
{
	int64_t product;

	*overflow = __builtin_mul_overflow(left, right, &product);
	return product;
}

int32_t __mulosi4(int32_t left, int32_t right, int32_t *overflow)
{
	int32_t product;

	*overflow = __builtin_mul_overflow(left, right, &product);
	return product;
}

wide_signed __mulvti3(wide_signed left, wide_signed right)
{
	int32_t overflow;
	wide_signed product = __muloti4(left, right, &overflow);

	if (overflow)
		__builtin_trap();
	return product;
}

/* The same in three widths, for what has an instruction in each. */
#define CHECKED(name, type, builtin)                           \
	type name(type left, type right)                       \
	{                                                      \
		type result;                                   \
                                                               \
		if (__builtin_##builtin(left, right, &result)) \
			__builtin_trap();                      \
		return result;                                 \
	}

CHECKED(__mulvdi3, int64_t, mul_overflow)
CHECKED(__mulvsi3, int32_t, mul_overflow)
CHECKED(__addvti3, wide_signed, add_overflow)
CHECKED(__addvdi3, int64_t, add_overflow)
CHECKED(__addvsi3, int32_t, add_overflow)
CHECKED(__subvti3, wide_signed, sub_overflow)
CHECKED(__subvdi3, int64_t, sub_overflow)
CHECKED(__subvsi3, int32_t, sub_overflow)

wide_signed __negvti2(wide_signed value)
{
	return __subvti3(0, value);
}

int64_t __negvdi2(int64_t value)
{
	return __subvdi3(0, value);
}

int32_t __negvsi2(int32_t value)
{
	return __subvsi3(0, value);
}

wide_signed __absvti2(wide_signed value)
{
	if (value < 0)
		return __negvti2(value);
	return value;
}

int64_t __absvdi2(int64_t value)
{
	if (value < 0)
		return __negvdi2(value);
	return value;
}

int32_t __absvsi2(int32_t value)
{
	if (value < 0)
		return __negvsi2(value);
	return value;
}
