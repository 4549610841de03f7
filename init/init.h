/* SPDX-License-Identifier: MIT */
/** @file init.h  Between the files of init/. */
#pragma once
/** Fill the root file system from the boot loader's modules, and free their memory. */
void root_unpack(void);
/** Run the first program, which the command line names; without one the machine stops here. */
void first_process_start(void);
