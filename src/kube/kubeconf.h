/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconf.h - what a kubeconfig says of one context: where the API is, whom to trust, who we are.
 *
 * Pure: texts in, spans in the arena out. Of several files the first that names a cluster, a user,
 * a context or the current context wins, as kubectl has it; paths are relative to the folder of the
 * file that says them. YAML and JSON both. Bounded by LIMIT_KUBECONFIG_BYTES a file. */
#ifndef KUBE_KUBECONF_H
#define KUBE_KUBECONF_H

#include "base/arena.h"
#include "base/err.h"

enum { KUBECONF_FILES = 16, KUBECONF_WORDS = 64 };

struct kubeconf_file {
	struct span text, dir;
};

/* A program that gives credentials (client.authentication.k8s.io). */
struct kubeconf_exec {
	struct span api_version, command;
	struct span args[KUBECONF_WORDS];
	size_t n_args;
	struct span env[KUBECONF_WORDS]; /* "NAME=VALUE" */
	size_t n_env;
	bool cluster_info; /* it is to be told which cluster */
};

struct kubeconf {
	struct span context, ns;
	struct span server, ca_file, ca_data /* PEM */, tls_server_name, proxy;
	bool unverified;
	struct span cert_file, cert_data, key_file, key_data; /* PEM */
	struct span token, token_file, username, password;
	struct kubeconf_exec exec; /* command "": none */
};

/* context "": the current one. RMG_E_NOTFOUND: there is no such thing. */
MUST enum rmg_rc kubeconf_parse(const struct kubeconf_file *files, size_t n, struct span context,
				struct arena *a, struct kubeconf *out, struct rmg_err *err);

#endif
