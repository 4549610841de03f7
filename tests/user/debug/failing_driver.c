/* SPDX-License-Identifier: MIT */
/*
 * Each allocation fails once, whoever makes it, while a driver is installed, used and removed: the first, the second and so on
 * until all of that passes without reaching the next. Installing it says ENOMEM then, or works; what it is used for
 * may fail; it can always be removed, and then works. For the debug kernel.
 *
 *	failing_driver FILE|- NAME PARAMETERS STRIDE USE [ARGUMENT...]
 *
 * With STRIDE only the first ones fail one after the other, later ones in growing steps of a STRIDE-th; 0: each one.
 * FILE "-": the driver is a part of the kernel. USE: disk PATH, look TYPE PATH OPTIONS, change TYPE PATH, card NAME, tcp,
 * rules (of /dev/filter). Prints how many orders there were, and how many kept the driver out.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define EACH	   60u /* one after the other */
#define ORDERS_MAX 4000u
#define TURNS	   500u
#define TURN_US	   10000u
#define BYTES	   65536u
#define FOLDER	   "/failing"
#define RULES	   "/proc/sys/vm/fail"
#define FILTER	   "/dev/filter"
#define LO_ADDRESS 0x7f000001u
#define TIMEOUT_US 60000

static char bytes[BYTES] __attribute__((aligned(4096)));
static char **arguments;

static void end(const char *what)
{
	printf("not ok: %s (%s)\n", what, strerror(errno));
	exit(1);
}

/* Those that lose their memory by the rule itself are repeated. */
static bool text_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return good;
}

static void rule_set(const char *text)
{
	for (unsigned i = 0; !text_write(RULES, text); i++)
		if (i == 3)
			end("a rule is taken");
}

static bool rule_has_failed(void)
{
	char text[256] = "";
	ssize_t got = -1;

	for (unsigned i = 0; i < 3 && got <= 0; i++) {
		int fd = open(RULES, O_RDONLY);

		got = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (got <= 0)
		end("a rule is read");
	return strstr(text, " 1 failed");
}

/* ---- uses: 0, or -1 ---- */

static int use_disk(void)
{
	int fd = open(arguments[0], O_RDWR | O_DIRECT), other = open(arguments[0], O_RDWR);
	int result = fd < 0 || other < 0 ? -1 : 0;

	if (!result && (pread(fd, bytes, BYTES, 0) != BYTES || pwrite(fd, bytes, 4096, 0) != 4096))
		result = -1;
	if (!result && (pread(other, bytes, BYTES, 0) != BYTES ||
			pwrite(other, bytes, 512, 512) != 512 || fsync(other)))
		result = -1;
	close(fd);
	close(other);
	return result;
}

static int folder_look(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	char name[300];
	int result = folder ? 0 : -1;

	while (!result && (entry = readdir(folder)) != NULL) {
		struct stat about;
		int fd;

		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (stat(name, &about))
			result = -1;
		if (result || !S_ISREG(about.st_mode))
			continue;
		fd = open(name, O_RDONLY);
		result = fd >= 0 && read(fd, bytes, BYTES) >= 0 ? 0 : -1;
		close(fd);
	}
	if (folder)
		closedir(folder);
	return result;
}

static int folder_change(void)
{
	int fd, result = mkdir(FOLDER "/folder", 0700);

	if (result && errno == EEXIST)
		result = 0;
	fd = open(FOLDER "/a longer name", O_RDWR | O_CREAT, 0600);
	if (fd < 0 || write(fd, bytes, 20000) != 20000 || fsync(fd) || ftruncate(fd, 5000))
		result = -1;
	close(fd);
	if (rename(FOLDER "/a longer name", FOLDER "/folder/moved"))
		result = -1;
	if (folder_look(FOLDER "/folder") || unlink(FOLDER "/folder/moved") ||
	    rmdir(FOLDER "/folder"))
		result = -1;
	return result;
}

static int use_mount(bool change)
{
	int result = mount(arguments[1], FOLDER, arguments[0], change ? 0 : MS_RDONLY,
			   change ? NULL : arguments[2]);

	if (result)
		return -1;
	if (change)
		result = folder_change();
	result |= folder_look(FOLDER);
	for (unsigned i = 0; umount2(FOLDER, 0); i++) {
		usleep(TURN_US);
		if (i == TURNS)
			end("unmounted");
	}
	return result;
}

static int use_look(void)
{
	return use_mount(false);
}

static int use_change(void)
{
	return use_mount(true);
}

static int interface_flag(const char *name, bool up)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), result;
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	result = ioctl(fd, SIOCGIFFLAGS, &request);
	request.ifr_flags = (short)((request.ifr_flags & ~IFF_UP) | (up ? IFF_UP : 0));
	if (!result)
		result = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return result;
}

struct link_address {
	unsigned short family, protocol;
	int interface;
	unsigned char rest[12];
};

static int use_card(void)
{
	struct link_address address = {
		AF_PACKET, htons(0x88b5), (int)if_nametoindex(arguments[0]), { 0 }
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(0x88b5)), result = -1;

	memset(bytes, 0xff, 6);
	memcpy(bytes + 6, "\2\0\0\0\0\1\x88\xb5", 8);
	if (fd >= 0 && address.interface && !interface_flag(arguments[0], true) &&
	    !bind(fd, (struct sockaddr *)&address, sizeof(address)))
		result = 0;
	for (unsigned i = 0; i < 4 && !result; i++)
		if (write(fd, bytes, 60 + 300 * i) < 0)
			result = -1;
	usleep(TURN_US);
	if (interface_flag(arguments[0], false))
		result = -1;
	close(fd);
	return result;
}

static int lo_set_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), result;

	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(LO_ADDRESS) } };
	result = ioctl(fd, SIOCSIFADDR, &request);
	close(fd);
	return result ? result : interface_flag("lo", true);
}

static int tcp_exchange(int listener, int client)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	struct timeval limit = { 0, TIMEOUT_US };
	int server, result = -1;

	setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (listen(listener, 4) || getsockname(listener, (struct sockaddr *)&address, &length))
		return -1;
	address.sin_addr.s_addr = htonl(LO_ADDRESS);
	if (connect(client, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	server = accept(listener, NULL, NULL);
	setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (server >= 0 && write(client, bytes, 3000) == 3000 && read(server, bytes, 3000) > 0)
		result = 0;
	close(server);
	return result;
}

static int use_tcp(void)
{
	int listener, client, datagrams, result = lo_set_up();
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(LO_ADDRESS) },
				       .sin_port = htons(7) };

	listener = socket(AF_INET, SOCK_STREAM, 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	if (!result)
		result = tcp_exchange(listener, client);
	if (bind(datagrams, (struct sockaddr *)&address, sizeof(address)) ||
	    sendto(datagrams, bytes, 1000, 0, (struct sockaddr *)&address, sizeof(address)) != 1000)
		result = -1;
	close(listener);
	close(client);
	close(datagrams);
	return interface_flag("lo", false) ? -1 : result;
}

static int use_rules(void)
{
	int result = text_write(FILTER, "input proto tcp dport 22 reject\npolicy input accept\n")
			     ? 0
			     : -1;
	int fd;

	result |= use_tcp();
	fd = open(FILTER "_connections", O_RDONLY);
	if (fd < 0 || read(fd, bytes, BYTES) < 0)
		result = -1;
	close(fd);
	return text_write(FILTER, "\n") ? result : -1;
}

static const struct {
	const char *name;
	int (*use)(void);
} uses[] = { { "disk", use_disk }, { "look", use_look }, { "change", use_change },
	     { "card", use_card }, { "tcp", use_tcp },	 { "rules", use_rules } };

/* ---- a driver ---- */

static bool driver_install(const char *path, const char *parameters)
{
	int fd, error;

	if (path[0] == '-')
		return true;
	fd = open(path, O_RDONLY);
	if (fd < 0 && errno == ENOMEM)
		return false;
	if (fd < 0)
		end(path);
	error = syscall(SYS_finit_module, fd, parameters, 0) ? errno : 0;
	close(fd);
	errno = error;
	if (error && error != ENOMEM)
		end("installing it fails for lack of memory");
	return !error;
}

static void driver_remove(const char *path, const char *name)
{
	if (path[0] == '-')
		return;
	for (unsigned i = 0; syscall(SYS_delete_module, name, O_NONBLOCK); i++) {
		if (i == TURNS)
			end("removed");
		usleep(TURN_US);
	}
}

int main(int argc, char **argv)
{
	unsigned orders = 0, out = 0, harmed = 0, stride = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
	int (*use)(void) = NULL;
	bool failed = true;

	for (unsigned i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (argc > 5 && !strcmp(argv[5], uses[i].name))
			use = uses[i].use;
	if (!use)
		return 2;
	arguments = argv + 6;
	mkdir(FOLDER, 0755);
	for (unsigned order = 1; failed; orders++) {
		char rule[64];
		bool is_here;

		snprintf(rule, sizeof(rule), "page+heap+range,nth=%u", order);
		rule_set(rule);
		is_here = driver_install(argv[1], argv[3]);
		if (is_here && use())
			harmed++;
		failed = rule_has_failed();
		rule_set("\n");
		if (is_here)
			driver_remove(argv[1], argv[2]);
		out += !is_here;
		order += 1 + (stride && order > EACH ? order / stride : 0);
		if (order > ORDERS_MAX)
			end("it ends");
	}
	if (!driver_install(argv[1], argv[3]) || use())
		end("then it works");
	driver_remove(argv[1], argv[2]);
	printf("ok: %u orders, %u not installed, %u uses failed\n", orders, out, harmed);
	return 0;
}
