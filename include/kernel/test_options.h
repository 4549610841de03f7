/* SPDX-License-Identifier: MIT */
/** @file test_options.h  Options for tests, whose readers may be left out of the kernel. kernel/base/test_options.c */
#pragma once
#include <kernel/cmdline.h>

extern const struct cmdline_option opt_bench, opt_crash, opt_crash_cpu, opt_fail, opt_gate_abandon,
	opt_ktest, opt_qemu_exit;
