// SPDX-License-Identifier: MIT
/*
 * What mm/ and fs/ promise each other about mapped files, with both halves real: the faults of
 * mm/vm_fault.c on files of tmpfs (fs/cache/pages.c). vm.c tests the same faults against a file system
 * made up for the test, which keeps promises of its own; so these tests hold that the real one does.
 */
#include <kernel/err.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/ktest.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/fcntl.h>
#include <uapi/mman.h>

#define RW     (PROT_READ | PROT_WRITE)
#define P(n)   ((u64)(n) << PAGE_SHIFT)
#define HINT   0x10000000ull
#define NPAGES 40u

/* A space that the test runs in, and a nameless file of tmpfs whose page n holds n + 1, but for holes. */
struct scene {
	struct vm_space *space;
	struct file *file;
};

static bool is_hole(u32 count)
{
	return count % 4 == 3;
}

static void scene_end(struct scene *scene)
{
	thread_switch_space(NULL);
	if (scene->file)
		file_put(scene->file);
	if (scene->space)
		vm_space_put(scene->space);
}

static bool scene_begin(struct ktest_context *test, struct scene *scene)
{
	struct file *f = file_open(AT_FDCWD, "/", O_TMPFILE | O_RDWR, 0600);

	*scene = (struct scene){ .space = vm_space_create(), .file = IS_ERR(f) ? NULL : f };
	if (!KEXPECT(scene->space && scene->file))
		goto fail;
	thread_switch_space(scene->space);
	for (u32 i = 0; i < NPAGES; i++) {
		u8 byte = i + 1;
		u64 pos = P(i);

		if (!is_hole(i) && !KEXPECT_EQ(file_write_kernel(f, &byte, 1, &pos), 1))
			goto fail;
	}
	mutex_lock(&f->inode->lock);
	KEXPECT_EQ(f->inode->ops->truncate(f->inode, P(NPAGES)), 0);
	mutex_unlock(&f->inode->lock);
	return true;
fail:
	scene_end(scene);
	return false;
}

static int peek(u64 addr)
{
	u8 byte;

	if (copy_from_user(&byte, uaddr(addr), 1))
		return -1;
	return byte;
}
static int poke(u64 addr, u8 byte)
{
	if (copy_to_user(uaddr(addr), &byte, 1))
		return -1;
	return 0;
}

/* A byte as read() gives it. */
static int file_byte(struct scene *scene, u64 offset)
{
	u8 byte;

	if (file_read_kernel(scene->file, &byte, 1, &offset) == 1)
		return byte;
	return -1;
}

static s64 scene_map(struct scene *scene, u64 addr, u32 kind)
{
	return vm_map(scene->space, addr, P(NPAGES), RW, kind | MAP_FIXED, scene->file, 0);
}

/* Every order of reading and writing a shared page, in a space with one user and with two. */
static void orders(struct ktest_context *test, struct scene *scene)
{
	const s64 addr = scene_map(scene, HINT, MAP_SHARED);

	KEXPECT_EQ(addr, HINT);
	for (u32 i = 0; i < NPAGES; i++) {
		if (i & 1)
			KEXPECT_EQ(peek(addr + P(i)), is_hole(i) ? 0 : i + 1);
		KEXPECT_EQ(poke(addr + P(i), i + 101), 0);
		KEXPECT_EQ(poke(addr + P(i) + 1, 1), 0);
		KEXPECT_EQ(peek(addr + P(i)), i + 101);
		KEXPECT_EQ(file_byte(scene, P(i)), i + 101);
	}
	KEXPECT_EQ(vm_unmap(scene->space, addr, P(NPAGES)), 0);
}

KTEST(vm_files, a_shared_page_is_written_in_any_order)
{
	struct scene scene;

	if (!scene_begin(test, &scene))
		return;
	orders(test, &scene);
	scene_end(&scene);
	if (!scene_begin(test, &scene))
		return;
	vm_space_get(scene.space); /* as a second thread */
	orders(test, &scene);
	vm_space_put(scene.space);
	scene_end(&scene);
}

KTEST(vm_files, rights_come_and_go_under_shared_pages)
{
	struct scene scene;
	struct vm_space *child;
	s64 addr;

	if (!scene_begin(test, &scene))
		return;
	addr = scene_map(&scene, HINT, MAP_SHARED);
	KEXPECT_EQ(peek(addr), 1);
	KEXPECT_EQ(poke(addr + P(1), 50), 0);
	KEXPECT_EQ(vm_protect(scene.space, addr, P(NPAGES), PROT_READ), 0);
	KEXPECT_EQ(poke(addr, 51), -1);
	KEXPECT_EQ(vm_protect(scene.space, addr, P(NPAGES), RW), 0);
	KEXPECT_EQ(poke(addr, 51), 0);
	KEXPECT_EQ(poke(addr + P(1), 52), 0);
	vm_protect_file_range(&scene.file->inode->pages, 0, NPAGES);
	KEXPECT_EQ(poke(addr, 53), 0);
	child = vm_space_fork(scene.space, NULL);
	if (KEXPECT(child)) {
		thread_switch_space(child);
		KEXPECT_EQ(peek(addr + P(1)), 52);
		KEXPECT_EQ(poke(addr + P(1), 54), 0);
		KEXPECT_EQ(poke(addr + P(2), 55), 0);
		thread_switch_space(scene.space);
		vm_space_put(child);
	}
	KEXPECT_EQ(vm_advise(scene.space, addr, P(NPAGES), MADV_POPULATE_WRITE), 0);
	KEXPECT_EQ(peek(addr), 53);
	KEXPECT_EQ(peek(addr + P(1)), 54);
	KEXPECT_EQ(peek(addr + P(2)), 55);
	scene_end(&scene);
}

KTEST(vm_files, a_truncation_is_seen_by_mappings_and_mappings_by_it)
{
	struct scene scene;
	s64 shared, private;

	if (!scene_begin(test, &scene))
		return;
	shared = scene_map(&scene, HINT, MAP_SHARED);
	private = scene_map(&scene, HINT + P(2 * NPAGES), MAP_PRIVATE);
	KEXPECT_EQ(vm_advise(scene.space, shared, P(NPAGES), MADV_POPULATE_WRITE), 0);
	KEXPECT_EQ(poke(private + P(20), 99), 0);
	KEXPECT_EQ(peek(private + P(21)), 22);
	mutex_lock(&scene.file->inode->lock);
	KEXPECT_EQ(scene.file->inode->ops->truncate(scene.file->inode, P(10) + 1), 0);
	mutex_unlock(&scene.file->inode->lock);
	KEXPECT_EQ(scene.file->inode->pages.tree.count, 11);
	KEXPECT_EQ(peek(shared + P(10)), 11);
	KEXPECT_EQ(poke(shared + P(11), 1), -1);
	KEXPECT_EQ(peek(private + P(20)), -1);
	KEXPECT_EQ(vm_advise(scene.space, shared, P(NPAGES), MADV_POPULATE_WRITE), -EFAULT);
	KEXPECT_EQ(vm_advise(scene.space, shared, P(11), MADV_POPULATE_WRITE), 0);
	scene_end(&scene);
}
