/* SPDX-License-Identifier: Apache-2.0 */
/* VMs and their devices from the blob's records. */
#ifndef CORE_BOOT_BUILD_VM_H
#define CORE_BOOT_BUILD_VM_H

#include "lib/status.h"

struct blob;
struct vcpu_backend;

/* Claims the memory of regions with fixed host addresses, before anything else takes it. STATUS_DENIED,
 * and why in the log: not all of it is free. */
MUST_USE enum status claim_fixed_memory(const struct blob *blob);

/* Builds every guest of the blob, takes its memory from the frame pool and gives its vCPUs to CPUs.
 * Run on the boot CPU after all CPUs are known and before the pool is frozen. A guest that does not
 * fit this machine is logged and the status returned. */
MUST_USE enum status build_vms(const struct blob *blob, const struct vcpu_backend *backend);

/* Starts every guest that was built; then each CPU may call sched_run(). */
MUST_USE enum status start_vms(void);

#endif
