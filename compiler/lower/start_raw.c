/* SPDX-License-Identifier: Apache-2.0 */
/* A file as it is: at an address, entered in the mode that the YAML says; check/ saw to the reach. */
#include "lower/start.h"

static bool enter(struct lower_context *context, struct lowered *guest)
{
	const struct raw_boot *raw = &guest->model->boot.raw;

	if (raw->mode.value == RAW_MODE_LONG)
		return start_long(context, guest, raw->entry.value);
	if (raw->mode.value == RAW_MODE_REAL)
		start_real(guest, (uint32_t)raw->entry.value);
	else
		start_protected(guest, (uint32_t)raw->entry.value);
	return true;
}

bool start_raw(struct lower_context *context, struct lowered *guest, struct boot_image *image)
{
	const struct raw_boot *raw = &guest->model->boot.raw;
	uint32_t payload = payload_of(context, image->item, image->file);

	if (!load_payload(context, guest, image->item, raw->load_address.value, payload, 0,
			  image->file.size, image->file.size))
		return false;
	return enter(context, guest);
}
