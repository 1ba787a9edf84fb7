# SPDX-License-Identifier: MIT
"""usage: calls.py DOCUMENT SOURCES TRACE...

Compares the table of system calls in the document with what strace(1) saw of phases.c. Each call
must be in its phase's row, and each call of the table must have been seen or be in the sources. Each
call that the sources make by number must be in the table; what they make by the functions of CALLS, in
the section. Prints what is not.
"""
import re
import sys
from collections import defaultdict
from pathlib import Path

# Functions of libc that phases.c need not reach, and the calls that they make.
CALLS = {'sched_yield': 'sched_yield', 'sched_getcpu': 'getcpu', 'clock_gettime': 'clock_gettime',
         'nanosleep': 'nanosleep', 'pthread_sigmask': 'rt_sigprocmask', 'sched_getaffinity': 'sched_getaffinity'}
LIBC = "libc's end of a thread"


def section(document):
    return document.split('\n## System calls\n')[1].split('\n## ')[0]


def table(document):
    """{phase: calls}"""
    part = section(document)
    return {phase: set(re.findall(r'`(\w+)`', calls))
            for phase, calls in re.findall(r'^\| ([a-z][^|]*?) \| (`[^|]*) \|', part, re.M)}


def seen(traces):
    """{phase: calls}; a process begins in no phase, and is in one of its own."""
    calls = defaultdict(set)
    for trace in traces:
        phases = {}
        for line in trace.splitlines():
            call = re.match(r'(\d+) +(\w+)\((-1, "([^"]*)")?', line)
            if not call:
                continue
            if call[2] == 'write' and call[3]:
                phases[call[1]] = call[4]
            elif phases.get(call[1], '-') != '-':
                calls[phases[call[1]]].add(call[2])
    return calls


documented = table(Path(sys.argv[1]).read_text())
sources = '\n'.join(path.read_text() for path in Path(sys.argv[2]).rglob('*.[ch]')
                    if path.name not in ('thread.c', 'single.c', 'bare.c'))
found = seen(Path(name).read_text() for name in sys.argv[3:])
libc = found.pop(LIBC)
wrong = []
for phase, calls in sorted(found.items()):
    if phase not in documented:
        wrong.append(f'{phase}: not in the table')
        continue
    unknown = calls - documented[phase]
    if phase == 'end of a thread':
        unknown -= libc
    wrong += [f'{phase}: {call} is not in the table' for call in sorted(unknown)]
for phase, calls in documented.items():
    if phase not in found:
        wrong.append(f'{phase}: never came')
    wrong += [f'{phase}: {call} was not seen, and is not in the sources' for call in sorted(calls)
              if call not in found[phase] and call not in sources]
wrong += [f'{call} is in the sources and not in the table' for call in
          sorted(set(re.findall(r'\bSYS_(\w+)', sources)) - set().union(*documented.values()))]
wrong += [f'{call} is called by {function}(), and is not in the section' for function, call in CALLS.items()
          if re.search(rf'\b{function}\(', sources) and f'`{call}`' not in section(Path(sys.argv[1]).read_text())]
print('\n'.join(f'{phase}: {" ".join(sorted(calls))}' for phase, calls in sorted(found.items())))
if wrong:
    print('\n'.join(wrong))
    sys.exit(1)
