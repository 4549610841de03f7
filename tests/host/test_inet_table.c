/* SPDX-License-Identifier: MIT */
/*
 * The table of TCP's connections and its timers, drivers/net/inet/table.c and tick.c, with the real lwIP around them: two ends
 * on one interface, whose packets wait in a row, where some are lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/net/inet/inet.h"
#include "../../drivers/net/inet/table.h"
#include "inet_stand_ins.h"
#include <lwip/init.h>
#include <lwip/ip4.h>
#include <lwip/sys.h>

#define PORT	    80
#define ROWS	    256u
#define PAIRS	    400u
#define SECOND	    1000u
#define PACKETS_MAX 4096u

/* ---- the interface ---- */

static struct netif netif;
static struct pbuf *packets[PACKETS_MAX];
static uint32_t packet_count, lost_each, packets_seen;

static err_t packet_output(struct netif *out, struct pbuf *pbuf, const ip4_addr_t *to)
{
	struct pbuf *copy;

	if (lost_each && ++packets_seen % lost_each == 0)
		return ERR_OK;
	copy = pbuf_alloc(PBUF_RAW, pbuf->tot_len, PBUF_RAM);
	assert_non_null(copy);
	assert_int_equal(pbuf_copy(copy, pbuf), ERR_OK);
	assert_true(packet_count < PACKETS_MAX);
	packets[packet_count++] = copy;
	return ERR_OK;
}

static void packets_deliver(void)
{
	while (packet_count) {
		struct pbuf *first = packets[0];

		memmove(packets, packets + 1, --packet_count * sizeof(packets[0]));
		ip4_input(first, &netif);
		assert_null(tcp_active_pcbs);
		assert_null(tcp_tw_pcbs);
		assert_null(tcp_listen_pcbs.pcbs);
	}
}

static void time_passes(uint32_t ms)
{
	for (uint32_t end = now_ms + ms; now_ms != end; now_ms += 50) {
		tick_run();
		assert_null(tcp_active_pcbs);
		packets_deliver();
	}
}

static err_t netif_begin(struct netif *fresh)
{
	fresh->output = packet_output;
	fresh->mtu = 1500;
	fresh->flags = 0;
	return ERR_OK;
}

static int begin(void **state)
{
	ip4_addr_t address, mask;
	static bool begun;

	IP4_ADDR(&address, 10, 0, 0, 1);
	IP4_ADDR(&mask, 255, 0, 0, 0);
	if (!begun)
		lwip_init();
	begun = true;
	lost_each = short_of_memory = starved = 0;
	assert_int_equal(table_init(0), 0);
	netif_add(&netif, &address, &mask, &address, NULL, netif_begin, ip4_input);
	netif_set_default(&netif);
	netif_set_up(&netif);
	netif_set_link_up(&netif);
	return 0;
}

/* All connections go, with the address that they have. */
static int end(void **state)
{
	netif_remove(&netif);
	while (packet_count)
		pbuf_free(packets[--packet_count]);
	while (tick_end_waiting())
		;
	table_exit();
	return 0;
}

/* ---- two ends ---- */

struct peer {
	struct tcp_pcb *pcb;
	uint32_t got;
	bool ended, failed, slow; /* slow: its program does not read */
};
static struct peer accepted[PAIRS * 4];
static uint32_t accepted_count;

static err_t peer_received(void *arg, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t err)
{
	struct peer *peer = arg;

	if (!pbuf) {
		peer->ended = true;
		return ERR_OK;
	}
	for (uint16_t i = 0; i < pbuf->tot_len; i++)
		assert_int_equal(pbuf_get_at(pbuf, i), (uint8_t)((peer->got + i) * 7));
	peer->got += pbuf->tot_len;
	if (!peer->slow)
		tcp_recved(pcb, pbuf->tot_len);
	pbuf_free(pbuf);
	return ERR_OK;
}

static void peer_failed(void *arg, err_t err)
{
	struct peer *peer = arg;

	peer->failed = true;
	peer->pcb = NULL;
}

static void peer_begin(struct peer *peer, struct tcp_pcb *pcb)
{
	*peer = (struct peer){ .pcb = pcb };
	tcp_arg(pcb, peer);
	tcp_recv(pcb, peer_received);
	tcp_err(pcb, peer_failed);
}

static err_t peer_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
	assert_true(accepted_count < PAIRS * 4);
	peer_begin(&accepted[accepted_count++], pcb);
	return ERR_OK;
}

static err_t peer_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	return ERR_OK;
}

static struct tcp_pcb *listener_begin(void)
{
	struct tcp_pcb *pcb = tcp_new();

	accepted_count = 0;
	assert_int_equal(tcp_bind(pcb, IP4_ADDR_ANY, PORT), ERR_OK);
	assert_ptr_equal(table_port_first(PORT), pcb);
	pcb = tcp_listen_with_backlog(pcb, 255);
	assert_ptr_equal(table_listener_next(PORT, NULL), pcb);
	tcp_accept(pcb, peer_accepted);
	return pcb;
}

static void listener_end(struct tcp_pcb *pcb)
{
	table_listener_closes(pcb);
	assert_int_equal(tcp_close(pcb), ERR_OK);
	assert_null(table_listener_next(PORT, NULL));
}

static void pair_begin(struct peer *peer, uint16_t port)
{
	peer_begin(peer, tcp_new());
	assert_int_equal(tcp_bind(peer->pcb, IP4_ADDR_ANY, port), ERR_OK);
	assert_int_equal(tcp_connect(peer->pcb, netif_ip_addr4(&netif), PORT, peer_connected),
			 ERR_OK);
	packets_deliver();
	assert_int_equal(peer->pcb->state, ESTABLISHED);
}

static struct tcp_pcb *find_ends(uint16_t local, uint16_t remote)
{
	return table_find(netif_ip_addr4(&netif), local, netif_ip_addr4(&netif), remote,
			  NETIF_NO_INDEX);
}

static void peer_write(struct peer *peer, uint32_t from, uint32_t bytes)
{
	uint8_t piece[1000];

	for (uint32_t i = 0; i < bytes; i++)
		piece[i] = (uint8_t)((from + i) * 7);
	tick_touch(peer->pcb);
	assert_int_equal(tcp_write(peer->pcb, piece, (uint16_t)bytes, TCP_WRITE_FLAG_COPY), ERR_OK);
	tcp_output(peer->pcb);
}

/* ---- tests ---- */

static struct peer peers[PAIRS * 4];

static void idle_connections_are_found_and_left_out_of_timers(void **state)
{
	struct tcp_pcb *listener = listener_begin();

	for (uint16_t i = 0; i < PAIRS; i++)
		pair_begin(&peers[i], (uint16_t)(1000 + i));
	assert_int_equal(accepted_count, PAIRS);
	time_passes(2 * SECOND);
	assert_int_equal(tick_sleep_ms(), UINT32_MAX);
	for (uint16_t i = 0; i < PAIRS; i++) {
		assert_ptr_equal(find_ends((uint16_t)(1000 + i), PORT), peers[i].pcb);
		assert_ptr_equal(find_ends(PORT, (uint16_t)(1000 + i)), accepted[i].pcb);
		peer_write(&peers[i], 0, 10);
	}
	assert_null(find_ends(999, PORT));
	assert_int_not_equal(tick_sleep_ms(), UINT32_MAX);
	time_passes(2 * SECOND);
	for (uint16_t i = 0; i < PAIRS; i++)
		assert_int_equal(accepted[i].got, 10);
	assert_int_equal(tick_sleep_ms(), UINT32_MAX);
	listener_end(listener);
	for (uint16_t i = 0; i < PAIRS; i++)
		assert_null(accepted[i].pcb->listener);
}

static void bytes_arrive_though_packets_are_lost(void **state)
{
	struct tcp_pcb *listener = listener_begin();
	struct peer *peer = &peers[0];
	uint32_t sent = 0;

	pair_begin(peer, 2000);
	lost_each = 7;
	for (; sent < 100000; sent += 1000) {
		peer_write(peer, sent, 1000);
		time_passes(sent % 7000 ? 0 : 3 * SECOND);
	}
	time_passes(120 * SECOND);
	assert_int_equal(accepted[0].got, sent);
	assert_int_equal(tick_sleep_ms(), UINT32_MAX);
	listener_end(listener);
}

static uint32_t count_waiting(uint32_t count)
{
	uint32_t waiting = 0;

	for (uint16_t i = 0; i < count; i++) {
		const struct tcp_pcb *pcb = find_ends((uint16_t)(3000 + i), PORT);

		waiting += pcb && pcb->state == TIME_WAIT;
	}
	return waiting;
}

/* As stream.c does. */
static void peer_close(struct peer *peer)
{
	tick_close(peer->pcb);
	tcp_recv(peer->pcb, NULL);
	tcp_err(peer->pcb, NULL);
	assert_int_equal(tcp_close(peer->pcb), ERR_OK);
	packets_deliver();
}

static void peer_shut_down(struct peer *peer)
{
	tick_close(peer->pcb);
	assert_int_equal(tcp_shutdown(peer->pcb, 0, 1), ERR_OK);
	packets_deliver();
}

static void answer_write(uint32_t bytes)
{
	for (uint32_t sent = 0; sent < bytes; sent += 1000)
		peer_write(&accepted[0], sent, 1000);
}

static void an_answer_arrives_though_it_is_late_and_lost(void **state)
{
	struct tcp_pcb *listener = listener_begin();

	for (uint32_t shut_down = 0; shut_down < 2; shut_down++) {
		struct peer *peer = &peers[shut_down];
		uint16_t port = (uint16_t)(6000 + shut_down);

		accepted_count = 0;
		pair_begin(peer, port);
		peer_shut_down(peer);
		assert_true(accepted[0].ended);
		time_passes(65 * SECOND);
		lost_each = 1;
		answer_write(20000);
		if (shut_down)
			peer_shut_down(&accepted[0]);
		else
			peer_close(&accepted[0]);
		time_passes(SECOND);
		lost_each = 0;
		time_passes(30 * SECOND);
		assert_int_equal(peer->got, 20000);
		assert_true(peer->ended);
	}
	listener_end(listener);
}

/* A peer whose program reads nothing, and that has room for 4000 bytes. */
static void slow_peer_begin(struct peer *peer, uint16_t port)
{
	pair_begin(peer, port);
	peer->slow = true;
	peer->pcb->rcv_wnd = peer->pcb->rcv_ann_wnd = 4000;
	peer_shut_down(peer);
	assert_true(accepted[0].ended);
	answer_write(19000);
	peer_close(&accepted[0]);
	assert_int_equal(find_ends(PORT, port)->state, LAST_ACK);
}

static void peer_reads(struct peer *peer, uint32_t bytes)
{
	tick_touch(peer->pcb);
	tcp_recved(peer->pcb, (uint16_t)bytes);
	tcp_ack_now(peer->pcb);
	tcp_output(peer->pcb);
}

static void one_who_reads_slowly_gets_all_of_a_closed_connection(void **state)
{
	struct tcp_pcb *listener = listener_begin();
	struct peer *peer = &peers[0];

	slow_peer_begin(peer, 6100);
	time_passes(90 * SECOND);
	while (peer->got < 19000) {
		uint32_t got = peer->got;

		peer_reads(peer, 4000);
		time_passes(45 * SECOND);
		assert_int_not_equal(peer->got, got);
	}
	assert_true(peer->ended);
	assert_null(find_ends(PORT, 6100));
	listener_end(listener);
}

static void one_who_never_reads_holds_no_closed_connection(void **state)
{
	struct tcp_pcb *listener = listener_begin();

	slow_peer_begin(&peers[0], 6200);
	time_passes(200 * SECOND);
	assert_null(find_ends(PORT, 6200));
	listener_end(listener);
}

static void those_in_time_wait_are_bounded_and_end(void **state)
{
	struct tcp_pcb *listener = listener_begin();
	uint32_t most = 2 * ROWS, count = most + 100;

	for (uint16_t i = 0; i < count; i++) {
		pair_begin(&peers[i], (uint16_t)(3000 + i));
		peer_close(&peers[i]);
		peer_close(&accepted[i]);
	}
	assert_int_equal(count_waiting(count), most);
	assert_null(find_ends(3000, PORT)); /* the oldest went first */
	time_passes(59 * SECOND);
	assert_int_equal(count_waiting(count), most);
	time_passes(3 * SECOND);
	assert_int_equal(count_waiting(count), 0);
	assert_int_equal(tick_sleep_ms(), UINT32_MAX);
	listener_end(listener);
}

static void time_wait_counts_from_its_begin(void **state)
{
	struct tcp_pcb *listener = listener_begin();

	pair_begin(&peers[0], 3000);
	peer_close(&peers[0]);
	time_passes(15 * SECOND); /* in FIN_WAIT_2 */
	peer_close(&accepted[0]);
	time_passes(58 * SECOND);
	assert_int_equal(count_waiting(1), 1);
	time_passes(4 * SECOND);
	assert_null(find_ends(3000, PORT));
	listener_end(listener);
}

/* A SYN whose sender has gone, and will not refuse what is answered. */
static struct pbuf *syn_get(uint16_t port)
{
	struct tcp_pcb *pcb = tcp_new();
	struct pbuf *syn;

	assert_int_equal(tcp_bind(pcb, IP4_ADDR_ANY, port), ERR_OK);
	assert_int_equal(tcp_connect(pcb, netif_ip_addr4(&netif), PORT, peer_connected), ERR_OK);
	assert_int_equal(packet_count, 1);
	syn = packets[--packet_count];
	lost_each = 1;
	tcp_abort(pcb);
	return syn;
}

static void one_that_begins_after_a_quiet_time_has_its_time(void **state)
{
	struct tcp_pcb *listener = listener_begin();
	struct pbuf *syn = syn_get(5100);

	time_passes(SECOND);
	assert_int_equal(tick_sleep_ms(), UINT32_MAX);
	time_passes(300 * SECOND);
	ip4_input(syn, &netif);
	time_passes(18 * SECOND);
	assert_non_null(find_ends(PORT, 5100));
	time_passes(4 * SECOND);
	assert_null(find_ends(PORT, 5100));
	listener_end(listener);
}

static void few_stay_in_time_wait_when_memory_is_short(void **state)
{
	struct tcp_pcb *listener = listener_begin();

	short_of_memory = true;
	for (uint16_t i = 0; i < 100; i++) {
		pair_begin(&peers[i], (uint16_t)(3000 + i));
		peer_close(&peers[i]);
		peer_close(&accepted[i]);
	}
	assert_int_equal(count_waiting(100), 64);
	listener_end(listener);
}

static void many_end_when_memory_becomes_short(void **state)
{
	struct tcp_pcb *listener = listener_begin();

	for (uint16_t i = 0; i < 100; i++) {
		pair_begin(&peers[i], (uint16_t)(3000 + i));
		peer_close(&peers[i]);
		peer_close(&accepted[i]);
	}
	assert_int_equal(count_waiting(100), 100);
	short_of_memory = true;
	time_passes(SECOND);
	assert_int_equal(count_waiting(100), 64);
	listener_end(listener);
}

static void one_in_time_wait_ends_for_one_that_begins(void **state)
{
	struct tcp_pcb *listener = listener_begin();
	struct peer *peer = &peers[3];

	for (uint16_t i = 0; i < 3; i++) {
		pair_begin(&peers[i], (uint16_t)(3000 + i));
		peer_close(&peers[i]);
		peer_close(&accepted[i]);
	}
	peer_begin(peer, tcp_new());
	assert_int_equal(tcp_bind(peer->pcb, IP4_ADDR_ANY, 3100), ERR_OK);
	assert_int_equal(tcp_connect(peer->pcb, netif_ip_addr4(&netif), PORT, peer_connected),
			 ERR_OK);
	starved = true;
	packets_deliver();
	assert_int_equal(peer->pcb->state, ESTABLISHED);
	assert_null(find_ends(3000, PORT)); /* the oldest */
	assert_int_equal(count_waiting(3), 2);
	listener_end(listener);
}

static void an_address_that_goes_ends_its_connections(void **state)
{
	struct tcp_pcb *listener = listener_begin();

	for (uint16_t i = 0; i < 20; i++)
		pair_begin(&peers[i], (uint16_t)(4000 + i));
	time_passes(2 * SECOND); /* also those that no timer sees */
	netif_set_addr(&netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
	for (uint16_t i = 0; i < 20; i++) {
		assert_true(peers[i].failed && accepted[i].failed);
		assert_null(table_port_first((uint16_t)(4000 + i)));
	}
	assert_ptr_equal(table_port_first(PORT), listener);
	listener_end(listener);
}

static void a_connection_that_never_begins_is_freed(void **state)
{
	lost_each = 1;
	peer_begin(&peers[0], tcp_new());
	assert_int_equal(tcp_bind(peers[0].pcb, IP4_ADDR_ANY, 5000), ERR_OK);
	assert_int_equal(tcp_connect(peers[0].pcb, netif_ip_addr4(&netif), PORT, peer_connected),
			 ERR_OK);
	time_passes(300 * SECOND);
	assert_true(peers[0].failed); /* by the slow timer, which takes it out itself */
	assert_null(table_port_first(5000));
	assert_null(find_ends(5000, PORT));
	assert_int_equal(tick_sleep_ms(), UINT32_MAX);
}

/* Both have SO_REUSEADDR, so that they may share a port. */
static void two_that_choose_a_port_never_have_both_ends_alike(void **state)
{
	struct tcp_pcb *listener = listener_begin();
	const ip_addr_t *to = netif_ip_addr4(&netif);
	struct inet_socket socket = { .kind = &stream_kind };
	uint16_t port;

	for (uint16_t i = 0; i < 3; i++) {
		peer_begin(&peers[i], tcp_new());
		ip_set_option(peers[i].pcb, REUSE_ADDRESS);
		socket.tcp = peers[i].pcb;
		port = bind_port_choose(&socket, IP4_ADDR_ANY, to, PORT);
		assert_int_equal(port, PORT_FIRST + i);
		assert_int_equal(tcp_bind(socket.tcp, IP4_ADDR_ANY, port), ERR_OK);
		assert_int_equal(tcp_connect(socket.tcp, to, PORT, peer_connected), ERR_OK);
		packets_deliver();
		assert_int_equal(socket.tcp->state, ESTABLISHED);
	}
	peer_begin(&peers[3], tcp_new());
	ip_set_option(peers[3].pcb, REUSE_ADDRESS);
	socket.tcp = peers[3].pcb;
	assert_int_equal(bind_port_choose(&socket, IP4_ADDR_ANY, to, PORT + 1), PORT_FIRST);
	tcp_close(peers[3].pcb);
	listener_end(listener);
}

/* ---- against a model ---- */

#define MODEL 300u

static struct tcp_pcb *model[MODEL];

static bool model_is_at(const struct tcp_pcb *pcb, uint16_t port)
{
	return pcb && pcb->local_port == port;
}

static void model_check(uint16_t port)
{
	const struct tcp_pcb *first = table_port_first(port);
	uint32_t count = 0, listeners = 0, found = 0, found_listeners = 0;

	for (uint32_t i = 0; i < MODEL; i++) {
		count += model_is_at(model[i], port);
		listeners += model_is_at(model[i], port) && model[i]->state == LISTEN;
	}
	for (const struct tcp_pcb *pcb = first; pcb; pcb = table_port_next(first, pcb), found++)
		assert_int_equal(pcb->local_port, port);
	for (struct tcp_pcb *pcb = NULL; (pcb = table_listener_next(port, pcb));)
		found_listeners++;
	assert_int_equal(found, count);
	assert_int_equal(found_listeners, listeners);
}

static struct tcp_pcb **list_of(const struct tcp_pcb *pcb)
{
	switch (pcb->state) {
	case CLOSED: return &tcp_bound_pcbs;
	case LISTEN: return &tcp_listen_pcbs.pcbs;
	case TIME_WAIT: return &tcp_tw_pcbs;
	default: return &tcp_active_pcbs;
	}
}

static void model_change(uint32_t i)
{
	static const enum tcp_state states[] = { CLOSED, LISTEN, ESTABLISHED, TIME_WAIT };
	struct tcp_pcb *pcb = model[i];

	if (pcb) {
		table_remove(list_of(pcb), pcb);
		free(pcb);
		model[i] = NULL;
		return;
	}
	pcb = model[i] = calloc(1, sizeof(*pcb));
	pcb->state = states[rand() % 4];
	pcb->local_port = (uint16_t)(rand() % 4 * ROWS + rand() % 3); /* many in one row */
	pcb->remote_port = (uint16_t)i;
	if (rand() % 2) {
		ip_addr_set_ip4_u32(&pcb->local_ip, (u32_t)rand() % 2 + 1);
		ip_addr_set_ip4_u32(&pcb->remote_ip, (u32_t)rand() % 2 + 1);
	} else {
		IP_ADDR6(&pcb->local_ip, 0x20, 0, 0, (u32_t)rand() % 2);
		IP_ADDR6(&pcb->remote_ip, 0x20, 0, 0, (u32_t)rand() % 2);
	}
	table_add(list_of(pcb), pcb);
}

static void random_changes_leave_the_table_as_a_model(void **state)
{
	srand(4);
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t i = (uint32_t)rand() % MODEL;
		const struct tcp_pcb *pcb;

		model_change(i);
		pcb = model[i];
		if (pcb && pcb->state != LISTEN && pcb->state != CLOSED)
			assert_ptr_equal(table_find(&pcb->local_ip, pcb->local_port,
						    &pcb->remote_ip, pcb->remote_port,
						    NETIF_NO_INDEX),
					 pcb);
		if (pcb)
			model_check(pcb->local_port);
	}
	for (uint32_t i = 0; i < MODEL; i++)
		if (model[i])
			model_change(i);
	for (uint16_t port = 0; port < 4 * ROWS; port++)
		assert_null(table_port_first(port));
}

static struct inet_socket datagrams[5];

static void udp_socket_begin(struct inet_socket *socket, uint32_t local, uint16_t port)
{
	ip_addr_t address = IPADDR4_INIT(local);

	*socket = (struct inet_socket){ 0 };
	socket->udp = udp_new_ip_type(IPADDR_TYPE_V4);
	assert_int_equal(udp_table_bind(socket, &address, port), ERR_OK);
	assert_null(udp_pcbs);
}

static struct inet_socket *udp_receiver(uint32_t to, uint16_t to_port, uint16_t from_port)
{
	struct udp_way way = { IPADDR4_INIT(0x0100007f), IPADDR4_INIT(to), from_port, to_port, 1 };

	return udp_table_find(&way);
}

static void udp_sockets_are_found_by_what_suits_best(void **state)
{
	ip_addr_t peer = IPADDR4_INIT(0x0100007f);

	udp_socket_begin(&datagrams[0], 0, 53);
	udp_socket_begin(&datagrams[1], 0x0100007f, 53);
	udp_socket_begin(&datagrams[2], 0, 53);
	udp_socket_begin(&datagrams[3], 0, 53 + 512); /* in the same row */
	udp_socket_begin(&datagrams[4], 0x0200007f, 53);
	assert_ptr_equal(udp_receiver(0x0100007f, 53, 9), &datagrams[1]);
	assert_ptr_equal(udp_receiver(0x0200007f, 53, 9), &datagrams[4]);
	assert_ptr_equal(udp_receiver(0x0300007f, 53, 9), &datagrams[2]); /* the newest */
	assert_ptr_equal(udp_receiver(0x0300007f, 53 + 512, 9), &datagrams[3]);
	assert_null(udp_receiver(0x0300007f, 54, 9));
	assert_int_equal(udp_table_connect(&datagrams[0], &peer, 9), ERR_OK);
	assert_null(udp_pcbs);
	assert_ptr_equal(udp_receiver(0x0100007f, 53, 9), &datagrams[0]);
	assert_ptr_equal(udp_receiver(0x0100007f, 53, 8), &datagrams[1]);
	datagrams[4].udp->netif_idx = 2; /* bound to another interface */
	assert_ptr_equal(udp_receiver(0x0200007f, 53, 8), &datagrams[2]);
	for (uint32_t i = 0; i < 5; i++) {
		udp_table_remove(&datagrams[i]);
		udp_remove(datagrams[i].udp);
	}
	assert_null(udp_table_first(53, false));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)
	static const struct CMUnitTest tests[] = {
		CASE(idle_connections_are_found_and_left_out_of_timers),
		CASE(bytes_arrive_though_packets_are_lost),
		CASE(an_answer_arrives_though_it_is_late_and_lost),
		CASE(one_who_reads_slowly_gets_all_of_a_closed_connection),
		CASE(one_who_never_reads_holds_no_closed_connection),
		CASE(those_in_time_wait_are_bounded_and_end),
		CASE(time_wait_counts_from_its_begin),
		CASE(one_that_begins_after_a_quiet_time_has_its_time),
		CASE(few_stay_in_time_wait_when_memory_is_short),
		CASE(many_end_when_memory_becomes_short),
		CASE(one_in_time_wait_ends_for_one_that_begins),
		CASE(an_address_that_goes_ends_its_connections),
		CASE(a_connection_that_never_begins_is_freed),
		CASE(two_that_choose_a_port_never_have_both_ends_alike),
		CASE(random_changes_leave_the_table_as_a_model),
		CASE(udp_sockets_are_found_by_what_suits_best),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
