/* SPDX-License-Identifier: Apache-2.0 */
#include "box/rights.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_CAPS = 64 };

enum rmg_rc rights_keep(uint64_t caps, struct rmg_err *err)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}, {0}};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_os(err, RMG_E_SANDBOX, "give up privileges");
	for (int cap = 0; cap < MOST_CAPS; cap++)
		if (!(caps & RIGHT(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			break; /* past the last one, or there are none to drop */
	if (syscall(SYS_capget, &head, data) != 0)
		return err_os(err, RMG_E_SANDBOX, "ask for the capabilities");
	for (unsigned i = 0; i < 2; i++) {
		uint32_t kept = data[i].permitted & (uint32_t)(caps >> (32 * i));

		data[i].permitted = data[i].effective = kept;
		data[i].inheritable &= kept;
	}
	if (syscall(SYS_capset, &head, data) != 0)
		return err_os(err, RMG_E_SANDBOX, "drop capabilities");
	return RMG_OK;
}
