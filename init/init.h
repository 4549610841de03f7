/* SPDX-License-Identifier: MIT */
/** @file init.h  Between the files of init/. */
#pragma once
/** Fill the root file system from the boot loader's modules, and free their memory. */
void root_unpack(void);
/** Run the first program, which the command line names; without one the machine stops here. */
void first_process_start(void);
/**
 * @brief Mount the disk that the command line names as the root file system, in place of the tmpfs.
 * @return 0, or -errno, with a line in the log: the root is as before
 */
int __must_check disk_root_mount(void);
