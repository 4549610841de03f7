/* SPDX-License-Identifier: MIT */
/** @file modtools.h  Between the parts of modtools. */
#pragma once

/** The name that the program was called by. */
extern const char *prog;
/** @brief Say what is wrong with what. @return 1 */
int complain(const char *what, const char *why);
/**
 * @brief Install every driver that serves a device with this alias, and what they need.
 * @return how many modules.alias has for it, -1: one could not be installed
 */
int probe_alias(const char *alias);
/** @brief The program hotplug. @return exit status */
int cmd_hotplug(int argc, char **argv);
