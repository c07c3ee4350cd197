/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a kubeconfig says: no bad read, and what is taken says where the API is. */
#include "kube/kubeconf.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kubeconf_file f = {span_of(data, size), S("/etc")};
	struct kubeconf c;
	struct arena a;

	if (size > KIB(64))
		return 0;
	arena_init(&a, MIB(4));
	if (kubeconf_parse(&f, 1, S(""), &a, &c, NULL) == RMG_OK &&
	    (c.server.n == 0 || c.context.n == 0 || c.exec.n_args > KUBECONF_WORDS))
		__builtin_trap();
	arena_done(&a);
	return 0;
}
