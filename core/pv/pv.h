/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pv/ is the paravirtual interfaces that stock kernels know. kvm_features.c is the device: it owns the MSRs of the
 * features that the blob offers; kvm_clock.c, kvm_eoi.c, kvm_steal.c and kvm_ipi.c are those features. The CPUID leaves are the policy's.
 */
#ifndef CORE_PV_PV_H
#define CORE_PV_PV_H

#include "vm/device.h"

extern const struct device_ops kvm_ops; /* HV_DEVICE_KVM */

#endif
