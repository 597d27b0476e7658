/* SPDX-License-Identifier: Apache-2.0 */
/* The table of formats. */
#include <string.h>

#include "diag/diag.h"

static const struct diag_printer printers[] = {
#define PRINTER_FOR_PEOPLE(name) { #name, false, NULL },
#define PRINTER(name, machine) { #name, machine, diag_print_##name },
#include "diag/printers.def"
#undef PRINTER
#undef PRINTER_FOR_PEOPLE
};

const struct diag_printer *diag_printer_find(const char *name)
{
	for (size_t i = 0; i < sizeof(printers) / sizeof(*printers); i++)
		if (!strcmp(printers[i].name, name))
			return &printers[i];
	return NULL;
}
