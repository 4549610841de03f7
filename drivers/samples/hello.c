/* SPDX-License-Identifier: MIT */
/* The smallest useful driver: it greets the user that its parameter names. */
#include <banos/driver.h>
#include <banos/print.h>

static char who[32] = "world";
BANOS_PARAM_TEXT(who, "the name to greet");

static int64_t hello_init(banos_owner self)
{
	banos_print(self, "Hello, %s!", who);
	return 0;
}

static int64_t hello_exit(banos_owner self)
{
	banos_print(self, "Goodbye, %s.", who);
	return 0;
}

BANOS_DRIVER(hello, "1.0", "MIT", "Greets by name", hello_init, hello_exit);
