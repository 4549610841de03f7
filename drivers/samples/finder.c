/* SPDX-License-Identifier: MIT */
/* Looking a function up at run time, by a name that was not known before. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/print.h>

static char name[64] = "adder_add";
BANOS_PARAM_TEXT(name, "a function of two numbers");

static int64_t finder_init(banos_owner self)
{
	int64_t (*add)(int64_t, int64_t) =
		(int64_t(*)(int64_t, int64_t))banos_lookup_symbol(self, name);

	if (!add) {
		banos_error(self, "no installed driver exports %s, nor does the kernel", name);
		return -ENOENT;
	}
	/* Until it is released, the driver that provides it stays installed. */
	banos_print(self, "%s: %lld", name, (long long)add(40, 2));
	banos_release_symbol(self, (void *)add);
	return 0;
}

BANOS_DRIVER(finder, "1.0", "MIT", "Finds functions by name", finder_init, NULL);
