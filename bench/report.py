#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the benchmarks, print what they print, and plot the threads' figures.

usage: report.py --output FOLDER [--document FILE] --compiler ID VERSION --command COMMAND
                 BENCH OTHERS THREADS

FOLDER gets bench-threads.dat and bench-threads.svg. With --document the text between the
document's markers for this compiler is replaced by what was printed, and the plot is copied beside
the document when it shows it.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLOT = 'bench-threads.svg'


def machine():
    """The processor, how many, and the kernel, in a line."""
    info = {}
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        key, _, value = line.partition(':')
        info.setdefault(key.strip(), value.strip())
    text = info.get('model name') or info.get('Processor') or os.uname().machine
    if 'cpu family' in info:
        text += f' (family {info["cpu family"]}, model {info["model"]})'
    count = len(os.sched_getaffinity(0))
    text += f', {count} CPU' + 's' * (count != 1)
    if 'hypervisor' in info.get('flags', '').split():
        text += ' of a virtual machine'
    release = '.'.join(os.uname().release.split('.')[:2])
    return f'{text}, {os.uname().sysname} {release}'


def run(command):
    """Returns what it prints, and prints it."""
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(process.stdout)
    sys.stdout.flush()
    if process.returncode:
        sys.exit(f'report.py: {Path(command[0]).name}: status {process.returncode}')
    return process.stdout


def write(document, compiler, text):
    begin = f'<!-- begin: written by make bench, {compiler} -->\n'
    end = f'<!-- end: written by make bench, {compiler} -->\n'
    old = document.read_text()
    new, count = re.subn(re.escape(begin) + '.*?' + re.escape(end),
                         lambda _: begin + '\n' + text + end, old, flags=re.DOTALL)
    if count != 1:
        sys.exit(f'report.py: {document.name} has {count} times the markers for {compiler}, not 1')
    document.write_text(new)


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--document', type=Path)
    parser.add_argument('--compiler', nargs=2, required=True)
    parser.add_argument('--command', required=True)
    parser.add_argument('bench')
    parser.add_argument('others')
    parser.add_argument('threads')
    args = parser.parse_args()
    compiler, version = args.compiler

    figures, plot = args.output / 'bench-threads.dat', args.output / PLOT
    text = f'{machine()}; {compiler} {version} -O2; `{args.command}`.\n\n'
    sys.stdout.write(text)
    sys.stdout.flush()
    text += run([args.bench])
    text += run([args.others])
    text += run([args.threads, '11', str(figures)])
    subprocess.run(['gnuplot', '-c', str(HERE / 'threads.gp'), str(figures), str(plot)], check=True)
    if args.document:
        write(args.document, compiler, text)
        if compiler == 'gcc':
            shutil.copyfile(plot, args.document.parent / PLOT)


main()
