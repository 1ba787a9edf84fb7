#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does a test see each protection of the source? Each patch of tests/mutants takes one out; with it
the test that it names must fail, and without it that test must pass. TAP, a line for each patch.

usage: mutants.py [-v] [-j JOBS] [--twentieth | NAME...]      NAME: a patch without .patch; default: all

--twentieth: a twentieth of them, which one the commit decides; of the others only whether they apply.

A patch begins with these lines; a name of a test, which is one of TAP's, has a line of its own:

  Title:    what is taken out
  Red:      the test that fails, or in which the program dies; of several lines, each
  Run:      one of the below
  Env:      VARIABLE=VALUE, for the program
  Symptom:  "hangs", where that is how the test shows it
  Says:     NUMBER WORDS: the output has the words so often
  Tries:    how often a race may be run before it shows (10; scripts: 1)

  Run: host PLATFORM FILE... FLAG...    programs of tests/FILE with the library: on this system,
  Run: musl PLATFORM FILE... FLAG...    or with musl;
  Run: bare TARGET FILE... FLAG...      a kernel under QEMU; --singlestep is a flag;
  Run: right PLATFORM FILE... FLAG...   a program that says "right" and no more; Red: its arguments
  Run: script FILE ARG...               a script of tests/ that prints TAP, in the patched sources;
                                        "{}" stands for the tests' names

Only what a patch changes is compiled again. Environment: CC, MUSL_CC, BARE_CC_<target>.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tools import absent

ROOT = Path(__file__).resolve().parent.parent
PATCHES = ROOT / 'tests' / 'mutants'
PARTS = ('include', 'src', 'ld', 'tests', 'tools')
LIMIT = 300   # seconds; what takes longer hangs
TRIES = 10

FLAGS = '-std=gnu17 -O2'
HOST = '-D_GNU_SOURCE -pthread'
FREESTANDING = ('-ffreestanding -fno-pic -fno-pie -fno-stack-protector '
                '-fno-asynchronous-unwind-tables -DPERCPU_PLATFORM_BARE')
# Compiler, flags, folder of tests/bare, address to load at; as in tests/bare/meson.build.
BARE = {
    'x86_64': ('gcc', '-mno-red-zone -mgeneral-regs-only', 'x86_64', '0x100000'),
    'aarch64': ('aarch64-linux-gnu-gcc', '-mgeneral-regs-only -mstrict-align -mno-outline-atomics',
                'aarch64', '0x40200000'),
    'aarch64-el2': ('aarch64-linux-gnu-gcc', '-mgeneral-regs-only -mstrict-align '
                    '-mno-outline-atomics -DPERCPU_ARM_EL2', 'aarch64', '0x40200000'),
    'aarch64-el3': ('aarch64-linux-gnu-gcc', '-mgeneral-regs-only -mstrict-align '
                    '-mno-outline-atomics -DPERCPU_ARM_EL3', 'aarch64', '0x40200000'),
    'aarch64-x18': ('aarch64-linux-gnu-gcc', '-mgeneral-regs-only -mstrict-align '
                    '-mno-outline-atomics -ffixed-x18 -DPERCPU_ARM_X18', 'aarch64', '0x40200000'),
    'arm': ('arm-none-eabi-gcc', '-march=armv7-a -mfloat-abi=soft -mno-unaligned-access -marm',
            'arm', '0x40200000'),
    'riscv64': ('riscv64-linux-gnu-gcc', '-mcmodel=medany -march=rv64ima_zicsr_zifencei -mabi=lp64',
                'riscv', '0x80200000'),
    'riscv64-own': ('riscv64-linux-gnu-gcc', '-mcmodel=medany -march=rv64ima_zicsr_zifencei -mabi=lp64 '
                    f'-DPERCPU_OWN_REGISTER -I{ROOT}/tests/bare/own', 'riscv', '0x80200000'),
    'riscv32': ('riscv64-linux-gnu-gcc', '-mcmodel=medany -mno-relax -march=rv32ima_zicsr_zifencei '
                '-mabi=ilp32 -DPERCPU_RISCV_M_MODE', 'riscv', '0x80000000'),
    'loongarch64': ('clang --target=loongarch64-linux-gnusf -fuse-ld=lld', '-msoft-float '
                    '-Wno-unused-command-line-argument -Wno-ignored-optimization-argument', 'loongarch64',
                    '0x200000'),
}


class Failure(Exception):
    pass


class Missing(Exception):
    """A tool that there is not."""


def run(command, limit=LIMIT, **more):
    """-> (output, status); the status is None at the time limit: it and its children are killed."""
    try:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors='replace', start_new_session=True, **more)
    except OSError as error:
        raise Failure(f'{command[0]}: {error.strerror}') from error
    with process:
        try:
            return process.communicate(timeout=limit)[0], process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.communicate()[0], None


def must(command, **more):
    output, status = run(command, **more)
    if status != 0:
        raise Failure(f'{" ".join(map(str, command))}\n{output}')
    return output


class Once:
    """Values that are computed once, for all threads."""

    def __init__(self):
        self.lock, self.futures = threading.Lock(), {}

    def get(self, key, function):
        with self.lock:
            mine = key not in self.futures
            future = self.futures.setdefault(key, Future())
        if mine:
            try:
                future.set_result(function())
            except BaseException as error:  # whoever asks gets it
                future.set_exception(error)
        return future.result()


class Config:
    """How to build and run programs of one kind."""

    def __init__(self, kind, where, flags):
        self.kind, self.where, self.bare = kind, where, kind == 'bare'
        self.options = [flag for flag in flags if flag.startswith('--')]
        own = [flag for flag in flags if not flag.startswith('--')]
        if self.bare:
            cc, machine, self.folder, self.load = BARE[where]
            self.cc = os.environ.get('BARE_CC_' + where.replace('-', '_'), cc).split()
            self.flags = f'{FLAGS} {FREESTANDING} {machine}'.split() + own
            if self.cc[0] != 'clang':
                self.flags.append('-fno-tree-loop-distribute-patterns')
        else:
            self.cc = os.environ.get(*(('MUSL_CC', 'musl-gcc') if kind == 'musl' else ('CC', 'gcc'))
                                     ).split()
            self.flags = f'{FLAGS} {HOST} -DPERCPU_PLATFORM_{where.upper()}'.split() + own
            # ThreadSanitizer of GCC 12 knows addresses of 28 random bits only.
            random = int(Path('/proc/sys/vm/mmap_rnd_bits').read_text())
            self.before = ['setarch', '-R'] if '-fsanitize=thread' in own and random > 28 else []
            if kind == 'musl':  # whose wrapper hides the kernel's headers
                self.flags += '-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include'.split()
        self.key = (*self.cc, *self.flags)

    def sources(self, files):
        """Relative to the root. t_*.c share areas and reports."""
        library = [f'src/{file.relative_to(ROOT / "src")}' for file in sorted((ROOT / 'src').rglob('*.c'))]
        tests = [f'tests/{f}' for f in files]
        if self.kind == 'right':
            return library + tests
        if any(f.startswith('t_') for f in files):
            tests.append('tests/t_areas.c')
        if self.bare:
            machine = f'tests/bare/{self.folder}'
            return library + tests + ['tests/harness/harness.c', 'tests/bare/bare.c',
                                      f'{machine}/boot.S', f'{machine}/machine.c']
        return library + tests + ['tests/harness/harness.c', 'tests/harness/hosted.c']


class Tree:
    """Sources, as they are or patched, and what is built of them."""

    def __init__(self, root, work, base=None, changed=()):
        self.root, self.work, self.base, self.changed = root, work, base, set(changed)
        self.once = Once()

    def include(self, config):
        folders = ['include', 'tests/harness'] + (['tests/bare'] if config.bare else [])
        return [f'-I{self.root / folder}' for folder in folders]

    def compile(self, config, source):
        """-> object, files of the tree that it depends on."""
        if self.base:
            made, needs = self.base.object(config, source)
            if not needs & self.changed:
                return made, needs
        at = self.work / f'{abs(hash(config.key)):x}' / source.replace('/', '-')
        at.parent.mkdir(parents=True, exist_ok=True)
        made, list_of = at.with_suffix('.o'), at.with_suffix('.d')
        must([*config.cc, *config.flags, *self.include(config), '-MMD', '-MF', list_of, '-c', '-o',
              made, self.root / source])
        words = list_of.read_text().replace('\\\n', ' ').split()[1:]
        return made, {os.path.relpath(word, self.root) for word in words}

    def object(self, config, source):
        return self.once.get((config.key, source), lambda: self.compile(config, source))

    def script(self, config):
        """The linker script of a machine."""
        made = self.work / f'{abs(hash(config.key)):x}.lds'
        more = [f for f in config.flags if f == '-DPERCPU_ZERO_VMA' or f.startswith('-DBARE_')]
        more += [] if '-DBARE_MMU=1' in more else ['-DBARE_MMU=0']
        must([*config.cc, '-E', '-P', '-undef', '-x', 'assembler-with-cpp',
              f'-DBARE_LOAD={config.load}', '-DBARE_OFFSET=0', '-DBARE_CPUS=8', *more,
              self.root / 'tests/bare/kernel.lds.S', '-o', made])
        return made

    def link(self, config, files):
        objects = [self.object(config, source)[0] for source in config.sources(files)]
        made = self.work / f'program-{abs(hash((config.key, files))):x}'
        if config.bare:
            must([*config.cc, *config.flags, '-nostdlib', '-static', '-no-pie',
                  '-Wl,-z,max-page-size=4096', '-Wl,--build-id=none', '-Wl,--gc-sections',
                  f'-L{self.root}/ld', '-T', self.once.get((config.key, ''), lambda: self.script(config)),
                  '-o', made, *objects])
        else:
            must([*config.cc, *config.flags, '-o', made, *objects, '-ldl'])
        return made

    def program(self, config, files):
        return self.once.get((config.key, files), lambda: self.link(config, files))


class Mutant:
    """A patch, with what it says of itself."""

    def __init__(self, path):
        self.path, self.name = path, path.stem
        text = path.read_text()
        head = text.split('\n--- ')[0]
        fields = re.findall(r'^(\w+): +(.*)$', head, re.MULTILINE)
        values = dict(fields)
        self.red = [value for field, value in fields if field == 'Red']
        self.env = dict(value.split('=', 1) for field, value in fields if field == 'Env')
        self.changed = set(re.findall(r'^--- a/(\S+)', text, re.MULTILINE))
        self.symptom = values.get('Symptom', 'fails')
        if not self.red or not self.changed or self.symptom not in ('fails', 'hangs') or \
                not {'Title', 'Run'} <= set(values) or set(values) - {
                    'Title', 'Red', 'Run', 'Env', 'Symptom', 'Says', 'Tries'}:
            raise Failure(f'{path.name}: its first lines are not as mutants.py says')
        self.title = values['Title']
        number, _, self.says = values.get('Says', '0 ').partition(' ')
        self.number = int(number)
        self.kind, *self.words = values['Run'].split()
        self.tries = int(values.get('Tries', 1 if self.kind == 'script' else TRIES))
        if self.kind != 'script':
            if self.kind not in ('host', 'musl', 'bare', 'right') or len(self.words) < 2:
                raise Failure(f'{path.name}: there is no such Run: {values["Run"]}')
            self.files = tuple(w for w in self.words[1:] if not w.startswith('-'))
            self.config = Config(self.kind, self.words[0],
                                 [w for w in self.words[1:] if w.startswith('-')])

    def command(self, tree, names):
        if self.kind == 'script':
            words = [w for word in self.words[1:] for w in (names if word == '{}' else [word])]
            return [tree.root / 'tests' / self.words[0], *words]
        program = tree.program(self.config, self.files)
        if self.kind == 'bare':
            append = [f'--append={" ".join(self.red)}']
            return [tree.root / 'tools/qemu-run', self.config.where, *self.config.options, *append,
                    program]
        arguments = self.red[0].split() if self.kind == 'right' else self.red
        return [*self.config.before, program, *arguments]

    def results(self, tree, limit=LIMIT, names=None):
        """-> name to whether it passed; seconds, status, output. NAMES: a script's tests."""
        command = self.command(tree, self.red if names is None else names)
        start = time.monotonic()
        output, status = run(command, limit, cwd=tree.root, env={**os.environ, **self.env})
        if self.kind == 'right':
            good = output == 'right\n' and status == 0
            return {self.red[0]: good}, time.monotonic() - start, status, output
        found = {name: not bad for bad, name in
                 re.findall(r'^(not )?ok \d+ - (.*?)(?: # .*)?$', output, re.MULTILINE)}
        return found, time.monotonic() - start, status, output

    def is_green(self, tree):
        if self.kind != 'script' and absent(self.config.cc[0]):
            raise Missing(self.config.cc[0])
        if self.kind == 'script':  # once for all of its mutants
            found, seconds, _, output = tree.once.get(self.key(), lambda: self.results(tree, names=[]))
            seconds = min(seconds, LIMIT / 20)
        else:
            found, seconds, _, output = self.results(tree)
        for name in self.red:
            skipped = re.search(rf'^(1\.\.0|ok \d+ - {re.escape(name)}) # SKIP (missing: )?(.*)$',
                                output, re.MULTILINE)
            if skipped:
                raise Missing(skipped[3])
        if not all(found.get(name) for name in self.red):
            raise Failure('not green without the patch:\n' + output)
        return seconds

    def key(self):
        """Of a run without the patch."""
        names = [] if self.kind == 'script' else self.red
        return (self.kind, *self.words, *names, *self.env.items())

    def is_red(self, tree, green_seconds):
        """One run of the mutant: does what must fail fail, and how?"""
        limit = max(5 if self.symptom == 'hangs' else 60, 20 * green_seconds)
        found, _, status, output = self.results(tree, limit)
        if all(found.get(name) is False for name in self.red):
            says = not self.says or output.count(self.says) == self.number
            return self.symptom == 'fails' and says, output, status
        # Nothing but the test ran: there is a plan, and then nothing.
        planned = re.search(r'^1\.\.\d+$', output, re.MULTILINE)
        silent = planned and self.kind not in ('script', 'right') and not any(name in found for name in self.red)
        return silent and status != 0 and (status is None) == (self.symptom == 'hangs'), output, status

    def check(self, base, work):
        """Raises Failure when it is not as the patch says."""
        seconds = base.once.get(('green', *self.key(), *self.red), lambda: self.is_green(base))
        with tempfile.TemporaryDirectory(dir=work) as folder:
            root = Path(folder) / 'root'
            shutil.copytree(base.root, root, ignore=shutil.ignore_patterns('__pycache__'), copy_function=os.link)
            # It makes new files of those that it changes.
            must(['patch', '-p1', '-s', '-F0', '--no-backup-if-mismatch', '-i', self.path], cwd=root)
            tree = Tree(root, Path(folder) / 'work', base, self.changed)
            output = ''
            for _ in range(self.tries):
                red, output, status = self.is_red(tree, seconds)
                if red:
                    return
                if status is None:
                    raise Failure(f'it hangs:\n{output}')
            raise Failure(f'it is not seen in {self.tries} runs; the last one:\n{output}')


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('-j', '--jobs', type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument('--twentieth', action='store_true')
    parser.add_argument('names', nargs='*')
    args = parser.parse_args()
    paths = [PATCHES / f'{name}.patch' for name in args.names] or sorted(PATCHES.glob('*.patch'))
    others = []
    if args.twentieth:
        commit, status = run(['git', '-C', ROOT, 'rev-parse', 'HEAD'])
        first = int(commit, 16) % 20 if status == 0 else 0
        others = [path for path in paths if path not in paths[first::20]]
        paths = paths[first::20]
    mutants = [Mutant(path) for path in paths]

    failed = 0
    print(f'1..{len(mutants) + len(others)}', flush=True)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        work = Path(folder)
        # What mutants are made of, and compared with: a test that needs more is not green.
        for part in PARTS:
            shutil.copytree(ROOT / part, work / 'root' / part, ignore=shutil.ignore_patterns('mutants', '__pycache__'))
        base = Tree(work / 'root', work / 'base')
        for n, path in enumerate(others, 1):
            output, status = run(['patch', '-p1', '-s', '-F0', '--dry-run', '-i', path], cwd=work / 'root')
            failed += status != 0
            print(f'{"not ok" if status else "ok"} {n} - {path.stem}: applies')
            for line in output.splitlines() if status else ():
                print(f'# {line}')

        def check(mutant):
            start, wrong, missing = time.monotonic(), None, None
            try:
                mutant.check(base, work)
            except Failure as failure:
                wrong = str(failure)
            except Missing as tool:
                missing = tool
            return wrong, missing, time.monotonic() - start

        # Those with the same program one after the other, so that it is built once.
        mutants.sort(key=lambda m: (m.kind, m.words))
        results = zip(mutants, pool.map(check, mutants))
        for n, (mutant, (wrong, missing, seconds)) in enumerate(results, len(others) + 1):
            failed += wrong is not None
            print(f'{"not ok" if wrong else "ok"} {n} - {mutant.name}: {mutant.title}'
                  + (f' # SKIP missing: {missing}' if missing else '')
                  + (f' # {seconds:.1f} s' if args.verbose else ''))
            for line in (wrong or '').splitlines()[-30:]:
                print(f'# {line}')
            sys.stdout.flush()
    print(f'# end: {len(mutants) + len(others) - failed} passed, {failed} failed')
    return 1 if failed or not mutants else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except Failure as reason:
        sys.exit(f'Bail out! {reason}')
