/* SPDX-License-Identifier: Apache-2.0 */
/* hvcc build: compiles a guest or system file into an image, or into a blob alone. */
#include <stdio.h>
#include <string.h>

#include "cmd/compile.h"

static const struct option_row options[] = {
	{ 'o', "output", "FILE", "the image to write (default: hvcc.img)" },
	{ 0, "format", "elf|blob", "a bootable ELF image with the core, or the blob alone" },
	{ 'd', "depfile", "FILE", "write what the output depends on, for make" },
	{ 0, "core", "FILE", "the core to pack (default: hvcore.elf beside hvcc)" },
	{ 'v', "verbose", NULL, "say what was built and what memory it takes" },
	{ 0 },
};

/* A name as make reads it. */
static void put_name(struct buffer *text, const char *name)
{
	for (; *name; name++) {
		if (*name == ' ' || *name == '#')
			buffer_u8(text, '\\');
		if (*name == '$')
			buffer_u8(text, '$');
		buffer_u8(text, (uint8_t)*name);
	}
}

static void put_text(struct buffer *text, const char *part)
{
	buffer_bytes(text, part, strlen(part));
}

/* Rules without commands for each input let make go on when one was removed. */
static int write_depfile(struct invocation *in, const char *path, const char *target,
			 const struct lower_context *context, const char *core)
{
	struct buffer text = { 0 }, rules = { 0 };
	VECTOR(const char *) names = { 0 };
	bool good;

	for (size_t i = 1; i < in->sources->files.count; i++)
		vector_push(in->arena, &names, in->sources->files.items[i].path);
	for (size_t i = 0; i < context->files.count; i++)
		vector_push(in->arena, &names, context->files.items[i].name);
	if (core)
		vector_push(in->arena, &names, core);
	put_name(&text, target);
	put_text(&text, ":");
	for (size_t i = 0; i < names.count; i++) {
		put_text(&text, " \\\n ");
		put_name(&text, names.items[i]);
		put_text(&rules, "\n");
		put_name(&rules, names.items[i]);
		put_text(&rules, ":\n");
	}
	put_text(&text, "\n");
	buffer_bytes(&text, rules.data, rules.size);
	good = output_file(path, text.data, text.size);
	buffer_free(&text);
	buffer_free(&rules);
	return good ? EXIT_OK : environment_error(in, "cannot write `%s`: %s", path, output_error());
}

static void say(const struct lower_context *context, const struct blob_image *blob,
		const char *output)
{
	const struct lowered_system *system = context->system;

	printf("%s: %zu guest%s, blob %zu KiB, with payloads %llu KiB\n", output,
	       system->guests.count, system->guests.count == 1 ? "" : "s",
	       (blob->records.size + 1023) >> 10, (unsigned long long)(blob->image_size + 1023) >> 10);
	printf("memory taken for the guests' machinery: %llu KiB\n",
	       (unsigned long long)system->record.pool_bytes >> 10);
	for (size_t i = 0; i < system->guests.count; i++) {
		const struct lowered *guest = system->guests.items[i];

		printf("guest %s: %u vCPU%s, %zu devices, %zu ACPI tables, enters at 0x%llx\n",
		       guest->name, guest->cpu->topology.count,
		       guest->cpu->topology.count == 1 ? "" : "s", guest->devices.count,
		       guest->tables.count, (unsigned long long)guest->start.rip);
	}
}

static int run(struct invocation *in)
{
	const char *output = invocation_option(in, "output"), *core_path = NULL;
	const char *format = invocation_option(in, "format");
	const char *depfile = invocation_option(in, "depfile");
	bool blob_only = format && !strcmp(format, "blob");
	struct lower_context context;
	struct blob_image blob;
	struct bytes core = { 0 };
	int result;

	if (format && !blob_only && strcmp(format, "elf"))
		return usage_error(in, "--format is elf or blob, not `%s`", format);
	if (!output)
		output = "hvcc.img";
	if (!compile(in, in->arguments[0], &context))
		return invocation_verdict(in);
	if (!blob_only) {
		core = compile_core(in, invocation_option(in, "core"), &core_path);
		if (!core.size)
			return EXIT_ENVIRONMENT;
	}
	blob_build(in->arena, in->sources, context.system, &blob);
	result = compile_fits(in, &context, core, &blob) ? compile_write(in, output, core, core_path, &blob) :
							   invocation_verdict(in);
	if (result == EXIT_OK && depfile)
		result = write_depfile(in, depfile, output, &context, core_path);
	if (result == EXIT_OK && invocation_option(in, "verbose"))
		say(&context, &blob, output);
	blob_image_free(&blob);
	return result;
}

const struct command command_build = {
	.name = "build",
	.arguments = "FILE",
	.summary = "compile a guest or system file into a bootable image",
	.description = "The guest, or the guests of a system, become one file with the hypervisor "
		       "core, kernels and initrds: an ELF image that QEMU starts with -kernel and GRUB "
		       "by multiboot2. The same input gives the same bytes. There is no output file "
		       "after an error.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
