// SPDX-License-Identifier: MIT
/* net/netlink_message.c: messages and attributes of netlink; what leads out of what was sent ends it. */
#include "../../net/netlink_message.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static u32 put_message(u8 *to, u32 length, u16 type)
{
	struct user_nlmsghdr header = { .length = length, .type = type };

	memcpy(to, &header, sizeof(header));
	return length;
}

static void messages_follow_each_other(void **state)
{
	u8 bytes[64] = { 0 };
	struct netlink_messages walk = { bytes, 20 + 16 };
	struct user_nlmsghdr header;

	put_message(bytes, 17, 18); /* takes 20 */
	put_message(bytes + 20, 16, 19);
	assert_ptr_equal(netlink_message_next(&walk, &header), bytes + 16);
	assert_int_equal(header.type, 18);
	assert_ptr_equal(netlink_message_next(&walk, &header), bytes + 36);
	assert_int_equal(header.type, 19);
	assert_null(netlink_message_next(&walk, &header));
}

static void a_message_that_leads_out_ends_all(void **state)
{
	u8 bytes[64] = { 0 };
	struct user_nlmsghdr header;
	static const u32 lengths[] = { 0, 15, 33, 0xfffffffd, 0xffffffff };

	for (u32 i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct netlink_messages walk = { bytes, 32 };

		put_message(bytes, lengths[i], 18);
		assert_null(netlink_message_next(&walk, &header));
	}
	/* The last one need not be filled up. */
	struct netlink_messages walk = { bytes, 17 };

	put_message(bytes, 17, 18);
	assert_non_null(netlink_message_next(&walk, &header));
	assert_int_equal(walk.length, 0);
}

static void attributes_have_bounds(void **state)
{
	u8 bytes[16] = { 8, 0, 3, 0, 1, 2, 3, 4, 5, 0, 4, 0x80, 9 };
	struct netlink_attributes found;

	assert_int_equal(netlink_parse(bytes, 13, &found), 0);
	assert_int_equal(netlink_number(&found, 3, 7), 0x04030201);
	assert_int_equal(found.length[4], 1); /* without the bit that says "nested" */
	assert_int_equal(netlink_number(&found, 4, 7), 7);
	assert_int_equal(netlink_number(&found, 5, 7), 7);
	assert_int_equal(netlink_parse(bytes, 12, &found), -EINVAL);
	bytes[0] = 3;
	assert_int_equal(netlink_parse(bytes, 13, &found), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_follow_each_other),
		cmocka_unit_test(a_message_that_leads_out_ends_all),
		cmocka_unit_test(attributes_have_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
