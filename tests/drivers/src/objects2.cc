/* SPDX-License-Identifier: MIT */
/* The other object of the driver "objects". */
#include "objects.h"

static Noisy other('o');

int &other_shared()
{
	return shared();
}
char other_letter()
{
	return largest<char>(other.letter(), 'a');
}
