/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/credentials.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/env.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "io/file.h"
#include "io/process.h"
#include "lib/own_registry.h"

/* The i-th file that may have credentials into buf; false after the last. "" is no file. */
static bool file_at(size_t i, char *buf, size_t size)
{
	static const struct {
		const char *variable, *tail;
	} files[] = {
	    {"REGISTRY_AUTH_FILE", ""},
	    {"XDG_RUNTIME_DIR", "/containers/auth.json"},
	    {"XDG_CONFIG_HOME", "/containers/auth.json"},
	    {"HOME", "/.config/containers/auth.json"},
	    {"DOCKER_CONFIG", "/config.json"},
	    {"HOME", "/.docker/config.json"},
	};
	const char *head;

	if (i >= COUNT_OF(files))
		return false;
	head = env_get(files[i].variable);
	if (head == NULL || snprintf(buf, size, "%s%s", head, files[i].tail) >= (int)size)
		buf[0] = '\0';
	return true;
}

static enum rmg_rc ask_helper(const struct authfile *f, struct arena *arena,
			      struct credentials *out, struct rmg_err *err)
{
	struct strbuf answer = strbuf_of(KIB(64));
	char program[128];
	const char *argv[] = {program, "get", NULL};
	int status = 0;
	enum rmg_rc rc;

	snprintf(program, sizeof program, "docker-credential-" SPAN_FMT, SPAN_ARG(f->helper));
	rc = process_run(argv, f->server, CREDENTIALS_HELPER_MS, &answer, &status, err);
	if (rc == RMG_OK && status == 0) {
		rc = authfile_helper_answer(strbuf_span(&answer), arena, out, err);
	} else if (rc == RMG_OK && !span_has(strbuf_span(&answer), S("not found"))) {
		/* "credentials not found in native keychain": then there are none. */
		rc = err_set(err, RMG_E_AUTH, "failed with status %d", status);
	}
	if (rc != RMG_OK)
		err_add(err, "%s", program);
	strbuf_done(&answer);
	return rc;
}

static enum rmg_rc ask_file(const char *path, struct span host, struct span repository,
			    struct arena *arena, struct credentials *out, struct rmg_err *err)
{
	struct authfile f = {0};
	struct span bytes = {0};
	enum rmg_rc rc = file_read(path, LIMIT_MANIFEST_BYTES, &bytes, err);

	if (rc == RMG_E_NOTFOUND)
		return RMG_OK;
	if (rc == RMG_OK)
		rc = authfile_find(bytes, host, repository, arena, &f, err);
	file_free(&bytes);
	*out = f.found;
	if (rc == RMG_OK && f.helper.n)
		rc = ask_helper(&f, arena, out, err);
	if (rc != RMG_OK)
		err_add(err, "credentials in %s", path);
	return rc;
}

enum rmg_rc credentials_find(struct span host, struct span repository, struct arena *arena,
			     struct credentials *out, struct span *from, struct rmg_err *err)
{
	char path[4096];

	*out = (struct credentials){0};
	for (size_t i = 0; file_at(i, path, sizeof path); i++) {
		enum rmg_rc rc;

		if (path[0] == '\0')
			continue;
		rc = ask_file(path, host, repository, arena, out, err);
		if (rc != RMG_OK)
			return rc;
		if (credentials_any(out)) {
			*from = arena_dup(arena, span_cstr(path));
			return RMG_OK;
		}
	}
	return own_registry_credentials(host, arena, out, from, err);
}
