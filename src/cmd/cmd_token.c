/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_token.c - token: makes a token at the hub. It goes to standard output alone, so that it can be
 * sent where it is needed. */
#include <rummage.h>

#include <stdio.h>

#include "base/limits.h"
#include "cmd/cmd.h"
#include "cmd/hub_client.h"
#include "cmd/say.h"
#include "format/json.h"
#include "format/jsonw.h"

static void put_request(const struct options *o, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "name", o->operands[0]);
	jsonw_put_cstr(&w, "role", o->role ? o->role : "agent");
	if (o->cluster)
		jsonw_put_cstr(&w, "cluster", o->cluster);
	if (o->node)
		jsonw_put_cstr(&w, "node", o->node);
	jsonw_object_end(&w);
}

static enum rmg_rc print_token(struct span body, struct rmg_err *err)
{
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, body, KIB(64), err);
	struct span token = json_get_str(doc.root, "token");

	if (rc == RMG_OK && token.n == 0)
		rc = err_set(err, RMG_E_FORMAT, "the hub's answer has no token");
	if (rc == RMG_OK && (printf(SPAN_FMT "\n", SPAN_ARG(token)) < 0 || fflush(stdout) != 0))
		rc = err_set(err, RMG_E_IO, "the token was made, but could not be written");
	json_done(&doc);
	return rc;
}

int cmd_token(struct options *o)
{
	struct strbuf request = strbuf_of(KIB(64));
	struct hub_client *c = NULL;
	struct rmg_err err = {0};
	struct span body;
	enum rmg_rc rc;

	put_request(o, &request);
	rc = hub_client_open(o, &c, &err);
	if (rc == RMG_OK)
		rc = hub_client_post(c, "/api/v1/tokens", strbuf_span(&request), &body, &err);
	if (rc == RMG_OK)
		rc = print_token(body, &err);
	hub_client_close(c);
	strbuf_done(&request);
	return rc == RMG_OK ? EXIT_WHOLE : say_failure("token", &err, NULL);
}
