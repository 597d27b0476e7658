/* SPDX-License-Identifier: Apache-2.0 */
/* Between translations.c and the vendor that has a file of its own, as headers of both do not meet. */
#ifndef TESTS_TRANSLATIONS_H
#define TESTS_TRANSLATIONS_H

#include "vcpu/backend.h"

enum { CPUS = 2, GUESTS = 2, VCPUS = 3, ALL = GUESTS * VCPUS, PAGES = 4 };

/* What the current vCPU's guest has at a page, by the tables of that root. */
uint64_t truth(uint64_t root, uint64_t page);
/* What this CPU keeps: is dropped where tag and root are these under their masks; is used, by tag and root. */
void drop(uint64_t tag_mask, uint64_t tag, uint64_t root_mask, uint64_t root);
void use(uint64_t tag, uint64_t root, uint64_t page, uint64_t space, uint64_t right);

extern const struct vcpu_backend svm_backend;
extern uint32_t svm_asids;
void svm_start(void);
void *svm_guest_memory(unsigned int i);
void *svm_vcpu_memory(unsigned int i);
void enter_svm(unsigned int vcpu, unsigned int cpu, uint64_t space);

#endif
