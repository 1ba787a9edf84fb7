#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/porting-to.md against the headers and the files: what the page names exists, and what a port may
provide, or has to touch, is named. TAP.

Each check is also made of a page that is wrong, which it has to notice.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = ROOT / 'include/percpu'
ARCH = INCLUDE / 'detail/arch'
PAGE = (ROOT / 'docs/porting-to.md').read_text()
LAST = re.search(r'patch. (\w+) \.$', PAGE, re.M)[1]  # the port whose files the page lists
PREFIXES = ('', 'include/', 'include/percpu/', 'include/percpu/detail/arch/<a>/', 'ld/', 'tests/', 'tools/')


def files():
    """Of the repository; of a copy without its history, all that is not built."""
    listed = subprocess.run(['git', '-C', ROOT, 'ls-files'], capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return listed.stdout.split('\n')[:-1]
    names = [f.relative_to(ROOT) for f in ROOT.rglob('*') if f.is_file()]
    return [str(name) for name in names if name.parts[0] not in ('.git', '.cache', 'build')]


def without_comments(text):
    return re.sub(r'/\*.*?\*/', '', text, flags=re.S)


def headers():
    """-> what ports define: headers and selector; what uses it: all other headers and sources."""
    config = INCLUDE / 'detail/config.h'
    text = without_comments(config.read_text())
    first = text.index('#if defined(__x86_64__)')
    last = text.index('#elif defined(PERCPU_PLATFORM_BARE)', first)
    ports = [text[first:last]] + [without_comments(f.read_text()) for f in sorted(ARCH.rglob('*.h'))]
    users = [text[:first] + text[last:]]
    for f in [*sorted(INCLUDE.rglob('*.h')), *sorted((ROOT / 'src').rglob('*.[ch]'))]:
        if ARCH not in f.parents and f != config:
            users.append(without_comments(f.read_text()))
    return '\n'.join(ports), '\n'.join(users)


FILES = files()
PORTS, USERS = headers()


def words(text):
    return set(re.findall(r'\w+', text))


def named(page):
    """The words that are code on the page, without the list of files."""
    page = re.sub(r'```files\n.*?```', '', page, flags=re.S)
    return ' '.join(re.findall(r'`+([^`]+)`+', page))


def paths(text):
    text = re.sub(r'<(percpu/[\w/]+\.h)>', r'\1', text)
    return [w for w in re.findall(r'[\w<][\w<>./*-]+', text)
            if '/' in w or re.search(r'\.(h|c|S|py|sh|md|ini|build|ld)$', w)]


def exists(path, of='*'):
    """Is there such a file or folder? OF: the architecture, or any."""
    for prefix in PREFIXES:
        pattern = re.escape(prefix + path.lstrip('/'))
        for variable in '<a>', '<t>':
            pattern = pattern.replace(re.escape(variable), r'[^/]+' if of == '*' else rf'{of}[^/]*')
        pattern = pattern.replace(r'\*', '[^/]*') + ('.*' if path.endswith('/') else '')
        if any(re.fullmatch(pattern, f) for f in FILES):
            return True
    return False


def names_exist(page):
    """Names of the library, as they are or pasted together with a size."""
    known = words(PORTS) | words(USERS)
    sized = set(re.findall(r'(\w+_)##bits', PORTS + USERS))
    return [f'{name} does not exist' for name in sorted(set(re.findall(r'\b(?:percpu|PERCPU)_\w+', named(page))))
            if name not in known and not (re.search(r'_(8|16|32|64)$', name) and re.sub(r'\d+$', '', name) in sized)]


def files_exist(page):
    wrong = []
    for path in paths(re.sub(r'^    .*', '', named(page), flags=re.M)):
        if not exists(path) and path != 'arch/':
            wrong.append(f'there is no {path}')
    return wrong


def provided():
    """What a port may define: macros and markers that other headers or the library use, what port.h declares, and
    functions of the headers of rseq. One architecture's own facts have its name."""
    own = re.compile('|'.join(['x86', 'a64', *(d.name for d in ARCH.iterdir())]), re.I)
    used = words(USERS)
    macros = re.findall(r'^\s*#\s*define\s+((?:PERCPU|percpu)__\w+)', PORTS, re.M)
    functions = re.findall(r'PERCPU__INLINE\s[\w\s*]*?\b(percpu__\w+)\(', PORTS)
    result = {name for name in [*macros, *functions] if name in used and not own.search(name)}
    port = without_comments((INCLUDE / 'detail/port.h').read_text())
    result |= set(re.findall(r'PERCPU__INLINE\s[\w\s*]*?\b(percpu__\w+)\(', port))
    sized = re.findall(r'\b(percpu__\w+_)##bits\(', port)
    if len(result) < 25 or len(sized) < 8:
        raise ValueError(f'found {result}, {sized}')
    return result | {f'{name}8' for name in sized if not name.startswith('percpu__sequence')}


def sequences():
    """The names of sequences, as the compiler sees them on rseq."""
    made = subprocess.run([*os.environ.get('CC', 'gcc').split(), '-E', '-O2', '-DPERCPU_PLATFORM_RSEQ',
                           f'-I{ROOT}/include', '-include', 'percpu/list.h', '-x', 'c', '/dev/null'], check=True,
                          capture_output=True, text=True).stdout
    found = set(re.findall(r'percpu__sequence_(\w+)_64\(\s*volatile', made)) - {'added'}  # PERCPU__SEQUENCE_ADDED
    if len(found) < 10:
        raise ValueError(f'found {found}')
    return found


def port_is_listed(page):
    code = words(named(page))
    return [f'{name} is not named' for name in sorted(provided()) if name not in code]


def sequences_are_listed(page):
    code = words(named(page))
    return [f'the sequence {name} is not named' for name in sorted(sequences()) if name not in code]


def files_are_listed(page):
    """What names the last port, or is named after it, is in the table of files or of documents."""
    table = [line for line in page.splitlines() if line.startswith('|')]
    rows = [path for line in table for path in paths(' '.join(re.findall('`([^`]*)`', line)))]
    wrong = []
    for f in FILES:
        text = ROOT / f
        if f.startswith(('tests/mutants/', 'docs/porting-to.md', 'CHANGELOG.md')) or \
                not text.is_file() or f.endswith('.svg'):
            continue
        if LAST not in f and LAST not in text.read_text(errors='replace').lower():
            continue
        patterns = [re.escape(row).replace('<a>', f'{LAST}[^/]*').replace('<t>', f'{LAST}[^/]*') for row in rows]
        if not any(re.fullmatch(pattern, f) for pattern in patterns) and not f.startswith('tests/compile/config-'):
            wrong.append(f'{f} is not named')
    return wrong


# Each check, and a page that it must not like.
CHECKS = {
    'each name exists': (names_exist, PAGE + '`PERCPU__ONE_INSTRUCTION_READ`'),
    'each file exists': (files_exist, PAGE + '`tests/none.py`'),
    'each macro, marker and function that a port may provide is named':
        (port_is_listed, PAGE.replace('PERCPU__ARCH_LIST', '')),
    'each function of a port is named': (port_is_listed, PAGE.replace('percpu__reg_check', '')),
    'each sized function of a port is named': (port_is_listed, PAGE.replace('percpu__bit_xor_8', '')),
    'each sequence is named': (sequences_are_listed, PAGE.replace('`list_take_all`', '')),
    'each file that a port touches is named': (files_are_listed, PAGE.replace('`tests/asm.sh`', '')),
    'each document that has rows is named': (files_are_listed, PAGE.replace('`docs/restart.md`', '')),
}


def main():
    failed = 0
    print(f'1..{len(CHECKS)}')
    for number, (title, (check, broken)) in enumerate(CHECKS.items(), 1):
        wrong = check(PAGE)
        if not wrong and not check(broken):
            wrong = ['a page that is wrong passes']
        failed += bool(wrong)
        print(f'{"not " if wrong else ""}ok {number} - {title}')
        for line in wrong:
            print('#', line)
    print(f'# end: {len(CHECKS) - failed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
