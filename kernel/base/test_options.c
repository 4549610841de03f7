/* SPDX-License-Identifier: MIT */
/*
 * Options whose readers a configuration may leave out. They are the kernel's
 * own words all the same: one command line suits all kernels, and a test's
 * option that is not there must not become an argument of the first program.
 */
#include <kernel/test_options.h>

CMDLINE_OPTION_SHARED(opt_bench, "bench"); /* tests/kernel/bench.c */
CMDLINE_OPTION_SHARED(opt_crash, "crash"); /* tests/kernel/crash.c */
CMDLINE_OPTION_SHARED(opt_crash_cpu, "crash_cpu");
CMDLINE_OPTION_SHARED(opt_fail, "fail");		 /* kernel/fault_injection.c */
CMDLINE_OPTION_SHARED(opt_gate_abandon, "gate_abandon"); /* banos/life/abandon.c */
CMDLINE_OPTION_SHARED(opt_ktest, "ktest");		 /* kernel/ktest.c */
CMDLINE_OPTION_SHARED(opt_qemu_exit, "qemu_exit");	 /* there, and kernel/base/panic.c */
