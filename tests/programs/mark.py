# SPDX-License-Identifier: MIT
"""usage: mark.py FILE: is its mark (src/platform/modules.c) one that a loader will make right?"""
import re
import subprocess
import sys

MAGIC = 0x9c6b1f2ee85da347


def readelf(option):
    return subprocess.run(['readelf', '-W', option, sys.argv[1]], check=True, capture_output=True,
                          text=True).stdout


content = open(sys.argv[1], 'rb').read()
(offset, address, size), = (map(lambda x: int(x, 16), found) for found in re.findall(
    r'^  TLS +(0x\w+) (0x\w+) 0x\w+ (0x\w+)', readelf('-l'), re.M))
image = content[offset:offset + size]
place = image.index(MAGIC.to_bytes(8, 'little'))
want, = re.findall(r'^ *\d+: (\w+) .* percpu__process$', readelf('-s'), re.M)
relocation, = re.findall(rf'^{address + place + 8:016x} .*_RELATIVE +(\w+)$', readelf('-r'), re.M)
if int(relocation, 16) != int(want, 16):
    sys.exit(f'the mark leads to {relocation}, percpu__process is at {want}')
