# SPDX-License-Identifier: MIT
"""What scripts in Python share: compilers and tools under names without a version (tools/toolchain.py;
tools/check has found them before), what to do without them, commands, TAP."""
import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tools'))
import toolchain

if not os.environ.get('PERCPU_TOOLS'):
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    toolchain.prepare(folder)
    os.environ['PERCPU_TOOLS'] = folder
    os.environ['PATH'] = folder + os.pathsep + os.environ.get('PATH', os.defpath)

# Flags of kernels, and of the machines of tests/bare.
FREESTANDING = '-ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables'
A64 = '-mgeneral-regs-only -mstrict-align -mno-outline-atomics'
ARM = '-march=armv7-a -mfloat-abi=soft -mno-unaligned-access'
# GCC, clang and GNU ld for them.
CROSS = {
    'aarch64': ('aarch64-linux-gnu-gcc', 'clang --target=aarch64-none-elf', 'aarch64-linux-gnu-ld'),
    'arm': ('arm-none-eabi-gcc', 'clang --target=armv7a-none-eabi', 'arm-none-eabi-ld'),
    'riscv64': ('riscv64-linux-gnu-gcc', 'clang --target=riscv64-none-elf', 'riscv64-linux-gnu-ld -m elf64lriscv'),
    'riscv32': ('riscv64-linux-gnu-gcc', 'clang --target=riscv32-none-elf', 'riscv64-linux-gnu-ld -m elf32lriscv'),
}


def compilers(target, flags=''):
    """-> {'gcc': its command, 'clang': its command}"""
    return {name: f'{command} {flags}'.strip() for name, command in zip(('gcc', 'clang'), CROSS[target])}


def absent(*commands):
    """-> those of them that there are not. Of several words the first counts."""
    return [c.split()[0] for c in commands if not shutil.which(c.split()[0])]


def needs(*commands):
    """Without one of them the script ends here, and says why. Before the plan."""
    lacking = absent(*commands)
    if lacking:
        print('1..0 # SKIP missing:', *lacking)
        sys.exit(0)


@contextlib.contextmanager
def workspace():
    """A folder for a script's files, which KEEP=1 keeps."""
    name = tempfile.mkdtemp()
    try:
        yield Path(name)
    finally:
        if os.environ.get('KEEP'):
            print(f'# kept: {name}')
        else:
            shutil.rmtree(name, ignore_errors=True)


class Failure(Exception):
    """What is wrong."""


def said(command, **more):
    """-> what a command, a list of words, says, and its status."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors='replace', check=False, **more)
    except OSError as error:
        raise Failure(f'cannot run {words[0]}: {error.strerror}; tools/setup says what brings it') from error
    return done.stdout, done.returncode


def run(command, **more):
    """-> what a command says, which succeeds."""
    output, status = said(command, **more)
    if status:
        raise Failure(f'{" ".join(map(str, command))}\n{output}status {status}')
    return output


class Tap:
    """A script's results. NAMES: of the tests that are wanted; none: all."""

    def __init__(self, names=()):
        self.names, self.n, self.failed = names, 0, 0

    def wanted(self, name):
        return not self.names or name in self.names

    def result(self, name, wrong=(), note='', missing=(), skip=''):
        """WRONG: text or its lines, nothing when the test passes. MISSING: the programs without which it is
        skipped, SKIP: why else."""
        skip = f'missing: {" ".join(missing)}' if missing else skip
        self.n += 1
        self.failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {self.n} - {name}{note and f" # {note}"}'
              + (f' # SKIP {skip}' if skip else ''))
        lines = (wrong if isinstance(wrong, str) else '\n'.join(wrong)).splitlines()
        for line in lines if len(lines) <= 60 else [*lines[:30], '...', *lines[-30:]]:
            print(f'# {line}')
        sys.stdout.flush()

    def check(self, name, function, *arguments):
        """It fails when the function raises Failure, and prints what that returns."""
        try:
            note, wrong = function(*arguments) or '', ''
        except (Failure, OSError) as failure:
            note, wrong = '', str(failure) or 'it failed'
        self.result(name, wrong, note)

    def end(self):
        """The plan. -> the script's status"""
        print(f'1..{self.n}')
        print(f'# end: {self.n - self.failed} passed, {self.failed} failed')
        return int(self.failed != 0)
