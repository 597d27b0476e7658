/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two images hold the same records: positions, and the folders of files, apart. */
#ifndef HVCC_AUDIT_SAME_H
#define HVCC_AUDIT_SAME_H

#include "audit/image.h"
#include "base/vector.h"

struct differences {
	VECTOR(const char *) list; /* "msrs[12].read: pass, not fixed": at most MOST_DIFFERENCES */
	size_t more;		   /* that are not in the list */
};

enum { MOST_DIFFERENCES = 20 };

/* What of `a` is otherwise in `b`. In a's arena. */
struct differences same_records(const struct image *a, const struct image *b);

#endif
