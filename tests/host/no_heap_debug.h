/* SPDX-License-Identifier: MIT */
/* For a test of what is there without it, whatever the configuration says. */
#undef CONFIG_DEBUG_HEAP
