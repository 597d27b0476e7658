/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices and what is at their other side: networks, and exports of other guests. Both sides of an
 * export declare it, so each check looks from one of them at the other.
 */
#include "check/check.h"

#include <string.h>
#include <strings.h>

#define OF(type) (1u << VIRTIO_TYPE_##type)

/* ----------------------------------------------------------------------------- a device alone */

/* Keys of a device, the types that they go with, and those that cannot do without. What any would have goes. */
struct virtio_key {
	const char *name;
	struct where where;
	unsigned go_with, needed_by;
	bool usual;
};

static void check_keys(const struct check_context *c, const struct virtio *v)
{
	const struct virtio_key keys[] = {
		{ "mac", v->mac.where, OF(NET), 0 },
		{ "readonly", v->readonly.where, OF(BLK), 0, !v->readonly.value },
		{ "num-queues", v->num_queues.where, OF(BLK) | OF(NET), 0, v->num_queues.value == 1 },
		{ "ports", v->ports.where, OF(CONSOLE), 0 },
		{ "guest-cid", v->guest_cid.where, OF(VSOCK), OF(VSOCK) },
		{ "backend.network", v->backend.network.where, OF(NET), OF(NET) },
		{ "backend.image", v->backend.image.where, OF(BLK), 0 },
		{ "backend.vm", v->backend.vm.where, OF(BLK) | OF(NET) | OF(CONSOLE), 0 },
		{ "backend.export", v->backend.export.where, OF(BLK) | OF(NET) | OF(CONSOLE), 0 },
	};
	unsigned bit = 1u << v->type.value;
	bool served = was_set(v->backend.vm.where);
	struct diag *d;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (was_set(keys[i].where) && !(keys[i].go_with & bit) && !keys[i].usual) {
			d = diag_report(c->diags, VIRTIO_MISFIT, keys[i].where.at, keys[i].name,
					virtio_type_name(v->type.value));
			diag_note(d, v->type.where.at, "type set here");
		} else if (!was_set(keys[i].where) && keys[i].needed_by & bit &&
			   !(served && bit == OF(NET))) {
			diag_report(c->diags, VIRTIO_BACKEND, v->where.at, v->id.value, keys[i].name);
		}
	}
}

/* One other side: none, one or two are given; an export is the two keys `vm` and `export`. */
static void check_backend(const struct check_context *c, const struct virtio *v)
{
	const struct virtio_backend *b = &v->backend;
	const struct where *sides[] = { &b->network.where, &b->image.where, &b->vm.where };
	const struct where *first = NULL;
	struct diag *d;

	for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
		if (!was_set(*sides[i]))
			continue;
		if (first) {
			d = diag_report(c->diags, VIRTIO_BACKENDS, sides[i]->at, v->id.value);
			diag_note(d, first->at, "one is here already");
			return;
		}
		first = sides[i];
	}
	if (was_set(b->vm.where) != was_set(b->export.where))
		diag_report(c->diags, VIRTIO_BACKEND, b->where.at, v->id.value,
			    was_set(b->vm.where) ? "backend.export" : "backend.vm");
	else if (!first && v->type.value == VIRTIO_TYPE_BLK)
		diag_help(diag_report(c->diags, VIRTIO_BACKEND, v->where.at, v->id.value, "backend"),
			  "for example `backend: { image: disk.img }`");
}

void check_virtio_keys(const struct check_context *c)
{
	for (size_t i = 0; i < c->guest->devices.virtio.count; i++) {
		size_t errors = diag_errors(c->diags);

		check_keys(c, &c->guest->devices.virtio.items[i]);
		if (diag_errors(c->diags) == errors)
			check_backend(c, &c->guest->devices.virtio.items[i]);
	}
}

static void check_queues(const struct check_context *c, const struct virtio *v)
{
	const struct vcpus *vcpus = &c->guest->vcpus;
	uint32_t queues = v->num_queues.value * (v->type.value == VIRTIO_TYPE_NET ? 2 : 1);
	struct diag *d;

	if (v->num_queues.value > vcpus->count.value) {
		d = diag_report(c->diags, QUEUES_MANY, v->num_queues.where.at, v->id.value,
				v->num_queues.value, vcpus->count.value,
				vcpus->count.value == 1 ? "" : "s");
		if (was_set(vcpus->count.where))
			diag_note(d, vcpus->count.where.at, "count set here");
	} else if (was_set(v->vectors.where) && v->vectors.value < queues + 1 &&
		   (OF(BLK) | OF(NET)) >> v->type.value & 1) {
		d = diag_report(c->diags, VECTORS_FEW, v->vectors.where.at, v->id.value,
				v->vectors.value, queues);
		diag_help(d, "set `vectors: %u`, or leave it out", queues + 1);
	}
}

void check_virtio_queues(const struct check_context *c)
{
	for (size_t i = 0; i < c->guest->devices.virtio.count; i++)
		check_queues(c, &c->guest->devices.virtio.items[i]);
}

/* Why an address of vsock is none of a guest (virtio 1.2, 5.10.4), or NULL. */
static const char *reserved_cid(uint64_t cid)
{
	static const char *const names[] = { "it is the hypervisor's", "it means the same machine",
					     "it is the host's" };

	if (cid == UINT32_MAX)
		return "it means any";
	return cid < sizeof(names) / sizeof(*names) ? names[cid] : NULL;
}

void check_virtio_vsock(const struct check_context *c)
{
	const struct virtio *first = NULL;

	for (size_t i = 0; i < c->guest->devices.virtio.count; i++) {
		const struct virtio *v = &c->guest->devices.virtio.items[i];
		const char *why = reserved_cid(v->guest_cid.value);
		struct diag *d;

		if (v->type.value != VIRTIO_TYPE_VSOCK)
			continue;
		if (first) {
			d = diag_report(c->diags, VSOCK_TWICE, v->where.at, first->id.value,
					v->id.value);
			diag_note(d, first->where.at, "the first one");
		} else if (why) {
			diag_report(c->diags, VIRTIO_CID, v->guest_cid.where.at,
				    (unsigned)v->guest_cid.value, why);
		}
		first = first ? first : v;
	}
}

/* ---------------------------------------------------------------------- all devices of a system */

/* Calls take() for each virtio device of each guest. */
static void each_device(const struct check_context *c, void *context,
			void (*take)(const struct check_context *c, void *context,
				     const struct guest *guest, const struct virtio *v))
{
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		for (size_t j = 0; j < guest->devices.virtio.count; j++)
			take(c, context, guest, &guest->devices.virtio.items[j]);
	}
}

struct station {
	const struct guest *guest;
	const struct virtio *v;
};

static void take_cid(const struct check_context *c, void *context, const struct guest *guest,
		     const struct virtio *v)
{
	struct station *this = arena_new(c->system->arena, struct station), *first;
	const char *key;
	struct diag *d;

	if (v->type.value != VIRTIO_TYPE_VSOCK)
		return;
	*this = (struct station){ guest, v };
	key = arena_printf(c->system->arena, "%u", (unsigned)v->guest_cid.value);
	first = map_put(c->system->arena, context, key, this);
	if (!first)
		return;
	d = diag_report(c->diags, CID_TWICE, v->guest_cid.where.at, (unsigned)v->guest_cid.value,
			first->guest->name.value);
	diag_note(d, first->v->guest_cid.where.at, "given here");
}

void check_virtio_cids(const struct check_context *c)
{
	struct map seen = { 0 };

	each_device(c, &seen, take_cid);
}

/* The network and the address in lower case: what must be unique. */
static const char *address_key(const struct check_context *c, const struct virtio *v)
{
	char *key = arena_printf(c->system->arena, "%s", v->mac.value);

	for (char *p = key; *p; p++)
		*p |= *p >= 'A' && *p <= 'F' ? 0x20 : 0;
	return arena_printf(c->system->arena, "%s %s", key,
			    v->backend.network.value ? v->backend.network.value : "");
}

static void take_mac(const struct check_context *c, void *context, const struct guest *guest,
		     const struct virtio *v)
{
	struct virtio *first;
	struct diag *d;

	(void)guest;
	if (!v->mac.value)
		return;
	if (strchr("13579bBdDfF", v->mac.value[1])) {
		diag_report(c->diags, MAC_GROUP, v->mac.where.at, v->mac.value);
		return;
	}
	first = map_put(c->system->arena, context, address_key(c, v), (void *)v);
	if (!first)
		return;
	d = diag_report(c->diags, MAC_TWICE, v->mac.where.at, v->mac.value,
			v->backend.network.value ? v->backend.network.value : "the same network");
	diag_note(d, first->mac.where.at, "first used here");
}

void check_virtio_macs(const struct check_context *c)
{
	struct map seen = { 0 };

	each_device(c, &seen, take_mac);
}

/* ---------------------------------------------------------------------------------- networks */

static void take_network(const struct check_context *c, void *context, const struct guest *guest,
			 const struct virtio *v)
{
	const struct system *system = c->system;
	const char *name = v->backend.network.value;
	const char **names;
	struct diag *d;

	(void)guest;
	if (!name || map_get(context, name))
		return;
	d = diag_report(c->diags, NETWORK_UNKNOWN, v->backend.network.where.at, name);
	names = arena_array(system->arena, system->networks.count, sizeof(*names));
	for (size_t i = 0; i < system->networks.count; i++)
		names[i] = system->networks.items[i].name.value;
	check_suggest(c, d, v->backend.network.where.at, name, names, system->networks.count);
	if (!system->networks.count && !system->alone)
		diag_help(d, "add `networks: [ { name: %s } ]` to the system", name);
}

static void count_member(const struct check_context *c, void *context, const struct guest *guest,
			 const struct virtio *v)
{
	size_t *count = v->backend.network.value ? map_get(context, v->backend.network.value) : NULL;

	(void)c;
	(void)guest;
	if (count)
		++*count;
}

void check_virtio_networks(const struct check_context *c)
{
	const struct system *system = c->system;
	size_t *members = arena_array(system->arena, system->networks.count, sizeof(*members));
	struct map networks = { 0 };

	for (size_t i = 0; i < system->networks.count; i++)
		map_put(system->arena, &networks, system->networks.items[i].name.value, &members[i]);
	each_device(c, &networks, take_network);
	each_device(c, &networks, count_member);
	for (size_t i = 0; i < system->networks.count; i++)
		if (members[i] < 2)
			diag_report(c->diags, NETWORK_LONELY, system->networks.items[i].name.where.at,
				    system->networks.items[i].name.value,
				    members[i] ? "one member only" : "no members");
}

/* ----------------------------------------------------------------------------------- exports */

static const struct export *find_export(const struct guest *guest, const char *name)
{
	for (size_t i = 0; i < guest->devices.exports.count; i++)
		if (!strcmp(guest->devices.exports.items[i].name.value, name))
			return &guest->devices.exports.items[i];
	return NULL;
}

static void report_missing(const struct check_context *c, const struct guest *guest,
			   const struct guest *server, const struct virtio *v)
{
	size_t count = server->devices.exports.count;
	const char **names = arena_array(c->system->arena, count, sizeof(*names));
	struct where where = v->backend.export.where;
	struct diag *d = diag_report(c->diags, EXPORT_MISSING, where.at, server->name.value,
				     v->backend.export.value, guest->name.value);

	for (size_t i = 0; i < count; i++)
		names[i] = server->devices.exports.items[i].name.value;
	diag_note(d, was_set(server->devices.where) ? server->devices.where.at : server->name.where.at,
		  "the serving guest");
	check_suggest(c, d, where.at, v->backend.export.value, names, count);
	if (!count)
		diag_help(d, "add `exports: [ { name: %s, type: %s, to: %s } ]` to its `devices`",
			  v->backend.export.value, virtio_type_name(v->type.value),
			  guest->name.value);
}

/* A device against the export that it names. */
static void check_sides(const struct check_context *c, const struct guest *guest,
			const struct guest *server, const struct virtio *v, const struct export *e)
{
	struct diag *d;

	if (strcmp(e->to.value, guest->name.value)) {
		d = diag_report(c->diags, EXPORT_OTHER, v->backend.export.where.at, e->name.value,
				server->name.value, e->to.value, guest->name.value);
		diag_note(d, e->to.where.at, "for this one");
	} else if (e->type.value != v->type.value) {
		d = diag_report(c->diags, EXPORT_TYPE, v->type.where.at, e->name.value,
				virtio_type_name(e->type.value), virtio_type_name(v->type.value));
		diag_note(d, e->type.where.at, "the export");
	} else if (e->readonly.value && !v->readonly.value) {
		d = diag_report(c->diags, EXPORT_RIGHTS,
				was_set(v->readonly.where) ? v->readonly.where.at : v->id.where.at,
				v->id.value, e->name.value);
		diag_note(d, e->readonly.where.at, "reading only");
		diag_help(d, "give the device `readonly: true`");
	}
}

static void take_backend(const struct check_context *c, void *used, const struct guest *guest,
			 const struct virtio *v)
{
	struct where vm = v->backend.vm.where;
	const struct guest *server;
	const struct export *e;
	struct virtio *first;
	struct diag *d;

	if (!was_set(vm))
		return;
	server = check_guest(c, v->backend.vm.value);
	if (!server) {
		d = diag_report(c->diags, BACKEND_GUEST, vm.at, v->backend.vm.value);
		check_suggest_guest(c, d, vm.at, v->backend.vm.value);
		return;
	}
	if (server == guest) {
		diag_report(c->diags, BACKEND_SELF, vm.at, guest->name.value);
		return;
	}
	e = find_export(server, v->backend.export.value);
	if (!e) {
		report_missing(c, guest, server, v);
		return;
	}
	check_sides(c, guest, server, v, e);
	first = strcmp(e->to.value, guest->name.value)
			? NULL
			: map_put(c->system->arena, used,
				  arena_printf(c->system->arena, "%s %s", server->name.value,
					       e->name.value),
				  (void *)v);
	if (!first)
		return;
	d = diag_report(c->diags, EXPORT_SHARED, v->backend.export.where.at, e->name.value,
			server->name.value);
	diag_note(d, first->backend.export.where.at, "the first one");
}

/* An export from its own side: for whom, and whether someone takes it. */
static void check_export(const struct check_context *c, const struct map *used,
			 const struct guest *guest, const struct export *e)
{
	const struct export *first = find_export(guest, e->name.value);
	struct diag *d;

	if (first != e) {
		d = diag_report(c->diags, EXPORT_TWICE, e->name.where.at, guest->name.value,
				e->name.value);
		diag_note(d, first->name.where.at, "first used here");
	} else if (!check_guest(c, e->to.value)) {
		d = diag_report(c->diags, EXPORT_GUEST, e->to.where.at, e->name.value, e->to.value);
		check_suggest_guest(c, d, e->to.where.at, e->to.value);
	} else if (!map_get(used, arena_printf(c->system->arena, "%s %s", guest->name.value,
					       e->name.value))) {
		diag_report(c->diags, EXPORT_UNUSED, e->name.where.at, e->to.value, e->name.value);
	}
}

void check_virtio_exports(const struct check_context *c)
{
	size_t errors = diag_errors(c->diags);
	struct map used = { 0 };

	each_device(c, &used, take_backend);
	if (diag_errors(c->diags) != errors)
		return;
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];

		for (size_t j = 0; j < guest->devices.exports.count; j++)
			check_export(c, &used, guest, &guest->devices.exports.items[j]);
	}
}

void check_tpm_guest(const struct check_context *c)
{
	for (size_t i = 0; i < c->system->guests.count; i++) {
		const struct guest *guest = c->system->guests.items[i];
		const struct tpm *tpm = &guest->devices.tpm;
		const struct guest *server;
		struct diag *d;

		if (!was_set(tpm->where))
			continue;
		server = check_guest(c, tpm->backend.vm.value);
		if (server && server != guest)
			continue;
		d = diag_report(c->diags, TPM_GUEST, tpm->backend.vm.where.at,
				tpm->backend.vm.value);
		if (!server)
			check_suggest_guest(c, d, tpm->backend.vm.where.at, tpm->backend.vm.value);
	}
}
