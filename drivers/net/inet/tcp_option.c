/* SPDX-License-Identifier: MIT */
/*
 * Options of TCP, tcp(7), with the ranges and errors of Linux.
 *
 * One that has no effect here is unknown. TCP_SYNCNT ends at lwIP's SYN_RETRIES_MAX, TCP_LINGER2 at its own limit, a minute.
 */
#include "inet.h"
#include <lwip/priv/tcp_priv.h>

#define KEEP_SECONDS_MAX  32767u
#define KEEP_COUNT_MAX	  127u
#define SYN_COUNT_MAX	  127u
#define MSS_LEAST	  88u
#define MSS_MAX		  32767u
#define MSS_UNCONNECTED	  536u
#define FIN_SECONDS	  60
#define FIN_SECONDS_MAX	  120
#define CLAMP_LEAST	  1152u
#define RETRY_SECONDS_MAX 120u
#define RETRIES_MAX	  255u
#define NAME_BYTES	  16u /* TCP_CA_NAME_MAX */

/* As Linux names what lwIP does: RFC 5681, with NewReno's recovery. */
static const char algorithm[NAME_BYTES] = "reno";

/* clang-format off */
enum {
	OPTION_NODELAY = 1, OPTION_MAXSEG = 2, OPTION_CORK = 3, OPTION_KEEPIDLE = 4, OPTION_KEEPINTVL = 5,
	OPTION_KEEPCNT = 6, OPTION_SYNCNT = 7, OPTION_LINGER2 = 8, OPTION_DEFER_ACCEPT = 9, OPTION_WINDOW_CLAMP = 10,
	OPTION_INFO = 11, OPTION_QUICKACK = 12, OPTION_CONGESTION = 13, OPTION_USER_TIMEOUT = 18,
	OPTION_NOTSENT_LOWAT = 25,
};
/* clang-format on */

static bool has_connection(const struct inet_socket *socket)
{
	return socket->tcp && socket->state != STREAM_LISTENING;
}

/* The time that Linux would wait, which it counts in answers sent again: after 1, 3, 7... seconds. */
static uint32_t defer_seconds(int32_t asked)
{
	uint32_t period = 0, step = 1;

	for (uint32_t i = 0; i < RETRIES_MAX && (int64_t)period < asked; i++) {
		period += step;
		step = (uint32_t)least_of(2 * step, RETRY_SECONDS_MAX);
	}
	return period;
}

static int64_t number_in_range(uint32_t *where, uint32_t value, uint32_t most)
{
	if (!value || value > most)
		return -EINVAL;
	*where = value;
	return 0;
}

static int64_t linger2_set(struct inet_socket *socket, int32_t value)
{
	if (value > FIN_SECONDS_MAX)
		value = FIN_SECONDS_MAX;
	socket->set.fin_wait_s = value < 0 ? -1 : value;
	return 0;
}

static int64_t window_clamp_set(struct inet_socket *socket, uint32_t value)
{
	if (!value && socket->state != STREAM_NEW)
		return -EINVAL;
	if (value && value < CLAMP_LEAST)
		value = CLAMP_LEAST;
	socket->set.window_most = value;
	return 0;
}

/* Of what waits to be acknowledged the other end learns now. */
static void option_acknowledge(const struct inet_socket *socket)
{
	if (!has_connection(socket) || !(socket->tcp->flags & TF_ACK_DELAY))
		return;
	tcp_ack_now(socket->tcp);
	tcp_output(socket->tcp);
}

static int64_t tcp_number_set(struct inet_socket *socket, uint32_t option, uint32_t value)
{
	struct inet_options *set = &socket->set;

	switch (option) {
	case OPTION_NODELAY: set->nodelay = value; return 0;
	case OPTION_CORK: set->cork = value; return 0;
	case OPTION_KEEPIDLE: return number_in_range(&set->keep_idle_s, value, KEEP_SECONDS_MAX);
	case OPTION_KEEPINTVL:
		return number_in_range(&set->keep_interval_s, value, KEEP_SECONDS_MAX);
	case OPTION_KEEPCNT: return number_in_range(&set->keep_count, value, KEEP_COUNT_MAX);
	case OPTION_SYNCNT: return number_in_range(&set->syn_retries, value, SYN_COUNT_MAX);
	case OPTION_LINGER2: return linger2_set(socket, (int32_t)value);
	case OPTION_WINDOW_CLAMP: return window_clamp_set(socket, value);
	case OPTION_DEFER_ACCEPT: set->defer_s = defer_seconds((int32_t)value); return 0;
	case OPTION_NOTSENT_LOWAT: set->unsent_most = value; return 0;
	case OPTION_MAXSEG:
		if (value && (value < MSS_LEAST || value > MSS_MAX))
			return -EINVAL;
		set->mss = value;
		return 0;
	case OPTION_QUICKACK:
		set->ack_late = !value;
		set->ack_at_once = value;
		if (value)
			option_acknowledge(socket);
		return 0;
	case OPTION_USER_TIMEOUT:
		if ((int32_t)value < 0)
			return -EINVAL;
		set->user_timeout_ms = value;
		return 0;
	}
	return -ENOPROTOOPT;
}

static int64_t algorithm_set(banos_buffer from, uint64_t length)
{
	char name[NAME_BYTES] = "";

	if (!length)
		return -EINVAL;
	if (banos_buffer_read(from, name, least_of(length, sizeof(name) - 1)) <= 0)
		return -EFAULT;
	for (uint32_t i = 0; i < sizeof(name); i++) {
		if (name[i] != algorithm[i])
			return -ENOENT;
		if (!name[i])
			break;
	}
	return 0;
}

int64_t tcp_option_set(struct inet_socket *socket, uint32_t option, banos_buffer from,
		       uint64_t length)
{
	uint32_t value;
	int64_t err;

	if (socket->kind != &stream_kind)
		return -ENOPROTOOPT;
	if (option == OPTION_CONGESTION)
		return algorithm_set(from, length);
	if (length < sizeof(value))
		return -EINVAL;
	if (banos_buffer_read(from, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	err = tcp_number_set(socket, option, value);
	if (err)
		return err;
	option_apply(socket);
	if (((option == OPTION_CORK && !value) || (option == OPTION_NODELAY && value)) &&
	    has_connection(socket))
		tcp_output(socket->tcp);
	return 0;
}

static int64_t tcp_number_get(const struct inet_socket *socket, uint32_t option, uint32_t *value)
{
	const struct inet_options *set = &socket->set;

	switch (option) {
	case OPTION_NODELAY: *value = set->nodelay; return 0;
	case OPTION_CORK: *value = set->cork; return 0;
	case OPTION_KEEPIDLE: *value = set->keep_idle_s; return 0;
	case OPTION_KEEPINTVL: *value = set->keep_interval_s; return 0;
	case OPTION_KEEPCNT: *value = set->keep_count; return 0;
	case OPTION_SYNCNT: *value = set->syn_retries; return 0;
	case OPTION_LINGER2:
		*value = (uint32_t)set->fin_wait_s;
		if (!set->fin_wait_s)
			*value = FIN_SECONDS;
		return 0;
	case OPTION_WINDOW_CLAMP: *value = set->window_most; return 0;
	case OPTION_DEFER_ACCEPT: *value = set->defer_s; return 0;
	case OPTION_NOTSENT_LOWAT: *value = set->unsent_most; return 0;
	case OPTION_QUICKACK: *value = !set->ack_late; return 0;
	case OPTION_USER_TIMEOUT: *value = set->user_timeout_ms; return 0;
	case OPTION_MAXSEG:
		*value = set->mss ? set->mss : MSS_UNCONNECTED;
		if (has_connection(socket) && socket->state != STREAM_NEW)
			*value = segment_bytes(socket->tcp);
		return 0;
	}
	return -ENOPROTOOPT;
}

int64_t tcp_option_get(const struct inet_socket *socket, uint32_t option, banos_buffer to,
		       uint64_t length)
{
	uint32_t value = 0;
	int64_t err;

	if (socket->kind != &stream_kind)
		return -ENOPROTOOPT;
	if (option == OPTION_INFO)
		return tcp_information(socket, to, length);
	if (option == OPTION_CONGESTION)
		return banos_buffer_write(to, algorithm, least_of(length, sizeof(algorithm)));
	inet_lock();
	err = tcp_number_get(socket, option, &value);
	inet_unlock();
	if (err)
		return err;
	return banos_buffer_write(to, &value, least_of(length, sizeof(value)));
}
