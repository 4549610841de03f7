/* SPDX-License-Identifier: MIT */
/**
 * @file network.h  Interfaces: network devices, their addresses and routes, and who gets what they receive.
 *
 * An interface and its device are one object. Locks, outermost first: net_lock (mutex): all changes of interfaces, which
 * methods of drivers are called with, and may take long. net_list_lock (mutex): for the moment in which the list of interfaces, or a
 * name, changes; who only reads takes it alone, and never waits for a driver. A queue's lock (spin): its frames.
 * Found by index under rcu_read_lock(), by index or name with either mutex.
 */
#pragma once
#include <kernel/lock.h>
#include <kernel/packet.h>
#include <kernel/wait.h>

#define NET_QUEUES_MAX 64u
#define NET_BATCH      32u /* packets of a call of a driver */
#define ETHERNET_BYTES 14u
#define NET_MTU_LEAST  68u

struct bus_device;
struct net_device;

/** What /proc/sys/net/ipv6/conf/NAME has. */
enum net_ipv6_conf {
	NET_IPV6_DISABLE,
	NET_IPV6_ACCEPT_RA,
	NET_IPV6_AUTOCONF,
	NET_IPV6_FORWARDING,
	NET_IPV6_GEN_MODE,
	NET_IPV6_COUNT
};

/** Methods of a device; as struct banos_net_ops. */
struct net_methods {
	s64 (*start)(struct net_device *device);
	s64 (*stop)(struct net_device *device);
	/** @param packets  in memory that the driver may read */
	s64 (*transmit)(struct net_device *device, u32 queue,
			const struct banos_net_packet *packets, u32 count);
	s64 (*refill)(struct net_device *device, u32 queue, const struct banos_net_packet *packets,
		      u32 count);
	s64 (*set_filter)(struct net_device *device, u32 flags,
			  const struct banos_net_address *groups, u32 count);
	s64 (*set_address)(struct net_device *device, const struct banos_net_address *address);
	s64 (*set_mtu)(struct net_device *device, u32 mtu);
	/** Instead of queues and all above: takes over all frames. */
	void (*send)(struct net_device *device, struct packet_list *frames);
};

/** Counted by queue; read for what they are worth. */
struct net_counts {
	u64 packets, bytes, errors, dropped, groups;
};

struct net_tx_queue {
	spinlock_t lock;
	struct packet_list frames;	/* that wait */
	u32 out;			/* packets that the driver has */
	bool running;			/* a thread is in transmit(), or about to */
	bool stalled;			/* the driver took less than was offered */
	struct banos_net_packet *batch; /* of the running thread; a page */
	struct net_counts counts;
} __aligned(64);

struct net_rx_queue {
	spinlock_t lock;
	u32 out;   /* empty packets that the driver has */
	bool full; /* it did not take all */
	struct net_counts counts;
} __aligned(64);

/** A group that somebody wants to receive. */
struct net_group {
	struct list link;
	u64 who; /* a protocol's or socket's own number */
	u32 count;
	struct banos_net_address address;
};

struct net_device {
	struct net_device *hash_next; /* by index; RCU */
	struct list link;	      /* of all, by index; net_lock */
	u32 index;
	char name[BANOS_NET_NAME_SIZE];
	u32 flags; /* IFF_* that programs set, and the kinds; IFF_RUNNING is computed */
	u32 mtu, mtu_max, offloads, headroom, segments_max;
	u32 mtu_first; /* at the registration */
	u32 tx_queue_length;
	u16 type; /* ARPHRD_* */
	u8 address[8], address_first[8];
	u8 ipv6[NET_IPV6_COUNT]; /* ipv6_conf.c; what is written there */
	bool carrier, full_duplex, started, published, closed;
	bool ipv6_was_off; /* when its thread looked last; net_lock */
	u32 speed_mbit;
	u32 promiscuous, all_groups; /* how many want it; net_lock */
	struct list groups;	     /* net_lock */

	const struct net_methods *methods;
	void *private;
	struct owner *root;	/* of the driver; NULL: the kernel */
	struct bus_device *bus; /* whose DMA it is, or NULL */
	char bus_path[96];
	u32 party;
	bool dma;
	u32 ntx, nrx, tx_depth, rx_depth, rx_room;
	struct net_tx_queue *tx;
	struct net_rx_queue *rx;
	struct banos_net_packet *refill_batch; /* a page */
	struct atomic refused;		       /* packets that the driver did not hold */
	struct atomic refs;
	struct mutex method_lock; /* start(), stop(), refill(), set_*(): one at a time */
	struct wait_queue wait;	  /* of its thread, and for queues that come to rest */
	bool run, end;		  /* what the thread should do */
	bool carrier_changed;
	void *files; /* sysfs.c */
	void *conf;  /* ipv6_conf.c */
	struct rcu_head rcu;
};

struct net_device_config {
	const struct net_methods *methods;
	void *private;
	struct owner *root;
	struct bus_device *bus;
	const struct banos_net_config *config; /* checked */
	u32 flags;			       /* IFF_* of its kind */
	u16 type;			       /* ARPHRD_* */
};

extern struct mutex net_lock, net_list_lock;
extern struct list net_devices; /* by index; changed with both, read with either */
static inline void assert_net_list_held(void)
{
	if (!mutex_is_owner(&net_lock))
		assert_held(&net_list_lock);
}

/* ---- device.c ---- */

/** @brief A device that nobody finds yet. Sleeps. @return ERR_PTR(-ENOMEM, -EEXIST, -ENOSPC) */
struct net_device *__must_check net_device_create(const struct net_device_config *config);
/** @brief Let it be found. Sleeps. @return 0, -ENODEV: it was stopped */
int __must_check net_device_publish(struct net_device *device);
/** @brief End it; can be repeated. Sleeps. @param safe  the device accesses nothing any more @return 0, -EBUSY */
int __must_check net_device_stop(struct net_device *device, u64 deadline_ns);
/** @brief Behind a stop that succeeded, or of one that was never published. */
void net_device_destroy(struct net_device *device);
/** @brief By index, or NULL. Under rcu_read_lock() or net_lock. */
struct net_device *net_device_find(u32 index);
/** @brief By name, or NULL. With net_lock. */
struct net_device *net_device_find_name(const char *name);
void net_device_put(struct net_device *device);
/** @brief Its thread looks for work. Any context. */
void net_device_kick(struct net_device *device);
/** @brief Flags for programs, IFF_RUNNING included. */
u32 net_device_flags(const struct net_device *device);
void net_device_describe(const struct net_device *device, struct banos_interface *interface);
/** @brief The link. Any context. */
void net_device_set_carrier(struct net_device *device, bool up, u32 mbit, bool full_duplex);
/** @brief Sum of the counts. */
void net_device_sum(const struct net_device *device, struct net_counts *rx, struct net_counts *tx);

/* ---- change.c: with net_lock; 0 or -errno ---- */

int __must_check net_device_set_up(struct net_device *device, bool up);
int __must_check net_device_set_mtu(struct net_device *device, u32 mtu);
int __must_check net_device_set_address(struct net_device *device, const u8 *address);
int __must_check net_device_rename(struct net_device *device, const char *name);
/** @brief Set and clear IFF_PROMISC, IFF_ALLMULTI, IFF_NOARP, IFF_MULTICAST; others are ignored. */
void net_device_set_flags(struct net_device *device, u32 mask, u32 flags);
/** @brief Once more, or less. */
void net_device_want(struct net_device *device, s32 promiscuous, s32 all_groups);
int __must_check net_group_change(struct net_device *device, const struct banos_net_address *group,
				  u64 who, bool wanted);
/** @brief Forget what somebody wanted of all devices. */
void net_groups_forget(u64 who);
/** @brief Tell the driver what to receive. */
void net_device_apply_filter(struct net_device *device);

/* ---- transmit.c ---- */

/**
 * @brief Send frames, which are consumed. Sleeps.
 * @return 0, -ENODEV, -ENETDOWN, -ENOBUFS, -EMSGSIZE
 */
int net_transmit(u32 index, struct packet_list *frames);
/** @brief Packets that come back from the driver. Any context. @return how many it did not hold */
u32 net_device_transmitted(struct net_device *device, u32 queue, const u8 *packets, u32 count,
			   u32 stride);
/** @brief Nothing waits or begins any more; what waits is dropped. @return false: a thread is in transmit() */
void net_tx_close(struct net_device *device);
bool net_tx_is_running(const struct net_device *device);
/** @brief Continue queues that wait for nothing. Of the device's thread. */
void net_tx_continue(struct net_device *device, bool stalled_too);
bool net_tx_is_stalled(const struct net_device *device);

/* ---- loopback.c ---- */

/** @brief Would only its sender see a frame of @p length bytes on an interface? Then it is counted. Any context. */
bool net_loopback_pass(u32 index, u32 length);

/* ---- receive.c ---- */

/** @brief Frames of a driver. Any context. @return how many packets it did not hold, or that were bad */
u32 net_device_receive(struct net_device *device, u32 queue, const u8 *packets, u32 count,
		       u32 stride);
/** @brief Frames of the kernel's, to the queue of this processor. Any context. */
void net_receive(struct packet_list *frames);
/**
 * @brief Frames of lo, which are received before the present call of a socket returns; without one: net_receive(). Any
 * context.
 */
void net_receive_loopback(struct packet_list *frames);
/** @brief Does nothing that this thread or processor has sent on lo wait to be received? Any context. */
bool net_receive_is_idle(void);
/** @brief Have protocols receive what the call has sent on lo: net_deferred_end(). Sleeps. */
void net_deferred_run(struct packet_list *frames);
/**
 * @brief A call of a socket begins: what it sends on lo is received by this thread when it has returned, without a switch to
 * another one. @param frames  empty, until net_deferred_end() @return for that
 */
static inline struct packet_list *net_deferred_begin(struct packet_list *frames)
{
	struct packet_list *outer = current->net_deferred;

	*frames = (struct packet_list){ 0 };
	current->net_deferred = frames;
	return outer;
}
/** @brief It has returned, and no lock is held. Sleeps. */
static inline void net_deferred_end(struct packet_list *frames, struct packet_list *outer)
{
	if (IS_ENABLED(CONFIG_NET_DEVICES) && frames->first)
		net_deferred_run(frames);
	current->net_deferred = outer;
}
/** @brief The packet was taken from the driver: it is not out any more with the device that it was with, unless that has @p counted it. */
void packet_release_use(struct packet *packet, const struct net_device *counted);
/** @brief Give empty packets to the driver. Of the device's thread. */
void net_device_refill(struct net_device *device);
/** @brief Has a queue few empty packets, though its driver would take more? */
bool net_rx_starves(const struct net_device *device);

/* ---- protocol.c ---- */

struct net_protocol_methods {
	s64 (*receive)(void *private, const struct banos_net_packet *packets, u32 count);
	s64 (*interface)(void *private, u32 event, const struct banos_interface *interface);
	s64 (*configure)(void *private, u32 event, const struct banos_net_setting *setting);
	s64 (*take)(void *private, u32 event, u32 family, u32 number);
	s64 (*send)(void *private, const struct banos_ip_packet *packet);
};
struct net_protocol {
	struct list link; /* net_lock */
	const struct net_protocol_methods *methods;
	void *private;
	u32 party;
	u16 ethertypes[8];
	u32 reported;	       /* settings; guarded as they are */
	struct atomic senders; /* threads in send() */
	bool dead, published;
	struct atomic calls; /* of its receive(), that run */
};
/** @brief Have it told everything, then let it receive. Sleeps. @return 0, -EBUSY: an EtherType is taken */
int __must_check net_protocol_publish(struct net_protocol *protocol);
/** @brief No method runs behind it. Sleeps. @return 0, -EBUSY */
int __must_check net_protocol_stop(struct net_protocol *protocol, u64 deadline_ns);
/** @brief Receive a group on an interface. Sleeps. @return 0, -ENODEV, -ENOMEM, -ENOENT */
int net_protocol_want_group(const struct net_protocol *protocol, u32 interface,
			    const struct banos_net_address *group, bool wanted);
/** @brief Who gets an EtherType; NULL: nobody. In an RCU section. */
struct net_protocol *net_protocol_find(u16 ethertype);
/** @brief Tell all protocols of an interface; with net_lock. */
void net_protocols_tell(const struct net_device *device, u32 event);
/** @brief Ask all about a setting; with net_lock. @return 0 or the first error of an addition, which was taken back */
int net_protocols_configure(u32 event, const struct banos_net_setting *setting);

/* ---- ip_protocol.c ---- */

/** A protocol above IP, of a driver. */
struct net_ip_protocol {
	s64 (*receive)(void *private, const struct banos_ip_packet *packet);
	void *private;
	u32 party, families, number; /* BANOS_IP_PROTOCOL_... */
	struct atomic receivers;     /* threads in receive() */
	bool dead, claims, published;
};
/** @brief Take its number, if nobody has it and the stacks agree. Sleeps. @return 0, -EBUSY, -ENODEV */
int __must_check net_ip_protocol_claim(struct net_ip_protocol *handler);
/** @brief Let it receive. */
void net_ip_protocol_publish(struct net_ip_protocol *handler);
/** @brief No method runs behind it. Sleeps. @return 0, -EBUSY */
int __must_check net_ip_protocol_stop(struct net_ip_protocol *handler, u64 deadline_ns);
/** @brief A packet that the kernel holds arrives; consumed. Sleeps. */
void net_ip_deliver(struct packet *packet, const struct banos_ip_packet *about);
/** @brief The same is to be sent. Sleeps. @return 0, -ENETDOWN, the stack's error */
s64 net_ip_send(struct packet *packet, const struct banos_ip_packet *about);
/** @brief A stack that was told everything else is told who has which protocol; with net_lock. */
void net_ip_protocols_tell(const struct net_protocol *stack);

/* ---- setting.c ---- */

struct net_setting {
	struct list link;
	struct net_protocol *reporter; /* NULL: a program's, or the kernel's */
	bool learned;		       /* reported once, perhaps by one that is no more */
	u64 valid_ns, preferred_ns; /* when it ends, and is deprecated; 0: never. about has none */
	struct banos_net_setting about;
	char label
		[BANOS_NET_NAME_SIZE]; /* of an IPv4 address: a name of its own (eth0:1); empty: that of its interface */
};
/**
 * @brief Add one, with net_lock.
 * @param label    of an address; NULL: none
 * @param replace  change one with the same key
 * @return 0, -EEXIST, -ENODEV, -ENOSPC, -ENOMEM, a protocol's error
 */
int __must_check net_setting_add(const struct banos_net_setting *about, const char *label,
				 bool replace);
/** @brief Is there one with that key? Sleeps. */
bool net_setting_exists(const struct banos_net_setting *about);
/** @brief Remove one, with net_lock. @return 0, -ESRCH, -EADDRNOTAVAIL */
int net_setting_remove(const struct banos_net_setting *about);
/** @brief What a protocol has learned. Sleeps. @return 0, -EINVAL, -ENODEV, -ENOSPC, -ENOMEM, -ENOENT */
int net_setting_report(struct net_protocol *protocol, u32 event,
		       const struct banos_net_setting *about);
/** @brief Forget what a protocol has reported, which is dead. Sleeps. */
void net_settings_forget_reported(struct net_protocol *protocol);
/** @brief Remove all of an interface; with net_lock. @p routes_only: its addresses stay */
void net_settings_forget(u32 interface, bool routes_only);
/** @brief Remove what an interface has of IPv6; with net_lock. */
void net_settings_forget_ipv6(u32 interface);
/** @brief Remove what has ended, and deprecate addresses. Sleeps. @return when something ends next; 0: nothing does */
u64 net_settings_expire(void);
/** @brief @p setting with the time that it has left. */
struct banos_net_setting net_setting_now(const struct net_setting *setting);
/** @brief Make the routes to the networks of its addresses; with net_lock. */
void net_settings_connect(u32 interface);
/** @brief Likewise, where IPv6 was switched on. Locking: net_lock. */
void net_settings_connect_ipv6(u32 interface);
/** @brief For each, until @p function returns false, which may not sleep. Sleeps. */
void net_settings_each(bool (*function)(const struct net_setting *setting, void *arg), void *arg);
/** @brief Tell @p protocol all of them; with net_lock. */
void net_settings_tell(const struct net_protocol *protocol);

/* ---- ioctl.c ---- */
/** @brief An ioctl on a socket of a family, any. @return -ENOTTY: not one of interfaces */
s64 net_ioctl(u32 family, u32 command, u64 argument);

/* ---- init.c ---- */
/** @brief Start-up, behind device_init(). */
void net_init(void);
