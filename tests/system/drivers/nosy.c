/* SPDX-License-Identifier: MIT */
/*
 * For test_socket_family.py: sockets of family 44 that look at what lies behind what they are given, and say that
 * they have written control messages. What they found is received: '0', or '1' for bytes of others.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/socket_family.h>

static char found = '0';

static void look(const uint8_t *bytes, uint32_t length, uint32_t size)
{
	for (uint32_t i = length; i < size; i++)
		if (bytes[i])
			found = '1';
}

static void look_at_message(const struct banos_socket_message *message)
{
	look(message->address, message->address_length, sizeof(message->address));
	look(message->control, message->control_length, sizeof(message->control));
}

static int64_t nosy_create(void *context, banos_socket socket, uint32_t family, uint32_t type,
			   uint32_t protocol, void **own)
{
	return 0;
}

static int64_t nosy_release(void *own)
{
	return 0;
}

static int64_t nosy_bind(void *own, const uint8_t *address, uint32_t length)
{
	look(address, length, BANOS_SOCKET_ADDRESS_BYTES);
	return 0;
}

static int64_t nosy_send(void *own, banos_buffer from, uint64_t length,
			 const struct banos_socket_message *message)
{
	look_at_message(message);
	return (int64_t)length;
}

static int64_t nosy_receive(void *own, banos_buffer to, uint64_t length,
			    struct banos_socket_message *message)
{
	look_at_message(message);
	message->control_length = sizeof(message->control);
	return banos_buffer_write(to, &found, 1);
}

static int64_t nosy_poll(void *own)
{
	return BANOS_SOCKET_IN | BANOS_SOCKET_OUT;
}

static int64_t nosy_init(banos_owner self)
{
	static const struct banos_family_ops ops = { .size = sizeof(ops),
						     .create = nosy_create,
						     .release = nosy_release,
						     .bind = nosy_bind,
						     .send = nosy_send,
						     .receive = nosy_receive,
						     .poll = nosy_poll };
	static const struct banos_family_config config = { .size = sizeof(config),
							   .families = { 44 },
							   .ops = &ops };

	return banos_family_register(self, &config, NULL);
}

static int64_t nosy_exit(banos_owner self)
{
	return 0;
}
BANOS_DRIVER(nosy, "1.0", "MIT", "Sockets that look behind", nosy_init, nosy_exit);
