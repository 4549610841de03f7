// SPDX-License-Identifier: MIT
/*
 * <banos/socket_family.h>: the functions that drivers call. They exist in every configuration.
 */
#include <kernel/kconfig.h>
#include "caller.h"
#include "socket_family.h"

_Static_assert(sizeof(struct banos_socket_message) >= BANOS_SOCKET_MESSAGE_SIZE_2,
	       "drivers of the first draft read as much");
_Static_assert(sizeof(struct banos_socket_description) >= BANOS_SOCKET_DESCRIPTION_SIZE_2,
	       "drivers of the first draft write as much");

int64_t banos_family_register(banos_owner owner, const struct banos_family_config *config,
			      banos_family *family)
{
	struct owner *asked = api_owner(owner);

	if (!IS_ENABLED(CONFIG_NET_FAMILIES))
		return -EOPNOTSUPP;
	if (!asked)
		return MISTAKE("owner does not belong to the caller");
	if (family && !api_may_write(family, sizeof(*family)))
		return MISTAKE("family is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (owner_driver(asked)->state == BANOS_DRIVER_GOING)
		return -ENODEV;
	return driver_family_create(asked, config, family);
}
BANOS_EXPORT(banos_family_register);

int64_t banos_family_remove(banos_family family)
{
	if (!IS_ENABLED(CONFIG_NET_FAMILIES))
		return -EOPNOTSUPP;
	return api_remove(__func__, "family", (u64)family, &family_class);
}
BANOS_EXPORT(banos_family_remove);

int64_t banos_socket_wake(banos_socket socket, uint32_t events)
{
	if (!IS_ENABLED(CONFIG_NET_FAMILIES))
		return -EOPNOTSUPP;
	if (likely(driver_socket_wake((u64)socket, events)))
		return 0;
	return api_entry_mistake(__func__, "socket", -EINVAL);
}
BANOS_EXPORT(banos_socket_wake);
