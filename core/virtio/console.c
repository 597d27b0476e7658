/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console device (virtio 1.2, 5.3) with one port: the guest's console on the machine's serial line. Where a UART of
 * the guest is on that console, too, the UART has the input.
 */
#include "lib/bits.h"
#include "virtio/devices.h"

enum { RECEIVE, TRANSMIT, QUEUES };

#define BYTES_AT_A_TIME 64u
#define CHAIN_BYTES_MAX 4096u /* a driver sends lines: more at once would keep its CPU for long */

struct console {
	bool has_next;
	uint8_t next; /* input that no buffer was there for */
};

static bool input(struct virtio *virtio)
{
	struct console *console = virtio->state;
	int c = console->has_next ? console->next : device_console_read(virtio->device.vm);

	console->has_next = c >= 0;
	console->next = (uint8_t)c;
	return console->has_next;
}

/* What there is of input and fits, at least a byte. */
static uint32_t collect(struct virtio *virtio, uint8_t bytes[BYTES_AT_A_TIME])
{
	struct console *console = virtio->state;
	uint32_t room = (uint32_t)min_of(virtio->chain.write_bytes, (uint64_t)BYTES_AT_A_TIME), size = 0;

	while (size < room && input(virtio)) {
		bytes[size++] = console->next;
		console->has_next = false;
	}
	return size;
}

static bool receive(struct virtio *virtio)
{
	uint8_t bytes[BYTES_AT_A_TIME];
	uint32_t done = 0;

	while (done < VIRTIO_BUDGET && input(virtio) && virtio_take(virtio, RECEIVE)) {
		uint32_t size = collect(virtio, bytes);

		if (!size)
			virtio_break(virtio);
		if (!size || !virtio_write(virtio, RECEIVE, 0, bytes, size))
			return false;
		virtio_give(virtio, RECEIVE, size);
		done++;
	}
	virtio_signal(virtio, RECEIVE);
	return done == VIRTIO_BUDGET;
}

static uint32_t transmit(struct virtio *virtio, uint32_t queue)
{
	uint8_t bytes[BYTES_AT_A_TIME];
	uint64_t size = virtio->chain.read_bytes;

	if (size > CHAIN_BYTES_MAX)
		return VIRTIO_BROKEN;
	for (uint64_t at = 0; at < size; at += sizeof(bytes)) {
		uint32_t piece = (uint32_t)min_of(size - at, (uint64_t)sizeof(bytes));

		if (!virtio_read(virtio, queue, at, bytes, piece))
			return VIRTIO_BROKEN;
		for (uint32_t i = 0; i < piece; i++)
			device_console_write(virtio->device.vm, (char)bytes[i]);
	}
	return 0;
}

static bool notify(struct virtio *virtio, uint32_t queue)
{
	return queue == RECEIVE ? receive(virtio) : virtio_each(virtio, queue, transmit);
}

static void ready(void *context)
{
	virtio_ask(context, RECEIVE);
}

static enum status create(struct virtio *virtio)
{
	const struct device *uart = device_find(virtio->device.vm, HV_DEVICE_UART);

	if (!uart || uart->record->parameter[0] != HV_UART_CONSOLE)
		device_console_listen(virtio->device.vm, ready, virtio);
	return STATUS_OK;
}

const struct virtio_ops virtio_console = {
	.type = HV_VIRTIO_CONSOLE,
	.state_size = sizeof(struct console),
	.queues = QUEUES,
	.create = create,
	.notify = notify,
};
