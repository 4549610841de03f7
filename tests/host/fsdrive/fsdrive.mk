# SPDX-License-Identifier: MIT
# What a test of a file system's driver needs besides the driver: tests/host/fsdrive/fsdrive.h.
fsdrive-srcs := $(addprefix tests/host/fsdrive/,services.c store.c vfs.c)
fsdrive-cflags := -DBANOS_CFLAGS=0 -DBANOS_DRAFT -DBANOS_IN_TREE $(draft-flags) \
	-include tests/host/fsdrive/driver.h
