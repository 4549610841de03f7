/* SPDX-License-Identifier: MIT */
/* What rows of processes.c start, linked in several ways. */
#include <stdio.h>

int main(void)
{
	return puts("hello, world") < 0;
}
