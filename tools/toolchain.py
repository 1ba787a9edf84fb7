#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Find the compilers and tools that tests use.

usage: tools/toolchain.py FOLDER

FOLDER gets links to them under names without a version, for the front of PATH: clang clang++ ld.lld
llvm-nm and so on (TOOLS). What is not found gets no link. FOLDER/gcc.ini and FOLDER/clang.ini tell
Meson the same; they stand behind a cross file:

    meson setup --cross-file cross/x86_64-clang.ini --cross-file FOLDER/clang.ini build/x86_64

The environment wins: GCC, GXX, CLANG, CLANGXX, LLD, LLVM_NM and so on; CC, CXX, LD, NM and so on
where the program that they name is clang or one of LLVM's. Otherwise clang is the newest that PATH has;
what belongs to it comes from its folder in its version, or is the newest of its kind. gcc and g++ get a
link when the environment names them. clang-14, the oldest that is supported, is wanted by that name.
"""
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = 14

# name: its variable, the variable that programs of every kind share.
TOOLS = {
    'gcc': ('GCC', ''),
    'g++': ('GXX', ''),
    'clang': ('CLANG', 'CC'),
    'clang++': ('CLANGXX', 'CXX'),
    'clang-sanitizers': ('', ''), # clang, when it has the libraries of its sanitizers
    'ld.lld': ('LLD', 'LD'),
    'llvm-ar': ('LLVM_AR', 'AR'),
    'llvm-nm': ('LLVM_NM', 'NM'),
    'llvm-objcopy': ('LLVM_OBJCOPY', 'OBJCOPY'),
    'llvm-objdump': ('LLVM_OBJDUMP', 'OBJDUMP'),
    'llvm-readelf': ('LLVM_READELF', 'READELF'),
    'llvm-size': ('LLVM_SIZE', 'SIZE'),
    'llvm-strip': ('LLVM_STRIP', 'STRIP'),
}
# Meson's names.
BINARIES = {
    'gcc': {'ld.lld': 'ld.lld'},
    'clang': {'c': 'clang', 'ar': 'llvm-ar', 'strip': 'llvm-strip', 'objdump': 'llvm-objdump',
              'ld.lld': 'ld.lld'},
}


class Missing(Exception):
    """The environment names a program that does not exist."""


def version(command):
    """-> what it says of itself, and the first number in it."""
    try:
        done = subprocess.run([*command, '--version'], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return '', 0
    text = done.stdout.decode(errors='replace')
    number = re.search(r'\b(\d+)\.\d', text)
    return text, int(number[1]) if number else 0


def is_llvm(command):
    return re.search('clang|LLD|LLVM', version(command)[0]) is not None


def chosen(name, environment, path):
    """What the environment gives, a list of words, or None."""
    own, shared = TOOLS[name]
    for variable in own, shared:
        words = shlex.split(environment.get(variable, '')) if variable else []
        if not words:
            continue
        program = shutil.which(words[0], path=path)
        if variable == own and not program:
            raise Missing(f'{variable}={environment[variable]}: there is no such program')
        if program and (variable == own or is_llvm(words)):
            return [os.path.abspath(program), *words[1:]]
    return None


def newest(name, path):
    """The newest of NAME-14, NAME-15... and NAME, or None."""
    found = {}
    for folder in reversed(path.split(os.pathsep)):
        try:
            files = os.listdir(folder or '.')
        except OSError:
            continue
        for file in files:
            suffix = re.fullmatch(re.escape(name) + r'-(\d+)', file)
            if suffix and os.access(os.path.join(folder, file), os.X_OK):
                found[int(suffix[1])] = os.path.abspath(os.path.join(folder, file))
    plain = shutil.which(name, path=path)
    if plain and os.path.realpath(plain) not in map(os.path.realpath, found.values()):
        found.setdefault(version([plain])[1], os.path.abspath(plain))
    return [found[max(found)]] if found and max(found) >= OLDEST else None


def has_sanitizers(clang):
    """Their libraries are a package of their own."""
    for file in f'libclang_rt.asan-{platform.machine()}.a', 'libclang_rt.asan.a':
        done = subprocess.run([*clang, f'--print-file-name={file}'], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if os.path.isabs(done.stdout.strip()) and os.path.exists(done.stdout.strip()):
            return True
    return False


def find(environment, ignored=None):
    """-> {name: a command's words}, of what there is. IGNORED is a folder of such links."""
    path = os.pathsep.join(f for f in environment.get('PATH', os.defpath).split(os.pathsep)
                           if ignored is None or os.path.abspath(f) != os.path.abspath(ignored))
    found = {}
    for name in TOOLS:
        if name == 'clang-sanitizers':
            if 'clang' in found and has_sanitizers(found['clang']):
                found[name] = found['clang']
            continue
        command = chosen(name, environment, path)
        if not command and name not in ('gcc', 'g++', 'clang') and 'clang' in found:
            # /usr/bin/clang-19: /usr/bin/ld.lld-19.
            folder, clang = os.path.split(found['clang'][-1])
            suffix = re.search(r'-\d+$', clang)
            beside = os.path.join(folder, name + (suffix[0] if suffix else ''))
            command = [beside] if os.access(beside, os.X_OK) else None
        if not command and name not in ('gcc', 'g++'): # those are called so everywhere
            command = newest(name, path)
        if command:
            found[name] = command
    return found


def put(file, text=None, target=None):
    """Writes a script or a file, or makes a link. Who looks meanwhile sees the old one or the new one."""
    if target and os.path.islink(file) and os.readlink(file) == target:
        return
    new = file.with_name(f'.{file.name}.{os.getpid()}')
    if target:
        new.symlink_to(target)
    else:
        new.write_text(text)
        new.chmod(0o755 if text.startswith('#!') else 0o644)
    new.replace(file)


def prepare(folder, environment=None):
    """Fills FOLDER. -> what find() says."""
    folder = Path(folder).absolute()
    found = find(os.environ if environment is None else environment, folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOOLS:
        if name not in found:
            (folder / name).unlink(missing_ok=True)
        elif len(found[name]) == 1:
            put(folder / name, target=found[name][0])
        else:
            put(folder / name, text=f'#!/bin/sh\nexec {shlex.join(found[name])} "$@"\n')
    for compiler, binaries in BINARIES.items():
        lines = [f'{key} = {found[name]!r}' for key, name in binaries.items() if name in found]
        put(folder / f'{compiler}.ini', '\n'.join(['[binaries]', *lines, '']))
    return found


if __name__ == '__main__':
    if len(sys.argv) != 2 or sys.argv[1].startswith('-'):
        sys.exit(__doc__)
    try:
        prepare(sys.argv[1])
    except Missing as missing:
        sys.exit(f'tools/toolchain.py: {missing}')
