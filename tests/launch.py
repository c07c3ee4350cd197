# SPDX-License-Identifier: Apache-2.0
"""launch.py FD COMMAND... - runs COMMAND and writes "status cpu_s maxrss_kib" to FD.

The kernel carries the size of a forking process over into what it says of the child's peak. Tests
that have built large images in memory are large; this program is small.
"""

import os
import sys

fd = int(sys.argv[1])
os.set_inheritable(fd, False)
pid = os.fork()
if pid == 0:
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as e:
        os.write(2, ("launch: %s: %s\n" % (sys.argv[2], e)).encode())
        os._exit(127)
_, status, usage = os.wait4(pid, 0)
os.write(fd, b"%d %f %d" % (os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime,
                            usage.ru_maxrss))
os._exit(0)
