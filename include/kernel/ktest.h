/* SPDX-License-Identifier: MIT */
/**
 * @file ktest.h  Tests that run inside the kernel ("ktest" or "ktest=suite.*" on the command line), printing KTAP.
 *
 *	KTEST(heap, frees_what_it_gave) { void *p = kmalloc(8); KEXPECT(p); kfree(p); }
 */
#pragma once
#include <kernel/types.h>

struct ktest_context {
	const char *suite, *name;
	u32 failures;
	bool skipped;
	const char *why;
};
struct ktest {
	const char *suite, *name;
	void (*fn)(struct ktest_context *test);
};
#ifdef CONFIG_KTEST
#define KTEST(s, n)                                                          \
	static void ktest_##s##_##n(struct ktest_context *test);             \
	static const struct ktest ktest_entry_##s##_##n __section(".ktests") \
		__aligned(8) = { #s, #n, ktest_##s##_##n };                  \
	static void ktest_##s##_##n(struct ktest_context *test __unused)
#else
#define KTEST(s, n) static __unused void ktest_##s##_##n(struct ktest_context *test __unused)
#endif
#define KEXPECT(c)                                                \
	({                                                        \
		bool _ok = !!(c);                                 \
		if (!_ok)                                         \
			ktest_fail(test, #c, __FILE__, __LINE__); \
		_ok;                                              \
	})
#define KEXPECT_EQ(a, b) ktest_expect_eq(test, (s64)(a), (s64)(b), #a " == " #b, __FILE__, __LINE__)
#define KSKIP(reason)                 \
	do {                          \
		test->skipped = true; \
		test->why = (reason); \
		return;               \
	} while (0)
void ktest_fail(struct ktest_context *test, const char *what, const char *file, int line);
bool ktest_expect_eq(struct ktest_context *test, s64 actual, s64 expected, const char *what,
		     const char *file, int line);
/**
 * Run tests and print the results as KTAP.
 * @param filter  a glob over "suite.name", or NULL for all
 * @return the number of tests that failed
 * @note Context: a thread; tests may sleep.
 */
int ktest_run(const char *filter);
/** Run what the command line requests: "ktest", "ktest=GLOB"; with "qemu_exit" QEMU ends after it. Does nothing without "ktest". */
#ifdef CONFIG_KTEST
void ktest_boot(void);
#else
static inline void ktest_boot(void)
{
}
#endif
