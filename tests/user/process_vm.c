/* SPDX-License-Identifier: MIT */
/* process_vm_readv(), process_vm_writev(): memory of another process. */
#include "check.h"
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#define PAGE 4096

static char *shared_layout; /* two pages and a hole, at the same place in the child */

static pid_t child_with_pages(void)
{
	int ready[2];
	pid_t child;
	char byte;

	shared_layout =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(shared_layout != MAP_FAILED);
	CHECK_EQ(pipe(ready), 0);
	child = fork();
	if (!child) {
		memset(shared_layout, 'c', 2 * PAGE);
		munmap(shared_layout + 2 * PAGE, PAGE);
		mprotect(shared_layout + 3 * PAGE, PAGE, PROT_READ);
		write(ready[1], "x", 1);
		pause();
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	return child;
}

static struct iovec span(void *base, size_t length)
{
	return (struct iovec){ base, length };
}

TEST(copies)
{
	pid_t child = child_with_pages();
	static char here[4 * PAGE];
	struct iovec local[3], remote[3];

	local[0] = span(here, 100);
	local[1] = span(here + 1000, 3 * PAGE);
	remote[0] = span(shared_layout, 50);
	remote[1] = span(shared_layout + 60, 0);
	remote[2] = span(shared_layout + PAGE - 10, 200);
	CHECK_EQ(process_vm_readv(child, local, 2, remote, 3, 0), 250);
	CHECK_EQ(here[0], 'c');
	CHECK_EQ(here[99], 'c');
	CHECK_EQ(here[100], 0);
	CHECK_EQ(here[1149], 'c');
	CHECK_EQ(here[1150], 0);
	/* as far as there is memory */
	remote[0] = span(shared_layout + PAGE, 2 * PAGE);
	CHECK_EQ(process_vm_readv(child, local + 1, 1, remote, 1, 0), PAGE);
	remote[0] = span(shared_layout + 2 * PAGE, 10);
	CHECK_ERR(process_vm_readv(child, local, 1, remote, 1, 0), EFAULT);
	local[0] = span("hello", 5);
	remote[0] = span(shared_layout + 3, 5);
	CHECK_EQ(process_vm_writev(child, local, 1, remote, 1, 0), 5);
	local[0] = span(here, 10);
	remote[0] = span(shared_layout, 10);
	CHECK_EQ(process_vm_readv(child, local, 1, remote, 1, 0), 10);
	CHECK(!memcmp(here, "ccchellocc", 10));
	remote[0] = span(shared_layout + 3 * PAGE, 5); /* may only be read there */
	CHECK_ERR(process_vm_writev(child, local, 1, remote, 1, 0), EFAULT);
	CHECK_EQ(process_vm_readv(child, local, 1, remote, 1, 0), 5);
	/* one's own */
	remote[0] = span(here + 100, 10);
	here[100] = 'z';
	CHECK_EQ(process_vm_readv(getpid(), local, 1, remote, 1, 0), 10);
	CHECK_EQ(here[0], 'z');
	kill(child, SIGKILL);
}

TEST(refusals)
{
	pid_t child = child_with_pages(), other;
	char here[16];
	struct iovec local = span(here, 16), remote = span(shared_layout, 16), none = span(NULL, 0),
		     bad = span((void *)16, 16), negative = span(here, -1ul);

	CHECK_ERR(process_vm_readv(child, &local, 1, &remote, 1, 1), EINVAL);
	CHECK_ERR(process_vm_readv(child, &local, 1025, &remote, 1, 0), EINVAL);
	CHECK_ERR(process_vm_readv(child, &local, 1, &remote, 1025, 0), EINVAL);
	CHECK_ERR(process_vm_readv(child, &local, -1ul, &remote, 1, 0), EINVAL);
	CHECK_ERR(process_vm_readv(child, (void *)16, 1, &remote, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(child, &local, 1, (void *)16, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(child, &negative, 1, &remote, 1, 0), EINVAL);
	CHECK_ERR(process_vm_readv(child, &local, 1, &negative, 1, 0), EINVAL);
	CHECK_ERR(process_vm_readv(child, &bad, 1, &remote, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(child, &local, 1, &bad, 1, 0), EFAULT);
	CHECK_EQ(process_vm_readv(child, &none, 1, &remote, 1, 0), 0);
	CHECK_EQ(process_vm_readv(child, &none, 1, (void *)16, 1, 0), 0);
	CHECK_EQ(process_vm_readv(4000000, &local, 1, &none, 1, 0), 0);
	CHECK_ERR(process_vm_readv(4000000, &local, 1, &remote, 1, 0), ESRCH);
	CHECK_ERR(process_vm_readv(-1, &local, 1, &remote, 1, 0), ESRCH);
	other = fork();
	if (!other) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_ERR(process_vm_readv(child, &local, 1, &remote, 1, 0), EPERM);
		CHECK_ERR(process_vm_writev(child, &local, 1, &remote, 1, 0), EPERM);
		_exit(0);
	}
	CHECK_EQ(wait_status(other), 0);
	kill(child, SIGKILL);
	pause_ms(50);
	CHECK_ERR(process_vm_readv(child, &local, 1, &remote, 1, 0), ESRCH); /* a zombie */
}

int main(void)
{
	RUN(copies);
	RUN(refusals);
	return check_done();
}
