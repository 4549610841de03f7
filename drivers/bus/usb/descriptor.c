/* SPDX-License-Identifier: MIT */
/* Descriptors of a USB device: descriptor.h. */
#include "descriptor.h"

#define PACKET_BYTES_MASK 0x7ff
#define INTERVAL_MAX	  16 /* of an exponent in a descriptor, from 1 */
#define FRAME_EXPONENT	  3  /* a frame of 1 ms has 2^3 units */
#define INTERVAL_SLOWEST  7  /* of a full-speed device: 128 frames */

static uint16_t bytes_number16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

const char *usb_parse_device(const uint8_t *bytes, size_t size, struct usb_device_info *info)
{
	if (size < DESCRIPTOR_DEVICE_BYTES || bytes[0] < DESCRIPTOR_DEVICE_BYTES)
		return "is shorter than 18 bytes";
	if (bytes[1] != DESCRIPTOR_DEVICE)
		return "is of another type";
	info->class = bytes[4];
	info->sub = bytes[5];
	info->protocol = bytes[6];
	info->vendor = bytes_number16(bytes + 8);
	info->product = bytes_number16(bytes + 10);
	info->release = bytes_number16(bytes + 12);
	info->configurations = bytes[17];
	if (!info->configurations)
		return "states no configuration";
	return NULL;
}

uint32_t usb_configuration_length(const uint8_t *bytes, size_t size)
{
	if (size < DESCRIPTOR_CONFIGURATION_BYTES || bytes[0] < DESCRIPTOR_CONFIGURATION_BYTES ||
	    bytes[1] != DESCRIPTOR_CONFIGURATION || bytes_number16(bytes + 2) < bytes[0])
		return 0;
	return bytes_number16(bytes + 2);
}

/* ---- a configuration ---- */

/* Where the parser is. */
struct configuration_walk {
	struct usb_configuration *configuration;
	struct usb_interface_info *interface; /* NULL: its alternate setting is skipped */
	struct usb_endpoint *endpoint;	      /* the last one, or NULL */
	int begun;			      /* an interface was read */
};

static const char *walk_interface(struct configuration_walk *walk, const uint8_t *bytes)
{
	struct usb_configuration *configuration = walk->configuration;

	walk->interface = NULL;
	walk->endpoint = NULL;
	walk->begun = 1;
	if (bytes[0] < DESCRIPTOR_INTERFACE_BYTES)
		return "has a short interface";
	if (bytes[3]) /* alternate setting */
		return NULL;
	for (uint32_t i = 0; i < configuration->interface_count; i++)
		if (configuration->interfaces[i].number == bytes[2])
			return "has two interfaces of one number";
	if (configuration->interface_count == USB_INTERFACES)
		return "has more than 8 interfaces";
	walk->interface = &configuration->interfaces[configuration->interface_count++];
	*walk->interface = (struct usb_interface_info){
		.number = bytes[2],
		.class = bytes[5],
		.sub = bytes[6],
		.protocol = bytes[7],
	};
	return NULL;
}

static int configuration_has_endpoint(const struct usb_configuration *configuration,
				      uint8_t address)
{
	for (uint32_t i = 0; i < configuration->interface_count; i++) {
		const struct usb_interface_info *interface = &configuration->interfaces[i];

		for (uint32_t j = 0; j < interface->endpoint_count; j++)
			if (interface->endpoints[j].address == address)
				return 1;
	}
	return 0;
}

static const char *walk_endpoint(struct configuration_walk *walk, const uint8_t *bytes)
{
	struct usb_interface_info *interface = walk->interface;
	uint16_t packet;

	if (bytes[0] < DESCRIPTOR_ENDPOINT_BYTES)
		return "has a short endpoint";
	if (!walk->begun)
		return "has an endpoint before its first interface";
	if (!interface)
		return NULL;
	if (!(bytes[2] & 15) || bytes[2] & 0x70)
		return "has an endpoint of a wrong number";
	if (configuration_has_endpoint(walk->configuration, bytes[2]))
		return "has two endpoints of one number";
	if (interface->endpoint_count == USB_ENDPOINTS)
		return "has an interface of more than 8 endpoints";
	packet = bytes_number16(bytes + 4);
	walk->endpoint = &interface->endpoints[interface->endpoint_count++];
	*walk->endpoint = (struct usb_endpoint){
		.address = bytes[2],
		.attributes = bytes[3],
		.interval = bytes[6],
		.transactions = packet >> 11 & 3,
		.max_packet = packet & PACKET_BYTES_MASK,
	};
	return NULL;
}

static const char *walk_companion(struct configuration_walk *walk, const uint8_t *bytes)
{
	if (bytes[0] < DESCRIPTOR_COMPANION_BYTES)
		return "has a short companion of an endpoint";
	if (walk->endpoint)
		walk->endpoint->burst = bytes[2];
	walk->endpoint = NULL;
	return NULL;
}

static const char *walk_step(struct configuration_walk *walk, const uint8_t *bytes)
{
	switch (bytes[1]) {
	case DESCRIPTOR_INTERFACE: return walk_interface(walk, bytes);
	case DESCRIPTOR_ENDPOINT: return walk_endpoint(walk, bytes);
	case DESCRIPTOR_COMPANION: return walk_companion(walk, bytes);
	default: return NULL;
	}
}

const char *usb_parse_configuration(const uint8_t *bytes, size_t size,
				    struct usb_configuration *configuration)
{
	struct configuration_walk walk = { .configuration = configuration };
	uint32_t total = usb_configuration_length(bytes, size);
	const char *wrong = NULL;

	*configuration = (struct usb_configuration){ 0 };
	if (!total)
		return "has a wrong head";
	if (total > size)
		return "is cut";
	configuration->value = bytes[5];
	for (uint32_t at = bytes[0]; at < total && !wrong; at += bytes[at]) {
		if (bytes[at] < 2 || bytes[at] > total - at)
			return "has a descriptor of a wrong length";
		wrong = walk_step(&walk, bytes + at);
	}
	if (!wrong && !configuration->interface_count)
		return "has no interface";
	return wrong;
}

/* ---- endpoints ---- */

uint32_t usb_payload(const struct usb_endpoint *endpoint, uint32_t speed)
{
	static const uint16_t max_packet[] = {
		[SPEED_FULL] = 64,    [SPEED_LOW] = 8,		 [SPEED_HIGH] = 1024,
		[SPEED_SUPER] = 1024, [SPEED_SUPER_PLUS] = 1024,
	};

	if (speed < SPEED_FULL || speed > SPEED_SUPER_PLUS || !endpoint->max_packet ||
	    endpoint->max_packet > max_packet[speed])
		return 0;
	if (speed == SPEED_HIGH && endpoint->transactions < 3)
		return endpoint->max_packet * (endpoint->transactions + 1u);
	if (speed >= SPEED_SUPER && endpoint->burst < 3)
		return endpoint->max_packet * (endpoint->burst + 1u);
	if (speed >= SPEED_HIGH)
		return 0;
	return endpoint->max_packet;
}

uint32_t usb_interval(const struct usb_endpoint *endpoint, uint32_t speed)
{
	uint32_t interval = endpoint->interval, exponent = 0;

	if (!interval)
		interval = 1;
	if (speed >= SPEED_HIGH) {
		if (interval > INTERVAL_MAX)
			interval = INTERVAL_MAX;
		return interval - 1;
	}
	while (interval >> (exponent + 1) && exponent < INTERVAL_SLOWEST)
		exponent++;
	return exponent + FRAME_EXPONENT;
}

uint32_t usb_first_packet(uint32_t speed)
{
	if (speed >= SPEED_SUPER)
		return 512;
	if (speed == SPEED_HIGH)
		return 64;
	return 8;
}

int usb_is_control_packet(uint32_t bytes)
{
	return bytes == 8 || bytes == 16 || bytes == 32 || bytes == 64;
}
