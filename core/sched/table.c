/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed tables: what runs when was decided by hvcc. The time of a window in which its vCPU sleeps is nobody's. A vCPU that is
 * outside its window is not woken by what others ask of it, so that they cannot take from the one that runs.
 *
 *     |<------------------ frame ------------------>|<- ...
 *     | window 0 |  window 1   |      | window 2    | window 0
 */
#include "blob/blob.h"
#include "cpu/tsc.h"
#include "lib/bits.h"
#include "mm/frames.h"
#include "sched/sched.h"
#include "vcpu/vcpu.h"

static uint64_t epoch; /* at which all frames begin */

static struct vcpu *vcpu_of(const struct sched_cpu *s, const struct hv_vcpu *record)
{
	struct vcpu *vcpu = s->first;

	while (vcpu && vcpu->record != record)
		vcpu = vcpu->next;
	return vcpu;
}

static uint64_t ticks(uint64_t us)
{
	return time_from_ns(us * 1000);
}

MUST_USE enum status table_build(struct sched_cpu *s, const struct blob *blob,
				 const struct hv_frame *frame)
{
	struct sched_window *windows;
	void *p;
	enum status status =
		pool_alloc(frame->windows.count * sizeof(struct sched_window), &p);

	if (status != STATUS_OK)
		return status;
	windows = p;
	for (uint32_t i = 0; i < frame->windows.count; i++) {
		const struct hv_window *w = &blob->windows[frame->windows.first + i];

		windows[i] = (struct sched_window){
			.start = ticks(w->start_us),
			.end = ticks((uint64_t)w->start_us + w->length_us),
			.vcpu = vcpu_of(s, &blob->vcpus[w->vcpu]),
		};
	}
	s->windows = windows;
	s->window_count = frame->windows.count;
	s->frame = ticks(frame->length_us);
	epoch = time_now();
	return STATUS_OK;
}

/* How many windows end at or before this moment of the frame. */
static uint32_t ended(const struct sched_cpu *s, uint64_t at)
{
	uint32_t low = 0, high = s->window_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (s->windows[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct vcpu *table_pick(struct sched_cpu *s, uint64_t now, uint64_t *until)
{
	uint64_t at = (now - epoch) % s->frame;
	uint32_t i = ended(s, at);
	const struct sched_window *w = &s->windows[i];
	struct vcpu *vcpu = NULL;
	bool woke;

	if (i == s->window_count)
		*until = s->frame;
	else if (at < w->start)
		*until = w->start;
	else {
		*until = w->end;
		vcpu = w->vcpu;
	}
	*until += now - at;
	for (struct vcpu *v = s->first; v; v = v->next)
		if (v != vcpu)
			WRITE_ONCE(v->inside, 0);
	return vcpu && sched_ready(vcpu, now, &woke) ? vcpu : NULL;
}
