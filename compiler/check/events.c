/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a guest's end: bounds that bound something. */
#include "check/check.h"

static void check_event(const struct check_context *c, const struct event *event)
{
	static const char *const actions[] = { "destroy", "restart", "preserve" };
	bool restarts = event->action.value == EVENT_ACTION_RESTART;
	struct diag *d;

	if (was_set(event->max_restarts.where) && event->max_restarts.value && !restarts) {
		d = diag_report(c->diags, BOUND_OF_NOTHING, event->max_restarts.where.at, "max-restarts",
				actions[event->action.value]);
		diag_note(d, event->action.where.at, "the action");
	}
	if (was_set(event->then.where) && event->max_restarts.value && restarts &&
	    event->then.value == EVENT_ACTION_RESTART) {
		d = diag_report(c->diags, BOUND_WITHOUT_END, event->then.where.at,
				event->max_restarts.value);
		diag_note(d, event->max_restarts.where.at, "the bound");
	}
}

void check_events(const struct check_context *c)
{
	const struct events *events = &c->guest->events;

	check_event(c, &events->on_poweroff);
	check_event(c, &events->on_reboot);
	check_event(c, &events->on_crash);
}
