# SPDX-License-Identifier: Apache-2.0
"""How old a child is when it answers."""
import os
import time

from mod_python import apache


def age(req):
    """Seconds. The kernel notes the start in ticks (10 ms) and rounds down:
    it is half a tick less on average."""
    with open("/proc/self/stat") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    started = ticks / os.sysconf("SC_CLK_TCK")
    req.write(str(time.clock_gettime(time.CLOCK_BOOTTIME) - started), 0)
    return apache.OK
