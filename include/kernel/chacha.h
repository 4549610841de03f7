/* SPDX-License-Identifier: MIT */
/** @file chacha.h  The ChaCha20 block function (RFC 8439, section 2.3). Pure; lib/chacha.c */
#pragma once
#include <kernel/types.h>

#define CHACHA_KEY_WORDS  8
#define CHACHA_BLOCK_SIZE 64

/**
 * @brief One block of key stream.
 * @param input  the last row of the state: block counter and nonce
 * @param out    64 bytes
 */
void chacha20_block(const u32 key[CHACHA_KEY_WORDS], const u32 input[4], u8 out[CHACHA_BLOCK_SIZE]);
