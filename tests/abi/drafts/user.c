/* SPDX-License-Identifier: MIT */
/* A driver that uses drafts: the horn, and with -DLAMP=n the n-th draft of the lamp, too. */
#include <banos/horn.h>
#include "../../conformance/check.h"
#ifdef LAMP
#include <banos/lamp.h>
#endif

static int64_t draft_user_init(banos_owner self)
{
	CHECK(banos_horn_sound(self, 5) == 12);
#if LAMP == 1
	CHECK(banos_lamp_light(self, 30) == 30);
#elif LAMP == 2
	CHECK(banos_lamp_light(self, 2, 30) == 2030);
#endif
	return check_verdict(self);
}

BANOS_DRIVER(draft_user, "1", "MIT", "Uses drafts", draft_user_init, NULL);
