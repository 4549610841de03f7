// SPDX-License-Identifier: MIT
/* The system calls about memory: vm.h for the current space. */
#include "internal.h"
#include <kernel/fs/fd_table.h>
#include <kernel/syscalls.h>
#include <kernel/vm.h>
#include <uapi/mman.h>

SYSCALL1(brk, addr)
{
	return vm_set_brk(current->space, addr);
}

SYSCALL6(mmap, addr, len, prot, flags, fd, off)
{
	struct fd_ref ref = { NULL, false };
	s64 result;

	if (off & ~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		ref = fd_get((u32)fd);
		if (!ref.file)
			return -EBADF;
	}
	result = vm_map(current->space, addr, len, (u32)prot, (u32)flags, ref.file, off);
	if (ref.file)
		fd_put(ref);
	return result;
}

SYSCALL2(munmap, addr, len)
{
	return vm_unmap(current->space, addr, len);
}

SYSCALL3(mprotect, addr, len, prot)
{
	if (prot >> 32) /* all 64 bits count, unlike those of mmap() */
		return -EINVAL;
	return vm_protect(current->space, addr, len, (u32)prot);
}

SYSCALL5(mremap, old, old_len, new_len, flags, new)
{
	if (flags >> 32)
		return -EINVAL;
	return vm_remap(current->space, old, old_len, new_len, (u32)flags, new);
}

SYSCALL3(madvise, addr, len, advice)
{
	return vm_advise(current->space, addr, len, (int)advice);
}

SYSCALL3(msync, addr, len, flags)
{
	return vm_sync(current->space, addr, len, (int)flags);
}

SYSCALL3(mincore, addr, len, vec)
{
	return vm_incore(current->space, addr, len, uaddr(vec));
}

SYSCALL2(mlock, addr, len)
{
	return vm_lock(current->space, addr, len, 0);
}

SYSCALL3(mlock2, addr, len, flags)
{
	if ((int)flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return vm_lock(current->space, addr, len, (int)flags);
}

SYSCALL2(munlock, addr, len)
{
	return vm_unlock(current->space, addr, len);
}

SYSCALL1(mlockall, flags)
{
	return vm_lock_all(current->space, (int)flags);
}

SYSCALL0(munlockall)
{
	return vm_unlock_all(current->space);
}
