/* SPDX-License-Identifier: Apache-2.0 */
/*
 * picture/: what a person looks at. A view (topology.c, memory_map.c, devices.c, shares.c) makes a
 * scene of an image: boxes in boxes, and links between them. A writer (svg.c, dot.c, outline.c) knows
 * scenes and nothing else. It sees images through audit/, and the model where an image does not say (system.c); no YAML.
 */
#ifndef HVCC_PICTURE_SCENE_H
#define HVCC_PICTURE_SCENE_H

#include <stdio.h>

#include "audit/image.h"
#include "base/vector.h"
#include "model/model.h"

enum look { /* colours: scene.c has the table */
	LOOK_PLAIN,
	LOOK_GUEST,
	LOOK_NODE,
	LOOK_SOCKET,
	LOOK_DIE,
	LOOK_CORE,
	LOOK_THREAD,
	LOOK_RAM,
	LOOK_LOADED,
	LOOK_FIRMWARE,
	LOOK_DEVICE,
	LOOK_HOLE,
	LOOK_INTERRUPT,
	LOOK_SHARED,
	LOOKS,
};

extern const struct look_colours {
	const char *fill, *stroke;
} looks[LOOKS];

enum arrangement { IN_ROWS, IN_ONE_ROW, IN_A_COLUMN };

struct box {
	const char *title;
	const char *detail;  /* a second, smaller line, or NULL */
	const char *margin;  /* left of the box, at its lower edge: an address. Or NULL */
	uint8_t look;	     /* enum look */
	uint8_t arrangement; /* enum arrangement, of the boxes inside */
	uint32_t gap;	     /* between the boxes inside; 0: the writer's own */
	uint32_t least_height; /* pixels */
	uint32_t least_width;  /* characters of `detail` */
	uint32_t number;       /* names it in links and DOT: from 1, in order of making */
	VECTOR(struct box *) inside;
	double x, y, width, height; /* svg.c's, and how many boxes inside stand in a row */
	uint32_t row;
};

struct link {
	const struct box *from, *to;
};

struct scene {
	struct arena *arena;
	struct box *root;
	uint32_t boxes;
	VECTOR(struct link) links;
};

/* A scene with an empty root of this title. */
struct scene scene_new(struct arena *arena, const char *title, const char *detail);

/* Puts a new box inside another; the format makes the title. */
struct box *scene_box(struct scene *scene, struct box *inside, enum look look, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

void scene_link(struct scene *scene, const struct box *from, const struct box *to);

/* The views. `guest` is an index or HV_NONE: all guests. */
struct scene view_topology(const struct image *image, uint32_t guest);
struct scene view_memory(const struct image *image, uint32_t guest);
struct scene view_devices(const struct image *image, uint32_t guest);
struct scene view_shares(const struct image *image, uint32_t guest);

/* Drawn from documents: what guests have in common with each other, and the CPUs' time. */
struct scene view_common(struct arena *arena, const struct system *system);
struct scene view_schedule(struct arena *arena, const struct system *system);

/* The writers. */
void write_svg(FILE *stream, struct scene *scene);
void write_dot(FILE *stream, struct scene *scene);
void write_outline(FILE *stream, struct scene *scene);

#endif
