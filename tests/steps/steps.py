#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An interrupt and a migration at each instruction boundary inside each operation. TAP.

usage: steps.py TARGET COMPILER IMAGE [RESTART-IMAGE]    the test; the images are of steps.c
       steps.py --costs [--write] [TARGET...]            docs/performance.md's table, of what
                                                         tools/check has built; --write puts it there

Drives QEMU through its gdb stub. An operation is called and stepped to its return. At each boundary
on the way its registers and memory are kept. Then, for each boundary at which it can come,

  interrupt   another call of the same operation on the same variable is made in between
  nested      that call is interrupted by a third one, at each of its own boundaries
  migration   the same operation (xchg, where its result and the sum would not show the order) is made
              by others on this CPU, then the task goes on as CPU 1, where others have made it, too

and the operation is finished. What it and the others returned, and all bytes of three CPUs' areas,
must be what some order of undivided operations gives. An interrupt cannot come where interrupts are
off, and a migration not where preemption is, either; those boundaries are counted apart. With
PERCPU_RESTART the operation goes on where percpu_restart_pc() says. The same without one of these
three protections must lose something.

A reservation (arm: LDREXD) does not outlive what comes in between, as after an exception's return.
"""
import itertools
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools import ROOT, Failure, Tap, needs  # noqa: E402

CHECK = ROOT / 'build' / 'check'
PERFORMANCE = ROOT / 'docs' / 'performance.md'
LIMIT = 300  # instructions of one operation
SECONDS = 100  # for one answer: what takes longer hangs

# The registers of the procedure call standards: arguments, results (the lower half first), stack, return
# address ('': on the stack), program counter; where the gdb stub has them: the per-CPU register, and
# the one that says whether interrupts are masked.
ARM = {'args': ('r0', 'r1', 'r2'), 'results': ('r0', 'r1'), 'sp': 'sp', 'ra': 'lr', 'pc': 'pc',
       'flags': 'cpsr'}
A64 = {'args': ('x0', 'x1', 'x2'), 'results': ('x0',), 'sp': 'sp', 'ra': 'x30', 'pc': 'pc',
       'flags': 'cpsr'}
RISCV = {'args': ('a0', 'a1', 'a2'), 'results': ('a0',), 'sp': 'sp', 'ra': 'ra', 'pc': 'pc',
         'base': 'gp'}
ABI = {
    'x86_64': {'args': ('rdi', 'rsi', 'rdx'), 'results': ('rax',), 'sp': 'rsp', 'ra': '',
               'pc': 'rip', 'base': 'gs_base', 'flags': 'eflags'},
    'aarch64': A64,
    'aarch64-el2': A64,
    'aarch64-el3': A64,
    'aarch64-x18': {**A64, 'base': 'x18'},
    'arm': ARM,
    'riscv64': RISCV,
    'riscv64-m': {**RISCV, 'base': 'tp'},
    'riscv32': {**RISCV, 'results': ('a0', 'a1')},
    'loongarch64': {'args': ('r4', 'r5', 'r6'), 'results': ('r4',), 'sp': 'r3', 'ra': 'r1',
                    'pc': 'pc', 'base': 'r21'},
}


# -- The machine ---------------------------------------------------------------------------------------


def symbols(image):
    """Word size, and name to address, of an ELF file."""
    data = Path(image).read_bytes()
    wide = data[4] == 2
    shoff, = struct.unpack_from('<Q' if wide else '<I', data, 40 if wide else 32)
    size, count = struct.unpack_from('<HH', data, 58 if wide else 46)
    found = {}
    for i in range(count):
        header = struct.unpack_from('<IIQQQQII' if wide else '<10I', data, shoff + i * size)
        if header[1] != 2:  # SHT_SYMTAB
            continue
        strings = struct.unpack_from('<IIQQQQ' if wide else '<6I', data, shoff + header[6] * size)[4]
        entry = 24 if wide else 16
        for at in range(header[4], header[4] + header[5], entry):
            name = struct.unpack_from('<I', data, at)[0]
            value = struct.unpack_from('<Q' if wide else '<I', data, at + (8 if wide else 4))[0]
            end = data.index(b'\0', strings + name)
            found[data[strings + name:end].decode()] = value
    return 8 if wide else 4, found


class Gdb:
    """The remote serial protocol (GDB manual, appendix E), as far as it is needed."""

    def __init__(self, path, alive):
        end = time.monotonic() + SECONDS
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                if not alive() or time.monotonic() > end:
                    raise Failure('QEMU does not offer its gdb stub') from None
                self.socket.close()
                time.sleep(0.01)
        self.socket.settimeout(SECONDS)
        self.buffer = b''

    def ask(self, *packets):
        """Send them together and return the answers. What starts the CPU can only be the last."""
        text = b''.join(b'$%s#%02x' % (p, sum(p) & 255) for p in (p.encode() for p in packets))
        self.socket.sendall(text)
        answers = []
        for packet in packets:
            answer = self.answer()
            expected = {'c': 'T05', 's': 'T05', 'G': 'OK', 'M': 'OK', 'Z': 'OK'}.get(packet[0], '')
            if not answer.startswith(expected) or re.match(r'E..$|$', answer):
                raise Failure(f'{packet[:40]}: the gdb stub answers "{answer[:40]}"')
            answers.append(answer)
        return answers

    def answer(self):
        while True:
            start, end = self.buffer.find(b'$'), self.buffer.find(b'#')
            if 0 <= start < end <= len(self.buffer) - 3:
                answer = self.buffer[start + 1:end].decode('latin-1')
                self.buffer = self.buffer[end + 3:]
                return answer
            more = self.socket.recv(65536)
            if not more:
                raise Failure('QEMU ended')
            self.buffer += more

    def document(self, name):
        """A file of the target's description. It comes in parts, m and then the last, l."""
        text, part = '', 'm'
        while part[0] == 'm':
            part, = self.ask(f'qXfer:features:read:{name}:{len(text):x},800')
            text += part[1:]
        return re.sub(r'<!--.*?-->', '', text, flags=re.DOTALL)


def reading(address, size):
    return f'm{address:x},{size:x}'


def writing(address, data):
    return f'M{address:x},{len(data):x}:{data.hex()}'


class Machine:
    """A QEMU that has run steps.c up to stop(), and calls functions of it."""

    def __init__(self, target, image):
        self.abi, self.folder = ABI[target], tempfile.mkdtemp()
        self.word, self.symbols = symbols(image)
        path = self.folder + '/gdb'
        line = subprocess.run([ROOT / 'tools' / 'qemu-run', target, '--print', '--cpus', '1', '--qemu',
                               f'-S -gdb unix:{path},server=on,wait=off', str(image)],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        self.log = open(self.folder + '/log', 'w+')
        self.qemu = subprocess.Popen(shlex.split(line), stdin=subprocess.DEVNULL, stdout=self.log,
                                     stderr=subprocess.STDOUT)
        try:
            self.start(path)
        except BaseException:
            self.close()
            raise

    def start(self, path):
        self.gdb = Gdb(path, lambda: self.qemu.poll() is None)
        self.gdb.ask('qSupported:xmlRegisters=i386,arm')
        # Name to number, and to offset and size in the 'g' packet, which has the first of them.
        self.registers, self.numbers, at = {}, {}, 0
        for file in re.findall(r'href="(.*?)"', self.gdb.document('target.xml')):
            for register in re.findall(r'<reg\s.*?>', self.gdb.document(file), re.DOTALL):
                name, bits = (re.search(rf'\b{key}="(.*?)"', register)[1] for key in ('name', 'bitsize'))
                self.numbers.setdefault(name, len(self.numbers))
                self.registers.setdefault(name, (at, int(bits) // 8))
                at += int(bits) // 8
        self.stop = self.symbols['stop']
        *_, registers = self.gdb.ask(f'Z0,{self.stop:x},4', 'c') + self.gdb.ask('g')
        self.base = bytes.fromhex(registers)
        if self.value(self.base, self.abi['pc']) != self.stop:
            raise Failure('the program did not get to stop()')
        self.results = [f'p{self.numbers[name]:x}' for name in self.abi['results']]
        # The per-CPU register by CPU, where restoring all registers would change it.
        self.cpu_registers = {0: {}, 1: {}}
        for cpu in (1, 0):
            self.cpu = cpu
            if self.call('become', cpu) & 0xffffffff:
                raise Failure('percpu_init_reg() fails')
            if 'base' in self.abi:
                registers, = self.gdb.ask('g')
                name = self.abi['base']
                self.cpu_registers[cpu] = {name: self.value(bytes.fromhex(registers), name)}

    def close(self):
        self.qemu.kill()
        self.qemu.wait()
        self.log.close()
        shutil.rmtree(self.folder)

    def value(self, registers, name):
        at, size = self.registers[name]
        return int.from_bytes(registers[at:at + size], 'little')

    def pc(self, registers):
        return self.value(registers, self.abi['pc'])

    def setting(self, registers, values):
        new, values = bytearray(registers), {**values, **self.cpu_registers[self.cpu]}
        # loongarch64: QEMU 7.2 has orig_a0 in 'g' and takes what follows for it in 'G'.
        if 'orig_a0' in self.registers:
            values['orig_a0'] = values.get('pc', self.pc(registers))
        for name, value in values.items():
            at, size = self.registers[name]
            new[at:at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, 'little')
        return 'G' + new.hex()

    # Calls. Each has a stack of its own, below what the program itself uses.

    def stack(self, level):
        """Level 0 is the task's, the others are those of interrupts, and of what looks around."""
        if level == 0:
            return self.symbols['task'] + 1024
        return (self.value(self.base, self.abi['sp']) & ~15) - 0x1000 * level

    def entry(self, function, args, level, registers=None):
        """What leads to the first instruction of the call. Interrupts stay on, or as in `registers`."""
        abi, sp, packets = self.abi, self.stack(level), []
        values = {**dict(zip(abi['args'], args)), abi['pc']: self.symbols[function]}
        if abi['ra']:
            values[abi['ra']] = self.stop
        else:
            sp -= 8
            packets = [writing(sp, self.stop.to_bytes(8, 'little'))]
        if registers and 'flags' in abi:
            values[abi['flags']] = self.value(registers, abi['flags'])
        return packets + [self.setting(self.base, {**values, abi['sp']: sp})]

    def result(self, answers):
        return int.from_bytes(bytes.fromhex(''.join(answers[:len(self.results)])), 'little')

    def call(self, function, *args, level=4):
        self.gdb.ask(*self.entry(function, args, level), 'c')
        return self.result(self.gdb.ask(*self.results)) & ((1 << 8 * self.word) - 1)

    def become(self, cpu):
        """The machine's CPU plays another of percpu's."""
        if cpu != self.cpu and not self.cpu_registers[cpu]:
            self.call('become', cpu)
        self.cpu = cpu


# -- What is right ---------------------------------------------------------------------------------------

# For the task, the interrupt, the nested one or CPU 1. Each changes bits of its own.
SUM, SET, CLEAR = (0x35, 0x51, 0x0b), (1, 2, 4), (~8, ~0x10, ~0x20)
INITIAL = (0xf8, 0xb8, 0x78)  # the lowest bytes on CPUs 0, 1, 2; the others are ones


def compared(v, a, b):
    return (a, v) if v == b else (v, v)


# name: operands, and what becomes of value v with operands a and b: new value, result.
OPERATIONS = {
    'read': (SUM, lambda v, a, b: (v, v)),
    'write': (SUM, lambda v, a, b: (a, 0)),
    'add': (SUM, lambda v, a, b: (v + a, 0)),
    'sub': (SUM, lambda v, a, b: (v - a, 0)),
    'inc': (SUM, lambda v, a, b: (v + 1, 0)),
    'dec': (SUM, lambda v, a, b: (v - 1, 0)),
    'and': (CLEAR, lambda v, a, b: (v & a, 0)),
    'or': (SET, lambda v, a, b: (v | a, 0)),
    'xor': (SET, lambda v, a, b: (v ^ a, 0)),
    'add_return': (SUM, lambda v, a, b: (v + a, v + a)),
    'sub_return': (SUM, lambda v, a, b: (v - a, v - a)),
    'inc_return': (SUM, lambda v, a, b: (v + 1, v + 1)),
    'dec_return': (SUM, lambda v, a, b: (v - 1, v - 1)),
    'fetch_add': (SUM, lambda v, a, b: (v + a, v)),
    'xchg': (SUM, lambda v, a, b: (a, v)),
    'cmpxchg': (SUM, compared),
    'try_cmpxchg': (SUM, lambda v, a, b: (a, ~b) if v == b else (v, v)),
    'try_cmpxchg_on': (SUM, lambda v, a, b: (a, ~b) if v == b else (v, v)),
    'add_unless': (SUM, lambda v, a, b: (v, 0) if v & 1 else (v + a, 1)),
    'min': ((0x51, 0x35, 0x0b), lambda v, a, b: (min(v, a), 0)),
    'with_current_irq': (SUM, lambda v, a, b: (v + a, 0)),
    'with_current': (SUM, lambda v, a, b: (v + a, 0)),
    'unprotected': (SUM, lambda v, a, b: (v + a, 0)),
}
SUMS = ('add', 'sub', 'inc', 'dec', 'and', 'or', 'xor', 'min', 'with_current', 'with_current_irq', 'unprotected')
NOT_AGAINST_INTERRUPTS = ('with_current',)


class Operation:
    """One function of steps.c. `case`, of cmpxchg: the task expects what is there at first (0), or
    what the interrupt writes (1)."""

    def __init__(self, machine, name, bits, form, case):
        self.machine, self.name, self.bits, self.case = machine, name, bits, case
        self.function = f'op_{name}_{bits}_{form}'
        self.address = machine.symbols[f'__PERCPU_s{bits}'] + 8
        self.operands, self.model = OPERATIONS[name]
        # What comes between: the same, but must change something, and at a migration show whether
        # it came first.
        self.other = self.before = self
        if name == 'read':
            self.other = self.before = Operation(machine, 'add', bits, form, 0)
        elif name in SUMS:
            self.before = Operation(machine, 'xchg', bits, form, 0)

    def value(self, word):
        """VALUE() of steps.c, of a machine word."""
        word &= (1 << 8 * self.machine.word) - 1
        return (word * 0x100000001 if self.bits > 8 * self.machine.word else word) & self.mask()

    def mask(self):
        return (1 << self.bits) - 1

    def initial(self, cpu):
        return self.value(-256 + INITIAL[cpu])

    def arguments(self, who, cpu):
        expected = -256 + INITIAL[cpu]
        if who == 0 and self.case == 1:
            expected = self.operands[1]
        return self.operands[who], expected, self.address

    def call(self, who, level):
        machine = self.machine
        return machine.entry(self.function, self.arguments(who, machine.cpu), level)

    def result(self, value):
        """A machine word may be wider than what the function returns."""
        return value & ((1 << 64) - 1)

    def apply(self, value, arguments):
        """New value and result of one undivided operation."""
        new, result = self.model(value, self.value(arguments[0]), self.value(arguments[1]))
        negated = result < 0 and self.name.startswith('try_cmpxchg')
        return new & self.mask(), result & ((1 << 64) - 1) if negated else result & self.mask()

    def orders(self, value, calls):
        """Every outcome of undivided calls (operation, arguments), whichever comes first: the last
        value, and their results in the order of `calls`."""
        outcomes = set()
        for order in itertools.permutations(range(len(calls))):
            now, results = value, [0] * len(calls)
            for i in order:
                operation, arguments = calls[i]
                now, results[i] = operation.apply(now, arguments)
            outcomes.add((now, *results))
        return outcomes


# -- One operation, boundary by boundary -------------------------------------------------------------------


class Boundary:
    """The state before one instruction. packets: what brings the memory back. Can an interrupt come
    here, and can it preempt? restart: where it would return to."""

    def __init__(self, registers, packets, open_, preemptible, restart):
        self.registers, self.packets = registers, packets
        self.open, self.preemptible, self.restart = open_, preemptible, restart


class Steps:
    """The boundaries of one call, and what happens when something comes there."""

    def __init__(self, machine):
        self.machine, self.gdb = machine, machine.gdb
        self.task = machine.symbols['task']
        # Three CPUs' areas, side by side.
        self.start, second = (machine.call('area', cpu) for cpu in (0, 1))
        self.stride = second - self.start
        self.template = machine.symbols['_percpu_load_start']
        self.look = reading(self.start, 3 * self.stride)
        self.fresh = bytes.fromhex(self.gdb.ask(self.look)[0])
        self.restarts = {}
        self.tried = self.held = 0

    def areas(self, operation, values):
        """What the three areas contain when the operation's variable has these values."""
        new = bytearray(self.fresh)
        for cpu, value in enumerate(values):
            at = cpu * self.stride + operation.address - self.template
            size = operation.bits // 8
            new[at - 8:at + size + 8] = b'\x5a' * (size + 16)
            new[at:at + size] = value.to_bytes(size, 'little')
        return bytes(new)

    def restart(self, pc):
        if pc not in self.restarts:
            self.restarts[pc] = self.machine.call('restart', pc)
        return self.restarts[pc]

    def boundaries(self, operation, level, who):
        """Call it and stop before each of its instructions."""
        machine, gdb, found = self.machine, self.gdb, []
        # The areas, how often preemption is off, the end of the stack.
        kept = ((self.start, len(self.fresh)), (self.task + 1024, 4), (machine.stack(level) - 128, 128))
        # The first instruction has not been reached by a step.
        gdb.ask(*machine.entry(operation.function, operation.arguments(who, machine.cpu), level))
        while True:
            registers, *memory = gdb.ask('g', *(reading(*m) for m in kept))
            registers = bytes.fromhex(registers)
            pc = machine.pc(registers)
            if pc == machine.stop:
                break
            gdb.ask(*machine.entry('boundary', (), 4, registers), 'c')
            flags = machine.result(gdb.ask(*machine.results, machine.setting(registers, {}), 's')) & 3
            packets = [writing(at, bytes.fromhex(data)) for (at, _), data in zip(kept, memory)]
            found.append(Boundary(registers, packets, bool(flags & 1), flags == 1, pc))
            if len(found) > LIMIT:
                raise Failure(f'{operation.function} does not return')
        for boundary in found:
            boundary.restart = self.restart(boundary.restart)
        return found

    def back(self, boundary, restarting=True):
        """What returns to it, as an exception's return does, and runs the call to its end."""
        values = {self.machine.abi['pc']: boundary.restart} if restarting else {}
        return self.machine.setting(boundary.registers, values), 'c'

    def verdict(self, operation, what, boundary, possible, other, calls):
        """The operation's result and the areas, with the results of the other calls: are they
        possible?"""
        *last, areas = self.gdb.ask(*self.machine.results, self.look)
        areas = bytes.fromhex(areas)
        results = tuple(o.result(self.machine.result(answers))
                        for o, answers in zip((operation, other, other), (last, *calls)))
        self.tried += 1
        if (areas, results) in possible:
            return []
        at = operation.address - self.template
        values = [int.from_bytes(areas[cpu * self.stride + at:][:operation.bits // 8], 'little')
                  for cpu in range(3)]
        offset = self.machine.pc(boundary.registers) - self.machine.symbols[operation.function]
        return [f'{what} at {operation.function}+{offset:#x}: values {", ".join(map(hex, values))}, '
                f'results {", ".join(map(hex, results))}']

    def begin(self, operation):
        """CPU 0, where the variable has its initial value, as on the others."""
        self.machine.become(0)
        initial = [operation.initial(cpu) for cpu in range(3)]
        self.gdb.ask(writing(self.start, self.areas(operation, initial)))
        return initial

    def alone(self, operation):
        """Nothing comes. The boundaries, and what is wrong."""
        _, *others = self.begin(operation)
        boundaries = self.boundaries(operation, 0, 0)
        value, result = operation.apply(operation.initial(0), operation.arguments(0, 0))
        self.gdb.ask(*boundaries[0].packets, *self.back(boundaries[0], restarting=False))
        return boundaries, self.verdict(operation, 'nothing', boundaries[0], {
            (self.areas(operation, (value, *others)), (result,))}, operation, ())

    def orders(self, operation, others):
        """All that undivided calls, of the task and of others, can give, whichever comes first."""
        _, *values = self.begin(operation)
        calls = [(operation, operation.arguments(0, 0))] + \
            [(operation.other, operation.other.arguments(1 + i, 0)) for i in range(others)]
        return {(self.areas(operation, (value, *values)), tuple(results))
                for value, *results in operation.orders(operation.initial(0), calls)}

    def interrupt(self, operation, boundaries, restarting=True, masking=True):
        machine, gdb, wrong = self.machine, self.gdb, []
        possible = self.orders(operation, 1)
        other = operation.other.call(1, 1)
        for boundary in boundaries:
            if masking and not boundary.open:
                self.held += 1
                continue
            gdb.ask(*boundary.packets, *other, 'c')
            second = gdb.ask(*machine.results, *self.back(boundary, restarting))
            wrong += self.verdict(operation, 'interrupt', boundary, possible, operation.other,
                                  (second,))
        return wrong

    def nested(self, operation, boundaries):
        machine, gdb, wrong, inners = self.machine, self.gdb, [], {}
        possible = self.orders(operation, 2)
        other = operation.other.call(2, 2)
        for boundary in boundaries:
            if not boundary.open:
                self.held += 1
                continue
            # The interrupt's own boundaries depend on the memory that it finds.
            found = tuple(boundary.packets)
            if found not in inners:
                gdb.ask(*found)
                inners[found] = self.boundaries(operation.other, 1, 1)
            for inner in inners[found]:
                if not inner.open:
                    self.held += 1
                    continue
                gdb.ask(*boundary.packets, *inner.packets, *other, 'c')
                third = gdb.ask(*machine.results, *self.back(inner))
                second = gdb.ask(*machine.results, *self.back(boundary))
                wrong += self.verdict(operation, 'nested interrupt', boundary, possible,
                                      operation.other, (second, third))
        return wrong

    def migration(self, operation, boundaries, restarting=True, holding=True):
        machine, gdb, wrong, other = self.machine, self.gdb, [], operation.before
        own, others = operation.arguments(0, 0), [other.arguments(1, cpu) for cpu in (0, 1)]
        initial = self.begin(operation)
        # Before the other one on CPU 0, or after the other one on CPU 1.
        done, r0 = operation.apply(initial[0], own)
        done, r1 = other.apply(done, others[0])
        left, s1 = other.apply(initial[0], others[0])
        there, r2 = other.apply(initial[1], others[1])
        last, s0 = operation.apply(there, own)
        possible = {(self.areas(operation, (done, there, initial[2])), (r0, r1, r2)),
                    (self.areas(operation, (left, last, initial[2])), (s0, s1, r2))}
        for boundary in boundaries:
            if holding and not boundary.preemptible:
                self.held += 1
                continue
            machine.become(0)
            gdb.ask(*boundary.packets, *other.call(1, 1), 'c')
            second = gdb.ask(*machine.results)
            machine.become(1)
            gdb.ask(*other.call(1, 1), 'c')
            third = gdb.ask(*machine.results, *self.back(boundary, restarting))
            wrong += self.verdict(operation, 'migration', boundary, possible, other,
                                  (second, third))
        return wrong


# -- The test ------------------------------------------------------------------------------------------------


def operations(machine, name):
    """All sizes, forms and cases of an operation."""
    return [Operation(machine, name, bits, form, case)
            for bits in (8, 16, 32, 64) for form in ('var', 'at')
            for case in ((0, 1) if 'cmpxchg' in name else (0,))
            if f'op_{name}_{bits}_{form}' in machine.symbols]


def exhaustive(tap, machine, title):
    steps, total = Steps(machine), 0
    for name in OPERATIONS:
        if name == 'unprotected':
            continue
        found = [(operation, *steps.alone(operation)) for operation in operations(machine, name)]
        if not found:
            continue
        tap.result(f'{title}{name}: alone, {sum(len(b) for _, b, _ in found)} instructions',
                   sum((wrong for *_, wrong in found), []))
        for way in ('interrupt', 'nested', 'migration'):
            if way != 'migration' and name in NOT_AGAINST_INTERRUPTS:
                continue
            steps.tried = steps.held = 0
            wrong = []
            for operation, boundaries, _ in found:
                # Nested takes the square of the time.
                if way != 'nested' or operation.function.endswith(('_8_var', '_64_var')):
                    wrong += getattr(steps, way)(operation, boundaries)
            if not steps.tried:
                wrong.append('no boundary was tried')
            held = f', {steps.held} at which none can come' if steps.held else ''
            tap.result(f'{title}{name}: {way} at {steps.tried} boundaries{held}', wrong)
            total += steps.tried
    print(f'# {title}{total} boundaries tried')
    return steps


def mutants(tap, steps, title, restarting):
    """The protections taken out, one at a time."""
    machine = steps.machine

    def loses(what, name, way, **options):
        lost = boundaries = 0
        for operation in operations(machine, name):
            found, _ = steps.alone(operation)
            boundaries += len(found)
            lost += len(getattr(steps, way)(operation, found, **options))
        tap.result(f'{title}{what}: {way} at {lost} of {boundaries} boundaries breaks it',
                   [] if lost else ['none does'])

    loses('unprotected update', 'unprotected', 'interrupt')
    loses('unprotected update', 'unprotected', 'migration')
    loses('with_current_irq, interrupts not masked', 'with_current_irq', 'interrupt', masking=False)
    if restarting:
        loses('add, not restarted', 'add', 'interrupt', restarting=False)
        loses('add, not restarted', 'add', 'migration', restarting=False)
    else:
        loses('with_current, preemption not held off', 'with_current', 'migration', holding=False)


# -- Costs ------------------------------------------------------------------------------------------------------

BEGIN, END = '<!-- steps.py --costs -->', '<!-- end -->'
HEAD = ('| target | compiler | update | with `PERCPU_RESTART` | atomic | interrupts masked | unprotected |\n'
        '|---|---|---|---|---|---|---|\n')


def executed(machine, function):
    """How many instructions a call executes, the return too."""
    gdb = machine.gdb
    gdb.ask(*machine.entry(function, (machine.symbols['task'],), 0))
    for count in range(LIMIT):
        registers, = gdb.ask('g')
        if machine.pc(bytes.fromhex(registers)) == machine.stop:
            return count
        gdb.ask('s')
    raise Failure(f'{function} does not return')


def costs(target, compiler, machines):
    plain, *restart = machines

    def cost(machine, name):
        return str(executed(machine, f'cost_{name}') - executed(machine, 'cost_nothing'))

    cells = [target, compiler, cost(plain, 'update'), cost(restart[0], 'update') if restart else '-',
             cost(plain, 'atomic'), cost(plain, 'masked'), cost(plain, 'unprotected')]
    return f'| {" | ".join(cells)} |\n'


def test(target, compiler, images):
    tap, machines = Tap(), []
    try:
        for image in images:
            title = 'PERCPU_RESTART, ' if machines else ''
            machines.append(Machine(target, image))
            steps = exhaustive(tap, machines[-1], title)
            mutants(tap, steps, title, bool(title))
        row = costs(target, compiler, machines)
        tap.result(f'costs are those of docs/performance.md: {row.strip()}',
                   [] if row in PERFORMANCE.read_text() else ['run tests/steps/steps.py --costs --write'])
    except (Failure, OSError) as failure:
        print(f'Bail out! {failure}')
        return True
    finally:
        for machine in machines:
            machine.close()
    return tap.end()


def table(targets, write):
    rows = []
    for target in targets or ABI:
        for compiler in ('gcc', 'clang'):
            folder, machines = CHECK / f'{target}-{compiler}' / 'tests' / 'bare', []
            if not (ROOT / 'cross' / f'{target}-{compiler}.ini').exists():
                continue
            try:
                for image in ('steps', 'steps-restart'):
                    if (folder / image).exists():
                        machines.append(Machine(target, folder / image))
                if not machines:
                    raise Failure(f'{folder} has no program "steps": run tools/check {target}')
                rows.append(costs(target, compiler, machines))
            finally:
                for machine in machines:
                    machine.close()
    text = HEAD + ''.join(rows)
    if write:
        before, _, rest = PERFORMANCE.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        PERFORMANCE.write_text(f'{before}{BEGIN}\n{text}{END}{after}')
    else:
        print(text, end='')
    return False


def main():
    args = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not without ending QEMU
    if args[:1] == ['--costs']:
        write = args[1:2] == ['--write']
        try:
            return table(args[2 if write else 1:], write)
        except Failure as failure:
            return str(failure)
    if len(args) < 3:
        sys.exit(__doc__)
    needs(f'qemu-system-{args[0].partition("-")[0]}')
    return test(args[0], args[1], args[2:])


sys.exit(main())
