/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 16550A serial port (PC16550D datasheet). What is sent goes to the console at once, so that the transmitter is
 * always empty; what comes waits in the 16-byte FIFO, and behind it in the console.
 *
 * The line status is read more often than anything else, in loops: its port is a range of its own, without the lock.
 */
#include "dev/dev.h"
#include "lib/bits.h"

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR, PORTS };

#define FIFO 16

#define IER_RECEIVED BIT(0)
#define IER_EMPTY    BIT(1)
#define IER_LINE     BIT(2)
#define IER_MODEM    BIT(3)

/* In the order of their priority. */
enum { IIR_LINE = 6, IIR_RECEIVED = 4, IIR_TIMEOUT = 12, IIR_EMPTY = 2, IIR_MODEM = 0, IIR_NONE = 1 };
#define IIR_FIFOS 0xc0u

#define FCR_ENABLE   BIT(0)
#define FCR_CLEAR_RX BIT(1)
#define FCR_TRIGGER  BITS(7, 6)

#define LCR_DLAB BIT(7)

#define MCR_DTR	 BIT(0)
#define MCR_RTS	 BIT(1)
#define MCR_OUT1 BIT(2)
#define MCR_OUT2 BIT(3) /* gates the interrupt line */
#define MCR_LOOP BIT(4)

#define LSR_READY   BIT(0)
#define LSR_OVERRUN BIT(1)
#define LSR_EMPTY   (BIT(5) | BIT(6)) /* holding register and transmitter */

#define MSR_DELTAS   0x0fu
#define MSR_TERI     BIT(2)
#define MSR_ATTACHED (BIT(4) | BIT(5) | BIT(7)) /* CTS, DSR, DCD */
#define MSR_RI	     BIT(6)

struct vuart {
	struct device device;
	uint8_t fifo[FIFO];
	uint8_t first, used;
	uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
	uint8_t divisor[2];
	bool empty_pending; /* the transmitter's interrupt */
	bool line;
};

static unsigned int capacity(const struct vuart *uart)
{
	return uart->fcr & FCR_ENABLE ? FIFO : 1;
}

static unsigned int trigger(const struct vuart *uart)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return uart->fcr & FCR_ENABLE ? levels[field_get(uart->fcr, FCR_TRIGGER)] : 1;
}

/* The highest-priority interrupt that is enabled and there. Below the trigger level it is the character time-out,
 * which, as time between characters means nothing here, comes at once. */
static uint8_t identify(const struct vuart *uart)
{
	if (uart->ier & IER_LINE && uart->lsr & LSR_OVERRUN)
		return IIR_LINE;
	if (uart->ier & IER_RECEIVED && uart->used)
		return uart->used >= trigger(uart) ? IIR_RECEIVED : IIR_TIMEOUT;
	if (uart->ier & IER_EMPTY && uart->empty_pending)
		return IIR_EMPTY;
	if (uart->ier & IER_MODEM && uart->msr & MSR_DELTAS)
		return IIR_MODEM;
	return IIR_NONE;
}

static void update(struct vuart *uart)
{
	uint8_t ready = uart->used ? LSR_READY : 0;
	bool level;

	WRITE_ONCE(uart->lsr, (uart->lsr & LSR_OVERRUN) | LSR_EMPTY | ready);
	level = identify(uart) != IIR_NONE && uart->mcr & MCR_OUT2 && !(uart->mcr & MCR_LOOP);
	if (level == uart->line)
		return;
	uart->line = level;
	device_set_line(&uart->device, level);
}

static void receive(struct vuart *uart, uint8_t byte)
{
	if (uart->used >= capacity(uart)) {
		uart->lsr |= LSR_OVERRUN;
		return;
	}
	uart->fifo[(uart->first + uart->used++) % FIFO] = byte;
}

/* Takes from the console what fits. */
static void fill(struct vuart *uart)
{
	while (uart->device.record->parameter[0] == HV_UART_CONSOLE && !(uart->mcr & MCR_LOOP) &&
	       uart->used < capacity(uart)) {
		int c = device_console_read(uart->device.vm);

		if (c < 0)
			return;
		receive(uart, c);
	}
}

static void console_ready(void *context)
{
	struct vuart *uart = context;

	device_lock(uart->device.vm);
	fill(uart);
	update(uart);
	device_unlock(uart->device.vm);
}

static uint8_t read_received(struct vuart *uart)
{
	uint8_t byte = uart->fifo[uart->first];

	if (!uart->used)
		return 0;
	uart->first = (uart->first + 1) % FIFO;
	uart->used--;
	if (!uart->used)
		fill(uart);
	return byte;
}

static void send(struct vuart *uart, uint8_t byte)
{
	uart->empty_pending = true;
	if (uart->mcr & MCR_LOOP)
		receive(uart, byte);
	else if (uart->device.record->parameter[0] == HV_UART_CONSOLE)
		device_console_write(uart->device.vm, byte);
}

static uint8_t read_iir(struct vuart *uart)
{
	uint8_t iir = identify(uart);

	if (iir == IIR_EMPTY)
		uart->empty_pending = false;
	return iir | (uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static void write_fcr(struct vuart *uart, uint8_t value)
{
	/* Switching the FIFOs on or off empties them, as does being told to. */
	if ((value ^ uart->fcr) & FCR_ENABLE || value & FCR_CLEAR_RX)
		uart->used = 0;
	uart->fcr = value & (FCR_ENABLE | FCR_TRIGGER);
	if (!(value & FCR_ENABLE))
		uart->fcr = 0;
	fill(uart);
}

static void write_ier(struct vuart *uart, uint8_t value)
{
	/* An empty transmitter announces itself when its interrupt is enabled. */
	if (value & ~uart->ier & IER_EMPTY)
		uart->empty_pending = true;
	uart->ier = value & 0x0f;
}

/* In loop-back the modem's outputs are its inputs: RTS, DTR, OUT1, OUT2 are CTS, DSR, RI, DCD. */
static void write_mcr(struct vuart *uart, uint8_t value)
{
	uint8_t before = uart->msr & 0xf0, after = MSR_ATTACHED, changed;

	uart->mcr = value & 0x1f;
	if (value & MCR_LOOP)
		after = field_make(BIT(4), field_get(value, MCR_RTS)) |
			field_make(BIT(5), field_get(value, MCR_DTR)) |
			field_make(BIT(6), field_get(value, MCR_OUT1)) |
			field_make(BIT(7), field_get(value, MCR_OUT2));
	changed = (before ^ after) >> 4;
	if (after & MSR_RI) /* the ring indicator counts when it ends */
		changed &= ~MSR_TERI;
	uart->msr = after | (uart->msr & MSR_DELTAS) | changed;
}

static uint8_t read_port(struct vuart *uart, unsigned int port)
{
	uint8_t value;

	switch (port) {
	case RBR_THR:
		return uart->lcr & LCR_DLAB ? uart->divisor[0] : read_received(uart);
	case IER:
		return uart->lcr & LCR_DLAB ? uart->divisor[1] : uart->ier;
	case IIR_FCR:
		return read_iir(uart);
	case LCR:
		return uart->lcr;
	case MCR:
		return uart->mcr;
	case LSR:
		value = uart->lsr;
		uart->lsr &= ~LSR_OVERRUN;
		return value;
	case MSR:
		value = uart->msr;
		uart->msr &= ~MSR_DELTAS;
		return value;
	}
	return uart->scr;
}

static void write_port(struct vuart *uart, unsigned int port, uint8_t value)
{
	switch (port) {
	case RBR_THR:
		if (uart->lcr & LCR_DLAB)
			uart->divisor[0] = value;
		else
			send(uart, value);
		return;
	case IER:
		if (uart->lcr & LCR_DLAB)
			uart->divisor[1] = value;
		else
			write_ier(uart, value);
		return;
	case IIR_FCR:
		write_fcr(uart, value);
		return;
	case LCR:
		uart->lcr = value;
		return;
	case MCR:
		write_mcr(uart, value);
		return;
	case SCR:
		uart->scr = value;
		return;
	}
}

/* Eight bits wide: of a wider access the chip sees the first byte, the rest of a read floats. */
static enum access_result ports(void *context, struct bus_access *access)
{
	struct vuart *uart = context;
	unsigned int port = (access->address - uart->device.record->base) % PORTS;

	if (access->write)
		write_port(uart, port, access->value);
	else
		access->value = read_port(uart, port) | (BIT(8 * (access->size & 7)) - 0x100);
	update(uart);
	return ACCESS_DONE;
}

static enum access_result line_status(void *context, struct bus_access *access)
{
	struct vuart *uart = context;
	uint8_t lsr = READ_ONCE(uart->lsr);

	if (likely(!access->write && access->size == 1 && !(lsr & LSR_OVERRUN))) {
		access->value = lsr;
		return ACCESS_DONE;
	}
	device_lock(uart->device.vm);
	ports(context, access);
	device_unlock(uart->device.vm);
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct vuart);
}

static enum status create(struct device *device)
{
	uint64_t base = device->record->base;
	enum status s = device_add_range(device, VM_PORT, base, base + LSR - 1, ports, device, BUS_LOCKED);

	if (!s)
		s = device_add_range(device, VM_PORT, base + LSR, base + LSR, line_status, device, 0);
	if (!s)
		s = device_add_range(device, VM_PORT, base + MSR, base + SCR, ports, device, BUS_LOCKED);
	if (!s && device->record->parameter[0] == HV_UART_CONSOLE)
		device_console_listen(device->vm, console_ready, device);
	return s;
}

static void reset(struct device *device)
{
	struct vuart *uart = (struct vuart *)device;

	uart->first = uart->used = 0;
	uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = 0;
	uart->divisor[0] = 12; /* 9600 baud */
	uart->divisor[1] = 0;
	uart->lsr = LSR_EMPTY;
	uart->msr = MSR_ATTACHED;
	uart->empty_pending = false;
	uart->line = false;
}

const struct device_ops vuart_ops = {
	.name = "uart-16550",
	.kind = HV_DEVICE_UART,
	.state_size = state_size,
	.create = create,
	.reset = reset,
};
