/* SPDX-License-Identifier: MIT */
/*
 * The controller's thread: ports, and whether all is well.
 *
 * A controller reports a change of a port with an event, but not what was connected before it ran: so
 * each turn looks at every port. A device that was exchanged quickly shows as a change of the connection
 * while something is connected.
 */
#include <banos/errno.h>
#include <banos/time.h>
#include "controller.h"

static int port_lost_device(uint32_t status)
{
	return !(status & PORT_CONNECTED) || status & PORT_CONNECT_CHANGE;
}

void port_event(struct controller *controller, uint32_t port)
{
	if (!port || port > controller->ports_count)
		return;
	if (controller->ports[port].device && port_lost_device(port_read(controller, port)))
		device_mark_gone(controller->ports[port].device);
	banos_wait_wake(&controller->wake);
}

static void port_check(struct controller *controller, uint32_t number)
{
	struct usb_port *port = &controller->ports[number];
	uint32_t status = port_read(controller, number), alive = 0, gone = 0;

	if (status == 0xffffffff)
		status = 0;
	banos_spin_lock(&controller->lock);
	if (port->device) {
		if (port_lost_device(status))
			device_mark_gone(port->device);
		alive = port->device->alive;
		gone = port->device->gone;
	}
	banos_spin_unlock(&controller->lock);
	if (status & PORT_CHANGES)
		port_write(controller, number, (status & PORT_KEEP) | (status & PORT_CHANGES));
	if (port_lost_device(status))
		port->refused = 0;
	if (alive && !gone) {
		pipe_recover_all(port->device);
		return;
	}
	if (alive && device_close(port->device))
		return;
	if (status & PORT_CONNECTED && !port->refused && !controller_has_failed(controller))
		device_open(controller, number);
}

int64_t port_main(void *context)
{
	struct controller *controller = context;
	int64_t error = 0;

	while (!banos_thread_should_stop() && (!error || error == -ETIMEDOUT)) {
		uint64_t ticket = banos_wait_ticket(&controller->wake);

		if (!controller_has_failed(controller))
			controller_look(controller);
		for (uint32_t port = 1;
		     port <= controller->ports_count && !banos_thread_should_stop(); port++)
			port_check(controller, port);
		error = banos_wait_sleep(&controller->wake, ticket, banos_time_ns() + LOOK_NS, 0);
	}
	return 0;
}
