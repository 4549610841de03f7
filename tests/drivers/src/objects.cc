/* SPDX-License-Identifier: MIT */
/* Static objects of C++, in the order of their priorities; what is inline in two objects is there once. */
#include <banos/cxx.h>
#include <banos/driver.h>
#include <banos/print.h>
#include "objects.h"

banos_owner owner;
char trace[32];
uint32_t used;

Noisy third('c');
__attribute__((init_priority(300))) Noisy first('a');
__attribute__((init_priority(400))) Noisy second('b');

static int64_t objects_init(banos_owner self)
{
	owner = self;
	banos_print(self, "begin %s", trace);
	/* One variable of an inline function, wherever it is called from. */
	if (&shared() != &other_shared() || shared() != 5)
		return -1;
	if (first.letter() != 'a' || other_letter() != 'o')
		return -2;
	Base *made = new (self) Noisy('n');

	if (!made || made->letter() != 'n')
		return -3;
	delete made;
	return largest<int>(3, 4) == 4 && largest<char>('x', 'a') == 'x' ? 0 : -4;
}

static int64_t objects_exit(banos_owner self)
{
	banos_print(self, "exit");
	return 0;
}

BANOS_DRIVER(objects, "1.0", "MIT", "Static objects of C++", objects_init, objects_exit);
