/* SPDX-License-Identifier: Apache-2.0 */
/* What the lexer and the parser of policies share. */
#ifndef HVCC_POLICY_SCAN_H
#define HVCC_POLICY_SCAN_H

#include "policy/ast.h"

/* What flex calls the types of the parser. */
#define YYSTYPE POLICY_YYSTYPE
#define YYLTYPE POLICY_YYLTYPE

struct policy_scan {
	struct ast_policy *policy;
	uint32_t text;	 /* which of the policy's */
	uint32_t offset; /* of the next token */
	struct ast_block block; /* what the parser made */
};

#endif
