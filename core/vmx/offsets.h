/* SPDX-License-Identifier: Apache-2.0 */
/* Where vmx_entry.S finds the fields it touches; vmx.h asserts each. */
#ifndef CORE_VMX_OFFSETS_H
#define CORE_VMX_OFFSETS_H

#define VCPU_GPR	 0x000
#define VCPU_REQUEST	 0x0b0
#define VCPU_INSIDE	 0x0b4
#define VCPU_ARCH	 0x0d8
#define VMX_CR2		 0x3000
#define VMX_LAUNCHED	 0x3008

#endif
