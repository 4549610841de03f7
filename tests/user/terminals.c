/* SPDX-License-Identifier: MIT */
/* Pseudo terminals: line editing, modes, sessions, job control, as a terminal emulator uses them. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <termios.h>
#include <time.h>

static int master, slave;
static char buf[4096];

static void open_pair(void)
{
	char name[64];
	int count = 0, unlock = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK(master >= 0);
	CHECK_EQ(ioctl(master, TIOCGPTN, &count), 0);
	CHECK_EQ(ioctl(master, TIOCSPTLCK, &unlock), 0);
	sprintf(name, "/dev/pts/%d", count);
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
}

static void type(const char *text)
{
	CHECK_EQ(write(master, text, strlen(text)), (long)strlen(text));
}

/* What a program reads: one line. */
static const char *line(void)
{
	ssize_t length = read(slave, buf, sizeof(buf) - 1);

	CHECK(length >= 0);
	buf[length] = 0;
	return buf;
}

/* What the screen shows. */
static const char *screen(void)
{
	struct pollfd pollfd = { master, POLLIN, 0 };
	size_t count = 0;

	while (count < sizeof(buf) - 1 && poll(&pollfd, 1, 50) == 1 && (pollfd.revents & POLLIN))
		count += read(master, buf + count, sizeof(buf) - 1 - count);
	buf[count] = 0;
	return buf;
}

static bool ready(void)
{
	struct pollfd pollfd = { slave, POLLIN, 0 };

	return poll(&pollfd, 1, 30) == 1;
}

static void modes(tcflag_t off, tcflag_t on)
{
	struct termios settings;

	CHECK_EQ(tcgetattr(slave, &settings), 0);
	settings.c_lflag = (settings.c_lflag & ~off) | on;
	CHECK_EQ(tcsetattr(slave, TCSANOW, &settings), 0);
}

TEST(lines_are_edited_before_they_are_read)
{
	open_pair();
	type("abX\x7f"
	     "c");
	CHECK(!ready());
	type("\r");
	CHECK(!strcmp(line(), "abc\n"));
	type("one two\x17three\n");
	CHECK(!strcmp(line(), "one three\n"));
	type("wrong\x15right\n");
	CHECK(!strcmp(line(), "right\n"));
	type("half\x04");
	CHECK(!strcmp(line(), "half"));
	type("\x04");
	CHECK_EQ(read(slave, buf, 10), 0);
	type("a\x16\x03z\n");
	CHECK(!strcmp(line(), "a\x03z\n"));
}

TEST(what_is_typed_is_shown)
{
	open_pair();
	type("hi\x7f\x01\r");
	CHECK(!strcmp(screen(), "hi\b \b^A\r\n"));
	modes(ECHO, 0);
	type("secret\r");
	CHECK(!strcmp(screen(), ""));
}

TEST(output_gets_carriage_returns)
{
	struct termios settings;

	open_pair();
	write(slave, "a\nb\n", 4);
	CHECK(!strcmp(screen(), "a\r\nb\r\n"));
	tcgetattr(slave, &settings);
	settings.c_oflag &= ~OPOST;
	tcsetattr(slave, TCSANOW, &settings);
	write(slave, "a\n", 2);
	CHECK(!strcmp(screen(), "a\n"));
}

TEST(raw_mode)
{
	struct termios settings;

	open_pair();
	tcgetattr(slave, &settings);
	cfmakeraw(&settings);
	tcsetattr(slave, TCSANOW, &settings);
	type("x");
	CHECK_EQ(read(slave, buf, 10), 1);
	type("\x03\r\x04\x7f");
	CHECK_EQ(read(slave, buf, 10), 4);
	CHECK(!memcmp(buf, "\x03\r\x04\x7f", 4));
}

TEST(minimum_and_time_of_raw_reads)
{
	struct termios settings;
	long start;

	open_pair();
	tcgetattr(slave, &settings);
	settings.c_lflag &= ~ICANON;
	settings.c_cc[VMIN] = 0;
	settings.c_cc[VTIME] = 0;
	tcsetattr(slave, TCSANOW, &settings);
	CHECK_EQ(read(slave, buf, 10), 0);
	settings.c_cc[VTIME] = 1;
	tcsetattr(slave, TCSANOW, &settings);
	start = now_ms();
	CHECK_EQ(read(slave, buf, 10), 0);
	CHECK(now_ms() - start >= 90);
	settings.c_cc[VMIN] = 3;
	settings.c_cc[VTIME] = 0;
	tcsetattr(slave, TCSANOW, &settings);
	type("ab");
	if (!fork()) {
		pause_ms(50);
		type("cd");
		_exit(0);
	}
	CHECK(read(slave, buf, 10) >= 3);
}

TEST(attributes_and_size)
{
	struct winsize winsize = { 30, 100, 0, 0 }, got;
	struct termios settings;

	open_pair();
	CHECK_EQ(ioctl(slave, TIOCGWINSZ, &got), 0);
	CHECK_EQ(got.ws_row, 0);
	CHECK_EQ(ioctl(master, TIOCSWINSZ, &winsize), 0);
	CHECK_EQ(ioctl(slave, TIOCGWINSZ, &got), 0);
	CHECK(got.ws_row == 30 && got.ws_col == 100);
	CHECK_EQ(tcgetattr(slave, &settings), 0);
	CHECK_EQ(settings.c_cc[VINTR], 3);
	CHECK_EQ(settings.c_cc[VERASE], 0x7f);
	CHECK_EQ(cfgetospeed(&settings), B38400);
	CHECK_EQ(isatty(slave), 1);
	CHECK_EQ(isatty(open("/dev/null", O_RDONLY)), 0);
	CHECK_ERR(tcgetattr(open("plain", O_RDWR | O_CREAT, 0600), &settings), ENOTTY);
	CHECK_EQ(tcflush(slave, TCIOFLUSH), 0);
	CHECK_EQ(tcdrain(slave), 0);
}

static volatile int got_signal;
static void on(int sig)
{
	got_signal = sig;
}

/* Become the leader of a session that the terminal controls. */
static void control(void)
{
	open_pair();
	CHECK(setsid() == getpid());
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	for (int status = 1; status < 32; status++)
		if (status == SIGINT || status == SIGQUIT || status == SIGTSTP ||
		    status == SIGWINCH || status == SIGHUP || status == SIGTTOU ||
		    status == SIGCONT)
			signal(status, on);
}

static void wait_signal(int sig)
{
	for (int i = 0; i < 200 && got_signal != sig; i++)
		pause_ms(5);
	CHECK_EQ(got_signal, sig);
	got_signal = 0;
}

TEST(keys_send_signals)
{
	struct winsize winsize = { 10, 20, 0, 0 };

	control();
	type("\x03");
	wait_signal(SIGINT);
	CHECK(!strcmp(screen(), "^C"));
	type("\x1c");
	wait_signal(SIGQUIT);
	type("\x1a");
	wait_signal(SIGTSTP);
	ioctl(master, TIOCSWINSZ, &winsize);
	wait_signal(SIGWINCH);
	modes(ISIG, 0);
	type("\x03\n");
	CHECK(!strcmp(line(), "\x03\n"));
}

TEST(the_terminal_belongs_to_the_foreground_group)
{
	pid_t child;
	int status;

	control();
	CHECK_EQ(tcgetpgrp(slave), getpid());
	CHECK_EQ(tcgetsid(slave), getpid());
	child = CHILD((setpgid(0, 0), signal(SIGTTIN, SIG_DFL), read(slave, buf, 10) != 4));
	setpgid(child, child);
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
	CHECK_EQ(tcsetpgrp(slave, child), 0);
	type("abc\n");
	kill(child, SIGCONT);
	CHECK_EQ(wait_status(child), 0);
	signal(SIGTTOU, SIG_IGN);
	CHECK_EQ(tcsetpgrp(slave, getpid()), 0);
	CHECK_ERR(tcsetpgrp(slave, 99999), ESRCH);
}

TEST(background_output_stops_where_that_is_asked_for)
{
	pid_t child;
	int status;

	control();
	child = CHILD((setpgid(0, 0), signal(SIGTTOU, SIG_DFL), write(slave, "x", 1) != 1));
	CHECK_EQ(wait_status(child), 0);
	modes(0, TOSTOP);
	child = CHILD((setpgid(0, 0), signal(SIGTTOU, SIG_DFL), write(slave, "x", 1) != 1));
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
	kill(child, SIGKILL);
}

TEST(closing_the_master_hangs_up)
{
	control();
	close(master);
	wait_signal(SIGHUP);
	CHECK_EQ(read(slave, buf, 10), 0);
	CHECK_ERR(write(slave, "x", 1), EIO);
}

TEST(closing_the_slave_ends_the_masters_input)
{
	open_pair();
	write(slave, "bye", 3);
	close(slave);
	CHECK_EQ(read(master, buf, 10), 3);
	CHECK_ERR(read(master, buf, 10), EIO);
}

TEST(dev_tty_is_the_controlling_terminal)
{
	int fd;

	control();
	fd = open("/dev/tty", O_RDWR);
	CHECK(fd >= 0);
	write(fd, "via tty", 7);
	CHECK(!strcmp(screen(), "via tty"));
	CHECK_EQ(wait_status(CHILD(({
			 setsid();
			 open("/dev/tty", O_RDWR) == -1 && errno == ENXIO ? 0 : 1;
		 }))),
		 0);
}

TEST(a_long_line_is_limited_and_not_lost)
{
	char *text = malloc(5000);

	open_pair();
	modes(ECHO, 0);
	memset(text, 'x', 4094);
	text[4094] = 0;
	type(text);
	type("\n");
	CHECK_EQ(read(slave, buf, sizeof(buf)), 4095);
}

int main(void)
{
	RUN(lines_are_edited_before_they_are_read);
	RUN(what_is_typed_is_shown);
	RUN(output_gets_carriage_returns);
	RUN(raw_mode);
	RUN(minimum_and_time_of_raw_reads);
	RUN(attributes_and_size);
	RUN(keys_send_signals);
	RUN(the_terminal_belongs_to_the_foreground_group);
	RUN(background_output_stops_where_that_is_asked_for);
	RUN(closing_the_master_hangs_up);
	RUN(closing_the_slave_ends_the_masters_input);
	RUN(dev_tty_is_the_controlling_terminal);
	RUN(a_long_line_is_limited_and_not_lost);
	return check_done();
}
