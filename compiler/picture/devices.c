/* SPDX-License-Identifier: Apache-2.0 */
/* Chips with their ports and registers on the left, the interrupts they raise on the right. */
#include <string.h>

#include "audit/claim.h"
#include "picture/scene.h"

struct drawing {
	struct scene *scene;
	const struct image *image;
	const struct claims *claims;
	uint32_t guest;
	struct box *devices, *interrupts;
	const struct box *pins[256];
};

/* "com1", or the last word of "uart com1". */
static bool is_of(const char *what, const char *name)
{
	size_t length = strlen(what), tail = strlen(name);

	return length >= tail && !strcmp(what + length - tail, name) &&
	       (length == tail || what[length - tail - 1] == ' ');
}

/* Ports and registers of a device, as audit/ knows them. */
static const char *reach_of(struct drawing *d, const struct hv_device *device)
{
	const char *name = image_text(d->image, device->name), *reach = NULL;

	for (size_t i = 0; i < d->claims->list.count; i++) {
		const struct claim *claim = &d->claims->list.items[i];

		if (claim->guest != d->guest ||
		    (claim->space != CLAIM_PORTS && claim->space != CLAIM_MEMORY) ||
		    !strncmp(claim->what, "region", 6) || !is_of(claim->what, name))
			continue;
		reach = arena_printf(d->scene->arena, "%s%s%s %s", reach ? reach : "", reach ? ", " : "",
				     claim_words[claim->space], claim_range(d->image, claim));
	}
	return reach;
}

/* Of each interrupt in use, in order. */
static void draw_pins(struct drawing *d)
{
	for (size_t i = 0; i < d->claims->list.count; i++) {
		const struct claim *claim = &d->claims->list.items[i];
		const struct box **pin = &d->pins[claim->first % 256];

		if (claim->guest == d->guest && claim->space == CLAIM_GSI && !*pin)
			*pin = scene_box(d->scene, d->interrupts, LOOK_INTERRUPT, "interrupt %llu",
					 (unsigned long long)claim->first);
	}
}

static void draw_device(struct drawing *d, const struct hv_device *device)
{
	const char *name = image_text(d->image, device->name), *reach = reach_of(d, device);
	const char *word = image_device_word(device->kind);
	struct box *box = scene_box(d->scene, d->devices, LOOK_DEVICE, "%s", name);

	if (strcmp(name, word))
		box->title = arena_printf(d->scene->arena, "%s (%s)", name, word);
	if (device->kind == HV_DEVICE_UART && device->parameter[0] == HV_UART_CONSOLE)
		reach = arena_printf(d->scene->arena, "%s, console of the core", reach ? reach : "");
	if (device->kind == HV_DEVICE_KVM)
		reach = arena_printf(d->scene->arena, "CPUID 0x%x, features 0x%x",
				     device->parameter[0], device->parameter[1]);
	box->detail = reach;
	if (device->gsi != HV_NONE && device->kind != HV_DEVICE_IOAPIC)
		scene_link(d->scene, box, d->pins[device->gsi % 256]);
}

static void draw_functions(struct drawing *d, const struct hv_guest *guest, struct box *inside)
{
	for (uint32_t i = 0; i < guest->pci.count; i++) {
		const struct hv_pci_function *function = &d->image->pci[guest->pci.first + i];
		const uint8_t *config = d->image->bytes + function->config;
		struct box *box = scene_box(d->scene, inside, LOOK_DEVICE, "%02x:%02x.%x %s",
					    function->bdf >> 8, function->bdf >> 3 & 31,
					    function->bdf & 7, image_text(d->image, function->name));

		box->detail = arena_printf(d->scene->arena, "%02x%02x:%02x%02x, class %02x%02x", config[1],
					   config[0], config[3], config[2], config[11], config[10]);
	}
}

static void draw_guest(struct scene *scene, const struct image *image, const struct claims *claims,
		       uint32_t index)
{
	struct drawing *d = arena_new(scene->arena, struct drawing);
	const struct hv_guest *guest = &image->guests[index];
	struct box *box = scene_box(scene, scene->root, LOOK_GUEST, "guest %s",
				    image_text(image, guest->name));

	*d = (struct drawing){ .scene = scene, .image = image, .claims = claims, .guest = index };
	box->arrangement = IN_ONE_ROW;
	box->gap = 90;
	d->devices = scene_box(scene, box, LOOK_PLAIN, "chips");
	d->interrupts = scene_box(scene, box, LOOK_PLAIN, "IOAPIC");
	d->devices->arrangement = d->interrupts->arrangement = IN_A_COLUMN;
	draw_pins(d);
	for (uint32_t i = 0; i < guest->devices.count; i++)
		draw_device(d, &image->devices[guest->devices.first + i]);
	if (guest->pci.count) {
		struct box *bus = scene_box(scene, d->devices, LOOK_PLAIN, "PCI");

		bus->arrangement = IN_A_COLUMN;
		draw_functions(d, guest, bus);
	}
}

struct scene view_devices(const struct image *image, uint32_t guest)
{
	struct scene scene = scene_new(image->arena, "Devices", NULL);
	struct claims claims = claims_of(image);

	scene.root->arrangement = IN_A_COLUMN;
	for (uint32_t i = 0; i < image->counts[HV_SECTION_GUESTS]; i++)
		if (guest == HV_NONE || guest == i)
			draw_guest(&scene, image, &claims, i);
	return scene;
}
