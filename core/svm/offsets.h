/* SPDX-License-Identifier: Apache-2.0 */
/* Where svm_entry.S finds the fields it touches; svm.h asserts each. */
#ifndef CORE_SVM_OFFSETS_H
#define CORE_SVM_OFFSETS_H

#define VCPU_GPR	 0x000
#define VCPU_REQUEST	 0x0b0
#define VCPU_INSIDE	 0x0b4
#define VCPU_ARCH	 0x0d8
#define VMCB_TLB_CONTROL 0x05c
#define VMCB_RSP	 0x5d8
#define VMCB_RAX	 0x5f8
#define SVM_PHYS	 0x1000
#define SVM_GENERATION	 0x1008
#define CPU_HOST_PHYS	 0x2000
#define CPU_GENERATION	 0x2008
#define PERCPU_BACKEND	 0x040

#endif
