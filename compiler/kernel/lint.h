/* SPDX-License-Identifier: Apache-2.0 */
/* What is allowed and looks like a mistake. */
#ifndef HVCC_KERNEL_LINT_H
#define HVCC_KERNEL_LINT_H

#include "base/bytes.h"

/*
 * An initrd for Linux is a cpio archive or one of the compressions that kernels unpack. Returns
 * NULL, or what it is instead, as a sentence part: "is a kernel (bzImage)".
 */
const char *lint_initrd(struct bytes file);

#endif
