/* SPDX-License-Identifier: MIT */
/**
 * @file descriptor.h  Descriptors of a USB device: USB 2.0, 9.6; USB 3.2, 9.6. Pure.
 *
 * A device is not trusted: each length is checked, and lists have a bound. What the driver
 * does not know is skipped.
 */
#ifndef USB_DESCRIPTOR_H
#define USB_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

#define DESCRIPTOR_DEVICE	 1
#define DESCRIPTOR_CONFIGURATION 2
#define DESCRIPTOR_INTERFACE	 4
#define DESCRIPTOR_ENDPOINT	 5
#define DESCRIPTOR_COMPANION	 0x30 /* of an endpoint of a SuperSpeed device */

#define DESCRIPTOR_DEVICE_BYTES	       18
#define DESCRIPTOR_CONFIGURATION_BYTES 9
#define DESCRIPTOR_INTERFACE_BYTES     9
#define DESCRIPTOR_ENDPOINT_BYTES      7
#define DESCRIPTOR_COMPANION_BYTES     6

#define USB_CLASS_HUB	   9
#define USB_ENDPOINT_IN	   0x80
#define USB_TYPE_INTERRUPT 3 /* low two bits of the attributes */

/* As the controller reports it. */
enum { SPEED_FULL = 1, SPEED_LOW, SPEED_HIGH, SPEED_SUPER, SPEED_SUPER_PLUS };

struct usb_device_info {
	uint16_t vendor, product, release;
	uint8_t class, sub, protocol;
	uint8_t configurations;
};

struct usb_endpoint {
	uint8_t address; /* number, and USB_ENDPOINT_IN */
	uint8_t attributes;
	uint8_t interval;     /* as the descriptor states it */
	uint8_t transactions; /* more than one in an interval */
	uint8_t burst;	      /* packets more than one in a transaction; SuperSpeed */
	uint16_t max_packet;
};

#define USB_INTERFACES 8 /* of a configuration; more are refused */
#define USB_ENDPOINTS  8 /* of an interface; more are refused */

/** An interface in its first alternate setting. */
struct usb_interface_info {
	uint8_t number, class, sub, protocol;
	uint8_t endpoint_count;
	struct usb_endpoint endpoints[USB_ENDPOINTS];
};

struct usb_configuration {
	uint8_t value;
	uint8_t interface_count;
	struct usb_interface_info interfaces[USB_INTERFACES];
};

/**
 * @brief Read the descriptor of a device.
 * @param bytes  @p size bytes, read
 * @return NULL, or what is wrong, to follow "the device's descriptor"
 */
const char *usb_parse_device(const uint8_t *bytes, size_t size, struct usb_device_info *info);

/** Total length that the head of a configuration states. @return 0: it is none, or too short */
uint32_t usb_configuration_length(const uint8_t *bytes, size_t size);

/**
 * @brief Read a configuration with all that follows it.
 * @param bytes  @p size bytes, read
 * @return NULL, or what is wrong, to follow "the device's configuration"
 */
const char *usb_parse_configuration(const uint8_t *bytes, size_t size,
				    struct usb_configuration *configuration);

/** Bytes that an interrupt endpoint transfers in an interval at most. @return 0: it cannot be used */
uint32_t usb_payload(const struct usb_endpoint *endpoint, uint32_t speed);

/** Exponent of an interrupt endpoint's interval, in units of 125 us: xHCI 1.2, 6.2.3.6. */
uint32_t usb_interval(const struct usb_endpoint *endpoint, uint32_t speed);

/** Packet size of endpoint 0 before its descriptor is read. */
uint32_t usb_first_packet(uint32_t speed);

/** Is @p bytes a packet size that endpoint 0 of a full-speed device may have? */
int usb_is_control_packet(uint32_t bytes);

#endif
