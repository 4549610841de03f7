/* SPDX-License-Identifier: MIT */
/** @file siginfo.h  siginfo_t: conversion between the kernel's form and that of programs. Pure. */
#pragma once
#include <uapi/signal.h>

/**
 * The details of a signal. @p extra: SIGCHLD: user and system time in 1/100 s;
 * with a negative code: bytes 32 to 47 of the sender's siginfo_t. SI_TIMER: pid is
 * the timer's id, status the overruns. SIGIO: value is the band, status the descriptor.
 */
struct siginfo_k {
	int signo, code, err;
	pid_t pid;
	uid_t uid;
	int status;
	u64 addr;
	u64 value;
	u64 extra[2];
};

/** @brief Convert to the siginfo_t of programs. Unused bytes are zero. */
void signal_info_to_user(const struct siginfo_k *info, struct user_siginfo *out);
/** @brief Convert to what read() of a signalfd returns. */
void signal_info_to_signalfd(const struct siginfo_k *info, struct user_signalfd_siginfo *out);
/** @brief Convert from a siginfo_t that a program made. */
void signal_info_from_user(const struct user_siginfo *from, struct siginfo_k *out);

/** The processor's information about an exception of user code. */
struct trap_record {
	u64 number, error, address;
};
