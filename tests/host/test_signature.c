/* SPDX-License-Identifier: MIT */
/* The letters of signatures between drivers: banos/loader/signature.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <kernel/signature.h>

static struct signature signature;
static char words[SIGNATURE_WORDS_SIZE];

static int parse(const char *text)
{
	strcpy(words, "nothing");
	return signature_parse(text, SIGNATURE_ARGS, &signature, words);
}

static void assert_arg(u32 number, char letter, u32 bytes, u32 length_arg)
{
	const struct signature_arg *arg = &signature.args[number - 1];

	assert_int_equal(arg->letter, letter);
	assert_int_equal(arg->bytes, bytes);
	assert_int_equal(arg->length_arg, length_arg);
}

static void each_letter_is_one_argument(void **state)
{
	assert_int_equal(parse(""), 0);
	assert_int_equal(signature.nargs, 0);
	assert_int_equal(parse("iqhcts"), 0);
	assert_int_equal(signature.nargs, 6);
	assert_int_equal(signature.handles, 1 << 2);
	assert_int_equal(signature.callbacks, 1 << 3);
	assert_int_equal(signature.pointers, 3 << 4);
	assert_int_equal(signature.result, 0);
	assert_string_equal(signature.text, "iqhcts");
	assert_int_equal(parse("f"), 0);
	assert_arg(1, 'f', 0, 0);
}

static void bytes_have_a_length(void **state)
{
	assert_int_equal(parse("r16w$4x24*$5iqr65536"), 0);
	assert_arg(1, 'r', 16, 0);
	assert_arg(2, 'w', 1, 4);
	assert_arg(3, 'x', 24, 5);
	assert_arg(6, 'r', 65536, 0);
	assert_int_equal(signature.pointers, 0x27);
	assert_int_equal(signature.handles, 0);
}

static void results_may_be_handles(void **state)
{
	assert_int_equal(parse("q>h"), 0);
	assert_int_equal(signature.result, 'h');
	assert_int_equal(parse(">c"), 0);
	assert_int_equal(signature.result, 'c');
}

static void callbacks_may_state_their_own(void **state)
{
	assert_int_equal(parse("hc(qr$1)q"), 0);
	assert_int_equal(signature.nargs, 3);
	assert_int_equal(signature.callbacks, 2);
	assert_int_equal(signature.args[1].inner, 3);
	assert_int_equal(signature.args[1].inner_len, 4);
	assert_int_equal(parse("c()"), 0);
	assert_int_equal(signature.args[0].inner, 2);
	assert_int_equal(signature.args[0].inner_len, 0);
	assert_int_equal(parse("c(qqqqq>h)c"), 0);
	assert_int_equal(signature.callbacks, 3);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "z", "from character 1 on: it is none of the letters" },
		{ "i q", "from character 2 on: it is none" },
		{ "qqqqqqq", "from character 7 on: a function has six" },
		{ "r", "a length is needed" },
		{ "r0", "a length is needed" },
		{ "r016", "a length is needed" },
		{ "r65537", "a length is needed" },
		{ "r99999999999999999999", "a length is needed" },
		{ "r16*", "* is followed by $" },
		{ "r16*q", "* is followed by $" },
		{ "r1*$2q", "1* is left out" },
		{ "r$", "$ is followed by the number" },
		{ "r$7q", "$ is followed by the number" },
		{ "r$2", "the argument behind a $ is none" },
		{ "r$1", "the argument behind a $ is none" },
		{ "r$2h", "the argument behind a $ is none" },
		{ "q>", "a result behind > is h or c" },
		{ "q>q", "a result behind > is h or c" },
		{ "q>hq", "nothing follows the result" },
		{ "c(", "it is none of the letters" },
		{ "c(q", "it is none of the letters" },
		{ "c(qqqqqq)", "a callback has five" },
		{ "c(c(q))", "a callback in a callback" },
		{ "c(r$2q)q)", "it is none of the letters" },
		{ "qc(r$1h)", "the argument behind a $ is none" },
		{ "c)", "it is none of the letters" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(parse(cases[i].text), -EINVAL);
		if (!strstr(words, cases[i].words))
			fail_msg("%s: %s", cases[i].text, words);
	}
}

static void a_callback_has_five_arguments(void **state)
{
	assert_int_equal(signature_parse("qqqqq", SIGNATURE_ARGS_BACK, &signature, words), 0);
	assert_int_equal(signature_parse("qqqqqq", SIGNATURE_ARGS_BACK, &signature, words),
			 -EINVAL);
	assert_non_null(strstr(words, "a callback has five"));
}

static void length_has_a_limit(void **state)
{
	char text[300];

	memset(text, 'q', sizeof(text));
	text[299] = 0;
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(words, "longer than 127"));
	text[128] = 0;
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(words, "longer than 127"));
	text[127] = 0;
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(words, "six arguments"));
}

static void plain_is_what_needs_no_signature(void **state)
{
	static const char *const plain[] = { "", "iqh", "q>h" }, *const others[] = {
		"c", "t", "s", "f", "r8", ">c"
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		assert_int_equal(parse(plain[i]), 0);
		assert_true(signature_is_plain(&signature));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		assert_int_equal(parse(others[i]), 0);
		assert_false(signature_is_plain(&signature));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_letter_is_one_argument),
		cmocka_unit_test(bytes_have_a_length),
		cmocka_unit_test(results_may_be_handles),
		cmocka_unit_test(callbacks_may_state_their_own),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place),
		cmocka_unit_test(a_callback_has_five_arguments),
		cmocka_unit_test(length_has_a_limit),
		cmocka_unit_test(plain_is_what_needs_no_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
