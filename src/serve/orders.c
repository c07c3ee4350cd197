/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/orders.h"

#include "base/limits.h"
#include "io/file.h"

static enum rmg_rc read_policy(const char *file, struct policy **out, struct rmg_err *err)
{
	struct span text;
	enum rmg_rc rc;

	if (file == NULL)
		return policy_default(out) == RMG_OK
			   ? RMG_OK
			   : err_set(err, RMG_E_NOMEM, "no memory for the policy");
	rc = file_read(file, LIMIT_POLICY_BYTES, &text, err);
	if (rc != RMG_OK)
		return rc;
	rc = policy_parse(text, file, out, err);
	file_free(&text);
	return rc;
}

static bool is_sink(const struct config *c, struct span name)
{
	for (size_t i = 0; i < c->n_sinks; i++)
		if (span_is(name, span_cstr(c->sinks[i].name)))
			return true;
	return false;
}

/* A rule that tells a sink that is not there would tell nobody, and nobody would know. */
static enum rmg_rc check_sinks(const struct orders *o, const char *file, struct rmg_err *err)
{
	for (size_t i = 0; i < o->policy->n_rules; i++) {
		const struct rule *r = &o->policy->rules[i];

		for (size_t k = 0; k < r->n_sinks; k++)
			if (!is_sink(o->config, r->sinks[k]))
				return err_set(err, RMG_E_FORMAT,
					       "%s: rule \"" SPAN_FMT
					       "\" tells the sink \"" SPAN_FMT
					       "\", which --hub-config does not have",
					       file ? file : "policy", SPAN_ARG(r->name),
					       SPAN_ARG(r->sinks[k]));
	}
	return RMG_OK;
}

enum rmg_rc orders_read(const struct serve_opts *o, const struct orders *before, struct orders *out,
			struct rmg_err *err)
{
	struct orders fresh = {0};
	enum rmg_rc rc = config_read(o->config, &fresh.config, err);

	if (rc == RMG_OK)
		rc = read_policy(o->policy, &fresh.policy, err);
	if (rc == RMG_OK)
		rc = check_sinks(&fresh, o->policy, err);
	fresh.new_provider =
	    rc == RMG_OK && (before == NULL || !config_provider_same(fresh.config, before->config));
	if (fresh.new_provider && fresh.config->oidc.issuer) {
		rc = oidc_open(&fresh.config->oidc, &fresh.provider, err);
		if (rc != RMG_OK)
			err_add(err, "%s: oidc", o->config);
	}
	if (rc == RMG_OK)
		*out = fresh;
	else
		orders_free(&fresh);
	return rc;
}

void orders_free(struct orders *o)
{
	oidc_close(o->provider);
	policy_free(o->policy);
	config_free(o->config);
	*o = (struct orders){0};
}
