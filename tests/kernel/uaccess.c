/* SPDX-License-Identifier: MIT */
/* Copies to and from user memory that ends in the middle: exact to the byte, for every path of the copy. */
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/mman.h>

#define LONGEST 140u

static u8 kernel_side[LONGEST + 8], back[LONGEST + 8];

/* Is @bytes all that @a is up to @count, and @filler behind it? */
static bool same_up_to(const u8 *a, const u8 *bytes, u64 count, u8 filler)
{
	for (u64 i = 0; i < sizeof(back); i++)
		if (bytes[i] != (i < count ? a[i] : filler))
			return false;
	return true;
}

/* The @valid last bytes before @end are there, nothing behind. @return all as expected? */
static bool copies_are_exact(u64 end, u64 len, u64 valid)
{
	const u64 wanted = MIN(len, valid), at = end - valid;

	if (copy_to_user_partial(uaddr(at), kernel_side, len) != wanted)
		return false;
	memset(back, 0xee, sizeof(back));
	if (copy_from_user_partial(back, uaddr(at), len) != wanted ||
	    !same_up_to(kernel_side, back, wanted, 0xee))
		return false;
	if (clear_user_partial(uaddr(at), len) != wanted)
		return false;
	memset(back, 0xee, sizeof(back));
	if (copy_from_user_partial(back, uaddr(at), wanted) != wanted)
		return false;
	for (u64 i = 0; i < wanted; i++)
		if (back[i])
			return false;
	return true;
}

KTEST(uaccess, copies_end_where_the_memory_ends)
{
	struct vm_space *space = vm_space_create();
	u32 wrong = 0;
	s64 page;

	if (!KEXPECT(space))
		return;
	for (u32 i = 0; i < sizeof(kernel_side); i++)
		kernel_side[i] = i + 1;
	thread_switch_space(space);
	page = vm_map(space, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      NULL, 0);
	if (KEXPECT(page > 0))
		for (u64 len = 0; len <= LONGEST; len += len < 40 ? 1 : 7)
			for (u64 valid = 0; valid <= len; valid++)
				wrong += !copies_are_exact(page + PAGE_SIZE, len, valid);
	KEXPECT_EQ(wrong, 0);
	thread_switch_space(NULL);
	vm_space_put(space);
}
