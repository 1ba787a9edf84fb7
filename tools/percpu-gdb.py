# SPDX-License-Identifier: MIT
"""For gdb: source percpu-gdb.py, then percpu-next instead of next.

Stepping through a restartable sequence never ends: each single step is an interruption, from which
the sequence begins again. percpu-next goes on at full speed to where it can be left, which the
tables __rseq_cs_ptr_array and __rseq_exit_point_array say.
"""
import re
import struct

import gdb


def words(section):
    """The words of a section, of all files of the process."""
    for line in gdb.execute('info files', to_string=True).splitlines():
        found = re.match(r'\s*0x([0-9a-f]+) - 0x([0-9a-f]+) is ' + section + r'\b', line)
        if found:
            first, end = int(found[1], 16), int(found[2], 16)
            content = gdb.selected_inferior().read_memory(first, end - first).tobytes()
            yield from (word for word, in struct.iter_unpack('Q', content))


def sequences():
    """For each sequence: its first instruction, the one behind it, and where else it is left to."""
    points = list(words('__rseq_exit_point_array'))
    for address in words('__rseq_cs_ptr_array'):
        descriptor = gdb.selected_inferior().read_memory(address, 32).tobytes()
        _, _, start, length, _ = struct.unpack('IIQQQ', descriptor)
        yield start, start + length, {to for of, to in zip(points[::2], points[1::2])
                                      if of == start}


class Next(gdb.Command):
    """As next, also where the line has restartable sequences."""

    def __init__(self):
        super().__init__('percpu-next', gdb.COMMAND_RUNNING)
        self.stop = None

    def run(self, command, addresses):
        """Runs a command and returns whether it stopped at one of the addresses."""
        points = []
        for address in addresses:
            points.append(gdb.Breakpoint(f'*{address}', internal=True))
            points[-1].silent = True
            points[-1].thread = gdb.selected_thread().num
        self.stop = None
        try:
            output = gdb.execute(command, to_string=True)
            if gdb.selected_thread() is None:
                gdb.write(output)
            return isinstance(self.stop, gdb.BreakpointEvent) and \
                all(point in points for point in self.stop.breakpoints)
        finally:
            for point in points:
                point.delete()

    def step(self):
        function, line = where()
        block = gdb.block_for_pc(gdb.newest_frame().pc())
        while block and not (block.function and block.function.name == function):
            block = block.superblock
        here = [s for s in sequences() if block and block.start <= s[0] < block.end]
        while where() == (function, line):
            pc = gdb.newest_frame().pc()
            inside = [s for s in here if s[0] <= pc < s[1]]
            if inside:
                goes_on = self.run('continue', {inside[0][1]} | inside[0][2])
            else:
                goes_on = self.run('next', [start for start, _, _ in here])
            if not goes_on: # it came to another line, or to what the user wants to see
                return
        gdb.execute('frame')

    def invoke(self, argument, from_tty):
        def stopped(event):
            self.stop = event
        self.dont_repeat()
        gdb.events.stop.connect(stopped)
        try:
            self.step()
        finally:
            gdb.events.stop.disconnect(stopped)


def where():
    """The function that was not inlined, and its line."""
    frame = gdb.newest_frame()
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame.name(), frame.find_sal().line


Next()
