/* SPDX-License-Identifier: MIT */
/* TCP/IP: the families AF_INET and AF_INET6, by lwIP, which the build links in. */
#include "inet.h"

static int64_t inet_init(banos_owner self)
{
	static const struct banos_family_config config = {
		.size = sizeof(config),
		.families = { AF_INET, AF_INET6 },
		.ops = &inet_family_ops,
	};
	int64_t err = core_init(self);

	if (!err)
		err = link_register(self);
	if (err)
		return err;
	return banos_family_register(self, &config, NULL);
}

static int64_t inet_exit(banos_owner self)
{
	core_exit();
	return 0;
}
BANOS_DRIVER(inet, "1.0", "MIT and BSD-3-Clause", "TCP/IP by lwIP", inet_init, inet_exit);
BANOS_SERVES("family:2"); /* so that socket() brings it */
BANOS_SERVES("family:10");
