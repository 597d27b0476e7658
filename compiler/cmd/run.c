/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvcc run: builds an image and boots it in QEMU. --print shows the command and does nothing.
 *
 * What the exit code says: 0, the machine was powered off; n, a debug-exit port of the machine got
 * n; 1, it did not end in time or QEMU failed; 3, there is no QEMU.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/compile.h"

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
	VECTOR(const char *) arguments; /* of QEMU, NULL-terminated */
	const char *image;
};

static void add(struct machine *machine, const char *argument)
{
	vector_push(machine->arena, &machine->arguments, argument);
}

static void add_pair(struct machine *machine, const char *option, const char *argument)
{
	add(machine, option);
	add(machine, argument);
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
	return (bytes + 64 * MIB - 1) / (64 * MIB) * 64;
}

/* A CPU for each vCPU, and as many as the highest pin needs. */
static unsigned int host_cpus(const struct lowered_system *system)
{
	unsigned int vcpus = 0, highest = 0;

	for (size_t i = 0; i < system->guests.count; i++) {
		const struct vcpus *from = &system->guests.items[i]->model->vcpus;

		vcpus += system->guests.items[i]->cpu->topology.count;
		for (size_t j = 0; j < from->pins.count; j++)
			if (from->pins.items[j].cpu + 1 > highest)
				highest = from->pins.items[j].cpu + 1;
	}
	return vcpus > highest ? vcpus : highest;
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
	add_pair(machine, "-machine", arena_printf(arena, "q35,accel=%s", accel));
	add_pair(machine, "-cpu", strcmp(accel, "kvm") ? "max" : "host");
	add_pair(machine, "-m", arena_printf(arena, "%llu", memory_mib(system, image_size)));
	add_pair(machine, "-smp", arena_printf(arena, "%u", host_cpus(system)));
	add_console(machine);
	if (system->record.flags & HV_SYSTEM_DEBUG_EXIT)
		add_pair(machine, "-device",
			 arena_printf(arena, "isa-debug-exit,iobase=0x%x,iosize=4",
				      system->record.debug_exit_port));
	add_pair(machine, "-kernel", machine->image);
	for (size_t i = 0; i < in->rest_count; i++)
		add(machine, in->rest[i]);
	add(machine, NULL);
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
	for (size_t i = 0; machine->arguments.items[i]; i++) {
		if (i)
			putchar(' ');
		print_word(machine->arguments.items[i]);
	}
	putchar('\n');
}

static volatile sig_atomic_t timed_out;
static volatile pid_t child;

static void on_alarm(int number)
{
	(void)number;
	timed_out = 1;
	kill(child, SIGTERM);
}

/* In the child: becomes QEMU. errno travels to the parent as the exit status 127. */
static _Noreturn void become(const struct machine *machine)
{
	const char *const *arguments = machine->arguments.items;

	execvp(arguments[0], (char *const *)(uintptr_t)arguments);
	_exit(127);
}

static int wait_for(struct invocation *in, const struct machine *machine, unsigned int seconds)
{
	struct sigaction action = { .sa_handler = on_alarm };
	int status;

	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return environment_error(in, "cannot wait for QEMU: %s", strerror(errno));
	alarm(0);
	if (timed_out) {
		fprintf(stderr, "hvcc: run: not finished after %u seconds\n", seconds);
		return EXIT_CONFIGURATION;
	}
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "hvcc: run: QEMU was ended by signal %d\n", WTERMSIG(status));
		return EXIT_CONFIGURATION;
	}
	if (WEXITSTATUS(status) == 127)
		return environment_error(in, "cannot run `%s`: install the package "
					     "qemu-system-x86", machine->arguments.items[0]);
	return WEXITSTATUS(status);
}

/* isa-debug-exit ends QEMU with 2 * value + 1; QEMU's own failures are 1 as well. */
static int guest_status(const struct lowered_system *system, int status)
{
	if (system->record.flags & HV_SYSTEM_DEBUG_EXIT && status > 1 && status & 1)
		return status >> 1;
	return status;
}

static int execute(struct invocation *in, const struct machine *machine,
		   const struct lowered_system *system)
{
	const char *timeout = invocation_option(in, "timeout");
	pid_t pid = fork();

	if (pid < 0)
		return environment_error(in, "cannot start a process: %s", strerror(errno));
	if (!pid)
		become(machine);
	child = pid;
	return guest_status(system,
			    wait_for(in, machine, timeout ? (unsigned int)atoi(timeout) : 0));
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

static int build_and_execute(struct invocation *in, struct machine *machine,
			     const struct lowered_system *system, const struct blob_image *blob)
{
	const char *kept = invocation_option(in, "output"), *core_path;
	struct bytes core = compile_core(in, invocation_option(in, "core"), &core_path);
	int result;

	if (!core.size)
		return EXIT_ENVIRONMENT;
	machine->image = kept ? kept : temporary_name(in);
	if (!machine->image)
		return EXIT_ENVIRONMENT;
	result = compile_write(in, machine->image, core, core_path, blob);
	if (result == EXIT_OK) {
		describe(machine, in, system, blob->image_size);
		result = execute(in, machine, system);
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
		result = build_and_execute(in, &machine, context.system, &blob);
	}
	blob_image_free(&blob);
	return result;
}

const struct command command_run = {
	.name = "run",
	.arguments = "FILE",
	.summary = "build an image and boot it in QEMU",
	.options = options,
	.least = 1,
	.most = 1,
	.passes_rest = true,
	.run = run,
};
