/* SPDX-License-Identifier: Apache-2.0 */
/* Words that are not simply one token: numbers with units, and what is no part of the language. */
#ifndef HVCC_RULE_SCAN_H
#define HVCC_RULE_SCAN_H

#include "rule/ast.h"

/* `512MiB`, `0x3f8`, `10ms`, `4`. False after reporting that it is none of these. */
bool rule_scan_number(struct rule_scan *scan, const char *text, struct text_span at,
		      struct rule_value *value);

/* Whether a word that is no name elsewhere is one here, because a feature of CPUs is called so: `3dnow`. */
bool rule_scan_feature(const struct rule_scan *scan, const char *text);

/* Report a character, or an operator of another language; the parser recovers without saying more. */
int rule_scan_stray(struct rule_scan *scan, const char *text, struct text_span at);
int rule_scan_meant(struct rule_scan *scan, const char *text, struct text_span at);

#endif
