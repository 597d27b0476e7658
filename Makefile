# SPDX-License-Identifier: Apache-2.0
# hvcc and hvcore. `make` builds both; `make run` boots the example; `make check` tests all of it.
# One file: each folder lists its objects here. Nothing is found by pattern, so that a file that is
# half moved is an error and not a surprise.

B := build
CC := gcc
# One short line a file; `make V=1` shows the commands.
say = $(if $(V),,@echo "  $@";)
PREFIX := /usr/local
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

warnings := -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	-Wpointer-arith -Wundef -Wno-missing-field-initializers
# Paths in the output are those of the tree, so that two checkouts build the same bytes.
reproducible := -ffile-prefix-map=$(CURDIR)=. -frandom-seed=hvcc

# ------------------------------------------------------------------------------------ the core
# Freestanding, no red zone, no vector registers of its own (design, section 2).
core_cflags := -std=gnu11 -O2 -g -ffreestanding -fbuiltin -fno-builtin-printf -mno-red-zone -mgeneral-regs-only \
	-mcmodel=kernel -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fcf-protection=none -fno-strict-aliasing -mno-mmx -mno-sse $(warnings) $(reproducible) -Icore -I.

core_lib      := status.o string.o format.o checksum.o sha256.o
core_x86      := memory.o vector.o
core_console  := guest_console.o log.o uart_16550.o
core_mm       := frames.o ptab.o ptab_host.o ptab_npt.o ptab_ept.o host_map.o
core_blob     := blob.o
core_platform := memory_map.o acpi_host.o power.o pci_quiet.o platform_check.o
core_cpu      := cpu.o errata.o wall_clock.o entry.o idt.o nmi.o extable.o smp.o ap_start.o kick.o lapic.o ioapic.o pic_8259.o \
	tsc.o timer.o timer_lapic.o mitigations.o entropy.o
core_emul     := decode.o operand.o arithmetic.o execute.o string.o
core_space    := bus.o dma.o guest_walk.o memory.o write_guard.o
core_vcpu     := cpuid.o dump.o exit.o exit_cpuid.o exit_cr.o exit_halt.o exit_hypercall.o exit_mmio.o exit_msr.o exit_pio.o inject.o \
	msr.o policy.o refused_write.o request.o state.o vector.o vcpu.o
core_svm      := svm.o svm_entry.o svm_exit.o svm_vmcb.o
core_vmx      := vmx.o vmx_entry.o vmx_exit.o vmx_vmcs.o posted.o spp.o
core_vm       := events.o irq.o vm.o
core_sched    := sched.o fair.o table.o
core_dev      := vlapic.o vlapic_device.o vlapic_timer.o vlapic_lent.o vioapic.o vpic.o vpit.o vhpet.o vrtc.o vuart.o acpi_pm.o debug_exit.o
core_pv       := kvm_features.o kvm_clock.o kvm_eoi.o kvm_steal.o kvm_ipi.o
# Life and death, and attack.
core_dev      += panic.o watchdog.o
core_pci      := ecam.o config_space.o bar.o msi.o msix.o
core_virtio   := queue.o transport_pci.o rng.o console.o blk.o
core_share    := shmem.o ivshmem.o
core_boot     := head.o pvh.o multiboot2.o handoff.o build_vm.o main.o

core_folders := lib x86 console mm blob platform cpu emul space vcpu svm vmx vm sched dev pv pci virtio share boot
# A backend is one object that shows its table of functions and nothing else.
core_backends := svm vmx
core_objects := $(foreach f,$(filter-out $(core_backends),$(core_folders)),$(addprefix $(B)/core/$(f)/,$(core_$(f)))) \
	$(patsubst %,$(B)/core/%.o,$(core_backends))

# --------------------------------------------------------------------------------- the compiler
hvcc_cflags := -std=gnu11 -O2 -g $(warnings) $(reproducible) -D_GNU_SOURCE -Icompiler -I. -I$(B)/generated
hvcc_libs   := -lyaml -ljansson -llz4 -lzstd -llzma -lz -lsodium

compiler_base     := arena.o buffer.o json.o map.o number_list.o output.o source.o units.o vector.o
compiler_diag     := diag.o diag_gcc.o diag_github.o diag_json.o diag_junit.o diag_sarif.o diag_tap.o diag_text.o printers.o
compiler_yaml     := text_map.o yaml_edit.o yaml_format.o yaml_read.o
compiler_validate := formats.o pattern.o schema.o validate.o
compiler_policy   := assert.o ast.o base.o condition.o evaluate.o explain.o feature.o include.o msr.o resolve.o typecheck.o variant.o
compiler_model    := effective.o from_tree.o guest.o model.o part.o parts.o platform.o system.o
compiler_check    := boot.o cmdline.o cpu.o events.o irq.o memory.o names.o numa.o platform.o policy.o run.o
compiler_check    += machine.o platform_cpu.o platform_pci.o
compiler_check    += unsupported.o
compiler_check    += iommu.o nvdimm.o pci.o sched.o sgx.o share.o spp.o system.o virtio.o
# Documents of several files.
compiler_yaml     += merge.o parameters.o
compiler_model    += compose.o
compiler_yaml     += migrate.o
compiler_kernel   := bzimage.o config.o elf.o kallsyms.o lint.o multiboot.o symbols.o unpack.o
compiler_lower    := bios.o cpu.o cpu_on_host.o cpuid.o cpuid_cases.o guards.o host_memory.o irq.o layout_guest.o layout_host.o layout_mmio.o msr.o passes.o place.o registers.o schedule.o shmem.o start.o \
	start_lint.o start_linux.o start_multiboot.o start_pvh.o start_raw.o topology.o
compiler_lower    += pci.o virtio.o
compiler_acpi     := acpi.o table.o aml.o rsdp.o xsdt.o fadt.o dsdt.o madt.o mcfg.o hpet.o srat.o slit.o pptt.o spcr.o waet.o wdat.o
compiler_emit     := blob.o blob_vm.o blob_cpu.o elf.o record.o view.o
compiler_cmd      := check.o codes.o completion.o config.o explain.o fix.o fmt.o load.o main.o manual.o schema.o version.o acpi.o build.o compile.o inspect.o qemu.o run.o
# Expressions and what is held to them.
compiler_rule  := ast.o evaluate.o explain.o functions.o mention.o scan.o typecheck.o
compiler_model += assertion.o
compiler_cmd += test.o
compiler_validate += lint.o
compiler_check += assertion.o
# Looking into images: from the bytes back.
compiler_audit    := audit.o boot.o claim.o compare.o decompile.o facts.o image.o kernel_file.o listing.o numa.o policy_cases.o policy_text.o recover.o same.o shape.o
compiler_probe    := acpi.o cpu.o iommu.o memory.o pci.o probe.o tar.o tree.o write.o
compiler_picture  := devices.o dot.o links.o memory_map.o outline.o scene.o svg.o system.o topology.o
compiler_cmd      += open.o audit.o decompile.o diff.o graph.o probe.o
compiler_cmd      += migrate.o provenance.o
compiler_cmd      += cpuid.o

compiler_folders := base diag yaml validate rule policy model check kernel lower acpi emit audit picture probe cmd
compiler_sources := $(foreach f,$(compiler_folders),$(addprefix compiler/$(f)/,$(compiler_$(f))))
# Made when hvcc is built: C in build/generated, and the headers that must be there before anything is compiled.
compiler_generated := schema_tables.o policy_parser.o policy_lexer.o rule_parser.o rule_lexer.o
generated_headers  := $(B)/generated/model_enums.h $(foreach g,policy rule,$(B)/generated/$(g)_parser.h $(B)/generated/$(g)_lexer.h)
hvcc_objects      := $(patsubst %.o,$(B)/%.o,$(compiler_sources)) $(addprefix $(B)/generated/,$(compiler_generated))
hvcc_asan_objects := $(patsubst %.o,$(B)/asan/%.o,$(compiler_sources)) \
	$(addprefix $(B)/asan/$(B)/generated/,$(compiler_generated))
$(hvcc_objects) $(hvcc_asan_objects): | $(generated_headers)

.PHONY: all clean
all: $(if $(compiler_cmd),$(B)/hvcc) $(if $(core_boot),$(B)/hvcore.elf) $(B)/hello.elf

$(B)/core/%.o: core/%.c
	@mkdir -p $(@D)
	$(say)$(CC) $(core_cflags) -MMD -MP -c -o $@ $<
$(B)/core/%.o: core/%.S
	@mkdir -p $(@D)
	$(say)$(CC) $(core_cflags) -D__ASSEMBLER__ -MMD -MP -c -o $@ $<
# These are what the compiler makes of loops: they must not become calls of themselves.
$(B)/core/lib/string.o: core_cflags += -fno-builtin -fno-tree-loop-distribute-patterns
define backend_rule
$(B)/core/$(1).o: $(addprefix $(B)/core/$(1)/,$(core_$(1)))
	$$(say)$(LD) -r -o $$@ $$^
	@objcopy --keep-global-symbol=$(1)_backend $$@
endef
$(foreach b,$(core_backends),$(eval $(call backend_rule,$(b))))
# An archive, so that only what boot reaches is in the image.
$(B)/core/core.a: $(core_objects)
	@rm -f $@
	@$(AR) qcsD $@ $^
$(B)/hvcore.elf: $(B)/core/boot/head.o $(B)/core/core.a core/boot/link.ld
	$(say)$(LD) -nostdlib -static -z noexecstack -z max-page-size=4096 --build-id=none -T core/boot/link.ld -o $@ $(filter %.o %.a,$^)

schema_names := guest=schema/guest.schema.json system=schema/system.schema.json platform=schema/platform.schema.json \
	policy=schema/policy.schema.json test=schema/test.schema.json \
	-- diagnostics=schema/diagnostics.schema.json
$(B)/schema_compile: compiler/validate/schema_compile.c
	@mkdir -p $(@D)
	$(say)$(CC) -std=gnu11 -O1 -g $(warnings) -D_GNU_SOURCE -o $@ $< -ljansson
$(B)/generated/schema_tables.c $(B)/generated/model_enums.h &: $(B)/schema_compile $(wildcard schema/*.json)
	@mkdir -p $(@D)
	$(B)/schema_compile $(B)/generated/schema_tables.c $(B)/generated/model_enums.h $(schema_names)

# A language is compiler/<name>/<name>.y and .l.
define language_rule
$(B)/generated/$(1)_parser.c $(B)/generated/$(1)_parser.h &: compiler/$(1)/$(1).y
	@mkdir -p $$(@D)
	bison -Wall -Werror -o $(B)/generated/$(1)_parser.c --defines=$(B)/generated/$(1)_parser.h $$<
$(B)/generated/$(1)_lexer.c $(B)/generated/$(1)_lexer.h &: compiler/$(1)/$(1).l
	@mkdir -p $$(@D)
	flex -o $(B)/generated/$(1)_lexer.c --header-file=$(B)/generated/$(1)_lexer.h $$<
endef
$(foreach l,policy rule,$(eval $(call language_rule,$(l))))

$(B)/generated/%.o: $(B)/generated/%.c
	$(say)$(CC) $(hvcc_cflags) -MMD -MP -c -o $@ $<
$(B)/asan/$(B)/generated/%.o: $(B)/generated/%.c
	@mkdir -p $(@D)
	$(say)$(CC) $(hvcc_cflags) $(sanitize) -MMD -MP -c -o $@ $<
$(B)/compiler/%.o: compiler/%.c
	@mkdir -p $(@D)
	$(say)$(CC) $(hvcc_cflags) -D_FORTIFY_SOURCE=2 -MMD -MP -c -o $@ $<
$(B)/hvcc: $(hvcc_objects)
	$(say)$(CC) -Wl,-z,relro,-z,now -o $@ $^ $(hvcc_libs)

# The tests run this one.
sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
$(B)/asan/compiler/%.o: compiler/%.c
	@mkdir -p $(@D)
	$(say)$(CC) $(hvcc_cflags) $(sanitize) -MMD -MP -c -o $@ $<
$(B)/asan/hvcc: $(hvcc_asan_objects)
	$(say)$(CC) $(sanitize) -o $@ $^ $(hvcc_libs)

# ------------------------------------------------------------------------------------ the tests
# A unit test is a cmocka program that prints TAP. Host builds of core files are sanitized.
unit_cflags := -std=gnu11 -O1 -g $(warnings) $(sanitize) -D_GNU_SOURCE -Icore -Icompiler -I. -I$(B)/generated

# `unit_<name> := sources` names what tests/core/unit/<name>.c (units_core), tests/core/contract/<name>.c
# (units_contract) or tests/compiler/unit/<name>.c (units_compiler) links besides itself; `libs_<name>` its libraries.
units_core     :=
# the instruction emulator
units_core += decode execute execute_modes emulator
emul_sources := $(patsubst %.o,core/emul/%.c,$(core_emul))
unit_decode := $(emul_sources)
libs_decode := -lZydis
unit_execute := $(emul_sources)
unit_execute_modes := $(emul_sources)
libs_execute_modes := -lunicorn
unit_emulator := $(emul_sources)
# the core's base
units_core += lib ptab frames blob memory_map acpi_host handoff platform_check timer log guest_console
unit_lib    := core/lib/status.c core/lib/format.c core/lib/checksum.c core/lib/sha256.c
unit_ptab   := core/mm/ptab.c core/mm/ptab_host.c core/mm/ptab_npt.c core/mm/ptab_ept.c core/lib/status.c
unit_blob   := core/blob/blob.c core/lib/status.c core/lib/format.c core/lib/sha256.c tests/core/unit/shim/sample_blob.c
unit_frames := core/mm/frames.c core/lib/status.c
quiet_log   := tests/core/unit/shim/quiet_log.c core/lib/format.c core/lib/status.c
unit_memory_map := core/platform/memory_map.c core/mm/frames.c $(quiet_log)
unit_acpi_host  := core/platform/acpi_host.c core/lib/checksum.c $(quiet_log)
unit_handoff    := core/boot/pvh.c core/boot/multiboot2.c core/platform/memory_map.c core/mm/frames.c $(quiet_log)
unit_platform_check := core/platform/platform_check.c $(unit_blob)
unit_timer      := core/cpu/timer.c
unit_log        := core/console/log.c core/lib/format.c core/lib/status.c
unit_guest_console := core/console/guest_console.c
# Chips on the host meet the machine of the shim.
units_core += vlapic vioapic vpic vpit vhpet vrtc vuart acpi_pm pci_host kvm
shim := tests/core/unit/shim/machine.c tests/core/unit/shim/script.c
unit_vlapic := core/dev/vlapic.c core/dev/vlapic_device.c core/dev/vlapic_timer.c core/dev/vlapic_lent.c $(shim)
unit_vioapic := core/dev/vioapic.c $(unit_vlapic)
unit_vpic := core/dev/vpic.c $(shim)
unit_vpit := core/dev/vpit.c $(shim)
unit_vhpet := core/dev/vhpet.c $(shim)
unit_vrtc := core/dev/vrtc.c $(shim)
unit_vuart := core/dev/vuart.c $(shim)
unit_acpi_pm := core/dev/acpi_pm.c core/dev/debug_exit.c $(shim)
units_core += watchdog
unit_watchdog := core/dev/watchdog.c core/dev/panic.c $(shim)
unit_pci_host := $(patsubst %.o,core/pci/%.c,$(core_pci)) $(shim)
unit_kvm := $(patsubst %.o,core/pv/%.c,$(core_pv)) $(unit_vlapic)
units_core += shmem
unit_shmem := core/share/shmem.c $(unit_blob) tests/core/unit/shim/quiet_log.c
# Guest memory, its page walk, its buses.
units_core += bus memory guest_walk
space_sources := core/space/memory.c core/space/write_guard.c core/mm/ptab.c core/lib/status.c tests/core/unit/shim/guest_ram.c
unit_bus := core/space/bus.c core/lib/status.c
unit_memory := core/space/dma.c $(space_sources)
unit_guest_walk := core/space/guest_walk.c $(space_sources)
units_core += virtqueue virtio
unit_virtqueue := core/virtio/queue.c $(unit_memory)
unit_virtio := $(patsubst %.o,core/virtio/%.c,$(core_virtio)) core/space/dma.c core/lib/format.c $(patsubst %.o,core/pci/%.c,$(core_pci)) \
	$(shim) tests/core/unit/shim/quiet_log.c tests/core/unit/shim/random.c tests/core/unit/shim/virtio_driver.c
# The common half of a vCPU against a backend without a processor.
units_core += sched
unit_sched := core/sched/fair.c core/sched/table.c
units_contract := events exits irq_routing policy backend
vcpu_sources := core/mm/ptab_npt.c $(addprefix core/vcpu/,vcpu.c inject.c dump.c exit.c exit_cpuid.c exit_cr.c exit_halt.c exit_hypercall.c exit_mmio.c \
	exit_msr.c exit_pio.c refused_write.c cpuid.c msr.c) core/space/bus.c core/space/guest_walk.c core/lib/format.c \
	$(emul_sources) $(space_sources) $(addprefix tests/core/unit/shim/,fake_backend.c quiet_log.c)
unit_events := $(vcpu_sources)
unit_exits := $(vcpu_sources)
unit_irq_routing := core/vm/irq.c $(vcpu_sources)
unit_policy := core/vcpu/policy.c $(vcpu_sources)
# The contract itself, with both backends on processors of the test.
unit_backend := $(addprefix core/svm/,svm.c svm_exit.c svm_vmcb.c) $(addprefix core/vmx/,vmx.c vmx_exit.c vmx_vmcs.c posted.c spp.c) \
	core/mm/ptab_npt.c core/mm/ptab_ept.c core/vcpu/inject.c core/vcpu/cpuid.c core/vcpu/msr.c core/space/bus.c \
	core/space/guest_walk.c core/lib/format.c $(space_sources) \
	$(addprefix tests/core/contract/,subject_fake.c subject_svm.c subject_vmx.c) \
	$(addprefix tests/core/unit/shim/,fake_backend.c quiet_log.c)
units_contract += translations
unit_translations := tests/core/contract/translations_svm.c $(filter-out tests/core/contract/subject_%,$(unit_backend))
# Compiles what it tests into itself.
units_contract += posting
unit_posting := core/lib/status.c
$(B)/asan/core/vmx/%.o $(B)/asan/tests/core/contract/%.o: unit_cflags := -Itests/core/contract/processor $(unit_cflags)
# From bytes to a checked model.
front_sources := $(foreach f,base diag yaml validate rule policy model check,$(patsubst %.o,compiler/$(f)/%.c,$(compiler_$(f)))) \
	$(patsubst %.o,$(B)/generated/%.c,$(compiler_generated))
unit_base  := $(patsubst %.o,compiler/base/%.c,$(compiler_base))
libs_base  := -ljansson
unit_front := $(front_sources)
libs_front := -lyaml -ljansson -lsodium
unit_reads := $(front_sources)
libs_reads := $(libs_front)
unit_expression := $(front_sources)
libs_expression := $(libs_front)
# From a policy to its records.
policy_sources := $(front_sources) $(addprefix compiler/lower/,topology.c cpuid.c cpuid_cases.c msr.c)
unit_cpu_topology := $(policy_sources)
unit_cpu_features := $(policy_sources)
unit_cpu_policy   := $(policy_sources)
libs_cpu_topology := $(libs_front)
libs_cpu_features := $(libs_front)
libs_cpu_policy   := $(libs_front)

# From a checked model to an image.
back_sources := $(front_sources) $(foreach f,kernel lower acpi emit,$(patsubst %.o,compiler/$(f)/%.c,$(compiler_$(f))))
kernel_sources := $(unit_base) $(patsubst %.o,compiler/kernel/%.c,$(compiler_kernel))
unit_kernels := $(kernel_sources)
unit_symbols := $(kernel_sources)
libs_symbols := -ljansson -llz4 -lzstd -llzma -lz
libs_kernels := -ljansson -llz4 -lzstd -llzma -lz
unit_aml := $(unit_base) compiler/acpi/aml.c
libs_aml := -ljansson
unit_lowering := $(back_sources)
libs_lowering := $(hvcc_libs)
unit_cpu_graph := $(back_sources)
libs_cpu_graph := $(hvcc_libs)
units_compiler := base front cpu_features cpu_graph cpu_policy cpu_topology kernels symbols aml lowering
# Trees from several documents.
unit_forms := $(unit_base) $(addprefix compiler/,diag/diag.c model/model.c $(patsubst %.o,yaml/%.c,$(compiler_yaml)))
libs_forms := -lyaml -ljansson
units_compiler += forms
units_compiler += expression reads

$(B)/asan/core/%.o: core/%.c
	@mkdir -p $(@D)
	$(say)$(CC) $(unit_cflags) -MMD -MP -c -o $@ $<
$(B)/asan/tests/%.o: tests/%.c | $(generated_headers)
	@mkdir -p $(@D)
	$(say)$(CC) $(unit_cflags) -MMD -MP -c -o $@ $<
define unit_rule
$(B)/unit/$(1): $(B)/asan/$(2)/$(1).o $(patsubst %.c,$(B)/asan/%.o,$(unit_$(1)))
	@mkdir -p $$(@D)
	$$(say)$(CC) $(sanitize) -o $$@ $$^ -lcmocka $(libs_$(1))
endef
$(foreach u,$(units_core),$(eval $(call unit_rule,$(u),tests/core/unit)))
$(foreach u,$(units_contract),$(eval $(call unit_rule,$(u),tests/core/contract)))
$(foreach u,$(units_compiler),$(eval $(call unit_rule,$(u),tests/compiler/unit)))
units := $(addprefix $(B)/unit/,$(units_core) $(units_contract) $(units_compiler))

.PHONY: units
units: $(units)
	tests/run.sh -j 2 $(units)

# A fuzzer is tests/fuzz/<name>.c with its corpus in tests/fuzz/corpus/<name>; it links `fuzz_<name>` besides itself.
fuzz_yaml := $(front_sources)
libs_fuzz_yaml := -lyaml -ljansson -lsodium
fuzz_policy := $(policy_sources)
libs_fuzz_policy := $(libs_front)
fuzz_expression := $(front_sources)
libs_fuzz_expression := $(libs_fuzz_yaml)
fuzzers := yaml policy expression
fuzzers += forms
fuzz_forms := $(front_sources)
libs_fuzz_forms := $(libs_fuzz_yaml)
fuzzers += blob
fuzz_blob := core/blob/blob.c core/lib/status.c core/lib/format.c core/lib/sha256.c
fuzzers += devices
fuzz_devices := $(patsubst %.o,core/dev/%.c,$(core_dev)) $(patsubst %.o,core/pv/%.c,$(core_pv)) \
	$(patsubst %.o,core/pci/%.c,$(core_pci)) tests/core/unit/shim/machine.c
fuzzers += virtqueue
fuzz_virtqueue := core/virtio/queue.c core/space/dma.c tests/core/unit/shim/machine.c
fuzzers += decode
fuzz_decode := $(emul_sources)
fuzzers += bzimage elf
fuzz_bzimage := $(kernel_sources)
libs_fuzz_bzimage := $(libs_kernels)
fuzz_elf := compiler/kernel/elf.c compiler/kernel/multiboot.c compiler/kernel/config.c $(unit_base)
libs_fuzz_elf := -ljansson -lz
fuzzers += image
fuzz_image := $(back_sources) $(foreach f,audit picture,$(patsubst %.o,compiler/$(f)/%.c,$(compiler_$(f))))
libs_fuzz_image := $(hvcc_libs)
fuzzers += probe
fuzz_probe := $(front_sources) $(patsubst %.o,compiler/probe/%.c,$(compiler_probe))
libs_fuzz_probe := $(libs_fuzz_yaml) -lz
fuzz_cflags := -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE \
	-Icore -Icompiler -I. -I$(B)/generated
define fuzz_rule
$(B)/fuzz/$(1): tests/fuzz/$(1).c $(fuzz_$(1)) | $(generated_headers)
	@mkdir -p $$(@D)
	$$(say)clang $(fuzz_cflags) -o $$@ $$^ $(libs_fuzz_$(1))
endef
$(foreach f,$(fuzzers),$(eval $(call fuzz_rule,$(f))))

# A bare-metal guest is tests/guest/<name>/main.c with the library beside it.
guests := bench boot clock cpuid events exceptions flags halt hpet instructions ioapic ivshmem kvm lapic lock mmio modes msr pci pic power rtc share smp spin spp triple uart xsave
# Life and death, and attack.
guests += heartbeat hostile leak mortal
guest_cflags := -std=gnu11 -O2 -g -ffreestanding -fno-builtin -mno-red-zone -mgeneral-regs-only -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none $(warnings) $(reproducible) -Itests/guest/lib
guest_lib := start.o trap_entry.o trap.o console.o test.o apic.o acpi.o smp.o paging.o
$(B)/guest/%.o: tests/guest/%.c
	@mkdir -p $(@D)
	$(say)$(CC) $(guest_cflags) -MMD -MP -c -o $@ $<
$(B)/guest/%.o: tests/guest/%.S
	@mkdir -p $(@D)
	$(say)$(CC) $(guest_cflags) -MMD -MP -c -o $@ $<
$(guests:%=$(B)/guest/%.elf): $(B)/guest/%.elf: $(B)/guest/%/main.o $(addprefix $(B)/guest/lib/,$(guest_lib)) tests/guest/lib/link.ld
	$(say)$(LD) -m elf_x86_64 -nostdlib -static -z noexecstack --no-warn-rwx-segments -z max-page-size=4096 --build-id=none -T tests/guest/lib/link.ld \
		-o $@.64 $(filter %.o,$^)
	@objcopy -O elf32-i386 $@.64 $@
$(B)/guest/modes.elf: $(B)/guest/modes/trip.o

# The core's lowest layers on a machine, without guests.
$(B)/core/machine.o: tests/core/machine/main.c
	@mkdir -p $(@D)
	$(say)$(CC) $(core_cflags) -MMD -MP -c -o $@ $<
$(B)/machine.elf: $(B)/core/boot/head.o $(B)/core/machine.o $(B)/core/core.a core/boot/link.ld
	$(say)$(LD) -nostdlib -static -z noexecstack -z max-page-size=4096 --build-id=none -T core/boot/link.ld -o $@ $(filter %.o %.a,$^)

# examples/hello: one file, 32 bits.
$(B)/hello.elf: examples/hello/hello.c
	@mkdir -p $(@D)
	$(say)$(CC) -m32 -std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
		-fcf-protection=none -mgeneral-regs-only $(warnings) $(reproducible) -nostdlib -static -Wl,--build-id=none \
		-Wl,-Ttext-segment=0x100000 -Wl,-e,start -Wl,-z,noexecstack,-z,norelro,-z,noseparate-code -o $@ $<

# A task of 32 bits for GNU Mach.
$(B)/guest/mach_task.elf: tests/boot/foreign/mach_task.c
	@mkdir -p $(@D)
	$(say)$(CC) -m32 -std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
		-fcf-protection=none -mgeneral-regs-only $(warnings) $(reproducible) -nostdlib -static -Wl,--build-id=none -Wl,-e,start \
		-Wl,-z,noexecstack -o $@ $<

# A kernel of 32 bits that switches tasks.
$(B)/guest/task_switch.elf: tests/boot/foreign/task_switch.c
	@mkdir -p $(@D)
	$(say)$(CC) -m32 -std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
		-fcf-protection=none -mgeneral-regs-only $(warnings) $(reproducible) -nostdlib -static -Wl,--build-id=none \
		-Wl,-Ttext-segment=0x100000 -Wl,-e,start -Wl,-z,noexecstack,-z,norelro,-z,noseparate-code -o $@ $<

# What `make check` runs besides the lists above: commands that print TAP, the longest first.
check_scripts := tests/boot/linux.py tests/boot/guests.py tests/boot/scenarios.py tests/boot/foreign.py tests/core/machine/run.sh \
	tests/compiler/promises.py tests/style/style.py
check_full_scripts := 'tests/boot/linux.py --full' 'tests/boot/guests.py --full' 'tests/boot/scenarios.py --full' 'tests/boot/foreign.py --full' \
	tests/core/machine/run.sh tests/compiler/promises.py tests/style/style.py
check_scripts += tests/boot/virtio.py
check_full_scripts += tests/boot/virtio.py
check_products := $(B)/machine.elf $(B)/asan/hvcc $(units) $(fuzzers:%=$(B)/fuzz/%) $(guests:%=$(B)/guest/%.elf) $(B)/guest/mach_task.elf $(B)/guest/task_switch.elf
check_always := tests/compiler/rules.py tests/compiler/front.py tests/compiler/tools.py tests/compiler/package.sh tests/compiler/acpi.sh tests/compiler/commands.sh $(units) $(fuzzers:%='tests/fuzz/run.sh %') \
	$(wildcard tests/compiler/cases)
check_always += tests/compiler/probe.py
check_always += tests/compiler/forms.py
check_always += tests/compiler/cpuid.py
check_always += tests/compiler/audit.py tests/compiler/decompile.py tests/compiler/look.py tests/compiler/generated.py

# Life and death.
check_scripts += tests/boot/damaged.py
check_full_scripts += 'tests/boot/damaged.py --full'

jobs := $(shell nproc)
.PHONY: run check check-now check-full check-full-now boots bench coverage coverage-now style install manuals deb
$(B)/setup-%: tests/emulators/setup.sh
	@mkdir -p $(@D)
	tests/emulators/setup.sh $*
	@touch $@
# Each of these is one build with one set-up before it, so that a clean clone needs nothing else.
run: $(B)/setup-run
	$(MAKE) -j$(jobs) all
	tests/boot/example.sh
check check-full: $(B)/setup-check
	$(MAKE) -j$(jobs) $@-now
check-now: all $(check_products)
	tests/run.sh -j 2 $(check_scripts) $(check_always)
check-full-now: all $(check_products)
	TEST_TIMEOUT=86400 tests/run.sh -j 2 $(check_full_scripts) $(check_always)

# The same boot N times, to see whether it ever hangs.
N := 200
boots: $(B)/setup-check
	$(MAKE) -j$(jobs) all
	TEST_TIMEOUT=86400 tests/run.sh 'tests/boot/boots.py $(N)'

# What it costs, beside the bare machine and against the design's budgets; BENCH_PEERS=1 adds KVM and Xen.
bench: $(B)/setup-bench
	$(MAKE) -j$(jobs) all $(B)/guest/bench.elf
	tests/boot/bench.py

# generated/: what hvcc makes of the examples, kept in the tree; a test compares.
.PHONY: generated
generated: all
	HVCC=$(CURDIR)/$(B)/hvcc tests/compiler/generated.py --write

# Which lines of compiler/ its tests reach: a copy of the tree, built with counters in place of sanitizers. What passes is for
# `make check` to say: a few tests look at how hvcc is linked, or take its memory away.
coverage_tests = $(filter tests/compiler/%,$(check_scripts) $(check_always)) $(addprefix $(B)/unit/,$(units_compiler))
coverage: $(B)/setup-coverage
	rm -rf $(B)/coverage
	mkdir -p $(B)/coverage
	git ls-files -z | cpio -0 -pdm --quiet $(B)/coverage
	$(MAKE) -C $(B)/coverage -j$(jobs) sanitize='--coverage -fprofile-update=atomic' coverage-now
coverage-now: all $(B)/asan/hvcc $(addprefix $(B)/unit/,$(units_compiler))
	cp $(B)/asan/hvcc $(B)/hvcc
	-tests/run.sh -j 2 $(coverage_tests)
	gcovr --root . --filter compiler/ --exclude compiler/validate/schema_compile.c --gcov-ignore-parse-errors --sort-uncovered --print-summary $(B)

style:
	tests/run.sh tests/style/style.py

# Manual pages, completions and schemas come from hvcc itself.
manuals: $(B)/hvcc
	$(B)/hvcc manual -o $(B)/man

# Where Debian's packages put completions for zsh, and where others do.
zsh_folder := $(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
share := $(DESTDIR)$(PREFIX)/share
install: all manuals
	install -D -m 755 $(B)/hvcc $(DESTDIR)$(PREFIX)/bin/hvcc
	install -D -m 644 $(B)/hvcore.elf $(DESTDIR)$(PREFIX)/lib/hvcc/hvcore.elf
	install -d $(share)/man/man1 $(share)/man/man5 $(share)/hvcc/schema $(share)/bash-completion/completions \
		$(share)/zsh/$(zsh_folder) $(share)/fish/vendor_completions.d
	install -m 644 $(B)/man/*.1 $(share)/man/man1
	install -m 644 $(B)/man/*.5 $(share)/man/man5
	install -m 644 schema/*.schema.json $(share)/hvcc/schema
	$(B)/hvcc completion bash >$(share)/bash-completion/completions/hvcc
	$(B)/hvcc completion zsh >$(share)/zsh/$(zsh_folder)/_hvcc
	$(B)/hvcc completion fish >$(share)/fish/vendor_completions.d/hvcc.fish

deb: all
	.packaging/deb.sh $(B)/deb

clean:
	rm -rf $(B)

-include $(shell find $(B) -path $(B)/fetch -prune -o -type f -name '*.d' -print 2>/dev/null)
