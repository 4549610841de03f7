// SPDX-License-Identifier: MIT
/*
 * Files and folders in /tmp: what paths, names, entries and pages of files cost.
 */
#include "bench.h"
#include <dirent.h>
#include <sys/stat.h>

#define SOME	  100
#define MANY	  10000
#define MEGABYTE  (1l << 20)
#define NAME_SIZE 40
#define STEP	  6199 /* shares no factor with 1000 or MANY: all names, in no order */

#define DEEP_FOLDER "/tmp/a/bb/ccc/dddd"
#define DEEP_FILE   DEEP_FOLDER "/file"
#define LINK_NAME   "/tmp/bench.link"

static char names[MANY][NAME_SIZE];
static long nnames;

static void must_call(long result, const char *what)
{
	if (result < 0)
		errno = -result;
	must(result >= 0, what);
}
static void put_page(const char *path, int flags)
{
	long fd = CALL(SYS_open, path, O_WRONLY | O_CREAT | flags, 0600);

	must_call(fd, path);
	must(CALL(SYS_write, fd, buffer, PAGE) == PAGE, "write");
	CALL(SYS_close, fd);
}

/* ---- files that are made and removed ---- */

static void name_some(void)
{
	for (nnames = 0; nnames < SOME; nnames++)
		snprintf(names[nnames], NAME_SIZE, "/tmp/bench.new%ld", nnames);
}
static void create_some(long count)
{
	while (count--)
		put_page(names[count], O_EXCL);
}
static void unlink_some(long count)
{
	while (count--)
		must_call(CALL(SYS_unlink, names[count]), "unlink");
}
static void some_files(void)
{
	name_some();
	create_some(SOME);
}
static void remove_some(void)
{
	unlink_some(SOME);
}
static void create_unlink(long count)
{
	while (count--) {
		long fd = CALL(SYS_open, new_name, O_CREAT | O_RDWR, 0600);

		CALL(SYS_close, fd);
		CALL(SYS_unlink, new_name);
	}
}
static void create_write_read_unlink(long count)
{
	while (count--) {
		long fd = CALL(SYS_open, new_name, O_CREAT | O_RDWR, 0600);

		CALL(SYS_write, fd, buffer, PAGE);
		CALL(SYS_pread64, fd, buffer, PAGE, 0);
		CALL(SYS_close, fd);
		CALL(SYS_unlink, new_name);
	}
}
static void make_remove_folder(long count)
{
	while (count--) {
		must_call(CALL(SYS_mkdir, new_name, 0700), "mkdir");
		must_call(CALL(SYS_rmdir, new_name), "rmdir");
	}
}

/* ---- a file's pages ---- */

static void page_file(void)
{
	must((fds[0] = open(file_name, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0, file_name);
	must(write(fds[0], buffer, PAGE) == PAGE, "write");
}
static void open_read_close(long count)
{
	while (count--) {
		long fd = CALL(SYS_open, file_name, O_RDONLY);

		CALL(SYS_read, fd, buffer, PAGE);
		CALL(SYS_close, fd);
	}
}
static void write_fsync(long count)
{
	while (count--) {
		CALL(SYS_pwrite64, fds[0], buffer, PAGE, 0);
		must_call(CALL(SYS_fsync, fds[0]), "fsync");
	}
}
static void append_page(long count)
{
	while (count--)
		must(CALL(SYS_write, fds[0], buffer, PAGE) == PAGE, "write");
}
/* Some files of a megabyte, each of which can be emptied once. */
static void large_files(void)
{
	name_some();
	for (nnames = 0; nnames < FILES_LARGE; nnames++) {
		put_page(names[nnames], O_TRUNC);
		must((fds[nnames] = open(names[nnames], O_RDWR)) >= 0, "open");
		for (long at = 0; at < MEGABYTE; at += PAGE)
			must(pwrite(fds[nnames], buffer, PAGE, at) == PAGE, "pwrite");
	}
}
static void empty_files(long count)
{
	while (count--)
		must_call(CALL(SYS_ftruncate, fds[count], 0), "ftruncate");
}
static void remove_large(void)
{
	close_all();
	unlink_some(FILES_LARGE);
}

/* ---- paths of five components ---- */

static void deep_file(void)
{
	char path[] = DEEP_FOLDER "/";

	for (char *at = path + strlen("/tmp/"); (at = strchr(at, '/')); *at++ = '/') {
		*at = 0;
		must(!mkdir(path, 0700) || errno == EEXIST, path);
	}
	put_page(DEEP_FILE, O_TRUNC);
}
static void stat_deep(long count)
{
	while (count--)
		must_call(CALL(SYS_stat, DEEP_FILE, buffer), DEEP_FILE);
}
static void open_deep(long count)
{
	while (count--) {
		long fd = CALL(SYS_open, DEEP_FILE, O_RDONLY);

		CALL(SYS_close, fd);
	}
}

/* ---- folders of many files, which stay once they are made ---- */

static void folder_of(const char *folder, long count)
{
	bool made = !mkdir(folder, 0700);

	must(made || errno == EEXIST, folder);
	for (nnames = 0; nnames < count; nnames++) {
		snprintf(names[nnames], NAME_SIZE, "%s/file%05ld", folder, nnames);
		if (made)
			close(open(names[nnames], O_CREAT | O_WRONLY, 0600));
	}
}
static void folder_of_1000(void)
{
	folder_of("/tmp/bench.1000", 1000);
}
static void folder_of_10000(void)
{
	folder_of("/tmp/bench.10000", MANY);
	for (long i = 0; i < nnames; i++)
		must_call(CALL(SYS_stat, names[i], buffer), names[i]);
}
static void stat_any(long count)
{
	for (long at = 1; count--; at = (at + STEP) % nnames)
		must_call(CALL(SYS_stat, names[at], buffer), names[at]);
}
static void stat_negative(long count)
{
	while (count--)
		CALL(SYS_stat, "/tmp/bench.1000/none", buffer);
}
/* Each time another name that does not exist. */
static void stat_absent(long count)
{
	static const char hex[] = "0123456789abcdef";
	static char path[] = "/tmp/bench.10000/fileX0000";
	static unsigned int number;
	char *digits = strchr(path, 'X') + 1;

	while (count--) {
		number++;
		for (int i = 0; i < 4; i++)
			digits[i] = hex[number >> (4 * i) & 15];
		CALL(SYS_stat, path, buffer);
	}
}
static void create_unlink_many(long count)
{
	static const char path[] = "/tmp/bench.10000/another";

	while (count--) {
		long fd = CALL(SYS_open, path, O_CREAT | O_EXCL | O_WRONLY, 0600);

		CALL(SYS_close, fd);
		CALL(SYS_unlink, path);
	}
}
void list_folder(const char *path, long room)
{
	long fd = CALL(SYS_open, path, O_RDONLY | O_DIRECTORY);

	must_call(fd, path);
	while (CALL(SYS_getdents64, fd, buffer, room) > 0)
		;
	CALL(SYS_close, fd);
}
static void list_1000(long count)
{
	while (count--)
		list_folder("/tmp/bench.1000", LIST_BYTES);
}
static void list_10000(long count)
{
	while (count--)
		list_folder("/tmp/bench.10000", LIST_BYTES);
}
static void list_10000_by_2k(long count)
{
	while (count--)
		list_folder("/tmp/bench.10000", 2048);
}

/* ---- other names for files ---- */

static void rename_there_and_back(long count)
{
	for (count /= 2; count--;) {
		must_call(CALL(SYS_rename, file_name, new_name), "rename");
		must_call(CALL(SYS_rename, new_name, file_name), "rename");
	}
}
/* As editors do: another file is written, and takes the old one's name. */
static void replace_file(long count)
{
	while (count--) {
		put_page(new_name, O_EXCL);
		must_call(CALL(SYS_rename, new_name, file_name), "rename");
	}
}
static void link_unlink(long count)
{
	while (count--) {
		must_call(CALL(SYS_link, file_name, new_name), "link");
		must_call(CALL(SYS_unlink, new_name), "unlink");
	}
}
static void symbolic_link(void)
{
	page_file();
	must(!symlink(file_name, LINK_NAME), LINK_NAME);
}
static void stat_link(long count)
{
	while (count--)
		must_call(CALL(SYS_stat, LINK_NAME, buffer), LINK_NAME);
}
static void remove_link(void)
{
	unlink(LINK_NAME);
	close_file();
}

/* ---- the rows ---- */

static const struct row kernel_rows[] = {
	{ "file_create_unlink", 1000, create_unlink, NULL, NULL },
	{ "file_cwru_4k", 1000, create_write_read_unlink, NULL, NULL },
	{ "lookup_1000", 1000, stat_any, folder_of_1000, NULL },
	{ "lookup_negative", 1000, stat_negative, folder_of_1000, NULL },
	{ "readdir_1000", 50, list_1000, folder_of_1000, NULL },
};
const struct group files_group = { "kernel", kernel_rows, NELEMS(kernel_rows) };

static const struct row rows[] = {
	{ "fs_create_write_close", SOME, create_some, name_some, remove_some },
	{ "fs_unlink", SOME, unlink_some, some_files, NULL },
	{ "fs_open_read_close", 1000, open_read_close, page_file, close_file },
	{ "fs_pread_4k", 1000, pread_4k, page_file, close_file },
	{ "fs_pwrite_4k", 1000, pwrite_4k, page_file, close_file },
	{ "fs_append_4k", 1000, append_page, page_file, close_file },
	{ "fs_truncate_1m", FILES_LARGE, empty_files, large_files, remove_large },
	{ "fs_write_4k_fsync", 1000, write_fsync, page_file, close_file },
	{ "fs_stat_5", 1000, stat_deep, deep_file, NULL },
	{ "fs_open_close_5", 1000, open_deep, deep_file, NULL },
	{ "fs_stat_10k", 2000, stat_any, folder_of_10000, NULL },
	{ "fs_stat_absent_10k", 2000, stat_absent, folder_of_10000, NULL },
	{ "fs_create_unlink_10k", 1000, create_unlink_many, folder_of_10000, NULL },
	{ "fs_readdir_10k", 2, list_10000, folder_of_10000, NULL },
	{ "fs_readdir_10k_by_2k", 2, list_10000_by_2k, folder_of_10000, NULL },
	{ "fs_mkdir_rmdir", 1000, make_remove_folder, NULL, NULL },
	{ "fs_rename", 1000, rename_there_and_back, page_file, close_file },
	{ "fs_replace", 500, replace_file, page_file, close_file },
	{ "fs_link_unlink", 1000, link_unlink, page_file, close_file },
	{ "fs_stat_symlink", 1000, stat_link, symbolic_link, remove_link },
};
const struct group fs_group = { "files", rows, NELEMS(rows) };
