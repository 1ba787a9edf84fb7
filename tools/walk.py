#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How far is it from percpu_inc(stats.rx) to its instruction? Walks through macros and functions as a
reader does, prints each hop with its file and line, and counts. TAP, a line for each configuration.

usage: walk.py [-v] [CONFIGURATION...]

Limits: macros nested from the public name to the function that carries the operation's name, 4; functions
from there to the asm statement, that one counted, 3; files of ours, 4.
"""
import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = ROOT / 'include'
PUBLIC, OPERATION, BITS = 'percpu_inc', 'percpu__add', 64
MACROS, FUNCTIONS, FILES = 4, 3, 4
BARE = '-ffreestanding -fno-pic -DPERCPU_PLATFORM_BARE'
CONFIGURATIONS = {
    'bare x86_64': f'gcc {BARE}',
    'bare aarch64, PERCPU_RESTART': f'aarch64-linux-gnu-gcc {BARE} -DPERCPU_RESTART',
    'rseq x86_64': 'gcc -DPERCPU_PLATFORM_RSEQ',
}
SOURCE = f'#include <percpu/percpu.h>\nvoid f(void) {{ {PUBLIC}(stats.rx); }}\n'


class Failure(Exception):
    pass


def preprocess(command):
    """-> the macros of ours: name -> (file, line, body); the text, with line markers."""
    with tempfile.NamedTemporaryFile('w', suffix='.c') as source:
        source.write(SOURCE)
        source.flush()
        text = subprocess.run([*command.split(), '-std=gnu17', '-O2', f'-I{INCLUDE}', '-E', '-dD', source.name],
                              check=True, capture_output=True, text=True).stdout
    macros, file, line, lines = {}, None, 0, []
    for row in text.split('\n'):
        if marker := re.match(r'# (\d+) "([^"]*)"', row):
            line, file = int(marker[1]), marker[2]
            continue
        if file and file.startswith(str(INCLUDE)):
            where = f'{Path(file).relative_to(INCLUDE)}:{line}'
            if macro := re.match(r'#define (\w+)(?:\(([^)]*)\))? ?(.*)', row):
                macros[macro[1]] = (where, macro[2], macro[3])
            elif not row.startswith('#'):
                lines.append((where, row))
        line += 1
    return macros, lines


def way(macros):
    """The macros that nest around the operation: PUBLIC, and those that its body names before it."""
    body = macros[PUBLIC][2]
    if not re.search(rf'\b{OPERATION}\b', body):
        raise Failure(f'{PUBLIC} does not name {OPERATION}')
    nested = [name for name in re.findall(r'\bPERCPU__\w+', body.split(OPERATION)[0]) if name in macros]
    _, parameters, last = macros[nested[-1]]
    if not any(re.search(rf'(?<!\w){name}\(', last) for name in re.findall(r'\w+', parameters)):
        raise Failure(f'{nested[-1]} calls none of its parameters')
    return [(macros[name][0], name) for name in (PUBLIC, *nested)]


def functions(lines):
    """name -> (where, body) of each inline function of ours."""
    text = ' '.join(row for _, row in lines)
    starts, at = [], 0
    for where, row in lines:
        starts.append((at, where))
        at += len(row) + 1
    found = {}
    for match in re.finditer(r'\b(percpu__\w+)\s*\(([^;{}]*)\)\s*\{', text):
        depth, end = 1, match.end()
        while depth:
            depth += {'{': 1, '}': -1}.get(text[end], 0)
            end += 1
        where = next(w for a, w in reversed(starts) if a <= match.start())
        found[match[1]] = (where, text[match.end():end])
    return found


def walk(command):
    macros, lines = preprocess(command)
    names = functions(lines)
    up = way(macros)
    down, name = [], OPERATION
    while True:
        if name not in names:
            raise Failure(f'there is no function {name}')
        where, body = names[name]
        down.append((where, name))
        if re.search(r'\basm\b|__asm__', body):
            return up, down
        called = [c for c in re.findall(r'\b(percpu__\w+)\s*\(', body) if c in names]
        wanted = [c for c in called if c.startswith(OPERATION + f'_{BITS}') or
                  re.fullmatch(rf'percpu__\w+_add_{BITS}', c)]
        if not wanted:
            raise Failure(f'{name} calls {called}')
        name = wanted[0]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    arguments.add_argument('-v', action='store_true', help='print each hop')
    arguments.add_argument('configuration', nargs='*', default=list(CONFIGURATIONS))
    options = arguments.parse_args()
    failed = 0
    print(f'1..{len(options.configuration)}')
    for number, title in enumerate(options.configuration, 1):
        try:
            up, down = walk(CONFIGURATIONS[title])
            files = {where.split(':')[0] for where, _ in (*up, *down)}
            good = len(up) <= MACROS and len(down) <= FUNCTIONS and len(files) <= FILES
            said = f'{len(up)} macros, {len(down)} functions, {len(files)} files'
            hops = [f'{name}  {where}' for where, name in (*up, *down)]
        except (Failure, subprocess.CalledProcessError) as error:
            good, said, hops = False, 'no way', [str(error)]
        failed += not good
        print(f'{"ok" if good else "not ok"} {number} - {title}: {said}')
        for hop in hops if options.v or not good else ():
            print(f'# {hop}')
    print(f'# end: {len(options.configuration) - failed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
