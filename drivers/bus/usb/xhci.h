/* SPDX-License-Identifier: MIT */
/**
 * @file xhci.h  What the driver "xhci" offers to drivers of USB devices. Not part of a level of the API.
 *
 * A driver declares which interfaces of devices it serves, and registers a prober for
 * the bus "usb":
 *
 *	BANOS_SERVES("usb:v*p*d*dc*dsc*dp*ic03isc01ip01in*");
 *
 * Each interface of a device is one device of that bus. Its alias has the format that Linux gives
 * it: vendor, product and release of the device, its class, subclass and protocol, and those
 * of the interface and its number. @p interface is always the owner that probe() received.
 *
 * Each function returns -ENODEV if it is not an interface of a USB device, was unplugged, or its
 * controller has failed.
 */
#ifndef USB_XHCI_H
#define USB_XHCI_H

#include <banos/callback.h>
#include <banos/export.h>

/** Identity of an interface, and of its device. */
struct xhci_identity {
	uint32_t size;
	uint32_t vendor, product;
	uint32_t number; /**< of the interface */
	uint32_t speed;	 /**< 1 full, 2 low, 3 high, 4 super, 5 super plus */
	uint32_t zero;	 /**< 0 */
};
#define XHCI_IDENTITY_SIZE_1 24u
BANOS_ASSERT(BANOS_SIZE_TO(struct xhci_identity, zero) == XHCI_IDENTITY_SIZE_1, xhci_identity);

/** An endpoint of an interface. */
struct xhci_endpoint {
	uint32_t size;
	uint32_t address; /**< its number, and XHCI_IN */
	uint32_t type;	  /**< 0 control, 1 isochronous, 2 bulk, 3 interrupt */
	uint32_t
		bytes; /**< that an interrupt endpoint transfers at once, at most; 0: it cannot be used */
};
#define XHCI_ENDPOINT_SIZE_1 16u
BANOS_ASSERT(BANOS_SIZE_TO(struct xhci_endpoint, bytes) == XHCI_ENDPOINT_SIZE_1, xhci_endpoint);

#define XHCI_IN		 0x80u
#define XHCI_INTERRUPT	 3u
#define XHCI_CONTROL_MAX 4096u /**< bytes of a control transfer */

/** For the argument request of a control transfer: @p type is bmRequestType without its direction. */
#define XHCI_REQUEST(type, request) ((uint32_t)(type) | (uint32_t)(request) << 8)
#define XHCI_CLASS_INTERFACE	    0x21u /**< type: a request of the class, for an interface */
#define XHCI_STANDARD_DEVICE	    0x00u
#define XHCI_STANDARD_ENDPOINT	    0x02u

BANOS_BEGIN

/**
 * @brief Identify an interface.
 * Context: any.
 * @param identity  size is read; that many bytes are written
 * @return 0, -EINVAL: size is too small, -ENODEV
 */
int64_t xhci_identify(banos_owner interface, struct xhci_identity *identity);

/**
 * @brief Describe an endpoint of an interface.
 * Context: any.
 * @param index     from 0
 * @param endpoint  size is read; that many bytes are written
 * @return 0, -ENOENT: the interface has fewer endpoints, -EINVAL: size is too small, -ENODEV
 */
int64_t xhci_describe_endpoint(banos_owner interface, uint32_t index,
			       struct xhci_endpoint *endpoint);

/**
 * @brief Read from endpoint 0.
 * Context: thread; for 5 s at most, once earlier transfers have ended. Signals do not end it.
 * @param request  XHCI_REQUEST()
 * @param value    wValue, 16 bits
 * @param index    wIndex, 16 bits
 * @param to       @p length bytes, written as far as the result says
 * @param length   at most XHCI_CONTROL_MAX
 * @return bytes that the device sent, -EPIPE: it refused (stall), -EPROTO: it did not answer as it
 *	   must, -ETIMEDOUT, -EINVAL: an argument is too large, -EIO: the controller refused, -ENODEV
 */
int64_t xhci_control_read(banos_owner interface, uint32_t request, uint32_t value, uint32_t index,
			  void *to, uint32_t length);

/**
 * @brief Write to endpoint 0.
 * Context: as for xhci_control_read().
 * @param from  @p length bytes, read
 * @return @p length, or as for xhci_control_read()
 */
int64_t xhci_control_write(banos_owner interface, uint32_t request, uint32_t value, uint32_t index,
			   const void *from, uint32_t length);

/**
 * @brief Receive what an interrupt IN endpoint sends, until it is closed.
 * Context: thread.
 * Ownership: the endpoint is closed by xhci_interrupt_close(), with @p interface, and when the device is removed.
 * The callback is called with (status, length, data): 0 and the bytes of one transfer, in their
 * order; or, as the last call, an error, when the endpoint has failed five times in a
 * row. It may sleep, but other endpoints of the controller wait meanwhile.
 * @param address   of an endpoint of the interface
 * @param callback  of signature XHCI_RECEIVER; it may be called before this returns
 * @return 0, -ENOENT: no such endpoint, -EOPNOTSUPP: not of that kind, or of a size that
 *	   no such endpoint has, -EBUSY: it is open, -ENOMEM, -ENOSPC: no bandwidth is left, -EIO:
 *	   the controller refused, -ENODEV
 */
int64_t xhci_interrupt_open(banos_owner interface, uint32_t address, banos_callback callback);

/**
 * @brief Close an endpoint: when this has returned 0, its callback does not run, and is not called again.
 * Context: thread; not from the callback.
 * @return 0, -ENOENT: it is not open, -EBUSY: the callback has not returned within 10 s
 */
int64_t xhci_interrupt_close(banos_owner interface, uint32_t address);

BANOS_END

#define XHCI_RECEIVER		  "qir$2"
#define XHCI_IDENTIFY_AS	  "hf"
#define XHCI_DESCRIBE_ENDPOINT_AS "hif"
#define XHCI_CONTROL_READ_AS	  "hiiiw$6i"
#define XHCI_CONTROL_WRITE_AS	  "hiiir$6i"
#define XHCI_INTERRUPT_OPEN_AS	  "hic(" XHCI_RECEIVER ")"
#define XHCI_INTERRUPT_CLOSE_AS	  "hi"

BANOS_IMPORT_AS(xhci_identify, XHCI_IDENTIFY_AS);
BANOS_IMPORT_AS(xhci_describe_endpoint, XHCI_DESCRIBE_ENDPOINT_AS);
BANOS_IMPORT_AS(xhci_control_read, XHCI_CONTROL_READ_AS);
BANOS_IMPORT_AS(xhci_control_write, XHCI_CONTROL_WRITE_AS);
BANOS_IMPORT_AS(xhci_interrupt_open, XHCI_INTERRUPT_OPEN_AS);
BANOS_IMPORT_AS(xhci_interrupt_close, XHCI_INTERRUPT_CLOSE_AS);

#endif
