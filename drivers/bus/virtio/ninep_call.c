// SPDX-License-Identifier: MIT
/* Calls of the other side, and their slots: see ninep.h. */
#include "ninep.h"

#define QUEUE	      0u
#define QUEUE_SIZE    64u
#define WAIT_FIRM_NS  (2 * BANOS_S)
#define CALL_LIMIT_NS (30 * BANOS_S)
#define FLUSH_NS      (2 * BANOS_S)
#define COMPLETIONS   16u

#define AT_REPLY NINEP_SMALL_BYTES
#define AT_LARGE (2 * NINEP_SMALL_BYTES)

/* ---- slots ---- */

static uint16_t slot_tag(const struct ninep_session *session, const struct ninep_slot *slot)
{
	return (uint16_t)(slot - session->slots);
}

/* @return a slot, which is taken; NULL: none is free. *@p error: 0, -EIO */
static struct ninep_slot *slot_take(struct ninep_session *session, uint32_t first, uint32_t end,
				    int64_t *error)
{
	struct ninep_slot *found = NULL;

	*error = 0;
	banos_spin_lock(&session->lock);
	if (session->is_dead)
		*error = -EIO;
	for (uint32_t i = first; i < end && !*error && !found; i++)
		if (session->slots[i].state == SLOT_FREE)
			found = &session->slots[i];
	if (found) {
		found->state = SLOT_TAKEN;
		session->users++;
	}
	banos_spin_unlock(&session->lock);
	return found;
}

/* The end of a use. @param slot  NULL: it was left to the device */
static void slot_give_back(struct ninep_session *session, struct ninep_slot *slot)
{
	banos_spin_lock(&session->lock);
	if (slot && slot->state == SLOT_SENT)
		slot->state = SLOT_LEFT;
	else if (slot)
		slot->state = SLOT_FREE;
	session->users--;
	banos_spin_unlock(&session->lock);
	banos_wait_wake(&session->free_wait);
}

/* Wait on @p wait, until the call's end is near. @return 0: look again; -ERESTART, -EIO */
static int64_t wait_some(const struct banos_wait *wait, uint64_t ticket, uint64_t began_ns)
{
	uint64_t firm_ns = began_ns + WAIT_FIRM_NS, limit_ns = began_ns + CALL_LIMIT_NS;
	int64_t error;

	if (banos_time_ns() < firm_ns)
		error = banos_wait_sleep(wait, ticket, firm_ns, BANOS_UNINTERRUPTIBLE);
	else
		error = banos_wait_sleep(wait, ticket, limit_ns, 0);
	if (error == -ETIMEDOUT && banos_time_ns() >= limit_ns)
		return -EIO;
	if (error == -ERESTART)
		return error;
	if (error == -ENODEV)
		return -EIO;
	return 0;
}

static int64_t slot_wait_free(struct ninep_session *session, struct ninep_slot **to)
{
	uint64_t began_ns = banos_time_ns();
	int64_t error = 0;

	do {
		uint64_t ticket = banos_wait_ticket(&session->free_wait);

		*to = slot_take(session, 0, NINEP_SLOTS, &error);
		if (!*to && !error)
			error = wait_some(&session->free_wait, ticket, began_ns);
	} while (!*to && !error);
	return error;
}

/* Memory is allocated at the first use of a slot. */
static int64_t slot_prepare(struct ninep_session *session, struct ninep_slot *slot)
{
	struct banos_dma_config config = { .size = sizeof(config),
					   .bytes = AT_LARGE + session->msize };
	void *memory;
	int64_t error;

	if (slot->memory)
		return 0;
	error = banos_dma_alloc(session->virtio, &config, &slot->dma, &memory, &slot->address);
	if (!error)
		slot->memory = memory;
	return error;
}

/* ---- sending ---- */

static uint32_t reply_at(const struct ninep_call *call)
{
	return call->flags & CALL_RECEIVES_DATA ? AT_LARGE : AT_REPLY;
}

static uint32_t reply_room(const struct ninep_call *call)
{
	return call->flags & CALL_RECEIVES_DATA ? call->session->msize : NINEP_SMALL_BYTES;
}

static int64_t call_give(struct ninep_call *call, uint32_t length, enum slot_state state)
{
	struct ninep_session *session = call->session;
	struct ninep_slot *slot = call->slot;
	struct virtio_segment segments[2] = {
		{ .address = slot->address + (call->flags & CALL_SENDS_DATA ? AT_LARGE : 0),
		  .length = length },
		{ .address = slot->address + reply_at(call), .length = reply_room(call) },
	};
	int64_t error;

	banos_spin_lock(&session->lock);
	slot->state = state;
	slot->length = 0;
	banos_spin_unlock(&session->lock);
	error = virtio_queue_add(session->virtio, QUEUE, segments, 2, 1, slot_tag(session, slot));
	if (error) {
		banos_spin_lock(&session->lock);
		slot->state = SLOT_TAKEN;
		banos_spin_unlock(&session->lock);
		return -EIO;
	}
	virtio_queue_notify(session->virtio, QUEUE);
	return 0;
}

/* @return 1: it is done; 0: not yet; -EIO: it will never be */
static int64_t call_look(const struct ninep_call *call)
{
	struct ninep_session *session = call->session;
	int64_t result = 0;

	banos_spin_lock(&session->lock);
	if (call->slot->state == SLOT_DONE)
		result = 1;
	else if (session->is_dead)
		result = -EIO;
	banos_spin_unlock(&session->lock);
	return result;
}

/* @return 0: it is done; -ERESTART, -EIO */
static int64_t call_wait(const struct ninep_call *call, uint64_t began_ns)
{
	for (;;) {
		uint64_t ticket = banos_wait_ticket(&call->slot->wait);
		int64_t result = call_look(call);

		if (!result)
			result = wait_some(&call->slot->wait, ticket, began_ns);
		else if (result > 0)
			return 0;
		if (result)
			return result;
		if (banos_time_ns() - began_ns >= WAIT_FIRM_NS)
			virtio_check(call->session->virtio); /* an interrupt may be lost */
	}
}

static void flush_wait(const struct ninep_call *flush)
{
	const struct banos_wait *wait = &flush->slot->wait;
	uint64_t limit_ns = banos_time_ns() + FLUSH_NS, ticket;

	do {
		ticket = banos_wait_ticket(wait);
	} while (!call_look(flush) &&
		 banos_wait_sleep(wait, ticket, limit_ns, BANOS_UNINTERRUPTIBLE) != -ETIMEDOUT);
}

/* Tell the other side that nobody waits. It answers when it is through with the request, whichever way. */
static void call_flush(const struct ninep_call *call)
{
	struct ninep_session *session = call->session;
	struct ninep_call flush = { .session = session, .type = NINEP_FLUSH };
	int64_t error;

	flush.slot = slot_take(session, NINEP_SLOT_FLUSH, NINEP_SLOT_FLUSH + 1, &error);
	if (!flush.slot)
		return;
	error = slot_prepare(session, flush.slot);
	if (!error) {
		ninep_begin(&flush.out, flush.slot->memory, NINEP_SMALL_BYTES, NINEP_FLUSH,
			    slot_tag(session, flush.slot));
		ninep_put(&flush.out, slot_tag(session, call->slot), 2);
		error = call_give(&flush, ninep_finish(&flush.out, 0), SLOT_SENT);
	}
	if (!error)
		flush_wait(&flush);
	ninep_call_end(&flush);
}

/* ---- whole calls ---- */

static uint16_t call_tag(const struct ninep_call *call)
{
	if (call->type == NINEP_VERSION)
		return NINEP_NO_TAG;
	return slot_tag(call->session, call->slot);
}

int64_t ninep_call_begin(struct ninep_call *call, struct ninep_session *session, uint8_t type,
			 uint32_t flags)
{
	uint32_t is_large = flags & CALL_SENDS_DATA;
	int64_t error;

	*call = (struct ninep_call){ .session = session, .flags = flags, .type = type };
	error = slot_wait_free(session, &call->slot);
	if (error)
		return error;
	error = slot_prepare(session, call->slot);
	if (error) {
		slot_give_back(session, call->slot);
		return error;
	}
	ninep_begin(&call->out, call->slot->memory + (is_large ? AT_LARGE : 0),
		    is_large ? session->msize : NINEP_SMALL_BYTES, type, call_tag(call));
	return 0;
}

/* @return 0: the reply is there, -ERESTART, -EIO. *@p given_up: why it was flushed */
static int64_t call_exchange(struct ninep_call *call, uint32_t length, int64_t *given_up)
{
	uint64_t began_ns = banos_time_ns();
	int64_t error = call_give(call, length, SLOT_SENT);

	if (error)
		return error;
	*given_up = call_wait(call, began_ns);
	if (!*given_up)
		return 0;
	call_flush(call);
	if (call_look(call) == 1) /* it was answered after all */
		return 0;
	return *given_up;
}

int64_t ninep_call_send(struct ninep_call *call, uint32_t data)
{
	struct ninep_slot *slot = call->slot;
	uint32_t length = ninep_finish(&call->out, data);
	int64_t error, given_up = 0;

	if (!length || length > call->session->msize)
		return -ENAMETOOLONG;
	error = call_exchange(call, length, &given_up);
	if (error)
		return error;
	error = ninep_reply(&call->in, slot->memory + reply_at(call), slot->length, call->type,
			    call_tag(call));
	if (error == -EINTR && given_up)
		return given_up;
	return error;
}

void ninep_call_leave(struct ninep_call *call)
{
	uint32_t length = ninep_finish(&call->out, 0);

	if (length && !call_give(call, length, SLOT_LEFT))
		call->slot = NULL; /* it may be another caller's already */
}

void ninep_call_end(struct ninep_call *call)
{
	slot_give_back(call->session, call->slot);
}

int64_t ninep_simple(struct ninep_session *session, uint8_t type, const struct ninep_fid *fid)
{
	struct ninep_call call;
	int64_t error = ninep_call_begin(&call, session, type, 0);

	if (error)
		return error;
	ninep_put(&call.out, fid->number, 4);
	if (type == NINEP_FSYNC)
		ninep_put(&call.out, 0, 4); /* not the data alone */
	error = ninep_call_send(&call, 0);
	ninep_call_end(&call);
	return error;
}

/* ---- called back ---- */

static void slot_done(struct ninep_session *session, const struct virtio_completion *completion)
{
	struct ninep_slot *slot = &session->slots[completion->tag];
	uint32_t was_left;

	banos_spin_lock(&session->lock);
	was_left = slot->state == SLOT_LEFT;
	slot->length = completion->length;
	slot->state = was_left ? SLOT_FREE : SLOT_DONE;
	banos_spin_unlock(&session->lock);
	banos_wait_wake(was_left ? &session->free_wait : &slot->wait);
}

void ninep_session_take(struct ninep_session *session)
{
	struct virtio_completion done[COMPLETIONS];
	int64_t count;

	do {
		count = virtio_queue_take(session->virtio, QUEUE, done, COMPLETIONS);
		for (int64_t i = 0; i < count; i++)
			slot_done(session, &done[i]);
	} while (count == COMPLETIONS);
}

/* ---- life ---- */

void ninep_session_kill(struct ninep_session *session)
{
	banos_spin_lock(&session->lock);
	session->is_dead = 1;
	banos_spin_unlock(&session->lock);
	for (uint32_t i = 0; i <= NINEP_SLOTS; i++)
		banos_wait_wake(&session->slots[i].wait);
	banos_wait_wake(&session->free_wait);
}

void ninep_session_end_calls(struct ninep_session *session)
{
	uint32_t users;

	ninep_session_kill(session);
	do {
		uint64_t ticket = banos_wait_ticket(&session->free_wait);

		banos_spin_lock(&session->lock);
		users = session->users;
		banos_spin_unlock(&session->lock);
		if (users)
			banos_wait_sleep(&session->free_wait, ticket, banos_time_ns() + BANOS_S,
					 BANOS_UNINTERRUPTIBLE);
	} while (users);
}

int64_t ninep_session_start(struct ninep_session *session, banos_callback callback)
{
	struct virtio_config config = { .size = sizeof(config), .queues = 1 };
	int64_t result = virtio_open(session->virtio, &config, callback);

	if (!result)
		result = virtio_queue_create(session->virtio, QUEUE, QUEUE_SIZE);
	if (result >= 0 && result < 2 * (int64_t)(NINEP_SLOTS + 1))
		result = -EIO; /* each slot takes two places */
	if (result >= 0)
		result = virtio_start(session->virtio);
	return result;
}

int64_t ninep_session_init(struct ninep_session *session)
{
	int64_t error = banos_spin_init(&session->lock);

	if (!error)
		error = banos_wait_init(session->self, &session->free_wait);
	for (uint32_t i = 0; i <= NINEP_SLOTS && !error; i++)
		error = banos_wait_init(session->self, &session->slots[i].wait);
	return error;
}

void ninep_session_free_slots(struct ninep_session *session, int64_t is_stuck)
{
	for (uint32_t i = 0; i <= NINEP_SLOTS; i++) {
		if (session->slots[i].memory && !is_stuck)
			banos_dma_free(session->slots[i].dma);
		session->slots[i].memory = NULL;
	}
}

void ninep_session_destroy(struct ninep_session *session)
{
	for (uint32_t i = 0; i <= NINEP_SLOTS; i++)
		banos_wait_destroy(&session->slots[i].wait);
	banos_wait_destroy(&session->free_wait);
	banos_free(session->self, session);
}
