/* SPDX-License-Identifier: Apache-2.0 */
#include "model/inventory.h"

#include "base/limits.h"

const char *origin_name(enum origin o)
{
	static const char *const names[] = {"unknown", "base", "patch", "app", "commit"};

	return names[o];
}

enum rmg_rc inventory_new(struct inventory **out)
{
	struct inventory *inv = calloc(1, sizeof *inv);

	if (inv == NULL)
		return RMG_E_NOMEM;
	arena_init(&inv->arena, LIMIT_FACTS_BYTES);
	inv->complete = true;
	inv->sandbox = "none";
	inv->base.how = "none";
	*out = inv;
	return RMG_OK;
}

void inventory_free(struct inventory *inv)
{
	if (inv == NULL)
		return;
	arena_done(&inv->arena);
	free(inv->layers);
	free(inv->components);
	free(inv->executables);
	free(inv->notes);
	free(inv->files);
	free(inv);
}

void inventory_note(struct inventory *inv, const struct note *n, uint32_t layer)
{
	struct layer_note copy = {.note = *n, .layer = layer};

	if (n->level == NOTE_LOST)
		inv->complete = false;
	copy.note.code = arena_dup(&inv->arena, n->code);
	copy.note.cataloger = arena_dup(&inv->arena, n->cataloger);
	copy.note.path = arena_dup(&inv->arena, n->path);
	copy.note.text = arena_dup(&inv->arena, n->text);
	if (!vec_reserve(&inv->notes, &inv->notes_cap, inv->n_notes + 1, sizeof *inv->notes)) {
		inv->complete = false; /* a note that could not be kept is doubt all the same */
		return;
	}
	inv->notes[inv->n_notes++] = copy;
}
