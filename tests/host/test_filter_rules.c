/* SPDX-License-Identifier: MIT */
/* The filter: its rules as text, headers that are bad. drivers/net/filter/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/net/filter/rule.h"

/* ---- rules ---- */

static const char *const wrong[] = {
	"nowhere accept",
	"input",
	"input accept now",
	"input dport 80 accept",
	"input proto tcp dport 0 accept",
	"input proto tcp dport 70000 accept",
	"input proto tcp dport 90-80 accept",
	"input from 10.0.0 accept",
	"input from 10.0.0.0/33 accept",
	"input from ::/129 accept",
	"input from 10.0.0.1 to ::1 accept",
	"input state old accept",
	"input out eth0 accept",
	"output in eth0 accept",
	"input masquerade",
	"postrouting drop",
	"prerouting snat 1.2.3.4",
	"prerouting dnat 1.2.3.4:80",
	"prerouting proto tcp dnat ::1",
	"policy input reject",
	"policy prerouting accept",
	"input in a-name-that-is-far-too-long accept",
	"policy",
	"input from 1:2:3:4:5:6:7:8:9 accept",
	"input from 1::2::3 accept",
	"input proto 256 drop",
	"input proto tcp in",
	"prerouting proto tcp dnat 1.2.3.4:0",
	"input from 1.2.3.4x drop",
	"policy input from 10.0.0.0/8 accept",
	"policy input state new drop",
	"input proto tcp dport 22 dport 80 accept",
	"input from 10.0.0.1 from 10.0.0.2 drop",
};

static void rules_are_text(void **state)
{
	(void)state;
	static const char *const good[] = {
		"input in eth0 proto 6 from 10.0.0.0/8 to 192.0.2.1/32 sport 1-1023 dport 22 state new,established accept",
		"forward in eth0 out eth1 proto 17 dport 53 drop",
		"output out lo state invalid reject",
		"postrouting out eth1 from 10.0.0.0/8 masquerade",
		"postrouting out eth1 snat 192.0.2.9",
		"prerouting in eth1 proto 6 dport 80 dnat 10.0.0.5:8080",
		"input from fe80:0:0:0:0:0:0:0/10 accept",
		"input from 0:0:0:0:0:0:0:0/0 drop",
		"forward from 0.0.0.0/0 drop",
	};
	struct rule rule;
	const char *why;
	char text[RULE_LINE_MAX];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(rule_parse(good[i], &rule, &why), RULE_RULE);
		rule_format(&rule, text, sizeof(text));
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(rule_parse(wrong[i], &rule, &why), RULE_WRONG);
		assert_non_null(why);
	}
	assert_int_equal(rule_parse("  # nothing", &rule, &why), RULE_NOTHING);
	assert_int_equal(rule_parse("policy input drop # so", &rule, &why), RULE_POLICY);
	assert_int_equal(rule_parse("input from ::ffff:1 drop", &rule, &why), RULE_RULE);
	assert_int_equal(rule_format(&rule, text, 8), 7);
}

/* ---- headers ---- */

/* More of them than are read: what is behind is not known. */
static void many_extension_headers_are_bad(void **state)
{
	(void)state;
	for (uint32_t count = 8; count < 10; count++) {
		uint8_t bytes[256] = { 0 };
		struct flow_frame frame = { .bytes = bytes,
					    .length = 54 + count * 8 + 8,
					    .room = 256 };
		struct flow flow;

		memcpy(bytes + 12, "\x86\xdd", 2);
		bytes[14] = 0x60;
		bytes[19] = (uint8_t)(count * 8 + 8);
		bytes[20] = 60;
		for (uint32_t i = 0; i < count; i++)
			bytes[54 + i * 8] = 60;
		bytes[54 + (count - 1) * 8] = FLOW_UDP;
		filter_flow_read(&frame, &flow);
		if (count == 8)
			assert_int_equal(flow.kind, FLOW_TRACKED);
		else
			assert_int_equal(flow.kind, FLOW_BAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_text),
		cmocka_unit_test(many_extension_headers_are_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
