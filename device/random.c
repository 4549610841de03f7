// SPDX-License-Identifier: MIT
/*
 * Random numbers: a ChaCha20 generator per CPU with fast key erasure, and
 * /dev/random, /dev/urandom.
 *
 * Each CPU makes four blocks of key stream at a time. The first half block
 * replaces the key at once, the rest is handed out and wiped as it goes: who
 * sees the state later cannot learn what was given out before. A CPU's state
 * is used with interrupts off and by that CPU alone: no lock.
 *
 * One base state, under a lock, feeds them. Entropy is absorbed into it 16
 * bytes at a time: the input takes the place of counter and nonce of a block
 * under the present key, and the first half of the result is the new key (a
 * cascade of a pseudo-random function: unknown as long as any one input was, or
 * the key was before). Each absorption starts a new generation; a CPU whose
 * generation is older takes a fresh key from the base before it goes on.
 *
 * The first use seeds the base: from RDSEED or else RDRAND where they exist,
 * and always from the time-stamp counter over code whose duration jitters.
 * Later the times of keys and interrupts come in (random_note_event()), and
 * whatever is written to /dev/random. Both devices are the same (but
 * that only /dev/random is a file for epoll), and neither ever blocks: once seeded, a generator does not run dry.
 *
 * Lock: base_lock (spin, interrupts off), innermost.
 * Sources: RFC 8439; D. J. Bernstein, "Fast-key-erasure random-number generators" (2017).
 */
#include <asm/io.h>
#include <kernel/boot.h>
#include <kernel/chacha.h>
#include <kernel/chardev.h>
#include <kernel/cpu.h>
#include <kernel/cred.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/proc.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/random.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/poll.h>
#include "internal.h"

#define BLOCKS	       4
#define KEY_SIZE       32
#define POOL_BITS      256
#define JITTER_ROUNDS  64 /* without a hardware source: eight times that */
#define EVENTS_PER_MIX 64
#define MANY	       256 /* bytes from which on a request gets a key of its own */

struct generator {
	u32 key[CHACHA_KEY_WORDS];
	u64 generation; /* 0: no key yet */
	u32 left;	/* bytes at the end of buf not handed out */
	u8 buf[BLOCKS * CHACHA_BLOCK_SIZE];
	u64 event_pool; /* times of events, not absorbed yet */
	u32 nr_events;
};

static DEFINE_SPINLOCK(base_lock);
static u32 base_key[CHACHA_KEY_WORDS];
static u64 base_generation;
static struct generator boot_generator;

/* The compiler may not drop it. */
static void wipe(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* ---- hardware ---- */

#define HARDWARE_TRIES 10

static bool rdseed(u64 *v)
{
	bool ok = false;

	for (u32 i = 0; i < HARDWARE_TRIES && !ok; i++)
		__asm__ volatile("rdseed %0" : "=r"(*v), "=@ccc"(ok));
	return ok;
}

static bool rdrand(u64 *v)
{
	bool ok = false;

	for (u32 i = 0; i < HARDWARE_TRIES && !ok; i++)
		__asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
	return ok;
}

static bool hardware_random(u64 *v)
{
	u32 r[4], max;

	cpuid(0, 0, r);
	max = r[0];
	if (max >= 7) {
		cpuid(7, 0, r);
		if ((r[1] >> 18 & 1) && rdseed(v))
			return true;
	}
	cpuid(1, 0, r);
	return (r[2] >> 30 & 1) && rdrand(v);
}

/* ---- the base ---- */

static void absorb_locked(const void *p, size_t n)
{
	u8 out[CHACHA_BLOCK_SIZE];
	u32 input[4];

	do {
		size_t k = MIN(n, sizeof(input));

		memset(input, 0, sizeof(input));
		memcpy(input, p, k);
		chacha20_block(base_key, input, out);
		memcpy(base_key, out, KEY_SIZE);
		p = (const u8 *)p + k;
		n -= k;
	} while (n);
	wipe(out, sizeof(out));
	wipe(input, sizeof(input));
	base_generation++;
}

/* Time small pieces of work: caches, buses and other processors make it vary. */
static void absorb_jitter_locked(u32 rounds)
{
	u64 samples[2] = { rdtsc(), 0 };
	volatile u8 scratch[CHACHA_BLOCK_SIZE];

	for (u32 i = 0; i < rounds; i++) {
		scratch[samples[0] % sizeof(scratch)]++;
		samples[1] = (samples[1] << 7 | samples[1] >> 57) ^ rdtsc();
		samples[0] += samples[1];
		if (i % 8 == 7)
			absorb_locked(samples, sizeof(samples));
	}
}

static void seed_locked(void)
{
	u64 words[4];
	u32 got = 0;

	while (got < ARRAY_SIZE(words) && hardware_random(&words[got]))
		got++;
	if (got)
		absorb_locked(words, got * sizeof(words[0]));
	absorb_locked(boot_info.map, boot_info.nr_ranges * sizeof(boot_info.map[0]));
	absorb_jitter_locked(got == ARRAY_SIZE(words) ? JITTER_ROUNDS / 8 : JITTER_ROUNDS * 8);
	wipe(words, sizeof(words));
}

/* A key that nobody else has or will have. */
static u64 take_base_key(u32 key[CHACHA_KEY_WORDS])
{
	u64 flags = spin_lock_irqsave(&base_lock), generation, now = rdtsc();
	u32 input[4] = { (u32)now, (u32)(now >> 32), cpu_id(), 1 };
	u8 out[CHACHA_BLOCK_SIZE];

	if (!base_generation)
		seed_locked();
	chacha20_block(base_key, input, out);
	memcpy(base_key, out, KEY_SIZE);
	memcpy(key, out + KEY_SIZE, KEY_SIZE);
	generation = base_generation;
	spin_unlock_irqrestore(&base_lock, flags);
	wipe(out, sizeof(out));
	return generation;
}

void random_add_entropy(const void *p, size_t n)
{
	u64 flags = spin_lock_irqsave(&base_lock);

	if (!base_generation)
		seed_locked();
	absorb_locked(p, n);
	spin_unlock_irqrestore(&base_lock, flags);
}

/* ---- one CPU's generator; interrupts off ---- */

static struct generator *generator_here(void)
{
	struct cpu *c = this_cpu();
	struct generator *g = c->slot[CPU_SLOT_RANDOM];

	if (likely(g))
		return g;
	g = c->id ? kzalloc(sizeof(*g)) : &boot_generator;
	c->slot[CPU_SLOT_RANDOM] = g;
	return g;
}

static void refill(struct generator *g)
{
	u64 now = rdtsc();
	u32 input[4] = { 0, (u32)now, (u32)(now >> 32), 0 };

	if (g->generation != READ_ONCE(base_generation) || !g->generation)
		g->generation = take_base_key(g->key);
	for (u32 i = 0; i < BLOCKS; i++) {
		input[0] = i;
		chacha20_block(g->key, input, g->buf + i * CHACHA_BLOCK_SIZE);
	}
	memcpy(g->key, g->buf, KEY_SIZE);
	wipe(g->buf, KEY_SIZE);
	g->left = sizeof(g->buf) - KEY_SIZE;
}

static void take(struct generator *g, u8 *p, size_t n)
{
	while (n) {
		size_t k;
		u8 *from;

		if (!g->left || g->generation != READ_ONCE(base_generation))
			refill(g);
		k = MIN(n, (size_t)g->left);
		from = g->buf + sizeof(g->buf) - g->left;
		memcpy(p, from, k);
		wipe(from, k);
		g->left -= k;
		p += k;
		n -= k;
	}
}

static void random_few(void *p, size_t n)
{
	u64 flags = irq_save();
	struct generator *g = generator_here();

	if (likely(g)) {
		take(g, p, n);
	} else { /* no memory for one: straight from the base */
		struct generator own = { .generation = 0 };

		take(&own, p, n);
		wipe(&own, sizeof(own));
	}
	irq_restore(flags);
}

/* A long request: with interrupts on, under a key that is used for it alone. */
static void random_many(u8 *p, size_t n)
{
	u32 key[CHACHA_KEY_WORDS], input[4] = { 0 };
	u8 out[CHACHA_BLOCK_SIZE];

	random_few(key, sizeof(key));
	for (; n; input[0]++) {
		size_t k = MIN(n, sizeof(out));

		chacha20_block(key, input, out);
		memcpy(p, out, k);
		p += k;
		n -= k;
		if (input[0] == 0xffffffffu)
			input[1]++;
	}
	wipe(key, sizeof(key));
	wipe(out, sizeof(out));
}

void random_bytes(void *p, size_t n)
{
	if (n < MANY)
		random_few(p, n);
	else
		random_many(p, n);
}

u64 random_u64(void)
{
	u64 v;

	random_few(&v, sizeof(v));
	return v;
}

void random_note_event(u64 what)
{
	u64 flags = irq_save();
	struct generator *g = generator_here();

	if (g) {
		g->event_pool = (g->event_pool << 5 | g->event_pool >> 59) ^ rdtsc() ^ what;
		if (++g->nr_events == EVENTS_PER_MIX) {
			g->nr_events = 0;
			random_add_entropy(&g->event_pool, sizeof(g->event_pool));
		}
	}
	irq_restore(flags);
}

/* ---- /dev/random, /dev/urandom ---- */

#define RNDGETENTCNT   0x80045200u
#define RNDADDTOENTCNT 0x40045201u
#define RNDADDENTROPY  0x40085203u
#define RNDZAPENTCNT   0x5204
#define RNDCLEARPOOL   0x5206
#define RNDRESEEDCRNG  0x5207

static s64 random_read(struct file *f, struct uio *u, u64 *pos)
{
	u8 piece[MANY];
	s64 done = 0;

	while (u->count) {
		size_t n = MIN(u->count, (u64)sizeof(piece)), copied;

		random_bytes(piece, n);
		copied = uio_copy_out(u, piece, n);
		done += copied;
		if (copied < n || (u->count && signal_pending()))
			break;
	}
	wipe(piece, sizeof(piece));
	return done || !u->count ? done : -EFAULT;
}

static s64 random_write(struct file *f, struct uio *u, u64 *pos)
{
	u8 piece[CHACHA_BLOCK_SIZE];
	s64 done = 0;

	while (u->count) {
		size_t n = uio_copy_in(u, piece, MIN(u->count, (u64)sizeof(piece)));

		if (!n)
			return done ? done : -EFAULT;
		random_add_entropy(piece, n);
		done += n;
		if (u->count && signal_pending())
			break;
	}
	return done;
}

/* struct rand_pool_info: bits, size, bytes. */
static s64 add_entropy_call(u64 arg)
{
	struct {
		s32 bits, size;
	} head;
	struct uio u;
	s64 n;

	if (copy_from_user(&head, uaddr(arg), sizeof(head)))
		return -EFAULT;
	if (head.bits < 0 || head.size < 0)
		return -EINVAL;
	uio_init_user(&u, uaddr(arg + sizeof(head)), head.size);
	n = random_write(NULL, &u, NULL);
	return n < 0 ? n : n < head.size ? -EFAULT : 0;
}

static s64 random_ioctl(struct file *f, u32 cmd, u64 arg)
{
	u32 n;

	switch (cmd) {
	case RNDGETENTCNT: return put_user_u32(uaddr(arg), POOL_BITS);
	case RNDADDTOENTCNT:
	case RNDADDENTROPY:
	case RNDZAPENTCNT:
	case RNDCLEARPOOL:
	case RNDRESEEDCRNG:
		if (!current_is_super())
			return -EPERM;
		if (cmd == RNDADDENTROPY)
			return add_entropy_call(arg);
		/* The count is always full, so changing it changes nothing. */
		if (cmd == RNDADDTOENTCNT)
			return get_user_u32(&n, uaddr(arg)) ? -EFAULT : (s32)n < 0 ? -EINVAL : 0;
		random_add_entropy(&n, 0); /* a new generation */
		return 0;
	}
	return -ENOTTY;
}

/* It is never waited for: the generator has its seed before the first process. */
static u32 random_poll(struct file *f, struct poll_table *t)
{
	return POLLIN | POLLRDNORM;
}

static const struct file_ops random_fops = {
	.read = random_read,
	.write = random_write,
	.poll = random_poll,
	.ioctl = random_ioctl,
};
/* As in Linux this one is no file to wait for. */
static const struct file_ops urandom_fops = {
	.read = random_read,
	.write = random_write,
	.ioctl = random_ioctl,
};

/* ---- /proc/sys/kernel/random ---- */

static void show_uuid(struct seq_file *m, const u8 b[16])
{
	for (u32 i = 0; i < 16; i++)
		seq_printf(m, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	seq_puts(m, "\n");
}

static void make_uuid(u8 b[16])
{
	random_bytes(b, 16);
	b[6] = (b[6] & 0x0f) | 0x40; /* version 4, RFC 4122 */
	b[8] = (b[8] & 0x3f) | 0x80;
}

static int uuid_show(struct seq_file *m, void *arg)
{
	u8 b[16];

	make_uuid(b);
	show_uuid(m, b);
	return 0;
}

static int boot_id_show(struct seq_file *m, void *arg)
{
	static DEFINE_MUTEX(lock);
	static u8 id[16];

	mutex_lock(&lock);
	if (!id[6])
		make_uuid(id);
	mutex_unlock(&lock);
	show_uuid(m, id);
	return 0;
}

static int bits_show(struct seq_file *m, void *arg)
{
	seq_printf(m, "%u\n", POOL_BITS);
	return 0;
}

void random_init(void)
{
	chardev_register(&(struct chardev){
		.dev = MKDEV(1, 8), .name = "random", .mode = 0666, .ops = &random_fops });
	chardev_register(&(struct chardev){
		.dev = MKDEV(1, 9), .name = "urandom", .mode = 0666, .ops = &urandom_fops });
	proc_create("sys/kernel/random/entropy_avail", 0444, bits_show, NULL);
	proc_create("sys/kernel/random/poolsize", 0444, bits_show, NULL);
	proc_create("sys/kernel/random/uuid", 0444, uuid_show, NULL);
	proc_create("sys/kernel/random/boot_id", 0444, boot_id_show, NULL);
}
