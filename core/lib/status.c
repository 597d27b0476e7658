/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the statuses, and the hook that sees errors being born. */
#include "lib/status.h"

void (*status_trace_hook)(enum status s, const char *file, int line);

static const char *const status_names[STATUS_COUNT] = {
#define X(name, text) [STATUS_##name] = text,
	STATUS_TABLE(X)
#undef X
};

const char *status_name(enum status s)
{
	return (unsigned int)s < STATUS_COUNT ? status_names[s] : "unknown status";
}

enum status trace_error_at(enum status s, const char *file, int line)
{
	if (status_trace_hook)
		status_trace_hook(s, file, line);
	return s;
}
