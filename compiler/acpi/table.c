/* SPDX-License-Identifier: Apache-2.0 */
/* Header, checksum, addresses. */
#include "acpi/table.h"

#include "model/model.h"

enum { LENGTH_OFFSET = 4, CHECKSUM_OFFSET = 9 };

void table_begin(struct buffer *table, const struct lowered *guest, const char *signature,
		 uint8_t revision)
{
	const struct acpi *acpi = &guest->model->acpi;

	buffer_padded(table, signature, 4, ' ');
	buffer_u32(table, 0); /* length */
	buffer_u8(table, revision);
	buffer_u8(table, 0); /* checksum */
	buffer_padded(table, acpi->oem_id.value ? acpi->oem_id.value : "", 6, ' ');
	buffer_padded(table, acpi->oem_table_id.value ? acpi->oem_table_id.value : "", 8, ' ');
	buffer_u32(table, acpi->oem_revision.value);
	buffer_padded(table, "HVCC", 4, ' ');
	buffer_u32(table, 1);
}

uint8_t table_sum(const uint8_t *data, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + data[i]);
	return sum;
}

void table_end(struct buffer *table)
{
	buffer_patch_u32(table, LENGTH_OFFSET, (uint32_t)table->size);
	buffer_patch_u8(table, CHECKSUM_OFFSET, (uint8_t)-table_sum(table->data, table->size));
}

void table_address(struct buffer *table, enum address_space space, uint8_t bits, uint8_t access,
		   uint64_t address)
{
	uint8_t size = 0; /* undefined */

	while (access >> 3 >> size)
		size++;
	buffer_u8(table, space);
	buffer_u8(table, bits);
	buffer_u8(table, 0);
	buffer_u8(table, size);
	buffer_u64(table, address);
}

bool table_fits_xapic(const struct lowered *guest, uint32_t cpu)
{
	enum { MOST_XAPIC_ID = 254 };

	return cpu <= MOST_XAPIC_ID && guest->cpu->topology.cpus[cpu].apic_id <= MOST_XAPIC_ID;
}

const struct lowered_device *table_device(const struct lowered *guest, enum hv_device_kind kind)
{
	for (size_t i = 0; i < guest->devices.count; i++)
		if (guest->devices.items[i].record.kind == kind)
			return &guest->devices.items[i];
	return NULL;
}
