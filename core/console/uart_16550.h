/* SPDX-License-Identifier: Apache-2.0 */
/* A 16550 UART at I/O ports: polled output, input by poll or interrupt. National Semiconductor
 * PC16550D. */
#ifndef CORE_CONSOLE_UART_16550_H
#define CORE_CONSOLE_UART_16550_H

#include "lib/types.h"

/* 8 bits, no parity, one stop bit, FIFOs on; `baud` 0 leaves the divisor. Returns false if no
 * UART answers at `port`. */
bool uart_init(uint16_t port, uint32_t baud);

/* Sends; gives up on a byte when the transmitter stays busy for long (no flow control is used). */
void uart_write(uint16_t port, const char *bytes, size_t n);

/* Waits, but not for long, until the last byte is on the line. */
void uart_drain(uint16_t port);

/* -1: nothing received. */
int uart_read(uint16_t port);

/* The received-data interrupt. */
void uart_enable_receive(uint16_t port, bool on);

#endif
