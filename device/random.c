// SPDX-License-Identifier: MIT
/*
 * Random numbers: a ChaCha20 generator per CPU with fast key erasure, and
 * /dev/random, /dev/urandom.
 *
 * Each CPU makes four blocks of key stream at a time. The first half block
 * replaces the key at once. The rest is the output and is wiped as it is used, so that
 * an attacker who reads the state later cannot learn earlier output. A CPU's state
 * is used with interrupts off and by that CPU alone: it needs no lock.
 *
 * One base state, under a lock, supplies the keys of all CPUs. Entropy is absorbed into
 * it 16 bytes at a time: the input takes the place of counter and nonce of a block
 * under the present key, and the first half of the result is the new key (a
 * cascade of a pseudo-random function: the key is unknown as long as one of the inputs,
 * or the key before, was unknown). Each absorption starts a new generation; a CPU whose
 * generation is older takes a fresh key from the base before its next output.
 *
 * The first use seeds the base: from RDSEED or else RDRAND where they exist,
 * and always from the time-stamp counter over code whose duration varies.
 * Later the times of key presses and interrupts are absorbed (random_note_event()), and
 * the data written to /dev/random. The two devices are equal, but only /dev/random can
 * be added to an epoll set. Neither ever blocks: a seeded generator is never exhausted.
 *
 * Lock: base_lock (spin, interrupts off), innermost.
 * Sources: RFC 8439; D. J. Bernstein, "Fast-key-erasure random-number generators" (2017).
 */
#include <asm/random.h>
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

#define BLOCKS		    4
#define KEY_SIZE	    32
#define POOL_BITS	    256
#define JITTER_ROUNDS	    8
#define JITTER_ROUNDS_ALONE 512 /* without a hardware source */
#define EVENTS_PER_MIX	    64
#define MANY		    256 /* requests of this many bytes or more get a key of their own */

struct generator {
	u32 key[CHACHA_KEY_WORDS];
	u64 generation; /* 0: no key yet */
	u32 left;	/* bytes at the end of buf not used yet */
	u8 buf[BLOCKS * CHACHA_BLOCK_SIZE];
	u64 event_pool; /* times of events, not absorbed yet */
	u32 nr_events;
};

static DEFINE_SPINLOCK(base_lock); /* base_key, base_generation */
static u32 base_key[CHACHA_KEY_WORDS];
static u64 base_generation;
static struct generator boot_generator;

/* A memset() that the compiler may not remove as dead. */
static void random_wipe(void *memory, size_t size)
{
	memset(memory, 0, size);
	__asm__ volatile("" : : "r"(memory) : "memory");
}

/* ---- the base ---- */

static void base_absorb_locked(const void *data, size_t size)
{
	u8 out[CHACHA_BLOCK_SIZE];
	u32 input[4];

	assert_held(&base_lock);
	do {
		size_t part = MIN(size, sizeof(input));

		memset(input, 0, sizeof(input));
		memcpy(input, data, part);
		chacha20_block(base_key, input, out);
		memcpy(base_key, out, KEY_SIZE);
		data = (const u8 *)data + part;
		size -= part;
	} while (size);
	random_wipe(out, sizeof(out));
	random_wipe(input, sizeof(input));
	base_generation++;
}

/* Time small pieces of work: caches, buses and other processors make it vary. */
static void base_absorb_jitter_locked(u32 rounds)
{
	u64 samples[2] = { cycle_counter(), 0 };
	volatile u8 scratch[CHACHA_BLOCK_SIZE];

	assert_held(&base_lock);
	for (u32 i = 0; i < rounds; i++) {
		scratch[samples[0] % sizeof(scratch)]++;
		samples[1] = (samples[1] << 7 | samples[1] >> 57) ^ cycle_counter();
		samples[0] += samples[1];
		if (i % 8 == 7)
			base_absorb_locked(samples, sizeof(samples));
	}
}

static void base_seed_locked(void)
{
	u64 words[4];
	u32 got = 0;

	assert_held(&base_lock);
	while (got < ARRAY_SIZE(words) && hardware_random(&words[got]))
		got++;
	if (got)
		base_absorb_locked(words, got * sizeof(words[0]));
	base_absorb_locked(boot_info.map, boot_info.nr_ranges * sizeof(boot_info.map[0]));
	if (got == ARRAY_SIZE(words))
		base_absorb_jitter_locked(JITTER_ROUNDS);
	else
		base_absorb_jitter_locked(JITTER_ROUNDS_ALONE);
	random_wipe(words, sizeof(words));
}

/* A key that no other caller gets. @return its generation */
static u64 base_take_key(u32 key[CHACHA_KEY_WORDS])
{
	u64 flags = spin_lock_irqsave(&base_lock), generation, now = cycle_counter();
	u32 input[4] = { (u32)now, (u32)(now >> 32), cpu_id(), 1 };
	u8 out[CHACHA_BLOCK_SIZE];

	if (!base_generation)
		base_seed_locked();
	chacha20_block(base_key, input, out);
	memcpy(base_key, out, KEY_SIZE);
	memcpy(key, out + KEY_SIZE, KEY_SIZE);
	generation = base_generation;
	spin_unlock_irqrestore(&base_lock, flags);
	random_wipe(out, sizeof(out));
	return generation;
}

void random_add_entropy(const void *data, size_t size)
{
	u64 flags = spin_lock_irqsave(&base_lock);

	if (!base_generation)
		base_seed_locked();
	base_absorb_locked(data, size);
	spin_unlock_irqrestore(&base_lock, flags);
}

/* ---- one CPU's generator; interrupts off ---- */

static struct generator *generator_of_cpu(void)
{
	struct cpu *cpu = this_cpu();
	struct generator *generator = cpu->slot[CPU_SLOT_RANDOM];

	if (likely(generator))
		return generator;
	generator = cpu->id ? kzalloc(sizeof(*generator)) : &boot_generator;
	cpu->slot[CPU_SLOT_RANDOM] = generator;
	return generator;
}

static void generator_refill(struct generator *generator)
{
	u64 now = cycle_counter();
	u32 input[4] = { 0, (u32)now, (u32)(now >> 32), 0 };

	if (generator->generation != READ_ONCE(base_generation) || !generator->generation)
		generator->generation = base_take_key(generator->key);
	for (u32 i = 0; i < BLOCKS; i++) {
		input[0] = i;
		chacha20_block(generator->key, input, generator->buf + i * CHACHA_BLOCK_SIZE);
	}
	memcpy(generator->key, generator->buf, KEY_SIZE);
	random_wipe(generator->buf, KEY_SIZE);
	generator->left = sizeof(generator->buf) - KEY_SIZE;
}

static void generator_take(struct generator *generator, u8 *out, size_t left)
{
	while (left) {
		size_t part;
		u8 *from;

		if (!generator->left || generator->generation != READ_ONCE(base_generation))
			generator_refill(generator);
		part = MIN(left, (size_t)generator->left);
		from = generator->buf + sizeof(generator->buf) - generator->left;
		memcpy(out, from, part);
		random_wipe(from, part);
		generator->left -= part;
		out += part;
		left -= part;
	}
}

static void random_few(void *out, size_t size)
{
	u64 flags = irq_save();
	struct generator *generator = generator_of_cpu();

	if (likely(generator)) {
		generator_take(generator, out, size);
	} else { /* no memory for one: straight from the base */
		struct generator own = { .generation = 0 };

		generator_take(&own, out, size);
		random_wipe(&own, sizeof(own));
	}
	irq_restore(flags);
}

/* A long request runs with interrupts on, under a key that is used for it alone. */
static void random_many(u8 *out, size_t left)
{
	u32 key[CHACHA_KEY_WORDS], input[4] = { 0 };
	u8 block[CHACHA_BLOCK_SIZE];

	random_few(key, sizeof(key));
	for (; left; input[0]++) {
		size_t part = MIN(left, sizeof(block));

		chacha20_block(key, input, block);
		memcpy(out, block, part);
		out += part;
		left -= part;
		if (input[0] == 0xffffffffu)
			input[1]++;
	}
	random_wipe(key, sizeof(key));
	random_wipe(block, sizeof(block));
}

void random_bytes(void *out, size_t size)
{
	if (size < MANY)
		random_few(out, size);
	else
		random_many(out, size);
}

u64 random_u64(void)
{
	u64 number;

	random_few(&number, sizeof(number));
	return number;
}

void random_note_event(u64 what)
{
	u64 flags = irq_save();
	struct generator *generator = generator_of_cpu();

	if (generator) {
		generator->event_pool = (generator->event_pool << 5 | generator->event_pool >> 59) ^
					cycle_counter() ^ what;
		if (++generator->nr_events == EVENTS_PER_MIX) {
			generator->nr_events = 0;
			random_add_entropy(&generator->event_pool, sizeof(generator->event_pool));
		}
	}
	irq_restore(flags);
}

/* ---- /dev/random, /dev/urandom ---- */

#define RANDOM_MINOR  8
#define URANDOM_MINOR 9

#define RNDGETENTCNT   0x80045200u
#define RNDADDTOENTCNT 0x40045201u
#define RNDADDENTROPY  0x40085203u
#define RNDZAPENTCNT   0x5204
#define RNDCLEARPOOL   0x5206
#define RNDRESEEDCRNG  0x5207

static s64 random_read(struct file *f, struct uio *uio, u64 *pos)
{
	u8 piece[MANY];
	s64 done = 0;

	while (uio->count) {
		size_t size = MIN(uio->count, (u64)sizeof(piece)), copied;

		random_bytes(piece, size);
		copied = uio_copy_out(uio, piece, size);
		done += copied;
		if (copied < size || (uio->count && signal_pending()))
			break;
	}
	random_wipe(piece, sizeof(piece));
	if (done || !uio->count)
		return done;
	return -EFAULT;
}

static s64 random_write(struct file *f, struct uio *uio, u64 *pos)
{
	u8 piece[CHACHA_BLOCK_SIZE];
	s64 done = 0;

	while (uio->count) {
		size_t size = uio_copy_in(uio, piece, MIN(uio->count, (u64)sizeof(piece)));

		if (!size)
			return done ? done : -EFAULT;
		random_add_entropy(piece, size);
		done += size;
		if (uio->count && signal_pending())
			break;
	}
	return done;
}

/* struct rand_pool_info: bits, size, bytes. */
static s64 random_ioctl_add(u64 arg)
{
	struct {
		s32 bits, size;
	} head;
	struct uio uio;
	s64 written;

	if (copy_from_user(&head, uaddr(arg), sizeof(head)))
		return -EFAULT;
	if (head.bits < 0 || head.size < 0)
		return -EINVAL;
	if (uio_init_user(&uio, uaddr(arg + sizeof(head)), head.size))
		return -EFAULT;
	written = random_write(NULL, &uio, NULL);
	if (written < 0)
		return written;
	if (written == head.size)
		return 0;
	return -EFAULT;
}

/* The count is always full, so changing it changes nothing. */
static s64 random_ioctl_count(u64 arg)
{
	u32 change;

	if (get_user_u32(&change, uaddr(arg)))
		return -EFAULT;
	if ((s32)change < 0)
		return -EINVAL;
	return 0;
}

static s64 random_ioctl(struct file *f, u32 cmd, u64 arg)
{
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
			return random_ioctl_add(arg);
		if (cmd == RNDADDTOENTCNT)
			return random_ioctl_count(arg);
		random_add_entropy("", 0); /* a new generation */
		return 0;
	}
	return -ENOTTY;
}

/* Always ready: the generator is seeded before the first process starts. */
static u32 random_poll(struct file *f, struct poll_table *table)
{
	return POLLIN | POLLRDNORM;
}

static const struct file_ops random_fops = {
	.read = random_read,
	.write = random_write,
	.poll = random_poll,
	.ioctl = random_ioctl,
};
/* As in Linux, urandom has no poll method. */
static const struct file_ops urandom_fops = {
	.read = random_read,
	.write = random_write,
	.ioctl = random_ioctl,
};

/* ---- /proc/sys/kernel/random ---- */

static void uuid_print(struct seq_file *seq, const u8 uuid[16])
{
	for (u32 i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			seq_putc(seq, '-');
		seq_printf(seq, "%02x", uuid[i]);
	}
	seq_puts(seq, "\n");
}

static void uuid_make(u8 uuid[16])
{
	random_bytes(uuid, 16);
	uuid[6] = (uuid[6] & 0x0f) | 0x40; /* version 4, RFC 4122 */
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

static int uuid_show(struct seq_file *seq, void *arg)
{
	u8 uuid[16];

	uuid_make(uuid);
	uuid_print(seq, uuid);
	return 0;
}

static int boot_id_show(struct seq_file *seq, void *arg)
{
	static DEFINE_MUTEX(lock);
	static u8 id[16];

	mutex_lock(&lock);
	if (!id[6])
		uuid_make(id);
	mutex_unlock(&lock);
	uuid_print(seq, id);
	return 0;
}

static int bits_show(struct seq_file *seq, void *arg)
{
	seq_printf(seq, "%u\n", POOL_BITS);
	return 0;
}

void random_init(void)
{
	chardev_register_own(&(struct chardev){ .dev = MKDEV(MEM_MAJOR, RANDOM_MINOR),
						.name = "random",
						.mode = 0666,
						.ops = &random_fops });
	chardev_register_own(&(struct chardev){ .dev = MKDEV(MEM_MAJOR, URANDOM_MINOR),
						.name = "urandom",
						.mode = 0666,
						.ops = &urandom_fops });
	proc_create("sys/kernel/random/entropy_avail", 0444, bits_show, NULL);
	proc_create("sys/kernel/random/poolsize", 0444, bits_show, NULL);
	proc_create("sys/kernel/random/uuid", 0444, uuid_show, NULL);
	proc_create("sys/kernel/random/boot_id", 0444, boot_id_show, NULL);
}
