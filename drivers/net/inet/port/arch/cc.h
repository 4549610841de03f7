/* SPDX-License-Identifier: MIT */
/** @file cc.h  What lwIP asks of a compiler and a system: see its doc/sys_arch.txt. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define LWIP_NO_CTYPE_H	   1
#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H   1
#define LWIP_NO_UNISTD_H   1
#define INT_MAX		   0x7fffffff
#define SSIZE_MAX	   INT_MAX
typedef int64_t ssize_t;

#define X8_F  "x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "lu"

#define BYTE_ORDER    1234
#define LITTLE_ENDIAN 1234
#define BIG_ENDIAN    4321
uint16_t inet_checksum_add(const void *bytes, int length);
#define LWIP_CHKSUM inet_checksum_add
/* One instruction each, instead of functions. */
#define lwip_htons(number) __builtin_bswap16((uint16_t)(number))
#define lwip_htonl(number) __builtin_bswap32(number)

void inet_complain(const char *what);
/* A state that lwIP holds for impossible: it is said, and the code goes on as it does without assertions. */
#define LWIP_PLATFORM_ASSERT(what) inet_complain(what)
#define LWIP_PLATFORM_DIAG(what)
uint32_t inet_random(void);
#define LWIP_RAND() inet_random()
