/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - all that can be said on the command line, in settings files and in the environment.
 * One struct for all verbs; options.def says which verb takes what. Texts live as long as it does.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include "base/arena.h"
#include "base/span.h"

struct opt_list {
	const char **v; /* NULL-terminated; NULL while empty */
	size_t n;
	int level; /* which source filled it: a later one begins anew */
};

struct options {
	struct arena arena;
	const char *image_name, *digest, *media_type;
	bool fail_closed, once, install_check;
	uint64_t deadline;
	bool help, quiet, eager, inventory_only, only_fixed, allow_incomplete, partial,
	    skip_diff_id, no_cache, no_sandbox, password_stdin, starter, host, plain_http, running,
	    dormant;
	bool drift, execs, enforce, profile;
	bool cached, unused, vulnerable, behind, others; /* of images */
	bool all_tags, no_tags;
	const char *config, *fail_on, *ignore_file, *db, *platform, *engine, *created, *cache_dir,
	    *username, *password, *ca_cert, *client_cert, *client_key, *from, *out;
	const char *store, *state_dir, *listen, *tls_cert, *tls_key, *client_ca, *hub_config,
	    *policy, *cluster, *node, *host_root, *feed_dir, *db_ref, *hub_url, *hub_fingerprint,
	    *token, *token_file, *ns, *workload, *severity, *state, *image, *advisory, *rule;
	const char *role;
	const char *admission, *admission_cert, *admission_key, *admission_webhooks;
	bool admission_pull_secrets;
	uint64_t max_bytes, max_file_bytes, max_files, max_depth, max_seconds, stall_seconds;
	uint64_t feed_seconds, limit, spool_bytes, scan_cpu, scan_memory;
	struct opt_list output, insecure, mirror, feeds, ecosystems, urls, containerd, cri, docker,
	    podman, kubernetes, kube_kinds, kube_namespaces, kube_without, kube_write, allow, deny,
	    admission_names, bases, registry_scans, crawls;
	const char **operands;
	size_t n_operands;
};

#endif
