/* SPDX-License-Identifier: Apache-2.0 */
/* Making scenes. Colours are light, so that black text reads on all of them. */
#include "picture/scene.h"

#include <stdarg.h>

const struct look_colours looks[LOOKS] = {
	[LOOK_PLAIN] = { "#ffffff", "#9aa5b1" },     [LOOK_GUEST] = { "#f5f7fa", "#52606d" },
	[LOOK_NODE] = { "#f3f0ff", "#8662c7" },
	[LOOK_SOCKET] = { "#dceefb", "#2186eb" },    [LOOK_DIE] = { "#eaf6ff", "#62b0e8" },
	[LOOK_CORE] = { "#fff3c4", "#cb6e17" },	     [LOOK_THREAD] = { "#ffffff", "#cb6e17" },
	[LOOK_RAM] = { "#d9f2e3", "#199473" },	     [LOOK_LOADED] = { "#ffffff", "#199473" },
	[LOOK_FIRMWARE] = { "#e8e0f7", "#653cad" },  [LOOK_DEVICE] = { "#fde2d8", "#cf4520" },
	[LOOK_HOLE] = { "#eceff3", "#b8c2cc" },	     [LOOK_INTERRUPT] = { "#fff3c4", "#8d6e00" },
	[LOOK_SHARED] = { "#ffe3ec", "#bc0a6f" },
};

static struct box *new_box(struct scene *scene, enum look look, const char *title)
{
	struct box *box = arena_new(scene->arena, struct box);

	box->title = title;
	box->look = (uint8_t)look;
	box->number = ++scene->boxes;
	return box;
}

struct scene scene_new(struct arena *arena, const char *title, const char *detail)
{
	struct scene scene = { .arena = arena };

	scene.root = new_box(&scene, LOOK_PLAIN, title);
	scene.root->detail = detail;
	return scene;
}

struct box *scene_box(struct scene *scene, struct box *inside, enum look look, const char *format, ...)
{
	va_list arguments;
	struct box *box;

	va_start(arguments, format);
	box = new_box(scene, look, arena_vprintf(scene->arena, format, arguments));
	va_end(arguments);
	vector_push(scene->arena, &inside->inside, box);
	return box;
}

void scene_link(struct scene *scene, const struct box *from, const struct box *to)
{
	vector_push(scene->arena, &scene->links, ((struct link){ from, to }));
}
