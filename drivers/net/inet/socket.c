/* SPDX-License-Identifier: MIT */
/* Sockets of AF_INET and AF_INET6: what all types share. */
#include "inet.h"

#define FIONREAD   0x541bu
#define TIOCOUTQ   0x5411u
#define SIOCATMARK 0x8905u
#define NAME_MAX   28u

void socket_wake(struct inet_socket *socket, uint32_t events)
{
	if (socket->socket)
		banos_socket_wake(socket->socket, events);
}

struct inet_socket *socket_alloc(uint32_t family, uint32_t type, uint32_t protocol)
{
	struct inet_socket *socket = inet_memory_zeroes(1, sizeof(*socket));

	if (!socket)
		return NULL;
	socket->family = family;
	socket->type = type;
	socket->protocol = protocol;
	socket->set = (struct inet_options){ .ttl = 64,
					     .group_ttl = 1,
					     .mtu_discover = 1,
					     .syn_retries = 6,
					     .keep_idle_s = 7200,
					     .keep_interval_s = 75,
					     .keep_count = 9 };
	socket->last = &socket->first;
	return socket;
}

void socket_free(struct inet_socket *socket)
{
	errors_forget(socket);
	groups_leave(socket);
	inet_memory_put(socket);
}

int64_t socket_take_error(struct inet_socket *socket)
{
	int error = socket->error;

	socket->error = 0;
	return -error;
}

/* @return the kind, and the protocol that 0 stands for; or NULL and -errno */
static const struct socket_kind *kind_of(uint32_t family, uint32_t type, uint32_t *protocol,
					 int64_t *err)
{
	uint32_t icmp = family == AF_INET ? PROTOCOL_ICMP : PROTOCOL_ICMP6;

	*err = -EPROTONOSUPPORT;
	if (type == SOCK_STREAM && (!*protocol || *protocol == PROTOCOL_TCP)) {
		*protocol = PROTOCOL_TCP;
		return &stream_kind;
	}
	if (type == SOCK_DGRAM && (!*protocol || *protocol == PROTOCOL_UDP)) {
		*protocol = PROTOCOL_UDP;
		return &udp_kind;
	}
	if (type == SOCK_DGRAM && *protocol == PROTOCOL_UDPLITE)
		return &udp_kind;
	if (type == SOCK_DGRAM && *protocol == icmp)
		return &raw_kind;
	if (type == SOCK_RAW && *protocol && *protocol < 256)
		return &raw_kind;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_RAW)
		*err = -ESOCKTNOSUPPORT;
	return NULL;
}

static int64_t inet_create(void *context, banos_socket kernel, uint32_t family, uint32_t type,
			   uint32_t protocol, void **own)
{
	struct inet_socket *socket;
	int64_t err;
	const struct socket_kind *kind = kind_of(family, type, &protocol, &err);

	if (!kind)
		return err;
	inet_lock();
	socket = socket_alloc(family, type, protocol);
	err = -ENOMEM;
	if (socket) {
		socket->socket = kernel;
		socket->kind = kind;
		err = kind->open(socket);
		if (err)
			socket_free(socket);
	}
	inet_unlock();
	if (!err)
		*own = socket;
	return err;
}

static int64_t inet_release(void *own)
{
	struct inet_socket *socket = own;

	inet_lock();
	socket->kind->close(socket);
	socket_free(socket);
	inet_unlock();
	return 0;
}

static int64_t inet_bind(void *own, const uint8_t *bytes, uint32_t length)
{
	struct inet_socket *socket = own;
	ip_addr_t address;
	uint16_t port;
	int64_t err;

	inet_lock();
	err = address_parse(socket, bytes, length, &address, &port);
	if (!err && socket->bound)
		err = -EINVAL;
	if (!err && !ip_addr_isany(&address) && !ip_addr_ismulticast(&address) &&
	    !socket->set.any_address && !address_is_own(&address))
		err = -EADDRNOTAVAIL;
	if (!err && socket->family == AF_INET6 && !socket->set.v6only && ip_addr_isany(&address))
		address = *IP_ANY_TYPE;
	if (!err)
		err = socket->kind->bind(socket, &address, port);
	if (!err)
		socket->bound = true;
	inet_unlock();
	return err;
}

static int64_t inet_connect(void *own, const uint8_t *bytes, uint32_t length)
{
	struct inet_socket *socket = own;
	ip_addr_t address;
	uint16_t port, family = AF_UNSPEC;
	int64_t err;

	inet_lock();
	if (length >= 2)
		memcpy(&family, bytes, 2);
	if (length >= 2 && family == AF_UNSPEC) {
		err = socket->kind->disconnect(socket);
		socket_wake(socket, BANOS_SOCKET_IN | BANOS_SOCKET_OUT);
		inet_unlock();
		return err;
	}
	err = address_parse(socket, bytes, length, &address, &port);
	if (!err && ip_addr_isany(&address)) { /* this host, as on Linux */
		if (IP_IS_V4(&address))
			ip_addr_set_loopback(false, &address);
		else
			ip_addr_set_loopback(true, &address);
	}
	if (!err)
		err = socket->kind->connect(socket, &address, port);
	inet_unlock();
	return err;
}

static int64_t inet_listen(void *own, uint32_t backlog)
{
	struct inet_socket *socket = own;
	int64_t err = -EOPNOTSUPP;

	inet_lock();
	if (socket->kind->listen)
		err = socket->kind->listen(socket, backlog);
	inet_unlock();
	return err;
}

static int64_t inet_accept(void *own, banos_socket fresh, void **fresh_own)
{
	struct inet_socket *socket = own;
	int64_t err = -EOPNOTSUPP;

	inet_lock();
	if (socket->kind->accept)
		err = socket->kind->accept(socket, fresh, fresh_own);
	inet_unlock();
	return err;
}

static int64_t inet_send(void *own, banos_buffer from, uint64_t length,
			 const struct banos_socket_message *message)
{
	struct inet_socket *socket = own;
	int64_t result;

	if ((message->flags & BANOS_SOCKET_OOB) && socket->kind != &stream_kind)
		return -EOPNOTSUPP;
	inet_lock();
	result = socket->kind->send(socket, from, length, message);
	inet_unlock();
	return result;
}

static int64_t inet_receive(void *own, banos_buffer to, uint64_t length,
			    struct banos_socket_message *message)
{
	struct inet_socket *socket = own;
	int64_t result;

	if ((message->flags & BANOS_SOCKET_OOB) && socket->kind == &raw_kind)
		return -EOPNOTSUPP;
	inet_lock();
	if (message->flags & BANOS_SOCKET_ERRQUEUE)
		result = error_receive(socket, to, length, message);
	else if ((message->flags & BANOS_SOCKET_OOB) && socket->kind == &stream_kind)
		result = urgent_receive(socket, to, length, message);
	else
		result = socket->kind->receive(socket, to, length, message);
	inet_unlock();
	return result;
}

static int64_t inet_poll(void *own)
{
	struct inet_socket *socket = own;
	uint32_t events;

	inet_lock();
	events = socket->kind->poll(socket);
	if (socket->error || socket->errors)
		events |= BANOS_SOCKET_ERROR;
	inet_unlock();
	return events;
}

static int64_t inet_shutdown(void *own, uint32_t how)
{
	struct inet_socket *socket = own;
	int64_t err;

	inet_lock();
	err = socket->kind->shutdown(socket, how);
	inet_unlock();
	return err;
}

static int64_t inet_name(void *own, uint32_t peer, uint8_t *bytes, uint32_t length)
{
	struct inet_socket *socket = own;
	ip_addr_t address;
	uint16_t port = 0;
	int64_t result = -ENOTCONN;

	if (length < NAME_MAX)
		return -EINVAL;
	if (socket->family == AF_INET)
		ip_addr_set_zero_ip4(&address);
	else
		ip_addr_set_zero_ip6(&address);
	inet_lock();
	if (socket->kind->name(socket, peer, &address, &port) || !peer)
		result = address_format(socket->family, &address, port, bytes);
	inet_unlock();
	return result;
}

static int64_t inet_ioctl(void *own, banos_call call, uint32_t command, uint64_t argument)
{
	struct inet_socket *socket = own;
	uint32_t bytes;

	if (command != FIONREAD && command != TIOCOUTQ &&
	    (command != SIOCATMARK || socket->kind != &stream_kind))
		return -ENOTTY;
	inet_lock();
	if (command == SIOCATMARK)
		bytes = urgent_is_next(socket);
	else
		bytes = (uint32_t)socket->kind->waiting(socket, command == TIOCOUTQ);
	inet_unlock();
	if (banos_user_write(call, argument, &bytes, sizeof(bytes)) < 0)
		return -EFAULT;
	return 0;
}

const struct banos_family_ops inet_family_ops = {
	.size = sizeof(inet_family_ops),
	.create = inet_create,
	.release = inet_release,
	.bind = inet_bind,
	.connect = inet_connect,
	.listen = inet_listen,
	.accept = inet_accept,
	.send = inet_send,
	.receive = inet_receive,
	.poll = inet_poll,
	.shutdown = inet_shutdown,
	.name = inet_name,
	.get_option = option_get,
	.set_option = option_set,
	.ioctl = inet_ioctl,
	.describe = socket_describe,
	.connection = connection_next,
};
