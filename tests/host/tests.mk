# SPDX-License-Identifier: MIT
# Unit tests of pure code; scripts/host-tests.mk says what can stand here.

host-test-y += kconfig
