/* SPDX-License-Identifier: MIT */
/* A family of sockets: what is sent to a socket of family 44 is received from it. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/socket_family.h>

struct parrot {
	banos_socket socket;
	uint32_t heard; /* bytes that were not said yet; 0: they may be replaced */
	char words[4096];
};
static banos_owner own;
static struct banos_mutex lock; /* guards what each heard */

static int64_t parrot_create(void *context, banos_socket socket, uint32_t family, uint32_t type,
			     uint32_t protocol, void **parrot)
{
	struct parrot *fresh = (struct parrot *)banos_alloc(own, sizeof(*fresh), 0);
	if (!fresh)
		return -ENOMEM;
	fresh->socket = socket;
	*parrot = fresh;
	return 0;
}

static int64_t parrot_release(void *parrot)
{
	banos_free(own, parrot);
	return 0;
}
static int64_t parrot_send(void *context, banos_buffer from, uint64_t length,
			   const struct banos_socket_message *message)
{
	struct parrot *parrot = (struct parrot *)context;
	int64_t copied = -EAGAIN;

	banos_mutex_lock(&lock);
	if (!parrot->heard)
		copied = banos_buffer_read(from, parrot->words, sizeof(parrot->words));
	if (copied > 0)
		parrot->heard = (uint32_t)copied;
	banos_mutex_unlock(&lock);
	banos_socket_wake(parrot->socket, BANOS_SOCKET_IN);
	return copied;
}

static int64_t parrot_receive(void *context, banos_buffer to, uint64_t length,
			      struct banos_socket_message *message)
{
	struct parrot *parrot = (struct parrot *)context;
	int64_t copied = -EAGAIN;

	banos_mutex_lock(&lock);
	if (parrot->heard)
		copied = banos_buffer_write(to, parrot->words, parrot->heard);
	parrot->heard = 0; /* the rest is forgotten, as of a datagram */
	banos_mutex_unlock(&lock);
	banos_socket_wake(parrot->socket, BANOS_SOCKET_OUT);
	return copied;
}
static int64_t parrot_poll(void *context)
{
	return ((struct parrot *)context)->heard ? BANOS_SOCKET_IN : BANOS_SOCKET_OUT;
}

static int64_t parrot_init(banos_owner self)
{
	static const struct banos_family_ops ops = { .size = sizeof(ops),
						     .create = parrot_create,
						     .release = parrot_release,
						     .send = parrot_send,
						     .receive = parrot_receive,
						     .poll = parrot_poll };
	static const struct banos_family_config config = { .size = sizeof(config),
							   .families = { 44 },
							   .ops = &ops };

	own = self;
	int64_t err = banos_mutex_init(self, &lock);
	return err ? err : banos_family_register(self, &config, NULL);
}

static int64_t parrot_exit(banos_owner self)
{
	return banos_mutex_destroy(&lock);
}
BANOS_DRIVER(parrot, "1.0", "MIT", "Sockets that repeat what they hear", parrot_init, parrot_exit);
