/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/env.h"
#include "base/limits.h"
#include "io/proc.h"
#include "lib/extent.h"

enum { NAME_BYTES = 1024 };

/* Settings. */

static bool load_settings(const char *path, struct arena *a, struct cstore_conf *out)
{
	struct span text;

	if (file_read(path, LIMIT_SETTINGS_BYTES, &text, NULL) != RMG_OK)
		return false;
	cstore_conf(text, a, out);
	file_free(&text);
	return true;
}

/* "$HOME/x" and "$UID", as the settings may have them. */
static struct span expand(struct arena *a, struct span path)
{
	struct span before, after = path, out = {0};
	char uid[16];
	size_t at;

	snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
	while ((at = span_chr(after, '$')) != SIZE_MAX) {
		bool home = span_starts(span_from(after, at), S("$HOME"));
		bool user = span_starts(span_from(after, at), S("$UID"));

		before = span_head(after, at);
		after = span_from(after, at + (home ? 5 : user ? 4 : 1));
		out = ARENA_JOIN(a, out, before,
				 home   ? span_cstr(env_get("HOME"))
				 : user ? span_cstr(uid)
					: S("$"));
	}
	return ARENA_JOIN(a, out, after);
}

/* $VARIABLE/tail, else $HOME/home_tail; "" where neither is set. */
static struct span below_home(struct arena *a, const char *variable, const char *home_tail,
			      const char *tail)
{
	const char *base = env_get(variable), *home = env_get("HOME");

	if (base)
		return ARENA_JOIN(a, span_cstr(base), span_cstr(tail));
	if (home == NULL)
		return (struct span){0};
	return ARENA_JOIN(a, span_cstr(home), span_cstr(home_tail), span_cstr(tail));
}

static void rootless_defaults(struct arena *a, struct cstore_conf *c)
{
	struct span own = below_home(a, "XDG_CONFIG_HOME", "/.config", "/containers/storage.conf");
	const char *path = arena_cstr(a, own), *run = env_get("XDG_RUNTIME_DIR");

	/* Where all users' stores are the machine's settings say only by this. */
	c->graph_root = c->rootless_root;
	c->run_root = (struct span){0};
	if (own.n && path)
		(void)load_settings(path, a, c);
	if (c->graph_root.n == 0)
		c->graph_root =
		    below_home(a, "XDG_DATA_HOME", "/.local/share", "/containers/storage");
	if (c->run_root.n == 0 && run)
		c->run_root = ARENA_JOIN(a, span_cstr(run), S("/containers"));
}

enum rmg_rc storage_settings(struct arena *a, struct cstore_conf *out, struct rmg_err *err)
{
	const char *path = env_get("CONTAINERS_STORAGE_CONF");

	*out = (struct cstore_conf){0};
	if (path) {
		if (!load_settings(path, a, out))
			return err_os(err, RMG_E_IO, "CONTAINERS_STORAGE_CONF=%s", path);
	} else if (!load_settings("/etc/containers/storage.conf", a, out)) {
		(void)load_settings("/usr/share/containers/storage.conf", a, out);
	}
	if (geteuid() != 0 && path == NULL)
		rootless_defaults(a, out);
	if (out->graph_root.n == 0)
		out->graph_root = S("/var/lib/containers/storage");
	if (out->run_root.n == 0)
		out->run_root = S("/run/containers/storage");
	out->graph_root = expand(a, out->graph_root);
	out->run_root = expand(a, out->run_root);
	if (arena_rc(a) != RMG_OK)
		return err_set(err, arena_rc(a), "storage.conf says too much");
	return RMG_OK;
}

/* The store. */

static bool has_lists(int dir, const char *driver)
{
	char name[NAME_BYTES];

	snprintf(name, sizeof name, "%s-images", driver);
	return faccessat(dir, name, F_OK, 0) == 0;
}

static enum rmg_rc find_driver(struct storage *s, struct span asked, struct rmg_err *err)
{
	static const char *const known[] = {"overlay", "vfs"};
	static const char *const others[] = {"btrfs", "zfs", "aufs", "devmapper"};

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		bool is = span_is(asked, span_cstr(known[i]));

		if (has_lists(s->dir, known[i]) && (s->driver == NULL || is))
			s->driver = known[i];
	}
	if (s->driver)
		return RMG_OK;
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (has_lists(s->dir, others[i]))
			return err_set(err, RMG_E_UNSUPPORTED,
				       SPAN_FMT ": layers that %s keeps are not read (overlay and "
						"vfs are)",
				       SPAN_ARG(s->root), others[i]);
	return err_set(err, RMG_E_NOTFOUND, SPAN_FMT ": no store of images is there",
		       SPAN_ARG(s->root));
}

static void list_name(const struct storage *s, const char *what, char buf[NAME_BYTES])
{
	snprintf(buf, NAME_BYTES, "%s-%s/%s.json", s->driver, what, what);
}

/* An empty list where the file is not there: nothing has been put into the store yet. */
static enum rmg_rc read_list(const struct storage *s, const char *what, struct arena *a,
			     struct file_id *id, struct span *out, struct rmg_err *err)
{
	char name[NAME_BYTES];
	struct extent e = {.fd = -1};
	enum rmg_rc rc;

	list_name(s, what, name);
	if (!file_id_at(s->dir, name, id))
		*id = (struct file_id){0};
	rc = extent_below(s->dir, name, &e, err);
	if (rc == RMG_E_NOTFOUND) {
		*out = S("[]");
		return RMG_OK;
	}
	if (rc == RMG_OK)
		rc = extent_load(&e, LIMIT_JSON_BYTES, a, out, err);
	if (rc != RMG_OK)
		err_add(err, SPAN_FMT, SPAN_ARG(s->root));
	extent_close(&e);
	return rc;
}

static enum rmg_rc read_lists(struct storage *s, struct arena *a, struct rmg_err *err)
{
	struct arena texts;
	struct span text = {0};
	enum rmg_rc rc;

	arena_init(&texts, 3 * LIMIT_JSON_BYTES);
	rc = read_list(s, "images", &texts, &s->images_id, &text, err);
	if (rc == RMG_OK)
		rc = cstore_images(text, a, &s->images, &s->n_images, err);
	if (rc == RMG_OK)
		rc = read_list(s, "layers", &texts, &s->layers_id, &text, err);
	if (rc == RMG_OK)
		rc = cstore_layers(text, a, &s->layers, &s->n_layers, err);
	arena_done(&texts);
	return rc;
}

enum rmg_rc storage_open(struct span root, struct span driver, struct arena *a, struct storage *out,
			 struct rmg_err *err)
{
	struct storage s = {.root = root};
	const char *path = arena_cstr(a, root);
	enum rmg_rc rc;

	s.dir = path ? proc_open_dir(path) : -1;
	if (s.dir < 0)
		return err_os(err, errno == ENOENT ? RMG_E_NOTFOUND : RMG_E_IO,
			      "the store of images " SPAN_FMT, SPAN_ARG(root));
	rc = find_driver(&s, driver, err);
	if (rc == RMG_OK)
		rc = read_lists(&s, a, err);
	if (rc != RMG_OK) {
		close(s.dir);
		return rc;
	}
	*out = s;
	return RMG_OK;
}

void storage_close(struct storage *s)
{
	if (s->dir >= 0)
		close(s->dir);
	s->dir = -1;
}

static bool is_other(const struct storage *s, const char *what, const struct file_id *was)
{
	char name[NAME_BYTES];
	struct file_id id = {0};

	list_name(s, what, name);
	if (!file_id_at(s->dir, name, &id))
		id = (struct file_id){0};
	return id.inode != was->inode || id.bytes != was->bytes || id.mtime_ns != was->mtime_ns;
}

bool storage_changed(const struct storage *s)
{
	return is_other(s, "images", &s->images_id) || is_other(s, "layers", &s->layers_id);
}

enum rmg_rc storage_document(const struct storage *s, const struct cstore_image *image,
			     struct span name, struct arena *a, struct span *out,
			     struct rmg_err *err)
{
	struct strbuf path = strbuf_of(NAME_BYTES);
	struct extent e = {.fd = -1};
	enum rmg_rc rc;

	strbuf_printf(&path, "%s-images/" SPAN_FMT "/", s->driver, SPAN_ARG(image->id));
	cstore_data_file(name, &path);
	rc = strbuf_rc(&path);
	if (rc == RMG_OK)
		rc = extent_below(s->dir, strbuf_cstr(&path), &e, err);
	if (rc == RMG_OK)
		rc = extent_load(&e, LIMIT_MANIFEST_BYTES, a, out, err);
	extent_close(&e);
	strbuf_done(&path);
	return rc;
}

const struct cstore_layer *storage_layer(const struct storage *s, struct span id)
{
	for (size_t i = 0; i < s->n_layers; i++)
		if (span_is(s->layers[i].id, id))
			return &s->layers[i];
	return NULL;
}

int storage_folder(const struct storage *s, struct span layer, struct arena *a, struct span *path)
{
	bool vfs = strcmp(s->driver, "vfs") == 0;
	char name[NAME_BYTES];

	snprintf(name, sizeof name, "%s/" SPAN_FMT "%s", vfs ? "vfs/dir" : s->driver,
		 SPAN_ARG(layer), vfs ? "" : "/diff");
	*path = ARENA_JOIN(a, s->root, S("/"), span_cstr(name));
	return extent_open_below(s->dir, name, O_RDONLY | O_DIRECTORY);
}

int storage_record(const struct storage *s, struct span layer)
{
	char name[NAME_BYTES];
	struct extent e = {.fd = -1};

	snprintf(name, sizeof name, "%s-layers/" SPAN_FMT ".tar-split.gz", s->driver,
		 SPAN_ARG(layer));
	return extent_below(s->dir, name, &e, NULL) == RMG_OK ? e.fd : -1;
}
