// SPDX-License-Identifier: MIT
/*
 * Drives self-testing drivers: the first process of a machine that has nothing else.
 *
 *	init=/drive -- [rounds=N]
 *
 * Installs each file of /drivers in the order of its name, lets it test itself, removes all
 * in the reverse order; N times (3). Names begin with numbers, as in 02-017-memory.ko: all of one
 * first number are installed together, and removed before the next ones are installed; the driver's
 * own name follows the numbers. Free memory may not shrink from the second round to the
 * last, nothing may be leaked in the kernel's own words. A self-testing driver
 *
 *	- logs one line "PASS: N checks" or "FAIL: what", by itself, within 10 seconds, and "FAIL: what"
 *	  at any time until it is removed; and
 *	- may register a character device of its own name, which is then opened; written to ("test");
 *	  asked by ioctl() 0x4201 with the address of 4096 bytes, each its offset; polled for reading;
 *	  mapped, and where that succeeds, each byte of the first 64 is written (its offset + 1). Each of
 *	  these may be refused by the driver. What it reads at last must begin with "PASS".
 *
 * A file whose name ends in "_refused.ko" must be refused, in words that are printed. One in "+plain.ko"
 * ("01-000-pci+plain.ko" is the driver "pci") does not test itself. A file beside it, 01-000-pci.try, may say
 * what it has to do then:
 *
 *	params TEXT	  what it is installed with
 *	log TEXT	  it logs a line that contains TEXT, within 10 seconds
 *	write PATH TEXT	  write() accepts all of TEXT
 *	read PATH TEXT	  read() provides bytes that begin with TEXT; without TEXT: the end of the file
 *	some PATH	  read() provides bytes
 *
 * A driver that is part of the kernel
 * is not installed again. What drivers say is repeated ("# 02-017-memory said PASS: 332 checks", and
 * "# 02-017-memory answered ..." for what is read from its device), so that the caller can compare numbers.
 *
 * Prints TAP, and "drive: passed" at the end; then it turns the machine off. Everything here is our
 * own and needs no library: it is kept beside drivers of past releases and runs on every kernel.
 */
#include <uapi/banos.h>
#include "drive.h"

#define MAX_DRIVERS   256
#define NAME_SIZE     64
#define LOG_SIZE      (256 * 1024)
#define IMAGE_SIZE    (4 * 1024 * 1024)
#define WAIT_MS	      10000
#define PAGE_BYTES    4096
#define MAPPED_BYTES  64
#define TEST_COMMAND  0x4201
#define TRY_SIZE      2048
#define REBOOT_MAGIC  0xfee1dead
#define REBOOT_MAGIC2 672274793
#define REBOOT_OFF    0x4321fedc
#define SLACK_KIB     256 /* what the kernel's caches may take between two rounds */

static struct driver {
	char file[NAME_SIZE];  /* without ".ko": what lines begin with */
	char name[NAME_SIZE];  /* the driver's own */
	uint32_t group, plain; /* the first number; 1: it does not test itself */
	int64_t id;
} drivers[MAX_DRIVERS];
uint32_t driver_count;
static uint32_t test_count, fail_count, rounds = 3;
static int is_quiet; /* nothing is judged, since a call is to be abandoned */
static char log_text[LOG_SIZE];
static size_t log_length;
static uint8_t image[IMAGE_SIZE], page[PAGE_BYTES];

/* ---- what compilers call by themselves, and text ---- */

void *memset(void *to, int byte, size_t length)
{
	uint8_t *bytes = to;

	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)byte;
	return to;
}

void *memcpy(void *to, const void *from, size_t length)
{
	uint8_t *bytes = to;
	const uint8_t *source = from;

	for (size_t i = 0; i < length; i++)
		bytes[i] = source[i];
	return to;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

/* ---- output ---- */

void print(const char *text)
{
	call3(SYS_WRITE, 1, (uint64_t)text, strlen(text));
}

void print_number(int64_t number)
{
	char digits[24], *cursor = digits + sizeof(digits);
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;

	*--cursor = 0;
	do {
		*--cursor = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (number < 0)
		*--cursor = '-';
	print(cursor);
}

/* One line of TAP: what, and of which driver. */
void tap(int good, const char *name, const char *what)
{
	if (is_quiet)
		return;
	test_count++;
	if (!good)
		fail_count++;
	print(good ? "ok " : "not ok ");
	print_number(test_count);
	print(" - ");
	print(name);
	print(": ");
	print(what);
	print("\n");
}

/* What a driver said, up to the end of the line. */
static void repeat_line(const char *file, const char *how, const char *text)
{
	size_t length = 0;

	while (text[length] && text[length] != '\n')
		length++;
	print("# ");
	print(file);
	print(how);
	call3(SYS_WRITE, 1, (uint64_t)text, length);
	print("\n");
}

static void note(const char *text, int64_t number)
{
	print("# ");
	print(text);
	print(" ");
	print_number(number);
	print("\n");
}

/* ---- the kernel's log ---- */

/* Append what the kernel has logged since, as far as there is room. */
static void log_read(int64_t kmsg)
{
	for (;;) {
		int64_t count = call3(SYS_READ, (uint64_t)kmsg, (uint64_t)log_text + log_length,
				      LOG_SIZE - log_length - 1);

		if (count <= 0)
			break;
		log_length += (size_t)count;
		if (log_length > LOG_SIZE / 2) { /* the first half was judged long ago */
			memcpy(log_text, log_text + LOG_SIZE / 4, log_length - LOG_SIZE / 4);
			log_length -= LOG_SIZE / 4;
		}
	}
	log_text[log_length] = 0;
}

/* The line "NAME: WORD" since @from: its text, or NULL. */
static const char *log_find(const char *from, const char *name, const char *word)
{
	char wanted[NAME_SIZE + 8];
	size_t length = strlen(name);

	memcpy(wanted, name, length);
	memcpy(wanted + length, ": ", 2);
	memcpy(wanted + length + 2, word, strlen(word) + 1);
	return text_find(from, wanted);
}

void sleep_ms(uint32_t milliseconds)
{
	int64_t span[2] = { milliseconds / 1000, milliseconds % 1000 * 1000000l };

	call3(SYS_NANOSLEEP, (uint64_t)span, 0, 0);
}

/* Is it in vain to wait for anything? */
static int is_abandoned(void)
{
	return is_quiet && text_find(log_text, ": abandoned ");
}

static void wait_for_verdict(int64_t kmsg, const struct driver *driver)
{
	const char *said;

	for (uint32_t waited = 0; waited < WAIT_MS; waited += 20) {
		log_read(kmsg);
		if (log_find(log_text, driver->name, "FAIL") || is_abandoned())
			break;
		said = log_find(log_text, driver->name, "PASS");
		if (said) {
			repeat_line(driver->file, " said ", said + strlen(driver->name) + 2);
			tap(1, driver->file, "tested itself");
			return;
		}
		sleep_ms(20);
	}
	tap(0, driver->file, "tested itself");
}

/* ---- files of drivers ---- */

static int is_digit(char letter)
{
	return letter >= '0' && letter <= '9';
}

/* "07-012-name+plain": group, name and kind. */
static void driver_describe(struct driver *driver)
{
	const char *cursor = driver->file;
	size_t length;

	for (driver->group = 0; is_digit(*cursor); cursor++)
		driver->group = driver->group * 10 + (uint32_t)(*cursor - '0');
	while (is_digit(*cursor) || *cursor == '-')
		cursor++;
	memcpy(driver->name, cursor, strlen(cursor) + 1);
	driver->plain = (uint32_t)text_ends(driver->name, "+plain");
	length = strlen(driver->name);
	if (driver->plain)
		driver->name[length - strlen("+plain")] = 0;
}

static void driver_insert(const char *name)
{
	uint32_t place = driver_count;

	if (!text_ends(name, ".ko") || strlen(name) >= NAME_SIZE || driver_count == MAX_DRIVERS)
		return;
	for (; place && text_compare(drivers[place - 1].file, name) > 0; place--)
		drivers[place] = drivers[place - 1];
	memcpy(drivers[place].file, name, strlen(name) + 1);
	drivers[place].file[strlen(name) - strlen(".ko")] = 0;
	driver_describe(&drivers[place]);
	driver_count++;
}

static void find_drivers(void)
{
	static uint8_t entries[8192];
	int64_t folder = call3(SYS_OPEN, (uint64_t) "/drivers", O_RDONLY, 0), count;

	while ((count = call3(SYS_GETDENTS64, (uint64_t)folder, (uint64_t)entries,
			      sizeof(entries))) > 0)
		for (int64_t at = 0; at < count;) {
			driver_insert((const char *)entries + at + 19); /* d_name */
			at += *(uint16_t *)(entries + at + 16);		/* d_reclen */
		}
	call3(SYS_CLOSE, (uint64_t)folder, 0, 0);
}

static void path_of(char *path, const char *folder, const char *name)
{
	memcpy(path, folder, strlen(folder) + 1);
	memcpy(path + strlen(folder), name, strlen(name) + 1);
}

/* @return its size, or an error */
static int64_t read_image(const char *name)
{
	char path[NAME_SIZE + 16];
	int64_t file, size = 0, count = 1;

	path_of(path, "/drivers/", name);
	memcpy(path + strlen(path), ".ko", sizeof(".ko"));
	file = call3(SYS_OPEN, (uint64_t)path, O_RDONLY, 0);
	if (file < 0)
		return file;
	while (count > 0 && size < IMAGE_SIZE) {
		count = call3(SYS_READ, (uint64_t)file, (uint64_t)image + (uint64_t)size,
			      (uint64_t)(IMAGE_SIZE - size));
		if (count > 0)
			size += count;
	}
	call3(SYS_CLOSE, (uint64_t)file, 0, 0);
	return size;
}

/* Is it part of the kernel's image? */
static int is_builtin(const char *name)
{
	static struct banos_query query;

	for (int64_t id = 0; id >= 0; id++) {
		id = call3(SYS_banos_query, (uint64_t)id, (uint64_t)&query, sizeof(query));
		if (id < 0)
			break;
		if (query.builtin && !text_compare(query.name, name))
			return 1;
	}
	return 0;
}

char file_text[65536];

/* The whole of a small text file, in file_text. @return 0: it cannot be read */
int read_text(const char *path)
{
	int64_t file = call3(SYS_OPEN, (uint64_t)path, O_RDONLY, 0), count = 1;
	size_t length = 0;

	while (file >= 0 && count > 0 && length < sizeof(file_text) - 1) {
		count = call3(SYS_READ, (uint64_t)file, (uint64_t)file_text + length,
			      sizeof(file_text) - 1 - length);
		if (count > 0)
			length += (size_t)count;
	}
	file_text[length] = 0;
	if (file >= 0)
		call3(SYS_CLOSE, (uint64_t)file, 0, 0);
	return file >= 0;
}

/* ---- what a driver that does not test itself has to do ---- */

/* The script of a driver, empty if it has none. */
static void try_load(char *script, const struct driver *driver)
{
	char path[NAME_SIZE + 16];

	path_of(path, "/drivers/", driver->file);
	path_of(path + strlen(path) - (driver->plain ? strlen("+plain") : 0), "", ".try");
	script[0] = 0;
	if (read_text(path) && strlen(file_text) < TRY_SIZE)
		memcpy(script, file_text, strlen(file_text) + 1);
}

/* @return the line that begins with @word, behind that word, its end a NUL; NULL: none */
static const char *try_next(char **script, char *word, size_t size)
{
	char *line = *script, *end = line, *blank;

	while (*end && *end != '\n')
		end++;
	*script = *end ? end + 1 : end;
	*end = 0;
	for (blank = line; *blank && *blank != ' '; blank++)
		;
	if (!*line || (size_t)(blank - line) >= size)
		return NULL;
	memcpy(word, line, (size_t)(blank - line));
	word[blank - line] = 0;
	return *blank ? blank + 1 : blank;
}

/* The parameters in @script, or NULL. */
static const char *try_params(const char *script, char *copy)
{
	char word[8], *cursor = copy;
	const char *rest;

	memcpy(copy, script, strlen(script) + 1);
	while ((rest = try_next(&cursor, word, sizeof(word))))
		if (!text_compare(word, "params"))
			return rest;
	return NULL;
}

static int log_comes(int64_t kmsg, const char *text)
{
	for (uint32_t waited = 0; waited < WAIT_MS; waited += 20) {
		log_read(kmsg);
		if (text_find(log_text, text))
			return 1;
		if (is_abandoned())
			break;
		sleep_ms(20);
	}
	return 0;
}

/* @word: write, read or some; @rest: "PATH TEXT" */
static int try_file(const char *word, const char *rest)
{
	char path[NAME_SIZE];
	int writes = !text_compare(word, "write");
	size_t length = 0;
	const char *text;
	int64_t file, count;

	while (rest[length] && rest[length] != ' ' && length < sizeof(path) - 1) {
		path[length] = rest[length];
		length++;
	}
	path[length] = 0;
	text = rest[length] ? rest + length + 1 : rest + length;
	file = call3(SYS_OPEN, (uint64_t)path, writes ? O_WRONLY : O_RDONLY, 0);
	if (file < 0)
		return 0;
	memset(page, 0, sizeof(page));
	if (writes)
		count = call3(SYS_WRITE, (uint64_t)file, (uint64_t)text, strlen(text));
	else
		count = call3(SYS_READ, (uint64_t)file, (uint64_t)page, PAGE_BYTES - 1);
	call3(SYS_CLOSE, (uint64_t)file, 0, 0);
	if (!text_compare(word, "some"))
		return count > 0;
	if (writes || !*text)
		return count == (int64_t)strlen(text);
	return count > 0 && text_begins((char *)page, text);
}

static void try_script(int64_t kmsg, const struct driver *driver, char *script)
{
	char word[8];
	const char *rest;
	int good;

	while ((rest = try_next(&script, word, sizeof(word)))) {
		if (!text_compare(word, "params"))
			continue;
		if (!text_compare(word, "log"))
			good = log_comes(kmsg, rest);
		else
			good = try_file(word, rest);
		repeat_line(driver->file, " has to ", word);
		repeat_line(driver->file, " with ", rest);
		tap(good, driver->file, "does that");
	}
}

/* ---- the device of a driver ---- */

static void device_map(int64_t file)
{
	int64_t memory = call6(SYS_MMAP, 0, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			       (uint64_t)file, 0);

	if ((uint64_t)memory >= MAP_FAILED_FROM)
		return;
	for (uint32_t i = 0; i < MAPPED_BYTES; i++)
		((volatile uint8_t *)memory)[i] = (uint8_t)(i + 1);
	call3(SYS_MUNMAP, (uint64_t)memory, PAGE_BYTES, 0);
}

static int device_passes(const struct driver *driver, int64_t file)
{
	struct {
		int32_t file;
		int16_t events, results;
	} poll = { (int32_t)file, POLLIN, 0 };
	int64_t count;

	call3(SYS_WRITE, (uint64_t)file, (uint64_t) "test", 4);
	for (uint32_t i = 0; i < PAGE_BYTES; i++)
		page[i] = (uint8_t)i;
	call3(SYS_IOCTL, (uint64_t)file, TEST_COMMAND, (uint64_t)page);
	device_map(file);
	call3(SYS_POLL, (uint64_t)&poll, 1, WAIT_MS);
	memset(page, 0, sizeof(page));
	count = call3(SYS_READ, (uint64_t)file, (uint64_t)page, PAGE_BYTES - 1);
	if (count > 0 && text_begins((char *)page, "PASS")) {
		repeat_line(driver->file, " answered ", (char *)page);
		return 1;
	}
	note("read() returned", count);
	print("# ");
	print((char *)page);
	print("\n");
	return 0;
}

static void try_device(const struct driver *driver)
{
	char path[NAME_SIZE + 16];
	int64_t file;

	path_of(path, "/dev/", driver->name);
	file = call3(SYS_OPEN, (uint64_t)path, O_RDWR, 0);
	if (file == -ENOENT)
		return;
	if (file < 0)
		note("open() returned", file);
	tap(file >= 0 && device_passes(driver, file), driver->file, "its device works");
	if (file >= 0)
		call3(SYS_CLOSE, (uint64_t)file, 0, 0);
}

/* ---- a round ---- */

static void install_driver(struct driver *driver, const char *params)
{
	static char words[8192];
	int64_t size = read_image(driver->file), id;

	words[0] = 0;
	id = call6(SYS_banos_install, (uint64_t)image, (uint64_t)size, (uint64_t)params, 0,
		   (uint64_t)words, sizeof(words));
	driver->id = id;
	if (id < 0) {
		print("# ");
		print(words);
		print("\n");
	}
	if (text_ends(driver->name, "_refused"))
		tap(id < 0 && words[0], driver->file, "is refused in words");
	else
		tap(id >= 0, driver->file, "is installed");
	if (id < 0)
		note("the error was", id);
}

static void remove_driver(struct driver *driver)
{
	static char words[1024];
	int64_t result = -EBUSY;

	if (driver->id < 0)
		return;
	/* One that was abandoned, or uses one that was, is removed by the kernel meanwhile. */
	for (uint32_t waited = 0; result == -EBUSY && waited < 2 * WAIT_MS; waited += 10) {
		words[0] = 0;
		result = call6(SYS_banos_remove, (uint64_t)driver->id, 0, (uint64_t)words,
			       sizeof(words), 0, 0);
		if (!is_quiet)
			break;
		if (result == -EBUSY)
			sleep_ms(10);
	}
	print(words);
	if (result)
		note("banos_remove() returned", result);
	tap(!result, driver->file, "is removed");
}

int64_t memory_kib(const char *name)
{
	const char *cursor;
	int64_t number = 0;

	read_text("/proc/meminfo");
	cursor = text_find(file_text, name);
	if (!cursor)
		return -1;
	while (*cursor < '0' || *cursor > '9')
		cursor++;
	for (; *cursor >= '0' && *cursor <= '9'; cursor++)
		number = number * 10 + *cursor - '0';
	return number;
}

/* Only a debug kernel knows. */
static void judge_leaks(void)
{
	if (read_text("/proc/kmemleak"))
		tap(!!text_find(file_text, " 0 (0 bytes) of them leaked"), "the kernel",
		    "finds no memory without a reference");
}

static void drive_one(int64_t kmsg, struct driver *driver)
{
	static char script[TRY_SIZE], copy[TRY_SIZE];

	log_read(kmsg);
	log_length = 0;
	driver->id = -ENODEV;
	if (is_builtin(driver->name)) {
		tap(1, driver->file, "is part of the kernel # SKIP");
		return;
	}
	try_load(script, driver);
	install_driver(driver, try_params(script, copy));
	if (driver->id < 0)
		return;
	if (driver->plain) {
		try_script(kmsg, driver, script);
		return;
	}
	wait_for_verdict(kmsg, driver);
	try_device(driver);
}

/* The drivers from @first up to but without @end, all installed together. */
void drive_group(int64_t kmsg, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++)
		drive_one(kmsg, &drivers[i]);
	for (uint32_t i = end; i-- > first;)
		remove_driver(&drivers[i]);
	log_read(kmsg);
	tap(!text_find(log_text, "leaked"), "all", "leave nothing behind");
	tap(!text_find(log_text, ": FAIL: "), "all", "find no fault in how they are removed");
}

void drive_quietly(int64_t kmsg)
{
	is_quiet = 1;
	drive_group(kmsg, 0, driver_count);
	is_quiet = 0;
}

static void drive_round(int64_t kmsg)
{
	uint32_t first = 0, end;

	for (; first < driver_count; first = end) {
		for (end = first; end < driver_count; end++)
			if (drivers[end].group != drivers[first].group)
				break;
		drive_group(kmsg, first, end);
	}
}

void judge_memory(int64_t before, int64_t after)
{
	note("KiB free after the second round:", before);
	note("KiB free after the last round:", after);
	tap(before - after <= SLACK_KIB, "all", "give their memory back");
}

static void take_argument(const char *text)
{
	if (text_begins(text, "rounds="))
		rounds = (uint32_t)(text[7] - '0');
}

static void drive_rounds(int64_t kmsg)
{
	int64_t before = 0;

	for (uint32_t round = 0; round < rounds; round++) {
		drive_round(kmsg);
		if (round == 1)
			before = memory_kib("MemFree:");
	}
	if (rounds > 2)
		judge_memory(before, memory_kib("MemFree:"));
}

static void drive(int argc, char **argv)
{
	int64_t kmsg;

	for (int i = 1; i < argc; i++)
		take_argument(argv[i]);
	call6(SYS_MOUNT, (uint64_t) "none", (uint64_t) "/dev", (uint64_t) "devtmpfs", 0, 0, 0);
	call6(SYS_MOUNT, (uint64_t) "none", (uint64_t) "/proc", (uint64_t) "proc", 0, 0, 0);
	kmsg = call3(SYS_OPEN, (uint64_t) "/dev/kmsg", O_RDONLY | O_NONBLOCK, 0);
	if (kmsg < 0)
		note("/dev/kmsg cannot be opened:", kmsg);
	find_drivers();
	note("drivers:", driver_count);
	if (drive_otherwise)
		drive_otherwise(kmsg, argc, argv);
	else
		drive_rounds(kmsg);
	judge_leaks();
	print("1..");
	print_number(test_count);
	print(fail_count || !driver_count ? "\ndrive: failed\n" : "\ndrive: passed\n");
	call3(SYS_SYNC, 0, 0, 0);
	call6(SYS_REBOOT, REBOOT_MAGIC, REBOOT_MAGIC2, REBOOT_OFF, 0, 0, 0);
}

/* The stack as the kernel laid it out: argc, argv... */
__attribute__((used)) static void begin(uint64_t *stack)
{
	drive((int)stack[0], (char **)(stack + 1));
	for (;;)
		sleep_ms(1000);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call begin\n");
