// SPDX-License-Identifier: MIT
/*
 * The names of the system.
 *
 * Programs are Linux programs, and many ask "uname -s" before they do anything:
 * it answers Linux, the release starts with the Linux release whose ABI this is, and
 * release and version contain Banos.
 *
 * Lock: names_lock (spin) guards the two names that can be set.
 */
#include <generated/version.h>
#include <kernel/err.h>
#include <kernel/lock.h>
#include <kernel/string.h>
#include <kernel/utsname.h>
#include <kernel/wait.h>

static DEFINE_SPINLOCK(names_lock);
static struct new_utsname names = {
	.sysname = "Linux",
	.nodename = "(none)",
	.release = BANOS_RELEASE,
	.version = "#1 SMP PREEMPT Banos " BANOS_VERSION,
	.machine = "x86_64",
	.domainname = "(none)",
};

struct change_source utsname_changes[2] = {
	CHANGE_SOURCE_INIT(utsname_changes[0]),
	CHANGE_SOURCE_INIT(utsname_changes[1]),
};

void utsname_get(struct new_utsname *out)
{
	spin_lock(&names_lock);
	*out = names;
	spin_unlock(&names_lock);
}

int utsname_set(enum utsname_which which, const char *text, size_t len)
{
	char *name = names.domainname;

	if (which == UTSNAME_HOST)
		name = names.nodename;
	if (len > UTS_LEN)
		return -EINVAL;
	spin_lock(&names_lock);
	memcpy(name, text, len);
	memset(name + len, 0, UTS_LEN + 1 - len);
	spin_unlock(&names_lock);
	change_announce(&utsname_changes[which]);
	return 0;
}
