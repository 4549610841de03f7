/* SPDX-License-Identifier: MIT */
/** @file init.h  Between the files of init/. */
#pragma once
/** Fill the root file system from the loader's modules, and give their memory back. */
void root_unpack(void);
/** Run the first program as the command line says; a machine without one stops here. */
void first_process_start(void);
