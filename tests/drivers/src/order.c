/* SPDX-License-Identifier: MIT */
/* Constructors by priority, those without one last; destructors the other way round. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>

static uint8_t fail;
BANOS_PARAM_BOOL(fail, "let init fail");

static char trace[64];
static uint32_t used;
static banos_owner owner;

static void note(char byte)
{
	trace[used++] = byte;
	if (owner && byte != 'x')
		banos_print(owner, "end %s", trace + 8);
}

__attribute__((constructor)) static void last_1(void)
{
	note('e');
}
__attribute__((constructor(2000))) static void third(void)
{
	note('c');
}
__attribute__((constructor(200))) static void first(void)
{
	note('a');
}
__attribute__((constructor(1000))) static void second(void)
{
	note('b');
}
__attribute__((constructor(65000))) static void fourth(void)
{
	note('d');
}
__attribute__((constructor)) static void last_2(void)
{
	note('f');
}
__attribute__((destructor)) static void end_1(void)
{
	note('E');
}
__attribute__((destructor(200))) static void end_4(void)
{
	note('A');
}
__attribute__((destructor(1000))) static void end_3(void)
{
	note('B');
}
__attribute__((destructor)) static void end_2(void)
{
	note('F');
}

static int64_t order_init(banos_owner self)
{
	owner = self;
	used = 7;
	note('x');
	banos_print(self, "begin %s", trace);
	if (fail)
		return -EXDEV;
	if (trace[0] == 'a' && trace[1] == 'b' && trace[2] == 'c' && trace[3] == 'd')
		return 0;
	return -1;
}

static int64_t order_exit(banos_owner self)
{
	banos_print(self, "exit");
	return 0;
}

BANOS_DRIVER(order, "1.0", "MIT", "Constructors and destructors", order_init, order_exit);
