/* SPDX-License-Identifier: MIT */
/*
 * The bus's methods for a device: interrupts as messages, and stopping its DMA.
 *
 * MSI: PCI 3.0, 6.8; a message with one number only. Function level reset: PCI Express
 * 3.0, 6.6.2; Advanced Features ECN; else through D3hot, if the device reports
 * that it forgets everything there (PCI Power Management 1.2, 5.4).
 */
#include <banos/errno.h>
#include <banos/time.h>
#include "host.h"

#define MSI_CONTROL  2
#define MSI_ENABLE   0x01
#define MSI_MULTIPLE 0x70
#define MSI_64BIT    0x80
#define MSI_ADDRESS  4

#define MSIX_CONTROL	 2
#define MSIX_ENABLE	 0x8000
#define MSIX_MASK_ALL	 0x4000
#define MSIX_VECTOR_MASK 1u

#define EXP_CAP_FLR	   0x10000000u
#define EXP_CONTROL_FLR	   0x8000
#define EXP_STATUS_PENDING 0x20
#define AF_CAPS		   3
#define AF_CAPS_FLR	   2
#define AF_CONTROL	   4
#define PM_CONTROL	   4
#define PM_STATE	   3
#define PM_NO_SOFT_RESET   8

#define PENDING_LIMIT_NS (1000 * BANOS_MS)
#define RESET_LIMIT_NS	 (1000 * BANOS_MS)

static void function_change16(struct pci_function *function, uint32_t offset, uint32_t clear,
			      uint32_t set)
{
	function_write(function, offset, 2, (function_read(function, offset, 2) & ~clear) | set);
}

/* Waits that the specification demands are not cut short by a signal to the thread that removes the driver. */
static void pause_ns(uint64_t ns)
{
	banos_sleep_until(banos_time_ns() + ns, BANOS_UNINTERRUPTIBLE);
}

int64_t device_enable(struct pci_function *function, uint32_t bits)
{
	/* A bridge passes on downwards what its own bits for ports and memory allow, upwards what MASTER does. */
	for (struct pci_function *hop = function; hop; hop = hop->bridge) {
		function_change16(hop, REG_COMMAND, 0, bits);
		if ((function_read(hop, REG_COMMAND, 2) & bits) != bits)
			return -EIO;
	}
	return 0;
}

/* ---- MSI ---- */

static void msi_connect(struct pci_function *function, uint64_t address, uint32_t data)
{
	uint32_t cap = function->info.cap_msi,
		 wide = function_read(function, cap + MSI_CONTROL, 2) & MSI_64BIT;

	function_write(function, cap + MSI_ADDRESS, 4, (uint32_t)address);
	if (wide)
		function_write(function, cap + MSI_ADDRESS + 4, 4, (uint32_t)(address >> 32));
	function_write(function, cap + (wide ? 12 : 8), 2, data);
	function_change16(function, cap + MSI_CONTROL, MSI_MULTIPLE, MSI_ENABLE);
}

/* ---- MSI-X ---- */

static volatile char *msix_entry(const struct pci_function *function, uint32_t index)
{
	return (volatile char *)function->table + (uint64_t)index * MSIX_ENTRY_SIZE;
}

static void msix_mask(struct pci_function *function, uint32_t index)
{
	banos_mmio_write32(msix_entry(function, index) + 12, MSIX_VECTOR_MASK);
}

/* The table lies in one of the device's bars. */
static int64_t msix_map_table(struct pci_function *function)
{
	const struct pci_bar *bar = &function->info.bars[function->info.table_bar];
	uint64_t bytes = (uint64_t)function->info.messages * MSIX_ENTRY_SIZE;
	int64_t error;

	if (function->table)
		return 0;
	if (bar->kind != BAR_MEMORY || !bar->assigned ||
	    function->info.table_offset > bar->length ||
	    bytes > bar->length - function->info.table_offset)
		return -EIO;
	error = banos_mmio_map(function->host->self, bar->start + function->info.table_offset,
			       bytes, 0, &function->table_mapping, &function->table);
	if (error)
		function->table = NULL;
	return error;
}

static void msix_unmap_table(struct pci_function *function)
{
	if (function->table)
		banos_mmio_unmap(function->table_mapping);
	function->table = NULL;
}

static int64_t msix_connect(struct pci_function *function, uint32_t index, uint64_t address,
			    uint32_t data)
{
	int64_t error = msix_map_table(function);

	if (error)
		return error;
	if (!function->connected_count) {
		function_change16(function, function->info.cap_msix + MSIX_CONTROL, 0,
				  MSIX_ENABLE | MSIX_MASK_ALL);
		for (uint32_t i = 0; i < function->info.messages; i++)
			msix_mask(function, i);
	}
	banos_mmio_write32(msix_entry(function, index), (uint32_t)address);
	banos_mmio_write32(msix_entry(function, index) + 4, (uint32_t)(address >> 32));
	banos_mmio_write32(msix_entry(function, index) + 8, data);
	banos_mmio_write32(msix_entry(function, index) + 12, 0);
	function_change16(function, function->info.cap_msix + MSIX_CONTROL, MSIX_MASK_ALL,
			  MSIX_ENABLE);
	return 0;
}

/* ---- connecting ---- */

static void device_messages_off(struct pci_function *function)
{
	if (function->info.cap_msix)
		function_change16(function, function->info.cap_msix + MSIX_CONTROL, MSIX_ENABLE, 0);
	if (function->info.cap_msi)
		function_change16(function, function->info.cap_msi + MSI_CONTROL, MSI_ENABLE, 0);
}

static int64_t device_connect_locked(struct pci_function *function, uint32_t index,
				     uint64_t address, uint32_t data)
{
	int64_t error;

	if (index >= function->info.messages)
		return -EINVAL;
	if (function->connected[index / 64] >> index % 64 & 1)
		return -EBUSY;
	/* A message is a write to memory by the device. */
	error = device_enable(function,
			      COMMAND_MASTER | (function->info.cap_msix ? COMMAND_MEMORY : 0));
	if (error)
		return error;
	function_change16(function, REG_COMMAND, 0, COMMAND_NO_INTX);
	if (function->info.cap_msix)
		error = msix_connect(function, index, address, data);
	else
		msi_connect(function, address, data);
	if (error)
		return error;
	function->connected[index / 64] |= UINT64_C(1) << index % 64;
	function->connected_count++;
	return 0;
}

static int64_t device_connect(void *context, void *device, uint32_t index, uint64_t address,
			      uint32_t data)
{
	struct pci_function *function = device;
	int64_t error;

	banos_mutex_lock(&function->host->irq_lock);
	error = device_connect_locked(function, index, address, data);
	banos_mutex_unlock(&function->host->irq_lock);
	return error;
}

/* A message was disconnected; irq_lock held. */
static void device_disconnect_message(struct pci_function *function, uint32_t index)
{
	function->connected[index / 64] &= ~(UINT64_C(1) << index % 64);
	function->connected_count--;
	if (function->table)
		msix_mask(function, index);
	if (!function->connected_count) {
		device_messages_off(function);
		msix_unmap_table(function);
	}
}

static int64_t device_disconnect(void *context, void *device, uint32_t index)
{
	struct pci_function *function = device;

	banos_mutex_lock(&function->host->irq_lock);
	if (function->by_line) {
		function_change16(function, REG_COMMAND, 0, COMMAND_NO_INTX);
		function->by_line = 0;
	} else if (index < function->info.messages &&
		   function->connected[index / 64] >> index % 64 & 1) {
		device_disconnect_message(function, index);
	}
	banos_mutex_unlock(&function->host->irq_lock);
	return 0;
}

/*
 * The line is level-triggered. Its number is an ISA line; what serves that, and its
 * polarity, are in the machine's tables.
 */
static int64_t device_line(void *context, void *device, struct banos_irq_line *line)
{
	struct pci_function *function = device;
	uint32_t number = line_find(function);

	if (line->size < BANOS_IRQ_LINE_SIZE_1)
		return -EINVAL;
	if (!number)
		return -ENODEV;
	line->flags = BANOS_LINE_ISA;
	line->number = number;
	line->trigger = BANOS_LINE_LEVEL;
	banos_mutex_lock(&function->host->irq_lock);
	device_messages_off(function);
	function_change16(function, REG_COMMAND, COMMAND_NO_INTX, 0);
	function->by_line = 1;
	banos_mutex_unlock(&function->host->irq_lock);
	return 0;
}

/* ---- silence ---- */

static int device_wait_pending(struct pci_function *function)
{
	uint64_t limit = banos_time_ns() + PENDING_LIMIT_NS;

	if (!function->info.cap_express)
		return 0;
	while (pci_is_present(&function->config) &&
	       function_read(function, function->info.cap_express + EXP_DEVICE_STATUS, 2) &
		       EXP_STATUS_PENDING) {
		if (banos_time_ns() > limit)
			return -1;
		pause_ns(BANOS_MS);
	}
	return 0;
}

/* @return 1: begun, 0: the device has no way */
static int device_begin_reset(struct pci_function *function)
{
	const struct pci_info *info = &function->info;

	if (info->cap_express &&
	    function_read(function, info->cap_express + EXP_DEVICE_CAPS, 4) & EXP_CAP_FLR) {
		function_change16(function, info->cap_express + EXP_DEVICE_CONTROL, 0,
				  EXP_CONTROL_FLR);
	} else if (info->cap_af &&
		   function_read(function, info->cap_af + AF_CAPS, 1) & AF_CAPS_FLR) {
		function_write(function, info->cap_af + AF_CONTROL, 1, 1);
	} else if (info->cap_pm &&
		   !(function_read(function, info->cap_pm + PM_CONTROL, 2) & PM_NO_SOFT_RESET)) {
		function_change16(function, info->cap_pm + PM_CONTROL, PM_STATE, 3);
		pause_ns(10 * BANOS_MS);
		function_change16(function, info->cap_pm + PM_CONTROL, PM_STATE, 0);
	} else {
		return 0;
	}
	return 1;
}

/* The registers of the header that a reset clears; the firmware or this driver set the addresses and the line. */
static void device_reset(struct pci_function *function)
{
	uint64_t limit = banos_time_ns() + RESET_LIMIT_NS;
	uint32_t saved[CONFIG_HEADER / 4];

	for (uint32_t i = 0; i < CONFIG_HEADER / 4; i++)
		saved[i] = function_read(function, i * 4, 4);
	if (!device_begin_reset(function))
		return;
	do
		pause_ns(100 * BANOS_MS);
	while (!pci_is_present(&function->config) && banos_time_ns() < limit);
	for (uint32_t i = REG_BAR / 4; i < CONFIG_HEADER / 4; i++)
		function_write(function, i * 4, 4, saved[i]);
	function_write(function, 0x0c, 4, saved[3]);
	function_write(function, REG_COMMAND, 2, saved[1] & 0xffff & ~(uint32_t)COMMAND_MASTER);
}

/* A bridge is not changed: the devices behind it need it. */
static int64_t device_quiesce(void *context, void *device)
{
	struct pci_function *function = device;
	int64_t error = 0;

	if (!pci_is_present(&function->config) || function->info.header == 1)
		return 0;
	banos_mutex_lock(&function->host->irq_lock);
	function_change16(function, REG_COMMAND, COMMAND_MASTER, COMMAND_NO_INTX);
	device_messages_off(function);
	if (function_read(function, REG_COMMAND, 2) & COMMAND_MASTER ||
	    device_wait_pending(function))
		error = -EIO;
	else
		device_reset(function);
	banos_mutex_unlock(&function->host->irq_lock);
	if (pci_is_present(&function->config))
		return error;
	return 0;
}

const struct banos_bus_ops device_ops = {
	.size = sizeof(device_ops),
	.quiesce = device_quiesce,
	.connect = device_connect,
	.disconnect = device_disconnect,
	.line = device_line,
};
