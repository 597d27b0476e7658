/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diag/: collects what a compilation has to say; one printer a format. Every diagnostic is one
 * row of codes.def. A pass reports and goes on; whoever drives the passes asks diag_errors().
 *
 *	struct diag *d = diag_report(diags, PIN_TWICE, pin->where.at, vcpu);
 *	diag_label(d, "pinned again here");
 *	diag_note(d, first->where.at, "first pinned here");
 *	diag_help(d, "remove one of the two");
 *
 * diag_report() never returns NULL, so the calls can be chained without a test. May not know the
 * model: places are positions, everything else is text.
 */
#ifndef HVCC_DIAG_DIAG_H
#define HVCC_DIAG_DIAG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/source.h"

enum severity { SEVERITY_OFF, SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

/* DIAG_name for each row. */
enum diag_code {
#define DIAG(name, id, severity, sentence, explain, bad, good) DIAG_##name,
#include "diag/codes.def"
#undef DIAG
	DIAG_COUNT
};

/* The sentences as constant arrays, so that the compiler checks arguments against them. */
#define DIAG(name, id, severity, sentence, explain, bad, good)                                     \
	static const char diag_sentence_##name[] __attribute__((unused)) = sentence;
#include "diag/codes.def"
#undef DIAG

struct diag_row {
	const char *name; /* as in codes.def */
	const char *id; /* "HV0204" */
	enum severity severity;
	const char *sentence; /* printf format */
	const char *explain; /* paragraphs */
	const char *bad, *good; /* samples, may be empty */
};

extern const struct diag_row diag_rows[DIAG_COUNT];

/* A second place, with what is there. */
struct diag_place {
	struct position at;
	const char *text;
};

/* What would put a finding right: `text` for the bytes of `at`. */
struct diag_edit {
	struct position at;
	const char *text;
};

struct diag {
	enum diag_code code;
	enum severity severity;
	struct position at; /* file 0: about no place (a missing file, the command line) */
	const char *message;
	const char *label; /* beside the underlining, or NULL */
	VECTOR(struct diag_place) notes;
	VECTOR(const char *) helps;
	uint32_t test; /* number of the test it belongs to, from 1; 0: none */
	bool mute; /* one of too many: nothing is kept */
	VECTOR(struct diag_edit) edits; /* all of them or none, in the order of their places */
};

/*
 * A warning or note that a document allows (`lint.allow`): about files `first` to `last`, where these
 * are one, only bytes `begin` to `end` of it.
 */
struct diag_allowance {
	enum diag_code code;
	struct position at; /* of the entry */
	uint32_t first, last, begin, end;
	bool used;
};

struct diags {
	struct arena *arena;
	const struct sources *sources;
	VECTOR(struct diag *) list;
	uint8_t severity_of[DIAG_COUNT]; /* 1 + enum severity where -W changed it, else 0 ... */
	bool settled[DIAG_COUNT];	 /* ... also against -W error */
	bool warnings_are_errors;
	VECTOR(struct diag_allowance) allowances;
	struct position subject; /* of the guest's document that is looked at; nowhere: of the whole */
	VECTOR(const char *) tests; /* names; none: a test is a file */
	size_t errors, warnings;
	size_t suppressed; /* beyond MOST_DIAGS: counted, not kept */
	struct diag *spare; /* what those are written into */
};

/* Hostile input could have a finding a byte. */
#define MOST_DIAGS 1000

struct diags *diags_new(struct arena *arena, const struct sources *sources);

/* Reports one finding; arguments are those of the row's sentence. */
#define diag_report(diags, name, at, ...)                                                          \
	diag_report_code((diags), DIAG_##name, (at), diag_sentence_##name, ##__VA_ARGS__)
struct diag *diag_report_code(struct diags *diags, enum diag_code code, struct position at,
			      const char *sentence, ...) __attribute__((format(printf, 4, 5)));

/* What is reported from here on belongs to a test of that name. */
void diags_begin_test(struct diags *diags, const char *name);

/* What the reports of tests are made of: named tests, or else files; number 0 is what is about none. */
size_t diags_test_count(const struct diags *diags);
uint32_t diag_test(const struct diags *diags, const struct diag *diag);
const char *diag_test_name(const struct diags *diags, uint32_t test);

/* What stands beside the underlined place. */
void diag_label(struct diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A second place of a conflict. A position that is nowhere becomes a plain note line. */
void diag_note(struct diag *diag, struct position at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* How to put it right. */
void diag_help(struct diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * How a program can put it right, where there is one answer only: the word in the bytes of `at`, plain
 * or quoted, becomes `text`. Nothing is noted where the file has something else there (an alias, a
 * tag, a text of several lines): such places are for people.
 */
void diag_fix_word(struct diags *diags, struct diag *diag, struct position at, const char *word,
		   const char *text);

/* The same for a name that was probably meant; not when numbers in it differ, which may be meant, too. */
void diag_fix_name(struct diags *diags, struct diag *diag, struct position at, const char *name,
		   const char *meant);

/* The same for a number, whatever way the file writes it. */
void diag_fix_number(struct diags *diags, struct diag *diag, struct position at, uint64_t value);

/* "error", "warning", "note"; "off" is never printed. */
const char *diag_severity_word(enum severity severity);

/* Errors reported so far (warnings too once -W error made them errors). */
size_t diag_errors(const struct diags *diags);

/*
 * Applies one -W argument; a CODE may be its name. `error`: warnings are errors; `no-error`; `CODE`: a note
 * or what was off is a warning; `no-CODE`: off; `error=CODE`, `no-error=CODE`: whatever `error` says; `all`:
 * as it is. False: there is no such warning; errors stay errors.
 */
bool diags_set_severity(struct diags *diags, const char *argument);

/* The same settings for findings anew. */
void diags_take_severities(struct diags *diags, const struct diags *from);

/* Row of "HV0204" or "topology-product", any case; NULL when there is none. */
const struct diag_row *diag_find(const char *text);

/* The code or word that was probably meant by text; NULL: no idea. */
const char *diag_meant(struct arena *arena, const char *text);

/* The word of a row as -W and explain take it: "topology-product". */
const char *diag_word(struct arena *arena, const struct diag_row *row);

/* The sentence of a row with `...` for what a finding fills in. */
const char *diag_plain_sentence(struct arena *arena, const struct diag_row *row);

/* By file, place, code; equal findings once. Printers call it. */
void diags_sort(struct diags *diags);

/* Takes findings from index `from` on away that have the code and place of an earlier one. */
void diags_drop_repeats(struct diags *diags, size_t from);

/*
 * Adds to each finding how its file came to be read (what extends or includes it), and where values
 * were given or used that parameters brought to another place. Once, before printing.
 */
void diags_add_origins(struct diags *diags);

/*
 * The printers: one row of printers.def each. Each prints the whole list. Those of machine formats
 * print a complete document, also when there is nothing to say.
 */
void diag_print_text(struct diags *diags, FILE *stream, bool colour);
#define PRINTER(name, machine) void diag_print_##name(struct diags *diags, FILE *stream);
#define PRINTER_FOR_PEOPLE(name)
#include "diag/printers.def"
#undef PRINTER
#undef PRINTER_FOR_PEOPLE

struct diag_printer {
	const char *name; /* as --format takes it */
	bool machine; /* a program reads it: nothing else may stand on that stream */
	void (*print)(struct diags *diags, FILE *stream); /* NULL: diag_print_text() */
};

/* NULL when no printer has that name. */
const struct diag_printer *diag_printer_find(const char *name);

/*
 * The candidate closest to word, or NULL when none is close enough for "did you mean": equal but
 * for case and -_ , or at most a third of the letters away.
 */
const char *diag_closest(const char *word, const char *const *candidates, size_t count);

#endif
