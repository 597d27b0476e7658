/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pair of 8259A interrupt controllers with the edge/level registers of the ICH (8259A datasheet; ICH9 datasheet
 * 13.4). The slave's output is input 2 of the master, which here follows it as a level. GSI 2, which no device can
 * have on this side, is input 0: the PC's override of the timer.
 */
#include "dev/dev.h"
#include "lib/bits.h"

enum { PORT_MASTER = 0x20, PORT_SLAVE = 0xa0, PORT_ELCR = 0x4d0 };
enum { MASTER, SLAVE, CHIPS };

#define INPUTS	8
#define CASCADE 2
#define SPURIOUS 7 /* the input whose vector an interrupt that has gone away gets */

#define ICW1	  BIT(4)
#define ICW1_ICW4 BIT(0)
#define ICW1_ONE  BIT(1) /* no cascade, so no ICW3 */
#define ICW4_AEOI BIT(1)
#define ICW4_SFNM BIT(4) /* special fully nested mode */

#define OCW2_COMMAND BITS(7, 5)
#define OCW3	     BIT(3)
#define OCW3_READ    BITS(1, 0)
#define OCW3_POLL    BIT(2)
#define OCW3_SPECIAL BITS(6, 5)

struct i8259 {
	uint8_t irr, imr, isr;
	uint8_t lines;	  /* level of each input */
	uint8_t elcr;	  /* 1: level-triggered */
	uint8_t lowest;	  /* the input of lowest priority; the next one has the highest */
	uint8_t vector;	  /* of input 0 */
	uint8_t expected; /* which ICW comes next at the data port; 0: none */
	uint8_t icw1;
	bool read_isr, poll;
	bool auto_eoi, rotate_on_auto_eoi;
	bool special_mask, special_nested;
};

struct vpic {
	struct device device;
	struct i8259 chip[CHIPS];
	struct irq_extint source;
	bool output; /* INTR */
};

static const uint8_t elcr_writable[CHIPS] = { 0xf8, 0xde };

/* How far from the highest priority (0) the most urgent input of a set is; INPUTS for none. */
static unsigned int urgency(const struct i8259 *chip, uint8_t inputs)
{
	for (unsigned int i = 0; i < INPUTS; i++) {
		if (inputs & BIT((chip->lowest + 1u + i) % INPUTS))
			return i;
	}
	return INPUTS;
}

/* The input that the chip asks for; -1: none. */
static int request(const struct i8259 *chip, bool master)
{
	uint8_t serving = chip->isr;
	unsigned int wanted = urgency(chip, chip->irr & ~chip->imr);

	if (chip->special_mask)
		serving &= ~chip->imr;
	if (chip->special_nested && master)
		serving &= ~BIT(CASCADE);
	if (wanted >= urgency(chip, serving))
		return -1;
	return (chip->lowest + 1 + wanted) % INPUTS;
}

static void set_input(struct i8259 *chip, unsigned int input, bool level)
{
	uint8_t bit = BIT(input);
	bool rises = level && !(chip->lines & bit);

	chip->lines = level ? chip->lines | bit : chip->lines & ~bit;
	if (chip->elcr & bit)
		chip->irr = level ? chip->irr | bit : chip->irr & ~bit;
	else if (rises)
		chip->irr |= bit;
}

static void update(struct vpic *pic)
{
	struct i8259 *master = &pic->chip[MASTER];
	bool output;

	if (request(&pic->chip[SLAVE], false) >= 0)
		master->irr |= BIT(CASCADE);
	else
		master->irr &= ~BIT(CASCADE);
	output = request(master, true) >= 0;
	if (output == pic->output)
		return;
	pic->output = output;
	irq_raise_extint(pic->device.vm, output);
}

static void line_changed(void *context, uint32_t gsi, bool level)
{
	struct vpic *pic = context;

	if (gsi >= CHIPS * INPUTS)
		return;
	if (gsi == CASCADE)
		gsi = 0;
	set_input(&pic->chip[gsi / INPUTS], gsi % INPUTS, level);
	update(pic);
}

static void serve(struct i8259 *chip, unsigned int input)
{
	uint8_t bit = BIT(input);

	if (!chip->auto_eoi)
		chip->isr |= bit;
	else if (chip->rotate_on_auto_eoi)
		chip->lowest = input;
	if (!(chip->elcr & bit))
		chip->irr &= ~bit;
}

/* One chip's answer to INTA: its input is now in service. */
static unsigned int answer(struct i8259 *chip, bool master)
{
	int input = request(chip, master);

	if (input < 0)
		return SPURIOUS;
	serve(chip, input);
	return input;
}

static int acknowledge(void *context)
{
	struct vpic *pic = context;
	unsigned int input = answer(&pic->chip[MASTER], true);
	int vector = pic->chip[MASTER].vector + input;

	if (input == CASCADE)
		vector = pic->chip[SLAVE].vector + answer(&pic->chip[SLAVE], false);
	update(pic);
	return vector;
}

static void init(struct i8259 *chip, uint8_t icw1)
{
	*chip = (struct i8259){
		.lines = chip->lines,
		.elcr = chip->elcr,
		.irr = chip->lines & chip->elcr,
		.vector = chip->vector,
		.lowest = INPUTS - 1,
		.icw1 = icw1,
		.expected = 2,
	};
}

static void operation2(struct i8259 *chip, uint8_t value)
{
	enum { ROTATE_OFF, EOI, NOTHING, EOI_OF, ROTATE_ON, ROTATE_EOI, SET_LOWEST, ROTATE_EOI_OF };
	unsigned int command = field_get(value, OCW2_COMMAND), input = value % INPUTS;
	unsigned int serving = (chip->lowest + 1 + urgency(chip, chip->isr)) % INPUTS;

	if (command == EOI || command == ROTATE_EOI)
		input = serving;
	if ((command == EOI || command == ROTATE_EOI) && !chip->isr)
		return;
	if (command == EOI || command == EOI_OF || command == ROTATE_EOI || command == ROTATE_EOI_OF)
		chip->isr &= ~BIT(input);
	if (command >= ROTATE_EOI)
		chip->lowest = input;
	if (command == ROTATE_OFF || command == ROTATE_ON)
		chip->rotate_on_auto_eoi = command == ROTATE_ON;
}

static void operation3(struct i8259 *chip, uint8_t value)
{
	if (value & OCW3_POLL)
		chip->poll = true;
	if (field_get(value, OCW3_READ) >= 2)
		chip->read_isr = value & 1;
	if (field_get(value, OCW3_SPECIAL) >= 2)
		chip->special_mask = field_get(value, OCW3_SPECIAL) == 3;
}

static void write_command(struct i8259 *chip, uint8_t value)
{
	if (value & ICW1)
		init(chip, value);
	else if (value & OCW3)
		operation3(chip, value);
	else
		operation2(chip, value);
}

static void write_data(struct i8259 *chip, uint8_t value)
{
	switch (chip->expected) {
	case 2:
		chip->vector = value & 0xf8;
		chip->expected = !(chip->icw1 & ICW1_ONE) ? 3 : chip->icw1 & ICW1_ICW4 ? 4 : 0;
		return;
	case 3: /* the cascade is wired */
		chip->expected = chip->icw1 & ICW1_ICW4 ? 4 : 0;
		return;
	case 4:
		chip->auto_eoi = value & ICW4_AEOI;
		chip->special_nested = value & ICW4_SFNM;
		chip->expected = 0;
		return;
	}
	chip->imr = value;
}

static uint8_t read_chip(struct i8259 *chip, bool master, bool data)
{
	if (chip->poll) { /* the read is the INTA cycle */
		bool there = request(chip, master) >= 0;

		chip->poll = false;
		return there ? 0x80 | answer(chip, master) : 0;
	}
	if (data)
		return chip->imr;
	return chip->read_isr ? chip->isr : chip->irr;
}

static enum access_result chip_port(void *context, struct bus_access *access)
{
	struct vpic *pic = context;
	bool master = access->address < PORT_SLAVE, data = access->address & 1;
	struct i8259 *chip = &pic->chip[master ? MASTER : SLAVE];

	if (!access->write)
		access->value = read_chip(chip, master, data);
	else if (data)
		write_data(chip, access->value);
	else
		write_command(chip, access->value);
	update(pic);
	return ACCESS_DONE;
}

static enum access_result elcr_port(void *context, struct bus_access *access)
{
	struct vpic *pic = context;

	for (unsigned int i = 0; i < access->size && access->address + i < PORT_ELCR + CHIPS; i++) {
		unsigned int n = access->address + i - PORT_ELCR;
		uint8_t byte = access->value >> 8 * i;

		if (access->write)
			pic->chip[n].elcr = byte & elcr_writable[n];
		else
			access->value = field_set(i ? access->value : 0, BITS(7, 0) << 8 * i,
						  pic->chip[n].elcr);
	}
	update(pic);
	return ACCESS_DONE;
}

static size_t state_size(uint32_t vcpus)
{
	(void)vcpus;
	return sizeof(struct vpic);
}

static enum status create(struct device *device)
{
	struct vpic *pic = (struct vpic *)device;
	enum status s = irq_add_line_sink(device->vm, line_changed, device);

	if (s)
		return s;
	pic->source = (struct irq_extint){ .acknowledge = acknowledge, .context = pic };
	irq_set_extint(device->vm, &pic->source);
	s = device_add_range(device, VM_PORT, PORT_MASTER, PORT_MASTER + 1, chip_port, device, BUS_LOCKED);
	if (!s)
		s = device_add_range(device, VM_PORT, PORT_SLAVE, PORT_SLAVE + 1, chip_port, device,
				     BUS_LOCKED);
	if (!s)
		s = device_add_range(device, VM_PORT, PORT_ELCR, PORT_ELCR + 1, elcr_port, device,
				     BUS_LOCKED);
	return s;
}

/* The chip has no reset pin; all inputs masked is what firmware leaves. */
static void reset(struct device *device)
{
	struct vpic *pic = (struct vpic *)device;

	for (unsigned int n = 0; n < CHIPS; n++)
		pic->chip[n] = (struct i8259){ .imr = 0xff, .lowest = INPUTS - 1, .vector = n ? 0x70 : 0x08 };
	update(pic);
}

const struct device_ops vpic_ops = {
	.name = "pic-8259",
	.kind = HV_DEVICE_PIC,
	.state_size = state_size,
	.create = create,
	.reset = reset,
};
