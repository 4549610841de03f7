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
	struct owner *asked;
	s64 err;

	if (!IS_ENABLED(CONFIG_NET_FAMILIES))
		return -EOPNOTSUPP;
	asked = api_holder(__func__, owner, family, "family", HANDLE_OPTIONAL | HOLDER_STAYS, &err);
	if (!asked)
		return err;
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
