/* SPDX-License-Identifier: MIT */
/**
 * @file termios.h  Terminals as user programs see them: settings and control calls.
 * Numbers and layouts are Linux's for x86_64.
 */
#pragma once
#include <kernel/types.h>

/* Indexes of c_cc. */
#define VINTR	 0
#define VQUIT	 1
#define VERASE	 2
#define VKILL	 3
#define VEOF	 4
#define VTIME	 5
#define VMIN	 6
#define VSWTC	 7
#define VSTART	 8
#define VSTOP	 9
#define VSUSP	 10
#define VEOL	 11
#define VREPRINT 12
#define VDISCARD 13
#define VWERASE	 14
#define VLNEXT	 15
#define VEOL2	 16
#define NCCS	 19
/** A c_cc entry with this value matches nothing. */
#define TTY_CC_DISABLED 0

struct termios { /* TCGETS */
	u32 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[NCCS];
};
struct termios2 { /* TCGETS2 */
	u32 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[NCCS];
	u32 c_ispeed, c_ospeed;
};
/** The kernel's own copy of a terminal's settings. */
struct ktermios {
	u32 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[NCCS];
	u32 c_ispeed, c_ospeed;
};
struct termio { /* TCGETA: System V's */
	u16 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[8];
};
_Static_assert(sizeof(struct termios) == 36, "as user programs have it");
_Static_assert(sizeof(struct termios2) == 44, "as user programs have it");
_Static_assert(sizeof(struct ktermios) == sizeof(struct termios2), "copied as one");

struct winsize {
	u16 ws_row, ws_col, ws_xpixel, ws_ypixel;
};

/* c_iflag */
#define IGNBRK	0000001
#define BRKINT	0000002
#define IGNPAR	0000004
#define PARMRK	0000010
#define INPCK	0000020
#define ISTRIP	0000040
#define INLCR	0000100
#define IGNCR	0000200
#define ICRNL	0000400
#define IUCLC	0001000
#define IXON	0002000
#define IXANY	0004000
#define IXOFF	0010000
#define IMAXBEL 0020000
#define IUTF8	0040000

/* c_oflag */
#define OPOST  0000001
#define OLCUC  0000002
#define ONLCR  0000004
#define OCRNL  0000010
#define ONOCR  0000020
#define ONLRET 0000040
#define OFILL  0000100
#define OFDEL  0000200
#define TABDLY 0014000
#define XTABS  0014000

/* c_cflag */
#define CBAUD	0010017
#define CBAUDEX 0010000
#define CSIZE	0000060
#define CS5	0000000
#define CS6	0000020
#define CS7	0000040
#define CS8	0000060
#define CSTOPB	0000100
#define CREAD	0000200
#define PARENB	0000400
#define PARODD	0001000
#define HUPCL	0002000
#define CLOCAL	0004000
#define CIBAUD	002003600000
#define CMSPAR	010000000000
#define CRTSCTS 020000000000u
#define IBSHIFT 16
#define B0	0000000
#define B9600	0000015
#define B38400	0000017
#define BOTHER	0010000
#define B115200 0010002

/* c_lflag */
#define ISIG	0000001
#define ICANON	0000002
#define XCASE	0000004
#define ECHO	0000010
#define ECHOE	0000020
#define ECHOK	0000040
#define ECHONL	0000100
#define NOFLSH	0000200
#define TOSTOP	0000400
#define ECHOCTL 0001000
#define ECHOPRT 0002000
#define ECHOKE	0004000
#define FLUSHO	0010000
#define PENDIN	0040000
#define IEXTEN	0100000
#define EXTPROC 0200000

/* ioctl numbers */
#define TCGETS	     0x5401
#define TCSETS	     0x5402
#define TCSETSW	     0x5403
#define TCSETSF	     0x5404
#define TCGETA	     0x5405
#define TCSETA	     0x5406
#define TCSETAW	     0x5407
#define TCSETAF	     0x5408
#define TCSBRK	     0x5409
#define TCXONC	     0x540a
#define TCFLSH	     0x540b
#define TIOCEXCL     0x540c
#define TIOCNXCL     0x540d
#define TIOCSCTTY    0x540e
#define TIOCGPGRP    0x540f
#define TIOCSPGRP    0x5410
#define TIOCOUTQ     0x5411
#define TIOCSTI	     0x5412
#define TIOCGWINSZ   0x5413
#define TIOCSWINSZ   0x5414
#define TIOCMGET     0x5415
#define TIOCMBIS     0x5416
#define TIOCMBIC     0x5417
#define TIOCMSET     0x5418
#define TIOCGSOFTCAR 0x5419
#define TIOCSSOFTCAR 0x541a
#define FIONREAD     0x541b
#define TIOCINQ	     FIONREAD
#define TIOCCONS     0x541d
#define TIOCGSERIAL  0x541e
#define TIOCSSERIAL  0x541f
#define TIOCPKT	     0x5420
#define FIONBIO	     0x5421
#define TIOCNOTTY    0x5422
#define TIOCSETD     0x5423
#define TIOCGETD     0x5424
#define TCSBRKP	     0x5425
#define TIOCSBRK     0x5427
#define TIOCCBRK     0x5428
#define TIOCGSID     0x5429
#define TCGETS2	     0x802c542au
#define TCSETS2	     0x402c542bu
#define TCSETSW2     0x402c542cu
#define TCSETSF2     0x402c542du
#define TIOCGPTN     0x80045430u
#define TIOCSPTLCK   0x40045431u
#define TIOCGDEV     0x80045432u
#define TIOCSIG	     0x40045436u
#define TIOCVHANGUP  0x5437
#define TIOCGPKT     0x80045438u
#define TIOCGPTLCK   0x80045439u
#define TIOCGEXCL    0x80045440u
#define TIOCGPTPEER  0x5441

/* Arguments of TCXONC, TCFLSH. */
#define TCOOFF	  0
#define TCOON	  1
#define TCIOFF	  2
#define TCION	  3
#define TCIFLUSH  0
#define TCOFLUSH  1
#define TCIOFLUSH 2

/* Modem lines, TIOCMGET. */
#define TIOCM_DTR  0x002
#define TIOCM_RTS  0x004
#define TIOCM_CTS  0x020
#define TIOCM_CAR  0x040
#define TIOCM_RNG  0x080
#define TIOCM_DSR  0x100
#define TIOCM_OUT1 0x2000
#define TIOCM_OUT2 0x4000
#define TIOCM_LOOP 0x8000

/* The status byte of a pty master in packet mode. */
#define TIOCPKT_DATA	   0
#define TIOCPKT_FLUSHREAD  1
#define TIOCPKT_FLUSHWRITE 2
#define TIOCPKT_STOP	   4
#define TIOCPKT_START	   8
#define TIOCPKT_NOSTOP	   16
#define TIOCPKT_DOSTOP	   32
#define TIOCPKT_IOCTL	   64

#define N_TTY 0 /* the one line discipline */

struct serial_struct { /* TIOCGSERIAL */
	s32 type, line;
	u32 port;
	s32 irq, flags, xmit_fifo_size, custom_divisor, baud_base;
	u16 close_delay;
	u8 io_type, reserved_char[1];
	s32 hub6;
	u16 closing_wait, closing_wait2;
	u64 iomem_base;
	u16 iomem_reg_shift;
	u32 port_high;
	u64 iomap_base;
};
_Static_assert(sizeof(struct serial_struct) == 72, "as user programs have it");
#define PORT_UNKNOWN 0
#define PORT_16550A  4
