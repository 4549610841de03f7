/* SPDX-License-Identifier: MIT */
/* kernel/process/signal_set.h, signal_info.c: sets, order of delivery, siginfo_t. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../kernel/process/signal_set.h"
#include <kernel/siginfo.h>

static void numbers_are_bits_from_zero(void **state)
{
	assert_int_equal(sigbit(1), 1);
	assert_true(sigbit(64) == 1ull << 63);
	assert_true(sig_in(sigbit(SIGTERM) | sigbit(64), 64));
	assert_false(sig_in(sigbit(SIGTERM), SIGINT));
	assert_false(sig_valid(0));
	assert_true(sig_valid(64));
	assert_false(sig_valid(65));
	assert_false(sig_valid(-1));
}

static void faults_come_first_then_low_numbers(void **state)
{
	assert_int_equal(sig_first(0), 0);
	assert_int_equal(sig_first(sigbit(40) | sigbit(33)), 33);
	assert_int_equal(sig_first(sigbit(SIGHUP) | sigbit(SIGSEGV)), SIGSEGV);
	assert_int_equal(sig_first(sigbit(SIGHUP) | sigbit(SIGKILL)), SIGHUP);
	assert_int_equal(sig_first(1ull << 63), 64);
}

static void default_actions_are_posix(void **state)
{
	assert_int_equal(sig_default_action(SIGCHLD), SIG_DEFAULT_IGNORE);
	assert_int_equal(sig_default_action(SIGCONT), SIG_DEFAULT_IGNORE);
	assert_int_equal(sig_default_action(SIGURG), SIG_DEFAULT_IGNORE);
	assert_int_equal(sig_default_action(SIGWINCH), SIG_DEFAULT_IGNORE);
	assert_int_equal(sig_default_action(SIGSTOP), SIG_DEFAULT_STOP);
	assert_int_equal(sig_default_action(SIGTTOU), SIG_DEFAULT_STOP);
	assert_int_equal(sig_default_action(SIGIO), SIG_DEFAULT_TERMINATE);
	assert_int_equal(sig_default_action(SIGPWR), SIG_DEFAULT_TERMINATE);
	assert_int_equal(sig_default_action(50), SIG_DEFAULT_TERMINATE);
}

static void masks_never_hold_kill_and_stop(void **state)
{
	u64 mask = 5;

	assert_int_equal(sig_mask_change(&mask, SIG_SETMASK, ~0ull), 0);
	assert_true(mask == ~(sigbit(SIGKILL) | sigbit(SIGSTOP)));
	assert_int_equal(sig_mask_change(&mask, SIG_UNBLOCK, sigbit(SIGINT)), 0);
	assert_false(sig_in(mask, SIGINT));
	mask = sigbit(SIGHUP);
	assert_int_equal(sig_mask_change(&mask, SIG_BLOCK, sigbit(SIGINT)), 0);
	assert_true(mask == (sigbit(SIGHUP) | sigbit(SIGINT)));
	assert_int_equal(sig_mask_change(&mask, 3, 0), -22);
	assert_int_equal(sig_mask_change(&mask, -1, 0), -22);
}

static const u8 *bytes_of(const struct siginfo_k *info)
{
	static struct user_siginfo siginfo;

	memset(&siginfo, 0x77, sizeof(siginfo));
	signal_info_to_user(info, &siginfo);
	return (const u8 *)&siginfo;
}

static u32 at32(const u8 *bytes, u32 i)
{
	u32 number;
	memcpy(&number, bytes + i, 4);
	return number;
}
static u64 at64(const u8 *bytes, u32 i)
{
	u64 number;
	memcpy(&number, bytes + i, 8);
	return number;
}

/* Offsets from Linux's <asm-generic/siginfo.h>. */
static void layouts_are_linux(void **state)
{
	struct siginfo_k info = {
		.signo = SIGTERM, .code = SI_USER, .pid = 7, .uid = 8, .value = 9
	};
	const u8 *bytes = bytes_of(&info);

	assert_int_equal(at32(bytes, 0), SIGTERM);
	assert_int_equal(at32(bytes, 8), SI_USER);
	assert_int_equal(at32(bytes, 16), 7);
	assert_int_equal(at32(bytes, 20), 8);
	assert_int_equal(at64(bytes, 24), 0);
	for (u32 i = 48; i < 128; i++)
		assert_int_equal(bytes[i], 0);

	info = (struct siginfo_k){ .signo = SIGCHLD,
				   .code = CLD_KILLED,
				   .pid = 5,
				   .uid = 6,
				   .status = 9,
				   .extra = { 3, 4 } };
	bytes = bytes_of(&info);
	assert_int_equal(at32(bytes, 24), 9);
	assert_int_equal(at64(bytes, 32), 3);
	assert_int_equal(at64(bytes, 40), 4);

	info = (struct siginfo_k){
		.signo = SIGSEGV, .code = SEGV_ACCERR, .addr = 0x123456789abc, .pid = 1
	};
	bytes = bytes_of(&info);
	assert_true(at64(bytes, 16) == 0x123456789abc);

	info = (struct siginfo_k){
		.signo = 34, .code = SI_TIMER, .pid = 3, .status = 17, .value = 0xfeedbeef00ull
	};
	bytes = bytes_of(&info);
	assert_int_equal(at32(bytes, 16), 3);
	assert_int_equal(at32(bytes, 20), 17);
	assert_true(at64(bytes, 24) == 0xfeedbeef00ull);

	info = (struct siginfo_k){ .signo = SIGIO, .code = POLL_IN, .value = 0x41, .status = 12 };
	bytes = bytes_of(&info);
	assert_int_equal(at64(bytes, 16), 0x41);
	assert_int_equal(at32(bytes, 24), 12);
}

static const u8 *signalfd_bytes_of(const struct siginfo_k *info)
{
	static struct user_signalfd_siginfo siginfo;

	memset(&siginfo, 0x77, sizeof(siginfo));
	signal_info_to_signalfd(info, &siginfo);
	return (const u8 *)&siginfo;
}

/* Offsets from Linux's <linux/signalfd.h>. */
static void layouts_of_signalfd_are_linux(void **state)
{
	struct siginfo_k info = {
		.signo = SIGTERM, .code = SI_USER, .err = 2, .pid = 7, .uid = 8, .value = 9
	};
	const u8 *bytes = signalfd_bytes_of(&info);

	assert_int_equal(at32(bytes, 0), SIGTERM);
	assert_int_equal(at32(bytes, 4), 2);
	assert_int_equal(at32(bytes, 8), SI_USER);
	assert_int_equal(at32(bytes, 12), 7);
	assert_int_equal(at32(bytes, 16), 8);
	for (u32 i = 20; i < 128; i++)
		assert_int_equal(bytes[i], 0);
	info = (struct siginfo_k){
		.signo = SIGCHLD, .code = CLD_EXITED, .pid = 5, .status = 9, .extra = { 3, 4 }
	};
	bytes = signalfd_bytes_of(&info);
	assert_int_equal(at32(bytes, 12), 5);
	assert_int_equal(at32(bytes, 40), 9);
	assert_int_equal(at64(bytes, 56), 3);
	assert_int_equal(at64(bytes, 64), 4);
	info = (struct siginfo_k){
		.signo = 40, .code = SI_QUEUE, .pid = 5, .value = 0x1234500000067ull
	};
	bytes = signalfd_bytes_of(&info);
	assert_int_equal(at32(bytes, 44), 0x67);
	assert_true(at64(bytes, 48) == 0x1234500000067ull);
	info = (struct siginfo_k){
		.signo = 34, .code = SI_TIMER, .pid = 3, .status = 17, .value = 5
	};
	bytes = signalfd_bytes_of(&info);
	assert_int_equal(at32(bytes, 24), 3);
	assert_int_equal(at32(bytes, 32), 17);
	info = (struct siginfo_k){ .signo = SIGSEGV, .code = SEGV_ACCERR, .addr = 0x123456789abc };
	bytes = signalfd_bytes_of(&info);
	assert_true(at64(bytes, 72) == 0x123456789abc);
	info = (struct siginfo_k){ .signo = SIGIO, .code = POLL_IN, .value = 0x41, .status = 12 };
	bytes = signalfd_bytes_of(&info);
	assert_int_equal(at32(bytes, 20), 12);
	assert_int_equal(at32(bytes, 28), 0x41);
	info = (struct siginfo_k){ .signo = SIGSYS, .code = 1, .addr = 0x4711, .status = 99 };
	bytes = signalfd_bytes_of(&info);
	assert_int_equal(at32(bytes, 84), 99);
	assert_true(at64(bytes, 88) == 0x4711);
}

/* sigqueue(): all that the sender wrote into the first 48 bytes arrives. */
static void what_a_program_sends_arrives_unchanged(void **state)
{
	struct user_siginfo siginfo, out;
	struct siginfo_k info;

	memset(&siginfo, 0, sizeof(siginfo));
	siginfo.signo = 40;
	siginfo.code = SI_QUEUE;
	siginfo.err = 3;
	for (u32 i = 0; i < 32; i++)
		((u8 *)siginfo.raw)[i] = (u8)(i + 1);
	signal_info_from_user(&siginfo, &info);
	signal_info_to_user(&info, &out);
	assert_memory_equal(&siginfo, &out, sizeof(siginfo));
	siginfo.code = -60;
	signal_info_from_user(&siginfo, &info);
	signal_info_to_user(&info, &out);
	assert_memory_equal(&siginfo, &out, sizeof(siginfo));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_bits_from_zero),
		cmocka_unit_test(faults_come_first_then_low_numbers),
		cmocka_unit_test(default_actions_are_posix),
		cmocka_unit_test(masks_never_hold_kill_and_stop),
		cmocka_unit_test(layouts_are_linux),
		cmocka_unit_test(layouts_of_signalfd_are_linux),
		cmocka_unit_test(what_a_program_sends_arrives_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
