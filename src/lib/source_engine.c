/* SPDX-License-Identifier: Apache-2.0 */
/* source_engine.c - docker:NAME and podman:NAME, an image in an engine's own store. The engine's
 * socket is asked which image that is, and where; the image is then read from disk where it can be
 * seen, else over the socket: what "save" would write is spooled into a file without a name and
 * read as such. Podman's is read from disk also where nobody listens. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "format/json.h"
#include "io/http.h"
#include "lib/docker_store.h"
#include "lib/source_docker_archive.h"
#include "lib/source_storage.h"

/* What was opened one way may be opened the other. */
enum { ENGINE_BYTES = MAX_OF(sizeof(struct docker_archive), sizeof(struct stored)) };

struct engine {
	const char *name;     /* "docker" */
	const char *variable; /* of the environment: where it is */
	const char *sockets[3];
	const char *advice;
};

static const struct engine docker = {
    .name = "docker",
    .variable = "DOCKER_HOST",
    .sockets = {"/var/run/docker.sock", "XDG:docker.sock", NULL},
    .advice = "is dockerd running, and may you use its socket? (DOCKER_HOST)",
};

static const struct engine podman = {
    .name = "podman",
    .variable = "CONTAINER_HOST",
    .sockets = {"XDG:podman/podman.sock", "/run/podman/podman.sock", NULL},
    .advice = "is its service running? (systemctl --user start podman.socket; CONTAINER_HOST)",
};

struct place_of_engine {
	char base[200];   /* "http://engine" or "http://HOST:PORT" */
	char socket[200]; /* "" for TCP */
};

/* "XDG:x" is x below $XDG_RUNTIME_DIR. */
static bool socket_at(const char *pattern, char *buf, size_t size)
{
	const char *xdg = env_get("XDG_RUNTIME_DIR");
	struct stat st;

	if (strncmp(pattern, "XDG:", 4) == 0) {
		if (xdg == NULL)
			return false;
		snprintf(buf, size, "%s/%s", xdg, pattern + 4);
	} else {
		snprintf(buf, size, "%s", pattern);
	}
	return stat(buf, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool any_socket(const struct engine *e)
{
	char path[200];

	for (size_t i = 0; i < COUNT_OF(e->sockets) && e->sockets[i]; i++)
		if (socket_at(e->sockets[i], path, sizeof path))
			return true;
	return false;
}

static enum rmg_rc locate(const struct engine *e, const char *socket, struct place_of_engine *out,
			  struct rmg_err *err)
{
	const char *where = env_get(e->variable);

	*out = (struct place_of_engine){.base = "http://engine"};
	if (socket) {
		snprintf(out->socket, sizeof out->socket, "%s", socket);
		return RMG_OK;
	}
	if (where && strncmp(where, "unix://", 7) == 0) {
		snprintf(out->socket, sizeof out->socket, "%s", where + 7);
		return RMG_OK;
	}
	if (where && strncmp(where, "tcp://", 6) == 0) {
		snprintf(out->base, sizeof out->base, "%s://%s",
			 env_get("DOCKER_TLS_VERIFY") ? "https" : "http", where + 6);
		return RMG_OK;
	}
	if (where)
		return err_set(err, RMG_E_UNSUPPORTED, "%s=%s: unix:// and tcp:// are understood",
			       e->variable, where);
	for (size_t i = 0; i < COUNT_OF(e->sockets) && e->sockets[i]; i++)
		if (socket_at(e->sockets[i], out->socket, sizeof out->socket))
			return RMG_OK;
	return err_set(err, RMG_E_NOTFOUND, "no socket of %s found: %s", e->name, e->advice);
}

struct spool {
	int fd;
	struct strbuf *text; /* or into memory */
	struct rmg_err *err;
	enum rmg_rc rc;
};

static bool keep(void *user, const struct http_response *resp, struct span bytes)
{
	struct spool *s = user;

	(void)resp;
	if (s->text) {
		strbuf_put(s->text, bytes);
		return strbuf_rc(s->text) == RMG_OK;
	}
	while (bytes.n) {
		ssize_t n = write(s->fd, bytes.p, bytes.n);

		if (n < 0) {
			s->rc = err_os(s->err, RMG_E_IO, "write a temporary file");
			return false;
		}
		bytes = span_from(bytes, (size_t)n);
	}
	return true;
}

/* of: "/images/", name, what; name "" where the engine itself is meant. */
static enum rmg_rc get(struct source *s, const struct engine *e, const struct place_of_engine *at,
		       const char *of, const char *name, const char *what, struct spool *to,
		       struct rmg_err *err)
{
	const struct rmg_opts *o = s->env.opts;
	struct http_opts opts = {.stall_s = o->stall_seconds,
				 .stop = o->stop,
				 .user = o->user,
				 .ca_file = o->ca_cert,
				 .client_cert = o->client_cert,
				 .client_key = o->client_key};
	struct strbuf url = strbuf_of(KIB(8));
	struct http_request req = {
	    .unix_socket = at->socket[0] ? at->socket : NULL,
	    .max_bytes = to->text ? LIMIT_MANIFEST_BYTES : LIMIT_LAYER_BYTES,
	    .sink = keep,
	    .user = to,
	};
	struct http_response resp;
	struct http *h = NULL;
	enum rmg_rc rc;

	strbuf_printf(&url, "%s%s", at->base, of);
	/* Slashes, colons and "@" belong to the name. */
	strbuf_percent(&url, span_cstr(name), S("/:@._-"));
	strbuf_puts(&url, what);
	req.url = strbuf_cstr(&url);
	rc = http_new(&opts, &h, err);
	if (rc == RMG_OK)
		rc = http_do(h, &req, &resp, err);
	if (to->rc != RMG_OK)
		rc = to->rc;
	else if (rc == RMG_E_NET)
		err_add(err, "%s (%s)", e->name, e->advice);
	else if (rc == RMG_OK && resp.status == 404)
		rc = err_set(err, RMG_E_NOTFOUND,
			     "%s has no image '%s': pull it first, or let it be read from its "
			     "registry with registry:NAME",
			     e->name, name);
	else if (rc == RMG_OK && (resp.status < 200 || resp.status > 299))
		rc = http_status_err(&req, &resp, err);
	http_free(h);
	strbuf_done(&url);
	return rc;
}

static enum rmg_rc get_json(struct source *s, const struct engine *e,
			    const struct place_of_engine *at, const char *of, const char *name,
			    const char *what, struct json_doc *doc, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_MANIFEST_BYTES);
	struct spool to = {.fd = -1, .text = &text, .err = err};
	enum rmg_rc rc = get(s, e, at, of, name, what, &to, err);

	if (rc == RMG_OK)
		rc = json_parse(doc, strbuf_span(&text), LIMIT_MANIFEST_BYTES, err);
	strbuf_done(&text);
	return rc;
}

/* What the engine says of an image, and where it has it. */
struct about {
	struct span id, driver;
	const char *root; /* NULL: not to be seen from here */
};

static enum rmg_rc inspect(struct source *s, const struct engine *e,
			   const struct place_of_engine *at, const char *name, struct about *out,
			   struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct arena *a = &s->arena;
	enum rmg_rc rc = get_json(s, e, at, "/images/", name, "/json", &doc, err);

	if (rc != RMG_OK)
		return rc;
	s->name = arena_dup(a, json_str(json_at(json_get(doc.root, "RepoTags"), 0)));
	out->id = arena_dup(a, json_get_str(doc.root, "Id"));
	out->driver = arena_dup(a, json_get_str(json_get(doc.root, "GraphDriver"), "Name"));
	json_done(&doc);
	if (at->socket[0] && get_json(s, e, at, "", "", "/info", &doc, NULL) == RMG_OK) {
		struct span root = json_get_str(doc.root, "DockerRootDir");

		out->root = root.n && root.p[0] == '/' ? arena_cstr(a, root) : NULL;
		json_done(&doc);
	}
	return RMG_OK;
}

/* What an engine's image is once it is read from disk. */
static const struct source_ops docker_on_disk = {
    .scheme = "docker",
    .read_layer = stored_read,
    .other_way = stored_other_way,
    .close = stored_close,
    .bytes = sizeof(struct stored),
};

static const struct source_ops podman_on_disk = {
    .scheme = "podman",
    .read_layer = stored_read,
    .other_way = stored_other_way,
    .close = stored_close,
    .bytes = sizeof(struct stored),
};

/* Forgets what was opened, and is the other kind from now on. */
static void become(struct source *s, const struct source_ops *ops)
{
	s->ops->close(s);
	memset((char *)s + sizeof *s, 0, source_docker.bytes - sizeof *s);
	s->ops = ops;
	s->layers = NULL;
	s->n_layers = 0;
	s->config = (struct oci_config){0};
	s->index_digest = s->manifest_digest = s->config_digest = (struct span){0};
	if (ops == &source_docker || ops == &source_podman)
		layout_begin(s);
}

/* An engine saves an image by making its tars from its folders, for which it takes its time; so do
 * we, where these can be seen. */
static bool open_on_disk(struct source *s, const struct about *about)
{
	const struct source_ops *was = s->ops;
	struct span name = s->name;
	bool is_docker = was == &source_docker;
	const char *id = arena_cstr(&s->arena, about->id);
	struct rmg_err why;
	enum rmg_rc rc;

	if (about->root == NULL || id == NULL ||
	    (is_docker && !span_is(about->driver, S("overlay2"))))
		return false;
	become(s, is_docker ? &docker_on_disk : &podman_on_disk);
	rc = is_docker ? docker_store_open(s, about->root, about->id, &why)
		       : stored_open_at(s, about->root, id, &why);
	if (rc != RMG_OK)
		become(s, was);
	s->name = name;
	return rc == RMG_OK;
}

static enum rmg_rc open_image(struct source *s, const struct engine *e, const char *name,
			      struct rmg_err *err)
{
	struct docker_archive *a = (struct docker_archive *)s;
	struct spool to = {.fd = -1, .err = err};
	struct about about = {0};
	struct place_of_engine at;
	struct span known;
	enum rmg_rc rc;

	layout_begin(s);
	rc = locate(e, s->env.opts->engine, &at, err);
	if (rc == RMG_OK)
		rc = inspect(s, e, &at, name, &about, err);
	if (rc == RMG_OK && open_on_disk(s, &about))
		return RMG_OK;
	if (rc == RMG_OK)
		rc = archive_spool(s->env.opts, &to.fd, err);
	if (rc == RMG_OK)
		rc = get(s, e, &at, "/images/", name, "/get", &to, err);
	if (rc != RMG_OK) {
		if (to.fd >= 0)
			close(to.fd);
		return rc;
	}
	rc = archive_open_fd(to.fd, s->env.opts, &s->arena, &a->layout.archive, err);
	known = s->name;
	if (rc == RMG_OK)
		rc = docker_archive_resolve(s, S(""), true, err);
	if (known.n)
		s->name = known;
	if (rc != RMG_OK)
		err_add(err, "what %s saves of '%s'", e->name, name);
	return rc;
}

static enum rmg_rc open_docker(struct source *s, const char *rest, struct rmg_err *err)
{
	return open_image(s, &docker, rest, err);
}

/* Podman needs no service: where none was named and none answers, its store is read itself. */
static enum rmg_rc open_podman(struct source *s, const char *rest, struct rmg_err *err)
{
	const char *named = s->env.opts->engine;
	struct stat st;
	bool folder = named && stat(named, &st) == 0 && S_ISDIR(st.st_mode);
	struct rmg_err why = {0};
	enum rmg_rc rc = RMG_E_NOTFOUND;

	layout_begin(s);
	if (!folder && (named || env_get(podman.variable) || any_socket(&podman))) {
		rc = open_image(s, &podman, rest, err);
		if (rc != RMG_E_NET || named || env_get(podman.variable))
			return rc;
	}
	become(s, &podman_on_disk);
	rc = stored_open(s, rest, &why);
	if (rc != RMG_OK && err)
		*err = why;
	if (rc == RMG_E_NOTFOUND && !folder)
		err_add(err, "no service of podman answers (%s)", podman.advice);
	return rc;
}

const struct source_ops source_docker = {
    .scheme = "docker",
    .open = open_docker,
    .read_layer = docker_archive_read,
    .close = layout_close,
    .bytes = ENGINE_BYTES,
};

const struct source_ops source_podman = {
    .scheme = "podman",
    .open = open_podman,
    .read_layer = docker_archive_read,
    .close = layout_close,
    .bytes = ENGINE_BYTES,
};
