/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that a Linux kernel carries when it was built with CONFIG_IKCONFIG. */
#ifndef HVCC_KERNEL_CONFIG_H
#define HVCC_KERNEL_CONFIG_H

#include "base/arena.h"
#include "base/bytes.h"

/* The text ("CONFIG_SMP=y\n...") of a vmlinux, in the arena. Empty: it carries none. */
struct bytes kernel_config_read(struct arena *arena, struct bytes vmlinux);

/*
 * The value of an option, up to the end of its line: "y", "m", "64", "\"...\"". Empty when it is not set
 * (data NULL).
 */
struct bytes kernel_config_value(struct bytes config, const char *option);

#endif
