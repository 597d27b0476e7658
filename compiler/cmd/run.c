/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc run: builds an image and boots it in QEMU. --print shows the command and does nothing; run
 * adds to it only the channel on which QEMU tells how the machine ended (qemu.c).
 *
 * The exit code: 0, the machine powered itself off; n, a debug-exit port of the machine got n; 1, it
 * ended otherwise (reset, quit, time over); 3, QEMU is missing or refused its arguments.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/compile.h"
#include "cmd/qemu.h"

#define MIB (1ull << 20)

static const struct option_row options[] = {
	{ 'o', "output", "FILE", "keep the image there (default: a temporary file)" },
	{ 0, "print", NULL, "print the QEMU command and do nothing" },
	{ 0, "timeout", "SECONDS", "end QEMU after that long; exit 1" },
	{ 0, "accel", "tcg|kvm", "how QEMU runs the machine (default: tcg)" },
	{ 0, "qemu", "PROGRAM", "default: qemu-system-x86_64" },
	{ 0, "core", "FILE", "the core to pack (default: hvcore.elf beside hvcc)" },
	{ 0 },
};

struct machine {
	struct arena *arena;
	struct qemu_command command;
	const char *image;
};

static void add(struct machine *machine, const char *argument)
{
	vector_push(machine->arena, &machine->command.words, argument);
}

static void add_pair(struct machine *machine, const char *option, const char *argument)
{
	add(machine, option);
	add(machine, argument);
}

/* What the machine must have for the places that `bind` and `host-node` name. */
struct places {
	uint64_t bytes;	    /* so much memory reaches to the end of the last range */
	unsigned int nodes; /* 0: no node is named */
};

/* With much memory, QEMU puts 2 GiB of it below 4 GiB. */
static uint64_t reach(uint64_t end)
{
	return end > 4096 * MIB ? end - 2048 * MIB : end;
}

static struct places places_of(const struct lowered_system *system)
{
	struct places places = { 0 };

	for (size_t i = 0; i < system->guests.count; i++) {
		const struct lowered *guest = system->guests.items[i];

		for (size_t j = 0; j < guest->regions.count; j++) {
			const struct hv_region *r = &guest->regions.items[j].record;
			uint64_t bytes = r->backing == HV_BACKING_FIXED ? reach(r->host + r->size) : 0;

			if (bytes > places.bytes)
				places.bytes = bytes;
			if (r->host_node != HV_NONE && r->host_node >= places.nodes)
				places.nodes = r->host_node + 1;
		}
	}
	return places;
}

/* Guests' RAM, the pool, the image twice (as loaded, and room for firmware), rounded up. */
static unsigned long long memory_mib(const struct lowered_system *system, uint64_t image_size)
{
	uint64_t bytes = 64 * MIB + system->record.pool_bytes + image_size;

	for (size_t i = 0; i < system->guests.count; i++) {
		const struct lowered *guest = system->guests.items[i];

		for (size_t j = 0; j < guest->ram.count; j++)
			bytes += guest->ram.items[j].size;
	}
	return (bytes + places_of(system).bytes + 64 * MIB - 1) / (64 * MIB) * 64;
}

/* Each node alone has as much as would do without nodes. */
static void add_memory(struct machine *machine, unsigned long long mib, unsigned int nodes)
{
	struct arena *arena = machine->arena;

	add_pair(machine, "-m", arena_printf(arena, "%llu", mib * (nodes ? nodes : 1)));
	for (unsigned int i = 0; i < nodes; i++) {
		add_pair(machine, "-object", arena_printf(arena, "memory-backend-ram,id=node%u,size=%lluM", i, mib));
		add_pair(machine, "-numa", arena_printf(arena, "node,nodeid=%u,memdev=node%u", i, i));
	}
}

static void add_console(struct machine *machine)
{
	add_pair(machine, "-display", "none");
	add_pair(machine, "-serial", isatty(STDIN_FILENO) ? "mon:stdio" : "stdio");
	if (!isatty(STDIN_FILENO))
		add_pair(machine, "-monitor", "none");
}

static void describe(struct machine *machine, const struct invocation *in,
		     const struct lowered_system *system, uint64_t image_size)
{
	const char *accel = invocation_option(in, "accel"), *qemu = invocation_option(in, "qemu");
	struct arena *arena = machine->arena;

	accel = accel ? accel : "tcg";
	add(machine, qemu ? qemu : "qemu-system-x86_64");
	add(machine, "-nodefaults");
	add(machine, "-no-reboot");
	add_pair(machine, "-machine", arena_printf(arena, "q35,accel=%s", accel));
	add_pair(machine, "-cpu", strcmp(accel, "kvm") ? "max" : "host");
	add_memory(machine, memory_mib(system, image_size), places_of(system).nodes);
	add_pair(machine, "-smp", arena_printf(arena, "%u", lowered_host_cpus(system)));
	add_console(machine);
	if (system->record.flags & HV_SYSTEM_DEBUG_EXIT)
		add_pair(machine, "-device",
			 arena_printf(arena, "isa-debug-exit,iobase=0x%x,iosize=4",
				      system->record.debug_exit_port));
	add_pair(machine, "-kernel", machine->image);
	for (size_t i = 0; i < in->rest_count; i++)
		add(machine, in->rest[i]);
}

/* Quoted so that a shell gives the same words. */
static void print_word(const char *word)
{
	bool plain = *word;

	for (const char *c = word; *c; c++)
		plain &= isalnum((unsigned char)*c) || strchr("-_./,=:+@%", *c) != NULL;
	if (plain) {
		fputs(word, stdout);
		return;
	}
	putchar('\'');
	for (const char *c = word; *c; c++)
		fputs(*c == '\'' ? "'\\''" : (char[]){ *c, 0 }, stdout);
	putchar('\'');
}

static void print(const struct machine *machine)
{
	for (size_t i = 0; i < machine->command.words.count; i++) {
		if (i)
			putchar(' ');
		print_word(machine->command.words.items[i]);
	}
	putchar('\n');
}

static int say_failure(const char *what)
{
	fprintf(stderr, "hvcc: run: %s\n", what);
	return EXIT_CONFIGURATION;
}

/* What the end of the machine comes to. isa-debug-exit ends QEMU with 2 * value + 1. */
static int verdict(struct invocation *in, const struct machine *machine, const struct qemu_end *end)
{
	if (end->error)
		return environment_error(in, "cannot start a process: %s", strerror(end->error));
	if (end->missing)
		return environment_error(in, "cannot run `%s`: install the package "
					     "qemu-system-x86", machine->command.words.items[0]);
	if (!end->started)
		return environment_error(in, "QEMU did not start the machine");
	if (end->timed_out)
		return say_failure("the time is over, and the machine still ran");
	if (end->signal)
		return say_failure(arena_printf(in->arena, "QEMU was ended by signal %d",
						end->signal));
	if (end->status & 1)
		return end->status >> 1;
	if (end->was_reset)
		return say_failure("the machine was reset");
	return end->powered_off ? EXIT_OK : say_failure("the machine was not powered off");
}

static int execute(struct invocation *in, const struct machine *machine)
{
	const char *timeout = invocation_option(in, "timeout");
	struct qemu_end end = qemu_run(in->arena, &machine->command,
				       timeout ? (unsigned int)atoi(timeout) : 0);

	return verdict(in, machine, &end);
}

static const char *temporary_name(struct invocation *in)
{
	const char *folder = getenv("TMPDIR");
	char *name = arena_printf(in->arena, "%s/hvcc-XXXXXX", folder && *folder ? folder : "/tmp");
	int fd = mkstemp(name);

	if (fd < 0) {
		environment_error(in, "cannot make `%s`: %s", name, strerror(errno));
		return NULL;
	}
	close(fd);
	return name;
}

static int build_and_execute(struct invocation *in, struct machine *machine, struct lower_context *context,
			     const struct blob_image *blob)
{
	const char *kept = invocation_option(in, "output"), *core_path;
	struct bytes core = compile_core(in, invocation_option(in, "core"), &core_path);
	int result;

	if (!core.size)
		return EXIT_ENVIRONMENT;
	machine->image = kept ? kept : temporary_name(in);
	if (!machine->image)
		return EXIT_ENVIRONMENT;
	result = compile_fits(in, context, core, blob) ? compile_write(in, machine->image, core, core_path, blob) :
							 invocation_verdict(in);
	if (result == EXIT_OK) {
		describe(machine, in, context->system, blob->image_size);
		result = execute(in, machine);
	}
	if (!kept)
		unlink(machine->image);
	return result;
}

static bool good_options(struct invocation *in)
{
	const char *accel = invocation_option(in, "accel"), *timeout;
	char *end;

	if (accel && strcmp(accel, "tcg") && strcmp(accel, "kvm")) {
		usage_error(in, "--accel is tcg or kvm, not `%s`", accel);
		return false;
	}
	timeout = invocation_option(in, "timeout");
	if (timeout && (strtol(timeout, &end, 10) <= 0 || *end || strlen(timeout) > 8)) {
		usage_error(in, "--timeout takes a number of seconds, not `%s`", timeout);
		return false;
	}
	return true;
}

static int run(struct invocation *in)
{
	struct machine machine = { .arena = in->arena };
	struct lower_context context;
	struct blob_image blob;
	int result = EXIT_OK;

	if (!good_options(in))
		return EXIT_USAGE;
	if (!compile(in, in->arguments[0], &context))
		return invocation_verdict(in);
	blob_build(in->arena, in->sources, context.system, &blob);
	if (invocation_option(in, "print")) {
		machine.image = invocation_option(in, "output");
		if (!machine.image)
			machine.image = "hvcc.img";
		describe(&machine, in, context.system, blob.image_size);
		print(&machine);
	} else {
		result = build_and_execute(in, &machine, &context, &blob);
	}
	blob_image_free(&blob);
	return result;
}

const struct command command_run = {
	.name = "run",
	.arguments = "FILE",
	.summary = "build an image and boot it in QEMU",
	.description = "The machine is QEMU's, with AMD-V emulated, so that nothing of the host is "
		       "needed. The exit code is 0 after a clean power-off, the value written to a "
		       "debug-exit port, 1 when the time was over or the machine ended otherwise, 3 "
		       "when QEMU is missing or refuses. What follows `--` goes to QEMU.",
	.options = options,
	.least = 1,
	.most = 1,
	.passes_rest = true,
	.run = run,
};
