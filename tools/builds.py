# SPDX-License-Identifier: MIT
"""The builds that tests are made in, for tools/check and tools/check-one: a folder for each compiler and
set of options, below build/check."""
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import toolchain

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / 'build' / 'check'
TOOLS = ROOT / 'build' / 'tools'

# Host builds: name, compiler, options of `meson setup`. The suite "once" runs in the first only. Other targets have one build per cross file, cross/<target>-<compiler>.ini.
SANITIZE = ('-Ddebug=true', '-Db_sanitize=address,undefined', '-Db_lundef=false', '-Doptimization=1',
            '-Dc_args=-fno-sanitize-recover=all')
# The wrapper of musl hides the kernel's headers.
MUSL = '-Dc_args=-idirafter/usr/include/x86_64-linux-gnu -idirafter/usr/include'
HOST = (
    ('gcc', 'gcc'),
    ('gcc-O0', 'gcc', '-Doptimization=0'),
    ('gcc-debug', 'gcc', '-Ddebug_checks=true'),
    ('gcc-cid', 'gcc', '-Drseq_mm_cid=true'),
    ('clang', 'clang'),
    ('clang-14', 'clang-14'),
    ('musl', 'musl-gcc', MUSL),
    ('thread-gcc', 'gcc', '-Dplatform=thread'),
    ('thread-gcc-O0', 'gcc', '-Dplatform=thread', '-Doptimization=0'),
    ('thread-gcc-Os', 'gcc', '-Dplatform=thread', '-Doptimization=s'),
    ('thread-gcc-debug', 'gcc', '-Dplatform=thread', '-Ddebug_checks=true'),
    ('thread-clang', 'clang', '-Dplatform=thread'),
    ('thread-clang-sanitize', 'clang', *SANITIZE, '-Dplatform=thread', '-Ddebug_checks=true'),
    ('thread-musl', 'musl-gcc', '-Dplatform=thread', MUSL),
    ('single-gcc', 'gcc', '-Dplatform=single'),
    ('single-clang-sanitize', 'clang', *SANITIZE, '-Dplatform=single'),
)

# Builds that differ little from another one take turns in `make test`: each commit runs a third of these
# and of clang's builds of the bare targets that GCC builds, too.
TURNS = ('gcc-cid', 'clang-14', 'thread-gcc-O0', 'thread-gcc-Os', 'thread-clang', 'thread-musl',
         'single-clang-sanitize',
         'aarch64-el2', 'aarch64-el3', 'aarch64-x18', 'arm-m', 'riscv64-m', 'riscv64-own')

# So do scripts of the first build that take minutes, a half of them for each commit.
LONG = ('compile', 'install', 'life', 'link', 'models', 'offline', 'port', 'programs', 'rseq-platform', 'systems')

# A hosted test that takes longer than 10 times its limit hangs; bare ones are tools/qemu-run's.
TIMEOUT_MULTIPLIER = '10'
CPUS = max(2, os.cpu_count() or 2)


class Interrupted(Exception):
    pass


def interrupted(*_):
    raise Interrupted


running, stopping, lock = set(), threading.Event(), threading.Lock()


def run(command, env=None, show=False, cwd=ROOT):
    """Returns (succeeded, output). SHOW: the output is printed, too, while it comes."""
    try:
        with lock: # either stop() sees the process, or this sees that all has stopped
            if stopping.is_set():
                return False, 'stopped'
            process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       text=True, errors='replace', start_new_session=True)
            running.add(process)
    except OSError as error:
        return False, f'cannot run {command[0]}: {error.strerror}; tools/setup installs it'
    lines = []
    for line in process.stdout:
        lines.append(line)
        if show:
            print(line, end='', flush=True)
    process.wait()
    with lock:
        running.remove(process)
    return process.returncode == 0, ''.join(lines)


def family(leader):
    """-> the process and all that it started: tests, and what they run, have sessions of their own."""
    parents = {}
    for file in Path('/proc').glob('[0-9]*/stat'):
        try:
            parents[int(file.parent.name)] = int(file.read_text().rpartition(')')[2].split()[1])
        except OSError: # it has ended
            continue
    found = [leader]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def stop():
    """Ends what runs, and what that has started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with lock:
        stopping.set()
    with lock:
        left = {pid for process in running for pid in family(process.pid)}
    for number, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
        for pid in left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        for _ in range(seconds * 10):
            left = {pid for pid in left if os.path.exists(f'/proc/{pid}')}
            if not left:
                return
            time.sleep(0.1)


class Build:
    """One build folder, and what became of its tests."""

    def __init__(self, target, name, setup, compiler, needs):
        self.target, self.name, self.setup, self.needs = target, name, setup, needs
        self.env = {'CC': compiler} if compiler else {}
        self.folder = BUILD / f'{target}-{name}'
        self.platform = 'bare' if target != 'host' else \
            name.split('-')[0] if name.startswith(('thread', 'single')) else 'rseq'
        self.once = self.quick = False
        self.left_out = () # tests whose turn it is not
        self.jobs = 1
        self.passed = self.failed = self.skipped = 0
        self.missing = Counter() # how many builds and tests each program costs
        self.seconds = 0.0
        self.durations = [] # (seconds, test)

    def run(self):
        start = time.monotonic()
        absent = [need for need in self.needs if not shutil.which(need)]
        if absent:
            self.skip(absent)
        elif self.configure() and self.compile():
            self.test()
            # Meson looked for them when the folder was set up.
            (self.folder / 'missing').write_text('\n'.join(self.missing))
        self.seconds = time.monotonic() - start

    def alone(self, test):
        """How to run one test of this build."""
        words = [f'TARGET={self.target}'] if self.target != 'host' else []
        return shlex.join(['make', 'check', f'T={test}', *words, f'BUILD={self.name}'])

    def words(self, env, command):
        """How Meson runs it."""
        words = [*(f'{key}={value}' for key, value in env.items()), *command]
        return f'cd {self.folder.relative_to(ROOT)} && {shlex.join(words)}'

    def fail(self, what, log, count=1, tail=60, notes=()):
        self.failed += count
        if stopping.is_set():
            return
        lines = log.rstrip().splitlines()
        cut = [f'... {len(lines) - tail} lines more'] if len(lines) > tail else []
        with lock:
            print('\n    | '.join([f'FAILED  {self.target} {self.name}: {what}', *notes] + cut
                                  + lines[-tail:]), flush=True)

    def skip(self, programs):
        self.skipped += 1
        self.missing.update(programs)

    def configure(self):
        """Set the folder up; from scratch when what decides how was changed since."""
        decides = hashlib.sha256(repr((self.setup, sorted(self.env.items()))).encode())
        for file in ['meson_options.txt'] + [a for a in self.setup if a.endswith('.ini')]:
            if (ROOT / file).exists():
                decides.update((ROOT / file).read_bytes())
        stamp, missing = self.folder / 'setup.stamp', self.folder / 'missing'
        came = missing.exists() and any(map(shutil.which, missing.read_text().split()))
        if stamp.exists() and stamp.read_text() == decides.hexdigest() and not came:
            return True
        shutil.rmtree(self.folder, ignore_errors=True)
        # Debug information takes a third of the time and is read by nobody.
        done, output = run(['meson', 'setup', str(self.folder), '-Dwerror=true', '-Ddebug=false',
                            *self.setup], {**os.environ, **self.env})
        if done:
            stamp.write_text(decides.hexdigest())
        else:
            self.fail('meson setup', output, tail=8)
        return done

    def tests(self):
        """What Meson says of its tests, of those that are wanted."""
        tests = json.loads((self.folder / 'meson-info' / 'intro-tests.json').read_text())
        if not self.once:
            tests = [t for t in tests if not any(s.endswith('once') for s in t['suite'])]
        tests = [t for t in tests if t['name'] not in self.left_out]
        if self.quick:
            tests = [t for t in tests if any(s.endswith(('offline', 'quick')) for s in t['suite'])]
        return tests

    def files(self, tests):
        """What has to be built for them, for ninja."""
        targets = json.loads((self.folder / 'meson-info' / 'intro-targets.json').read_text())
        made = {target['id']: target['filename'] for target in targets}
        return sorted({os.path.relpath(file, self.folder)
                       for test in tests for name in test['depends'] for file in made[name]})

    def compile(self, files=None):
        if files is None: # test programs are not in "all"; the other target holds them
            files = self.files(self.tests()) if self.quick else ['all', 'meson-test-prereq']
        # Without a name of a file it would build all.
        done, output = run(['ninja', '-C', str(self.folder), '-j', str(self.jobs), *files]) if files else (True, '')
        if not done:
            self.fail('build', output)
        return done

    def test(self):
        log = self.folder / 'meson-logs' / 'testlog.json'
        log.unlink(missing_ok=True)
        tests = self.tests()
        if not tests:
            self.fail('there are no tests', '')
            return
        _, output = run(['meson', 'test', '-C', str(self.folder), '--no-rebuild',
                         '--num-processes', str(self.jobs), '--timeout-multiplier', TIMEOUT_MULTIPLIER]
                        + ([] if self.once else ['--no-suite', 'once'])
                        + ([t['name'] for t in tests] if self.quick or self.left_out else []))
        results = {}
        if log.exists():
            for line in log.read_text(errors='replace').splitlines():
                try:
                    result = json.loads(line)
                except ValueError: # half a line: a test that is missing has failed
                    continue
                results[result['name'].split(' / ')[-1]] = result
        if len(results) != len(tests):
            self.fail('meson test', output)
        for test in tests:
            if test['name'] in results:
                self.count(results[test['name']], test['protocol'] == 'tap', test.get('env', {}))
            else:
                self.fail(f'{test["name"]}: not run', '')

    def count(self, result, is_tap, env):
        """Add one program's tests."""
        name, log = result['name'].split(' / ')[-1], result.get('stdout', '')
        self.durations.append((result.get('duration', 0), f'{self.target} {self.name}: {name}'))
        passed, bad, planned, skipped = tap(log) if is_tap else (0, [], 0, [])
        if not is_tap and result['result'] == 'SKIP':
            skipped = lacking(log)
        good = result['result'] == 'OK' or result['result'] == 'SKIP' and bool(skipped)
        if not is_tap and good and not skipped:
            passed = 1
        if is_tap and not passed and not bad and not skipped:
            good = False
        self.passed += passed
        for programs in skipped:
            self.skip(programs)
        if good and not bad:
            return
        # What was planned and did not come did not pass either.
        count = max(len(bad), planned - passed - len(skipped), 1)
        if result.get('stderr'):
            log += '\n--- stderr\n' + result['stderr']
        what = f'{name}: {result["result"]}'
        if result.get('returncode'):
            what += f', status {result["returncode"]}'
        if bad:
            what += ': ' + ', '.join(bad)
        command = self.words(env, result.get('command', []))
        self.fail(what, log, count, notes=(f'command: {command}', f'alone:   {self.alone(name)}'))


def take_turns(table):
    """Leaves the third of those builds, and the half of those tests, that this commit runs. -> the others' names."""
    seldom = [build for builds in table.values() for build in builds
              if (build.name if build.target == 'host' else build.target) in TURNS
              or build.name == 'clang' and any(b.name == 'gcc' for b in builds) and build.target != 'host']
    done, commit = run(['git', 'rev-parse', 'HEAD'])
    turn = int(commit, 16) if done and re.fullmatch(r'[0-9a-f]+\s*', commit) else 0 # no history, or a warning
    others = [build for build in seldom if build not in seldom[turn % 3::3]]
    for target in table:
        table[target] = [build for build in table[target] if build not in others]
    table['host'][0].left_out = LONG[turn % 2::2]
    return [f'{build.target} {build.name}' for build in others] + list(table['host'][0].left_out)


def lacking(text):
    """-> for each line that says what is missing, the programs; or the other version that a test is about, or
    what no package brings."""
    said = re.findall(r'# *skip (?:missing: *(\S.*)|((?:other version|not available here): .*))', text, re.I)
    return [programs.split() if programs else [other] for programs, other in said]


def tap(text):
    """Returns (number passed, names of those that did not, number planned, programs that were missing).
    A SKIP for another reason, or a TODO, is not a pass."""
    passed, bad, planned, skipped = 0, [], 0, []
    for line in text.splitlines():
        plan = re.match(r'1\.\.(\d+)', line)
        if re.match(r'ok\b|1\.\.', line) and lacking(line):
            skipped += lacking(line)
            continue
        result = re.match(r'(not )?ok\b *(\d*)[ -]*([^#]*)(# *(?:skip|todo).*)?', line, re.I)
        if plan:
            planned = int(plan[1])
        elif result and not result[1] and not result[4]:
            passed += 1
        elif result:
            bad.append((result[3].strip() or result[2]) + (' (skipped)' if result[4] else ''))
    return passed, bad, planned, skipped


def targets(found):
    """target: its builds, the host first."""
    table = {'host': []}
    for name, cc, *options in HOST:
        needs = ['clang-sanitizers' if '-sanitize' in name else cc]
        table['host'].append(Build('host', name, options, shlex.join(found.get(cc, [cc])), needs))
    table['host'][0].once = True
    for file in sorted((ROOT / 'cross').glob('*.ini'), key=lambda f: (f.stem.rsplit('-', 1)[0],
                                                                     f.stem.rsplit('-', 1)[1] != 'gcc')):
        target, compiler = file.stem.rsplit('-', 1)
        needs = re.findall(r"^(?:c|bare_bfd) = '(.*?)'", file.read_text(), re.MULTILINE)
        if 'fuse-ld=lld' in file.read_text(): # it has no other linker
            needs.append('ld.lld')
        table.setdefault(target, []).append(
            Build(target, compiler, ['--cross-file', f'cross/{file.name}',
                                     '--cross-file', str(TOOLS / f'{compiler}.ini')], '', needs))
    return table


def other_compilers():
    """CC and CXX are for the builds of its kind."""
    for shared, own in ('CC', 'GCC'), ('CXX', 'GXX'):
        words = shlex.split(os.environ.pop(shared, ''))
        if words and not os.environ.get(own):
            own = own if not toolchain.is_llvm(words) else {'GCC': 'CLANG', 'GXX': 'CLANGXX'}[own]
            os.environ.setdefault(own, shlex.join(words))


def prepare():
    """Finds the compilers, and ends in order when this program is told to. -> what toolchain.py says."""
    other_compilers()
    found = toolchain.prepare(TOOLS)
    os.environ['PATH'] = f'{TOOLS}{os.pathsep}{os.environ.get("PATH", os.defpath)}'
    os.environ['PERCPU_TOOLS'] = str(TOOLS)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    return found
