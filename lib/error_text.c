// SPDX-License-Identifier: MIT
/* Texts of error numbers, for messages to users. They are those of strerror(). */
#include <kernel/err.h>

/* clang-format off */
static const char *const texts[] = {
	[EPERM] = "Operation not permitted", [ENOENT] = "No such file or directory", [EINTR] = "Interrupted",
	[EIO] = "Input/output error", [ENXIO] = "No such device or address", [E2BIG] = "Argument list too long",
	[ENOEXEC] = "Exec format error", [EBADF] = "Bad file descriptor", [EAGAIN] = "Try again",
	[ENOMEM] = "Out of memory", [EACCES] = "Permission denied", [EFAULT] = "Bad address",
	[EBUSY] = "Resource busy", [EEXIST] = "File exists", [ENODEV] = "No such device",
	[ENOTDIR] = "Not a directory", [EISDIR] = "Is a directory", [EINVAL] = "Invalid argument",
	[ENFILE] = "Too many open files in system", [ETXTBSY] = "Text file busy", [EFBIG] = "File too large",
	[ENOSPC] = "No space left on device", [EROFS] = "Read-only file system", [EMLINK] = "Too many links",
	[ERANGE] = "Result too large", [ENAMETOOLONG] = "File name too long", [ENOSYS] = "Function not implemented",
	[ENOTEMPTY] = "Directory not empty", [ELOOP] = "Too many levels of symbolic links",
	[EOVERFLOW] = "Value too large", [ELIBBAD] = "Interpreter is damaged", [EOPNOTSUPP] = "Not supported",
	[ETIMEDOUT] = "Timed out",
};
/* clang-format on */

const char *error_text(long err)
{
	u64 number = err < 0 ? -(u64)err : (u64)err;

	if (number < ARRAY_SIZE(texts) && texts[number])
		return texts[number];
	return "unexpected error";
}
