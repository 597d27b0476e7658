/* SPDX-License-Identifier: Apache-2.0 */
/* The 16550 driver of the core's console. */
#include "console/uart_16550.h"

#include "x86/insn.h"

/* PC16550D 8.0, by offset from the base port. */
enum {
	UART_DATA = 0,	  /* RBR, THR; divisor low with DLAB */
	UART_IER = 1,	  /* interrupt enable; divisor high with DLAB */
	UART_FCR = 2,	  /* FIFO control, write only */
	UART_LCR = 3,	  /* line control */
	UART_MCR = 4,	  /* modem control */
	UART_LSR = 5,	  /* line status */
	UART_SCRATCH = 7,
};

#define IER_RECEIVED BIT(0)
#define FCR_ENABLE   0x07 /* on, both FIFOs cleared */
#define LCR_8N1	     0x03
#define LCR_DLAB     0x80
#define MCR_DTR	     BIT(0)
#define MCR_RTS	     BIT(1)
#define MCR_OUT2     BIT(3) /* gates the interrupt line on PCs */
#define LSR_READY    BIT(0)
#define LSR_EMPTY    BIT(5) /* transmitter holding register, and so its FIFO */
#define LSR_IDLE     BIT(6) /* the shift register too */

#define UART_CLOCK    115200
#define FIFO_SIZE     16

/* Polls before a byte is given up. A line that nobody reads (an emulator's full pipe) may take seconds;
 * once it has, each further byte gets only the time that 16 bytes take at 1200 baud. */
#define PATIENCE       20000000
#define LITTLE_PATIENCE 200000

bool uart_init(uint16_t port, uint32_t baud)
{
	out8(port + UART_SCRATCH, 0x5a);
	if (in8(port + UART_SCRATCH) != 0x5a)
		return false;
	out8(port + UART_IER, 0);
	if (baud) {
		uint32_t divisor = max_of(UART_CLOCK / baud, 1u);

		out8(port + UART_LCR, LCR_8N1 | LCR_DLAB);
		out8(port + UART_DATA, (uint8_t)divisor);
		out8(port + UART_IER, (uint8_t)(divisor >> 8));
	}
	out8(port + UART_LCR, LCR_8N1);
	out8(port + UART_FCR, FCR_ENABLE);
	out8(port + UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	return true;
}

/* Returns whether the transmit FIFO became empty in time. */
static bool wait_empty(uint16_t port)
{
	static uint32_t patience = PATIENCE;

	for (uint32_t i = 0; i < patience; i++) {
		if (in8(port + UART_LSR) & LSR_EMPTY) {
			patience = PATIENCE;
			return true;
		}
		cpu_pause();
	}
	patience = LITTLE_PATIENCE;
	return false;
}

void uart_write(uint16_t port, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i % FIFO_SIZE == 0 && !wait_empty(port))
			return;
		out8(port + UART_DATA, (uint8_t)bytes[i]);
	}
}

void uart_drain(uint16_t port)
{
	for (uint32_t i = 0; i < LITTLE_PATIENCE && !(in8(port + UART_LSR) & LSR_IDLE); i++)
		cpu_pause();
}

int uart_read(uint16_t port)
{
	return in8(port + UART_LSR) & LSR_READY ? in8(port + UART_DATA) : -1;
}

void uart_enable_receive(uint16_t port, bool on)
{
	out8(port + UART_IER, on ? IER_RECEIVED : 0);
}
