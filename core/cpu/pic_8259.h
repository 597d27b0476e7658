/* SPDX-License-Identifier: Apache-2.0 */
/* The pair of 8259 interrupt controllers, which the core only silences. Intel 8259A data sheet. */
#ifndef CORE_CPU_PIC_8259_H
#define CORE_CPU_PIC_8259_H

/* Moves their vectors to HOST_VECTOR_PIC, so that a spurious one is no exception, and masks all
 * lines. */
void pic_silence(void);

#endif
