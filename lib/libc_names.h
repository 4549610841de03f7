/* SPDX-License-Identifier: MIT */
/**
 * @file libc_names.h  Our versions of libc's functions under names of their own.
 *
 * In the kernel string.c and format.c are memcpy() and its kin. On the host
 * libc and the sanitizers own these names, so there ours are banos_memcpy()
 * and so on; a host test that includes this file calls ours by the usual names
 * and libc's as __builtin_memcpy(). To be included last, behind <stdio.h>.
 */
#pragma once
#ifdef __BANOS_HOST__
#include <stdarg.h>

#define memcpy	  banos_memcpy
#define memmove	  banos_memmove
#define memset	  banos_memset
#define memcmp	  banos_memcmp
#define bcmp	  banos_bcmp
#define memchr	  banos_memchr
#define strlen	  banos_strlen
#define strnlen	  banos_strnlen
#define strcmp	  banos_strcmp
#define strncmp	  banos_strncmp
#define strchr	  banos_strchr
#define strrchr	  banos_strrchr
#define strstr	  banos_strstr
#define vsnprintf banos_vsnprintf
#define snprintf  banos_snprintf

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int fill, size_t length);
int memcmp(const void *a, const void *b, size_t length);
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
int snprintf(char *buf, size_t size, const char *fmt, ...);
#endif
