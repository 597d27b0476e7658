/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting diagnostics: the rows, severities, order, and did-you-mean. */
#include "diag/diag.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct diag_row diag_rows[DIAG_COUNT] = {
#define DIAG(name, id, severity, sentence, explain, bad, good)                                     \
	{ #name, id, SEVERITY_##severity, sentence, explain, bad, good },
#include "diag/codes.def"
#undef DIAG
};

/* A diagnostic and the arena its texts go to. */
struct diag_in_arena {
	struct diag diag;
	struct arena *arena;
};

static struct arena *arena_of(struct diag *diag)
{
	return ((struct diag_in_arena *)diag)->arena;
}

struct diags *diags_new(struct arena *arena, const struct sources *sources)
{
	struct diags *diags = arena_new(arena, struct diags);

	diags->arena = arena;
	diags->sources = sources;
	return diags;
}

static enum severity effective_severity(const struct diags *diags, enum diag_code code)
{
	enum severity severity = diag_rows[code].severity;

	if (diags->severity_of[code])
		severity = diags->severity_of[code] - 1;
	if (severity == SEVERITY_WARNING && diags->warnings_are_errors && !diags->settled[code])
		severity = SEVERITY_ERROR;
	return severity;
}

static struct diag_in_arena *new_diag(struct diags *diags)
{
	struct diag_in_arena *made = arena_new(diags->arena, struct diag_in_arena);

	made->arena = diags->arena;
	return made;
}

/* Beyond the limit only the count grows; notes and helps go to a diagnostic that nobody prints. */
static struct diag *suppress(struct diags *diags, enum diag_code code)
{
	enum severity severity = effective_severity(diags, code);

	diags->errors += severity == SEVERITY_ERROR;
	diags->warnings += severity == SEVERITY_WARNING;
	diags->suppressed += severity != SEVERITY_OFF;
	if (!diags->spare)
		diags->spare = &new_diag(diags)->diag;
	diags->spare->mute = true;
	return diags->spare;
}

static bool covers(const struct diag_allowance *allowance, struct position at)
{
	if (at.file < allowance->first || at.file > allowance->last)
		return false;
	return allowance->first != allowance->last || (at.offset >= allowance->begin && at.offset < allowance->end);
}

/*
 * What a document says is meant: in its own lines, and of its guest wherever the lines are, in what it extends, say.
 * An allowance that was used is not an idle one.
 */
static bool is_allowed(struct diags *diags, enum diag_code code, struct position at)
{
	bool allowed = false;

	for (size_t i = 0; i < diags->allowances.count; i++) {
		struct diag_allowance *allowance = &diags->allowances.items[i];

		if (allowance->code == code && (covers(allowance, at) ||
						(position_known(diags->subject) && covers(allowance, diags->subject))))
			allowance->used = allowed = true;
	}
	return allowed;
}

struct diag *diag_report_code(struct diags *diags, enum diag_code code, struct position at,
			      const char *sentence, ...)
{
	struct diag_in_arena *made;
	va_list arguments;

	if (diags->list.count >= MOST_DIAGS)
		return suppress(diags, code);
	made = new_diag(diags);
	made->diag.code = code;
	made->diag.test = (uint32_t)diags->tests.count;
	made->diag.at = at;
	made->diag.severity = is_allowed(diags, code, at) ? SEVERITY_OFF
							  : effective_severity(diags, code);
	va_start(arguments, sentence);
	made->diag.message = arena_vprintf(diags->arena, sentence, arguments);
	va_end(arguments);
	if (made->diag.severity == SEVERITY_OFF)
		return &made->diag;
	vector_push(diags->arena, &diags->list, &made->diag);
	diags->errors += made->diag.severity == SEVERITY_ERROR;
	diags->warnings += made->diag.severity == SEVERITY_WARNING;
	return &made->diag;
}

void diags_begin_test(struct diags *diags, const char *name)
{
	vector_push(diags->arena, &diags->tests, name);
}

size_t diags_test_count(const struct diags *diags)
{
	size_t files = diags->sources->files.count;

	return diags->tests.count ? diags->tests.count : files ? files - 1 : 0;
}

uint32_t diag_test(const struct diags *diags, const struct diag *diag)
{
	return diags->tests.count ? diag->test : diag->at.file;
}

const char *diag_test_name(const struct diags *diags, uint32_t test)
{
	if (!test)
		return "hvcc";
	return diags->tests.count ? diags->tests.items[test - 1]
				  : source_get(diags->sources, test)->path;
}

void diag_label(struct diag *diag, const char *format, ...)
{
	va_list arguments;

	if (diag->mute)
		return;
	va_start(arguments, format);
	diag->label = arena_vprintf(arena_of(diag), format, arguments);
	va_end(arguments);
}

void diag_note(struct diag *diag, struct position at, const char *format, ...)
{
	struct diag_place place = { .at = at };
	va_list arguments;

	if (diag->mute)
		return;
	va_start(arguments, format);
	place.text = arena_vprintf(arena_of(diag), format, arguments);
	va_end(arguments);
	vector_push(arena_of(diag), &diag->notes, place);
}

void diag_help(struct diag *diag, const char *format, ...)
{
	va_list arguments;

	if (diag->mute)
		return;
	va_start(arguments, format);
	vector_push(arena_of(diag), &diag->helps,
		    arena_vprintf(arena_of(diag), format, arguments));
	va_end(arguments);
}

/* Bytes of a plain or quoted scalar that says exactly word. */
static bool says(const char *bytes, size_t length, const char *word)
{
	size_t size = strlen(word);

	if (length == size + 2 && (bytes[0] == '"' || bytes[0] == '\'') &&
	    bytes[length - 1] == bytes[0])
		return !memcmp(bytes + 1, word, size);
	return length == size && !memcmp(bytes, word, size);
}

void diag_fix_word(struct diags *diags, struct diag *diag, struct position at, const char *word,
		   const char *text)
{
	struct diag_edit edit = { .at = at };

	if (diag->mute || !at.file ||
	    !says(source_get(diags->sources, at.file)->text + at.offset, at.length, word))
		return;
	edit.text = arena_strdup(diags->arena, text);
	vector_push(diags->arena, &diag->edits, edit);
}

/* "x86-64-v5" and "x86-64-v1" are not a slip of the pen apart. */
static bool same_digits(const char *a, const char *b)
{
	static const char digits[] = "0123456789";

	for (;;) {
		a += strcspn(a, digits);
		b += strcspn(b, digits);
		if (!*a || *a != *b)
			return !*a && !*b;
		a++;
		b++;
	}
}

void diag_fix_name(struct diags *diags, struct diag *diag, struct position at, const char *name,
		   const char *meant)
{
	if (same_digits(name, meant))
		diag_fix_word(diags, diag, at, name, meant);
}

void diag_fix_number(struct diags *diags, struct diag *diag, struct position at, uint64_t value)
{
	const char *bytes;
	char text[24];

	if (!at.file)
		return;
	bytes = source_get(diags->sources, at.file)->text + at.offset;
	if (!isdigit((unsigned char)*bytes))
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	diag_fix_word(diags, diag, at, arena_strndup(diags->arena, bytes, at.length), text);
}

const char *diag_severity_word(enum severity severity)
{
	static const char *const words[] = { "off", "note", "warning", "error" };

	return words[severity];
}

size_t diag_errors(const struct diags *diags)
{
	return diags->errors;
}

/* "topology-product" is TOPOLOGY_PRODUCT. */
static bool same_name(const char *text, const char *name)
{
	while (*text && (toupper((unsigned char)*text) == *name || (*text == '-' && *name == '_')))
		text++, name++;
	return !*text && !*name;
}

const struct diag_row *diag_find(const char *text)
{
	for (size_t i = 0; i < DIAG_COUNT; i++)
		if (!strcasecmp(text, diag_rows[i].id) || same_name(text, diag_rows[i].name))
			return &diag_rows[i];
	return NULL;
}

static bool set_one(struct diags *diags, const char *name, enum severity severity, bool settled)
{
	const struct diag_row *row = diag_find(name);

	if (!row || (row->severity == SEVERITY_ERROR && severity == SEVERITY_OFF))
		return false;
	if (row->severity == SEVERITY_ERROR)
		return true;
	diags->severity_of[row - diag_rows] = 1 + severity;
	diags->settled[row - diag_rows] = settled;
	return true;
}

bool diags_set_severity(struct diags *diags, const char *argument)
{
	static const struct {
		const char *prefix;
		enum severity severity;
		bool settled;
	} forms[] = {
		{ "error=", SEVERITY_ERROR, true },
		{ "no-error=", SEVERITY_WARNING, true },
		{ "no-", SEVERITY_OFF, true },
		{ "", SEVERITY_WARNING, false },
	};
	size_t i = 0;

	if (!strcmp(argument, "error") || !strcmp(argument, "no-error")) {
		diags->warnings_are_errors = *argument == 'e';
		return true;
	}
	if (!strcmp(argument, "all"))
		return true;
	while (strncmp(argument, forms[i].prefix, strlen(forms[i].prefix)))
		i++;
	return set_one(diags, argument + strlen(forms[i].prefix), forms[i].severity,
		       forms[i].settled);
}

void diags_take_severities(struct diags *diags, const struct diags *from)
{
	memcpy(diags->severity_of, from->severity_of, sizeof(from->severity_of));
	memcpy(diags->settled, from->settled, sizeof(from->settled));
	diags->warnings_are_errors = from->warnings_are_errors;
}

const char *diag_word(struct arena *arena, const struct diag_row *row)
{
	char *word = arena_strdup(arena, row->name);

	for (char *c = word; *c; c++)
		*c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
	return word;
}

const char *diag_plain_sentence(struct arena *arena, const struct diag_row *row)
{
	char *text = arena_array(arena, strlen(row->sentence) + 1, 2), *end = text;

	for (const char *c = row->sentence; *c; c++) {
		if (*c == '%') {
			c += 1 + strspn(c + 1, "0123456789lzh");
			end = stpcpy(end, "...");
		} else {
			*end++ = *c;
		}
	}
	return text;
}

static int compare(const void *left, const void *right)
{
	const struct diag *a = *(struct diag *const *)left, *b = *(struct diag *const *)right;

	if (a->test != b->test)
		return a->test < b->test ? -1 : 1;
	if (a->at.file != b->at.file)
		return a->at.file < b->at.file ? -1 : 1;
	if (a->at.offset != b->at.offset)
		return a->at.offset < b->at.offset ? -1 : 1;
	if (a->code != b->code)
		return a->code < b->code ? -1 : 1;
	return strcmp(a->message, b->message);
}

void diags_sort(struct diags *diags)
{
	size_t kept = 0;

	if (!diags->list.count)
		return;
	qsort(diags->list.items, diags->list.count, sizeof(*diags->list.items), compare);
	for (size_t i = 1; i < diags->list.count; i++)
		if (compare(&diags->list.items[kept], &diags->list.items[i])) {
			diags->list.items[++kept] = diags->list.items[i];
		} else {
			diags->errors -= diags->list.items[i]->severity == SEVERITY_ERROR;
			diags->warnings -= diags->list.items[i]->severity == SEVERITY_WARNING;
		}
	diags->list.count = kept + 1;
}

static bool is_repeat(const struct diags *diags, size_t from, const struct diag *diag)
{
	for (size_t i = 0; i < from; i++) {
		const struct diag *first = diags->list.items[i];

		if (first->code == diag->code && first->at.file == diag->at.file &&
		    first->at.offset == diag->at.offset)
			return true;
	}
	return false;
}

void diags_drop_repeats(struct diags *diags, size_t from)
{
	size_t kept = from;

	for (size_t i = from; i < diags->list.count; i++) {
		struct diag *diag = diags->list.items[i];

		if (!is_repeat(diags, from, diag)) {
			diags->list.items[kept++] = diag;
			continue;
		}
		diags->errors -= diag->severity == SEVERITY_ERROR;
		diags->warnings -= diag->severity == SEVERITY_WARNING;
	}
	diags->list.count = kept;
}

#define MOST_ORIGINS 3

static bool has_note(const struct diag *diag, const struct position *at)
{
	for (size_t i = 0; i < diag->notes.count; i++)
		if (diag->notes.items[i].at.file == at->file &&
		    diag->notes.items[i].at.offset == at->offset)
			return true;
	return false;
}

static bool overlap(const struct position *a, const struct position *b)
{
	return a->file == b->file && a->offset < b->offset + b->length + !b->length &&
	       b->offset < a->offset + a->length + !a->length;
}

/* Where the values of a place are from, or where a value was used: both sides of a parameter. */
static void add_stand_ins(const struct diags *diags, struct diag *diag)
{
	size_t count = 0;

	for (size_t i = 0; i < diags->sources->stand_ins.count && count < MOST_ORIGINS; i++) {
		const struct stand_in *s = &diags->sources->stand_ins.items[i];
		const struct position *place = s->whole ? &s->written : &s->used;

		const struct position *other = s->whole ? &s->used : &s->written;

		if (!overlap(place, &diag->at) || has_note(diag, other))
			continue;
		diag_note(diag, *other,
			  s->whole ? "stands here for `${%s}`" : "`%s` is given here", s->name);
		count++;
	}
}

static void add_opened(const struct diags *diags, struct diag *diag)
{
	uint32_t file = diag->at.file;

	for (size_t i = 0; i < MOST_ORIGINS && file; i++) {
		const struct source *source = source_get(diags->sources, file);

		if (source->opened == OPENED)
			return;
		if (!has_note(diag, &source->opened_at))
			diag_note(diag, source->opened_at, "%s from here",
				  source->opened == OPENED_BASE ? "extended" : "included");
		file = source->opened_at.file;
	}
}

void diags_add_origins(struct diags *diags)
{
	for (size_t i = 0; i < diags->list.count; i++) {
		add_stand_ins(diags, diags->list.items[i]);
		add_opened(diags, diags->list.items[i]);
	}
}

/* ------------------------------------------------------------------------- did you mean ... */

#define LONGEST_WORD 63

static char folded(char c)
{
	return c == '_' || c == ' ' ? '-' : (char)tolower((unsigned char)c);
}

/* Damerau-Levenshtein distance (adjacent swaps count one) of two short words. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST_WORD + 2], la = strlen(a), lb = strlen(b);

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = rows[i % 3], *before = rows[(i - 1) % 3], *two = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t cost = folded(a[i - 1]) != folded(b[j - 1]);
			size_t best = before[j - 1] + cost;

			best = before[j] + 1 < best ? before[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
			    folded(a[i - 2]) == folded(b[j - 1]) && two[j - 2] + 1 < best)
				best = two[j - 2] + 1;
			now[j] = best;
		}
	}
	return rows[la % 3][lb];
}

/* "on_reboot", "onReboot" and "on-reboot" are the same word. */
static bool same_letters(const char *a, const char *b)
{
	for (;;) {
		while (*a == '-' || *a == '_')
			a++;
		while (*b == '-' || *b == '_')
			b++;
		if (!*a || !*b)
			return !*a && !*b;
		if (tolower((unsigned char)*a++) != tolower((unsigned char)*b++))
			return false;
	}
}

const char *diag_closest(const char *word, const char *const *candidates, size_t count)
{
	size_t length = strlen(word), best = length < 4 ? 1 : length / 3 > 3 ? 3 : 1 + length / 4;
	const char *closest = NULL;

	if (!length || length > LONGEST_WORD)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t far;

		if (strlen(candidates[i]) > LONGEST_WORD)
			continue;
		if (same_letters(word, candidates[i]))
			return candidates[i];
		far = distance(word, candidates[i]);
		if (far < length && (far < best || (far == best && !closest))) {
			best = far;
			closest = candidates[i];
		}
	}
	return closest;
}

const char *diag_meant(struct arena *arena, const char *text)
{
	const char *names[2 * DIAG_COUNT];

	for (size_t i = 0; i < DIAG_COUNT; i++) {
		names[2 * i] = diag_rows[i].id;
		names[2 * i + 1] = diag_word(arena, &diag_rows[i]);
	}
	return diag_closest(text, names, 2 * DIAG_COUNT);
}
