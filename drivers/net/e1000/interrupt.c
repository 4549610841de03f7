/* SPDX-License-Identifier: MIT */
/* The interrupts of a card: e1000.h. Source: 8254x Software Developer's Manual, 13.4.17 to 13.4.22; 82574L data sheet, 7.4. */
#include <banos/errno.h>
#include <banos/print.h>
#include "e1000.h"

#define VECTOR_QUEUES  0u
#define VECTOR_OTHER   1u
#define HEARD_LIMIT_NS BANOS_S
#define CAUSES_QUEUES  (CAUSE_SENT | CAUSE_FEW | CAUSE_OVERRUN | CAUSE_RECEIVED)
#define CAUSES_VECTOR  (CAUSE_RX_82574 | CAUSE_TX_82574)
#define CAUSES_OTHER   (CAUSE_LINK | CAUSE_OTHER_82574)

uint32_t interrupts_of_link(const struct e1000_card *card)
{
	if (card->by_vectors)
		return CAUSES_OTHER;
	return CAUSE_LINK;
}

uint32_t interrupts_of_queues(const struct e1000_card *card)
{
	if (card->by_vectors)
		return CAUSES_VECTOR;
	return CAUSES_QUEUES;
}

void interrupts_route(const struct e1000_card *card)
{
	uint32_t extended;

	if (!card->model->is_82574)
		return;
	extended = card_read(card, REG_EXTENDED) | EXTENDED_LOADED;
	if (!card->by_vectors) {
		card_write(card, REG_AUTO_CLEAR, 0);
		card_write(card, REG_EXTENDED,
			   extended & ~(EXTENDED_AUTO_MASK | EXTENDED_PENDING_CLEAR));
		return;
	}
	card_write(card, REG_EXTENDED, extended | EXTENDED_AUTO_MASK | EXTENDED_PENDING_CLEAR);
	card_write(card, REG_VECTORS,
		   (VECTOR_VALID | VECTOR_QUEUES) << VECTOR_RX_SHIFT |
			   (VECTOR_VALID | VECTOR_QUEUES) << VECTOR_TX_SHIFT |
			   (VECTOR_VALID | VECTOR_OTHER) << VECTOR_OTHER_SHIFT);
	card_write(card, REG_AUTO_CLEAR, CAUSES_VECTOR);
}

/* ---- their functions ---- */

static void link_changed(struct e1000_card *card)
{
	__atomic_store_n(&card->is_heard, 1, __ATOMIC_RELEASE);
	if (__atomic_load_n(&card->net, __ATOMIC_ACQUIRE))
		banos_work_queue(card->work);
}

/* Its causes are off as long as it is called again. */
static int64_t queues_changed(struct e1000_card *card)
{
	uint32_t more = 0;

	__atomic_store_n(&card->is_busy, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&card->is_running, __ATOMIC_SEQ_CST)) {
		more = queues_run(card);
		if (more && !card->is_masked)
			card_write(card, REG_MASK_CLEAR, interrupts_of_queues(card));
		if (!more && card->is_masked)
			card_write(card, REG_MASK_SET, interrupts_of_queues(card));
		card->is_masked = more;
	}
	__atomic_store_n(&card->is_busy, 0, __ATOMIC_RELEASE);
	if (more)
		return BANOS_IRQ_AGAIN;
	return BANOS_IRQ_HANDLED;
}

/* By line, or by a message for all. */
static int64_t e1000_by_causes(void *context)
{
	struct e1000_card *card = context;
	uint32_t causes = card_read(card, REG_CAUSES);

	if (causes == ALL_ONES) /* unplugged; or an end that is noticed by others */
		return BANOS_IRQ_NONE;
	causes &= CAUSES_QUEUES | CAUSE_LINK;
	if (causes & CAUSE_LINK)
		link_changed(card);
	if (causes & CAUSES_QUEUES || __atomic_load_n(&card->is_masked, __ATOMIC_RELAXED))
		return queues_changed(card);
	if (causes)
		return BANOS_IRQ_HANDLED;
	return BANOS_IRQ_NONE;
}

static int64_t e1000_by_queues(void *context)
{
	return queues_changed(context);
}

static int64_t e1000_by_others(void *context)
{
	struct e1000_card *card = context;

	/* Only these: reading would clear those of the queues. */
	card_write(card, REG_CAUSES, CAUSES_OTHER | CAUSE_OVERRUN);
	link_changed(card);
	return BANOS_IRQ_HANDLED;
}

/* ---- connecting ---- */

static int64_t interrupt_create(struct e1000_card *card, uint32_t index, uint32_t flags,
				int64_t (*function)(void *context))
{
	const struct banos_irq_config config = {
		.size = sizeof(config),
		.flags = flags,
		.index = index,
		.function = function,
		.context = card,
	};
	int64_t error = banos_irq_create(card->device, &config, &card->irqs[index]);

	if (error)
		card->irqs[index] = NULL;
	return error;
}

void interrupts_disconnect(struct e1000_card *card)
{
	for (uint32_t i = 0; i < 2; i++) {
		if (card->irqs[i])
			banos_irq_destroy(card->irqs[i]);
		card->irqs[i] = NULL;
	}
}

static int64_t interrupts_by_causes(struct e1000_card *card, uint32_t by_line)
{
	uint32_t flags = 0;

	if (by_line)
		flags = BANOS_IRQ_LINE;
	card->by_vectors = 0;
	interrupts_route(card);
	return interrupt_create(card, 0, flags, e1000_by_causes);
}

static int64_t interrupts_by_vectors(struct e1000_card *card)
{
	int64_t error;

	card->by_vectors = 1;
	error = interrupt_create(card, VECTOR_QUEUES, 0, e1000_by_queues);
	if (!error)
		error = interrupt_create(card, VECTOR_OTHER, 0, e1000_by_others);
	interrupts_route(card);
	return error;
}

/* Let it interrupt. @return did that arrive? */
static uint32_t interrupts_work(struct e1000_card *card)
{
	uint64_t limit_ns = banos_time_ns() + HEARD_LIMIT_NS;

	card_write(card, REG_MASK_SET, interrupts_of_link(card));
	card_write(card, REG_CAUSES_RAISE, interrupts_of_link(card));
	while (!__atomic_load_n(&card->is_heard, __ATOMIC_ACQUIRE)) {
		if (banos_time_ns() > limit_ns)
			return 0;
		banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
	}
	return 1;
}

int64_t interrupts_connect(struct e1000_card *card, uint32_t by_line)
{
	int64_t messages = banos_device_interrupts(card->device), error;

	if (by_line || messages <= 0) {
		error = interrupts_by_causes(card, messages > 0);
	} else if (messages == 1 || !card->model->is_82574) {
		error = interrupts_by_causes(card, 0);
	} else {
		error = interrupts_by_vectors(card);
	}
	if (error || interrupts_work(card))
		return error;
	if (by_line || messages <= 0) {
		banos_error(card->device, "its interrupt line does not work");
		return -EIO;
	}
	banos_warning(card->device, "a message did not arrive: the interrupt line is used");
	interrupts_disconnect(card);
	return interrupts_connect(card, 1);
}
