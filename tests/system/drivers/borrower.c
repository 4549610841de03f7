/* SPDX-License-Identifier: MIT */
/* For keeper.c: uses a banos_call that was made to another driver. */
#include <banos/driver.h>
#include <banos/export.h>
#include <banos/user.h>

int64_t borrower_read(uint64_t call, uint64_t from);
int64_t borrower_read(uint64_t call, uint64_t from)
{
	char byte;

	return banos_user_read((banos_call)call, &byte, from, 1);
}
BANOS_EXPORT(borrower_read);

static int64_t borrower_init(banos_owner self)
{
	return 0;
}

BANOS_DRIVER(borrower, "1.0", "MIT", "Uses another driver's call", borrower_init, NULL);
