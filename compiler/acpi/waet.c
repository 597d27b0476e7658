/* SPDX-License-Identifier: Apache-2.0 */
/* Microsoft, "Windows ACPI Emulated Devices Table": chips whose old quirks a guest need not honour. */
#include "acpi/table.h"

enum { RTC_GOOD = 1u << 0, PM_TIMER_GOOD = 1u << 1 };

void build_waet(const struct lowered *guest, const struct table_places *places, struct buffer *table)
{
	(void)places;
	table_begin(table, guest, "WAET", 1);
	buffer_u32(table, PM_TIMER_GOOD | (guest->chips.rtc ? RTC_GOOD : 0));
	table_end(table);
}
