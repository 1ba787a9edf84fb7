# SPDX-License-Identifier: MIT
"""For scripts: compilers and tools under names without a version (tools/toolchain.py), and what to do
without them. tools/check has found them before."""
import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'tools'))
import toolchain

if not os.environ.get('PERCPU_TOOLS'):
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    toolchain.prepare(folder)
    os.environ['PERCPU_TOOLS'] = folder
    os.environ['PATH'] = folder + os.pathsep + os.environ.get('PATH', os.defpath)


def absent(*commands):
    """-> those of them that there are not. Of several words the first counts."""
    return [c.split()[0] for c in commands if not shutil.which(c.split()[0])]


def needs(*commands):
    """Without one of them the script ends here, and says why. Before the plan."""
    lacking = absent(*commands)
    if lacking:
        print('1..0 # SKIP missing:', *lacking)
        sys.exit(0)
