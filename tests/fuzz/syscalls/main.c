// SPDX-License-Identifier: MIT
/*
 * A fuzzer of system calls: the supervisor, which is the machine's first process.
 *
 *	init=/fuzz -- calls=N seconds=N seed=N workers=N
 *
 * As process 1 it is safe from the workers' signals, and kill(-1) reaches all of them.
 * The run is a row of generations of some seconds. In each the workers, half of them as
 * root and half as an ordinary user, make calls. Who stands still for long gets SIGALRM;
 * who does not go on then gets SIGKILL, and another begins. At a generation's end all are
 * killed; who does not die then is a finding, and the run stops, with that one's last
 * calls. Then what they changed for all (mounts, files, /proc/sys) is made good.
 *
 * Prints lines that begin with "fuzz: "; the last is "fuzz: passed" or "fuzz: failed". It
 * fails if a killed process does not die, a processor took no part or memory leaked; the
 * kernel's own complaints are for the script to find.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "fuzz.h"

#define GENERATION_MS  3000
#define ROUND_MS       10    /* between looks at the workers */
#define STILL_WAKE     1     /* looks without a call: SIGALRM */
#define STILL_KILL     50    /* SIGKILL */
#define DEATH_LIMIT_MS 60000 /* a killed process that is there so long is a finding */
#define MAX_SETTINGS   256
#define SETTING_SIZE   128
#define USER	       1000

static uint64_t calls_wanted = 1000000, seconds_wanted, seed = 1;
static uint32_t nr_workers = 16;
static uint64_t nr_killed, nr_started;
static uint32_t ends[256 + 128]; /* workers by exit status, 256 + signal */
static struct {
	pid_t pid;
	uint64_t calls_seen;
	uint32_t still;
} workers[MAX_WORKERS];
static struct {
	char name[TREE_NAME_SIZE], value[SETTING_SIZE];
} settings[MAX_SETTINGS];
static uint32_t nr_settings;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sleep_ms(uint32_t ms)
{
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
}

static void finish(bool passed) __attribute__((noreturn));
static void finish(bool passed)
{
	printf("fuzz: %s\n", passed ? "passed" : "failed");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* ---- the tree of /proc and /sys ---- */

static void tree_add(const char *name)
{
	if (control->nr_tree_files < MAX_TREE_FILES && strlen(name) < TREE_NAME_SIZE)
		strcpy(control->tree_files[control->nr_tree_files++], name);
}

static void tree_walk(const char *folder, int depth)
{
	DIR *entries = opendir(folder);
	struct dirent *entry;
	char name[512];

	if (!entries)
		return;
	while ((entry = readdir(entries))) {
		/* Processes by number are others' or gone: "self" stands for them. */
		if (entry->d_name[0] == '.' || (!strcmp(folder, "/proc") &&
						entry->d_name[0] >= '0' && entry->d_name[0] <= '9'))
			continue;
		snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR && depth)
			tree_walk(name, depth - 1);
		else if (entry->d_type == DT_REG &&
			 !strstr(name, "kmemleak")) /* reads all memory */
			tree_add(name);
	}
	closedir(entries);
}

static size_t file_read(const char *name, char *to, size_t size)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, to, size - 1);

	if (fd >= 0)
		close(fd);
	to[length > 0 ? length : 0] = 0;
	if (length > 0)
		return (size_t)length;
	return 0;
}

static void file_write(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			(void)0; /* a setting that can only be read, or not be set back */
		close(fd);
	}
}

static void settings_save(void)
{
	for (uint32_t i = 0; i < control->nr_tree_files && nr_settings < MAX_SETTINGS; i++) {
		const char *name = control->tree_files[i];
		struct stat status;

		if (strncmp(name, "/proc/sys/", 10) || stat(name, &status) ||
		    !(status.st_mode & 0200))
			continue;
		strcpy(settings[nr_settings].name, name);
		if (file_read(name, settings[nr_settings].value, SETTING_SIZE))
			nr_settings++;
	}
}

static void settings_restore(void)
{
	for (uint32_t i = 0; i < nr_settings; i++)
		file_write(settings[i].name, settings[i].value);
}

/* ---- workers ---- */

static uint64_t calls_made(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < nr_workers; i++)
		for (uint32_t thread = 0; thread < MAX_THREADS; thread++)
			sum += control->slots[i][thread].calls;
	return sum;
}

static uint64_t calls_of(uint32_t number)
{
	uint64_t sum = 0;

	for (uint32_t thread = 0; thread < MAX_THREADS; thread++)
		sum += control->slots[number][thread].calls;
	return sum;
}

static void limit(int resource, uint64_t most)
{
	struct rlimit both = { most, most };

	setrlimit(resource, &both);
}

static void worker_begin(uint32_t number, uint64_t worker_seed)
{
	bool is_root = number % 2;

	struct sched_param usual = { 0 };

	syscall(SYS_sched_setscheduler, 0, SCHED_OTHER,
		&usual); /* musl's function only says ENOSYS */
	setsid();
	if (dup2(0, 1) < 0 || dup2(0, 2) < 0)
		_exit(7);
	limit(RLIMIT_AS, 48 << 20);
	limit(RLIMIT_FSIZE, 8 << 20);
	limit(RLIMIT_NOFILE, 256);
	limit(RLIMIT_CORE, 0);
	if (!is_root) {
		limit(RLIMIT_NPROC, 100);
		if (setgroups(0, NULL) || setgid(USER) || setuid(USER))
			_exit(7);
	}
	worker_run(number, worker_seed, is_root);
}

static void worker_start(uint32_t number)
{
	pid_t pid = fork();

	if (!pid)
		worker_begin(number, seed + ++nr_started * 0x9e3779b9);
	nr_started++;
	if (pid > 0)
		workers[number].pid = pid;
	else
		workers[number].pid = 0;
	workers[number].calls_seen = 0;
	workers[number].still = 0;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
		for (uint32_t i = 0; i < nr_workers; i++)
			if (workers[i].pid == pid) {
				kill(-pid, SIGKILL); /* its children */
				workers[i].pid = 0;
				ends[WIFSIGNALED(status) ? 256 + WTERMSIG(status)
							 : WEXITSTATUS(status)]++;
			}
}

static void worker_look(uint32_t number)
{
	uint64_t calls_now = calls_of(number);

	if (!workers[number].pid) {
		worker_start(number);
		return;
	}
	if (calls_now != workers[number].calls_seen) {
		workers[number].calls_seen = calls_now;
		workers[number].still = 0;
		return;
	}
	workers[number].still++;
	if (workers[number].still == STILL_KILL) {
		kill(-workers[number].pid, SIGKILL);
		kill(workers[number].pid, SIGKILL);
		nr_killed++;
	} else if (workers[number].still >= STILL_WAKE) {
		kill(-workers[number].pid, SIGCONT);
		kill(-workers[number].pid, SIGALRM);
		kill(workers[number].pid, SIGALRM);
	}
}

/* ---- generations ---- */

static void slot_print(uint32_t number, uint32_t thread)
{
	const struct slot *slot = &control->slots[number][thread];

	for (uint64_t i = slot->next_record > 8 ? slot->next_record - 8 : 0; i < slot->next_record;
	     i++) {
		const struct call_record *record = &slot->recent[i % RECENT_CALLS];
		const char *name = "?";

		for (uint32_t round = 0; round < nr_calls; round++)
			if (calls[round].number == record->number)
				name = calls[round].name;
		printf("fuzz:   worker %u.%u: %s(%lu)(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) = %ld\n",
		       number, thread, name, record->number, record->args[0], record->args[1],
		       record->args[2], record->args[3], record->args[4], record->args[5],
		       record->result);
	}
}

/* What is still there although it was killed. */
static void survivors_print(void)
{
	DIR *entries = opendir("/proc");
	char name[300], text[512];
	struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		if (atoi(entry->d_name) <= 1)
			continue;
		snprintf(name, sizeof(name), "/proc/%s/stat", entry->d_name);
		if (!file_read(name, text, sizeof(text)) || strstr(text, " Z ") ||
		    strstr(text, ") X"))
			continue;
		printf("fuzz: not dead: %s", text);
		snprintf(name, sizeof(name), "/proc/%s/stack", entry->d_name);
		if (file_read(name, text, sizeof(text)))
			printf("%s", text);
	}
	for (uint32_t i = 0; i < nr_workers; i++)
		for (uint32_t thread = 0; thread < MAX_THREADS; thread++)
			if (workers[i].pid)
				slot_print(i, thread);
}

static void all_end(void)
{
	uint64_t limit_ms = now_ms() + DEATH_LIMIT_MS;

	for (;;) {
		kill(-1, SIGKILL);
		reap();
		if (waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD)
			return;
		if (now_ms() > limit_ms) {
			printf("fuzz: processes do not die\n");
			survivors_print();
			finish(false);
		}
		sleep_ms(2);
	}
}

/* What workers wrote below a mount that they took away. */
static int tree_remove(const char *name, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)where;
	if (type == FTW_DP || type == FTW_D || type == FTW_DNR)
		rmdir(name);
	else
		unlink(name);
	return 0;
}

static void folder_make(const char *name, uid_t owner, const char *options)
{
	if (mkdir(name, 0755) && errno != EEXIST)
		printf("fuzz: cannot make %s: %s\n", name, strerror(errno));
	if (mount("tmpfs", name, "tmpfs", 0, options) || chown(name, owner, owner) ||
	    chmod(name, 0777)) {
		printf("fuzz: cannot prepare %s: %s\n", name, strerror(errno));
		finish(false);
	}
}

/* What root's workers may have removed or closed to users. */
static void devices_prepare(void)
{
	static const struct {
		const char *name;
		uint32_t major, minor;
	} devices[] = {
		{ "/dev/null", 1, 3 },	  { "/dev/zero", 1, 5 }, { "/dev/full", 1, 7 },
		{ "/dev/urandom", 1, 9 }, { "/dev/ptmx", 5, 2 }, { "/dev/tty", 5, 0 },
	};

	for (uint32_t i = 0; i < ARRAY_SIZE(devices); i++) {
		mknod(devices[i].name, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor));
		chmod(devices[i].name, 0666);
	}
}

static void unmount_all(const char *name)
{
	for (uint32_t tries = 0; tries < 100 && !umount2(name, MNT_DETACH); tries++)
		;
}

/* Root's workers can mount over what they stand in. */
static void system_mount(void)
{
	unmount_all("/tmp");
	unmount_all("/proc");
	unmount_all("/sys");
	unmount_all("/dev/pts");
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devpts", "/dev/pts", "devpts", 0, NULL);
}

static void folders_prepare(void)
{
	static const char *const folders[] = { "/tmp/root", "/tmp/user", "/tmp/shared" };

	for (uint32_t i = 0; i < ARRAY_SIZE(folders); i++) {
		/* Mounts that workers made lie deeper, and go with the mount around them. */
		unmount_all(folders[i]);
		nftw(folders[i], tree_remove, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		folder_make(folders[i], i == 1 ? USER : 0, "size=6m,nr_inodes=2000");
	}
	mkdir("/tmp/shared/mnt", 0777);
	mkdir("/tmp/shared/d", 0777);
	chmod("/tmp/shared/d", 0777);
}

static void generation_run(uint64_t last_calls, uint64_t last_ms)
{
	uint64_t end_ms = now_ms() + GENERATION_MS;

	system_mount();
	folders_prepare();
	devices_prepare();
	while (now_ms() < end_ms && calls_made() < last_calls && now_ms() < last_ms) {
		for (uint32_t i = 0; i < nr_workers; i++)
			worker_look(i);
		sleep_ms(ROUND_MS);
		reap();
	}
	all_end();
	for (uint32_t i = 0; i < nr_workers; i++)
		workers[i].pid = 0;
	settings_restore();
	sethostname("fuzz", 4);
}

static uint64_t memory_free_kib(void)
{
	char text[4096];
	const char *line;

	file_read("/proc/meminfo", text, sizeof(text));
	line = strstr(text, "MemFree:");
	if (line)
		return strtoull(line + 8, NULL, 10);
	return 0;
}

/* ---- begin and end ---- */

static void word_read(const char *word)
{
	const char *value = strchr(word, '=');
	uint64_t number = value ? strtoull(value + 1, NULL, 0) : 0;

	if (!strncmp(word, "calls=", 6))
		calls_wanted = number;
	else if (!strncmp(word, "seconds=", 8))
		seconds_wanted = number;
	else if (!strncmp(word, "seed=", 5))
		seed = number;
	else if (!strncmp(word, "workers=", 8) && number && number <= MAX_WORKERS)
		nr_workers = (uint32_t)number;
}

static void world_prepare(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/tmp", 0777);
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 0777);
	system_mount();
	if (mmap(control, sizeof(*control), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
	    mmap((void *)SHARED, SHARED_PAGES * PAGE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		finish(false);
	control->can_fail_allocations = !access("/proc/self/fail-nth", W_OK);
	tree_walk("/proc", 3);
	tree_walk("/sys", 5);
	settings_save();
}

/* Processors that have run something, which is to say more than to boot. */
static bool all_processors_took_part(void)
{
	char text[8192], *line = text;
	bool all = true;

	file_read("/proc/stat", text, sizeof(text));
	while ((line = strstr(line, "\ncpu"))) {
		unsigned int number;
		unsigned long user, nice, kernel;

		line++;
		if (sscanf(line, "cpu%u %lu %lu %lu", &number, &user, &nice, &kernel) == 4 &&
		    user + nice + kernel < 10) {
			printf("fuzz: processor %u took no part\n", number);
			all = false;
		}
	}
	return all;
}

/* Objects of the kernel to which nothing points any more; where it can tell. */
static bool nothing_leaked(void)
{
	static char text[65536];
	size_t size = file_read("/proc/kmemleak", text, sizeof(text));

	if (!size || strstr(text, " 0 (0 bytes) of them leaked"))
		return true;
	printf("%s\nfuzz: memory leaked\n", text);
	return false;
}

static void report(uint64_t started_ms)
{
	uint32_t succeeded = 0, failed = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(control->succeeded); i++) {
		succeeded += control->succeeded[i] != 0;
		failed += !control->succeeded[i] && control->failed[i];
	}
	for (uint32_t i = 0; i < nr_calls; i++)
		if (!control->succeeded[calls[i].number] && control->failed[calls[i].number] > 200)
			printf("fuzz: never succeeded: %s\n", calls[i].name);
	printf("fuzz: %lu calls in %lu s with seed %lu: %u different ones succeeded, %u only failed\n",
	       calls_made(), (now_ms() - started_ms) / 1000, seed, succeeded, failed);
	printf("fuzz: ends of workers:");
	for (uint32_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends[i])
			printf(" %s%u: %u", i < 256 ? "" : "signal ", i % 256, ends[i]);
	printf("\nfuzz: %lu workers, %lu of them killed for standing still; %lu damaged programs, %lu accesses to %u files of /proc and /sys\n",
	       nr_started, nr_killed, control->programs, control->tree_accesses,
	       control->nr_tree_files);
}

int main(int argc, char **argv)
{
	struct sched_param highest = { .sched_priority = 99 };
	uint64_t started_ms = now_ms(), last_ms = ~0UL, free_first, printed_ms = started_ms;

	if (getpid() != 1) /* a worker has executed /proc/self/exe */
		return 7;
	for (int i = 1; i < argc; i++)
		word_read(argv[i]);
	for (int signal = 1; signal < 65; signal++)
		if (signal != SIGCHLD)
			sigaction(signal, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO,
		    &highest)) /* workers may be real-time, too */
		finish(false);
	world_prepare();
	worker_prepare();
	if (dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 0) < 0) /* for the workers */
		finish(false);
	if (seconds_wanted) {
		last_ms = started_ms + seconds_wanted * 1000;
		calls_wanted = ~0UL;
	}
	generation_run(calls_wanted, last_ms); /* afterwards caches are warm */
	free_first = memory_free_kib();
	while (calls_made() < calls_wanted && now_ms() < last_ms) {
		generation_run(calls_wanted, last_ms);
		if (now_ms() > printed_ms + 30000) {
			printed_ms = now_ms();
			printf("fuzz: %lu calls so far, %lu KiB free\n", calls_made(),
			       memory_free_kib());
			fflush(stdout);
		}
	}
	folders_prepare();
	report(started_ms);
	printf("fuzz: memory free after the first generation %lu KiB, at the end %lu KiB\n",
	       free_first, memory_free_kib());
	finish(all_processors_took_part() & nothing_leaked());
}
