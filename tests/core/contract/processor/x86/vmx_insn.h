/* SPDX-License-Identifier: Apache-2.0 */
/* In place of core/x86/vmx_insn.h: a processor whose control structure is an array (subject_vmx.c). */
#ifndef CORE_X86_VMX_INSN_H
#define CORE_X86_VMX_INSN_H

#include "lib/bits.h"

bool vmxon(uint64_t region);
bool vmclear(uint64_t region);
bool vmptrld(uint64_t region);
uint64_t vmread(uint32_t field);
void vmwrite(uint32_t field, uint64_t value);
void invept(uint64_t type, uint64_t pointer);

#endif
