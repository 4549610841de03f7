/* SPDX-License-Identifier: MIT */
/** @file string.h  Memory and strings (lib/string.c, format.c, parse.c, glob.c, hash.c). Pure. */
#pragma once
#ifdef __BANOS_HOST__
#include <string.h>
#endif
#include <kernel/types.h>
#include <stdarg.h>

#ifndef __BANOS_HOST__
void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int fill, size_t length);
int memcmp(const void *a, const void *b, size_t length);
/** For drivers: compilers of some languages call it where only "equal or not" counts. */
int bcmp(const void *first, const void *second, size_t length);
void *memchr(const void *memory, int byte, size_t length);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t max);
int strcmp(const char *first, const char *second);
int strncmp(const char *first, const char *second, size_t limit);
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
char *strstr(const char *text, const char *wanted);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args_in);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
#endif
/** Copy with a limit, always NUL-terminated. @return length of @p src, or -E2BIG when cut. */
s64 strscpy(char *dst, const char *src, size_t size);
/** Like snprintf() but returns what was really written (without NUL). */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
/**
 * What %pS calls: write "symbol+0xoffset/0xsize" for @p addr into @p buf.
 * NULL until the kernel has its table of names. Any context.
 * @return length without NUL, 0 when nothing covers the address
 */
extern size_t (*format_symbol_hook)(char *buf, size_t size, u64 addr);
/** Whole string to a number; base 0 takes 0x and 0. @return 0, -EINVAL, -ERANGE */
int __must_check parse_u64(const char *text, u32 base, u64 *out);
int __must_check parse_s64(const char *text, u32 base, s64 *out);
/** "4K", "16M", "2G" and plain numbers. */
int __must_check parse_size(const char *text, u64 *out);
/** Is it a text with an end within @p size bytes, not empty, of letters, digits and _ - . only? */
bool text_is_word(const char *text, size_t size);
/** Does all of @p text match @p pattern, with * for any text and ? for any character? */
bool glob_match(const char *pattern, const char *text);
/** How many characters of @p pattern stand for themselves: the more, the more specific it is. */
u32 glob_literals(const char *pattern);
u64 hash_bytes(const void *data, size_t length, u64 seed); /* fast, not cryptographic */
