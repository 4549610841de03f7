/* SPDX-License-Identifier: MIT */
/*
 * A hook that lies in the way that the parameter says: verdicts that do not exist, frames that are not in their packets,
 * packets that it does not hold, packets that it never lets go on. A protocol tells what came through. Both are for frames on lo.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/packet_hook.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include <banos/work.h>

enum {
	PASSES,
	UNKNOWN_VERDICT,
	TOO_LONG,
	ELSEWHERE,
	TOO_SHORT,
	FAILS,
	BAD_CHECKSUM,
	NEVER,
	FREES_WHAT_IS_LENT,
	HOLDS_FOR_A_WHILE,
	CONTINUES_FOREIGN,
	CONTINUES_TOO_LONG,
	ANSWERS,
	SLEEPS,
	LIES
};

static uint32_t lie, frames = 100, points = BANOS_HOOK_RECEIVE;
BANOS_PARAM_U32(lie, 0, LIES - 1, "what it does");
BANOS_PARAM_U32(frames, 1, 1000000, "how many the test sends");
BANOS_PARAM_U32(points, 1, 31, "where");

#define ETHERTYPE 0x88b6u
#define HELD	  64u
#define HELD_MAX  16u

static banos_owner own;
static banos_packet_hook hook;
static banos_protocol protocol;
static banos_work work;
static struct banos_spinlock lock; /* guards held */
static struct banos_net_packet held[HELD];
static uint32_t nheld;
static uint64_t wrong; /* lies that were believed */
static uint32_t shown, arrived;

static void expect(int64_t result, int64_t expected)
{
	if (result == expected)
		return;
	if (!__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED))
		banos_print(own, "lie %u: %lld instead of %lld", lie, (long long)result,
			    (long long)expected);
}

/* ---- what is held ---- */

static uint64_t hold(const struct banos_net_packet *packet)
{
	uint64_t verdict = BANOS_VERDICT_PASS;

	banos_spin_lock(&lock);
	if (nheld < HELD_MAX) {
		held[nheld++] = *packet;
		verdict = BANOS_VERDICT_TOOK;
	}
	banos_spin_unlock(&lock);
	(void)banos_work_queue(work); /* perhaps before the method has returned */
	return verdict;
}

static int64_t continue_held(void *context)
{
	struct banos_net_packet packets[HELD_MAX];
	uint32_t count;

	banos_spin_lock(&lock);
	count = nheld;
	memcpy(packets, held, sizeof(packets));
	nheld = 0;
	banos_spin_unlock(&lock);
	if (lie == CONTINUES_TOO_LONG && count) {
		packets[0].length = packets[0].room + 1;
		expect(banos_packet_hook_continue(hook, packets, 1, sizeof(packets[0])), -EINVAL);
		expect(banos_packet_hook_continue(hook, packets, 1, sizeof(packets[0])), -EINVAL);
		(void)banos_packet_free(packets + 1, count - 1, sizeof(packets[0]));
		return 0;
	}
	if (count) /* the hook may have gone */
		(void)banos_packet_hook_continue(hook, packets, count, sizeof(packets[0]));
	return 0;
}

static void continue_foreign(const struct banos_net_packet *lent)
{
	struct banos_net_packet other;

	expect(banos_packet_hook_continue(hook, lent, 1, sizeof(*lent)), -EINVAL);
	other = *lent;
	other.packet = (banos_packet)((uint64_t)lent->packet ^ 0x300000000ull);
	expect(banos_packet_hook_continue(hook, &other, 1, sizeof(other)), -EINVAL);
	other.packet = 0;
	expect(banos_packet_hook_continue(hook, &other, 1, sizeof(other)), -EINVAL);
	if (banos_packet_alloc(own, 100, 0, &other, sizeof(other)))
		return;
	expect(banos_packet_hook_continue(hook, &other, 1, sizeof(other)), -EINVAL);
	(void)banos_packet_free(&other, 1,
				sizeof(other)); /* it was consumed, unless the hook has gone */
}

/* ---- the hook ---- */

static uint64_t verdict_for(struct banos_net_packet *packet, uint32_t number)
{
	switch (lie) {
	case UNKNOWN_VERDICT: return 77 + ((uint64_t)number << 32);
	case TOO_LONG: packet->length = packet->room + 1; break;
	case ELSEWHERE: packet->bytes -= 4096; break;
	case TOO_SHORT: packet->length = 13; break;
	case BAD_CHECKSUM:
		packet->flags |= BANOS_PACKET_PARTIAL;
		packet->checksum_start = 60000;
		packet->checksum_offset = 60000;
		break;
	case NEVER: return BANOS_VERDICT_TOOK;
	case FREES_WHAT_IS_LENT:
		expect(banos_packet_free(packet, 1, sizeof(*packet)), -EINVAL);
		break;
	case HOLDS_FOR_A_WHILE:
	case CONTINUES_TOO_LONG: return hold(packet);
	case CONTINUES_FOREIGN:
		if (!number)
			continue_foreign(packet);
		break;
	case ANSWERS: return BANOS_VERDICT_ANSWERED;
	case SLEEPS: banos_sleep_until(banos_time_ns() + 2000000, 0);
	}
	return BANOS_VERDICT_PASS;
}

static int64_t liar_packets(void *context, const struct banos_hook_place *place,
			    struct banos_net_packet *packets, uint32_t count, uint32_t stride,
			    uint64_t *verdicts)
{
	uint32_t before = __atomic_fetch_add(&shown, count, __ATOMIC_RELAXED);

	expect(!(place->point & points), 0);
	for (uint32_t i = 0; i < count; i++)
		verdicts[i] = verdict_for(
			(struct banos_net_packet *)((uint8_t *)packets + (uint64_t)i * stride),
			before + i);
	if (before < frames && before + count >= frames && lie != PASSES && lie != ANSWERS &&
	    lie != HOLDS_FOR_A_WHILE)
		banos_print(own, "the hook has seen all of lie %u", lie);
	return lie == FAILS ? -EIO : 0;
}

/* ---- the protocol ---- */

static int64_t liar_receive(void *context, const struct banos_net_packet *packets, uint32_t count,
			    uint32_t stride)
{
	struct banos_net_packet copies[32];
	int64_t passed = count;
	uint32_t before;

	if (count > 32 || stride != sizeof(copies[0]))
		return -EINVAL;
	memcpy(copies, packets, count * stride);
	if (points & BANOS_HOOK_INPUT)
		passed = banos_protocol_hooks(protocol, BANOS_HOOK_INPUT, 0, copies, count, stride);
	if (passed <= 0)
		return 0;
	before = __atomic_fetch_add(&arrived, (uint32_t)passed, __ATOMIC_RELAXED);
	expect(banos_packet_free(copies, (uint32_t)passed, stride), 0);
	if (before < frames && before + passed >= frames)
		banos_print(own, "all of lie %u arrived", lie);
	return 0;
}

/* ---- life ---- */

static int64_t liar_register(banos_owner self)
{
	static const struct banos_packet_hook_ops ops = {
		.size = sizeof(ops),
		.packets = liar_packets,
	};
	struct banos_packet_hook_config config = {
		.size = sizeof(config),
		.points = points,
		.ethertype = ETHERTYPE,
		.held_max = 2 * HELD_MAX, /* the worker has as many in its hand */
		.held_bytes = 1 << 20,
		.name = "liar",
		.ops = &ops,
	};
	int64_t error = banos_packet_hook_register(self, &config, &hook);

	if (error)
		return error;
	config.points = 32;
	expect(banos_packet_hook_register(self, &config, &hook), -EINVAL);
	config.points = 1;
	config.ethertype = 5;
	expect(banos_packet_hook_register(self, &config, &hook), -EINVAL);
	config.ethertype = 0;
	config.held_max = 1 << 20;
	expect(banos_packet_hook_register(self, &config, &hook), -EINVAL);
	return 0;
}

static int64_t liar_init(banos_owner self)
{
	static const struct banos_protocol_ops ops = {
		.size = sizeof(ops),
		.receive = liar_receive,
	};
	static const struct banos_protocol_config config = {
		.size = sizeof(config),
		.ethertypes = { ETHERTYPE },
		.ops = &ops,
	};
	int64_t error = banos_spin_init(&lock);

	own = self;
	if (!error)
		error = banos_work_create(self, continue_held, NULL, &work);
	if (!error)
		error = banos_protocol_register(self, &config, &protocol);
	if (!error)
		error = liar_register(self);
	return error;
}

static int64_t liar_exit(banos_owner self)
{
	(void)banos_work_destroy(work);
	if (frames == 100 && lie != PASSES && lie != HOLDS_FOR_A_WHILE && lie != ANSWERS &&
	    lie != SLEEPS && lie != FREES_WHAT_IS_LENT && lie != CONTINUES_FOREIGN &&
	    lie != CONTINUES_TOO_LONG)
		expect(arrived, 0);
	if (wrong)
		banos_print(self, "lies of a hook were believed");
	return 0;
}

BANOS_DRIVER(hook_liar, "1", "MIT", "A packet hook that lies", liar_init, liar_exit);
