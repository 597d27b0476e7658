/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of the schemas: the part of JSON Schema's regular expressions that they use, so that
 * matching needs no memory. (glibc's regcomp() frees twice when memory runs out.)
 *
 *	pattern:     alternative ( `|` alternative )*
 *	alternative: `^` ( atom quantifier? )* `$`
 *	atom:        a character, or `[` characters and ranges `]`
 *	quantifier:  `*`, `+`, `?`, `{n}`, `{n,m}`
 */
#ifndef HVCC_VALIDATE_PATTERN_H
#define HVCC_VALIDATE_PATTERN_H

#include <stdbool.h>

/* Whether the whole text matches. A pattern of another form is an internal error (abort). */
bool pattern_matches(const char *pattern, const char *text);

#endif
