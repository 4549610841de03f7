/* SPDX-License-Identifier: MIT */
/**
 * @file driver.h  What makes an object file a driver: its descriptor.
 *
 *	static int64_t hello_init(banos_owner self) { ... return 0; }
 *	static int64_t hello_exit(banos_owner self) { ... return 0; }
 *
 *	BANOS_DRIVER(hello, "1.0", "MIT", "Greets by name",
 *		     hello_init, hello_exit);
 *
 * init() runs once, in the thread that installs the driver, and may sleep. It returns 0, or an error from
 * -4095 to -1: then the driver is not installed, and all resources that init() obtained are released,
 * without a report, and without a call of exit(). Another result counts as -EINVAL. What it registers
 * becomes visible together after it succeeded. Its timers, work, threads and callbacks may run before it
 * has returned.
 *
 * exit() runs once, in a thread, and may sleep, when no calls enter the driver any more, but from
 * its own timers, work and threads. It returns 0; another value is logged, and the driver is removed all
 * the same. It may be NULL. Resources that the driver still owns after exit() are released and
 * reported as leaked; registrations are withdrawn before and are not leaks.
 *
 * A driver that is linked into the kernel has the same life, except that it is not removed.
 *
 * Stack: each function of a driver that is called, whoever calls it, has at least 8 KiB
 * below its return address; functions of the API need none of that. Calls into drivers may be
 * nested, in one thread, four deep at least (a file system, a store, a block driver, a bus),
 * and each has its 8 KiB. A call that would be nested too deep returns -EOVERFLOW, and
 * the function does not run. Whether a caller and what it calls share a stack is not
 * promised: a pointer to a variable there is as good as any other.
 *
 * While the machine sleeps (suspended to memory or to disk) no driver runs. Memory keeps its content;
 * threads, timers and work continue afterwards where they were, and the clock of their deadlines stood
 * still meanwhile (<banos/time.h>). Level 1 has no methods with which a driver puts a device to sleep and wakes
 * it. What a driver without them gets: no device is put to sleep under it. Either the machine does not
 * sleep while the driver has a device, registers or ports, or the kernel releases its devices before,
 * as when their bus removes them (<banos/bus.h>), and offers them to it again afterwards: remove(),
 * later probe(). A driver that has no device, registers or ports notices nothing.
 *
 * The drivers of Banos itself have names without "_", such as "pci". Call another one
 * vendor_word: no driver of Banos will ever have that name. A list of names here
 * (BANOS_TREE_NAMES_) cannot be taken at all.
 *
 * The section .banos-driver contains consecutive records, 8-aligned;
 * each begins with its size and its kind. A file has exactly one
 * BANOS_RECORD_DRIVER. The macros below create them, and the corresponding
 * entries of .modinfo for modinfo and depmod.
 */
#ifndef BANOS_DRIVER_H
#define BANOS_DRIVER_H

#include <banos/base.h>

/* ---- records ---- */

#define BANOS_RECORD_DRIVER	1u /**< struct banos_driver_record */
#define BANOS_RECORD_PARAM	2u /**< struct banos_param_record */
#define BANOS_RECORD_DEPENDENCY 3u /**< struct banos_dependency_record */
#define BANOS_RECORD_SERVES	4u /**< struct banos_serves_record */
/** Set in the kind: a kernel that does not know this kind ignores the record. Without it, the driver is refused (EOPNOTSUPP). */
#define BANOS_RECORD_OPTIONAL 0x80000000u

/* Bytes for texts in records, with the NUL; the macros below check that a text fits. */
#define BANOS_NAME_SIZE	       56u /**< of a driver, and of a parameter */
#define BANOS_VERSION_SIZE     48u
#define BANOS_LICENCE_SIZE     64u  /**< an SPDX expression */
#define BANOS_DESCRIPTION_SIZE 160u /**< of a driver, and of a parameter */
#define BANOS_ALIAS_SIZE       248u /**< a device's alias, and a pattern of aliases */

/** Description of the driver. */
struct banos_driver_record {
	uint32_t size, kind; /**< sizeof(), BANOS_RECORD_DRIVER */
	uint32_t level;	     /**< of the headers that it was compiled with */
	uint32_t level_min;  /**< oldest level that it works on; 0: its imports decide */
	uint64_t
		features_must; /**< a kernel that does not know one of these bits refuses the driver */
	uint64_t features_may;	    /**< a kernel that does not know one of these bits ignores it */
	char name[BANOS_NAME_SIZE]; /**< letters, digits and _; begins with a letter */
	char version[BANOS_VERSION_SIZE];
	char licence[BANOS_LICENCE_SIZE];
	char description[BANOS_DESCRIPTION_SIZE];
	int64_t (*init)(banos_owner self); /**< not NULL; in the driver's code */
	int64_t (*exit)(banos_owner self); /**< may be NULL */
};
#define BANOS_DRIVER_RECORD_SIZE_1 376u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_driver_record, exit) == BANOS_DRIVER_RECORD_SIZE_1,
	     driver_record);
BANOS_ASSERT(offsetof(struct banos_driver_record, name) == 32, driver_record_name);
BANOS_ASSERT(offsetof(struct banos_driver_record, init) == 360, driver_record_init);

#define BANOS_PARAM_BOOL_TYPE 1u /**< uint8_t: 0 or 1 */
#define BANOS_PARAM_I32_TYPE  2u
#define BANOS_PARAM_U32_TYPE  3u
#define BANOS_PARAM_I64_TYPE  4u
#define BANOS_PARAM_U64_TYPE  5u
#define BANOS_PARAM_TEXT_TYPE 6u /**< char[bytes], always NUL-terminated */

/** A variable that can be set when the driver is installed. */
struct banos_param_record {
	uint32_t size, kind;
	uint32_t type;	/**< BANOS_PARAM_..._TYPE */
	uint32_t bytes; /**< of the variable */
	void *variable; /**< in the driver's writable data; written before init() */
	int64_t min;	/**< bounds of a number; as uint64_t for U64 */
	int64_t max;
	char name[BANOS_NAME_SIZE];
	char description[BANOS_DESCRIPTION_SIZE];
};
#define BANOS_PARAM_RECORD_SIZE_1 256u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_param_record, description) == BANOS_PARAM_RECORD_SIZE_1,
	     param_record);
BANOS_ASSERT(offsetof(struct banos_param_record, variable) == 16, param_record_variable);
BANOS_ASSERT(offsetof(struct banos_param_record, name) == 40, param_record_name);

/** Bit of features_may: the driver is one of Banos's own, so its name may be one of theirs. */
#define BANOS_DRIVER_OF_TREE 1u

/** A driver that must be installed for this one to work, though none of its symbols are imported. */
struct banos_dependency_record {
	uint32_t size, kind;
	char name[BANOS_NAME_SIZE];
};
#define BANOS_DEPENDENCY_RECORD_SIZE_1 64u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_dependency_record, name) == BANOS_DEPENDENCY_RECORD_SIZE_1,
	     dependency_record);
BANOS_ASSERT(offsetof(struct banos_dependency_record, name) == 8, dependency_record_name);

/** Devices that the driver serves (<banos/bus.h>). */
struct banos_serves_record {
	uint32_t size, kind;
	uint64_t data; /**< for the driver: its probe() receives that of the pattern that matches */
	/** bus name, ':', the rest; * stands for any text, ? for any character */
	char alias[BANOS_ALIAS_SIZE];
};
#define BANOS_SERVES_RECORD_SIZE_1 264u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_serves_record, alias) == BANOS_SERVES_RECORD_SIZE_1,
	     serves_record);
BANOS_ASSERT(offsetof(struct banos_serves_record, alias) == 16, serves_record_alias);

/* ---- names ---- */

/* Prefixes of functions that headers of Banos declare, now or later: x() of each. The list is closed. */
/* clang-format off */
#define BANOS_TREE_NAMES_(x) \
	x(acpi) x(ata) x(audio) x(block) x(bluetooth) x(bus) x(can) x(chardev) \
	x(checksum) x(clock) x(console) x(crypto) x(disk) x(display) x(dma) x(drm) \
	x(ether) x(fb) x(firewire) x(fs) x(gpio) x(gpu) x(hid) x(hwmon) x(i2c) \
	x(inet) x(input) x(iommu) x(ip) x(irq) x(keyboard) x(led) x(media) x(mmc) \
	x(mouse) x(mtd) x(net) x(netfilter) x(nfc) x(nvme) x(packet) x(partition) \
	x(pci) x(pcmcia) x(platform) x(power) x(ptp) x(pwm) x(random) x(rdma) x(rtc) \
	x(scheduler) x(scsi) x(serial) x(smbus) x(socket) x(sound) x(spi) x(storage) \
	x(tcp) x(terminal) x(thermal) x(thunderbolt) x(tpm) x(tty) x(udp) x(usb) \
	x(vfio) x(video) x(virtio) x(watchdog) x(wifi) x(xhci)
/* clang-format on */
#ifdef BANOS_IN_TREE
#define BANOS_FEATURES_MAY_ BANOS_DRIVER_OF_TREE
#else
#define BANOS_FEATURES_MAY_    0
#define BANOS_TREE_NAME_(name) typedef char banos_name_of_the_tree_##name;
BANOS_TREE_NAMES_(BANOS_TREE_NAME_)
#undef BANOS_TREE_NAME_
#endif

/* ---- macros ---- */

/**
 * The descriptor. @p name is an identifier; @p version, @p licence (an SPDX
 * expression) and @p description are string literals. Once in a driver; each of the macros
 * below as often as it is needed. All stand outside of functions.
 */
#define BANOS_DRIVER(name, version, licence, description, init, exit)                     \
	enum { banos_name_of_the_tree_##name };                                           \
	BANOS_FITS_(#name, BANOS_NAME_SIZE, name_of_driver);                              \
	BANOS_FITS_(version, BANOS_VERSION_SIZE, version_of_driver);                      \
	BANOS_FITS_(licence, BANOS_LICENCE_SIZE, licence_of_driver);                      \
	BANOS_FITS_(description, BANOS_DESCRIPTION_SIZE, description_of_driver);          \
	BANOS_MODINFO_("name=" #name);                                                    \
	BANOS_MODINFO_("version=" version);                                               \
	BANOS_MODINFO_("license=" licence);                                               \
	BANOS_MODINFO_("description=" description);                                       \
	BANOS_MODINFO_("banos_level=" BANOS_TEXT_(BANOS_LEVEL));                          \
	BANOS_RECORD_(struct banos_driver_record) = { sizeof(struct banos_driver_record), \
						      BANOS_RECORD_DRIVER,                \
						      BANOS_LEVEL,                        \
						      BANOS_LEVEL_MIN_,                   \
						      0,                                  \
						      BANOS_FEATURES_MAY_,                \
						      #name,                              \
						      version,                            \
						      licence,                            \
						      description,                        \
						      init,                               \
						      exit }

/*
 * Parameters: variables of the types that are named, not const and not volatile, whose initial value
 * is the default. They are set before init() runs (constructors of C++ see them, too), and never afterwards. A
 * parameter that the driver lacks, or a value out of bounds, refuses the driver (EINVAL). Given twice, the
 * last one counts.
 */
/** "name=yes" (also y, on, true, 1, or the name alone), "name=no" (n, off, false, 0): a uint8_t that is 1 or 0. */
#define BANOS_PARAM_BOOL(variable, description) \
	BANOS_PARAM_(variable, uint8_t, BOOL, "bool", 0, 1, description)
/** "name=-5", "name=0x1f": a number between @p min and @p max. */
#define BANOS_PARAM_I32(variable, min, max, description) \
	BANOS_PARAM_(variable, int32_t, I32, "int", min, max, description)
#define BANOS_PARAM_U32(variable, min, max, description) \
	BANOS_PARAM_(variable, uint32_t, U32, "uint", min, max, description)
#define BANOS_PARAM_I64(variable, min, max, description) \
	BANOS_PARAM_(variable, int64_t, I64, "long", min, max, description)
#define BANOS_PARAM_U64(variable, min, max, description) \
	BANOS_PARAM_(variable, uint64_t, U64, "ulong", min, max, description)
/** "name=text": a char array, which holds the default; a text that does not fit with its NUL is refused. */
#define BANOS_PARAM_TEXT(variable, description)                                                   \
	BANOS_PARAM_FITS_(variable, description);                                                 \
	BANOS_PARAM_MODINFO_(variable, "charp", description);                                     \
	BANOS_RECORD_(                                                                            \
		struct banos_param_record) = { sizeof(struct banos_param_record),                 \
					       BANOS_RECORD_PARAM,                                \
					       BANOS_PARAM_TEXT_TYPE,                             \
					       sizeof(variable),                                  \
					       *(1 ? &(variable) : (char(*)[sizeof(variable)])0), \
					       0,                                                 \
					       0,                                                 \
					       #variable,                                         \
					       description }

/** The driver @p name (an identifier) must be installed before. */
#define BANOS_DEPENDS(name)                                                                       \
	BANOS_FITS_(#name, BANOS_NAME_SIZE, name_of_dependency_##name);                           \
	BANOS_MODINFO_("softdep=pre: " #name);                                                    \
	BANOS_RECORD_(struct banos_dependency_record) = { sizeof(struct banos_dependency_record), \
							  BANOS_RECORD_DEPENDENCY, #name }

/**
 * The driver serves devices whose alias matches @p alias, a string literal such as
 * "virtio:d00000004v*". For PCI there is PCI_ID() in <banos/pci.h>.
 */
#define BANOS_SERVES(alias) BANOS_SERVES_DATA(alias, 0)
/** The same with @p data, a number of 64 bits that probe() receives for the devices that match @p alias. */
#define BANOS_SERVES_DATA(alias, data)                                                           \
	BANOS_FITS_(alias, BANOS_ALIAS_SIZE, BANOS_JOIN(alias_, __COUNTER__));                   \
	BANOS_ALIAS_ASSERT_(alias, BANOS_JOIN(malformed_alias_, __COUNTER__));                   \
	BANOS_MODINFO_("alias=" alias);                                                          \
	BANOS_RECORD_(struct banos_serves_record) = { sizeof(struct banos_serves_record),        \
						      BANOS_RECORD_SERVES + BANOS_ALIAS_(alias), \
						      data, alias }

/*
 * What can be seen of a pattern while it is compiled: that it begins with the name of a bus,
 * and that PCI_ID() and PCI_CLASS() received hexadecimal digits in upper case, and as many as they need.
 * In C, characters of a literal are constant enough for an initialiser only.
 */
#define BANOS_AT_(text, i) (text)[(i) < sizeof(text) ? (i) : 0]
#define BANOS_HEX_(text, i)                                          \
	((BANOS_AT_(text, i) >= '0' && BANOS_AT_(text, i) <= '9') || \
	 (BANOS_AT_(text, i) >= 'A' && BANOS_AT_(text, i) <= 'F'))
#define BANOS_HEX2_(text, i) (BANOS_HEX_(text, i) && BANOS_HEX_(text, (i) + 1))
#define BANOS_COLON4_(text, i)                                           \
	(BANOS_AT_(text, i) == ':' || BANOS_AT_(text, (i) + 1) == ':' || \
	 BANOS_AT_(text, (i) + 2) == ':' || BANOS_AT_(text, (i) + 3) == ':')
#define BANOS_BUS_NAMED_(text)                                                             \
	(BANOS_AT_(text, 0) != ':' && BANOS_AT_(text, 0) != '*' &&                         \
	 (BANOS_COLON4_(text, 1) || BANOS_COLON4_(text, 5) || BANOS_COLON4_(text, 9) ||    \
	  BANOS_COLON4_(text, 13) || BANOS_COLON4_(text, 17) || BANOS_COLON4_(text, 21) || \
	  BANOS_COLON4_(text, 25) || BANOS_COLON4_(text, 28)))
#define BANOS_PCI_(text)                                                                        \
	(BANOS_AT_(text, 0) == 'p' && BANOS_AT_(text, 1) == 'c' && BANOS_AT_(text, 2) == 'i' && \
	 BANOS_AT_(text, 3) == ':')
#define BANOS_PCI_ID_(text)                                                              \
	(BANOS_AT_(text, 5) != '0' ||                                                    \
	 (BANOS_HEX2_(text, 9) && BANOS_HEX2_(text, 11) && BANOS_AT_(text, 13) == 'd' && \
	  (BANOS_AT_(text, 14) == '*' ||                                                 \
	   (BANOS_HEX2_(text, 18) && BANOS_HEX2_(text, 20) && BANOS_AT_(text, 22) == 's'))))
#define BANOS_PCI_CLASS_(text)                                                            \
	(BANOS_AT_(text, 5) != '*' || BANOS_AT_(text, 14) != 'b' ||                       \
	 (BANOS_HEX2_(text, 16) && BANOS_AT_(text, 18) == 's' && BANOS_HEX2_(text, 20) && \
	  BANOS_AT_(text, 22) == 'i' &&                                                   \
	  (BANOS_AT_(text, 23) == '*' || (BANOS_HEX2_(text, 23) && BANOS_AT_(text, 25) == '*'))))
#define BANOS_ALIAS_GOOD_(text)    \
	(BANOS_BUS_NAMED_(text) && \
	 (!BANOS_PCI_(text) || (BANOS_PCI_ID_(text) && BANOS_PCI_CLASS_(text))))
#if defined(__TINYC__) || (defined(__clang__) && defined(__cplusplus) && __cplusplus < 201103L)
#define BANOS_ALIAS_(text)		0u
#define BANOS_ALIAS_ASSERT_(text, name) BANOS_ASSERT(1, name)
#elif defined(__cplusplus)
#define BANOS_ALIAS_(text)		0u
#define BANOS_ALIAS_ASSERT_(text, name) BANOS_FITS__(BANOS_ALIAS_GOOD_(text), name)
#else
extern uint32_t
	banos_malformed_alias_; /* exists nowhere: an initialiser with it does not compile */
#define BANOS_ALIAS_(text)		(BANOS_ALIAS_GOOD_(text) ? 0u : banos_malformed_alias_)
#define BANOS_ALIAS_ASSERT_(text, name) BANOS_FITS__(1, name)
#endif

/* The compiler says of which text it is not true. */
#define BANOS_FITS_(text, size, name) \
	BANOS_FITS__(sizeof(text) <= (size), BANOS_JOIN(too_long_, name))
#define BANOS_FITS__(condition, name) BANOS_ASSERT(condition, name)
/* Not const: the flags of the section must not depend on whether its records need relocation. */
#define BANOS_RECORD_(type)                                              \
	__extension__ static type BANOS_JOIN(banos_record_, __COUNTER__) \
		__attribute__((section(".banos-driver"), BANOS_USED_, aligned(8)))
#define BANOS_MODINFO_(text)                                        \
	static const char BANOS_JOIN(banos_modinfo_, __COUNTER__)[] \
		__attribute__((section(".modinfo"), BANOS_USED_, aligned(1))) = text
#define BANOS_PARAM_FITS_(variable, description)                               \
	BANOS_FITS_(#variable, BANOS_NAME_SIZE, name_of_parameter_##variable); \
	BANOS_FITS_(description, BANOS_DESCRIPTION_SIZE, description_of_##variable)
#define BANOS_PARAM_MODINFO_(variable, type, description)  \
	BANOS_MODINFO_("parm=" #variable ":" description); \
	BANOS_MODINFO_("parmtype=" #variable ":" type)
#define BANOS_PARAM_(variable, ctype, type, modinfo, min, max, description)             \
	BANOS_PARAM_FITS_(variable, description);                                       \
	BANOS_PARAM_MODINFO_(variable, modinfo, description);                           \
	BANOS_RECORD_(struct banos_param_record) = { sizeof(struct banos_param_record), \
						     BANOS_RECORD_PARAM,                \
						     BANOS_PARAM_##type##_TYPE,         \
						     sizeof(ctype),                     \
						     1 ? &(variable) : (ctype *)0,      \
						     (int64_t)(min),                    \
						     (int64_t)(max),                    \
						     #variable,                         \
						     description }
#define BANOS_TEXT_(x)	BANOS_TEXT__(x)
#define BANOS_TEXT__(x) #x
#ifdef BANOS_API_MIN
#define BANOS_LEVEL_MIN_ BANOS_API_MIN
#else
#define BANOS_LEVEL_MIN_ 0
#endif

#endif
