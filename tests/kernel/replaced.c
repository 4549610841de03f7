/* SPDX-License-Identifier: MIT */
/* banos/life/successor.c: an exporter that is replaced, or fails, while clients on all CPUs call it. */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/ktest.h>
#include "driver_steps.h"

IMAGE(relay);
IMAGE(relay_lacks);
IMAGE(caller);
static const struct image relay = ENTRY(relay), relay_lacks = ENTRY(relay_lacks),
			  caller = ENTRY(caller);

static s64 install_relay(u32 generation)
{
	char params[32];

	snprintf(params, sizeof(params), "generation=%u", generation);
	return install(&relay, params, 0);
}

/* @return the one that is left, negative: it failed */
static s64 replace_often(struct ktest_context *test, s64 exporter, u32 first, u32 count)
{
	for (u32 i = 0; i < count && exporter >= 0; i++) {
		s64 next = install_relay(first + i);

		if (!KEXPECT(next >= 0))
			return next;
		if (!KEXPECT_EQ(remove_with(exporter, BANOS_REMOVE_REPLACE), 0)) {
			pr_info("# %s\n", reasons);
			return -EIO;
		}
		exporter = next;
	}
	return exporter;
}

/* Replace it twice as often as @count; a second client is bound to another one than the first. */
static void replace_under_clients(struct ktest_context *test, u32 count)
{
	s64 exporter = install_relay(1), client = install(&caller, NULL, 0), second;
	u64 from = printk_last_seq();
	char text[96];

	if (!KEXPECT(exporter >= 0) || !KEXPECT(client >= 0))
		pr_info("# %s\n", reasons);
	exporter = replace_often(test, exporter, 2, count);
	second = install(&caller, NULL, 0);
	exporter = replace_often(test, exporter, count + 2, count);
	KEXPECT_EQ(remove(exporter), -EBUSY);
	KEXPECT_EQ(remove(client), 0);
	KEXPECT_EQ(remove(exporter), -EBUSY);
	KEXPECT_EQ(remove(second), 0);
	KEXPECT_EQ(remove(exporter), 0);
	for (u32 i = 1; i <= 2; i++) {
		snprintf(text, sizeof(text),
			 "caller: called, wrong 0, told %u, kept again %u, none dead, moved",
			 i * count, i * count);
		KEXPECT_EQ(log_count(from, text), 1);
	}
}

KTEST(driver, is_replaced_under_its_clients)
{
	struct usage before;

	replace_under_clients(test, 2); /* tables may grow that never shrink */
	before = settled_usage();
	replace_under_clients(test, 50);
	KEXPECT(back_at(&before));
}

KTEST(driver, is_replaced_by_one_that_offers_the_same_only)
{
	s64 exporter = install_relay(1), client = install(&caller, NULL, 0), other;

	KEXPECT(exporter >= 0 && client >= 0);
	KEXPECT_EQ(remove_with(exporter, BANOS_REMOVE_REPLACE), -EBUSY);
	KEXPECT(strstr(reasons, "no other driver that is installed exports what others use"));
	other = install(&relay_lacks, NULL, 0);
	KEXPECT(other >= 0);
	KEXPECT_EQ(remove_with(exporter, BANOS_REMOVE_REPLACE), -EBUSY);
	KEXPECT(strstr(reasons, "cannot take over: it does not export relay_call\n"));
	KEXPECT(strstr(reasons, "its signature of relay_wait is \"i\", expected \"q\""));
	KEXPECT(strstr(reasons, "its signature of relay_keep is \"none\", expected \"hc(q)\""));
	KEXPECT(!strstr(reasons, "relay_generation"));
	/* Nobody uses that one. */
	KEXPECT_EQ(remove_with(other, BANOS_REMOVE_REPLACE), 0);
	KEXPECT_EQ(remove(client), 0);
	KEXPECT_EQ(remove(exporter), 0);
}

KTEST(driver, takes_over_from_one_that_failed)
{
	struct usage before = settled_usage();
	u64 from = printk_last_seq();
	s64 exporter, client, other;

	if (!IS_ENABLED(CONFIG_GATE_ABANDON))
		KSKIP("CONFIG_GATE_ABANDON is not set");
	exporter = install_relay(1);
	client = install(&caller, "crash=1", 0);
	KEXPECT(client >= 0);
	/* It is removed although it has a client. */
	while (remove(exporter) == -EBUSY)
		sleep_ms(1);
	other = install(&relay_lacks, NULL, 0);
	KEXPECT(log_count(from, "cannot take over: it does not export relay_call") > 0);
	exporter = install_relay(2);
	KEXPECT_EQ(log_count(from, "which failed"), 1);
	sleep_ms(20);
	KEXPECT_EQ(remove(exporter), -EBUSY);
	exporter = replace_often(test, exporter, 3, 3);
	KEXPECT_EQ(remove(client), 0);
	KEXPECT_EQ(remove(exporter), 0);
	KEXPECT_EQ(remove(other), 0);
	KEXPECT_EQ(log_count(from, "caller: called, wrong 0, told 0"), 1);
	KEXPECT_EQ(log_count(from, "some dead, moved"), 1);
	KEXPECT(back_at(&before));
}
